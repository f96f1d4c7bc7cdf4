//! How other servers show an object: what their readers see of it, drawn from the very document that is sent.
//!
//! Mastodon shows a Note as its text, and everything else (Article, Page, Event …) as title, summary and link. Under a
//! post without media it shows a card made from the first page that it links; hashtags that don't stand in the text
//! follow below (mastodon/mastodon `status_parser.rb`, `link_details_extractor.rb`). Most servers treat a Note alike.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::dom::{Html, Node};
use crate::sanitize::plain;

/// Attachments that Mastodon shows of a post from another server (`Status::MEDIA_ATTACHMENTS_LIMIT`).
pub const MEDIA: usize = 4;

/// What readers on another server see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The content warning, behind which the rest stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// In bold, above the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The text, a paragraph each.
    pub text: Vec<String>,
    /// The link below the text, when it doesn't stand in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The hashtags below the text, when they don't stand in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashtags: Vec<String>,
    /// What is attached, as far as it is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Medium>,
    /// The card, if it gets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
}

/// A picture, a sound or a film below a post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medium {
    /// `Image`, `Audio`, `Video` or `Document`.
    pub kind: String,
    /// Where it lies.
    pub url: String,
    /// What it shows, for those who can't see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
}

/// The box with title, text and picture that a linked page gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The site's name, or its host.
    pub site: String,
    /// The page's title for cards.
    pub title: String,
    /// The page's description for cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The address of its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What the picture shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_alt: Option<String>,
    /// The account that the page names as its author's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// What readers on Mastodon see of an object; `card` is what a link to its page gets. A link to another page that stands
/// in the text before it gets the card instead, of which nothing is known here but its address.
pub fn shown(object: &Value, card: Option<Card>) -> Shown {
    let text = |field: &str| {
        object[field]
            .as_str()
            .map(str::to_string)
            .filter(|text| !text.is_empty())
    };
    let media: Vec<Medium> = list(&object["attachment"])
        .filter_map(medium)
        .take(MEDIA)
        .collect();
    let tags = list(&object["tag"])
        .filter(|tag| tag["type"] == "Hashtag")
        .filter_map(|tag| tag["name"].as_str().map(str::to_string));
    let mut shown = Shown::default();
    if object["type"] == "Note" {
        let paragraphs = paragraphs(object["content"].as_str().unwrap_or_default());
        shown.warning = text("summary");
        shown.hashtags = tags.filter(|tag| !holds(&paragraphs, tag)).collect();
        shown.text = paragraphs;
    } else {
        shown.title = text("name");
        shown.text = text("summary")
            .map(|summary| paragraphs(&summary))
            .unwrap_or_default();
        shown.link = text("url");
        shown.hashtags = tags.collect();
    }
    let first = first_link(object["content"].as_str().filter(|_| object["type"] == "Note"));
    let card = match first.filter(|first| object["url"] != first.as_str()) {
        Some(other) => Some(Card {
            site: other.host_str().unwrap_or_default().to_string(),
            title: other.into(),
            ..Card::default()
        }),
        None => card,
    };
    shown.card = card.filter(|_| media.is_empty());
    shown.media = media;
    shown
}

/// A member that may be missing, one thing, or a list.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(many) => many.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
    .iter()
}

fn medium(attachment: &Value) -> Option<Medium> {
    Some(Medium {
        kind: attachment["type"].as_str().unwrap_or("Document").to_string(),
        url: attachment["url"].as_str()?.to_string(),
        alt: attachment["name"].as_str().map(str::to_string),
    })
}

/// The first link of a text that names neither a person nor a hashtag.
fn first_link(html: Option<&str>) -> Option<Url> {
    let html = Html::parse_fragment(html?);
    html.root().descendants().find_map(|node| {
        let Node::Element(element) = node.value() else {
            return None;
        };
        let names = element
            .classes()
            .any(|class| class == "mention" || class == "hashtag")
            || element
                .attr("rel")
                .is_some_and(|rel| rel.split_ascii_whitespace().any(|word| word == "tag"));
        let href = element.attr("href").filter(|_| element.name() == "a" && !names)?;
        Url::parse(href)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
    })
}

fn paragraphs(html: &str) -> Vec<String> {
    plain(html).lines().map(str::to_string).collect()
}

/// Whether a hashtag stands in the text.
fn holds(paragraphs: &[String], tag: &str) -> bool {
    let tag = tag.to_lowercase();
    paragraphs
        .iter()
        .any(|line| line.to_lowercase().split_whitespace().any(|word| word == tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn card() -> Option<Card> {
        Some(Card {
            site: "blog.example".into(),
            title: "Hello".into(),
            ..Card::default()
        })
    }

    #[test]
    fn an_article_is_title_summary_link_and_card_and_its_tags_follow() {
        let object = json!({
            "type": "Article", "name": "Hello", "summary": "A &lt;b&gt; c", "content": "<p>Long</p>",
            "url": "https://blog.example/posts/hello/",
            "tag": [{ "type": "Hashtag", "name": "#rust", "href": "https://blog.example/#rust" }],
        });
        let shown = shown(&object, card());
        assert_eq!(shown.title.as_deref(), Some("Hello"));
        assert_eq!(shown.text, ["A <b> c"]);
        assert_eq!(shown.link.as_deref(), Some("https://blog.example/posts/hello/"));
        assert_eq!(shown.hashtags, ["#rust"]);
        assert_eq!(shown.card, card());
        assert_eq!(shown.warning, None);
    }

    #[test]
    fn a_note_is_its_text_and_its_summary_is_a_warning() {
        let object = json!({
            "type": "Note", "summary": "spiders",
            "content": "<p>One</p><p>Two <a href=\"x\">#rust</a></p>",
            "tag": [{ "type": "Hashtag", "name": "#Rust" }, { "type": "Hashtag", "name": "#else" }],
        });
        let shown = shown(&object, None);
        assert_eq!(shown.warning.as_deref(), Some("spiders"));
        assert_eq!(shown.text, ["One", "Two #rust"]);
        assert_eq!(shown.hashtags, ["#else"]);
        assert_eq!((shown.title, shown.link), (None, None));
    }

    #[test]
    fn pictures_take_the_place_of_the_card_and_only_the_first_are_shown() {
        let pictures: Vec<Value> = (0..6)
            .map(|n| json!({ "type": "Image", "url": format!("https://blog.example/{n}.png"), "name": "A picture" }))
            .collect();
        let shown = shown(&json!({ "type": "Article", "attachment": pictures }), card());
        assert_eq!(shown.media.len(), MEDIA);
        assert_eq!(shown.media[0].alt.as_deref(), Some("A picture"));
        assert_eq!(shown.card, None);
    }

    #[test]
    fn the_first_link_of_a_note_gets_the_card() {
        let note = |content: &str| {
            let object = json!({ "type": "Note", "url": "https://blog.example/a/", "content": content });
            shown(&object, card()).card.unwrap().title
        };
        assert_eq!(
            note(
                "<p><a class=\"mention hashtag\" href=\"https://blog.example/tags/x\">#x</a></p>\
                  <p><a href=\"https://blog.example/a/\">a</a></p>"
            ),
            "Hello"
        );
        assert_eq!(
            note("<p><a href=\"https://other.example/\">o</a> <a href=\"https://blog.example/a/\">a</a></p>"),
            "https://other.example/"
        );
    }

    #[test]
    fn what_is_no_object_shows_nothing() {
        for value in [
            Value::Null,
            json!("x"),
            json!({ "type": "Article", "tag": 5, "attachment": "x" }),
        ] {
            assert_eq!(shown(&value, None), Shown::default(), "{value}");
        }
    }
}
