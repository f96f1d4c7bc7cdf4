//! Objects: how an article, or a note from the command line, is told to other servers.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::attachment::{MAX_ATTACHMENTS, attached, media};
use super::content::{MAX_SUMMARY, article_content, note_content, preview, shortened};
use super::iri::Iris;
use super::{PUBLIC, activity, context, escape, tag};
use crate::article::{Article, Kind, Media, QuotePolicy, Tag, Visibility};

/// Longest Create or Update in bytes. Misskey refuses inbox bodies of more than 64 KiB; what is left of that is for
/// servers that count otherwise, and for an Update, which is a little longer than its Create.
pub const MAX_ACTIVITY: usize = 56 * 1024;

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
    /// The text in the page's own language, because it would be above [`MAX_ACTIVITY`] in all; titles and summaries in all.
    OwnLanguage,
    /// Summary and link, because even that would be above [`MAX_ACTIVITY`].
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
/// Above [`MAX_ACTIVITY`] the text is left out in the other languages; if that isn't enough, the content falls back to
/// summary and link, and the attachments are left out.
pub fn of_article(article: &Article, placed: &Placed<'_>) -> Built {
    let extents: &[Extent] = match article.translations.as_slice() {
        [] => &[Extent::Whole],
        _ => &[Extent::Whole, Extent::OwnLanguage],
    };
    for extent in extents {
        let object = article_object(article, placed, *extent);
        let create = activity::create(placed.iris, placed.actor, placed.key, &object);
        if create.to_string().len() <= MAX_ACTIVITY {
            return Built {
                object,
                extent: *extent,
            };
        }
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
    let all = || std::iter::once(article).chain(&article.translations);
    set("sensitive", json!(all().any(|article| article.sensitive)));
    let own_tags = |article: &Article| -> Vec<Value> {
        let tags = tag::hashtags(&article.tags, placed.site).into_iter();
        tags.take(MAX_TAGS).collect()
    };
    let short = |article: &Article| {
        let summary = article.summary.as_deref();
        summary.map(|summary| shortened(summary, MAX_SUMMARY))
    };
    match placed.kind {
        Kind::Article => {
            if let Some(title) = &article.title {
                set("name", json!(title));
            }
            // HTML by the specification, and Mastodon shows it as such.
            let summary = |article: &Article| short(article).as_deref().map(escape);
            if let Some(summary) = summary(article) {
                set("summary", json!(summary));
            }
            let content = |article: &Article| Some(article_content(article, extent));
            set("content", json!(content(article)));
            // Mastodon takes the language from the first key of a map; with one language a contentMap would only send the
            // body twice.
            if !article.translations.is_empty() && extent != Extent::OwnLanguage {
                set("contentMap", in_languages(all(), content));
            }
            set("nameMap", in_languages(all(), |article| article.title.clone()));
            set("summaryMap", in_languages(all(), summary));
            set("preview", preview(article, placed, &own_tags(article)));
        }
        Kind::Note => {
            // On a Note a summary is a content warning and nothing else.
            if article.sensitive
                && let Some(summary) = short(article)
            {
                set("summary", json!(summary));
                if !article.translations.is_empty() {
                    set("summaryMap", in_languages(all(), short));
                }
            }
            let content = |article: &Article| Some(note_content(article, &own_tags(article), extent));
            set(
                "contentMap",
                match extent {
                    Extent::OwnLanguage => in_languages(std::iter::once(article), content),
                    _ => in_languages(all(), content),
                },
            );
            set("content", json!(content(article)));
        }
    }
    object.retain(|_, value| !value.is_null());
    let mut set = |key: &str, value: Value| object.insert(key.to_string(), value);
    if let Some(image) = &article.image {
        set("image", media(image));
    }
    let tags: Vec<Tag> = all().flat_map(|article| article.tags.iter().cloned()).collect();
    let tags = tag::hashtags(&tags, placed.site).into_iter().take(MAX_TAGS);
    set("tag", tags.collect::<Vec<Value>>().into());
    let attachments: Vec<Value> = match extent {
        Extent::Summary => Vec::new(),
        Extent::Whole | Extent::OwnLanguage => attached(article, placed.kind).map(media).collect(),
    };
    set("attachment", attachments.into());
    finish(object, placed)
}

/// A text in its languages, the article's own first; null when no language is known of any.
fn in_languages<'a>(
    articles: impl Iterator<Item = &'a Article>,
    text: impl Fn(&'a Article) -> Option<String>,
) -> Value {
    let mut map = Map::new();
    for article in articles {
        if let (Some(language), Some(text)) = (&article.language, text(article)) {
            map.insert(language.clone(), json!(text));
        }
    }
    if map.is_empty() {
        Value::Null
    } else {
        Value::Object(map)
    }
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

#[cfg(test)]
mod tests;
