//! Where the daemon accepts connections: a socket that systemd passes, or one of its own.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::config::{Listen, Server};
use crate::control::Failure;
use crate::http::Listener;

/// A socket that accepts connections.
pub(super) struct Bound {
    /// The socket.
    pub(super) listener: Listener,
    /// How the daemon names it: `http://127.0.0.1:8790`, `unix:/run/tidings/http.sock`.
    pub(super) address: String,
    /// The file to remove in the end; none for a socket that systemd made.
    pub(super) file: Option<PathBuf>,
}

/// Takes the socket that systemd passes, or makes the one that the configuration names.
///
/// # Errors
/// When there is none to be had.
pub(super) fn bind(server: &Server) -> Result<Bound, Failure> {
    if let Some(bound) = passed()
        .map_err(|error| Failure::failed(format!("the socket that was passed can't be used: {error}")))?
    {
        return Ok(bound);
    }
    match &server.listen {
        Listen::Tcp(address) => std::net::TcpListener::bind(address)
            .and_then(|listener| tcp(listener, None))
            .map_err(|error| {
                Failure::failed(format!("can't listen on {address}: {error}"))
                    .hint("is another program listening there? server.listen names another address")
            }),
        Listen::Unix(path) => unix(path, server.listen_mode).map_err(|error| {
            Failure::failed(format!("can't listen on {}: {error}", path.display()))
                .hint("its folder must exist and be ours to write; server.listen names another path")
        }),
    }
}

/// The first socket that was passed, of whichever kind it is.
fn passed() -> io::Result<Option<Bound>> {
    let mut sockets = listenfd::ListenFd::from_env();
    if sockets.len() == 0 {
        return Ok(None);
    }
    if let Ok(Some(listener)) = sockets.take_tcp_listener(0) {
        return tcp(listener, None).map(Some);
    }
    let Some(listener) = sockets.take_unix_listener(0)? else {
        return Ok(None);
    };
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let path = address.as_pathname().unwrap_or(Path::new("(passed)"));
    Ok(Some(Bound {
        address: format!("unix:{}", path.display()),
        listener: Listener::Unix(tokio::net::UnixListener::from_std(listener)?),
        file: None,
    }))
}

fn tcp(listener: std::net::TcpListener, file: Option<PathBuf>) -> io::Result<Bound> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok(Bound {
        listener: Listener::Tcp(tokio::net::TcpListener::from_std(listener)?),
        address: format!("http://{address}"),
        file,
    })
}

fn unix(path: &Path, mode: u32) -> io::Result<Bound> {
    use std::os::unix::fs::FileTypeExt as _;
    match std::fs::symlink_metadata(path) {
        // What another daemon left; the store's lock says that none of ours is running. Nothing else is removed.
        Ok(found) if found.file_type().is_socket() => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(io::Error::from(io::ErrorKind::AddrInUse));
            }
            std::fs::remove_file(path)?;
        }
        Ok(_) => return Err(io::Error::other("there is a file that is no socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = tokio::net::UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(Bound {
        listener: Listener::Unix(listener),
        address: format!("unix:{}", path.display()),
        file: Some(path.to_path_buf()),
    })
}
