//! The names that the auditor's own logic looks for, whatever the catalog says.

use crate::xmpp::names::{Names, NsId, Sym};
use crate::xmpp::ns;

/// Names the auditor's own logic looks for.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is the element of that name")]
pub struct Known {
    pub message: Sym,
    pub presence: Sym,
    pub iq: Sym,
    pub body: Sym,
    pub subject: Sym,
    pub error: Sym,
    pub stream: Sym,
    pub features: Sym,
    pub stream_error: Sym,
    pub forwarded: Sym,
    pub carbons_sent: Sym,
    pub carbons_received: Sym,
    pub mam_result: Sym,
    pub roster_query: Sym,
    pub roster_item: Sym,
    pub bind: Sym,
    pub bind_jid: Sym,
    pub sasl_auth: Sym,
    pub sasl_success: Sym,
    pub sasl_failure: Sym,
    pub sasl_abort: Sym,
    pub sasl_mechanisms: Sym,
    pub sasl2_authenticate: Sym,
    pub sasl2_success: Sym,
    pub sasl2_failure: Sym,
    pub sasl2_abort: Sym,
    pub sasl2_authentication: Sym,
    pub sasl2_identifier: Sym,
    pub muc_join: Sym,
    pub muc_user: Sym,
    pub pubsub: Sym,
    pub pubsub_event: Sym,
    pub omemo_legacy: Sym,
    pub omemo_0: Sym,
    pub omemo_1: Sym,
    pub omemo_2: Sym,
    pub eme: Sym,
    pub sm_enabled: Sym,
    pub sm_resumed: Sym,
    pub compression: Sym,
    pub compress: Sym,
    pub starttls: Sym,
    pub proceed: Sym,
    /// OMEMO, from the oldest.
    pub omemo: [NsId; 4],
    /// What there is in each of them.
    pub omemo_names: [OmemoNames; 4],
    /// Stanza content encryption.
    pub sce: [NsId; 2],
    /// Other end-to-end systems.
    pub e2ee: [NsId; 5],
    /// Encrypted files.
    pub esfs: NsId,
}

/// Names in a namespace of OMEMO, be they in use there or not.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is the element of that name")]
pub struct OmemoNames {
    pub encrypted: Sym,
    pub header: Sym,
    pub keys: Sym,
    pub key: Sym,
    pub iv: Sym,
    pub payload: Sym,
}

impl Known {
    pub(super) fn intern(names: &mut Names) -> Known {
        let omemo = [ns::OMEMO_LEGACY, ns::OMEMO_0, ns::OMEMO_1, ns::OMEMO_2].map(|uri| names.intern_ns(uri));
        let sce = [ns::SCE_0, ns::SCE_1].map(|uri| names.intern_ns(uri));
        let e2ee =
            [ns::OPENPGP, ns::OPENPGP_OLD, ns::STANZA_SESSION, ns::OPENPGP_PUBSUB, ns::PUBSUB_TARGETED].map(|uri| names.intern_ns(uri));
        let esfs = names.intern_ns(ns::ESFS);
        let omemo_names = omemo.map(|ns| OmemoNames {
            encrypted: names.intern(ns, "encrypted"),
            header: names.intern(ns, "header"),
            keys: names.intern(ns, "keys"),
            key: names.intern(ns, "key"),
            iv: names.intern(ns, "iv"),
            payload: names.intern(ns, "payload"),
        });
        let mut sym = |uri: &str, local: &str| {
            let ns = names.intern_ns(uri);
            names.intern(ns, local)
        };
        Known {
            message: sym(ns::CLIENT, "message"),
            presence: sym(ns::CLIENT, "presence"),
            iq: sym(ns::CLIENT, "iq"),
            body: sym(ns::CLIENT, "body"),
            subject: sym(ns::CLIENT, "subject"),
            error: sym(ns::CLIENT, "error"),
            stream: sym(ns::STREAM, "stream"),
            features: sym(ns::STREAM, "features"),
            stream_error: sym(ns::STREAM, "error"),
            forwarded: sym(ns::FORWARD, "forwarded"),
            carbons_sent: sym(ns::CARBONS, "sent"),
            carbons_received: sym(ns::CARBONS, "received"),
            mam_result: sym(ns::MAM, "result"),
            roster_query: sym(ns::ROSTER, "query"),
            roster_item: sym(ns::ROSTER, "item"),
            bind: sym(ns::BIND, "bind"),
            bind_jid: sym(ns::BIND, "jid"),
            sasl_auth: sym(ns::SASL, "auth"),
            sasl_success: sym(ns::SASL, "success"),
            sasl_failure: sym(ns::SASL, "failure"),
            sasl_abort: sym(ns::SASL, "abort"),
            sasl_mechanisms: sym(ns::SASL, "mechanisms"),
            sasl2_authenticate: sym(ns::SASL2, "authenticate"),
            sasl2_success: sym(ns::SASL2, "success"),
            sasl2_failure: sym(ns::SASL2, "failure"),
            sasl2_abort: sym(ns::SASL2, "abort"),
            sasl2_authentication: sym(ns::SASL2, "authentication"),
            sasl2_identifier: sym(ns::SASL2, "authorization-identifier"),
            muc_join: sym(ns::MUC, "x"),
            muc_user: sym(ns::MUC_USER, "x"),
            pubsub: sym(ns::PUBSUB, "pubsub"),
            pubsub_event: sym(ns::PUBSUB_EVENT, "event"),
            omemo_legacy: sym(ns::OMEMO_LEGACY, "encrypted"),
            omemo_0: sym(ns::OMEMO_0, "encrypted"),
            omemo_1: sym(ns::OMEMO_1, "encrypted"),
            omemo_2: sym(ns::OMEMO_2, "encrypted"),
            eme: sym(ns::EME, "encryption"),
            sm_enabled: sym(ns::SM, "enabled"),
            sm_resumed: sym(ns::SM, "resumed"),
            compression: sym(ns::COMPRESS_FEATURE, "compression"),
            compress: sym(ns::COMPRESS, "compress"),
            starttls: sym(ns::TLS, "starttls"),
            proceed: sym(ns::TLS, "proceed"),
            omemo,
            omemo_names,
            sce,
            e2ee,
            esfs,
        }
    }
}
