//! The control socket: how a command reaches the daemon.
//!
//! Only the daemon's own user (and root) may connect; the socket's mode says so.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{Command, Engine, Failure, Line, Progress, Reply, Watcher, execute};
use crate::store::file::short_hash;
use crate::store::{Disk, StoreError};

/// Where the socket lies in the data directory.
const NAME: &str = "control.sock";
/// The record that says where it lies when the data directory's path is too long.
const POINTER: &str = "control";
/// Longest path of a unix socket: 108 bytes with the closing zero on Linux, 104 elsewhere.
const LONGEST: usize = 103;
/// Largest request, in bytes: a long note or a blocklist of ten thousands of domains.
const MAX_REQUEST: u64 = 8 << 20;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// `control.json`, there only when the socket lies elsewhere.
#[derive(Debug, Serialize, Deserialize)]
struct Pointer {
    socket: PathBuf,
}

/// Makes the socket of a data directory; the caller holds its lock, so whatever lies there is left over.
///
/// # Errors
/// When the socket can't be made.
pub fn listen(disk: &Disk) -> Result<(UnixListener, PathBuf), StoreError> {
    let inside = disk.root().join(NAME);
    let path = if fits(&inside) {
        disk.delete(POINTER)?;
        inside
    } else {
        let path = runtime_folder()?.join(format!("tidings-{}.sock", short_hash(&inside.to_string_lossy())));
        let pointer = Pointer { socket: path.clone() };
        let mut bytes =
            serde_json::to_vec_pretty(&pointer).map_err(|error| StoreError::io(&path, error.into()))?;
        bytes.push(b'\n');
        disk.replace(POINTER, &bytes)?;
        path
    };
    let fail = |error| StoreError::io(&path, error);
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error)),
    }
    let listener = UnixListener::bind(&path).map_err(fail)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
    Ok((listener, path))
}

/// The folder of the socket of a data directory, when it isn't the data directory itself.
///
/// # Errors
/// When there is none and none can be made.
pub fn socket_folder(data: &Path) -> Result<Option<PathBuf>, StoreError> {
    if fits(&data.join(NAME)) {
        return Ok(None);
    }
    runtime_folder().map(Some)
}

fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= LONGEST
}

/// A folder of our own for sockets: that of the service or session, or one below the temporary folder.
fn runtime_folder() -> Result<PathBuf, StoreError> {
    let named = ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"]
        .into_iter()
        .filter_map(std::env::var_os)
        .map(PathBuf::from)
        .find(|folder| folder.is_dir() && folder.as_os_str().len() < LONGEST - 32);
    if let Some(folder) = named {
        return Ok(folder);
    }
    let user = rustix::process::geteuid().as_raw();
    let folder = std::env::temp_dir().join(format!("tidings-{user}"));
    let fail = |error| StoreError::io(&folder, error);
    match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let found = std::fs::symlink_metadata(&folder).map_err(fail)?;
            if !found.is_dir() || found.uid() != user || found.mode() & 0o077 != 0 {
                return Err(fail(io::Error::other("is not a folder of our own: remove it")));
            }
        }
        Err(error) => return Err(fail(error)),
    }
    Ok(folder)
}

/// Answers commands until `shutdown`; those that have begun are finished.
pub async fn serve(
    engine: Arc<Engine>,
    listener: UnixListener,
    path: PathBuf,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut shutdown) => break,
            Some(_) = open.join_next(), if !open.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let engine = Arc::clone(&engine);
                    open.spawn(async move {
                        if let Err(error) = answer(&engine, stream).await {
                            tracing::debug!("a command went away: {error}");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!("the control socket: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
        }
    }
    let _ = std::fs::remove_file(&path);
    while open.join_next().await.is_some() {}
}

/// Waits for the stop; without the guard of the value, which must not be held while another branch runs.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}

async fn answer(engine: &Arc<Engine>, stream: UnixStream) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut request = String::new();
    let mut reading = BufReader::new(reading.take(MAX_REQUEST));
    tokio::time::timeout(PATIENCE, reading.read_line(&mut request))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let command: Command = match serde_json::from_str(&request) {
        Ok(command) => command,
        Err(error) => {
            let failure = Failure::failed(format!("the daemon doesn't understand the command: {error}"))
                .hint("is it another version of tidings? restart it");
            return write(&mut writing, &Line::Failure(failure)).await;
        }
    };
    let (sender, mut progress) = mpsc::unbounded_channel::<Progress>();
    let watcher: Watcher = Arc::new(move |step| drop(sender.send(step)));
    let work = execute(engine, command, watcher);
    tokio::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            Some(step) = progress.recv() => {
                // A client that went away doesn't stop what it asked for.
                let _ = write(&mut writing, &Line::Progress(step)).await;
            }
        }
    };
    let line = match done {
        Ok(reply) => Line::Reply(reply),
        Err(failure) => Line::Failure(failure),
    };
    write(&mut writing, &line).await
}

async fn write(stream: &mut (impl tokio::io::AsyncWrite + Unpin), line: &Line) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    stream.write_all(&bytes).await
}

/// Asks the daemon of a data directory; `None` when none answers.
///
/// # Errors
/// What the daemon says, or that it went away meanwhile.
pub async fn ask(data: &Path, command: &Command, watcher: &Watcher) -> Result<Option<Reply>, Failure> {
    let inside = data.join(NAME);
    let path = if fits(&inside) {
        inside
    } else {
        let pointer = Disk::new(data).get(POINTER)?;
        match pointer.and_then(|bytes| serde_json::from_slice::<Pointer>(&bytes).ok()) {
            Some(pointer) => pointer.socket,
            None => return Ok(None),
        }
    };
    let Ok(stream) = UnixStream::connect(&path).await else {
        return Ok(None);
    };
    let (reading, mut writing) = stream.into_split();
    let gone = |error: io::Error| Failure::failed(format!("the daemon went away: {error}"));
    let mut request = serde_json::to_vec(command).map_err(|error| gone(error.into()))?;
    request.push(b'\n');
    if request.len() as u64 > MAX_REQUEST {
        return Err(Failure::failed("that is too much for one command").hint("split it"));
    }
    writing.write_all(&request).await.map_err(gone)?;
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await.map_err(gone)? {
        match serde_json::from_str(&line) {
            Ok(Line::Progress(step)) => watcher(step),
            Ok(Line::Reply(reply)) => return Ok(Some(reply)),
            Ok(Line::Failure(failure)) => return Err(failure),
            Err(error) => return Err(gone(error.into())),
        }
    }
    Err(Failure::failed("the daemon went away before it answered").hint("see its log"))
}
