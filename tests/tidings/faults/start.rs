//! What is wrong with the files at the start: either it is put aside and the rest goes on, or the start ends with exit
//! code 4, names the file and says what to do, and touches nothing.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::harness::{Peer, Site, World};

/// A data directory with something of everything, whose daemon has ended.
async fn used(peer: &str) -> World {
    let site = Site::empty();
    site.post("first", "First", "<p>Everybody likes it.</p>");
    let mut world = World::start(site, "interactions = { moderation = 'show' }\n").await;
    world.baseline().await;
    let peer = Peer::start(peer).await;
    peer.follow(&world, "ada").await;
    peer.follow(&world, "bob").await;
    let object = format!("{}/ap/objects/posts~first", world.origin);
    let inbox = format!("{}/ap/inbox", world.origin);
    for number in 1..=2 {
        let reply = peer.reply("ada", number, &object, "<p>Well said.</p>");
        assert_eq!(peer.post("ada", &inbox, &reply).await, 202);
    }
    assert_eq!(world.stop().await, Some(0));
    world
}

/// Every file below a folder and what is in it, but the lock.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file() && entry.file_name() != "lock")
        .map(|entry| (entry.path().to_path_buf(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

fn one_of(folder: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.swap_remove(0)
}

fn halve(file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
}

/// The start ends with 4, and says all of this.
async fn does_not_start(world: &World, why: &str, says: &[&str]) {
    let before = contents(&world.site.data());
    let refused = world.command(&["serve"]).await;
    assert_eq!(refused.code, 4, "{why}: {}", refused.stderr);
    for words in says {
        assert!(
            refused.stderr.contains(words),
            "{why}: no {words:?} in {}",
            refused.stderr
        );
    }
    assert_eq!(contents(&world.site.data()), before, "{why}: nothing was touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_damaged_are_put_aside_and_the_rest_goes_on() {
    let mut world = used("127.0.0.57").await;
    let data = world.site.data();
    let follower = one_of(&data.join("actors/blog/followers"));
    halve(&follower);
    std::fs::write(one_of(&data.join("interactions")), "").unwrap();
    std::fs::write(data.join("objects/half.json"), b"\xff\xfe\x00").unwrap();
    // What was being written when the power went.
    std::fs::write(data.join("interactions/.tmp-abc"), b"{").unwrap();
    world.restart().await;
    let log = world.log();
    for name in [
        follower.file_name().unwrap().to_str().unwrap(),
        "objects/half.json",
        "interactions/",
    ] {
        let told = |line: &str| line.contains(name) && line.contains("damaged/");
        assert!(log.lines().any(told), "{name} is named in {log}");
    }
    assert!(!follower.exists() && !data.join("interactions/.tmp-abc").exists());
    assert_eq!(std::fs::read_dir(data.join("damaged")).unwrap().count(), 3);
    let followers = world.command(&["followers", "list", "--json"]).await.json();
    assert_eq!(followers.as_array().unwrap().len(), 1, "the other one is there");
    let said = world.get("/ap/interactions?page=/posts/first/").await.json();
    assert_eq!(said["counts"]["replies"], 1);
    // It comes back with its next Follow, and nothing is put aside twice.
    let peer = Peer::start("127.0.0.58").await;
    peer.follow(&world, "carl").await;
    world.restart().await;
    assert_eq!(std::fs::read_dir(data.join("damaged")).unwrap().count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_put_aside_stops_the_start_with_what_to_do() {
    let world = used("127.0.0.59").await;
    let data = world.site.data();
    let whole = contents(&data);
    let restore = || {
        for (file, bytes) in &whole {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, bytes).unwrap();
            if file.extension().is_some_and(|ending| ending == "pem") {
                std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
    };
    let key = data.join("actors/blog/key.pem");

    // A record that can't be read at all: a folder is one for root, too, to whom permissions mean nothing.
    let record = data.join("objects/unreadable.json");
    std::fs::create_dir(&record).unwrap();
    does_not_start(&world, "an unreadable record", &["objects/unreadable.json"]).await;
    std::fs::remove_dir(&record).unwrap();

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let command = format!("chmod -R go= {}", data.display());
    does_not_start(&world, "a key for all to read", &["mode 0644", &command]).await;
    restore();
    halve(&key);
    does_not_start(&world, "half a key", &["key.pem", "damaged", "backup"]).await;
    restore();
    std::fs::remove_file(&key).unwrap();
    does_not_start(&world, "no key", &["key.pem", "missing", "backup"]).await;
    restore();
    std::fs::remove_dir_all(data.join("actors")).unwrap();
    does_not_start(&world, "no folder of actors", &["key.pem", "missing", "backup"]).await;
    restore();
    std::fs::remove_dir_all(data.join("instance")).unwrap();
    does_not_start(&world, "no instance actor", &["instance/key.pem", "missing"]).await;
    restore();
    for file in ["keys.json", "layout.json", "site.json"] {
        halve(&data.join(file));
        does_not_start(&world, "half a record of its own", &[file, "damaged", "backup"]).await;
        restore();
    }
    std::fs::write(data.join("layout.json"), r#"{"layout": 0}"#).unwrap();
    does_not_start(&world, "no layout", &["layout.json", "damaged"]).await;
    std::fs::write(data.join("layout.json"), r#"{"layout": 7, "more": []}"#).unwrap();
    does_not_start(&world, "a newer layout", &["layout 7", "use a newer tidings"]).await;
    restore();
    std::fs::remove_dir_all(data.join("queue")).unwrap();
    std::fs::write(data.join("queue"), "not a folder").unwrap();
    does_not_start(&world, "a file for a folder", &["queue"]).await;
    std::fs::remove_file(data.join("queue")).unwrap();

    // All but one folder, whose loss costs only what was in it.
    let mut world = world;
    world.restart().await;
    assert_eq!(world.get("/ap/actors/blog").await.status, 200);
}
