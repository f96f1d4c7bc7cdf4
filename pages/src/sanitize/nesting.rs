//! How deep HTML nests, told from its raw text, so that the parser needn't be asked.
//!
//! html5ever looks through all open elements at many a start tag, and through all attributes of a tag at each of
//! them: its time grows with the square of either.

use std::borrow::Cow;
use std::collections::HashMap;

/// Whose HTML it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    /// The site's own generator: it may be careless, but it isn't after us.
    Ourselves,
    /// Another server.
    Others,
}

/// Bytes of one tag that another server may write: a link with a very long address.
const MAX_TAG: usize = 16 << 10;

/// Bytes of a name that are kept in place.
const LONGEST: usize = 15;

/// The name of an element, in lower case.
#[derive(PartialEq, Eq, Hash)]
enum Name {
    /// Its bytes and their number.
    Short([u8; LONGEST + 1]),
    Long(Vec<u8>),
}

impl Name {
    fn of(name: &[u8]) -> Name {
        if name.len() > LONGEST {
            return Name::Long(name.to_ascii_lowercase());
        }
        let mut short = [0; LONGEST + 1];
        short[..name.len()].copy_from_slice(name);
        short.make_ascii_lowercase();
        short[LONGEST] = u8::try_from(name.len()).expect("it is short");
        Name::Short(short)
    }
}

/// Whether elements are nested deeper than a limit, or tags written to be slow.
///
/// An estimate. For HTML of others it errs only upwards (but for the parts of a table, which stand in it four deep):
/// nothing is believed to be hidden, self-closing or closed by an end tag of another element. For one's own, scripts
/// and the like are skipped and `<path/>` is closed.
pub(crate) fn deeper_than(html: &str, limit: usize, writer: Writer) -> bool {
    // Most pages have fewer tags, and where no tag is long no one tag is either.
    let is_short = writer == Writer::Ourselves || html.len() <= MAX_TAG;
    if is_short && html.bytes().filter(|byte| *byte == b'<').count() <= limit {
        return false;
    }
    let bytes = html.as_bytes();
    let mut open: HashMap<Name, usize> = HashMap::new();
    let mut depth = 0_usize;
    let mut at = 0;
    // A sign of ASCII stands between letters, never in one.
    while let Some(found) = html.get(at..).and_then(|rest| rest.find('<')) {
        at += found + 1;
        let rest = &bytes[at..];
        if writer == Writer::Ourselves && rest.starts_with(b"!--") {
            at += find(rest, b"-->").unwrap_or(rest.len());
            continue;
        }
        let closes = rest.first() == Some(&b'/');
        let name = &rest[usize::from(closes)..];
        let length = name
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'-')
            .count();
        if length == 0 {
            continue;
        }
        let name = &name[..length];
        if closes {
            if let Some(count) = open.get_mut(&Name::of(name)).filter(|count| **count > 0) {
                *count -= 1;
                depth -= 1;
            }
            continue;
        }
        let mut small = [0; LONGEST];
        let small = &mut small[..length.min(LONGEST)];
        small.copy_from_slice(&name[..small.len()]);
        small.make_ascii_lowercase();
        // What is cut is longer than all of those that matter.
        if needs_no_end(small) {
            continue;
        }
        let tag = html[at..].find('>').unwrap_or(rest.len());
        match writer {
            Writer::Others if tag > MAX_TAG => return true,
            Writer::Others => {}
            Writer::Ourselves if rest[..tag].ends_with(b"/") => continue,
            Writer::Ourselves => {
                if is_text_only(small) {
                    let end = [b"</", &*small].concat();
                    at += find(rest, &end).unwrap_or(rest.len());
                    continue;
                }
            }
        }
        *open.entry(Name::of(name)).or_default() += 1;
        depth += 1;
        if depth > limit {
            return true;
        }
    }
    false
}

/// The HTML itself, or, when it is nested too deep for the parser, only what stands outside of `<…>`.
pub(super) fn flat(html: &str, limit: usize, writer: Writer) -> Cow<'_, str> {
    if !deeper_than(html, limit, writer) {
        return html.into();
    }
    let mut text = String::new();
    for (at, part) in html.split('<').enumerate() {
        if at == 0 {
            text.push_str(part);
        } else if let Some((_, after)) = part.split_once('>') {
            text.push(' ');
            text.push_str(after);
        }
    }
    text.into()
}

/// Elements without an end tag, and those that the next of their kind ends.
fn needs_no_end(name: &[u8]) -> bool {
    matches!(
        name,
        b"area"
            | b"base"
            | b"br"
            | b"col"
            | b"embed"
            | b"hr"
            | b"img"
            | b"input"
            | b"link"
            | b"meta"
            | b"source"
            | b"track"
            | b"wbr"
            | b"p"
            | b"li"
            | b"dt"
            | b"dd"
            | b"tr"
            | b"td"
            | b"th"
            | b"thead"
            | b"tbody"
            | b"tfoot"
            | b"option"
    )
}

/// Elements whose inside is text, whatever it looks like.
fn is_text_only(name: &[u8]) -> bool {
    matches!(
        name,
        b"script" | b"style" | b"textarea" | b"title" | b"noscript" | b"iframe" | b"xmp"
    )
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deep(html: &str, writer: Writer) -> bool {
        deeper_than(html, 10, writer)
    }

    #[test]
    fn depth_is_told_without_parsing() {
        for writer in [Writer::Ourselves, Writer::Others] {
            assert!(deep(&"<div>".repeat(11), writer));
            assert!(!deep(&"<p>a<li><br>".repeat(1_000), writer));
            assert!(!deep(&"<b>x</b>".repeat(1_000), writer));
            assert!(
                deep(&"<div></x>".repeat(11), writer),
                "an end tag of another element ends nothing"
            );
        }
    }

    #[test]
    fn scripts_comments_and_pictures_of_our_own_are_not_nested() {
        for html in [
            "<script>'<div>'</script>",
            "<!-- <div> -->",
            "<svg><path/></svg>",
            "<TITLE><b></Title>",
        ] {
            assert!(!deep(&html.repeat(20), Writer::Ourselves), "{html}");
        }
    }

    #[test]
    fn others_can_hide_nothing() {
        assert!(deep(
            &format!("<svg><title>{}", "<div>".repeat(20)),
            Writer::Others
        ));
        assert!(deep(&"<x/>".repeat(20), Writer::Others));
        assert!(deep(&format!("<a {}>", "b ".repeat(MAX_TAG)), Writer::Others));
    }
}
