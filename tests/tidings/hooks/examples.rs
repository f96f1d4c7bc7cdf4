//! The examples of contrib/hooks, each with what it needs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Response;
use hyper::header::HeaderMap;
use serde_json::Value;

use super::{known, lines, prepare, reply};
use crate::harness::{Peer, World, serve, wait_for};

const HOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/hooks");

/// Whether a program is there; with `TIDINGS_TEST_ALL` it must be.
fn installed(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        println!("skipped: {program} not installed");
        assert!(
            std::env::var_os("TIDINGS_TEST_ALL").is_none(),
            "TIDINGS_TEST_ALL is set"
        );
    }
    there
}

/// A daemon with a hook for replies.
async fn start(command: &str, path: Option<&Path>) -> World {
    let mut world = prepare(&format!("[[hook]]\non = ['reply']\ncommand = {command}\n")).await;
    if let Some(folder) = path {
        let all = format!(
            "{}:{}",
            folder.display(),
            std::env::var("PATH").unwrap_or_default()
        );
        world.environment.push(("PATH", all.into()));
    }
    world.restart().await;
    known(&world).await;
    world
}

/// Who takes POSTs, and what came.
async fn receiver() -> (String, Arc<Mutex<Vec<(HeaderMap, Bytes)>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/services/T0/B0/secret", listener.local_addr().unwrap());
    let came: Arc<Mutex<Vec<(HeaderMap, Bytes)>>> = Arc::default();
    let kept = Arc::clone(&came);
    tokio::spawn(serve(listener, move |request, _| {
        let kept = Arc::clone(&kept);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            kept.lock().unwrap().push((parts.headers, body));
            Response::new(Full::new(Bytes::from_static(b"ok")))
        }
    }));
    (url, came)
}

async fn first(came: &Mutex<Vec<(HeaderMap, Bytes)>>) -> (HeaderMap, Bytes) {
    wait_for("a POST", || async { came.lock().unwrap().first().cloned() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_goes_through_sendmail() {
    let folder = tempfile::tempdir().unwrap();
    let (sendmail, mail) = (folder.path().join("sendmail"), folder.path().join("mail"));
    let script = format!(
        "#!/bin/sh\ncat > '{0}.part'; echo \"$@\" >> '{0}.part'; mv '{0}.part' '{0}'\n",
        mail.display()
    );
    std::fs::write(&sendmail, script).unwrap();
    std::fs::set_permissions(&sendmail, std::fs::Permissions::from_mode(0o755)).unwrap();
    let world = start(
        &format!("['{HOOKS}/mail', 'me@example.org']"),
        Some(folder.path()),
    )
    .await;
    let peer = Peer::start("127.0.0.2").await;
    assert_eq!(reply(&world, &peer, 1, "<p>Schön &amp; gut</p>").await, 202);
    let mail = wait_for("the mail", || async { std::fs::read_to_string(&mail).ok() }).await;
    let (head, body) = mail.split_once("\n\n").unwrap();
    assert!(head.starts_with("To: me@example.org\nSubject: @ada@"), "{mail}");
    assert!(
        body.contains("Schön & gut") && body.contains(&format!("{}/posts/hello/", world.origin)),
        "{mail}"
    );
    assert!(body.contains("tidings interactions approve "), "{mail}");
    assert!(mail.ends_with("-i -t\n"), "{mail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_gets_a_line_that_names_who_and_where() {
    if !(installed("curl") && installed("jq")) {
        return;
    }
    let (url, came) = receiver().await;
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("slack.curl");
    std::fs::write(&address, format!("url = \"{url}\"\n")).unwrap();
    let world = start(&format!("['{HOOKS}/slack', '{}']", address.display()), None).await;
    let peer = Peer::start("127.0.0.2").await;
    assert_eq!(
        reply(&world, &peer, 1, "<p>\"One\" &lt;!channel&gt;</p><p>Two</p>").await,
        202
    );
    let (headers, body) = first(&came).await;
    assert_eq!(headers["content-type"], "application/json");
    let body: Value = serde_json::from_slice(&body).unwrap();
    let text = body["text"].as_str().unwrap();
    assert!(
        text.starts_with("reply: ") && text.contains("/posts/hello/"),
        "{text}"
    );
    assert!(text.contains("> \"One\" &lt;!channel&gt;"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ntfy_gets_the_text_and_where_a_tap_leads() {
    if !installed("curl") {
        return;
    }
    let (url, came) = receiver().await;
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("ntfy.curl");
    std::fs::write(
        &address,
        format!("url = \"{url}\"\nheader = \"Authorization: Bearer tk_x\"\n"),
    )
    .unwrap();
    let world = start(&format!("['{HOOKS}/ntfy', '{}']", address.display()), None).await;
    let peer = Peer::start("127.0.0.2").await;
    assert_eq!(reply(&world, &peer, 1, "<p>Schön</p>").await, 202);
    let (headers, body) = first(&came).await;
    assert_eq!(headers["title"], format!("reply {}/posts/hello/", world.origin));
    assert_eq!(headers["authorization"], "Bearer tk_x");
    assert!(headers["click"].to_str().unwrap().contains("/notes/1"));
    assert!(String::from_utf8(body.to_vec()).unwrap().contains("Schön"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_events_make_one_rebuild_with_what_was_said() {
    // The first build takes as long as the test wants: what comes meanwhile is gathered for the second.
    let build = "until [ -e ../go ]; do sleep 0.1; done; cat $(find widgets -name \"*.html\") > built; echo >> builds";
    let mut world = prepare(&format!(
        "[interactions]\nmoderation = 'show'\n[[hook]]\non = ['change']\ngather = '10ms'\ntimeout = '10m'\n\
         command = ['{HOOKS}/rebuild', 'source', 'widgets', 'sh', '-c', 'echo >> begun; {build}']\n",
    ))
    .await;
    let source = world.site.root().join("source");
    std::fs::create_dir(&source).unwrap();
    world.restart().await;
    known(&world).await;
    let peer = Peer::start("127.0.0.2").await;
    assert_eq!(reply(&world, &peer, 0, "<p>Word 0.</p>").await, 202);
    wait_for("the first build", || async {
        (lines(&source.join("begun")).len() == 1).then_some(())
    })
    .await;
    for number in 1..6 {
        let text = format!("<p>Word {number}.</p>");
        assert_eq!(reply(&world, &peer, number, &text).await, 202);
    }
    std::fs::write(world.site.root().join("go"), "").unwrap();
    wait_for("the second build", || async {
        (lines(&source.join("builds")).len() == 2).then_some(())
    })
    .await;
    let built = std::fs::read_to_string(source.join("built")).unwrap();
    assert!(
        (0..6).all(|number| built.contains(&format!("Word {number}."))),
        "{built}"
    );
    assert_eq!(lines(&source.join("begun")).len(), 2, "{}", world.log());
}
