//! What the people hear: checks the signature of each activity that arrives, prints it, and remembers it.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use hyper::Request;
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::Value;
use tidings::sig::key::PublicKey;
use tidings::sig::{self, Message, Scheme};
use url::Url;

use crate::deeds;
use crate::people::{Following, Post, World};
use crate::print::{Way, line, short};
use crate::web::{self, ACTIVITY_JSON};

/// How much of a text the timeline shows, in characters.
const EXCERPT: usize = 400;

/// Takes one delivery. An error is a reason to answer 401.
pub(crate) async fn receive(world: &Arc<World>, request: Request<Incoming>) -> Result<()> {
    let (head, body) = request.into_parts();
    let body = web::read(body).await?;
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let target = format!("{}{path}", world.origin);
    let message = Message {
        method: head.method.as_str(),
        target_uri: &target,
        headers: &head.headers,
        body: Some(&body),
    };
    let activity: Value = serde_json::from_slice(&body).context("the body is not JSON")?;
    let actor = id_of(&activity["actor"]).context("the activity has no actor")?;
    let signature = verify(world, &message, &actor).await.with_context(|| {
        format!(
            "refused: {} of {actor}",
            activity["type"].as_str().unwrap_or("something")
        )
    })?;

    let kind = activity["type"].as_str().unwrap_or("(no type)").to_owned();
    let object = &activity["object"];
    let about = match post_of(object, &kind) {
        Some(post) => format!("{} “{}”", post.kind, short(&post.title, 60)),
        None => match object["type"].as_str() {
            Some(kind) => format!("{kind} {}", id_of(object).unwrap_or_default()),
            None => id_of(object).unwrap_or_default(),
        },
    };
    line(
        Way::In,
        &format!("{kind} {about} from {actor}, {signature}, to {}", head.uri.path()),
    );
    hear(world, &kind, &actor, object);
    Ok(())
}

/// Checks the signature, and that its key belongs to the activity's actor. Returns words about it.
async fn verify(world: &World, message: &Message<'_>, actor: &str) -> Result<String> {
    let now = Timestamp::now();
    let mut last = anyhow::anyhow!("no signature");
    for claim in sig::read(message)? {
        let outcome = async {
            let key = key_of(world, claim.key_id(), actor).await?;
            claim.verify(message, &key, now)?;
            anyhow::Ok(())
        };
        match outcome.await {
            Ok(()) => {
                let scheme = match claim.scheme() {
                    Scheme::Cavage => "draft-cavage",
                    Scheme::Rfc9421 => "RFC 9421",
                };
                return Ok(format!("signature good ({scheme})"));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Fetches a key from where it says it is found; it must be the actor's, and on the actor's host.
async fn key_of(world: &World, key_id: &str, actor: &str) -> Result<PublicKey> {
    let reader = world.people.first().context("nobody is here")?;
    let mut url = Url::parse(key_id).with_context(|| format!("the key id {key_id:?} is not a URL"))?;
    url.set_fragment(None);
    ensure!(
        url.origin() == Url::parse(actor)?.origin(),
        "the key {key_id} is on another host than {actor}"
    );
    let document = world
        .client
        .get(url.as_str(), ACTIVITY_JSON, &reader.signer())
        .await?;
    let keys = match &document["publicKey"] {
        Value::Array(keys) => keys.clone(),
        Value::Null => vec![document.clone()],
        key => vec![key.clone()],
    };
    for key in keys {
        let is_it = key["id"] == key_id && key["owner"] == actor;
        if let (true, Some(pem)) = (is_it, key["publicKeyPem"].as_str()) {
            return Ok(PublicKey::from_pem(pem)?);
        }
    }
    bail!("{url} shows no key {key_id} of {actor}")
}

/// What follows from an activity whose signature is good.
fn hear(world: &Arc<World>, kind: &str, actor: &str, object: &Value) {
    match kind {
        "Create" | "Update" => {
            let Some(post) = post_of(object, kind) else {
                // The Update of an actor: what is known of it is fetched afresh next time.
                world.state().accounts.remove(actor);
                return;
            };
            if post.author != actor {
                line(Way::Wrong, &format!("{} isn't {actor}'s to send", post.id));
                return;
            }
            let is_reply = object["inReplyTo"].is_string();
            let is_new = world.remember(post.clone());
            if is_new && kind == "Create" && !is_reply && world.lively() {
                let world = Arc::clone(world);
                tokio::spawn(async move { deeds::react(&world, &post).await });
            }
        }
        "Delete" => {
            let gone = id_of(object).unwrap_or_default();
            world.change(|state| {
                for post in state
                    .timeline
                    .iter_mut()
                    .filter(|post| post.id == gone && post.author == actor)
                {
                    post.gone = true;
                }
            });
        }
        "Accept" | "Reject" => {
            let asked = id_of(object).unwrap_or_default();
            world.change(|state| {
                for following in state.following.values_mut() {
                    match following {
                        Following::Asked(follow) | Following::Accepted(follow)
                            if follow["id"] == asked.as_str() =>
                        {
                            *following = match kind {
                                "Accept" => Following::Accepted(follow.clone()),
                                _ => Following::Not,
                            };
                        }
                        _ => {}
                    }
                }
            });
        }
        _ => {}
    }
}

/// Reads a post from its object; `None` for what is none.
pub(crate) fn post_of(object: &Value, came: &str) -> Option<Post> {
    let kind = object["type"]
        .as_str()
        .filter(|kind| ["Article", "Note"].contains(kind))?;
    let id = id_of(object)?;
    let text = text_of(
        object["content"]
            .as_str()
            .or(object["summary"].as_str())
            .unwrap_or_default(),
    );
    let title = object["name"]
        .as_str()
        .map_or_else(|| short(&text, 60), str::to_owned);
    Some(Post {
        url: object["url"].as_str().unwrap_or(&id).to_owned(),
        author: id_of(&object["attributedTo"])?,
        kind: kind.to_owned(),
        title,
        text: short(&text, EXCERPT),
        came: came.to_owned(),
        seen: Timestamp::now(),
        gone: false,
        deeds: Vec::new(),
        id,
    })
}

/// The id of something that comes whole, or by its id only.
fn id_of(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value["id"].as_str()).map(str::to_owned)
}

/// The words of an HTML text, without scripts and styles.
fn text_of(html: &str) -> String {
    scraper::Html::parse_fragment(&ammonia::clean(html))
        .root_element()
        .text()
        .collect::<Vec<_>>()
        .join(" ")
}
