//! Namespaces that rules look for, by the name their specification goes by.
#![expect(missing_docs, reason = "each is the namespace of the specification it is named after")]

pub use crate::xmpp::ns::{
    BIND, BIND2, CARBONS, CLIENT, COMPRESS, DISCO_INFO, DISCO_ITEMS, EME, FORWARD, MAM, MUC, MUC_USER, OMEMO_0, OMEMO_1, OMEMO_2,
    OMEMO_LEGACY, PUBSUB, PUBSUB_EVENT, ROSTER, SASL, SASL2, SM, STREAM, TLS,
};

pub const ACTIVITY: &str = "http://jabber.org/protocol/activity";
pub const ADDRESS: &str = "http://jabber.org/protocol/address";
pub const AVATAR_DATA: &str = "urn:xmpp:avatar:data";
pub const AVATAR_METADATA: &str = "urn:xmpp:avatar:metadata";
pub const BLOCKING: &str = "urn:xmpp:blocking";
pub const BOB: &str = "urn:xmpp:bob";
pub const BOOKMARKS: &str = "storage:bookmarks";
/// The forerunner of [`BOOKMARKS_2`].
pub const BOOKMARKS_1: &str = "urn:xmpp:bookmarks:0";
pub const BOOKMARKS_2: &str = "urn:xmpp:bookmarks:1";
pub const CALL_INVITES: &str = "urn:xmpp:call-invites:0";
pub const CAPS: &str = "http://jabber.org/protocol/caps";
pub const CHANNEL_SEARCH: &str = "urn:xmpp:channel-search:0:search";
pub const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";
pub const COMMANDS: &str = "http://jabber.org/protocol/commands";
pub const CONFERENCE: &str = "jabber:x:conference";
pub const CORRECT: &str = "urn:xmpp:message-correct:0";
pub const DATA_FORMS: &str = "jabber:x:data";
pub const DELAY: &str = "urn:xmpp:delay";
pub const DTLS: &str = "urn:xmpp:jingle:apps:dtls:0";
pub const ESFS: &str = "urn:xmpp:esfs:0";
pub const FALLBACK: &str = "urn:xmpp:fallback:0";
pub const FILE_METADATA: &str = "urn:xmpp:file:metadata:0";
pub const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
pub const GEOLOC: &str = "http://jabber.org/protocol/geoloc";
pub const HTTP_UPLOAD: &str = "urn:xmpp:http:upload:0";
pub const HTTP_UPLOAD_OLD: &str = "urn:xmpp:http:upload";
pub const IBB: &str = "http://jabber.org/protocol/ibb";
pub const IDLE: &str = "urn:xmpp:idle:1";
pub const INVISIBLE: &str = "urn:xmpp:invisible:1";
pub const JET: &str = "urn:xmpp:jingle:jet:0";
pub const JET_STUB: &str = "urn:xmpp:encryption:stub:0";
pub const JINGLE: &str = "urn:xmpp:jingle:1";
pub const JINGLE_FILE: &str = "urn:xmpp:jingle:apps:file-transfer:5";
pub const JINGLE_ICE: &str = "urn:xmpp:jingle:transports:ice:0";
pub const JINGLE_ICE_UDP: &str = "urn:xmpp:jingle:transports:ice-udp:1";
pub const JINGLE_MESSAGE: &str = "urn:xmpp:jingle-message:0";
pub const JINGLE_RAW_UDP: &str = "urn:xmpp:jingle:transports:raw-udp:1";
pub const JINGLE_RTP: &str = "urn:xmpp:jingle:apps:rtp:1";
pub const JINGLE_RTP_INFO: &str = "urn:xmpp:jingle:apps:rtp:info:1";
pub const JINGLE_S5B: &str = "urn:xmpp:jingle:transports:s5b:1";
pub const LAST: &str = "jabber:iq:last";
pub const LEGACY_AUTH: &str = "jabber:iq:auth";
pub const MARKERS: &str = "urn:xmpp:chat-markers:0";
pub const MESSAGE_RETRACT: &str = "urn:xmpp:message-retract:1";
pub const MOOD: &str = "http://jabber.org/protocol/mood";
pub const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";
pub const MUC_OWNER: &str = "http://jabber.org/protocol/muc#owner";
pub const NICK: &str = "http://jabber.org/protocol/nick";
pub const OOB: &str = "jabber:x:oob";
pub const OOB_IQ: &str = "jabber:iq:oob";
pub const OPENPGP: &str = "urn:xmpp:openpgp:0";
pub const PGP_ENCRYPTED: &str = "jabber:x:encrypted";
pub const PGP_SIGNED: &str = "jabber:x:signed";
pub const PING: &str = "urn:xmpp:ping";
pub const PRIVACY: &str = "jabber:iq:privacy";
pub const PRIVATE: &str = "jabber:iq:private";
pub const PUBSUB_OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
pub const PUSH: &str = "urn:xmpp:push:0";
pub const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
pub const REACTIONS: &str = "urn:xmpp:reactions:0";
pub const RECEIPTS: &str = "urn:xmpp:receipts";
pub const REFERENCE: &str = "urn:xmpp:reference:0";
pub const REGISTER: &str = "jabber:iq:register";
pub const REPLY: &str = "urn:xmpp:reply:0";
pub const REPORTING: &str = "urn:xmpp:reporting:1";
pub const ROSTER_EXCHANGE: &str = "http://jabber.org/protocol/rosterx";
pub const ROSTER_NOTES: &str = "storage:rosternotes";
pub const S5B: &str = "http://jabber.org/protocol/bytestreams";
pub const SEARCH: &str = "jabber:iq:search";
pub const SFS: &str = "urn:xmpp:sfs:0";
pub const SI: &str = "http://jabber.org/protocol/si";
pub const SID: &str = "urn:xmpp:sid:0";
pub const SIMS: &str = "urn:xmpp:sims:1";
pub const SI_FILE: &str = "http://jabber.org/protocol/si/profile/file-transfer";
pub const THUMBS: &str = "urn:xmpp:thumbs:1";
pub const THUMBS_0: &str = "urn:xmpp:thumbs:0";
pub const TIME: &str = "urn:xmpp:time";
pub const TIME_LEGACY: &str = "jabber:iq:time";
pub const TUNE: &str = "http://jabber.org/protocol/tune";
pub const URL_DATA: &str = "http://jabber.org/protocol/url-data";
pub const VCARD: &str = "vcard-temp";
pub const VCARD_4: &str = "urn:ietf:params:xml:ns:vcard-4.0";
pub const VCARD_UPDATE: &str = "vcard-temp:x:update";
pub const VERSION: &str = "jabber:iq:version";

/// Every OMEMO namespace, the most used first.
pub const OMEMO: [&str; 4] = [OMEMO_LEGACY, OMEMO_2, OMEMO_1, OMEMO_0];
