//! Who said yes to what, as far as this run of `up` knows.

use std::collections::BTreeSet;

use ensign_primitives::RequestId;

/// Requests by who has to say yes to them once more.
///
/// A rule renews only what it gave. What a person gave, in this run, in another command or before a
/// restart, is for a person: they looked at it, and now there is more to see. The engine bounds how
/// many requests are open.
#[derive(Debug, Default)]
pub(super) struct Given {
    by_rule: BTreeSet<RequestId>,
    /// A person's yes to these has become void, or a person has taken a yes back.
    voided: BTreeSet<RequestId>,
}

impl Given {
    /// The rule of this run has said yes.
    pub(super) fn by_rule(&mut self, id: RequestId) {
        self.by_rule.insert(id);
    }

    /// A person has said yes.
    pub(super) fn by_person(&mut self, id: &RequestId) {
        self.by_rule.remove(id);
        self.voided.remove(id);
    }

    /// A yes has become void.
    pub(super) fn voided(&mut self, id: RequestId) {
        if !self.by_rule.contains(&id) {
            self.voided.insert(id);
        }
    }

    /// A person has taken a yes back, whoever had given it.
    pub(super) fn withdrawn(&mut self, id: RequestId) {
        self.by_rule.remove(&id);
        self.voided.insert(id);
    }

    /// Whether only a person may say yes.
    pub(super) fn is_for_person(&self, id: &RequestId) -> bool {
        self.voided.contains(id)
    }

    /// A request is over.
    pub(super) fn over(&mut self, id: &RequestId) {
        self.by_person(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: RequestId = RequestId::from_bytes([1; 32]);

    #[test]
    fn regression_a_rule_renewed_the_yes_that_a_person_had_given() {
        let mut given = Given::default();
        assert!(!given.is_for_person(&ID), "what nobody was asked about is the rule's");
        given.voided(ID);
        assert!(given.is_for_person(&ID), "proposed here, or approved before a restart");
        given.by_person(&ID);
        assert!(!given.is_for_person(&ID));
        given.voided(ID);
        assert!(given.is_for_person(&ID), "every time");
    }

    #[test]
    fn regression_a_rule_said_yes_again_to_what_a_person_had_withdrawn() {
        let mut given = Given::default();
        given.by_rule(ID);
        given.withdrawn(ID);
        assert!(given.is_for_person(&ID), "also where the rule had said yes");
        given.by_person(&ID);
        assert!(!given.is_for_person(&ID));
    }

    #[test]
    fn a_rule_renews_what_it_gave_unless_a_person_has_said_yes_since() {
        let mut given = Given::default();
        given.by_rule(ID);
        given.voided(ID);
        assert!(!given.is_for_person(&ID));
        given.by_person(&ID);
        given.voided(ID);
        assert!(given.is_for_person(&ID));
        given.over(&ID);
        assert!(!given.is_for_person(&ID));
    }
}
