//! How the actors of other servers are asked for.

use super::{Inbox, follow};
use crate::harness::{Peer, Strangers, fresh_key};

const SIGNED: bool = true;
const UNSIGNED: bool = false;

/// Somebody of a server follows: how its actor was asked for.
async fn fetches(inbox: &Inbox, peer: &Peer, name: &str) -> Vec<bool> {
    assert_eq!(inbox.post(peer, name, &follow(peer, name, inbox)).await, 202);
    peer.fetches(&format!("/users/{name}"))
}

#[tokio::test]
async fn only_the_first_of_a_server_is_asked_for_with_a_signature_when_it_needs_none() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    assert_eq!(fetches(&inbox, &peer, "ada").await, [SIGNED]);
    assert_eq!(fetches(&inbox, &peer, "grace").await, [UNSIGNED]);
    assert_eq!(fetches(&inbox, &peer, "mary").await, [UNSIGNED]);
    let other = Peer::start("127.0.0.3").await;
    assert_eq!(fetches(&inbox, &other, "ada").await, [SIGNED]);

    // What is asked for anew because a key has changed must not come from a cache between.
    peer.rotate(fresh_key());
    assert_eq!(fetches(&inbox, &peer, "grace").await, [UNSIGNED, SIGNED]);
}

#[tokio::test]
async fn a_server_that_shows_less_to_strangers_is_asked_with_a_signature() {
    for (address, strangers) in [("127.0.0.2", Strangers::Nothing), ("127.0.0.3", Strangers::Keys)] {
        let (inbox, peer) = (Inbox::new(""), Peer::start(address).await);
        peer.strangers(strangers);
        assert_eq!(fetches(&inbox, &peer, "ada").await, [SIGNED]);
        // The one time that it is tried, nobody has to come again for it.
        assert_eq!(fetches(&inbox, &peer, "grace").await, [UNSIGNED, SIGNED]);
        assert_eq!(fetches(&inbox, &peer, "mary").await, [SIGNED]);
        let follower = inbox.instance.store.followers("blog").unwrap();
        let grace = follower.get(&peer.actor("grace")).unwrap().unwrap();
        assert!(grace.inbox.ends_with("/users/grace/inbox"), "{}", grace.inbox);
    }
}

#[tokio::test]
async fn one_that_is_not_there_says_nothing_about_its_server() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    assert_eq!(fetches(&inbox, &peer, "ada").await, [SIGNED]);
    for name in ["nobody", "noone"] {
        peer.serve(&format!("/users/{name}"), 404, serde_json::json!({}));
    }
    let nobody = follow(&peer, "nobody", &inbox);
    assert_eq!(inbox.post(&peer, "nobody", &nobody).await, 401);
    assert_eq!(
        peer.fetches("/users/nobody"),
        [UNSIGNED, SIGNED],
        "it may be hidden"
    );
    assert_eq!(fetches(&inbox, &peer, "grace").await, [UNSIGNED]);
    let noone = follow(&peer, "noone", &inbox);
    assert_eq!(inbox.post(&peer, "noone", &noone).await, 401);
    assert_eq!(
        peer.fetches("/users/noone"),
        [UNSIGNED],
        "this server hides nobody"
    );
}
