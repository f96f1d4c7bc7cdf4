//! What publishing would do now, and why: the JSON of `tidings plan`.

use serde::Serialize;
use serde_json::Value;

use super::reading::Look;
use super::{PublishError, draft, survey};
use crate::ap::object::Extent;
use crate::article::Kind;
use crate::instance::Instance;
use crate::site::diff::{Action, Skipped};

/// What publishing would do now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outlook {
    /// What would happen, in this order.
    pub changes: Vec<Forecast>,
    /// Whether it waits for the owner's word.
    pub held: bool,
    /// Why it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_because: Option<String>,
    /// Pages that aren't published, or not yet, and why.
    pub skipped: Vec<Skipped>,
    /// Which of those look like posts all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubtful: Vec<String>,
    /// What the look at the folder met: that it is missing, files that can't be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One change that would happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// What would happen.
    pub action: Action,
    /// The path of the page.
    pub page: String,
    /// The id of the object.
    pub object: String,
    /// What it is sent as.
    pub kind: Kind,
    /// Why.
    pub reason: String,
    /// What would be sent; `null` when nobody is told.
    pub activity: Value,
}

/// The outlook of a look.
pub(super) fn of(instance: &Instance, look: &Look, warnings: Vec<String>) -> Result<Outlook, PublishError> {
    let mut changes = Vec::with_capacity(look.plan.changes.len());
    for change in &look.plan.changes {
        // What changed since is in the next outlook.
        let Some(draft) = draft::of(instance, look, change)? else {
            continue;
        };
        let mut reason = change.reason.clone();
        reason.push_str(match draft.extent {
            Extent::Whole => "",
            Extent::OwnLanguage => {
                "; too large to be sent in all its languages, so its text is in the first alone"
            }
            Extent::Summary => "; too large to be sent whole, so only its summary and link are",
        });
        let tells = change.action == Action::Create || change.announced;
        let stored = &draft.object.object;
        let kind = match stored["formerType"].as_str().or(stored["type"].as_str()) {
            Some("Note") => Kind::Note,
            _ => Kind::Article,
        };
        changes.push(Forecast {
            action: change.action,
            page: change.page.clone(),
            object: instance.iris.object(&change.key),
            kind,
            reason,
            activity: draft
                .object
                .pending
                .filter(|_| tells)
                .map_or(Value::Null, |pending| pending.activity),
        });
    }
    Ok(Outlook {
        changes,
        held: look.plan.held.is_some(),
        held_because: look.plan.held.clone(),
        skipped: look.plan.skipped.clone(),
        doubtful: survey::doubtful(look),
        warnings,
    })
}
