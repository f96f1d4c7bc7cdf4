//! Who is refused, with which status, and in which order.

use hyper::header::HeaderMap;
use jiff::Timestamp;
use serde_json::json;
use tidings::clock::Clock;
use tidings::inbox::{self, Answer};
use tidings::sig::Scheme;

use super::{Inbox, act, create, with};
use crate::harness::{Peer, fresh_key};

#[tokio::test]
async fn what_is_refused_is_refused_in_the_order_of_the_contract_and_nothing_is_fetched_for_it() {
    let inbox = Inbox::new("[federation]\nblocked = ['127.0.0.9']");
    let (peer, blocked) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.9").await);
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    let body = serde_json::to_vec(&like).unwrap();
    let none = HeaderMap::new;
    let status = |answer: Answer| answer.status;

    let nobody = inbox.instance.iris.inbox("nobody");
    assert_eq!(
        status(inbox.arrive_at(Some("nobody"), &nobody, none(), b"{").await),
        404
    );
    for malformed in [
        &b"{"[..],
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        br#"{"type":"Like","actor":"x","object":"y"}"#,
    ] {
        assert_eq!(status(inbox.arrive(none(), malformed).await), 400);
    }
    let evil = serde_json::to_vec(&act(&blocked, "eve", "Like", 1, inbox.object())).unwrap();
    assert_eq!(
        status(inbox.arrive(none(), &evil).await),
        403,
        "a blocked actor, before the missing signature"
    );
    let headers = blocked.sign("POST", "eve", &inbox.url(), Some(&body), Scheme::Cavage);
    assert_eq!(
        status(inbox.arrive(headers, &body).await),
        403,
        "a key on a blocked host"
    );
    assert_eq!(status(inbox.arrive(none(), &body).await), 401, "no signature");
    let headers = peer.sign("POST", "ada", &inbox.url(), Some(b"other"), Scheme::Cavage);
    assert_eq!(
        status(inbox.arrive(headers, &body).await),
        401,
        "the digest of another body"
    );
    let headers = peer.sign(
        "POST",
        "ada",
        &inbox.instance.iris.inbox("blog"),
        Some(&body),
        Scheme::Cavage,
    );
    assert_eq!(
        status(inbox.arrive(headers.clone(), &body).await),
        401,
        "signed for another inbox"
    );
    for missing in ["digest", "date", "signature"] {
        let mut headers = peer.sign("POST", "ada", &inbox.url(), Some(&body), Scheme::Cavage);
        headers.remove(missing);
        assert_eq!(
            status(inbox.arrive(headers, &body).await),
            401,
            "without {missing}"
        );
    }
    assert_eq!(blocked.fetched("/users/eve"), 0);
    // Signed for another inbox is found out with the key only; nothing else needed it.
    assert!(peer.fetched("/users/ada") <= 2);
    assert!(inbox.interactions().is_empty());
}

#[tokio::test]
async fn a_signature_is_good_for_an_hour_both_ways() {
    let clock = Clock::manual(Timestamp::now());
    let inbox = Inbox::at("http://127.0.0.1:1", "", clock.clone());
    let peer = Peer::start("127.0.0.2").await;
    let now = clock.now();
    for (minutes, status) in [(61, 401), (-61, 401), (59, 202), (-59, 202)] {
        clock.set(now + jiff::SignedDuration::from_mins(minutes));
        let like = act(&peer, "ada", "Like", 1, inbox.object());
        assert_eq!(inbox.post(&peer, "ada", &like).await, status, "{minutes} min");
    }
}

#[tokio::test]
async fn only_the_actor_may_speak_for_itself() {
    let inbox = Inbox::new("");
    let (peer, other) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    assert_eq!(
        inbox.post(&other, "eve", &like).await,
        403,
        "signed by another host's actor"
    );
    assert_eq!(
        inbox.post(&peer, "bob", &like).await,
        403,
        "signed by a neighbour"
    );
    let foreign = with(like.clone(), "id", other.id("/Like/1"));
    assert_eq!(
        inbox.post(&peer, "ada", &foreign).await,
        403,
        "an id on another host"
    );
    let note = create(
        &peer,
        "ada",
        1,
        &json!({ "inReplyTo": inbox.object(), "id": other.id("/notes/1") }),
    );
    assert_eq!(
        inbox.post(&peer, "ada", &note).await,
        403,
        "an object on another host"
    );
    let note = create(
        &peer,
        "ada",
        1,
        &json!({ "inReplyTo": inbox.object(), "attributedTo": peer.actor("bob") }),
    );
    assert_eq!(
        inbox.post(&peer, "ada", &note).await,
        403,
        "an object by somebody else"
    );
    assert!(inbox.interactions().is_empty());
    assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
}

#[tokio::test]
async fn whoever_only_fails_is_told_to_wait_and_whoever_verifies_never_is() {
    let clock = Clock::manual(Timestamp::now());
    let inbox = Inbox::at("http://127.0.0.1:1", "", clock.clone());
    let peer = Peer::start("127.0.0.2").await;
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    for _ in 0..400 {
        assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
    }
    let body = serde_json::to_vec(&like).unwrap();
    let mut answer = inbox.arrive(HeaderMap::new(), &body).await;
    for _ in 0..400 {
        answer = inbox.arrive(HeaderMap::new(), &body).await;
    }
    assert_eq!(answer.status, 429);
    assert!(answer.retry_after.is_some_and(|seconds| seconds > 0));
    clock.set(clock.now() + jiff::SignedDuration::from_secs(60));
    assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
}

#[tokio::test]
async fn what_cannot_be_stored_may_come_again() {
    let inbox = Inbox::new("");
    let peer = Peer::start("127.0.0.2").await;
    let folder = inbox.instance.store.disk.root().join("interactions");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::write(&folder, "in the way").unwrap();
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    let body = serde_json::to_vec(&like).unwrap();
    let headers = peer.sign("POST", "ada", &inbox.url(), Some(&body), Scheme::Cavage);
    let answer = inbox.arrive(headers, &body).await;
    assert_eq!(answer.status, 503);
    assert!(answer.retry_after.is_some());
    std::fs::remove_file(&folder).unwrap();
    assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
    assert_eq!(inbox.interactions(), ["like by ada of the peer"]);
}

#[tokio::test]
async fn a_new_key_is_found_and_a_wrong_one_fetched_once_a_minute_at_most() {
    let clock = Clock::manual(Timestamp::now());
    let inbox = Inbox::at("http://127.0.0.1:1", "", clock.clone());
    let peer = Peer::start("127.0.0.2").await;
    let like = |n| act(&peer, "ada", "Like", n, inbox.object());
    assert_eq!(inbox.post(&peer, "ada", &like(1)).await, 202);
    assert_eq!(peer.fetched("/users/ada"), 1);
    peer.rotate(fresh_key());
    assert_eq!(
        inbox.post(&peer, "ada", &like(2)).await,
        202,
        "the key is fetched again"
    );
    assert_eq!(peer.fetched("/users/ada"), 2);
    // The peer goes on signing with a key that it doesn't show.
    let document = peer.actor_document("ada");
    peer.serve("/users/ada", 200, document);
    peer.rotate(fresh_key());
    clock.set(clock.now() + jiff::SignedDuration::from_secs(61));
    for _ in 0..5 {
        assert_eq!(inbox.post(&peer, "ada", &like(3)).await, 401);
    }
    assert_eq!(peer.fetched("/users/ada"), 3);
}

#[tokio::test]
async fn a_host_that_signs_by_rfc_9421_is_remembered() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    assert_eq!(inbox.post_by(&peer, "ada", &like, Scheme::Rfc9421).await, 202);
    let host = peer.origin.trim_start_matches("http://");
    let knocks = tidings::remote::scheme::knocks(&inbox.instance, host);
    assert_eq!(knocks.first, Scheme::Rfc9421);
}

#[tokio::test]
async fn a_signed_get_says_who_asks() {
    let inbox = Inbox::new("[federation]\nblocked = ['127.0.0.9']");
    let (peer, blocked) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.9").await);
    let url = format!("{}?page=1", inbox.instance.iris.outbox("blog"));
    let who =
        async |headers: HeaderMap| inbox::verify::fetcher(&inbox.instance, "GET", &url, &headers, None).await;
    assert_eq!(who(HeaderMap::new()).await.unwrap(), None);
    for scheme in [Scheme::Cavage, Scheme::Rfc9421] {
        let headers = peer.sign("GET", "ada", &url, None, scheme);
        assert_eq!(who(headers).await.unwrap(), Some(peer.actor("ada")));
    }
    let headers = peer.sign("GET", "ada", &inbox.object(), None, Scheme::Cavage);
    assert_eq!(who(headers).await.unwrap_err().status(), 401);
    let headers = blocked.sign("GET", "eve", &url, None, Scheme::Cavage);
    assert_eq!(who(headers).await.unwrap_err().status(), 403);
}
