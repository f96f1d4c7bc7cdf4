//! 88 requests that real servers sent, in the order in which they sent them, and what each of them does.

use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidings::clock::Clock;
use tidings::store::{FollowState, InteractionKind};
use tidings::{inbox, remote};

use super::Inbox;
use crate::vectors::{Raw, vectors};

const ORIGIN: &str = "https://blog.example";

/// A request of the lab.
struct Sent {
    name: String,
    raw: Raw,
    at: Timestamp,
}

fn folder(server: &str) -> PathBuf {
    vectors().join("lab").join(server)
}

/// When a request was signed: its Date, or what its RFC 9421 signature says.
fn signed_at(raw: &Raw) -> Timestamp {
    let header = |name: &str| {
        raw.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_string())
    };
    if let Some(date) = header("date") {
        return httpdate::parse_http_date(&date).unwrap().try_into().unwrap();
    }
    let input = header("signature-input").unwrap();
    let created = input.split("created=").nth(1).unwrap();
    let seconds: String = created.chars().take_while(char::is_ascii_digit).collect();
    Timestamp::from_second(seconds.parse().unwrap()).unwrap()
}

/// All requests of a server, in time; within a second as a server would send them.
fn sent(server: &str) -> Vec<Sent> {
    let mut all: Vec<Sent> = fs::read_dir(folder(server))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "http"))
        .map(|path| {
            let raw = Raw::read(&fs::read(&path).unwrap(), "\r\n");
            Sent {
                name: path.file_stem().unwrap().to_str().unwrap().to_string(),
                at: signed_at(&raw),
                raw,
            }
        })
        .collect();
    let rank = |name: &str| match name.split('-').next() {
        Some("undo" | "delete") => 2,
        Some("update") => 1,
        _ => 0,
    };
    all.sort_by_key(|sent| (sent.at, rank(&sent.name)));
    all
}

/// An inbox of the lab's blog that knows the server's actors.
fn blog(server: &str, clock: &Clock) -> Inbox {
    let inbox = Inbox::at(ORIGIN, "", clock.clone());
    for key in ["snac-1", "gts-1", "mitra-1", "fedify-1", "pubby-1"] {
        inbox.publish(key, &format!("/{key}/"));
    }
    for entry in fs::read_dir(folder(server)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let id = document["id"].as_str().unwrap().to_string();
            remote::update(&inbox.instance, &id, &document).unwrap();
        }
    }
    inbox
}

/// Sends one, a second after it was signed.
async fn replay(inbox: &Inbox, clock: &Clock, sent: &Sent) -> u16 {
    clock.set(sent.at + SignedDuration::from_secs(1));
    let target = format!("{ORIGIN}{}", sent.raw.word(1));
    if sent.raw.word(0) == "GET" {
        let who = inbox::verify::fetcher(&inbox.instance, "GET", &target, &sent.raw.headers, None).await;
        return match who {
            Ok(Some(_)) => 200,
            Ok(None) => 401,
            Err(refusal) => refusal.status(),
        };
    }
    let name = target.ends_with("/actors/blog/inbox").then_some("blog");
    inbox
        .arrive_at(name, &target, sent.raw.headers.clone(), &sent.raw.body)
        .await
        .status
}

fn kinds(inbox: &Inbox) -> Vec<InteractionKind> {
    let mut kinds = Vec::new();
    inbox
        .instance
        .store
        .interactions
        .each(|_, brief| kinds.push(brief.kind));
    kinds
}

async fn act_out(server: &str) -> usize {
    let clock = Clock::manual("2026-11-21T10:00:00Z".parse().unwrap());
    let inbox = blog(server, &clock);
    let all = sent(server);
    let count = |kind| kinds(&inbox).into_iter().filter(|other| *other == kind).count();
    let mut reply = None;
    for sent in &all {
        let status = replay(&inbox, &clock, sent).await;
        let expected = if sent.raw.word(0) == "GET" { 200 } else { 202 };
        assert_eq!(status, expected, "{server}/{}", sent.name);
        let name = sent.name.trim_start_matches("rfc9421-");
        let what = format!("{server}/{name}");
        match name {
            "follow" => {
                assert_eq!(inbox.followers().len(), 1, "{what}");
                let followers = inbox.instance.store.followers("blog").unwrap();
                let follower = followers.get(&inbox.followers()[0]).unwrap().unwrap();
                assert_eq!(follower.state, FollowState::Accepted);
            }
            "undo-follow" | "block" => assert!(inbox.followers().is_empty(), "{what}"),
            "like" => assert_eq!(count(InteractionKind::Like), 1, "{what}"),
            "undo-like" => assert_eq!(count(InteractionKind::Like), 0, "{what}"),
            "announce" => assert_eq!(count(InteractionKind::Boost), 1, "{what}"),
            "undo-announce" => assert_eq!(count(InteractionKind::Boost), 0, "{what}"),
            "create-reply" | "update-reply" => {
                assert_eq!(count(InteractionKind::Reply), 1, "{what}");
                let listed = inbox::moderation::list(
                    &inbox.instance,
                    &inbox::moderation::Filter {
                        kind: Some(InteractionKind::Reply),
                        ..Default::default()
                    },
                    &mut |_, _| {},
                )
                .unwrap()
                .items;
                let content = listed[0].content.clone();
                assert!(
                    content.as_deref().is_some_and(|content| content.len() > 10),
                    "{what}"
                );
                assert_ne!(content, reply, "{what} changes what is shown");
                assert!(listed[0].public);
                reply = content;
            }
            "delete-reply" => assert_eq!(count(InteractionKind::Reply), 0, "{what}"),
            "create-direct" => {
                let direct =
                    inbox::moderation::list(&inbox.instance, &Default::default(), &mut |_, _| {}).unwrap();
                assert!(direct.items.iter().any(|said| !said.public), "{what} is private");
            }
            "flag" => assert_eq!(inbox.instance.store.reports.len(), 1, "{what}"),
            _ => {}
        }
    }
    all.len()
}

#[tokio::test]
async fn every_request_that_real_servers_sent_is_understood() {
    let mut count = 0;
    for server in ["fedify", "gts", "mitra", "pubby", "snac2"] {
        count += act_out(server).await;
    }
    assert_eq!(count, 88);
}

#[tokio::test]
async fn the_same_requests_backwards_leave_no_likes_behind() {
    let clock = Clock::manual("2026-11-21T10:00:00Z".parse().unwrap());
    for server in ["gts", "mitra", "snac2", "pubby", "fedify"] {
        let inbox = blog(server, &clock);
        let mut all = sent(server);
        all.retain(|sent| !sent.name.contains("actor") && sent.raw.word(0) == "POST");
        all.reverse();
        for sent in &all {
            assert_eq!(replay(&inbox, &clock, sent).await, 202, "{server}/{}", sent.name);
        }
        let likes = kinds(&inbox)
            .into_iter()
            .filter(|kind| matches!(kind, InteractionKind::Like | InteractionKind::Boost))
            .count();
        assert_eq!(likes, 0, "{server}");
    }
}
