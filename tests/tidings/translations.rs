//! Pages in several languages that name each other with `hreflang`: one object, or one each.

use serde_json::{Value, json};

use crate::harness::{Peer, Site, World, page, wait_for};

/// Writes the post in a language; it names itself and the other.
fn write(site: &Site, path: &str, language: &str, title: &str, body: &str) {
    let links = "<link rel=alternate hreflang=en href=/posts/hello/><link rel=alternate hreflang=de href=/de/posts/hello/>\
                 <link rel=alternate hreflang=x-default href=/posts/hello/></head>";
    let html = page(title, "2026-11-01T10:00:00+01:00", body)
        .replace("lang=en", &format!("lang={language}"))
        .replace("</head>", links);
    site.write(&format!("{path}index.html"), &html);
}

fn english(site: &Site, body: &str) {
    write(site, "/posts/hello/", "en", "Hello", body);
}

fn german(site: &Site, body: &str) {
    write(site, "/de/posts/hello/", "de", "Hallo", body);
}

/// Two files are written within the time that the folder must be quiet.
const PUBLISH: &str = "settle = '1s', delete_grace = '1s'";

#[tokio::test(flavor = "multi_thread")]
async fn translations_together_are_one_object_found_by_each_of_its_pages() {
    let extra = format!(
        "publish = {{ {PUBLISH}, translations = 'together' }}\ninteractions = {{ moderation = 'show' }}"
    );
    let world = World::start(Site::empty(), &extra).await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.2").await;
    peer.follow(&world, "ada").await;
    english(&world.site, "<p>My first post.</p>");
    german(&world.site, "<p>Mein erster Beitrag.</p>");

    let create = peer.wait_for("Create", 1).await.remove(0);
    let object = &create["object"];
    let id = format!("{}/ap/objects/posts~hello", world.origin);
    assert_eq!(object["id"], id);
    assert_eq!(object["nameMap"], json!({ "en": "Hello", "de": "Hallo" }));
    assert_eq!(
        object["contentMap"],
        json!({ "en": "<p>My first post.</p>", "de": "<p>Mein erster Beitrag.</p>" })
    );
    assert_eq!(
        object["contentMap"].as_object().unwrap().keys().next().unwrap(),
        "en"
    );
    assert_eq!(object["content"], "<p>My first post.</p>");
    let plan: Value = serde_json::from_str(&world.command(&["plan", "--json"]).await.stdout).unwrap();
    assert_eq!(plan["changes"], json!([]));
    assert!(
        plan["skipped"]
            .as_array()
            .unwrap()
            .contains(&json!({ "page": "/de/posts/hello/", "reason": "a translation of /posts/hello/" })),
        "{plan}"
    );

    for path in ["/posts/hello/", "/de/posts/hello/"] {
        let found = world
            .get(&format!("/ap/resolve?url={}{path}", world.origin))
            .await;
        assert_eq!(
            (found.status, found.header("location")),
            (302, id.as_str()),
            "{path}"
        );
    }
    let german_page = format!("{}/de/posts/hello/", world.origin);
    let reply = peer.reply("ada", 1, &german_page, "<p>Sehr gut.</p>");
    assert_eq!(
        peer.post("ada", &format!("{}/ap/inbox", world.origin), &reply)
            .await,
        202
    );
    for path in ["/posts/hello/", "/de/posts/hello/"] {
        let said = wait_for("the reply", || async {
            let said = world.get(&format!("/ap/interactions?page={path}")).await;
            (said.status == 200)
                .then(|| said.json())
                .filter(|said| said["counts"]["replies"] == 1)
        })
        .await;
        assert_eq!(said["object"], id);
    }

    german(&world.site, "<p>Mein erster, besserer Beitrag.</p>");
    let update = peer.wait_for("Update", 1).await.remove(0);
    assert_eq!(update["object"]["id"], id);
    assert_eq!(
        update["object"]["contentMap"]["de"],
        "<p>Mein erster, besserer Beitrag.</p>"
    );

    world.site.remove("/de/posts/hello/index.html");
    let update = peer.wait_for("Update", 2).await.remove(1);
    assert_eq!(update["object"]["nameMap"], json!({ "en": "Hello" }));
    assert!(update["object"].get("contentMap").is_none());

    german(&world.site, "<p>Wieder da.</p>");
    let update = peer.wait_for("Update", 3).await.remove(2);
    assert_eq!(update["object"]["contentMap"]["de"], "<p>Wieder da.</p>");
    world.site.remove("/posts/hello/index.html");
    let update = peer.wait_for("Update", 4).await.remove(3);
    assert_eq!(
        update["object"]["id"], id,
        "what is left goes on under the same id"
    );
    assert_eq!(update["object"]["name"], "Hallo");
    assert_eq!(update["object"]["url"], german_page);
    assert_eq!(peer.activities("Create").len(), 1);
    assert!(peer.activities("Delete").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn translations_are_separate_objects_unless_asked_each_in_its_language() {
    let world = World::start(Site::empty(), &format!("publish = {{ {PUBLISH} }}")).await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.2").await;
    peer.follow(&world, "ada").await;
    english(&world.site, "<p>My first post.</p>");
    german(&world.site, "<p>Mein erster Beitrag.</p>");
    let mut names: Vec<Value> = peer
        .wait_for("Create", 2)
        .await
        .iter()
        .map(|create| create["object"]["nameMap"].clone())
        .collect();
    names.sort_by_key(Value::to_string);
    assert_eq!(names, [json!({ "de": "Hallo" }), json!({ "en": "Hello" })]);
}
