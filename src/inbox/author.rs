//! Who did something, as a page shows it.

use std::sync::Arc;

use super::value;
use crate::instance::Instance;
use crate::remote::{self, Freshness, Profile};
use crate::store::Author;

/// The author of what was verified. When its document can't be had now, what its id says must do: what it did counts
/// all the same.
pub(super) async fn of(instance: &Arc<Instance>, actor: &str) -> Author {
    match remote::actor(instance, actor, Freshness::Cached).await {
        Ok(profile) => from(&profile),
        Err(error) => {
            tracing::debug!("{actor} is shown by its id only: {error}");
            by_id(actor)
        }
    }
}

/// The author that a profile describes.
pub(super) fn from(profile: &Profile) -> Author {
    Author {
        id: profile.id.clone(),
        name: profile.name.clone(),
        handle: profile.handle.clone(),
        url: profile.url.clone(),
        avatar: profile.avatar.clone(),
        emoji: profile.emoji.clone(),
        shy: profile.shy,
    }
}

fn by_id(actor: &str) -> Author {
    let name = actor
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(actor)
        .trim_start_matches('@');
    let host = value::authority(actor).map_or_else(String::new, |(host, _)| host);
    Author {
        id: actor.to_string(),
        name: name.to_string(),
        handle: format!("@{name}@{host}"),
        url: actor.to_string(),
        avatar: None,
        emoji: Vec::new(),
        shy: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_alone_makes_a_readable_author() {
        let author = by_id("https://a.example/@ada/");
        assert_eq!(
            (author.name.as_str(), author.handle.as_str()),
            ("ada", "@ada@a.example")
        );
    }
}
