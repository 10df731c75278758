//! Where a statement comes from: sessions by number, and the few records that are kept for each statement.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

/// Records that are kept per statement. More would be a list nobody follows; the count says how many there were.
pub const MAX_PLACES: usize = 3;
/// Sessions that are told apart; a log can name any number.
const MAX_SESSIONS: usize = 4096;

/// One record: its session and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Number of the session in [`Sessions`].
    pub session: u32,
    /// `seq`, or `input` in a scan.
    pub number: u64,
}

/// The first few records a statement rests on, and how many there were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// The first few.
    pub first: Vec<Place>,
    /// All of them.
    pub count: u64,
}

impl Places {
    /// Counts a record. One that was named just before is not named twice.
    pub fn add(&mut self, place: Option<Place>) {
        self.count += 1;
        if let Some(place) = place
            && self.first.len() < MAX_PLACES
            && self.first.last() != Some(&place)
        {
            self.first.push(place);
        }
    }

    /// Takes over what others rest on.
    pub fn extend(&mut self, other: &Places) {
        self.count += other.count;
        for place in &other.first {
            if self.first.len() < MAX_PLACES && !self.first.contains(place) {
                self.first.push(*place);
            }
        }
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// What is known of one session.
#[derive(Debug, Clone, Default)]
pub struct SessionSeen {
    /// Its name in the log.
    pub name: String,
    /// Bare address that used it, once known.
    pub account: Option<String>,
    /// Resource it was given.
    pub resource: Option<String>,
    /// What the connection, the login and the client said of themselves, by field: the first value of each.
    pub facts: BTreeMap<String, (String, Place)>,
    /// Where it began.
    pub opened: Option<Place>,
    /// Where it ended.
    pub closed: Option<Place>,
}

/// Sessions by number.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    all: Vec<SessionSeen>,
    numbers: FxHashMap<String, u32>,
}

impl Sessions {
    /// Number of a session; none beyond the limit.
    pub fn number(&mut self, name: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let number = u32::try_from(self.all.len()).ok().filter(|_| self.all.len() < MAX_SESSIONS)?;
        self.all.push(SessionSeen { name: name.to_owned(), ..SessionSeen::default() });
        self.numbers.insert(name.to_owned(), number);
        Some(number)
    }

    /// Number of a session that was seen before.
    pub fn known(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// A session.
    pub fn get(&self, number: u32) -> &SessionSeen {
        &self.all[number as usize]
    }

    /// A session, to be changed.
    pub(super) fn get_mut(&mut self, number: u32) -> &mut SessionSeen {
        &mut self.all[number as usize]
    }

    /// Sessions of clients: those that a stanza, a connection or a login was seen in.
    pub fn of_clients(&self) -> impl Iterator<Item = (u32, &SessionSeen)> {
        self.all.iter().enumerate().filter(|(_, seen)| seen.opened.is_some()).map(|(number, seen)| (number as u32, seen))
    }

    /// A record as a person would name it: `s1:145`.
    pub fn label(&self, place: Place) -> String {
        format!("{}:{}", self.get(place.session).name, place.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_and_counted() {
        let mut places = Places::default();
        for number in [1, 1, 2, 3, 4] {
            places.add(Some(Place { session: 0, number }));
        }
        places.add(None);
        assert_eq!((places.first.len(), places.count), (MAX_PLACES, 6));
    }

    #[test]
    fn sessions_have_numbers_and_a_limit() {
        let mut sessions = Sessions::default();
        assert_eq!((sessions.number("a"), sessions.number("b"), sessions.number("a")), (Some(0), Some(1), Some(0)));
        (0..MAX_SESSIONS).for_each(|n| _ = sessions.number(&n.to_string()));
        assert_eq!(sessions.number("one more"), None);
        assert_eq!(sessions.label(Place { session: 1, number: 7 }), "b:7");
    }
}
