//! Objects: how an article, or a note from the command line, is told to other servers.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::iri::Iris;
use super::{PUBLIC, activity, context, escape, tag};
use crate::article::{Article, Kind, Media, QuotePolicy, Tag, Visibility};
use crate::sanitize::plain;

/// Longest Create or Update in bytes. Misskey refuses inbox bodies of more than 64 KiB; what is left of that is for
/// servers that count otherwise, and for an Update, which is a little longer than its Create.
pub const MAX_ACTIVITY: usize = 56 * 1024;

/// Longest summary in characters: Misskey refuses an object whose summary is longer (misskey#15252).
pub const MAX_SUMMARY: usize = 2_048;

/// Characters of the text that stand for a summary where a page has none and its text is too long to send: a paragraph.
const EXCERPT: usize = 500;

/// Most attachments of an object. Mastodon shows the first few; a gallery of hundreds would fill the activity.
pub const MAX_ATTACHMENTS: usize = 32;

/// Most hashtags of an object: more are taken for spam by several servers.
pub const MAX_TAGS: usize = 32;

/// Where an article stands among our objects.
#[derive(Clone, Debug)]
pub struct Placed<'a> {
    /// The maker of our ids.
    pub iris: &'a Iris,
    /// The site's own URL.
    pub site: &'a str,
    /// The name of the actor that speaks.
    pub actor: &'a str,
    /// The KEY.
    pub key: &'a str,
    /// As what it is sent.
    pub kind: Kind,
    /// Who may see it.
    pub visibility: Visibility,
    /// Who may quote it.
    pub quotes: QuotePolicy,
    /// When it was last really changed; left out unless it is after the publication, because GoToSocial refuses an earlier one
    /// and Mastodon takes an equal one for no edit.
    pub updated: Option<Timestamp>,
}

/// An object, and how much of the article it tells.
#[derive(Clone, Debug)]
pub struct Built {
    /// The ActivityPub object, with its `@context`.
    pub object: Value,
    /// How much it tells.
    pub extent: Extent,
}

/// How much of an article its object tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Summary and link, because the whole would be above [`MAX_ACTIVITY`].
    Summary,
}

/// Somebody whom a note mentions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The actor's id.
    pub actor: String,
    /// `@ada@mastodon.example`
    pub handle: String,
}

/// A note from the command line, its Markdown already HTML with its links in place.
#[derive(Clone, Debug)]
pub struct Note<'a> {
    /// Clean HTML.
    pub content: &'a str,
    /// The content warning: plain text.
    pub summary: Option<&'a str>,
    /// Whether it stands behind a content warning.
    pub sensitive: bool,
    /// BCP 47.
    pub language: Option<&'a str>,
    /// When it was published.
    pub published: Timestamp,
    /// Who is mentioned, each once.
    pub mentions: &'a [Mention],
    /// Its hashtags.
    pub tags: &'a [Tag],
    /// The id of what it answers.
    pub in_reply_to: Option<&'a str>,
    /// Its pictures and the like.
    pub attachments: &'a [Media],
}

/// The object of an article.
///
/// Above [`MAX_ACTIVITY`] the content falls back to summary and link, and the attachments are left out.
pub fn of_article(article: &Article, placed: &Placed<'_>) -> Built {
    let whole = article_object(article, placed, Extent::Whole);
    let create = activity::create(placed.iris, placed.actor, placed.key, &whole);
    if create.to_string().len() <= MAX_ACTIVITY {
        return Built {
            object: whole,
            extent: Extent::Whole,
        };
    }
    Built {
        object: article_object(article, placed, Extent::Summary),
        extent: Extent::Summary,
    }
}

/// The object of a note from the command line. It has no page: its id is its `url` too.
pub fn of_note(note: &Note<'_>, placed: &Placed<'_>) -> Value {
    let id = placed.iris.object(placed.key);
    let mut object = begin("Note", &id, &id, placed, note.published);
    let mut set = |key: &str, value: Value| object.insert(key.to_string(), value);
    if let Some(target) = note.in_reply_to {
        set("inReplyTo", json!(target));
    }
    if let Some(summary) = note.summary {
        set("summary", json!(shortened(summary, MAX_SUMMARY)));
    }
    set("sensitive", json!(note.sensitive || note.summary.is_some()));
    set("content", json!(note.content));
    if let Some(language) = note.language {
        set("contentMap", json!({ language: note.content }));
    }
    let mut tags: Vec<Value> = note
        .mentions
        .iter()
        .map(|mention| json!({ "type": "Mention", "href": mention.actor, "name": mention.handle }))
        .collect();
    tags.extend(tag::hashtags(note.tags, placed.site));
    let attachments: Vec<Value> = note.attachments.iter().take(MAX_ATTACHMENTS).map(media).collect();
    let (to, cc) = addressing(
        placed.visibility,
        &placed.iris.followers(placed.actor),
        note.mentions.iter().map(|mention| mention.actor.as_str()),
    );
    set("to", to);
    set("cc", cc);
    set("tag", tags.into());
    set("attachment", attachments.into());
    finish(object, placed)
}

/// What stays of an object after its Delete: a Tombstone that keeps the id dead.
pub fn tombstone(object: &Value, deleted: Timestamp) -> Value {
    let mut tombstone = json!({ "@context": context::plain(), "id": object["id"], "type": "Tombstone" });
    match object["type"].as_str() {
        Some("Tombstone") | None => tombstone["formerType"] = object["formerType"].clone(),
        Some(kind) => tombstone["formerType"] = json!(kind),
    }
    for kept in ["published", "updated"] {
        if !object[kept].is_null() {
            tombstone[kept] = object[kept].clone();
        }
    }
    tombstone["deleted"] = json!(deleted.to_string());
    tombstone
}

/// `to` and `cc` by visibility (as Mastodon reads them: Public in `to` is public, in `cc` unlisted).
fn addressing<'a>(
    visibility: Visibility,
    followers: &str,
    mentioned: impl Iterator<Item = &'a str>,
) -> (Value, Value) {
    let mentioned: Vec<&str> = mentioned.collect();
    let with = |first: &str| Value::from([&[first], mentioned.as_slice()].concat());
    match visibility {
        Visibility::Public => (json!([PUBLIC]), with(followers)),
        Visibility::Unlisted => (json!([followers]), with(PUBLIC)),
        Visibility::Followers => (json!([followers]), json!(mentioned)),
        Visibility::Direct => (json!(mentioned), json!([])),
    }
}

fn article_object(article: &Article, placed: &Placed<'_>, extent: Extent) -> Value {
    let kind = match placed.kind {
        Kind::Article => "Article",
        Kind::Note => "Note",
    };
    let id = placed.iris.object(placed.key);
    let mut object = begin(kind, &id, &article.url, placed, article.published);
    let mut set = |key: &str, value: Value| object.insert(key.to_string(), value);
    let (to, cc) = addressing(
        placed.visibility,
        &placed.iris.followers(placed.actor),
        std::iter::empty(),
    );
    set("to", to);
    set("cc", cc);
    set("sensitive", json!(article.sensitive));
    let tags: Vec<Value> = tag::hashtags(&article.tags, placed.site)
        .into_iter()
        .take(MAX_TAGS)
        .collect();
    let summary = article
        .summary
        .as_deref()
        .map(|summary| shortened(summary, MAX_SUMMARY));
    match placed.kind {
        Kind::Article => {
            if let Some(title) = &article.title {
                set("name", json!(title));
            }
            // HTML by the specification, and Mastodon shows it as such.
            let summary = summary.as_deref().map(escape);
            if let Some(summary) = &summary {
                set("summary", json!(summary));
            }
            set("content", json!(article_content(article, extent)));
            // Mastodon takes the language from the first key of a map; a contentMap would send the body twice.
            if let Some(language) = &article.language {
                if let Some(title) = &article.title {
                    set("nameMap", json!({ language: title }));
                }
                if let Some(summary) = &summary {
                    set("summaryMap", json!({ language: summary }));
                }
            }
            set("preview", preview(article, placed, &tags));
        }
        Kind::Note => {
            // On a Note a summary is a content warning and nothing else.
            if let Some(summary) = summary.filter(|_| article.sensitive) {
                set("summary", json!(summary));
            }
            let content = note_content(article, &tags, extent);
            if let Some(language) = &article.language {
                set("contentMap", json!({ language: content }));
            }
            set("content", json!(content));
        }
    }
    if let Some(image) = &article.image {
        set("image", media(image));
    }
    set("tag", tags.into());
    let attachments: Vec<Value> = match extent {
        Extent::Summary => Vec::new(),
        Extent::Whole => attached(article, placed.kind).map(media).collect(),
    };
    set("attachment", attachments.into());
    finish(object, placed)
}

/// The first members of an object, in the order in which people read them.
fn begin(kind: &str, id: &str, url: &str, placed: &Placed<'_>, published: Timestamp) -> Map<String, Value> {
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_string(), value);
    set("@context", context::object());
    set("id", json!(id));
    set("type", json!(kind));
    set("url", json!(url));
    set("attributedTo", json!(placed.iris.actor(placed.actor)));
    set("published", json!(published.to_string()));
    if let Some(updated) = placed.updated.filter(|updated| *updated > published) {
        set("updated", json!(updated.to_string()));
    }
    object
}

/// The last members of an object: what may be done with it, and where to look for what was done.
fn finish(mut object: Map<String, Value>, placed: &Placed<'_>) -> Value {
    let mut set = |key: &str, value: Value| object.insert(key.to_string(), value);
    set("interactionPolicy", interaction_policy(placed));
    set("replies", json!(placed.iris.replies(placed.key)));
    set("likes", json!(placed.iris.likes(placed.key)));
    set("shares", json!(placed.iris.shares(placed.key)));
    Value::Object(object)
}

/// Who may quote without asking (FEP-044f). Nobody is written as the author alone, because Mastodon takes an empty list for
/// "not said"; what isn't public can't be quoted.
fn interaction_policy(placed: &Placed<'_>) -> Value {
    let public = matches!(placed.visibility, Visibility::Public | Visibility::Unlisted);
    let approved = match placed.quotes {
        QuotePolicy::Anyone if public => PUBLIC.to_string(),
        QuotePolicy::Followers if public => placed.iris.followers(placed.actor),
        _ => placed.iris.actor(placed.actor),
    };
    json!({ "canQuote": { "automaticApproval": [approved] } })
}

fn article_content(article: &Article, extent: Extent) -> String {
    match extent {
        Extent::Whole => article.content.clone(),
        Extent::Summary => {
            let mut content = String::new();
            push_paragraph(&mut content, Some(&summary_of(article)));
            push_link(&mut content, &article.url);
            content
        }
    }
}

/// The summary of an article, or else the beginning of its text.
fn summary_of(article: &Article) -> Cow<'_, str> {
    match &article.summary {
        Some(summary) => summary.into(),
        None => shortened(&plain(&article.content), EXCERPT).into(),
    }
}

/// A Note stands for itself: title, text (or the summary where there is none, or no room for it), link and hashtags.
fn note_content(article: &Article, tags: &[Value], extent: Extent) -> String {
    let mut content = String::new();
    if let Some(title) = &article.title {
        content.push_str("<p><strong>");
        content.push_str(&escape(title));
        content.push_str("</strong></p>");
    }
    match extent {
        Extent::Whole if !article.content.trim().is_empty() => content.push_str(&article.content),
        // A content warning isn't the text.
        _ if article.sensitive => {}
        _ => push_paragraph(&mut content, Some(&summary_of(article))),
    }
    push_link(&mut content, &article.url);
    if !tags.is_empty() {
        content.push_str("<p>");
        for (index, tag) in tags.iter().enumerate() {
            let (Some(href), Some(name)) = (tag["href"].as_str(), tag["name"].as_str()) else {
                continue;
            };
            if index > 0 {
                content.push(' ');
            }
            content.push_str("<a href=\"");
            content.push_str(&escape(href));
            content.push_str("\" class=\"mention hashtag\" rel=\"tag\">#<span>");
            content.push_str(&escape(name.trim_start_matches('#')));
            content.push_str("</span></a>");
        }
        content.push_str("</p>");
    }
    content
}

/// What a server shows that can't show an Article (FEP-b2b8).
fn preview(article: &Article, placed: &Placed<'_>, tags: &[Value]) -> Value {
    let mut content = String::new();
    if let Some(title) = &article.title {
        content.push_str("<p><strong>");
        content.push_str(&escape(title));
        content.push_str("</strong></p>");
    }
    push_paragraph(&mut content, article.summary.as_deref());
    push_link(&mut content, &article.url);
    let mut preview = json!({
        "type": "Note",
        "attributedTo": placed.iris.actor(placed.actor),
        "content": content,
        "published": article.published.to_string(),
    });
    if !tags.is_empty() {
        preview["tag"] = tags.into();
    }
    if let Some(image) = &article.image {
        preview["attachment"] = json!([media(image)]);
    }
    preview
}

/// The media of an article. Pictures in the content of a Note are stripped by Mastodon, and it doesn't look at `image` either.
fn attached(article: &Article, kind: Kind) -> impl Iterator<Item = &Media> {
    article
        .image
        .iter()
        .filter(move |image| {
            kind == Kind::Note
                && !article
                    .attachments
                    .iter()
                    .any(|attachment| attachment.url == image.url)
        })
        .chain(&article.attachments)
        .take(MAX_ATTACHMENTS)
}

fn media(media: &Media) -> Value {
    let kind = match media.media_type.split('/').next() {
        Some("image") => "Image",
        Some("audio") => "Audio",
        Some("video") => "Video",
        _ => "Document",
    };
    let mut attachment = json!({ "type": kind, "mediaType": media.media_type, "url": media.url });
    // Mastodon reads `summary` first, others only `name`.
    if let Some(alt) = &media.alt {
        attachment["name"] = json!(alt);
        attachment["summary"] = json!(alt);
    }
    if let (Some(width), Some(height)) = (media.width, media.height) {
        attachment["width"] = json!(width);
        attachment["height"] = json!(height);
    }
    attachment
}

fn push_paragraph(content: &mut String, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        content.push_str("<p>");
        content.push_str(&escape(&shortened(text, MAX_SUMMARY)));
        content.push_str("</p>");
    }
}

fn push_link(content: &mut String, url: &str) {
    let url = escape(url);
    content.push_str("<p><a href=\"");
    content.push_str(&url);
    content.push_str("\">");
    content.push_str(&url);
    content.push_str("</a></p>");
}

/// At most `limit` characters, the last one an ellipsis when something was cut off.
fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_string();
    }
    let mut short: String = text.chars().take(limit - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iris() -> Iris {
        Iris::new(&url::Url::parse("https://blog.example/").unwrap())
    }

    fn placed(iris: &Iris, kind: Kind) -> Placed<'_> {
        Placed {
            iris,
            site: "https://blog.example/",
            actor: "blog",
            key: "posts~hello",
            kind,
            visibility: Visibility::Public,
            quotes: QuotePolicy::Anyone,
            updated: None,
        }
    }

    fn article() -> Article {
        Article {
            url: "https://blog.example/posts/hello/".into(),
            kind: None,
            title: Some("Hello & goodbye".into()),
            summary: Some("Short <but> sweet".into()),
            content: "<p>Long text.</p>".into(),
            language: Some("en".into()),
            published: "2026-11-01T10:00:00+01:00".parse().unwrap(),
            updated: None,
            tags: vec![Tag {
                name: "static sites".into(),
                href: Some("https://blog.example/tags/static/".into()),
            }],
            image: Some(Media {
                url: "https://blog.example/cover.png".into(),
                media_type: "image/png".into(),
                alt: Some("A cover".into()),
                width: Some(1200),
                height: Some(630),
            }),
            attachments: vec![Media {
                url: "https://blog.example/talk.mp3".into(),
                media_type: "audio/mpeg".into(),
                alt: None,
                width: None,
                height: None,
            }],
            sensitive: false,
            actor: None,
            visibility: None,
            featured: false,
        }
    }

    #[test]
    fn an_article_has_its_language_in_name_and_summary_and_its_body_once() {
        let iris = iris();
        let object = of_article(&article(), &placed(&iris, Kind::Article)).object;
        assert_eq!(object["type"], "Article");
        assert_eq!(object["nameMap"]["en"], "Hello & goodbye");
        assert_eq!(object["summary"], "Short &lt;but&gt; sweet");
        assert_eq!(object["summaryMap"]["en"], object["summary"]);
        assert!(object.get("contentMap").is_none());
        assert_eq!(object["preview"]["type"], "Note");
        assert_eq!(object["published"], "2026-11-01T09:00:00Z");
        assert_eq!(object["image"]["summary"], "A cover");
        assert_eq!(object["attachment"][0]["type"], "Audio");
    }

    #[test]
    fn a_note_carries_title_text_link_and_hashtags_and_no_summary_but_a_content_warning() {
        let iris = iris();
        let object = of_article(&article(), &placed(&iris, Kind::Note)).object;
        let content = object["content"].as_str().unwrap();
        assert_eq!(
            content,
            "<p><strong>Hello &amp; goodbye</strong></p><p>Long text.</p>\
             <p><a href=\"https://blog.example/posts/hello/\">https://blog.example/posts/hello/</a></p>\
             <p><a href=\"https://blog.example/tags/static/\" class=\"mention hashtag\" rel=\"tag\">#<span>StaticSites</span></a></p>"
        );
        assert_eq!(object["contentMap"]["en"], content);
        assert!(object.get("summary").is_none() && object.get("name").is_none());
        assert_eq!(object["attachment"][0]["url"], "https://blog.example/cover.png");
        let mut warned = article();
        warned.sensitive = true;
        let object = of_article(&warned, &placed(&iris, Kind::Note)).object;
        assert_eq!(object["summary"], "Short <but> sweet");
        assert_eq!(object["sensitive"], true);
    }

    #[test]
    fn addressing_follows_the_visibility() {
        let iris = iris();
        let followers = iris.followers("blog");
        for (visibility, to, cc, quotable) in [
            (
                Visibility::Public,
                json!([PUBLIC]),
                json!([followers]),
                json!([PUBLIC]),
            ),
            (
                Visibility::Unlisted,
                json!([followers]),
                json!([PUBLIC]),
                json!([PUBLIC]),
            ),
            (
                Visibility::Followers,
                json!([followers]),
                json!([]),
                json!([iris.actor("blog")]),
            ),
        ] {
            let mut placed = placed(&iris, Kind::Article);
            placed.visibility = visibility;
            let object = of_article(&article(), &placed).object;
            assert_eq!((&object["to"], &object["cc"]), (&to, &cc));
            assert_eq!(
                object["interactionPolicy"]["canQuote"]["automaticApproval"],
                quotable
            );
        }
    }

    #[test]
    fn an_article_too_long_for_misskey_falls_back_to_summary_and_link() {
        let iris = iris();
        let mut long = article();
        long.content = "<p>é</p>".repeat(10_000);
        for kind in [Kind::Article, Kind::Note] {
            let placed = placed(&iris, kind);
            let built = of_article(&long, &placed);
            assert_eq!(built.extent, Extent::Summary);
            let create = activity::create(&iris, "blog", "posts~hello", &built.object);
            assert!(create.to_string().len() < MAX_ACTIVITY);
            let content = built.object["content"].as_str().unwrap();
            assert!(content.contains("Short &lt;but&gt; sweet"));
            assert!(content.contains("https://blog.example/posts/hello/"));
        }
        long.summary = None;
        let object = of_article(&long, &placed(&iris, Kind::Article)).object;
        let content = object["content"].as_str().unwrap();
        assert!(
            content.starts_with("<p>é") && content.len() < 2 * EXCERPT,
            "{content}"
        );
        assert_eq!(
            of_article(&article(), &placed(&iris, Kind::Article)).extent,
            Extent::Whole
        );
    }

    #[test]
    fn updated_is_told_only_when_it_is_after_the_publication() {
        let iris = iris();
        let mut placed = placed(&iris, Kind::Article);
        placed.updated = Some("2026-11-01T09:00:00Z".parse().unwrap());
        assert!(of_article(&article(), &placed).object.get("updated").is_none());
        placed.updated = Some("2026-11-01T09:00:01Z".parse().unwrap());
        assert_eq!(
            of_article(&article(), &placed).object["updated"],
            "2026-11-01T09:00:01Z"
        );
    }

    #[test]
    fn a_direct_note_goes_to_those_it_mentions_and_nobody_else() {
        let iris = iris();
        let mut placed = placed(&iris, Kind::Note);
        placed.visibility = Visibility::Direct;
        let note = Note {
            content: "<p>psst</p>",
            summary: None,
            sensitive: false,
            language: Some("en"),
            published: "2026-11-01T10:00:00Z".parse().unwrap(),
            mentions: &[Mention {
                actor: "https://remote.example/users/ada".into(),
                handle: "@ada@remote.example".into(),
            }],
            tags: &[],
            in_reply_to: Some("https://remote.example/notes/1"),
            attachments: &[],
        };
        let object = of_note(&note, &placed);
        assert_eq!(object["to"], json!(["https://remote.example/users/ada"]));
        assert_eq!(object["cc"], json!([]));
        assert_eq!(object["tag"][0]["type"], "Mention");
        assert_eq!(object["url"], object["id"]);
        assert_eq!(object["inReplyTo"], "https://remote.example/notes/1");
    }

    #[test]
    fn a_tombstone_remembers_what_it_was_also_the_second_time() {
        let iris = iris();
        let object = of_article(&article(), &placed(&iris, Kind::Article)).object;
        let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let stone = tombstone(&object, at);
        assert_eq!(stone["formerType"], "Article");
        assert_eq!(stone["id"], object["id"]);
        assert_eq!(stone["deleted"], "2026-11-21T12:00:00Z");
        assert_eq!(tombstone(&stone, at)["formerType"], "Article");
    }

    #[test]
    fn a_summary_is_cut_at_what_misskey_takes() {
        let iris = iris();
        let mut wordy = article();
        wordy.summary = Some("ü".repeat(3_000));
        let object = of_article(&wordy, &placed(&iris, Kind::Article)).object;
        assert_eq!(object["summary"].as_str().unwrap().chars().count(), MAX_SUMMARY);
    }
}
