//! SIGKILL at random moments under a mixed load: what was answered with 202 is kept, what was published reaches every
//! follower's server, no file is half written, the indexes are what the files say.
//!
//! A few kills by default; many with
//!
//! ```text
//! TIDINGS_KILLS=200 cargo test --release --test tidings crash:: -- --nocapture
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Peer, Site, World, page, wait_for};

/// Kills when nobody says how many.
const KILLS: u32 = 5;
/// Most deliveries to one host that are under way at once: `deliver::host::PER_HOST`.
const IN_FLIGHT: usize = 4;
/// The servers that follow, and load us.
const PEERS: [&str; 4] = ["127.0.0.41", "127.0.0.42", "127.0.0.43", "127.0.0.44"];

/// What was answered with 202: actors that follow, and ids of interactions by their kind.
#[derive(Default)]
struct Promised {
    followers: BTreeSet<String>,
    likes: BTreeSet<String>,
    replies: BTreeSet<String>,
}

/// Random numbers from a seed (xorshift64*), so that a failure can be run again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % limit
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is not a number"))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_however_often_it_is_killed() {
    let kills = u32::try_from(number("TIDINGS_KILLS", KILLS.into())).unwrap();
    let seed = number("TIDINGS_SEED", 20_261_121);
    let mut dice = Dice(seed);
    let site = Site::empty();
    site.post("first", "First", "<p>Everybody likes it.</p>");
    // Everything comes from a few addresses, more than they would be allowed by themselves.
    // And many posts may be new at once, when it never lives for long. The empty line ends what a run of the hook left that
    // was killed while it wrote.
    let extra = "interactions = { moderation = 'show' }\npublish = { max_changes = 1_000_000 }\n\
        [[hook]]\non = ['follow', 'like', 'reply']\ngather = '1s'\n\
        command = ['sh', '-c', '{ echo; cat; } >> heard']\n";
    let mut world = World::start(site, extra).await;
    world.baseline().await;
    let mut peers = Vec::new();
    for address in PEERS {
        let peer = Peer::start(address).await;
        peer.follow(&world, "founder").await;
        peers.push(peer);
    }

    let promised = Arc::new(Mutex::new(Promised::default()));
    let stop = Arc::new(AtomicBool::new(false));
    // While it is looked whether all is there, nobody speaks: the more there is, the longer looking takes.
    let pause = Arc::new(AtomicBool::new(false));
    let mut load = Vec::new();
    for peer in &peers {
        load.push(tokio::spawn(talk(
            peer.clone(),
            world.origin.clone(),
            Arc::clone(&promised),
            Arc::clone(&stop),
            Arc::clone(&pause),
        )));
    }
    let written = Arc::new(AtomicU32::new(0));
    load.push(tokio::spawn(write(
        world.site.output(),
        Arc::clone(&written),
        Arc::clone(&stop),
        Arc::clone(&pause),
    )));

    for kill in 1..=kills {
        tokio::time::sleep(Duration::from_millis(20 + dice.below(900))).await;
        world.kill();
        // Now and then it doesn't get as far as listening.
        if dice.below(4) == 0 {
            world.kill_at_start(Duration::from_millis(dice.below(150))).await;
        }
        let damaged = half_written(&world.site.data());
        assert!(
            damaged.is_empty(),
            "after kill {kill} of seed {seed}: {damaged:?}"
        );
        world.restart().await;
        // What is answered from now on isn't looked for below.
        let (followers, likes, replies) = {
            let promised = promised.lock().unwrap();
            (
                promised.followers.clone(),
                promised.likes.clone(),
                promised.replies.clone(),
            )
        };
        pause.store(true, Ordering::Relaxed);
        kept(&world, &followers, &likes, &replies).await;
        pause.store(false, Ordering::Relaxed);
        if kill % 20 == 0 {
            println!(
                "{kill} kills: {} followers, {} likes, {} replies, {} posts",
                followers.len(),
                likes.len(),
                replies.len(),
                written.load(Ordering::Relaxed)
            );
        }
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }

    let posts = written.load(Ordering::Relaxed);
    let keys: BTreeSet<String> = (1..=posts)
        .map(|post| format!("{}/ap/objects/posts~load-{post}", world.origin))
        .collect();
    let mut twice = 0;
    for peer in &peers {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        // Slower than everything else: all that was published while the daemon was down is found and sent.
        for _ in 0..40 {
            times.clear();
            for activity in peer.activities("Create") {
                *times
                    .entry(activity["object"]["id"].as_str().unwrap().to_owned())
                    .or_default() += 1;
            }
            if keys.iter().all(|key| times.contains_key(key)) {
                break;
            }
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        let missing: Vec<&String> = keys.iter().filter(|key| !times.contains_key(*key)).collect();
        assert!(
            missing.is_empty(),
            "{} never got {missing:?} (seed {seed})",
            peer.origin
        );
        twice += times.values().map(|count| count - 1).sum::<usize>();
    }
    let in_flight = IN_FLIGHT * PEERS.len() * usize::try_from(kills).unwrap();
    assert!(
        twice <= in_flight,
        "{twice} Creates came twice, after {kills} kills"
    );
    wait_for("an empty queue", || async {
        let queue = world.command(&["queue", "--json"]).await.json();
        queue.as_array().unwrap().is_empty().then_some(())
    })
    .await;
    indexes_are_what_the_files_say(&world).await;
    let promised = {
        let promised = promised.lock().unwrap();
        [&promised.followers, &promised.likes, &promised.replies].map(Clone::clone)
    };
    let told = heard(&world, &promised).await;
    let [followers, likes, replies] = promised.map(|promised| promised.len());
    println!(
        "{kills} kills (seed {seed}): {followers} followers, {likes} likes and {replies} replies were promised and are there; \
         hooks were told {told} times; {posts} posts reached {} servers, {twice} deliveries were made twice",
        PEERS.len()
    );
    assert!(followers > 10 && posts > 2, "there was hardly any load");
}

/// Waits until the hook was told of all that was promised: followers, likes by their actors, replies by their notes. Answers
/// how often it was told of anything.
async fn heard(world: &World, promised: &[BTreeSet<String>; 3]) -> usize {
    let file = world.site.root().join("heard");
    let mut untold = Vec::new();
    for _ in 0..40 {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let events = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut told = [const { BTreeSet::new() }; 3];
        let mut times = 0;
        for event in events {
            times += 1;
            let (which, id) = match event["event"].as_str() {
                Some("follow") => (0, &event["actor"]["id"]),
                Some("like") => (1, &event["actor"]["id"]),
                _ => (2, &event["activity"]["object"]["id"]),
            };
            told[which].insert(id.as_str().unwrap().to_owned());
        }
        untold = promised
            .iter()
            .zip(&told)
            .flat_map(|(promised, told)| promised.difference(told).cloned())
            .collect();
        if untold.is_empty() {
            return times;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    panic!("no hook was told of {untold:?}");
}

/// People of one server follow, like and reply until they are told to stop.
async fn talk(
    peer: Peer,
    origin: String,
    promised: Arc<Mutex<Promised>>,
    stop: Arc<AtomicBool>,
    pause: Arc<AtomicBool>,
) {
    let inbox = format!("{origin}/ap/inbox");
    let liked = format!("{origin}/ap/objects/posts~first");
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if pause.load(Ordering::Relaxed) {
            continue;
        }
        number += 1;
        let name = format!("reader{number}");
        let actor = peer.actor(&name);
        let context = "https://www.w3.org/ns/activitystreams";
        let follow = json!({ "@context": context, "id": peer.id(&format!("/follows/{number}")), "type": "Follow",
            "actor": actor, "object": format!("{origin}/ap/actors/blog") });
        if peer.post(&name, &inbox, &follow).await == 202 {
            promised.lock().unwrap().followers.insert(actor.clone());
        }
        let like = json!({ "@context": context, "id": peer.id(&format!("/likes/{number}")), "type": "Like",
            "actor": actor, "object": liked });
        if peer.post(&name, &inbox, &like).await == 202 {
            promised.lock().unwrap().likes.insert(actor.clone());
        }
        let reply = peer.reply(&name, number, &liked, "<p>Well said.</p>");
        if peer.post(&name, &inbox, &reply).await == 202 {
            promised
                .lock()
                .unwrap()
                .replies
                .insert(reply["object"]["id"].as_str().unwrap().to_owned());
        }
    }
}

/// Writes a post now and then, as a generator does: beside, then renamed.
async fn write(output: PathBuf, written: Arc<AtomicU32>, stop: Arc<AtomicBool>, pause: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        if pause.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let post = written.load(Ordering::Relaxed) + 1;
        let folder = output.join(format!("posts/load-{post}"));
        std::fs::create_dir_all(&folder).unwrap();
        let text = page(
            &format!("Post {post}"),
            "2026-11-20T10:00:00Z",
            "<p>One more.</p>",
        );
        std::fs::write(folder.join("index.html.new"), text).unwrap();
        std::fs::rename(folder.join("index.html.new"), folder.join("index.html")).unwrap();
        written.store(post, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
}

/// What was promised is there: asked of the daemon that has just started.
async fn kept(
    world: &World,
    followers: &BTreeSet<String>,
    likes: &BTreeSet<String>,
    replies: &BTreeSet<String>,
) {
    let there = names(
        &world.command(&["followers", "list", "--json"]).await.json(),
        "/actor",
    );
    let lost: Vec<_> = followers.difference(&there).collect();
    assert!(lost.is_empty(), "followers were lost: {lost:?}");
    let list = async |kind| {
        let listed = world
            .command(&["interactions", "list", "--kind", kind, "--json"])
            .await;
        listed.json()
    };
    let there = names(&list("like").await, "/actor/id");
    let lost: Vec<_> = likes.difference(&there).collect();
    assert!(lost.is_empty(), "likes were lost: {lost:?}");
    let there = records(&world.site.data().join("interactions"));
    let there: BTreeSet<String> = there
        .iter()
        .map(|file| serde_json::from_slice::<Value>(&std::fs::read(file).unwrap()).unwrap())
        .filter_map(|record| record["remote_object"].as_str().map(str::to_owned))
        .collect();
    let lost: Vec<_> = replies.difference(&there).collect();
    assert!(lost.is_empty(), "replies were lost: {lost:?}");
    assert!(list("reply").await.as_array().unwrap().len() >= replies.len());
}

fn names(list: &Value, pointer: &str) -> BTreeSet<String> {
    let list = list.as_array().unwrap().iter();
    list.filter_map(|item| item.pointer(pointer)?.as_str().map(str::to_owned))
        .collect()
}

/// Records that aren't whole: there are none at any moment, whoever looks.
fn half_written(data: &Path) -> Vec<PathBuf> {
    records(data)
        .into_iter()
        .filter(|file| {
            let text = std::fs::read(file).unwrap();
            serde_json::from_slice::<Value>(&text).is_err()
        })
        .collect()
}

/// The records below a folder; none when it isn't there: killed before the first was written.
fn records(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if !folder.exists() {
        return found;
    }
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().is_file() && name.ends_with(".json") && !name.starts_with('.') {
            found.push(entry.into_path());
        }
    }
    found
}

async fn indexes_are_what_the_files_say(world: &World) {
    let data = world.site.data();
    let listed = names(
        &world.command(&["followers", "list", "--json"]).await.json(),
        "/actor",
    );
    let files: BTreeSet<String> = records(&data.join("actors/blog/followers"))
        .iter()
        .map(|file| serde_json::from_slice::<Value>(&std::fs::read(file).unwrap()).unwrap())
        .map(|record| record["actor"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, files);
    let listed = world.command(&["interactions", "list", "--json"]).await.json();
    assert_eq!(
        listed.as_array().unwrap().len(),
        records(&data.join("interactions")).len()
    );
    let said = world.get("/ap/interactions?page=/posts/first/").await.json();
    let likes = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["kind"] == "like")
        .count();
    assert_eq!(said["counts"]["likes"], likes);
}
