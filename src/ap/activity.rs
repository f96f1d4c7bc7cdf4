//! Activities: what our actors do, as it is sent and served. Each has `id`, `to`, `cc` and `published` on itself, because
//! Pleroma and Akkoma look nowhere else.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::iri::{Iris, create_id};
use super::{PUBLIC, context, is_public, object};

/// Who does something, under which ID, and when.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    /// The maker of our ids.
    pub iris: &'a Iris,
    /// The name of the actor.
    pub actor: &'a str,
    /// The ID of the activity: the last segment of its id.
    pub id: &'a str,
    /// When.
    pub at: Timestamp,
}

impl Deed<'_> {
    fn activity(&self, kind: &str, message: Message) -> Value {
        let actor = self.iris.actor(self.actor);
        message.done(kind, &self.iris.activity(self.id), &actor, &self.at.to_string())
    }
}

/// What an activity says, and to whom.
struct Message {
    context: Value,
    to: Value,
    cc: Value,
    object: Value,
}

impl Message {
    fn done(self, kind: &str, id: &str, actor: &str, published: &str) -> Value {
        let mut activity = json!({
            "@context": null, "id": id, "type": kind, "actor": actor, "published": published,
        });
        activity["@context"] = self.context;
        activity["to"] = self.to;
        activity["cc"] = self.cc;
        activity["object"] = self.object;
        activity
    }
}

/// The Create of an object. It follows from the object alone, so that it can be served for baseline pages, whose Create
/// was never sent; hence `published` is the object's.
pub fn create(iris: &Iris, actor: &str, key: &str, object: &Value) -> Value {
    let published = object["published"].as_str().unwrap_or_default();
    let message = Message {
        context: context::object(),
        to: object["to"].clone(),
        cc: object["cc"].clone(),
        object: embedded(object),
    };
    message.done(
        "Create",
        &iris.activity(&create_id(key)),
        &iris.actor(actor),
        published,
    )
}

/// The Update of an object.
pub fn update(deed: Deed<'_>, object: &Value) -> Value {
    let (to, cc) = (object["to"].clone(), object["cc"].clone());
    deed.activity(
        "Update",
        Message {
            context: context::object(),
            to,
            cc,
            object: embedded(object),
        },
    )
}

/// The Delete of an object, given the object as it was: it goes to whom the object was addressed, and to Public if that was
/// among them at all, so that servers pass it on to whoever may have seen the object.
pub fn delete(deed: Deed<'_>, object: &Value) -> Value {
    let addressed: Vec<&Value> = ["to", "cc"]
        .into_iter()
        .filter_map(|field| object[field].as_array())
        .flatten()
        .collect();
    let is_everybody = |address: &Value| address.as_str().is_some_and(is_public);
    let (to, cc) = if addressed.iter().any(|address| is_everybody(address)) {
        let others = addressed
            .into_iter()
            .filter(|address| !is_everybody(address))
            .cloned()
            .collect();
        (json!([PUBLIC]), others)
    } else {
        (object["to"].clone(), object["cc"].clone())
    };
    let tombstone = object::tombstone(object, deed.at);
    deed.activity(
        "Delete",
        Message {
            context: context::plain(),
            to,
            cc,
            object: embedded(&tombstone),
        },
    )
}

/// The Update of an actor, given its new document.
pub fn update_actor(deed: Deed<'_>, document: &Value) -> Value {
    let followers = deed.iris.followers(deed.actor);
    deed.activity(
        "Update",
        Message {
            context: context::actor(),
            to: json!([PUBLIC]),
            cc: json!([followers]),
            object: embedded(document),
        },
    )
}

/// The Accept of a Follow, which it carries as it came: several servers compare it with the one that they sent.
pub fn accept(deed: Deed<'_>, follow: &Value, follower: &str) -> Value {
    deed.activity(
        "Accept",
        Message {
            context: context::plain(),
            to: json!([follower]),
            cc: json!([]),
            object: embedded(follow),
        },
    )
}

/// The Reject of a Follow or of a QuoteRequest, which it carries as it came.
pub fn reject(deed: Deed<'_>, request: &Value, asker: &str) -> Value {
    deed.activity(
        "Reject",
        Message {
            context: context::quote(),
            to: json!([asker]),
            cc: json!([]),
            object: embedded(request),
        },
    )
}

/// The Accept of a QuoteRequest: `result` is the id of the QuoteAuthorization (FEP-044f).
pub fn accept_quote(deed: Deed<'_>, request: &Value, asker: &str, authorization: &str) -> Value {
    let mut accept = deed.activity(
        "Accept",
        Message {
            context: context::quote(),
            to: json!([asker]),
            cc: json!([]),
            object: embedded(request),
        },
    );
    accept["result"] = json!(authorization);
    accept
}

/// The Undo of one of our own activities, which it carries whole, to the same audience: Threads takes nothing less.
pub fn undo(deed: Deed<'_>, undone: &Value) -> Value {
    let (to, cc) = (undone["to"].clone(), undone["cc"].clone());
    deed.activity(
        "Undo",
        Message {
            context: undone["@context"].clone(),
            to,
            cc,
            object: embedded(undone),
        },
    )
}

/// The stamp that lets `instrument` quote our object (FEP-044f). `id` is the last segment of its id.
pub fn quote_authorization(iris: &Iris, id: &str, actor: &str, key: &str, instrument: &str) -> Value {
    json!({
        "@context": context::quote(),
        "id": iris.quote(id),
        "type": "QuoteAuthorization",
        "attributedTo": iris.actor(actor),
        "interactingObject": instrument,
        "interactionTarget": iris.object(key),
    })
}

/// A document inside another one: without a context of its own.
pub fn embedded(document: &Value) -> Value {
    let Some(members) = document.as_object() else {
        return document.clone();
    };
    members
        .iter()
        .filter(|(name, _)| *name != "@context")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ap::object::{Placed, of_article};
    use crate::article::{Article, Kind, QuotePolicy, Visibility};

    fn iris() -> Iris {
        Iris::new(&url::Url::parse("https://blog.example/").unwrap())
    }

    fn deed(iris: &Iris) -> Deed<'_> {
        Deed {
            iris,
            actor: "blog",
            id: "0123",
            at: "2026-11-21T12:00:00Z".parse().unwrap(),
        }
    }

    fn object(iris: &Iris, visibility: Visibility, updated: Option<&str>) -> Value {
        let article = Article {
            url: "https://blog.example/posts/hello/".into(),
            kind: None,
            title: Some("Hello".into()),
            summary: Some("A greeting".into()),
            content: "<p>Hello, world.</p>".into(),
            language: Some("en".into()),
            published: "2026-11-01T10:00:00+01:00".parse().unwrap(),
            updated: None,
            tags: vec![],
            image: None,
            attachments: vec![],
            sensitive: false,
            actor: None,
            visibility: None,
            featured: false,
            discussion: crate::article::Discussion::Open,
            translations: vec![],
        };
        let placed = Placed {
            iris,
            site: "https://blog.example/",
            actor: "blog",
            key: "posts~hello",
            kind: Kind::Article,
            visibility,
            quotes: QuotePolicy::Anyone,
            updated: updated.map(|at| at.parse().unwrap()),
        };
        of_article(&article, &placed).object
    }

    #[test]
    fn create_update_and_delete_read_as_other_servers_expect() {
        let iris = iris();
        let created = object(&iris, Visibility::Public, None);
        let updated = object(&iris, Visibility::Public, Some("2026-11-20T08:00:00Z"));
        insta::with_settings!({ snapshot_path => "../../tests/snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_json_snapshot!("create", create(&iris, "blog", "posts~hello", &created));
            insta::assert_json_snapshot!("update", update(deed(&iris), &updated));
            insta::assert_json_snapshot!("delete", delete(deed(&iris), &updated));
        });
    }

    #[test]
    fn a_delete_goes_to_public_unless_the_object_never_did() {
        let iris = iris();
        let unlisted = delete(deed(&iris), &object(&iris, Visibility::Unlisted, None));
        assert_eq!(unlisted["to"], json!([PUBLIC]));
        assert_eq!(unlisted["cc"], json!([iris.followers("blog")]));
        let private = delete(deed(&iris), &object(&iris, Visibility::Followers, None));
        assert_eq!(private["to"], json!([iris.followers("blog")]));
        assert_eq!(private["cc"], json!([]));
        assert!(private["object"].get("@context").is_none());
    }

    #[test]
    fn an_accept_carries_the_follow_and_goes_to_the_follower() {
        let iris = iris();
        let follow = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": "https://remote.example/follows/1", "type": "Follow",
            "actor": "https://remote.example/users/ada", "object": iris.actor("blog"), "extra": [1],
        });
        let accept = accept(deed(&iris), &follow, "https://remote.example/users/ada");
        assert_eq!(accept["object"]["id"], follow["id"]);
        assert_eq!(accept["object"]["extra"], follow["extra"]);
        assert_eq!(accept["to"], json!(["https://remote.example/users/ada"]));
        assert_eq!(accept["id"], "https://blog.example/ap/activities/0123");
    }

    #[test]
    fn the_accept_of_a_quote_names_its_stamp() {
        let iris = iris();
        let request = json!({ "id": "https://remote.example/q/1", "type": "QuoteRequest" });
        let stamp = quote_authorization(&iris, "77", "blog", "posts~hello", "https://remote.example/n/1");
        let accept = accept_quote(
            deed(&iris),
            &request,
            "https://remote.example/users/ada",
            stamp["id"].as_str().unwrap(),
        );
        assert_eq!(accept["result"], "https://blog.example/ap/quotes/77");
        assert_eq!(stamp["interactionTarget"], iris.object("posts~hello"));
    }

    #[test]
    fn an_undo_carries_the_whole_activity_and_its_audience() {
        let iris = iris();
        let create = create(
            &iris,
            "blog",
            "posts~hello",
            &object(&iris, Visibility::Public, None),
        );
        let undo = undo(deed(&iris), &create);
        assert_eq!(undo["object"]["type"], "Create");
        assert_eq!((&undo["to"], &undo["cc"]), (&create["to"], &create["cc"]));
    }
}
