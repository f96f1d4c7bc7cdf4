//! What must not be said: secrets appear neither in the log, whatever its level, nor in what commands print.

use serde_json::json;

use super::{known, like, prepare, reply};
use crate::harness::{Conduct, Peer, wait_for};

/// What an owner writes into ap.toml and would not want to see in a log.
const SECRETS: [&str; 4] = [
    "whsec_c2VjcmV0LW9mLXRoZS1ob29r",
    "c2VjcmV0LW9mLXRoZS1ob29r",
    "T0-path-token",
    "argument-token",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_or_in_what_commands_print() {
    let hooks = |port: u16| {
        format!(
            "[interactions]\nmoderation = 'show'\n\
             [[hook]]\non = ['like', 'reply']\nurl = 'http://127.0.0.1:{port}/services/T0-path-token'\nsecret = 'whsec_c2VjcmV0LW9mLXRoZS1ob29r'\n\
             [[hook]]\non = ['like']\ncommand = ['/no/such/program', '--token=argument-token']\n\
             [[hook]]\non = ['like']\ncommand = ['false', 'argument-token']\n"
        )
    };
    // Nobody listens there: the call fails.
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let mut world = prepare(&hooks(closed)).await;
    world.environment.push(("TIDINGS_LOG", "trace".into()));
    world.restart().await;
    known(&world).await;
    let peer = Peer::start("127.0.0.2").await;
    peer.follow(&world, "ada").await;
    assert_eq!(like(&world, &peer, 1).await, 202);
    assert_eq!(reply(&world, &peer, 1, "<p>Hi</p>").await, 202);
    peer.conduct(Conduct::Status(401, None));
    world.site.post("second", "Second", "<p>More.</p>");
    wait_for("failures of all kinds", || async {
        let log = world.log();
        (log.matches("a hook failed").count() >= 3 && log.contains("127.0.0.2")).then_some(())
    })
    .await;
    let mut said = Vec::new();
    for arguments in [
        &["key", "show", "--json"][..],
        &["key", "rotate"],
        &["actor", "show", "--json"],
        &["queue", "--json"],
        &["interactions", "--json"],
        &["hooks", "--json"],
        &["hooks"],
        &["doctor"],
        &["plan", "-vv"],
        &["followers", "approve", "nobody"],
    ] {
        let output = world.command(arguments).await;
        said.push(format!("{}{}", output.stdout, output.stderr));
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(world.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    wait_for("the reading", || async {
        world.log().contains("again").then_some(())
    })
    .await;

    // A configuration that is wrong everywhere is quoted to its owner, but not its secrets.
    world.configure(&format!(
        "{}[site]\nwatch = 'never'\n[unknown]\nkey = 1\n",
        hooks(closed)
    ));
    said.push(world.command(&["plan"]).await.stderr);
    world.configure("[[hook]]\non = ['like']\nurl = 'http://hooks.example/T0-path-token'\nsecret = 'whsec_c2VjcmV0LW9mLXRoZS1ob29r!'\n[federation]\nallow_private_addresses = false\n");
    said.push(world.command(&["plan"]).await.stderr);
    world.configure(&hooks(closed));
    let keys = private_keys(&world.site.data());
    assert!(
        keys.len() >= 4,
        "an RSA and an Ed25519 key each of the actor and of the instance"
    );
    // A damaged and an exposed key are named, not shown.
    said.push(world.log());
    world.kill();
    let key = world.site.data().join("actors/blog/key.pem");
    let pem = std::fs::read_to_string(&key).unwrap();
    std::fs::write(&key, pem.replace("-----END", "!!-----END")).unwrap();
    said.push(world.command(&["key", "show"]).await.stderr);
    std::fs::write(&key, &pem).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    said.push(world.command(&["key", "show"]).await.stderr);

    for text in &said {
        for secret in SECRETS.iter().copied().chain(keys.iter().map(String::as_str)) {
            assert!(!text.contains(secret), "{secret} in:\n{text}");
        }
        assert!(!text.contains("PRIVATE KEY"), "{text}");
    }
    assert!(
        said.iter().any(|text| text.contains("key.pem")),
        "{}",
        json!(said)
    );
}

/// The lines of all private keys below a folder.
fn private_keys(folder: &std::path::Path) -> Vec<String> {
    let mut keys = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            keys.extend(private_keys(&entry.path()));
        } else if entry.path().extension().is_some_and(|end| end == "pem") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let secret: Vec<_> = text.lines().filter(|line| !line.starts_with("-----")).collect();
            keys.push(secret.first().unwrap().to_string());
            keys.push(secret.last().unwrap().to_string());
        }
    }
    keys
}
