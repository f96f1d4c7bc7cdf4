//! How much an inbox takes, and from whom: what stands between a flood and the key fetches it would cause.
//!
//! By address, failures are counted and not arrivals, so that what verifies is never throttled for having no history;
//! by host, what verified, generously. All memory is bounded.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use quick_cache::unsync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Failures that an address may make at once: a server that lost its keys sends some dozen activities before its owner
/// notices.
const FAILURES: f64 = 300.0;
/// Failures that are forgiven a second.
const FORGIVEN: f64 = 3.0;
/// What a refusal costs that took neither a fetch nor mathematics.
const CHEAP: f64 = 0.2;
/// Verified activities that a host may send at once: a boost on a large server makes a few thousand.
const VERIFIED: f64 = 60_000.0;
/// Verified activities a second that a host may go on with: more than two cores can store.
const VERIFIED_PER_SECOND: f64 = 10_000.0;
/// Look-ups of other servers that a reader may ask for at once: a few misspelt handles.
const LOOK_UPS: f64 = 10.0;
/// Look-ups a second that a reader may go on with: ten a minute.
const LOOK_UPS_PER_SECOND: f64 = 10.0 / 60.0;
/// Addresses and hosts that are remembered; the least used are forgotten first.
const REMEMBERED: usize = 20_000;
/// Verifications that may wait for another server at a time.
const FETCHING: usize = 256;
/// Verifications that may wait for one of those places; more are told to come back.
const WAITING: usize = 4096;
/// How long one waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);
/// Activities that are being stored at a time: fewer than there are threads for what blocks, so that a disk that hangs
/// leaves some for reading and for looking up names.
const STORING: usize = 24;
/// How often the log is told that activities can't be stored: the disk that is full may be its own.
const TELL: SignedDuration = SignedDuration::from_mins(1);
/// What lies further ahead was noted by a clock that has been put back since.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// What a refusal cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Reading only.
    Cheap,
    /// A signature check, or a fetch.
    Dear,
}

/// The limits of all inboxes of an instance.
#[derive(Debug)]
pub struct Gate {
    failures: Buckets<IpAddr>,
    hosts: Buckets<String>,
    readers: Buckets<IpAddr>,
    fetching: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    storing: Arc<Semaphore>,
    /// When the log was last told of trouble with the store, by [`crate::clock::Clock::passed`].
    told: Mutex<Option<SignedDuration>>,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate {
            failures: Buckets::new(FAILURES, FORGIVEN),
            hosts: Buckets::new(VERIFIED, VERIFIED_PER_SECOND),
            readers: Buckets::new(LOOK_UPS, LOOK_UPS_PER_SECOND),
            fetching: Arc::new(Semaphore::new(FETCHING)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            storing: Arc::new(Semaphore::new(STORING)),
            told: Mutex::default(),
        }
    }
}

impl Gate {
    /// Whether an address may try; else the seconds after which it may again.
    pub fn admit(&self, peer: IpAddr, now: Timestamp) -> Result<(), u64> {
        self.failures.room(&subnet(peer), now)
    }

    /// Notes that something from this address was refused.
    pub fn failed(&self, peer: IpAddr, cost: Cost, now: Timestamp) {
        let tokens = match cost {
            Cost::Cheap => CHEAP,
            Cost::Dear => 1.0,
        };
        self.failures.spend(&subnet(peer), tokens, now);
    }

    /// Notes something verified from a host; else the seconds after which it may send again.
    pub fn verified(&self, host: &str, now: Timestamp) -> Result<(), u64> {
        let host = host.to_string();
        self.hosts.room(&host, now)?;
        self.hosts.spend(&host, 1.0, now);
        Ok(())
    }

    /// Notes that a reader at this address wants another server to be asked; else the seconds after which it may.
    pub fn look_up(&self, peer: IpAddr, now: Timestamp) -> Result<(), u64> {
        let reader = subnet(peer);
        self.readers.room(&reader, now)?;
        self.readers.spend(&reader, 1.0, now);
        Ok(())
    }

    /// A place among those that write to the disk.
    pub async fn storing(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.storing)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed")
    }

    /// Whether the log is to be told of trouble with the store; not more often than once a minute.
    pub fn tells_of_trouble(&self, passed: SignedDuration) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|before| passed - before >= TELL);
        if is_due {
            *told = Some(passed);
        }
        is_due
    }

    /// A place among those that wait for another server; `None` when there are too many.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.fetching).try_acquire_owned() {
            return Some(permit);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        tokio::time::timeout(PATIENCE, Arc::clone(&self.fetching).acquire_owned())
            .await
            .ok()?
            .ok()
    }
}

/// Whose failures are counted together: an IPv4 address, or the /64 that an IPv6 user has to itself.
fn subnet(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let bits = u128::from(address) >> 64 << 64;
            IpAddr::V6(bits.into())
        }
        v4 => v4,
    }
}

/// Token buckets, by key.
#[derive(Debug)]
struct Buckets<K: Eq + std::hash::Hash> {
    full: f64,
    per_second: f64,
    buckets: Mutex<Cache<K, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

impl<K: Eq + std::hash::Hash + Clone> Buckets<K> {
    fn new(full: f64, per_second: f64) -> Buckets<K> {
        Buckets {
            full,
            per_second,
            buckets: Mutex::new(Cache::new(REMEMBERED)),
        }
    }

    fn tokens(&self, bucket: Option<&Bucket>, now: Timestamp) -> f64 {
        bucket.map_or(self.full, |bucket| {
            let passed = now.duration_since(bucket.at);
            if passed < -AHEAD {
                return self.full;
            }
            let passed = passed.as_secs_f64().max(0.0);
            (bucket.tokens + passed * self.per_second).min(self.full)
        })
    }

    fn room(&self, key: &K, now: Timestamp) -> Result<(), u64> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = self.tokens(buckets.get(key), now);
        if tokens >= 1.0 {
            return Ok(());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and a few minutes at most"
        )]
        Err(((1.0 - tokens) / self.per_second).ceil().max(1.0) as u64)
    }

    fn spend(&self, key: &K, tokens: f64, now: Timestamp) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let left = (self.tokens(buckets.get(key), now) - tokens).max(0.0);
        buckets.insert(
            key.clone(),
            Bucket {
                tokens: left,
                at: now,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn an_address_that_only_fails_is_told_to_wait_and_forgiven_later() {
        let gate = Gate::default();
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..300 {
            assert_eq!(gate.admit(peer, at(0)), Ok(()));
            gate.failed(peer, Cost::Dear, at(0));
        }
        assert_eq!(gate.admit(peer, at(0)), Err(1));
        assert_eq!(gate.admit("192.0.2.2".parse().unwrap(), at(0)), Ok(()));
        assert_eq!(gate.admit(peer, at(1)), Ok(()));
        let days_ago = at(-3 * 24 * 60 * 60);
        assert_eq!(gate.admit(peer, days_ago), Ok(()), "the clock was put back");
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_counted_together() {
        let gate = Gate::default();
        for n in 0..300u128 {
            gate.failed(IpAddr::V6((0x2001_0db8_u128 << 96 | n).into()), Cost::Dear, at(0));
        }
        assert!(gate.admit("2001:db8::ffff".parse().unwrap(), at(0)).is_err());
        assert!(gate.admit("2001:db8:0:1::1".parse().unwrap(), at(0)).is_ok());
    }
}
