//! The real program in a process of its own, over a site of the bench.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::measure;
use super::site::ORIGIN;

/// How long the daemon may take for what it is asked before the bench gives up.
const LIMIT: Duration = Duration::from_secs(1_800);

/// The program that is measured: the one that was built for the benches, or what `TIDINGS_PROGRAM` names.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("TIDINGS_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_tidings").into(), PathBuf::from)
}

/// A running daemon; it is ended when this is dropped.
pub(crate) struct Daemon {
    child: Child,
    data: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Starts one whose configuration and data lie in `place`.
    pub(crate) fn start(place: &Path, output: &Path) -> io::Result<Daemon> {
        Daemon::launch(place, &configure(place, output)?, &[])
    }

    /// Starts one with a configuration whose data lies in `place`, and with these variables in its environment.
    pub(crate) fn launch(place: &Path, config: &Path, environment: &[(&str, &Path)]) -> io::Result<Daemon> {
        let log = place.join("log");
        let child = Command::new(program())
            .args(["serve", "--config"])
            .arg(config)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?)
            .spawn()?;
        Ok(Daemon {
            child,
            data: place.join("data"),
            log,
        })
    }

    /// Waits until the first scan is complete and recorded, and nothing moves any more.
    pub(crate) fn wait_for_baseline(&self) {
        let site = self.data.join("site.json");
        self.wait(|| fs::read_to_string(&site).is_ok_and(|site| site.contains("\"baseline\"")));
        self.wait_for_quiet();
    }

    /// Waits until it hasn't worked for a second.
    pub(crate) fn wait_for_quiet(&self) {
        let mut before = self.cpu();
        let mut since = Instant::now();
        self.wait(|| {
            let now = self.cpu();
            if now != before {
                (before, since) = (now, Instant::now());
            }
            since.elapsed() > Duration::from_secs(1)
        });
    }

    /// Waits until the record of the object with this KEY holds some words.
    pub(crate) fn wait_for_object(&self, key: &str, words: &str) {
        let record = self.data.join(format!("objects/{key}.json"));
        self.wait(|| fs::read_to_string(&record).is_ok_and(|record| record.contains(words)));
    }

    /// Waits until it listens, and answers where.
    #[allow(dead_code, reason = "not every bench asks it")]
    pub(crate) fn address(&self) -> SocketAddr {
        let read = || {
            let log = fs::read_to_string(&self.log).ok()?;
            let rest = log.split_once("listening on http://")?.1;
            rest.lines().next()?.parse().ok()
        };
        self.wait(|| read().is_some());
        read().expect("it was there")
    }

    /// Its process.
    #[allow(dead_code, reason = "not every bench asks it")]
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// What it took of the processors.
    pub(crate) fn cpu(&self) -> Duration {
        measure::cpu_of(self.child.id())
    }

    /// Resident memory, and the most it ever was; in KiB.
    pub(crate) fn memory(&self) -> (u64, u64) {
        measure::memory_of(self.child.id())
    }

    fn wait(&self, mut check: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !check() {
            assert!(
                begun.elapsed() < LIMIT,
                "the daemon is stuck: see {}",
                self.data.display()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a configuration into `place`, where the data will lie too; answers its file.
pub(crate) fn configure(place: &Path, output: &Path) -> io::Result<PathBuf> {
    let (config, data) = (place.join("ap.toml"), place.join("data"));
    fs::write(
        &config,
        format!(
            "[site]\nurl = \"{ORIGIN}\"\noutput = {output:?}\ndata = {data:?}\n[server]\nlisten = \"127.0.0.1:0\"\n\
             [[actor]]\nname = \"blog\"\ntype = \"Person\"\n[publish]\nsettle = \"200ms\"\n"
        ),
    )?;
    Ok(config)
}
