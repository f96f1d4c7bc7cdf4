//! What one source (JSON-LD, an h-entry, OpenGraph …) says about a page.

use jiff::Timestamp;
use jiff::civil;

use super::verdict::{Said, shortened};
use crate::article::Media;

/// What one source says; every field may be missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Claim {
    /// The source's name, for the evidence.
    pub(super) source: &'static str,
    pub(super) title: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) published: Option<Date>,
    pub(super) updated: Option<Date>,
    pub(super) tags: Vec<String>,
    pub(super) language: Option<String>,
    pub(super) image: Option<Media>,
}

/// An instant, and how exactly it was stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) at: Timestamp,
    /// The day as it was written, in the writer's own zone.
    pub(super) day: civil::Date,
    pub(super) precision: Precision,
}

/// How exactly a date was stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// With time and zone.
    Instant,
    /// With a time, but no zone.
    Local,
    /// Only a day.
    Day,
}

impl Claim {
    /// All that it says, field by field.
    fn said(&self) -> impl Iterator<Item = Said> {
        let date = |date: Option<Date>| date.map(|date| date.at.to_string());
        let fields = [
            ("title", self.title.clone()),
            ("summary", self.summary.clone()),
            ("language", self.language.clone()),
            ("published", date(self.published)),
            ("updated", date(self.updated)),
            ("image", self.image.as_ref().map(|image| image.url.clone())),
        ];
        let tags = self.tags.iter().map(|tag| ("tags", Some(tag.clone())));
        let source = self.source;
        fields.into_iter().chain(tags).filter_map(move |(field, value)| {
            Some(Said {
                field,
                source,
                value: shortened(&value?),
            })
        })
    }
}

/// What all claims say, in their order.
pub(super) fn said(claims: &[Claim]) -> Vec<Said> {
    claims.iter().flat_map(Claim::said).collect()
}
