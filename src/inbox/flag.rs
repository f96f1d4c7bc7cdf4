//! Flag: a complaint about one of our actors or objects, kept for the owner.

use super::kept::kept;
use super::verify::Verified;
use super::{Refusal, ours, value};
use crate::instance::Instance;
use crate::sanitize;
use crate::store::Report;

/// Most complaints that are kept; more would be an attack, and the owner has enough to read.
const REPORTS: usize = 1000;
/// Most objects of one complaint; Mastodon lets a moderator choose some dozens.
const OBJECTS: usize = 100;
/// Longest complaint, in characters; Mastodon allows 1,000.
const CONTENT: usize = 4000;

/// Takes a Flag.
pub(super) fn take(instance: &Instance, verified: &Verified) -> Result<(), Refusal> {
    let activity = verified.activity();
    let objects: Vec<String> = activity
        .raw()
        .get("object")
        .map(|objects| value::ids(objects, OBJECTS))
        .unwrap_or_default()
        .into_iter()
        .filter(|id| ours::actor(instance, id).is_some() || ours::object(instance, id).is_some())
        .map(str::to_string)
        .collect();
    if objects.is_empty() {
        return Ok(());
    }
    let reports = &instance.store.reports;
    if reports.len() >= REPORTS {
        tracing::warn!(
            "{REPORTS} complaints are kept; one by {} is not",
            activity.actor()
        );
        return Ok(());
    }
    let content = value::text(activity.raw(), "content")
        .map(|content| sanitize::plain(content).chars().take(CONTENT).collect::<String>());
    let report = Report {
        id: activity.id().map_or_else(|| instance.fresh_id(), str::to_string),
        actor: activity.actor().to_string(),
        objects,
        content,
        received: instance.clock.now(),
        raw: kept(activity.raw()),
    };
    if reports.put_new(&report)? {
        tracing::warn!(
            "{} complains about {}: {}",
            report.actor,
            report.objects.join(", "),
            reports.path(&report.id).display()
        );
    }
    Ok(())
}
