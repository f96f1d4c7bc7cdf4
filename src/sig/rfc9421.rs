//! HTTP Message Signatures, RFC 9421.
//!
//! Known are the components that a request of the fediverse covers: all derived ones of a request, and header
//! fields as they are. Parameters of fields (`sf`, `key`, `bs`, `req`, `tr`) and responses are refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sfv::{Dictionary, InnerList, ListEntry, ListSerializer, Parser};

use super::claim::{Parts as AnyParts, check_fresh, timestamp};
use super::component::Component;
use super::key::{Algorithm, PrivateKey};
use super::target::Target;
use super::{CONTENT_DIGEST, Claim, MAX_COMPONENTS, MAX_SIGNATURES, Message, SigError, digest};

/// The label of the signatures made here; there is never a second one.
const LABEL: &str = "sig1";

/// One labelled signature, parsed and not yet believed.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    algorithm: Option<String>,
    created: Option<i64>,
    expires: Option<i64>,
    components: Vec<Component>,
    /// The covered components with the signature's parameters, the value of `@signature-params`.
    params: String,
    pub(super) signature: Vec<u8>,
}

impl Parts {
    /// The algorithm that the signature names; `None` when the key decides.
    pub(super) fn algorithm(&self) -> Result<Option<Algorithm>, SigError> {
        self.algorithm.as_deref().map(Algorithm::named).transpose()
    }

    fn covers(&self, component: &str) -> bool {
        self.components.iter().any(|covered| covered.name == component)
    }
}

/// Reads Signature-Input and Signature: as many claims as there are readable signatures.
pub(super) fn parse(input: &str, signature: &str) -> Result<Vec<Claim>, SigError> {
    let inputs: Dictionary = Parser::new(input)
        .parse()
        .map_err(|_| SigError::Malformed("Signature-Input can't be read"))?;
    let signatures: Dictionary = Parser::new(signature)
        .parse()
        .map_err(|_| SigError::Malformed("Signature can't be read"))?;
    if inputs.len() > MAX_SIGNATURES {
        return Err(SigError::Malformed("too many signatures"));
    }
    let mut claims = Vec::with_capacity(inputs.len());
    let mut failure = SigError::Missing;
    for (label, input) in &inputs {
        match claim(input, signatures.get(label)) {
            Ok(claim) => claims.push(claim),
            Err(error) => failure = error,
        }
    }
    if claims.is_empty() {
        Err(failure)
    } else {
        Ok(claims)
    }
}

fn claim(input: &ListEntry, signature: Option<&ListEntry>) -> Result<Claim, SigError> {
    let ListEntry::InnerList(list) = input else {
        return Err(SigError::Malformed("Signature-Input isn't a list of components"));
    };
    let Some(ListEntry::Item(signature)) = signature else {
        return Err(SigError::Malformed("no signature has the label of its input"));
    };
    let signature = signature
        .bare_item
        .as_byte_sequence()
        .ok_or(SigError::Malformed("the signature isn't binary"))?;
    if list.items.len() > MAX_COMPONENTS {
        return Err(SigError::Malformed("it covers too much"));
    }
    let mut components: Vec<Component> = Vec::with_capacity(list.items.len());
    for item in &list.items {
        let component = Component::read(item)?;
        // RFC 9421, 2.5: an identifier occurs only once.
        if components.contains(&component) {
            return Err(SigError::Malformed("a component is repeated"));
        }
        components.push(component);
    }
    let text = |name: &str| match list.params.get(name).map(|value| value.as_string()) {
        None => Ok(None),
        Some(Some(text)) => Ok(Some(text.as_str().to_owned())),
        Some(None) => Err(SigError::Malformed("a parameter isn't a string")),
    };
    let number = |name: &str| match list.params.get(name).map(|value| value.as_integer()) {
        None => Ok(None),
        Some(Some(number)) => Ok(Some(i64::from(number))),
        Some(None) => Err(SigError::Malformed("a time isn't a number")),
    };
    let parts = Parts {
        algorithm: text("alg")?,
        created: number("created")?,
        expires: number("expires")?,
        components,
        params: serialize(list),
        signature: signature.to_vec(),
    };
    let key_id = text("keyid")?
        .filter(|id| !id.is_empty())
        .ok_or(SigError::Malformed("no keyid"))?;
    Ok(Claim {
        key_id,
        parts: AnyParts::Rfc9421(parts),
    })
}

/// Writes a list in the canonical form; the order of its parameters is kept.
fn serialize(list: &InnerList) -> String {
    let mut serializer = ListSerializer::new();
    let mut inner = serializer.inner_list();
    inner.items(&list.items);
    let _ = inner.finish().parameters(&list.params).finish();
    serializer.finish().expect("a list with one member is not empty")
}

/// Checks what needs no key: coverage, time, digest.
pub(super) fn check(
    parts: &Parts,
    message: &Message<'_>,
    target: &Target<'_>,
    now: Timestamp,
) -> Result<Timestamp, SigError> {
    if !parts.covers("@method") {
        return Err(SigError::Uncovered("@method"));
    }
    if !covers_target(parts, target) {
        return Err(SigError::Uncovered("@target-uri"));
    }
    if message.needs_digest() && !parts.covers("content-digest") {
        return Err(SigError::Uncovered("content-digest"));
    }
    let signed = check_fresh(
        timestamp(parts.created.ok_or(SigError::Uncovered("created"))?)?,
        now,
    )?;
    match parts.expires.map(timestamp).transpose()? {
        Some(expires) if expires < now => return Err(SigError::Expired(expires)),
        _ => {}
    }
    if parts.covers("content-digest") {
        let header = message
            .header(CONTENT_DIGEST.as_str())?
            .ok_or_else(|| SigError::Absent("content-digest".to_owned()))?;
        digest::check_content_digest(&header, message.body.unwrap_or_default())?;
    }
    Ok(signed)
}

/// Whether the whole target is covered: at once, or in parts that come to the same (all of them are taken from
/// the target, so a signature for another host, path or query doesn't hold).
fn covers_target(parts: &Parts, target: &Target<'_>) -> bool {
    let authority = parts.covers("@authority") || parts.covers("host");
    let path = parts.covers("@path") && (target.query.is_none() || parts.covers("@query"));
    parts.covers("@target-uri") || (authority && (path || parts.covers("@request-target")))
}

/// The signature base: RFC 9421, 2.5.
pub(super) fn base(parts: &Parts, message: &Message<'_>, target: &Target<'_>) -> Result<String, SigError> {
    // Enough for the usual four lines, so that the string is allocated once.
    let mut base = String::with_capacity(512 + parts.params.len());
    for component in &parts.components {
        base.push_str(&component.identifier);
        base.push_str(": ");
        component.push_value(&mut base, message, target)?;
        base.push('\n');
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(&parts.params);
    Ok(base)
}

/// Makes Signature-Input and Signature of a message that has its Content-Digest already.
pub(super) fn sign(
    message: &Message<'_>,
    target: &Target<'_>,
    key: &PrivateKey,
    key_id: &str,
    now: Timestamp,
) -> Result<(String, String), SigError> {
    if key_id.contains(['"', '\\']) {
        return Err(SigError::Malformed("a quote in the key id"));
    }
    let covered: &[&str] = match message.body {
        Some(_) => &["@method", "@target-uri", "content-digest"],
        None => &["@method", "@target-uri"],
    };
    let components: Vec<Component> = covered.iter().map(|name| Component::plain(name)).collect();
    let list = components
        .iter()
        .map(|component| component.identifier.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    let (created, algorithm) = (now.as_second(), key.algorithm().name());
    let params = format!(r#"({list});created={created};keyid="{key_id}";alg="{algorithm}""#);
    let parts = Parts {
        algorithm: None,
        created: Some(created),
        expires: None,
        components,
        params,
        signature: Vec::new(),
    };
    let signature = STANDARD.encode(key.sign(base(&parts, message, target)?.as_bytes())?);
    Ok((
        format!("{LABEL}={}", parts.params),
        format!("{LABEL}=:{signature}:"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    fn base_of(input: &str, uri: &str, headers: &HeaderMap) -> Result<String, SigError> {
        let claims = parse(&format!("sig1={input}"), "sig1=:AAAA:")?;
        claims[0].base(&Message {
            method: "GET",
            target_uri: uri,
            headers,
            body: None,
        })
    }

    #[test]
    fn every_derived_component_of_a_request_has_its_value() {
        let input = r#"("@method" "@target-uri" "@authority" "host" "@scheme" "@request-target" "@path" "@query" "@query-param";name="b%20c");keyid="k""#;
        let uri = "https://Blog.example:443/p/?a=1&b+c=d+e%21";
        let expected = [
            r#""@method": GET"#,
            r#""@target-uri": https://Blog.example:443/p/?a=1&b+c=d+e%21"#,
            r#""@authority": blog.example"#,
            r#""host": blog.example"#,
            r#""@scheme": https"#,
            r#""@request-target": /p/?a=1&b+c=d+e%21"#,
            r#""@path": /p/"#,
            r#""@query": ?a=1&b+c=d+e%21"#,
            r#""@query-param";name="b%20c": d%20e%21"#,
            &format!(r#""@signature-params": {input}"#),
        ];
        assert_eq!(
            base_of(input, uri, &HeaderMap::new()).unwrap(),
            expected.join("\n")
        );
    }

    #[test]
    fn the_parameters_are_written_canonically_in_the_order_received() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("x-a", HeaderValue::from_static(" 2"));
        let base = base_of(
            r#"(   "x-a"  );nonce="n";keyid="k";  created=5;flag"#,
            "https://b.example/",
            &headers,
        );
        assert_eq!(
            base.unwrap(),
            "\"x-a\": 1, 2\n\"@signature-params\": (\"x-a\");nonce=\"n\";keyid=\"k\";created=5;flag"
        );
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let headers = HeaderMap::new();
        for (input, expected) in [
            (
                r#"("@status");keyid="k""#,
                SigError::Unsupported("@status".into()),
            ),
            (r#"("date";sf);keyid="k""#, SigError::Unsupported("date".into())),
            (r#"("date");keyid="k""#, SigError::Absent("date".into())),
            (
                r#"("no such\\name");keyid="k""#,
                SigError::Absent("no such\\name".into()),
            ),
            (
                r#"("@query-param";name="a");keyid="k""#,
                SigError::Absent("@query-param".into()),
            ),
        ] {
            assert_eq!(
                base_of(input, "https://b.example/?a=1&a=2", &headers),
                Err(expected),
                "{input}"
            );
        }
        assert!(base_of(r#"("Date");keyid="k""#, "https://b.example/", &headers).is_err());
    }

    #[test]
    fn a_malformed_signature_doesnt_hide_a_good_one() {
        let input = r#"a=1, b=("@method");created=5, c=("@method");keyid="k", d=("@method");keyid="l""#;
        let claims = parse(input, "a=:AAAA:, b=:AAAA:, c=1, d=:AAAA:").unwrap();
        assert_eq!(claims.iter().map(Claim::key_id).collect::<Vec<_>>(), ["l"]);
    }

    #[test]
    fn too_many_signatures_are_malformed() {
        let row = |entry: &str| {
            (0..=MAX_SIGNATURES)
                .map(|label| format!("s{label}={entry}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        assert!(matches!(
            parse(&row(r#"();keyid="k""#), &row(":AAAA:")),
            Err(SigError::Malformed(_))
        ));
    }

    proptest! {
        #[test]
        fn no_headers_make_the_parser_panic(input in ".*", signature in ".*") {
            let _ = parse(&input, &signature);
        }

        #[test]
        fn no_input_like_a_signature_makes_base_or_check_panic(
            input in r#"\(("@?[a-z-]{0,8}"(;[a-z]{1,4}(=[ -~]{0,5})?)? ?){0,4}\)(;(created|expires|keyid|alg)=(-?[0-9]{1,15}|"[ -~]{0,6}")){0,4}"#,
            uri in "https://[a-z]{1,5}(/[a-z%?&=+]{0,9})?",
        ) {
            let headers = HeaderMap::new();
            let message = Message { method: "GET", target_uri: &uri, headers: &headers, body: None };
            for claim in parse(&format!("sig1={input}"), "sig1=:AAAA:").unwrap_or_default() {
                let _ = claim.base(&message);
                let _ = claim.check(&message, Timestamp::UNIX_EPOCH);
            }
        }
    }
}
