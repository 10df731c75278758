//! What a hostile session can make the procedure remember is bounded.

use std::sync::Arc;

use super::super::{Opacity, Scene};
use super::make::{ANN, LEGACY, Message, OMEMO_2, Random};
use crate::audit::decoded::Decoded;
use crate::audit::memory::Memory;
use crate::catalog::Catalog;
use crate::xmpp::Direction;
use crate::xmpp::element::{Document, Inherited};
use crate::xmpp::limits::Limits;

/// The procedure without the rest of the audit.
struct Procedure {
    catalog: Arc<Catalog>,
    memory: Memory,
    opacity: Opacity,
    document: Document,
    decoded: Decoded,
}

impl Procedure {
    fn received(&mut self, xml: &str) {
        let parsed = self.document.parse(xml.as_bytes(), false, &Inherited::client(), &self.catalog.names, &Limits::default());
        parsed.unwrap();
        let scene = Scene {
            direction: Some(Direction::ServerToClient),
            at: None,
            memory: &self.memory,
            known: &self.catalog.known,
            canaries: &Default::default(),
            frame: xml.as_bytes(),
            max_forwards: 4,
        };
        self.decoded.reset(self.document.len());
        self.opacity.judge(self.document.root(), &scene, &mut self.decoded);
    }
}

/// Every message from another device of another account to yet others, with everything in it new.
fn flood(session: &mut Procedure, random: &mut Random, stanzas: usize) {
    for at in 0..stanzas {
        let namespace = if at % 2 == 0 { LEGACY } else { OMEMO_2 };
        let who = random.number();
        let message = if at % 8 < 2 { Message::first(namespace, random) } else { Message::new(namespace, random) };
        let mut message = message.change(|m| {
            m.from = format!("{who:x}@h.example/x");
            m.to = ANN.into();
            m.sid = (1 + who % 0x7fff_fffe).to_string();
            m.keys.truncate(1);
            m.keys[0].rid = (1 + (who >> 16) % 0x7fff_fffe).to_string();
            m.beside = format!("<body>{who:x}</body>");
        });
        if at % 16 < 2 {
            message.payload = None;
        }
        session.received(&message.xml());
        if at % 4 == 0 {
            let devices: String = (1..20).map(|id| format!("<device id='{id}'/>")).collect();
            let list = format!(
                "<message from='{who:x}@h.example'><event xmlns='http://jabber.org/protocol/pubsub#event'>\
                <items node='{OMEMO_2}:devices'><item><devices xmlns='{OMEMO_2}'>{devices}</devices></item></items></event></message>"
            );
            session.received(&list);
        }
        if at % 64 == 0 {
            let occupant = format!(
                "<presence from='r{who:x}@h.example/n'><x xmlns='http://jabber.org/protocol/muc#user'>\
                <item jid='{who:x}@h.example' affiliation='member'/></x></presence>"
            );
            session.received(&occupant);
        }
    }
}

/// Held at most, by the limits in the modules; all lists, keys and hashes together.
const MAX_ENTRIES: usize = 400_000;

#[track_caller]
fn stays_flat(rounds: usize, stanzas: usize) {
    let mut random = Random(41);
    let (memory, catalog) = (Memory::new(&[ANN.into()]), Catalog::builtin());
    let opacity = Opacity::new(&[], &Default::default(), &catalog);
    let mut session = Procedure { catalog, memory, opacity, document: Document::new(), decoded: Decoded::default() };
    let mut most = Vec::new();
    for _ in 0..rounds {
        flood(&mut session, &mut random, stanzas);
        most.push(session.opacity.entries());
    }
    assert!(most.iter().all(|entries| *entries < MAX_ENTRIES), "{most:?}");
    // Full after the first rounds; from then on what comes pushes something out.
    let (full, last) = (most[rounds / 2], most[rounds - 1]);
    assert!(last <= full + full / 20, "{most:?}");
}

#[test]
fn a_flood_of_new_senders_is_forgotten() {
    stays_flat(8, 12_000);
}

/// Ten million stanzas; takes about an hour without optimisation.
#[test]
#[ignore = "takes long: cargo test --release --lib -- --ignored flood"]
fn a_long_flood_of_new_senders_is_forgotten() {
    stays_flat(10, 1_000_000);
}
