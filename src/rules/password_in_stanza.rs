//! Finds passwords inside stanzas.
//!
//! **What it checks.** The client sends a password of an account (registration, change of password, a form of a command), or of a room (to
//! enter it, in its configuration, or in an invitation).
//!
//! **Why it matters.** Such a password is in clear for every server that relays it. Outside TLS everybody on the path has it; in a
//! gateway's registration a foreign service has it; in an invitation both servers and whoever stores the message.
//!
//! **Evidence.** The stanza. The password is never written down.
//!
//! **Limits.** Registration, and setting and using the password of a room, cannot be done otherwise: the finding is for information there. Passwords
//! in bookmarks belong to another theme.
//!
//! **References.** XEP-0077 §3 and §11, XEP-0045 §7.2.5 and §7.8, XEP-0249 §5, XEP-0050 §5.

use super::names::{COMMANDS, CONFERENCE, DATA_FORMS, MUC, MUC_OWNER, MUC_USER, REGISTER};
use super::rule::{Avoidability, Confidence, Found, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};
use crate::record::Phase;
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "password-in-stanza",
    title: "a password inside a stanza",
    theme: Theme::Login,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "change the password on the server's web page if it has one; give a room's password to people by another, encrypted way",
    source: "XEP-0077 §11 (known to be insecure, only over a secured channel); XEP-0249 §5 (a password in an invitation can be read)",
    watches: &[(REGISTER, "query"), (COMMANDS, "command"), (MUC, "x"), (MUC_USER, "x"), (CONFERENCE, "x"), (MUC_OWNER, "query")],
    verdicts: &[],
    page: include_str!("password_in_stanza.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.is_error() {
        return;
    }
    let Some(finding) = account_password(seen).or_else(|| room_password(seen)) else { return };
    out.report(if seen.phase == Phase::BeforeTls {
        finding.severity(Severity::Critical).avoidability(Avoidability::Avoidable).advice("change this password; require TLS in the client")
    } else {
        finding
    });
}

fn account_password(seen: &Seen<'_>) -> Option<Found> {
    if seen.stanza_type() != Some("set") {
        return None;
    }
    let register = seen.child(REGISTER, "query");
    let asked = register.or_else(|| seen.child(COMMANDS, "command"))?;
    let direct = child(asked, REGISTER, "password").is_some_and(filled);
    if !direct && !asked.children().filter(|form| form.uri() == DATA_FORMS).any(form_has_password) {
        return None;
    }
    let way = if register.is_some() { "registration" } else { "a command" };
    match seen.peer_bare() {
        Some(to) if seen.peer_is_foreign() => Some(
            found(format!("a password went to the foreign service {to} ({way})"))
                .severity(Severity::Medium)
                .about(to)
                .advice("a gateway that logs in elsewhere has this password from now on; use it only where its operator is trusted"),
        ),
        _ => Some(found(format!("a password went to the own server in a stanza ({way})"))),
    }
}

fn room_password(seen: &Seen<'_>) -> Option<Found> {
    let to = seen.peer_bare()?;
    if seen.name() == "presence" {
        let join = seen.child(MUC, "x")?;
        child(join, MUC, "password").filter(|password| filled(*password))?;
        return Some(
            found(format!("the password of the room {to} went to it"))
                .severity(Severity::Info)
                .avoidability(Avoidability::Inherent)
                .about(to)
                .advice("nothing to do: this is how a room checks it; do not use the password elsewhere"),
        );
    }
    if seen.child(MUC_OWNER, "query").is_some_and(|query| query.children().any(form_has_password)) {
        return Some(
            found(format!("the password of the room {to} was set in its configuration"))
                .severity(Severity::Info)
                .avoidability(Avoidability::Inherent)
                .about(to)
                .advice("nothing to do: this is how a room gets it; do not use the password elsewhere"),
        );
    }
    let direct = seen.child(CONFERENCE, "x").is_some_and(|invitation| invitation.attr("password").is_some_and(|p| !p.is_empty()));
    let mediated = seen.child(MUC_USER, "x").and_then(|user| child(user, MUC_USER, "password")).is_some_and(filled);
    let encrypted = seen.world.encrypted_at_all(to);
    let finding = (direct || mediated).then(|| found(format!("the password of a room went to {to} in a readable invitation")).about(to))?;
    Some(match encrypted {
        Some(before) if direct => finding.severity(Severity::Medium).after(before.number),
        _ => finding,
    })
}

fn filled(element: Element<'_>) -> bool {
    !element.own_text().trim().is_empty()
}

/// Whether a form that is sent in has a password in it.
fn form_has_password(form: Element<'_>) -> bool {
    form.children().filter(|field| field.local() == "field").any(|field| {
        let named = field.attr("var").is_some_and(|var| {
            let var = var.to_ascii_lowercase();
            var.contains("password") || var.contains("passwd") || var == "muc#roomconfig_roomsecret"
        });
        (named || field.attr("type") == Some("text-private")) && field.children().any(|value| value.local() == "value" && filled(value))
    })
}
