//! Nothing is lost, however the daemon ends.

use serde_json::json;

use crate::harness::{Conduct, Peer, QUIET, Site, World, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_before_a_sigkill_is_delivered_after_it_once() {
    let mut world = World::start(Site::empty(), "").await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.3").await;
    let slow = Peer::start("127.0.0.4").await;
    peer.follow(&world, "ada").await;
    slow.follow(&world, "bo").await;

    slow.conduct(Conduct::Hang);
    world.site.post("hello", "Hello", "<p>Before the end.</p>");
    peer.wait_for("Create", 1).await;
    // What is under way when it is killed may come twice; this has been noted.
    wait_for("one delivery that is left", || async {
        let queue = world.command(&["queue", "--json"]).await.json();
        (queue.as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    world.kill();
    slow.conduct(Conduct::Accept);
    world.restart().await;
    slow.wait_for("Create", 1).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(slow.activities("Create").len(), 1);
    assert_eq!(
        peer.activities("Create").len(),
        1,
        "a delivery that was marked isn't made again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_with_202_is_there_after_a_sigkill() {
    let mut world = World::start(Site::empty(), "").await;
    world.site.post("hello", "Hello", "<p>Here.</p>");
    world.baseline().await;
    let peer = Peer::start("127.0.0.5").await;
    wait_for("the object", || async {
        (world.get("/ap/objects/posts~hello").await.status == 200).then_some(())
    })
    .await;
    for round in 0..5 {
        let name = format!("user{round}");
        let follow = json!({
            "@context": "https://www.w3.org/ns/activitystreams", "id": peer.id(&format!("/follows/{round}")),
            "type": "Follow", "actor": peer.actor(&name), "object": world.actor(),
        });
        let like = json!({
            "@context": "https://www.w3.org/ns/activitystreams", "id": peer.id(&format!("/likes/{round}")),
            "type": "Like", "actor": peer.actor(&name), "object": format!("{}/ap/objects/posts~hello", world.origin),
        });
        let inbox = format!("{}/ap/inbox", world.origin);
        assert_eq!(peer.post(&name, &inbox, &follow).await, 202);
        assert_eq!(peer.post(&name, &inbox, &like).await, 202);
        world.kill();
        world.restart().await;
        let followers = world.get("/ap/actors/blog/followers").await.json();
        assert_eq!(followers["totalItems"], round + 1);
        let said = world.get("/ap/interactions?page=/posts/hello/").await.json();
        assert_eq!(said["counts"]["likes"], round + 1);
    }
    peer.wait_for("Accept", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_is_quick_and_ends_with_0() {
    let mut world = World::start(Site::example(), "").await;
    world.baseline().await;
    assert_eq!(world.stop().await, Some(0), "{}", world.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_record_was_damaged_is_not_announced_again() {
    let site = Site::empty();
    site.post("old", "Old", "<p>From before.</p>");
    let mut world = World::start(site, "").await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.9").await;
    peer.follow(&world, "ada").await;
    world.site.post("hello", "Hello", "<p>Told.</p>");
    peer.wait_for("Create", 1).await;
    world.kill();
    for key in ["posts~old", "posts~hello"] {
        std::fs::write(world.site.data().join(format!("objects/{key}.json")), "{ half").unwrap();
    }
    world.restart().await;
    for key in ["posts~old", "posts~hello"] {
        wait_for("the object", || async {
            (world.get(&format!("/ap/objects/{key}")).await.status == 200).then_some(())
        })
        .await;
        assert!(
            world
                .site
                .data()
                .join(format!("damaged/objects~{key}.json"))
                .exists()
        );
    }
    // Who got the Create gets the Update; nobody hears of the other one.
    world.site.post("hello", "Hello", "<p>Told, and edited.</p>");
    world.site.post("old", "Old", "<p>From before, and edited.</p>");
    peer.wait_for("Update", 1).await;
    tokio::time::sleep(QUIET).await;
    // What was under way when the daemon was killed may come twice, and is the same then.
    for kind in ["Create", "Update"] {
        let told = peer.activities(kind);
        let first = &told[0]["id"];
        assert!(told.iter().all(|activity| activity["id"] == *first), "{told:?}");
    }
}
