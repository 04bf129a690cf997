//! What consents and reports add up to.

use ensign_primitives::{GroupId, RequestId, SignerIndex};

use super::{Around, Muster, readiness::Seen};
use crate::{Wait, groups::Group, request::Request};

impl Muster {
    /// Whether a group's members all see each other, have said so lately, and agree on time and rules.
    pub(crate) fn is_ready(&self, around: Around<'_>, id: &GroupId) -> bool {
        let Some(group) = around.groups.get(id) else { return false };
        let sees = around.sees(*id, group);
        let seen =
            Seen { group: id, count: group.peers().len(), local: group.local(), sees: &sees };
        self.readiness.is_ready(around.now, seen)
    }

    /// Whether every signer of a request has agreed: by its own consent, or by its join in the attempt that
    /// runs, which is one.
    pub(crate) fn have_all_agreed(&self, around: Around<'_>, id: &RequestId) -> bool {
        let Some(request) = around.requests.get(id) else { return false };
        let Some(group) = around.groups.get(&request.group()) else { return false };
        let all = (0..group.peers().len()).filter_map(SignerIndex::from_usize);
        all.into_iter().all(|signer| self.has_agreed(request, group, signer))
    }

    fn has_agreed(&self, request: &Request, group: &Group, signer: SignerIndex) -> bool {
        let id = request.session().request_id();
        if signer == group.local() {
            return request.has_consent();
        }
        let word = self.consents.of(&id, signer);
        word.is_some_and(|word| word.said().agrees) || request.session().has_joined(signer)
    }

    /// Tells who of a group lacks whom, whatever is open.
    pub(crate) fn look(&self, around: Around<'_>, id: &GroupId) -> Option<Wait> {
        let group = around.groups.get(id)?;
        let (sees, count) = (around.sees(*id, group), group.peers().len());
        let seen = Seen { group: id, count, local: group.local(), sees: &sees };
        Some(self.readiness.look(around.now, seen, around.is_open(id)))
    }

    /// Tells what a request waits for.
    pub(crate) fn wait(&self, around: Around<'_>, id: &RequestId) -> Option<Wait> {
        let request = around.requests.get(id)?;
        let group = around.groups.get(&request.group())?;
        let (of, sees) = (request.group(), around.sees(request.group(), group));
        let count = group.peers().len();
        let seen = Seen { group: &of, count, local: group.local(), sees: &sees };
        let mut wait = self.readiness.look(around.now, seen, true);
        for signer in (0..count).filter_map(SignerIndex::from_usize) {
            if self.has_agreed(request, group, signer) {
                wait.agreed.push(signer);
                continue;
            }
            wait.missing.push(signer);
            let word = self.consents.of(id, signer).map(|word| word.said().agrees);
            let own = self.consents.said(id).map(|own| own.agrees);
            let word = if signer == group.local() { own } else { word };
            wait.withdrawn.extend((word == Some(false)).then_some(signer));
        }
        Some(wait)
    }
}
