//! Documents that were made lately: a post that is boosted is asked for by thousands of servers in a minute.

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::StatusCode;
use hyper::body::Body as _;
use hyper::header::{CACHE_CONTROL, HeaderMap};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::respond::Reply;
use crate::instance::Instance;

/// Most bytes of documents that are kept: some thousands.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// How many documents there is room for from the beginning.
const EXPECTED: usize = 1_024;

/// What a document weighs besides its body, in bytes: its headers and its place.
const OVERHEAD: u64 = 512;

/// Answers that everybody gets, by path and query.
#[derive(Debug)]
pub(super) struct Documents(Cache<Box<str>, Kept, Bulk>);

/// When a document was made, as far as it can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// [`Instance::version`]
    change: u64,
    /// The minute, because some of what is shown expires, or is counted by age.
    minute: i64,
}

impl Moment {
    /// As it is now; to be asked for before anything is read, so that what changes meanwhile is noticed.
    pub(super) fn now(instance: &Instance) -> Moment {
        Moment {
            change: instance.version(),
            minute: instance.clock.now().as_second().div_euclid(60),
        }
    }
}

#[derive(Clone, Debug)]
struct Kept {
    made: Moment,
    /// Of one that has a number.
    number: Option<u64>,
    status: StatusCode,
    headers: HeaderMap,
    body: Full<Bytes>,
}

#[derive(Clone, Debug)]
struct Bulk;

impl Weighter<Box<str>, Kept> for Bulk {
    fn weight(&self, target: &Box<str>, kept: &Kept) -> u64 {
        target.len() as u64 + kept.body.size_hint().lower() + OVERHEAD
    }
}

impl Documents {
    /// An empty one.
    pub(super) fn new() -> Documents {
        Documents(Cache::with_weighter(EXPECTED, MAX_BYTES, Bulk))
    }

    /// The answer that was given at this moment.
    pub(super) fn get(&self, target: &str, moment: Moment) -> Option<Reply> {
        let kept = self.0.get(target).filter(|kept| kept.made == moment)?;
        Some(kept.reply())
    }

    /// The answer that was given with the document of this number, which is as good at this moment.
    pub(super) fn again(&self, target: &str, moment: Moment, number: u64) -> Option<Reply> {
        let mut kept = self.0.get(target).filter(|kept| kept.number == Some(number))?;
        kept.made = moment;
        self.0.insert(target.into(), kept.clone());
        Some(kept.reply())
    }

    /// Keeps an answer that was made at this moment, if it is a document for everybody.
    pub(super) fn put(&self, target: &str, moment: Moment, number: Option<u64>, reply: &Reply) {
        let is_document = matches!(reply.status(), StatusCode::OK | StatusCode::GONE);
        let cache = reply
            .headers()
            .get(CACHE_CONTROL)
            .and_then(|value| value.to_str().ok());
        let for_everybody = cache.is_some_and(|value| value.starts_with("public"));
        if let Either::Left(body) = reply.body()
            && is_document
            && for_everybody
        {
            let kept = Kept {
                made: moment,
                number,
                status: reply.status(),
                headers: reply.headers().clone(),
                body: body.clone(),
            };
            self.0.insert(target.into(), kept);
        }
    }
}

impl Kept {
    fn reply(self) -> Reply {
        let mut reply = Reply::new(Either::Left(self.body));
        *reply.status_mut() = self.status;
        *reply.headers_mut() = self.headers;
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::respond::{self, Cache};

    const NOW: Moment = Moment { change: 7, minute: 1 };

    #[test]
    fn an_answer_is_good_until_something_changes_or_the_minute_is_over() {
        let documents = Documents::new();
        let reply = respond::document("text/plain", b"hello".to_vec(), Cache::Minute);
        documents.put("/a", NOW, None, &reply);
        let found = documents.get("/a", NOW).unwrap();
        assert_eq!(found.headers(), reply.headers());
        assert!(documents.get("/a", Moment { change: 8, ..NOW }).is_none());
        assert!(documents.get("/a", Moment { minute: 2, ..NOW }).is_none());
        assert!(documents.get("/a?b", NOW).is_none());
    }

    #[test]
    fn a_document_that_is_the_same_after_a_change_is_given_again() {
        let documents = Documents::new();
        let reply = respond::document("text/plain", b"hello".to_vec(), Cache::Revalidate);
        documents.put("/a", NOW, Some(3), &reply);
        let later = Moment { change: 8, ..NOW };
        assert!(documents.again("/a", later, 4).is_none());
        let found = documents.again("/a", later, 3).unwrap();
        assert_eq!(found.headers(), reply.headers());
        assert!(documents.get("/a", later).is_some());
    }

    #[test]
    fn what_is_not_for_everybody_is_not_kept() {
        let documents = Documents::new();
        let private = respond::document("text/plain", b"psst".to_vec(), Cache::Never);
        documents.put("/private", NOW, None, &private);
        documents.put("/problem", NOW, None, &respond::not_found());
        documents.put("/elsewhere", NOW, None, &respond::redirect("/", Cache::Minute));
        for target in ["/private", "/problem", "/elsewhere"] {
            assert!(documents.get(target, NOW).is_none(), "{target}");
        }
    }
}
