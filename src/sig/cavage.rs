//! draft-cavage-http-signatures-12, in the reading that the fediverse shares.
//!
//! Where draft and practice differ: `hs2019` with an RSA key means PKCS#1 v1.5 with SHA-256, as it does
//! everywhere; the default of the covered headers is `date`, as it was up to draft 10; `(created)` is taken
//! with any algorithm.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::claim::{Parts as AnyParts, check_fresh, timestamp};
use super::error::excerpt;
use super::key::{Algorithm, PrivateKey};
use super::target::Target;
use super::{Claim, DIGEST, MAX_COMPONENTS, Message, SigError, digest};

/// Covered when the signature has no `headers`: draft-cavage-10, 2.1.6.
const DEFAULT_HEADERS: &str = "date";

/// The parameters of a signature, parsed and not yet believed.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    algorithm: Option<String>,
    /// As received, for the signature covers the letters and not the number.
    created: Option<String>,
    expires: Option<String>,
    /// In small letters, in the order of the signature.
    headers: Vec<String>,
    pub(super) signature: Vec<u8>,
}

impl Parts {
    /// The algorithm that the signature names; `None` when the key decides.
    pub(super) fn algorithm(&self) -> Result<Option<Algorithm>, SigError> {
        match self.algorithm.as_deref() {
            None => Ok(None),
            Some(name) if name.eq_ignore_ascii_case("hs2019") => Ok(None),
            Some(name) if name.eq_ignore_ascii_case("rsa-sha256") => Ok(Some(Algorithm::RsaSha256)),
            Some(name) if name.eq_ignore_ascii_case("rsa-sha512") => Ok(Some(Algorithm::RsaSha512)),
            Some(name) => Algorithm::named(name).map(Some),
        }
    }

    fn covers(&self, component: &str) -> bool {
        self.headers.iter().any(|header| header == component)
    }
}

/// Reads the parameters: `name="value"` or `name=token`, separated by commas, in any order, with any spaces
/// between them. A repeated parameter is refused, an unknown one passed over.
pub(super) fn parse(text: &str) -> Result<Claim, SigError> {
    let (mut key_id, mut signature, mut headers) = (None, None, None);
    let (mut algorithm, mut created, mut expires) = (None, None, None);
    let mut rest = text.trim();
    loop {
        let (name, value, after) = parameter(rest)?;
        let slot = match name {
            _ if name.eq_ignore_ascii_case("keyId") => Some(&mut key_id),
            _ if name.eq_ignore_ascii_case("signature") => Some(&mut signature),
            _ if name.eq_ignore_ascii_case("headers") => Some(&mut headers),
            _ if name.eq_ignore_ascii_case("algorithm") => Some(&mut algorithm),
            _ if name.eq_ignore_ascii_case("created") => Some(&mut created),
            _ if name.eq_ignore_ascii_case("expires") => Some(&mut expires),
            _ => None,
        };
        if slot.is_some_and(|slot| slot.replace(value).is_some()) {
            return Err(SigError::Malformed("a parameter is repeated"));
        }
        match after.trim_start().strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None if after.trim_start().is_empty() => break,
            None => return Err(SigError::Malformed("parameters without a comma between them")),
        }
    }
    let key_id = key_id
        .filter(|id| !id.is_empty())
        .ok_or(SigError::Malformed("no keyId"))?;
    let signature = signature.ok_or(SigError::Malformed("no signature parameter"))?;
    let signature = STANDARD
        .decode(signature)
        .map_err(|_| SigError::Malformed("the signature isn't base64"))?;
    let mut covered: Vec<String> = Vec::new();
    for name in headers
        .unwrap_or(DEFAULT_HEADERS)
        .split_ascii_whitespace()
        .map(str::to_ascii_lowercase)
    {
        if covered.len() == MAX_COMPONENTS {
            return Err(SigError::Malformed("it covers too much"));
        }
        // The draft is silent; nobody repeats one, and each costs another copy of the header.
        if covered.contains(&name) {
            return Err(SigError::Malformed("a component is repeated"));
        }
        covered.push(name);
    }
    if covered.is_empty() {
        return Err(SigError::Malformed("it covers nothing"));
    }
    let parts = Parts {
        algorithm: algorithm.map(str::to_owned),
        created: created.map(str::to_owned),
        expires: expires.map(str::to_owned),
        headers: covered,
        signature,
    };
    Ok(Claim {
        key_id: key_id.to_owned(),
        parts: AnyParts::Cavage(parts),
    })
}

/// Splits one parameter off: its name, its value and what follows.
fn parameter(text: &str) -> Result<(&str, &str, &str), SigError> {
    let (name, rest) = text
        .split_once('=')
        .ok_or(SigError::Malformed("a parameter without a value"))?;
    let (name, rest) = (name.trim_end(), rest.trim_start());
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(SigError::Malformed("a parameter without a name"));
    }
    if let Some(quoted) = rest.strip_prefix('"') {
        let (value, after) = quoted
            .split_once('"')
            .ok_or(SigError::Malformed("a quote isn't closed"))?;
        // No key id, header or base64 has a backslash; with escapes two readers could see two values.
        if value.contains('\\') {
            return Err(SigError::Malformed("a backslash in a value"));
        }
        return Ok((name, value, after));
    }
    let end = rest
        .find(|character: char| !u8::try_from(character).is_ok_and(is_token))
        .unwrap_or(rest.len());
    match rest.split_at(end) {
        ("", _) => Err(SigError::Malformed("a parameter without a value")),
        (value, after) => Ok((name, value, after)),
    }
}

/// The bytes of a token: RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Checks what needs no key: coverage, time, digest.
pub(super) fn check(parts: &Parts, message: &Message<'_>, now: Timestamp) -> Result<Timestamp, SigError> {
    for needed in ["(request-target)", "host"] {
        if !parts.covers(needed) {
            return Err(SigError::Uncovered(needed));
        }
    }
    if message.needs_digest() && !parts.covers("digest") {
        return Err(SigError::Uncovered("digest"));
    }
    let signed = check_time(parts, message, now)?;
    if parts.covers("digest") {
        let header = message
            .header(DIGEST.as_str())?
            .ok_or_else(|| SigError::Absent("digest".to_owned()))?;
        digest::check_digest(&header, message.body.unwrap_or_default())?;
    }
    Ok(signed)
}

/// Answers when it was signed: by `(created)`, else by Date.
fn check_time(parts: &Parts, message: &Message<'_>, now: Timestamp) -> Result<Timestamp, SigError> {
    let mut signed = Err(SigError::Uncovered("date or (created)"));
    if parts.covers("date") {
        signed = Ok(check_fresh(date(message)?, now)?);
    }
    if parts.covers("(created)") {
        let created = parts
            .created
            .as_deref()
            .ok_or_else(|| SigError::Absent("(created)".to_owned()))?;
        signed = Ok(check_fresh(seconds(created)?, now)?);
    }
    match parts.expires.as_deref().map(seconds).transpose()? {
        Some(expires) if expires < now => Err(SigError::Expired(expires)),
        _ => signed,
    }
}

/// The first Date header. When there are several the base joins them, so that the signature won't hold
/// unless the sender really sent them all.
fn date(message: &Message<'_>) -> Result<Timestamp, SigError> {
    let header = message
        .headers
        .get(hyper::header::DATE)
        .ok_or_else(|| SigError::Absent("date".to_owned()))?;
    let date = header
        .to_str()
        .ok()
        .and_then(|text| httpdate::parse_http_date(text).ok());
    date.and_then(|date| Timestamp::try_from(date).ok())
        .ok_or(SigError::Malformed("Date can't be read"))
}

/// Reads seconds since 1970; the draft allows `expires` a fraction, which is cut off.
fn seconds(text: &str) -> Result<Timestamp, SigError> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    timestamp(
        whole
            .parse()
            .map_err(|_| SigError::Malformed("a time that isn't a number"))?,
    )
}

/// The signing string: draft-cavage-12, 2.3.
pub(super) fn base(parts: &Parts, message: &Message<'_>, target: &Target<'_>) -> Result<String, SigError> {
    // Enough for the usual five lines, so that the string is allocated once.
    let mut base = String::with_capacity(512);
    for name in &parts.headers {
        if !base.is_empty() {
            base.push('\n');
        }
        base.push_str(name);
        base.push_str(": ");
        let absent = || SigError::Absent(excerpt(name));
        match name.as_str() {
            "(request-target)" => {
                base.extend(
                    message
                        .method
                        .chars()
                        .map(|character| character.to_ascii_lowercase()),
                );
                base.push(' ');
                target.push_request_target(&mut base);
            }
            "host" => base.push_str(&target.authority),
            "(created)" => base.push_str(parts.created.as_deref().ok_or_else(absent)?),
            "(expires)" => base.push_str(parts.expires.as_deref().ok_or_else(absent)?),
            _ if name.starts_with('(') => return Err(SigError::Unsupported(excerpt(name))),
            header => base.push_str(&message.header(header)?.ok_or_else(absent)?),
        }
    }
    Ok(base)
}

/// Makes the `Signature` header of a message that has its Host, Date and Digest already.
pub(super) fn sign(
    message: &Message<'_>,
    target: &Target<'_>,
    key: &PrivateKey,
    key_id: &str,
) -> Result<String, SigError> {
    if key_id.contains(['"', '\\']) {
        return Err(SigError::Malformed("a quote in the key id"));
    }
    let covered = match message.body {
        Some(_) => "(request-target) host date digest",
        None => "(request-target) host date",
    };
    let headers = covered.split(' ').map(str::to_owned).collect();
    let parts = Parts {
        algorithm: None,
        created: None,
        expires: None,
        headers,
        signature: Vec::new(),
    };
    let signature = key.sign(base(&parts, message, target)?.as_bytes())?;
    // Servers that know RSA only look for its name; other keys have none that everybody knows.
    let algorithm = match key.algorithm() {
        Algorithm::RsaSha256 => "rsa-sha256",
        _ => "hs2019",
    };
    let signature = STANDARD.encode(signature);
    Ok(format!(
        r#"keyId="{key_id}",algorithm="{algorithm}",headers="{covered}",signature="{signature}""#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    fn parts(text: &str) -> Result<Parts, SigError> {
        match parse(text)?.parts {
            AnyParts::Cavage(parts) => Ok(parts),
            AnyParts::Rfc9421(_) => unreachable!("a draft-cavage signature was parsed"),
        }
    }

    #[test]
    fn parameters_are_read_in_any_order_with_any_spaces_quoted_or_not() {
        let claim = parse(
            r#" signature="AAAA" ,created=1618884473 ,  KeyID = "https://a.example/key", x="y",headers="Date HOST",expires="1618884474.5""#,
        );
        let claim = claim.unwrap();
        assert_eq!(claim.key_id(), "https://a.example/key");
        let AnyParts::Cavage(parts) = claim.parts else {
            panic!("not draft-cavage")
        };
        assert_eq!(parts.headers, ["date", "host"]);
        assert_eq!(parts.created.as_deref(), Some("1618884473"));
        assert_eq!(seconds(&parts.expires.unwrap()).unwrap().as_second(), 1618884474);
        assert_eq!(parts.signature, [0, 0, 0]);
    }

    #[test]
    fn without_headers_only_the_date_is_covered() {
        assert_eq!(parts(r#"keyId="k",signature="AAAA""#).unwrap().headers, ["date"]);
    }

    #[test]
    fn a_signature_that_breaks_the_grammar_is_malformed() {
        for text in [
            "",
            ",",
            "keyId",
            r#"keyId="k""#,
            r#"signature="AAAA""#,
            r#"keyId="",signature="AAAA""#,
            r#"keyId="k",signature="AAAA"#,
            r#"keyId="k",signature="A*""#,
            r#"keyId="k",signature="AAAA","#,
            r#"keyId="k" signature="AAAA""#,
            r#"keyId="k",keyId="l",signature="AAAA""#,
            r#"keyId="k",keyid="l",signature="AAAA""#,
            r#"keyId="k\"",signature="AAAA""#,
            r#"keyId="k",headers="",signature="AAAA""#,
            r#"="k",signature="AAAA""#,
            r#"keyId="k",headers="date host Date",signature="AAAA""#,
        ] {
            assert!(matches!(parse(text), Err(SigError::Malformed(_))), "{text}");
        }
        let long = format!(
            r#"keyId="k",headers="{}",signature="AAAA""#,
            (0..=MAX_COMPONENTS).map(|n| format!("x{n} ")).collect::<String>()
        );
        assert!(parse(&long).is_err());
    }

    #[test]
    fn lines_of_a_repeated_header_are_joined_in_the_signing_string() {
        let mut headers = HeaderMap::new();
        headers.append("x", HeaderValue::from_static(" one "));
        headers.append("x", HeaderValue::from_static("two"));
        headers.append("empty", HeaderValue::from_static(""));
        let message = Message {
            method: "GET",
            target_uri: "https://b.example/p?q",
            headers: &headers,
            body: None,
        };
        let parts = parts(r#"keyId="k",headers="x empty host (request-target)",signature="AAAA""#).unwrap();
        let target = Target::parse(message.target_uri).unwrap();
        assert_eq!(
            base(&parts, &message, &target).unwrap(),
            "x: one, two\nempty: \nhost: b.example\n(request-target): get /p?q"
        );
    }

    #[test]
    fn an_expired_signature_is_refused_and_created_must_be_fresh() {
        let headers = HeaderMap::new();
        let message = Message {
            method: "GET",
            target_uri: "https://b.example/p",
            headers: &headers,
            body: None,
        };
        let verdict = |times: &str, now: i64| {
            let text =
                format!(r#"keyId="k",{times},headers="(request-target) host (created)",signature="AAAA""#);
            check(
                &parts(&text).unwrap(),
                &message,
                Timestamp::from_second(now).unwrap(),
            )
        };
        assert_eq!(
            verdict("created=1000,expires=1060", 1060),
            Ok(Timestamp::from_second(1000).unwrap())
        );
        assert!(matches!(
            verdict("created=1000,expires=1060", 1061),
            Err(SigError::Expired(_))
        ));
        assert!(matches!(
            verdict("created=1000", 1000 + 3601),
            Err(SigError::Stale { .. })
        ));
        assert_eq!(
            verdict("expires=1060", 1000),
            Err(SigError::Absent("(created)".to_owned()))
        );
        for garbage in [
            "created=now",
            "created=99999999999999",
            "created=1e9",
            "created=1000,expires=x",
        ] {
            assert!(
                matches!(verdict(garbage, 1000), Err(SigError::Malformed(_))),
                "{garbage}"
            );
        }
    }

    #[test]
    fn sha_1_is_no_algorithm() {
        let parts = parts(r#"keyId="k",algorithm="RSA-SHA1",signature="AAAA""#).unwrap();
        assert_eq!(
            parts.algorithm(),
            Err(SigError::UnknownAlgorithm("RSA-SHA1".to_owned()))
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn no_text_like_a_signature_makes_the_parser_panic(text in r#"([a-zA-Z]{0,9}=?"?[ -~éß]{0,9}"?[ ,=]?){0,8}"#) {
            let _ = parse(&text);
        }
    }
}
