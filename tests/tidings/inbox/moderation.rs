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
    let told: Vec<String> = inbox.jobs().into_iter().map(|(kind, _, _)| kind).collect();
    assert_eq!(told, ["Accept", "Reject"], "its server learns of it");
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

#[tokio::test]
async fn a_pattern_hides_what_was_said_and_what_comes_by_words_and_by_names() {
    let inbox = Inbox::new("[interactions]\nmoderation = 'show'");
    let peer = Peer::start("127.0.0.2").await;
    let say = |name: &'static str, number, text: &'static str| {
        let (inbox, peer) = (&inbox, &peer);
        async move {
            let reply = peer.reply(name, number, &inbox.object(), text);
            assert_eq!(inbox.post(peer, name, &reply).await, 202);
        }
    };
    let found = |id: String| inbox::moderation::find(&inbox.instance, &id).unwrap();
    say("ada", 1, "<p>Buy B1tcoin now</p>").await;
    say("ada", 2, "<p>Good morning</p>").await;
    inbox
        .post(
            &peer,
            "cryptobob",
            &act(&peer, "cryptobob", "Like", 3, inbox.object()),
        )
        .await;
    block(&inbox, r"/\bb[i1]tc[o0]in|^crypto/", None);
    let first = found(peer.id("/notes/1"));
    assert_eq!(first.state, InteractionState::Hidden);
    let listed = inbox::moderation::listing(&inbox.instance, &first);
    assert_eq!(
        listed.why.as_deref(),
        Some(r"it is hidden: /\bb[i1]tc[o0]in|^crypto/ is blocked")
    );
    assert_eq!(found(peer.id("/notes/2")).state, InteractionState::Shown);
    assert_eq!(
        found(peer.id("/Like/3")).state,
        InteractionState::Hidden,
        "by its author's name"
    );
    say("ada", 4, "<p>bitcoin!</p>").await;
    assert_eq!(found(peer.id("/notes/4")).state, InteractionState::Hidden);
    block(&inbox, "morn*", None);
    assert_eq!(found(peer.id("/notes/2")).state, InteractionState::Hidden);

    // The owner's own word counts more than a block.
    inbox::moderation::approve(&inbox.instance, &peer.id("/notes/4")).unwrap();
    assert_eq!(found(peer.id("/notes/4")).state, InteractionState::Shown);
    let wrong = [("/(/".to_string(), None), ("fine".to_string(), None)];
    assert!(inbox::moderation::add_blocks(&inbox.instance, &wrong, &mut |_, _| {}).is_err());
    assert!(!inbox.instance.store.blocks.contains("fine"), "all or none");
}

#[tokio::test]
async fn what_a_block_hid_comes_back_with_its_end_and_what_the_owner_hid_does_not() {
    let inbox = Inbox::new("");
    let peer = Peer::start("127.0.0.2").await;
    for number in 1..=3 {
        let reply = peer.reply("ada", number, &inbox.object(), "<p>A casino in town</p>");
        inbox.post(&peer, "ada", &reply).await;
    }
    inbox
        .post(&peer, "ada", &act(&peer, "ada", "Like", 9, inbox.object()))
        .await;
    let state = |id: &str| {
        inbox::moderation::find(&inbox.instance, &peer.id(id))
            .unwrap()
            .state
    };
    inbox::moderation::approve(&inbox.instance, &peer.id("/notes/1")).unwrap();
    inbox::moderation::hide(&inbox.instance, &peer.id("/notes/3")).unwrap();
    block(&inbox, "casino", None);
    block(&inbox, &peer.actor("ada"), None);
    assert_eq!(state("/notes/1"), InteractionState::Hidden);
    assert_eq!(state("/Like/9"), InteractionState::Hidden);
    // Of two blocks one is left.
    assert_eq!(
        inbox::moderation::remove_block(&inbox.instance, "casino").unwrap(),
        0
    );
    assert_eq!(state("/notes/1"), InteractionState::Hidden);
    assert_eq!(
        inbox::moderation::remove_block(&inbox.instance, &peer.actor("ada")).unwrap(),
        3
    );
    assert_eq!(state("/notes/1"), InteractionState::Shown);
    assert_eq!(
        state("/notes/2"),
        InteractionState::Shown,
        "its author was approved meanwhile"
    );
    assert_eq!(state("/notes/3"), InteractionState::Hidden);
    assert_eq!(state("/Like/9"), InteractionState::Shown);
    assert!(inbox::moderation::remove_block(&inbox.instance, "casino").is_err());
}

fn block(inbox: &Inbox, text: &str, reason: Option<&str>) {
    let blocks = [(text.to_string(), reason.map(str::to_string))];
    inbox::moderation::add_blocks(&inbox.instance, &blocks, &mut |_, _| {}).unwrap();
}
