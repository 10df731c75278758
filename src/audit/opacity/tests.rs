//! Each rule, set off by a stanza made for it. `make` builds stanzas that no rule finds anything in; a test changes one thing.

mod bounds;
mod containers;
mod device_data;
mod make;
mod outside;
mod sessions;
mod statistics;

use std::sync::Arc;

use super::DeviceList;
use crate::audit::{Auditor, Settings};
use crate::catalog::Catalog;
use crate::record::{Body, BodyVerdict, Moment};
use crate::xmpp::Direction;

/// A session in which stanzas are judged.
struct Session {
    auditor: Auditor,
    micros: u64,
}

impl Session {
    fn new(settings: Settings) -> Session {
        Session { auditor: Auditor::new(Catalog::builtin(), Arc::new(settings), "s").assume_logged_in(), micros: 1 }
    }

    /// Of an account that sends and receives.
    fn of(account: &str) -> Session {
        Session::new(Settings { accounts: vec![account.into()], ..Settings::default() })
    }

    /// With the device lists of everybody in [`make`].
    fn with_lists(namespace: &str) -> Session {
        let list = |(account, devices): &(&str, &[u32])| DeviceList {
            namespace: Some(namespace.into()),
            account: (*account).into(),
            devices: devices.to_vec(),
        };
        Session::new(Settings {
            accounts: vec![make::ANN.into()],
            device_lists: make::DEVICES.iter().map(list).collect(),
            ..Settings::default()
        })
    }

    fn verdict(&mut self, direction: Direction, xml: &str) -> Option<BodyVerdict> {
        self.micros += 1;
        let now = Moment { unix_micros: 1_795_347_620_000_000 + self.micros as i64, mono_micros: self.micros };
        self.auditor.feed(direction, xml.as_bytes(), Some(now));
        let mut verdict = None;
        while let Some(record) = self.auditor.poll() {
            if let Body::Stanza(stanza) = record.body {
                assert!(stanza.gap.is_none(), "{:?}", stanza.gap);
                verdict = stanza.verdict;
            }
        }
        verdict
    }

    /// What the client sends; verdict and rules as one string.
    fn sent(&mut self, xml: &str) -> String {
        shown(self.verdict(Direction::ClientToServer, xml))
    }

    fn received(&mut self, xml: &str) -> String {
        shown(self.verdict(Direction::ServerToClient, xml))
    }

    fn wait(&mut self, seconds: u64) {
        self.micros += seconds * 1_000_000;
    }
}

fn shown(verdict: Option<BodyVerdict>) -> String {
    let Some(verdict) = verdict else { return "none".into() };
    for detail in &verdict.details {
        assert!(verdict.rules.contains(&detail.rule), "{detail:?}");
        assert_eq!(detail.offset.is_some(), detail.length.is_some(), "{detail:?}");
        assert!(!detail.path.is_empty() && !detail.detail.is_empty() && !detail.source.is_empty(), "{detail:?}");
    }
    let level = verdict.level.map(|level| format!("({level})")).unwrap_or_default();
    format!("{}{level} {}", verdict.body, verdict.rules.join(","))
}

/// A stanza of which nothing else is known.
#[track_caller]
fn check(xml: &str, expected: &str) {
    assert_eq!(Session::of(make::ANN).sent(xml), expected, "{xml}");
}
