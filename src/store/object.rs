//! One of our objects: a page or a note that is, or was, published.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Indexed, Record};
use crate::article::{Discussion, Impression, Print, Visibility, Word};
use crate::site::feed::Mention;
use crate::site::snapshot::Canonical;

/// One of our objects. It is kept after its Delete, so that its id stays dead and its KEY is never used again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    /// Its KEY, fixed when it was first published.
    pub key: String,
    /// The name of the actor that it is attributed to.
    pub actor: String,
    /// The path of its page; `None` for a note from the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Where its page lay before it moved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_pages: Vec<String>,
    /// The other pages whose post it is, in other languages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub translations: Vec<Translated>,
    /// The canonical URL that its page names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    /// Whether it is there.
    pub state: ObjectState,
    /// When its Create was sent; `None` for one of the baseline, which nobody was told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<Timestamp>,
    /// `Article::digest` of what is published.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// `Article::fingerprint` of what is published.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// What tells whether a human would call it changed; records of the first versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impression: Option<Impression>,
    /// Who may see it.
    pub visibility: Visibility,
    /// When it was published, as the page says.
    pub published: Timestamp,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// Since when its page is gone from the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Timestamp>,
    /// Whether its page asks to be pinned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub featured: bool,
    /// What its page lets be said about it.
    #[serde(default, skip_serializing_if = "Discussion::is_open")]
    pub discussion: Discussion,
    /// What the site's feeds said of its page, if something of that is in it. It holds when the page falls out of its
    /// feed, since most keep only the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Arc<Mention>>,
    /// What must still be told of it. It is stored with the change that it tells, and taken away when its delivery is a
    /// job on disk; what a crash left is told at the next start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// The ActivityPub object as it is served; after a Delete its Tombstone.
    pub object: Value,
}

/// A page that says in another language what an object's own page says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Translated {
    /// Its path.
    pub page: String,
    /// What the site's feeds said of it; see [`Object::heard`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Arc<Mention>>,
}

/// An activity about an object that isn't a job yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// Its ID.
    pub id: String,
    /// To whom it goes.
    pub reach: Reach,
    /// Inboxes of people it names, found before it was stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inboxes: Vec<String>,
    /// The document.
    pub activity: Value,
}

/// To whom an activity about an object goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// To whom it is addressed: a Create. They become the audience.
    Addressed,
    /// To the audience, and to the servers that reacted: an Update or a Delete.
    Audience,
}

/// Whether an object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectState {
    /// It is served.
    Live,
    /// Its page vanished and it was deleted; a page that returns gets a fresh KEY.
    Deleted,
    /// The owner took it back; its page stays unpublished until it is published by name.
    Unpublished,
}

/// What is kept of an object in memory; small, because there is one for every page.
#[derive(Clone, Debug)]
pub struct ObjectBrief {
    /// See [`Object::actor`].
    pub actor: Word,
    /// See [`Object::page`].
    pub page: Option<Arc<str>>,
    /// See [`Object::canonical`].
    pub canonical: Canonical,
    /// See [`Object::state`].
    pub state: ObjectState,
    /// Whether there is a time in [`Object::announced`].
    pub announced: bool,
    /// See [`Object::digest`].
    pub digest: Print,
    /// See [`Object::fingerprint`].
    pub fingerprint: Print,
    /// See [`Object::impression`].
    pub impression: Option<Impression>,
    /// See [`Object::visibility`].
    pub visibility: Visibility,
    /// See [`Object::published`].
    pub published: Timestamp,
    /// See [`Object::featured`].
    pub featured: bool,
    /// See [`Object::discussion`].
    pub discussion: Discussion,
    history: Option<Box<History>>,
}

/// What few objects have.
#[derive(Clone, Debug)]
struct History {
    former_pages: Box<[String]>,
    translations: Box<[Translated]>,
    missing_since: Option<Timestamp>,
    heard: Option<Arc<Mention>>,
}

impl ObjectBrief {
    /// See [`Object::heard`].
    pub fn heard(&self) -> Option<&Arc<Mention>> {
        self.history.as_ref()?.heard.as_ref()
    }

    /// See [`Object::former_pages`].
    pub fn former_pages(&self) -> &[String] {
        let history = self.history.as_ref();
        history.map_or(&[], |history| &history.former_pages)
    }

    /// See [`Object::translations`].
    pub fn translations(&self) -> &[Translated] {
        let history = self.history.as_ref();
        history.map_or(&[], |history| &history.translations)
    }

    /// See [`Object::missing_since`].
    pub fn missing_since(&self) -> Option<Timestamp> {
        self.history.as_ref()?.missing_since
    }
}

impl Record for Object {
    type Glance = Object;
}

impl Indexed for Object {
    type Brief = ObjectBrief;

    fn id(&self) -> &str {
        &self.key
    }

    fn brief(&self) -> ObjectBrief {
        ObjectBrief {
            actor: Word::new(&self.actor),
            page: self.page.as_deref().map(Into::into),
            canonical: self.kept_canonical(),
            state: self.state,
            announced: self.announced.is_some(),
            digest: Print::of_digest(&self.digest),
            fingerprint: Print::of_digest(&self.fingerprint),
            impression: self.impression,
            visibility: self.visibility,
            published: self.published,
            featured: self.featured,
            discussion: self.discussion,
            history: self.history(),
        }
    }

    /// The page's path, so that the object (and former objects) of a page are found at once.
    fn group(&self) -> Option<&str> {
        self.page.as_deref()
    }

    fn share(brief: &mut ObjectBrief, group: &Arc<str>) {
        brief.page = Some(Arc::clone(group));
    }

    fn labels(&self) -> Vec<String> {
        let former = self
            .former_pages
            .iter()
            .map(|page| Object::label_of_former_page(page));
        let answers = self.object["inReplyTo"].as_str().map(Object::label_of_answer);
        let translations = self
            .translations
            .iter()
            .map(|translated| Object::label_of_translation(&translated.page));
        let untold = self.pending.iter().map(|_| Object::UNTOLD.to_string());
        former.chain(translations).chain(answers).chain(untold).collect()
    }
}

impl Object {
    fn kept_canonical(&self) -> Canonical {
        let Some(canonical) = &self.canonical else {
            return Canonical::None;
        };
        let origin = self
            .page
            .as_ref()
            .and_then(|page| canonical.strip_suffix(page.as_str()));
        // Our ids begin with ORIGIN.
        let id = self.object["id"].as_str().unwrap_or_default();
        match origin.and_then(|origin| id.strip_prefix(origin)) {
            Some(rest) if rest.starts_with('/') => Canonical::Own,
            _ => Canonical::Other(Box::new(canonical.clone())),
        }
    }

    fn history(&self) -> Option<Box<History>> {
        let history = History {
            former_pages: self.former_pages.as_slice().into(),
            translations: self.translations.as_slice().into(),
            missing_since: self.missing_since,
            heard: self.heard.clone(),
        };
        let is_any = !history.former_pages.is_empty()
            || !history.translations.is_empty()
            || history.missing_since.is_some()
            || history.heard.is_some();
        is_any.then(|| Box::new(history))
    }

    /// The label of the objects of which something must still be told.
    pub const UNTOLD: &str = "untold";

    /// The label of an object whose page once lay at this path.
    pub fn label_of_former_page(page: &str) -> String {
        format!("was {page}")
    }

    /// The label of an object of which the page at this path is a translation.
    pub fn label_of_translation(page: &str) -> String {
        format!("also {page}")
    }

    /// The label of our notes that answer an object.
    pub fn label_of_answer(target: &str) -> String {
        format!("answers {target}")
    }
}

/// To which inboxes the Create of an object went: its Update and its Delete go there too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Audience {
    /// The KEY of the object.
    pub key: String,
    /// The inboxes, each once.
    pub inboxes: Vec<String>,
}

impl Record for Audience {
    type Glance = Audience;
}

impl Indexed for Audience {
    type Brief = ();

    fn id(&self) -> &str {
        &self.key
    }

    fn brief(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_object_takes_little_memory() {
        let size = size_of::<ObjectBrief>();
        assert!(size <= 184, "{size}");
    }
}
