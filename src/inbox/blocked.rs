//! What a block is about: a domain, an actor, a word or a pattern; and whether it fits.

use std::net::IpAddr;

use regex::{Regex, RegexBuilder};

use crate::sanitize;
use crate::store::Interaction;

/// Largest compiled pattern, in bytes: a list of some hundred words. What it matches takes time in proportion to the
/// text, whatever the pattern.
const PATTERN_SIZE: usize = 1 << 20;

/// What a block is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// A domain with all its subdomains, or an address.
    Domain(String),
    /// The id of an actor.
    Actor(String),
    /// The handle of an actor, `@ada@mastodon.example`.
    Handle(String),
    /// A word of a reply; a `*` in it stands for any letters.
    Word(String),
    /// A regular expression, `/…/`, over a reply and its author's name and handle.
    Pattern(String),
}

/// Why a text is no block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBlock {
    /// It would block nothing, or everything.
    #[error("a block of {0:?} would block nothing, or everything")]
    Empty(String),
    /// Its pattern is none.
    #[error("{pattern} is not a regular expression: {reason}")]
    Pattern {
        /// The pattern, with its slashes.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Blocked {
    /// Tells what a text of the owner's blocks, in the one spelling that it is stored in.
    ///
    /// # Errors
    /// When it is empty, or a pattern that can't be read or fits everything.
    pub fn read(text: &str) -> Result<Blocked, NoBlock> {
        let text = text.trim();
        if text.chars().all(|c| c == '*') {
            return Err(NoBlock::Empty(text.to_string()));
        }
        if let Some(pattern) = pattern_in(text) {
            if compile(pattern)?.is_match("") {
                return Err(NoBlock::Empty(text.to_string()));
            }
            return Ok(Blocked::Pattern(text.to_string()));
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            // The address of a server without a path means all of it; who lives there is blocked by that as well.
            let whole = url::Url::parse(text).is_ok_and(|url| url.path() == "/" && url.query().is_none());
            return Ok(match host(text) {
                Some(host) if whole => Blocked::Domain(host),
                _ => Blocked::Actor(text.to_string()),
            });
        }
        let small = text.to_lowercase();
        let bare = small.trim_start_matches('@');
        if let Some((name, host)) = bare.split_once('@')
            && !name.is_empty()
            && !host.is_empty()
            && !bare.contains(char::is_whitespace)
        {
            // All of a server.
            if name == "*" && is_domain(host) {
                return Blocked::read(host);
            }
            return Ok(Blocked::Handle(format!("@{bare}")));
        }
        let domain = small.trim_start_matches("*.").trim_end_matches('.');
        if is_domain(domain) {
            let ascii = url::Host::parse(domain).map_or_else(|_| domain.to_string(), |host| host.to_string());
            return Ok(Blocked::Domain(ascii));
        }
        Ok(Blocked::Word(small))
    }

    /// As it is stored and listed.
    pub fn text(&self) -> &str {
        match self {
            Blocked::Domain(text)
            | Blocked::Actor(text)
            | Blocked::Handle(text)
            | Blocked::Word(text)
            | Blocked::Pattern(text) => text,
        }
    }
}

/// What stands between the slashes of a pattern.
fn pattern_in(text: &str) -> Option<&str> {
    text.strip_prefix('/')?
        .strip_suffix('/')
        .filter(|pattern| !pattern.is_empty())
}

fn compile(pattern: &str) -> Result<Regex, NoBlock> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(PATTERN_SIZE)
        .build()
        .map_err(|error| NoBlock::Pattern {
            pattern: format!("/{pattern}/"),
            // The first lines draw the place; the last one says what it is.
            reason: error
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .replace("error: ", ""),
        })
}

pub(super) fn is_domain(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() || text == "localhost" {
        return true;
    }
    let labels: Vec<&str> = text.split('.').collect();
    labels.len() > 1
        && labels.iter().all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        })
        && labels
            .last()
            .is_some_and(|last| last.chars().any(char::is_alphabetic))
}

/// The host of an id or URL, without port and brackets.
pub(super) fn host(id: &str) -> Option<String> {
    let url = url::Url::parse(id).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    Some(host.trim_end_matches('.').to_lowercase())
}

/// A block by what is said, ready to be compared.
#[derive(Debug)]
pub(super) struct Rule {
    /// As it is listed.
    pub(super) text: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    /// A word by itself, in small letters.
    Word,
    /// A word with gaps.
    Gaps(Regex),
    /// A regular expression.
    Pattern(Regex),
}

impl Rule {
    /// The rule of a block; `None` when it is about who says it, not what.
    pub(super) fn of(block: &Blocked) -> Option<Rule> {
        let test = match block {
            Blocked::Word(word) if word.contains('*') => Test::Gaps(compile(&gaps(word)).ok()?),
            Blocked::Word(_) => Test::Word,
            Blocked::Pattern(text) => Test::Pattern(compile(pattern_in(text)?).ok()?),
            Blocked::Domain(_) | Blocked::Actor(_) | Blocked::Handle(_) => return None,
        };
        Some(Rule {
            text: block.text().to_string(),
            test,
        })
    }

    /// Whether it fits what somebody said: a word its text and warning, a pattern the author's name and handle too.
    pub(super) fn fits(&self, said: &Said) -> bool {
        match &self.test {
            Test::Word => said
                .texts
                .iter()
                .any(|text| contains_word(&text.small, &self.text)),
            Test::Gaps(gaps) => said.texts.iter().any(|text| gaps.is_match(&text.plain)),
            Test::Pattern(pattern) => {
                said.texts.iter().any(|text| pattern.is_match(&text.plain))
                    || said.author.iter().any(|name| pattern.is_match(name))
            }
        }
    }
}

/// The regular expression of a word with gaps: by itself, as words are.
fn gaps(word: &str) -> String {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let parts: Vec<String> = word.split('*').map(regex::escape).collect();
    let before = if inside(word.chars().next()) {
        "(?:^|[^0-9a-z])"
    } else {
        ""
    };
    let after = if inside(word.chars().next_back()) {
        "(?:$|[^0-9a-z])"
    } else {
        ""
    };
    format!("{before}{}{after}", parts.join(r"\S*"))
}

/// What somebody said, as rules see it.
pub(super) struct Said {
    texts: Vec<Text>,
    author: [String; 2],
}

struct Text {
    plain: String,
    small: String,
}

impl Said {
    pub(super) fn of(interaction: &Interaction) -> Said {
        let content = interaction.content.as_deref().map(sanitize::plain);
        let texts = [content, interaction.summary.clone()].into_iter().flatten();
        Said {
            texts: texts
                .map(|plain| Text {
                    small: plain.to_lowercase(),
                    plain,
                })
                .collect(),
            author: [interaction.actor.name.clone(), interaction.actor.handle.clone()],
        }
    }
}

/// Whether a text holds a word by itself: `spam` isn't in `spammer`. Scripts without spaces have no such borders.
fn contains_word(text: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.match_indices(word).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        let begun_before = inside(before) && inside(found.chars().next());
        let goes_on = inside(after) && inside(found.chars().next_back());
        !begun_before && !goes_on
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_for_what_it_is_about() {
        for (text, blocked) in [
            ("Spam.Example", Blocked::Domain("spam.example".into())),
            ("*.spam.example", Blocked::Domain("spam.example".into())),
            ("bücher.example", Blocked::Domain("xn--bcher-kva.example".into())),
            ("127.0.0.2", Blocked::Domain("127.0.0.2".into())),
            ("https://Evil.example/", Blocked::Domain("evil.example".into())),
            (
                "https://a.example/users/Ada",
                Blocked::Actor("https://a.example/users/Ada".into()),
            ),
            ("@Ada@a.example", Blocked::Handle("@ada@a.example".into())),
            ("ada@a.example", Blocked::Handle("@ada@a.example".into())),
            ("@*@Spam.example", Blocked::Domain("spam.example".into())),
            (
                "/Casino|Crypto\\b/",
                Blocked::Pattern("/Casino|Crypto\\b/".into()),
            ),
            ("Casino", Blocked::Word("casino".into())),
            ("free money", Blocked::Word("free money".into())),
            ("1.5", Blocked::Word("1.5".into())),
        ] {
            assert_eq!(Blocked::read(text), Ok(blocked), "{text}");
        }
        for nothing in ["  ", "*", "/a*/", "/(/"] {
            assert!(Blocked::read(nothing).is_err(), "{nothing}");
        }
        assert!(matches!(Blocked::read("/("), Ok(Blocked::Word(_))));
    }

    #[test]
    fn a_word_is_found_by_itself_only() {
        assert!(contains_word("buy spam now", "spam"));
        assert!(contains_word("spam!", "spam"));
        assert!(!contains_word("spammer", "spam"));
        assert!(contains_word("これは広告です", "広告"));
    }

    #[test]
    fn a_word_with_gaps_and_a_pattern_fit_what_they_describe() {
        let fits = |block: &str, content: &str, name: &str| {
            let said = Said {
                texts: vec![Text {
                    plain: content.into(),
                    small: content.to_lowercase(),
                }],
                author: [name.into(), "@ada@a.example".into()],
            };
            Rule::of(&Blocked::read(block).unwrap()).unwrap().fits(&said)
        };
        assert!(fits("casino*", "The CASINOS are open", "Ada"));
        assert!(fits("free*money", "free-range-money!", "Ada"));
        assert!(!fits("casino*", "occasino", "Ada"));
        assert!(
            !fits("casino", "nothing", "Casino Royale"),
            "words are about texts"
        );
        assert!(fits("/casino/", "nothing", "Casino Royale"));
        assert!(fits("/@a[.]example$/", "nothing", "Ada"));
        assert!(fits(r"/\bb[i1]tc[o0]in/", "Buy B1tcoin now", "Ada"));
        assert!(!fits("/^now/", "Buy now", "Ada"));
    }

    #[test]
    fn a_pattern_that_would_take_long_elsewhere_takes_no_time() {
        let rule = Rule::of(&Blocked::read("/(a+)+$/").unwrap()).unwrap();
        let plain = format!("{}!", "a".repeat(100_000));
        let said = Said {
            texts: vec![Text {
                small: plain.clone(),
                plain,
            }],
            author: Default::default(),
        };
        let begun = std::time::Instant::now();
        assert!(!rule.fits(&said));
        assert!(begun.elapsed() < std::time::Duration::from_secs(60));
        let large = format!("/(?:{}){{1000}}{{1000}}/", "x".repeat(1000));
        assert!(matches!(Blocked::read(&large), Err(NoBlock::Pattern { .. })));
    }
}
