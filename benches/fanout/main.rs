//! One post to two thousand servers, from a disk: what a delivery takes of the processors, beside the one signature that
//! it can't do without; and whether the number of followers can be seen in the memory.
//!
//!     cargo bench --bench fanout
//!     cargo bench --bench fanout -- --quick           a tenth of it: does the bench itself still work?
//!     … --only plain,tls,memory                       some of it
//!     … --disk FOLDER                                 where the data lies, if not among the temporary files
//!     … --json                                        the rows as JSON
//!     … --check                                       fails when a goal is missed
//!
//! The servers are a process of their own (`servers.rs`), so that only what the daemon takes is counted. The limit is
//! measured in the same run: what an RSA-2048 signature takes when all cores make them.

#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../size/daemon.rs"]
mod daemon;
#[path = "../rig/disk.rs"]
mod disk;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../size/measure.rs"]
mod measure;
#[path = "../rig/request.rs"]
mod request;
mod servers;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../size/site.rs"]
mod site;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../rig/table.rs"]
mod table;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use jiff::Timestamp;
use serde_json::json;
use tidings::store::file::file_name;
use tidings::store::{FollowState, Follower};

use self::daemon::Daemon;
use self::measure::took;
use self::servers::{Servers, Speech};
use self::table::{Goal, Options, Row};

/// How many followers are many.
const MANY: usize = 50_000;
/// How often a post is sent; the least counts.
const POSTS: usize = 5;
/// So many signatures are made on each core for one figure.
const SIGNATURES: usize = 1_000;

fn main() -> io::Result<()> {
    if let Some(done) = servers::be() {
        return done;
    }
    let options = Options::read();
    let place = disk::folder(&options)?;
    let (servers, many) = match options.quick {
        true => (200, MANY / 10),
        false => (2_000, MANY),
    };
    let mut world = Servers::start(place.path())?;
    let mut rows = Vec::new();
    for (part, speech, goal) in [
        ("plain", Speech::Plain, Goal::AtMost(2.0)),
        ("tls", Speech::Tls, Goal::None),
    ] {
        if !options.asks_for(part) {
            continue;
        }
        let home = Home::make(place.path(), part, &world, speech, servers, servers)?;
        let daemon = home.start(&world)?;
        let mut best: Option<(Duration, Duration)> = None;
        for number in 0..POSTS {
            let signature = signature()?;
            let took = home.post(&daemon, &mut world, servers, number)?;
            best = Some(best.map_or((took, signature), |(least, limit)| {
                (least.min(took), limit.min(signature))
            }));
        }
        let (took, signature) = best.expect("at least one was sent");
        let how = match speech {
            Speech::Plain => "http",
            Speech::Tls => "https, each a new connection",
        };
        rows.push(Row {
            what: format!("a delivery to one of {servers} servers by {how}; limit: an RSA-2048 signature"),
            figure: took.as_secs_f64() * 1e6 / servers as f64,
            limit: signature.as_secs_f64() * 1e6,
            unit: "µs",
            goal,
        });
    }
    if options.asks_for("memory") {
        let few = memory(place.path(), &mut world, servers, servers)?;
        let most = memory(place.path(), &mut world, servers, many)?;
        for (what, few, most) in [
            ("after a post", few.0, most.0),
            ("at the most while it goes out", few.1, most.1),
        ] {
            rows.push(Row {
                what: format!(
                    "memory of one of {many} followers {what}: {:.1} MiB beside {:.1} of {servers}",
                    most as f64 / 1024.0,
                    few as f64 / 1024.0
                ),
                figure: most.saturating_sub(few) as f64 * 1024.0 / (many - servers) as f64,
                limit: 200.0,
                unit: "B",
                goal: Goal::AtMost(1.0),
            });
        }
    }
    table::print(&rows, &options)
}

/// What a signature takes of the processors while all of them sign: as while a post goes out.
fn signature() -> io::Result<Duration> {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(io::Error::other)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sign = || {
        let mut signature = vec![0; key.public_modulus_len()];
        for number in 0..SIGNATURES {
            let text = number.to_be_bytes();
            key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &text, &mut signature)
                .expect("there is memory");
        }
    };
    let (took, ()) = took(|| {
        std::thread::scope(|scope| {
            (0..cores).for_each(|_| {
                scope.spawn(sign);
            });
        });
    });
    let count = u32::try_from(SIGNATURES * cores).expect("a few thousand");
    Ok(took.cpu / count)
}

/// The memory of a daemon with so many followers: after a post went out, and at the most meanwhile; in KiB.
fn memory(place: &Path, world: &mut Servers, servers: usize, followers: usize) -> io::Result<(u64, u64)> {
    let name = format!("memory-{followers}");
    let home = Home::make(place, &name, world, Speech::Plain, servers, followers)?;
    let daemon = home.start(world)?;
    home.post(&daemon, world, servers, 0)?;
    // Makes "the most it ever was" begin anew, proc_pid_clear_refs(5).
    fs::write(format!("/proc/{}/clear_refs", daemon.process()), "5")?;
    home.post(&daemon, world, servers, 1)?;
    Ok(daemon.memory())
}

/// A configuration with followers.
struct Home {
    folder: PathBuf,
    config: PathBuf,
}

impl Home {
    fn make(
        place: &Path,
        name: &str,
        world: &Servers,
        speech: Speech,
        servers: usize,
        followers: usize,
    ) -> io::Result<Home> {
        let folder = place.join(name);
        fs::create_dir_all(folder.join("public"))?;
        fs::write(
            folder.join("public/index.html"),
            "<!doctype html><title>A page</title>",
        )?;
        let config = folder.join("ap.toml");
        fs::write(
            &config,
            "[site]\nurl = \"http://127.0.0.1:9\"\noutput = \"public\"\ndata = \"data\"\n\
             [server]\nlisten = \"127.0.0.1:0\"\n[[actor]]\nname = \"blog\"\n\
             [publish]\nsettle = \"200ms\"\n[federation]\nallow_private_addresses = true\n",
        )?;
        let home = Home { folder, config };
        // The first start tells every follower of the profile: there are none yet.
        drop(home.start(world)?);
        let folder = home.folder.join("data/actors/blog/followers");
        fs::create_dir_all(&folder)?;
        for number in 0..followers {
            let follower = follower(number, &world.origin(number % servers, speech));
            fs::write(
                folder.join(format!("{}.json", file_name(&follower.actor))),
                serde_json::to_vec_pretty(&follower)?,
            )?;
        }
        Ok(home)
    }

    /// Starts the daemon and waits until it has nothing more to do.
    fn start(&self, world: &Servers) -> io::Result<Daemon> {
        let trust: [(&str, &Path); 1] = [("SSL_CERT_FILE", &world.authority)];
        let daemon = Daemon::launch(&self.folder, &self.config, &trust)?;
        daemon.wait_for_baseline();
        Ok(daemon)
    }

    /// Sends a note to all, and waits until each of the servers has it and nothing more is done; what the daemon took of
    /// the processors.
    fn post(
        &self,
        daemon: &Daemon,
        world: &mut Servers,
        servers: usize,
        number: usize,
    ) -> io::Result<Duration> {
        let note = self.folder.join("note.md");
        fs::write(
            &note,
            format!("The post number {number}, of which everybody hears."),
        )?;
        let before = daemon.cpu();
        world.expect(servers, || {
            let done = Command::new(daemon::program())
                .args(["publish", "--config"])
                .arg(&self.config)
                .arg("--note")
                .arg(&note)
                .stdout(Stdio::null())
                .status()?;
            match done.success() {
                true => Ok(()),
                false => Err(io::Error::other("the note can't be published")),
            }
        })?;
        daemon.wait_for_quiet();
        Ok(daemon.cpu().saturating_sub(before))
    }
}

fn follower(number: usize, origin: &str) -> Follower {
    let actor = format!("{origin}/users/person{number}");
    Follower {
        handle: format!(
            "@person{number}@{}",
            origin.split("//").nth(1).unwrap_or_default()
        ),
        inbox: format!("{actor}/inbox"),
        shared_inbox: Some(format!("{origin}/inbox")),
        keys: json!({ "publicKey": { "id": format!("{actor}#main-key"), "owner": actor } }),
        state: FollowState::Accepted,
        since: Timestamp::now(),
        moved_to: None,
        earlier: Vec::new(),
        follow: json!({ "id": format!("{origin}/follows/{number}"), "type": "Follow", "actor": actor }),
        actor,
    }
}
