//! Notes from the command line, and changes that reach those who reacted: with remote servers that answer.

use serde_json::json;
use tidings::article::Visibility;
use tidings::publish::NoteRequest;
use tidings::store::{Author, Interaction, InteractionKind, InteractionState};

use crate::harness::Peer;
use crate::publish::{Desk, SHARED, types};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// A site in a lab, where peers on loopback are spoken to.
fn lab() -> Desk {
    Desk::below(
        "http://127.0.0.1:8790",
        "[federation]\nallow_private_addresses = true",
    )
}

fn note(text: &str) -> NoteRequest {
    NoteRequest {
        text: text.to_string(),
        ..NoteRequest::default()
    }
}

#[tokio::test]
async fn a_note_mentions_tags_and_links_and_goes_to_followers_and_the_mentioned() {
    let (desk, peer) = (lab(), Peer::start("127.0.40.1").await);
    let ada = peer.handle("ada");
    let text = format!("Hello {ada}, see https://a.example/ #Fediverse\n\n`{ada}`");
    let done = desk.publisher.note(note(&text)).await.unwrap();
    let jobs = desk.jobs();
    assert_eq!(types(&jobs), ["Create"]);
    assert_eq!(done.inboxes, 2);
    assert_eq!(jobs[0].inboxes, [peer.id("/inbox"), SHARED.to_string()]);
    let object = &jobs[0].body["object"];
    assert_eq!(object["id"], done.object);
    assert_eq!(object["url"], done.object);
    assert!(done.object.starts_with("http://127.0.0.1:8790/ap/objects/note~"));
    assert_eq!(object["to"], json!([PUBLIC]));
    assert_eq!(object["cc"][1], peer.actor("ada"));
    let tags = object["tag"].as_array().unwrap();
    assert_eq!(
        tags[0],
        json!({ "type": "Mention", "href": peer.actor("ada"), "name": ada })
    );
    assert_eq!(
        (&tags[1]["type"], &tags[1]["name"]),
        (&json!("Hashtag"), &json!("#Fediverse"))
    );
    let content = object["content"].as_str().unwrap();
    assert!(
        content.contains(&format!("href=\"{}\"", peer.id("/@ada"))),
        "{content}"
    );
    assert!(content.contains("<a href=\"https://a.example/\">"), "{content}");
    assert!(content.contains(&format!("<code>{ada}</code>")), "{content}");

    // It is taken back like a page.
    desk.publisher.unpublish(&[done.object]).await.unwrap();
    let deleted = desk.jobs();
    assert_eq!(types(&deleted), ["Delete"]);
    assert_eq!(deleted[0].inboxes, jobs[0].inboxes);
}

#[tokio::test]
async fn somebody_who_cannot_be_found_is_named_before_anything_is_sent() {
    let (desk, peer) = (lab(), Peer::start("127.0.40.2").await);
    peer.serve("/users/nobody", 404, json!({}));
    let nobody = peer.handle("nobody");
    let text = format!("Hello {} and {nobody}", peer.handle("ada"));
    let error = desk.publisher.note(note(&text)).await.unwrap_err().to_string();
    assert!(error.contains(&nobody), "{error}");
    assert!(desk.jobs().is_empty() && desk.instance.store.objects.is_empty());
}

#[tokio::test]
async fn a_direct_note_goes_to_the_inbox_of_whom_it_mentions_and_nowhere_else() {
    let (desk, peer) = (lab(), Peer::start("127.0.40.3").await);
    let direct = |text: &str| NoteRequest {
        visibility: Some(Visibility::Direct),
        ..note(text)
    };
    let error = desk.publisher.note(direct("Nobody")).await.unwrap_err();
    assert!(error.to_string().contains("mentions nobody"));
    desk.publisher
        .note(direct(&format!("Psst, {}", peer.handle("ada"))))
        .await
        .unwrap();
    let jobs = desk.jobs();
    assert_eq!(jobs[0].inboxes, [peer.id("/users/ada/inbox")]);
    assert_eq!(jobs[0].body["object"]["to"], json!([peer.actor("ada")]));
    assert_eq!(jobs[0].body["cc"], json!([]));
}

#[tokio::test]
async fn a_reply_names_what_it_answers_and_mentions_its_author() {
    let (desk, peer) = (lab(), Peer::start("127.0.40.4").await);
    let asked = peer.reply("ada", 1, "http://127.0.0.1:8790/ap/objects/x", "<p>Why?</p>");
    peer.serve("/notes/1", 200, asked["object"].clone());
    // Where a reader sees it, which is what an owner copies.
    peer.serve("/@ada/1", 200, asked["object"].clone());
    let request = NoteRequest {
        reply_to: Some(peer.id("/@ada/1")),
        ..note("+++\nvisibility = 'unlisted'\nsummary = 'An answer'\n+++\nBecause.")
    };
    desk.publisher.note(request).await.unwrap();
    let jobs = desk.jobs();
    let object = &jobs[0].body["object"];
    assert_eq!(object["inReplyTo"], peer.id("/notes/1"));
    assert_eq!(object["tag"][0]["href"], peer.actor("ada"));
    assert_eq!(
        (&object["summary"], &object["sensitive"]),
        (&json!("An answer"), &json!(true))
    );
    assert_eq!(object["cc"], json!([PUBLIC, peer.actor("ada")]));
    assert!(jobs[0].inboxes.contains(&peer.id("/inbox")));
    let missing = NoteRequest {
        reply_to: Some(peer.id("/notes/2")),
        ..note("Because.")
    };
    assert!(desk.publisher.note(missing).await.is_err());
}

#[tokio::test]
async fn those_who_reacted_to_a_baseline_page_hear_of_its_changes() {
    let (desk, peer) = (lab(), Peer::start("127.0.40.5").await);
    desk.post("a", "<p>Old.</p>");
    desk.post("b", "<p>Older.</p>");
    desk.settle().await;
    let actor = peer.actor("ada");
    let id = Interaction::id_of(InteractionKind::Like, &actor, Some("posts~a"), None);
    let like = json!({
        "id": id, "kind": "like", "object": "posts~a", "activity": peer.id("/likes/1"),
        "actor": Author { id: actor, name: "Ada".into(), handle: peer.handle("ada"), url: peer.id("/@ada"), avatar: None, ..Author::default() },
        "published": "2026-11-20T12:00:00Z", "received": "2026-11-20T12:00:00Z",
        "state": InteractionState::Shown, "public": true, "raw": {},
    });
    let like: Interaction = serde_json::from_value(like).unwrap();
    desk.instance.store.interactions.put(&like).unwrap();
    desk.post("a", "<p>New.</p>");
    desk.post("b", "<p>Newer.</p>");
    let jobs = desk.settle().await;
    assert_eq!(types(&jobs), ["Update"]);
    assert_eq!(jobs[0].inboxes, [peer.id("/inbox")]);
    assert_eq!(
        jobs[0].body["object"]["id"],
        "http://127.0.0.1:8790/ap/objects/posts~a"
    );
    assert!(
        desk.object("posts~b")["content"]
            .as_str()
            .unwrap()
            .contains("Newer")
    );
}
