//! How many connections come from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Most connections from one address at once: plenty for a server that delivers, and sixty-four such addresses are needed to
/// take all the room there is.
const MAX_FROM_ONE: usize = 64;

/// Counts connections by address.
#[derive(Debug, Default)]
pub(super) struct Crowd(Mutex<HashMap<IpAddr, usize>>);

/// A connection that is counted until it is dropped.
#[derive(Debug)]
pub(super) struct Guest {
    crowd: Arc<Crowd>,
    address: IpAddr,
}

impl Crowd {
    /// Counts a connection; `None` when there are too many from its address.
    pub(super) fn enter(self: &Arc<Crowd>, address: IpAddr) -> Option<Guest> {
        let address = network(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= MAX_FROM_ONE {
            return None;
        }
        *count += 1;
        Some(Guest {
            crowd: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// What one party has for itself: an IPv4 address, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let bits = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_gets_so_many_connections_and_others_still_come_in() {
        let crowd = Arc::new(Crowd::default());
        let mut guests: Vec<Guest> = (0..MAX_FROM_ONE)
            .map(|n| crowd.enter(format!("2001:db8::{n:x}").parse().unwrap()).unwrap())
            .collect();
        assert!(crowd.enter("2001:db8::ffff".parse().unwrap()).is_none());
        assert!(crowd.enter("2001:db8:0:1::1".parse().unwrap()).is_some());
        guests.pop();
        assert!(crowd.enter("2001:db8::ffff".parse().unwrap()).is_some());
        drop(guests);
        assert!(crowd.0.lock().unwrap().is_empty());
    }
}
