//! Digests of bodies: the `Digest` header of draft-cavage (RFC 3230) and `Content-Digest` (RFC 9530).
//!
//! SHA-256 and SHA-512 prove a body; other algorithms are passed over. Of those that prove, one must be there
//! and none may be wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sfv::{BareItem, Dictionary, ListEntry, Parser};
use sha2::{Digest as _, Sha256, Sha512};

use super::SigError;

/// Most digests of one body that are looked at; each may cost a pass over the body.
const MAX_DIGESTS: usize = 4;

/// The `Digest` header of a body, with the algorithm in capitals, as Threads demands it.
pub fn digest(body: &[u8]) -> String {
    format!("SHA-256={}", STANDARD.encode(Sha256::digest(body)))
}

/// The `Content-Digest` header of a body.
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

/// Checks a `Digest` header against the body. The algorithms' names may be in any case.
///
/// # Errors
/// [`SigError::Digest`]
pub fn check_digest(header: &str, body: &[u8]) -> Result<(), SigError> {
    let mut proof = Proof::default();
    for part in header.split(',') {
        let (algorithm, value) = part
            .split_once('=')
            .ok_or(SigError::Digest("Digest can't be read"))?;
        let Some(algorithm) = Algorithm::named(algorithm.trim()) else {
            continue;
        };
        let value = STANDARD
            .decode(value.trim())
            .map_err(|_| SigError::Digest("Digest can't be read"))?;
        proof.compare(algorithm, &value, body)?;
    }
    proof.found()
}

/// Checks a `Content-Digest` header against the body.
///
/// # Errors
/// [`SigError::Digest`]
pub fn check_content_digest(header: &str, body: &[u8]) -> Result<(), SigError> {
    let digests: Dictionary = Parser::new(header)
        .parse()
        .map_err(|_| SigError::Digest("Content-Digest can't be read"))?;
    let mut proof = Proof::default();
    for (algorithm, value) in &digests {
        let Some(algorithm) = Algorithm::named(algorithm.as_str()) else {
            continue;
        };
        let ListEntry::Item(item) = value else {
            return Err(SigError::Digest("Content-Digest can't be read"));
        };
        let BareItem::ByteSequence(value) = &item.bare_item else {
            return Err(SigError::Digest("Content-Digest can't be read"));
        };
        proof.compare(algorithm, value, body)?;
    }
    proof.found()
}

#[derive(Clone, Copy)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    fn named(name: &str) -> Option<Algorithm> {
        match name {
            _ if name.eq_ignore_ascii_case("sha-256") => Some(Algorithm::Sha256),
            _ if name.eq_ignore_ascii_case("sha-512") => Some(Algorithm::Sha512),
            _ => None,
        }
    }
}

/// Counts the digests that were found right.
#[derive(Default)]
struct Proof {
    right: usize,
}

impl Proof {
    fn compare(&mut self, algorithm: Algorithm, value: &[u8], body: &[u8]) -> Result<(), SigError> {
        if self.right == MAX_DIGESTS {
            return Err(SigError::Digest("too many digests"));
        }
        let same = match algorithm {
            Algorithm::Sha256 => Sha256::digest(body)[..] == *value,
            Algorithm::Sha512 => Sha512::digest(body)[..] == *value,
        };
        if !same {
            return Err(SigError::Digest("the body isn't the one that was signed"));
        }
        self.right += 1;
        Ok(())
    }

    fn found(&self) -> Result<(), SigError> {
        match self.right {
            0 => Err(SigError::Digest("neither SHA-256 nor SHA-512")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BODY: &[u8] = br#"{"hello": "world"}"#;
    const SHA_256: &str = "X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=";
    const SHA_512: &str =
        "WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==";

    #[test]
    fn digests_are_written_as_the_documents_have_them() {
        assert_eq!(digest(BODY), format!("SHA-256={SHA_256}"));
        assert_eq!(content_digest(BODY), format!("sha-256=:{SHA_256}:"));
    }

    #[test]
    fn either_algorithm_proves_a_body_in_any_case_of_letters() {
        for header in [
            format!("sha-256={SHA_256}"),
            format!("Sha-512={SHA_512}"),
            format!("SHA-256={SHA_256}, SHA-512={SHA_512}"),
        ] {
            assert_eq!(check_digest(&header, BODY), Ok(()), "{header}");
        }
        assert_eq!(
            check_content_digest(&format!("sha-512=:{SHA_512}:, sha-256=:{SHA_256}:"), BODY),
            Ok(())
        );
    }

    #[test]
    fn an_unknown_algorithm_beside_a_known_one_is_passed_over_but_alone_proves_nothing() {
        assert_eq!(check_digest(&format!("MD5=xx,SHA-256={SHA_256}"), BODY), Ok(()));
        assert!(check_digest("MD5=xx", BODY).is_err());
        assert_eq!(
            check_content_digest(&format!("crc32c=:AAAA:, sha-256=:{SHA_256}:"), BODY),
            Ok(())
        );
        assert!(check_content_digest("crc32c=:AAAA:", BODY).is_err());
        assert!(check_content_digest("", BODY).is_err());
    }

    #[test]
    fn one_wrong_digest_beside_a_right_one_is_refused() {
        assert!(check_digest(&format!("SHA-256={SHA_256},SHA-512={SHA_256}"), BODY).is_err());
        assert!(check_content_digest(&format!("sha-512=:{SHA_256}:, sha-256=:{SHA_256}:"), BODY).is_err());
        assert!(check_content_digest(&format!("sha-256=\"{SHA_256}\""), BODY).is_err());
    }

    #[test]
    fn a_long_row_of_digests_is_cut_off() {
        let row = vec![format!("SHA-256={SHA_256}"); MAX_DIGESTS + 1].join(",");
        assert_eq!(
            check_digest(&row, BODY),
            Err(SigError::Digest("too many digests"))
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(check_digest(&digest(&body), &body), Ok(()));
            prop_assert_eq!(check_content_digest(&content_digest(&body), &body), Ok(()));
        }

        #[test]
        fn no_header_makes_the_parsers_panic(header in ".*") {
            let _ = check_digest(&header, BODY);
            let _ = check_content_digest(&header, BODY);
        }
    }
}
