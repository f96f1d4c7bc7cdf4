//! What begins with `<!`: comments, and the kind of the document.

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::Doctype;
use memchr::memmem;

use super::tokens::{is_space, until};

/// Where a comment ends, from behind its `<!--`.
pub(super) fn end_of_comment(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b">") {
        return Some(1);
    }
    if rest.starts_with(b"->") {
        return Some(2);
    }
    memmem::find_iter(rest, b"--").find_map(|at| match &rest[at + 2..] {
        [b'>', ..] => Some(at + 3),
        [b'!', b'>', ..] => Some(at + 4),
        // The second sign may be the first of the next two.
        [b'-', b'>', ..] => Some(at + 4),
        [b'-', b'!', b'>', ..] => Some(at + 5),
        _ => None,
    })
}

/// What stands in a `<!DOCTYPE …>`: a name, and what old pages have behind it.
pub(super) fn doctype(inside: &str) -> Option<Doctype> {
    let bytes = inside.as_bytes();
    if !is_space(*bytes.first()?) {
        return None;
    }
    let start = until(bytes, 0, |byte| !is_space(byte));
    let end = until(bytes, start, is_space);
    let name = Some(&inside[start..end]).filter(|name| !name.is_empty())?;
    let mut doctype = Doctype {
        name: Some(StrTendril::from_slice(&name.to_ascii_lowercase())),
        ..Doctype::default()
    };
    let rest = inside[end..].trim_matches(is_blank);
    if rest.is_empty() {
        return Some(doctype);
    }
    let word = rest.get(.."public".len())?;
    let mut rest = rest["public".len()..].strip_prefix(is_blank)?;
    let mut quoted = || -> Option<StrTendril> {
        let start = rest.trim_start_matches(is_blank);
        let quote = Some(start.chars().next()?).filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, after) = start[1..].split_once(quote)?;
        // Between two of them stands a space.
        rest = if after.is_empty() {
            after
        } else {
            after.strip_prefix(is_blank)?
        };
        Some(StrTendril::from_slice(value))
    };
    if word.eq_ignore_ascii_case("public") {
        doctype.public_id = Some(quoted()?);
        doctype.system_id = quoted();
    } else if word.eq_ignore_ascii_case("system") {
        doctype.system_id = Some(quoted()?);
    } else {
        return None;
    }
    rest.trim_matches(is_blank).is_empty().then_some(doctype)
}

fn is_blank(letter: char) -> bool {
    u8::try_from(letter).is_ok_and(is_space)
}
