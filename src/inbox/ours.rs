//! Which of our things an id or a URL from outside names.

use crate::ap::iri::{self, Local};
use crate::instance::Instance;
use crate::store::{Activity, Object, ObjectState};

/// The name of our actor with this id.
pub(super) fn actor(instance: &Instance, id: &str) -> Option<String> {
    match instance.iris.read(id)? {
        Local::Actor(name) if instance.config().actor(&name).is_some() => Some(name),
        _ => None,
    }
}

/// The KEY of the published object that an id names: its own id, that of its Create, or the URL of its page.
pub(super) fn object(instance: &Instance, id: &str) -> Option<String> {
    match instance.iris.read(id) {
        Some(Local::Object(key)) => live(instance, &key),
        Some(Local::Activity(id)) => live(instance, Activity::created_key(&id)?),
        Some(_) => None,
        None => page(instance, id),
    }
}

/// The page of one of our objects, as a reader finds it, and the object's id; of a KEY.
pub(super) fn addresses(instance: &Instance, key: &str) -> (Option<String>, String) {
    let page = instance
        .store
        .objects
        .brief(key)
        .and_then(|object| object.page)
        .map(|path| instance.iris.at(&path));
    (page, instance.iris.object(key))
}

/// The object of a KEY, or the one that GET finds under it because its page moved there.
fn live(instance: &Instance, key: &str) -> Option<String> {
    let key = iri::normal_key(key);
    match instance.store.objects.brief(&key) {
        Some(object) => (object.state == ObjectState::Live).then_some(key),
        None => instance
            .store
            .object_of_other_key(&key)
            .map(|found| found.to_string()),
    }
}

/// The object of the page at a URL: with and without `index.html` and the slash at its end, that of a translation,
/// and where it lay before it moved.
fn page(instance: &Instance, url: &str) -> Option<String> {
    if !instance.iris.is_ours(url) {
        return None;
    }
    let path = iri::page_path(url.strip_prefix(instance.iris.origin())?);
    let bare = path.trim_end_matches('/');
    let spellings = [
        path.clone(),
        format!("{bare}/"),
        bare.to_string(),
        format!("{bare}.html"),
    ];
    let objects = &instance.store.objects;
    let now = spellings
        .iter()
        .flat_map(|path| objects.group(path))
        .find(|(_, object)| object.state == ObjectState::Live)
        .map(|(key, _)| key.to_string());
    if now.is_some() {
        return now;
    }
    let translated = spellings
        .iter()
        .flat_map(|path| objects.labelled(&Object::label_of_translation(path)))
        .find_map(|key| live(instance, &key));
    if translated.is_some() {
        return translated;
    }
    let mut moved = None;
    objects.each(|key, object| {
        if object.state == ObjectState::Live
            && object.former_pages().iter().any(|path| spellings.contains(path))
        {
            moved = Some(key.to_string());
        }
    });
    moved
}
