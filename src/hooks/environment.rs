//! What a command finds in its environment about an event, so that a shell script needs no JSON.

use serde_json::Value;

use crate::sanitize;

/// Longest value, in bytes: the kernel takes 128 KiB a variable, and nobody wants to read more in a message.
const LONGEST: usize = 8 * 1024;

/// The variables that describe the last of these events. All but the text are one line without control characters, so
/// that they can stand in a header of a mail.
pub(super) fn environment(events: &[Value]) -> Vec<(&'static str, String)> {
    let Some(event) = events.last() else {
        return Vec::new();
    };
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let content = sanitize::plain(text("/content"));
    let said_at = ["/activity/object/url", "/activity/object/id", "/activity/id"]
        .map(text)
        .into_iter()
        .find(|address| address.starts_with("https://") || address.starts_with("http://"));
    vec![
        ("TIDINGS_EVENT", line(text("/event"))),
        ("TIDINGS_COUNT", events.len().to_string()),
        ("TIDINGS_ID", line(text("/id"))),
        ("TIDINGS_TIME", line(text("/time"))),
        ("TIDINGS_PAGE", line(text("/page"))),
        ("TIDINGS_NAME", line(text("/actor/name"))),
        ("TIDINGS_HANDLE", line(text("/actor/handle"))),
        ("TIDINGS_PROFILE", line(text("/actor/url"))),
        ("TIDINGS_LINK", line(said_at.unwrap_or_default())),
        (
            "TIDINGS_PUBLIC",
            if event["public"] == true { "yes" } else { "no" }.to_string(),
        ),
        ("TIDINGS_TEXT", cut(&content.replace('\0', ""))),
    ]
}

/// A text as one line.
fn line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    cut(spaced.trim())
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST);
    text[..end].to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_told_in_lines_that_can_stand_in_a_header() {
        let found = environment(&[json!({
            "event": "reply", "id": "1", "time": "2026-11-21T10:00:00Z", "page": "https://blog.example/hello/",
            "public": true, "content": "<p>Nice.</p><p>Thanks &amp; bye</p>",
            "actor": { "name": "Ada\r\nBcc: x@y.example\u{0}", "handle": "@ada@a.example", "url": "javascript:x" },
            "activity": { "id": "https://a.example/1", "object": { "id": "https://a.example/2", "url": ["x"] } },
        })]);
        let value = |name: &str| {
            let found = found.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str()).unwrap()
        };
        assert_eq!(value("TIDINGS_EVENT"), "reply");
        assert_eq!(value("TIDINGS_NAME"), "Ada  Bcc: x@y.example");
        assert_eq!(value("TIDINGS_LINK"), "https://a.example/2");
        assert!(value("TIDINGS_TEXT").contains("Thanks & bye"));
        assert_eq!((value("TIDINGS_COUNT"), value("TIDINGS_PUBLIC")), ("1", "yes"));
        assert!(environment(&[]).is_empty());
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        let found = environment(&[json!({ "content": "ä".repeat(LONGEST) })]);
        assert!(found.iter().all(|(_, value)| value.len() <= LONGEST));
    }
}
