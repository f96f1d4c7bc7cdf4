//! Who may read what: everybody, signed requests only, or those on the host of an addressee.

use hyper::StatusCode;
use serde_json::Value;

use super::request::Asked;
use super::respond::{Cache, Reply, problem, retry_after};
use crate::ap::is_public;
use crate::inbox::verify;
use crate::store::{FollowState, StoreError};

/// Lets in whoever may see what is public: everybody, unless the owner wants fetches signed.
///
/// # Errors
/// The answer to who may not: 401, or 403 for the blocked.
pub(super) async fn everybody(asked: &Asked<'_>) -> Result<Cache, Reply> {
    if !asked.instance.config().federation.require_signed_fetch {
        return Ok(Cache::Minute);
    }
    match signer(asked).await? {
        Some(_) => Ok(Cache::Never),
        None => Err(problem(
            StatusCode::UNAUTHORIZED,
            "this must be asked for with a signature",
        )),
    }
}

/// Lets in whoever may see what is addressed so. What isn't public doesn't exist for outsiders.
///
/// `actor` is the name of the one whose followers may be meant.
///
/// # Errors
/// The answer to who may not: 404, or what [`everybody`] answers.
pub(super) async fn addressees(asked: &Asked<'_>, actor: &str, audience: &[&str]) -> Result<Cache, Reply> {
    let general = everybody(asked).await?;
    if audience.iter().any(|address| is_public(address)) {
        return Ok(general);
    }
    let nothing = || problem(StatusCode::NOT_FOUND, "nothing is served here");
    // A signature that is no good makes its bearer an outsider, no more.
    let Ok(Some(signer)) = signer(asked).await else {
        return Err(nothing());
    };
    match is_addressed(asked, actor, audience, &signer) {
        Ok(true) => Ok(Cache::Never),
        Ok(false) => Err(nothing()),
        Err(error) => Err(super::respond::store_trouble(&error)),
    }
}

/// The addresses in `to` and `cc` of one of our documents.
pub(super) fn audience(document: &Value) -> Vec<&str> {
    ["to", "cc"]
        .into_iter()
        .filter_map(|field| document[field].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Whether an actor is on the host of one of the addressees. Other servers fetch with the key of any of their actors.
fn is_addressed(asked: &Asked<'_>, actor: &str, audience: &[&str], signer: &str) -> Result<bool, StoreError> {
    let Some(host) = authority(signer) else {
        return Ok(false);
    };
    let is_there = |id: &str| authority(id).is_some_and(|other| other.eq_ignore_ascii_case(host));
    let followers = asked.instance.iris.followers(actor);
    for address in audience {
        if *address != followers {
            if is_there(address) {
                return Ok(true);
            }
            continue;
        }
        let mut found = false;
        asked
            .instance
            .store
            .followers(actor)?
            .each(|id, follower| found |= follower.state == FollowState::Accepted && is_there(id));
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Host and port of an id, as they are written: the ids of one server are written alike.
fn authority(id: &str) -> Option<&str> {
    let (_, rest) = id.split_once("://")?;
    rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())
}

/// Who signed the request; `None` when it isn't signed.
async fn signer(asked: &Asked<'_>) -> Result<Option<String>, Reply> {
    let method = asked.parts.method.as_str();
    verify::fetcher(
        asked.instance,
        method,
        &asked.target_uri(),
        &asked.parts.headers,
        asked.client(),
    )
    .await
    .map_err(|refusal| {
        let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::UNAUTHORIZED);
        let reply = problem(status, &refusal.to_string());
        match refusal.retry_after() {
            Some(seconds) => retry_after(reply, seconds),
            None => reply,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_of_an_id_is_its_host_with_its_port() {
        assert_eq!(authority("https://a.example/users/x"), Some("a.example"));
        assert_eq!(authority("http://127.0.0.1:99?x"), Some("127.0.0.1:99"));
        assert_eq!(authority("https:///users"), None);
        assert_eq!(authority("acct:x@y"), None);
    }
}
