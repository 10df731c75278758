//! From what a server offers to what will get through, in plain words.
//!
//! The statements about clients come from driving them against Prosody 0.12 and 13 and ejabberd 23.01 and 24.12.
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::report::{Check, Greeting, Offer};
use crate::proxy::upstream::{StreamFeatures, TlsVersion, UpstreamError, UpstreamFacts};

/// The check for a server that could not be reached or opened.
pub(super) fn of_failure(error: &UpstreamError) -> Check {
    let reason = error.reason();
    let name = ["dns", "certificate"].into_iter().find(|group| reason.starts_with(group)).unwrap_or("upstream");
    Check::fail(name, error.to_string())
}

/// The check for a further look that failed after a first one went well.
pub(super) fn of_second_look(error: &UpstreamError) -> Check {
    Check::warn("offer", format!("a second connection failed, so the offer may be incomplete: {error}"))
}

/// Checks about the connection itself.
pub(super) fn of_connection(facts: &UpstreamFacts, now: OffsetDateTime) -> Vec<Check> {
    let mut checks = Vec::new();
    if !facts.trail.is_empty() {
        checks.push(Check::ok("dns", facts.trail.join("; ")));
    }
    if !facts.failed_attempts.is_empty() {
        checks.push(Check::warn("upstream", format!("tried in vain before: {}", facts.failed_attempts.join("; "))).advise(
            "If that is as it should be, spare every login the detour: name the address and the kind with --upstream and --upstream-tls",
        ));
    }
    let (address, opening) = (facts.address, facts.opening);
    checks.push(match &facts.tls {
        Some(tls) => Check::ok("upstream", format!("{address} answers by {opening} with {} ({})", tls.version, tls.cipher)),
        None => Check::warn("upstream", format!("{address} is spoken to in clear text, which is readable on this machine"))
            .advise("Use accounts made for this test, with passwords used nowhere else"),
    });
    if let Some(tls) = &facts.tls {
        let certificate = &tls.certificate;
        let text =
            format!("verified by {}; it names {}, valid until {}", tls.verified_by, certificate.names.join(", "), certificate.not_after);
        let until = OffsetDateTime::parse(&certificate.not_after, &Rfc3339).ok();
        checks.push(match until.map(|until| (until - now).whole_days()) {
            Some(days) if days < SOON_DAYS => Check::warn("certificate", format!("{text}: {days} days left")).advise("Renew it"),
            _ => Check::ok("certificate", text),
        });
    }
    if facts.discarded_bytes > 0 {
        let text = format!(
            "{} bytes came in clear behind <proceed/> and were discarded: somebody injects into the stream, or the server is broken",
            facts.discarded_bytes
        );
        checks.push(Check::warn("starttls", text).advise("Find out which before you trust a result"));
    }
    if let Some(before) = &facts.before_tls
        && before.all_mechanisms().next().is_some()
    {
        checks.push(
            Check::warn(
                "starttls",
                format!(
                    "the server offers a login before TLS ({}): a careless client sends its password in clear",
                    list(&before.mechanisms)
                ),
            )
            .advise("Have the server require encryption"),
        );
    }
    checks
}

/// Checks about what was offered over all connections. None when there was none.
pub(super) fn of_offers(offers: &[Offer]) -> Vec<Check> {
    let Some(first) = offers.first() else {
        return Vec::new();
    };
    let clear = first.tls.is_none();
    let mut checks = vec![login(offers, clear)];
    checks.extend(missing_plain(offers, clear));
    if offers.iter().any(|offer| offer.features.all_mechanisms().next().is_some()) {
        checks.push(channel_binding(offers, clear));
    }
    checks.extend(sasl2(offers));
    checks.extend(tls_versions(offers));
    let compression = merged(offers, |features| &features.compression);
    if !compression.is_empty() {
        checks.push(Check::ok(
            "compression",
            format!("the server offers {}; the proxy takes it out of the offer and records it", list(&compression)),
        ));
    }
    if let Some(limit) = offers.iter().find_map(|offer| offer.features.max_stanza_bytes) {
        checks.push(Check::ok("limits", format!("before login the server takes stanzas of up to {limit} bytes")));
    }
    checks
}

fn login(offers: &[Offer], clear: bool) -> Check {
    let mut mechanisms = merged(offers, |features| &features.mechanisms);
    mechanisms.extend(merged(offers, |features| &features.sasl2_mechanisms));
    mechanisms.sort();
    mechanisms.dedup();
    match mechanisms.as_slice() {
        [] if clear => Check::fail("login", "the server offers no login in clear text, so no client can log in")
            .advise("Prosody: c2s_require_encryption = false. ejabberd: a listener without starttls_required. Or use --upstream-tls starttls"),
        [] => Check::fail("login", "the server offers no way to log in, so no client can").advise("Look at the authentication settings of the server"),
        [only] if only == "PLAIN" => {
            Check::warn("login", "the server offers PLAIN only: go-sendxmpp 0.14 and clients that have once seen SCRAM refuse it, others send their password to the server")
                .advise("Have the server store passwords so that it can offer SCRAM (Prosody: authentication = \"internal_plain\" or \"internal_hashed\")")
        }
        all => Check::ok("login", format!("the server offers {}", list(all))),
    }
}

/// Servers often keep PLAIN out of clear text, and some clients know nothing else.
fn missing_plain(offers: &[Offer], clear: bool) -> Option<Check> {
    let offered = |offer: &Offer| offer.features.all_mechanisms().any(|mechanism| mechanism == "PLAIN");
    let any = offers.iter().any(|offer| offer.features.all_mechanisms().next().is_some());
    (clear && any && !offers.iter().any(offered)).then(|| {
        Check::warn(
            "login",
            "in clear text the server does not offer PLAIN: clients that know nothing else (mcabber, go-sendxmpp 0.5) cannot log in",
        )
        .advise("If you test one of these: allow_unencrypted_plain_auth = true in Prosody")
    })
}

fn channel_binding(offers: &[Offer], clear: bool) -> Check {
    const NAME: &str = "channel binding";
    let binding: Vec<&Offer> = offers.iter().filter(|offer| !offer.features.binding_mechanisms().is_empty()).collect();
    let Some(first) = binding.first() else {
        return Check::ok(
            NAME,
            if clear {
                "none in clear text: all clients we know of log in, except profanity 0.15 on ejabberd 24.12"
            } else {
                "the server offers none, so a login that is relayed goes through"
            },
        );
    };
    let names = first.features.binding_mechanisms().join(", ");
    let types = merged(offers, |features| &features.channel_bindings);
    let types = if types.is_empty() { String::new() } else { format!("; types {}", list(&types)) };
    let only_12 =
        offers.iter().any(|offer| offer.tls == Some(TlsVersion::Tls13)) && binding.iter().all(|offer| offer.tls == Some(TlsVersion::Tls12));
    let (when, who) = if only_12 {
        (" with TLS 1.2 only", "Clients that speak TLS 1.3 are not offered it and get through; one that binds with TLS 1.2")
    } else {
        ("", "A client that binds its login to the TLS connection (profanity 0.15 and go-sendxmpp 0.14 do)")
    };
    Check::warn(
        NAME,
        format!("the server offers {}{when}{types}. {who} notices the proxy and refuses to log in: a point in its favour. Clients without binding get through", names),
    )
    .advise(
        "To look into such a client, let the test server listen in clear text on this machine and use --upstream-tls none. \
         Removing -PLUS from the offer does not help: these clients then report a downgrade, and others fall back to PLAIN",
    )
}

fn sasl2(offers: &[Offer]) -> Option<Check> {
    let mechanisms = merged(offers, |features| &features.sasl2_mechanisms);
    if mechanisms.is_empty() {
        return None;
    }
    let inline = merged(offers, |features| &features.sasl2_inline);
    let inline = if inline.is_empty() { String::new() } else { format!(", with {} inside the login", list(&inline)) };
    let always = offers.iter().any(|offer| offer.greeting == Greeting::Anonymous && !offer.features.sasl2_mechanisms.is_empty());
    let when = if always { "" } else { " to clients that put their address into the stream header" };
    Some(Check::ok("sasl2", format!("offered{when}: {}{inline}", list(&mechanisms))))
}

fn tls_versions(offers: &[Offer]) -> Option<Check> {
    let has = |version| offers.iter().any(|offer| offer.tls == Some(version));
    match (has(TlsVersion::Tls12), has(TlsVersion::Tls13)) {
        (true, false) => Some(Check::ok("tls", "the server speaks TLS 1.2 but not 1.3: the legs of a client with 1.3 will differ")),
        (false, true) => {
            Some(Check::ok("tls", "the server speaks TLS 1.3; TLS 1.2 was not got from it, so the legs of an old client may differ"))
        }
        _ => None,
    }
}

fn merged(offers: &[Offer], pick: impl Fn(&StreamFeatures) -> &Vec<String>) -> Vec<String> {
    let mut all = Vec::new();
    for name in offers.iter().flat_map(|offer| pick(&offer.features)) {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    all
}

fn list(names: &[String]) -> String {
    names.join(", ")
}

/// A certificate that ends sooner is worth a warning.
const SOON_DAYS: i64 = 14;

#[cfg(test)]
mod tests;
