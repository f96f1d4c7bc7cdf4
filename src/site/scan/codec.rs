//! A sighting in bytes: short, and read without a parser, because there may be a hundred thousand at every start.
//!
//! Numbers are little-endian. What can't be is answered with nothing, and never panics.

use std::sync::Arc;

use jiff::Timestamp;

use crate::article::{Discussion, Kind, Print, Sight, Visibility, Word};
use crate::site::frame::Frame;
use crate::site::page::{Alternate, Standing};
use crate::site::snapshot::{Canonical, Languages, Nanos, Post, Sighting, Verdict};

/// Writes values at the end of some bytes.
pub(super) trait Pen {
    fn text(&mut self, text: &str);
    fn maybe(&mut self, text: Option<&str>);
    fn print(&mut self, print: Option<Print>);
    fn time(&mut self, at: Timestamp);
    fn sighting(&mut self, sighting: &Sighting);
    fn post(&mut self, post: &Post);
}

impl Pen for Vec<u8> {
    fn text(&mut self, text: &str) {
        // No text of a page is as long: pages are limited to some MiB.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.extend_from_slice(&length.to_le_bytes());
        self.extend_from_slice(text.as_bytes());
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.push(u8::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn print(&mut self, print: Option<Print>) {
        self.push(u8::from(print.is_some()));
        self.extend(print.into_iter().flat_map(|print| print.to_bytes()));
    }

    fn time(&mut self, at: Timestamp) {
        self.extend_from_slice(&at.as_second().to_le_bytes());
        self.extend_from_slice(&at.subsec_nanosecond().to_le_bytes());
    }

    fn sighting(&mut self, sighting: &Sighting) {
        match &sighting.canonical {
            Canonical::None => self.push(0),
            Canonical::Own => self.push(1),
            Canonical::Other(url) => {
                self.push(2);
                self.text(url);
            }
        }
        self.extend_from_slice(&sighting.source.to_bytes());
        self.time(sighting.written.into());
        self.push(u8::from(sighting.changed.is_some()));
        if let Some(changed) = sighting.changed {
            self.time(changed.into());
        }
        self.extend_from_slice(&sighting.seal.to_le_bytes());
        let Standing {
            asked,
            stated,
            shown,
            late,
        } = sighting.standing;
        self.push(u8::from(asked) | u8::from(stated) << 1 | u8::from(shown) << 2 | u8::from(late) << 3);
        let alternates = sighting.alternates();
        let count = u16::try_from(alternates.len()).unwrap_or(u16::MAX);
        self.extend_from_slice(&count.to_le_bytes());
        for alternate in alternates.iter().take(count.into()) {
            self.maybe(alternate.language.as_deref());
            self.text(&alternate.path);
        }
        match &sighting.verdict {
            Verdict::Post(post) => {
                self.push(0);
                self.post(post);
            }
            Verdict::Alias(target) => {
                self.push(1);
                self.text(target);
            }
            Verdict::Not(reason) => {
                self.push(2);
                self.text(reason);
            }
            Verdict::Unreadable(reason) => {
                self.push(3);
                self.text(reason);
            }
        }
    }

    fn post(&mut self, post: &Post) {
        let sight = &post.sight;
        for print in [post.digest, post.fingerprint, sight.whole, sight.text] {
            self.extend_from_slice(&print.to_bytes());
        }
        self.time(sight.published);
        self.time(post.published);
        self.extend_from_slice(&sight.own.to_le_bytes());
        self.extend_from_slice(&sight.links.to_le_bytes());
        self.maybe(post.language.as_deref());
        self.maybe(post.actor.as_deref());
        self.push(u8::from(post.titled));
        self.push(match post.kind {
            None => 0,
            Some(Kind::Article) => 1,
            Some(Kind::Note) => 2,
        });
        self.push(match post.visibility {
            None => 0,
            Some(Visibility::Public) => 1,
            Some(Visibility::Unlisted) => 2,
            Some(Visibility::Followers) => 3,
            Some(Visibility::Direct) => 4,
        });
        self.push(match post.discussion {
            Discussion::Open => 0,
            Discussion::Closed => 1,
            Discussion::Off => 2,
        });
    }
}

/// Reads what a [`Pen`] wrote.
pub(super) struct Text<'a>(pub(super) &'a [u8]);

impl<'a> Text<'a> {
    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = u32::from_le_bytes(self.bytes()?);
        let (text, rest) = self.0.split_at_checked(length as usize)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn maybe(&mut self) -> Option<Option<&'a str>> {
        Some(if self.flag()? { Some(self.text()?) } else { None })
    }

    pub(super) fn print(&mut self) -> Option<Option<Print>> {
        Some(if self.flag()? {
            Some(Print::of_bytes(self.bytes()?))
        } else {
            None
        })
    }

    fn time(&mut self) -> Option<Timestamp> {
        let seconds = i64::from_le_bytes(self.bytes()?);
        Timestamp::new(seconds, i32::from_le_bytes(self.bytes()?)).ok()
    }

    /// A sighting, which was read beside `frame`.
    pub(super) fn sighting(&mut self, frame: Option<Arc<Frame>>) -> Option<Sighting> {
        let canonical = match self.byte()? {
            0 => Canonical::None,
            1 => Canonical::Own,
            2 => Canonical::Other(Box::new(self.text()?.to_owned())),
            _ => return None,
        };
        let source = Print::of_bytes(self.bytes()?);
        let written = Nanos::from(self.time()?);
        let changed = match self.flag()? {
            true => Some(Nanos::from(self.time()?)),
            false => None,
        };
        let seal = u64::from_le_bytes(self.bytes()?);
        let standing = self.byte()?;
        let count = u16::from_le_bytes(self.bytes()?);
        let alternates: Box<[Alternate]> = (0..count)
            .map(|_| {
                Some(Alternate {
                    language: self.maybe()?.map(Into::into),
                    path: self.text()?.into(),
                })
            })
            .collect::<Option<_>>()?;
        let verdict = match self.byte()? {
            0 => Verdict::Post(Box::new(self.post()?)),
            1 => Verdict::Alias(self.text()?.into()),
            2 => Verdict::Not(Word::new(self.text()?)),
            3 => Verdict::Unreadable(Word::new(self.text()?)),
            _ => return None,
        };
        Some(Sighting {
            canonical,
            feed: None,
            frame,
            source,
            written,
            changed,
            seal,
            fresh: false,
            standing: Standing {
                asked: standing & 1 != 0,
                stated: standing & 2 != 0,
                shown: standing & 4 != 0,
                late: standing & 8 != 0,
            },
            languages: Languages::of(alternates),
            verdict,
        })
    }

    fn post(&mut self) -> Option<Post> {
        let mut print = || Some(Print::of_bytes(self.bytes()?));
        let (digest, fingerprint, whole, text) = (print()?, print()?, print()?, print()?);
        let sight = Sight {
            whole,
            text,
            published: self.time()?,
            ..Sight::default()
        };
        Some(Post {
            digest,
            fingerprint,
            published: self.time()?,
            sight: Sight {
                own: u32::from_le_bytes(self.bytes()?),
                links: u32::from_le_bytes(self.bytes()?),
                ..sight
            },
            language: self.maybe()?.map(Word::new),
            actor: self.maybe()?.map(Word::new),
            titled: self.flag()?,
            kind: match self.byte()? {
                0 => None,
                1 => Some(Kind::Article),
                2 => Some(Kind::Note),
                _ => return None,
            },
            visibility: match self.byte()? {
                0 => None,
                1 => Some(Visibility::Public),
                2 => Some(Visibility::Unlisted),
                3 => Some(Visibility::Followers),
                4 => Some(Visibility::Direct),
                _ => return None,
            },
            discussion: match self.byte()? {
                0 => Discussion::Open,
                1 => Discussion::Closed,
                2 => Discussion::Off,
                _ => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(sighting: &Sighting) -> Option<Sighting> {
        let mut bytes = Vec::new();
        bytes.sighting(sighting);
        for length in 0..bytes.len() {
            assert_eq!(Text(&bytes[..length]).sighting(None), None, "cut off at {length}");
        }
        let mut text = Text(&bytes);
        let sighting = text.sighting(None);
        assert!(text.is_at_end());
        sighting
    }

    #[test]
    fn what_is_written_is_read() {
        let bare = Sighting::of_nothing();
        let at: Timestamp = "2026-11-21T10:00:00.123456789Z".parse().unwrap();
        let print = |text: &str| Print::of([text.as_bytes()]);
        let post = Post {
            digest: print("digest"),
            fingerprint: print("fingerprint"),
            sight: Sight {
                whole: print("whole"),
                text: print("text"),
                published: at,
                own: 3,
                links: 5,
            },
            published: Timestamp::MAX,
            language: Some("de".into()),
            titled: true,
            kind: Some(Kind::Note),
            actor: Some("blog".into()),
            visibility: Some(Visibility::Followers),
            discussion: Discussion::Closed,
        };
        let alternates = [("de", "/de/"), ("", "/")].map(|(language, path)| Alternate {
            language: Some(language.into()).filter(|_| !language.is_empty()),
            path: path.into(),
        });
        let full = Sighting {
            canonical: Canonical::Other(Box::new("https://other.example/ü".into())),
            source: print("source"),
            written: at.into(),
            changed: Some(at.into()),
            seal: u64::MAX,
            standing: Standing {
                asked: true,
                stated: false,
                shown: true,
                late: true,
            },
            languages: Languages::of(alternates.into()),
            verdict: Verdict::Post(Box::new(post)),
            ..bare.clone()
        };
        let alias = Sighting {
            canonical: Canonical::Own,
            verdict: Verdict::Alias("https://blog.example/".into()),
            ..bare.clone()
        };
        for sighting in [bare, full, alias] {
            assert_eq!(back(&sighting).as_ref(), Some(&sighting));
        }
    }
}
