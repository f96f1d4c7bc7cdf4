//! An article: what a page says, without its surroundings. This is what federates.
//!
//! `page` makes one from HTML, `ap` turns one into an ActivityPub object. Whether a page changed is decided
//! by [`Article::digest`] and the [`Impression`] that it leaves, never by time stamps of files.

mod impression;
mod print;
mod word;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::impression::{Impression, Sight};
pub use self::print::Print;
pub use self::word::Word;

/// What an article is sent as: the ActivityStreams type of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A page with a title.
    Article,
    /// A page without one, or one that the owner wants to be read whole on Mastodon.
    Note,
}

/// Who may see an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Everybody; shown in public timelines.
    Public,
    /// Everybody, but not in public timelines.
    Unlisted,
    /// The followers only.
    Followers,
    /// Only those who are mentioned.
    Direct,
}

/// Whether what others say about a page is taken and shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Discussion {
    /// All of it.
    #[default]
    Open,
    /// What is there stays; no replies and quotes come in any more. Likes and boosts do.
    Closed,
    /// Nothing is shown, and nothing taken.
    Off,
}

impl Discussion {
    /// Whether all of it is taken and shown.
    pub fn is_open(&self) -> bool {
        *self == Discussion::Open
    }
}

/// Who may quote a post (FEP-044f).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotePolicy {
    /// Everybody.
    Anyone,
    /// Followers only.
    Followers,
    /// Nobody but the author.
    Nobody,
}

/// A hashtag of an article.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// As the page writes it, without `#`: "Static sites".
    pub name: String,
    /// The site's own page for this tag, absolute, when the page links one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub href: Option<String>,
}

/// A picture, a sound or a film that belongs to an article.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Absolute URL.
    pub url: String,
    /// Media type, "image/png".
    pub media_type: String,
    /// The text for those who can't see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
    /// Pixels, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

/// What a page says, cleaned and made absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    /// The page's canonical, absolute URL.
    pub url: String,
    /// What the page itself asks to be sent as (`<meta name="tidings:kind">`); else the configuration decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The headline; a page without one becomes a Note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Plain text. Of a sensitive article, the content warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Clean HTML with absolute URLs; without the headline, navigation, header, footer, share links and scripts.
    pub content: String,
    /// BCP 47 language of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// When it was first published.
    pub published: Timestamp,
    /// What the page says of its last change; only a hint: never before `published`, not part of the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// The page's tags, in the page's order, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// The picture that stands for the whole article (og:image and the like).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Media>,
    /// Pictures, sounds and films of the content, in its order, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Media>,
    /// Whether it stands behind a content warning (the summary).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    /// The actor that the page asks for (`<meta name="tidings:actor">`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The visibility that the page asks for (`<meta name="tidings:visibility">`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Whether the page asks to be pinned (`<meta name="tidings:featured">`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub featured: bool,
    /// What may be said about it, by the page's own word (`<meta name="tidings:interactions">`); the configuration may allow less.
    #[serde(default, skip_serializing_if = "Discussion::is_open")]
    pub discussion: Discussion,
    /// The same in other languages, when its translations are published together with it (`site::translations`); each
    /// has its language, and none has translations of its own. A page by itself has none, whatever it links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub translations: Vec<Article>,
}

impl Article {
    /// A digest over all that federates: SHA-256 in hexadecimal, 64 characters.
    ///
    /// `updated` is left out, because many generators write the time of the build there.
    pub fn digest(&self) -> String {
        let mut federated = self.clone();
        federated.updated = None;
        digest_of(&federated)
    }

    /// A digest that stays the same when the page moves: the page's own URL is taken out of it, also where a picture lies
    /// beside the page.
    pub fn fingerprint(&self) -> String {
        let mut unplaced = self.clone();
        unplaced.updated = None;
        unplaced.content = without(&self.content, &self.url);
        // Pictures often lie in the page's own folder and move with it.
        for media in unplaced.attachments.iter_mut().chain(&mut unplaced.image) {
            media.url = media.url.replace(&self.url, "");
        }
        for media in unplaced.image.iter_mut().chain(&mut unplaced.attachments) {
            if let Some(beside) = media.url.strip_prefix(&self.url) {
                media.url = beside.to_string();
            }
        }
        unplaced.url = String::new();
        digest_of(&unplaced)
    }
}

fn digest_of(article: &Article) -> String {
    let json = serde_json::to_vec(article).expect("an article has no maps with other keys than strings");
    hexadecimal(&Sha256::digest(&json))
}

/// Bytes in hexadecimal.
fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

/// A text without the places where an address stands in it: those are found by their colons, which texts have few of.
fn without(text: &str, url: &str) -> String {
    let Some(colon) = url.find(':') else {
        return text.replace(url, "");
    };
    let mut out = String::new();
    let (mut from, mut written) = (0, 0);
    while let Some(at) = text[from..].find(':').map(|at| from + at) {
        from = at + 1;
        let start = at.checked_sub(colon).filter(|start| *start >= written);
        if let Some(start) = start
            && text.as_bytes()[start..].starts_with(url.as_bytes())
        {
            out.push_str(&text[written..start]);
            written = start + url.len();
            from = written;
        }
    }
    out.push_str(&text[written..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn article() -> Article {
        Article {
            url: "https://blog.example/posts/hello/".into(),
            kind: None,
            title: Some("Hello".into()),
            summary: None,
            content: "<p>Hi. <a href=\"https://blog.example/posts/hello/#fn1\">1</a></p>".into(),
            language: Some("en".into()),
            published: "2026-11-01T10:00:00+01:00".parse().unwrap(),
            updated: None,
            tags: vec![],
            image: None,
            attachments: vec![],
            sensitive: false,
            actor: None,
            visibility: None,
            featured: false,
            discussion: Discussion::Open,
            translations: vec![],
        }
    }

    #[test]
    fn the_digest_follows_what_federates_but_not_the_time_of_the_build() {
        let before = article();
        let mut rebuilt = article();
        rebuilt.updated = Some("2026-11-02T00:00:00Z".parse().unwrap());
        assert_eq!(before.digest(), rebuilt.digest());
        let mut edited = article();
        edited.content.push('!');
        assert_ne!(before.digest(), edited.digest());
    }

    #[test]
    fn an_address_is_taken_out_wherever_it_stands() {
        for (text, url) in [
            (
                "a https://b.example/ c https://b.example/x: d",
                "https://b.example/",
            ),
            ("ab:ab:ab:", "ab:ab:"),
            ("::::a:", "::"),
            ("aaa", "aa"),
            ("ü:https:x", "ü:"),
            ("", "a:"),
        ] {
            assert_eq!(without(text, url), text.replace(url, ""), "{text}");
        }
    }

    #[test]
    fn the_fingerprint_survives_a_move() {
        let picture = |url: &str| Media {
            url: format!("{url}pic.png"),
            media_type: "image/png".into(),
            alt: None,
            width: None,
            height: None,
        };
        let mut before = article();
        before.attachments = vec![picture(&before.url)];
        before.image = Some(picture(&before.url));
        let mut moved = article();
        moved.attachments = vec![picture("https://blog.example/2026/hello/")];
        moved.image = moved.attachments.first().cloned();
        moved.url = "https://blog.example/2026/hello/".into();
        moved.content = before.content.replace(&before.url, &moved.url);
        assert_eq!(before.fingerprint(), moved.fingerprint());
        assert_ne!(before.digest(), moved.digest());
    }
}
