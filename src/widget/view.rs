//! What the templates see of a conversation. Names and shapes are documented in `docs/widgets.md`, for owners who write
//! their own.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use minijinja::{Value, context};
use serde::Serialize;

use super::conversation::{Conversation, Node};
use super::emoji::{self, Emoji};
use super::item::{Item, Person, Picture, Role, hasher, is_picture};
use super::picture::Purpose;
use super::text::Locale;
use crate::ap::escape;
use crate::ap::iri::Iris;
use crate::instance::Instance;
use crate::store::Attachment;

/// How many faces stand in a row before "and … more": more say nothing and make the page heavy.
pub(super) const FACES: usize = 60;
/// How many colours the stylesheet has for those without a picture.
const HUES: u32 = 8;

/// Numbers.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Counts {
    pub(super) replies: usize,
    pub(super) likes: usize,
    pub(super) boosts: usize,
    pub(super) quotes: usize,
}

impl Counts {
    pub(super) fn of(conversation: &Conversation) -> Counts {
        Counts {
            replies: conversation.reply_count,
            likes: conversation.likes.len(),
            boosts: conversation.boosts.len(),
            quotes: conversation.quotes.len(),
        }
    }
}

impl From<Counts> for Value {
    fn from(counts: Counts) -> Value {
        context! {
            replies => counts.replies,
            likes => counts.likes,
            boosts => counts.boosts,
            quotes => counts.quotes,
        }
    }
}

/// What views are made with.
pub(super) struct Viewer<'a> {
    pub(super) instance: &'a Instance,
    pub(super) locale: Locale,
}

impl Viewer<'_> {
    /// Where a picture is served from; `None` when it isn't kept here.
    pub(super) fn kept(&self, hash: &str) -> Option<String> {
        self.instance
            .store
            .media
            .contains(hash)
            .then(|| Iris::media(hash))
    }

    /// The path of somebody's picture.
    pub(super) fn avatar(&self, person: &Person) -> Option<String> {
        match person.picture.as_ref()? {
            Picture::Own(path) => Some(path.clone()),
            Picture::Remote { hash, .. } => self.kept(hash),
        }
    }

    /// `name`, `display` (the name with its custom emoji: clean HTML), `handle`, `url`, `avatar` (a path on our own site,
    /// or none), `owner`; and what stands where a picture is missing: `initial`, and `hue`, one of the stylesheet's colours.
    pub(super) fn actor(&self, person: &Person) -> Value {
        let initial = person.name.chars().find(|c| c.is_alphanumeric()).unwrap_or('@');
        let sum = person
            .handle
            .bytes()
            .fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        context! {
            name => &person.name,
            display => Value::from_safe_string(self.text(&person.name, &person.emoji)),
            handle => &person.handle,
            url => &person.url,
            avatar => self.avatar(person),
            initial => initial.to_uppercase().collect::<String>(),
            hue => sum % HUES,
            owner => person.role == Role::Owner,
        }
    }

    /// Plain text with its custom emoji as pictures: clean HTML.
    pub(super) fn text(&self, text: &str, emoji: &[Emoji]) -> String {
        emoji::in_html(&escape(text), emoji, |emoji| self.emoji(emoji))
    }

    /// The content with its custom emoji as pictures: clean HTML.
    pub(super) fn content(&self, item: &Item) -> String {
        emoji::in_html(&item.content, &item.emoji, |emoji| self.emoji(emoji))
    }

    fn emoji(&self, emoji: &Emoji) -> Option<String> {
        let source = self.kept(&emoji.hash)?;
        // The name has no character that means something in HTML, the path none but hexadecimal digits.
        let name = &emoji.name;
        Some(format!(
            "<img class=\"tidings-emoji\" src=\"{source}\" alt=\"{name}\" title=\"{name}\" width=\"20\" height=\"20\" loading=\"lazy\">"
        ))
    }

    /// All likes, or all boosts: `count`, so many of the newest as `faces`, and how many there are beside, `more`.
    pub(super) fn faces(&self, count: usize, shown: &[Arc<Item>]) -> Value {
        let faces: Vec<Value> = shown.iter().map(|item| self.face(item)).collect();
        context! {
            count,
            more => count.saturating_sub(faces.len()),
            faces,
        }
    }

    /// A hash of all that a reply shows with those below it: what it says, and which of its pictures are kept here.
    pub(super) fn mark(&self, node: &Node, frame: &impl Hash) -> u64 {
        let mut hasher = hasher();
        frame.hash(&mut hasher);
        self.hash_node(node, &mut hasher);
        hasher.finish()
    }

    fn hash_node(&self, node: &Node, hasher: &mut impl Hasher) {
        let media = &self.instance.store.media;
        let item = &node.item;
        item.print.hash(hasher);
        if let Some(Picture::Remote { hash, .. }) = &item.author.picture {
            media.contains(hash).hash(hasher);
        }
        for emoji in item.author.emoji.iter().chain(&item.emoji) {
            media.contains(&emoji.hash).hash(hasher);
        }
        for attachment in item.attachments.iter().filter(|it| is_picture(it)) {
            let format = media.format(&Purpose::Attachment.hash(&attachment.url));
            format.map(|format| (format.width, format.height)).hash(hasher);
        }
        node.replies.len().hash(hasher);
        for below in &node.replies {
            self.hash_node(below, hasher);
        }
    }

    /// A like or a boost: `actor`, `url`, `published`, and of an EmojiReact `emoji` (clean HTML).
    fn face(&self, item: &Item) -> Value {
        let emoji = item
            .reaction
            .as_deref()
            .map(|reaction| Value::from_safe_string(self.text(reaction, &item.emoji)));
        context! {
            actor => self.actor(&item.author),
            url => &item.url,
            published => item.published.to_string(),
            emoji,
        }
    }

    /// A reply or a quote: `id`, `url`, `actor`, `published`, `updated`, `day`, `summary`, `warning` (the same with its
    /// custom emoji: clean HTML), `sensitive`, `language`, `content` (clean HTML), `attachments`, `answer` (the path where a reader answers it from their own server),
    /// `depth`, and the `replies` to it.
    pub(super) fn reply(&self, item: &Item, below: &[Node], depth: usize) -> Value {
        let attachments: Vec<Value> = item
            .attachments
            .iter()
            .map(|attachment| self.attachment(item, attachment))
            .collect();
        let replies: Vec<Value> = below
            .iter()
            .map(|node| self.reply(&node.item, &node.replies, depth + 1))
            .collect();
        context! {
            id => &item.id,
            url => &item.url,
            actor => self.actor(&item.author),
            published => item.published.to_string(),
            updated => item.updated.map(|updated| updated.to_string()),
            day => self.locale.day(item.published),
            summary => &item.summary,
            warning => item
                .summary
                .as_deref()
                .map(|summary| Value::from_safe_string(self.text(summary, &item.emoji))),
            sensitive => item.sensitive,
            language => &item.language,
            content => Value::from_safe_string(self.content(item)),
            attachments,
            answer => Iris::interact(&item.id, "reply"),
            depth,
            replies,
        }
    }

    /// `picture` (a path on our own site; none for what isn't a picture or isn't kept here) with its `width` and
    /// `height` where they are known, `missing` (a picture that isn't kept here), `url` (the original), `type`, `alt`.
    fn attachment(&self, item: &Item, attachment: &Attachment) -> Value {
        let own = item.author.role == Role::Owner && self.instance.iris.is_ours(&attachment.url);
        let hash = Purpose::Attachment.hash(&attachment.url);
        let (picture, format) = match (is_picture(attachment), own) {
            (true, true) => (Some(attachment.url.clone()), None),
            (true, false) => (self.kept(&hash), self.instance.store.media.format(&hash)),
            (false, _) => (None, None),
        };
        context! {
            missing => picture.is_none() && is_picture(attachment),
            picture,
            width => format.map(|format| format.width),
            height => format.map(|format| format.height),
            url => &attachment.url,
            type => &attachment.media_type,
            alt => &attachment.alt,
        }
    }
}
