//! What is handed to the reader of pages, and what it gives back.

use std::fmt;

use jiff::Timestamp;
use url::Url;

use super::alternates::Alternate;
use super::{MAX_DEPTH, MAX_PAGE};
use crate::article::Article;
use crate::feed::Mention;
use crate::frame::Frame;

/// One file of the output folder, as handed to the reader.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// URL path below `site.url`: "/posts/hello/" (`index.html` cut) or "/a.html".
    pub path: &'a str,
    /// The file as it is on disk, in whatever encoding.
    pub html: &'a [u8],
    /// `site.url`, ending in `/`.
    pub site: &'a Url,
    /// What the site's feeds say about it.
    pub feed: Option<&'a Mention>,
    /// When it was last changed, as the site's sitemap says.
    pub changed: Option<Timestamp>,
    /// What the posts of the site have in common, when that is known.
    pub frame: Option<&'a Frame>,
}

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// As in [`Source::path`].
    pub path: String,
    /// `<link rel="canonical">`: absolute, without fragment and `index.html`.
    pub canonical: Option<String>,
    /// What the page is.
    pub verdict: Verdict,
    /// Which field came from where, in the order of the fields of [`Article`].
    pub evidence: Vec<Evidence>,
    /// What all sources say, the most trusted first, whether it was taken or not; empty when the verdict needed none.
    pub said: Vec<Said>,
    /// What the page itself says of being a post.
    pub standing: Standing,
    /// The pages that it names as the same in other languages, itself among them.
    pub alternates: Vec<Alternate>,
    /// Whether its text isn't in it, but only in a feed, because scripts put it there: [`super::read_with`] takes that.
    pub lacks_text: bool,
}

impl Page {
    /// Whether something of it came from a feed.
    pub fn heard(&self) -> bool {
        self.evidence.iter().any(|evidence| evidence.source == FEED)
    }
}

/// What a page itself says of being a post, beside the date that makes it one. Weighed by `site::diff` with what the
/// feeds say of its neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// `<meta name="tidings:publish" content="yes">`.
    pub asked: bool,
    /// It says for machines that it is a posting: JSON-LD, an h-entry.
    pub stated: bool,
    /// It shows its readers the date, not only machines.
    pub shown: bool,
    /// It was no post when the very same file was read before, by an older reader or beside other pages. Told by the scanner.
    pub late: bool,
}

/// The name of feeds as a source.
pub const FEED: &str = "feed";

/// The note on a time without a zone.
pub const NO_ZONE: &str = "no time zone: taken as UTC";
/// The note on a date without a time.
pub const ONLY_DAY: &str = "only a day: taken as midnight UTC";

/// What a page is.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// A post, with all that federates of it.
    Post(Box<Article>),
    /// A page that sends its readers on, to this absolute URL.
    Alias(String),
    /// Neither.
    Not(Reason),
}

/// Why a page isn't a post. Its `Display` is the sentence that `plan` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No source states when it was published.
    NoDate,
    /// `<meta name="robots" content="noindex">`.
    NoIndex,
    /// `<meta name="tidings:publish" content="no">`.
    OptedOut,
    /// It says for cards that it is a website, while the site's posts say that they are articles.
    Website,
    /// It lists posts.
    List,
    /// It is one of the pages that sites have beside their posts.
    Beside,
    /// It lies in the folder that generators keep for drafts.
    Draft,
    /// It is what the server shows instead of a page.
    ErrorPage,
    /// It has neither title, text nor pictures.
    Empty,
    /// It is larger than [`MAX_PAGE`].
    TooLarge,
    /// Its elements are nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoDate => f.write_str("no date of publication"),
            Reason::NoIndex => f.write_str("the page asks robots not to index it (noindex)"),
            Reason::OptedOut => f.write_str("the page opts out (tidings:publish is no)"),
            Reason::Website => f.write_str(
                "the page says that it is a website (og:type), not an article as the site's posts do",
            ),
            Reason::List => f.write_str("a list of posts, not a post"),
            Reason::Beside => f.write_str(
                "a page beside the posts by its name (about, imprint …); if it is a post, put <meta name=\"tidings:publish\" \
                 content=\"yes\"> into it",
            ),
            Reason::Draft => f.write_str("a draft: it lies in the folder drafts"),
            Reason::ErrorPage => f.write_str("an error page"),
            Reason::Empty => f.write_str("nothing to say: no title, text or picture was found"),
            Reason::TooLarge => write!(f, "larger than {} MiB", MAX_PAGE >> 20),
            Reason::TooDeep => write!(f, "elements nested more than {MAX_DEPTH} deep"),
        }
    }
}

/// Where one field of an article came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The field of [`Article`], or "page" for what decided the verdict.
    pub field: &'static str,
    /// The source: "JSON-LD", "h-entry", "OpenGraph" …
    pub source: &'static str,
    /// What it says, shortened.
    pub value: String,
    /// What a careful reader should know: "only a day: taken as midnight UTC".
    pub note: Option<&'static str>,
}

impl Evidence {
    pub(super) fn new(field: &'static str, source: &'static str, value: &str) -> Evidence {
        Evidence {
            field,
            source,
            value: shortened(value),
            note: None,
        }
    }
}

/// What one source says of one field, whether it is believed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// As in [`Evidence::field`].
    pub field: &'static str,
    /// As in [`Evidence::source`].
    pub source: &'static str,
    /// As in [`Evidence::value`].
    pub value: String,
}

/// Characters of a value that are kept.
pub(super) const SHORTENED: usize = 120;

/// As much of a value as a line shows.
pub(super) fn shortened(value: &str) -> String {
    let end = value.char_indices().nth(SHORTENED);
    end.map_or(value, |(end, _)| &value[..end]).to_owned()
}
