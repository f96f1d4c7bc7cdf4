//! Why a page becomes what it becomes, and how it will look: the data of `tidings plan --explain`.
//!
//! Nothing is guessed a second time here: the verdict is that of the look, the object is made by [`draft`] as it is for
//! sending, or is the stored one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::choice::{self, Named};
use super::reading::Look;
use super::{PublishError, draft, is_live};
use crate::ap::difference::differences;
use crate::ap::object::Extent;
use crate::ap::shown::{self, Card, Shown};
use crate::article::{Kind, Print, Visibility};
use crate::instance::Instance;
use crate::site::diff::{Action, Change, fresh_key};
use crate::site::page::{self, Evidence, FEED, Page, Said};
use crate::site::snapshot::Sighting;
use crate::store::{Object, ObjectState};

/// What becomes of one page, why, and how it will look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Its path.
    pub page: String,
    /// Its file in the output folder; missing when that is gone.
    pub file: Option<String>,
    /// Whether the page is a post by itself; whether it is published the owner and the calendar say too.
    pub post: bool,
    /// Why it is one, or isn't.
    pub because: Vec<String>,
    /// How the owner changes that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// What publishing does with it now; missing when it leaves it alone.
    pub action: Option<Action>,
    /// Why.
    pub reason: String,
    /// Why all changes wait for the owner's word, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_because: Option<String>,
    /// The id of its object, if it has one or gets one.
    pub object: Option<String>,
    /// What is known of its object: `new`, `listed`, `published`, `unpublished` or `deleted`.
    pub state: Option<Standing>,
    /// When it was announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<Timestamp>,
    /// What differs from what is published, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// What was found in it, field by field.
    pub fields: Vec<Field>,
    /// How it looks, or would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
}

/// What is known of the object of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// There is none yet.
    New,
    /// It is in the outbox, and nobody was told.
    Listed,
    /// It was announced.
    Published,
    /// The owner took it back.
    Unpublished,
    /// It was deleted with its page.
    Deleted,
}

/// One field, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub field: String,
    /// What was taken; missing when nothing was, because the page isn't a post.
    pub value: Option<String>,
    /// Who said so.
    pub source: Option<String>,
    /// Who else says the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// What a careful reader should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What others said that wasn't taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Loser>,
}

/// What a source said that wasn't taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loser {
    /// What.
    pub value: String,
    /// Who.
    pub source: String,
}

/// How a page looks on other servers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// What it is sent as.
    pub kind: Kind,
    /// The account that speaks.
    pub handle: String,
    /// Its name.
    pub name: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// When it was published.
    pub published: Timestamp,
    /// Its hashtags.
    pub hashtags: Vec<String>,
    /// How many pictures, sounds and films are sent with it.
    pub attachments: usize,
    /// Whether it is sent whole; else only its summary and link are, because it is too large.
    pub whole: bool,
    /// How Mastodon shows it.
    pub mastodon: Shown,
    /// How it would look as a Note, if it is sent as an Article.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Shown>,
    /// The object as it is sent.
    pub document: Value,
}

/// Explains the page that `name` means: a path, a URL, a file, or an id.
pub(super) fn of(instance: &Instance, look: &Look, name: &str) -> Result<Explanation, PublishError> {
    let (path, key) = match choice::named(instance, look, name)? {
        Named::Page(path) => {
            let live = choice::object_at(instance, std::slice::from_ref(&path), |object| {
                object.state != ObjectState::Deleted
            });
            (path, live.map(|(key, _)| key.to_string()))
        }
        Named::Gone(key) => {
            let page = instance.store.objects.brief(&key).and_then(|object| object.page);
            (
                page.map_or_else(|| name.to_string(), |page| page.to_string()),
                Some(key.to_string()),
            )
        }
    };
    let change = look
        .plan
        .changes
        .iter()
        .find(|change| change.page == path || Some(&change.key) == key.as_ref());
    // What moved is known by its KEY only.
    let key = key.or_else(|| change.map(|change| change.key.clone()));
    let stored = match &key {
        Some(key) => instance.store.objects.get(key)?,
        None => None,
    };
    let sighting = look.snapshot.pages.get(path.as_str());
    let page = sighting.and_then(|sighting| look.reader.page(&path, sighting));
    let skipped = look.plan.skipped.iter().find(|skipped| *skipped.page == *path);

    let seen = Seen {
        path: &path,
        sighting: sighting.map(|sighting| &**sighting),
        change,
        stored: stored.as_ref(),
        skipped: skipped.map(|skipped| &*skipped.reason),
    };
    let outcome = seen.outcome(instance, look)?;
    let post = page
        .as_ref()
        .is_some_and(|page| matches!(page.verdict, page::Verdict::Post(_)));
    Ok(Explanation {
        file: sighting.and_then(|_| look.reader.file(&path)),
        post,
        because: because(page.as_ref(), seen.sighting, seen.skipped),
        advice: page.as_ref().and_then(|page| advice(page, seen.skipped)),
        action: change.map(|change| change.action),
        reason: seen.reason(),
        held_because: look.plan.held.clone().filter(|_| change.is_some()),
        object: outcome
            .key
            .as_deref()
            .or(key.as_deref())
            .map(|key| instance.iris.object(key)),
        state: seen.standing(outcome.key.is_some()),
        announced: stored.as_ref().and_then(|stored| stored.announced),
        changed: outcome.changed,
        fields: page.as_ref().map(fields).unwrap_or_default(),
        preview: outcome.preview,
        page: path,
    })
}

/// A page, and what the look says of it.
struct Seen<'a> {
    path: &'a str,
    sighting: Option<&'a Sighting>,
    change: Option<&'a Change>,
    stored: Option<&'a Object>,
    skipped: Option<&'a str>,
}

/// What is sent of a page, or would be.
#[derive(Default)]
struct Outcome {
    key: Option<String>,
    changed: Vec<String>,
    preview: Option<Preview>,
}

impl Seen<'_> {
    fn reason(&self) -> String {
        let reason = match (self.change, self.skipped) {
            (Some(change), _) => &change.reason,
            (None, Some(skipped)) => skipped,
            (None, None) => match self.stored.map(|stored| stored.state) {
                Some(ObjectState::Live) => "published, and nothing changed since",
                Some(ObjectState::Unpublished) => "unpublished, and its page is gone",
                Some(ObjectState::Deleted) => "deleted with its page",
                None => "the folder can't be compared now",
            },
        };
        reason.to_string()
    }

    fn standing(&self, gets_one: bool) -> Option<Standing> {
        match self.stored {
            None => gets_one.then_some(Standing::New),
            Some(stored) => Some(match stored.state {
                ObjectState::Live if stored.announced.is_some() => Standing::Published,
                ObjectState::Live => Standing::Listed,
                ObjectState::Unpublished => Standing::Unpublished,
                ObjectState::Deleted => Standing::Deleted,
            }),
        }
    }

    fn outcome(&self, instance: &Instance, look: &Look) -> Result<Outcome, PublishError> {
        let key = match (self.change, self.stored) {
            (Some(change), _) => change.key.clone(),
            (None, Some(stored)) if is_live(stored.state) => stored.key.clone(),
            // It may be published by name, or when its day comes.
            _ if self.waits(look) => fresh_key(self.path, |key| instance.store.objects.contains(key)),
            _ => return Ok(Outcome::default()),
        };
        let mut extent = Extent::Whole;
        let object = match self.change {
            Some(change) => match draft::of(instance, look, change)? {
                Some(draft) if change.action != Action::Delete => {
                    extent = draft.extent;
                    draft.object
                }
                _ => {
                    return Ok(Outcome {
                        key: Some(key),
                        ..Outcome::default()
                    });
                }
            },
            None => match self
                .stored
                .filter(|stored| is_live(stored.state) && !self.differs(stored))
            {
                Some(stored) => stored.clone(),
                None => match draft::of_page(instance, look, &key, self.path) {
                    Some(draft) => {
                        extent = draft.extent;
                        draft.object
                    }
                    None => return Ok(Outcome::default()),
                },
            },
        };
        let changed = match self.stored.filter(|stored| is_live(stored.state)) {
            Some(stored) => differences(&stored.object, &object.object),
            None => Vec::new(),
        };
        Ok(Outcome {
            changed,
            preview: Some(self.preview(instance, look, &key, object, extent)),
            key: Some(key),
        })
    }

    /// Whether the page says something else than what is published of it.
    fn differs(&self, stored: &Object) -> bool {
        let post = self.sighting.and_then(Sighting::post);
        post.is_some_and(|post| post.digest != Print::of_digest(&stored.digest))
    }

    /// Whether the page is a post that is only not announced, or not yet.
    fn waits(&self, look: &Look) -> bool {
        let Some(post) = self.sighting.and_then(Sighting::post) else {
            return false;
        };
        let unpublished = self
            .stored
            .is_some_and(|stored| stored.state == ObjectState::Unpublished);
        let listed = look.plan.baseline.iter().any(|new| *new.page == *self.path);
        let later =
            post.published > look.now && super::reading::chosen(&look.config.publish, self.path).is_ok();
        unpublished || listed || later
    }

    fn preview(
        &self,
        instance: &Instance,
        look: &Look,
        key: &str,
        object: Object,
        extent: Extent,
    ) -> Preview {
        let card = self
            .sighting
            .and_then(|sighting| look.reader.head(self.path, sighting))
            .and_then(|head| card(head, &look.config.site.url));
        let document = object.object;
        let kind = match document["type"].as_str() {
            Some("Note") => Kind::Note,
            _ => Kind::Article,
        };
        let note = match kind {
            Kind::Note => None,
            Kind::Article => draft::as_note(instance, look, &object.actor, key, self.path)
                .map(|built| shown::shown(&built.object, card.clone())),
        };
        let actor = look.config.actor(&object.actor);
        Preview {
            kind,
            handle: look.config.handle(&object.actor),
            name: actor.map_or_else(|| object.actor.clone(), |actor| actor.display_name.clone()),
            visibility: object.visibility,
            published: object.published,
            hashtags: named(&document, "tag", "name"),
            attachments: document["attachment"].as_array().map_or(0, Vec::len),
            whole: extent == Extent::Whole,
            mastodon: shown::shown(&document, card),
            note,
            document,
        }
    }
}

/// What the members of a list are called.
fn named(document: &Value, list: &str, key: &str) -> Vec<String> {
    let list = document[list].as_array().into_iter().flatten();
    list.filter_map(|item| item[key].as_str().map(str::to_string))
        .collect()
}

/// The card that a link to a page gets; without a title it gets none.
fn card(head: page::Head, site: &url::Url) -> Option<Card> {
    Some(Card {
        site: head
            .site
            .unwrap_or_else(|| site.host_str().unwrap_or_default().to_string()),
        title: head.title?,
        description: head.description,
        image: head.image,
        image_alt: head.image_alt,
        author: head.creator,
    })
}

/// Why a page is a post, or why it isn't.
fn because(page: Option<&Page>, sighting: Option<&Sighting>, skipped: Option<&str>) -> Vec<String> {
    let Some(page) = page else {
        return skipped.map(str::to_string).into_iter().collect();
    };
    let mut because = Vec::new();
    let evidence = |field: &str| page.evidence.iter().find(|evidence| evidence.field == field);
    match &page.verdict {
        page::Verdict::Post(_) => {
            if let Some(asked) = evidence("page") {
                because.push(format!("the page says so: {} is {}", asked.source, asked.value));
            }
            if let Some(date) = evidence("published") {
                because.push(format!("{} says when it was published", source(date.source)));
            }
            if page.standing.stated && evidence("page").is_none() {
                because.push("it says for machines that it is a posting".to_string());
            }
            if sighting.is_some_and(|sighting| sighting.feed.is_some()) {
                because.push("the site's feed names it".to_string());
            }
        }
        page::Verdict::Alias(target) => because.push(format!("it sends its readers on to {target}")),
        page::Verdict::Not(reason) => {
            because.push(reason.to_string());
            if let Some(sign) = evidence("page") {
                because.push(format!("the sign of it: {}", sign.source));
            }
        }
    }
    because
}

/// The name of a source in a sentence.
fn source(name: &str) -> String {
    match name {
        FEED => "the site's feed".to_string(),
        other => other.to_string(),
    }
}

/// How the owner makes a page a post that isn't one, or the other way round.
fn advice(page: &Page, skipped: Option<&str>) -> Option<String> {
    use page::Reason;
    let line = match &page.verdict {
        page::Verdict::Not(Reason::NoDate) => {
            "to make it one, say when it was published: <meta property=\"article:published_time\" \
             content=\"2026-11-21T10:00:00+01:00\">"
        }
        page::Verdict::Not(Reason::OptedOut) => "to make it one, take tidings:publish out of it",
        page::Verdict::Not(Reason::Empty | Reason::TooLarge | Reason::TooDeep) => return None,
        page::Verdict::Not(_) => "to make it one: <meta name=\"tidings:publish\" content=\"yes\">",
        page::Verdict::Alias(_) => return None,
        page::Verdict::Post(_) if skipped.is_none() => {
            "if it is none: <meta name=\"tidings:publish\" content=\"no\">"
        }
        page::Verdict::Post(_) => return None,
    };
    Some(line.to_string())
}

/// The fields in the order of the evidence, with what lost; then what was said and of no use.
fn fields(page: &Page) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for evidence in page.evidence.iter().filter(|evidence| evidence.field != "page") {
        match fields.iter_mut().find(|field| field.field == evidence.field) {
            // Tags come one by one.
            Some(field) => {
                if let Some(value) = &mut field.value {
                    value.push_str(", ");
                    value.push_str(&evidence.value);
                }
                if field.source.as_deref() != Some(evidence.source)
                    && !field.also.iter().any(|also| also == evidence.source)
                {
                    field.also.push(evidence.source.to_string());
                }
            }
            None => fields.push(Field {
                field: evidence.field.to_string(),
                value: Some(evidence.value.clone()),
                source: Some(evidence.source.to_string()),
                also: Vec::new(),
                note: evidence.note.map(str::to_string),
                others: Vec::new(),
            }),
        }
    }
    for said in &page.said {
        hear(&mut fields, said, &page.evidence);
    }
    fields
}

/// Adds what a source said to the field it is about.
fn hear(fields: &mut Vec<Field>, said: &Said, evidence: &[Evidence]) {
    let taken = |evidence: &&Evidence| evidence.field == said.field;
    let same = |evidence: &Evidence| {
        evidence.value == said.value
            || (said.field == "tags"
                && evidence.value.to_lowercase() == said.value.trim_start_matches('#').to_lowercase())
    };
    let agrees = evidence.iter().filter(taken).any(same);
    let index = fields.iter().position(|field| field.field == said.field);
    let index = index.unwrap_or_else(|| {
        fields.push(Field {
            field: said.field.to_string(),
            value: None,
            source: None,
            also: Vec::new(),
            note: None,
            others: Vec::new(),
        });
        fields.len() - 1
    });
    let Some(field) = fields.get_mut(index) else {
        return;
    };
    let known =
        field.source.as_deref() == Some(said.source) || field.also.iter().any(|also| also == said.source);
    if agrees && !known {
        field.also.push(said.source.to_string());
    }
    if !agrees {
        field.others.push(Loser {
            value: said.value.clone(),
            source: said.source.to_string(),
        });
    }
}
