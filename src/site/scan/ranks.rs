//! The files with the smallest hashes: of which [`Sample`](super::sample::Sample) chooses, kept while files come and go.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::sample::{MAX_LOOKED_AT, is_list, rank};

/// The candidates for the sample.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    first: BTreeSet<(u64, Arc<str>)>,
    /// Whether there are files besides that would take the place of one that goes.
    more: bool,
    /// Whether one went, so that they must be looked for.
    short: bool,
}

impl Ranks {
    /// A file came.
    pub(super) fn came(&mut self, file: &str) {
        if is_list(file.as_ref()) {
            return;
        }
        let rank = rank(file.as_ref());
        if self.first.len() >= MAX_LOOKED_AT {
            self.more = true;
            let is_last = |(last, other): &(u64, Arc<str>)| (rank, file) >= (*last, &**other);
            if self.first.last().is_some_and(is_last) {
                return;
            }
            self.first.pop_last();
        }
        self.first.insert((rank, file.into()));
    }

    /// A file went.
    pub(super) fn went(&mut self, file: &str) {
        let candidate = (rank(file.as_ref()), file.into());
        self.short |= self.first.remove(&candidate) && self.more;
    }

    /// The candidates among all files, of which `all` are looked through only if one of the first went.
    pub(super) fn first(&mut self, all: impl Iterator<Item = String>) -> impl Iterator<Item = &Arc<str>> {
        if std::mem::take(&mut self.short) {
            *self = Ranks::default();
            all.for_each(|file| self.came(&file));
        }
        self.first.iter().map(|(_, file)| file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(range: std::ops::Range<usize>) -> Vec<Arc<str>> {
        range.map(|n| format!("posts/{n}.html").into()).collect()
    }

    #[test]
    fn the_first_are_the_same_whatever_came_and_went_before() {
        let all = files(0..1_000);
        let mut ranks = Ranks::default();
        all.iter().for_each(|file| ranks.came(file));
        let (kept, gone) = all.split_at(500);
        gone.iter().for_each(|file| ranks.went(file));
        let left: Vec<Arc<str>> = ranks
            .first(kept.iter().map(ToString::to_string))
            .cloned()
            .collect();
        let mut fresh = Ranks::default();
        kept.iter().rev().for_each(|file| fresh.came(file));
        assert_eq!(left, fresh.first(std::iter::empty()).cloned().collect::<Vec<_>>());
        assert_eq!(left.len(), MAX_LOOKED_AT);
    }
}
