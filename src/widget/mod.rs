//! What people said, for the reader's page: JSON, HTML fragments, the form that lets a reader take part, and pictures.
//!
//! Everything comes from the store; a reader's request never leads to another server. Only the form asks one, and
//! that only when the reader names it. All functions that read may block for as long as it takes to read records.

mod conversation;
mod drawn;
mod emoji;
pub mod events;
mod home;
pub mod interact;
mod item;
mod json;
pub mod media;
mod page;
mod picture;
mod shelf;
mod template;
mod text;
mod view;

use minijinja::{Value, context};

pub use self::events::Streams;
pub use self::page::find;
pub use self::shelf::Shelf;
pub use self::template::Templates;

use self::conversation::Conversation;
use self::drawn::Shape;
use self::text::Locale;
use self::view::{Counts, Viewer};
use crate::ap::iri::Iris;
use crate::article::Discussion;
use crate::config::Show;
use crate::instance::Instance;
use crate::store::{Object, ObjectState, StoreError};

/// The custom elements.
pub const SCRIPT: &str = include_str!("static/tidings.js");
/// The stylesheet.
pub const STYLE: &str = include_str!("static/tidings.css");

/// The JSON of `/ap/interactions` for a page, in any spelling ([`find`]); `None` for a page that isn't published.
///
/// # Errors
/// When records can't be read.
pub fn interactions(instance: &Instance, page: &str) -> Result<Option<serde_json::Value>, StoreError> {
    let Some(key) = find(instance, page) else {
        return Ok(None);
    };
    let conversation = conversation::of_object(instance, &key)?;
    Ok(Some(json_of(instance, &key, &conversation)))
}

/// The same as text.
///
/// # Errors
/// When records can't be read.
pub fn interactions_text(instance: &Instance, page: &str) -> Result<Option<String>, StoreError> {
    let Some(key) = find(instance, page) else {
        return Ok(None);
    };
    drawn::of(instance, &key, Shape::Json, |conversation| {
        json_of(instance, &key, &conversation).to_string()
    })
    .map(Some)
}

fn json_of(instance: &Instance, key: &str, conversation: &Conversation) -> serde_json::Value {
    json::of_conversation(
        &viewer(instance),
        &url_of(instance, key),
        &instance.iris.object(key),
        conversation,
        show(instance, key),
    )
}

/// The thread of a page as an HTML fragment: replies oldest first on every level, likes and boosts as rows of faces,
/// newest first. Empty for a page that isn't published, and when `show` is none.
///
/// # Errors
/// When records can't be read.
pub fn thread(instance: &Instance, page: &str) -> Result<String, StoreError> {
    match find(instance, page) {
        Some(key) => thread_of(instance, &key),
        None => Ok(String::new()),
    }
}

fn thread_of(instance: &Instance, key: &str) -> Result<String, StoreError> {
    let show = show(instance, key);
    if show == Show::None {
        return Ok(String::new());
    }
    drawn::of(instance, key, Shape::Thread, |conversation| {
        thread_in(instance, key, conversation, show)
    })
}

fn thread_in(instance: &Instance, key: &str, conversation: Conversation, show: Show) -> String {
    let counts = Counts::of(&conversation);
    let shown = match show {
        Show::All => conversation,
        Show::Counts | Show::None => Conversation::default(),
    };
    let viewer = viewer(instance);
    let object = instance.iris.object(key);
    let replies: Vec<Value> = shown
        .replies
        .iter()
        .map(|node| viewer.reply(&node.item, &node.replies, 0))
        .collect();
    let quotes: Vec<Value> = shown
        .quotes
        .iter()
        .map(|item| viewer.reply(item, &[], 0))
        .collect();
    let context = context! {
        lang => viewer.locale.tag(),
        page => url_of(instance, key),
        closed => instance.discussion(key) != Discussion::Open,
        counts,
        likes => viewer.faces(&shown.likes),
        boosts => viewer.faces(&shown.boosts),
        replies,
        quotes,
        link => context! {
            reply => Iris::interact(&object, "reply"),
            like => Iris::interact(&object, "like"),
            boost => Iris::interact(&object, "boost"),
        },
        object,
    };
    render(instance, "thread.html", &context)
}

/// The numbers of a page as an HTML fragment; empty for a page that isn't published, and when `show` is none.
///
/// # Errors
/// When records can't be read.
pub fn counts(instance: &Instance, page: &str) -> Result<String, StoreError> {
    let Some(key) = find(instance, page).filter(|key| show(instance, key) != Show::None) else {
        return Ok(String::new());
    };
    drawn::of(instance, &key, Shape::Counts, |conversation| {
        let context = context! {
            lang => viewer(instance).locale.tag(),
            page => url_of(instance, &key),
            object => instance.iris.object(&key),
            counts => Counts::of(&conversation),
        };
        render(instance, "counts.html", &context)
    })
}

/// The button to follow an actor by name, the first when `actor` is empty, as an HTML fragment; empty for one that
/// isn't ours.
pub fn follow(instance: &Instance, actor: &str) -> String {
    let config = instance.config();
    let actor = match actor {
        "" => Some(config.default_actor()),
        name => config.actor(name.trim_start_matches('@')),
    };
    let Some(actor) = actor else {
        return String::new();
    };
    let viewer = viewer(instance);
    let person = viewer.actor(&conversation::owner(instance, &config, &actor.name));
    let context = context! {
        lang => viewer.locale.tag(),
        handle => config.handle(&actor.name),
        name => &actor.display_name,
        actor => person,
        link => Iris::interact(&instance.iris.actor(&actor.name), "follow"),
    };
    render(instance, "follow.html", &context)
}

/// A note from the command line as a page: a whole HTML document. Its thread is there when it is for everybody; whether
/// the one who asks may see the note itself, the caller has found out.
///
/// # Errors
/// When records can't be read.
pub fn note(instance: &Instance, object: &Object) -> Result<String, StoreError> {
    /// How much of the note stands in the title, in characters.
    const TITLE: usize = 60;
    let viewer = viewer(instance);
    let owner = conversation::owner(instance, &instance.config(), &object.actor);
    let id = instance.iris.object(&object.key);
    let note = item::Item::of_note(object, id, std::sync::Arc::new(owner));
    let thread = match page::is_open(instance, &object.key) {
        true => thread_of(instance, &object.key)?,
        false => String::new(),
    };
    let title = match &note.summary {
        Some(warning) => item::shortened(warning, TITLE),
        None => item::shortened(&crate::sanitize::plain(&note.content), TITLE),
    };
    let context = context! {
        lang => viewer.locale.tag(),
        title,
        in_reply_to => note.in_reply_to.as_deref().and_then(item::web_address),
        note => viewer.reply(&note, &[], 0),
        thread => Value::from_safe_string(thread),
    };
    Ok(render(instance, "note.html", &context))
}

/// A page that is published: for those who write widgets into files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its path.
    pub path: String,
    /// The KEY of its object.
    pub key: String,
}

/// All pages that are published, translations among them, by path.
pub fn pages(instance: &Instance) -> Vec<Page> {
    let mut pages = Vec::new();
    instance.store.objects.each(|key, brief| {
        if let (ObjectState::Live, Some(path)) = (brief.state, &brief.page) {
            let translations = brief
                .translations
                .iter()
                .map(|translated| translated.page.as_str());
            pages.extend(std::iter::once(&**path).chain(translations).map(|path| Page {
                path: path.to_string(),
                key: key.to_string(),
            }));
        }
    });
    pages.retain(|page| page::is_open(instance, &page.key));
    pages.sort_by(|a, b| a.path.cmp(&b.path));
    pages
}

/// What readers see of what is said about an object.
fn show(instance: &Instance, key: &str) -> Show {
    match instance.discussion(key) {
        Discussion::Off => Show::None,
        Discussion::Open | Discussion::Closed => instance.config().interactions.show,
    }
}

/// Where readers find an object: its page's URL, or for a note its id.
fn url_of(instance: &Instance, key: &str) -> String {
    match instance.store.objects.brief(key).and_then(|brief| brief.page) {
        Some(path) => instance.iris.at(&path),
        None => instance.iris.object(key),
    }
}

fn viewer(instance: &Instance) -> Viewer<'_> {
    Viewer {
        instance,
        locale: Locale::of(&instance.config().interactions.locale),
    }
}

fn render(instance: &Instance, name: &str, context: &Value) -> String {
    let config = instance.config();
    let locale = Locale::of(&config.interactions.locale);
    instance
        .templates
        .render(&config.interactions.templates, locale, name, context)
}

#[cfg(test)]
mod tests;
