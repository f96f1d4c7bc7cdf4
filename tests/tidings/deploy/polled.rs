//! Folders of which no events come.

use std::fs;
use std::process::Command;

use super::build::Build;
use super::stage::{Stage, longer_than_settle};
use crate::harness::{Site, World};

const POLLED: &str = "site = { watch = 'poll' }";

/// As over NFS or sshfs: files arrive bit by bit, and nobody says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_polled_folder_is_copied_over_slowly() {
    let (mut stage, build) = Stage::start(POLLED, |origin| Build::new(origin).many(3)).await;
    assert_eq!(stage.logged("is polled, as site.watch asks"), 1);
    let output = stage.world.site.output();
    let build = build.with("new", "Something new.").with("b", "Edited.");
    for (name, text) in build.files() {
        let file = output.join(&name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let half = text.len() / 2;
        fs::write(&file, &text[..half]).unwrap();
        if name.contains("/new/") {
            longer_than_settle().await;
        }
        fs::write(&file, &text).unwrap();
    }
    stage.expect(&["Create posts~new", "Update posts~b"]).await;
    // A switch of the folder itself.
    let build = build.with("later", "Something later.");
    let next = stage.root().join("next");
    build.write(&next);
    fs::rename(&output, stage.root().join("before")).unwrap();
    fs::rename(&next, &output).unwrap();
    stage.expect(&["Create posts~later"]).await;
    stage.nothing_more(|_| build.write(&output)).await;
}

/// Runs a program where only so many inotify watches are left.
const FEW_WATCHES: [&str; 5] = [
    "unshare",
    "-Ur",
    "sh",
    "-c",
    "echo 8 > /proc/sys/user/max_inotify_watches && exec \"$0\" \"$@\"",
];

#[tokio::test(flavor = "multi_thread")]
async fn when_no_watches_are_left_the_folder_is_polled_and_the_log_says_so() {
    let possible = Command::new(FEW_WATCHES[0])
        .args(&FEW_WATCHES[1..])
        .arg("true")
        .output();
    if !possible.is_ok_and(|output| output.status.success()) {
        println!("skipped: no user namespaces here, in which watches can be made few");
        return;
    }
    let mut world = World::prepare(Site::empty(), "").await;
    world.through = FEW_WATCHES.to_vec();
    let mut stage = Stage::open(world).await;
    assert_eq!(
        stage.logged("no inotify watches are left"),
        0,
        "for an empty site they suffice"
    );
    let build = Build::new(&stage.world.origin).many(9);
    let output = stage.world.site.output();
    build.write(&output);
    stage.hears_log("no inotify watches are left").await;
    stage.expect_all(&build).await;
    // Now from the start.
    stage.world.restart().await;
    stage.hears_log("no inotify watches are left").await;
    let build = build.with("new", "Something new.");
    build.write(&output);
    stage.expect(&["Create posts~new"]).await;
    assert_eq!(stage.logged("no inotify watches are left"), 1, "once");
}
