//! Commands and webhooks that hear of events.
//!
//! An event becomes one record for each hook that wants it ([`emit`]), durable before the sender has its answer; [`run`]
//! works them off. So nothing here delays the inbox, and a restart forgets nothing. A command or a webhook that fails is
//! tried again, some times, at growing gaps.

use std::collections::HashSet;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::config::{Config, Hook, HookEvent, HookTarget};
use crate::net::Client;
use crate::store::{Call, Store, StoreError, Table};

/// Hooks that run at a time: a boost brings many likes at once, and each may start a program.
const AT_ONCE: usize = 4;
/// How long a command may take; then it is killed.
const COMMAND_TIME: Duration = Duration::from_secs(60);
/// How much of what a command prints is logged, in bytes.
const LOGGED: usize = 4 * 1024;
/// Calls that wait for their turn; later events are dropped, with a warning: a webhook that is down for days must not
/// fill the disk.
const WAITING: usize = 10_000;
/// Gaps between tries of one call. The first tries of Standard Webhooks, over about a day.
const GAPS: [SignedDuration; 7] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(10),
];
/// How often the records are looked through while calls wait, without being told of new ones.
const LOOK: Duration = Duration::from_secs(5);

/// Something that happened, as hooks hear of it.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// What.
    pub event: HookEvent,
    /// The short id of the interaction; of a follow a random one.
    pub id: String,
    /// When it came.
    pub time: Timestamp,
    /// Who: id, name, handle, url and avatar.
    pub actor: Value,
    /// The page that it is about.
    pub page: Option<String>,
    /// Our object that it is about.
    pub object: Option<String>,
    /// Whether everybody may see it.
    pub public: bool,
    /// Clean HTML.
    pub content: Option<String>,
    /// The activity as received.
    pub activity: Value,
}

/// Stores an event for every hook that wants it.
///
/// # Errors
/// What the store says.
pub fn emit(calls: &Table<Call>, hooks: &[Hook], event: &Event, now: Timestamp) -> Result<(), StoreError> {
    let Ok(json) = serde_json::to_value(event) else {
        return Ok(());
    };
    for hook in hooks.iter().filter(|hook| hook.on.contains(&event.event)) {
        if calls.len() >= WAITING {
            tracing::warn!(
                "{WAITING} hook calls are waiting: {} is not told of {}",
                label(hook),
                event.id
            );
            continue;
        }
        let name = name_of(hook);
        calls.put_new(&Call {
            id: call_id(&name, event, now),
            hook: name,
            created: now,
            attempts: 0,
            next: now,
            event: json.clone(),
        })?;
    }
    Ok(())
}

/// A name that a hook keeps as long as its target stays the same: a digest, because arguments may be private.
pub fn name_of(hook: &Hook) -> String {
    let mut digest = Sha256::new();
    match &hook.target {
        HookTarget::Command(command) => {
            digest.update(b"command");
            for part in command {
                digest.update([0]);
                digest.update(part.as_bytes());
            }
        }
        HookTarget::Webhook { url, .. } => {
            digest.update(b"webhook\0");
            digest.update(url.as_str().as_bytes());
        }
    }
    hex(&digest.finalize())
}

/// The id of a call: the same event for the same hook is one call.
fn call_id(hook: &str, event: &Event, now: Timestamp) -> String {
    let digest = Sha256::digest(format!("{hook} {} {}", event.id, event.time));
    format!("{:011x}{}", now.as_millisecond(), hex(&digest))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A hook as logs name it.
fn label(hook: &Hook) -> String {
    match &hook.target {
        HookTarget::Command(command) => command.first().cloned().unwrap_or_default(),
        HookTarget::Webhook { url, .. } => url.host_str().unwrap_or_default().to_string(),
    }
}

/// What the hooks need from outside.
pub struct Surroundings<'a, C> {
    /// Where the calls wait.
    pub store: &'a Store,
    /// Rung when there is a new one.
    pub ring: &'a Notify,
    /// The configuration as it is now.
    pub config: C,
    /// The way out.
    pub client: &'a Client,
    /// The time.
    pub clock: &'a Clock,
}

/// Works off the calls until `shutdown`. What is under way then is tried again after the next start.
pub async fn run<C: Fn() -> Arc<Config>>(around: Surroundings<'_, C>, mut shutdown: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut running: JoinSet<(Call, Result<(), String>)> = JoinSet::new();
    let mut under_way = HashSet::new();
    let mut due: Vec<String> = Vec::new();
    loop {
        if due.is_empty() {
            let now = around.clock.now();
            around.store.calls.each(|id, next| {
                if *next <= now && !under_way.contains(&**id) {
                    due.push(id.to_string());
                }
            });
            // Ids begin with the time: the oldest is told first, and taken from the end.
            due.sort_unstable_by(|one, other| other.cmp(one));
        }
        let config = (around.config)();
        while let Ok(place) = Arc::clone(&room).try_acquire_owned() {
            let Some(id) = due.pop() else { break };
            let call = match around.store.calls.get(&id) {
                Ok(Some(call)) => call,
                Ok(None) => continue,
                Err(error) => {
                    tracing::error!("a hook call can't be read: {error}");
                    continue;
                }
            };
            let Some(hook) = config.hooks.iter().find(|hook| name_of(hook) == call.hook) else {
                tracing::info!("the hook of call {id} is no longer configured: dropped");
                drop_call(around.store, &id);
                continue;
            };
            under_way.insert(id);
            let (hook, client, now) = (hook.clone(), around.client.clone(), around.clock.now());
            running.spawn(async move {
                let result = tell(&hook, &call, &client, now).await;
                drop(place);
                (call, result)
            });
        }
        tokio::select! {
            Some(done) = running.join_next(), if !running.is_empty() => {
                if let Ok((call, result)) = done {
                    under_way.remove(&call.id);
                    settle(around.store, call, result, around.clock.now());
                }
            }
            () = around.ring.notified() => {}
            () = tokio::time::sleep(LOOK), if !around.store.calls.is_empty() => {}
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
    }
}

fn drop_call(store: &Store, id: &str) {
    if let Err(error) = store.calls.delete(id) {
        tracing::error!("a hook call can't be removed: {error}");
    }
}

/// Removes a call that was made, or puts it off.
fn settle(store: &Store, mut call: Call, result: Result<(), String>, now: Timestamp) {
    let Err(reason) = result else {
        return drop_call(store, &call.id);
    };
    let Some(gap) = GAPS.get(call.attempts as usize) else {
        tracing::warn!("a hook failed {} times, given up: {reason}", call.attempts + 1);
        return drop_call(store, &call.id);
    };
    call.attempts += 1;
    call.next = now + *gap;
    tracing::warn!(
        "a hook failed (try {}, next at {}): {reason}",
        call.attempts,
        call.next
    );
    if let Err(error) = store.calls.put(&call) {
        tracing::error!("a hook call can't be put off: {error}");
    }
}

async fn tell(hook: &Hook, call: &Call, client: &Client, now: Timestamp) -> Result<(), String> {
    let body = serde_json::to_vec(&call.event).map_err(|error| error.to_string())?;
    match &hook.target {
        HookTarget::Command(command) => run_command(command, &body).await,
        HookTarget::Webhook { url, secret } => post(client, url, secret, &call.id, body, now).await,
    }
}

/// Runs a command with the event on its standard input; what it prints is logged.
async fn run_command(command: &[String], input: &[u8]) -> Result<(), String> {
    let [program, arguments @ ..] = command else {
        return Err("the command is empty".into());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Its time is up, or we stop.
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{program} can't be started: {error}"))?;
    let stdin = child.stdin.take();
    let work = async {
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A command that doesn't want to read is no failure.
                let _ = stdin.write_all(input).await;
                let _ = stdin.shutdown().await;
            }
        };
        tokio::join!(feed, child.wait_with_output()).1
    };
    let output = match tokio::time::timeout(COMMAND_TIME, work).await {
        Ok(output) => output.map_err(|error| format!("{program}: {error}"))?,
        Err(_) => {
            return Err(format!(
                "{program} took longer than {COMMAND_TIME:?} and was killed"
            ));
        }
    };
    for text in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(&text[..text.len().min(LOGGED)]);
        if !text.trim().is_empty() {
            tracing::info!("{program}: {}", text.trim());
        }
    }
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{program} ended with {}", output.status))
    }
}

/// POSTs the event, signed by Standard Webhooks.
async fn post(
    client: &Client,
    url: &url::Url,
    secret: &str,
    id: &str,
    body: Vec<u8>,
    now: Timestamp,
) -> Result<(), String> {
    let time = now.as_second();
    let signature = webhook_signature(secret, id, time, &body);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [
        ("webhook-id", id),
        ("webhook-timestamp", &time.to_string()),
        ("webhook-signature", &signature),
    ] {
        let value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
        headers.insert(HeaderName::from_static(name), value);
    }
    let host = url.host_str().unwrap_or_default();
    let answer = client
        .post(url, headers, body.into(), crate::net::Reuse::Close)
        .await
        .map_err(|error| error.to_string())?;
    if answer.status.is_success() {
        Ok(())
    } else {
        Err(format!("{host} answered {}", answer.status))
    }
}

/// The value of `webhook-signature`: `v1,` and the HMAC-SHA256 of id, time and body in base64. A secret that begins with
/// `whsec_` is base64, as the specification has it; any other is taken as it is.
///
/// Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
fn webhook_signature(secret: &str, id: &str, time: i64, body: &[u8]) -> String {
    let key = secret
        .strip_prefix("whsec_")
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .unwrap_or_else(|| secret.as_bytes().to_vec());
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    context.update(format!("{id}.{time}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_signed_as_the_specification_has_it() {
        // The example of the specification's reference libraries.
        assert_eq!(
            webhook_signature(
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#,
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_hook_keeps_its_name_when_only_its_secret_changes() {
        let hook = |url: &str, secret: &str| Hook {
            on: vec![HookEvent::Like],
            target: HookTarget::Webhook {
                url: url.parse().unwrap(),
                secret: secret.into(),
            },
        };
        assert_eq!(
            name_of(&hook("https://a.example/", "x")),
            name_of(&hook("https://a.example/", "y"))
        );
        assert_ne!(
            name_of(&hook("https://a.example/", "x")),
            name_of(&hook("https://b.example/", "x"))
        );
    }

    #[tokio::test]
    async fn a_command_reads_the_event_and_its_failure_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("event.json");
        let script = format!("cat > {}", file.display());
        run_command(&["sh".into(), "-c".into(), script], b"{}")
            .await
            .unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"{}");
        let failure = run_command(&["sh".into(), "-c".into(), "exit 3".into()], b"{}").await;
        assert!(failure.unwrap_err().contains('3'));
        assert!(run_command(&["/no/such/program".into()], b"{}").await.is_err());
        run_command(&["true".into()], &vec![b'x'; 1 << 20]).await.unwrap();
    }
}
