//! The data of commands that only look: the JSON of the contract.

use serde_json::{Value, json};

use super::{Failure, Reply};
use crate::instance::Instance;

/// The followers of all our actors, the latest first.
pub(super) fn followers(instance: &Instance) -> Result<Reply, Failure> {
    let mut found = Vec::new();
    for actor in &instance.config().actors {
        let table = instance.store.followers(&actor.name)?;
        for id in table.ids() {
            if let Some(follower) = table.get(&id)? {
                found.push((follower.since, actor.name.clone(), follower));
            }
        }
    }
    found.sort_by_key(|(since, _, _)| std::cmp::Reverse(*since));
    let list: Vec<Value> = found
        .into_iter()
        .map(|(_, follows, follower)| {
            json!({
                "actor": follower.actor,
                "handle": follower.handle,
                "inbox": follower.inbox,
                "state": follower.state,
                "since": follower.since,
                "follows": follows,
            })
        })
        .collect();
    Ok(Reply::data(Value::Array(list)))
}
