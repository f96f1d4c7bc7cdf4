//! The people on the remote server, what they have seen and what they have done.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};
use tidings::sig::Scheme;
use tidings::sig::key::PrivateKey;

use crate::web::{Client, Signer};

/// How many posts the timeline keeps: as many as somebody trying things out will look at.
const TIMELINE: usize = 100;
/// How many of our own activities and notes can still be fetched.
const KEPT: usize = 1000;

/// The ActivityStreams context of what we send.
pub(crate) const CONTEXT: &str = "https://www.w3.org/ns/activitystreams";
/// The collection that means everybody.
pub(crate) const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// One of the people.
pub(crate) struct Person {
    /// The name in the URL.
    pub(crate) user: &'static str,
    /// The name that is shown.
    pub(crate) name: &'static str,
    bio: &'static str,
    /// A picture, PNG.
    pub(crate) avatar: &'static [u8],
    /// The language of what they write.
    pub(crate) language: &'static str,
    /// What they answer, in turn.
    pub(crate) says: &'static [&'static str],
    /// The id of the actor.
    pub(crate) id: String,
    key: PrivateKey,
    key_id: String,
    scheme: Scheme,
}

impl Person {
    /// Signs as this person.
    pub(crate) fn signer(&self) -> Signer<'_> {
        Signer {
            key: &self.key,
            key_id: &self.key_id,
            scheme: self.scheme,
        }
    }

    /// The actor document.
    pub(crate) fn actor(&self) -> Value {
        let id = &self.id;
        let origin = id.split("/users/").next().unwrap_or_default();
        json!({
            "@context": [CONTEXT, "https://w3id.org/security/v1"],
            "id": id, "type": "Person", "preferredUsername": self.user, "name": self.name,
            "summary": format!("<p>{}</p>", self.bio), "url": format!("{origin}/"),
            "inbox": format!("{id}/inbox"), "outbox": format!("{id}/outbox"),
            "followers": format!("{id}/followers"), "following": format!("{id}/following"),
            "endpoints": { "sharedInbox": format!("{origin}/inbox") },
            "icon": { "type": "Image", "mediaType": "image/png", "url": format!("{origin}/avatars/{}.png", self.user) },
            "publicKey": { "id": self.key_id, "owner": id, "publicKeyPem": self.key.public_pem() },
        })
    }
}

/// Somebody on the blog's side: what the people know of an actor.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) inbox: String,
    pub(crate) handle: String,
    pub(crate) outbox: Option<String>,
}

/// Something the blog said.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) kind: String,
    pub(crate) author: String,
    pub(crate) title: String,
    pub(crate) text: String,
    /// How it came: "Create", "Update", "found in the outbox".
    pub(crate) came: String,
    pub(crate) seen: Timestamp,
    pub(crate) gone: bool,
    pub(crate) deeds: Vec<Deed>,
}

/// Something one of the people did to a post.
#[derive(Clone)]
pub(crate) struct Deed {
    /// The number by which a button names it.
    pub(crate) number: u64,
    /// The name of who did it.
    pub(crate) user: &'static str,
    /// "like", "boost", "reply"
    pub(crate) what: &'static str,
    /// The activity, as it was sent.
    pub(crate) activity: Value,
    pub(crate) undone: bool,
}

/// How far somebody has come with following the blog.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Following {
    Not,
    Asked(Value),
    Accepted(Value),
}

/// Whether the people act by themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// They follow, like, boost and answer.
    Lively,
    /// They wait for a button.
    ByHand,
}

/// What changes while the playground runs.
pub(crate) struct State {
    /// Newest first.
    pub(crate) timeline: VecDeque<Post>,
    pub(crate) following: BTreeMap<&'static str, Following>,
    /// Our activities and notes by their ids: `None` when deleted.
    pub(crate) documents: BTreeMap<String, Option<Value>>,
    /// The actors of the blog that were fetched, by id.
    pub(crate) accounts: BTreeMap<String, Account>,
    /// Rises with every change; the page looks at it.
    pub(crate) version: u64,
    counter: u64,
}

/// The remote server: its people, what they know, and the client they speak through.
pub(crate) struct World {
    pub(crate) people: Vec<Person>,
    /// Where the server is found, "http://127.0.0.2:8081".
    pub(crate) origin: String,
    /// The blog as somebody types it, without the leading @.
    pub(crate) blog: String,
    pub(crate) client: Client,
    state: Mutex<State>,
    is_lively: bool,
    /// Makes ids differ from one run to the next: the blog remembers the old ones.
    run: i64,
}

impl World {
    /// Makes the people, with a fresh key each.
    pub(crate) fn new(
        address: SocketAddr,
        blog: String,
        scheme: Scheme,
        client: Client,
        life: Life,
    ) -> Result<World> {
        let origin = format!("http://{address}");
        let mut people = Vec::new();
        for (user, name, bio, language, avatar, says) in CAST {
            let id = format!("{origin}/users/{user}");
            let key = PrivateKey::from_pkcs8_pem(&PrivateKey::generate_rsa()?)?;
            let key_id = format!("{id}#main-key");
            people.push(Person {
                user,
                name,
                bio,
                avatar,
                language,
                says,
                id,
                key,
                key_id,
                scheme,
            });
        }
        let state = State {
            timeline: VecDeque::new(),
            following: people
                .iter()
                .map(|person| (person.user, Following::Not))
                .collect(),
            documents: BTreeMap::new(),
            accounts: BTreeMap::new(),
            version: 0,
            counter: 0,
        };
        let run = Timestamp::now().as_second();
        Ok(World {
            people,
            origin,
            blog,
            client,
            state: Mutex::new(state),
            is_lively: life == Life::Lively,
            run,
        })
    }

    /// The state, for a short look or change; never held across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and lets the open pages know.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state();
        state.version += 1;
        change(&mut state)
    }

    /// Whether the people do things without being told.
    pub(crate) fn lively(&self) -> bool {
        self.is_lively
    }

    /// The person of that name.
    pub(crate) fn person(&self, user: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.user == user)
    }

    /// A number that was never given before.
    pub(crate) fn number(&self) -> u64 {
        let mut state = self.state();
        state.counter += 1;
        state.counter
    }

    /// A fresh id under `/activities/` or `/notes/`.
    pub(crate) fn new_id(&self, folder: &str) -> String {
        format!("{}/{folder}/{:x}-{}", self.origin, self.run, self.number())
    }

    /// Puts a post at the head of the timeline, or, when it is there already, in the place of its old version.
    /// True when it is new.
    pub(crate) fn remember(&self, post: Post) -> bool {
        self.change(|state| {
            if let Some(old) = state.timeline.iter_mut().find(|old| old.id == post.id) {
                *old = Post {
                    deeds: std::mem::take(&mut old.deeds),
                    ..post
                };
                return false;
            }
            state.timeline.push_front(post);
            state.timeline.truncate(TIMELINE);
            true
        })
    }

    /// Keeps one of our own documents, so that it can be fetched under its id.
    pub(crate) fn keep(&self, document: &Value) {
        if let Some(id) = document["id"].as_str() {
            let mut state = self.state();
            state.documents.insert(id.to_owned(), Some(document.clone()));
            // Ids rise, so the first is the oldest or near enough.
            while state.documents.len() > KEPT {
                state.documents.pop_first();
            }
        }
    }
}

type Part = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [u8],
    &'static [&'static str],
);

const CAST: [Part; 4] = [
    (
        "ada",
        "Ada Okafor",
        "Prints posters with wooden letters. Likes things that fold.",
        "en",
        include_bytes!("avatars/ada.png"),
        &[
            "I tried the same with newsprint once. It held for a week and then there were two newsprints.",
            "Saving this for the next rainy Sunday.",
            "How long does it take you, start to finish?",
        ],
    ),
    (
        "bjorn",
        "Björn Ødegård",
        "Boat builder. Reads slowly, on purpose.",
        "en",
        include_bytes!("avatars/bjorn.png"),
        &[
            "We say the same about larch: it isn't finished moving just because you are finished with it.",
            "Read it twice. The second time aloud, to the dog.",
        ],
    ),
    (
        "chihiro",
        "千尋",
        "紙と糸が好きです。京都。",
        "ja",
        include_bytes!("avatars/chihiro.png"),
        &[
            "とても参考になりました。うちでも試してみます。",
            "写真の紙は楮ですか？手触りが想像できます。",
            "続きを楽しみにしています。",
        ],
    ),
    (
        "noor",
        "Noor Haddad",
        "Library conservator. Changes her mind in public.",
        "en",
        include_bytes!("avatars/noor.png"),
        &[
            "I disagree about one detail, but I would have to see the back of it to say which.",
            "Can I use this in a class? With the link, of course.",
        ],
    ),
];
