//! Accept and Reject: the other side's answer to what we sent.

use super::activity::ActivityKind;
use super::verify::Verified;
use super::{Refusal, value};
use crate::ap::iri::Local;
use crate::instance::Instance;
use crate::store::{Answer, AnswerVerdict};

/// Takes an answer: it is noted with the activity that it answers, when that is one of ours and was about, or
/// addressed to, who answers.
pub(super) fn take(instance: &Instance, verified: &Verified) -> Result<(), Refusal> {
    let activity = verified.activity();
    let Some(Local::Activity(id)) = activity.object_id().and_then(|id| instance.iris.read(id)) else {
        return Ok(());
    };
    let verdict = match activity.kind() {
        ActivityKind::Accept => AnswerVerdict::Accepted,
        _ => AnswerVerdict::Rejected,
    };
    let who = activity.actor();
    instance.store.activities.update(&id, |sent| {
        let asked = ["object", "to", "cc"]
            .iter()
            .filter_map(|key| sent.activity.get(key))
            .any(|named| value::ids(named, usize::MAX).contains(&who));
        let known = sent
            .answer
            .as_ref()
            .is_some_and(|answer| answer.actor == who && answer.verdict == verdict);
        if !asked || known {
            return false;
        }
        sent.answer = Some(Answer {
            actor: who.to_string(),
            verdict,
            at: instance.clock.now(),
        });
        true
    })?;
    Ok(())
}
