//! Who may say what: every row of the table in FEDERATION.md.

use hyper::header::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidings::clock::Clock;
use tidings::sig::key::PrivateKey;
use tidings::sig::{self, Scheme};
use tidings::store::Object;

use super::{Inbox, act, create, follow, with};
use crate::harness::{Peer, fresh_key, peer_key};

const SCHEMES: [Scheme; 2] = [Scheme::Cavage, Scheme::Rfc9421];

#[test]
fn every_row_of_the_table_names_a_test_that_is_there() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/FEDERATION.md")).unwrap();
    let rows = text
        .lines()
        .skip_while(|line| *line != "| case | answer | shown by |")
        .skip(2);
    let tests = concat!(include_str!("identity.rs"), include_str!("answers.rs"));
    let mut count = 0;
    for row in rows.take_while(|line| line.starts_with('|')) {
        let name = row.rsplit('`').nth(1).unwrap();
        assert!(tests.contains(&format!("async fn {name}()")), "{name}");
        count += 1;
    }
    assert!(count > 10, "{count}");
}

/// Signs a POST of a body with any key under any id.
fn signed(
    scheme: Scheme,
    key: &PrivateKey,
    key_id: &str,
    url: &str,
    body: &[u8],
    at: Timestamp,
) -> HeaderMap {
    let url = url.parse().unwrap();
    let request = sig::Outgoing {
        method: "POST",
        url: &url,
        body: Some(body),
        content_type: Some("application/activity+json"),
    };
    sig::sign(scheme, &request, key, key_id, at).unwrap()
}

async fn send_by(inbox: &Inbox, key: &PrivateKey, key_id: &str, activity: &Value) -> u16 {
    let body = serde_json::to_vec(activity).unwrap();
    let headers = signed(Scheme::Cavage, key, key_id, &inbox.url(), &body, Timestamp::now());
    inbox.arrive(headers, &body).await.status
}

#[tokio::test]
async fn a_new_key_takes_over_and_the_old_one_is_worth_nothing() {
    let clock = Clock::manual(Timestamp::now());
    let inbox = Inbox::at("http://127.0.0.1:1", "", clock.clone());
    let peer = Peer::start("127.0.0.2").await;
    let like = |number| act(&peer, "ada", "Like", number, inbox.object());
    assert_eq!(inbox.post(&peer, "ada", &like(1)).await, 202);
    peer.rotate(fresh_key());
    assert_eq!(inbox.post(&peer, "ada", &like(2)).await, 202);
    clock.set(clock.now() + SignedDuration::from_mins(2));
    let key_id = format!("{}#main-key", peer.actor("ada"));
    assert_eq!(
        send_by(&inbox, peer_key(), &key_id, &like(3)).await,
        401,
        "the old one"
    );
    assert_eq!(inbox.post(&peer, "ada", &like(4)).await, 202, "the new one still");
}

#[tokio::test]
async fn a_key_elsewhere_is_nobodys() {
    let inbox = Inbox::new("");
    let (peer, other) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    // Listed by its owner, but on another host, where it names its owner too.
    let mut document = peer.actor_document("ada");
    let key_id = other.id("/keys/ada");
    document["publicKey"]["id"] = json!(key_id);
    peer.serve("/users/ada", 200, document.clone());
    other.serve("/keys/ada", 200, document["publicKey"].clone());
    assert_eq!(send_by(&inbox, peer_key(), &key_id, &like).await, 401);
    // On the right host, naming its owner, who doesn't list it.
    let key_id = peer.id("/keys/stray");
    let mut key = document["publicKey"].clone();
    key["id"] = json!(key_id);
    peer.serve("/keys/stray", 200, key);
    peer.serve("/users/ada", 200, peer.actor_document("ada"));
    assert_eq!(send_by(&inbox, peer_key(), &key_id, &like).await, 401);
    assert!(inbox.interactions().is_empty());
}

#[tokio::test]
async fn two_actors_with_one_key_speak_each_for_itself_only() {
    let inbox = Inbox::new("");
    let peer = Peer::start("127.0.0.2").await;
    // All actors of a peer have one key, each under its own id.
    let like = |name: &str| act(&peer, name, "Like", 1, inbox.object());
    assert_eq!(inbox.post(&peer, "ada", &like("bob")).await, 403);
    assert_eq!(inbox.post(&peer, "ada", &like("ada")).await, 202);
    assert_eq!(
        inbox
            .post(&peer, "bob", &with(like("bob"), "id", peer.id("/Like/2")))
            .await,
        202
    );
    // Mallory lists ada's key as hers.
    let mut document = peer.actor_document("mallory");
    document["publicKey"] = peer.actor_document("ada")["publicKey"].clone();
    peer.serve("/users/mallory", 200, document);
    let hers = with(like("mallory"), "id", peer.id("/Like/3"));
    assert_eq!(inbox.post(&peer, "ada", &hers).await, 403, "ada's key is ada's");
    assert_eq!(inbox.post(&peer, "mallory", &hers).await, 401, "she has none");
    assert_eq!(inbox.interactions().len(), 2);
}

#[tokio::test]
async fn an_actor_is_what_its_own_host_says_under_its_own_id() {
    let inbox = Inbox::new("");
    let (peer, other) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    let like = |name: &str| act(&peer, name, "Like", 1, inbox.object());
    let document = |name: &str, key: &str, value: String| {
        let mut document = peer.actor_document(name);
        document[key] = json!(value);
        peer.serve(&format!("/users/{name}"), 200, document);
    };
    document("eve", "id", peer.actor("ada"));
    document("fay", "id", other.actor("fay"));
    document("gil", "inbox", other.id("/inbox"));
    for name in ["eve", "fay", "gil"] {
        assert_eq!(inbox.post(&peer, name, &like(name)).await, 401, "{name}");
    }
    // What another host serves under a redirect doesn't speak for this one.
    let pages = crate::served::Pages::start().await;
    let id = pages.url("/users/hal");
    pages.put(
        "/users/hal",
        crate::served::Page::redirect(&other.id("/users/hal")),
    );
    let mut copy = other.actor_document("hal");
    copy["id"] = json!(id);
    copy["inbox"] = json!(format!("{id}/inbox"));
    copy["publicKey"]["id"] = json!(format!("{id}#main-key"));
    copy["publicKey"]["owner"] = json!(id);
    other.serve("/users/hal", 200, copy);
    let his = json!({ "id": pages.url("/likes/1"), "type": "Like", "actor": id, "object": inbox.object() });
    assert_eq!(
        send_by(&inbox, peer_key(), &format!("{id}#main-key"), &his).await,
        401
    );
    assert!(inbox.interactions().is_empty());
}

#[tokio::test]
async fn nobody_makes_us_send_to_a_third_host() {
    let clock = Clock::manual(Timestamp::now());
    let inbox = Inbox::at("http://127.0.0.1:1", "", clock.clone());
    let (peer, victim) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    let mut document = peer.actor_document("ada");
    document["endpoints"]["sharedInbox"] = json!(victim.id("/inbox"));
    peer.serve("/users/ada", 200, document.clone());
    assert_eq!(inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await, 202);
    let followers = inbox.instance.store.followers("blog").unwrap();
    let ada = || followers.get(&peer.actor("ada")).unwrap().unwrap();
    assert_eq!(
        (ada().inbox, ada().shared_inbox),
        (format!("{}/inbox", peer.actor("ada")), None)
    );
    // An Update moves the inbox, and the document that is served says so too.
    document["inbox"] = json!(victim.id("/users/ada/inbox"));
    peer.serve("/users/ada", 200, document.clone());
    clock.set(clock.now() + SignedDuration::from_mins(2));
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Update", 1, document))
            .await,
        202
    );
    assert_eq!(
        ada().inbox,
        format!("{}/inbox", peer.actor("ada")),
        "the old one stays"
    );
    let again = with(follow(&peer, "ada", &inbox), "id", peer.id("/follows/2"));
    let _ = inbox.post(&peer, "ada", &again).await;
    for (_, to, _) in inbox.jobs() {
        assert!(to.starts_with(&peer.origin), "{to}");
    }
}

#[tokio::test]
async fn neighbours_have_no_say() {
    let inbox = Inbox::new("[interactions]\nmoderation = 'show'");
    let peer = Peer::start("127.0.0.2").await;
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    let note = create(&peer, "ada", 1, &json!({ "inReplyTo": inbox.object() }));
    for activity in [&like, &note] {
        assert_eq!(inbox.post(&peer, "ada", activity).await, 202);
    }
    assert_eq!(inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await, 202);
    let before = inbox.interactions();
    let edited = with(note["object"].clone(), "content", "<p>Never said.</p>");
    let taken = with(edited.clone(), "attributedTo", peer.actor("bob"));
    for (number, (kind, object)) in [
        ("Undo", like.clone()),
        ("Undo", json!(like["id"])),
        ("Undo", follow(&peer, "ada", &inbox)),
        ("Undo", json!(peer.id("/follows/1"))),
        ("Update", edited),
        ("Update", taken),
        ("Update", peer.actor_document("ada")),
        ("Delete", json!(note["object"]["id"])),
        ("Delete", json!(peer.actor("ada"))),
    ]
    .into_iter()
    .enumerate()
    {
        let number = u32::try_from(number).unwrap();
        let status = inbox
            .post(&peer, "bob", &act(&peer, "bob", kind, number, object.clone()))
            .await;
        assert!(
            status == 403 || (status == 202 && object.is_string()),
            "{kind} {object}: {status}"
        );
        assert_eq!(inbox.interactions(), before, "{kind} {object}");
        assert_eq!(inbox.followers(), [peer.actor("ada")], "{kind} {object}");
    }
    let id = inbox.instance.store.interactions.ids().iter().find_map(|id| {
        let found = inbox.instance.store.interactions.get(id).unwrap().unwrap();
        found.content
    });
    assert!(!id.unwrap().contains("Never"));
}

#[tokio::test]
async fn a_signature_is_good_for_what_it_was_made_for() {
    let inbox = Inbox::new("");
    let peer = Peer::start("127.0.0.2").await;
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    let body = serde_json::to_vec(&like).unwrap();
    let key_id = format!("{}#main-key", peer.actor("ada"));
    let url = inbox.url();
    for scheme in SCHEMES {
        for elsewhere in [
            url.replace("/ap/inbox", "/ap/inbox/"),
            url.replace("/ap/inbox", "/ap/actors/blog/inbox"),
            url.replace("/ap/inbox", "/AP/inbox"),
            format!("{url}?x=1"),
            url.replace("127.0.0.1:1", "127.0.0.1:2"),
            url.replace("127.0.0.1:1", "other.example"),
        ] {
            let headers = signed(scheme, peer_key(), &key_id, &elsewhere, &body, Timestamp::now());
            assert_eq!(
                inbox.arrive(headers, &body).await.status,
                401,
                "{scheme:?} {elsewhere}"
            );
        }
        // What a proxy might say of the host isn't asked.
        let victim = url.replace("127.0.0.1:1", "other.example");
        let mut headers = signed(scheme, peer_key(), &key_id, &victim, &body, Timestamp::now());
        headers.insert("x-forwarded-host", "other.example".parse().unwrap());
        headers.insert("forwarded", "host=other.example".parse().unwrap());
        assert_eq!(inbox.arrive(headers, &body).await.status, 401, "{scheme:?}");
        let query = format!("{url}?x=1");
        let headers = signed(scheme, peer_key(), &key_id, &url, &body, Timestamp::now());
        let answer = inbox.arrive_at(None, &query, headers, &body).await;
        assert_eq!(
            answer.status, 401,
            "{scheme:?}: signed without the query that it has"
        );
        let parsed = url.parse().unwrap();
        let get = sig::Outgoing {
            method: "PUT",
            url: &parsed,
            body: Some(&body),
            content_type: None,
        };
        let headers = sig::sign(scheme, &get, peer_key(), &key_id, Timestamp::now()).unwrap();
        assert_eq!(
            inbox.arrive(headers, &body).await.status,
            401,
            "{scheme:?}: another method"
        );
    }
    assert!(inbox.interactions().is_empty());
    assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
}

#[tokio::test]
async fn a_request_sent_twice_counts_once_and_not_after_it_was_taken_back() {
    for scheme in SCHEMES {
        let clock = Clock::manual(Timestamp::now());
        let inbox = Inbox::at(
            "http://127.0.0.1:1",
            "[interactions]\nmoderation = 'show'",
            clock.clone(),
        );
        let peer = Peer::start("127.0.0.2").await;
        let key_id = format!("{}#main-key", peer.actor("ada"));
        let sent = |activity: &Value| {
            let body = serde_json::to_vec(activity).unwrap();
            let headers = signed(scheme, peer_key(), &key_id, &inbox.url(), &body, clock.now());
            (headers, body)
        };
        let deeds = [
            act(&peer, "ada", "Like", 1, inbox.object()),
            act(&peer, "ada", "Announce", 2, inbox.object()),
            create(&peer, "ada", 3, &json!({ "inReplyTo": inbox.object() })),
            follow(&peer, "ada", &inbox),
        ];
        let requests = deeds.clone().map(|deed| sent(&deed));
        for _ in 0..3 {
            for (headers, body) in &requests {
                assert_eq!(inbox.arrive(headers.clone(), body).await.status, 202);
            }
            assert_eq!(
                (inbox.interactions().len(), inbox.followers().len()),
                (3, 1),
                "{scheme:?}"
            );
        }
        clock.set(clock.now() + SignedDuration::from_secs(90));
        let mut undone = Vec::new();
        for (number, deed) in deeds.iter().enumerate() {
            let number = u32::try_from(number).unwrap();
            let undo = match deed["type"].as_str() {
                Some("Create") => act(&peer, "ada", "Delete", number, deed["object"]["id"].clone()),
                _ => act(&peer, "ada", "Undo", number, deed.clone()),
            };
            undone.push(sent(&undo));
        }
        for (headers, body) in &undone {
            assert_eq!(inbox.arrive(headers.clone(), body).await.status, 202);
        }
        for (headers, body) in requests.iter().chain(&undone).chain(&requests) {
            clock.set(clock.now() + SignedDuration::from_secs(90));
            assert_eq!(inbox.arrive(headers.clone(), body).await.status, 202);
            assert_eq!(
                (inbox.interactions().len(), inbox.followers().len()),
                (0, 0),
                "{scheme:?}"
            );
        }
        // What is done again in earnest counts, also with the same id, but for what was deleted.
        for deed in &deeds {
            let (headers, body) = sent(deed);
            assert_eq!(inbox.arrive(headers, &body).await.status, 202);
        }
        assert_eq!(
            (inbox.interactions().len(), inbox.followers().len()),
            (2, 1),
            "{scheme:?}"
        );
    }
}

#[tokio::test]
async fn a_date_that_no_signature_covers_makes_nothing_newer() {
    let clock = Clock::manual(Timestamp::now());
    let inbox = Inbox::at("http://127.0.0.1:1", "", clock.clone());
    let peer = Peer::start("127.0.0.2").await;
    let key_id = format!("{}#main-key", peer.actor("ada"));
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    let undo = act(&peer, "ada", "Undo", 2, like.clone());
    let sent = |activity: &Value, scheme| {
        let body = serde_json::to_vec(activity).unwrap();
        let headers = signed(scheme, peer_key(), &key_id, &inbox.url(), &body, clock.now());
        (headers, body)
    };
    let (mut headers, body) = sent(&like, Scheme::Rfc9421);
    assert_eq!(inbox.arrive(headers.clone(), &body).await.status, 202);
    assert_eq!(inbox.interactions().len(), 1);
    clock.set(clock.now() + SignedDuration::from_mins(1));
    let (undoing, undone) = sent(&undo, Scheme::Rfc9421);
    assert_eq!(inbox.arrive(undoing, &undone).await.status, 202);
    // The same Like as if it had been sent after its Undo: the signature still holds, and says when it was made.
    clock.set(clock.now() + SignedDuration::from_mins(1));
    let later = httpdate::fmt_http_date(clock.now().into());
    headers.insert("date", later.parse().unwrap());
    assert_eq!(inbox.arrive(headers.clone(), &body).await.status, 202);
    assert!(inbox.interactions().is_empty());
    // Nor does it outlive its hour.
    clock.set(clock.now() + SignedDuration::from_mins(61));
    headers.insert(
        "date",
        httpdate::fmt_http_date(clock.now().into()).parse().unwrap(),
    );
    assert_eq!(inbox.arrive(headers, &body).await.status, 401);
    // Under draft-cavage the date is covered: changed, it is worth nothing.
    let (mut headers, body) = sent(&act(&peer, "ada", "Like", 3, inbox.object()), Scheme::Cavage);
    let other = httpdate::fmt_http_date((clock.now() + SignedDuration::from_secs(5)).into());
    headers.insert("date", other.parse().unwrap());
    assert_eq!(inbox.arrive(headers, &body).await.status, 401);
    assert!(inbox.interactions().is_empty());
}

#[tokio::test]
async fn any_follow_of_a_follower_can_be_undone_by_its_id() {
    let inbox = Inbox::new("");
    let peer = Peer::start("127.0.0.2").await;
    let number = |number: u32| {
        with(
            follow(&peer, "ada", &inbox),
            "id",
            peer.id(&format!("/follows/{number}")),
        )
    };
    for undone in 1..=3 {
        for one in 1..=3 {
            assert_eq!(inbox.post(&peer, "ada", &number(one)).await, 202);
        }
        assert_eq!(inbox.followers().len(), 1);
        let undo = act(
            &peer,
            "ada",
            "Undo",
            undone,
            peer.id(&format!("/follows/{undone}")),
        );
        assert_eq!(
            inbox
                .post(&peer, "bob", &with(undo.clone(), "actor", peer.actor("bob")))
                .await,
            202
        );
        assert_eq!(inbox.followers().len(), 1, "bob has no say");
        assert_eq!(inbox.post(&peer, "ada", &undo).await, 202);
        assert!(inbox.followers().is_empty(), "follow {undone} is undone");
        // Signatures tell seconds.
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    }
}

#[tokio::test]
async fn a_like_of_a_moved_pages_new_key_counts() {
    let inbox = Inbox::new("");
    let peer = Peer::start("127.0.0.2").await;
    let objects = &inbox.instance.store.objects;
    objects
        .update("posts~hello", |object: &mut Object| {
            object.page = Some("/writing/hello/".into());
            object.former_pages = vec!["/posts/hello/".into()];
            true
        })
        .unwrap();
    let moved = inbox.instance.iris.object("writing~hello");
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Like", 1, moved))
            .await,
        202
    );
    assert_eq!(inbox.only().object.as_deref(), Some("posts~hello"));
    let nothing = inbox.instance.iris.object("writing~else");
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Like", 2, nothing))
            .await,
        202
    );
    assert_eq!(inbox.interactions().len(), 1);
}
