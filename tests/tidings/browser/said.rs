//! A conversation under one page, with everything in it that the widgets can show.

use serde_json::{Value, json};

use super::stage::{PAGE, Stage};
use crate::harness::{Peer, get, wait_for};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// Faces, as the playground's people have them.
const FACES: [(&str, &[u8]); 4] = [
    (
        "ada",
        include_bytes!("../../../examples/playground/avatars/ada.png"),
    ),
    (
        "bjorn",
        include_bytes!("../../../examples/playground/avatars/bjorn.png"),
    ),
    (
        "chihiro",
        include_bytes!("../../../examples/playground/avatars/chihiro.png"),
    ),
    (
        "noor",
        include_bytes!("../../../examples/playground/avatars/noor.png"),
    ),
];
const KOZO: &[u8] = include_bytes!("../../../site-example/public/pictures/paper-kozo.jpg");
const WINDOW: &[u8] = include_bytes!("../../../site-example/public/pictures/window.jpg");
const REGISTER: &[u8] = include_bytes!("../../../site-example/public/pictures/register.jpg");

/// Everybody, with the server they are on; those of [`FACES`] have a face.
const PEOPLE: [(usize, &str, &str); 18] = [
    (0, "ada", "Ada Okafor"),
    (1, "bjorn", "Björn Lindqvist :brush:"),
    (0, "chihiro", "千尋"),
    (1, "noor", "نور الهدى"),
    (0, "tomas", "Tomás Ferreira"),
    (1, "ines", "Inês"),
    (0, "jonas", "Jonas Wieland"),
    (1, "wren", "wren (she/they)"),
    (
        0,
        "the_society_for_the_care_of_old_paper",
        "The Society for the Care of Old Paper, Parchment and Everything That Was Ever Bound",
    ),
    (1, "kofi", "Kofi"),
    (0, "lena", "Lena M."),
    (1, "pavel", "Pavel"),
    (0, "quinn", "Quinn"),
    (1, "rosa", "Rosa"),
    (0, "sami", "Sami"),
    (1, "uma", "Uma"),
    (0, "viktor", "Viktor"),
    (1, "yara", "Yara"),
];

/// A conversation and those who have it.
pub(super) struct Said {
    peers: [Peer; 2],
    object: String,
    inbox: String,
}

/// Where somebody's answer goes, and when.
struct At<'a> {
    /// 0 for the page, or the number of a reply.
    parent: u32,
    minute: u32,
    more: &'a Value,
}

impl Said {
    /// The peers, whose people have said nothing yet. `third` and `fourth` are their addresses below 127.0.
    pub(super) async fn nobody(addresses: [&str; 2], stage: &Stage) -> Said {
        let peers = [Peer::start(addresses[0]).await, Peer::start(addresses[1]).await];
        for (name, bytes) in FACES {
            let path = format!("/faces/{name}.png");
            peers
                .iter()
                .for_each(|peer| peer.serve_file(&path, "image/png", bytes));
        }
        for peer in &peers {
            peer.serve_file("/brush.png", "image/png", FACES[1].1);
            peer.serve_file("/kozo.jpg", "image/jpeg", KOZO);
            peer.serve_file("/window.jpg", "image/jpeg", WINDOW);
            peer.serve_file("/register.jpg", "image/jpeg", REGISTER);
        }
        for (server, user, name) in PEOPLE {
            let peer = &peers[server];
            let mut document = peer.actor_document(user);
            document["name"] = name.into();
            if FACES.iter().any(|(face, _)| *face == user) {
                document["icon"] = json!({ "type": "Image", "url": peer.id(&format!("/faces/{user}.png")) });
            }
            document["tag"] = brush(peer);
            peer.serve(&format!("/users/{user}"), 200, document);
        }
        Said {
            peers,
            object: stage.object(),
            inbox: format!("{}/ap/inbox", stage.world.origin),
        }
    }

    fn peer(&self, user: &str) -> &Peer {
        let server = PEOPLE.iter().find(|(_, name, _)| *name == user).unwrap().0;
        &self.peers[server]
    }

    async fn post(&self, user: &str, activity: &Value) {
        let status = self.peer(user).post(user, &self.inbox, activity).await;
        assert_eq!(status, 202, "{activity}");
    }

    fn note(&self, user: &str, number: u32, content: &str, at: &At<'_>) -> Value {
        let peer = self.peer(user);
        let parent = match at.parent {
            0 => self.object.clone(),
            number => self.id(number),
        };
        let mut activity = peer.reply(user, number, &parent, content);
        let published = format!(
            "2026-11-{:02}T{:02}:{:02}:00Z",
            14 + at.minute / 600,
            8 + at.minute / 60 % 10,
            at.minute % 60
        );
        activity["published"] = published.as_str().into();
        let note = &mut activity["object"];
        note["published"] = published.as_str().into();
        for (key, value) in at.more.as_object().into_iter().flatten() {
            note[key] = value.clone();
        }
        peer.serve(&format!("/notes/{number}"), 200, activity["object"].clone());
        activity
    }

    /// Whoever wrote a reply by its number.
    fn id(&self, number: u32) -> String {
        let author = WHO[usize::try_from(number).unwrap() - 1];
        self.peer(author).id(&format!("/notes/{number}"))
    }

    /// The origins of the two peers.
    pub(super) fn hosts(&self) -> [String; 2] {
        self.peers.each_ref().map(|peer| peer.origin.clone())
    }

    /// One more reply to the page; they stand in the order of their numbers.
    pub(super) async fn reply(&self, user: &str, number: u32, content: &str) {
        self.say(user, number, content, &json!({})).await;
    }

    /// The same, behind a warning.
    pub(super) async fn warned(&self, user: &str, number: u32, warning: &str, content: &str) {
        self.say(user, number, content, &json!({ "summary": warning }))
            .await;
    }

    async fn say(&self, user: &str, number: u32, content: &str, more: &Value) {
        let at = At {
            parent: 0,
            minute: number,
            more,
        };
        let note = self.note(user, number, content, &at);
        self.post(user, &note).await;
    }

    /// Somebody deletes what they said.
    pub(super) async fn delete(&self, user: &str, number: u32) {
        let peer = self.peer(user);
        let note = peer.id(&format!("/notes/{number}"));
        let delete = json!({
            "@context": "https://www.w3.org/ns/activitystreams", "id": format!("{note}/delete"), "type": "Delete",
            "actor": peer.actor(user), "object": { "id": note, "type": "Tombstone" }, "to": [PUBLIC],
        });
        self.post(user, &delete).await;
    }

    /// Lets them all speak, and waits until everything is shown with its pictures.
    pub(super) async fn everything(&self, stage: &Stage) {
        let second = &self.peers[1];
        let first = &self.peers[0];
        let picture = |peer: &Peer, file: &str, alt: &str| json!({ "type": "Document", "mediaType": "image/jpeg", "url": peer.id(file), "name": alt });
        let plain = json!({});
        let posts: Vec<(u32, u32, &str, Value)> = vec![
            (
                1,
                0,
                "<p>I have cooked paste for years and never once sieved it. I will tomorrow.</p>",
                plain.clone(),
            ),
            (
                2,
                1,
                "<p>Sieve it warm. Cold it is like pushing porridge through a sock.</p>",
                plain.clone(),
            ),
            (
                3,
                2,
                "<p>Which sieve? Mine is for tea and takes an hour.</p>",
                plain.clone(),
            ),
            (
                4,
                3,
                "<p>Horsehair, from a flea market. Nylon does as well, and nobody has to find a horse.</p>",
                plain.clone(),
            ),
            (
                5,
                4,
                "<p>It worked! One lump, and that was my own fault.</p>",
                plain.clone(),
            ),
            (6, 5, "<p>There is always one lump.</p>", plain.clone()),
            (7, 6, "<p>It has its own chair by now.</p>", plain.clone()),
            (
                8,
                0,
                "<p>うちでは生麩糊を使います。一晩水に浸けておくと、だまになりません。</p>",
                json!({ "contentMap": { "ja": "<p>うちでは生麩糊を使います。一晩水に浸けておくと、だまになりません。</p>" }, "content": null }),
            ),
            (
                9,
                0,
                "<p>جدتي كانت تضيف قطرة من زيت القرنفل (clove oil) حتى لا تأكله الحشرات. هل جرّبتِ ذلك؟</p>",
                json!({ "contentMap": { "ar": "<p>جدتي كانت تضيف قطرة من زيت القرنفل (clove oil) حتى لا تأكله الحشرات. هل جرّبتِ ذلك؟</p>" }, "content": null }),
            ),
            (
                10,
                0,
                "<p>I left a jar behind the stove in August. It was green by Tuesday and had opinions by Friday. The lid is still in the garden.</p>",
                json!({ "summary": "Mould, in detail", "sensitive": true }),
            ),
            (
                11,
                0,
                "<p>What a mouse thinks of paste, seen from close by.</p>",
                json!({ "sensitive": true, "attachment": [picture(second, "/register.jpg", "A register with a nest in its spine")] }),
            ),
            (
                12,
                0,
                "<p>Two sheets from the same jar, thin and thinner:</p>",
                json!({ "attachment": [
                    picture(first, "/kozo.jpg", "A sheet of kozo paper, its long fibres lit from behind"),
                    picture(first, "/window.jpg", "The same sheet drying on a window pane"),
                ] }),
            ),
            (
                13,
                0,
                "<p>My notes, for what they are worth :brush::</p><ul><li>1 part flour, 5 parts water</li><li>stir, <em>then</em> heat</li></ul>\
                 <blockquote><p>Paste forgives everything but hurry.</p></blockquote>\
                 <p>The numbers are from <a href=\"https://paste.example/a/very/long/path/to/the/tables?page=2\"><span class=\"invisible\">https://</span><span class=\"ellipsis\">paste.example/a/very/long/path</span><span class=\"invisible\">/to/the/tables?page=2</span></a>, \
                 the rest is <a class=\"mention hashtag\" href=\"https://mastodon.example/tags/patience\">#<span>patience</span></a>.</p>\
                 <pre><code>for jar in jars: label(jar, today)  # or be sorry later, as everybody who has ever opened a fridge</code></pre>",
                json!({ "tag": brush(second) }),
            ),
            (
                14,
                0,
                "<p>Members have used this recipe since 1911. We can find no record of anybody complaining.</p>",
                json!({ "attachment": [
                    picture(first, "/lost.jpg", "The minutes of 1911, page 4"),
                    { "type": "Document", "mediaType": "audio/mpeg", "url": first.id("/reading.mp3"), "name": "The minutes, read aloud" },
                ] }),
            ),
        ];
        for (minute, (number, parent, content, more)) in posts.iter().enumerate() {
            let user = WHO[usize::try_from(*number).unwrap() - 1];
            let at = At {
                parent: *parent,
                minute: u32::try_from(minute).unwrap() * 290,
                more,
            };
            let note = self.note(user, *number, content, &at);
            self.post(user, &note).await;
        }
        self.edit().await;
        for (server, user, _) in PEOPLE.iter().filter(|(_, user, _)| user.len() < 20) {
            let peer = &self.peers[*server];
            let mut like = self.activity(user, "Like");
            if *user == "wren" {
                like["type"] = "EmojiReact".into();
                like["content"] = ":brush:".into();
                like["tag"] = brush(peer);
            }
            self.post(user, &like).await;
        }
        for user in ["ada", "noor", "tomas", "kofi", "rosa"] {
            self.post(user, &self.activity(user, "Announce")).await;
        }
        let id = self.id(1);
        let note = "Do! And lay a sheet of paper on it while it cools, then there is no skin.\n";
        let published = stage
            .world
            .command_with(&["publish", "--note", "-", "--reply-to", &id], note)
            .await;
        assert_eq!(published.code, 0, "{}", published.stderr);
        self.wait(stage).await;
    }

    /// The page of the note that the owner answers with.
    pub(super) async fn note_of_owner(&self, stage: &Stage) -> String {
        let url = format!("{}/ap/interactions?page={PAGE}", stage.world.origin);
        let said = get(&url, "application/json").await.json();
        let answers = said["replies"][0]["replies"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let own = |answer: &&Value| {
            let url = answer["url"].as_str().unwrap_or_default();
            url.starts_with(&stage.world.origin)
        };
        let note = answers.iter().find(own).unwrap();
        note["url"].as_str().unwrap().to_string()
    }

    fn activity(&self, user: &str, kind: &str) -> Value {
        let peer = self.peer(user);
        json!({
            "@context": "https://www.w3.org/ns/activitystreams", "id": peer.id(&format!("/{user}/{kind}")), "type": kind,
            "actor": peer.actor(user), "object": self.object, "to": [PUBLIC], "published": "2026-11-16T09:00:00Z",
        })
    }

    /// The fifth reply is changed.
    async fn edit(&self) {
        let user = WHO[4];
        let at = At {
            parent: 4,
            minute: 4 * 290,
            more: &json!({ "updated": "2026-11-19T19:00:00Z" }),
        };
        let mut update = self.note(
            user,
            5,
            "<p>It worked! Two lumps, and both were my own fault.</p>",
            &at,
        );
        update["type"] = "Update".into();
        update["id"] = self.peer(user).id("/notes/5/update").into();
        self.post(user, &update).await;
    }

    async fn wait(&self, stage: &Stage) {
        let url = format!("{}/ap/widgets/thread?page={PAGE}", stage.world.origin);
        wait_for("the whole conversation with its pictures", || async {
            let html = get(&url, "text/html").await.text();
            let pictures = html.matches("/ap/media/").count();
            let whole = ["15 replies", "17 likes", "5 boosts", "no skin", "Two lumps"];
            (whole.iter().all(|text| html.contains(text)) && pictures >= 20).then_some(())
        })
        .await;
    }
}

/// Who wrote which reply.
const WHO: [&str; 16] = [
    "ada",
    "bjorn",
    "tomas",
    "bjorn",
    "ada",
    "jonas",
    "lena",
    "chihiro",
    "noor",
    "tomas",
    "ines",
    "jonas",
    "wren",
    "the_society_for_the_care_of_old_paper",
    "kofi",
    "uma",
];

fn brush(peer: &Peer) -> Value {
    json!([{ "type": "Emoji", "id": peer.id("/emoji/brush"), "name": ":brush:",
        "icon": { "type": "Image", "mediaType": "image/png", "url": peer.id("/brush.png") } }])
}
