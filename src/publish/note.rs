//! Notes from the command line: from Markdown to an object with its mentions, and on like any page.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::markdown::{self, Mentioned};
use super::{Done, PublishError, Publisher};
use crate::ap::activity;
use crate::ap::iri::Local;
use crate::ap::object::{self, Mention, Placed};
use crate::article::{Discussion, Kind, Visibility};
use crate::instance::Instance;
use crate::remote::{self, Freshness, Profile, RemoteError};
use crate::site::diff::Action;
use crate::store::{Activity, Object, ObjectState, Pending, Reach};

/// Most people that one note mentions: Mastodon takes notes with more for spam.
const MAX_MENTIONS: usize = 50;

/// A note to be published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteRequest {
    /// Markdown, with or without TOML front matter.
    pub text: String,
    /// The name of the actor that speaks; the default one if none is named.
    #[serde(default)]
    pub actor: Option<String>,
    /// Who may see it; wins over the front matter, which wins over `publish.visibility`.
    #[serde(default)]
    pub visibility: Option<Visibility>,
    /// The URL of what it answers; wins over the front matter.
    #[serde(default)]
    pub reply_to: Option<String>,
}

/// Whom a note is for, found before anything of it is stored.
#[derive(Default)]
struct People {
    mentions: Vec<Mention>,
    profiles: Vec<Arc<Profile>>,
    by_handle: HashMap<String, Mentioned>,
}

impl People {
    fn add(&mut self, profile: Arc<Profile>) {
        if !self.mentions.iter().any(|mention| mention.actor == profile.id) {
            self.mentions.push(Mention {
                actor: profile.id.clone(),
                handle: profile.handle.clone(),
            });
            self.profiles.push(profile);
        }
    }

    /// One letter to a server is enough, but for a direct note, which must not be seen by others there.
    fn inboxes(&self, visibility: Visibility) -> Vec<String> {
        let inboxes: BTreeSet<&String> = self
            .profiles
            .iter()
            .map(|profile| {
                let shared = profile.shared_inbox.as_ref();
                shared
                    .filter(|_| visibility != Visibility::Direct)
                    .unwrap_or(&profile.inbox)
            })
            .collect();
        inboxes.into_iter().cloned().collect()
    }
}

impl Publisher {
    /// Publishes a note. Whom it mentions and what it answers is looked up first: when that fails, nothing is stored or
    /// sent.
    pub async fn note(&self, request: NoteRequest) -> Result<Done, PublishError> {
        let instance = &*self.instance;
        let config = instance.config();
        let (front, text) = markdown::split(&request.text).map_err(PublishError::Note)?;
        if text.trim().is_empty() && front.title.is_none() {
            return Err(PublishError::Note("the note is empty".into()));
        }
        let actor = match &request.actor {
            Some(name) => config.actor(name.trim_start_matches('@')).ok_or_else(|| {
                PublishError::Note(format!("there is no actor {name} in {}", config.file.display()))
            })?,
            None => config.default_actor(),
        };
        let visibility = request
            .visibility
            .or(front.visibility)
            .unwrap_or(config.publish.visibility);

        let mut people = People::default();
        let in_reply_to = match request.reply_to.as_ref().or(front.reply_to.as_ref()) {
            Some(url) => Some(answered(instance, url, &mut people).await?),
            None => None,
        };
        for handle in markdown::mentions(text) {
            mention(instance, &handle, &mut people).await?;
        }
        if people.mentions.len() > MAX_MENTIONS {
            let count = people.mentions.len();
            return Err(PublishError::Note(format!(
                "the note mentions {count} people; more than {MAX_MENTIONS} are taken for spam"
            )));
        }
        if visibility == Visibility::Direct && people.mentions.is_empty() {
            return Err(PublishError::Note(
                "a direct note goes to whom it mentions, and this one mentions nobody: write @user@host in it".into(),
            ));
        }

        let mut rendered = markdown::render(text, &people.by_handle, &config.site.url);
        if let Some(title) = &front.title {
            rendered.html = format!(
                "<p><strong>{}</strong></p>{}",
                crate::ap::escape(title),
                rendered.html
            );
        }
        let now = instance.clock.now();
        let key = format!("note~{}", instance.fresh_id());
        let placed = Placed {
            iris: &instance.iris,
            site: config.site.url.as_str(),
            actor: &actor.name,
            key: &key,
            kind: Kind::Note,
            visibility,
            quotes: config.publish.quotes,
            updated: None,
        };
        let document = object::of_note(
            &object::Note {
                content: &rendered.html,
                summary: front.summary.as_deref(),
                sensitive: front.sensitive,
                language: front.language.as_deref(),
                published: now,
                mentions: &people.mentions,
                tags: &rendered.tags,
                in_reply_to: in_reply_to.as_deref(),
                attachments: &[],
            },
            &placed,
        );
        let create = activity::create(&instance.iris, &actor.name, &key, &document);
        let size = create.to_string().len();
        if size > object::MAX_ACTIVITY {
            return Err(PublishError::Note(format!(
                "the note is too long: {size} bytes are more than the {} that other servers take",
                object::MAX_ACTIVITY
            )));
        }
        let stored = Object {
            actor: actor.name.clone(),
            page: None,
            former_pages: Vec::new(),
            translations: Vec::new(),
            canonical: None,
            state: ObjectState::Live,
            announced: Some(now),
            digest: String::new(),
            fingerprint: String::new(),
            impression: None,
            visibility,
            published: now,
            updated: None,
            missing_since: None,
            featured: false,
            discussion: Discussion::Open,
            heard: None,
            pending: Some(Pending {
                id: Activity::create_id(&key),
                reach: Reach::Addressed,
                inboxes: people.inboxes(visibility),
                activity: create,
            }),
            object: document,
            key,
        };
        // From here on it is like any page.
        let _desk = self.desk.lock().await;
        self.instance.store.objects.put(&stored)?;
        self.tell(Action::Create, &stored).await
    }
}

/// The id of what a note answers; its author is mentioned.
async fn answered(instance: &Instance, url: &str, people: &mut People) -> Result<String, PublishError> {
    if let Some(key) = own_object(instance, url) {
        // Our own actors need no letter.
        return Ok(instance.iris.object(&key));
    }
    let unanswerable = |error: RemoteError| PublishError::Note(format!("{url} can't be answered: {error}"));
    let object = remote::object(instance, url).await.map_err(unanswerable)?;
    let id = object["id"].as_str().unwrap_or(url).to_string();
    let author = author(&object).ok_or_else(|| {
        PublishError::Note(format!(
            "{url} can't be answered: it doesn't say whose it is (attributedTo)"
        ))
    })?;
    let profile = remote::actor(instance, author, Freshness::Cached)
        .await
        .map_err(unanswerable)?;
    people.add(profile);
    Ok(id)
}

/// One of our objects, by its id or by the URL of its page.
fn own_object(instance: &Instance, url: &str) -> Option<String> {
    if let Some(Local::Object(key)) = instance.iris.read(url) {
        return instance.store.objects.contains(&key).then_some(key);
    }
    let parsed = url::Url::parse(url).ok()?;
    if !instance.iris.is_ours(parsed.as_str()) {
        return None;
    }
    let group = instance
        .store
        .objects
        .group(&crate::ap::iri::page_path(parsed.path()));
    group
        .into_iter()
        .find(|(_, object)| object.state == ObjectState::Live)
        .map(|(key, _)| key.to_string())
}

/// Whose a remote object is: an id, an object with one, or the first of several.
fn author(object: &Value) -> Option<&str> {
    fn id(value: &Value) -> Option<&str> {
        match value {
            Value::String(id) => Some(id),
            Value::Array(many) => many.iter().find_map(id),
            Value::Object(_) => value["id"].as_str(),
            _ => None,
        }
    }
    id(&object["attributedTo"]).or_else(|| id(&object["actor"]))
}

/// Finds out who stands behind a handle.
async fn mention(instance: &Instance, handle: &str, people: &mut People) -> Result<(), PublishError> {
    let config = instance.config();
    if let Some(actor) = config
        .actors
        .iter()
        .find(|actor| config.handle(&actor.name).eq_ignore_ascii_case(handle))
    {
        let somebody = Mentioned {
            name: actor.name.clone(),
            url: config.site.url.to_string(),
        };
        people.by_handle.insert(handle.to_string(), somebody);
        let id = instance.iris.actor(&actor.name);
        if !people.mentions.iter().any(|mention| mention.actor == id) {
            people.mentions.push(Mention {
                actor: id,
                handle: config.handle(&actor.name),
            });
        }
        return Ok(());
    }
    let lookup = async {
        let id = remote::resolve(instance, handle).await?;
        remote::actor(instance, &id, Freshness::Cached).await
    };
    let profile = lookup
        .await
        .map_err(|error: RemoteError| PublishError::Note(format!("{handle} can't be mentioned: {error}")))?;
    let somebody = Mentioned {
        name: profile.username.clone(),
        url: profile.url.clone(),
    };
    people.by_handle.insert(handle.to_string(), somebody);
    let id = profile.id.clone();
    people.add(profile);
    // As the author wrote it: its host may be another one than that of the actor's id.
    if let Some(mention) = people.mentions.iter_mut().find(|mention| mention.actor == id) {
        mention.handle = handle.to_string();
    }
    Ok(())
}
