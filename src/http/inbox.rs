//! The inboxes: what is checked before anything is read, then [`crate::inbox`] has the word.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::Incoming;

use super::negotiate;
use super::request::Asked;
use super::respond::{Reply, plain, problem, retry_after};
use crate::inbox::{self, Arrival};

/// A POST to the inbox of an actor, or to the shared one (`None`): 415 and 413 are decided here.
pub(super) async fn receive(asked: &Asked<'_>, actor: Option<&str>, mut body: Incoming) -> Reply {
    if !negotiate::is_activity(&asked.parts.headers) {
        asked.discard(&mut body).await;
        return problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "an inbox takes application/activity+json, or application/ld+json",
        );
    }
    let body = match asked.read(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let answer = inbox::receive(
        asked.instance,
        Arrival {
            inbox: actor.map(ToString::to_string),
            target_uri: asked.target_uri(),
            headers: asked.parts.headers.clone(),
            body,
            peer: asked.client(),
        },
    )
    .await;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reply = match answer.problem {
        Some(detail) => problem(status, &detail),
        None => plain(status, Bytes::new()),
    };
    match answer.retry_after {
        Some(seconds) => retry_after(reply, seconds),
        None => reply,
    }
}
