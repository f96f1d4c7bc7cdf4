//! Servers that speak https, as all real ones do.

use crate::harness::{Peer, QUIET, Site, World};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_https_server_is_fetched_from_and_delivered_to_when_its_certificate_is_trusted() {
    let (peer, authority) = Peer::start_tls("127.0.0.7").await;
    let site = Site::empty();
    let trusted = site.root().join("authority.pem");
    std::fs::write(&trusted, authority).unwrap();
    let mut world = World::prepare(site, "").await;
    world.environment.push(("SSL_CERT_FILE", trusted));
    world.restart().await;
    world.baseline().await;
    peer.follow(&world, "ada").await;
    world.site.post("hello", "Hello", "<p>By https.</p>");
    let create = peer.wait_for("Create", 1).await.remove(0);
    assert_eq!(create["object"]["name"], "Hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_https_server_with_a_certificate_that_nobody_vouches_for_is_not_believed() {
    let (peer, _) = Peer::start_tls("127.0.0.8").await;
    let world = World::start(Site::empty(), "").await;
    world.baseline().await;
    let inbox = format!("{}/inbox", world.actor());
    let follow = json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": peer.id("/follows/1"), "type": "Follow",
        "actor": peer.actor("ada"), "object": world.actor(),
    });
    assert_eq!(
        peer.post("ada", &inbox, &follow).await,
        401,
        "its key can't be fetched"
    );
    tokio::time::sleep(QUIET).await;
    assert_eq!(peer.fetched("/users/ada"), 0);
    let followers = world.get("/ap/actors/blog/followers").await.json();
    assert_eq!(followers["totalItems"], 0);
}
