//! The disk of a running daemon is full, read-only, slow, or isn't there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidings::sig::Scheme;

use super::eventually;
use super::mount::{Access, Mount};
use crate::harness::{Conduct, Peer, QUIET, Reply, Site, World, get};

const EXTRA: &str = "interactions = { moderation = 'show' }\n";

/// A disk of this many KiB has room for a small blog.
const ROOM: u32 = 4 * 1024;

/// Files of the store that are no whole record: left over, or half written.
fn leftovers(data: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(data).follow_links(true) {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_half = || {
            let bytes = std::fs::read(entry.path()).unwrap();
            name.ends_with(".json") && serde_json::from_slice::<Value>(&bytes).is_err()
        };
        if entry.file_type().is_file() && (name.starts_with(".tmp-") || is_half()) {
            found.push(entry.into_path());
        }
    }
    found
}

/// What bob does: he follows, likes and replies.
fn deeds(peer: &Peer, world: &World) -> [Value; 3] {
    let object = format!("{}/ap/objects/posts~first", world.origin);
    let context = "https://www.w3.org/ns/activitystreams";
    [
        json!({ "@context": context, "id": peer.id("/follows/bob"), "type": "Follow",
            "actor": peer.actor("bob"), "object": world.actor() }),
        json!({ "@context": context, "id": peer.id("/likes/bob"), "type": "Like",
            "actor": peer.actor("bob"), "object": object }),
        peer.reply("bob", 1, &object, "<p>Well said.</p>"),
    ]
}

async fn send(peer: &Peer, world: &World, deed: &Value) -> Reply {
    let inbox = format!("{}/ap/inbox", world.origin);
    peer.post_signed("bob", &inbox, deed, Scheme::Cavage).await
}

/// Every deed is put off, with the time when to come again.
async fn all_are_put_off(peer: &Peer, world: &World) {
    for deed in deeds(peer, world) {
        let reply = send(peer, world, &deed).await;
        assert_eq!(reply.status, 503, "{}: {}", deed["type"], reply.text());
        let seconds: u64 = reply.header("retry-after").parse().unwrap();
        assert!((1..=3600).contains(&seconds));
        assert_eq!(reply.header("content-type"), "application/problem+json");
    }
}

/// Every deed is taken, and has its effect once.
async fn all_are_taken(peer: &Peer, world: &World) {
    for deed in deeds(peer, world) {
        eventually("the 202", || async {
            (send(peer, world, &deed).await.status == 202).then_some(())
        })
        .await;
    }
    let said = world.get("/ap/interactions?page=/posts/first/").await.json();
    assert_eq!(
        (&said["counts"]["likes"], &said["counts"]["replies"]),
        (&json!(1), &json!(1))
    );
    let followers = world.command(&["followers", "list", "--json"]).await.json();
    let is_bob = |follower: &&Value| follower["actor"] == json!(peer.actor("bob"));
    let followers = followers.as_array().unwrap();
    assert_eq!(followers.iter().filter(is_bob).count(), 1, "{followers:?}");
}

/// How often a post arrived.
fn times(peer: &Peer, slug: &str) -> usize {
    let creates = peer.activities("Create");
    let of = |create: &&Value| create["object"]["id"].as_str().unwrap().ends_with(slug);
    creates.iter().filter(of).count()
}

async fn arrives(peer: &Peer, slug: &str) {
    eventually(&format!("{slug} at {}", peer.origin), || async {
        (times(peer, slug) > 0).then_some(())
    })
    .await;
}

async fn is_logged(world: &World, words: &str) {
    eventually(&format!("{words:?} in the log"), || async {
        world.log().contains(words).then_some(())
    })
    .await;
}

/// A daemon with a post, on a disk of its own, and a server with a follower.
async fn on_its_own_disk(peer: &str) -> Option<(World, Mount, Peer)> {
    let site = Site::empty();
    site.post("first", "First", "<p>Everybody likes it.</p>");
    let mut world = World::prepare(site, EXTRA).await;
    let disk = Mount::under(&mut world, ROOM)?;
    world.restart().await;
    world.baseline().await;
    let peer = Peer::start(peer).await;
    peer.follow(&world, "ada").await;
    Some((world, disk, peer))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_nothing_and_everything_goes_on_when_there_is_room() {
    let Some((mut world, disk, peer)) = on_its_own_disk("127.0.0.51").await else {
        return;
    };
    let data = disk.data();
    disk.fill();
    all_are_put_off(&peer, &world).await;
    is_logged(&world, "activities can't be stored").await;
    assert!(
        world.log().contains("No space left on device"),
        "the log names the reason"
    );
    assert_eq!(
        world.log().matches("activities can't be stored").count(),
        1,
        "once a minute"
    );
    world.site.post("while-full", "While full", "<p>One more.</p>");
    is_logged(&world, "publishing: ").await;
    assert_eq!(times(&peer, "while-full"), 0);
    assert_eq!(leftovers(&data), [] as [PathBuf; 0]);
    // What is there is served, and commands say what is.
    assert_eq!(world.get("/ap/actors/blog").await.status, 200);
    assert_eq!(world.get("/ap/objects/posts~first").await.status, 200);
    let followers = world.command(&["followers", "list", "--json"]).await.json();
    assert_eq!(followers.as_array().unwrap().len(), 1, "{followers}");
    let refused = world.command(&["block", "add", "spam.example"]).await;
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert!(refused.stderr.contains("make room"), "{}", refused.stderr);
    // It comes up on the full disk too, and is as full as before.
    world.restart().await;
    all_are_put_off(&peer, &world).await;
    disk.empty();
    all_are_taken(&peer, &world).await;
    arrives(&peer, "while-full").await;
    world.site.post("later", "Later", "<p>And one more.</p>");
    arrives(&peer, "later").await;
    assert_eq!((times(&peer, "while-full"), times(&peer, "later")), (1, 1));
    assert_eq!(leftovers(&data), [] as [PathBuf; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_becomes_read_only_lets_deliveries_wait_and_nothing_goes_twice() {
    let Some((world, disk, good)) = on_its_own_disk("127.0.0.52").await else {
        return;
    };
    let slow = Peer::start("127.0.0.53").await;
    slow.follow(&world, "carl").await;
    for peer in [&good, &slow] {
        peer.conduct(Conduct::Status(503, None));
    }
    world.site.post("second", "Second", "<p>It waits for both.</p>");
    eventually("two failed deliveries", || async {
        let queue = world.command(&["queue", "--json"]).await.json();
        let failed = |item: &&Value| item["attempts"].as_u64() > Some(0);
        (queue.as_array().unwrap().iter().filter(failed).count() == 2).then_some(())
    })
    .await;
    disk.remount(Access::ReadOnly);
    good.conduct(Conduct::Accept);
    assert_eq!(world.command(&["queue", "retry"]).await.code, 0);
    arrives(&good, "second").await;
    is_logged(&world, "deliveries wait until the queue can be written").await;
    assert!(world.log().contains("Read-only file system"));
    slow.conduct(Conduct::Accept);
    assert_eq!(world.command(&["queue", "retry"]).await.code, 0);
    all_are_put_off(&good, &world).await;
    world
        .site
        .post("third", "Third", "<p>Not before it can be noted.</p>");
    is_logged(&world, "publishing: ").await;
    tokio::time::sleep(QUIET).await;
    assert_eq!((times(&good, "second"), times(&slow, "second")), (1, 0));
    assert_eq!(world.get("/ap/actors/blog").await.status, 200);
    disk.remount(Access::ReadWrite);
    arrives(&slow, "second").await;
    arrives(&good, "third").await;
    arrives(&slow, "third").await;
    all_are_taken(&good, &world).await;
    for peer in [&good, &slow] {
        assert_eq!(
            (times(peer, "second"), times(peer, "third")),
            (1, 1),
            "{}",
            peer.origin
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_read_only_disk_it_does_not_start_and_says_what_to_do() {
    let Some((mut world, disk, _peer)) = on_its_own_disk("127.0.0.54").await else {
        return;
    };
    assert_eq!(world.stop().await, Some(0));
    disk.remount(Access::ReadOnly);
    let refused = world.command(&["serve"]).await;
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("Read-only file system"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("for writing"), "{}", refused.stderr);
    // What only reads works.
    let followers = world.command(&["followers", "list", "--json"]).await.json();
    assert_eq!(followers.as_array().unwrap().len(), 1);
    disk.remount(Access::ReadWrite);
    world.restart().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_is_moved_away_is_not_begun_anew_and_comes_back() {
    let site = Site::empty();
    site.post("first", "First", "<p>Everybody likes it.</p>");
    let world = World::start(site, EXTRA).await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.55").await;
    peer.follow(&world, "ada").await;
    let (data, away) = (world.site.data(), world.site.root().join("away"));
    std::fs::rename(&data, &away).unwrap();
    all_are_put_off(&peer, &world).await;
    is_logged(&world, "activities can't be stored").await;
    assert!(!data.exists(), "an empty one in its place would be without keys");
    std::fs::rename(&away, &data).unwrap();
    // One folder alone is made again: what lay in it is gone, all else goes on.
    std::fs::remove_dir_all(data.join("queue")).unwrap();
    let _ = std::fs::remove_dir_all(data.join("interactions"));
    all_are_taken(&peer, &world).await;
    world.site.post("second", "Second", "<p>One more.</p>");
    arrives(&peer, "second").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_keeps_no_sender_waiting_and_reading_goes_on() {
    let site = Site::empty();
    site.post("first", "First", "<p>Everybody likes it.</p>");
    let world = World::start(site, EXTRA).await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.56").await;
    peer.follow(&world, "ada").await;
    let Some(slowness) = Slowness::begin(&world).await else {
        return;
    };
    let start = Instant::now();
    // More than there are threads.
    let mut senders = Vec::new();
    for number in 0..60 {
        let (peer, origin) = (peer.clone(), world.origin.clone());
        senders.push(tokio::spawn(async move {
            let like = json!({ "id": peer.id(&format!("/likes/{number}")), "type": "Like",
                "actor": peer.actor(&format!("reader{number}")), "object": format!("{origin}/ap/objects/posts~first") });
            let name = format!("reader{number}");
            let inbox = format!("{origin}/ap/inbox");
            let reply = peer.post_signed(&name, &inbox, &like, Scheme::Cavage).await;
            assert_eq!(reply.status, 503, "{}", reply.text());
            assert!(!reply.header("retry-after").is_empty());
            (name, inbox, like)
        }));
    }
    // Each was never asked for before.
    for path in [
        "/ap/actors/blog",
        "/ap/objects/posts~first",
        "/ap/interactions?page=/posts/first/",
    ] {
        let url = format!("{}{path}", world.origin);
        let reply = tokio::time::timeout(Duration::from_secs(10), get(&url, "application/activity+json"));
        assert_eq!(reply.await.expect("reading goes on").status, 200, "{path}");
    }
    let mut all = Vec::new();
    for sender in senders {
        all.push(sender.await.unwrap());
    }
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
    drop(slowness);
    for (name, inbox, like) in all {
        eventually("the 202", || async {
            (peer.post(&name, &inbox, &like).await == 202).then_some(())
        })
        .await;
    }
    let said = world.get("/ap/interactions?page=/posts/first/").await.json();
    assert_eq!(said["counts"]["likes"], 60, "each once");
}

/// While this is there, the disk takes a minute for every sync of the daemon.
struct Slowness(std::process::Child);

impl Slowness {
    async fn begin(world: &World) -> Option<Slowness> {
        let mut strace = Command::new("strace");
        strace
            .args([
                "-f",
                "-q",
                "-o",
                "/dev/null",
                "-e",
                "trace=fsync,fdatasync,syncfs",
                "-e",
            ])
            .args(["inject=fsync,fdatasync,syncfs:delay_enter=60000000", "-p"])
            .arg(world.pid().to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let Ok(mut child) = strace.spawn() else {
            let all = std::env::var_os("TIDINGS_TEST_ALL").is_some();
            assert!(!all, "skipped: strace not installed");
            println!("skipped: strace not installed");
            return None;
        };
        let traced = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", world.pid())).unwrap();
            status
                .lines()
                .any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
        };
        eventually("strace", || {
            let done = traced() || child.try_wait().unwrap().is_some();
            async move { done.then_some(()) }
        })
        .await;
        if !traced() {
            println!("skipped: strace isn't allowed to trace here");
            return None;
        }
        Some(Slowness(child))
    }
}

impl Drop for Slowness {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.0.wait();
    }
}
