//! Hooks hear of what happens, after the sender has its answer.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidings::clock::Clock;
use tidings::inbox;
use tokio::sync::watch;

use super::{Inbox, act, create, follow};
use crate::harness::{Peer, serve, wait_for};

type Calls = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// A receiver of webhooks that fails the first `failures` times.
async fn receiver(failures: usize) -> (String, Calls) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let calls: Calls = Arc::default();
    let kept = Arc::clone(&calls);
    tokio::spawn(serve(listener, move |request, _| {
        let kept = Arc::clone(&kept);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let mut kept = kept.lock().unwrap();
            kept.push((parts.headers, serde_json::from_slice(&body).unwrap()));
            let mut answer = Response::new(Full::new(Bytes::new()));
            if kept.len() <= failures {
                *answer.status_mut() = StatusCode::BAD_GATEWAY;
            }
            answer
        }
    }));
    (url, calls)
}

async fn wait_for_calls(calls: &Calls, count: usize) -> Vec<(HeaderMap, Value)> {
    wait_for("the hook's calls", || async {
        let calls = calls.lock().unwrap().clone();
        (calls.len() >= count).then_some(calls)
    })
    .await
}

#[tokio::test]
async fn a_webhook_hears_of_everything_and_is_tried_again() {
    let (url, calls) = receiver(1).await;
    let inbox = Inbox::new(&format!(
        "[[hook]]\non = ['follow', 'reply', 'mention', 'like', 'boost', 'quote']\nurl = '{url}'\nsecret = 'whsec_c2VjcmV0'"
    ));
    let peer = Peer::start("127.0.0.2").await;
    inbox
        .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
        .await;
    assert_eq!(inbox.instance.store.calls.len(), 1, "on disk before the answer");
    let (_stop, shutdown) = watch::channel(false);
    tokio::spawn(inbox::run(Arc::clone(&inbox.instance), shutdown));
    // The first failure is tried again after five seconds.
    let heard = wait_for_calls(&calls, 2).await;
    assert_eq!(heard[0].1, heard[1].1);
    let (headers, event) = &heard[1];
    assert_eq!(heard[0].0["webhook-id"], headers["webhook-id"]);
    assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));
    assert!(headers.contains_key("webhook-timestamp"));
    assert_eq!(event["event"], "like");
    assert_eq!(event["object"], inbox.object());
    assert_eq!(
        event["page"],
        format!("{}/posts/hello/", inbox.instance.iris.origin())
    );
    assert_eq!(event["actor"]["handle"], peer.handle("ada"));
    assert_eq!(event["activity"]["id"], peer.id("/Like/1"));

    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    let blog = inbox.instance.iris.actor("blog");
    inbox
        .post(&peer, "ada", &create(&peer, "ada", 1, &json!({ "to": [blog] })))
        .await;
    inbox
        .post(&peer, "ada", &act(&peer, "ada", "Announce", 1, inbox.object()))
        .await;
    inbox
        .post(&peer, "ada", &peer.reply("ada", 2, &inbox.object(), "<p>Hi</p>"))
        .await;
    inbox
        .post(
            &peer,
            "ada",
            &create(&peer, "ada", 3, &json!({ "quote": inbox.object() })),
        )
        .await;
    let heard = wait_for_calls(&calls, 7).await;
    let mut events: Vec<&str> = heard[2..]
        .iter()
        .map(|(_, event)| event["event"].as_str().unwrap())
        .collect();
    events.sort_unstable();
    assert_eq!(events, ["boost", "follow", "mention", "quote", "reply"]);
    let mention = heard
        .iter()
        .find(|(_, event)| event["event"] == "mention")
        .unwrap();
    assert_eq!(mention.1["public"], false, "private messages are heard of");
    wait_for("an empty record", || async {
        inbox.instance.store.calls.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_command_gets_the_event_and_one_that_fails_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("event.json");
    let inbox = Inbox::new(&format!(
        "[[hook]]\non = ['like']\ncommand = ['false']\n[[hook]]\non = ['like']\ncommand = ['cp', '/dev/stdin', '{}']\n\
         [[hook]]\non = ['boost']\ncommand = ['/no/such/program']",
        file.display()
    ));
    let peer = Peer::start("127.0.0.2").await;
    let (stop, shutdown) = watch::channel(false);
    let running = tokio::spawn(inbox::run(Arc::clone(&inbox.instance), shutdown));
    inbox
        .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
        .await;
    let event: Value = wait_for("the command", || async {
        serde_json::from_slice(&std::fs::read(&file).unwrap_or_default()).ok()
    })
    .await;
    assert_eq!(event["event"], "like");
    // The one that failed waits for its next try.
    wait_for("the end of the other", || async {
        (inbox.instance.store.calls.len() == 1).then_some(())
    })
    .await;
    stop.send(true).unwrap();
    running.await.unwrap();
}

/// Works off the calls until what is returned is dropped.
fn work_off(inbox: &Inbox) -> watch::Sender<bool> {
    let (stop, shutdown) = watch::channel(false);
    tokio::spawn(inbox::run(Arc::clone(&inbox.instance), shutdown));
    stop
}

#[tokio::test]
async fn a_crash_between_an_event_and_what_it_tells_of_loses_neither_and_invents_nothing() {
    let (url, calls) = receiver(0).await;
    let hook = format!(
        "[[hook]]\non = ['follow', 'reply', 'like', 'change']\nurl = '{url}'\nsecret = 'whsec_c2VjcmV0'"
    );
    let inbox = Inbox::new(&hook);
    let peer = Peer::start("127.0.0.2").await;
    let deeds = |inbox: &Inbox| {
        [
            act(&peer, "ada", "Like", 1, inbox.object()),
            peer.reply("ada", 2, &inbox.object(), "<p>Hi</p>"),
            follow(&peer, "ada", inbox),
        ]
    };
    for deed in deeds(&inbox) {
        assert_eq!(inbox.post(&peer, "ada", &deed).await, 202);
    }
    assert_eq!(inbox.instance.store.calls.len(), 5);
    // A crash at the latest moment: the calls are there, what they tell of isn't.
    let store = &inbox.instance.store;
    for id in store.interactions.ids() {
        store.interactions.delete(&id).unwrap();
    }
    store
        .followers("blog")
        .unwrap()
        .delete(&peer.actor("ada"))
        .unwrap();
    let inbox = inbox.restart();
    let stop = work_off(&inbox);
    wait_for("an empty record", || async {
        inbox.instance.store.calls.is_empty().then_some(())
    })
    .await;
    assert_eq!(calls.lock().unwrap().len(), 0, "nothing happened");
    stop.send(true).unwrap();
    // Their sender has no answer, and comes again; the next crash is later.
    for deed in deeds(&inbox) {
        assert_eq!(inbox.post(&peer, "ada", &deed).await, 202);
    }
    wait_for("the end of the work", || async {
        (Arc::strong_count(&inbox.instance) == 1).then_some(())
    })
    .await;
    let inbox = inbox.restart();
    let _stop = work_off(&inbox);
    let heard = wait_for_calls(&calls, 5).await;
    let mut events: Vec<&str> = heard
        .iter()
        .map(|(_, event)| event["event"].as_str().unwrap())
        .collect();
    events.sort_unstable();
    assert_eq!(events, ["change", "change", "follow", "like", "reply"]);
    wait_for("an empty record", || async {
        inbox.instance.store.calls.is_empty().then_some(())
    })
    .await;
    assert_eq!(calls.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn who_is_not_told_on_the_disk_is_not_told_and_the_sender_comes_again() {
    use std::os::unix::fs::PermissionsExt as _;
    let inbox = Inbox::new("[[hook]]\non = ['follow', 'reply', 'like']\ncommand = ['true']");
    let peer = Peer::start("127.0.0.2").await;
    let folder = inbox.instance.store.disk.root().join("hooks");
    // A file in the folder's place: nobody can write there, root neither.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::write(&folder, "").unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o400)).unwrap();
    let deeds = [
        act(&peer, "ada", "Like", 1, inbox.object()),
        peer.reply("ada", 2, &inbox.object(), "<p>Hi</p>"),
        follow(&peer, "ada", &inbox),
    ];
    for deed in &deeds {
        assert_eq!(inbox.post(&peer, "ada", deed).await, 503, "{deed}");
    }
    assert!(inbox.interactions().is_empty() && inbox.followers().is_empty());
    std::fs::remove_file(&folder).unwrap();
    for deed in &deeds {
        assert_eq!(inbox.post(&peer, "ada", deed).await, 202, "{deed}");
    }
    assert_eq!(inbox.instance.store.calls.len(), 3);
    // Again, as servers do that missed the answer: they are told once.
    for deed in &deeds {
        assert_eq!(inbox.post(&peer, "ada", deed).await, 202, "{deed}");
    }
    assert_eq!(inbox.instance.store.calls.len(), 3);
    assert_eq!((inbox.interactions().len(), inbox.followers().len()), (2, 1));
}

#[tokio::test]
async fn hooks_are_told_on_after_a_clock_that_jumped_ahead_by_days_was_put_back() {
    let (url, calls) = receiver(2).await;
    let clock = Clock::manual(Timestamp::now());
    let inbox = Inbox::at(
        "http://127.0.0.1:1",
        &format!("[[hook]]\non = ['like']\nurl = '{url}'\nsecret = 'whsec_c2VjcmV0'"),
        clock.clone(),
    );
    let peer = Peer::start("127.0.0.2").await;
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
    let before = clock.now();
    clock.jump(before + SignedDuration::from_hours(30 * 24));
    let _stop = work_off(&inbox);
    wait_for_calls(&calls, 1).await;
    let put_off = wait_for("the next try", || async {
        let store = &inbox.instance.store.calls;
        let call = store.get(&store.ids()[0]).unwrap().unwrap();
        (call.attempts == 1).then_some(call)
    })
    .await;
    assert!(put_off.next > before + SignedDuration::from_hours(29 * 24));
    clock.jump(before);
    // It is told at once, not in thirty days; then it is tried by the clock that is right.
    wait_for_calls(&calls, 2).await;
    let put_off = wait_for("the next try", || async {
        let store = &inbox.instance.store.calls;
        let call = store.get(&store.ids()[0]).unwrap().unwrap();
        (call.attempts == 2).then_some(call)
    })
    .await;
    assert_eq!(put_off.next, before + SignedDuration::from_mins(5));
    clock.set(put_off.next);
    wait_for_calls(&calls, 3).await;
}
