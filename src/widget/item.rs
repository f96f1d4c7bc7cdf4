//! One thing that somebody said or did, as a page shows it: read from its record, cleaned, without what readers don't need.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde_json::Value;

use super::emoji::{self, Emoji};
use super::picture::Purpose;
use crate::store::interaction::Tags;
use crate::store::{Attachment, Author, Interaction, InteractionKind, Object};

/// Longest name that is shown, in characters; Mastodon's own limit is 30, Misskey's 50.
const MAX_NAME: usize = 80;
/// Longest content warning and alt text that is shown, in characters: Mastodon cuts alt texts at 1,500.
const MAX_TEXT: usize = 1_500;
/// Most attachments that are shown.
const MAX_ATTACHMENTS: usize = 16;

/// Something said or done.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) kind: InteractionKind,
    /// The id of the remote object or of our own note; of a like or boost the activity's.
    pub(super) id: String,
    /// Where a reader finds it.
    pub(super) url: String,
    /// What it answers, unless that is the object itself.
    pub(super) in_reply_to: Option<String>,
    pub(super) author: Arc<Person>,
    pub(super) published: Timestamp,
    pub(super) updated: Option<Timestamp>,
    /// Since when it is here or said to be, whichever is earlier: what it expires by, because a date can be made up.
    pub(super) since: Timestamp,
    pub(super) summary: Option<String>,
    pub(super) sensitive: bool,
    pub(super) language: Option<String>,
    /// Clean HTML, custom emoji still as `:name:`.
    pub(super) content: String,
    /// Of an EmojiReact: an emoji or `:name:`.
    pub(super) reaction: Option<String>,
    pub(super) emoji: Vec<Emoji>,
    pub(super) attachments: Vec<Attachment>,
    /// Of all the above, so that what was drawn of it is found again.
    pub(super) print: u64,
}

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) handle: String,
    pub(super) url: String,
    pub(super) picture: Option<Picture>,
    /// Those in the name.
    pub(super) emoji: Vec<Emoji>,
    pub(super) role: Role,
}

/// Who somebody is on this page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    Owner,
    Guest,
    /// Somebody who asked not to be shown: counted, without a name.
    Shy,
}

/// The picture of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Picture {
    /// On our own site: a path.
    Own(String),
    /// On another server: served from here, when it has been fetched.
    Remote {
        /// Where it lies there.
        url: String,
        /// Under which name it is kept here.
        hash: String,
    },
}

impl Person {
    pub(super) fn guest(author: &Author) -> Person {
        if author.shy {
            return Person {
                name: String::new(),
                handle: String::new(),
                url: String::new(),
                picture: None,
                emoji: Vec::new(),
                role: Role::Shy,
            };
        }
        let handle = shortened(&author.handle, MAX_NAME * 4);
        let name = Some(shortened(author.name.trim(), MAX_NAME)).filter(|name| !name.is_empty());
        Person {
            name: name.unwrap_or_else(|| handle.trim_start_matches('@').to_string()),
            handle,
            url: web_address(&author.url)
                .or_else(|| web_address(&author.id))
                .unwrap_or_default(),
            picture: author
                .avatar
                .as_deref()
                .and_then(web_address)
                .map(Picture::remote),
            emoji: author.emoji.iter().cloned().map(Emoji::from).collect(),
            role: Role::Guest,
        }
    }
}

impl Picture {
    pub(super) fn remote(url: String) -> Picture {
        let hash = Purpose::Avatar.hash(&url);
        Picture::Remote { url, hash }
    }
}

/// A hash that nobody outside can aim at.
pub(super) fn hasher() -> impl std::hash::Hasher {
    static SEED: OnceLock<RandomState> = OnceLock::new();
    SEED.get_or_init(RandomState::new).build_hasher()
}

/// A remote picture, and what it is shown as.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub(super) purpose: Purpose,
    pub(super) url: String,
}

impl Source {
    /// The name under which it is kept and served here.
    pub(super) fn hash(&self) -> String {
        self.purpose.hash(&self.url)
    }
}

impl Item {
    pub(super) fn of_record(record: Interaction<Tags>) -> Item {
        let author = Arc::new(Person::guest(&record.actor));
        let id = record.remote_object.unwrap_or(record.activity);
        let item = Item {
            kind: record.kind,
            url: record
                .url
                .as_deref()
                .and_then(web_address)
                .or_else(|| web_address(&id))
                .unwrap_or_default(),
            id,
            in_reply_to: record.in_reply_to,
            author,
            published: record.published,
            updated: record.updated.filter(|updated| *updated > record.published),
            since: record.published.min(record.received),
            summary: record
                .summary
                .as_deref()
                .map(|text| shortened(text.trim(), MAX_TEXT))
                .filter(|text| !text.is_empty()),
            sensitive: record.sensitive,
            language: record.language.as_deref().and_then(language),
            content: record.content.unwrap_or_default(),
            reaction: record.emoji,
            emoji: emoji::of_activity(&record.raw.0),
            attachments: record
                .attachments
                .iter()
                .filter(|attachment| web_address(&attachment.url).is_some())
                .take(MAX_ATTACHMENTS)
                .map(|attachment| Attachment {
                    alt: attachment.alt.as_deref().map(|text| shortened(text, MAX_TEXT)),
                    ..attachment.clone()
                })
                .collect(),
            print: 0,
        };
        item.printed()
    }

    /// One of our own notes.
    pub(super) fn of_note(object: &Object, id: String, owner: Arc<Person>) -> Item {
        let text = |key: &str| object.object[key].as_str().map(ToString::to_string);
        let language = object.object["contentMap"]
            .as_object()
            .and_then(|map| map.keys().next())
            .and_then(|tag| self::language(tag));
        let attachments: Vec<Attachment> = object.object["attachment"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|attachment| {
                Some(Attachment {
                    url: attachment["url"].as_str().and_then(web_address)?,
                    media_type: attachment["mediaType"].as_str()?.to_string(),
                    alt: alt(attachment),
                })
            })
            .collect();
        let item = Item {
            kind: InteractionKind::Reply,
            url: text("url").unwrap_or_else(|| id.clone()),
            id,
            in_reply_to: text("inReplyTo"),
            author: owner,
            published: object.published,
            updated: object.updated,
            since: object.published,
            summary: text("summary"),
            sensitive: object.object["sensitive"].as_bool().unwrap_or_default(),
            language,
            content: text("content").unwrap_or_default(),
            reaction: None,
            emoji: Vec::new(),
            attachments,
            print: 0,
        };
        item.printed()
    }

    fn printed(mut self) -> Item {
        let Item {
            kind,
            id,
            url,
            in_reply_to,
            author,
            published,
            updated,
            since: _,
            summary,
            sensitive,
            language,
            content,
            reaction,
            emoji,
            attachments,
            print: _,
        } = &self;
        let mut hasher = hasher();
        (*kind as u8, id, url, in_reply_to, author, published, updated).hash(&mut hasher);
        (summary, sensitive, language, content, reaction).hash(&mut hasher);
        (emoji, attachments).hash(&mut hasher);
        self.print = hasher.finish();
        self
    }

    /// Every remote picture that a page would show of it, the author's first.
    pub(super) fn pictures(&self) -> Vec<Source> {
        let of = |purpose: Purpose, url: &String| Source {
            purpose,
            url: url.clone(),
        };
        let mut sources = Vec::new();
        if let Some(Picture::Remote { url, .. }) = &self.author.picture {
            sources.push(of(Purpose::Avatar, url));
        }
        let emoji = self.author.emoji.iter().chain(&self.emoji);
        sources.extend(emoji.map(|emoji| of(Purpose::Emoji, &emoji.url)));
        if self.author.role == Role::Guest {
            let pictures = self
                .attachments
                .iter()
                .filter(|attachment| is_picture(attachment));
            sources.extend(pictures.map(|attachment| of(Purpose::Attachment, &attachment.url)));
        }
        sources
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        /// The fields themselves and what the allocator adds.
        const FIXED: usize = 700;
        let emoji = self.emoji.len() + self.author.emoji.len();
        FIXED + self.content.len() + self.attachments.len() * 300 + emoji * 200
    }
}

pub(super) fn is_picture(attachment: &Attachment) -> bool {
    attachment.media_type.starts_with("image/")
}

fn alt(attachment: &Value) -> Option<String> {
    attachment["summary"]
        .as_str()
        .or_else(|| attachment["name"].as_str())
        .map(|text| shortened(text, MAX_TEXT))
}

/// The text, cut to so many characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

/// A URL that may stand in a link: http or https, as a browser would read it.
pub(super) fn web_address(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.to_string())
}

/// A language tag that may stand in `lang` (RFC 5646's alphabet and length).
fn language(tag: &str) -> Option<String> {
    /// RFC 5646, section 4.4.1, asks for at least 35.
    const MAX: usize = 35;
    let fits = (2..=MAX).contains(&tag.len()) && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    fits.then(|| tag.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_to_the_web_only() {
        assert_eq!(web_address("javascript:alert(1)"), None);
        assert_eq!(web_address("data:text/html,<script>"), None);
        assert_eq!(
            web_address("https://a.example/\"><script>").as_deref(),
            Some("https://a.example/%22%3E%3Cscript%3E")
        );
    }

    #[test]
    fn a_language_that_is_none_is_left_out() {
        assert_eq!(language("de-CH").as_deref(), Some("de-CH"));
        assert_eq!(language("en\" onload=\"x"), None);
        assert_eq!(language(""), None);
    }

    #[test]
    fn somebody_without_a_name_goes_by_the_handle() {
        let person = Person::guest(&Author {
            id: "https://a.example/users/ada".into(),
            name: " ".into(),
            handle: "@ada@a.example".into(),
            url: "javascript:alert(1)".into(),
            avatar: Some("file:///etc/passwd".into()),
            ..Author::default()
        });
        assert_eq!(person.name, "ada@a.example");
        assert_eq!(person.url, "https://a.example/users/ada");
        assert_eq!(person.picture, None);
    }
}
