//! Fetching documents of other servers: signed by the instance actor unless that is of no use, each URL by one fetch at a
//! time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde_json::Value;
use tokio::sync::{OnceCell, Semaphore};
use url::Url;

use super::open::Manner;
use super::{RemoteError, profile, scheme};
use crate::instance::Instance;
use crate::net::{self, Answer, DOCUMENT_LIMIT};
use crate::sig::{self, Outgoing, Scheme};

/// What we ask for: what every ActivityPub server must answer with (ActivityPub, section 3.2), and its short name.
const ACCEPT: &str =
    r#"application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams""#;
/// Most fetches that run at the same time.
const FETCHES: usize = 128;
/// Most fetches that run against one host at the same time: a slow one must not take all places.
const FETCHES_PER_HOST: usize = 16;
/// Most fetches that wait for one host; a boost on a large server brings hundreds of strangers at once.
const WAITING_PER_HOST: usize = 1024;

/// How a document is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ask {
    /// It is an actor's: without a signature where the host shows it to whoever asks.
    Actor,
    /// With a signature: it may not be for everybody, or must not come from a cache between us.
    Signed,
}

/// A document and where it was found.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) url: Url,
    pub(super) document: Arc<Value>,
}

type Flight = Arc<OnceCell<Result<Arc<Fetched>, RemoteError>>>;

/// The fetches that run.
#[derive(Debug)]
pub(super) struct Fetches {
    flights: Mutex<HashMap<(String, Ask), Flight>>,
    hosts: Mutex<HashMap<String, Arc<Lane>>>,
    all: Semaphore,
}

/// The places at one host; there while somebody uses it.
#[derive(Debug)]
struct Lane {
    places: Semaphore,
    waiting: Semaphore,
}

impl Default for Fetches {
    fn default() -> Fetches {
        Fetches {
            flights: Mutex::default(),
            hosts: Mutex::default(),
            all: Semaphore::new(FETCHES),
        }
    }
}

/// Fetches a document; who asks for the same one in the same way meanwhile gets the same answer.
pub(super) async fn document(instance: &Instance, id: &str, ask: Ask) -> Result<Arc<Fetched>, RemoteError> {
    let mut url = Url::parse(id).map_err(|_| RemoteError::invalid(id, "it is not a URL"))?;
    url.set_fragment(None);
    if instance.iris.is_ours(url.as_str()) {
        return Err(RemoteError::invalid(id, "it is our own"));
    }
    let fetches = &instance.remote.fetches;
    let route = (url.to_string(), ask);
    let flight = Arc::clone(lock(&fetches.flights).entry(route.clone()).or_default());
    let result = flight.get_or_init(|| fetch(instance, &url, ask)).await.clone();
    let mut flights = lock(&fetches.flights);
    if flights
        .get(&route)
        .is_some_and(|other| Arc::ptr_eq(other, &flight))
    {
        flights.remove(&route);
    }
    result
}

async fn fetch(instance: &Instance, url: &Url, ask: Ask) -> Result<Arc<Fetched>, RemoteError> {
    let host = net::host_of(url);
    let fetches = &instance.remote.fetches;
    let lane = fetches.lane(&host);
    let fetched = {
        let closed = "the semaphores are never closed";
        let _waiting = lane
            .waiting
            .try_acquire()
            .map_err(|_| RemoteError::Unreachable(format!("too many fetches wait for {host}")))?;
        let _place = lane.places.acquire().await.expect(closed);
        let _any = fetches.all.acquire().await.expect(closed);
        approach(instance, url, &host, ask).await
    };
    drop(lane);
    fetches.leave(&host);
    fetched
}

impl Fetches {
    fn lane(&self, host: &str) -> Arc<Lane> {
        let mut hosts = lock(&self.hosts);
        let lane = hosts.entry(host.to_string()).or_insert_with(|| {
            Arc::new(Lane {
                places: Semaphore::new(FETCHES_PER_HOST),
                waiting: Semaphore::new(WAITING_PER_HOST),
            })
        });
        Arc::clone(lane)
    }

    /// Forgets lanes that nobody uses, this one among them; one that was left by a cancelled fetch goes with the next.
    fn leave(&self, host: &str) {
        let mut hosts = lock(&self.hosts);
        if hosts.get(host).is_some_and(|lane| Arc::strong_count(lane) == 1) {
            hosts.remove(host);
        }
        if hosts.len() > FETCHES {
            hosts.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
    }
}

/// Asks without a signature where that may do, and with one where it doesn't.
async fn approach(instance: &Instance, url: &Url, host: &str, ask: Ask) -> Result<Arc<Fetched>, RemoteError> {
    let now = instance.clock.now();
    let open = &instance.remote.open;
    let manner = match ask {
        Ask::Actor => open.manner(host, now),
        Ask::Signed => None,
    };
    let plainly = matches!(manner, Some(Manner::Untried | Manner::Open));
    if plainly {
        let answer = get(instance, url, None).await?;
        match read(url, answer) {
            Ok(fetched) if profile::is_whole(&fetched.document) => {
                if manner == Some(Manner::Untried) {
                    open.note(host, Manner::Open, now);
                }
                return Ok(fetched);
            }
            Err(error @ RemoteError::Unreachable(_)) => return Err(error),
            // Some hide from strangers that somebody is there; not who was seen to show others.
            Err(error @ (RemoteError::NotFound(_) | RemoteError::Gone(_)))
                if manner == Some(Manner::Open) =>
            {
                return Err(error);
            }
            _ => {}
        }
    }
    let (answer, refused) = knock(instance, url, host).await?;
    let fetched = read(url, answer)?;
    if plainly || refused {
        // Who refuses one signature looks at them.
        open.note(host, Manner::Insists, now);
    } else if ask == Ask::Actor && manner.is_none() {
        open.note(host, Manner::Untried, now);
    }
    Ok(fetched)
}

/// Asks with the first scheme, and when that is refused with the second; whether it was refused.
async fn knock(instance: &Instance, url: &Url, host: &str) -> Result<(Answer, bool), RemoteError> {
    let knocks = scheme::knocks(instance, host);
    let answer = get(instance, url, Some(knocks.first)).await?;
    if answer.status != StatusCode::UNAUTHORIZED {
        if answer.status.is_success() {
            scheme::took(instance, host, knocks.first);
        }
        return Ok((answer, false));
    }
    let Some(second) = knocks.second else {
        return Ok((answer, true));
    };
    let answer = get(instance, url, Some(second)).await?;
    if answer.status.is_success() {
        scheme::took(instance, host, second);
    }
    Ok((answer, true))
}

async fn get(instance: &Instance, url: &Url, scheme: Option<Scheme>) -> Result<Answer, RemoteError> {
    let keys = instance
        .keys
        .instance()
        .map_err(|error| RemoteError::Here(error.to_string()))?;
    let key_id = instance.iris.main_key(&instance.iris.instance());
    let now = instance.clock.now();
    let sign = |url: &Url| -> Result<HeaderMap, sig::SigError> {
        let Some(scheme) = scheme else {
            return Ok(HeaderMap::new());
        };
        let request = Outgoing {
            method: "GET",
            url,
            body: None,
            content_type: None,
        };
        sig::sign(scheme, &request, &keys.rsa, &key_id, now)
    };
    if instance.refuses(url.host_str().unwrap_or_default()) {
        return Err(RemoteError::Refused(format!(
            "{} is blocked here",
            net::host_of(url)
        )));
    }
    Ok(instance.client.get(url, ACCEPT, DOCUMENT_LIMIT, sign).await?)
}

fn read(asked: &Url, answer: Answer) -> Result<Arc<Fetched>, RemoteError> {
    if let Some(error) = RemoteError::of_status(asked, answer.status) {
        return Err(error);
    }
    // Of anything else, a file that somebody uploaded might be taken for a document.
    if !matches!(
        answer.media_type().as_deref(),
        Some("application/activity+json" | "application/ld+json")
    ) {
        return Err(RemoteError::invalid(
            asked.as_str(),
            "the answer is not an ActivityPub document",
        ));
    }
    let document: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| RemoteError::invalid(asked.as_str(), "the answer is not JSON"))?;
    Ok(Arc::new(Fetched {
        url: answer.url,
        document: Arc::new(document),
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
