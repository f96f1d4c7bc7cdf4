//! What becomes of one page, or of one object whose page is gone.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Action, Change, First, Known, Mark, New, Others, Plan, Rules, Skipped, State, fresh_key};
use crate::ap::iri;
use crate::article::Impression;
use crate::site::snapshot::{Post, Sighting, Snapshot, Verdict};

/// One comparison under way.
pub(super) struct Comparison<'a> {
    pub(super) now: Timestamp,
    pub(super) rules: &'a Rules<'a>,
    pub(super) snapshot: &'a Snapshot,
    pub(super) plan: &'a mut Plan,
    pub(super) keys: HashSet<Arc<str>>,
    /// Whether there is an object with a KEY besides these.
    pub(super) taken: &'a dyn Fn(&str) -> bool,
}

impl Comparison<'_> {
    /// A page that has an object.
    pub(super) fn seen(&mut self, object: &Known, page: &str, sighting: &Sighting, post: &Post) {
        if object.missing_since.is_some() {
            self.plan.marks.push(Mark::Back(object.key.to_string()));
        }
        if object.state == State::Unpublished {
            self.skip(page, "unpublished; publish it by name to bring it back");
        } else if self.is_changed(object, sighting, post) {
            if !self.waits(page, post) {
                let reason = if object.announced {
                    "the page changed"
                } else {
                    "the page changed; it was never announced, so only servers that reacted to it are told"
                };
                self.change(Action::Update, object, page, reason);
            }
        } else {
            if sighting.canonical != object.canonical {
                self.plan.marks.push(Mark::Canonical {
                    key: object.key.to_string(),
                    canonical: sighting
                        .canonical
                        .url(self.rules.origin, page)
                        .map(Cow::into_owned),
                });
            }
            if !object.announced {
                self.skip(
                    page,
                    "baseline: listed, but not announced; publish it by name to announce it",
                );
            }
        }
    }

    /// Whether a human would say that a page changed since it was published.
    ///
    /// One whose file is the same, and of which the feeds say the same, did not, whatever is made of it: a newer tidings
    /// may read better, and other pages may have taught it what all pages share. Nor did one that looks the same. Of a
    /// record of the first versions, which had no impression, nobody can tell; it is taken as it is from now on.
    fn is_changed(&mut self, object: &Known, sighting: &Sighting, post: &Post) -> bool {
        let same = object.digest == post.digest;
        let impression = Impression {
            source: sighting.source,
            sight: post.sight,
        };
        if !same
            && object.impression.is_some_and(|before| {
                before.source != impression.source && impression.sight.differs(&before.sight)
            })
        {
            return true;
        }
        if !same || object.impression != Some(impression) {
            self.plan.marks.push(Mark::Reread {
                key: object.key.to_string(),
                digest: post.digest,
                fingerprint: post.fingerprint,
                impression,
                discussion: post.discussion,
            });
        }
        false
    }

    /// A page whose object was at another path.
    pub(super) fn moved(&mut self, object: &Known, page: &str, post: &Post, reason: &str) {
        if object.missing_since.is_some() {
            self.plan.marks.push(Mark::Back(object.key.to_string()));
        }
        if object.state == State::Unpublished {
            self.plan.marks.push(Mark::Moved {
                key: object.key.to_string(),
                page: page.to_string(),
            });
            self.skip(page, "unpublished; publish it by name to bring it back");
        } else if !self.waits(page, post) {
            self.change(Action::Move, object, page, reason);
        }
    }

    /// A page without an object.
    pub(super) fn newcomer(&mut self, page: &str, sighting: &Sighting, post: &Post) {
        if self.waits(page, post) {
            return;
        }
        let key = self.fresh_key(page);
        let lost = (self.rules.lost)(&key);
        let late = sighting.standing.late && !sighting.standing.asked;
        if lost || late || self.rules.first == First::Baseline {
            self.skip(
                page,
                if lost {
                    "its record was damaged and put aside: will be listed again, but not announced"
                } else if late {
                    "baseline: the same file was there before and wasn't taken for a post; will be listed but not announced"
                } else {
                    "baseline: there before tidings, will be listed but not announced"
                },
            );
            self.plan.baseline.push(New {
                key,
                page: name(self.snapshot, page),
            });
            return;
        }
        let base = iri::key_of_path(page);
        let reason = if *key == *base {
            "a new page".to_string()
        } else {
            format!("a new page; the KEY {base} was used before")
        };
        self.plan.changes.push(Change {
            action: Action::Create,
            key: key.to_string(),
            page: page.to_string(),
            reason,
            announced: false,
        });
    }

    /// An object whose page is gone, or isn't a post any more.
    pub(super) fn gone(&mut self, object: &Known, others: &Others<'_>) {
        let Some(page) = object.page.as_deref() else {
            return;
        };
        if self.snapshot.hides(page)
            || matches!(
                self.snapshot.pages.get(page).map(|sighting| &sighting.verdict),
                Some(Verdict::Unreadable(_))
            )
        {
            return;
        }
        if self.stays(object, page) {
            if object.missing_since.is_some() {
                self.plan.marks.push(Mark::Back(object.key.to_string()));
            }
            return;
        }
        let why = match others.get(page) {
            Some(reason) => format!("the page is no longer a post: {reason}"),
            None => "the page is gone".to_string(),
        };
        // Noted in the future, it was noted by a clock that was wrong.
        let noted = object.missing_since.filter(|since| *since <= self.now);
        let since = noted.map_or(self.now, |since| since.max(self.rules.leapt.unwrap_or(since)));
        if noted.is_none() {
            self.plan.marks.push(Mark::Missing(object.key.to_string()));
        }
        let end = since
            .checked_add(self.rules.delete_grace)
            .unwrap_or(Timestamp::MAX);
        if end <= self.now {
            self.change(Action::Delete, object, page, &why);
        } else {
            if !others.contains_key(page) {
                self.skip(
                    page,
                    format!("{why}; it will be deleted when it stays so until {end}"),
                );
            }
            self.wake(end);
        }
    }

    /// Whether a page that isn't taken for a post any more has the very file with which it was published: then it isn't
    /// the page that changed but what is thought of it, and what people have seen stays. What the owner excludes goes.
    fn stays(&self, object: &Known, page: &str) -> bool {
        let sighting = self.snapshot.pages.get(page);
        (self.rules.chosen)(page).is_ok()
            && sighting.is_some_and(|sighting| {
                matches!(sighting.verdict, Verdict::Not(_))
                    && object
                        .impression
                        .is_some_and(|before| before.source == sighting.source)
            })
    }

    /// Whether a page is dated in the future; then it is said so, and looked at again when it is due.
    fn waits(&mut self, page: &str, post: &Post) -> bool {
        let waits = post.published > self.now;
        if waits {
            self.skip(
                page,
                format!("dated in the future; waits until {}", post.published),
            );
            self.wake(post.published);
        }
        waits
    }

    fn wake(&mut self, at: Timestamp) {
        self.plan.due = Some(self.plan.due.map_or(at, |due| due.min(at)));
    }

    fn change(&mut self, action: Action, object: &Known, page: &str, reason: &str) {
        self.plan.changes.push(Change {
            action,
            key: object.key.to_string(),
            page: page.to_string(),
            reason: reason.to_string(),
            announced: object.announced,
        });
    }

    fn skip(&mut self, page: &str, reason: impl Into<Cow<'static, str>>) {
        self.plan.skipped.push(Skipped {
            page: name(self.snapshot, page),
            reason: reason.into(),
        });
    }

    fn fresh_key(&mut self, page: &str) -> Arc<str> {
        let key = fresh_key(page, |key| self.keys.contains(key) || (self.taken)(key));
        let key: Arc<str> = key.into();
        self.keys.insert(Arc::clone(&key));
        key
    }
}

/// The path of a page, shared with the snapshot if it is there: there may be a hundred thousand in a plan.
pub(super) fn name(snapshot: &Snapshot, page: &str) -> Arc<str> {
    match snapshot.pages.get_key_value(page) {
        Some((page, _)) => Arc::clone(page),
        None => page.into(),
    }
}
