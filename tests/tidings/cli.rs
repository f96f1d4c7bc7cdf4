//! The commands: with a daemon and without, their exit codes, and what the daemon refuses to start with.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Peer, Site, World, wait_for};

#[test]
fn the_help_of_every_command_is_as_written_down() {
    trycmd::TestCases::new()
        .case("tests/cli/*.trycmd")
        .env("COLUMNS", "100");
}

#[tokio::test]
async fn every_mistake_of_a_configuration_is_reported_and_the_code_is_3() {
    let world = World::prepare(Site::empty(), "").await;
    let text = std::fs::read_to_string(world.config()).unwrap();
    std::fs::write(
        world.config(),
        format!("{text}\n[publsh]\n[interactions]\nshow = 'some'\nlocale = 5\n"),
    )
    .unwrap();
    for command in ["serve", "plan", "followers"] {
        let output = world.command(&[command]).await;
        assert_eq!(output.code, 3, "{}", output.stderr);
        assert_eq!(output.stdout, "");
        for part in [
            "publsh: unknown key",
            "hint: did you mean `publish`?",
            "interactions.show",
            "interactions.locale",
        ] {
            assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
        }
    }
}

#[tokio::test]
async fn wrong_usage_is_2_and_help_is_0() {
    let world = World::prepare(Site::empty(), "").await;
    for wrong in [
        &["fly"][..],
        &["publish", "--wait", "--as", "x"],
        &["queue", "drop"],
        &["plan", "-v", "-q"],
    ] {
        assert_eq!(world.command(wrong).await.code, 2, "{wrong:?}");
    }
    assert_eq!(world.command(&["queue", "--help"]).await.code, 0);
}

#[tokio::test]
async fn the_first_start_needs_an_output_folder_and_a_later_one_does_not() {
    let mut world = World::prepare(Site::empty(), "").await;
    let (output, aside) = (world.site.output(), world.site.root().join("aside"));
    std::fs::rename(&output, &aside).unwrap();
    let refused = world.command(&["serve"]).await;
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("does not exist"), "{}", refused.stderr);
    assert!(
        !world.site.data().exists(),
        "what failed to start leaves nothing behind"
    );

    std::fs::rename(&aside, &output).unwrap();
    world.restart().await;
    world.baseline().await;
    world.stop().await;
    std::fs::rename(&output, &aside).unwrap();
    world.restart().await;
    assert_eq!(world.stop().await, Some(0));
}

#[tokio::test]
async fn a_store_that_is_in_use_foreign_newer_or_without_its_key_is_refused() {
    let mut world = World::start(Site::empty(), "").await;
    let second = world.command(&["serve"]).await;
    assert_eq!(second.code, 4, "{}", second.stderr);
    assert!(second.stderr.contains("in use"), "{}", second.stderr);
    assert_eq!(world.stop().await, Some(0));

    let data = world.site.data();
    let key = data.join("actors/blog/key.pem");
    let pem = std::fs::read(&key).unwrap();
    assert_eq!(
        std::fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = world.command(&["serve"]).await;
    assert_eq!(exposed.code, 4, "{}", exposed.stderr);
    assert!(exposed.stderr.contains("chmod -R go="), "{}", exposed.stderr);
    std::fs::remove_file(&key).unwrap();
    let lost = world.command(&["serve"]).await;
    assert_eq!(lost.code, 4, "{}", lost.stderr);
    assert!(!key.exists());
    std::fs::write(&key, &pem).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();

    let layout = std::fs::read_to_string(data.join("layout.json")).unwrap();
    std::fs::write(
        data.join("layout.json"),
        layout.replace("\"layout\": 1", "\"layout\": 99"),
    )
    .unwrap();
    assert_eq!(world.command(&["followers"]).await.code, 4);
    std::fs::write(data.join("layout.json"), layout.replace("127.0.0.1", "127.0.0.9")).unwrap();
    let foreign = world.command(&["followers"]).await;
    assert_eq!(foreign.code, 3, "{}", foreign.stderr);
}

#[tokio::test]
async fn a_command_goes_through_the_daemon_and_works_alike_without_one() {
    let mut world = World::start(Site::empty(), "").await;
    let added = world
        .command(&["block", "add", "bad.example", "--reason", "spam"])
        .await;
    assert_eq!(added.code, 0, "{}", added.stderr);
    let with = world.command(&["block", "list", "--json"]).await.json();
    assert_eq!(with[0]["block"], "bad.example");
    assert_eq!(with[0]["reason"], "spam");
    assert_eq!(world.stop().await, Some(0));
    assert!(!world.site.data().join("control.sock").exists());
    let without = world.command(&["block", "--json"]).await.json();
    assert_eq!(with, without);
    let removed = world.command(&["block", "remove", "bad.example", "--json"]).await;
    assert_eq!(removed.json(), json!({ "removed": "bad.example" }));
    assert_eq!(removed.stderr, "bad.example is no longer blocked\n");
    let retried = world.command(&["queue", "retry", "--json"]).await;
    assert_eq!(retried.json(), json!({ "retried": 0 }));
    assert_eq!(world.command(&["block", "--json"]).await.json(), json!([]));
}

#[tokio::test]
async fn a_data_directory_with_a_long_path_has_its_socket_elsewhere() {
    let long = "long-".repeat(24);
    let mut world = World::start(Site::empty(), &format!("site = {{ data = '{long}' }}")).await;
    assert!(world.site.root().join(&long).join("control.json").exists());
    let answer = world.command(&["followers", "--json"]).await;
    assert_eq!(answer.json(), json!([]));
    assert_eq!(world.stop().await, Some(0));
}

#[tokio::test]
async fn a_plan_ends_with_10_when_there_are_changes_and_stores_nothing() {
    let world = World::prepare(Site::empty(), "publish = { first_run = 'announce' }").await;
    assert_eq!(world.command(&["plan", "--exit-code"]).await.code, 0);
    world.site.post("hello", "Hello", "<p>Hi</p>");
    let plan = world.command(&["plan", "--json", "--exit-code"]).await;
    assert_eq!(plan.code, 10, "{}", plan.stderr);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["changes"][0]["action"], "create");
    assert_eq!(plan["changes"][0]["page"], "/posts/hello/");
    assert_eq!(world.command(&["plan"]).await.code, 0);
    assert!(!world.site.data().exists());
}

#[tokio::test]
async fn a_plan_says_that_the_folder_is_missing_through_the_daemon_too() {
    let site = Site::empty();
    site.post("hello", "Hello", "<p>Hi</p>");
    let mut world = World::start(site, "").await;
    world.baseline().await;
    std::fs::rename(world.site.output(), world.site.root().join("aside")).unwrap();
    for _ in 0..2 {
        for _ in 0..2 {
            let plan = world.command(&["plan"]).await;
            assert_eq!(plan.code, 0, "{}", plan.stderr);
            assert_eq!(
                plan.stderr.matches("is missing; nothing is deleted").count(),
                1,
                "{}",
                plan.stderr
            );
        }
        world.stop().await;
    }
    let plan = world.command(&["plan", "--json"]).await.json();
    assert!(
        plan["warnings"][0].as_str().unwrap().contains("is missing"),
        "{plan:#}"
    );
}

/// The name that our actor shows.
async fn name(world: &World) -> Option<String> {
    let document = world.get("/ap/actors/blog").await.json();
    document["name"].as_str().map(str::to_string)
}

#[tokio::test]
async fn sighup_reads_the_configuration_again_and_keeps_the_old_one_when_the_new_is_wrong() {
    let world = World::start(Site::empty(), "").await;
    assert_eq!(name(&world).await.as_deref(), Some("The Blog"));
    let hang_up = || {
        let pid = rustix::process::Pid::from_raw(world.pid().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    };
    world.configure(
        "actor = [{ name = 'blog', display_name = 'Renamed' }]\nserver = { listen = '127.0.0.1:1' }",
    );
    hang_up();
    wait_for("the new name", || async {
        (name(&world).await.as_deref() == Some("Renamed")).then_some(())
    })
    .await;
    wait_for("the word about what needs a restart", || async {
        world.log().contains("server.listen").then_some(())
    })
    .await;
    world.configure("actor = [{ name = 'blog', display_name = 5 }]");
    hang_up();
    wait_for("the complaint", || async {
        world.log().contains("actor.display_name").then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(name(&world).await.as_deref(), Some("Renamed"));
}

#[tokio::test]
async fn a_changed_profile_and_a_new_key_are_announced_the_latter_with_the_former_key() {
    let world = World::start(Site::empty(), "").await;
    world.baseline().await;
    let peer = Peer::start("127.0.3.2").await;
    peer.follow(&world, "ada").await;
    let unchanged = world.command(&["actor", "update"]).await;
    assert_eq!(unchanged.code, 0, "{}", unchanged.stderr);
    assert!(peer.activities("Update").is_empty());

    let before = world.command(&["key", "--json"]).await.json();
    let rotated = world.command(&["key", "rotate"]).await;
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    // The peer checks what arrives with the key that it knows, which is the former one.
    let update = peer.wait_for("Update", 1).await.remove(0);
    let after = world.command(&["key", "--json"]).await.json();
    assert_ne!(before[0]["publicKeyPem"], after[0]["publicKeyPem"]);
    assert_eq!(
        update["object"]["publicKey"]["publicKeyPem"],
        after[0]["publicKeyPem"]
    );
    assert_eq!(
        world.get("/ap/actors/blog").await.json()["publicKey"]["publicKeyPem"],
        after[0]["publicKeyPem"]
    );
    let mode = std::fs::metadata(world.site.data().join("actors/blog/key.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_doctor_finds_a_healthy_chain_healthy_and_names_a_broken_link() {
    let site = Site::empty();
    site.post("hello", "Hello", "<p>Hi</p>");
    let mut world = World::start(site, "").await;
    world.baseline().await;
    let healthy = world.command(&["doctor", "--json"]).await;
    let checks: serde_json::Value = serde_json::from_str(&healthy.stdout).unwrap();
    assert_eq!(healthy.code, 0, "{checks:#}");
    for check in [
        "configuration",
        "daemon",
        "proxy",
        "WebFinger",
        "page",
        "signature",
        "clock",
    ] {
        let found = checks
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["check"] == check);
        assert_eq!(
            found.unwrap_or_else(|| panic!("{check}: {checks:#}"))["state"],
            "ok",
            "{checks:#}"
        );
    }
    assert_eq!(world.stop().await, Some(0));
    let broken = world.command(&["doctor"]).await;
    assert_eq!(broken.code, 1);
    assert!(broken.stdout.contains("FAIL  daemon"), "{}", broken.stdout);
}

#[tokio::test]
async fn init_writes_a_configuration_that_serve_takes_and_never_overwrites_one() {
    let site = Site::empty();
    let config = site.root().join("new.toml");
    let run = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_tidings"))
            .args(arguments)
            .arg("--config")
            .arg(&config)
            .current_dir(site.root())
            .output()
            .unwrap()
    };
    let init = ["init", "--url", "https://blog.example", "--name", "ada"];
    assert!(run(&init).status.success());
    assert_eq!(run(&["plan"]).status.code(), Some(0));
    let text = std::fs::read_to_string(&config).unwrap();
    let again = run(&init);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&config).unwrap(), text);
}

#[tokio::test]
async fn rendered_widgets_lie_at_the_paths_of_their_pages() {
    let site = Site::empty();
    site.post("hello", "Hello", "<p>Hi</p>");
    let world = World::start(site, "").await;
    world.baseline().await;
    let output = world
        .command(&["render", "--out", "widgets", "--format", "json"])
        .await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    let file = world.site.root().join("widgets/posts/hello/index.json");
    let data: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(data["counts"]["replies"], 0);
    assert_eq!(data["page"], format!("{}/posts/hello/", world.origin));
}

#[tokio::test]
async fn completions_and_manual_pages_follow_from_the_same_definitions() {
    let world = World::prepare(Site::empty(), "").await;
    for shell in ["bash", "zsh", "fish"] {
        let output = world.command(&["completions", shell]).await;
        assert!(output.stdout.contains("interactions"), "{shell}");
    }
    assert!(world.command(&["man"]).await.stdout.contains(".TH tidings"));
    assert_eq!(world.command(&["man", "--out", "man"]).await.code, 0);
    assert!(world.site.root().join("man/tidings-publish.1").exists());
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    use std::process::Stdio;
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
