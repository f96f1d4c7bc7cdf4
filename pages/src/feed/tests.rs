//! Feeds as generators write them, and as nobody should.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn feed(own: &str, text: &str) -> Option<Feed> {
    let site: Url = "https://blog.example/".parse().unwrap();
    assert!(text.is_empty() || is_feed(text.as_bytes()), "{text}");
    read(text.as_bytes(), &site.join(own).unwrap(), &site)
}

fn rss(items: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>B</title><link>https://blog.example/</link>{items}</channel></rss>"
    )
}

fn atom(entries: &str) -> String {
    format!(
        "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"en\"><title>B</title><id>b</id><link href=\"https://blog.example/\"/>{entries}</feed>"
    )
}

fn item(path: &str, date: &str) -> String {
    format!("<item><title>T</title><link>https://blog.example{path}</link><pubDate>{date}</pubDate></item>")
}

const DATE: &str = "Sun, 01 Nov 2026 10:00:00 +0100";

#[test]
fn the_three_formats_say_the_same() {
    let expected = Mention {
        title: Some("Tom & Ann".into()),
        published: Some("2026-11-01T09:00:00Z".parse().unwrap()),
        tags: ["code".into()].into(),
        summary: Some("Short & sweet".into()),
        ..Mention::default()
    };
    let in_rss = feed(
        "index.xml",
        &rss(&format!(
            "<item><title>Tom &amp;amp; Ann</title><link>https://blog.example/a/</link><pubDate>{DATE}</pubDate>\
             <category>code</category><description>&lt;p&gt;Short &amp;amp; sweet&lt;/p&gt;</description></item>"
        )),
    );
    assert_eq!(in_rss.unwrap().entries, [("/a/".to_string(), expected.clone())]);
    let in_atom = feed(
        "atom.xml",
        &atom(
            "<entry><title>Tom &amp; Ann</title><id>1</id><link href=\"/a/\"/><published>2026-11-01T10:00:00+01:00</published>\
             <category term=\"code\"/><summary>Short &amp; sweet</summary></entry>",
        ),
    );
    let expected = Mention {
        language: Some("en".into()),
        ..expected
    };
    assert_eq!(in_atom.unwrap().entries, [("/a/".to_string(), expected.clone())]);
    let in_json = feed(
        "feed.json",
        r#"{"version":"https://jsonfeed.org/version/1.1","title":"B","home_page_url":"https://blog.example/","language":"en",
            "items":[{"id":"1","url":"https://blog.example/a/","title":"Tom & Ann","summary":"Short & sweet",
            "date_published":"2026-11-01T10:00:00+01:00","tags":["code"],"content_text":"x"}]}"#,
    );
    assert_eq!(in_json.unwrap().entries, [("/a/".to_string(), expected)]);
}

#[test]
fn what_leads_to_no_page_of_the_site_is_left_out() {
    let items: String = [
        "https://elsewhere.example/a/",
        "https://blog.example/a/#comment-1",
        "https://blog.example/?p=1",
        "https://blog.example/a/",
    ]
    .iter()
    .map(|link| format!("<item><link>{link}</link></item>"))
    .collect();
    let paths: Vec<String> = feed("index.xml", &rss(&items))
        .unwrap()
        .entries
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(paths, ["/a/"]);
}

#[test]
fn a_feed_with_another_address_of_the_site_is_still_its_own() {
    let text =
        rss("<item><link>https://blog.example/a/</link></item>").replace("blog.example", "template.example");
    assert_eq!(feed("index.xml", &text).unwrap().entries[0].0, "/a/");
}

#[test]
fn a_guid_that_is_an_address_stands_for_a_missing_link() {
    let text = rss("<item><guid>https://blog.example/a/</guid></item>");
    assert_eq!(feed("index.xml", &text).unwrap().entries[0].0, "/a/");
}

#[test]
fn one_instant_of_change_for_all_entries_is_the_builds() {
    let entry = |path: &str, day: u8| {
        format!(
            "<entry><id>{path}</id><link href=\"{path}\"/><published>2026-11-0{day}T00:00:00Z</published>\
             <updated>2026-11-20T12:00:00Z</updated></entry>"
        )
    };
    let all = feed("atom.xml", &atom(&(entry("/a/", 1) + &entry("/b/", 2)))).unwrap();
    assert!(all.entries.iter().all(|(_, mention)| mention.updated.is_none()));
    let one = feed("atom.xml", &atom(&entry("/a/", 1))).unwrap();
    assert!(one.entries[0].1.updated.is_some());
}

#[test]
fn only_files_that_begin_like_a_feed_are_read() {
    for name in [
        "index.xml",
        "feeds/all.rss",
        "a.atom",
        "feed.json",
        "feed/posts.json",
        "sitemap-0.xml",
    ] {
        assert!(may_be_feed(name), "{name}");
    }
    for name in ["search.json", "a/page-data.json", "a.html"] {
        assert!(!may_be_feed(name), "{name}");
    }
    assert!(!is_feed(b"<?xml version='1.0'?><urlset><url/></urlset>"));
    assert!(!is_feed(b"{\"version\": 1}"));
    assert!(!is_feed(b""));
}

#[test]
fn the_feed_nearest_to_the_root_is_right_and_lists_are_no_entries() {
    let mut index = Index::default();
    let put = |index: &mut Index, file: &str, home: &str, items: String| {
        let text = rss(&items).replace(
            "<link>https://blog.example/</link>",
            &format!("<link>https://blog.example{home}</link>"),
        );
        index.put(PathBuf::from(file), feed(file, &text));
        index.settle();
    };
    put(&mut index, "tags/index.xml", "/tags/", item("/tags/rust/", DATE));
    assert!(index.of("/tags/rust/").is_some());
    put(
        &mut index,
        "tags/rust/index.xml",
        "/tags/rust/",
        item("/a/", "Mon, 02 Nov 2026 10:00:00 GMT"),
    );
    assert!(index.of("/tags/rust/").is_none(), "it has a feed of its own");
    put(&mut index, "index.xml", "/", item("/a", DATE));
    let published = |index: &Index| index.of("/a.html").unwrap().published.unwrap().to_string();
    assert_eq!(published(&index), "2026-11-01T09:00:00Z");
    index.remove("index.xml".into());
    index.settle();
    assert_eq!(published(&index), "2026-11-02T10:00:00Z");
}

#[test]
fn hostile_feeds_are_refused_or_read_in_time() {
    let entities = "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
        <!ENTITY f SYSTEM \"file:///etc/passwd\">]><rss version=\"2.0\"><channel><item><title>&b;&f;</title>\
        <link>https://blog.example/a/</link></item></channel></rss>";
    if let Some(feed) = feed("index.xml", entities) {
        let title = feed
            .entries
            .first()
            .and_then(|(_, mention)| mention.title.clone());
        assert!(title.is_none_or(|title| !title.contains("aaaa") && !title.contains("root")));
    }
    let deep = rss(&format!(
        "<item>{}{}</item>",
        "<a>".repeat(100_000),
        "</a>".repeat(100_000)
    ));
    feed("index.xml", &deep);
    let podcast = "<rss version=\"2.0\" xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\"><channel><item>\
        <itunes:duration>99999999999999999999999:00:00</itunes:duration></item></channel></rss>";
    feed("index.xml", podcast);
}

#[test]
fn times_without_a_zone_and_with_wrong_weekdays_are_read() {
    for (date, expected) in [
        ("Fri, 01 May 2026 10:00:00 ", "2026-05-01T10:00:00Z"),
        ("2026-05-01T10:00:00", "2026-05-01T10:00:00Z"),
        ("2026-05-01 10:00:00 +0200", "2026-05-01T08:00:00Z"),
        ("2026-05-01", "2026-05-01T00:00:00Z"),
        ("Mon, 01 May 2026 10:00:00 GMT", "2026-05-01T10:00:00Z"),
        ("Friday, 01 May 2026 10:00:00 UTC", "2026-05-01T10:00:00Z"),
        ("Fri, 01 May 2026 09:30:00 EST", "2026-05-01T14:30:00Z"),
        ("2026-05-01T10:00:00.000Z", "2026-05-01T10:00:00Z"),
    ] {
        let feed = feed("index.xml", &rss(&item("/a/", date))).unwrap();
        let published = feed.entries[0].1.published.map(|at| at.to_string());
        assert_eq!(published.as_deref(), Some(expected), "{date}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,200}",
        tag in "[a-zA-Z:]{1,12}") {
        let site: Url = "https://blog.example/".parse().unwrap();
        is_feed(&bytes);
        read(&bytes, &site, &site);
        read(rss(&format!("<item><{tag}>{text}</{tag}></item>")).as_bytes(), &site, &site);
        read(atom(&format!("<entry><{tag} type=\"html\">{text}</{tag}></entry>")).as_bytes(), &site, &site);
    }
}
