//! What a site leaves unsaid: its weak spots, each with the line that a theme should write.
//!
//! None of them keeps a post from being published; each makes it look poorer on other servers, or harder to find. What
//! each line is good for stands in `docs/themes.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

use super::page::Head;
use crate::article::{Article, Media};

/// A post that was looked at.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// The path of its page.
    pub page: String,
    /// The URL of its page.
    pub url: String,
    /// The id of its object.
    pub object: String,
    /// The handle of the account that speaks: `@blog@blog.example`.
    pub handle: String,
    /// What it says.
    pub article: Article,
    /// What it tells other programs.
    pub head: Head,
    /// How exactly it is dated.
    pub dated: Dated,
}

/// How exactly a post is dated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dated {
    /// With time and zone.
    Exactly,
    /// With a time, but no zone.
    NoZone,
    /// Only the day.
    Day,
}

/// What is known of the site besides single posts.
#[derive(Clone, Debug)]
pub struct Site {
    /// `site.url`
    pub url: Url,
    /// Whether its home page links a feed.
    pub feed_linked: bool,
    /// Pages that aren't posts only because nothing says when they were published.
    pub undated: Vec<String>,
    /// Posts by their markup that the site's feeds don't name though they name their neighbours.
    pub unlisted: Vec<String>,
    /// Posts that are dated in the future.
    pub future: Vec<String>,
    /// Posts that say they are another page: by path, with the path of that page.
    pub duplicates: Vec<(String, String)>,
    /// Accounts of ours that may not be named as authors of this site's pages, by name.
    pub unattributed: Vec<String>,
}

/// Which weak spot it is; the names are fixed, scripts read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Pages that look like posts have no date.
    DateMissing,
    /// Dates are days.
    DateDay,
    /// Times have no zone.
    DateZone,
    /// Dates lie in the future.
    DateFuture,
    /// Posts aren't in the feed.
    FeedAbsent,
    /// No page links a feed.
    FeedMissing,
    /// The canonical address is missing.
    CanonicalMissing,
    /// The canonical address is on another origin than `site.url`.
    CanonicalElsewhere,
    /// Several posts have one canonical address.
    CanonicalShared,
    /// The link to the object is missing.
    AlternateMissing,
    /// The link leads to another object.
    AlternateWrong,
    /// The author's account is missing.
    CreatorMissing,
    /// The account doesn't let this site name it as an author.
    AttributionMissing,
    /// The language is missing.
    LanguageMissing,
    /// The summary is missing.
    SummaryMissing,
    /// The picture for the card is missing.
    PictureMissing,
    /// Pictures have no text.
    AltMissing,
    /// Several posts have one title.
    TitleShared,
}

/// A weak spot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weakness {
    /// Which.
    pub code: Code,
    /// In how many pages.
    pub count: usize,
    /// Of how many that were looked at; missing when all pages were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<usize>,
    /// One of the pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// What is weak, a sentence.
    pub detail: String,
    /// What to do about it, in words.
    pub advice: String,
    /// The line to add, written for the example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
}

/// The weak spots of a site, the weightiest first.
pub fn weaknesses(posts: &[Surveyed], site: &Site) -> Vec<Weakness> {
    let mut found = Vec::new();
    found.extend(whole(
        Code::DateMissing,
        &site.undated,
        "look like posts but aren't, because nothing says when they were published",
        "say it, with time and zone",
        Some(r#"<meta property="article:published_time" content="2026-11-21T10:00:00+01:00">"#),
    ));
    found.extend(whole(
        Code::FeedAbsent,
        &site.unlisted,
        "look like posts but aren't taken for such, because the feed leaves them out",
        "if they are posts, say so",
        Some(r#"<meta name="tidings:publish" content="yes">"#),
    ));
    found.extend(whole(
        Code::DateFuture,
        &site.future,
        "are dated in the future and wait for that day",
        "if they shouldn't, correct the dates, their zone, or the clock of the machine that builds the site",
        None,
    ));
    let duplicates: Vec<String> = site.duplicates.iter().map(|(page, _)| page.clone()).collect();
    found.extend(whole(
        Code::CanonicalShared,
        &duplicates,
        "name another page as their canonical address and aren't published",
        "if they are posts of their own, each must name itself",
        duplicates
            .first()
            .map(|page| canonical_line(&at(&site.url, page)))
            .as_deref(),
    ));
    for check in CHECKS {
        found.extend(check.of(posts, site));
    }
    found.extend(alts(posts));
    found.extend(feed(posts, site));
    found.extend(titles(posts));
    // Pages that name somebody else's account ask nothing of ours.
    let is_named = |post: &Surveyed| {
        let creator = post.head.creator.as_deref();
        creator.is_none_or(|creator| creator.trim_start_matches('@') == post.handle.trim_start_matches('@'))
    };
    if let Some(name) = site.unattributed.first().filter(|_| posts.iter().any(is_named)) {
        let host = site.url.host_str().unwrap_or_default();
        found.push(Weakness {
            code: Code::AttributionMissing,
            count: site.unattributed.len(),
            of: None,
            example: None,
            detail: format!(
                "the account {name} doesn't say that pages on {host} may name it as their author"
            ),
            advice: "without it Mastodon shows no byline; in ap.toml, below [[actor]]".to_string(),
            line: Some(format!("attribution_domains = [\"{host}\"]")),
        });
    }
    found
}

/// What single posts are looked at for.
struct Check {
    code: Code,
    is_weak: fn(&Surveyed, &Site) -> bool,
    detail: &'static str,
    advice: &'static str,
    line: fn(&Surveyed, &Site) -> String,
}

const CHECKS: [Check; 10] = [
    Check {
        code: Code::CanonicalElsewhere,
        is_weak: |post, site| {
            let canonical = post.head.canonical.as_ref();
            canonical.is_some_and(|canonical| canonical.origin() != site.url.origin())
        },
        detail: "name a canonical address that isn't on site.url",
        advice: "was the site built with another base URL? Correct it there, or site.url in ap.toml",
        line: |post, _| canonical_line(&post.url),
    },
    Check {
        code: Code::AlternateWrong,
        is_weak: |post, _| !post.head.objects.is_empty() && !post.head.objects.contains(&post.object),
        detail: "link another object than their own as ActivityPub, and Mastodon gives up on that",
        advice: "link the object's own id; a page that moved keeps its first one",
        line: |post, _| alternate_line(&post.object),
    },
    Check {
        code: Code::AlternateMissing,
        is_weak: |post, _| post.head.objects.is_empty(),
        detail: "don't link their object, by which their address is found in the search of other servers",
        advice: "in the head of each post; the last part is the page's path without its outer slashes and .html, every / as ~",
        line: |post, _| alternate_line(&post.object),
    },
    Check {
        code: Code::DateDay,
        is_weak: |post, _| post.dated == Dated::Day,
        detail: "are dated only to the day, so they are sent as of midnight UTC",
        advice: "say the time and its zone",
        line: published_line,
    },
    Check {
        code: Code::DateZone,
        is_weak: |post, _| post.dated == Dated::NoZone,
        detail: "are dated without a time zone, so theirs is taken for UTC",
        advice: "say the zone",
        line: published_line,
    },
    Check {
        code: Code::CreatorMissing,
        is_weak: |post, _| post.head.creator.is_none(),
        detail: "don't name their author's account, which Mastodon shows below their cards",
        advice: "in the head of each page",
        line: |post, _| format!("<meta name=\"fediverse:creator\" content=\"{}\">", post.handle),
    },
    Check {
        code: Code::CanonicalMissing,
        is_weak: |post, _| post.head.canonical.is_none(),
        detail: "don't name their canonical address, by which copies of a page are told from it",
        advice: "in the head of each page",
        line: |post, _| canonical_line(&post.url),
    },
    Check {
        code: Code::LanguageMissing,
        is_weak: |post, _| post.article.language.is_none(),
        detail: "don't say their language, by which people filter and translate",
        advice: "on the page's first element",
        line: |_, _| "<html lang=\"en\">".to_string(),
    },
    Check {
        code: Code::SummaryMissing,
        is_weak: |post, _| post.article.title.is_some() && post.article.summary.is_none(),
        detail: "have no summary; Mastodon shows only their title and link",
        advice: "a sentence or two",
        line: |_, _| "<meta name=\"description\" content=\"What it is about.\">".to_string(),
    },
    Check {
        code: Code::PictureMissing,
        is_weak: |post, _| post.head.image.is_none(),
        detail: "have no picture for their cards",
        advice: "one of the post, or one of the site for all; og:image:alt says what it shows",
        line: |_, site| {
            format!(
                "<meta property=\"og:image\" content=\"{}\">",
                at(&site.url, "card.png")
            )
        },
    },
];

impl Check {
    fn of(&self, posts: &[Surveyed], site: &Site) -> Option<Weakness> {
        let weak: Vec<&Surveyed> = posts.iter().filter(|post| (self.is_weak)(post, site)).collect();
        let first = weak.first()?;
        Some(Weakness {
            code: self.code,
            count: weak.len(),
            of: Some(posts.len()),
            example: Some(first.page.clone()),
            detail: self.detail.to_string(),
            advice: self.advice.to_string(),
            line: Some((self.line)(first, site)),
        })
    }
}

/// A weak spot that all pages were looked at for.
fn whole(code: Code, pages: &[String], detail: &str, advice: &str, line: Option<&str>) -> Option<Weakness> {
    Some(Weakness {
        code,
        count: pages.len(),
        of: None,
        example: Some(pages.first()?.clone()),
        detail: detail.to_string(),
        advice: advice.to_string(),
        line: line.map(str::to_string),
    })
}

fn feed(posts: &[Surveyed], site: &Site) -> Option<Weakness> {
    let linked = site.feed_linked || posts.iter().any(|post| post.head.feed);
    let first = posts.first().filter(|_| !linked)?;
    Some(Weakness {
        code: Code::FeedMissing,
        count: posts.len(),
        of: Some(posts.len()),
        example: Some(first.page.clone()),
        detail: "link no feed, and the home page doesn't either".to_string(),
        advice:
            "a feed is what readers without an account follow, and says for machines which pages are posts"
                .to_string(),
        line: Some(format!(
            "<link rel=\"alternate\" type=\"application/atom+xml\" href=\"{}\">",
            at(&site.url, "feed.xml")
        )),
    })
}

/// Pictures that say nothing to those who can't see them.
fn alts(posts: &[Surveyed]) -> Option<Weakness> {
    let silent = |post: &Surveyed| -> Option<Media> {
        let mut media = post.article.attachments.iter();
        media
            .find(|media| {
                media.media_type.starts_with("image/")
                    && media.alt.as_deref().is_none_or(|alt| alt.trim().is_empty())
                    && !post.head.decorative.contains(&media.url)
            })
            .cloned()
    };
    let weak: Vec<(&Surveyed, Media)> = posts
        .iter()
        .filter_map(|post| Some((post, silent(post)?)))
        .collect();
    let (post, media) = weak.first()?;
    Some(Weakness {
        code: Code::AltMissing,
        count: weak.len(),
        of: Some(posts.len()),
        example: Some(post.page.clone()),
        detail: "have pictures that say nothing to those who can't see them".to_string(),
        advice: "a text for each; alt=\"\" for one that only decorates".to_string(),
        line: Some(format!("<img src=\"{}\" alt=\"What it shows\">", media.url)),
    })
}

/// Posts that are called like another.
fn titles(posts: &[Surveyed]) -> Option<Weakness> {
    let mut called: BTreeMap<&str, Vec<&Surveyed>> = BTreeMap::new();
    for post in posts {
        if let Some(title) = post.article.title.as_deref() {
            called.entry(title).or_default().push(post);
        }
    }
    let shared: Vec<&Vec<&Surveyed>> = called.values().filter(|posts| posts.len() > 1).collect();
    let first = shared.first()?.first()?;
    Some(Weakness {
        code: Code::TitleShared,
        count: shared.iter().map(|posts| posts.len()).sum(),
        of: Some(posts.len()),
        example: Some(first.page.clone()),
        detail: format!(
            "have the title of another post, such as “{}”",
            first.article.title.as_deref().unwrap_or_default()
        ),
        advice: "does the theme write the site's name for a headline? Each post should say its own"
            .to_string(),
        line: Some("<meta property=\"og:title\" content=\"The post's own title\">".to_string()),
    })
}

fn canonical_line(url: &str) -> String {
    format!("<link rel=\"canonical\" href=\"{url}\">")
}

fn alternate_line(object: &str) -> String {
    format!("<link rel=\"alternate\" type=\"application/activity+json\" href=\"{object}\">")
}

fn published_line(post: &Surveyed, _: &Site) -> String {
    let written = post.article.published.strftime("%Y-%m-%dT%H:%M:%S+00:00");
    format!("<meta property=\"article:published_time\" content=\"{written}\">")
}

/// The address of a path of the site.
fn at(site: &Url, path: &str) -> String {
    site.join(path).map_or_else(|_| path.to_string(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site {
            url: "https://blog.example/".parse().unwrap(),
            feed_linked: true,
            undated: vec![],
            unlisted: vec![],
            future: vec![],
            duplicates: vec![],
            unattributed: vec![],
        }
    }

    fn post(page: &str) -> Surveyed {
        let url = format!("https://blog.example{page}");
        Surveyed {
            page: page.into(),
            object: "https://blog.example/ap/objects/posts~a".into(),
            handle: "@blog@blog.example".into(),
            article: serde_json::from_value(serde_json::json!({
                "url": url, "title": page, "summary": "s", "content": "<p>x</p>", "language": "en",
                "published": "2026-11-01T00:00:00Z",
            }))
            .unwrap(),
            head: Head {
                image: Some("https://blog.example/a.png".into()),
                creator: Some("@blog@blog.example".into()),
                canonical: Some(url.parse().unwrap()),
                objects: vec!["https://blog.example/ap/objects/posts~a".into()],
                ..Head::default()
            },
            dated: Dated::Exactly,
            url,
        }
    }

    fn codes(posts: &[Surveyed], site: &Site) -> Vec<Code> {
        weaknesses(posts, site)
            .iter()
            .map(|weakness| weakness.code)
            .collect()
    }

    #[test]
    fn a_site_that_says_all_has_no_weak_spot() {
        assert_eq!(codes(&[post("/posts/a/")], &site()), []);
        assert_eq!(codes(&[], &site()), []);
    }

    #[test]
    fn what_a_post_leaves_unsaid_comes_with_the_line_to_add() {
        let mut bare = post("/posts/a/");
        bare.head = Head::default();
        bare.article.language = None;
        bare.article.summary = None;
        bare.dated = Dated::Day;
        let site = Site {
            feed_linked: false,
            ..site()
        };
        let found = weaknesses(&[post("/posts/b/"), bare], &site);
        let line = |code: Code| {
            let weakness = found.iter().find(|weakness| weakness.code == code);
            let weakness = weakness.unwrap_or_else(|| panic!("{code:?}: {found:#?}"));
            assert_eq!((weakness.count, weakness.of), (1, Some(2)), "{code:?}");
            assert_eq!(weakness.example.as_deref(), Some("/posts/a/"));
            weakness.line.clone().unwrap()
        };
        assert_eq!(
            line(Code::AlternateMissing),
            r#"<link rel="alternate" type="application/activity+json" href="https://blog.example/ap/objects/posts~a">"#
        );
        assert_eq!(
            line(Code::DateDay),
            r#"<meta property="article:published_time" content="2026-11-01T00:00:00+00:00">"#
        );
        assert_eq!(
            line(Code::CreatorMissing),
            r#"<meta name="fediverse:creator" content="@blog@blog.example">"#
        );
        assert_eq!(
            line(Code::CanonicalMissing),
            r#"<link rel="canonical" href="https://blog.example/posts/a/">"#
        );
        assert_eq!(line(Code::LanguageMissing), r#"<html lang="en">"#);
        assert!(line(Code::SummaryMissing).contains("description"));
        assert!(line(Code::PictureMissing).contains("og:image"));
        let feed = found.iter().find(|weakness| weakness.code == Code::FeedMissing);
        assert_eq!(feed.unwrap().count, 2);
    }

    #[test]
    fn a_canonical_address_elsewhere_and_a_wrong_object_are_told_from_missing_ones() {
        let mut strayed = post("/posts/a/");
        strayed.head.canonical = Some("http://localhost:1313/posts/a/".parse().unwrap());
        strayed.head.objects = vec!["https://blog.example/ap/objects/other".into()];
        assert_eq!(
            codes(&[strayed], &site()),
            [Code::CanonicalElsewhere, Code::AlternateWrong]
        );
    }

    #[test]
    fn an_account_elsewhere_asks_nothing_of_ours() {
        let site = Site {
            unattributed: vec!["blog".into()],
            ..site()
        };
        assert_eq!(codes(&[post("/posts/a/")], &site), [Code::AttributionMissing]);
        let mut other = post("/posts/a/");
        other.head.creator = Some("@ada@mastodon.example".into());
        assert_eq!(codes(&[other], &site), []);
    }

    #[test]
    fn a_picture_without_text_is_weak_unless_it_decorates() {
        let mut pictured = post("/posts/a/");
        pictured.article.attachments = vec![Media {
            url: "https://blog.example/line.png".into(),
            media_type: "image/png".into(),
            alt: None,
            width: None,
            height: None,
        }];
        assert_eq!(codes(&[pictured.clone()], &site()), [Code::AltMissing]);
        pictured.head.decorative = vec!["https://blog.example/line.png".into()];
        assert_eq!(codes(&[pictured], &site()), []);
    }

    #[test]
    fn posts_of_one_title_and_pages_without_a_date_are_named() {
        let mut twin = post("/posts/b/");
        twin.article.title = Some("/posts/a/".into());
        let site = Site {
            undated: vec!["/posts/c/".into(), "/posts/d/".into()],
            duplicates: vec![("/print/a/".into(), "/posts/a/".into())],
            unattributed: vec!["blog".into()],
            ..site()
        };
        let found = weaknesses(&[post("/posts/a/"), twin], &site);
        let found: Vec<(Code, usize)> = found
            .iter()
            .map(|weakness| (weakness.code, weakness.count))
            .collect();
        assert_eq!(
            found,
            [
                (Code::DateMissing, 2),
                (Code::CanonicalShared, 1),
                (Code::TitleShared, 2),
                (Code::AttributionMissing, 1)
            ]
        );
    }
}
