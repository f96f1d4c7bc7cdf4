//! Paths of pages, as they are written wherever one is named.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What may stand in a path as it is, besides letters and digits (RFC 3986, section 3.3: pchar and the slash).
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b':')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// A page path as we write it: with a leading slash, without `index.html`, query and fragment, percent-encoding decoded
/// and encoded again in one way. A trailing slash is kept as it is.
pub fn page_path(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    plain_page_path(&percent_decode_str(path).decode_utf8_lossy())
}

/// The same of a path that is decoded already: `?`, `#` and `%` stand for themselves.
pub fn plain_page_path(path: &str) -> String {
    let path = path
        .strip_suffix("index.html")
        .filter(|rest| rest.is_empty() || rest.ends_with('/'))
        .unwrap_or(path);
    let path = utf8_percent_encode(path, PATH).to_string();
    if path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_page_path_become_one() {
        assert_eq!(page_path("/posts/hello/index.html"), "/posts/hello/");
        assert_eq!(page_path("posts/h%C3%A9llo/?a=b#c"), "/posts/h%C3%A9llo/");
        assert_eq!(page_path("/posts/héllo/"), "/posts/h%C3%A9llo/");
        assert_eq!(page_path("index.html"), "/");
        assert_eq!(
            plain_page_path("/100%/what?/a%41/index.html"),
            "/100%25/what%3F/a%2541/"
        );
    }
}
