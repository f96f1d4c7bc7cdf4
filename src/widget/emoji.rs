//! Custom emoji: `:name:` in a text becomes a small picture that is served from here.

use serde_json::Value;

use super::picture::Purpose;
use crate::ap;

/// Most emoji that are shown of one text.
const MAX_EMOJI: usize = 64;

/// A custom emoji.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Emoji {
    /// With its colons.
    pub(super) name: String,
    /// Where it lies on its server.
    pub(super) url: String,
    /// Under which name it is kept here.
    pub(super) hash: String,
}

impl From<ap::emoji::Emoji> for Emoji {
    fn from(emoji: ap::emoji::Emoji) -> Emoji {
        Emoji {
            hash: Purpose::Emoji.hash(&emoji.url),
            name: emoji.name,
            url: emoji.url,
        }
    }
}

/// The emoji that an activity's tags, or those of its object, name.
pub(super) fn of_activity(activity: &Value) -> Vec<Emoji> {
    let mut found = ap::emoji::Emoji::of_tags(&activity["object"], MAX_EMOJI);
    found.extend(ap::emoji::Emoji::of_tags(activity, MAX_EMOJI - found.len()));
    found.into_iter().map(Emoji::from).collect()
}

/// Puts pictures in place of the names in the text of clean HTML; `image` makes the markup, or `None` where the
/// picture isn't here, and then the name stays.
pub(super) fn in_html(html: &str, emoji: &[Emoji], image: impl Fn(&Emoji) -> Option<String>) -> String {
    if emoji.is_empty() || !html.contains(':') {
        return html.to_string();
    }
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while !rest.is_empty() {
        let text = rest.find('<').unwrap_or(rest.len());
        in_text(&rest[..text], emoji, &image, &mut out);
        rest = &rest[text..];
        let tag = end_of_tag(rest);
        out.push_str(&rest[..tag]);
        rest = &rest[tag..];
    }
    out
}

fn in_text(text: &str, emoji: &[Emoji], image: &impl Fn(&Emoji) -> Option<String>, out: &mut String) {
    let mut rest = text;
    while let Some(colon) = rest.find(':') {
        out.push_str(&rest[..colon]);
        rest = &rest[colon..];
        let found = emoji
            .iter()
            .filter(|emoji| rest.starts_with(&emoji.name))
            .find_map(|emoji| Some((emoji.name.len(), image(emoji)?)));
        match found {
            Some((length, markup)) => {
                out.push_str(&markup);
                rest = &rest[length..];
            }
            None => {
                out.push(':');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
}

/// Where the tag ends that `html` begins with; a `>` inside a quoted attribute doesn't end it.
fn end_of_tag(html: &str) -> usize {
    let mut quote = None;
    for (at, c) in html.char_indices() {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    html.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cat() -> Vec<Emoji> {
        of_activity(&json!({"object": {"tag": [
            {"type": "Emoji", "name": ":cat:", "icon": {"type": "Image", "url": "https://a.example/cat.png"}},
        ]}}))
    }

    #[test]
    fn a_name_becomes_a_picture_in_text_but_never_inside_a_tag() {
        let html = r#"<p><a href="https://a.example/:cat:" title="a > :cat:">x :cat: 10:30</a></p>"#;
        assert_eq!(
            in_html(html, &cat(), |emoji| Some(format!("[{}]", emoji.hash))),
            format!(
                r#"<p><a href="https://a.example/:cat:" title="a > :cat:">x [{}] 10:30</a></p>"#,
                cat()[0].hash
            )
        );
    }

    #[test]
    fn a_picture_that_is_not_here_leaves_the_name() {
        assert_eq!(
            in_html("<p>:cat::cat:</p>", &cat(), |_| None),
            "<p>:cat::cat:</p>"
        );
    }
}
