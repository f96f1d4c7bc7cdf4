//! What many followers and much that was said cost: memory, the start, and one more follower.
//!
//!     cargo bench --bench store                       100,000 of each
//!     cargo bench --bench store -- --quick            a fiftieth of it: does the bench itself still work?
//!     … --only memory,start,follow                    some of it
//!     … --json                                        the rows as JSON
//!     … --check                                       fails when a goal is missed

#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../size/daemon.rs"]
mod daemon;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../size/measure.rs"]
mod measure;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../size/site.rs"]
mod site;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../rig/table.rs"]
mod table;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tidings::store::file::file_name;
use tidings::store::{
    Author, FollowState, Follower, Interaction, InteractionKind, InteractionState, Record, Store,
};

use self::daemon::Daemon;
use self::measure::{least, took};
use self::site::ORIGIN;
use self::table::{Goal, Options, Row};

/// On so many servers the followers and those who say something are.
const SERVERS: usize = 2_000;
/// About so many pages it is said.
const PAGES: usize = 50;
/// How often times are measured; the least counts.
const TIMES: usize = 3;

fn main() -> io::Result<()> {
    let options = Options::read();
    let many = if options.quick { 2_000 } else { 100_000 };
    let ram = Path::new("/dev/shm");
    let place = match ram.is_dir() {
        true => tempfile::tempdir_in(ram)?,
        false => tempfile::tempdir()?,
    };
    // Each has been started before: the first start tells every follower of the profile.
    let mut none = 0;
    let mut home = |name: &str| -> io::Result<PathBuf> {
        let home = place.path().join(name);
        fs::create_dir_all(home.join("public"))?;
        fs::write(
            home.join("public/index.html"),
            "<!doctype html><title>A page</title>",
        )?;
        none = resident(&home)?;
        Ok(home)
    };
    let (few, said, followed) = (home("few")?, home("said")?, home("followed")?);
    for number in 0..many {
        write(&said, "interactions", &interaction(number))?;
        write(&followed, "actors/blog/followers", &follower(number))?;
    }
    let mut rows = Vec::new();
    if options.asks_for("memory") {
        for (home, what) in [(&said, "interactions"), (&followed, "followers")] {
            let most = resident(home)?;
            rows.push(Row {
                what: format!(
                    "memory of one of {many} {what}: {:.1} MiB beside {:.1} without",
                    most as f64 / 1024.0,
                    none as f64 / 1024.0
                ),
                figure: most.saturating_sub(none) as f64 * 1024.0 / many as f64,
                limit: 200.0,
                unit: "B",
                goal: Goal::AtMost(1.0),
            });
        }
    }
    if options.asks_for("start") {
        for (home, folder, what) in [
            (&said, "data/interactions", "interactions"),
            (&followed, "data/actors/blog/followers", "followers"),
        ] {
            let reading = least(TIMES, || read_all(&home.join(folder)));
            let opening = least(TIMES, || drop(open(home)));
            for (by, figure, limit) in [
                ("by the clock", opening.wall, reading.wall),
                ("in processor time", opening.cpu, reading.cpu),
            ] {
                rows.push(Row {
                    what: format!("start with {many} {what}, {by}; limit: reading the files once"),
                    figure: figure.as_secs_f64() * 1e3,
                    limit: limit.as_secs_f64() * 1e3,
                    unit: "ms",
                    goal: Goal::AtMost(2.0),
                });
            }
        }
    }
    if options.asks_for("follow") {
        /// So many are put for one figure, for one takes some microseconds.
        const A_LOT: usize = 500;
        let one_more = |home: &Path, first: usize| {
            let store = open(home);
            let followers = store.followers("blog").expect("they can be read");
            let mut next = first;
            let each = (0..TIMES * 2).map(|_| {
                let more: Vec<Follower> = (next..next + A_LOT).map(follower).collect();
                next += A_LOT;
                took(|| {
                    more.iter()
                        .for_each(|one| followers.put(one).expect("the disk takes it"));
                })
                .0
            });
            let least = each.reduce(measure::Took::least).expect("at least once");
            least.cpu.as_secs_f64() * 1e6 / A_LOT as f64
        };
        let limit = one_more(&few, 0);
        rows.push(Row {
            what: format!("storing one more of {many} followers; limit: one of {A_LOT}"),
            figure: one_more(&followed, many),
            limit,
            unit: "µs",
            goal: Goal::AtMost(1.2),
        });
    }
    table::print(&rows, &options)
}

/// What the program takes of the memory when it has started over this and done what it does at the start, in KiB.
fn resident(home: &Path) -> io::Result<u64> {
    let daemon = Daemon::start(home, &home.join("public"))?;
    daemon.wait_for_baseline();
    Ok(daemon.memory().0)
}

fn open(home: &Path) -> Store {
    Store::open(&home.join("data"), ORIGIN, "blog.example").expect("the store opens")
}

/// Writes a record past the store, which would wait for the disk with each.
fn write(home: &Path, folder: &str, record: &impl Record) -> io::Result<()> {
    let folder = home.join("data").join(folder);
    fs::create_dir_all(&folder)?;
    let bytes = serde_json::to_vec_pretty(record)?;
    fs::write(folder.join(format!("{}.json", file_name(record.id()))), bytes)
}

fn read_all(folder: &Path) {
    for file in fs::read_dir(folder).expect("the folder is there").flatten() {
        std::hint::black_box(fs::read(file.path()).expect("the file is there"));
    }
}

fn at(number: usize) -> Timestamp {
    let seconds = SignedDuration::from_secs(i64::try_from(number).unwrap_or_default());
    Timestamp::from_second(1_790_000_000)
        .and_then(|start| start.checked_add(seconds))
        .expect("it is in range")
}

/// The id of one of as many people as there are numbers.
fn person(number: usize) -> String {
    format!("https://social{}.example/users/person{number}", number % SERVERS)
}

/// A like, and one of ten times a reply, each by somebody else.
fn interaction(number: usize) -> Interaction {
    let kind = match number % 10 {
        0 => InteractionKind::Reply,
        _ => InteractionKind::Like,
    };
    let (actor, server) = (
        person(number),
        format!("https://social{}.example", number % SERVERS),
    );
    let is_reply = kind == InteractionKind::Reply;
    let object = format!("posts~number-{}", number % PAGES);
    let remote_object = is_reply.then(|| format!("{server}/users/person{number}/statuses/{number}"));
    let activity = format!("{server}/users/person{number}#likes/{number}");
    Interaction {
        id: Interaction::id_of(kind, &actor, Some(&object), remote_object.as_deref()),
        kind,
        raw: json!({
            "@context": "https://www.w3.org/ns/activitystreams", "id": activity, "actor": actor,
            "type": if is_reply { "Create" } else { "Like" },
            "object": format!("{ORIGIN}/ap/objects/{object}"),
        }),
        object: Some(object),
        remote_object,
        in_reply_to: None,
        actor: Author {
            name: format!("Person {number}"),
            handle: format!("@person{number}@social{}.example", number % SERVERS),
            url: format!("{server}/@person{number}"),
            id: actor,
            ..Author::default()
        },
        published: at(number),
        updated: None,
        received: at(number + 3),
        state: InteractionState::Shown,
        hidden_for: None,
        public: true,
        url: None,
        summary: None,
        sensitive: false,
        language: None,
        content: is_reply.then(|| format!("<p>{}</p>", "What I think of that is this. ".repeat(8))),
        emoji: None,
        attachments: Vec::new(),
        activity,
    }
}

fn follower(number: usize) -> Follower {
    let (actor, server) = (
        person(number),
        format!("https://social{}.example", number % SERVERS),
    );
    Follower {
        handle: format!("@person{number}@social{}.example", number % SERVERS),
        inbox: format!("{actor}/inbox"),
        shared_inbox: Some(format!("{server}/inbox")),
        keys: json!({ "publicKey": {
            "id": format!("{actor}#main-key"), "owner": actor,
            "publicKeyPem": format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", "MIIB".repeat(98)),
        } }),
        state: FollowState::Accepted,
        since: at(number),
        moved_to: None,
        earlier: Vec::new(),
        follow: json!({
            "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{server}/follows/{number}"),
            "type": "Follow", "actor": actor, "object": format!("{ORIGIN}/ap/actors/blog"),
        }),
        actor,
    }
}
