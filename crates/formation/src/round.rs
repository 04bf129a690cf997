//! One roster, and what its members have said of it: the rules of commit, reveal and confirm.

use alloc::{boxed::Box, vec::Vec};

use ensign_identity::verify;
use ensign_primitives::{PeerId, SignerIndex};
use ensign_wire::{Certificate, Fingerprint, FormationBody, FormationStatement, Roster, Signed};

use crate::Offense;

/// What a member said, under its node's signature.
pub(crate) type Statement = Signed<FormationStatement>;

/// A roster and everything that was said of it.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) roster: Roster,
    /// The roster's name.
    pub(crate) digest: [u8; 32],
    /// Where we stand in it.
    pub(crate) own: SignerIndex,
    /// Whether the commitments stand: our value may be out, so that nobody commits anew.
    pub(crate) is_sealed: bool,
    members: Vec<Said>,
}

/// What one member said: the first in each place.
#[derive(Clone, Debug, Default)]
struct Said {
    commit: Option<Box<Statement>>,
    reveal: Option<Box<Statement>>,
    confirm: Option<Box<Statement>>,
}

impl Said {
    fn all(&self) -> impl Iterator<Item = &Statement> {
        [&self.commit, &self.reveal, &self.confirm].into_iter().flatten().map(Box::as_ref)
    }
}

/// What a statement is to a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is new and stays.
    New,
    /// It was there before, is older than what its member says now, or comes too early to be judged.
    Ignored,
    /// Its member wants no part in this group.
    Refused,
    /// Its member began anew after we had revealed.
    StartedOver,
    /// It is wrong.
    Wrong(Offense),
}

impl Round {
    /// Begins; `None` when we are not in the roster.
    pub(crate) fn new(roster: Roster, us: &PeerId) -> Option<Self> {
        let own = roster.index_of(us)?;
        let members = roster.members.iter().map(|_| Said::default()).collect();
        Some(Self { digest: roster.digest(), own, is_sealed: false, members, roster })
    }

    /// Takes what somebody brought. Cost: a signature, unless it is known or older.
    pub(crate) fn take(&mut self, statement: &Statement) -> Taken {
        let FormationStatement { signer, body, .. } = statement.said();
        let member = self.roster.members.get(signer.as_usize()).map(|member| member.peer);
        if member != Some(statement.sender()) {
            return Taken::Wrong(Offense::BadSignature);
        }
        let is_own = *signer == self.own;
        let (by, run) = (*signer, self.run_of(*signer));
        let known = self.said(by).and_then(|said| place(said, body).as_ref());
        let is_known = known.is_some_and(|known| known.said().body == *body);
        if is_own || run.is_some_and(|run| statement.seq() < run) {
            return Taken::Ignored;
        }
        if is_known && run == Some(statement.seq()) {
            return Taken::Ignored;
        }
        if !statement.verify() {
            return Taken::Wrong(Offense::BadSignature);
        }
        if matches!(body, FormationBody::Refuse) {
            return Taken::Refused;
        }
        if run.is_some_and(|run| run < statement.seq()) {
            if self.is_sealed {
                return Taken::StartedOver;
            }
            if let Some(said) = self.members.get_mut(by.as_usize()) {
                *said = Said::default();
            }
        } else if known.is_some() {
            return Taken::Wrong(Offense::Contradiction { by });
        }
        self.enter(statement)
    }

    /// Enters what is signed as it should be, in its turn.
    fn enter(&mut self, statement: &Statement) -> Taken {
        let FormationStatement { signer, body, .. } = statement.said();
        let by = *signer;
        let Some(said) = self.members.get(by.as_usize()) else { return Taken::Ignored };
        match body {
            FormationBody::Commit(_) => {}
            FormationBody::Reveal(value) => {
                let Some(commit) = &said.commit else { return Taken::Ignored };
                let hash = self.roster.commitment(&self.digest, by, value);
                if commit.said().body != FormationBody::Commit(hash) {
                    return Taken::Wrong(Offense::WrongReveal { by });
                }
            }
            FormationBody::Confirm(_) if said.reveal.is_none() => return Taken::Ignored,
            FormationBody::Confirm(_) => {}
            FormationBody::Refuse => return Taken::Refused,
        }
        self.keep(statement.clone());
        Taken::New
    }

    /// Keeps what we say, or what was kept before.
    pub(crate) fn keep(&mut self, statement: Statement) {
        let (by, body) = (statement.said().signer, statement.said().body);
        let Some(said) = self.members.get_mut(by.as_usize()) else { return };
        match body {
            FormationBody::Commit(_) => said.commit = Some(Box::new(statement)),
            FormationBody::Reveal(_) => said.reveal = Some(Box::new(statement)),
            FormationBody::Confirm(_) => said.confirm = Some(Box::new(statement)),
            FormationBody::Refuse => {}
        }
    }

    fn said(&self, by: SignerIndex) -> Option<&Said> {
        self.members.get(by.as_usize())
    }

    /// Returns when a member began, as it says.
    fn run_of(&self, by: SignerIndex) -> Option<u64> {
        self.said(by)?.all().next().map(Statement::seq)
    }

    /// Returns everything that was said, so that each member's is in its order.
    pub(crate) fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.members.iter().flat_map(Said::all)
    }

    /// Whether we have said something in the place of `body`.
    pub(crate) fn has_said(&self, body: &FormationBody) -> bool {
        self.said(self.own).is_some_and(|own| place(own, body).is_some())
    }

    /// Whether all have committed.
    pub(crate) fn is_committed(&self) -> bool {
        self.members.iter().all(|said| said.commit.is_some())
    }

    /// Returns the fingerprint, if all have revealed.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        let values = self.values()?;
        Some(Fingerprint::new(self.roster.network, &self.digest, &values))
    }

    fn values(&self) -> Option<Vec<[u8; 32]>> {
        let value = |said: &Said| match said.reveal.as_ref()?.said().body {
            FormationBody::Reveal(value) => Some(value),
            FormationBody::Commit(_) | FormationBody::Confirm(_) | FormationBody::Refuse => None,
        };
        self.members.iter().map(value).collect()
    }

    /// Tells whether a member's confirmation is of this fingerprint; `None` while it has given none. Cost:
    /// a signature.
    pub(crate) fn confirms(&self, by: SignerIndex, fingerprint: &Fingerprint) -> Option<bool> {
        let signature = signature_of(self.said(by)?)?;
        let peer = self.roster.members.get(by.as_usize())?.peer;
        Some(verify(&peer, fingerprint.as_bytes(), &signature))
    }

    /// Returns of whom nothing stands in the place of `body`.
    pub(crate) fn missing(&self, body: &FormationBody) -> Vec<SignerIndex> {
        let open = |said: &Said| place(said, body).is_none();
        let all = (0..).map(SignerIndex).zip(&self.members);
        all.filter(|(_, said)| open(said)).map(|(by, _)| by).collect()
    }

    /// Puts the certificate together, if all have confirmed; it is not verified.
    pub(crate) fn certificate(&self) -> Option<Certificate> {
        let signatures = self.members.iter().map(signature_of).collect::<Option<_>>()?;
        Some(Certificate { roster: self.roster.clone(), values: self.values()?, signatures })
    }
}

fn signature_of(said: &Said) -> Option<ensign_identity::Signature> {
    match said.confirm.as_ref()?.said().body {
        FormationBody::Confirm(signature) => Some(signature),
        FormationBody::Commit(_) | FormationBody::Reveal(_) | FormationBody::Refuse => None,
    }
}

fn place<'a>(said: &'a Said, body: &FormationBody) -> &'a Option<Box<Statement>> {
    match body {
        FormationBody::Commit(_) => &said.commit,
        FormationBody::Reveal(_) => &said.reveal,
        FormationBody::Confirm(_) => &said.confirm,
        FormationBody::Refuse => &None,
    }
}
