//! One run of a command: what it reads, what it prints, its time, and the end of all the processes it started.
//!
//! Nothing here waits for a process that doesn't want to end: the command leads a process group of its own, and the
//! group is killed when its time is up, when whoever asked for the run is gone, and when the command has ended and left
//! others behind.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How much of what a command prints is kept of each of its two outputs, in bytes; the rest is read and forgotten, so
/// that it neither blocks the command nor fills the memory.
const KEPT: usize = 4 * 1024;
/// How long processes that were asked to end may take before they are killed.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// How long, after a command has ended, what it left behind may go on printing before it is killed.
const LINGER: Duration = Duration::from_secs(1);
/// How often is looked whether the command has ended, when nothing else tells so.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};
/// What systemd tells a service in its environment, or the daemon its allocator, and is about the service alone.
const OURS: [&str; 8] = [
    "MIMALLOC_PURGE_DELAY",
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "JOURNAL_STREAM",
];

/// What is to be run.
pub(super) struct Task<'a> {
    /// The program and its arguments.
    pub(super) command: &'a [String],
    /// Where it runs, and where a relative path to the program starts.
    pub(super) folder: &'a Path,
    /// What stands in its environment besides ours.
    pub(super) environment: &'a [(&'static str, String)],
    /// What it finds on its standard input.
    pub(super) input: &'a [u8],
    /// How long it may take.
    pub(super) limit: Duration,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ran {
    /// What it printed on its standard output and standard error, as far as it is kept.
    pub(super) printed: [String; 2],
    /// Why it counts as failed.
    pub(super) failure: Option<String>,
}

/// Runs a command to its end. `callers` are watched: when one of them can be read, whoever asked for the run is gone.
///
/// # Errors
/// When the program can't be started.
pub(super) fn run(task: &Task<'_>, callers: &[BorrowedFd<'_>]) -> Result<Ran, String> {
    let [program, arguments @ ..] = task.command else {
        return Err("the command is empty".into());
    };
    let fail = |error: io::Error| format!("{program} can't be started: {error}");
    let mut command = if program.contains('/') {
        Command::new(task.folder.join(program))
    } else {
        Command::new(program)
    };
    for name in OURS {
        command.env_remove(name);
    }
    let child = command
        .args(arguments)
        .envs(task.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(task.folder)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    let mut group = Group::led_by(child);
    let mut input = group.leader.stdin.take().map(|pipe| Input {
        pipe: pipe.into(),
        rest: task.input,
    });
    if let Some(input) = &input {
        rustix::io::ioctl_fionbio(&input.pipe, true).map_err(|error| fail(error.into()))?;
    }
    let mut outputs = [
        Output::of(group.leader.stdout.take().map(OwnedFd::from)),
        Output::of(group.leader.stderr.take().map(OwnedFd::from)),
    ];
    let ended = attend(task, &group, &mut input, &mut outputs, callers);
    let status = group.end().map_err(|error| format!("{program}: {error}"))?;
    let failure = match ended {
        Ended::ByItself if status.success() => None,
        Ended::ByItself => Some(format!("{program} ended with {status}")),
        Ended::Late => Some(format!(
            "{program} took longer than {:?} and was ended",
            task.limit
        )),
        Ended::Abandoned => Some(format!("{program} was ended because the daemon stopped")),
    };
    Ok(Ran {
        printed: outputs.map(|output| output.text()),
        failure,
    })
}

/// Why a run came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    ByItself,
    Late,
    Abandoned,
}

/// Feeds and reads a command until it has ended, and asks it to when it must.
fn attend(
    task: &Task<'_>,
    group: &Group,
    input: &mut Option<Input<'_>>,
    outputs: &mut [Output; 2],
    callers: &[BorrowedFd<'_>],
) -> Ended {
    let begun = Instant::now();
    let mut ended = Ended::ByItself;
    let mut asked: Option<Instant> = None;
    let mut over: Option<Instant> = None;
    loop {
        if over.is_none() && group.leader_has_ended() {
            over = Some(Instant::now());
        }
        if over.is_some_and(|over| {
            outputs.iter().all(|output| output.pipe.is_none()) || over.elapsed() >= LINGER
        }) {
            return ended;
        }
        match asked {
            None if begun.elapsed() >= task.limit => {
                ended = Ended::Late;
                asked = Some(Instant::now());
                group.signal(Signal::TERM);
            }
            Some(asked) if asked.elapsed() >= GRACE => group.signal(Signal::KILL),
            _ => {}
        }
        if wait(input, outputs, callers) == Callers::Gone && asked.is_none() {
            ended = Ended::Abandoned;
            asked = Some(Instant::now());
            group.signal(Signal::TERM);
        }
    }
}

/// Whether whoever asked for the run is still there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Callers {
    There,
    Gone,
}

/// Waits for a moment, or until something can be read or written, and does so.
fn wait(input: &mut Option<Input<'_>>, outputs: &mut [Output; 2], callers: &[BorrowedFd<'_>]) -> Callers {
    let mut watched = Vec::with_capacity(callers.len() + 3);
    for caller in callers {
        watched.push(PollFd::from_borrowed_fd(*caller, PollFlags::IN));
    }
    for pipe in outputs.iter().filter_map(|output| output.pipe.as_ref()) {
        watched.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
    }
    if let Some(input) = input.as_ref() {
        watched.push(PollFd::from_borrowed_fd(input.pipe.as_fd(), PollFlags::OUT));
    }
    // Interrupted, or nothing to see: everything is looked at again anyway.
    let _ = poll(&mut watched, Some(&TICK));
    let ready: Vec<bool> = watched.iter().map(|fd| !fd.revents().is_empty()).collect();
    drop(watched);
    let (of_callers, of_pipes) = ready.split_at(callers.len());
    let mut of_pipes = of_pipes.iter();
    for output in outputs.iter_mut().filter(|output| output.pipe.is_some()) {
        if of_pipes.next() == Some(&true) {
            output.read();
        }
    }
    if let Some(feed) = input
        && of_pipes.next() == Some(&true)
        && feed.write() == Feed::Done
    {
        *input = None;
    }
    if of_callers.contains(&true) {
        Callers::Gone
    } else {
        Callers::There
    }
}

/// A command with all that it started and didn't send away.
struct Group {
    leader: Child,
    id: Pid,
    reaped: bool,
}

impl Group {
    fn led_by(leader: Child) -> Group {
        Group {
            id: Pid::from_child(&leader),
            leader,
            reaped: false,
        }
    }

    /// Whether the command itself has ended. It isn't reaped by that: as long as it isn't, its number names nobody else.
    fn leader_has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.id), look), Ok(None))
    }

    fn signal(&self, signal: Signal) {
        // At worst all have ended already.
        let _ = kill_process_group(self.id, signal);
    }

    /// Ends what is left, and says how the command itself ended.
    fn end(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.reaped = true;
        self.leader.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.reaped {
            // A killed process ends: nothing waits long here.
            let _ = self.end();
        }
    }
}

/// What a command still has to read.
struct Input<'a> {
    pipe: OwnedFd,
    rest: &'a [u8],
}

/// Whether there is more to write.
#[derive(PartialEq, Eq)]
enum Feed {
    More,
    Done,
}

impl Input<'_> {
    fn write(&mut self) -> Feed {
        match rustix::io::write(&self.pipe, self.rest) {
            Ok(written) => self.rest = &self.rest[written..],
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            // A command that doesn't want to read is no failure.
            Err(_) => return Feed::Done,
        }
        if self.rest.is_empty() {
            Feed::Done
        } else {
            Feed::More
        }
    }
}

/// What a command prints on one of its outputs.
struct Output {
    /// `None` when everybody has closed it.
    pipe: Option<OwnedFd>,
    kept: Vec<u8>,
    more: bool,
}

impl Output {
    fn of(pipe: Option<OwnedFd>) -> Output {
        Output {
            pipe,
            kept: Vec::new(),
            more: false,
        }
    }

    fn read(&mut self) {
        let Some(pipe) = &self.pipe else { return };
        let mut buffer = [0; 8 * 1024];
        match rustix::io::read(pipe, &mut buffer) {
            Ok(0) => self.pipe = None,
            Ok(read) => {
                let room = (KEPT - self.kept.len()).min(read);
                self.kept.extend_from_slice(&buffer[..room]);
                self.more |= room < read;
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(_) => self.pipe = None,
        }
    }

    fn text(self) -> String {
        let text = String::from_utf8_lossy(&self.kept).trim().to_string();
        if self.more { format!("{text} …") } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell<'a>(words: &'a mut Vec<String>, script: &str, seconds: u64) -> Task<'a> {
        *words = vec!["sh".into(), "-c".into(), script.into()];
        Task {
            command: words,
            folder: Path::new("/"),
            environment: &[],
            input: b"{}",
            limit: Duration::from_secs(seconds),
        }
    }

    fn run_shell(script: &str, seconds: u64) -> Ran {
        run(&shell(&mut Vec::new(), script, seconds), &[]).unwrap()
    }

    #[test]
    fn a_command_reads_its_input_and_its_failure_is_told() {
        let ran = run_shell("cat; echo oh >&2", 60);
        assert_eq!(ran.printed, ["{}", "oh"]);
        assert_eq!(ran.failure, None);
        assert!(run_shell("exit 3", 60).failure.unwrap().contains('3'));
        assert!(run_shell("kill -9 $$", 60).failure.unwrap().contains("signal: 9"));
        let mut words = Vec::new();
        let mut task = shell(&mut words, "", 60);
        let missing = ["/no/such/program".to_string()];
        task.command = &missing;
        assert!(run(&task, &[]).unwrap_err().contains("/no/such/program"));
    }

    #[test]
    fn a_command_that_reads_nothing_of_much_is_no_failure() {
        let mut words = Vec::new();
        let mut task = shell(&mut words, "true", 60);
        let much = vec![b'x'; 1 << 20];
        task.input = &much;
        assert_eq!(run(&task, &[]).unwrap().failure, None);
        let mut words = Vec::new();
        let mut task = shell(&mut words, "wc -c", 60);
        task.input = &much;
        assert_eq!(run(&task, &[]).unwrap().printed[0], "1048576");
    }

    #[test]
    fn of_a_flood_the_beginning_is_kept() {
        let ran = run_shell("yes | head -c 50000000", 60);
        assert_eq!(ran.failure, None);
        assert!(ran.printed[0].starts_with("y\ny") && ran.printed[0].len() <= KEPT + 4);
    }

    #[test]
    fn when_its_time_is_up_a_command_ends_with_all_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let (pids, trap) = (folder.path().join("pids"), "trap '' TERM;");
        let begun = Instant::now();
        // It and its grandchild are deaf to a polite word.
        let script = format!(
            "{trap} sh -c \"{trap} echo \\$\\$ >> {0}; sleep 600\" & echo $$ >> {0}; sleep 600; wait",
            pids.display()
        );
        let ran = run_shell(&script, 1);
        assert!(ran.failure.unwrap().contains("longer than 1s"));
        assert!(begun.elapsed() < Duration::from_secs(60));
        let pids = std::fs::read_to_string(&pids).unwrap();
        assert_eq!(pids.lines().count(), 2);
        for pid in pids.lines() {
            assert!(is_over(pid), "{pid} lives on");
        }
    }

    #[test]
    fn what_a_command_leaves_behind_ends_with_it() {
        let begun = Instant::now();
        let ran = run_shell("sleep 600 & echo $!", 300);
        assert_eq!(ran.failure, None);
        assert!(begun.elapsed() < Duration::from_secs(60));
        assert!(is_over(&ran.printed[0]), "{} lives on", ran.printed[0]);
    }

    #[test]
    fn a_command_nobody_waits_for_any_more_ends() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(theirs);
        let begun = Instant::now();
        let ran = run(&shell(&mut Vec::new(), "sleep 600", 300), &[ours.as_fd()]).unwrap();
        assert!(ran.failure.unwrap().contains("stopped"));
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    /// Whether a process has ended; as a zombie it may wait for somebody to ask.
    fn is_over(pid: &str) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            match std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
                Err(_) => return true,
                Ok(stat) if stat.rsplit(')').next().unwrap().trim().starts_with('Z') => return true,
                Ok(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        false
    }
}
