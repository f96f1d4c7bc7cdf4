//! The site's feeds beside its pages: what they add, and what they don't change.

use crate::publish::{Desk, types};

/// A theme without dates.
fn bare(title: &str) -> String {
    format!(
        "<!doctype html><html lang=en><title>{title} | Blog</title><main><h1>{title}</h1><p>The text of {title}.</p></main></html>"
    )
}

/// A feed as Hugo writes it: path, and time on the first of November.
fn feed(built: &str, items: &[(&str, &str)]) -> String {
    let items: String = items
        .iter()
        .map(|(path, time)| {
            format!(
                "<item><title>T</title><link>https://blog.example{path}</link><guid>https://blog.example{path}</guid>\
                 <pubDate>Sun, 01 Nov 2026 {time} +0000</pubDate><description>The text</description></item>"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><rss version=\"2.0\"><channel><title>Blog</title>\
         <link>https://blog.example/</link><lastBuildDate>{built}</lastBuildDate>{items}</channel></rss>"
    )
}

const MONDAY: &str = "Mon, 02 Nov 2026 10:00:00 +0000";

#[tokio::test]
async fn a_page_whose_date_is_only_in_the_feed_is_published_and_others_are_not() {
    let desk = Desk::new("first_run = 'announce'");
    desk.write("a/index.html", &bare("Apple"));
    desk.write("about/index.html", &bare("About"));
    assert!(desk.settle().await.is_empty(), "no dates, no posts");
    desk.write("index.xml", &feed(MONDAY, &[("/a/", "10:00:00")]));
    let created = desk.settle().await;
    assert_eq!(types(&created), ["Create"]);
    let object = &created[0].body["object"];
    assert_eq!(object["published"], "2026-11-01T10:00:00Z");
    assert_eq!(object["name"], "Apple", "the page's own title stays");
    assert_eq!(
        object["summary"],
        serde_json::Value::Null,
        "an excerpt is no summary"
    );
}

#[tokio::test]
async fn a_changed_entry_updates_its_page_alone_and_a_rebuilt_feed_nothing() {
    let desk = Desk::new("first_run = 'announce'");
    desk.write("a/index.html", &bare("Apple"));
    desk.write("b/index.html", &bare("Berry"));
    desk.write(
        "index.xml",
        &feed(MONDAY, &[("/a/", "10:00:00"), ("/b/", "11:00:00")]),
    );
    assert_eq!(types(&desk.settle().await), ["Create", "Create"]);
    let tuesday = "Tue, 03 Nov 2026 10:00:00 +0000";
    desk.write(
        "index.xml",
        &feed(tuesday, &[("/a/", "10:00:00"), ("/b/", "11:00:00")]),
    );
    assert!(desk.settle().await.is_empty());
    desk.write(
        "index.xml",
        &feed(tuesday, &[("/a/", "10:00:00"), ("/b/", "11:30:00")]),
    );
    let updated = desk.settle().await;
    assert_eq!(types(&updated), ["Update"]);
    assert_eq!(
        updated[0].body["object"]["id"],
        "https://blog.example/ap/objects/b"
    );
    assert_eq!(updated[0].body["object"]["published"], "2026-11-01T11:30:00Z");
    assert!(desk.settle().await.is_empty());
}

#[tokio::test]
async fn a_post_that_falls_out_of_its_feed_stays_as_it_is_also_after_a_restart() {
    let desk = Desk::new("first_run = 'announce'");
    desk.write("a/index.html", &bare("Apple"));
    desk.write("index.xml", &feed(MONDAY, &[("/a/", "10:00:00")]));
    assert_eq!(types(&desk.settle().await), ["Create"]);
    desk.write("b/index.html", &bare("Berry"));
    desk.write("index.xml", &feed(MONDAY, &[("/b/", "11:00:00")]));
    assert_eq!(types(&desk.settle().await), ["Create"]);
    std::fs::remove_file(desk.output().join("index.xml")).unwrap();
    assert!(desk.settle().await.is_empty());
    let desk = desk.again("first_run = 'announce'");
    assert!(desk.settle().await.is_empty());
    desk.wait(86_400);
    assert!(desk.settle().await.is_empty());
    // It is still the same post: its edit is an Update with the date that it always had.
    desk.write(
        "a/index.html",
        &bare("Apple").replace("The text", "The better text"),
    );
    let updated = desk.settle().await;
    assert_eq!(types(&updated), ["Update"]);
    assert_eq!(updated[0].body["object"]["published"], "2026-11-01T10:00:00Z");
}

#[tokio::test]
async fn a_page_with_only_a_day_gets_the_time_of_the_same_day_from_the_feed() {
    let desk = Desk::new("first_run = 'announce'");
    let dated = |title: &str, day: &str| {
        bare(title).replace("</h1>", &format!("</h1><p><time datetime={day}>{day}</time></p>"))
    };
    desk.write("a/index.html", &dated("Apple", "2026-11-01"));
    desk.write("b/index.html", &dated("Berry", "2026-10-20"));
    desk.write(
        "index.xml",
        &feed(MONDAY, &[("/a/", "10:00:00"), ("/b/", "11:00:00")]),
    );
    let mut created = desk.settle().await;
    created.sort_by_key(|job| job.body["object"]["name"].as_str().unwrap().to_string());
    let published: Vec<_> = created
        .iter()
        .map(|job| job.body["object"]["published"].clone())
        .collect();
    assert_eq!(
        published,
        ["2026-11-01T10:00:00Z", "2026-10-20T00:00:00Z"],
        "the page's own day is right where they disagree"
    );
}

#[tokio::test]
async fn a_page_that_the_feed_would_name_and_does_not_is_no_post_unless_it_says_so_or_is_published() {
    let desk = Desk::new("first_run = 'announce'");
    let dated = |title: &str, day: &str| {
        bare(title).replace("</h1>", &format!("</h1><p><time datetime={day}>{day}</time></p>"))
    };
    desk.write("blog/before/index.html", &dated("Before", "2026-11-01"));
    assert_eq!(types(&desk.settle().await), ["Create"]);
    for name in ["a", "b", "c"] {
        desk.write(&format!("blog/{name}/index.html"), &bare(name));
    }
    desk.write("about/index.html", &dated("About", "2021-08-08"));
    desk.write("blog/draft/index.html", &dated("Draft", "2026-11-01"));
    desk.write("blog/old/index.html", &dated("Old", "2020-01-01"));
    desk.write("notes/x/index.html", &dated("Note", "2026-11-01"));
    let said =
        dated("Said", "2026-11-01").replace("<main>", "<meta name='tidings:publish' content=yes><main>");
    desk.write("blog/said/index.html", &said);
    let newer = dated("Hidden", "2026-11-09");
    desk.write("blog/hidden/index.html", &newer);
    // As generators do, after the pages.
    desk.write(
        "index.xml",
        &feed(
            MONDAY,
            &[
                ("/blog/a/", "00:00:00"),
                ("/blog/b/", "11:00:00"),
                ("/blog/c/", "12:00:00"),
            ],
        ),
    );
    let mut names: Vec<String> = desk
        .settle()
        .await
        .iter()
        .map(|job| {
            job.body["object"]["url"]
                .as_str()
                .unwrap()
                .replace("https://blog.example", "")
        })
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "/blog/a/",
            "/blog/b/",
            "/blog/c/",
            "/blog/old/",
            "/blog/said/",
            "/notes/x/"
        ]
    );
    // What comes by hand later isn't missing from the feed, which can't know it.
    desk.write("blog/later/index.html", &dated("Later", "2026-11-09"));
    std::fs::File::open(desk.output().join("blog/later/index.html"))
        .unwrap()
        .set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(60))
        .unwrap();
    let later = desk.settle().await;
    assert_eq!(types(&later), ["Create"]);
    assert_eq!(later[0].body["object"]["name"], "Later");
}
