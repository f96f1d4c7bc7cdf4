//! What the people do: find the blog, follow it, like, boost, answer, and take it back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::inbox::post_of;
use crate::people::{Account, CONTEXT, Deed, Following, PUBLIC, Person, Post, World};
use crate::print::{Way, line, short};
use crate::web::{ACTIVITY_JSON, escape};

/// How often somebody looks whether tidings is up by now.
const KNOCK: Duration = Duration::from_secs(2);
/// How many posts of the outbox a new follower reads.
const FIRST_READ: usize = 3;

/// The people come, find the blog by WebFinger, follow it, and read what is there.
pub(crate) async fn arrive(world: &Arc<World>) {
    let mut waited = false;
    let account = loop {
        match find(world).await {
            Ok(account) => break account,
            Err(error) => {
                if !waited {
                    line(
                        Way::Hint,
                        &format!("waiting for tidings: `cargo run --release -- serve` ({error:#})"),
                    );
                    waited = true;
                }
                sleep(KNOCK).await;
            }
        }
    };
    line(
        Way::Out,
        &format!("@{} is found by WebFinger: {}", world.blog, account.id),
    );
    for person in &world.people {
        report(follow(world, person).await);
        sleep(Duration::from_millis(900)).await;
    }
    let followed = |world: &World| {
        world
            .state()
            .following
            .values()
            .any(|following| matches!(following, Following::Accepted(_)))
    };
    for _ in 0..20 {
        if followed(world) {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
    if let Err(error) = read_outbox(world, &account).await {
        line(Way::Wrong, &format!("the outbox can't be read: {error:#}"));
    }
}

/// Reads the newest posts, as a curious follower does, and answers the newest if nobody has yet.
async fn read_outbox(world: &Arc<World>, account: &Account) -> Result<()> {
    let reader = world.people.first().context("nobody is here")?;
    let outbox = account.outbox.as_deref().context("the account has no outbox")?;
    let collection = world.client.get(outbox, ACTIVITY_JSON, &reader.signer()).await?;
    let page = match &collection["first"] {
        Value::String(first) => world.client.get(first, ACTIVITY_JSON, &reader.signer()).await?,
        Value::Object(first) => Value::Object(first.clone()),
        _ => collection,
    };
    let items = page["orderedItems"].as_array().cloned().unwrap_or_default();
    let mut posts = Vec::new();
    for item in items.iter().take(FIRST_READ) {
        let object = match &item["object"] {
            Value::String(id) => world.client.get(id, ACTIVITY_JSON, &reader.signer()).await?,
            object => object.clone(),
        };
        posts.extend(post_of(&object, "found in the outbox"));
    }
    line(
        Way::In,
        &format!("the outbox holds {} on its first page", items.len()),
    );
    for post in posts.iter().rev() {
        world.remember(post.clone());
    }
    if let Some(newest) = posts.first() {
        let likes = world
            .client
            .get(&format!("{}/likes", newest.id), ACTIVITY_JSON, &reader.signer())
            .await;
        // From an earlier run of the playground.
        let is_known = likes.is_ok_and(|likes| likes["totalItems"].as_u64().unwrap_or(0) > 0);
        if !is_known {
            react(world, newest).await;
        }
    }
    Ok(())
}

/// What happens by itself when a post arrives.
pub(crate) async fn react(world: &Arc<World>, post: &Post) {
    let title = short(&post.title, 40);
    let act = async |user: &str, wait: u64, what: What| {
        sleep(Duration::from_millis(wait)).await;
        let person = world.person(user).context("nobody of that name")?;
        act(world, person, &post.id, what).await
    };
    report(act("ada", 1500, What::Like).await);
    report(act("bjorn", 1500, What::Boost).await);
    let reply = act("chihiro", 2000, What::Reply(None)).await;
    line(
        Way::Hint,
        "a first reply waits for the owner: tidings interactions list, then: tidings interactions approve ID",
    );
    let answered = reply
        .as_ref()
        .ok()
        .and_then(|deed| deed.activity["object"]["id"].as_str().map(str::to_owned));
    report(reply);
    let regretted = act("noor", 1500, What::Like).await;
    if let Some(note) = answered {
        sleep(Duration::from_millis(1500)).await;
        if let Some(ada) = world.person("ada") {
            report(reply_to(world, ada, &post.id, &note, None).await);
        }
    }
    if let Ok(deed) = &regretted {
        sleep(Duration::from_secs(4)).await;
        report(undo(world, &post.id, deed.number).await);
        line(
            Way::Hint,
            &format!("that was {title}; read it under the page: {}", post.url),
        );
    }
}

/// What a button asks for.
pub(crate) enum What {
    Like,
    Boost,
    /// With these words, or with the next of the person's own.
    Reply(Option<String>),
}

/// One of the people does something to a post.
pub(crate) async fn act(world: &World, person: &Person, post: &str, what: What) -> Result<Deed> {
    match what {
        What::Reply(words) => reply_to(world, person, post, post, words).await,
        What::Like => {
            let author = author_of(world, person, post).await?;
            let activity = json!({
                "@context": CONTEXT, "id": world.new_id("activities"), "type": "Like", "actor": person.id,
                "object": post, "to": [author.id],
            });
            done(world, person, post, "like", activity, &author).await
        }
        What::Boost => {
            let author = author_of(world, person, post).await?;
            let activity = json!({
                "@context": CONTEXT, "id": world.new_id("activities"), "type": "Announce", "actor": person.id,
                "published": Timestamp::now().to_string(), "object": post,
                "to": [PUBLIC], "cc": [author.id, format!("{}/followers", person.id)],
            });
            done(world, person, post, "boost", activity, &author).await
        }
    }
}

/// Answers `target`: the post itself, or a reply to it.
async fn reply_to(
    world: &World,
    person: &Person,
    post: &str,
    target: &str,
    words: Option<String>,
) -> Result<Deed> {
    let author = author_of(world, person, post).await?;
    let words = match words {
        Some(words) => words,
        None => {
            let turn = usize::try_from(world.number()).unwrap_or(0) % person.says.len();
            person.says[turn].to_owned()
        }
    };
    let id = world.new_id("notes");
    let now = Timestamp::now().to_string();
    let mention = format!(
        "<span class=\"h-card\"><a class=\"u-url mention\" href=\"{}\">@{}</a></span>",
        escape(&author.id),
        escape(author.handle.split('@').next().unwrap_or_default())
    );
    let content = format!("<p>{mention} {}</p>", escape(&words).replace('\n', "<br>"));
    let (to, cc) = (
        json!([PUBLIC]),
        json!([author.id, format!("{}/followers", person.id)]),
    );
    let note = json!({
        "id": id, "type": "Note", "url": id, "attributedTo": person.id, "inReplyTo": target, "published": now,
        "content": content, "contentMap": { person.language: content }, "to": to, "cc": cc,
        "tag": [{ "type": "Mention", "href": author.id, "name": format!("@{}", author.handle) }],
    });
    let activity = json!({
        "@context": CONTEXT, "id": world.new_id("activities"), "type": "Create", "actor": person.id,
        "published": now, "to": to, "cc": cc, "object": note,
    });
    let mut stored = note;
    stored["@context"] = json!(CONTEXT);
    world.keep(&stored);
    done(world, person, post, "reply", activity, &author).await
}

/// Takes back what was done to a post: an Undo, or of a reply a Delete.
pub(crate) async fn undo(world: &World, post: &str, number: u64) -> Result<Deed> {
    let deed = world
        .state()
        .timeline
        .iter()
        .find(|known| known.id == post)
        .and_then(|known| {
            known
                .deeds
                .iter()
                .find(|deed| deed.number == number && !deed.undone)
                .cloned()
        })
        .context("there is nothing to undo")?;
    let person = world.person(deed.user).context("nobody of that name")?;
    let author = author_of(world, person, post).await?;
    let activity = match deed.activity["object"]["id"].as_str() {
        Some(note) if deed.what == "reply" => {
            world.change(|state| state.documents.insert(note.to_owned(), None));
            json!({
                "@context": CONTEXT, "id": world.new_id("activities"), "type": "Delete", "actor": person.id,
                "to": [PUBLIC], "object": { "id": note, "type": "Tombstone" },
            })
        }
        _ => {
            let mut undone = deed.activity.clone();
            if let Some(undone) = undone.as_object_mut() {
                undone.remove("@context");
            }
            json!({
                "@context": CONTEXT, "id": world.new_id("activities"), "type": "Undo", "actor": person.id,
                "to": deed.activity["to"], "object": undone,
            })
        }
    };
    send(
        world,
        person,
        &activity,
        &author.inbox,
        &format!("takes back the {}", deed.what),
    )
    .await?;
    world.change(|state| {
        let posts = state.timeline.iter_mut().filter(|known| known.id == post);
        for done in posts
            .flat_map(|known| known.deeds.iter_mut())
            .filter(|done| done.number == number)
        {
            done.undone = true;
        }
    });
    Ok(deed)
}

/// Follows the blog.
pub(crate) async fn follow(world: &World, person: &Person) -> Result<()> {
    let account = find(world).await?;
    let activity = json!({
        "@context": CONTEXT, "id": world.new_id("activities"), "type": "Follow", "actor": person.id,
        "object": account.id, "to": [account.id],
    });
    // The Accept may be here before the answer to the Follow is.
    world.change(|state| {
        state
            .following
            .insert(person.user, Following::Asked(activity.clone()))
    });
    let sent = send(
        world,
        person,
        &activity,
        &account.inbox,
        &format!("follows @{}", world.blog),
    )
    .await;
    if sent.is_err() {
        world.change(|state| state.following.insert(person.user, Following::Not));
    }
    sent
}

/// Stops following the blog.
pub(crate) async fn unfollow(world: &World, person: &Person) -> Result<()> {
    let following = world.state().following.get(person.user).cloned();
    let (Some(Following::Asked(follow)) | Some(Following::Accepted(follow))) = following else {
        bail!("{} follows nobody", person.name)
    };
    let account = find(world).await?;
    let mut object = follow;
    if let Some(object) = object.as_object_mut() {
        object.remove("@context");
    }
    let activity = json!({
        "@context": CONTEXT, "id": world.new_id("activities"), "type": "Undo", "actor": person.id,
        "object": object, "to": [account.id],
    });
    send(world, person, &activity, &account.inbox, "stops following").await?;
    world.change(|state| state.following.insert(person.user, Following::Not));
    Ok(())
}

/// Finds the blog's account as every server does: WebFinger first, then the actor.
async fn find(world: &World) -> Result<Account> {
    let reader = world.people.first().context("nobody is here")?;
    let host = world.blog.rsplit('@').next().unwrap_or_default();
    let url = format!("http://{host}/.well-known/webfinger?resource=acct:{}", world.blog);
    let found = world
        .client
        .get(&url, "application/jrd+json", &reader.signer())
        .await?;
    let links = found["links"].as_array().cloned().unwrap_or_default();
    let this = links
        .iter()
        .find(|link| link["rel"] == "self" && link["type"].as_str().is_some_and(|kind| kind.contains("json")))
        .and_then(|link| link["href"].as_str())
        .context("the WebFinger answer names no actor")?;
    account(world, reader, this).await
}

/// Fetches an actor, or takes it from memory.
async fn account(world: &World, reader: &Person, id: &str) -> Result<Account> {
    if let Some(known) = world.state().accounts.get(id) {
        return Ok(known.clone());
    }
    let actor = world.client.get(id, ACTIVITY_JSON, &reader.signer()).await?;
    let field = |name: &str| actor[name].as_str().map(str::to_owned);
    let host = url::Url::parse(id)?;
    let account = Account {
        id: field("id").context("the actor has no id")?,
        inbox: field("inbox").context("the actor has no inbox")?,
        outbox: field("outbox"),
        handle: format!(
            "{}@{}",
            field("preferredUsername").context("the actor has no name")?,
            host.authority()
        ),
    };
    world.state().accounts.insert(id.to_owned(), account.clone());
    Ok(account)
}

async fn author_of(world: &World, reader: &Person, post: &str) -> Result<Account> {
    let author = world
        .state()
        .timeline
        .iter()
        .find(|known| known.id == post)
        .map(|known| known.author.clone());
    account(
        world,
        reader,
        &author.context("that post is not in the timeline")?,
    )
    .await
}

async fn done(
    world: &World,
    person: &Person,
    post: &str,
    what: &'static str,
    activity: Value,
    author: &Account,
) -> Result<Deed> {
    let title = world
        .state()
        .timeline
        .iter()
        .find(|known| known.id == post)
        .map(|known| short(&known.title, 40))
        .unwrap_or_default();
    let verb = match what {
        "like" => "likes",
        "boost" => "boosts",
        _ => "replies to",
    };
    send(
        world,
        person,
        &activity,
        &author.inbox,
        &format!("{verb} “{title}”"),
    )
    .await?;
    let deed = Deed {
        number: world.number(),
        user: person.user,
        what,
        activity,
        undone: false,
    };
    world.change(|state| {
        if let Some(known) = state.timeline.iter_mut().find(|known| known.id == post) {
            known.deeds.push(deed.clone());
        }
    });
    Ok(deed)
}

async fn send(world: &World, person: &Person, activity: &Value, inbox: &str, what: &str) -> Result<()> {
    world.keep(activity);
    let (status, answer) = world
        .client
        .post(inbox, activity, &person.signer())
        .await
        .with_context(|| format!("{} {what}", person.name))?;
    if !status.is_success() {
        bail!("{} {what}: {status} {}", person.name, short(&answer, 200));
    }
    let note = if status == StatusCode::ACCEPTED {
        String::new()
    } else {
        format!(" ({status})")
    };
    line(Way::Out, &format!("{} {what}{note}", person.name));
    Ok(())
}

fn report<T>(outcome: Result<T>) {
    if let Err(error) = outcome {
        line(Way::Wrong, &format!("{error:#}"));
    }
}
