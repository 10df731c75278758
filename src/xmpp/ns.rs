//! Namespaces that code (rather than the catalog) has to know.

/// RFC 6120 §4.8.1: streams.
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// RFC 6120 §4.8.2: stanzas between client and server.
pub const CLIENT: &str = "jabber:client";
/// RFC 6120 §4.8.2: stanzas between servers; same shape as [`CLIENT`].
pub const SERVER: &str = "jabber:server";
/// RFC 6120 §4.9.3: stream error conditions.
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// RFC 6120 §5: STARTTLS.
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// RFC 6120 §6: SASL.
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// XEP-0388: extensible SASL profile.
pub const SASL2: &str = "urn:xmpp:sasl:2";
/// XEP-0440: channel-binding types.
pub const SASL_CB: &str = "urn:xmpp:sasl-cb:0";
/// RFC 6120 §7: resource binding.
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// XEP-0386: Bind 2.
pub const BIND2: &str = "urn:xmpp:bind:0";
/// RFC 6121 §2: roster.
pub const ROSTER: &str = "jabber:iq:roster";
/// XEP-0138: stream compression, as a feature.
pub const COMPRESS_FEATURE: &str = "http://jabber.org/features/compress";
/// XEP-0138: stream compression, the protocol.
pub const COMPRESS: &str = "http://jabber.org/protocol/compress";
/// XEP-0198: stream management.
pub const SM: &str = "urn:xmpp:sm:3";
/// XEP-0297: forwarded stanzas.
pub const FORWARD: &str = "urn:xmpp:forward:0";
/// XEP-0280: carbons.
pub const CARBONS: &str = "urn:xmpp:carbons:2";
/// XEP-0313: archive.
pub const MAM: &str = "urn:xmpp:mam:2";
/// XEP-0045: rooms.
pub const MUC: &str = "http://jabber.org/protocol/muc";
/// XEP-0045: rooms, as users see them.
pub const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
/// XEP-0060: publish-subscribe.
pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
/// XEP-0060: events.
pub const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// XEP-0030: items of an entity.
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// XEP-0030: identities and features.
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// XEP-0384 before version 0.4: what nearly every client sends.
pub const OMEMO_LEGACY: &str = "eu.siacs.conversations.axolotl";
/// XEP-0384 0.1 (Olm based).
pub const OMEMO_0: &str = "urn:xmpp:omemo:0";
/// XEP-0384 0.4 to 0.7.
pub const OMEMO_1: &str = "urn:xmpp:omemo:1";
/// XEP-0384 since 0.8.
pub const OMEMO_2: &str = "urn:xmpp:omemo:2";
/// XEP-0420 before version 0.4: stanza content encryption.
pub const SCE_0: &str = "urn:xmpp:sce:0";
/// XEP-0420: stanza content encryption.
pub const SCE_1: &str = "urn:xmpp:sce:1";
/// XEP-0448: encrypted files.
pub const ESFS: &str = "urn:xmpp:esfs:0";
/// XEP-0373: OpenPGP for XMPP.
pub const OPENPGP: &str = "urn:xmpp:openpgp:0";
/// XEP-0027: OpenPGP, the older way.
pub const OPENPGP_OLD: &str = "jabber:x:encrypted";
/// XEP-0200: encrypted sessions.
pub const STANZA_SESSION: &str = "http://www.xmpp.org/extensions/xep-0200.html#ns";
/// XEP-0473: OpenPGP for pubsub.
pub const OPENPGP_PUBSUB: &str = "urn:xmpp:openpgp:pubsub:0";
/// XEP-0477: pubsub targeted encryption.
pub const PUBSUB_TARGETED: &str = "urn:xmpp:pte:0";
/// XEP-0380: explicit message encryption.
pub const EME: &str = "urn:xmpp:eme:0";

/// Namespaces of first-level stream children that are not stanzas (nonzas, XEP-0360).
///
/// Catalog paths that begin in one of these are anchored at the stream; any other path that does not begin with a stanza is a fragment and
/// may match at any depth.
pub const NONZA: &[&str] = &[
    STREAM,
    TLS,
    SASL,
    SASL2,
    "urn:xmpp:sasl:1",
    COMPRESS,
    COMPRESS_FEATURE,
    "http://jabber.org/protocol/compress/exi",
    SM,
    "urn:xmpp:csi:0",
    "urn:ietf:params:xml:ns:xmpp-framing",
    "http://jabber.org/protocol/httpbind",
    "urn:xmpp:register:0",
    "urn:xmpp:bidi",
    "jabber:server:dialback",
    "jabber:component:accept",
];
