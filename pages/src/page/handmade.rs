//! Pages of sites that were made by hand, or with few lines of templates: whole pages, one rule each.

use super::*;
use crate::frame::Frame;

fn page_at(path: &str, html: &str, frame: Option<&Frame>) -> Page {
    let site = "https://blog.example/".parse().unwrap();
    read(&Source {
        path,
        html: html.as_bytes(),
        site: &site,
        feed: None,
        changed: None,
        frame,
    })
}

fn post(html: &str) -> Article {
    match page_at("/posts/a/", html, None).verdict {
        Verdict::Post(article) => *article,
        other => panic!("{other:?} of {html}"),
    }
}

#[track_caller]
fn is_list(path: &str, html: &str) {
    let verdict = page_at(path, html, None).verdict;
    assert_eq!(verdict, Verdict::Not(Reason::List), "{html}");
}

/// What the frame of a site is that these pages are.
fn frame(pages: &[(String, String)]) -> Frame {
    let site = "https://blog.example/".parse().unwrap();
    let sketches: Vec<Sketch> = pages
        .iter()
        .filter_map(|(path, html)| {
            sketch(&Source {
                path,
                html: html.as_bytes(),
                site: &site,
                feed: None,
                changed: None,
                frame: None,
            })
        })
        .collect();
    Frame::learn(&sketches.iter().collect::<Vec<_>>())
}

#[test]
fn a_date_beside_a_link_is_of_the_page_there() {
    let page = |entry: &str| format!("<div><a href=/>Home</a></div><h2>About cats</h2>{entry}");
    for entry in [
        "<p>2026-02-10 <a href=/2026/02/10/cats/>Cats at home</a></p>",
        "<p>10 Feb 2026 — <a href=/posts/cats/>Cats at home</a></p>",
        "<p><a href=/posts/cats.html>Cats at home</a> (February 10, 2026)</p>",
        "<div class=item><a href=/posts/cats/>Cats at home</a><div class=day>10.02.2026</div></div>",
        "<div><span>2026-02-10</span>: <a href=/posts/cats/>Cats at home</a></div>",
    ] {
        is_list("/themes/cats/", &page(entry));
    }
    // The address of the other page tells it whatever else the page says.
    let intro = "<p>All that I ever wrote about cats, and I don't even have one, as you may know.</p>";
    let entry = "<p>2026-02-10 <a href=/2026/02/10/cats/>Cats at home</a></p>";
    is_list("/themes/cats/", &page(&format!("{intro}{entry}")));
}

#[test]
fn several_dates_beside_links_are_a_list_also_one_of_tags() {
    let lines = "<p>20 Apr 2026 — <a href=/topics/cats/>cats</a></p><p>15 Mar 2026 — <a href=/topics/dogs/>dogs</a></p>";
    let html = format!("<h1>Topics</h1>{lines}");
    let verdict = page_at("/topics/", &html, None).verdict;
    assert!(matches!(verdict, Verdict::Not(_)), "{verdict:?}");
}

#[test]
fn a_byline_below_the_headline_is_the_post_s() {
    let text = "<p>The oven was warm before the sun came up, and the dough had risen.</p>";
    for line in [
        "<p>1 May 2026 · <a href=/about/>Ann Author</a></p>",
        "<p>1 May 2026 <a rel=author href=/ann/>Ann</a></p>",
        "<p>1 May 2026 in <a href=/bread/>Bread</a></p>",
        "<p>1 May 2026 · <a hreflang=de href=/de/a/>Deutsch</a></p>",
        "<p>1 May 2026 · <a href=/tags/bread/>bread</a></p>",
    ] {
        let article = post(&format!("<h1>Bread</h1>{line}{text}"));
        assert_eq!(article.published.to_string(), "2026-05-01T00:00:00Z", "{line}");
    }
    // Of a short post, too, when its author's name is known from others.
    let pages: Vec<(String, String)> = ["One", "Two", "Three", "Four"]
        .iter()
        .enumerate()
        .map(|(at, title)| {
            let html = format!(
                "<h1>{title}</h1><p>{} May 2026 · <a href=/about/>Ann Author</a></p><div><p>It rained all day, and I baked {title}.</p></div>",
                at + 1
            );
            (format!("/{at}/"), html)
        })
        .collect();
    let frame = frame(&pages);
    for (path, html) in &pages {
        let verdict = page_at(path, html, Some(&frame)).verdict;
        assert!(matches!(verdict, Verdict::Post(_)), "{verdict:?} of {html}");
    }
}

#[test]
fn dates_are_read_in_the_order_that_other_pages_show() {
    let html =
        |date: &str| format!("<html lang=en><h1>A walk</h1><p>{date}</p><div><p>We went out.</p></div>");
    let pages: Vec<(String, String)> = ["3/15/2026", "1/5/2026", "5/1/2026"]
        .iter()
        .enumerate()
        .map(|(at, date)| (format!("/{at}/"), html(date)))
        .collect();
    let us = frame(&pages);
    let day = |date: &str, frame: Option<&Frame>| match page_at("/a/", &html(date), frame).verdict {
        Verdict::Post(article) => article.published.to_string(),
        other => format!("{other:?}"),
    };
    assert_eq!(day("1/5/2026", Some(&us)), "2026-01-05T00:00:00Z");
    assert_eq!(day("1/5/2026", None), "Not(NoDate)");
    let both = frame(&[pages[0].clone(), ("/x/".into(), html("15/3/2026"))]);
    assert_eq!(day("1/5/2026", Some(&both)), "Not(NoDate)");
}

#[test]
fn a_title_that_all_posts_have_for_cards_is_the_site_s_but_a_headline_may_return() {
    let html = |headline: &str| {
        format!(
            "<meta property=og:title content='Home of Ann'><h1>{headline}</h1><p>1 May 2026</p><div><p>About {headline}.</p></div>"
        )
    };
    let titles = ["Bread", "Gates", "Rain", "Links", "Links", "Links"];
    let pages: Vec<(String, String)> = titles
        .iter()
        .enumerate()
        .map(|(at, title)| (format!("/{at}/"), html(title)))
        .collect();
    let frame = frame(&pages);
    for ((path, html), title) in pages.iter().zip(titles) {
        match page_at(path, html, Some(&frame)).verdict {
            Verdict::Post(article) => assert_eq!(article.title.as_deref(), Some(title)),
            other => panic!("{other:?} of {html}"),
        }
    }
}

#[test]
fn an_imprint_with_a_date_is_no_post_and_one_that_asks_for_it_is() {
    let html = "<h1>Imprint</h1><p>1 May 2026</p><p>Who we are.</p>";
    for path in ["/imprint/", "/about.html", "/de/impressum/"] {
        assert_eq!(
            page_at(path, html, None).verdict,
            Verdict::Not(Reason::Beside),
            "{path}"
        );
    }
    assert!(matches!(
        page_at("/posts/about/", html, None).verdict,
        Verdict::Post(_)
    ));
    let asks = format!("<meta name='tidings:publish' content=yes>{html}");
    assert!(matches!(
        page_at("/imprint/", &asks, None).verdict,
        Verdict::Post(_)
    ));
    for since in [
        "Stand: 1. Mai 2026",
        "Effective May 1, 2026",
        "Checked on 01.05.2026",
    ] {
        let html = format!("<h1>Terms</h1><p>{since}</p><p>You may read this.</p>");
        assert_eq!(
            page_at("/rules/", &html, None).verdict,
            Verdict::Not(Reason::NoDate),
            "{since}"
        );
    }
}

#[test]
fn lists_of_a_whole_site_are_no_postings_though_they_say_so() {
    let html = "<script type=application/ld+json>{\"@type\":\"BlogPosting\",\"headline\":\"Tags\",\"datePublished\":\"2026-05-01T10:00:00Z\"}</script><h1>Tags</h1><p>bread 3</p>";
    is_list("/tags/", html);
    is_list("/archives.html", html);
    assert!(matches!(
        page_at("/posts/tags/", html, None).verdict,
        Verdict::Post(_)
    ));
}

#[test]
fn the_headline_s_article_and_the_text_s_are_one_post() {
    let article = post(
        "<main><article><h2>Bread</h2><p class=post-description>All about it</p><span class=post-date>Published on 1 May \
         2026</span></article><article><p>Salt and flour, and as much water as the dough will take before it runs off the table.</p>\
         <p>It rests until the morning.</p></article></main>\
         <meta property=og:title content=Bread><meta property=og:description content='All about it'>",
    );
    assert_eq!(article.title.as_deref(), Some("Bread"));
    assert_eq!(article.published.to_string(), "2026-05-01T00:00:00Z");
    assert_eq!(article.summary.as_deref(), Some("All about it"));
    assert!(
        article.content.starts_with("<p>Salt and flour, and") && article.content.ends_with("morning.</p>"),
        "{}",
        article.content
    );
}

#[test]
fn the_beginning_of_the_text_stays_though_it_is_the_summary_too() {
    let article = post(
        "<meta name=description content='Salt and flour.'><article><h1>Bread</h1><time datetime=2026-05-01>May 1</time>\
         <p>Salt and flour.</p><p>Water.</p></article>",
    );
    assert_eq!(article.content, "<p>Salt and flour.</p><p>Water.</p>");
}

#[test]
fn links_to_the_next_post_are_no_text_and_links_in_the_text_are() {
    let page = |line: &str| {
        format!("<h1>Bread</h1><p>1 May 2026</p><p>Salt and flour, <a href=/salt/>as ever</a>.</p>{line}")
    };
    for line in [
        "<p>Next: <a href=/gates/>Gates</a></p>",
        "<p><a href=/gates/>← Gates</a> <a href=/rain/>Rain →</a></p>",
        "<p>Vorheriger Beitrag: <a href=/gates/>Gates</a> | Nächster Beitrag: <a href=/rain/>Rain</a></p>",
        "<p><a href=/gates/>Older</a></p>",
    ] {
        let content = post(&page(line)).content;
        assert!(content.ends_with("as ever</a>.</p>"), "{content}");
    }
    for line in [
        "<p>The next <a href=/gates/>thing</a> that I tried.</p>",
        "<p><a href=/gates/>Gates of the garden</a></p>",
    ] {
        let content = post(&page(line)).content;
        assert!(content.contains("/gates/"), "{content}");
    }
}

#[test]
fn tags_in_a_byline_or_written_out_are_read() {
    let names = |html: &str| {
        let tags = post(html).tags;
        tags.into_iter().map(|tag| tag.name).collect::<Vec<_>>()
    };
    let text = "<p>Salt and flour.</p>";
    for line in [
        "<small>Posted 02/13/2026 in <a href=/tags/rust/>rust</a> <a href=/tags/code/>code</a></small>",
        "<p>13 February 2026</p><p>Tags: rust, code</p>",
    ] {
        let html = format!("<h1>Bread</h1>{line}{text}");
        assert_eq!(names(&html), ["rust", "code"], "{line}");
        assert_eq!(post(&html).content, text, "{line}");
    }
    let aside = "<main><h2>Bread</h2><aside><p>published on 2026-02-13 · tagged with <a href=/tags/rust.html>#rust</a></p></aside>";
    let dated = "<meta property=article:published_time content=2026-02-13T10:00:00Z>";
    assert_eq!(names(&format!("{dated}{aside}{text}</main>")), ["rust"]);
}

#[test]
fn a_description_of_names_is_no_summary() {
    let summary = |said: &str| {
        post(&format!(
            "<meta name=description content='{said}'><h1>A</h1><p>1 May 2026</p><p>B.</p>"
        ))
        .summary
    };
    assert_eq!(summary("Home of Ann | Notes | Ann Author | 1 May 2026"), None);
    assert!(summary("Bread | and a gate").is_some());
    assert!(summary("I baked. | Then it rained. | We ate.").is_some());
}
