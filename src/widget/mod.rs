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

use std::sync::Arc;

use minijinja::{Value, context};

pub use self::events::Streams;
pub use self::page::find;
pub use self::shelf::Shelf;
pub use self::template::Templates;

use self::conversation::Conversation;
pub use self::drawn::Drawing;

use self::drawn::{Pieces, Shape, Sketch};
use self::template::Set;
use self::text::Locale;
use self::view::{Counts, FACES, Viewer};
use crate::ap::iri::Iris;
use crate::article::Discussion;
use crate::config::{Order, Show};
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
    let drawing = interactions_drawing(instance, page)?;
    Ok(drawing.map(|drawing| serde_json::from_slice(drawing.text()).expect("we wrote it")))
}

/// The same as it is kept.
///
/// # Errors
/// When records can't be read.
pub fn interactions_drawing(instance: &Instance, page: &str) -> Result<Option<Arc<Drawing>>, StoreError> {
    let Some(key) = find(instance, page) else {
        return Ok(None);
    };
    drawn::of(instance, &key, Shape::Json, |conversation, _, _| {
        let (page, object) = (url_of(instance, &key), instance.iris.object(&key));
        let shown = show(instance, &key);
        let text = json::of_conversation(&viewer(instance), &page, &object, &conversation, shown)?;
        Ok((text, Pieces::new()))
    })
    .map(Some)
}

/// The thread of a page as an HTML fragment: replies as `interactions.order` says, with the answers to each below it, the
/// oldest first; likes and boosts as rows of faces, newest first. Empty for a page that isn't published, and when `show`
/// is none.
///
/// # Errors
/// When records can't be read.
pub fn thread(instance: &Instance, page: &str) -> Result<String, StoreError> {
    Ok(text_of(thread_drawing(instance, page, None)?.as_deref()))
}

/// The same as it is kept, in another order if one is given; `None` when it is empty.
///
/// # Errors
/// When records can't be read.
pub fn thread_drawing(
    instance: &Instance,
    page: &str,
    order: Option<Order>,
) -> Result<Option<Arc<Drawing>>, StoreError> {
    match find(instance, page) {
        Some(key) => thread_of(instance, &key, order),
        None => Ok(None),
    }
}

fn thread_of(
    instance: &Instance,
    key: &str,
    order: Option<Order>,
) -> Result<Option<Arc<Drawing>>, StoreError> {
    let show = show(instance, key);
    if show == Show::None {
        return Ok(None);
    }
    let order = order.unwrap_or(instance.config().interactions.order);
    drawn::of(
        instance,
        key,
        Shape::Thread(order),
        |mut conversation, templates, before| {
            conversation.turn(order);
            thread_in(instance, key, conversation, show, templates, before)
        },
    )
    .map(Some)
}

fn text_of(drawing: Option<&Drawing>) -> String {
    drawing
        .and_then(|drawing| std::str::from_utf8(drawing.text()).ok())
        .unwrap_or_default()
        .to_string()
}

fn thread_in(
    instance: &Instance,
    key: &str,
    conversation: Conversation,
    show: Show,
    templates: &Set,
    before: Option<&Drawing>,
) -> Result<Sketch, StoreError> {
    let counts = Counts::of(&conversation);
    let shown = match show {
        Show::All => conversation,
        Show::Counts | Show::None => Conversation::default(),
    };
    let viewer = viewer(instance);
    let object = instance.iris.object(key);
    let page = url_of(instance, key);
    let closed = instance.discussion(key) != Discussion::Open;
    // What the owner's own templates do with the replies nobody knows: those are given all of them each time.
    let ours = templates.is_built_in("thread.html") && templates.is_built_in("reply.html");
    let mut replies: Vec<Value> = Vec::new();
    let (mut drawn, mut pieces) = (String::new(), Pieces::with_capacity(shown.replies.len()));
    let frame = (&page, closed);
    for node in &shown.replies {
        let reply = || viewer.reply(&node.item, &node.replies, 0);
        if !ours {
            replies.push(reply());
            continue;
        }
        let (mark, begin) = (viewer.mark(node, &frame), drawn.len());
        match before.and_then(|before| before.piece(mark)) {
            Some(piece) => drawn.push_str(piece),
            None => {
                let context = context! {
                    lang => viewer.locale.tag(),
                    page => &page,
                    object => &object,
                    closed,
                    reply => reply(),
                };
                drawn.push_str(&templates.render("reply.html", &context));
                drawn.push('\n');
            }
        }
        pieces.insert(mark, begin..drawn.len());
    }
    // Where they stand in the thread. Nobody can have said it, for nobody can guess it.
    let place = instance.fresh_id();
    let faces = |row: &[shelf::Face]| -> Result<Value, StoreError> {
        let first = shelf::faces(instance, row, FACES)?;
        Ok(viewer.faces(row.len(), &first))
    };
    let quotes: Vec<Value> = shown
        .quotes
        .iter()
        .map(|item| viewer.reply(item, &[], 0))
        .collect();
    let context = context! {
        lang => viewer.locale.tag(),
        page => &page,
        closed,
        counts,
        likes => faces(&shown.likes)?,
        boosts => faces(&shown.boosts)?,
        drawn => Some(&place).filter(|_| !drawn.is_empty()),
        replies,
        quotes,
        link => context! {
            reply => Iris::interact(&object, "reply"),
            like => Iris::interact(&object, "like"),
            boost => Iris::interact(&object, "boost"),
        },
        object,
    };
    let frame = render(instance, "thread.html", &context);
    let Some((above, below)) = frame.split_once(&place).filter(|_| !drawn.is_empty()) else {
        return Ok((frame, Pieces::new()));
    };
    for range in pieces.values_mut() {
        *range = range.start + above.len()..range.end + above.len();
    }
    Ok(([above, &drawn, below.trim_start_matches('\n')].concat(), pieces))
}

/// The numbers of a page as an HTML fragment; empty for a page that isn't published, and when `show` is none.
///
/// # Errors
/// When records can't be read.
pub fn counts(instance: &Instance, page: &str) -> Result<String, StoreError> {
    Ok(text_of(counts_drawing(instance, page)?.as_deref()))
}

/// The same as it is kept; `None` when it is empty.
///
/// # Errors
/// When records can't be read.
pub fn counts_drawing(instance: &Instance, page: &str) -> Result<Option<Arc<Drawing>>, StoreError> {
    let Some(key) = find(instance, page).filter(|key| show(instance, key) != Show::None) else {
        return Ok(None);
    };
    drawn::of(instance, &key, Shape::Counts, |conversation, _, _| {
        let context = context! {
            lang => viewer(instance).locale.tag(),
            page => url_of(instance, &key),
            object => instance.iris.object(&key),
            counts => Counts::of(&conversation),
        };
        Ok((render(instance, "counts.html", &context), Pieces::new()))
    })
    .map(Some)
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
    let note = item::Item::of_note(object, id, Arc::new(owner));
    let thread = match page::is_open(instance, &object.key) {
        true => text_of(thread_of(instance, &object.key, None)?.as_deref()),
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
                .translations()
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
