//! What other servers send: verified, stored, answered, in this order.
//!
//! [`receive`] is the whole river: [`verify`] says whether it is true, one file per activity says what it does. What is
//! durable when the 202 goes out is the effect itself, the job of an Accept, and the call of a hook; everything that may
//! fail or wait comes after.

pub mod activity;
pub mod gate;
pub mod moderation;
pub mod value;
pub mod verify;
pub mod walk;

mod announce;
mod answered;
mod author;
mod block;
mod blocked;
pub mod blocklist;
mod create;
mod delete;
mod emoji_react;
pub mod event;
mod flag;
pub mod follow;
pub mod gone;
mod kept;
mod like;
mod r#move;
mod note;
mod ours;
mod quote_request;
mod reaction;
mod undo;
mod update;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderMap;
use tokio::sync::watch;

use self::activity::{ActivityKind, Malformed};
use self::verify::Verdict;
use crate::aside;
use crate::hooks;
use crate::instance::Instance;
use crate::remote::RemoteError;
use crate::sig::SigError;
use crate::store::StoreError;

/// What a sender waits when the store refuses, in seconds: long enough for an owner to make room on the disk.
const STORE_TROUBLE: u64 = 300;

/// How long the disk may take to store an activity. Mastodon waits ten seconds for an answer, and would come again without
/// having been told when.
const DISK_TIME: Duration = Duration::from_secs(8);

/// What a sender waits when the disk takes longer, in seconds.
const DISK_SLOW: u64 = 60;

/// A POST to an inbox, as it came.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The name of the actor whose inbox it is; `None` for the shared one.
    pub inbox: Option<String>,
    /// ORIGIN and the request's path and query.
    pub target_uri: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, within its limit.
    pub body: Bytes,
    /// Who sent it, as far as is known: failures are counted by address.
    pub peer: Option<IpAddr>,
}

/// What is answered to a POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What is wrong, for people; `None` when nothing is.
    pub problem: Option<String>,
    /// After how many seconds it may be sent again.
    pub retry_after: Option<u64>,
}

/// Why something isn't taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Its sender goes on too long; seconds after which it may go on.
    #[error("too many requests")]
    TooMany(u64),
    /// There is no such actor here.
    #[error("there is no actor {0} here")]
    NoInbox(String),
    /// It isn't an activity.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The owner doesn't want to hear of it.
    #[error("{0} is blocked here")]
    Blocked(String),
    /// Its signature is missing or no good.
    #[error(transparent)]
    Unsigned(#[from] SigError),
    /// The key of its signature can't be had.
    #[error("the key {key_id} can't be fetched: {error}")]
    NoKey {
        /// The key.
        key_id: String,
        /// Why not.
        error: RemoteError,
    },
    /// It isn't by whom it says, or about what belongs to somebody else.
    #[error("{0}")]
    NotTheSigners(String),
    /// Too much is under way; seconds after which there may be room.
    #[error("too much is under way here")]
    Busy(u64),
    /// The disk takes too long. It may be stored all the same; to send it again does no harm.
    #[error("the disk is too slow now")]
    Slow,
    /// It can't be stored.
    #[error("it can't be stored now")]
    Store(#[from] StoreError),
}

impl Refusal {
    /// The status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Refusal::Malformed(_) => 400,
            Refusal::Unsigned(_) | Refusal::NoKey { .. } => 401,
            Refusal::Blocked(_) | Refusal::NotTheSigners(_) => 403,
            Refusal::NoInbox(_) => 404,
            Refusal::TooMany(_) => 429,
            Refusal::Busy(_) | Refusal::Slow | Refusal::Store(_) => 503,
        }
    }

    /// After how many seconds it may be sent again.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Refusal::TooMany(seconds) | Refusal::Busy(seconds) => Some(*seconds),
            Refusal::Slow => Some(DISK_SLOW),
            Refusal::Store(_) => Some(STORE_TROUBLE),
            _ => None,
        }
    }
}

/// Takes what arrived in an inbox: everything that the contract says after 415 and 413.
pub async fn receive(instance: &Arc<Instance>, arrival: Arrival) -> Answer {
    match take(instance, &arrival).await {
        Ok(()) => Answer {
            status: 202,
            problem: None,
            retry_after: None,
        },
        Err(refusal) => {
            tracing::debug!("refused an activity ({}): {refusal}", refusal.status());
            let trouble = match &refusal {
                Refusal::Store(error) => Some(error.to_string()),
                Refusal::Slow => Some(format!("the disk takes longer than {DISK_TIME:?}")),
                _ => None,
            };
            if let Some(trouble) = trouble
                && instance.gate.tells_of_trouble(instance.clock.passed())
            {
                tracing::error!(
                    "activities can't be stored, their senders are told to come again: {trouble}"
                );
            }
            Answer {
                status: refusal.status(),
                problem: Some(refusal.to_string()),
                retry_after: refusal.retry_after(),
            }
        }
    }
}

async fn take(instance: &Arc<Instance>, arrival: &Arrival) -> Result<(), Refusal> {
    let Verdict::Verified(verified) = verify::verify(instance, arrival).await? else {
        return Ok(());
    };
    let verified = *verified;
    let activity = verified.activity();
    tracing::debug!(
        "{:?} {} by {}",
        activity.kind(),
        activity.id().unwrap_or("without id"),
        activity.actor()
    );
    match activity.kind() {
        ActivityKind::Follow => follow::take(instance, verified).await,
        ActivityKind::Undo => blocking(instance, verified, undo::take).await,
        ActivityKind::Like => like::take(instance, verified).await,
        ActivityKind::EmojiReact => emoji_react::take(instance, verified).await,
        ActivityKind::Announce => announce::take(instance, verified).await,
        ActivityKind::Create => create::take(instance, &verified).await,
        ActivityKind::Update => update::take(instance, &verified).await,
        ActivityKind::Delete => blocking(instance, verified, delete::take).await,
        ActivityKind::Accept | ActivityKind::Reject => blocking(instance, verified, answered::take).await,
        ActivityKind::Block => blocking(instance, verified, block::take).await,
        ActivityKind::Flag => blocking(instance, verified, flag::take).await,
        ActivityKind::Move => blocking(instance, verified, r#move::take).await,
        ActivityKind::QuoteRequest => quote_request::take(instance, verified).await,
        ActivityKind::Unknown => Ok(()),
    }
}

/// Does what waits for the disk where it holds up nobody.
fn blocking<T: Send + 'static>(
    instance: &Arc<Instance>,
    argument: T,
    work: impl FnOnce(&Instance, &T) -> Result<(), Refusal> + Send + 'static,
) -> impl Future<Output = Result<(), Refusal>> + Send {
    let own = Arc::clone(instance);
    on_disk(&instance.gate, Box::new(move || work(&own, &argument)))
}

/// In a box, so that the waiting is in the program once and not for each activity.
async fn on_disk(
    gate: &gate::Gate,
    work: Box<dyn FnOnce() -> Result<(), Refusal> + Send>,
) -> Result<(), Refusal> {
    let end = tokio::time::Instant::now() + DISK_TIME;
    let place = tokio::time::timeout_at(end, gate.storing())
        .await
        .map_err(|_| Refusal::Slow)?;
    let work = aside::run(move || {
        // The place goes along: what nobody waits for any more still keeps the disk busy.
        let _place = place;
        work()
    });
    match tokio::time::timeout_at(end, work).await {
        Err(_) => Err(Refusal::Slow),
        Ok(Ok(result)) => result,
        Ok(Err(error)) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down; the sender will try again.
            Err(_) => Err(Refusal::Busy(STORE_TROUBLE)),
        },
    }
}

/// Tells the hooks what happened, and looks for replies that never reached the inbox, until `shutdown`.
pub async fn run(instance: Arc<Instance>, shutdown: watch::Receiver<bool>) {
    let around = hooks::Surroundings {
        store: &instance.store,
        desk: &instance.calls,
        config: || instance.config(),
        client: &instance.client,
        place: &instance.place,
        clock: &instance.clock,
    };
    tokio::join!(
        hooks::run(around, shutdown.clone()),
        walk::run(&instance, shutdown)
    );
}
