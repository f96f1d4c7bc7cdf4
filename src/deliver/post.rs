//! One delivery: sign, knock, and tell what the answer means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use jiff::Timestamp;
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use super::board::Parcel;
use super::settle::Outcome;
use super::{body_of, gone};
use crate::ap::ACTIVITY_JSON;
use crate::aside;
use crate::instance::Instance;
use crate::net::{Answer, NetError, Reuse};
use crate::queue::{self, Scope, Verdict};
use crate::remote::scheme;
use crate::sig::{self, Outgoing, Scheme};

/// How much of the reason that a server gives is kept, in characters.
const REASON: usize = 200;

/// A server that takes longer than this is slow: waiting for it takes no place from others.
const SLOW: Duration = Duration::from_millis(100);

/// Makes a delivery. Its place is given back as soon as the server turns out to be slow.
pub(super) async fn post(instance: &Arc<Instance>, parcel: &Parcel, place: OwnedSemaphorePermit) -> Outcome {
    let mut place = Some(place);
    let url = match Url::parse(&parcel.inbox) {
        Ok(url) if url.has_host() => url,
        _ => return Outcome::Refused("the inbox is not a URL".into()),
    };
    let blocked = instance.refuses(url.host_str().unwrap_or_default());
    let body = match body(instance, parcel).await {
        Ok(body) => body,
        Err(reason) => return Outcome::Hindered(reason),
    };
    if blocked && !is_farewell(&body) {
        return Outcome::Blocked;
    }
    let knocks = scheme::knocks(instance, &parcel.host);
    let mut scheme = knocks.first;
    let mut answer = knock(instance, parcel, &url, &body, scheme, &mut place).await;
    if let (Ok(refused), Some(second)) = (&answer, knocks.second)
        && refused.status == StatusCode::UNAUTHORIZED
    {
        scheme = second;
        answer = knock(instance, parcel, &url, &body, scheme, &mut place).await;
    }
    match answer {
        Ok(answer) => {
            if answer.status.is_success() {
                scheme::took(instance, &parcel.host, scheme);
            }
            read(instance, parcel, &answer).await
        }
        Err(Trouble::Net(error)) => of_error(&error),
        Err(Trouble::Here(reason)) => Outcome::Hindered(reason),
    }
}

/// What kept us from an answer.
enum Trouble {
    Net(NetError),
    Here(String),
}

/// Whether this is a Reject: by it a server learns that its people follow no longer, which those of a blocked one should
/// learn too.
fn is_farewell(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|activity| activity["type"] == "Reject")
}

async fn body(instance: &Arc<Instance>, parcel: &Parcel) -> Result<Bytes, String> {
    let read = || async {
        let instance = Arc::clone(instance);
        let id = Arc::clone(&parcel.job.id);
        aside::run(move || match instance.store.jobs.get(&id) {
            Ok(Some(job)) => Ok(body_of(&job)),
            Ok(None) => Err(format!("the job {id} is gone")),
            Err(error) => Err(error.to_string()),
        })
        .await
        .unwrap_or_else(|error| Err(error.to_string()))
    };
    parcel.body.get_or_try_init(read).await.cloned()
}

async fn knock(
    instance: &Arc<Instance>,
    parcel: &Parcel,
    url: &Url,
    body: &Bytes,
    scheme: Scheme,
    place: &mut Option<OwnedSemaphorePermit>,
) -> Result<Answer, Trouble> {
    let headers = {
        let _turn = instance
            .outbound
            .signing
            .acquire()
            .await
            .expect("the semaphore is never closed");
        sign(instance, parcel, url, body, scheme).map_err(Trouble::Here)?
    };
    // Who follows is seldom the only one on its server: what fetched this one's document and brings it the answer serves
    // the next one too. A post goes to thousands of servers, of which none will hear more at once.
    let reuse = match parcel.more || parcel.job.alone {
        true => Reuse::Keep,
        false => Reuse::Close,
    };
    let request = instance.client.post(url, headers, body.clone(), reuse);
    tokio::pin!(request);
    let answer = match tokio::time::timeout(SLOW, &mut request).await {
        Ok(answer) => answer,
        Err(_) => {
            drop(place.take());
            request.await
        }
    };
    answer.map_err(Trouble::Net)
}

/// Signs in place: a quarter of a millisecond of pure computing, and no more of them at a time than there are cores, so
/// that everything else gets its turn in between.
fn sign(
    instance: &Instance,
    parcel: &Parcel,
    url: &Url,
    body: &Bytes,
    scheme: Scheme,
) -> Result<HeaderMap, String> {
    let job = &parcel.job;
    let keys = match &job.key {
        Some(fingerprint) => instance.keys.with_fingerprint(&job.actor, fingerprint),
        None => instance.keys.of(&job.actor),
    }
    .map_err(|error| error.to_string())?;
    let key_id = instance.iris.main_key(&instance.iris.actor(&job.actor));
    let request = Outgoing {
        method: "POST",
        url,
        body: Some(body),
        content_type: Some(ACTIVITY_JSON),
    };
    sig::sign(scheme, &request, &keys.rsa, &key_id, instance.clock.now()).map_err(|error| error.to_string())
}

async fn read(instance: &Arc<Instance>, parcel: &Parcel, answer: &Answer) -> Outcome {
    match queue::verdict(answer.status.as_u16()) {
        Verdict::Delivered => Outcome::Delivered,
        Verdict::Never => Outcome::Refused(describe(answer)),
        Verdict::Later(scope) => Outcome::Failed {
            scope,
            error: describe(answer),
            retry_after: retry_after(answer, instance.clock.now()),
        },
        Verdict::Gone => {
            let (instance, job, inbox) = (
                Arc::clone(instance),
                Arc::clone(&parcel.job),
                Arc::clone(&parcel.inbox),
            );
            let found = aside::run(move || gone::instead(&instance, &job.actor, &inbox)).await;
            match found {
                Ok(Ok(instead)) => Outcome::Gone(instead),
                Ok(Err(error)) => Outcome::Hindered(error.to_string()),
                Err(error) => Outcome::Hindered(error.to_string()),
            }
        }
    }
}

fn of_error(error: &NetError) -> Outcome {
    match error {
        NetError::Refused { .. } => Outcome::Refused(error.to_string()),
        NetError::Request { .. } | NetError::Tls(_) => Outcome::Hindered(error.to_string()),
        _ => Outcome::Failed {
            scope: Scope::Host,
            error: error.to_string(),
            retry_after: None,
        },
    }
}

/// The status and the beginning of what the server says about it, on one line.
fn describe(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let words: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(REASON)
        .collect();
    let words = words.trim();
    // Of a page for people the status says it all.
    if words.is_empty() || words.starts_with('<') {
        answer.status.to_string()
    } else {
        format!("{}: {words}", answer.status)
    }
}

/// How long the server asks us to wait (RFC 9110, section 10.2.3): seconds, or a date.
fn retry_after(answer: &Answer, now: Timestamp) -> Option<Duration> {
    let value = answer.header("retry-after")?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = Timestamp::try_from(httpdate::parse_http_date(value).ok()?).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}
