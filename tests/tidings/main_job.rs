//! The main job: a folder of pages becomes an account that people follow, and what they say comes back.

use serde_json::{Value, json};

use crate::harness::{Peer, Site, World, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reaches_a_follower_its_edit_follows_and_a_reply_appears_under_it() {
    let site = Site::empty();
    site.post("old", "An old post", "<p>It was there before.</p>");
    let world = World::start(site, "interactions = { moderation = 'show' }").await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.2").await;
    peer.follow(&world, "ada").await;

    world.site.post("hello", "Hello", "<p>My first post.</p>");
    let create = peer.wait_for("Create", 1).await.remove(0);
    let object = &create["object"];
    assert_eq!(object["id"], format!("{}/ap/objects/posts~hello", world.origin));
    assert_eq!(object["type"], "Article");
    assert_eq!(object["name"], "Hello");
    assert_eq!(object["content"], "<p>My first post.</p>");
    assert_eq!(object["url"], format!("{}/posts/hello/", world.origin));
    assert_eq!(
        object["published"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap(),
        "2026-11-01T09:00:00Z".parse().unwrap()
    );

    world.site.post("hello", "Hello", "<p>My first post, edited.</p>");
    let update = peer.wait_for("Update", 1).await.remove(0);
    assert_eq!(update["object"]["id"], object["id"]);
    assert_eq!(update["object"]["content"], "<p>My first post, edited.</p>");
    assert!(update["object"]["updated"].is_string());

    let reply = peer.reply(
        "ada",
        1,
        object["id"].as_str().unwrap(),
        "<p>Well said.<script>alert(1)</script></p>",
    );
    assert_eq!(
        peer.post("ada", &format!("{}/ap/inbox", world.origin), &reply)
            .await,
        202
    );
    let said: Value = wait_for("the reply", || async {
        let answer = world.get("/ap/interactions?page=/posts/hello/").await;
        (answer.status == 200)
            .then(|| answer.json())
            .filter(|json| json["counts"]["replies"] == 1)
    })
    .await;
    assert_eq!(said["replies"][0]["content"], "<p>Well said.</p>");
    let thread = world.browse("/ap/widgets/thread?page=/posts/hello/").await;
    assert!(thread.text().contains("Well said."), "{}", thread.text());
    assert!(!thread.text().contains("<script"), "{}", thread.text());

    assert_eq!(
        peer.activities("Create").len(),
        1,
        "the baseline is not announced"
    );
    let outbox = world.get("/ap/actors/blog/outbox").await.json();
    assert_eq!(outbox["totalItems"], json!(2));
}
