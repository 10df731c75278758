//! How many different names were seen: contacts, rooms, devices, resources, upload hosts. What they are is not kept, only keyed hashes.
//!
//! What names what is decided where the report decides it (`report::people`), and copies are left out here as there.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

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

/// The names of a run, and the gauges that show their numbers.
#[derive(Debug)]
pub struct Names {
    key: RandomState,
    own: Distinct,
    others: Distinct,
    rooms: Distinct,
    devices: Distinct,
    resources: Distinct,
    upload_hosts: Distinct,
    counts: Vec<IntGauge>,
    capped: Vec<IntGauge>,
}

impl Names {
    /// None yet.
    pub fn new(f: &Families<'_>) -> Names {
        let (own, others, rooms, devices, resources, upload_hosts) = Default::default();
        let counts =
            f.gauges("stanzascope_names", "Different names the server learned, copies aside; at least, when capped.", "kind", KINDS);
        let capped = f.gauges("stanzascope_names_capped", "1 when there are more names of the kind than are told apart.", "kind", KINDS);
        Names { key: RandomState::new(), own, others, rooms, devices, resources, upload_hosts, counts, capped }
    }

    /// An account under test.
    pub fn add_own(&mut self, address: &str) {
        self.own.add(self.key.hash_one(&*normalised_bare(address)));
    }

    /// Looks at a value of a row that names something, in a stanza that is no copy.
    pub fn look(&mut self, naming: Naming, exposures: &Exposures, exposure: &Exposure) {
        let value = exposures.text(exposure.value);
        let bare = match exposure.typed {
            Typed::Jid { bare, .. } => Some(exposures.text(bare)),
            _ => None,
        };
        let hash = |name: &str| self.key.hash_one(name);
        match naming {
            Naming::Resource => match exposure.typed {
                Typed::Jid { bare, resource } => {
                    self.own.add(hash(exposures.text(bare)));
                    resource.iter().for_each(|&resource| self.resources.add(hash(exposures.text(resource))));
                }
                _ => self.resources.add(hash(value)),
            },
            Naming::UploadService => self.upload_hosts.add(hash(Jid::split(value).domainpart())),
            Naming::UploadUrl => host_of(value).into_iter().for_each(|host| self.upload_hosts.add(hash(host))),
            Naming::Device => self.devices.add(hash(value)),
            Naming::Room | Naming::Address if exposure.derived => {}
            Naming::Room => self.rooms.add(hash(bare.unwrap_or(value))),
            Naming::Address => {
                let bare = bare.unwrap_or(value);
                if Jid::split(bare).localpart().is_some() {
                    self.others.add(hash(bare));
                }
            }
        }
    }

    /// Brings the gauges up to date. Which addresses are the account's own, or a room's, may turn out only later.
    pub fn show(&self) {
        let Names { own, others, rooms, devices, resources, upload_hosts, .. } = self;
        let contacts = others.seen.iter().filter(|hash| !own.seen.contains(hash) && !rooms.seen.contains(hash)).count();
        let sets = [others, rooms, devices, resources, upload_hosts];
        for (i, set) in sets.into_iter().enumerate() {
            let count = if i == 0 { contacts } else { set.seen.len() };
            self.counts[i].set(count as i64);
            self.capped[i].set(i64::from(set.capped));
        }
    }
}
