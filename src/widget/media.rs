//! Fetching of the pictures that readers see: avatars, custom emoji, attachments of what is shown.
//!
//! It happens in the background, when something is shown that wasn't; never because a reader asks, and never for what
//! waits for approval or is hidden. What comes is kept only when its content is that of a picture, whatever its server
//! calls it, and of a sensible size; and not as it came, but as [`super::picture`] makes it. What is no longer shown is
//! removed within a day.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderMap, HeaderValue};
use jiff::SignedDuration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::Url;

use super::item::Source;
use super::picture::{self, Fault};
use super::shelf;
use crate::aside;
use crate::instance::Instance;
use crate::net::{NetError, Reuse};
use crate::store::{Media, StoreError};

/// Largest picture that is fetched, in bytes: Mastodon's limit for avatars is 8 MiB, for attachments 16 MiB, but what it
/// passes on of those has been scaled down.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// What we take: what can be read here.
const ACCEPT: &str = "image/webp, image/png, image/jpeg, image/gif";
/// Pictures that are read and scaled at a time: a large one takes more than 100 MiB while that lasts.
const SCALED_AT_A_TIME: usize = 1;
/// Pictures that are fetched at a time.
const AT_A_TIME: usize = 4;
/// Among so many of the next is looked for one of the same server, for which the connection is kept.
const LOOK_AHEAD: usize = 64;
/// After how long a picture that couldn't be had is tried again; then never until the next start.
const RETRIES: [SignedDuration; 3] = [
    SignedDuration::from_mins(10),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(24),
];
/// How long after a change is looked for pictures: a post that becomes popular changes hundreds of times a second, and
/// each look goes through all that was said.
const SETTLE: Duration = Duration::from_millis(250);
/// How often is looked for those whose time has come.
const SWEEP: Duration = Duration::from_secs(60);
/// How often all that is shown is gone through, and what isn't shown any more removed.
const ROUND: Duration = Duration::from_secs(24 * 3600);
/// Failures that are remembered.
const MAX_FAILURES: usize = 10_000;
/// Which part of the limit may be filled at start, in percent: what was thrown out for newer ones must not come back
/// and throw out those.
const FILL: u64 = 80;

/// Why a picture isn't kept.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("{0} is not the URL of a picture")]
    Url(String),
    #[error("its server is blocked")]
    Blocked,
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("{url} answers {status}")]
    Status { url: Url, status: StatusCode },
    #[error("{0} is none of the pictures that are kept")]
    Content(Url),
    #[error("{0} is too large a picture")]
    Size(Url),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A picture to fetch.
#[derive(Debug)]
struct Wanted {
    /// The KEY under which it is shown.
    key: Arc<str>,
    source: Source,
}

/// What is to be fetched, each picture once.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Wanted>,
    /// Those that wait and those that are being fetched.
    known: HashSet<Source>,
}

impl Queue {
    fn push(&mut self, key: &Arc<str>, source: &Source) {
        if self.known.insert(source.clone()) {
            self.waiting.push_back(Wanted {
                key: Arc::clone(key),
                source: source.clone(),
            });
        }
    }

    /// Whether another picture of the same server is among the next.
    fn reuse(&self, url: &str) -> Reuse {
        fn host(url: &str) -> Option<&str> {
            url.split('/').nth(2)
        }
        let mut next = self.waiting.iter().take(LOOK_AHEAD);
        match next.any(|wanted| host(&wanted.source.url) == host(url)) {
            true => Reuse::Keep,
            false => Reuse::Close,
        }
    }
}

#[derive(Debug)]
struct Failure {
    key: Arc<str>,
    times: usize,
    /// When it is tried again, by [`Clock::passed`](crate::clock::Clock::passed).
    next: Option<SignedDuration>,
}

/// Up to which revision of the interactions was looked for pictures.
#[derive(Debug, Default)]
struct Looked {
    everywhere: u64,
    /// Further, under some KEYs.
    under: HashMap<Arc<str>, u64>,
}

impl Looked {
    fn at(&self, key: &str) -> u64 {
        self.under.get(key).copied().unwrap_or(self.everywhere)
    }
}

/// Fetches what is shown and isn't kept yet, then whatever comes, until `shutdown` says stop.
pub async fn run(instance: Arc<Instance>, mut shutdown: watch::Receiver<bool>) {
    let mut changed = instance.changed.subscribe();
    let mut queue = Queue::default();
    let mut failures: HashMap<Source, Failure> = HashMap::new();
    let mut running: JoinSet<(Wanted, Result<(), Unfit>)> = JoinSet::new();
    let scaling = Arc::new(Semaphore::new(SCALED_AT_A_TIME));
    let mut sweep = tokio::time::interval(SWEEP);
    // Its first tick is at once.
    let mut round = tokio::time::interval(ROUND);
    let mut everything = false;
    let mut missed = false;
    let mut stirred: HashSet<Arc<str>> = HashSet::new();
    let mut looked = Looked::default();
    let mut look_at: Option<Instant> = None;
    loop {
        if std::mem::take(&mut everything) {
            go_round(&instance, &failures, &mut queue, &mut looked).await;
        }
        while running.len() < AT_A_TIME
            && let Some(wanted) = queue.waiting.pop_front()
        {
            let instance = Arc::clone(&instance);
            let reuse = queue.reuse(&wanted.source.url);
            let scaling = Arc::clone(&scaling);
            running.spawn(async move {
                let done = fetch(&instance, &wanted.source, reuse, &scaling).await;
                (wanted, done)
            });
        }
        tokio::select! {
            () = async { drop(shutdown.wait_for(|stop| *stop).await) } => return,
            change = changed.recv() => match change {
                Ok(key) => {
                    stirred.insert(key);
                    look_at.get_or_insert_with(|| Instant::now() + SETTLE);
                }
                Err(RecvError::Lagged(_)) => {
                    missed = true;
                    look_at.get_or_insert_with(|| Instant::now() + SETTLE);
                }
                Err(RecvError::Closed) => return,
            },
            () = until(look_at) => {
                look_at = None;
                everything |= std::mem::take(&mut missed);
                for key in stirred.drain() {
                    look(&instance, &key, &failures, &mut queue, &mut looked).await;
                }
            }
            Some(ended) = running.join_next(), if !running.is_empty() => {
                if let Ok((wanted, done)) = ended {
                    queue.known.remove(&wanted.source);
                    note(&instance, wanted, done, &mut failures);
                }
            }
            _ = round.tick() => everything = true,
            _ = sweep.tick() => again(&instance, &mut failures, &mut queue),
        }
    }
}

/// Waits for a moment; for ever, when there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn has_room(instance: &Instance) -> bool {
    instance.store.media.total() < instance.config().interactions.media_limit / 100 * FILL
}

/// The KEYs under which something was said, the newest first.
fn keys(instance: &Instance) -> Vec<Arc<str>> {
    let mut keys = Vec::new();
    instance
        .store
        .objects
        .each(|key, object| keys.push((object.published, Arc::clone(key))));
    keys.sort_unstable_by(|a, b| b.cmp(a));
    let said = |key: &str| instance.store.interactions.revision_of(key) > 0;
    keys.into_iter()
        .map(|(_, key)| key)
        .filter(|key| said(key))
        .collect()
}

/// Goes through all that is shown: what isn't kept is fetched, while there is room, and what isn't shown goes.
async fn go_round(
    instance: &Arc<Instance>,
    failures: &HashMap<Source, Failure>,
    queue: &mut Queue,
    looked: &mut Looked,
) {
    let has_room = has_room(instance);
    let revision = instance.store.interactions.revision();
    // What is being fetched may belong to something that was said after its turn.
    let number = |source: &Source| Media::number(&source.hash());
    let mut wanted: HashSet<u64> = queue.known.iter().filter_map(number).collect();
    for key in keys(instance) {
        let Some(shown) = shown(instance, &key, 0).await else {
            // Without all of them nobody can say what isn't shown.
            return;
        };
        wanted.extend(shown.iter().filter_map(number));
        if has_room {
            enqueue(instance, &key, &shown, failures, queue);
        }
    }
    *looked = Looked {
        everywhere: revision,
        under: HashMap::new(),
    };
    let keeper = Arc::clone(instance);
    match aside::run(move || keeper.store.media.keep_only(&wanted)).await {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(gone)) => tracing::debug!("{gone} pictures that are no longer shown are removed"),
        Ok(Err(error)) => tracing::warn!("pictures that are no longer shown can't be removed: {error}"),
    }
}

/// Puts the pictures that are new under a KEY, and aren't kept, into the queue.
async fn look(
    instance: &Arc<Instance>,
    key: &Arc<str>,
    failures: &HashMap<Source, Failure>,
    queue: &mut Queue,
    looked: &mut Looked,
) {
    let revision = instance.store.interactions.revision();
    if let Some(shown) = shown(instance, key, looked.at(key)).await {
        enqueue(instance, key, &shown, failures, queue);
        looked.under.insert(Arc::clone(key), revision);
    }
}

fn enqueue(
    instance: &Instance,
    key: &Arc<str>,
    shown: &[Source],
    failures: &HashMap<Source, Failure>,
    queue: &mut Queue,
) {
    for source in shown {
        if !instance.store.media.contains(&source.hash()) && !failures.contains_key(source) {
            queue.push(key, source);
        }
    }
}

/// The pictures that are shown under a KEY in what was written after a revision; `None` when that can't be read.
async fn shown(instance: &Arc<Instance>, key: &Arc<str>, after: u64) -> Option<Vec<Source>> {
    let reader = Arc::clone(instance);
    let of = Arc::clone(key);
    let read = aside::run(move || shelf::pictures(&reader, &of, after));
    match read.await {
        Ok(Ok(pictures)) => Some(pictures),
        Ok(Err(error)) => {
            tracing::warn!("the pictures under {key} can't be fetched: {error}");
            None
        }
        // The runtime is stopping.
        Err(_) => None,
    }
}

/// Tells readers of a new picture, or remembers that it couldn't be had.
fn note(
    instance: &Instance,
    wanted: Wanted,
    done: Result<(), Unfit>,
    failures: &mut HashMap<Source, Failure>,
) {
    let Err(error) = done else {
        failures.remove(&wanted.source);
        // Nobody listening is no error.
        let _ = instance.changed.send(wanted.key);
        return;
    };
    tracing::debug!("the picture {} is not kept: {error}", wanted.source.url);
    if failures.len() >= MAX_FAILURES && !failures.contains_key(&wanted.source) {
        failures.retain(|_, failure| failure.next.is_some());
        if failures.len() >= MAX_FAILURES {
            failures.clear();
        }
    }
    let may_change = match &error {
        Unfit::Net(NetError::Refused { .. } | NetError::TooLarge { .. }) => false,
        Unfit::Net(_) | Unfit::Store(_) => true,
        Unfit::Status { status, .. } => *status != StatusCode::GONE,
        Unfit::Url(_) | Unfit::Blocked | Unfit::Content(_) | Unfit::Size(_) => false,
    };
    let times = failures.get(&wanted.source).map_or(0, |failure| failure.times);
    let next = RETRIES
        .get(times)
        .filter(|_| may_change)
        .map(|after| instance.clock.passed() + *after);
    failures.insert(
        wanted.source,
        Failure {
            key: wanted.key,
            times: times + 1,
            next,
        },
    );
}

/// Puts those back into the queue whose time has come.
fn again(instance: &Instance, failures: &mut HashMap<Source, Failure>, queue: &mut Queue) {
    let passed = instance.clock.passed();
    for (source, failure) in failures {
        if failure.next.is_some_and(|next| next <= passed) {
            failure.next = None;
            queue.push(&failure.key, source);
        }
    }
}

async fn fetch(
    instance: &Arc<Instance>,
    source: &Source,
    reuse: Reuse,
    scaling: &Semaphore,
) -> Result<(), Unfit> {
    let url = source.url.as_str();
    let parsed = Url::parse(url).map_err(|_| Unfit::Url(url.to_string()))?;
    let config = instance.config();
    if instance.refuses(parsed.host_str().unwrap_or_default()) {
        return Err(Unfit::Blocked);
    }
    // Whoever serves a picture to browsers asks for no signature.
    let unsigned = |_: &Url| {
        let mut headers = HeaderMap::new();
        if reuse == Reuse::Close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok::<_, NetError>(headers)
    };
    let answer = instance.client.get(&parsed, ACCEPT, MAX_BYTES, unsigned).await?;
    if answer.status != StatusCode::OK {
        return Err(Unfit::Status {
            url: answer.url,
            status: answer.status,
        });
    }
    let _turn = scaling.acquire().await.expect("the semaphore is never closed");
    let (keeper, purpose, hash) = (Arc::clone(instance), source.purpose, source.hash());
    let limit = config.interactions.media_limit;
    let (from, body) = (answer.url, answer.body);
    let kept = aside::run(move || {
        let picture = match picture::remake(&body, purpose) {
            Ok(picture) => picture,
            Err(Fault::Content) => return Err(Unfit::Content(from)),
            Err(Fault::Size) => return Err(Unfit::Size(from)),
        };
        match keeper.store.media.put(&hash, &picture, limit)? {
            true => Ok(()),
            false => Err(Unfit::Size(from)),
        }
    });
    // A reader of pictures that panics has met one that nobody should see; nothing of ours is half done then.
    kept.await.unwrap_or_else(|_| Err(Unfit::Url(url.to_string())))
}
