//! Fetching of the pictures that readers see: avatars, custom emoji, attachments of what is shown.
//!
//! It happens in the background, when something is shown that wasn't; never because a reader asks, and never for what
//! waits for approval or is hidden. What comes is kept only when its content is that of a picture, whatever its server
//! calls it, and of a sensible size.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::Url;

use super::item::hash_of;
use super::shelf;
use crate::instance::Instance;
use crate::net::{NetError, Reuse};
use crate::store::{Picture, PictureKind, StoreError};

/// Largest picture that is fetched, in bytes: Mastodon's limit for avatars is 2 MiB, for attachments 16 MiB, but what it
/// passes on has been scaled down.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Longest side of a picture, in pixels.
const MAX_SIDE: usize = 8_192;
/// Most pixels: what a phone can unpack. A small file can claim a very large picture.
const MAX_PIXELS: usize = 32_000_000;
/// What we take.
const ACCEPT: &str = "image/avif, image/webp, image/png, image/jpeg, image/gif";
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
/// How often is looked for such.
const SWEEP: Duration = Duration::from_secs(60);
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
    url: String,
}

/// What is to be fetched, each picture once.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Wanted>,
    /// The URLs of those that wait and of those that are being fetched.
    known: HashSet<String>,
}

impl Queue {
    fn push(&mut self, key: &Arc<str>, url: &str) {
        if self.known.insert(url.to_string()) {
            self.waiting.push_back(Wanted {
                key: Arc::clone(key),
                url: url.to_string(),
            });
        }
    }

    /// Whether another picture of the same server is among the next.
    fn reuse(&self, url: &str) -> Reuse {
        fn host(url: &str) -> Option<&str> {
            url.split('/').nth(2)
        }
        let mut next = self.waiting.iter().take(LOOK_AHEAD);
        match next.any(|wanted| host(&wanted.url) == host(url)) {
            true => Reuse::Keep,
            false => Reuse::Close,
        }
    }
}

#[derive(Debug)]
struct Failure {
    key: Arc<str>,
    times: usize,
    next: Option<Timestamp>,
}

/// Fetches what is shown and isn't kept yet, then whatever comes, until `shutdown` says stop.
pub async fn run(instance: Arc<Instance>, mut shutdown: watch::Receiver<bool>) {
    let mut changed = instance.changed.subscribe();
    let mut queue = Queue::default();
    let mut failures: HashMap<String, Failure> = HashMap::new();
    let mut running: JoinSet<(Wanted, Result<(), Unfit>)> = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    let mut everything = true;
    let mut missed = false;
    let mut stirred: HashSet<Arc<str>> = HashSet::new();
    let mut look_at: Option<Instant> = None;
    loop {
        if std::mem::take(&mut everything) && has_room(&instance) {
            for key in keys(&instance) {
                look(&instance, &key, &failures, &mut queue).await;
            }
        }
        while running.len() < AT_A_TIME
            && let Some(wanted) = queue.waiting.pop_front()
        {
            let instance = Arc::clone(&instance);
            let reuse = queue.reuse(&wanted.url);
            running.spawn(async move {
                let done = fetch(&instance, &wanted.url, reuse).await;
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
                    look(&instance, &key, &failures, &mut queue).await;
                }
            }
            Some(ended) = running.join_next(), if !running.is_empty() => {
                if let Ok((wanted, done)) = ended {
                    queue.known.remove(&wanted.url);
                    note(&instance, wanted, done, &mut failures);
                }
            }
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

/// Puts the pictures under a KEY that aren't kept into the queue.
async fn look(
    instance: &Arc<Instance>,
    key: &Arc<str>,
    failures: &HashMap<String, Failure>,
    queue: &mut Queue,
) {
    let reader = Arc::clone(instance);
    let of = Arc::clone(key);
    let read =
        tokio::task::spawn_blocking(move || shelf::said(&reader, &of).map(|said| shelf::pictures(&said)));
    let pictures = match read.await {
        Ok(Ok(pictures)) => pictures,
        Ok(Err(error)) => {
            tracing::warn!("the pictures under {key} can't be fetched: {error}");
            return;
        }
        // The runtime is stopping.
        Err(_) => return,
    };
    for url in pictures {
        if !instance.store.media.contains(&hash_of(&url)) && !failures.contains_key(&url) {
            queue.push(key, &url);
        }
    }
}

/// Tells readers of a new picture, or remembers that it couldn't be had.
fn note(
    instance: &Instance,
    wanted: Wanted,
    done: Result<(), Unfit>,
    failures: &mut HashMap<String, Failure>,
) {
    let Err(error) = done else {
        failures.remove(&wanted.url);
        // Nobody listening is no error.
        let _ = instance.changed.send(wanted.key);
        return;
    };
    tracing::debug!("the picture {} is not kept: {error}", wanted.url);
    if failures.len() >= MAX_FAILURES && !failures.contains_key(&wanted.url) {
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
    let times = failures.get(&wanted.url).map_or(0, |failure| failure.times);
    let next = RETRIES
        .get(times)
        .filter(|_| may_change)
        .and_then(|after| instance.clock.now().checked_add(*after).ok());
    failures.insert(
        wanted.url,
        Failure {
            key: wanted.key,
            times: times + 1,
            next,
        },
    );
}

/// Puts those back into the queue whose time has come.
fn again(instance: &Instance, failures: &mut HashMap<String, Failure>, queue: &mut Queue) {
    let now = instance.clock.now();
    for (url, failure) in failures {
        if failure.next.is_some_and(|next| next <= now) {
            failure.next = None;
            queue.push(&failure.key, url);
        }
    }
}

async fn fetch(instance: &Arc<Instance>, url: &str, reuse: Reuse) -> Result<(), Unfit> {
    let parsed = Url::parse(url).map_err(|_| Unfit::Url(url.to_string()))?;
    let config = instance.config();
    if config.federation.refuses(parsed.host_str().unwrap_or_default()) {
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
    let picture = match inspect(&answer.body) {
        Ok(kind) => Picture {
            kind,
            bytes: answer.body.to_vec(),
        },
        Err(Fault::Content) => return Err(Unfit::Content(answer.url)),
        Err(Fault::Size) => return Err(Unfit::Size(answer.url)),
    };
    let hash = hash_of(url);
    let limit = config.interactions.media_limit;
    let keeper = Arc::clone(instance);
    let kept = tokio::task::spawn_blocking(move || keeper.store.media.put(&hash, &picture, limit)).await;
    match kept {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(Unfit::Size(answer.url)),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Unfit::Url(url.to_string())),
    }
}

/// What is wrong with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Content,
    Size,
}

/// What a file is, by its content: a picture without scripts, and not larger than browsers can bear.
fn inspect(bytes: &[u8]) -> Result<PictureKind, Fault> {
    let kind = match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => PictureKind::Png,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => PictureKind::Gif,
        [0xff, 0xd8, 0xff, ..] => PictureKind::Jpeg,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => PictureKind::Webp,
        [
            _,
            _,
            _,
            _,
            b'f',
            b't',
            b'y',
            b'p',
            b'a',
            b'v',
            b'i',
            b'f' | b's',
            ..,
        ] => PictureKind::Avif,
        _ => return Err(Fault::Content),
    };
    let size = imagesize::blob_size(bytes).map_err(|_| Fault::Content)?;
    let sides = 1..=MAX_SIDE;
    if !sides.contains(&size.width) || !sides.contains(&size.height) || size.width * size.height > MAX_PIXELS
    {
        return Err(Fault::Size);
    }
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a PNG of that size.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn a_file_is_what_its_content_says() {
        assert_eq!(inspect(&png(64, 64)), Ok(PictureKind::Png));
        assert_eq!(inspect(b"GIF89a\x10\0\x10\0\x80\0\0\0\0\0"), Ok(PictureKind::Gif));
        for other in [
            &b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>"[..],
            b"<!doctype html><script>alert(1)</script>",
            b"",
            b"\x89PNG",
            b"%PDF-1.7",
        ] {
            assert_eq!(inspect(other), Err(Fault::Content));
        }
    }

    #[test]
    fn a_picture_that_claims_to_be_huge_is_not_kept() {
        assert_eq!(inspect(&png(100_000, 10)), Err(Fault::Size));
        assert_eq!(inspect(&png(8_000, 8_000)), Err(Fault::Size));
        assert_eq!(inspect(&png(0, 10)), Err(Fault::Size));
    }
}
