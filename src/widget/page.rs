//! Which of our objects a page is about, however a theme, a proxy or a reader spells the page.

use url::Url;

use crate::ap::iri::{self, Local};
use crate::article::Visibility;
use crate::instance::Instance;
use crate::store::{Object, ObjectState};

/// Longest spelling of a page that is looked at, in bytes: what servers take as a URL.
const MAX_PAGE: usize = 8 * 1024;

/// The KEY of the object of a page: by path or full URL, with or without the trailing slash, `index.html` or `.html`;
/// by that of a translation; by a path where it lay before it moved; and, for a note, by its id. A path may be
/// percent-encoded or not.
///
/// `None` for a page that isn't published, and for one whose object only followers or those mentioned may see.
pub fn find(instance: &Instance, page: &str) -> Option<String> {
    if page.is_empty() || page.len() > MAX_PAGE {
        return None;
    }
    let (path, is_url) = match Url::parse(page) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            if url.origin().ascii_serialization() != instance.iris.origin() {
                return None;
            }
            (url.path().to_string(), true)
        }
        _ => (page.to_string(), false),
    };
    if let Some(Local::Object(key)) = instance.iris.read(&instance.iris.at(&path)) {
        return is_open(instance, &key).then_some(key);
    }
    let mut spellings = spellings(&iri::page_path(&path));
    // A proxy knows a page by its decoded path.
    if !is_url && path.contains(['%', '?', '#']) {
        spellings.extend(self::spellings(&iri::plain_page_path(&path)));
    }
    let objects = &instance.store.objects;
    let now = spellings.iter().flat_map(|path| {
        objects
            .group(path)
            .into_iter()
            .map(|(key, _)| key)
            .collect::<Vec<_>>()
    });
    let once = spellings
        .iter()
        .flat_map(|path| objects.labelled(&Object::label_of_former_page(path)));
    let translated = spellings
        .iter()
        .flat_map(|path| objects.labelled(&Object::label_of_translation(path)));
    now.chain(translated)
        .chain(once)
        .find(|key| is_open(instance, key))
        .map(|key| key.to_string())
}

/// Whether everybody may know of an object.
pub(super) fn is_open(instance: &Instance, key: &str) -> bool {
    instance.store.objects.brief(key).is_some_and(|brief| {
        brief.state == ObjectState::Live
            && matches!(brief.visibility, Visibility::Public | Visibility::Unlisted)
    })
}

/// The paths that mean the same page, the likeliest first.
fn spellings(path: &str) -> Vec<String> {
    let bare = path.trim_end_matches('/');
    let mut spellings = vec![path.to_string()];
    let stem = bare.strip_suffix(".html").unwrap_or(bare);
    for other in [
        format!("{bare}/"),
        bare.to_string(),
        format!("{stem}.html"),
        format!("{stem}/"),
    ] {
        if !other.is_empty() && !spellings.contains(&other) {
            spellings.push(other);
        }
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_found_with_and_without_its_slash_and_ending() {
        for path in ["/posts/hello/", "/posts/hello", "/posts/hello.html"] {
            assert!(spellings(path).contains(&"/posts/hello/".to_string()), "{path}");
            assert!(
                spellings(path).contains(&"/posts/hello.html".to_string()),
                "{path}"
            );
        }
        assert_eq!(spellings("/")[0], "/");
    }
}
