//! A snapshot: what one scan of the output folder saw, page by page, small enough to be kept.
//!
//! An article is not kept: of 100,000 pages that would be gigabytes. What decides about it is (its digest, its dates,
//! what it asks for), and it is read again from its file when it is published.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroI64;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::feed::Mention;
use super::frame::Frame;
use super::page::{Alternate, Standing};
use super::translations::Translation;
use crate::article::{Article, Discussion, Impression, Kind, Print, Sight, Visibility, Word};

/// What one scan saw.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Whether there was anything to see.
    pub folder: Folder,
    /// The pages by their path (a URL path on ORIGIN, as `ap::iri::page_path` writes it).
    pub pages: Pages,
    /// When the latest of the feeds was written, by the file system's clock.
    pub told: Option<Timestamp>,
    /// Paths below which something couldn't be read, each ending in a slash: what is missing there isn't gone.
    pub unreadable: Vec<String>,
}

/// Pages by their path. A clone costs nothing until one of the two changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages(Arc<BTreeMap<Arc<str>, Arc<Sighting>>>);

impl Pages {
    /// Moves closer together what is kept.
    pub(super) fn compact(&mut self) {
        let pages = std::mem::take(&mut **self);
        **self = pages.into_iter().collect();
    }
}

impl Deref for Pages {
    type Target = BTreeMap<Arc<str>, Arc<Sighting>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

impl<'a> IntoIterator for &'a Pages {
    type Item = (&'a Arc<str>, &'a Arc<Sighting>);
    type IntoIter = std::collections::btree_map::Iter<'a, Arc<str>, Arc<Sighting>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Which pages are others than before: by path, with what was seen of them before.
#[derive(Debug, Default)]
pub struct Changes(BTreeMap<Arc<str>, Option<Arc<Sighting>>>);

impl Changes {
    /// Notes that a page is another than it was; of several changes of one page the first tells what it was.
    pub(super) fn note(&mut self, page: Arc<str>, before: Option<Arc<Sighting>>) {
        self.0.entry(page).or_insert(before);
    }

    /// Takes in what changed after this.
    pub fn extend(&mut self, later: Changes) {
        for (page, before) in later.0 {
            self.note(page, before);
        }
    }

    /// The pages, each with what was seen of it before.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Option<&Arc<Sighting>>)> {
        self.0.iter().map(|(page, before)| (page, before.as_ref()))
    }

    /// How many pages changed.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether there was anything to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Folder {
    /// The folder isn't there, or can't be opened.
    #[default]
    Missing,
    /// It holds no page at all.
    Empty,
    /// It holds pages.
    Pages,
}

/// One page as a scan saw it. There may be a hundred thousand: what nearly all have alike is kept once or not at all, and
/// what few have in a box. Its file follows from its path (`site::scan::Reader::file`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The canonical URL that it names.
    pub canonical: Canonical,
    /// What the site's feeds say about it, or said when it was published if they don't any more.
    pub feed: Option<Arc<Mention>>,
    /// What the site's posts had in common when it was read; it is read again with the same.
    pub frame: Option<Arc<Frame>>,
    /// Of the bytes of its file, and of what the feeds say.
    pub source: Print,
    /// When its file was written, by the file system's clock.
    pub written: Nanos,
    /// When it was last changed, as the site's sitemap said when it was read.
    pub changed: Option<Nanos>,
    /// Of its file's times, size and number: while it is the same, so is the file.
    pub seal: u64,
    /// Whether its file is read again at the next scan, whatever its seal: it was written so shortly before, or can't be read.
    pub fresh: bool,
    /// What the page itself says of being a post.
    pub standing: Standing,
    /// Its other languages, if it has any.
    pub languages: Option<Box<Languages>>,
    /// What it is.
    pub verdict: Verdict,
}

/// What a page says of other languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Languages {
    /// The pages that it names as the same in other languages, itself among them.
    pub alternates: Box<[Alternate]>,
    /// The pages whose post it is, itself first, when they are taken together; empty for one by itself.
    pub translations: Box<[Translation]>,
}

impl Languages {
    /// What a page is kept with that names these; nothing when it names none.
    pub fn of(alternates: Box<[Alternate]>) -> Option<Box<Languages>> {
        let languages = Languages {
            alternates,
            translations: Box::default(),
        };
        (!languages.alternates.is_empty()).then(|| Box::new(languages))
    }
}

/// A canonical URL as it is kept: nearly all are the page's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Canonical {
    /// The page names none.
    #[default]
    None,
    /// The page's own: ORIGIN and its path.
    Own,
    /// Another one; behind a thin pointer, because a text would make every page a word larger.
    Other(Box<String>),
}

impl Canonical {
    /// The canonical URL that the page at a path names.
    pub fn of(url: Option<&str>, origin: &str, page: &str) -> Canonical {
        match url {
            None => Canonical::None,
            Some(url) if url.strip_prefix(origin) == Some(page) => Canonical::Own,
            Some(url) => Canonical::Other(Box::new(url.to_string())),
        }
    }

    /// It as the page at a path names it.
    pub fn url(&self, origin: &str, page: &str) -> Option<Cow<'_, str>> {
        match self {
            Canonical::None => None,
            Canonical::Own => Some(format!("{origin}{page}").into()),
            Canonical::Other(url) => Some(url.as_str().into()),
        }
    }
}

/// An instant in half the memory: nanoseconds since 1970, which reach from 1677 to 2262.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanos(NonZeroI64);

impl From<Timestamp> for Nanos {
    /// An instant beyond that is the nearest one; 1970 begins a nanosecond late.
    fn from(at: Timestamp) -> Nanos {
        let nanos = i64::try_from(at.as_nanosecond()).unwrap_or(match at {
            at if at < Timestamp::UNIX_EPOCH => i64::MIN,
            _ => i64::MAX,
        });
        Nanos(NonZeroI64::new(nanos).unwrap_or(NonZeroI64::new(1).expect("it isn't zero")))
    }
}

impl From<Nanos> for Timestamp {
    fn from(Nanos(at): Nanos) -> Timestamp {
        Timestamp::from_nanosecond(at.get().into()).expect("a timestamp reaches further")
    }
}

/// What a page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A post.
    Post(Box<Post>),
    /// A page that sends its readers on, to this absolute URL.
    Alias(Box<str>),
    /// Neither; the sentence says why.
    Not(Word),
    /// Nobody knows, because its file can't be read; the sentence says why. What is published of it stays.
    Unreadable(Word),
}

/// What is kept of an article.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Of `Article::digest`
    pub digest: Print,
    /// Of `Article::fingerprint`
    pub fingerprint: Print,
    /// What a reader sees of it.
    pub sight: Sight,
    /// `Article::published`
    pub published: Timestamp,
    /// `Article::language`
    pub language: Option<Word>,
    /// Whether it has a title.
    pub titled: bool,
    /// `Article::kind`
    pub kind: Option<Kind>,
    /// `Article::actor`
    pub actor: Option<Word>,
    /// `Article::visibility`
    pub visibility: Option<Visibility>,
    /// `Article::discussion`
    pub discussion: Discussion,
}

impl Post {
    /// What is kept of `article`.
    pub fn of(article: &Article) -> Post {
        Post {
            digest: Print::of_digest(&article.digest()),
            fingerprint: Print::of_digest(&article.fingerprint()),
            sight: Sight::of(article),
            published: article.published,
            language: article.language.as_deref().map(Into::into),
            titled: article.title.is_some(),
            kind: article.kind,
            actor: article.actor.as_deref().map(Into::into),
            visibility: article.visibility,
            discussion: article.discussion,
        }
    }

    /// What it is sent as when the configuration asks for `kind` (`None`: whatever suits it).
    pub fn kind(&self, kind: Option<Kind>) -> Kind {
        self.kind
            .or(kind)
            .unwrap_or(if self.titled { Kind::Article } else { Kind::Note })
    }
}

impl Sighting {
    /// What is remembered of it when it is published, if it is a post.
    pub fn impression(&self) -> Option<Impression> {
        Some(Impression {
            source: self.source,
            sight: self.post()?.sight,
        })
    }

    /// A page of which nothing is known.
    #[cfg(test)]
    pub(crate) fn of_nothing() -> Sighting {
        Sighting {
            canonical: Canonical::None,
            feed: None,
            frame: None,
            source: Print::default(),
            written: Timestamp::UNIX_EPOCH.into(),
            changed: None,
            seal: 0,
            fresh: false,
            standing: Standing::default(),
            languages: None,
            verdict: Verdict::Not(Word::new("nothing is known of it")),
        }
    }

    /// Whether nothing is different but when and where its file was written.
    pub fn says_the_same(&self, other: &Sighting) -> bool {
        let Sighting { seal, fresh, .. } = *other;
        *other
            == Sighting {
                seal,
                fresh,
                ..self.clone()
            }
    }

    /// The pages that it names as the same in other languages, itself among them.
    pub fn alternates(&self) -> &[Alternate] {
        let languages = self.languages.as_ref();
        languages.map_or(&[], |languages| &languages.alternates)
    }

    /// The pages whose post it is, itself first, when they are taken together; empty for one by itself.
    pub fn translations(&self) -> &[Translation] {
        let languages = self.languages.as_ref();
        languages.map_or(&[], |languages| &languages.translations)
    }

    /// The post, if it is one.
    pub fn post(&self) -> Option<&Post> {
        match &self.verdict {
            Verdict::Post(post) => Some(post),
            _ => None,
        }
    }
}

impl Snapshot {
    /// A digest of what the pages say, the ones that are no posts included: it tells whether the folder changed.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (page, sighting) in &self.pages {
            let digest_of_post;
            let said = match &sighting.verdict {
                Verdict::Post(post) => {
                    digest_of_post = post.digest.to_string();
                    ["post", digest_of_post.as_str()]
                }
                Verdict::Alias(target) => ["alias", target],
                Verdict::Not(reason) => ["not", reason],
                Verdict::Unreadable(reason) => ["unreadable", reason],
            };
            let canonical = sighting.canonical.url("", page);
            let canonical = canonical.as_deref().unwrap_or_default();
            for part in [page, canonical, said[0], said[1]] {
                digest.update(part);
                // No part holds a zero byte, so that parts can't run into each other.
                digest.update([0]);
            }
        }
        digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Whether a page that isn't in the snapshot may be there all the same, because its surroundings can't be read.
    pub fn hides(&self, path: &str) -> bool {
        self.unreadable.iter().any(|folder| path.starts_with(folder))
    }

    /// Finds the page that a path means: the path itself, or another spelling of it (a missing or an additional slash
    /// at the end, `.html` or not). Answers the path that the snapshot has it under.
    pub fn page_at(&self, path: &str) -> Option<(&Arc<str>, &Arc<Sighting>)> {
        let bare = path.trim_end_matches('/');
        let stem = bare.strip_suffix(".html").unwrap_or(bare);
        [
            path,
            bare,
            &format!("{bare}/"),
            &format!("{bare}.html"),
            &format!("{stem}/"),
            stem,
        ]
        .into_iter()
        .find_map(|path| self.pages.get_key_value(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_takes_little_memory() {
        let page = size_of::<Sighting>();
        let post = size_of::<Post>();
        assert!(page <= 112 && post <= 128, "{page} and {post}");
    }

    #[test]
    fn a_page_s_own_canonical_url_needs_no_memory() {
        let origin = "https://blog.example";
        for (url, kept) in [
            (None, Canonical::None),
            (Some("https://blog.example/a/"), Canonical::Own),
            (
                Some("https://blog.example/b/"),
                Canonical::Other(Box::new("https://blog.example/b/".into())),
            ),
        ] {
            let canonical = Canonical::of(url, origin, "/a/");
            assert_eq!(canonical, kept);
            assert_eq!(canonical.url(origin, "/a/").as_deref(), url);
        }
    }

    #[test]
    fn instants_come_back_to_the_nanosecond_where_anybody_lives() {
        for at in [
            "1995-02-03T04:05:06.789012345Z",
            "2262-04-11T00:00:00Z",
            "1677-10-01T00:00:00.000000001Z",
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(Timestamp::from(Nanos::from(at)), at);
        }
        assert!(Timestamp::from(Nanos::from(Timestamp::MAX)) > "2262-01-01T00:00:00Z".parse().unwrap());
        assert!(Timestamp::from(Nanos::from(Timestamp::MIN)) < "1678-01-01T00:00:00Z".parse().unwrap());
    }
}
