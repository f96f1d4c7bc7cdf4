//! What is shown, and who is blocked.

use tidings::inbox;
use tidings::store::InteractionState;

use super::{Inbox, act, follow};
use crate::harness::Peer;

#[tokio::test]
async fn the_first_reply_of_an_author_is_held_until_the_owner_approves_it() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox
        .post(&peer, "ada", &peer.reply("ada", 1, &inbox.object(), "<p>One</p>"))
        .await;
    inbox
        .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
        .await;
    let state = |id: &str| {
        inbox::moderation::find(&inbox.instance, &peer.id(id))
            .unwrap()
            .state
    };
    assert_eq!(state("/notes/1"), InteractionState::Held);
    assert_eq!(state("/Like/1"), InteractionState::Shown);
    inbox::moderation::approve(&inbox.instance, &peer.id("/notes/1")).unwrap();
    assert_eq!(state("/notes/1"), InteractionState::Shown);
    inbox
        .post(&peer, "ada", &peer.reply("ada", 2, &inbox.object(), "<p>Two</p>"))
        .await;
    assert_eq!(state("/notes/2"), InteractionState::Shown);
    inbox
        .post(
            &peer,
            "bob",
            &peer.reply("bob", 3, &inbox.object(), "<p>Three</p>"),
        )
        .await;
    assert_eq!(state("/notes/3"), InteractionState::Held);
    inbox::moderation::hide(&inbox.instance, &peer.id("/notes/2")).unwrap();
    assert_eq!(state("/notes/2"), InteractionState::Hidden);
    assert!(inbox::moderation::approve(&inbox.instance, "nothing").is_err());
}

#[tokio::test]
async fn a_block_takes_effect_on_what_is_there_and_on_what_comes() {
    let inbox = Inbox::new("[interactions]\nmoderation = 'show'");
    let (peer, other) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    inbox
        .post(
            &peer,
            "ada",
            &peer.reply("ada", 1, &inbox.object(), "<p>Words</p>"),
        )
        .await;
    inbox
        .post(
            &other,
            "bob",
            &other.reply("bob", 2, &inbox.object(), "<p>Buy <b>casino</b> chips</p>"),
        )
        .await;
    let state = |id: String| inbox::moderation::find(&inbox.instance, &id).unwrap().state;

    block(&inbox, "127.0.0.2", None);
    assert!(inbox.followers().is_empty());
    assert_eq!(state(peer.id("/notes/1")), InteractionState::Hidden);
    assert_eq!(state(other.id("/notes/2")), InteractionState::Shown);
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
            .await,
        403
    );
    inbox::moderation::remove_block(&inbox.instance, "127.0.0.2").unwrap();
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
            .await,
        202
    );

    block(&inbox, "Casino", Some("spam"));
    assert_eq!(state(other.id("/notes/2")), InteractionState::Hidden);
    inbox
        .post(
            &peer,
            "ada",
            &peer.reply("ada", 3, &inbox.object(), "<p>CASINO!</p>"),
        )
        .await;
    assert_eq!(state(peer.id("/notes/3")), InteractionState::Hidden);

    block(&inbox, &peer.actor("ada"), None);
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Like", 2, inbox.object()))
            .await,
        403
    );
    block(&inbox, &other.handle("bob"), None);
    assert_eq!(
        inbox
            .post(&other, "bob", &act(&other, "bob", "Like", 3, inbox.object()))
            .await,
        403
    );
    assert_eq!(
        inbox
            .post(&other, "carl", &act(&other, "carl", "Like", 4, inbox.object()))
            .await,
        202
    );
}

#[tokio::test]
async fn when_some_are_allowed_all_others_are_refused() {
    let inbox = Inbox::new("[federation]\nallowed = ['127.0.0.2']");
    let (peer, other) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
            .await,
        202
    );
    assert_eq!(
        inbox
            .post(&other, "eve", &act(&other, "eve", "Like", 1, inbox.object()))
            .await,
        403
    );
}

fn block(inbox: &Inbox, text: &str, reason: Option<&str>) {
    let blocks = [(text.to_string(), reason.map(str::to_string))];
    inbox::moderation::add_blocks(&inbox.instance, &blocks, &mut |_, _| {}).unwrap();
}
