//! `[[actor]]`: the accounts that people follow.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::problem::{Problems, Refusal};
use super::section::{At, Section};
use super::{Actor, ActorKind, FollowPolicy, address, default};
use crate::ap::actor::instance_name;

/// Longest name of an actor, in bytes: Misskey's own limit for names.
const MAX_NAME: usize = 128;

/// Names that can't be an actor's: the instance actor goes by the first, the others stand for no person in handles.
const RESERVED_NAMES: [&str; 3] = ["instance", "instance.actor", "inbox"];

/// Reads all of them; one whose name can't be stays without.
pub(super) fn read_actors<'t>(
    tables: Vec<(Range<usize>, &'t DeTable<'t>)>,
    handle_domain: Option<&str>,
    problems: &mut Problems<'t>,
) -> Vec<Actor> {
    let mut actors: Vec<Actor> = Vec::new();
    for (span, table) in tables {
        let mut section = Section::new("actor", span, Some(table), problems);
        let name = section.required("name", "write what stands before the second @: name = \"blog\"");
        let name = name.and_then(|at| {
            let read = read_name(&at.value).and_then(|name| {
                if actors.iter().any(|actor| actor.name.eq_ignore_ascii_case(&name)) {
                    Err(Refusal::new(format!("{name:?} is the name of two actors"))
                        .hint("names differ in more than capitals"))
                } else if handle_domain
                    .is_some_and(|domain| instance_name(domain).eq_ignore_ascii_case(&name))
                {
                    Err(
                        Refusal::new(format!("{name:?} is the name of the instance's own actor"))
                            .hint("choose another name"),
                    )
                } else {
                    Ok(name)
                }
            });
            section.take(&at, read)
        });
        let actor = read_actor(&mut section, name.unwrap_or_default());
        section.finish();
        actors.push(actor);
    }
    actors
}

fn read_actor(section: &mut Section<'_, '_>, name: String) -> Actor {
    Actor {
        kind: section.choice(
            "type",
            default::ACTOR_KIND,
            &[
                ("Person", ActorKind::Person),
                ("Service", ActorKind::Service),
                ("Organization", ActorKind::Organization),
                ("Group", ActorKind::Group),
                ("Application", ActorKind::Application),
            ],
        ),
        display_name: section
            .string("display_name")
            .map(|at| at.value)
            .filter(|shown| !shown.trim().is_empty())
            .unwrap_or_else(|| name.clone()),
        summary: section.string("summary").map(|at| at.value).unwrap_or_default(),
        icon: section.parsed("icon", picture),
        image: section.parsed("image", picture),
        fields: read_fields(section),
        discoverable: section.boolean("discoverable", default::DISCOVERABLE),
        indexable: section.boolean("indexable", default::INDEXABLE),
        hide_followers: section.boolean("hide_followers", default::HIDE_FOLLOWERS),
        attribution_domains: section.list("attribution_domains", address::domain),
        also_known_as: section.list("also_known_as", |text| {
            address::web_address(text).map(|_| text.to_string())
        }),
        followers: section.choice(
            "followers",
            default::FOLLOWERS,
            &[
                ("accept", FollowPolicy::Accept),
                ("ask", FollowPolicy::Ask),
                ("reject", FollowPolicy::Reject),
            ],
        ),
        pages: section
            .value("pages")
            .is_some_and(|pages| !is_all(pages.value))
            .then(|| section.globs("pages", &default::ALL_PAGES)),
        name,
    }
}

/// Whether globs are the default, written out.
fn is_all(pages: &DeValue<'_>) -> bool {
    matches!(pages, DeValue::Array(globs) if globs.iter().map(|glob| glob.get_ref().as_str()).eq(default::ALL_PAGES.map(Some)))
}

fn read_fields(section: &mut Section<'_, '_>) -> Vec<(String, String)> {
    let (_, Some(table)) = section.table("fields") else {
        return Vec::new();
    };
    let mut fields = Vec::new();
    for (key, item) in table {
        match item.get_ref() {
            DeValue::String(text) => fields.push((key.get_ref().to_string(), text.to_string())),
            other => {
                let at = At {
                    value: (),
                    span: item.span(),
                    key: format!("actor.fields.{}", key.get_ref()),
                };
                section.wrong_type(&at, other, "a string in quotes");
            }
        }
    }
    fields
}

fn picture(text: &str) -> Result<String, Refusal> {
    if text.starts_with('/') && !text.starts_with("//") {
        return Ok(text.to_string());
    }
    address::web_address(text).map(|_| text.to_string()).map_err(|_| {
        Refusal::new(format!("{text:?} is not a picture's address"))
            .hint("write a path on the site, \"/avatar.png\", or a URL")
    })
}

/// Reads the name of an actor: `^\w([\w-.]*\w)?$` in ASCII, what every server takes in a handle.
fn read_name(text: &str) -> Result<String, Refusal> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let hint = "use letters, digits and underscores, inside the name also dots and hyphens: \"blog\"";
    if text.is_empty() || !text.starts_with(word) || !text.ends_with(word) {
        return Err(Refusal::new(format!(
            "{text:?} can't be a name: it must begin and end with a letter, digit or underscore"
        ))
        .hint(hint));
    }
    if !text.chars().all(|c| word(c) || c == '-' || c == '.') {
        return Err(
            Refusal::new(format!("{text:?} can't be a name: other servers would refuse it")).hint(hint),
        );
    }
    if text.len() > MAX_NAME {
        return Err(Refusal::new(format!(
            "the name is longer than {MAX_NAME} characters"
        )));
    }
    if RESERVED_NAMES
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(text))
    {
        return Err(Refusal::new(format!("{text:?} is reserved")).hint("choose another name"));
    }
    Ok(text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_every_server_takes() {
        for right in ["blog", "a", "the_blog", "my-blog.2", "_", "Blog"] {
            assert!(read_name(right).is_ok(), "{right}");
        }
        for wrong in [
            "", "-blog", "blog.", "blög", "a b", "@blog", "a/b", "..", "instance", "Instance",
        ] {
            assert!(read_name(wrong).is_err(), "{wrong}");
        }
    }
}
