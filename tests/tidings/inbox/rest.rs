//! QuoteRequest, Flag, and answers to what we sent.

use serde_json::json;
use tidings::store::InteractionKind;

use super::{Inbox, act, create, follow, with, without};
use crate::harness::Peer;

#[tokio::test]
async fn a_quote_request_is_answered_by_the_policy_and_the_same_one_gets_the_same_stamp() {
    let peer = Peer::start("127.0.0.2").await;
    let request = |inbox: &Inbox, n| {
        let mut request = with(
            act(&peer, "ada", "QuoteRequest", n, inbox.object()),
            "to",
            inbox.instance.iris.actor("blog"),
        );
        request["instrument"] =
            create(&peer, "ada", 1, &json!({ "quote": inbox.object() }))["object"].clone();
        request
    };
    let anyone = Inbox::new("");
    for n in [1, 2] {
        assert_eq!(anyone.post(&peer, "ada", &request(&anyone, n)).await, 202);
    }
    let (jobs, note) = (anyone.jobs(), peer.id("/notes/1"));
    assert_eq!(
        (jobs[0].0.as_str(), &jobs[0].1),
        ("Accept", &format!("{}/inbox", peer.actor("ada")))
    );
    assert_eq!(jobs[0].2["result"], jobs[1].2["result"]);
    assert_eq!(jobs[0].2["object"]["id"], peer.id("/QuoteRequest/1"));
    assert_eq!(jobs[0].2["object"]["instrument"], note);
    let stamp = anyone.instance.store.quotes.ids()[0].to_string();
    assert_eq!(jobs[0].2["result"], anyone.instance.iris.quote(&stamp));
    assert_eq!(
        anyone.only().kind,
        InteractionKind::Quote,
        "what was asked for is shown with the rest"
    );
    anyone
        .post(&peer, "ada", &act(&peer, "ada", "Delete", 1, note))
        .await;
    assert!(
        anyone.instance.store.quotes.is_empty(),
        "the stamp goes with the quote"
    );

    let followers = Inbox::new("[publish]\nquotes = 'followers'");
    followers.post(&peer, "ada", &request(&followers, 3)).await;
    assert_eq!(followers.jobs()[0].0, "Reject");
    followers
        .post(&peer, "ada", &follow(&peer, "ada", &followers))
        .await;
    followers.post(&peer, "ada", &request(&followers, 4)).await;
    assert!(followers.jobs()[2].2["result"].is_string());

    let nobody = Inbox::new("[publish]\nquotes = 'nobody'");
    nobody.post(&peer, "ada", &request(&nobody, 5)).await;
    assert_eq!(nobody.jobs()[0].0, "Reject");
    let unknown = with(
        request(&nobody, 6),
        "object",
        nobody.instance.iris.object("unknown"),
    );
    nobody.post(&peer, "ada", &unknown).await;
    assert_eq!(nobody.jobs()[1].0, "Reject");
}

#[tokio::test]
async fn a_flag_is_kept_for_the_owner_and_the_unknown_is_ignored() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let flag = with(
        act(
            &peer,
            "mod",
            "Flag",
            1,
            json!([
                inbox.instance.iris.actor("blog"),
                inbox.object(),
                peer.actor("ada")
            ]),
        ),
        "content",
        "<p>Rude</p>",
    );
    assert_eq!(inbox.post(&peer, "mod", &flag).await, 202);
    let report = inbox
        .instance
        .store
        .reports
        .get(&peer.id("/Flag/1"))
        .unwrap()
        .unwrap();
    assert_eq!(
        (report.objects.len(), report.content.as_deref()),
        (2, Some("Rude"))
    );
    let travel = without(act(&peer, "ada", "Travel", 1, ""), "object");
    assert_eq!(inbox.post(&peer, "ada", &travel).await, 202);
    assert!(inbox.interactions().is_empty());
}

#[tokio::test]
async fn an_answer_to_what_we_sent_is_noted_and_to_anything_else_is_not() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let ours = json!({ "id": "f1", "actor": "blog", "at": "2026-11-01T09:00:00Z",
        "activity": { "type": "Follow", "object": peer.actor("ada") } });
    inbox
        .instance
        .store
        .activities
        .put(&serde_json::from_value(ours).unwrap())
        .unwrap();
    let id = inbox.instance.iris.activity("f1");
    let answer = || inbox.instance.store.activities.get("f1").unwrap().unwrap().answer;
    assert_eq!(
        inbox
            .post(&peer, "bob", &act(&peer, "bob", "Accept", 1, id.clone()))
            .await,
        202
    );
    assert!(answer().is_none(), "nobody asked bob");
    assert_eq!(
        inbox
            .post(
                &peer,
                "ada",
                &act(&peer, "ada", "Accept", 2, json!({ "id": id, "type": "Follow" }))
            )
            .await,
        202
    );
    assert_eq!(answer().unwrap().actor, peer.actor("ada"));
    let unknown = inbox.instance.iris.activity("unknown");
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Reject", 3, unknown))
            .await,
        202
    );
}
