//! Canaries: strings that must never be readable. Found in clear they prove a leak.
//!
//! Looked for as written and inside base64, in every text and attribute value of a frame. Further decodings belong to the full procedure.

use super::value::decode_base64;
use crate::xmpp::element::{Document, NodeId, NodeKind};

/// The first hit: the rule (`L1` in clear, `L2` after decoding) and the element or attribute it was found in. Never the canary itself.
pub fn search(document: &Document, canaries: &[String]) -> Option<(&'static str, String)> {
    for index in 0..document.len() {
        let id = NodeId(index as u32);
        if document.node(id).kind == NodeKind::Text {
            continue;
        }
        let element = document.element(id);
        if let Some(rule) = hit(&element.own_text(), canaries) {
            return Some((rule, format!("<{}/>", element.local())));
        }
        for attr in element.attr_indices() {
            if let Some(rule) = hit(document.attr_value(attr), canaries) {
                return Some((rule, format!("<{} {}=…/>", element.local(), document.attr_qname(attr))));
            }
        }
    }
    None
}

fn hit(text: &str, canaries: &[String]) -> Option<&'static str> {
    let found = |bytes: &[u8]| canaries.iter().any(|canary| !canary.is_empty() && memchr::memmem::find(bytes, canary.as_bytes()).is_some());
    if found(text.as_bytes()) {
        return Some("L1");
    }
    let trimmed = text.trim();
    (trimmed.len() >= 8 && decode_base64(trimmed).is_some_and(|bytes| found(&bytes))).then_some("L2")
}
