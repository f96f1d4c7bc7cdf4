//! Behind a real nginx, with the snippet that is shipped.

use std::process::{Child, Command, Stdio};

use crate::harness::{Peer, Site, World, get, wait_for};

/// A running nginx; ended when dropped.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

/// Whether a program is there; says so when it isn't.
fn installed(program: &str) -> bool {
    let there = Command::new(program)
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !there {
        assert!(
            std::env::var_os("TIDINGS_TEST_ALL").is_none(),
            "{program} is not installed, and all tests are asked for"
        );
        println!("skipped: {program} not installed");
    }
    there
}

fn start(world: &World) -> Nginx {
    let root = world.site.root();
    let snippet = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/proxy/nginx.conf")).unwrap();
    assert!(
        snippet.contains("127.0.0.1:8790"),
        "the snippet names the default address"
    );
    std::fs::write(
        root.join("tidings.conf"),
        snippet.replace("127.0.0.1:8790", &world.address().to_string()),
    )
    .unwrap();
    let listen = world.origin.trim_start_matches("http://");
    let (root_text, output) = (root.display(), world.site.output());
    std::fs::write(
        root.join("nginx.conf"),
        format!(
            "daemon off; worker_processes 1; pid {root_text}/nginx.pid; error_log {root_text}/error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off; types {{ text/html html; }} default_type application/octet-stream;\n\
             client_body_temp_path {root_text}/body; proxy_temp_path {root_text}/proxy; fastcgi_temp_path {root_text}/f;\n\
             uwsgi_temp_path {root_text}/u; scgi_temp_path {root_text}/s;\n\
             server {{ listen {listen}; root {}; index index.html; include {root_text}/tidings.conf;\n\
             location / {{ try_files $uri $uri/ =404; }} }} }}\n",
            output.display()
        ),
    )
    .unwrap();
    // Its workers run as another user when the tests run as root.
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o755)).unwrap();
    let child = Command::new("nginx")
        .arg("-p")
        .arg(root)
        .arg("-c")
        .arg(root.join("nginx.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Nginx(child)
}

/// An address that is free now: nginx can't be asked for port 0.
fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_works_behind_nginx() {
    if !installed("nginx") {
        return;
    }
    let site = Site::empty();
    site.write(
        "/posts/hello/index.html",
        "<!doctype html><html lang=en><title>Hello</title><article><h1>Hello</h1><time datetime=2026-11-01T10:00:00Z>then</time>\
         <p>A post.</p></article><!--# include virtual=\"/ap/widgets/thread?page=/posts/hello/\" --></html>",
    );
    let origin = format!("http://{}", free_address());
    let mut world = World::behind(site, "interactions = { moderation = 'show' }", origin);
    world.restart().await;
    world.baseline().await;
    let _nginx = start(&world);
    let page = format!("{}/posts/hello/", world.origin);
    wait_for("nginx", || async {
        std::net::TcpStream::connect(world.origin.trim_start_matches("http://"))
            .ok()
            .map(drop)
    })
    .await;

    // A browser gets the page, a server that names ActivityPub JSON first its object.
    let browser = get(&page, "text/html,application/xhtml+xml,*/*;q=0.8").await;
    assert_eq!(browser.status, 200);
    assert!(browser.text().contains("A post."));
    let object = format!("{}/ap/objects/posts~hello", world.origin);
    let mastodon = "application/activity+json, application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\", text/html;q=0.1";
    let resolved = get(&page, mastodon).await;
    assert_eq!(
        (resolved.status, resolved.header("location")),
        (302, object.as_str())
    );
    assert_eq!(get(&object, mastodon).await.json()["name"], "Hello");
    let account = world.origin.trim_start_matches("http://");
    let webfinger = world
        .get(&format!("/.well-known/webfinger?resource=acct:blog@{account}"))
        .await;
    assert_eq!(webfinger.json()["subject"], format!("acct:blog@{account}"));

    // Signatures survive the proxy, and what was said stands in the page.
    let peer = Peer::start("127.0.0.6").await;
    peer.follow(&world, "ada").await;
    let reply = peer.reply("ada", 1, &object, "<p>Through the proxy.</p>");
    assert_eq!(
        peer.post("ada", &format!("{}/ap/inbox", world.origin), &reply)
            .await,
        202
    );
    wait_for("the reply in the page", || async {
        get(&page, "text/html")
            .await
            .text()
            .contains("Through the proxy.")
            .then_some(())
    })
    .await;

    // When tidings is down, the page goes out without.
    world.kill();
    let page = get(&page, "text/html").await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("A post.") && !page.text().contains("error"),
        "{}",
        page.text()
    );
}
