//! A group that forms, and how it is kept over a restart.

use alloc::{
    boxed::Box,
    collections::BTreeSet,
    string::{String, ToString as _},
    vec::Vec,
};
use core::{fmt, net::SocketAddr};

use ensign_identity::Signature;
use ensign_primitives::{Instant, Network, Now, PeerId, SignerIndex, UnixTime};
use ensign_wire::{Candidate, Certificate, FormationBody, Roster, RosterOffer};
use serde::{Deserialize, Serialize};

use crate::{
    FormationConfig, Invitation, Record, Step, View,
    round::{Round, Statement},
};

/// Nothing is durable yet.
pub(crate) const NOTHING: u8 = 0;
/// The roster and our value are: we commit.
pub(crate) const GATHERED: u8 = 1;
/// The commitments of all are: we reveal.
pub(crate) const COMMITTED: u8 = 2;
/// Our user's confirmation is: we sign.
pub(crate) const CONFIRMED: u8 = 3;
/// The certificate is: the group is there.
pub(crate) const CERTIFIED: u8 = 4;

/// A group that forms.
#[derive(Clone)]
pub(crate) struct Pending {
    pub(crate) name: String,
    /// When it began, in milliseconds: the sequence number of what we say.
    pub(crate) run: u64,
    /// What our random value is made from.
    pub(crate) entropy: [u8; 32],
    pub(crate) own: Candidate,
    /// Until when it waits while our user has not confirmed.
    pub(crate) expires: UnixTime,
    pub(crate) expires_at: Instant,
    pub(crate) stage: Stage,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, run, stage, .. } = self;
        let mut shown = f.debug_struct("Pending");
        // Its entropy is our random value, which nobody reads before the commitments of all are there.
        shown.field("name", name).field("run", run).field("stage", stage).finish_non_exhaustive()
    }
}

/// How far it has come.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    Inviting(Inviting),
    Joining(Joining),
    Forming(Box<Forming>),
}

/// We invite, and seats are open.
#[derive(Clone, Debug)]
pub(crate) struct Inviting {
    pub(crate) invitation: Invitation,
    /// Who has one, we first.
    pub(crate) seats: Vec<Candidate>,
    pub(crate) wrong: u8,
}

/// We ask for a seat.
#[derive(Clone, Debug)]
pub(crate) struct Joining {
    pub(crate) invitation: Invitation,
    pub(crate) addresses: Vec<SocketAddr>,
    /// On the connection that stands.
    pub(crate) is_seated: bool,
    /// How many seats our user was told to be taken.
    pub(crate) told: u8,
}

/// Everybody is known.
#[derive(Clone, Debug)]
pub(crate) struct Forming {
    /// Which invitation gathered them.
    pub(crate) invitation: Option<Invitation>,
    pub(crate) addresses: Vec<Vec<SocketAddr>>,
    pub(crate) round: Round,
    pub(crate) is_confirmed: bool,
    /// What was asked to be made durable.
    pub(crate) asked: u8,
    /// What is.
    pub(crate) durable: u8,
    /// Whether our user was told of the fingerprint.
    pub(crate) is_shown: bool,
    /// Whose confirmations were judged, and told.
    pub(crate) judged: BTreeSet<SignerIndex>,
    /// Of them, whose are of another fingerprint.
    pub(crate) differing: BTreeSet<SignerIndex>,
    /// Who has asked for all that was said, on the connection that stands.
    pub(crate) greeted: BTreeSet<PeerId>,
    /// Of whom our user was told that they contradict themselves.
    pub(crate) accused: BTreeSet<SignerIndex>,
    /// Whose other rosters our user was told of.
    pub(crate) others: BTreeSet<PeerId>,
    /// How many rosters of others were read besides ours.
    pub(crate) rosters_read: u16,
    /// Who wants no part, or began anew, after our user has confirmed: they are not heard any more.
    pub(crate) gone: BTreeSet<SignerIndex>,
    /// Once all have signed.
    pub(crate) certificate: Option<Box<Certificate>>,
}

impl Forming {
    pub(crate) fn new(
        offer: RosterOffer,
        invitation: Option<Invitation>,
        us: &PeerId,
    ) -> Option<Self> {
        let RosterOffer { roster, addresses } = offer;
        Some(Self {
            invitation,
            addresses,
            round: Round::new(roster, us)?,
            is_confirmed: false,
            asked: NOTHING,
            durable: NOTHING,
            is_shown: false,
            judged: BTreeSet::new(),
            differing: BTreeSet::new(),
            greeted: BTreeSet::new(),
            accused: BTreeSet::new(),
            others: BTreeSet::new(),
            rosters_read: 0,
            gone: BTreeSet::new(),
            certificate: None,
        })
    }

    pub(crate) fn offer(&self) -> RosterOffer {
        RosterOffer { roster: self.round.roster.clone(), addresses: self.addresses.clone() }
    }

    /// Whether bytes are of this very roster, which is seen without reading them.
    pub(crate) fn is_of(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(&self.round.roster.encode())
    }

    /// Returns how much there is to be made durable.
    pub(crate) fn reached(&self) -> u8 {
        if self.certificate.is_some() {
            CERTIFIED
        } else if self.is_confirmed {
            CONFIRMED
        } else if self.round.is_committed() {
            COMMITTED
        } else {
            GATHERED
        }
    }
}

impl Pending {
    /// Returns the nodes it needs, and where they are.
    pub(crate) fn nodes(&self) -> Vec<(PeerId, Vec<SocketAddr>)> {
        let of = |it: &Candidate| (it.member.peer, it.addresses.clone());
        match &self.stage {
            Stage::Inviting(inviting) => inviting.seats.iter().skip(1).map(of).collect(),
            Stage::Joining(joining) => {
                [(joining.invitation.inviter, joining.addresses.clone())].into()
            }
            Stage::Forming(forming) => {
                let peers = forming.round.roster.members.iter().map(|member| member.peer);
                let all = peers.zip(forming.addresses.iter().cloned());
                all.filter(|(peer, _)| *peer != self.own.member.peer).collect()
            }
        }
    }

    /// Whether our user has confirmed: it waits without end, then.
    pub(crate) fn is_confirmed(&self) -> bool {
        matches!(&self.stage, Stage::Forming(forming) if forming.is_confirmed)
    }

    pub(crate) fn view(&self) -> View {
        let step = match &self.stage {
            Stage::Inviting(Inviting { invitation, seats, .. }) => Step::Inviting {
                seated: seats.iter().map(|seat| seat.member.name.clone()).collect(),
                size: invitation.size,
                code: invitation.to_string(),
            },
            Stage::Joining(Joining { invitation, is_seated, .. }) => {
                Step::Joining { inviter: invitation.inviter, is_seated: *is_seated }
            }
            Stage::Forming(forming) => step_of(&forming.round),
        };
        let expires = (!self.is_confirmed()).then_some(self.expires);
        View { name: self.name.clone(), step, expires }
    }
}

fn step_of(round: &Round) -> Step {
    let roster = Box::new(round.roster.clone());
    match round.fingerprint() {
        None => {
            let missing = round.missing(&FormationBody::Reveal([0; 32]));
            Step::Revealing { roster, missing }
        }
        Some(fingerprint) => {
            let missing = round.missing(&FormationBody::Confirm(Signature([0; 64])));
            Step::Confirming { roster, fingerprint, missing }
        }
    }
}

/// What is kept of a group, by postcard. A store names a variant by its position: a new one comes last.
#[derive(Serialize, Deserialize)]
enum Kept {
    Pending(Box<KeptPending>),
    Formed {
        certificate: Certificate,
    },
    /// Was restored from an older store: it ends as soon as it is read.
    Voided(Box<KeptPending>),
}

#[derive(Serialize, Deserialize)]
struct KeptPending {
    name: String,
    run: u64,
    entropy: [u8; 32],
    own: Candidate,
    expires: UnixTime,
    stage: KeptStage,
}

#[derive(Serialize, Deserialize)]
enum KeptStage {
    Inviting {
        invitation: Vec<u8>,
        seats: Vec<Candidate>,
        wrong: u8,
    },
    Joining {
        invitation: Vec<u8>,
        addresses: Vec<SocketAddr>,
    },
    Forming {
        invitation: Option<Vec<u8>>,
        roster: Roster,
        addresses: Vec<Vec<SocketAddr>>,
        statements: Vec<Vec<u8>>,
        is_confirmed: bool,
    },
}

/// What was kept.
#[derive(Debug)]
pub(crate) enum Found {
    Pending(Box<Pending>),
    Formed(Certificate),
    /// It ends.
    Voided(Box<Pending>),
}

/// Writes what is to be known after a restart.
pub(crate) fn record(pending: &Pending) -> Record {
    let Pending { name, run, entropy, own, expires, stage, .. } = pending;
    if let Stage::Forming(forming) = stage
        && let Some(certificate) = &forming.certificate
    {
        return record_of(name, &Kept::Formed { certificate: (**certificate).clone() });
    }
    let stage = match stage {
        Stage::Inviting(Inviting { invitation, seats, wrong }) => KeptStage::Inviting {
            invitation: invitation.to_bytes(),
            seats: seats.clone(),
            wrong: *wrong,
        },
        Stage::Joining(Joining { invitation, addresses, .. }) => {
            KeptStage::Joining { invitation: invitation.to_bytes(), addresses: addresses.clone() }
        }
        Stage::Forming(forming) => KeptStage::Forming {
            invitation: forming.invitation.as_ref().map(Invitation::to_bytes),
            roster: forming.round.roster.clone(),
            addresses: forming.addresses.clone(),
            statements: forming.round.statements().map(Statement::encode).collect(),
            is_confirmed: forming.is_confirmed,
        },
    };
    let (name_kept, own) = (name.clone(), own.clone());
    let (run, entropy, expires) = (*run, *entropy, *expires);
    let kept = KeptPending { name: name_kept, run, entropy, own, expires, stage };
    record_of(name, &Kept::Pending(Box::new(kept)))
}

fn record_of(name: &str, kept: &Kept) -> Record {
    // Sized sequences only, so that it always encodes.
    Record { name: name.into(), bytes: Some(postcard::to_allocvec(kept).unwrap_or_default()) }
}

/// Returns the record that takes the place of one that may be older than what this node said, so that what
/// our user has not confirmed ends whenever it is read; `None` for one that goes on.
///
/// - `bytes`: of a [`Record`].
pub fn voided(bytes: &[u8]) -> Option<Record> {
    let Ok(Kept::Pending(kept)) = postcard::from_bytes(bytes) else { return None };
    if matches!(kept.stage, KeptStage::Forming { is_confirmed: true, .. }) {
        return None;
    }
    let name = kept.name.clone();
    Some(record_of(&name, &Kept::Voided(kept)))
}

/// Reads what was kept; `None` for what this version cannot read.
pub(crate) fn read(bytes: &[u8], config: FormationConfig, us: &PeerId, now: Now) -> Option<Found> {
    Some(match postcard::from_bytes(bytes).ok()? {
        Kept::Formed { certificate } => Found::Formed(certificate),
        Kept::Pending(kept) => Found::Pending(Box::new(pending(*kept, config, us, now)?)),
        Kept::Voided(kept) => Found::Voided(Box::new(pending(*kept, config, us, now)?)),
    })
}

fn pending(kept: KeptPending, config: FormationConfig, us: &PeerId, now: Now) -> Option<Pending> {
    let KeptPending { name, run, entropy, own, expires, stage } = kept;
    let stage = match stage {
        KeptStage::Inviting { invitation, seats, wrong } => {
            let invitation = Invitation::from_bytes(&invitation)?;
            Stage::Inviting(Inviting { invitation, seats, wrong })
        }
        KeptStage::Joining { invitation, addresses } => {
            let invitation = Invitation::from_bytes(&invitation)?;
            Stage::Joining(Joining { invitation, addresses, is_seated: false, told: 0 })
        }
        KeptStage::Forming { invitation, roster, addresses, statements, is_confirmed } => {
            let invitation = invitation.and_then(|bytes| Invitation::from_bytes(&bytes));
            let offer = RosterOffer { roster, addresses };
            let mut forming = Forming::new(offer, invitation, us)?;
            keep_all(&mut forming.round, &statements, config.network)?;
            forming.is_confirmed = is_confirmed;
            forming.round.is_sealed = forming.round.is_committed();
            (forming.asked, forming.durable) = (forming.reached(), forming.reached());
            Stage::Forming(Box::new(forming))
        }
    };
    let expires_at = now.instant.after(expires.since(now.unix));
    Some(Pending { name, run, entropy, own, expires, expires_at, stage })
}

/// Without one of its statements a round is none: our value may have been revealed under it.
fn keep_all(round: &mut Round, statements: &[Vec<u8>], network: Network) -> Option<()> {
    for bytes in statements {
        round.keep(Statement::decode(bytes, network).ok()?);
    }
    Some(())
}
