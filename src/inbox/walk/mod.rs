//! Replies to replies that never reached our inbox: the `replies` collections of those that are shown are walked.
//!
//! A server delivers a reply to those it mentions, not to everybody further up in the thread; so a thread that goes on
//! among others would be torn here. Each reply that is shown says where its own replies are listed (ActivityStreams,
//! `replies`). Those lists are read in the background, soon after a reply came and then ever more rarely, never because a
//! reader asks; each post in them is fetched from its own server, signed, and passes everything that a Create in the
//! inbox passes: it must be public, by somebody of its own host, about our thread, and by nobody who is blocked; the
//! owner's mode of moderation decides whether it is shown.
//!
//! What was fetched so, nobody will tell us of when it is changed or deleted: it is asked for again each time its own
//! replies are looked for.

mod budget;
mod collection;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch;

use self::budget::Budget;
use self::collection::Listed;
use super::activity::MAX_DEPTH as NESTING;
use super::create::{self, Written};
use super::note::Note;
use super::{blocking, blocklist, moderation, update, value};
use crate::article::Discussion;
use crate::config::Show;
use crate::instance::Instance;
use crate::remote::{self, RemoteError};
use crate::store::{
    Gone, Interaction, InteractionKind, InteractionState, ObjectState, RemoteWalk, StoreError,
};

/// How often is looked for replies whose time has come. It costs a look at the index.
const ROUND: Duration = Duration::from_secs(60);
/// How old a reply is when its replies are looked for: first when somebody had time to write one, as Mastodon waits five
/// minutes too; then ever more rarely, because conversations end; the last time when hardly any goes on.
const STEPS: [SignedDuration; 7] = [
    SignedDuration::from_mins(5),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(3 * 24),
    SignedDuration::from_hours(10 * 24),
    SignedDuration::from_hours(30 * 24),
];
/// How old a reply is when nobody looks any more. Longer than the last step by what a daemon may have been down.
const END: SignedDuration = SignedDuration::from_hours(40 * 24);
/// After how long one goes on where the budget was spent, or a server couldn't be reached.
const AGAIN: SignedDuration = SignedDuration::from_mins(20);
/// How far below the page replies are looked for: deeper than this a page doesn't nest them either.
const DEPTH: usize = 32;
/// How many things may be said under one page before nothing is fetched for it any more: whoever wants to fill the disk
/// has to send it all by themselves.
const THREAD: usize = 2_000;
/// Posts that turned out not to be for us, and when, so that they aren't fetched each time.
const REFUSED: usize = 4_096;
/// How long that is remembered: a post that wasn't public may become so, but nobody hurries.
const REFUSED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// What it costs to fetch a post: itself, and its author.
const POST: usize = 2;

/// Walks what is due every minute, until `shutdown`.
pub(super) async fn run(instance: &Arc<Instance>, mut shutdown: watch::Receiver<bool>) {
    let mut walker = Walker::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
        tokio::select! {
            kept = walker.round(instance) => {
                if kept > 0 {
                    tracing::info!("found {kept} replies to replies");
                }
            }
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
    }
}

/// Who walks: what was walked when, and how much may still be asked of whom.
#[derive(Debug, Default)]
pub struct Walker {
    /// By the id of the reply; read from the cache when a reply is met for the first time.
    walks: HashMap<Arc<str>, Walk>,
    budget: Budget,
    refused: HashMap<String, Timestamp>,
}

/// What is known of the replies of a reply.
#[derive(Clone, Copy, Debug, Default)]
struct Walk {
    /// When they were last walked to the end.
    walked: Option<Timestamp>,
    /// Before when nobody goes on with what couldn't be walked to the end.
    again: Option<Timestamp>,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// All was seen.
    Whole,
    /// Something has to wait: for the budget, or for a server.
    Waiting,
}

impl Walker {
    /// Walks what is due now, as far as may be asked in one round; answers how many replies were found that weren't
    /// known.
    pub async fn round(&mut self, instance: &Arc<Instance>) -> usize {
        // What isn't shown needn't be fetched.
        if instance.config().interactions.show != Show::All {
            return 0;
        }
        let now = instance.clock.now();
        self.budget.begin_round(now);
        self.refused
            .retain(|_, since| now.duration_since(*since).abs() < REFUSED_FOR);
        let mut kept = 0;
        for id in self.due(instance, now) {
            if self.budget.is_spent() {
                break;
            }
            let ending = match self.walk(instance, &id, &mut kept).await {
                Ok(ending) => ending,
                Err(error) => {
                    tracing::warn!("the replies of {id} can't be walked: {error}");
                    Ending::Waiting
                }
            };
            self.note(instance, &id, ending, now);
        }
        kept
    }

    /// The replies whose time has come, those first that came last.
    fn due(&mut self, instance: &Instance, now: Timestamp) -> Vec<Arc<str>> {
        let mut young = Vec::new();
        instance.store.interactions.each(|id, brief| {
            let age = now.duration_since(brief.received());
            let is_shown = brief.kind == InteractionKind::Reply
                && brief.public
                && brief.state == InteractionState::Shown;
            if is_shown
                && age < END
                && let Some(step) = STEPS.iter().rposition(|step| age >= *step)
            {
                young.push((brief.received(), Arc::clone(id), step));
            }
        });
        let before = std::mem::take(&mut self.walks);
        let mut due = Vec::new();
        for (received, id, step) in young {
            let walk = before.get(&id).copied().unwrap_or_else(|| Walk {
                walked: instance.store.remote_walks.get(&id).map(|known| known.walked),
                again: None,
            });
            self.walks.insert(Arc::clone(&id), walk);
            let has_come = received
                .checked_add(STEPS[step])
                .is_ok_and(|since| walk.walked.is_none_or(|walked| walked < since || walked > now));
            if has_come && walk.again.is_none_or(|again| is_over(again, now)) {
                due.push((received, id));
            }
        }
        // What fell out is old or gone.
        for id in before.keys().filter(|id| !self.walks.contains_key(*id)) {
            forget(instance, id);
        }
        due.sort_by(|a, b| b.cmp(a));
        due.into_iter().map(|(_, id)| id).collect()
    }

    fn note(&mut self, instance: &Instance, id: &Arc<str>, ending: Ending, now: Timestamp) {
        let Some(walk) = self.walks.get_mut(id) else {
            return;
        };
        match ending {
            Ending::Waiting => walk.again = now.checked_add(AGAIN).ok(),
            Ending::Whole => {
                *walk = Walk {
                    walked: Some(now),
                    again: None,
                };
                let record = RemoteWalk {
                    id: id.to_string(),
                    walked: now,
                };
                // Only a cache: without it, it is walked once more.
                if let Err(error) = instance.store.remote_walks.put(&record) {
                    tracing::warn!("what was walked can't be noted: {error}");
                }
            }
        }
    }

    async fn walk(
        &mut self,
        instance: &Arc<Instance>,
        id: &str,
        kept: &mut usize,
    ) -> Result<Ending, StoreError> {
        let Some(mut reply) = instance.store.interactions.get(id)? else {
            return Ok(Ending::Whole);
        };
        let (Some(key), Some(own_id)) = (&reply.object, reply.remote_object.clone()) else {
            return Ok(Ending::Whole);
        };
        let is_live = instance
            .store
            .objects
            .brief(key)
            .is_some_and(|object| object.state == ObjectState::Live);
        if !is_live
            || instance.discussion(key) != Discussion::Open
            || instance.store.interactions.group(key).len() >= THREAD
            || depth(instance, &reply)? >= DEPTH
        {
            return Ok(Ending::Whole);
        }
        if blocklist::is_blocked(instance, &reply.actor.id, Some(&reply.actor.handle)) {
            return Ok(Ending::Whole);
        }
        if is_fetched(&reply) {
            match self.renew(instance, &reply, &own_id).await? {
                Renewed::Gone => return Ok(Ending::Whole),
                Renewed::Waiting => return Ok(Ending::Waiting),
                Renewed::Known(object) => reply.raw["object"] = object,
            }
        }
        let start = &reply.raw["object"]["replies"];
        let listed = collection::read(instance, &own_id, start, &mut self.budget).await;
        let (ids, mut ending) = match listed {
            Listed::Whole(ids) => (ids, Ending::Whole),
            Listed::Waiting(ids) => (ids, Ending::Waiting),
        };
        for post in ids {
            if self.is_known(instance, &post) {
                continue;
            }
            match self.fetch(instance, &post).await {
                Fetched::Kept => *kept += 1,
                Fetched::Refused => self.refuse(&post, instance.clock.now()),
                Fetched::Waiting => ending = Ending::Waiting,
            }
        }
        Ok(ending)
    }

    /// Whether a post needn't be fetched: it is ours, or here, or was refused lately.
    fn is_known(&self, instance: &Instance, post: &str) -> bool {
        let id = Interaction::id_of(InteractionKind::Reply, "", None, Some(post));
        let mentioned = instance
            .store
            .interactions
            .brief(&id)
            .is_some_and(|known| known.kind != InteractionKind::Mention);
        mentioned || instance.iris.is_ours(post) || self.refused.contains_key(post)
    }

    fn refuse(&mut self, post: &str, now: Timestamp) {
        if self.refused.len() >= REFUSED {
            self.refused.clear();
        }
        self.refused.insert(post.to_string(), now);
    }

    /// Fetches a post from its own host, and keeps it when it belongs into a thread of ours.
    async fn fetch(&mut self, instance: &Arc<Instance>, post: &str) -> Fetched {
        if value::authority(post).is_none() || blocklist::refuse_host(instance, post).is_err() {
            return Fetched::Refused;
        }
        let now = instance.clock.now();
        if !self.budget.take(post, POST, now) {
            return Fetched::Waiting;
        }
        let object = match remote::object(instance, post).await {
            Ok(object) => object,
            Err(error) => return self.failed(post, &error, now),
        };
        self.budget.answered(post);
        let Some((author, note)) = public_note(&object) else {
            return Fetched::Refused;
        };
        let about_us = match create::concern_of(instance, &note) {
            Ok(concern) => concern.is_some_and(|concern| concern.is_in_a_thread()),
            Err(error) => {
                tracing::warn!("{post} can't be placed: {error}");
                return Fetched::Waiting;
            }
        };
        let gone = instance.store.gone.contains(&Gone::key(&author, &note.id));
        if !about_us || gone || blocklist::refuse_actor(instance, &author).is_err() {
            return Fetched::Refused;
        }
        match create::keep(instance, &author, written(note, &author, &object)).await {
            Ok(()) => Fetched::Kept,
            Err(refusal) if refusal.retry_after().is_some() => Fetched::Waiting,
            Err(_) => Fetched::Refused,
        }
    }

    fn failed(&mut self, post: &str, error: &RemoteError, now: Timestamp) -> Fetched {
        tracing::debug!("{post} can't be fetched: {error}");
        match error {
            RemoteError::Unreachable(_) | RemoteError::Here(_) => {
                self.budget.failed(post, now);
                Fetched::Waiting
            }
            _ => {
                self.budget.answered(post);
                Fetched::Refused
            }
        }
    }

    /// Asks again for a reply that was fetched: nobody tells us when it is changed or deleted.
    async fn renew(
        &mut self,
        instance: &Arc<Instance>,
        reply: &Interaction,
        own_id: &str,
    ) -> Result<Renewed, StoreError> {
        let now = instance.clock.now();
        if !self.budget.take(own_id, 1, now) {
            return Ok(Renewed::Waiting);
        }
        let object = match remote::object(instance, own_id).await {
            Ok(object) => object,
            // Mastodon answers 404 for a post that was deleted, or is no longer for everybody.
            Err(RemoteError::Gone(_) | RemoteError::NotFound(_)) => {
                self.budget.answered(own_id);
                moderation::forget(instance, reply)?;
                return Ok(Renewed::Gone);
            }
            Err(error) => {
                self.failed(own_id, &error, now);
                return Ok(Renewed::Waiting);
            }
        };
        self.budget.answered(own_id);
        let author = reply.actor.id.clone();
        match public_note(&object) {
            Some((by, note)) if by == author && note.id == own_id => {
                if note.updated != reply.updated {
                    let changed = written(note, &author, &object);
                    let argument = (author, reply.id.clone(), changed);
                    let done = blocking(instance, argument, |instance, (author, id, changed)| {
                        update::change(instance, author, id, changed)
                    });
                    if let Err(refusal) = done.await {
                        tracing::debug!("{own_id} can't be renewed: {refusal}");
                    }
                }
                Ok(Renewed::Known(object))
            }
            // No longer for everybody, or no longer what it was.
            _ => {
                moderation::forget(instance, reply)?;
                Ok(Renewed::Gone)
            }
        }
    }
}

/// What became of a post.
enum Fetched {
    Kept,
    Refused,
    Waiting,
}

/// Whether a wait until then is over; none is longer than the longest, unless the clock has been put back.
fn is_over(again: Timestamp, now: Timestamp) -> bool {
    let left = again.duration_since(now);
    left <= SignedDuration::ZERO || left > AGAIN
}

/// What became of a reply that was asked for again.
enum Renewed {
    Known(Value),
    Gone,
    Waiting,
}

fn forget(instance: &Instance, id: &str) {
    if let Err(error) = instance.store.remote_walks.delete(id) {
        tracing::debug!("what was walked can't be forgotten: {error}");
    }
}

/// Whether nobody sent us a reply, but it was fetched: then it has no activity but stands for it itself.
fn is_fetched(reply: &Interaction) -> bool {
    reply.remote_object.as_deref() == Some(&reply.activity)
}

/// How many replies are between this one and the page.
fn depth(instance: &Instance, reply: &Interaction) -> Result<usize, StoreError> {
    let mut depth = 0;
    let mut parent = reply.in_reply_to.clone();
    while let Some(above) = parent
        && depth < DEPTH
    {
        depth += 1;
        let id = Interaction::id_of(InteractionKind::Reply, "", None, Some(&above));
        parent = instance
            .store
            .interactions
            .get(&id)?
            .and_then(|above| above.in_reply_to);
    }
    Ok(depth)
}

/// A post that everybody may see, and its author, who is at home where it lies.
fn public_note(object: &Value) -> Option<(String, Note)> {
    if value::depth(object) > NESTING {
        return None;
    }
    let note = Note::read(object).filter(|note| note.public)?;
    let author = note
        .authors
        .iter()
        .find(|author| value::same_host(author, &note.id))?
        .clone();
    note.is_by(&author).then_some((author, note))
}

/// What the inbox would have got.
fn written(note: Note, author: &str, object: &Value) -> Written {
    Written {
        activity: note.id.clone(),
        raw: json!({ "type": "Create", "actor": author, "object": object }),
        note,
    }
}
