//! Hooks hear of what happens, after the sender has its answer.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
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
