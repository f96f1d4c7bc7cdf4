//! Power loss: the system calls of a daemon at work are recorded, and the store is opened on what every prefix of them
//! leaves on a disk that keeps what was synced and nothing else.
//!
//! The disk is modelled as POSIX allows the worst one to be: bytes are there once their file was synced, names once
//! their directory was. Two more disks are tried beside it: one that writes everything at once and in order, as it is
//! after SIGKILL, and one that writes names before bytes, as journals of metadata do.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tidings::store::Store;

use crate::harness::{Peer, Site, World, wait_for};

/// What changes a disk. A call that changes files and isn't among these would go unseen; the store makes none.
const CALLS: &str = "open,openat,creat,write,pwrite64,writev,pwritev,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,\
    unlinkat,mkdir,mkdirat,rmdir,ftruncate,truncate,copy_file_range,sendfile,fallocate";

/// One call that changes files.
#[derive(Debug)]
enum Call {
    Create(PathBuf),
    Truncate(PathBuf),
    Write(PathBuf, Vec<u8>),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Unlink(PathBuf),
    MakeFolder(PathBuf),
}

/// What a name leads to.
#[derive(Clone, Debug)]
enum Node {
    Folder,
    File(usize),
}

/// The bytes of a file: as programs see them, and as they are after a loss of power.
#[derive(Clone, Debug, Default)]
struct Bytes {
    written: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct Disk {
    files: Vec<Bytes>,
    /// Names as programs see them.
    names: BTreeMap<PathBuf, Node>,
    /// Names whose folder was synced.
    synced: BTreeMap<PathBuf, Node>,
}

impl Disk {
    /// What lies below a folder, all of it safe.
    fn of(folder: &Path) -> Disk {
        let mut disk = Disk::default();
        for entry in walkdir::WalkDir::new(folder) {
            let entry = entry.unwrap();
            let node = if entry.file_type().is_dir() {
                Node::Folder
            } else if entry.file_type().is_file() {
                let bytes = std::fs::read(entry.path()).unwrap();
                disk.files.push(Bytes {
                    written: bytes.clone(),
                    synced: bytes,
                });
                Node::File(disk.files.len() - 1)
            } else {
                continue;
            };
            disk.names.insert(entry.into_path(), node);
        }
        disk.synced = disk.names.clone();
        disk
    }

    fn file(&mut self, path: &Path) -> Option<&mut Bytes> {
        match self.names.get(path)? {
            Node::File(file) => Some(&mut self.files[*file]),
            Node::Folder => None,
        }
    }

    fn apply(&mut self, call: &Call) {
        match call {
            Call::Create(path) => {
                if !self.names.contains_key(path) {
                    self.files.push(Bytes::default());
                    self.names.insert(path.clone(), Node::File(self.files.len() - 1));
                }
            }
            Call::Truncate(path) => {
                if let Some(file) = self.file(path) {
                    file.written.clear();
                }
            }
            Call::Write(path, bytes) => {
                if let Some(file) = self.file(path) {
                    file.written.extend(bytes);
                }
            }
            Call::Sync(path) => match self.names.get(path) {
                Some(Node::File(file)) => {
                    let file = &mut self.files[*file];
                    file.synced = file.written.clone();
                }
                Some(Node::Folder) => {
                    let inside = |name: &Path| name.parent() == Some(path) && !is_unnamed(name);
                    self.synced.retain(|name, _| !inside(name));
                    let names = self.names.iter().filter(|(name, _)| inside(name));
                    self.synced
                        .extend(names.map(|(name, node)| (name.clone(), node.clone())));
                }
                None => {}
            },
            Call::Rename(from, to) => {
                if let Some(node) = self.names.remove(from) {
                    self.names.insert(to.clone(), node);
                }
            }
            Call::Link(from, to) => {
                if let Some(node) = self.names.get(from).cloned() {
                    self.names.entry(to.clone()).or_insert(node);
                }
            }
            Call::Unlink(path) => drop(self.names.remove(path)),
            Call::MakeFolder(path) => drop(self.names.entry(path.clone()).or_insert(Node::Folder)),
        }
    }

    /// Writes the disk to another place. `None` for a file whose folder is lost.
    fn lay(&self, from: &Path, to: &Path, how: Loss) {
        let names = if how == Loss::Everything {
            &self.synced
        } else {
            &self.names
        };
        for (name, node) in names.iter().filter(|(name, _)| !is_unnamed(name)) {
            let place = to.join(name.strip_prefix(from).unwrap());
            match node {
                Node::Folder if place.parent().is_some_and(Path::is_dir) || name == from => {
                    std::fs::create_dir_all(&place).unwrap();
                }
                Node::File(file) if place.parent().is_some_and(Path::is_dir) => {
                    let file = &self.files[*file];
                    let bytes = if how == Loss::Nothing {
                        &file.written
                    } else {
                        &file.synced
                    };
                    std::fs::write(&place, bytes).unwrap();
                }
                _ => {}
            }
        }
    }
}

/// Whether this is what Linux shows for a file without a name (`#` and the number of its inode): a crash leaves nothing
/// of it.
fn is_unnamed(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with('#'))
}

/// What a loss of power takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// Nothing: the process was killed, the machine goes on.
    Nothing,
    /// Bytes that weren't synced, though their names are there.
    Bytes,
    /// Whatever wasn't synced.
    Everything,
}

/// Records what a process does with files, until it is dropped.
struct Recorder {
    strace: Child,
    folder: tempfile::TempDir,
}

impl Recorder {
    async fn attach(pid: u32) -> Recorder {
        let folder = tempfile::tempdir().unwrap();
        let strace = Command::new("strace")
            .args(["-ff", "-y", "-xx", "-s", "1000000", "-ttt", "-T", "-e"])
            .arg(format!("trace={CALLS}"))
            .arg("-o")
            .arg(folder.path().join("calls"))
            .args(["-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let tasks = format!("/proc/{pid}/task");
        wait_for("strace to attach to every thread", || {
            let traced = std::fs::read_dir(&tasks).unwrap().all(|task| {
                let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap_or_default();
                !status.contains("TracerPid:\t0")
            });
            async move { traced.then_some(()) }
        })
        .await;
        Recorder { strace, folder }
    }

    /// Stops recording; the calls below a folder, in the order in which they returned, each with that moment.
    fn finish(mut self, below: &Path) -> Vec<(f64, Call)> {
        let pid = rustix::process::Pid::from_child(&self.strace);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.strace.wait().unwrap();
        let mut calls = Vec::new();
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            // One file is what one thread did, so a number is the file that this thread opened last under it.
            let mut unnamed = HashMap::new();
            for line in text.lines() {
                calls.extend(read(line, below, &mut unnamed));
            }
        }
        calls.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        calls
    }
}

/// Reads a line of strace: `TIME NAME(ARGUMENTS) = RESULT <SECONDS>`.
fn read(line: &str, below: &Path, unnamed: &mut HashMap<String, PathBuf>) -> Vec<(f64, Call)> {
    let Some((time, rest)) = line.split_once(' ') else {
        return vec![];
    };
    let Some((name, rest)) = rest.split_once('(') else {
        return vec![];
    };
    let Some((arguments, result)) = rest.rsplit_once(") = ") else {
        return vec![];
    };
    if result.starts_with('-') {
        return vec![];
    }
    let spent: f64 = result
        .rsplit_once(" <")
        .map_or(0.0, |(_, spent)| spent.trim_end_matches('>').parse().unwrap());
    let time = time.parse::<f64>().unwrap() + spent;
    // Everything in quotation marks, and everything in angle brackets.
    let quoted: Vec<Vec<u8>> = arguments.split('"').skip(1).step_by(2).map(unhex).collect();
    let descriptor = || {
        arguments
            .split('<')
            .nth(1)
            .map(|text| path(&unhex(text.split('>').next().unwrap())))
    };
    let quoted_path = |index: usize| path(&quoted[index]);
    let calls = match name {
        "open" | "openat" if arguments.contains("O_TMPFILE") => {
            let (number, rest) = result.split_once('<').unwrap();
            let file = path(&unhex(rest.split('>').next().unwrap()));
            unnamed.insert(format!("/proc/self/fd/{number}"), file.clone());
            vec![Call::Create(file)]
        }
        "open" | "openat" if arguments.contains("O_CREAT") || arguments.contains("O_TRUNC") => {
            let file = path(&unhex(
                result.split('<').nth(1).unwrap().split('>').next().unwrap(),
            ));
            let mut calls = vec![Call::Create(file.clone())];
            if arguments.contains("O_TRUNC") {
                calls.push(Call::Truncate(file));
            }
            calls
        }
        "write" => {
            let length: usize = result.split(' ').next().unwrap().parse().unwrap();
            let bytes = quoted.first().cloned().unwrap_or_default();
            descriptor()
                .filter(|file| file.starts_with(below))
                .map(|file| Call::Write(file, bytes[..length].to_vec()))
                .into_iter()
                .collect()
        }
        "fsync" | "fdatasync" => descriptor().map(Call::Sync).into_iter().collect(),
        "rename" | "renameat" | "renameat2" => vec![Call::Rename(quoted_path(0), quoted_path(1))],
        "link" | "linkat" => {
            let from = quoted_path(0);
            match from.to_str().and_then(|number| unnamed.remove(number)) {
                // The only name it has now.
                Some(file) => vec![Call::Rename(file, quoted_path(1))],
                None => vec![Call::Link(from, quoted_path(1))],
            }
        }
        "unlink" | "unlinkat" => vec![Call::Unlink(quoted_path(0))],
        "mkdir" | "mkdirat" => vec![Call::MakeFolder(quoted_path(0))],
        "open" | "openat" => vec![],
        other => {
            assert!(
                descriptor().is_none_or(|file| !file.starts_with(below)),
                "the disk isn't modelled for {other}: {arguments}"
            );
            vec![]
        }
    };
    let inside = |call: &Call| match call {
        Call::Create(path)
        | Call::Truncate(path)
        | Call::Write(path, _)
        | Call::Sync(path)
        | Call::Rename(path, _)
        | Call::Link(path, _)
        | Call::Unlink(path)
        | Call::MakeFolder(path) => path.starts_with(below),
    };
    calls
        .into_iter()
        .filter(inside)
        .map(|call| (time, call))
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    text.split("\\x")
        .skip(1)
        .map(|digits| u8::from_str_radix(&digits[..2], 16).unwrap())
        .collect()
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8(bytes.to_vec()).unwrap())
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

/// What was answered with 202, and when the sender had the answer.
#[derive(Clone, Debug)]
struct Promise {
    at: f64,
    follower: Option<String>,
    interaction: Option<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_prefix_of_what_reached_the_disk_is_a_store_that_kept_its_promises() {
    if Command::new("strace").arg("-V").output().is_err() {
        assert!(
            std::env::var_os("TIDINGS_TEST_ALL").is_none(),
            "strace is not installed"
        );
        println!("skipped: strace not installed");
        return;
    }
    let site = Site::empty();
    site.post("first", "First", "<p>Everybody likes it.</p>");
    // A hook that waits until the end, so that all calls are there to be seen.
    let extra = "interactions = { moderation = 'show' }\n\
        [[hook]]\non = ['follow', 'like', 'reply']\ngather = '1h'\ncommand = ['true']\n";
    let world = World::start(site, extra).await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.46").await;
    peer.follow(&world, "founder").await;
    wait_for("an empty queue", || async {
        let queue = world.command(&["queue", "--json"]).await.json();
        queue.as_array().unwrap().is_empty().then_some(())
    })
    .await;

    let data = world.site.data().canonicalize().unwrap();
    let recorder = Recorder::attach(world.pid()).await;
    let mut disk = Disk::of(&data);
    let promises = work(&world, &peer).await;
    let calls = recorder.finish(&data);
    assert!(calls.len() > 100, "only {} calls were seen", calls.len());
    assert!(calls.iter().any(|(_, call)| matches!(call, Call::Sync(_))));
    let unnamed = |call: &Call| matches!(call, Call::Rename(from, _) if is_unnamed(from));
    assert!(
        calls.iter().any(|(_, call)| unnamed(call)),
        "no file was linked into its place: has its name in strace's output changed?"
    );

    let mut opened = 0;
    let mut last = BTreeMap::new();
    for step in 0..=calls.len() {
        let after = calls.get(step).map_or(f64::INFINITY, |(at, _)| *at);
        let due: Vec<&Promise> = promises.iter().filter(|promise| promise.at < after).collect();
        for loss in [Loss::Nothing, Loss::Bytes, Loss::Everything] {
            let place = tempfile::tempdir().unwrap();
            let copy = place.path().join("data");
            std::fs::create_dir(&copy).unwrap();
            disk.lay(&data, &copy, loss);
            let kept = open(&world, &copy).unwrap_or_else(|error| {
                panic!(
                    "after {step} calls, with {loss:?} lost: {error}\nlast: {:?}",
                    calls[step - 1]
                )
            });
            // Only what isn't synced at all may be lost to a disk that writes names first: those are caches.
            for promise in due.iter().filter(|_| loss != Loss::Bytes) {
                let there = promise
                    .follower
                    .iter()
                    .all(|actor| kept.followers.contains(actor))
                    && promise
                        .interaction
                        .iter()
                        .all(|id| kept.interactions.contains(id));
                assert!(
                    there,
                    "after {step} calls, with {loss:?} lost, this is gone: {promise:?}\nlast: {:?}",
                    calls[step - 1]
                );
            }
            let untold = kept
                .interactions
                .union(&kept.followers)
                .find(|id| !kept.told.contains(*id));
            assert!(
                untold.is_none(),
                "after {step} calls, with {loss:?} lost, no hook is told of {untold:?}\nlast: {:?}",
                calls[step.max(1) - 1]
            );
            opened += 1;
            last.insert(format!("{loss:?}"), kept);
        }
        if let Some((_, call)) = calls.get(step) {
            disk.apply(call);
        }
    }
    println!(
        "{} calls recorded, {opened} disks opened, {} promises kept",
        calls.len(),
        promises.len()
    );
    assert!(last["Everything"].followers.len() > 3);
}

/// Follows, likes, replies, an undo, posts that come, change and go.
async fn work(world: &World, peer: &Peer) -> Vec<Promise> {
    let promises = Arc::new(Mutex::new(Vec::new()));
    let inbox = format!("{}/ap/inbox", world.origin);
    let liked = format!("{}/ap/objects/posts~first", world.origin);
    let context = "https://www.w3.org/ns/activitystreams";
    world.site.post("second", "Second", "<p>New.</p>");
    for number in 1..=4 {
        let name = format!("reader{number}");
        let actor = peer.actor(&name);
        let follow = json!({ "@context": context, "id": peer.id(&format!("/follows/{number}")), "type": "Follow",
            "actor": actor, "object": world.actor() });
        let like = json!({ "@context": context, "id": peer.id(&format!("/likes/{number}")), "type": "Like",
            "actor": actor, "object": liked });
        let reply = peer.reply(&name, number, &liked, "<p>Well said.</p>");
        let note = reply["object"]["id"].as_str().unwrap().to_owned();
        for (activity, follower, interaction) in [
            (&follow, Some(actor.clone()), None),
            (&like, None, like["id"].as_str().map(str::to_owned)),
            (&reply, None, Some(note)),
        ] {
            assert_eq!(peer.post(&name, &inbox, activity).await, 202);
            promises.lock().unwrap().push(Promise {
                at: now(),
                follower,
                interaction,
            });
        }
        if number == 2 {
            peer.wait_for("Create", 1).await;
            world.site.post("second", "Second", "<p>New, and edited.</p>");
        }
    }
    peer.wait_for("Update", 1).await;
    peer.wait_for("Accept", 5).await;
    wait_for("an empty queue", || async {
        let queue = world.command(&["queue", "--json"]).await.json();
        queue.as_array().unwrap().is_empty().then_some(())
    })
    .await;
    Arc::try_unwrap(promises).unwrap().into_inner().unwrap()
}

/// What a store holds that was opened on a copy of the disk.
struct Kept {
    followers: BTreeSet<String>,
    /// Their activities, and the notes of those that have one.
    interactions: BTreeSet<String>,
    /// Who and what of these the calls of hooks tell of, under the same ids.
    told: BTreeSet<String>,
}

fn open(world: &World, data: &Path) -> Result<Kept, String> {
    let domain = world.origin.trim_start_matches("http://");
    let store = Store::open(data, &world.origin, domain).map_err(|error| error.to_string())?;
    let damaged: Vec<_> = std::fs::read_dir(data.join("damaged"))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    if !damaged.is_empty() {
        return Err(format!("damaged: {damaged:?}"));
    }
    let followers = store.followers("blog").map_err(|error| error.to_string())?;
    let mut interactions = BTreeSet::new();
    for id in store.interactions.ids() {
        let interaction = store.interactions.get(&id).map_err(|error| error.to_string())?;
        let interaction = interaction.ok_or("an index names a record that isn't there")?;
        interactions.extend(interaction.remote_object.clone());
        interactions.insert(interaction.activity);
    }
    let followers = followers.ids().iter().map(|id| id.to_string()).collect();
    let mut told = BTreeSet::new();
    for id in store.calls.ids() {
        let call = store.calls.get(&id).map_err(|error| error.to_string())?;
        let event = call.ok_or("an index names a call that isn't there")?.event;
        let ids = match event["event"].as_str() {
            Some("follow") => [&event["actor"]["id"], &Value::Null],
            _ => [&event["activity"]["id"], &event["activity"]["object"]["id"]],
        };
        told.extend(ids.into_iter().filter_map(Value::as_str).map(str::to_owned));
    }
    Ok(Kept {
        followers,
        interactions,
        told,
    })
}
