//! A site with its daemon, and one follower who writes down what she hears.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::build::Build;
use crate::harness::{Peer, QUIET, Site, World, wait_for};

pub(super) struct Stage {
    pub(super) world: World,
    peer: Peer,
    heard: usize,
}

impl Stage {
    /// Starts the daemon on an empty site, has it followed, and brings a first build, of which the follower hears all.
    pub(super) async fn start(extra: &str, first: impl FnOnce(&str) -> Build) -> (Stage, Build) {
        let world = World::prepare(Site::empty(), extra).await;
        let build = first(&world.origin);
        let mut stage = Stage::open(world).await;
        build.write(&stage.world.site.output());
        stage.expect_all(&build).await;
        (stage, build)
    }

    /// Starts the daemon on what is there, which it takes as its baseline, and has it followed.
    pub(super) async fn open(mut world: World) -> Stage {
        world.restart().await;
        world.baseline().await;
        let peer = Peer::start("127.0.0.7").await;
        peer.follow(&world, "ada").await;
        let mut stage = Stage {
            world,
            peer,
            heard: 0,
        };
        stage.heard = stage.peer.received().len();
        stage
    }

    /// Waits until the follower has heard of every post of a build, and of nothing else.
    pub(super) async fn expect_all(&mut self, build: &Build) {
        let wanted: Vec<String> = build
            .posts
            .keys()
            .map(|slug| format!("Create posts~{slug}"))
            .collect();
        self.expect(&wanted.iter().map(String::as_str).collect::<Vec<_>>())
            .await;
    }

    /// Waits until the daemon has nothing left to do, and compares what the follower heard since the last call: the
    /// type of each activity and the KEY of its object, in any order.
    pub(super) async fn expect(&mut self, wanted: &[&str]) {
        let from = self.heard;
        let peer = &self.peer;
        wait_for(&format!("{wanted:?}"), || async {
            (peer.received().len() >= from + wanted.len()).then_some(())
        })
        .await;
        self.at_rest().await;
        tokio::time::sleep(QUIET).await;
        let mut heard: Vec<String> = self.peer.received()[from..]
            .iter()
            .map(|received| {
                let activity = &received.activity;
                let object = activity["object"]["id"].as_str().unwrap_or_default();
                let key = object.rsplit('/').next().unwrap_or_default();
                format!("{} {key}", activity["type"].as_str().unwrap_or_default())
            })
            .collect();
        self.heard += heard.len();
        heard.sort();
        let mut wanted: Vec<&str> = wanted.to_vec();
        wanted.sort_unstable();
        assert_eq!(heard, wanted);
    }

    /// Waits until `plan` has nothing to do, or only what is held.
    async fn at_rest(&self) {
        let world = &self.world;
        wait_for("an empty plan", || async {
            let plan = world.command(&["plan", "--json"]).await;
            let plan: serde_json::Value = serde_json::from_str(&plan.stdout).ok()?;
            let done = plan["held"] == true || plan["changes"].as_array()?.is_empty();
            done.then_some(())
        })
        .await;
    }

    /// Neither a restart nor the same build once more is news.
    pub(super) async fn nothing_more(&mut self, again: impl FnOnce(&Stage)) {
        self.world.restart().await;
        self.expect(&[]).await;
        again(self);
        self.expect(&[]).await;
    }

    /// What `plan` says.
    pub(super) async fn plan(&self) -> serde_json::Value {
        self.world.command(&["plan", "--json"]).await.json()
    }

    /// How often the log says something.
    pub(super) fn logged(&self, text: &str) -> usize {
        self.world.log().matches(text).count()
    }

    /// Waits until the log says something.
    pub(super) async fn hears_log(&self, text: &str) {
        wait_for(text, || async { (self.logged(text) > 0).then_some(()) }).await;
    }

    pub(super) fn root(&self) -> &Path {
        self.world.site.root()
    }
}

/// Longer than the folder must be quiet.
pub(super) async fn longer_than_settle() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

/// Whether a program is there; says so when it isn't.
pub(super) fn installed(program: &str) -> bool {
    let there = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        assert!(
            std::env::var_os("TIDINGS_TEST_ALL").is_none(),
            "{program} is not installed, and all tests are asked for"
        );
        println!("skipped: {program} not installed");
    }
    there
}

/// Runs a program in a folder; it must succeed.
pub(super) fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
