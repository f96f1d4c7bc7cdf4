//! How fast what others send is taken, on a disk: signed Likes over HTTP, each on the disk before it is answered.
//!
//!     cargo bench --bench inbox
//!     cargo bench --bench inbox -- --quick            a twentieth of it: does the bench itself still work?
//!     … --disk FOLDER                                 where the data lies, if not among the temporary files
//!     … --json                                        the rows as JSON
//!     … --check                                       fails when a goal is missed
//!
//! The limit is measured in the same run, in turns with the figure: files of the same size that as many writers make as
//! there are connections, each as the store does it: create, write, fsync, rename, fsync of the folder.
//! All requests are signed before; the documents of their actors lie in the cache, where all but the first Like of
//! somebody find them.

#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../size/daemon.rs"]
mod daemon;
#[path = "../rig/disk.rs"]
mod disk;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../rig/load.rs"]
mod load;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../size/measure.rs"]
mod measure;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../size/site.rs"]
mod site;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../rig/table.rs"]
mod table;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use tidings::sig::key::PrivateKey;
use tidings::sig::{self, Outgoing, Scheme};
use tidings::store::file::file_name;
use tidings::store::{Record, RemoteActor};

use self::daemon::Daemon;
use self::load::Connection;
use self::site::{ORIGIN, Site};
use self::table::{Goal, Options, Row};

/// Who sends: people on servers.
const PEOPLE: usize = 1_000;
const SERVERS: usize = 250;
/// How many connections, and writers of files, there are at a time.
const TOGETHER: usize = 32;
/// How often the inbox and the disk have their turns; the best of each counts.
const TURNS: usize = 5;
/// Activities in a turn.
const A_TURN: usize = 3_000;
/// Activities at half load.
const AT_HALF: usize = 10_000;
/// How many connections there are at half load: so many that a slow answer holds up no other.
const WAITING: usize = 128;
/// What an accepted activity may take of the processors, in microseconds.
const CPU: f64 = 250.0;
/// Within how many milliseconds 99 of 100 are answered at half load.
const P99: f64 = 50.0;

fn main() -> io::Result<()> {
    let options = Options::read();
    let place = disk::folder(&options)?;
    let share = if options.quick { 20 } else { 1 };
    let (turn, at_half) = (A_TURN / share, AT_HALF / share);
    let site = Site::write(place.path().join("public"), 70, 4_000)?;
    let daemon = Daemon::start(place.path(), &site.root)?;
    daemon.wait_for_baseline();
    let address = daemon.address();
    let data = place.path().join("data");

    let key = PrivateKey::generate_rsa().and_then(|pem| PrivateKey::from_pkcs8_pem(&pem));
    let key = key.map_err(io::Error::other)?;
    for person in 0..PEOPLE {
        introduce(&data, person, &key)?;
    }
    let objects = objects(&data)?;
    let needed = PEOPLE + TURNS * turn + at_half;
    if needed > PEOPLE * objects.len() {
        return Err(io::Error::other(format!("{} posts are too few", objects.len())));
    }
    let likes = sign(needed, &objects, &key);
    let mut likes = likes.as_slice();
    let mut next = |count: usize| {
        let (now, later) = likes.split_at(count);
        likes = later;
        now
    };
    send(address, next(PEOPLE))?;

    let size = fs::read_dir(data.join("interactions"))?
        .flatten()
        .next()
        .map_or(Ok(1_000), |file| file.metadata().map(|about| about.len()))?;
    let size = usize::try_from(size).unwrap_or(1_000);
    let (mut best, mut limit, mut cpu) = (0.0_f64, 0.0_f64, Duration::MAX);
    for number in 0..TURNS {
        limit = limit.max(write(&place.path().join(format!("files-{number}")), turn, size)?);
        let before = daemon.cpu();
        best = best.max(send(address, next(turn))?);
        daemon.wait_for_quiet();
        cpu = cpu.min(daemon.cpu().saturating_sub(before));
    }
    let p99 = p99(address, next(at_half), best / 2.0)?;
    let rows = [
        Row {
            what: format!(
                "Likes taken from {TOGETHER} connections; limit: as many writers that create, fsync, rename and \
                 fsync the folder, {size} bytes each"
            ),
            figure: best,
            limit,
            unit: "/s",
            goal: Goal::AtLeast(0.6),
        },
        Row {
            what: "processor time of a Like; limit: what it may take".into(),
            figure: cpu.as_secs_f64() * 1e6 / turn as f64,
            limit: CPU,
            unit: "µs",
            goal: Goal::AtMost(1.0),
        },
        Row {
            what: format!(
                "99 of 100 are answered within, at {:.0}/s; limit: what it may take",
                best / 2.0
            ),
            figure: p99.as_secs_f64() * 1e3,
            limit: P99,
            unit: "ms",
            goal: Goal::AtMost(1.0),
        },
    ];
    table::print(&rows, &options)
}

/// The id of somebody.
fn person(number: usize) -> String {
    format!("https://social{}.example/users/person{number}", number % SERVERS)
}

/// Puts somebody's document into the cache.
fn introduce(data: &Path, number: usize, key: &PrivateKey) -> io::Result<()> {
    let id = person(number);
    let known = RemoteActor {
        fetched: Timestamp::now(),
        document: json!({
            "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
            "id": id, "type": "Person", "preferredUsername": format!("person{number}"), "name": format!("Person {number}"),
            "inbox": format!("{id}/inbox"), "outbox": format!("{id}/outbox"), "url": format!("{id}/profile"),
            "publicKey": { "id": format!("{id}#main-key"), "owner": id, "publicKeyPem": key.public_pem() },
        }),
        id,
    };
    let folder = data.join("remote/actors");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{}.json", file_name(&known.id)));
    fs::write(file, serde_json::to_vec_pretty(&as_record(&known))?)
}

/// Only what is a record of the store belongs into it.
fn as_record(record: &impl Record) -> impl serde::Serialize + '_ {
    record
}

/// The ids of our posts.
fn objects(data: &Path) -> io::Result<Vec<String>> {
    let mut ids = Vec::new();
    for file in fs::read_dir(data.join("objects"))? {
        let name = file?.file_name().to_string_lossy().into_owned();
        if let Some(key) = name.strip_suffix(".json") {
            ids.push(format!("{ORIGIN}/ap/objects/{key}"));
        }
    }
    ids.sort();
    Ok(ids)
}

/// So many Likes, each by another person or of another post, as they go over the wire.
fn sign(count: usize, objects: &[String], key: &PrivateKey) -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let url = format!("{ORIGIN}/ap/inbox").parse().expect("it is a URL");
    let like = |number: usize| {
        let (actor, object) = (person(number % PEOPLE), &objects[number / PEOPLE]);
        let body = json!({
            "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{actor}#likes/{number}"),
            "type": "Like", "actor": actor, "object": object,
        })
        .to_string();
        let asked = Outgoing {
            method: "POST",
            url: &url,
            body: Some(body.as_bytes()),
            content_type: Some("application/activity+json"),
        };
        let key_id = format!("{actor}#main-key");
        let headers =
            sig::sign(Scheme::Cavage, &asked, key, &key_id, Timestamp::now()).expect("it can be signed");
        let mut request = String::from("POST /ap/inbox HTTP/1.1\r\n");
        for (name, value) in &headers {
            request += &format!("{name}: {}\r\n", value.to_str().expect("we made it"));
        }
        request + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|core| {
                scope.spawn(move || {
                    (count * core / cores..count * (core + 1) / cores)
                        .map(like)
                        .collect()
                })
            })
            .collect();
        let join =
            |thread: std::thread::ScopedJoinHandle<'_, Vec<String>>| thread.join().expect("it doesn't panic");
        threads.into_iter().flat_map(join).collect()
    })
}

/// Does something with each number below `count` on several threads, and answers how many a second that were.
fn together(
    threads: usize,
    count: usize,
    work: impl Fn(&mut dyn FnMut() -> Option<usize>) -> io::Result<()> + Sync,
) -> io::Result<f64> {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut number =
                        || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < count);
                    work(&mut number)
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("it doesn't panic"))
    })?;
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}

/// Sends them, each connection one after the other; answers how many a second were accepted.
fn send(address: SocketAddr, likes: &[String]) -> io::Result<f64> {
    together(TOGETHER, likes.len(), |next| {
        let mut connection = Connection::open(address)?;
        while let Some(number) = next() {
            post(&mut connection, &likes[number])?;
        }
        Ok(())
    })
}

fn post(connection: &mut Connection, like: &str) -> io::Result<()> {
    match connection.ask(like, |_| {})? {
        (202, _) => Ok(()),
        (_, head) => Err(io::Error::other(format!("a Like isn't accepted: {head}"))),
    }
}

/// Makes files as the store makes its records; answers how many a second.
fn write(folder: &Path, count: usize, size: usize) -> io::Result<f64> {
    fs::create_dir_all(folder)?;
    let bytes = vec![b'x'; size];
    together(TOGETHER, count, |next| {
        while let Some(number) = next() {
            let temporary = folder.join(format!(".tmp-{number}"));
            let mut file = File::create_new(&temporary)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, folder.join(format!("{number}.json")))?;
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    })
}

/// Sends so many a second, whether they are answered or not; answers in which time 99 of 100 of them were, from when they
/// were due.
fn p99(address: SocketAddr, likes: &[String], a_second: f64) -> io::Result<Duration> {
    let begun = Instant::now();
    let times = std::sync::Mutex::new(Vec::with_capacity(likes.len()));
    together(WAITING, likes.len(), |next| {
        let mut connection = Connection::open(address)?;
        let mut own = Vec::new();
        while let Some(number) = next() {
            let due = Duration::from_secs_f64(number as f64 / a_second);
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            post(&mut connection, &likes[number])?;
            own.push(begun.elapsed().saturating_sub(due));
        }
        times.lock().expect("nobody panics with it").extend(own);
        Ok(())
    })?;
    let mut times = times.into_inner().expect("nobody panics with it");
    times.sort_unstable();
    Ok(times[times.len() * 99 / 100])
}
