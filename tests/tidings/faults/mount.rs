//! A small disk in memory, mounted where only this test sees it: in a mount namespace of its own.
//!
//! The daemon and its commands are run in there. The test reaches it through `/proc`, which the daemon couldn't: what is
//! confined by landlock may not look into other processes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::harness::World;

/// A disk that goes when this is dropped.
pub(super) struct Mount {
    holder: Child,
    place: PathBuf,
}

/// How a disk can be used.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access {
    ReadWrite,
    ReadOnly,
}

impl Mount {
    /// Mounts a disk of so many KiB as the data directory of a world whose daemon doesn't run yet. `None`, with a word why,
    /// where the kernel doesn't let this user: that is no failure even when nothing else may be skipped.
    pub(super) fn under(world: &mut World, size: u32) -> Option<Mount> {
        let place = world.site.data();
        std::fs::create_dir_all(&place).unwrap();
        let mut unshare = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            unshare.args(["--user", "--map-root-user"]);
        }
        let script = "mount -t tmpfs -o mode=0700,size=$1k tidings-test \"$2\" && echo mounted && exec cat";
        let holder = unshare
            .args(["--mount", "sh", "-c", script, "sh", &size.to_string()])
            .arg(&place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut holder = match holder {
            Ok(holder) => holder,
            Err(error) => {
                println!("skipped: a disk of its own can't be mounted: unshare: {error}");
                return None;
            }
        };
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        if line.trim() != "mounted" {
            let mut reason = String::new();
            let _ = holder.stderr.take().unwrap().read_to_string(&mut reason);
            let _ = holder.wait();
            println!(
                "skipped: a disk of its own can't be mounted here: {}",
                reason.trim()
            );
            return None;
        }
        let disk = Mount { holder, place };
        // A test ends soon.
        world.through = disk.enter().into_iter().map(|word| &*word.leak()).collect();
        world.data = disk.data();
        Some(disk)
    }

    /// The words by which a program is run where the disk is.
    fn enter(&self) -> Vec<String> {
        let mut words = vec!["nsenter".to_string()];
        if !rustix::process::geteuid().is_root() {
            words.extend(["--user".into(), "--preserve-credentials".into()]);
        }
        words.extend(["--target".into(), self.holder.id().to_string(), "--mount".into()]);
        words
    }

    /// The data directory, as the test reaches it.
    pub(super) fn data(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.holder.id(), self.place.display()))
    }

    /// Mounts it anew, for reading only or for writing too.
    pub(super) fn remount(&self, access: Access) {
        let option = match access {
            Access::ReadWrite => "remount,rw",
            Access::ReadOnly => "remount,ro",
        };
        let enter = self.enter();
        let done = Command::new(&enter[0])
            .args(&enter[1..])
            .args(["mount", "-o", option])
            .arg(&self.place)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Fills it to the last byte.
    pub(super) fn fill(&self) {
        let mut filler = std::fs::File::create(self.data().join("filler")).unwrap();
        let page = [0; 4096];
        let error = loop {
            if let Err(error) = filler.write_all(&page) {
                break error;
            }
        };
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{error}");
    }

    /// Makes room again.
    pub(super) fn empty(&self) {
        std::fs::remove_file(self.data().join("filler")).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // With its last process the namespace goes, and with that the disk.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
