//! Follow, Undo, Block, Move, and actors that change or go.

use serde_json::json;
use tidings::inbox;
use tidings::sig::Scheme;

use super::{Inbox, act, follow, with, without};
use crate::harness::{Peer, fresh_key};

#[tokio::test]
async fn a_follow_is_stored_and_its_accept_is_a_job_before_the_answer() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let follow = follow(&peer, "ada", &inbox);
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert_eq!(inbox.followers(), [peer.actor("ada")]);
    let (kind, to, accept) = inbox.jobs().remove(0);
    assert_eq!(
        (kind.as_str(), to),
        ("Accept", format!("{}/inbox", peer.actor("ada")))
    );
    for key in ["id", "type", "actor", "object"] {
        assert_eq!(
            accept["object"][key], follow[key],
            "the Accept carries the Follow"
        );
    }
    assert_eq!(accept["actor"], inbox.instance.iris.actor("blog"));
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert_eq!(inbox.jobs().len(), 2, "a repeated Follow is accepted again");
    assert_eq!(peer.fetched("/users/ada"), 1, "the actor is fetched once");
}

#[tokio::test]
async fn a_follower_waits_for_the_owners_word_when_the_owner_wants_to_be_asked() {
    let inbox = Inbox::new("actor = [{ name = 'blog', followers = 'ask' }]");
    let peer = Peer::start("127.0.0.2").await;
    let follow = follow(&peer, "ada", &inbox);
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert!(inbox.jobs().is_empty());
    inbox::follow::approve(&inbox.instance, &peer.handle("ada")).unwrap();
    assert_eq!(inbox.jobs()[0].0, "Accept");
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert_eq!(inbox.jobs().len(), 2, "who was accepted once is accepted again");
    inbox::follow::remove(&inbox.instance, &peer.actor("ada")).unwrap();
    assert_eq!(inbox.jobs()[2].0, "Reject");
    assert!(inbox.followers().is_empty());
    assert!(inbox::follow::reject(&inbox.instance, &peer.actor("ada")).is_err());
}

#[tokio::test]
async fn a_follow_is_rejected_when_the_owner_wants_no_followers() {
    let inbox = Inbox::new("actor = [{ name = 'blog', followers = 'reject' }]");
    let peer = Peer::start("127.0.0.2").await;
    assert_eq!(inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await, 202);
    assert_eq!(inbox.jobs()[0].0, "Reject");
    assert!(inbox.followers().is_empty());
}

#[tokio::test]
async fn a_follower_goes_by_undo_in_every_shape_and_by_block() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let follow = follow(&peer, "ada", &inbox);
    let bare = follow["id"].clone();
    let renamed = with(follow.clone(), "id", peer.id("/follows/other"));
    let prefixed = with(follow.clone(), "type", json!(["as:Follow"]));
    for (n, undone) in [
        follow.clone(),
        bare,
        renamed,
        prefixed,
        without(follow.clone(), "actor"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
        assert_eq!(inbox.followers().len(), 1);
        let undo = act(&peer, "ada", "Undo", n as u32, undone);
        assert_eq!(
            inbox
                .post(&peer, "bob", &with(undo.clone(), "actor", peer.actor("bob")))
                .await
                / 100,
            [4, 2][usize::from(!undo["object"]["actor"].is_string())]
        );
        assert_eq!(inbox.followers().len(), 1, "nobody undoes what another did");
        assert_eq!(inbox.post(&peer, "ada", &undo).await, 202);
        assert!(inbox.followers().is_empty(), "{undo}");
    }
    inbox.post(&peer, "ada", &follow).await;
    let block = act(&peer, "ada", "Block", 1, inbox.instance.iris.actor("blog"));
    assert_eq!(inbox.post(&peer, "ada", &block).await, 202);
    assert!(inbox.followers().is_empty());
}

#[tokio::test]
async fn an_undo_that_overtakes_its_follow_wins_once() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let follow = follow(&peer, "ada", &inbox);
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Undo", 1, follow.clone()))
            .await,
        202
    );
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert!(inbox.followers().is_empty());
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert_eq!(inbox.followers().len(), 1);
}

#[tokio::test]
async fn an_actor_that_goes_takes_everything_along_and_nobody_else_can_send_it_away() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    inbox
        .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
        .await;
    inbox
        .post(&peer, "bob", &act(&peer, "bob", "Like", 2, inbox.object()))
        .await;
    let delete = act(&peer, "ada", "Delete", 1, peer.actor("ada"));
    assert_eq!(inbox.post(&peer, "bob", &delete).await, 403);
    let by_bob = with(delete.clone(), "actor", peer.actor("bob"));
    assert_eq!(
        inbox.post(&peer, "bob", &by_bob).await,
        403,
        "signed by bob, who isn't ada"
    );
    assert_eq!(inbox.interactions().len(), 2);
    assert_eq!(inbox.post(&peer, "ada", &delete).await, 202);
    assert!(inbox.followers().is_empty());
    assert_eq!(inbox.interactions(), ["like by bob of the peer"]);
}

#[tokio::test]
async fn a_gone_actor_is_believed_when_its_key_answers_410_and_a_stranger_is_not_even_asked() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let delete = act(&peer, "stranger", "Delete", 1, peer.actor("stranger"));
    assert_eq!(inbox.post(&peer, "stranger", &delete).await, 202);
    assert_eq!(peer.fetched("/users/stranger"), 0);

    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    inbox
        .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
        .await;
    let delete = act(&peer, "ada", "Delete", 2, peer.actor("ada"));
    peer.serve("/users/ada", 404, json!({}));
    peer.rotate(fresh_key());
    assert_eq!(
        inbox.post(&peer, "ada", &delete).await,
        401,
        "not found is not gone"
    );
    // A minute later the key may be fetched again; the cache is emptied instead.
    tidings::remote::forget(&inbox.instance, &peer.actor("nobody")).unwrap();
    let again = Inbox::new("");
    assert_eq!(
        again.post(&peer, "ada", &delete).await,
        202,
        "nobody knows ada there"
    );
    peer.serve("/users/ada", 410, json!({}));
    let body = serde_json::to_vec(&delete).unwrap();
    let headers = peer.sign("POST", "ada", &inbox.url(), Some(&body), Scheme::Cavage);
    inbox
        .instance
        .store
        .remote_actors
        .delete(&peer.actor("ada"))
        .unwrap();
    let restarted = inbox.restart();
    assert_eq!(restarted.arrive(headers, &body).await.status, 202);
    assert!(restarted.followers().is_empty());
    assert!(restarted.interactions().is_empty());
}

#[tokio::test]
async fn a_follower_that_moves_stays_and_its_new_account_is_not_made_one() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    let moving = with(
        act(&peer, "ada", "Move", 1, peer.actor("ada")),
        "target",
        "https://new.example/ada",
    );
    assert_eq!(inbox.post(&peer, "ada", &moving).await, 202);
    assert_eq!(inbox.followers(), [peer.actor("ada")]);
    let follower = inbox
        .instance
        .store
        .followers("blog")
        .unwrap()
        .get(&peer.actor("ada"))
        .unwrap()
        .unwrap();
    assert_eq!(follower.moved_to.as_deref(), Some("https://new.example/ada"));
}

#[tokio::test]
async fn an_actors_update_reaches_its_follow_and_what_it_said() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    inbox
        .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
        .await;
    let mut document = peer.actor_document("ada");
    document["name"] = json!("Ada the Second");
    document["inbox"] = json!(peer.id("/new/inbox"));
    let update = act(&peer, "ada", "Update", 1, document.clone());
    assert_eq!(
        inbox
            .post(&peer, "bob", &with(update.clone(), "actor", peer.actor("bob")))
            .await,
        403
    );
    assert_eq!(inbox.post(&peer, "ada", &update).await, 202);
    assert_eq!(inbox.only().actor.name, "Ada the Second");
    let followers = inbox.instance.store.followers("blog").unwrap();
    assert_eq!(
        followers.get(&peer.actor("ada")).unwrap().unwrap().inbox,
        peer.id("/new/inbox")
    );
    // An Update that is incomplete, or only an id, makes us look.
    document["name"] = json!("Ada the Third");
    peer.serve("/users/ada", 200, document);
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Update", 2, peer.actor("ada")))
            .await,
        202
    );
    assert_eq!(inbox.only().actor.name, "Ada the Third");
}

#[tokio::test]
async fn an_actors_update_that_was_overtaken_by_a_later_one_is_ignored() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    inbox.post(&peer, "ada", &like).await;
    for (number, name, updated, shown) in [
        (1, "Ada the Second", "2026-11-21T12:00:00Z", "Ada the Second"),
        (2, "Ada the First", "2026-11-21T11:59:59Z", "Ada the Second"),
        (3, "Ada the Third", "2026-11-21T12:00:01Z", "Ada the Third"),
    ] {
        let mut document = peer.actor_document("ada");
        document["name"] = json!(name);
        document["updated"] = json!(updated);
        let update = act(&peer, "ada", "Update", number, document);
        assert_eq!(inbox.post(&peer, "ada", &update).await, 202);
        assert_eq!(inbox.only().actor.name, shown);
    }
}

#[tokio::test]
async fn a_follower_is_known_without_the_cache() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    std::fs::remove_dir_all(inbox.instance.store.disk.root().join("remote")).unwrap();
    let inbox = inbox.restart();
    peer.serve("/users/ada", 503, json!({}));
    let undo = act(&peer, "ada", "Undo", 1, follow(&peer, "ada", &inbox));
    assert_eq!(inbox.post(&peer, "ada", &undo).await, 202);
    assert!(inbox.followers().is_empty());
}

#[tokio::test]
async fn a_key_that_is_gone_says_nothing_of_another_actor() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    peer.serve("/users/gone", 410, json!({}));
    let delete = act(&peer, "ada", "Delete", 1, peer.actor("ada"));
    assert_eq!(inbox.post(&peer, "gone", &delete).await, 401);
    assert_eq!(inbox.followers(), [peer.actor("ada")]);
}
