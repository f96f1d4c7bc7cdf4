//! Who gets an activity: from its addresses to inboxes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::ap::iri::Local;
use crate::ap::is_public;
use crate::article::Visibility;
use crate::instance::Instance;
use crate::store::{FollowState, StoreError};

/// The fields that address somebody (ActivityPub, section 6.1).
const ADDRESSING: [&str; 5] = ["to", "cc", "bto", "bcc", "audience"];

/// To whom an activity is addressed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addressed {
    /// Names of our actors whose followers get it.
    pub followers_of: BTreeSet<String>,
    /// Ids of everybody else, who must be looked up.
    pub others: BTreeSet<String>,
}

/// Reads the addresses of an activity and of its object. Public is nobody's inbox, and our own actors need no letter.
pub fn addressed(instance: &Instance, activity: &Value) -> Addressed {
    let mut addressed = Addressed::default();
    for document in [activity, &activity["object"]] {
        for field in ADDRESSING {
            for address in ids(&document[field]) {
                if is_public(address) {
                    continue;
                }
                match instance.iris.read(address) {
                    Some(Local::Followers(name)) => {
                        addressed.followers_of.insert(name);
                    }
                    Some(_) => {}
                    None if instance.iris.is_ours(address) => {}
                    None => {
                        addressed.others.insert(address.to_string());
                    }
                }
            }
        }
    }
    addressed
}

/// The ids in a field that may hold one, many, or whole objects.
fn ids(value: &Value) -> Vec<&str> {
    match value {
        Value::String(id) => vec![id],
        Value::Array(many) => many.iter().flat_map(ids).collect(),
        Value::Object(object) => object.get("id").and_then(Value::as_str).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Takes away who mustn't be seen (ActivityPub, section 6: bto and bcc are removed before delivery).
pub fn without_blind(mut activity: Value) -> Value {
    for document in ["", "/object"] {
        if let Some(Value::Object(members)) = activity.pointer_mut(document) {
            members.remove("bto");
            members.remove("bcc");
        }
    }
    activity
}

/// The inboxes of the accepted followers of one of our actors, each once. One letter to a server is enough but for
/// direct messages, which must not be seen by others there.
pub fn followers(
    instance: &Instance,
    actor: &str,
    visibility: Visibility,
) -> Result<BTreeSet<String>, StoreError> {
    let mut inboxes = BTreeSet::new();
    instance.store.followers(actor)?.each(|id, follower| {
        if follower.state == FollowState::Accepted {
            let shared = follower
                .shared_inbox
                .as_deref()
                .filter(|_| visibility != Visibility::Direct);
            let inbox = shared.map_or_else(|| follower.inbox(id), Cow::Borrowed);
            if !inboxes.contains(&*inbox) {
                inboxes.insert(inbox.into_owned());
            }
        }
    });
    Ok(inboxes)
}
