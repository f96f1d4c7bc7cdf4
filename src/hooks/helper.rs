//! A process of the daemon's own that runs commands. It is started before the daemon restricts itself, and ends with it.
//!
//! Both hold one end of a socket; for each call the daemon sends one end of a fresh pair through it, which is the
//! connection that [`super::runner`] serves. The helper waits for that without a runtime and without waking up.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

use super::runner::{self, Configured};

/// Calls that are served at a time: more than the daemon makes.
const AT_ONCE: usize = 64;

/// The helper, as the daemon holds it.
#[derive(Debug)]
pub struct Helper {
    base: Option<UnixStream>,
    process: Child,
}

impl Helper {
    /// Starts one: this program, as `tidings hooks run --inherited` with this configuration.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(config: &Path) -> io::Result<Helper> {
        let (base, theirs) = UnixStream::pair()?;
        base.set_nonblocking(true)?;
        let process = Command::new(std::env::current_exe()?)
            .args(["hooks", "run", "--inherited", "--config"])
            .arg(config)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            // What ends the daemon from a terminal ends it by way of the daemon.
            .process_group(0)
            .spawn()?;
        Ok(Helper {
            base: Some(base),
            process,
        })
    }

    /// A connection for one call.
    ///
    /// # Errors
    /// When the helper is gone.
    pub(super) fn connect(&self) -> io::Result<UnixStream> {
        let base = self.base.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let (ours, theirs) = UnixStream::pair()?;
        let passed = [theirs.as_fd()];
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut room);
        control.push(SendAncillaryMessage::ScmRights(&passed));
        rustix::net::sendmsg(base, &[IoSlice::new(&[1])], &mut control, SendFlags::NOSIGNAL)?;
        Ok(ours)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It sees that, ends what it runs, and itself; its own limits say how long that takes.
        self.base = None;
        let _ = self.process.wait();
    }
}

/// What the helper itself does: serves calls until the daemon is gone.
pub fn attend(base: &UnixStream, configured: &Configured) {
    let serving = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        loop {
            let caller = match receive(base) {
                Ok(Some(caller)) => UnixStream::from(caller),
                Ok(None) => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!("the daemon can't be heard: {error}");
                    return;
                }
            };
            if serving.fetch_add(1, Ordering::Relaxed) >= AT_ONCE {
                serving.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let serving = &serving;
            let serve = move || {
                if let Err(error) = runner::serve(&caller, configured, None) {
                    tracing::debug!("a call of a hook was broken off: {error}");
                }
                serving.fetch_sub(1, Ordering::Relaxed);
            };
            if let Err(error) = std::thread::Builder::new().spawn_scoped(scope, serve) {
                tracing::error!("no thread for a hook: {error}");
                return;
            }
        }
    });
}

/// The next connection; `None` when the other end is closed.
fn receive(base: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut room);
    let mut byte = [0];
    let received = rustix::net::recvmsg(
        base,
        &mut [IoSliceMut::new(&mut byte)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let passed = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    passed.map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
