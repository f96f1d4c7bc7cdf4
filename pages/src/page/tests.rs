//! Whole pages, one rule each.

use proptest::prelude::*;

use super::*;

fn page_at(path: &str, html: &str) -> Page {
    let site = "https://blog.example/".parse().unwrap();
    read(&Source {
        path,
        html: html.as_bytes(),
        site: &site,
        feed: None,
        changed: None,
        frame: None,
    })
}

fn page(html: &str) -> Page {
    page_at("/posts/a/", html)
}

fn post(html: &str) -> Article {
    match page(html).verdict {
        Verdict::Post(article) => *article,
        other => panic!("{other:?} of {html}"),
    }
}

fn reason(path: &str, html: &str) -> Reason {
    match page_at(path, html).verdict {
        Verdict::Not(reason) => reason,
        other => panic!("{other:?} of {html}"),
    }
}

const DATED: &str = "<meta property=article:published_time content=2026-11-01T10:00:00+01:00>";

fn dated(body: &str) -> String {
    format!("<!DOCTYPE html><html lang=en><head>{DATED}</head><body>{body}</body></html>")
}

fn content(html: &str) -> String {
    post(html).content
}

#[test]
fn a_plain_article_with_a_time_is_a_post() {
    let article = post(
        "<header><h1><a href=/>My blog</a></h1><nav><a href=/>Home</a></nav></header><main><article><h1>Hello</h1>\
         <p>Posted on <time datetime='2026-11-01'>1.11.2026</time> by Ann</p><p>Text.</p></article></main>\
         <footer>© 2026</footer>",
    );
    assert_eq!(article.title.as_deref(), Some("Hello"));
    assert_eq!(article.published.to_string(), "2026-11-01T00:00:00Z");
    assert_eq!(article.content, "<p>Text.</p>");
    assert_eq!(article.url, "https://blog.example/posts/a/");
}

#[test]
fn the_more_trusted_source_wins_field_by_field() {
    let html = "<html lang=fr><head><script type=application/ld+json>{\"@type\":\"BlogPosting\",\"headline\":\"J\",\
        \"datePublished\":\"2026-11-01T10:00:00Z\"}</script><meta property=og:title content=O>\
        <meta property=og:description content='of O'><meta name=description content='of M'>\
        <meta property=article:published_time content=2026-11-02T10:00:00Z></head>\
        <body><article class=h-entry><h1 class=p-name>H</h1><p class=p-summary>of H</p>\
        <div class=e-content><p>Text.</p></div></article>";
    let article = post(html);
    assert_eq!(article.title.as_deref(), Some("J"));
    assert_eq!(article.summary.as_deref(), Some("of H"));
    assert_eq!(article.published.to_string(), "2026-11-01T10:00:00Z");
    assert_eq!(article.language.as_deref(), Some("fr"));
    let from = |field| {
        page(html)
            .evidence
            .iter()
            .find(|e| e.field == field)
            .map(|e| e.source)
    };
    assert_eq!(
        (from("title"), from("summary"), from("content")),
        (Some("JSON-LD"), Some("h-entry"), Some("e-content"))
    );
}

#[test]
fn a_day_gives_way_to_an_instant_of_the_same_day_and_otherwise_is_midnight() {
    let html = |day: &str| {
        format!(
            "<script type=application/ld+json>{{\"@type\":\"Article\",\"headline\":\"x\",\"datePublished\":\"{day}\"}}\
             </script>{DATED}<p>Text."
        )
    };
    assert_eq!(
        post(&html("2026-11-01")).published.to_string(),
        "2026-11-01T09:00:00Z"
    );
    assert_eq!(
        post(&html("2026-10-31")).published.to_string(),
        "2026-10-31T00:00:00Z"
    );
    let note = page(&html("2026-10-31"))
        .evidence
        .into_iter()
        .find(|e| e.field == "published")
        .unwrap()
        .note;
    assert_eq!(note, Some("only a day: taken as midnight UTC"));
}

#[test]
fn a_page_without_a_date_is_no_post_and_a_date_in_a_sentence_is_none() {
    assert_eq!(
        reason("/about/", "<main><h1>About</h1><p>Me.</p></main>"),
        Reason::NoDate
    );
    let concert =
        "<main><h1>About</h1><p>The concert is on <time datetime=2026-12-24>Christmas Eve</time>.</p></main>";
    assert_eq!(reason("/about/", concert), Reason::NoDate);
    let sidebar = "<main><h1>About</h1><p>Me.</p></main><aside><ul><li><a href=/b/>B</a> <time datetime=2026-11-01>x</time>";
    assert_eq!(reason("/about/", sidebar), Reason::NoDate);
}

#[test]
fn title_alone_is_no_headline() {
    let article = post(&dated("<title>Window</title><main><p>Text.</p></main>"));
    assert_eq!(article.title, None);
}

#[test]
fn the_site_s_name_is_no_headline_and_is_cut_off_one() {
    let names = "<meta property=og:site_name content='My blog'>";
    let article = post(&dated(&format!(
        "{names}<meta property=og:title content='My blog'><main><p>Text.</p></main>"
    )));
    assert_eq!(article.title, None);
    let article = post(&dated(&format!(
        "{names}<meta property=og:title content='Hello | My blog'><main><p>Text.</p></main>"
    )));
    assert_eq!(article.title.as_deref(), Some("Hello"));
    let article = post(&dated(
        "<meta property=og:title content='Hello – Other'><main><h1>Hello</h1><p>Text.</p></main>",
    ));
    assert_eq!(article.title.as_deref(), Some("Hello"));
}

#[test]
fn a_note_has_no_title_whatever_the_card_says() {
    let note = "<header><h1>My blog</h1></header><main><article class=h-entry><div class=e-content><p>Just a short thought.</p>\
        </div><a class=u-url href=/posts/a/><time class=dt-published datetime=2026-11-01T10:00:00Z>x</time></a></article>";
    for card in ["", "<meta property=og:title content='Just a short…'>"] {
        let article = post(&format!("{card}{note}"));
        assert_eq!(article.title, None, "{card}");
        assert_eq!(article.content, "<p>Just a short thought.</p>");
    }
}

#[test]
fn an_update_counts_only_when_it_is_later() {
    let html =
        |at: &str| format!("{DATED}<meta property=article:modified_time content={at}><h1>x</h1><p>Text.</p>");
    assert_eq!(
        post(&html("2026-11-02T10:00:00Z")).updated.unwrap().to_string(),
        "2026-11-02T10:00:00Z"
    );
    assert_eq!(post(&html("2026-11-01T09:00:00Z")).updated, None);
    assert_eq!(post(&html("2026-10-01T09:00:00Z")).updated, None);
}

#[test]
fn a_shown_update_is_not_the_date_of_publication() {
    let article = post(
        "<main><article><h1>x</h1><div>Last updated on <time datetime=2026-11-05>5</time></div>\
         <div>Published <time datetime=2026-11-01>1</time></div><p>Text.</p></article></main>",
    );
    assert_eq!(article.published.to_string(), "2026-11-01T00:00:00Z");
    assert_eq!(article.updated.unwrap().to_string(), "2026-11-05T00:00:00Z");
    assert_eq!(article.content, "<p>Text.</p>");
}

#[test]
fn lists_are_no_posts() {
    let teasers = "<main><article><h2><a href=/b/>B</a></h2><time datetime=2026-11-01>x</time><p>b</p></article>\
        <article><h2><a href=/c/>C</a></h2><time datetime=2026-11-02>x</time><p>c</p></article></main>";
    assert_eq!(reason("/", teasers), Reason::List);
    let archive = "<main><h1>Archive</h1><ul><li><a href=/b/>B</a> <time datetime=2026-11-01>x</time></li>\
        <li><a href=/c/>C</a> <time datetime=2026-11-02>x</time></li></ul></main>";
    assert_eq!(reason("/archive/", archive), Reason::List);
    let flat = "<main><h2><a href=/b/>B</a></h2><time datetime=2026-11-01>x</time><p>b</p>\
        <h2><a href=/c/>C</a></h2><time datetime=2026-11-02>x</time><p>c</p></main>";
    assert_eq!(reason("/", flat), Reason::List);
    let feed = "<div class=h-feed><div class=h-entry><a class='u-url p-name' href=/b/>B</a></div>\
        <div class=h-entry><a class='u-url p-name' href=/c/>C</a></div></div>";
    assert_eq!(reason("/", feed), Reason::List);
    let tag =
        "<meta property=og:type content=website><main><h1>rust</h1><time datetime=2026-11-01>x</time></main>";
    assert_eq!(reason("/tags/rust/", tag), Reason::List);
}

#[test]
fn a_post_may_show_teasers_of_others() {
    let html = dated(
        "<meta property=og:type content=article><main><article><h1>Own</h1><p>Text.</p></article>\
         <section><article><h3><a href=/b/>B</a></h3></article><article><h3><a href=/c/>C</a></h3></article></section></main>",
    );
    let article = post(&html);
    assert_eq!(article.title.as_deref(), Some("Own"));
    assert_eq!(article.content, "<p>Text.</p>");
}

#[test]
fn noindex_error_pages_opting_out_and_drafts_are_no_posts_and_say_so() {
    let body = "<h1>x</h1><p>Text.</p>";
    let with = |meta: &str| dated(&format!("{meta}{body}"));
    assert_eq!(
        reason("/a/", &with("<meta name=robots content=noindex>")),
        Reason::NoIndex
    );
    assert_eq!(reason("/404.html", &with("")), Reason::ErrorPage);
    assert_eq!(
        reason("/a/", &with("<meta name=tidings:publish content=no>")),
        Reason::OptedOut
    );
    assert_eq!(reason("/drafts/a.html", &with("")), Reason::Draft);
    assert_eq!(
        Reason::NoIndex.to_string(),
        "the page asks robots not to index it (noindex)"
    );
    let asked = with("<meta name=robots content=noindex><meta name=tidings:publish content=yes>");
    assert!(matches!(page(&asked).verdict, Verdict::Post(_)));
}

#[test]
fn an_alias_names_its_target() {
    let html = "<title>x</title><link rel=canonical href=https://blog.example/new/>\
        <meta name=robots content=noindex><meta http-equiv=refresh content='0; url=https://blog.example/new/'>";
    assert_eq!(
        page(html).verdict,
        Verdict::Alias("https://blog.example/new/".into())
    );
}

#[test]
fn a_canonical_address_on_this_site_is_taken_and_one_elsewhere_is_only_reported() {
    let html = |href: &str| {
        dated(&format!(
            "<link rel=canonical href='{href}'><h1>x</h1><p>Text.</p>"
        ))
    };
    let other = "https://blog.example/posts/b/";
    assert_eq!(post(&html(other)).url, other);
    assert_eq!(post(&html("/posts/a")).url, "https://blog.example/posts/a");
    let wrong = page(&html("http://localhost:1313/posts/a/"));
    assert_eq!(wrong.canonical.as_deref(), Some("http://localhost:1313/posts/a/"));
    let Verdict::Post(article) = wrong.verdict else {
        panic!("not a post")
    };
    assert_eq!(article.url, "https://blog.example/posts/a/");
}

#[test]
fn a_site_may_lie_below_a_path() {
    let site = "https://a.example/blog/".parse().unwrap();
    let html = dated("<h1>x</h1><p><a href='../b/'>b</a><a href='#n'>n</a></p>");
    let page = read(&Source {
        path: "/a:1/",
        html: html.as_bytes(),
        site: &site,
        feed: None,
        changed: None,
        frame: None,
    });
    let Verdict::Post(article) = page.verdict else {
        panic!("not a post")
    };
    assert_eq!(article.url, "https://a.example/blog/a:1/");
    assert!(
        article.content.contains("https://a.example/blog/b/"),
        "{}",
        article.content
    );
    assert!(
        article.content.contains("https://a.example/blog/a:1/#n"),
        "{}",
        article.content
    );
}

#[test]
fn what_stands_around_the_content_is_not_part_of_it() {
    let html = dated(
        "<main><article><header><h1>Own</h1><p>By Ann</p></header><nav class=toc>Contents</nav><p>Text.</p>\
         <div class=share-links><a href=//x.example>Share</a></div><div class=tidings-box>widget</div>\
         <tidings-thread>thread</tidings-thread><form><input></form><aside>Aside</aside>\
         <p>Tags: <a href=/tags/one/>one</a>, <a href=/tags/two/>two</a></p>\
         <footer>Foot</footer></article><section id=comments>Comment</section></main>",
    );
    assert_eq!(content(&html), "<p>Text.</p>");
    let tags: Vec<_> = post(&html)
        .tags
        .into_iter()
        .map(|tag| (tag.name, tag.href.unwrap()))
        .collect();
    let expected = [
        ("one", "https://blog.example/tags/one/"),
        ("two", "https://blog.example/tags/two/"),
    ];
    assert_eq!(
        tags,
        expected.map(|(name, href)| (name.to_owned(), href.to_owned()))
    );
}

#[test]
fn a_quotation_keeps_its_footer_and_footnotes_lead_to_the_page() {
    let html = dated(
        "<article><h1>x</h1><blockquote><p>q</p><footer>Ann</footer></blockquote><p>a<sup id=r1><a href='#fn1'>1</a></sup></p>\
         <section class=footnotes role=doc-endnotes><ol><li id=fn1><p>Note. <a href='#r1' role=doc-backlink>↩</a></p></li></ol></section></article>",
    );
    assert_eq!(
        content(&html),
        "<blockquote><p>q</p><p>Ann</p></blockquote><p>a<sup><a href=\"https://blog.example/posts/a/#fn1\">1</a></sup></p>\
         <ol><li><p>Note.</p></li></ol>"
    );
}

#[test]
fn a_new_template_changes_neither_content_nor_digest() {
    let one =
        dated("<article class=a><h1>x</h1><p>Some <em>text</em>.</p><pre><code>a\n b</code></pre></article>");
    let two = dated(
        "<!-- build 7 -->\n<div data-v=2>\n<article class=b id=post-1 style='x'>\n <header>\n<h1 class=t>x</h1>\n</header>\n\
         <div class=body>\n  <p>\n   Some\n  <em class=e>text</em>.\n </p>\n<pre tabindex=0><code>a\n b</code></pre>\n</div>\
         <footer>v2</footer></article></div>",
    );
    assert_eq!(post(&one).content, post(&two).content);
    assert_eq!(post(&one).digest(), post(&two).digest());
    assert_eq!(page(&two), page(&two));
}

#[test]
fn tags_of_all_sources_come_once_and_meta_keywords_only_alone() {
    let keywords = "<meta name=keywords content='seo, blog'>";
    let html = dated(&format!(
        "{keywords}<meta property=article:tag content=Rust><article><h1>x</h1><p>See <a href=/tags/aside/>those posts</a>, too.</p>\
         <footer><a rel=tag href=/tags/rust/>#rust</a> <a rel=tag href=/tags/web/>web</a></footer></article>"
    ));
    let article = post(&html);
    let names: Vec<_> = article.tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names, ["Rust", "web"]);
    assert_eq!(
        article.tags[0].href.as_deref(),
        Some("https://blog.example/tags/rust/")
    );
    assert!(article.content.contains("those posts"));
    let alone = post(&dated(&format!(
        "{keywords}<article><h1>x</h1><p>Text.</p></article>"
    )));
    assert_eq!(alone.tags.len(), 2);
}

#[test]
fn the_picture_of_the_card_comes_with_its_text_and_size() {
    let article = post(&dated(
        "<meta property=og:image content=/p.png><meta property=og:image:alt content=Pic>\
         <meta property=og:image:width content=640><meta property=og:image:height content=480><h1>x</h1><p>Text.",
    ));
    let image = article.image.unwrap();
    assert_eq!(image.url, "https://blog.example/p.png");
    assert_eq!(
        (image.alt.as_deref(), image.width, image.height),
        (Some("Pic"), Some(640), Some(480))
    );
}

#[test]
fn the_language_nearest_to_the_content_wins() {
    let html = |attribute: &str| {
        format!(
            "<html lang=en><head>{DATED}<meta property=og:locale content=fr_FR></head><body><article {attribute}><h1>x</h1><p>Text."
        )
    };
    assert_eq!(post(&html("lang=de")).language.as_deref(), Some("de"));
    assert_eq!(post(&html("")).language.as_deref(), Some("en"));
    let none = post(&format!(
        "{DATED}<meta property=og:locale content=fr_FR><h1>x</h1><p>Text."
    ));
    assert_eq!(none.language.as_deref(), Some("fr-FR"));
}

#[test]
fn a_page_with_nothing_to_say_is_empty() {
    assert_eq!(reason("/a/", &dated("<main></main>")), Reason::Empty);
}

#[test]
fn a_page_that_is_too_large_or_too_deep_is_refused_before_it_is_parsed() {
    assert_eq!(reason("/a/", &"x".repeat(MAX_PAGE + 1)), Reason::TooLarge);
    assert_eq!(reason("/a/", &"<div>".repeat(100_000)), Reason::TooDeep);
    assert!(matches!(
        page(&dated(&"<div>".repeat(900))).verdict,
        Verdict::Not(Reason::Empty)
    ));
}

#[test]
fn a_page_in_another_encoding_is_read() {
    let site = "https://blog.example/".parse().unwrap();
    let mut html = dated("<meta charset=windows-1252><h1>Caf#</h1><p>Text.").into_bytes();
    let at = html.iter().position(|byte| *byte == b'#').unwrap();
    html[at] = 0xe9;
    let page = read(&Source {
        path: "/a/",
        html: &html,
        site: &site,
        feed: None,
        changed: None,
        frame: None,
    });
    let Verdict::Post(article) = page.verdict else {
        panic!("not a post")
    };
    assert_eq!(article.title.as_deref(), Some("Café"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), path in "/[ -~]{0,20}") {
        let site = "https://blog.example/".parse().unwrap();
        read(&Source { path: &path, html: &bytes, site: &site, feed: None, changed: None, frame: None });
    }

    #[test]
    fn no_markup_makes_the_reader_panic_and_every_reading_is_the_same(
        parts in proptest::collection::vec(piece(), 0..40)
    ) {
        let html = dated(&parts.concat());
        prop_assert_eq!(page(&html), page(&html));
    }
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "<article>",
            "</article>",
            "<main>",
            "</main>",
            "<h1>",
            "</h1>",
            "<h2><a href=/b/>",
            "</a></h2>",
            "<p>",
            "</p>",
            "<time datetime=2026-11-01>",
            "</time>",
            "<div class=h-entry>",
            "<div class=e-content>",
            "</div>",
            "<header>",
            "</header>",
            "<footer>",
            "</footer>",
            "<ul><li>",
            "</ul>",
            "<a rel=tag href=/tags/x/>",
            "</a>",
            "<img src=a.png>",
            "<base href='//['>",
            "<link rel=canonical href='http://['>",
            "<template>",
            "</template>",
            "<svg>",
            "</svg>",
            "<script type=application/ld+json>{\"@type\":\"Article\",\"image\":[{}],\"url\":5}</script>",
            "<frameset>",
            "<table>",
            "<div itemprop=articleBody>",
            "<span class=dt-published>",
            "<nav>",
            "<aside>",
            "<body lang=x>",
            "<select>",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,8}",
    ]
}

#[test]
fn a_day_that_only_readers_see_counts_below_the_headline() {
    for html in [
        "<article><header><h1>x</h1><p>May 01, 2026</p></header><p>Text.</p></article>",
        "<main><h1>x</h1><p>May 1, 2026</p><p>Text.</p></main>",
        "<h1>x</h1><p class=date>1 May 2026</p><p>Text.",
        "<article><header><h1>x</h1><span>1 minute · Published: 2026-05-01</span></header><p>Text.</p></article>",
    ] {
        assert_eq!(post(html).published.to_string(), "2026-05-01T00:00:00Z", "{html}");
        assert_eq!(post(html).content, "<p>Text.</p>", "{html}");
    }
    assert_eq!(
        reason("/a/", "<main><h1>x</h1><p>Since May 1, 2026 I bake.</p></main>"),
        Reason::NoDate
    );
}
