//! How often somebody may upload: for each key, and for each address.
//!
//! Whoever was silent for a minute is forgotten. When too many are remembered all the same, they share one count, so that
//! a crowd of addresses cannot grow it.

use crate::id::Id;
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

/// The most keys and addresses that are told apart.
const MAX_CALLERS: usize = 10_000;
/// The bits of an IPv6 address that one customer has to itself are the others.
const IPV6_PREFIX_BITS: u32 = 64;

/// Whose uploads are counted together.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Caller {
    Key(Id),
    Address(IpAddr),
    Others,
}

/// The counts.
pub struct Rate {
    limiter: RateLimiter<Caller, HashMapStateStore<Caller>, DefaultClock>,
    clock: DefaultClock,
}

impl Rate {
    /// So many uploads a minute, which may come at once; at least one.
    pub fn per_minute(uploads: u32) -> Self {
        let uploads = NonZeroU32::new(uploads).unwrap_or(NonZeroU32::MIN);
        let clock = DefaultClock::default();
        let (quota, store) = (Quota::per_minute(uploads), HashMapStateStore::default());
        Self {
            limiter: RateLimiter::new(quota, store, clock.clone()),
            clock,
        }
    }

    /// Counts an upload. `Err`: how long it would have to wait.
    pub fn admit(&self, key: Option<Id>, address: IpAddr) -> Result<(), Duration> {
        if self.limiter.len() >= MAX_CALLERS {
            self.limiter.retain_recent();
        }
        self.count(Caller::Address(customer(address)))?;
        key.map_or(Ok(()), |key| self.count(Caller::Key(key)))
    }

    fn count(&self, caller: Caller) -> Result<(), Duration> {
        let caller = match self.limiter.len() >= MAX_CALLERS {
            true => Caller::Others,
            false => caller,
        };
        let counted = self.limiter.check_key(&caller);
        counted.map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

/// The part of an address that stands for one customer.
fn customer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::MAX << (u128::BITS - IPV6_PREFIX_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & prefix))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Entropy, SystemEntropy};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_key_and_each_address_has_its_own_count() {
        let entropy: &dyn Entropy = &SystemEntropy;
        let (one, other) = (Some(entropy.id()), Some(entropy.id()));
        let rate = Rate::per_minute(2);
        for (key, from, admitted) in [
            (None, "192.0.2.1", true),
            (None, "192.0.2.1", true),
            (None, "192.0.2.1", false),
            (one, "192.0.2.1", false),
            (None, "192.0.2.2", true),
            (one, "192.0.2.3", true),
            (one, "192.0.2.4", true),
            (one, "192.0.2.5", false),
            (other, "192.0.2.5", true),
            (None, "2001:db8::1", true),
            (None, "2001:db8::2", true),
            (None, "2001:db8::3", false),
            (None, "2001:db8:0:1::1", true),
            (None, "::ffff:192.0.2.1", false),
        ] {
            let is = rate.admit(key, address(from));
            assert_eq!(is.is_ok(), admitted, "{from}");
            assert!(is.is_ok() || is.is_err_and(|wait| wait <= Duration::from_secs(60)));
        }
    }

    #[test]
    fn a_crowd_shares_one_count() {
        let rate = Rate::per_minute(1);
        for n in 0..MAX_CALLERS as u32 {
            let from = IpAddr::V4((0x0a00_0000 + n).into());
            assert_eq!(rate.admit(None, from), Ok(()), "{n}");
        }
        assert!(rate.admit(None, address("192.0.2.1")).is_ok());
        assert!(rate.admit(None, address("192.0.2.2")).is_err());
        assert!(rate.limiter.len() <= MAX_CALLERS + 1);
    }
}
