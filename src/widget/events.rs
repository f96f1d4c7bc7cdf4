//! Streams of events for readers who have a page open: something changed under it.
//!
//! A stream says only that, never what: whoever listens asks for the fragment again, which costs nothing when it is
//! cached, and sees what any other reader sees.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};

use super::page;
use crate::ap::iri::Local;
use crate::instance::Instance;
use crate::store::{Interaction, InteractionKind};

/// Most streams at once: each holds a connection, of which the server takes four times as many.
const MAX_STREAMS: usize = 1_024;
/// Most streams of one address: a browser opens at most six to one host.
const MAX_OF_ONE: usize = 24;
/// How often a stream gives a sign of life: below the 30 to 60 s after which proxies take silence for death.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// How far from a note up to the page it belongs to is looked.
const MAX_CLIMB: usize = 32;

/// What a stream says.
const CHANGE: &str = "event: change\ndata: \n\n";
/// What it says when nothing happens.
const ALIVE: &str = ": alive\n\n";
/// What it says first: after how many milliseconds a browser tries again when it breaks off.
const HELLO: &str = "retry: 15000\n\n";

/// All streams of an instance.
#[derive(Debug)]
pub struct Streams {
    places: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    closing: watch::Sender<bool>,
}

impl Default for Streams {
    fn default() -> Streams {
        Streams {
            places: Arc::new(Semaphore::new(MAX_STREAMS)),
            by_address: Arc::default(),
            closing: watch::Sender::new(false),
        }
    }
}

impl Streams {
    /// Ends all streams, also those that are opened later.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    fn enter(&self, reader: Option<IpAddr>) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let reader = reader.map(network);
        if let Some(reader) = reader {
            let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(reader).or_default();
            if *count >= MAX_OF_ONE {
                return None;
            }
            *count += 1;
        }
        Some(Place {
            by_address: Arc::clone(&self.by_address),
            reader,
            _permit: permit,
        })
    }
}

/// What one party has for itself: an IPv4 address, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        address => address,
    }
}

/// A place among the streams, given back when it is dropped.
#[derive(Debug)]
struct Place {
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    reader: Option<IpAddr>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(reader) = self.reader else { return };
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&reader) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&reader);
            }
        }
    }
}

/// Why there is no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The page isn't published.
    Unknown,
    /// There are too many streams, all together or from this address.
    Full,
}

/// A stream of one reader.
#[derive(Debug)]
pub struct Feed {
    instance: Arc<Instance>,
    key: String,
    changed: broadcast::Receiver<Arc<str>>,
    closing: watch::Receiver<bool>,
    heartbeat: tokio::time::Interval,
    greeted: bool,
    _place: Place,
}

/// Opens a stream about a page.
///
/// # Errors
/// [`Closed`], when there is none to have.
pub fn open(instance: &Arc<Instance>, page: &str, reader: Option<IpAddr>) -> Result<Feed, Closed> {
    let key = page::find(instance, page).ok_or(Closed::Unknown)?;
    let place = instance.streams.enter(reader).ok_or(Closed::Full)?;
    Ok(Feed {
        key,
        changed: instance.changed.subscribe(),
        closing: instance.streams.closing.subscribe(),
        heartbeat: tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT),
        greeted: false,
        _place: place,
        instance: Arc::clone(instance),
    })
}

impl Feed {
    /// Waits for the next thing to say; `None` when the stream ends. Gives itself back, for the one after that.
    pub async fn next(mut self) -> Option<(&'static str, Feed)> {
        if !self.greeted {
            self.greeted = true;
            return Some((HELLO, self));
        }
        loop {
            let change = tokio::select! {
                () = async { drop(self.closing.wait_for(|closing| *closing).await) } => return None,
                _ = self.heartbeat.tick() => None,
                change = self.changed.recv() => Some(change),
            };
            match change {
                None => return Some((ALIVE, self)),
                Some(Ok(key)) if self.concerns(&key) => return Some((CHANGE, self)),
                Some(Ok(_)) => {}
                // What was missed may have been about this page.
                Some(Err(RecvError::Lagged(_))) => return Some((CHANGE, self)),
                Some(Err(RecvError::Closed)) => return None,
            }
        }
    }

    /// Whether a change under this KEY shows on the page: it is the page's own, or that of a note in its thread.
    fn concerns(&self, key: &str) -> bool {
        let mut key = key.to_string();
        for _ in 0..MAX_CLIMB {
            if key == self.key {
                return true;
            }
            match above(&self.instance, &key) {
                Some(above) => key = above,
                None => return false,
            }
        }
        false
    }
}

/// The KEY of what one of our notes answers, directly or through a reply of somebody else.
fn above(instance: &Instance, key: &str) -> Option<String> {
    let note = instance
        .store
        .objects
        .brief(key)
        .filter(|brief| brief.page.is_none());
    note?;
    let object = instance.store.objects.get(key).ok()??;
    let target = object.object["inReplyTo"].as_str()?;
    if let Some(Local::Object(key)) = instance.iris.read(target) {
        return Some(key);
    }
    if instance.iris.is_ours(target) {
        return page::find(instance, target);
    }
    let id = Interaction::id_of(InteractionKind::Reply, "", None, Some(target));
    instance.store.interactions.get(&id).ok()??.object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reader_gets_so_many_streams_and_others_still_get_theirs() {
        let streams = Streams::default();
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let mut places: Vec<Place> = (0..MAX_OF_ONE)
            .map(|_| streams.enter(Some(one)).unwrap())
            .collect();
        assert!(streams.enter(Some(one)).is_none());
        assert!(streams.enter(Some("192.0.2.2".parse().unwrap())).is_some());
        places.pop();
        assert!(streams.enter(Some(one)).is_some());
        drop(places);
        assert!(streams.by_address.lock().unwrap().is_empty());
        let all: Vec<Place> = (0..MAX_STREAMS).map(|_| streams.enter(None).unwrap()).collect();
        assert!(streams.enter(None).is_none());
        drop(all);
    }
}
