//! Which session a resumed stream goes on with (XEP-0198 §5).
//!
//! The id that resumes a session is a secret of it and stays out of every record. It is remembered as a hash with a key of this process, to
//! say in the new session's log which one it continues; over the end of the process nothing can be said.

use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::quality::RandomState;
use rustc_hash::FxHashMap;

use crate::catalog::Known;
use crate::xmpp::element::Element;

/// Sessions that are remembered; then all are forgotten.
const MAX_SESSIONS: usize = 10_000;

/// Sessions that can be resumed, by what resumes them. Shared by the sessions of a run.
#[derive(Debug, Clone, Default)]
pub struct Resumable(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    key: RandomState,
    sessions: Mutex<FxHashMap<u64, Arc<str>>>,
}

impl Resumable {
    /// Reads what the server says about resuming `session`; gives the session that it continues. `frame` came from the server.
    pub(super) fn follow(&self, frame: Element<'_>, session: &Arc<str>, known: &Known) -> Option<Arc<str>> {
        // Alone, or with the login (XEP-0388, XEP-0386).
        if frame.sym() == known.sasl2_success {
            return frame.descendants().find_map(|element| self.told(element, session, known));
        }
        self.told(frame, session, known)
    }

    fn told(&self, element: Element<'_>, session: &Arc<str>, known: &Known) -> Option<Arc<str>> {
        let id = match element.sym() {
            sym if sym == known.sm_enabled => element.attr("id")?,
            sym if sym == known.sm_resumed => element.attr("previd")?,
            _ => return None,
        };
        // Ids are only good for one account's server: where two servers gave the same one, the later session counts.
        let id = self.0.key.hash_one(id);
        let mut sessions = self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MAX_SESSIONS && !sessions.contains_key(&id) {
            sessions.clear();
        }
        let before = sessions.insert(id, session.clone());
        before.filter(|before| element.sym() == known.sm_resumed && before != session)
    }
}
