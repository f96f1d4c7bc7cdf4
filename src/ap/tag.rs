//! Hashtags: how the words of a page's tag become a name that other servers take.

use serde_json::{Value, json};

use crate::article::Tag;

/// The name of a hashtag, `#StaticSites` from "static sites"; `None` when nothing of the tag can stand in one.
///
/// Words are joined with a capital each, which screen readers need to tell them apart. Mastodon takes letters, digits and the
/// underscore, and not digits alone; what else stands in a tag separates words, but for the signs that make a name
/// another one: C, C++ and C# are three languages.
pub fn hashtag(tag: &str) -> Option<String> {
    let tag = tag.trim().trim_start_matches('#');
    let mut words = String::with_capacity(tag.len() + 1);
    for character in tag.chars() {
        match character {
            '+' => words.push_str(" plus "),
            '#' => words.push_str(" sharp "),
            '&' => words.push_str(" and "),
            // "don't" is one word.
            '\'' | '’' => {}
            // Marks belong to the letters before them: "हिन्दी" is one word.
            other if other.is_alphanumeric() || other == '_' || is_mark(other) => words.push(other),
            _ => words.push(' '),
        }
    }
    let words: Vec<&str> = words.split_whitespace().collect();
    let name: String = match words.as_slice() {
        [one] => (*one).to_string(),
        many => many.iter().map(|word| capitalised(word)).collect(),
    };
    name.chars()
        .any(|character| character.is_alphabetic())
        .then(|| format!("#{name}"))
}

/// A Hashtag for each tag of a page, each once however it is spelled. A tag without a page of its own leads to the site.
pub fn hashtags(tags: &[Tag], site: &str) -> Vec<Value> {
    let mut seen = std::collections::HashSet::new();
    tags.iter()
        .filter_map(|tag| {
            let name = hashtag(&tag.name)?;
            seen.insert(name.to_lowercase()).then(|| {
                let href = tag
                    .href
                    .clone()
                    // A fragment, because the site need not have a page for a tag, and a link must lead somewhere.
                    .unwrap_or_else(|| format!("{site}{name}"));
                json!({ "type": "Hashtag", "href": href, "name": name })
            })
        })
        .collect()
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}

/// Combining marks and joiners, as far as the scripts need them that write vowels or joints so.
fn is_mark(character: char) -> bool {
    matches!(u32::from(character),
        0x0300..=0x036F | 0x0483..=0x0487 | 0x0591..=0x05BD | 0x0610..=0x061A | 0x064B..=0x065F
        | 0x0900..=0x0903 | 0x093A..=0x094F | 0x0951..=0x0957 | 0x0981..=0x0983 | 0x09BC..=0x09CD
        | 0x0A01..=0x0A51 | 0x0A81..=0x0ACD | 0x0B01..=0x0B57 | 0x0B82..=0x0BCD | 0x0C00..=0x0C56
        | 0x0C81..=0x0CD6 | 0x0D00..=0x0D4D | 0x0E31..=0x0E4E | 0x200C..=0x200D)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_one_name_that_other_servers_take() {
        for (tag, name) in [
            ("rust", Some("#rust")),
            ("static sites", Some("#StaticSites")),
            ("Static-site generators", Some("#StaticSiteGenerators")),
            ("#IndieWeb", Some("#IndieWeb")),
            ("C++", Some("#CPlusPlus")),
            ("C#", Some("#CSharp")),
            ("R&D", Some("#RAndD")),
            ("Node.js", Some("#NodeJs")),
            ("don't panic", Some("#DontPanic")),
            ("über uns", Some("#ÜberUns")),
            ("日本語", Some("#日本語")),
            ("हिन्दी", Some("#हिन्दी")),
            ("snake_case", Some("#snake_case")),
            ("2026", None),
            (" ", None),
            ("★", None),
        ] {
            assert_eq!(hashtag(tag).as_deref(), name, "{tag}");
        }
    }

    #[test]
    fn a_hashtag_leads_to_the_tag_page_or_to_the_site_and_comes_once() {
        let tag = |name: &str, href: Option<&str>| Tag {
            name: name.into(),
            href: href.map(Into::into),
        };
        let tags = hashtags(
            &[
                tag("Rust", Some("https://blog.example/tags/rust/")),
                tag("rust", None),
                tag("static sites", None),
            ],
            "https://blog.example/",
        );
        assert_eq!(tags.len(), 2);
        assert_eq!(tags[0]["href"], "https://blog.example/tags/rust/");
        assert_eq!(tags[1]["href"], "https://blog.example/#StaticSites");
        assert_eq!(tags[1]["name"], "#StaticSites");
    }
}
