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

use crate::config::Rates;

/// For how many seconds' worth of failures an address may make them at once; they are forgiven at the configured rate.
const FAILURES_AT_ONCE: f64 = 100.0;
/// What a refusal costs that took neither a fetch nor mathematics.
const CHEAP: f64 = 0.2;
/// For how many seconds' worth of verified activities a host may send them at once: a boost on a large server makes a few
/// thousand in a moment.
const VERIFIED_AT_ONCE: f64 = 6.0;
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

impl Gate {
    /// The limits of an instance.
    pub fn new(rates: Rates) -> Gate {
        #[expect(clippy::cast_precision_loss, reason = "nobody counts that far")]
        let (failures, verified) = (rates.failures as f64 / 60.0, rates.activities as f64 / 60.0);
        Gate {
            failures: Buckets::new((failures * FAILURES_AT_ONCE).max(1.0), failures),
            hosts: Buckets::new((verified * VERIFIED_AT_ONCE).max(1.0), verified),
            readers: Buckets::new(LOOK_UPS, LOOK_UPS_PER_SECOND),
            fetching: Arc::new(Semaphore::new(FETCHING)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            storing: Arc::new(Semaphore::new(STORING)),
            told: Mutex::default(),
        }
    }

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
        let gate = Gate::new(Rates::default());
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
        let gate = Gate::new(Rates::default());
        for n in 0..300u128 {
            gate.failed(IpAddr::V6((0x2001_0db8_u128 << 96 | n).into()), Cost::Dear, at(0));
        }
        assert!(gate.admit("2001:db8::ffff".parse().unwrap(), at(0)).is_err());
        assert!(gate.admit("2001:db8:0:1::1".parse().unwrap(), at(0)).is_ok());
    }

    #[test]
    fn the_owner_sets_the_rates_and_one_host_does_not_use_up_anothers() {
        let gate = Gate::new(Rates {
            failures: 6,
            activities: 60,
        });
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..10 {
            assert_eq!(gate.admit(peer, at(0)), Ok(()));
            gate.failed(peer, Cost::Dear, at(0));
        }
        assert_eq!(
            gate.admit(peer, at(0)),
            Err(10),
            "one is forgiven every ten seconds"
        );
        for _ in 0..6 {
            assert_eq!(gate.verified("a.example", at(0)), Ok(()));
        }
        assert_eq!(gate.verified("a.example", at(0)), Err(1));
        assert_eq!(gate.verified("b.example", at(0)), Ok(()));
        assert_eq!(gate.verified("a.example", at(1)), Ok(()));
    }

    #[tokio::test]
    async fn so_many_verifications_run_so_many_wait_and_others_are_sent_away() {
        let gate = Arc::new(Gate::new(Rates::default()));
        let mut running = Vec::new();
        for _ in 0..FETCHING {
            running.push(gate.place().await.unwrap());
        }
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..WAITING {
            let gate = Arc::clone(&gate);
            waiting.spawn(async move { gate.place().await.is_some() });
        }
        while gate.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(gate.place().await.is_none(), "at once, without waiting");
        drop(running);
        assert!(waiting.join_next().await.unwrap().unwrap());
    }

    #[test]
    fn strangers_are_forgotten_before_they_fill_the_memory() {
        let gate = Gate::new(Rates::default());
        for n in 0..u32::try_from(REMEMBERED).unwrap() * 2 {
            gate.failed(IpAddr::V4(n.into()), Cost::Dear, at(0));
        }
        let buckets = gate.failures.buckets.lock().unwrap();
        assert!(buckets.len() <= REMEMBERED, "{}", buckets.len());
    }

    #[test]
    fn a_reader_may_have_a_few_servers_asked_and_then_waits() {
        let gate = Gate::new(Rates::default());
        let reader = "192.0.2.9".parse().unwrap();
        let asked = (0..20).filter(|_| gate.look_up(reader, at(0)).is_ok()).count();
        assert_eq!(asked, 10);
        assert_eq!(gate.look_up(reader, at(0)), Err(6));
    }
}
