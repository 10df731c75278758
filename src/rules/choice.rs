//! What the evaluator decided about rules: which are off, and which findings are known and accepted.

use super::by_id;
use crate::xmpp::jid::normalised_bare;

/// A finding that is known.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// Which rule's.
    pub rule: String,
    /// Only when it is about this: an address or node as findings name it. Everything when left out.
    #[serde(default)]
    pub about: Option<String>,
    /// Why. It stands on the finding.
    pub because: String,
}

/// Which rules run, and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    off: Vec<String>,
    accepted: Vec<Accepted>,
}

/// A name that is no rule's, or a reason that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// No rule is called so.
    #[error("no rule is called \"{0}\"{1} (`stanzascope rules` lists them)")]
    Unknown(String, String),
    /// An accepted finding needs a reason.
    #[error("the accepted finding of \"{0}\" gives no reason (say in `because` why it is known and acceptable)")]
    NoReason(String),
}

impl Choice {
    /// # Errors
    /// Names of rules that do not exist; accepted findings without a reason.
    pub fn new(off: Vec<String>, accepted: Vec<Accepted>) -> Result<Choice, ChoiceError> {
        for name in off.iter().chain(accepted.iter().map(|accepted| &accepted.rule)) {
            if by_id(name).is_none() {
                return Err(ChoiceError::Unknown(name.clone(), near(name)));
            }
        }
        if let Some(empty) = accepted.iter().find(|accepted| accepted.because.trim().is_empty()) {
            return Err(ChoiceError::NoReason(empty.rule.clone()));
        }
        Ok(Choice { off, accepted })
    }

    /// Whether a rule is off.
    pub fn is_off(&self, rule: &str) -> bool {
        self.off.iter().any(|off| off == rule)
    }

    /// Why a finding is accepted, if it is.
    pub fn accepts(&self, rule: &str, about: Option<&str>) -> Option<String> {
        let meant = |accepted: &&Accepted| {
            accepted.rule == rule
                && accepted
                    .about
                    .as_deref()
                    .is_none_or(|only| about.is_some_and(|about| about == only || normalised_bare(about) == normalised_bare(only)))
        };
        self.accepted.iter().find(meant).map(|accepted| accepted.because.clone())
    }
}

/// A rule whose name shares most words with a wrong one, and has fewest others.
fn near(name: &str) -> String {
    let words = |text: &str| text.split('-').map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    let wrong = words(name);
    let alike = |id: &str| (words(id).intersection(&wrong).count(), std::cmp::Reverse(words(id).len()));
    let best = super::RULES.iter().max_by_key(|rule| alike(rule.id));
    best.filter(|rule| words(rule.id).intersection(&wrong).count() > 0)
        .map(|rule| format!("; did you mean \"{}\"?", rule.id))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(rule: &str, about: Option<&str>, because: &str) -> Accepted {
        Accepted { rule: rule.into(), about: about.map(str::to_owned), because: because.into() }
    }

    #[test]
    fn names_and_reasons_are_checked() {
        let error = Choice::new(vec!["clear-body-beside-cipher".into()], vec![]).unwrap_err();
        assert!(error.to_string().contains("did you mean \"clear-body-beside-ciphertext\""), "{error}");
        assert!(Choice::new(vec![], vec![accepted("login-before-tls", None, " ")]).is_err());
    }

    #[test]
    fn acceptance_can_be_limited_to_one_subject() {
        let choice = Choice::new(vec![], vec![accepted("login-before-tls", Some("Ann@a.example"), "test server")]).unwrap();
        assert_eq!(choice.accepts("login-before-tls", Some("ann@a.example")).as_deref(), Some("test server"));
        assert_eq!(choice.accepts("login-before-tls", Some("ben@a.example")), None);
        assert_eq!(choice.accepts("login-before-tls", None), None);
    }
}
