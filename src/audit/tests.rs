//! The auditor as a whole: buffers let go, encryption expected, whose conversation it is.

use super::*;

/// An idle session forgets nothing but its buffers.
#[test]
fn shrinking_does_not_show() {
    let read = |shrink: bool| {
        let mut auditor = Auditor::new(Catalog::builtin(), Arc::default(), "s").assume_logged_in();
        let mut lines = Vec::new();
        for piece in ["<presence/> ", "<message to='ann@a.example'><bo", "dy>x</body></message>", "<presence/>"] {
            auditor.feed(Direction::ClientToServer, piece.as_bytes(), None);
            lines.extend(std::iter::from_fn(|| auditor.poll()).map(|record| record.to_json()));
            if shrink {
                auditor.shrink();
            }
        }
        lines
    };
    assert_eq!(read(true), read(false));
    assert_eq!(read(true).len(), 4);
}

/// A record that is made in the memory of an earlier one says nothing of that one.
#[test]
fn recycling_does_not_show() {
    let read = |recycle: bool| {
        let mut auditor = Auditor::new(Catalog::builtin(), Arc::default(), "s").assume_logged_in();
        let mut lines = Vec::new();
        let frames = [
            "<iq type='get' id='1' to='a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
            "<message to='ann@a.example' type='chat'><body>x</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>",
            "<r xmlns='urn:xmpp:sm:3'/>",
            "<presence to='harbour@rooms.example/me'><x xmlns='http://jabber.org/protocol/muc'/><c xmlns='urn:x:1'/><c xmlns='urn:x:2'/></presence>",
            "<presence/>",
            "<message to='ann@a.example'><body>&nothing;</body></message>",
            "<presence type='unavailable'/>",
        ];
        for frame in frames {
            auditor.feed(Direction::ClientToServer, frame.as_bytes(), None);
            while let Some(record) = auditor.poll() {
                lines.push(record.to_json());
                if recycle {
                    auditor.recycle(record);
                }
            }
        }
        lines
    };
    assert_eq!(read(true), read(false));
    assert!(read(true).len() >= 7);
}

/// Rule L6: the message in clear is suspect, and a finding points at it; the other direction was never encrypted.
#[test]
fn clear_text_after_encrypted_text_is_a_finding() {
    let mut auditor = Auditor::new(Catalog::builtin(), Arc::default(), "s").assume_logged_in();
    let omemo = "<message to='ann@a.example'><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>\
        MwohBe6KSVOTzXno3V8VSqKID3gmzJR4jf00bBtmmJNHUsR3EAAYAiIwrS/RWECWXMf7PhP8K6nDfulMayvofTaMmLTGwGDMhISvotyrivXUauq6iZA8tSl5T8hDbHbBjMw=</key>\
        <iv>QUJDREVGR0hJSktM</iv></header><payload>QUJD</payload></encrypted></message>";
    let clear = "<message to='ann@a.example'><body>x</body></message>";
    let answer = "<message from='ann@a.example'><body>y</body></message>";
    auditor.feed(Direction::ClientToServer, [clear, omemo, clear].concat().as_bytes(), None);
    auditor.feed(Direction::ServerToClient, answer.as_bytes(), None);
    let mut seen = Vec::new();
    while let Some(record) = auditor.poll() {
        match record.body {
            Body::Stanza(stanza) => seen.push(stanza.verdict.expect("each has content").body.name().to_owned()),
            Body::Finding(finding) => seen.push(format!("{} {:?}", finding.rule, finding.evidence)),
            _ => {}
        }
    }
    assert_eq!(seen, ["NOT_ENCRYPTED", "OPAQUE", "SUSPECT", "clear-text-after-encryption [1, 2]", "NOT_ENCRYPTED"]);
}

/// Phases of a session that no relay follows: as the input says, else as the stanzas show.
#[test]
fn the_phase_follows_from_the_stanzas() {
    const AUTH: &str = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AG1pcmEAc2VjcmV0</auth>";
    const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    const FEATURES: &str = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
    const OFFER: &str = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>\
        <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
    let sent = Some(Direction::ClientToServer);
    let received = Some(Direction::ServerToClient);
    let clear = Some(Phase::BeforeTls);
    let check = |lines: &[(Option<Direction>, Option<Phase>, &str)], phase: Phase, rule: &str| {
        let mut auditor = Auditor::new(Catalog::builtin(), Arc::default(), "s").assume_logged_in();
        let mut last = (Phase::LoggedIn, Vec::new());
        for (input, (direction, phase, xml)) in lines.iter().enumerate() {
            let Body::Stanza(stanza) = auditor.audit_one(xml.as_bytes(), *direction, *phase, input as u64).body else { unreachable!() };
            last = (stanza.phase, Vec::new());
            while let Some(record) = auditor.poll() {
                if let Body::Finding(finding) = record.body {
                    last.1.push(finding.rule.to_string());
                }
            }
        }
        assert_eq!(last.0, phase, "{lines:?}");
        assert!(last.1.iter().any(|found| found == rule), "{lines:?}: {:?}", last.1);
    };
    let (outside, inside) = ("login-before-tls", "plain-login-inside-tls");
    check(&[(None, None, AUTH)], Phase::LoggedIn, inside);
    check(&[(None, clear, AUTH)], Phase::BeforeTls, outside);
    check(&[(None, clear, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), (sent, None, AUTH)], Phase::BeforeTls, outside);
    check(&[(received, clear, PROCEED), (sent, None, AUTH)], Phase::BeforeLogin, inside);
    check(&[(sent, clear, AUTH), (received, clear, PROCEED), (sent, None, AUTH)], Phase::BeforeLogin, inside);
    check(&[(None, clear, PROCEED), (None, None, AUTH)], Phase::BeforeLogin, inside);
    check(&[(received, None, OFFER), (sent, None, AUTH)], Phase::BeforeTls, outside);
    check(
        &[(received, None, OFFER), (received, None, PROCEED), (received, None, FEATURES), (sent, None, AUTH)],
        Phase::BeforeLogin,
        inside,
    );
    check(&[(received, None, OFFER), (received, None, FEATURES), (sent, None, AUTH)], Phase::BeforeLogin, inside);
    check(&[(received, Some(Phase::BeforeLogin), OFFER), (sent, None, AUTH)], Phase::LoggedIn, inside);
    check(&[(received, None, OFFER), (received, None, SUCCESS), (received, None, FEATURES), (sent, None, AUTH)], Phase::LoggedIn, inside);
    check(&[(sent, None, PROCEED), (sent, clear, AUTH)], Phase::BeforeTls, outside);
}

/// What an account is taken for follows what is shown, and what the server says overrules it.
#[test]
fn whose_session_it_is_shows() {
    let account = |accounts: &[&str], lines: &[(Direction, &str)]| {
        let accounts = accounts.iter().map(|account| (*account).to_owned()).collect();
        let settings = Arc::new(Settings { accounts, ..Settings::default() });
        let mut auditor = Auditor::new(Catalog::builtin(), settings, "s").assume_logged_in();
        for (direction, xml) in lines {
            auditor.audit_one(xml.as_bytes(), Some(*direction), None, 0);
        }
        auditor.account().map(str::to_owned)
    };
    let shown = (Direction::ServerToClient, "<message from='ann@a.example' to='mira@fern.example/x'/>");
    let broadcast = (Direction::ServerToClient, "<message type='groupchat' from='r@rooms.example/a' to='r@rooms.example'/>");
    let forged = (Direction::ClientToServer, "<message from='eve@weed.example' to='ann@a.example'/>");
    let bound = "<iq type='result' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>tomas@moss.example/x</jid></bind></iq>";
    let bound = (Direction::ServerToClient, bound);
    assert_eq!(account(&[], &[broadcast]), None);
    assert_eq!(account(&[], &[shown, forged]).as_deref(), Some("mira@fern.example"));
    assert_eq!(account(&["mira@fern.example", "tomas@moss.example"], &[forged, shown]).as_deref(), Some("mira@fern.example"));
    assert_eq!(account(&["tomas@moss.example"], &[shown]).as_deref(), Some("tomas@moss.example"));
    assert_eq!(account(&[], &[bound, shown, forged]).as_deref(), Some("tomas@moss.example"));
    assert_eq!(account(&[], &[shown, bound]).as_deref(), Some("tomas@moss.example"));
    let pretended = "<iq type='result' from='eve@weed.example' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>eve@weed.example/x</jid></bind></iq>";
    let pretended = (Direction::ServerToClient, pretended);
    let again = "<iq type='result' from='weed.example' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>eve@weed.example/x</jid></bind></iq>";
    let again = (Direction::ServerToClient, again);
    assert_eq!(account(&["mira@fern.example"], &[pretended]).as_deref(), Some("mira@fern.example"));
    assert_eq!(account(&[], &[bound, pretended, again]).as_deref(), Some("tomas@moss.example"));
}

/// Two accounts under test that talk to each other: each session has its own side.
#[test]
fn a_conversation_is_with_the_other_party() {
    let accounts = vec!["ann@a.example".to_owned(), "ben@a.example".to_owned()];
    let settings = Arc::new(Settings { accounts, ..Settings::default() });
    let mut auditor = Auditor::new(Catalog::builtin(), settings, "s").assume_logged_in();
    let mut with = |direction, xml: &str| match auditor.audit_one(xml.as_bytes(), Some(direction), None, 0).body {
        Body::Stanza(stanza) => stanza.conversation,
        _ => None,
    };
    let bound = "<iq type='result' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>ben@a.example/x</jid></bind></iq>";
    assert_eq!(with(Direction::ServerToClient, bound), None);
    let from_ann = "<message from='ann@a.example/y' to='ben@a.example'><body>x</body></message>";
    assert_eq!(with(Direction::ServerToClient, from_ann).as_deref(), Some("ann@a.example"));
    let to_ann = "<message to='ann@a.example'><body>x</body></message>";
    assert_eq!(with(Direction::ClientToServer, to_ann).as_deref(), Some("ann@a.example"));
}
