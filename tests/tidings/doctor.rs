//! What `tidings doctor` says of the site's pages: each weak spot with its code and the line to add, never a failure.

use serde_json::{Value, json};

use crate::harness::{Site, World, page};

/// The checks of the site's pages, by code.
async fn spots(world: &World) -> Vec<Value> {
    let output = world.command(&["doctor", "--json"]).await;
    let checks: Value = serde_json::from_str(&output.stdout).unwrap();
    let checks = checks.as_array().unwrap().iter();
    checks
        .filter(|check| check["check"] == "site" && check["state"] == "warn")
        .cloned()
        .collect()
}

fn codes(spots: &[Value]) -> Vec<&str> {
    spots.iter().map(|spot| spot["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_weak_spot_has_a_code_an_example_and_the_line_to_add_with_and_without_a_daemon() {
    let site = Site::empty();
    site.write(
        "/posts/hello/index.html",
        "<!doctype html><title>Blog</title><article><h1>Hello</h1><time datetime=2026-11-01>then</time>\
         <p>Hi <img src=cat.png> <img src=line.png alt=''></p></article>",
    );
    site.write(
        "/posts/away/index.html",
        &page("Away", "2026-11-02T10:00:00", "<p>Hi</p>").replace(
            "<title>",
            "<link rel=canonical href=https://old.example/posts/away/><title>",
        ),
    );
    site.write(
        "/posts/later/index.html",
        &page("Away", "2999-01-01T00:00:00Z", "<p>c</p>"),
    );
    let mut world = World::start(site, "").await;
    world.baseline().await;
    let found = spots(&world).await;
    let spot = |code: &str| {
        let spot = found.iter().find(|spot| spot["code"] == code);
        spot.unwrap_or_else(|| panic!("{code}: {found:#?}"))
    };
    assert_eq!(
        spot("alternate-missing")["line"],
        format!(
            "<link rel=\"alternate\" type=\"application/activity+json\" href=\"{}/ap/objects/posts~later\">",
            world.origin
        )
    );
    assert_eq!(spot("alternate-missing")["count"], 3);
    assert_eq!(spot("alternate-missing")["of"], 3);
    assert_eq!(spot("date-day")["example"], "/posts/hello/");
    assert_eq!(
        spot("date-day")["line"],
        "<meta property=\"article:published_time\" content=\"2026-11-01T00:00:00+00:00\">"
    );
    assert_eq!(spot("date-zone")["example"], "/posts/away/");
    assert_eq!(spot("date-future")["example"], "/posts/later/");
    assert_eq!(spot("canonical-elsewhere")["example"], "/posts/away/");
    assert_eq!(
        spot("canonical-elsewhere")["line"],
        format!("<link rel=\"canonical\" href=\"{}/posts/away/\">", world.origin)
    );
    assert_eq!(spot("canonical-missing")["count"], 2);
    assert_eq!(spot("alt-missing")["count"], 1);
    assert!(spot("alt-missing")["line"].as_str().unwrap().contains("cat.png"));
    let handle = world.origin.strip_prefix("http://").unwrap();
    assert_eq!(
        spot("creator-missing")["line"],
        format!("<meta name=\"fediverse:creator\" content=\"@blog@{handle}\">")
    );
    assert_eq!(spot("language-missing")["example"], "/posts/hello/");
    assert_eq!(spot("title-shared")["count"], 2);
    for code in [
        "summary-missing",
        "picture-missing",
        "feed-missing",
        "attribution-missing",
    ] {
        assert!(spot(code)["line"].is_string(), "{code}");
    }
    let text = world.command(&["doctor"]).await;
    assert_eq!(text.code, 0, "what is weak isn't broken: {}", text.stdout);
    assert!(
        text.stdout
            .contains("warn  site: posts that are dated only to the day"),
        "{}",
        text.stdout
    );
    assert!(
        text.stdout.contains("ok    site: 3 posts were looked at"),
        "{}",
        text.stdout
    );

    assert_eq!(world.stop().await, Some(0));
    assert_eq!(spots(&world).await, found);
}

#[tokio::test]
async fn copies_are_no_weak_spot_and_pages_that_call_themselves_another_are() {
    let site = Site::empty();
    site.post("hello", "Hello", "<p>Hi</p>");
    let naming = |title: &str, target: &str| {
        page(title, "2026-11-01T10:00:00Z", "<p>Hi</p>")
            .replace("<title>", &format!("<link rel=canonical href={target}><title>"))
    };
    site.write("/print/hello/index.html", &naming("Hello", "/posts/hello/"));
    let world = World::prepare(site, "").await;
    assert!(!codes(&spots(&world).await).contains(&"canonical-shared"));
    world.site.write("/posts/a/index.html", &naming("A", "/"));
    world.site.write("/posts/b/index.html", &naming("B", "/"));
    let found = spots(&world).await;
    let shared = found
        .iter()
        .find(|spot| spot["code"] == "canonical-shared")
        .unwrap();
    assert_eq!(
        (&shared["count"], &shared["example"]),
        (&json!(2), &json!("/posts/a/"))
    );
}

#[tokio::test]
async fn pages_among_posts_that_have_no_date_are_named_by_doctor_and_plan() {
    let site = Site::empty();
    for slug in ["a", "b", "c"] {
        site.post(slug, slug, "<p>Hi</p>");
    }
    site.write("/posts/d/index.html", "<title>D</title><h1>D</h1><p>When?</p>");
    site.write(
        "/about/index.html",
        "<title>About</title><h1>About</h1><p>Us.</p>",
    );
    let world = World::prepare(site, "").await;
    let found = spots(&world).await;
    let spot = found.iter().find(|spot| spot["code"] == "date-missing").unwrap();
    assert_eq!(
        (&spot["count"], &spot["example"]),
        (&json!(1), &json!("/posts/d/"))
    );
    let plan = world.command(&["plan"]).await;
    assert!(
        plan.stderr
            .contains("one of the skipped pages looks like a post: `tidings plan --explain /posts/d/`"),
        "{}",
        plan.stderr
    );
    let plan = world.command(&["plan", "--json"]).await.json();
    assert_eq!(plan["doubtful"], json!(["/posts/d/"]));
}
