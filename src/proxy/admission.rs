//! How many clients get in: limits for peers that are not on this machine. The evaluator's own clients are never limited.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Remote sessions at once.
pub const MAX_SESSIONS: usize = 64;
/// Sessions at once of one remote address.
pub const MAX_PER_PEER: usize = 16;
/// New remote connections in any second.
pub const MAX_PER_SECOND: usize = 20;
/// Of refusals for the same reason, one in this time becomes a record; it says how many there were since the one before.
const ONE_RECORD_PER: Duration = Duration::from_secs(1);

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// All places are taken.
    #[error("{MAX_SESSIONS} sessions of other machines are open, which is the limit")]
    TooMany,
    /// Those of the peer's address are.
    #[error("{MAX_PER_PEER} sessions of this address are open, which is the limit")]
    TooManyFromPeer,
    /// They come too fast.
    #[error("more than {MAX_PER_SECOND} connections of other machines in a second, which is the limit")]
    TooFast,
}

impl Refusal {
    /// The word of records and metrics: one of [`crate::metrics::END_REASONS`].
    pub fn reason(self) -> &'static str {
        match self {
            Refusal::TooMany => "too_many",
            Refusal::TooManyFromPeer => "too_many_from_peer",
            Refusal::TooFast => "too_fast",
        }
    }
}

/// Counts remote sessions.
#[derive(Debug, Default)]
pub struct Admission(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Open sessions by address; no address with none.
    open: HashMap<IpAddr, usize>,
    /// When the last [`MAX_PER_SECOND`] connections came.
    recent: VecDeque<Instant>,
    /// When a refusal was recorded last, and how many were not since.
    told: HashMap<Refusal, (Instant, u64)>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub struct Place {
    taken: Option<(Arc<Admission>, IpAddr)>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((admission, peer)) = self.taken.take() else { return };
        let mut counts = admission.counts();
        if let Some(open) = counts.open.get_mut(&peer) {
            *open -= 1;
            if *open == 0 {
                counts.open.remove(&peer);
            }
        }
    }
}

impl Admission {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a peer in, or says why not.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn admit(self: &Arc<Self>, peer: IpAddr, now: Instant) -> Result<Place, Refusal> {
        let peer = peer.to_canonical();
        if peer.is_loopback() {
            return Ok(Place { taken: None });
        }
        let mut counts = self.counts();
        while counts.recent.front().is_some_and(|at| now.saturating_duration_since(*at) >= Duration::from_secs(1)) {
            counts.recent.pop_front();
        }
        if counts.recent.len() >= MAX_PER_SECOND {
            return Err(Refusal::TooFast);
        }
        counts.recent.push_back(now);
        if counts.open.get(&peer).is_some_and(|open| *open >= MAX_PER_PEER) {
            return Err(Refusal::TooManyFromPeer);
        }
        if counts.open.values().sum::<usize>() >= MAX_SESSIONS {
            return Err(Refusal::TooMany);
        }
        *counts.open.entry(peer).or_default() += 1;
        Ok(Place { taken: Some((self.clone(), peer)) })
    }

    /// Whether this refusal becomes a record: then the number of earlier ones that did not. So a flood cannot fill the disk.
    pub fn tell(&self, refusal: Refusal, now: Instant) -> Option<u64> {
        let mut counts = self.counts();
        match counts.told.get_mut(&refusal) {
            Some((at, more)) if now.saturating_duration_since(*at) < ONE_RECORD_PER => {
                *more += 1;
                None
            }
            told => {
                let more = told.map_or(0, |(_, more)| *more);
                counts.told.insert(refusal, (now, 0));
                Some(more)
            }
        }
    }

    /// Refusals that are in no record yet.
    pub fn untold(&self) -> Vec<(Refusal, u64)> {
        let mut untold: Vec<_> = self
            .counts()
            .told
            .iter_mut()
            .map(|(refusal, (_, more))| (*refusal, std::mem::take(more)))
            .filter(|(_, more)| *more > 0)
            .collect();
        untold.sort_by_key(|(refusal, _)| refusal.reason());
        untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn one_address_gets_sixteen_places_and_gives_them_back() {
        let (admission, now) = (Arc::new(Admission::default()), Instant::now());
        let mut places: Vec<Place> = (0..MAX_PER_PEER).map(|_| admission.admit(peer(1), now).unwrap()).collect();
        assert_eq!(admission.admit(peer(1), now).unwrap_err(), Refusal::TooManyFromPeer);
        // The same address written the other way is no other peer.
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(admission.admit(mapped, now).unwrap_err(), Refusal::TooManyFromPeer);
        assert!(admission.admit(peer(2), now).is_ok());
        places.pop();
        assert!(admission.admit(peer(1), now + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn all_addresses_together_get_sixty_four() {
        let (admission, mut now) = (Arc::new(Admission::default()), Instant::now());
        let mut places = Vec::new();
        for n in 0..MAX_SESSIONS {
            now += Duration::from_millis(100);
            places.push(admission.admit(peer(n as u8), now).unwrap());
        }
        now += Duration::from_secs(1);
        assert_eq!(admission.admit(peer(200), now).unwrap_err(), Refusal::TooMany);
        drop(places);
        assert!(admission.admit(peer(200), now).is_ok());
        assert!(admission.counts().open.is_empty(), "an address without sessions is forgotten");
    }

    #[test]
    fn twenty_come_in_a_second() {
        let (admission, now) = (Arc::new(Admission::default()), Instant::now());
        for n in 0..MAX_PER_SECOND {
            drop(admission.admit(peer(n as u8), now).unwrap());
        }
        assert_eq!(admission.admit(peer(99), now + Duration::from_millis(999)).unwrap_err(), Refusal::TooFast);
        assert!(admission.admit(peer(99), now + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn this_machine_is_not_limited() {
        let (admission, now) = (Arc::new(Admission::default()), Instant::now());
        for local in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            let places: Vec<_> = (0..1000).map(|_| admission.admit(local.parse().unwrap(), now)).collect();
            assert!(places.iter().all(Result::is_ok), "{local}");
        }
    }

    #[test]
    fn a_flood_is_told_once_a_second() {
        let (admission, now) = (Arc::new(Admission::default()), Instant::now());
        assert_eq!(admission.tell(Refusal::TooFast, now), Some(0));
        assert_eq!(admission.tell(Refusal::TooFast, now), None);
        assert_eq!(admission.tell(Refusal::TooMany, now), Some(0), "each reason for itself");
        assert_eq!(admission.tell(Refusal::TooFast, now), None);
        assert_eq!(admission.untold(), [(Refusal::TooFast, 2)]);
        assert_eq!(admission.tell(Refusal::TooFast, now), None);
        assert_eq!(admission.tell(Refusal::TooFast, now + ONE_RECORD_PER), Some(1));
        assert!(admission.untold().is_empty());
    }

    #[test]
    fn reasons_are_on_the_list() {
        for refusal in [Refusal::TooMany, Refusal::TooManyFromPeer, Refusal::TooFast] {
            assert!(crate::metrics::END_REASONS.contains(&refusal.reason()), "{refusal}");
        }
    }
}
