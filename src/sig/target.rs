//! The target of a request, taken apart as signatures need it.

use std::borrow::Cow;

use super::SigError;

/// An absolute http(s) URI in its parts, borrowed.
#[derive(Clone, Debug)]
pub(super) struct Target<'a> {
    /// The whole without its fragment.
    pub uri: &'a str,
    pub scheme: &'a str,
    /// Host and, unless it is the scheme's own, port; in small letters.
    pub authority: Cow<'a, str>,
    /// The path, never empty.
    pub path: &'a str,
    /// The query without its question mark.
    pub query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Takes an absolute URI apart. The parts are not normalised beyond what RFC 9421, 2.2.3 says of the authority.
    pub(super) fn parse(uri: &'a str) -> Result<Target<'a>, SigError> {
        let uri = uri.split_once('#').map_or(uri, |(whole, _)| whole);
        let (scheme, rest) = uri
            .split_once("://")
            .ok_or(SigError::Malformed("the target is not absolute"))?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let authority = match scheme {
            "https" => authority.strip_suffix(":443").unwrap_or(authority),
            "http" => authority.strip_suffix(":80").unwrap_or(authority),
            _ => authority,
        };
        let authority = match authority.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(authority.to_ascii_lowercase()),
            false => Cow::Borrowed(authority),
        };
        Ok(Target {
            uri,
            scheme,
            authority,
            path: if path.is_empty() { "/" } else { path },
            query,
        })
    }

    /// The same target with its query left out.
    pub(super) fn without_query(&self) -> Target<'a> {
        Target {
            query: None,
            ..self.clone()
        }
    }

    /// Appends path and query, the form of the request line.
    pub(super) fn push_request_target(&self, to: &mut String) {
        to.push_str(self.path);
        if let Some(query) = self.query {
            to.push('?');
            to.push_str(query);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str) -> (String, String, Option<String>) {
        let target = Target::parse(uri).unwrap();
        (
            target.authority.into_owned(),
            target.path.to_owned(),
            target.query.map(str::to_owned),
        )
    }

    #[test]
    fn a_target_comes_apart_into_authority_path_and_query() {
        assert_eq!(
            parts("https://Blog.Example/a/b?c=d?e#f"),
            ("blog.example".into(), "/a/b".into(), Some("c=d?e".into()))
        );
        assert_eq!(
            parts("http://[::1]:9000?x"),
            ("[::1]:9000".into(), "/".into(), Some("x".into()))
        );
        assert_eq!(
            parts("https://user:word@blog.example/"),
            ("blog.example".into(), "/".into(), None)
        );
    }

    #[test]
    fn the_schemes_own_port_is_left_out_and_another_stays() {
        assert_eq!(parts("https://blog.example:443/").0, "blog.example");
        assert_eq!(parts("http://blog.example:80/").0, "blog.example");
        assert_eq!(parts("http://blog.example:443/").0, "blog.example:443");
    }

    #[test]
    fn a_relative_target_is_refused() {
        assert!(Target::parse("/inbox").is_err());
    }
}
