//! The owner's word, by the commands and by ap.toml, with the daemon running.

use serde_json::{Value, json};

use crate::harness::{Peer, QUIET, Site, World, wait_for};

async fn start(extra: &str) -> World {
    let site = Site::empty();
    for slug in ["hello", "closed", "off"] {
        site.post(slug, slug, "<p>Here.</p>");
    }
    let world = World::start(site, extra).await;
    world.baseline().await;
    for slug in ["hello", "closed", "off"] {
        wait_for("the object", || async {
            (world.get(&format!("/ap/objects/posts~{slug}")).await.status == 200).then_some(())
        })
        .await;
    }
    world
}

fn inbox(world: &World) -> String {
    format!("{}/ap/inbox", world.origin)
}

async fn reply(world: &World, peer: &Peer, slug: &str, number: u32) {
    let object = format!("{}/ap/objects/posts~{slug}", world.origin);
    let reply = peer.reply("ada", number, &object, &format!("<p>Word {number}</p>"));
    assert_eq!(peer.post("ada", &inbox(world), &reply).await, 202);
}

async fn like(world: &World, peer: &Peer, slug: &str, number: u32) {
    let like = json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": peer.id(&format!("/likes/{slug}/{number}")),
        "type": "Like", "actor": peer.actor(&format!("user{number}")),
        "object": format!("{}/ap/objects/posts~{slug}", world.origin),
    });
    assert_eq!(
        peer.post(&format!("user{number}"), &inbox(world), &like).await,
        202
    );
}

async fn counts(world: &World, slug: &str) -> Value {
    world
        .get(&format!("/ap/interactions?page=/posts/{slug}/"))
        .await
        .json()["counts"]
        .clone()
}

fn reload(world: &World) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(world.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_follower_is_told_and_hears_nothing_more_of_us() {
    let world = start("").await;
    let (peer, other) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    peer.follow(&world, "ada").await;
    other.follow(&world, "bob").await;
    let blocked = world
        .command(&["block", "add", "127.0.0.2", "--reason", "spam"])
        .await;
    assert_eq!(blocked.code, 0, "{}", blocked.stderr);
    let rejects = peer.wait_for("Reject", 1).await;
    assert_eq!(rejects[0]["object"]["type"], "Follow");
    world.site.post("new", "New", "<p>For friends.</p>");
    other.wait_for("Create", 1).await;
    tokio::time::sleep(QUIET).await;
    assert!(peer.activities("Create").is_empty());
    let followers = world.command(&["followers", "--json"]).await.json();
    assert_eq!(followers.as_array().unwrap().len(), 1);

    // Those of ap.toml have the same effect, when it is read again.
    world.configure("federation = { blocked = ['127.0.0.3'], allow_private_addresses = true }");
    reload(&world);
    other.wait_for("Reject", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_ap_toml_hides_what_is_there_and_its_end_brings_it_back() {
    let mut world = start("[interactions]\nmoderation = 'show'").await;
    let peer = Peer::start("127.0.0.2").await;
    reply(&world, &peer, "hello", 1).await;
    like(&world, &peer, "hello", 1).await;
    let blocked = "interactions = { moderation = 'show' }\nfederation = { blocked = ['127.0.0.2'], allow_private_addresses = true }";
    world.configure(blocked);
    world.restart().await;
    assert_eq!(
        counts(&world, "hello").await,
        json!({ "replies": 0, "likes": 0, "boosts": 0, "quotes": 0 })
    );
    let listed = world.command(&["interactions", "--json"]).await.json();
    assert!(
        listed[0]["why"]
            .as_str()
            .unwrap()
            .contains("127.0.0.2 (ap.toml) is blocked"),
        "{listed}"
    );
    world.configure("interactions = { moderation = 'show' }");
    reload(&world);
    wait_for("what was hidden", || async {
        (counts(&world, "hello").await["replies"] == 1).then_some(())
    })
    .await;
    assert_eq!(counts(&world, "hello").await["likes"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_takes_no_words_off_takes_nothing_and_counts_show_no_faces() {
    let world =
        start("[interactions]\nmoderation = 'show'\nclosed = ['posts/closed/**']\noff = ['posts/off/**']\n")
            .await;
    let peer = Peer::start("127.0.0.2").await;
    for slug in ["hello", "closed", "off"] {
        let number = u32::try_from(slug.len()).unwrap();
        reply(&world, &peer, slug, number).await;
        like(&world, &peer, slug, number).await;
    }
    let said = async |slug: &str| {
        let counts = counts(&world, slug).await;
        (
            counts["replies"].as_u64().unwrap(),
            counts["likes"].as_u64().unwrap(),
        )
    };
    assert_eq!(said("hello").await, (1, 1));
    assert_eq!(said("closed").await, (0, 1));
    let off = world.get("/ap/interactions?page=/posts/off/").await;
    assert!(
        off.status == 404 || off.json()["counts"]["likes"] == 0,
        "{}",
        off.text()
    );
    let thread = world.browse("/ap/widgets/thread?page=/posts/off/").await;
    assert_eq!(
        (thread.status, thread.text().contains("tidings-like")),
        (200, false)
    );

    world.configure("interactions = { moderation = 'show', show = 'counts' }");
    reload(&world);
    let all = wait_for("the new rule", || async {
        let all = world.get("/ap/interactions?page=/posts/hello/").await.json();
        (all["replies"] == json!([])).then_some(all)
    })
    .await;
    assert_eq!(
        (&all["counts"]["replies"], &all["counts"]["likes"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(all["likes"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn interactions_are_listed_in_portions_and_by_author() {
    let world = start("").await;
    let (peer, other) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    for number in 0..7 {
        like(&world, &peer, "hello", number).await;
    }
    reply(&world, &other, "hello", 1).await;
    let ids = async |arguments: &[&str]| {
        let mut all = vec!["interactions", "list", "--json"];
        all.extend(arguments);
        let output = world.command(&all).await;
        let ids: Vec<String> = output
            .json()
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_string())
            .collect();
        (ids, output.stderr)
    };
    let (all, _) = ids(&[]).await;
    assert_eq!(all.len(), 8);
    let mut pages = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut arguments = vec!["--limit", "3"];
        if let Some(after) = &after {
            arguments.extend(["--after", after]);
        }
        let (page, notes) = ids(&arguments).await;
        let left = all.len() - pages.len() - page.len();
        assert_eq!(notes.contains(&format!("{left} more")), left > 0, "{notes}");
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        pages.extend(page);
    }
    assert_eq!(pages, all);
    assert_eq!(ids(&["--author", "127.0.0.3"]).await.0.len(), 1);
    assert_eq!(ids(&["--author", &peer.handle("user3")]).await.0.len(), 1);
    assert_eq!(
        ids(&["--author", &peer.actor("user4"), "--kind", "like"])
            .await
            .0
            .len(),
        1
    );
    assert_eq!(ids(&["--state", "held"]).await.0.len(), 1);
    let held = world
        .command(&["interactions", "--state", "held", "--json"])
        .await
        .json();
    assert_eq!(held[0]["why"], "it waits for approval");
    assert_eq!(
        world.command(&["interactions", "--after", "nothing"]).await.code,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_are_tried_by_command_and_listed_without_what_may_be_secret() {
    let world = start(
        "[[hook]]\non = ['reply']\ncommand = ['sh', '-c', 'cat > tried.json; echo said']\n\
         [[hook]]\non = ['like']\ncommand = ['sh', '-c', 'echo oh no >&2; exit 3']\n",
    )
    .await;
    let tried = world.command(&["hooks", "test"]).await;
    assert_eq!(tried.code, 1, "{}", tried.stderr);
    assert!(
        tried.stderr.contains("sh: done") && tried.stderr.contains("said"),
        "{}",
        tried.stderr
    );
    assert!(
        tried.stderr.contains("exit status: 3") && tried.stderr.contains("oh no"),
        "{}",
        tried.stderr
    );
    let event = std::fs::read_to_string(world.site.root().join("tried.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&event).unwrap()["event"], "reply");
    let listed = world.command(&["hooks", "--json"]).await.json();
    assert_eq!(
        (&listed[0]["hook"], &listed[0]["waiting"]),
        (&json!("sh"), &json!(0))
    );
}
