//! `tidings hooks run`: a service of its own that runs commands, with restrictions that suit them, as any user.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::runner::{self, Configured};

/// The name of its socket, in the runtime directory of the daemon's service or in the data directory.
const NAME: &str = "hooks.sock";

/// Where a daemon looks for the service, in this order: below `$RUNTIME_DIRECTORY`, which systemd sets, and in the data
/// directory.
pub fn places(data: &Path) -> Vec<PathBuf> {
    let runtime = std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
    runtime
        .into_iter()
        .chain([data.to_path_buf()])
        .map(|folder| folder.join(NAME))
        .collect()
}

/// Serves calls until `stop`, or, when `idle` says so, until there was none for that long. What runs then is ended.
pub async fn serve(
    listener: UnixListener,
    configured: Arc<Configured>,
    idle: Option<Duration>,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    // Whoever runs a command watches one end; it can be read as soon as the other is closed.
    let (stopping, stopped) = UnixStream::pair()?;
    let stopped = Arc::new(stopped);
    let mut serving = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let nobody = async {
            match idle {
                Some(idle) => tokio::time::sleep(idle).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = listener.accept() => {
                let caller = accepted?.0.into_std()?;
                let (configured, stopped) = (Arc::clone(&configured), Arc::clone(&stopped));
                serving.spawn_blocking(move || {
                    if let Err(error) = runner::serve(&caller, &*configured, Some(&*stopped)) {
                        tracing::debug!("a call of a hook was broken off: {error}");
                    }
                });
            }
            Some(_) = serving.join_next(), if !serving.is_empty() => {}
            () = nobody, if serving.is_empty() => break,
            () = &mut stop => break,
        }
    }
    drop(stopping);
    while serving.join_next().await.is_some() {}
    Ok(())
}
