//! How the daemon starts, where it listens, and what it reads again.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Peer, Site, World, wait_for};

/// A daemon whose address the harness can't read; it ends with the test.
struct Running(Child);

impl Running {
    fn start(world: &World) -> Running {
        let child = Command::new(env!("CARGO_BIN_EXE_tidings"))
            .args(["serve", "--config"])
            .arg(world.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Running(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first line of the answer to a GET through a unix socket; `None` when nobody listens there.
fn status_line(socket: &Path) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream
        .write_all(b"GET /.well-known/nodeinfo HTTP/1.1\r\nHost: blog.example\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer.lines().next()?.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_has_its_mode_and_takes_the_place_of_one_that_was_left() {
    let world = World::prepare(
        Site::empty(),
        "server = { listen = 'unix:http.sock', listen_mode = '0620' }",
    )
    .await;
    let socket = world.site.root().join("http.sock");
    let mut daemon = Running::start(&world);
    for end in [Signal::KILL, Signal::TERM] {
        let answer = wait_for("an answer", || async { status_line(&socket) }).await;
        assert_eq!(answer, "HTTP/1.1 200 OK");
        let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o620);
        kill_process(Pid::from_child(&daemon.0), end).unwrap();
        let ended = wait_for("the end", || {
            let ended = daemon.0.try_wait().unwrap();
            async move { ended }
        })
        .await;
        if end == Signal::KILL {
            assert!(socket.exists(), "who is killed can't tidy up");
            daemon = Running::start(&world);
        } else {
            assert_eq!(ended.code(), Some(0));
        }
    }
    assert!(!socket.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_where_the_socket_should_be_is_left_alone() {
    let world = World::prepare(Site::empty(), "server = { listen = 'unix:http.sock' }").await;
    let file = world.site.root().join("http.sock");
    std::fs::write(&file, "a diary").unwrap();
    let refused = world.command(&["serve"]).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("no socket"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a diary");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_sighup_brings_is_told_to_followers_and_a_broken_file_to_the_log() {
    let world = World::start(Site::empty(), "").await;
    world.baseline().await;
    let peer = Peer::start("127.0.14.2").await;
    peer.follow(&world, "ada").await;
    let hang_up = || {
        let pid = Pid::from_raw(world.pid().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::HUP).unwrap();
    };
    std::fs::write(world.config(), "[[actor]\nname = 'Broken'").unwrap();
    hang_up();
    wait_for("the complaint", || async {
        world
            .log()
            .contains("the configuration stays as it was")
            .then_some(())
    })
    .await;
    assert!(world.log().contains("ap.toml:1"), "{}", world.log());

    world.configure("actor = [{ name = 'blog', display_name = 'Renamed' }]");
    hang_up();
    let update = peer.wait_for("Update", 1).await.remove(0);
    assert_eq!(update["actor"], world.actor());
    assert_eq!(update["object"]["id"], world.actor());
    assert_eq!(update["object"]["name"], "Renamed");
}
