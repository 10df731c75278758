//! Questions of the client whose answers do not say what was asked: a list that does not exist, or that is empty.

use std::collections::VecDeque;

use super::device_lists::{self, Family};
use super::names::{MUC_ADMIN, PUBSUB};
use super::seen::child;
use crate::xmpp::element::Element;

/// Questions that wait at most; the oldest goes first.
const MAX: usize = 64;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// A list of devices.
    Devices(Family),
    /// A list of people in a room with an affiliation that lets them read encrypted messages: a bit of [`Question::EVERY_LIST`].
    People(u8),
}

impl Question {
    /// Members, admins and owners.
    pub const EVERY_LIST: u8 = 0b111;

    fn of(iq: Element<'_>) -> Option<Question> {
        if let Some(query) = child(iq, MUC_ADMIN, "query") {
            let list = ["member", "admin", "owner"]
                .into_iter()
                .position(|list| query.children().any(|item| item.attr("affiliation") == Some(list)));
            return list.map(|bit| Question::People(1 << bit));
        }
        let items = child(child(iq, PUBSUB, "pubsub")?, PUBSUB, "items")?;
        device_lists::list_node(items.attr("node")?).map(Question::Devices)
    }
}

/// Questions that wait for an answer, with whom was asked (bare, empty for the own account) and the id.
#[derive(Debug, Default)]
pub(super) struct Asked(VecDeque<(String, String, Question)>);

impl Asked {
    /// The client sends an IQ.
    pub fn keep(&mut self, iq: Element<'_>, whom: &str) {
        if iq.attr("type") != Some("get") {
            return;
        }
        let (Some(question), Some(id)) = (Question::of(iq), iq.attr("id")) else { return };
        if self.0.len() >= MAX {
            self.0.pop_front();
        }
        self.0.push_back((whom.to_owned(), id.to_owned(), question));
    }

    /// What an IQ answers that was received.
    pub fn take(&mut self, iq: Element<'_>, whom: &str) -> Option<Question> {
        if self.0.is_empty() || !matches!(iq.attr("type"), Some("result" | "error")) {
            return None;
        }
        let id = iq.attr("id")?;
        let at = self.0.iter().position(|(asked, with, _)| asked == whom && with == id)?;
        self.0.remove(at).map(|(_, _, question)| question)
    }
}
