//! Pages and objects that the owner names: by path, URL, or file in the output folder.

use std::path::Path;
use std::sync::Arc;

use url::Url;

use super::reading::Look;
use super::{PublishError, is_live};
use crate::ap::iri::{self, Local};
use crate::config::Config;
use crate::instance::Instance;
use crate::site::diff::{Action, Change, fresh_key};
use crate::site::scan::Reader;
use crate::store::{Object, ObjectBrief, ObjectState};

/// What publishing the named pages changes. A page that is published and hasn't changed since needs nothing.
pub(super) fn changes(
    instance: &Instance,
    look: &Look,
    names: &[String],
) -> Result<Vec<Change>, PublishError> {
    let mut changes: Vec<Change> = Vec::new();
    for name in names {
        let change = change(instance, look, name, &changes)?;
        if let Some(change) = change
            && !changes.iter().any(|other| other.key == change.key)
        {
            changes.push(change);
        }
    }
    Ok(changes)
}

fn change(
    instance: &Instance,
    look: &Look,
    name: &str,
    before: &[Change],
) -> Result<Option<Change>, PublishError> {
    match named(instance, look, name)? {
        Named::Page(page) => of_page(instance, look, page, before),
        // It may be waiting for its Delete to be confirmed, or have moved.
        Named::Gone(key) => match look.plan.changes.iter().find(|change| *change.key == *key) {
            Some(change) => Ok(Some(change.clone())),
            None => Err(unknown(look, name)),
        },
    }
}

/// What the owner names.
pub(super) enum Named {
    /// A page that is there, by its path.
    Page(String),
    /// An object, by its KEY, whose page isn't there any more.
    Gone(Arc<str>),
}

/// The page or object that a name means.
pub(super) fn named(instance: &Instance, look: &Look, name: &str) -> Result<Named, PublishError> {
    let paths = paths(instance, &look.config, &look.reader, name);
    let page = paths
        .iter()
        .find_map(|path| Some(look.snapshot.page_at(path)?.0.to_string()))
        .or_else(|| canonical(look, name));
    if let Some(page) = page {
        return Ok(Named::Page(page));
    }
    object_at(instance, &paths, |_| true)
        .map(|(key, _)| Named::Gone(key))
        .ok_or_else(|| unknown(look, name))
}

/// Names that are so like are taken for a slip of the finger (Damerau-Levenshtein, 1 is the same).
const LIKE: f64 = 0.6;
/// Near names that are shown.
const SUGGESTED: usize = 3;

fn unknown(look: &Look, name: &str) -> PublishError {
    PublishError::UnknownPage {
        name: name.to_string(),
        near: near(look.snapshot.pages.keys().map(|page| &**page), name),
    }
}

/// The pages whose path, or the last part of it, is most like a name, the likest first.
fn near<'a>(pages: impl Iterator<Item = &'a str>, name: &str) -> Vec<String> {
    let bare = |path: &str| {
        let path = path.to_lowercase();
        let path = path.trim_matches('/');
        path.strip_suffix("index.html")
            .or_else(|| path.strip_suffix(".html"))
            .unwrap_or(path)
            .trim_matches('/')
            .to_string()
    };
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_string();
    let path = match Url::parse(name) {
        Ok(url) if url.has_host() => bare(url.path()),
        _ => bare(name),
    };
    let slug = last(&path);
    if slug.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(f64, &str)> = pages
        .map(|page| {
            let other = bare(page);
            let whole = strsim::normalized_damerau_levenshtein(&other, &path);
            let part = strsim::normalized_damerau_levenshtein(&last(&other), &slug);
            (whole.max(part), page)
        })
        .filter(|(likeness, _)| *likeness >= LIKE)
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    found
        .into_iter()
        .take(SUGGESTED)
        .map(|(_, page)| page.to_string())
        .collect()
}

fn of_page(
    instance: &Instance,
    look: &Look,
    page: String,
    before: &[Change],
) -> Result<Option<Change>, PublishError> {
    if let Some(new) = look.plan.baseline.iter().find(|new| *new.page == *page) {
        return Ok(Some(create(new.key.to_string(), page, "announced by name")));
    }
    let there = object_at(instance, std::slice::from_ref(&page), |object| {
        object.state != ObjectState::Deleted
    });
    let reason = look.plan.skipped.iter().find(|skipped| *skipped.page == *page);
    match there {
        // What it says may keep it back all the same: its date, or no date any more.
        Some((key, object)) if is_live(object.state) && !object.announced => {
            let is_baseline = reason.is_none_or(|skipped| skipped.reason.starts_with("baseline"));
            if is_baseline {
                return Ok(Some(create(key.to_string(), page, "announced by name")));
            }
        }
        Some((_, object))
            if object.state == ObjectState::Unpublished
                && reason.is_some_and(|skipped| skipped.reason.starts_with("unpublished")) =>
        {
            let key = fresh_key(&page, |key| {
                instance.store.objects.contains(key)
                    || before
                        .iter()
                        .chain(&look.plan.changes)
                        .any(|change| change.key == key)
            });
            return Ok(Some(create(key, page, "published again by name")));
        }
        _ => {}
    }
    if let Some(change) = look.plan.changes.iter().find(|change| change.page == page) {
        return Ok(Some(change.clone()));
    }
    match reason {
        Some(skipped) => Err(PublishError::NotPublishable {
            page,
            reason: skipped.reason.to_string(),
        }),
        None => Ok(None),
    }
}

fn create(key: String, page: String, reason: &str) -> Change {
    Change {
        action: Action::Create,
        key,
        page,
        reason: reason.to_string(),
        announced: false,
    }
}

/// The KEYs of the named pages and objects, each of which must be there.
pub(super) fn objects(instance: &Instance, names: &[String]) -> Result<Vec<Arc<str>>, PublishError> {
    let config = instance.config();
    let reader = Reader::new(&config.site.output, &config.site.url);
    let mut keys = Vec::new();
    for name in names {
        let named = match instance.iris.read(name) {
            Some(Local::Object(key)) => instance
                .store
                .objects
                .brief(&key)
                .map(|object| (key.into(), object)),
            _ => {
                let paths = paths(instance, &config, &reader, name);
                object_at(instance, &paths, |object| is_live(object.state))
            }
        };
        match named {
            Some((key, object)) if is_live(object.state) => {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
            _ => return Err(PublishError::NotPublished(name.clone())),
        }
    }
    Ok(keys)
}

/// The first object of one of these pages, or of one whose translation it is, that is wanted.
pub(super) fn object_at(
    instance: &Instance,
    paths: &[String],
    wanted: impl Fn(&ObjectBrief) -> bool,
) -> Option<(Arc<str>, ObjectBrief)> {
    paths.iter().find_map(|path| {
        let objects = &instance.store.objects;
        let mut group = objects.group(path);
        let translated = objects.labelled(&Object::label_of_translation(path)).into_iter();
        group.extend(translated.filter_map(|key| Some((key.clone(), objects.brief(&key)?))));
        group.sort_by_key(|(_, object)| !is_live(object.state));
        group.into_iter().find(|(_, object)| wanted(object))
    })
}

/// The page that names this URL as its canonical one.
fn canonical(look: &Look, name: &str) -> Option<String> {
    let origin = &look.config.site.url.origin().ascii_serialization();
    look.snapshot
        .pages
        .iter()
        .find(|(page, sighting)| {
            sighting.post().is_some() && sighting.canonical.url(origin, page).as_deref() == Some(name)
        })
        .map(|(page, _)| page.to_string())
}

/// The paths that a name may mean, the likeliest first.
fn paths(instance: &Instance, config: &Config, reader: &Reader, name: &str) -> Vec<String> {
    let mut paths = Vec::new();
    match Url::parse(name) {
        Ok(url) if url.has_host() => match instance.iris.read(name) {
            Some(Local::Object(key)) => {
                let object = instance.store.objects.brief(&key);
                paths.extend(object.and_then(|object| object.page).map(|page| page.to_string()));
            }
            _ if url.origin() == config.site.url.origin() => paths.push(iri::page_path(url.path())),
            _ => {}
        },
        _ => {
            paths.push(iri::page_path(name));
            // Below the path of the site, as its own links may be written.
            let below = name.trim_start_matches('/');
            paths.push(iri::page_path(&format!("{}{below}", config.site.url.path())));
            let base = config.file.parent().unwrap_or(Path::new("."));
            paths.extend(reader.path_of_file(Path::new(name), base));
        }
    }
    let spellings = paths.iter().flat_map(|path| {
        let bare = path.trim_end_matches('/');
        [
            path.clone(),
            format!("{bare}/"),
            bare.to_string(),
            format!("{bare}.html"),
        ]
    });
    let mut spellings: Vec<String> = spellings.filter(|path| !path.is_empty()).collect();
    spellings.dedup();
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_page_and_nonsense_finds_none() {
        let pages = ["/", "/posts/hello/", "/posts/hello-again/", "/about.html"];
        let near = |name: &str| near(pages.into_iter(), name);
        assert_eq!(near("/posts/helo/")[0], "/posts/hello/");
        assert_eq!(near("hello"), ["/posts/hello/"]);
        assert_eq!(
            near("https://blog.example/2026/hello-agin")[0],
            "/posts/hello-again/"
        );
        assert_eq!(near("/abuot")[0], "/about.html");
        assert!(near("/zzzzzzzz/").is_empty());
        assert!(near("/").is_empty());
    }
}
