//! How many different names were seen: contacts, rooms, devices, resources, upload hosts. What they are is not kept, only keyed hashes.
//!
//! What names what is decided where the report decides it (`report::people`), and copies are left out here as there.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus::IntGauge;
use rustc_hash::FxBuildHasher;

use super::closed::Families;
use crate::record::exposure::{Exposure, Exposures, Typed};
use crate::report::people::{Naming, host_of};
use crate::xmpp::jid::{Jid, normalised_bare};

/// Most different names of a kind that are told apart. With six sets of them this bounds the memory to about 1 MiB.
pub const MAX_NAMES: usize = 10_000;
/// Kinds, as on the label.
pub const KINDS: &[&str] = &["contact", "room", "device", "resource", "upload_host"];
/// Names that are known to be counted without asking their set.
const RECENT: usize = 1 << 12;

/// Hashes of different names. The hash is keyed at random, so that nobody outside can aim at a collision.
#[derive(Debug, Default)]
struct Distinct {
    seen: HashSet<u64, FxBuildHasher>,
    capped: bool,
}

impl Distinct {
    fn add(&mut self, hash: u64) {
        if self.seen.len() < MAX_NAMES {
            self.seen.insert(hash);
        } else if !self.capped {
            self.capped = !self.seen.contains(&hash);
        }
    }
}

/// The sets, by what their names are names of.
#[derive(Debug, Clone, Copy)]
enum Set {
    Own,
    Others,
    Rooms,
    Devices,
    Resources,
    UploadHosts,
}

/// The names of a run, and the gauges that show their numbers.
#[derive(Debug)]
pub struct Names {
    key: RandomState,
    sets: Mutex<[Distinct; 6]>,
    /// Names that were added lately, each at the place its hash says: nearly all are met again and again, and need no lock.
    recent: Box<[AtomicU64]>,
    counts: Vec<IntGauge>,
    capped: Vec<IntGauge>,
}

impl Names {
    /// None yet.
    pub fn new(f: &Families<'_>) -> Names {
        let counts =
            f.gauges("stanzascope_names", "Different names the server learned, copies aside; at least, when capped.", "kind", KINDS);
        let capped = f.gauges("stanzascope_names_capped", "1 when there are more names of the kind than are told apart.", "kind", KINDS);
        let recent = (0..RECENT).map(|_| AtomicU64::new(0)).collect();
        Names { key: RandomState::new(), sets: Mutex::default(), recent, counts, capped }
    }

    fn sets(&self) -> MutexGuard<'_, [Distinct; 6]> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, set: Set, name: &str) {
        let hash = self.key.hash_one(name);
        // The same name may be one of several sets.
        let mark = hash.rotate_left(set as u32 * 8 + 1);
        let place = &self.recent[mark as usize % RECENT];
        if place.load(Ordering::Relaxed) != mark {
            self.sets()[set as usize].add(hash);
            place.store(mark, Ordering::Relaxed);
        }
    }

    /// An account under test.
    pub fn add_own(&self, address: &str) {
        self.add(Set::Own, &normalised_bare(address));
    }

    /// Looks at a value of a row that names something, in a stanza that is no copy.
    pub fn look(&self, naming: Naming, exposures: &Exposures, exposure: &Exposure) {
        let value = exposures.text(exposure.value);
        let bare = match exposure.typed {
            Typed::Jid { bare, .. } => Some(exposures.text(bare)),
            _ => None,
        };
        match naming {
            Naming::Resource => match exposure.typed {
                Typed::Jid { bare, resource } => {
                    self.add(Set::Own, exposures.text(bare));
                    resource.iter().for_each(|&resource| self.add(Set::Resources, exposures.text(resource)));
                }
                _ => self.add(Set::Resources, value),
            },
            Naming::UploadService => self.add(Set::UploadHosts, Jid::split(value).domainpart()),
            Naming::UploadUrl => host_of(value).into_iter().for_each(|host| self.add(Set::UploadHosts, host)),
            Naming::Device => self.add(Set::Devices, value),
            Naming::Room | Naming::Address if exposure.derived => {}
            Naming::Room => self.add(Set::Rooms, bare.unwrap_or(value)),
            Naming::Address => {
                let bare = bare.unwrap_or(value);
                if Jid::split(bare).localpart().is_some() {
                    self.add(Set::Others, bare);
                }
            }
        }
    }

    /// Brings the gauges up to date. Which addresses are the account's own, or a room's, may turn out only later.
    pub fn show(&self) {
        let sets = self.sets();
        let [own, others, rooms, devices, resources, upload_hosts] = &*sets;
        let contacts = others.seen.iter().filter(|hash| !own.seen.contains(hash) && !rooms.seen.contains(hash)).count();
        let sets = [others, rooms, devices, resources, upload_hosts];
        for (i, set) in sets.into_iter().enumerate() {
            let count = if i == 0 { contacts } else { set.seen.len() };
            self.counts[i].set(count as i64);
            self.capped[i].set(i64::from(set.capped));
        }
    }
}
