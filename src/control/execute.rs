//! The one function that carries out commands, for the daemon and for a command that finds no daemon.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Command, Engine, Failure, FollowerAction, Format, Progress, Reply, Role, Watcher, code, show, word,
};
use crate::aside;
use crate::deliver;
use crate::hooks;
use crate::inbox::follow::{self, FollowerError};
use crate::instance::Instance;
use crate::publish::{self, Done, NoteRequest, PublishError, Selection, profile};
use crate::store::StoreError;
use crate::widget;

/// How long `--wait` waits for the first attempts: longer than the slowest server may take, often.
const WAIT: Duration = Duration::from_secs(600);

/// How long a rotation waits for the first attempts: as long as a slow server may take. Who is told later still gets the
/// Update signed with the former key.
const ROTATION: Duration = Duration::from_secs(25);

/// Carries out a command.
///
/// # Errors
/// What went wrong, with the exit code that the command's process ends with.
pub async fn execute(engine: &Arc<Engine>, command: Command, watcher: Watcher) -> Result<Reply, Failure> {
    let waits = matches!(
        command,
        Command::Publish { wait: true, .. } | Command::Note { wait: true, .. }
    );
    let before = if waits {
        queued(&engine.instance)?
    } else {
        BTreeSet::new()
    };
    let looks = command.looks();
    let mut reply = perform(engine, command, &watcher).await?;
    if waits {
        reply.notes.extend(wait(engine, &before, &watcher).await?);
    } else if engine.role == Role::Command && !looks {
        let waiting = deliver::queue(&engine.instance)?.len();
        if waiting > 0 {
            reply.notes.push(format!(
                "{} for the daemon: `tidings serve`",
                several(waiting, "delivery waits", "deliveries wait")
            ));
        }
    }
    Ok(reply)
}

async fn perform(engine: &Arc<Engine>, command: Command, watcher: &Watcher) -> Result<Reply, Failure> {
    match command {
        Command::Plan => {
            let outlook = engine
                .publisher
                .plan(reading(watcher))
                .await
                .map_err(publishing)?;
            let mut reply = Reply::data(json!(outlook));
            // Without a daemon they went to the command's own log.
            if engine.role == Role::Daemon {
                let warnings = outlook.warnings.into_iter();
                reply
                    .notes
                    .extend(warnings.map(|warning| format!("warning: {warning}")));
            }
            Ok(reply)
        }
        Command::Explain { pages } => {
            let explained = engine
                .publisher
                .explain(pages, reading(watcher))
                .await
                .map_err(publishing)?;
            Ok(Reply::data(json!(explained)))
        }
        Command::Survey => {
            let survey = engine
                .publisher
                .survey(reading(watcher))
                .await
                .map_err(publishing)?;
            Ok(Reply::data(json!(survey)))
        }
        Command::Publish { pages, .. } => {
            let selection = if pages.is_empty() {
                Selection::All
            } else {
                Selection::Pages(pages)
            };
            let done = engine
                .publisher
                .publish(selection, reading(watcher))
                .await
                .map_err(publishing)?;
            Ok(done_reply(&done))
        }
        Command::Note {
            text,
            actor,
            visibility,
            reply_to,
            ..
        } => {
            let request = NoteRequest {
                text,
                actor,
                visibility,
                reply_to,
            };
            let done = engine.publisher.note(request).await.map_err(publishing)?;
            Ok(done_reply(&[done]))
        }
        Command::Unpublish { targets } => {
            let done = engine.publisher.unpublish(&targets).await.map_err(publishing)?;
            Ok(done_reply(&done))
        }
        Command::Rotate { actor } => rotate(engine, actor).await,
        Command::TryHooks => Ok(try_hooks(&engine.instance).await),
        other => {
            // The store blocks.
            let engine = Arc::clone(engine);
            let watcher = Arc::clone(watcher);
            aside::run(move || on_store(&engine, other, &watcher))
                .await
                .map_err(|error| Failure::failed(format!("the work was interrupted: {error}")))?
        }
    }
}

/// Tells every hook of a made-up event, and says how it went.
async fn try_hooks(instance: &Instance) -> Reply {
    let config = instance.config();
    let mut tried = Vec::new();
    for hook in &config.hooks {
        let now = instance.clock.now();
        let result = hooks::try_out(hook, &instance.client, &instance.place, &config, now).await;
        let mut entry = json!({ "hook": hooks::label(hook), "error": result.as_ref().err() });
        entry["printed"] = result.unwrap_or_default().into();
        tried.push(entry);
    }
    Reply::data(Value::Array(tried))
}

/// Makes new keys, announces them with the present ones, and puts them in place when everybody was told.
async fn rotate(engine: &Arc<Engine>, actor: Option<String>) -> Result<Reply, Failure> {
    let instance = &engine.instance;
    let config = instance.config();
    let name = match &actor {
        Some(name) => {
            let name = name.trim_start_matches('@');
            if config.actor(name).is_none() {
                return Err(Failure::failed(format!("there is no actor {name}"))
                    .hint("`tidings actor show` lists them"));
            }
            name.to_string()
        }
        None => config.default_actor().name.clone(),
    };
    let before = queued(instance)?;
    let announced = blocking(instance, {
        let name = name.clone();
        move |instance| profile::begin_rotation(instance, &name)
    })
    .await?;
    let sent: Vec<String> = queued(instance)?.difference(&before).cloned().collect();
    if engine.role == Role::Command {
        deliver::drain(instance).await?;
    }
    deliver::wait(instance, &sent, ROTATION).await?;
    blocking(instance, {
        let name = name.clone();
        move |instance| instance.keys.finish_rotation(&name)
    })
    .await?;
    Ok(Reply {
        notes: vec![format!(
            "{name} has new keys; {} told",
            several(announced.inboxes, "inbox is", "inboxes are")
        )],
        data: json!(announced),
    })
}

/// Does what waits for the disk where it holds up nobody.
async fn blocking<T: Send + 'static>(
    instance: &Arc<Instance>,
    work: impl FnOnce(&Instance) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Failure> {
    let instance = Arc::clone(instance);
    let done = aside::run(move || work(&instance)).await;
    Ok(done.map_err(|error| Failure::failed(format!("the work was interrupted: {error}")))??)
}

/// The commands that need nothing but the store.
fn on_store(engine: &Engine, command: Command, watcher: &Watcher) -> Result<Reply, Failure> {
    let instance = &*engine.instance;
    let step = |doing: &'static str| {
        move |done: usize, total: usize| {
            watcher(Progress {
                doing: doing.to_string(),
                done: done as u64,
                total: total as u64,
            });
        }
    };
    match command {
        Command::Status => show::status(engine),
        Command::Render { format } => render(instance, format),
        Command::Followers => show::followers(instance),
        Command::Follower { action, actor } => follower(instance, action, &actor),
        Command::Interactions { filter } => word::interactions(instance, filter, &mut step("reading")),
        Command::Interaction { action, id } => word::interaction(instance, action, &id),
        Command::Queue => Ok(Reply::data(json!(deliver::queue(instance)?))),
        Command::Retry { host } => {
            let count = deliver::retry(instance, host.as_deref())?;
            let deliveries = several(count, "delivery is", "deliveries are");
            Ok(Reply {
                data: json!({ "retried": count }),
                notes: vec![format!("{deliveries} tried again now")],
            })
        }
        Command::Drop { host } => {
            let count = deliver::drop(instance, &host)?;
            let deliveries = several(count, "delivery", "deliveries");
            let were = if count == 1 { "was" } else { "were" };
            Ok(Reply {
                data: json!({ "dropped": count }),
                notes: vec![format!("{deliveries} to {host} {were} given up")],
            })
        }
        Command::Blocks => show::blocks(instance),
        Command::Block { blocks } => word::block(instance, &blocks, &mut step("blocking")),
        Command::Unblock { block } => word::unblock(instance, &block),
        Command::Actors => show::actors(instance),
        Command::UpdateActors => {
            let announced = profile::update(instance)?;
            let mut reply = Reply::data(json!(announced));
            if announced.is_empty() {
                reply.notes.push("nothing to announce".to_string());
            }
            for actor in announced {
                reply.notes.push(format!(
                    "{} is announced to {}",
                    actor.actor,
                    several(actor.inboxes, "inbox", "inboxes")
                ));
            }
            Ok(reply)
        }
        Command::Keys => show::keys(instance),
        Command::Hooks => Ok(show::hooks(instance)),
        Command::TryHooks
        | Command::Plan
        | Command::Explain { .. }
        | Command::Survey
        | Command::Publish { .. }
        | Command::Note { .. }
        | Command::Unpublish { .. }
        | Command::Rotate { .. } => Err(Failure::failed("this command doesn't work on the store alone")),
    }
}

fn follower(instance: &Instance, action: FollowerAction, actor: &str) -> Result<Reply, Failure> {
    let (done, what) = match action {
        FollowerAction::Approve => (follow::approve(instance, actor), "follows now"),
        FollowerAction::Reject => (follow::reject(instance, actor), "was rejected"),
        FollowerAction::Remove => (follow::remove(instance, actor), "follows no longer"),
    };
    let done = done.map_err(|error| match error {
        FollowerError::Store(error) => error.into(),
        error @ FollowerError::Unknown(_) => Failure::failed(error),
    })?;
    let notes = done
        .iter()
        .map(|follower| format!("{} {what}", follower.handle))
        .collect();
    Ok(Reply {
        data: done.iter().map(show::follower).collect(),
        notes,
    })
}

fn render(instance: &Instance, format: Format) -> Result<Reply, Failure> {
    let mut pages = Vec::new();
    for page in widget::pages(instance) {
        let said = widget::interactions(instance, &page.path)?.unwrap_or_default();
        pages.push(match format {
            Format::Html => json!({ "page": page.path, "html": widget::thread(instance, &page.path)? }),
            Format::Json => json!({ "page": page.path, "said": said }),
            Format::Data => json!({
                "page": page.path, "html": widget::thread(instance, &page.path)?, "counts": said["counts"],
            }),
        });
    }
    Ok(Reply::data(Value::Array(pages)))
}

fn done_reply(done: &[Done]) -> Reply {
    let mut reply = Reply::data(json!(done));
    if done.is_empty() {
        reply.notes.push("nothing to publish".to_string());
    }
    reply
}

/// Tells a watcher how far the reading of pages is: some of the steps, and the last.
pub fn reading(watcher: &Watcher) -> publish::Progress {
    /// Steps in which a bar moves: more than a terminal has columns, and few enough for the socket.
    const STEPS: usize = 200;
    let watcher = Arc::clone(watcher);
    Arc::new(move |done, total| {
        if done == total || done % (total / STEPS).max(1) == 0 {
            watcher(Progress {
                doing: "reading pages".to_string(),
                done: done as u64,
                total: total as u64,
            });
        }
    })
}

/// A number with its noun.
pub(super) fn several(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The ids of the activities that wait for delivery.
fn queued(instance: &Instance) -> Result<BTreeSet<String>, StoreError> {
    Ok(deliver::queue(instance)?
        .into_iter()
        .map(|waiting| waiting.activity)
        .collect())
}

/// Waits until what wasn't queued `before` was tried once; answers what is left.
async fn wait(
    engine: &Arc<Engine>,
    before: &BTreeSet<String>,
    watcher: &Watcher,
) -> Result<Vec<String>, Failure> {
    let instance = &engine.instance;
    let sent: Vec<String> = queued(instance)?.difference(before).cloned().collect();
    watcher(Progress {
        doing: "delivering".to_string(),
        done: 0,
        total: 0,
    });
    if engine.role == Role::Command {
        deliver::drain(instance).await?;
    }
    let left = deliver::wait(instance, &sent, WAIT).await?;
    let mut notes = Vec::new();
    if left.untried > 0 {
        notes.push(format!(
            "{} not tried yet: see `tidings queue`",
            several(left.untried, "delivery was", "deliveries were")
        ));
    }
    if left.waiting > 0 {
        notes.push(format!(
            "{} failed and will be tried again: see `tidings queue`",
            several(left.waiting, "delivery", "deliveries")
        ));
    }
    Ok(notes)
}

fn publishing(error: PublishError) -> Failure {
    match error {
        PublishError::Store(error) => error.into(),
        error @ PublishError::NoFolder(_) => Failure::new(code::CONFIG, error),
        PublishError::UnknownPage { ref near, .. } => {
            let hint = match near.as_slice() {
                [] => "`tidings plan` says what becomes of each page".to_string(),
                [near @ .., last] if !near.is_empty() => {
                    format!("did you mean {} or {last}?", near.join(", "))
                }
                [only, ..] => format!("did you mean {only}?"),
            };
            Failure::failed(&error).hint(hint)
        }
        error @ (PublishError::NotPublishable { .. } | PublishError::NotPublished(_)) => {
            Failure::failed(error).hint("`tidings plan` says what becomes of each page")
        }
        error @ (PublishError::Restless(_) | PublishError::Note(_) | PublishError::Interrupted(_)) => {
            Failure::failed(error)
        }
    }
}
