//! Time and memory, as the operating system counts them.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What one piece of work took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    /// By the clock on the wall.
    pub(crate) wall: Duration,
    /// On all cores together: other work on the machine hardly shows in it.
    pub(crate) cpu: Duration,
}

/// Does something, and measures it.
pub(crate) fn took<T>(work: impl FnOnce() -> T) -> (Took, T) {
    let (wall, cpu) = (Instant::now(), cpu());
    let done = work();
    let took = Took {
        wall: wall.elapsed(),
        cpu: self::cpu().saturating_sub(cpu),
    };
    (took, done)
}

/// Does something several times, and keeps the least of each.
pub(crate) fn least(times: usize, mut work: impl FnMut()) -> Took {
    (0..times.max(1))
        .map(|_| took(&mut work).0)
        .reduce(Took::least)
        .expect("at least once")
}

impl Took {
    /// The least of each.
    pub(crate) fn least(self, other: Took) -> Took {
        Took {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
        }
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), nanos)
}

/// What another process took of the processors up to now, its ended threads included. In steps of 10 ms.
pub(crate) fn cpu_of(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in brackets, may hold spaces. utime and stime are the 14th and 15th fields, proc(5), in hundredths.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|field| field.parse::<u64>().ok())
            .unwrap_or_default()
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Resident memory of a process, and the most it ever was; in KiB.
pub(crate) fn memory_of(process: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .unwrap_or_default()
    };
    (line("VmRSS:"), line("VmHWM:"))
}

/// The kind of file system that a folder lies on.
pub(crate) fn kind_of(folder: &Path) -> String {
    match rustix::fs::statfs(folder).map(|about| about.f_type) {
        Ok(0x0102_1994) => "a RAM disk".into(),
        Ok(0xEF53) => "ext4".into(),
        Ok(0x5846_5342) => "xfs".into(),
        Ok(0x9123_683E) => "btrfs".into(),
        Ok(kind) => format!("a file system of kind {kind:#x}"),
        Err(error) => error.to_string(),
    }
}
