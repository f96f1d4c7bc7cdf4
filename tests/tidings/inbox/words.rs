//! Create, Update and Delete of replies, quotes and mentions.

use serde_json::{Value, json};
use tidings::inbox;
use tidings::store::InteractionKind;

use super::{Inbox, act, create, with};
use crate::harness::Peer;

#[tokio::test]
async fn replies_quotes_and_mentions_are_told_apart_in_this_order() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let blog = inbox.instance.iris.actor("blog");
    let mention = json!([{ "type": "Mention", "href": blog }]);
    let (object, page) = (
        inbox.object(),
        format!("{}/posts/hello/", inbox.instance.iris.origin()),
    );
    for (n, (over, kind)) in [
        (
            json!({ "quoteUrl": object, "inReplyTo": object, "tag": mention }),
            Some(InteractionKind::Quote),
        ),
        (json!({ "quote": { "id": object } }), Some(InteractionKind::Quote)),
        (json!({ "_misskey_quote": page }), Some(InteractionKind::Quote)),
        (json!({ "quoteUri": object }), Some(InteractionKind::Quote)),
        (
            json!({ "inReplyTo": object, "tag": mention }),
            Some(InteractionKind::Reply),
        ),
        (json!({ "inReplyTo": [page] }), Some(InteractionKind::Reply)),
        (json!({ "tag": mention }), Some(InteractionKind::Mention)),
        (json!({ "cc": [blog] }), Some(InteractionKind::Mention)),
        (json!({ "inReplyTo": "https://elsewhere.example/1" }), None),
        (json!({}), None),
    ]
    .into_iter()
    .enumerate()
    {
        let create = create(&peer, "ada", n as u32, &over);
        for _ in 0..2 {
            assert_eq!(inbox.post(&peer, "ada", &create).await, 202);
        }
        match kind {
            Some(kind) => {
                let stored = inbox.only();
                assert_eq!(stored.kind, kind, "{over}");
                inbox::moderation::delete(&inbox.instance, &stored.id).unwrap();
                inbox.post(&peer, "ada", &create).await;
            }
            None => assert!(inbox.interactions().is_empty(), "{over}"),
        }
        assert!(
            inbox.interactions().is_empty(),
            "what the owner removed does not come back"
        );
    }
}

#[tokio::test]
async fn a_reply_to_a_reply_belongs_to_the_thread() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox
        .post(&peer, "ada", &peer.reply("ada", 1, &inbox.object(), "<p>One</p>"))
        .await;
    inbox
        .post(
            &peer,
            "bob",
            &peer.reply("bob", 2, &peer.id("/notes/1"), "<p>Two</p>"),
        )
        .await;
    inbox
        .post(
            &peer,
            "ada",
            &peer.reply("ada", 3, &peer.id("/notes/2"), "<p>Three</p>"),
        )
        .await;
    let found = inbox::moderation::find(&inbox.instance, &peer.id("/notes/3")).unwrap();
    assert_eq!(found.object.as_deref(), Some("posts~hello"));
    assert_eq!(found.in_reply_to, Some(peer.id("/notes/2")));
}

#[tokio::test]
async fn an_object_by_its_id_alone_is_fetched_from_its_host() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let create = peer.reply("ada", 1, &inbox.object(), "<p>Fetched</p>");
    peer.serve("/notes/1", 200, create["object"].clone());
    let bare = with(create.clone(), "object", create["object"]["id"].clone());
    assert_eq!(inbox.post(&peer, "ada", &bare).await, 202);
    assert_eq!(inbox.only().content.as_deref(), Some("<p>Fetched</p>"));
    let missing = with(
        with(bare, "object", peer.id("/notes/missing")),
        "id",
        peer.id("/creates/2"),
    );
    assert_eq!(inbox.post(&peer, "ada", &missing).await, 202);
    assert_eq!(inbox.interactions().len(), 1);
}

#[tokio::test]
async fn a_forwarded_activity_is_taken_only_from_what_its_origin_serves() {
    let inbox = Inbox::new("");
    let (peer, carrier) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    let create = peer.reply("ada", 1, &inbox.object(), "<p>Forged</p>");
    assert_eq!(
        inbox.post(&carrier, "carl", &create).await,
        403,
        "its origin doesn't serve it"
    );
    let real = with(create["object"].clone(), "content", "<p>Real</p>");
    peer.serve(
        "/notes/1",
        200,
        with(real.clone(), "attributedTo", peer.actor("bob")),
    );
    assert_eq!(
        inbox.post(&carrier, "carl", &create).await,
        403,
        "its origin says somebody else wrote it"
    );
    peer.serve("/notes/1", 200, real);
    assert_eq!(inbox.post(&carrier, "carl", &create).await, 202);
    assert_eq!(inbox.only().content.as_deref(), Some("<p>Real</p>"));
    assert_eq!(
        inbox.only().raw["object"]["content"],
        "<p>Real</p>",
        "the forgery is not even kept"
    );
    let delete = act(&peer, "ada", "Delete", 1, peer.id("/notes/1"));
    assert_eq!(
        inbox.post(&carrier, "carl", &delete).await,
        403,
        "it is still there"
    );
    assert_eq!(inbox.interactions().len(), 1);
    peer.serve("/notes/1", 404, json!({}));
    assert_eq!(
        inbox.post(&carrier, "carl", &delete).await,
        403,
        "it may be hidden from us only"
    );
    peer.serve("/notes/1", 410, json!({}));
    assert_eq!(inbox.post(&carrier, "carl", &delete).await, 202);
    assert!(inbox.interactions().is_empty());
}

#[tokio::test]
async fn an_edit_counts_when_it_is_newer_and_by_the_author() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox
        .post(
            &peer,
            "ada",
            &peer.reply("ada", 1, &inbox.object(), "<p>First</p>"),
        )
        .await;
    let edit = |content: &str, updated: &str| {
        let mut note = peer.reply("ada", 1, &inbox.object(), content)["object"].clone();
        note["updated"] = json!(updated);
        note
    };
    let update = |n, note: Value| act(&peer, "ada", "Update", n, note);
    assert_eq!(
        inbox
            .post(
                &peer,
                "ada",
                &update(1, edit("<p>Second</p>", "2026-11-20T13:00:00Z"))
            )
            .await,
        202
    );
    assert_eq!(inbox.only().content.as_deref(), Some("<p>Second</p>"));
    assert_eq!(
        inbox
            .post(
                &peer,
                "ada",
                &update(2, edit("<p>Old</p>", "2026-11-20T12:30:00Z"))
            )
            .await,
        202
    );
    assert_eq!(inbox.only().content.as_deref(), Some("<p>Second</p>"));
    let by_bob = with(
        update(3, edit("<p>Bob</p>", "2026-11-20T14:00:00Z")),
        "actor",
        peer.actor("bob"),
    );
    assert_eq!(inbox.post(&peer, "bob", &by_bob).await, 403);
    let mut claimed = by_bob;
    claimed["object"]["attributedTo"] = json!(peer.actor("bob"));
    assert_eq!(inbox.post(&peer, "bob", &claimed).await, 403);
    assert_eq!(inbox.only().content.as_deref(), Some("<p>Second</p>"));
    // An Update of what never came is its Create.
    let mut late = edit("<p>Late</p>", "2026-11-20T13:00:00Z");
    late["id"] = json!(peer.id("/notes/2"));
    assert_eq!(inbox.post(&peer, "ada", &update(4, late)).await, 202);
    assert_eq!(inbox.interactions().len(), 2);
}

#[tokio::test]
async fn a_deleted_reply_is_gone_in_every_order_and_only_by_its_author() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let other = Peer::start("127.0.0.3").await;
    let create = peer.reply("ada", 1, &inbox.object(), "<p>Words</p>");
    inbox.post(&peer, "ada", &create).await;
    let note = peer.id("/notes/1");
    assert_eq!(
        inbox
            .post(&peer, "bob", &act(&peer, "bob", "Delete", 1, note.clone()))
            .await,
        403
    );
    assert_eq!(
        inbox
            .post(&other, "eve", &act(&other, "eve", "Delete", 1, note.clone()))
            .await,
        403
    );
    assert_eq!(inbox.interactions().len(), 1);
    let tombstone = json!({ "id": note, "type": "Tombstone" });
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Delete", 2, tombstone))
            .await,
        202
    );
    assert!(inbox.interactions().is_empty());
    assert_eq!(inbox.post(&peer, "ada", &create).await, 202);
    assert!(inbox.interactions().is_empty(), "the Create came late");
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Delete", 3, peer.id("/notes/9")))
            .await,
        202
    );
    assert_eq!(
        inbox
            .post(&peer, "ada", &peer.reply("ada", 9, &inbox.object(), "x"))
            .await,
        202
    );
    assert!(inbox.interactions().is_empty(), "the Delete came first");
}

#[tokio::test]
async fn a_private_message_is_kept_but_marked() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let blog = inbox.instance.iris.actor("blog");
    let direct = create(
        &peer,
        "ada",
        1,
        &json!({ "inReplyTo": inbox.object(), "to": [blog], "cc": [] }),
    );
    assert_eq!(inbox.post(&peer, "ada", &direct).await, 202);
    assert!(!inbox.only().public);
}
