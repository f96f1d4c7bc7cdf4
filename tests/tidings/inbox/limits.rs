//! Limits of what an inbox reads and keeps, at their edge.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidings::clock::Clock;
use tidings::inbox::{self, Arrival};
use tidings::sig::key::PrivateKey;
use tidings::sig::{self, Message, Outgoing, Scheme, digest};
use tidings::store::Interaction;

use super::{Inbox, act, create};
use crate::harness::{Peer, peer_key};

#[tokio::test]
async fn what_one_actor_says_is_kept_up_to_a_number_and_what_others_say_beyond() {
    const SAYINGS: usize = 10_000;
    let inbox = Inbox::new("[interactions]\nmoderation = 'show'");
    let peer = Peer::start("127.0.0.2").await;
    let reply =
        |name: &str, number: u32| create(&peer, name, number, &json!({ "inReplyTo": inbox.object() }));
    assert_eq!(inbox.post(&peer, "ada", &reply("ada", 1)).await, 202);
    let store = &inbox.instance.store.interactions;
    let first = inbox.only();
    let staged = (2..SAYINGS).map(|number| {
        let note = peer.id(&format!("/more/{number}"));
        let copy = Interaction {
            id: Interaction::id_of(first.kind, &first.actor.id, first.object.as_deref(), Some(&note)),
            remote_object: Some(note),
            activity: peer.id(&format!("/more/{number}/create")),
            ..first.clone()
        };
        store.stage(&copy).unwrap()
    });
    store.put_staged(staged.collect()).unwrap();
    assert_eq!(store.len(), SAYINGS - 1);
    for number in [2, 3, 4] {
        assert_eq!(inbox.post(&peer, "ada", &reply("ada", number)).await, 202);
    }
    assert_eq!(store.len(), SAYINGS, "the last that is kept");
    let other = reply("bob", 5);
    assert_eq!(inbox.post(&peer, "bob", &other).await, 202);
    assert_eq!(store.len(), SAYINGS + 1, "somebody else is heard");
    let gone = act(&peer, "ada", "Delete", 6, first.remote_object.unwrap());
    assert_eq!(inbox.post(&peer, "ada", &gone).await, 202);
    assert_eq!(inbox.post(&peer, "ada", &reply("ada", 7)).await, 202);
    assert_eq!(store.len(), SAYINGS + 1, "there is room again");
}

/// A POST of a Like, signed by RFC 9421 as often as there are keys.
fn many_signatures(inbox: &Inbox, key_ids: &[(String, &PrivateKey)], body: &[u8]) -> HeaderMap {
    let url = inbox.url().parse().unwrap();
    let request = Outgoing {
        method: "POST",
        url: &url,
        body: Some(body),
        content_type: Some("application/activity+json"),
    };
    let (mut inputs, mut signatures) = (Vec::new(), Vec::new());
    let mut headers = HeaderMap::new();
    for (number, (key_id, key)) in key_ids.iter().enumerate() {
        headers = sig::sign(Scheme::Rfc9421, &request, key, key_id, Timestamp::now()).unwrap();
        let text = |name: &str| {
            headers[name]
                .to_str()
                .unwrap()
                .replacen("sig1=", &format!("s{number}="), 1)
        };
        inputs.push(text("signature-input"));
        signatures.push(text("signature"));
    }
    headers.insert("signature-input", inputs.join(", ").parse().unwrap());
    headers.insert("signature", signatures.join(", ").parse().unwrap());
    headers
}

#[tokio::test]
async fn of_four_signatures_one_good_one_is_enough_and_five_are_too_many() {
    let inbox = Inbox::new("");
    let peer = Peer::start("127.0.0.2").await;
    let stranger = crate::harness::fresh_key();
    let good = (format!("{}#main-key", peer.actor("ada")), peer_key());
    let bad = |number: usize| (format!("{}#k{number}", peer.actor("ada")), &stranger);
    let like = |number| {
        act(&peer, "ada", "Like", number, inbox.object())
            .to_string()
            .into_bytes()
    };
    let body = like(1);
    let headers = many_signatures(&inbox, &[bad(1), bad(2), bad(3), good.clone()], &body);
    assert_eq!(inbox.arrive(headers, &body).await.status, 202);
    let body = like(2);
    let headers = many_signatures(&inbox, &[good.clone(), bad(1), bad(2), bad(3), bad(4)], &body);
    assert_eq!(inbox.arrive(headers, &body).await.status, 401);
    // All of them bad: as many keys are asked for as there are owners, and it is refused.
    let body = like(3);
    let headers = many_signatures(&inbox, &[bad(1), bad(2), bad(3), bad(4)], &body);
    assert_eq!(inbox.arrive(headers, &body).await.status, 401);
    assert_eq!(inbox.interactions().len(), 1);
}

/// A POST signed by draft-cavage over these headers, with more parameters behind the signature.
fn by_hand(inbox: &Inbox, key_id: &str, body: &[u8], more: &[(String, String)], padding: usize) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let url: url::Url = inbox.url().parse().unwrap();
    let mut put = |name: &str, value: String| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.insert(name, HeaderValue::from_str(&value).unwrap());
    };
    put(
        "host",
        format!("{}:{}", url.host_str().unwrap(), url.port().unwrap()),
    );
    put("date", httpdate::fmt_http_date(Timestamp::now().into()));
    put("digest", digest::digest(body));
    put("content-type", "application/activity+json".into());
    let mut covered = vec!["(request-target)", "host", "date", "digest"];
    for (name, value) in more {
        put(name, value.clone());
        covered.push(name);
    }
    let header = |signature: &str, padding: usize| {
        let padding = if padding == 0 {
            String::new()
        } else {
            format!(",x=\"{}\"", "a".repeat(padding))
        };
        format!(
            "keyId=\"{key_id}\",algorithm=\"rsa-sha256\",headers=\"{}\",signature=\"{signature}\"{padding}",
            covered.join(" ")
        )
    };
    headers.insert("signature", header("AAAA", 0).parse().unwrap());
    let target = inbox.url();
    let message = Message {
        method: "POST",
        target_uri: &target,
        headers: &headers,
        body: Some(body),
    };
    let base = match sig::read(&message) {
        Ok(claims) => claims[0].base(&message).unwrap(),
        // What isn't even read need not be signed well.
        Err(_) => String::new(),
    };
    let signature = STANDARD.encode(peer_key().sign(base.as_bytes()).unwrap());
    let bare = header(&signature, 0).len();
    let padding = padding.saturating_sub(bare + ",x=\"\"".len());
    headers.insert("signature", header(&signature, padding).parse().unwrap());
    headers
}

#[tokio::test]
async fn a_signature_header_has_a_longest_length() {
    const MAX_HEADER: usize = 8 * 1024;
    let inbox = Inbox::new("");
    let peer = Peer::start("127.0.0.2").await;
    let key_id = format!("{}#main-key", peer.actor("ada"));
    let body = act(&peer, "ada", "Like", 1, inbox.object())
        .to_string()
        .into_bytes();
    for (length, status) in [(MAX_HEADER + 1, 401), (MAX_HEADER, 202)] {
        let headers = by_hand(&inbox, &key_id, &body, &[], length);
        assert_eq!(headers["signature"].len(), length);
        assert_eq!(inbox.arrive(headers, &body).await.status, status, "{length}");
    }
    // In pieces it is as long.
    let mut headers = by_hand(&inbox, &key_id, &body, &[], 0);
    let padding = HeaderValue::from_str(&format!("y=\"{}\"", "b".repeat(MAX_HEADER / 2))).unwrap();
    headers.append("signature", padding.clone());
    headers.append("signature", padding);
    assert_eq!(inbox.arrive(headers, &body).await.status, 401);
}

#[tokio::test]
async fn a_signature_covers_so_many_components_at_most() {
    const MAX_COMPONENTS: usize = 32;
    let inbox = Inbox::new("");
    let peer = Peer::start("127.0.0.2").await;
    let key_id = format!("{}#main-key", peer.actor("ada"));
    let body = act(&peer, "ada", "Like", 1, inbox.object())
        .to_string()
        .into_bytes();
    for (count, status) in [(MAX_COMPONENTS + 1, 401), (MAX_COMPONENTS, 202)] {
        let more: Vec<_> = (4..count)
            .map(|number| (format!("x-{number}"), "1".to_string()))
            .collect();
        let headers = by_hand(&inbox, &key_id, &body, &more, 0);
        assert_eq!(inbox.arrive(headers, &body).await.status, status, "{count}");
    }
    // By RFC 9421 likewise.
    let key = (key_id, peer_key());
    let mut headers = many_signatures(&inbox, &[key], &body);
    let covered: String = (0..40).map(|number| format!(" \"x-{number}\"")).collect();
    let input = headers["signature-input"]
        .to_str()
        .unwrap()
        .replacen(')', &format!("{covered})"), 1);
    headers.insert("signature-input", input.parse().unwrap());
    assert_eq!(inbox.arrive(headers, &body).await.status, 401);
}

#[tokio::test]
async fn of_the_keys_of_an_actor_the_first_are_read() {
    const KEYS: usize = 8;
    let inbox = Inbox::new("");
    let peer = Peer::start("127.0.0.2").await;
    let mut document = peer.actor_document("ada");
    let id = |number: usize| format!("{}#k{number}", peer.actor("ada"));
    let key = |number: usize| {
        let mut key = document["publicKey"].clone();
        key["id"] = json!(id(number));
        key
    };
    let keys: Vec<Value> = (1..=KEYS + 1).map(key).collect();
    document["publicKey"] = json!(keys);
    peer.serve("/users/ada", 200, document);
    for (number, status) in [(KEYS + 1, 401), (KEYS, 202), (1, 202)] {
        let like = act(
            &peer,
            "ada",
            "Like",
            u32::try_from(number).unwrap(),
            inbox.object(),
        );
        let body = like.to_string().into_bytes();
        let headers = by_hand(&inbox, &id(number), &body, &[], 0);
        assert_eq!(inbox.arrive(headers, &body).await.status, status, "key {number}");
    }
}

#[tokio::test]
async fn what_was_taken_back_is_remembered_for_a_week_and_what_the_owner_removed_for_ever() {
    let inbox = Inbox::new("");
    let peer = Peer::start("127.0.0.2").await;
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    let undo = act(&peer, "ada", "Undo", 2, like.clone());
    assert_eq!(inbox.post(&peer, "ada", &undo).await, 202);
    let like = act(&peer, "bob", "Like", 3, inbox.object());
    assert_eq!(inbox.post(&peer, "bob", &like).await, 202);
    tidings::inbox::moderation::delete(&inbox.instance, &inbox.only().id).unwrap();
    let gone = &inbox.instance.store.gone;
    for (days, left) in [(6, 2), (8, 1), (4000, 1)] {
        let then = Timestamp::now() + SignedDuration::from_hours(24 * days);
        tidings::inbox::gone::forget_old(&inbox.instance, then).unwrap();
        assert_eq!(gone.len(), left, "after {days} days");
    }
}

#[tokio::test]
async fn who_waits_as_long_as_it_is_told_is_let_in_and_who_comes_earlier_is_not() {
    let clock = Clock::manual(Timestamp::now());
    let rates = "[server]\nfailures_per_minute = 6\nactivities_per_minute = 60";
    let inbox = Inbox::at("http://127.0.0.1:1", rates, clock.clone());
    let peer = Peer::start("127.0.0.2").await;
    let arrive = async |from: &str, number: u32, is_good: bool| {
        let body = act(&peer, "ada", "Like", number, inbox.object())
            .to_string()
            .into_bytes();
        let mut headers = peer.sign("POST", "ada", &inbox.url(), Some(&body), Scheme::Cavage);
        if !is_good {
            headers.remove("signature");
        }
        let arrival = Arrival {
            inbox: None,
            target_uri: inbox.url(),
            headers,
            body: body.into(),
            peer: Some(from.parse().unwrap()),
        };
        inbox::receive(&inbox.instance, arrival).await
    };
    // By address, for what doesn't verify: an IPv6 user has 2^64 of them.
    let mut number = 0;
    let wait = loop {
        number += 1;
        let answer = arrive(&format!("2001:db8::{number}"), number, false).await;
        if answer.status == 429 {
            break answer.retry_after.unwrap();
        }
        assert_eq!((answer.status, answer.retry_after), (401, None));
        assert!(number < 100);
    };
    assert_eq!((number, wait), (11, 10));
    assert_eq!(
        arrive("2001:db8::ffff", 1, true).await.status,
        429,
        "whatever it is"
    );
    assert_eq!(
        arrive("2001:db8:0:1::1", 1, false).await.status,
        401,
        "a neighbour"
    );
    clock.set(clock.now() + SignedDuration::from_secs(9));
    assert_eq!(arrive("2001:db8::1", 1, true).await.retry_after, Some(1));
    clock.set(clock.now() + SignedDuration::from_secs(1));
    assert_eq!(arrive("2001:db8::1", 1, true).await.status, 202);
    // By host, for what does.
    let mut number = 1;
    let wait = loop {
        number += 1;
        let answer = arrive(&format!("192.0.2.{number}"), number, true).await;
        if answer.status == 429 {
            break answer.retry_after.unwrap();
        }
        assert_eq!(answer.status, 202);
        assert!(number < 100);
    };
    assert_eq!((number, wait), (7, 1));
    clock.set(clock.now() + SignedDuration::from_secs(1));
    assert_eq!(arrive("192.0.2.9", number, true).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_boost_that_brings_thousands_none_is_refused() {
    const THOUSANDS: u32 = 2_000;
    /// As many as a large server sends at a time.
    const AT_ONCE: usize = 64;
    let workers = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let inbox = Arc::new(Inbox::new(""));
    let peer = Peer::start("127.0.0.2").await;
    let mut posting = tokio::task::JoinSet::new();
    for number in 0..THOUSANDS {
        let (inbox, peer) = (Arc::clone(&inbox), peer.clone());
        let workers = Arc::clone(&workers);
        posting.spawn(async move {
            let _worker = workers.acquire_owned().await.unwrap();
            let name = format!("reader{number}");
            // Of all kinds, from one server and through one proxy's address.
            let kind = ["Like", "Announce"][number as usize % 2];
            inbox
                .post(&peer, &name, &act(&peer, &name, kind, number, inbox.object()))
                .await
        });
    }
    while let Some(status) = posting.join_next().await {
        assert_eq!(status.unwrap(), 202);
    }
    assert_eq!(inbox.interactions().len(), THOUSANDS as usize);
}
