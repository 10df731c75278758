//! Lab 2: compare transport encryption with end-to-end encryption.

use super::{Answer, Basis, Lab, asked, content, not_observed, seen};
use crate::record::Observer;
use crate::report::doc::{Inline, Tone};
use crate::report::model::Model;
use crate::report::text::layout::{counted, grouped};

/// The lab.
pub fn lab(model: &Model) -> Lab {
    let answers = vec![transport(model), end_to_end(model), sender_and_recipient(model), presence(model), attachments(model), trust(model)];
    Lab {
        id: "lab-compare",
        title: "Lab 2: transport encryption and end-to-end encryption compared",
        purpose: "TLS keeps the network out; only end-to-end encryption keeps the server out, and only out of the content.",
        answers,
    }
}

fn transport(model: &Model) -> Answer {
    let places = model.facts.places(&["transport.tls.version_negotiated"]);
    let clear = model.watchers.of(Observer::Network).map_or(0, |views| views.iter().map(|view| view.values).sum::<u64>());
    let mut answer = Inline::new().values(model.facts.values(&["transport.tls.version_negotiated", "transport.tls.cipher_negotiated"]), 4);
    if clear > 0 {
        answer = answer
            .text(format!("; the network still read {}, such as addresses and the server's name. ", counted(clear, "value")))
            .link("observers", "Who sees what");
    }
    seen(
        "transport_encrypted",
        "Is the transport encrypted?",
        (Tone::Good, "yes"),
        answer,
        places,
        "No facts about the connection: a scan of stanzas has none.",
    )
}

fn end_to_end(model: &Model) -> Answer {
    let question = "Is content encrypted end to end?";
    match content(model) {
        Some((short, answer, places)) => {
            Answer { key: "content_encrypted".into(), question: question.into(), short, answer, basis: Basis::Observed(places) }
        }
        None => not_observed("content_encrypted", question, "No message with content was seen."),
    }
}

fn sender_and_recipient(model: &Model) -> Answer {
    let places = model.facts.places(&["message.to", "message.from", "muc.message.room", "muc.message.sender"]);
    let answer = Inline::new().text(format!(
        "{} name who writes to whom. End-to-end encryption does not change that: the server needs the address to deliver.",
        counted(places.count, "message")
    ));
    seen("server_sees_parties", "Does the server see sender and recipient?", (Tone::High, "yes"), answer, places, "No message was seen.")
}

fn presence(model: &Model) -> Answer {
    let ids =
        ["presence.initial", "presence.show", "presence.status", "presence.unavailable", "presence.priority", "presence.last_activity"];
    let places = model.facts.sent(&ids);
    let mut answer = Inline::new().text("The client told it when it came and went");
    let said = model.facts.sent_values(&["presence.show", "presence.status"]);
    if !said.is_empty() {
        answer = answer.text(", and ").values(said, 4);
    }
    seen("server_sees_presence", "Does the server see presence?", (Tone::High, "yes"), answer, places, "The client sent no presence.")
}

fn attachments(model: &Model) -> Answer {
    let places = model.facts.places(&["upload.", "message.oob.url", "sims.", "sfs.", "jft.", "aesgcm."]);
    let encrypted = model.facts.places(&["aesgcm.", "esfs."]);
    let mut answer = Inline::new().text("Name, size and type when the client asks for an upload slot, and who uploads when");
    if let Some(size) = model.facts.values(&["upload.request.size"]).first() {
        answer = answer.text("; here ").value(*size).text(" bytes");
    }
    answer = if encrypted.is_empty() {
        answer.text(". The file itself goes to the upload host round this proxy, so whether it was encrypted was not observed.")
    } else {
        answer.text(". Links for encrypted files were seen").places(&encrypted).text("; the file itself goes round this proxy.")
    };
    seen(
        "server_sees_attachments",
        "Does the server see attachments?",
        (Tone::Medium, "in part"),
        answer,
        places,
        "No file was announced or linked.",
    )
}

fn trust(model: &Model) -> Answer {
    let mut answer = asked(
        model,
        "recipient_trust",
        "Must the recipient trust the server?",
        "Whether fingerprints were compared outside this path is not on the wire: say so in [profile] recipient_trust.",
    );
    let fetched = model.facts.places(&["omemo.axolotl.bundle.fetch_node", "omemo.v2.bundle.fetch_item"]);
    let mut text = Inline::new().text("For metadata, yes: it cannot be hidden from the server. ");
    if !fetched.is_empty() {
        text = text
            .text(format!(
                "For keys, unless fingerprints are compared: keys were fetched {} times through the server",
                grouped(fetched.count)
            ))
            .places(&fetched)
            .text(". ");
    }
    answer.answer = text.and(answer.answer);
    answer
}
