//! What `tidings plan --explain` says of a page, with a daemon and without, and that it is what is sent.

use serde_json::{Value, json};

use crate::harness::{Site, World, page, wait_for};

/// What is explained of one page.
async fn explain(world: &World, name: &str) -> Value {
    let output = world.command(&["plan", "--json", "--explain", name]).await;
    assert_eq!(output.code, 0, "{name}: {}", output.stderr);
    let mut data: Value = serde_json::from_str(&output.stdout).unwrap();
    data["explained"][0].take()
}

/// A page whose sources disagree.
fn disputed() -> String {
    page(
        "Hello",
        "2026-11-01T10:00:00+01:00",
        "<p>Good <a href=\"/x/\">day</a>.</p>",
    )
    .replace(
        "<title>",
        "<meta property=og:title content='Greetings'><meta property=og:image content=/card.png>\
         <meta property=og:image:alt content='A card'><meta name=description content='About days'>\
         <meta property=article:tag content='static sites'><title>",
    )
}

#[tokio::test]
async fn what_is_previewed_is_what_is_sent_and_served() {
    let site = Site::empty();
    site.write("/posts/hello/index.html", &disputed());
    let mut world = World::prepare(site, "publish = { first_run = 'announce' }").await;
    let explained = explain(&world, "/posts/hello").await;
    assert_eq!(explained["page"], "/posts/hello/");
    assert_eq!(explained["post"], true);
    assert_eq!(explained["action"], "create");
    assert_eq!(explained["state"], "new");
    let object = format!("{}/ap/objects/posts~hello", world.origin);
    assert_eq!(explained["object"], object.as_str());

    let plan = world.command(&["plan", "--json"]).await.json();
    let mut document = explained["preview"]["document"].clone();
    let context = document.as_object_mut().unwrap().remove("@context");
    assert!(context.is_some());
    assert_eq!(document, plan["changes"][0]["activity"]["object"]);

    let mastodon = &explained["preview"]["mastodon"];
    assert_eq!(mastodon["title"], document["name"]);
    assert_eq!(mastodon["text"], json!(["About days"]));
    assert_eq!(mastodon["link"], format!("{}/posts/hello/", world.origin));
    assert_eq!(mastodon["hashtags"], json!(["#StaticSites"]));
    assert_eq!(mastodon["card"]["title"], "Greetings");
    assert_eq!(mastodon["card"]["image_alt"], "A card");
    let note = explained["preview"]["note"]["text"].as_array().unwrap();
    assert!(note.contains(&json!("Good day.")), "{note:?}");
    assert_eq!(note.last().unwrap(), "#StaticSites");

    world.restart().await;
    let served = wait_for("the object", || async {
        let found = world.get("/ap/objects/posts~hello").await;
        (found.status == 200).then(|| found.json())
    })
    .await;
    // Served with what it has gathered meanwhile.
    let as_sent = |mut document: Value| {
        for grown in ["replies", "likes", "shares"] {
            document.as_object_mut().unwrap().remove(grown);
        }
        document
    };
    let sent = as_sent(explained["preview"]["document"].clone());
    assert_eq!(as_sent(served), sent);
    let after = explain(&world, &format!("{}/posts/hello/", world.origin)).await;
    assert_eq!(after["action"], Value::Null);
    assert_eq!(after["state"], "published");
    assert_eq!(as_sent(after["preview"]["document"].clone()), sent);
    assert_eq!(explain(&world, "public/posts/hello/index.html").await, after);
}

#[tokio::test]
async fn each_field_says_where_it_came_from_and_what_lost() {
    let site = Site::empty();
    site.write("/posts/hello/index.html", &disputed());
    let world = World::prepare(site, "").await;
    let explained = explain(&world, "/posts/hello/").await;
    let field = |name: &str| {
        let fields = explained["fields"].as_array().unwrap();
        fields
            .iter()
            .find(|field| field["field"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(field("title")["value"], "Hello");
    assert_eq!(field("title")["source"], "h-entry");
    assert_eq!(field("title")["also"], json!(["HTML"]));
    assert_eq!(
        field("title")["others"],
        json!([{ "value": "Greetings", "source": "OpenGraph" }])
    );
    assert_eq!(field("published")["source"], "h-entry");
    assert_eq!(field("summary")["source"], "meta");
    assert_eq!(field("tags")["value"], "static sites");

    let drawn = world.command(&["plan", "--explain", "/posts/hello/"]).await;
    assert_eq!(drawn.code, 0, "{}", drawn.stderr);
    for part in [
        "post     yes: h-entry says when it was published",
        "now      nothing: baseline",
        "title      Hello",
        "OpenGraph: not taken",
        "On Mastodon, as an Article:\n│ The Blog @blog@",
        "│ │ Greetings\n",
        "As a Note",
    ] {
        assert!(drawn.stdout.contains(part), "{part}: {}", drawn.stdout);
    }
    assert!(!drawn.stdout.contains('\x1b'), "no colours outside of a terminal");
    assert!(
        !world.site.data().exists(),
        "who only looks leaves nothing behind"
    );
}

#[tokio::test]
async fn a_page_that_is_not_sent_says_why_and_what_to_do() {
    let site = Site::empty();
    site.post("kept", "Kept", "<p>a</p>");
    site.post("left-out", "Left out", "<p>b</p>");
    site.write(
        "/about/index.html",
        "<title>About</title><h1>About</h1><p>Us.</p>",
    );
    site.write(
        "/posts/later/index.html",
        &page("Later", "2999-01-01T00:00:00Z", "<p>c</p>"),
    );
    site.write(
        "/old/index.html",
        "<meta http-equiv=refresh content='0; url=/posts/kept/'>",
    );
    site.write(
        "/print/kept/index.html",
        &page("Kept", "2026-11-01T10:00:00+01:00", "<p>a</p>")
            .replace("<title>", "<link rel=canonical href=/posts/kept/><title>"),
    );
    let world = World::start(site, "publish = { exclude = ['posts/left-out/**'] }").await;
    world.baseline().await;
    for (page, post, reason, drawn) in [
        ("/posts/kept/", true, "baseline", true),
        ("/posts/left-out/", true, "excluded by publish.exclude", false),
        ("/posts/later/", true, "dated in the future", true),
        ("/print/kept/", true, "a duplicate of /posts/kept/", false),
        ("/about/", false, "no date of publication", false),
        ("/old/", false, "an alias of", false),
        ("/", false, "a list of posts", false),
    ] {
        let explained = explain(&world, page).await;
        assert_eq!(explained["post"], post, "{explained:#}");
        assert_eq!(explained["action"], Value::Null, "{explained:#}");
        assert!(
            explained["reason"].as_str().unwrap().starts_with(reason),
            "{explained:#}"
        );
        assert_eq!(explained["preview"].is_object(), drawn, "{explained:#}");
    }
    let about = explain(&world, "/about/").await;
    let advice = about["advice"].as_str().unwrap();
    assert!(advice.contains("article:published_time"), "{advice}");
    let title = &about["fields"][0];
    assert_eq!(
        (&title["field"], &title["value"]),
        (&json!("title"), &Value::Null)
    );
    assert_eq!(title["others"][0]["value"], "About");
}

#[tokio::test]
async fn a_changed_page_says_what_changed_and_a_removed_one_that_it_is_gone() {
    let site = Site::empty();
    site.post("first", "Helo", "<p>The quick brown fox.</p>");
    site.post("second", "Second", "<p>b</p>");
    let mut world = World::start(site, "publish = { first_run = 'announce' }").await;
    world.baseline().await;
    wait_for("the objects", || async {
        (world.get("/ap/objects/posts~second").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(world.stop().await, Some(0));
    world.site.post("first", "Hello", "<p>The slow brown fox.</p>");
    world.site.remove("/posts/second/index.html");
    let changed = explain(&world, "/posts/first/").await;
    assert_eq!(changed["action"], "update");
    assert_eq!(changed["state"], "published");
    assert_eq!(
        changed["changed"],
        json!([
            "title: “Helo” is now “Hello”",
            "content: 1 word in place of 1 word: “quick” is now “slow”"
        ])
    );
    assert_eq!(changed["preview"]["mastodon"]["title"], "Hello");
    let gone = explain(&world, "/posts/second/").await;
    assert_eq!(gone["file"], Value::Null);
    assert_eq!(gone["post"], false);
    assert!(
        gone["reason"].as_str().unwrap().starts_with("the page is gone"),
        "{gone:#}"
    );
    let code = world
        .command(&["plan", "--exit-code", "--explain", "/posts/first/"])
        .await
        .code;
    assert_eq!(code, 10);
}

#[tokio::test]
async fn an_unknown_page_is_an_error_that_names_its_neighbours_with_and_without_a_daemon() {
    let site = Site::empty();
    site.post("hello-world", "Hello", "<p>a</p>");
    let mut world = World::start(site, "").await;
    world.baseline().await;
    for _ in 0..2 {
        for command in [
            &["plan", "--explain", "/posts/helo-world/"][..],
            &["publish", "/posts/helo-world/"],
        ] {
            let output = world.command(command).await;
            assert_eq!(output.code, 1, "{}", output.stderr);
            assert_eq!(output.stdout, "");
            assert!(
                output.stderr.contains("/posts/helo-world/: no such page"),
                "{}",
                output.stderr
            );
            assert!(
                output.stderr.contains("did you mean /posts/hello-world/?"),
                "{}",
                output.stderr
            );
        }
        world.stop().await;
    }
}
