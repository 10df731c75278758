//! Finds identifiers that two accounts of a run share.
//!
//! **What it checks.** Two accounts show the same user agent id, device id, avatar, push registration, key, random resource or status text in
//! one run.
//!
//! **Why it matters.** Accounts are kept apart so that nobody can tell that they belong to one person. The same random number in both
//! proves that they do, to whoever sees both: a server, a push service, a common contact or room.
//!
//! **Evidence.** The stanza of this session that shows it; the fact names the other account.
//!
//! **Limits.** Needs sessions of two accounts in one run, and is told when the later one ends. The same picture or text may be chosen twice
//! on purpose. Keys themselves are not compared, only their ids.
//!
//! **References.** XEP-0388 §2.3.1, XEP-0384 §5.3, XEP-0357 §5, XEP-0084 §4.

use super::names::{AVATAR_METADATA, BIND, CLIENT, PUBSUB, PUSH, SASL2, VCARD_UPDATE};
use super::pep::{published};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use super::words::{device_words};
use super::World;

pub(super) const RULE: Rule = Rule {
    id: "same-identifier-across-accounts",
    title: "two accounts show the same identifier",
    theme: Theme::Linkage,
    severity: Severity::Medium,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "make identifiers per account; report it if the client shares one by itself",
    source: "XEP-0384 §5.3 (a device id is random for every device and account); XEP-0388 §2.3.1",
    watches: &[(SASL2, "user-agent"), (BIND, "resource"), (PUSH, "enable"), (PUBSUB, "publish"), (VCARD_UPDATE, "photo"), (CLIENT, "status")],
    verdicts: &[],
    page: include_str!("same_identifier_across_accounts.rs"),
    check: || Box::<Identifiers>::default(),
};

/// Identifiers that a session may show, at most.
const MAX_SHOWN: usize = 1_000;

#[derive(Default)]
struct Identifiers {
    shown: Vec<(&'static str, String, u64)>,
}

impl Identifiers {
    fn note(&mut self, kind: &'static str, identifier: &str, number: u64) {
        let known = self.shown.iter().any(|(of, known, _)| *of == kind && known == identifier);
        if identifier.len() >= 6 && !known && self.shown.len() < MAX_SHOWN {
            self.shown.push((kind, identifier.to_owned(), number));
        }
    }
}

impl Check for Identifiers {
    fn see(&mut self, seen: &Seen<'_>, _out: &mut Out) {
        if !seen.is_sent() {
            return;
        }
        let number = seen.number;
        if let Some(id) = seen.child(SASL2, "user-agent").and_then(|agent| agent.attr("id")) {
            self.note("user agent id", id, number);
        }
        for resource in seen.each(BIND, "resource").map(|resource| resource.own_text()).filter(|name| looks_random(name)) {
            self.note("random resource", &resource, number);
        }
        for node in seen.each(PUSH, "enable").filter_map(|enable| enable.attr("node")) {
            self.note("push registration", node, number);
        }
        for photo in seen.each(VCARD_UPDATE, "photo") {
            self.note("avatar", &photo.own_text(), number);
        }
        if seen.name() == "presence" {
            // What clients offer for choice, and a word or two, is the same by chance.
            let texts = seen.stanza.children().filter(|child| child.is(CLIENT, "status")).map(|status| status.own_text());
            texts.filter(|text| text.len() >= 12 && text.trim().contains(' ')).for_each(|text| self.note("status text", text.trim(), number));
        }
        let Some(publish) = published(seen) else { return };
        if let Some((_, id)) = publish.node.split_once(".bundles:") {
            self.note("device id", id, number);
        } else if let Some(key) = publish.node.strip_prefix("urn:xmpp:openpgp:0:public-keys:") {
            self.note("key", key, number);
        } else if publish.node.ends_with(":bundles") || publish.node == AVATAR_METADATA {
            let kind = if publish.node == AVATAR_METADATA { "avatar" } else { "device id" };
            for id in publish.item_ids() {
                self.note(kind, id, number);
            }
        }
    }

    fn end(&mut self, world: &World, out: &mut Out) {
        let Some(own) = world.own() else { return };
        for (kind, identifier, number) in self.shown.drain(..) {
            if let Some(other) = world.shared().show(kind, &identifier, own) {
                let finding = found(format!("{own} shows the same {kind} as {other}")).after(number).about(other);
                let chosen = matches!(kind, "avatar" | "status text");
                out.report(if chosen { finding.severity(Severity::Low).avoidability(Avoidability::Optional) } else { finding });
            }
        }
    }
}

/// Long, with digits or changing case, and no word of the list: nobody chose it twice.
fn looks_random(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    name.len() >= 8 && digits >= 2 && device_words().find(name).is_none()
}
