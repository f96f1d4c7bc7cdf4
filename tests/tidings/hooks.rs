//! Hooks as an owner has them: run by the real daemon, outside of what restricts it.

mod examples; // what lies in contrib/hooks
mod secrets; // what must not be said

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Peer, Site, World, wait_for};

/// A site with one post that is known.
async fn start(extra: &str) -> World {
    let mut world = prepare(extra).await;
    world.restart().await;
    known(&world).await;
    world
}

async fn prepare(extra: &str) -> World {
    let site = Site::empty();
    site.post("hello", "Hello", "<p>Here.</p>");
    World::prepare(site, extra).await
}

async fn known(world: &World) {
    world.baseline().await;
    wait_for("the object", || async {
        (world.get("/ap/objects/posts~hello").await.status == 200).then_some(())
    })
    .await;
}

async fn like(world: &World, peer: &Peer, number: usize) -> u16 {
    let name = format!("user{number}");
    let like = json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": peer.id(&format!("/likes/{number}")),
        "type": "Like", "actor": peer.actor(&name), "object": format!("{}/ap/objects/posts~hello", world.origin),
    });
    peer.post(&name, &format!("{}/ap/inbox", world.origin), &like)
        .await
}

async fn reply(world: &World, peer: &Peer, number: u32, content: &str) -> u16 {
    let object = format!("{}/ap/objects/posts~hello", world.origin);
    let reply = peer.reply("ada", number, &object, content);
    peer.post("ada", &format!("{}/ap/inbox", world.origin), &reply)
        .await
}

fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_string).collect()
}

/// A `[[hook]]` that is a line of shell.
fn shell(on: &str, script: &str, more: &str) -> String {
    format!("[[hook]]\non = {on}\ncommand = ['sh', '-c', '''{script}''']\n{more}\n")
}

/// Whether a process has ended; as a zombie it may wait for somebody to ask.
async fn is_over(pid: &str) {
    wait_for("the end of a process", || async {
        match std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
            Err(_) => Some(()),
            Ok(stat) => stat
                .rsplit(')')
                .next()
                .unwrap()
                .trim()
                .starts_with('Z')
                .then_some(()),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_writes_nothing_outside_of_its_data_but_a_hook_does() {
    // Relative to ap.toml, as all paths are.
    let world = start(&shell("['like']", "cat > out.json; env > environment", "")).await;
    let peer = Peer::start("127.0.0.2").await;
    assert_eq!(like(&world, &peer, 1).await, 202);
    let out = world.site.root().join("out.json");
    let event: Value = wait_for("the hook", || async {
        serde_json::from_str(&std::fs::read_to_string(&out).unwrap_or_default()).ok()
    })
    .await;
    assert_eq!(event["event"], "like");
    let environment = wait_for("its environment", || async {
        let lines = lines(&world.site.root().join("environment"));
        (!lines.is_empty()).then_some(lines)
    })
    .await;
    assert!(environment.contains(&"TIDINGS_EVENT=like".to_string()));
    assert!(environment.contains(&format!("TIDINGS_PAGE={}/posts/hello/", world.origin)));
    assert!(environment.contains(&format!("TIDINGS_CONFIG={}", world.config().display())));

    if !world.log().contains("landlock: nothing is") {
        // No program that could be installed: the kernel has it or not.
        assert!(world.log().contains("landlock: this kernel doesn't have it"));
        println!("skipped: this kernel has no landlock");
        return;
    }
    // What could make it write elsewhere: a folder of its data that leads out.
    let (outside, inside) = (
        world.site.root().join("elsewhere"),
        world.site.data().join("interactions"),
    );
    std::fs::create_dir(&outside).unwrap();
    std::fs::rename(&inside, world.site.data().join("interactions-before")).unwrap();
    std::os::unix::fs::symlink(&outside, &inside).unwrap();
    assert_eq!(
        like(&world, &peer, 2).await,
        503,
        "what can't be kept isn't taken"
    );
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    std::fs::remove_file(&inside).unwrap();
    std::fs::rename(world.site.data().join("interactions-before"), &inside).unwrap();
    assert_eq!(like(&world, &peer, 2).await, 202);
    for thread in std::fs::read_dir(format!("/proc/{}/task", world.pid())).unwrap() {
        let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_hangs_holds_up_neither_the_inbox_nor_others_and_is_called_again_after_a_crash() {
    let hangs = shell(
        "['like']",
        "echo $$ >> hung; sleep 600 & sleep 600",
        "timeout = '1h'",
    );
    let fails = shell("['like']", "yes | head -c 1000000; exit 3", "");
    let works = shell("['like']", "cat >> heard", "");
    let mut world = start(&format!("{hangs}{fails}{works}")).await;
    let peer = Peer::start("127.0.0.2").await;
    for number in 0..8 {
        assert_eq!(like(&world, &peer, number).await, 202);
    }
    let (heard, hung) = (world.site.root().join("heard"), world.site.root().join("hung"));
    wait_for("the hook that works", || async {
        (lines(&heard).len() == 8).then_some(())
    })
    .await;
    let first = wait_for("the hook that hangs", || async {
        Some(lines(&hung)).filter(|pids| !pids.is_empty())
    })
    .await;
    world.kill();
    for pid in &first {
        is_over(pid).await;
    }
    world.restart().await;
    wait_for("another call", || async {
        (lines(&hung).len() > first.len()).then_some(())
    })
    .await;
    let before = lines(&hung);
    assert_eq!(world.stop().await, Some(0));
    for pid in &before {
        is_over(pid).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_gathered_for_one_run_of_a_command() {
    // While the first run waits for the test, the others come.
    let script = "wc -l >> counted; until [ -e go ]; do sleep 0.1; done";
    let world = start(&shell("['like']", script, "gather = '10ms'\ntimeout = '10m'")).await;
    let peer = Peer::start("127.0.0.2").await;
    let counted = world.site.root().join("counted");
    assert_eq!(like(&world, &peer, 0).await, 202);
    wait_for("the first run", || async {
        (lines(&counted).len() == 1).then_some(())
    })
    .await;
    for number in 1..12 {
        assert_eq!(like(&world, &peer, number).await, 202);
    }
    std::fs::write(world.site.root().join("go"), "").unwrap();
    let runs = wait_for("the second run", || async {
        Some(lines(&counted)).filter(|runs| runs.len() == 2)
    })
    .await;
    let runs: Vec<usize> = runs.iter().map(|line| line.trim().parse().unwrap()).collect();
    assert_eq!(runs, [1, 11]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_on_a_page_is_an_event_also_by_the_owners_word() {
    let world = start(&format!(
        "[interactions]\nmoderation = 'show'\n{}",
        shell("['change']", "cat >> changes", "")
    ))
    .await;
    let peer = Peer::start("127.0.0.2").await;
    assert_eq!(reply(&world, &peer, 1, "<p>Hi</p>").await, 202);
    let changes = world.site.root().join("changes");
    wait_for("the reply", || async {
        (lines(&changes).len() == 1).then_some(())
    })
    .await;
    let hidden = world
        .command(&["interactions", "hide", &peer.id("/notes/1")])
        .await;
    assert_eq!(hidden.code, 0, "{}", hidden.stderr);
    wait_for("the owner's word", || async {
        (lines(&changes).len() == 2).then_some(())
    })
    .await;
    let event: Value = serde_json::from_str(&lines(&changes)[1]).unwrap();
    assert_eq!(event["page"], format!("{}/posts/hello/", world.origin));
    assert_eq!(event["event"], "change");
}

/// A service that ends with the test.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_its_own_runs_commands_in_the_helpers_place() {
    let world = start(&shell("['like']", "echo $WHO >> who; sleep 0", "")).await;
    let mut service = Service(
        Command::new(env!("CARGO_BIN_EXE_tidings"))
            .args(["hooks", "run", "--config"])
            .arg(world.config())
            .env("WHO", "the service")
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let socket: PathBuf = world.site.data().join("hooks.sock");
    wait_for("the service's socket", || async { socket.exists().then_some(()) }).await;
    wait_for("its permissions", || async {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
        (mode & 0o777 == 0o600).then_some(())
    })
    .await;
    let peer = Peer::start("127.0.0.2").await;
    assert_eq!(like(&world, &peer, 1).await, 202);
    let who = world.site.root().join("who");
    wait_for("the service", || async {
        (lines(&who) == ["the service"]).then_some(())
    })
    .await;
    let pid = rustix::process::Pid::from_child(&service.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(service.0.wait().unwrap().success());
    assert!(!socket.exists());
    // As one leaves it that is killed.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert_eq!(like(&world, &peer, 2).await, 202);
    wait_for("the helper", || async {
        (lines(&who) == ["the service", ""]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_when_who_runs_commands_is_gone() {
    let mut world = start(&shell("['like']", "cat >> heard", "")).await;
    let children = format!("/proc/{0}/task/{0}/children", world.pid());
    let helper: i32 = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
    let helper = rustix::process::Pid::from_raw(helper).unwrap();
    rustix::process::kill_process(helper, rustix::process::Signal::KILL).unwrap();
    is_over(&helper.as_raw_nonzero().to_string()).await;
    let peer = Peer::start("127.0.0.2").await;
    assert_eq!(like(&world, &peer, 1).await, 202);
    wait_for("the log to say so", || async {
        world.log().contains("the helper is gone").then_some(())
    })
    .await;
    world.restart().await;
    let heard = world.site.root().join("heard");
    wait_for("the hook", || async { (lines(&heard).len() == 1).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_command_of_a_running_daemon_waits_for_its_restart() {
    let mut world = start("").await;
    world.configure(&shell("['like']", "cat >> heard", ""));
    let pid = rustix::process::Pid::from_raw(i32::try_from(world.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    wait_for("the warning", || async {
        world.log().contains("the first [[hook]]").then_some(())
    })
    .await;
    let peer = Peer::start("127.0.0.2").await;
    assert_eq!(like(&world, &peer, 1).await, 202);
    world.restart().await;
    let heard = world.site.root().join("heard");
    wait_for("the hook", || async { (lines(&heard).len() == 1).then_some(()) }).await;
}
