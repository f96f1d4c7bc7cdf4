//! A backup is a plain copy of the data directory, taken while the daemon works. Put back in another place it goes on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::eventually;
use crate::harness::{Conduct, Peer, Site, World};

/// Copies as `cp -a` does. What it says is that files were gone before it came to them, and nothing else.
async fn copy(from: &Path, to: &Path) {
    let (from, to) = (from.to_path_buf(), to.to_path_buf());
    let done = tokio::task::spawn_blocking(move || {
        Command::new("cp")
            .env("LC_ALL", "C")
            .arg("-a")
            .args([from, to])
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    for line in String::from_utf8(done.stderr).unwrap().lines() {
        assert!(line.ends_with("No such file or directory"), "{line}");
    }
}

/// People follow, like and go until told to stop.
async fn busy(peer: Peer, origin: String, stop: Arc<AtomicBool>, done: Arc<AtomicUsize>) {
    let inbox = format!("{origin}/ap/inbox");
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let name = format!("reader{number}");
        let follow = json!({ "id": peer.id(&format!("/follows/{number}")), "type": "Follow",
            "actor": peer.actor(&name), "object": format!("{origin}/ap/actors/blog") });
        let like = json!({ "id": peer.id(&format!("/likes/{number}")), "type": "Like",
            "actor": peer.actor(&name), "object": format!("{origin}/ap/objects/posts~first") });
        let undo = json!({ "id": peer.id(&format!("/undos/{number}")), "type": "Undo",
            "actor": peer.actor(&name), "object": like });
        for activity in [&follow, &like, &undo] {
            assert_eq!(peer.post(&name, &inbox, activity).await, 202);
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn of(peer: &Peer, slug: &str) -> usize {
    let creates = peer.activities("Create");
    let fits = |create: &&Value| create["object"]["id"].as_str().unwrap().ends_with(slug);
    creates.iter().filter(fits).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_taken_under_load_goes_on_in_another_place_with_all_that_was_there() {
    let site = Site::empty();
    site.post("first", "First", "<p>Everybody likes it.</p>");
    let mut world = World::start(site, "interactions = { moderation = 'show' }\n").await;
    world.baseline().await;
    let [peer, down, loud] = [
        Peer::start("127.0.0.61").await,
        Peer::start("127.0.0.62").await,
        Peer::start("127.0.0.63").await,
    ];
    for name in ["ada", "bob", "carl"] {
        peer.follow(&world, name).await;
    }
    down.follow(&world, "dora").await;
    let object = format!("{}/ap/objects/posts~first", world.origin);
    let inbox = format!("{}/ap/inbox", world.origin);
    let reply = peer.reply("ada", 1, &object, "<p>Well said.</p>");
    assert_eq!(peer.post("ada", &inbox, &reply).await, 202);
    // A delivery that waits for a server that is down.
    down.conduct(Conduct::Status(503, None));
    world.site.post("second", "Second", "<p>One more.</p>");
    eventually("the delivery that waits", || async {
        let queue = world.command(&["queue", "--json"]).await.json();
        let waits = |item: &Value| item["attempts"].as_u64() > Some(0);
        (of(&peer, "second") == 1 && queue.as_array().unwrap().iter().any(waits)).then_some(())
    })
    .await;

    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load = tokio::spawn(busy(
        loud.clone(),
        world.origin.clone(),
        Arc::clone(&stop),
        Arc::clone(&done),
    ));
    eventually("some load", || async {
        (done.load(Ordering::Relaxed) > 10).then_some(())
    })
    .await;
    let (data, backup) = (world.site.data(), world.site.root().join("backup"));
    copy(&data, &backup).await;
    let meanwhile = done.load(Ordering::Relaxed);
    eventually("more load", || async {
        (done.load(Ordering::Relaxed) > meanwhile).then_some(())
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    load.await.unwrap();
    world.kill();

    // The disk is lost; what was copied comes to lie in a new place.
    std::fs::remove_dir_all(&data).unwrap();
    let elsewhere = world.site.root().join("elsewhere");
    std::fs::rename(&backup, &elsewhere).unwrap();
    world.configure("site = { data = 'elsewhere' }\ninteractions = { moderation = 'show' }\n");
    world.restart().await;
    assert!(
        !elsewhere.join("damaged").exists(),
        "every record is whole: {}",
        world.log()
    );
    let followers = world.command(&["followers", "list", "--json"]).await.json();
    for actor in [
        peer.actor("ada"),
        peer.actor("bob"),
        peer.actor("carl"),
        down.actor("dora"),
    ] {
        let there = |follower: &Value| follower["actor"] == json!(actor);
        assert!(followers.as_array().unwrap().iter().any(there), "{actor} follows");
    }
    let said = world.get("/ap/interactions?page=/posts/first/").await.json();
    assert_eq!(said["counts"]["replies"], 1);
    assert_eq!(world.get("/ap/objects/posts~second").await.status, 200);
    // The queue goes on, and so does everything else, by the same key.
    down.conduct(Conduct::Accept);
    world.command(&["queue", "retry"]).await;
    eventually("what waited", || async {
        (of(&down, "second") == 1).then_some(())
    })
    .await;
    world.site.post("third", "Third", "<p>After the loss.</p>");
    for peer in [&peer, &down, &loud] {
        eventually("what is new", || async { (of(peer, "third") == 1).then_some(()) }).await;
        assert_eq!(of(peer, "first"), 0, "what was the baseline stays it");
    }
    assert_eq!(of(&peer, "second"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_keep_their_modes_and_a_restore_that_lost_them_says_how_to_mend_it() {
    let site = Site::empty();
    let mut world = World::start(site, "").await;
    world.baseline().await;
    assert_eq!(world.stop().await, Some(0));
    let data = world.site.data();
    let backup = world.site.root().join("backup");
    copy(&data, &backup).await;
    let keys = |root: &Path| -> Vec<std::path::PathBuf> {
        walkdir::WalkDir::new(root)
            .into_iter()
            .map(|entry| entry.unwrap().into_path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "pem"))
            .collect()
    };
    assert_eq!(keys(&backup).len(), 4);
    for key in keys(&backup) {
        let mode = std::fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", key.display());
    }
    // As unpacked from an archive that keeps no modes.
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&backup, &data).unwrap();
    for key in keys(&data) {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let refused = world.command(&["serve"]).await;
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    let command = refused.stderr.split('`').nth(1).unwrap();
    assert!(command.starts_with("chmod "), "{}", refused.stderr);
    let words: Vec<&str> = command.split(' ').collect();
    assert!(
        Command::new(words[0])
            .args(&words[1..])
            .status()
            .unwrap()
            .success()
    );
    world.restart().await;
    assert_eq!(
        std::fs::metadata(&data).unwrap().permissions().mode() & 0o777,
        0o700
    );
}
