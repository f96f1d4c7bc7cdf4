//! Why a signature doesn't count.

use jiff::Timestamp;

use super::key::Algorithm;

/// Longest part of somebody else's text that is repeated in an error, in characters.
const MAX_EXCERPT: usize = 64;

/// Why a signature was refused, couldn't be read, or couldn't be made. Holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigError {
    /// The request carries no signature.
    #[error("the request is not signed")]
    Missing,
    /// The signature's headers break their own grammar or our limits.
    #[error("malformed signature: {0}")]
    Malformed(&'static str),
    /// A component that must be covered isn't.
    #[error("the signature doesn't cover {0}")]
    Uncovered(&'static str),
    /// A covered component isn't in the request.
    #[error("the signature covers {0}, which the request doesn't have")]
    Absent(String),
    /// A covered component that is not known here.
    #[error("the signature covers {0}, which is not supported")]
    Unsupported(String),
    /// The time of the signature is too far off, before or after.
    #[error("the signature is stale: made at {signed}, but it is {now} here")]
    Stale {
        /// When the request says that it was signed.
        signed: Timestamp,
        /// What the clock here said.
        now: Timestamp,
    },
    /// The sender's own limit has passed.
    #[error("the signature is stale: it expired at {0}")]
    Expired(Timestamp),
    /// The body isn't the one that was signed, or its digest is of no kind that proves it.
    #[error("digest mismatch: {0}")]
    Digest(&'static str),
    /// An algorithm that isn't known, or no longer trusted.
    #[error("unknown signature algorithm {0}")]
    UnknownAlgorithm(String),
    /// The algorithm that the signature names can't be used with the key.
    #[error("the signature's algorithm {0} doesn't fit the key")]
    WrongAlgorithm(Algorithm),
    /// The mathematics say no: another key, or another request.
    #[error("bad signature: it doesn't match the request and the key")]
    BadSignature,
    /// A key that can't be read or isn't good enough.
    #[error("unusable key: {0}")]
    Key(&'static str),
}

/// The beginning of somebody else's text, fit for an error.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(MAX_EXCERPT).collect()
}
