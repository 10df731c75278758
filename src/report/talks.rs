//! Conversations: what became of the content exchanged with each address.

use std::collections::BTreeMap;

use super::read::ReadVerdict;
use crate::record::{Assessment, Verdict};
use crate::xmpp::Direction;

/// Conversations that are told apart; a hostile peer can invent any number.
const MAX_CONVERSATIONS: usize = 4096;
/// Reasons that are kept per verdict.
const MAX_REASONS: usize = 3;

/// Verdicts on the messages of one conversation.
#[derive(Debug, Clone, Default)]
pub struct Talk {
    /// Messages the client sent.
    pub sent: u64,
    /// Messages it received.
    pub received: u64,
    /// Messages whose direction is not known.
    pub undirected: u64,
    /// Messages by verdict, with the reasons given most recently new.
    pub verdicts: BTreeMap<Verdict, Judged>,
    /// Messages seen as copies only counted here: carbons, archives, room history.
    pub copies: BTreeMap<Verdict, u64>,
    /// Lowest evidence level among the opaque messages, `1` to `4`; 0 without one.
    pub lowest_level: u8,
    /// Messages that were raised at the end of the run, by the level they reached.
    pub raised: BTreeMap<u8, u64>,
    /// Why the level is not higher, as the assessment says.
    pub because: String,
}

/// Messages with one verdict.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// How many.
    pub messages: u64,
    /// Rules and reasons, different ones.
    pub reasons: Vec<String>,
}

impl Talk {
    /// The verdict on the conversation: the worst of its messages (of its copies, when nothing else was seen).
    pub fn lowest(&self) -> Option<Verdict> {
        self.verdicts.keys().next().or_else(|| self.copies.keys().next()).copied()
    }

    /// Messages that are no copies.
    pub fn messages(&self) -> u64 {
        self.verdicts.values().map(|judged| judged.messages).sum()
    }
}

/// All conversations.
#[derive(Debug, Clone, Default)]
pub struct Talks {
    talks: BTreeMap<String, Talk>,
    /// Messages of conversations beyond the limit.
    pub overflow: u64,
}

impl Talks {
    /// Counts a message. A verdict this version does not know counts as suspect: what cannot be checked is never passed.
    pub fn add(&mut self, with: &str, direction: Option<Direction>, copy: bool, verdict: &ReadVerdict<'_>) {
        if !self.talks.contains_key(with) && self.talks.len() >= MAX_CONVERSATIONS {
            self.overflow += 1;
            return;
        }
        let talk = self.talks.entry(with.to_owned()).or_default();
        let known = Verdict::ALL.iter().copied().find(|known| known.name() == verdict.body).unwrap_or(Verdict::Suspect);
        if copy {
            *talk.copies.entry(known).or_default() += 1;
            return;
        }
        match direction {
            Some(Direction::ClientToServer) => talk.sent += 1,
            Some(Direction::ServerToClient) => talk.received += 1,
            None => talk.undirected += 1,
        }
        if known == Verdict::Opaque {
            let level = level(verdict.level.as_deref());
            talk.lowest_level = if talk.lowest_level == 0 { level } else { talk.lowest_level.min(level) };
        }
        let judged = talk.verdicts.entry(known).or_default();
        judged.messages += 1;
        let reason = format!("{} ({})", verdict.because, verdict.rules.join(", "));
        if judged.reasons.len() < MAX_REASONS && !judged.reasons.contains(&reason) {
            judged.reasons.push(reason);
        }
    }

    /// Takes in what the end of the run says of a conversation. The verdicts on its messages stay as they were.
    pub fn assess(&mut self, with: &str, assessment: &Assessment) {
        let Some(talk) = self.talks.get_mut(with) else { return };
        for raised in &assessment.raised {
            *talk.raised.entry(level(Some(&raised.level))).or_default() += 1;
        }
        if let (Some(reached), true) = (&assessment.level, talk.lowest_level > 0) {
            talk.lowest_level = talk.lowest_level.max(level(Some(reached)));
        }
        talk.because.clone_from(&assessment.because);
    }

    /// Conversations, the worst verdict first, then the one with most messages.
    pub fn ranked(&self) -> Vec<(&str, &Talk)> {
        let mut ranked: Vec<(&str, &Talk)> = self.talks.iter().map(|(with, talk)| (with.as_str(), talk)).collect();
        ranked.sort_by(|a, b| a.1.lowest().cmp(&b.1.lowest()).then(b.1.messages().cmp(&a.1.messages())).then(a.0.cmp(b.0)));
        ranked
    }

    /// Messages by verdict over all conversations, copies left out.
    pub fn totals(&self) -> BTreeMap<Verdict, u64> {
        let mut totals = BTreeMap::new();
        for talk in self.talks.values() {
            for (verdict, judged) in &talk.verdicts {
                *totals.entry(*verdict).or_default() += judged.messages;
            }
        }
        totals
    }

    /// Copies by verdict over all conversations.
    pub fn copies(&self) -> BTreeMap<Verdict, u64> {
        let mut copies = BTreeMap::new();
        for talk in self.talks.values() {
            for (verdict, count) in &talk.copies {
                *copies.entry(*verdict).or_default() += count;
            }
        }
        copies
    }

    /// Lowest evidence level of all opaque messages.
    pub fn lowest_level(&self) -> Option<u8> {
        self.talks.values().map(|talk| talk.lowest_level).filter(|level| *level > 0).min()
    }
}

/// A level that this version does not know counts as the lowest.
fn level(name: Option<&str>) -> u8 {
    match name {
        Some("E4") => 4,
        Some("E3") => 3,
        Some("E2") => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(body: &'static str) -> ReadVerdict<'static> {
        ReadVerdict {
            body: body.into(),
            level: (body == "OPAQUE").then(|| "E1".into()),
            rules: vec!["S".into()],
            noted: Vec::new(),
            because: "why".into(),
        }
    }

    #[test]
    fn the_end_of_a_run_raises_and_never_lowers() {
        let mut talks = Talks::default();
        talks.add("b@b.example", Some(Direction::ClientToServer), false, &verdict("OPAQUE"));
        let raised = |level: &str| crate::record::Raised { session: "s".into(), seq: 0, level: level.into(), canaries: vec!["c1".into()] };
        let assessment = Assessment { level: Some("E3".into()), raised: vec![raised("E3"), raised("E4")], ..Assessment::default() };
        talks.assess("b@b.example", &assessment);
        talks.assess("nobody@b.example", &assessment);
        assert_eq!((talks.lowest_level(), talks.ranked().len()), (Some(3), 1));
        assert_eq!(talks.ranked()[0].1.raised, BTreeMap::from([(3, 1), (4, 1)]));
        talks.assess("b@b.example", &Assessment { level: Some("E1".into()), ..Assessment::default() });
        assert_eq!(talks.lowest_level(), Some(3));
    }

    #[test]
    fn the_worst_message_decides_and_copies_do_not_count() {
        let mut talks = Talks::default();
        let out = Some(Direction::ClientToServer);
        talks.add("b@b.example", out, false, &verdict("OPAQUE"));
        talks.add("b@b.example", None, false, &verdict("NOT_ENCRYPTED"));
        talks.add("b@b.example", out, true, &verdict("PROVEN_LEAK"));
        talks.add("c@b.example", out, false, &verdict("A_NEW_ONE"));
        let ranked = talks.ranked();
        assert_eq!(
            ranked.iter().map(|(with, talk)| (*with, talk.lowest(), talk.messages())).collect::<Vec<_>>(),
            [("c@b.example", Some(Verdict::Suspect), 1), ("b@b.example", Some(Verdict::NotEncrypted), 2),]
        );
        assert_eq!(talks.copies(), BTreeMap::from([(Verdict::ProvenLeak, 1)]));
        assert_eq!(talks.lowest_level(), Some(1));
    }
}
