//! Which signature scheme a host takes.
//!
//! A host that isn't known gets draft-cavage first: every server of the fediverse has learnt it, while some answer 202 to
//! RFC 9421 and drop what it signs. What a host took after a refusal is remembered.

use jiff::{SignedDuration, Timestamp};

use crate::config::Signatures;
use crate::instance::Instance;
use crate::sig::Scheme;
use crate::store::RemoteHost;

/// How long it is believed that a host takes a scheme (the contract's 30 days).
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// What is remembered is written again only when it is older than this.
const RENEWED: SignedDuration = SignedDuration::from_hours(24);

/// The scheme of the first knock, and that of the second if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knocks {
    /// Tried first.
    pub first: Scheme,
    /// Tried when the first is answered with 401.
    pub second: Option<Scheme>,
}

/// With which schemes to knock at a host (host and port, as [`crate::net::host_of`] writes it).
pub fn knocks(instance: &Instance, host: &str) -> Knocks {
    let only = |first| Knocks { first, second: None };
    match instance.config().federation.signatures {
        Signatures::Cavage => only(Scheme::Cavage),
        Signatures::Rfc9421 => only(Scheme::Rfc9421),
        Signatures::Auto => match known(instance, host) {
            Some((Scheme::Rfc9421, _)) => Knocks {
                first: Scheme::Rfc9421,
                second: Some(Scheme::Cavage),
            },
            _ => Knocks {
                first: Scheme::Cavage,
                second: Some(Scheme::Rfc9421),
            },
        },
    }
}

/// Notes that a host took a signature of this scheme.
pub fn took(instance: &Instance, host: &str, scheme: Scheme) {
    match known(instance, host) {
        None if scheme == Scheme::Cavage => {}
        Some((known, until))
            if known == scheme && until.duration_since(instance.clock.now()) > REMEMBERED - RENEWED => {}
        _ => remember(instance, host, scheme),
    }
}

/// Notes that a host signs by this scheme itself, so that it takes it too; what a host was found to take counts more.
pub fn signs(instance: &Instance, host: &str, scheme: Scheme) {
    if scheme == Scheme::Rfc9421 && known(instance, host).is_none() {
        remember(instance, host, scheme);
    }
}

fn known(instance: &Instance, host: &str) -> Option<(Scheme, Timestamp)> {
    let memory = &instance.remote.schemes;
    let remembered = memory.get(host).unwrap_or_else(|| {
        let read = instance
            .store
            .remote_hosts
            .get(host)
            .and_then(|record| record.scheme);
        memory.insert(host.to_string(), read);
        read
    });
    let now = instance.clock.now();
    // What is believed for longer than that was noted by a clock that has been put back since.
    remembered.filter(|(_, until)| *until > now && until.duration_since(now) <= REMEMBERED + RENEWED)
}

fn remember(instance: &Instance, host: &str, scheme: Scheme) {
    let until = instance.clock.now() + REMEMBERED;
    instance
        .remote
        .schemes
        .insert(host.to_string(), Some((scheme, until)));
    let record = RemoteHost {
        host: host.to_string(),
        scheme: Some((scheme, until)),
    };
    if let Err(error) = instance.store.remote_hosts.put(&record) {
        tracing::warn!("the signature scheme of {host} can't be kept: {error}");
    }
}
