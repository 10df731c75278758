//! The end of a run: which levels the search for canaries has earned.
//!
//! A passive proxy cannot see which ciphertext holds a canary. What it can say is which messages *can* hold it: sent by the client, opaque,
//! with whom the canary was declared for, long enough, and after the mark that names it, where there is one. Such a message is *covered*;
//! that the canary was really typed is the evaluator's word.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::declare::Canaries;
use super::ledger::{Ledger, Message, Step, Talk};
use super::needles;
use super::witness::Witness;
use crate::record::{Assessment, Raised, SearchFacts, Verdict};
use crate::xmpp::jid::normalised_bare;

/// Raised messages listed for one conversation.
const MAX_RAISED: usize = 1000;
/// Sessions whose messages can be raised.
const MAX_SESSIONS: usize = 10_000;
/// Accounts that are told apart.
const MAX_ACCOUNTS: usize = 10_000;

/// Collects what sessions leave.
#[derive(Debug, Default)]
pub struct Assessor {
    canaries: Canaries,
    /// Those with messages.
    sessions: Vec<(Arc<str>, Ledger)>,
    /// What the others come to together: connections that come and go must not fill the memory.
    others: Ledger,
    accounts: BTreeSet<String>,
    steps: Vec<Step>,
    /// Why traffic is missing.
    missing: Vec<String>,
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// One for each conversation with content, then one for the run.
    pub assessments: Vec<Assessment>,
    /// What witnesses said that could not be used, in words.
    pub unused: Vec<String>,
}

/// A message at the end.
struct Rated<'a> {
    session: &'a Arc<str>,
    message: &'a Message,
    level: u8,
    /// Canaries that it may hold; for E4 the one that was shown.
    canaries: Vec<usize>,
}

impl Assessor {
    /// For a run with these canaries.
    pub fn new(canaries: &Canaries) -> Assessor {
        Assessor { canaries: canaries.clone(), ..Assessor::default() }
    }

    /// Takes what a session leaves, once or piece by piece. Without canaries nothing is kept.
    pub fn add(&mut self, session: &Arc<str>, mut ledger: Ledger) {
        if self.canaries.is_empty() {
            return;
        }
        self.steps.append(&mut ledger.steps);
        if let Some(account) = ledger.account.take().filter(|_| self.accounts.len() < MAX_ACCOUNTS) {
            self.accounts.insert(account);
        }
        let has_messages = !ledger.talks.is_empty();
        if has_messages && self.sessions.len() < MAX_SESSIONS {
            return self.sessions.push((session.clone(), ledger));
        }
        let Ledger { frames, bytes, not_searched, overflow, .. } = &mut self.others;
        *frames += ledger.frames;
        *bytes += ledger.bytes;
        *not_searched += ledger.not_searched;
        *overflow += ledger.overflow + ledger.talks.values().flat_map(|talk| talk.verdicts.values()).sum::<u64>();
        self.others.readable.append(&mut ledger.readable);
    }

    fn ledgers(&self) -> impl Iterator<Item = &Ledger> {
        self.sessions.iter().map(|(_, ledger)| ledger).chain([&self.others])
    }

    /// Traffic that was not seen.
    pub fn miss(&mut self, why: impl Into<String>) {
        self.missing.push(why.into());
    }

    /// Sums up. Without canaries there is nothing to say.
    pub fn finish(mut self, witnesses: &[Witness]) -> Outcome {
        if self.canaries.is_empty() {
            return Outcome::default();
        }
        self.steps.sort_by_key(|step| step.mono_micros);
        self.sessions.sort_by(|a, b| a.0.len().cmp(&b.0.len()).then(a.0.cmp(&b.0)));
        let unknown: u64 = self.ledgers().map(|ledger| ledger.overflow).sum();
        if unknown > 0 {
            self.miss(format!("{unknown} messages were more than a run keeps account of"));
        }
        let readable = |canary: &usize| self.ledgers().any(|ledger| ledger.readable.contains(canary));
        let readable: Vec<usize> = (0..self.canaries.len()).filter(readable).collect();
        let not_searched: u64 = self.ledgers().map(|ledger| ledger.not_searched).sum();
        let whole = not_searched == 0 && self.missing.is_empty();
        let mut rated: Vec<Rated<'_>> = Vec::new();
        for (session, ledger) in &self.sessions {
            for message in &ledger.messages {
                let canaries: Vec<usize> = (0..self.canaries.len()).filter(|canary| self.covers(*canary, message)).collect();
                let raised =
                    whole && message.level == 2 && !canaries.is_empty() && !canaries.iter().any(|canary| readable.contains(canary));
                rated.push(Rated { session, message, level: if raised { 3 } else { message.level }, canaries });
            }
        }
        let unused = self.confirm(&mut rated, witnesses);
        let mut talks: BTreeMap<&str, Talk> = BTreeMap::new();
        for (with, talk) in self.sessions.iter().flat_map(|(_, ledger)| &ledger.talks) {
            let all = talks.entry(with).or_default();
            talk.verdicts.iter().for_each(|(verdict, count)| *all.verdicts.entry(*verdict).or_default() += count);
            talk.received.iter().for_each(|(level, count)| *all.received.entry(*level).or_default() += count);
        }
        let mut run = Talk::default();
        let mut assessments = Vec::new();
        for (with, talk) in &talks {
            let sent: Vec<&Rated<'_>> = rated.iter().filter(|rated| rated.message.conversation == **with).collect();
            let mut one = self.assess(talk, &sent, &readable, whole);
            one.conversation = Some((*with).to_owned());
            assessments.push(one);
            talk.verdicts.iter().for_each(|(verdict, count)| *run.verdicts.entry(*verdict).or_default() += count);
            talk.received.iter().for_each(|(level, count)| *run.received.entry(*level).or_default() += count);
        }
        let all: Vec<&Rated<'_>> = rated.iter().collect();
        // The messages are listed with their conversations.
        let mut run = Assessment { raised: Vec::new(), raised_more: 0, ..self.assess(&run, &all, &readable, whole) };
        let name = |canary: usize| self.canaries.all()[canary].name.clone();
        let sum = |of: fn(&Ledger) -> u64| self.ledgers().map(of).sum();
        run.search = Some(SearchFacts {
            readable: readable.iter().map(|canary| name(*canary)).collect(),
            not_found: (0..self.canaries.len()).filter(|canary| !readable.contains(canary)).map(name).collect(),
            frames: sum(|ledger| ledger.frames),
            bytes: sum(|ledger| ledger.bytes),
            not_searched,
        });
        assessments.push(run);
        Outcome { assessments, unused }
    }

    /// Whether a message may hold a canary.
    fn covers(&self, canary: usize, message: &Message) -> bool {
        let declared = &self.canaries.all()[canary];
        let with = declared.canary.with.as_deref().is_none_or(|with| with == message.conversation);
        let typed = declared.canary.field.is_none_or(|field| field.is_message());
        with && typed && message.capacity >= needles::decisive(&declared.canary.text).len() && self.in_its_step(&declared.name, message)
    }

    /// Where marks name a canary, only what was sent between one of them and the mark after it.
    fn in_its_step(&self, name: &str, message: &Message) -> bool {
        let named = |step: &Step| step.label.trim() == name;
        if !self.steps.iter().any(named) {
            return true;
        }
        let before = self.steps.iter().rfind(|step| step.mono_micros <= message.mono_micros);
        message.mono_micros.is_some() && before.is_some_and(named)
    }

    /// Raises what a receiving device showed.
    fn confirm(&self, rated: &mut [Rated<'_>], witnesses: &[Witness]) -> Vec<String> {
        let mut unused = Vec::new();
        for witness in witnesses {
            let sender = |rated: &Rated<'_>| {
                witness.from.as_deref().is_none_or(|from| {
                    let from = normalised_bare(from);
                    self.accounts.is_empty() || self.accounts.contains(&*from) || rated.message.conversation == *from
                })
            };
            let mut named = rated.iter_mut().filter(|rated| rated.message.ids.contains(&witness.id));
            let name = &self.canaries.all()[witness.canary].name;
            let problem = match named.next() {
                None => "names a message that this run did not see going out opaque".to_owned(),
                Some(rated) if !sender(rated) => "names another sender than the account of this run".to_owned(),
                Some(rated) if rated.level < 3 => format!("names a message that is at E{}, and E4 needs E3 first", rated.level),
                Some(rated) if !rated.canaries.contains(&witness.canary) && rated.level == 3 => {
                    format!("says that {name} was shown, which was not declared for that message")
                }
                Some(rated) => {
                    (rated.level, rated.canaries) = (4, vec![witness.canary]);
                    continue;
                }
            };
            unused.push(format!("line {} {problem}", witness.line));
        }
        unused
    }

    fn assess(&self, talk: &Talk, sent: &[&Rated<'_>], readable: &[usize], whole: bool) -> Assessment {
        let lowest = talk.verdicts.keys().next().copied();
        let opaque = lowest == Some(Verdict::Opaque);
        let sent_level = sent.iter().map(|rated| rated.level).min();
        let level = sent_level.into_iter().chain(talk.received.keys().copied()).min();
        let shown = |level: Option<u8>| level.filter(|_| opaque).map(|level| format!("E{level}"));
        let mut raised = sent.iter().filter(|rated| rated.level > rated.message.level);
        let listed: Vec<Raised> = raised.by_ref().take(MAX_RAISED).map(|rated| self.raised(rated)).collect();
        Assessment {
            verdicts: talk.verdicts.iter().map(|(verdict, count)| (verdict.name().to_owned(), *count)).collect(),
            lowest: lowest.map(|verdict| verdict.name().to_owned()),
            level: shown(level),
            sent_level: shown(sent_level),
            raised_more: raised.count() as u64,
            raised: listed,
            because: self.why_no_higher(opaque, talk, sent, readable, whole),
            ..Assessment::default()
        }
    }

    fn raised(&self, rated: &Rated<'_>) -> Raised {
        Raised {
            session: rated.session.to_string(),
            seq: rated.message.seq,
            level: format!("E{}", rated.level),
            canaries: rated.canaries.iter().map(|canary| self.canaries.all()[*canary].name.clone()).collect(),
        }
    }

    fn why_no_higher(&self, opaque: bool, talk: &Talk, sent: &[&Rated<'_>], readable: &[usize], whole: bool) -> String {
        if !opaque {
            return match talk.verdicts.keys().next() {
                Some(lowest) => format!("no level: a message is {lowest}"),
                None => "no message with content was seen".to_owned(),
            };
        }
        let count = |test: &dyn Fn(&Rated<'_>) -> bool| sent.iter().filter(|rated| test(rated)).count();
        let is_readable = |rated: &Rated<'_>| rated.canaries.iter().any(|canary| readable.contains(canary));
        let weak = count(&|rated| rated.level < 2);
        let uncovered = count(&|rated| rated.canaries.is_empty());
        let leaked = count(&is_readable);
        let unshown = count(&|rated| rated.level == 3);
        let all = sent.len();
        if all == 0 {
            "not E3: nothing was sent, and only what is sent from here can hold a canary".to_owned()
        } else if weak > 0 {
            format!("not E2: for {weak} of {all} messages sent the device lists or earlier messages were not seen")
        } else if !whole {
            let missing = self.missing.first().map_or("frames were not searched whole", String::as_str);
            format!("not E3: {missing}")
        } else if leaked > 0 {
            format!("not E3: a canary that {leaked} of {all} messages sent may hold could be read elsewhere")
        } else if uncovered > 0 {
            format!("not E3: no canary was declared for {uncovered} of {all} messages sent")
        } else if unshown > 0 {
            format!("not E4: for {unshown} of {all} messages sent no receiving device has shown the canary")
        } else if talk.received.is_empty() {
            "there is no higher level".to_owned()
        } else {
            "what is received is not raised: somebody else typed it".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::canary::{Canary, Field, witness};
    use crate::record::BodyVerdict;

    fn canaries() -> Canaries {
        let named = |name: &str, with: Option<&str>, field, text: &str| Canary {
            name: Some(name.into()),
            field,
            with: with.map(str::to_owned),
            ..Canary::plain(text)
        };
        Canaries::new(vec![
            named("c1", Some("ben@b.example"), Some(Field::Body), "CNRYAAAABBBBCCCC-heron"),
            named("c2", Some("cleo@b.example"), None, "CNRYDDDDEEEEFFFF-heron"),
            named("c3", None, Some(Field::Nickname), "CNRYGGGGHHHHIIII-heron"),
        ])
        .unwrap()
    }

    fn opaque(level: &'static str) -> BodyVerdict {
        BodyVerdict {
            body: Verdict::Opaque,
            level: Some(level),
            rules: vec!["S"],
            noted: Vec::new(),
            because: "".into(),
            details: Vec::new(),
        }
    }

    fn message(seq: u64, with: &str, level: u8, capacity: usize) -> Message {
        Message { seq, conversation: with.into(), level, capacity, ids: vec![format!("m{seq}")], mono_micros: Some(seq * 10) }
    }

    /// Messages to Ben at these levels and capacities, and one to Cleo at E2.
    fn session(sent: &[(u8, usize)]) -> Ledger {
        let mut ledger = Ledger { account: Some("ann@a.example".into()), ..Ledger::default() };
        for (seq, (level, capacity)) in (0..).zip(sent) {
            let verdict = opaque(["E1", "E1", "E2"][usize::from(*level)]);
            ledger.count("ben@b.example", &verdict, Some(message(seq, "ben@b.example", *level, *capacity)));
        }
        ledger.count("cleo@b.example", &opaque("E2"), Some(message(9, "cleo@b.example", 2, 30)));
        ledger
    }

    fn finish(ledger: Ledger, witnesses: &str) -> Outcome {
        let mut assessor = Assessor::new(&canaries());
        assessor.add(&"s1".into(), ledger);
        let witnesses = witness::read(witnesses, &canaries()).unwrap();
        assessor.finish(&witnesses)
    }

    #[track_caller]
    fn check(outcome: &Outcome, level: &str, raised: &str, because: &str) {
        let ben = &outcome.assessments[0];
        assert_eq!(ben.conversation.as_deref(), Some("ben@b.example"));
        let list: Vec<String> = ben.raised.iter().map(|r| format!("{} {} {}", r.seq, r.level, r.canaries.join("+"))).collect();
        assert_eq!((ben.sent_level.as_deref().unwrap_or("none"), list.join(", ").as_str()), (level, raised), "{ben:?}");
        assert!(ben.because.contains(because), "{}", ben.because);
    }

    #[test]
    fn covered_messages_at_e2_are_raised_when_nothing_was_found() {
        check(&finish(session(&[(2, 30), (2, 16)]), ""), "E3", "0 E3 c1, 1 E3 c1", "not E4: for 2 of 2");
        // Too short for the canary; too weak; both kinds together.
        check(&finish(session(&[(2, 30), (2, 15)]), ""), "E2", "0 E3 c1", "not E3: no canary was declared for 1 of 2");
        check(&finish(session(&[(1, 30)]), ""), "E1", "", "not E2: for 1 of 1");
    }

    #[test]
    fn what_was_found_or_not_searched_raises_nothing() {
        let mut found = session(&[(2, 30)]);
        found.readable.insert(0);
        let outcome = finish(found, "");
        check(&outcome, "E2", "", "could be read elsewhere");
        assert_eq!(outcome.assessments[1].raised.len(), 1, "the canary of the other conversation was not read");
        let search = outcome.assessments.last().unwrap().search.as_ref().unwrap();
        assert_eq!((search.readable.join(" "), search.not_found.join(" ")), ("c1".into(), "c2 c3".into()));
        check(&finish(Ledger { not_searched: 1, ..session(&[(2, 30)]) }, ""), "E2", "", "not searched whole");
        let mut assessor = Assessor::new(&canaries());
        assessor.add(&"s1".into(), session(&[(2, 30)]));
        assessor.miss("a session did not end");
        check(&assessor.finish(&[]), "E2", "", "a session did not end");
    }

    #[test]
    fn sessions_without_messages_leave_no_more_than_their_sums() {
        let mut assessor = Assessor::new(&canaries());
        for n in 0..1000 {
            let ledger = Ledger { frames: 2, bytes: 90, account: Some("ann@a.example".into()), ..Ledger::default() };
            assessor.add(&format!("s{n}").into(), ledger);
        }
        assert_eq!((assessor.sessions.len(), assessor.accounts.len()), (0, 1));
        assessor.add(&"s1000".into(), Ledger { readable: [0].into(), ..Ledger::default() });
        assessor.add(&"s1001".into(), session(&[(2, 30)]));
        let outcome = assessor.finish(&[]);
        check(&outcome, "E2", "", "could be read elsewhere");
        let search = outcome.assessments.last().unwrap().search.as_ref().unwrap();
        assert_eq!((search.frames, search.bytes), (2000, 90_000));
        let mut unasked = Assessor::default();
        unasked.add(&"s1".into(), session(&[(2, 30)]));
        assert!(unasked.sessions.is_empty());
    }

    #[test]
    fn messages_that_nobody_kept_raise_nothing() {
        check(&finish(Ledger { overflow: 3, ..session(&[(2, 30)]) }, ""), "E2", "", "3 messages were more than a run keeps account of");
        let mut assessor = Assessor::new(&canaries());
        for n in 0..=MAX_SESSIONS {
            assessor.add(&format!("s{n}").into(), session(&[(2, 30)]));
        }
        assert_eq!(assessor.sessions.len(), MAX_SESSIONS);
        check(&assessor.finish(&[]), "E2", "", "2 messages were more than a run keeps account of");
    }

    #[test]
    fn a_mark_narrows_a_canary_to_the_messages_after_it() {
        let step = |label: &str, mono_micros| Step { label: label.into(), mono_micros: Some(mono_micros) };
        let steps = vec![step("c1", 5), step("log out", 15)];
        check(&finish(Ledger { steps, ..session(&[(2, 30), (2, 30), (2, 30)]) }, ""), "E2", "1 E3 c1", "for 2 of 3");
    }

    #[test]
    fn a_witness_raises_one_message() {
        let shown = |line: &str| finish(session(&[(2, 30), (2, 30)]), line);
        let good = r#"{"id":"m1","from":"ann@a.example/phone","canary":"c1"}"#;
        check(&shown(good), "E3", "0 E3 c1, 1 E4 c1", "not E4: for 1 of 2");
        let both = format!("{good}\n{}", good.replace("m1", "m0"));
        check(&shown(&both), "E4", "0 E4 c1, 1 E4 c1", "no higher level");
        for (line, why) in [
            (good.replace("m1", "m7"), "did not see"),
            (good.replace("ann@", "eve@"), "another sender"),
            (good.replace("c1", "c2"), "c2 was shown, which was not declared"),
        ] {
            let outcome = shown(&line);
            check(&outcome, "E3", "0 E3 c1, 1 E3 c1", "not E4");
            assert!(outcome.unused[0].contains(why), "{:?}", outcome.unused);
        }
        let weak = finish(session(&[(1, 30)]), r#"{"id":"m0","canary":"c1"}"#);
        assert!(weak.unused[0].contains("E4 needs E3 first"), "{:?}", weak.unused);
    }

    #[test]
    fn nothing_is_said_without_canaries() {
        let mut assessor = Assessor::default();
        assessor.add(&"s1".into(), session(&[(2, 30)]));
        assert!(assessor.finish(&[]).assessments.is_empty());
    }
}
