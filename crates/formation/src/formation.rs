//! The machine: commands, inputs, and what follows from them.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::net::SocketAddr;

use ensign_identity::{Delegation, NodeKey};
use ensign_peers::contact::Address;
use ensign_primitives::{
    BoundedMap, Instant, Now, Occupancy, PeerId, StateMachine, TaggedHasher, Wakeup,
};
use ensign_wire::{
    Candidate, Certificate, CertificateError, DecodeError, Fingerprint, FormationMessage, Roster,
    RosterOffer,
};

use crate::{
    CERTIFICATES_MAX, CLOCK_AHEAD_MAX, CommandError, Ended, Event, FORMATION_LIFETIME,
    FormationConfig, Happened, INVITATION_LIFETIME, Input, Invitation, LINKS_MAX, Output,
    PENDING_MAX, REFUSALS_REMEMBERED, Record, Restored, View, WANTED_MAX,
    links::Links,
    pending::{Forming, Found, Inviting, Joining, Pending, Stage, read, record},
    round::Statement,
};

/// Groups that form, and the certificates of those that did.
#[derive(Debug)]
pub struct Formation {
    pub(crate) config: FormationConfig,
    pub(crate) key: Arc<NodeKey>,
    pub(crate) pending: BoundedMap<String, Pending>,
    pub(crate) held: BoundedMap<String, Held>,
    pub(crate) links: Links,
    /// Who is wanted, and under which addresses it was asked for last.
    pub(crate) wanted: BTreeMap<PeerId, Vec<SocketAddr>>,
    /// What becomes durable with each token: of which group, begun when, and how far.
    pub(crate) waiting: BTreeMap<u64, (String, u64, u8)>,
    next_token: u64,
    /// What our user refused, the oldest first.
    pub(crate) refusals: VecDeque<Statement>,
    pub(crate) outputs: VecDeque<Output>,
}

/// A group that has formed.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) certificate: Certificate,
    /// The roster's name.
    pub(crate) digest: [u8; 32],
    /// Who was given it, on the connection that stands.
    pub(crate) told: BTreeSet<PeerId>,
    /// Until when its members are wanted.
    pub(crate) lingers_until: Option<Instant>,
}

impl Formation {
    /// Makes the machine, after a restart too: what formed goes on forming by itself.
    ///
    /// - `key`: signs what we say, and the fingerprints that our user confirmed.
    pub fn new(config: FormationConfig, key: Arc<NodeKey>, now: Now, restored: Restored) -> Self {
        let mut formation = Self {
            config,
            key,
            pending: BoundedMap::new(PENDING_MAX),
            held: BoundedMap::new(CERTIFICATES_MAX),
            links: Links::default(),
            wanted: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next_token: 0,
            refusals: VecDeque::new(),
            outputs: VecDeque::new(),
        };
        let us = formation.us();
        for found in restored.records.iter().filter_map(|bytes| read(bytes, config, &us, now)) {
            let is_voided = matches!(found, Found::Voided(_));
            match found {
                Found::Pending(pending) | Found::Voided(pending) => {
                    let (name, is_confirmed) = (pending.name.clone(), pending.is_confirmed());
                    // As many as may form were kept.
                    drop(formation.pending.insert(name.clone(), *pending));
                    if is_voided || restored.may_be_old && !is_confirmed {
                        formation.end(now, &name, Ended::StoreRestored);
                    }
                }
                Found::Formed(certificate) => formation.hold(certificate, None),
            }
        }
        let names: Vec<String> = formation.pending.iter().map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| formation.advance(now, name));
        formation.want_members();
        formation
    }

    /// Invites others into a new group, in which we have the first seat; returns the invitation whose code
    /// they join with.
    ///
    /// - `size`: how many members there will be, we among them.
    /// - `own`: us; its addresses are told to the members.
    /// - `addresses`: what stands in the code.
    /// - `entropy`: 32 bytes from the operating system, for this call alone.
    ///
    /// # Errors
    ///
    /// [`CommandError`]; nothing is changed then.
    pub fn invite(
        &mut self,
        now: Now,
        (name, size): (&str, u8),
        own: Candidate,
        addresses: Vec<Address>,
        entropy: [u8; 32],
    ) -> Result<Invitation, CommandError> {
        self.check_candidate(&own)?;
        let roster = Roster {
            network: self.config.network,
            name: name.into(),
            invitation: None,
            members: alloc::vec![own.member.clone(); 2],
        };
        check_size_and_name(&roster, size)?;
        let secret = TaggedHasher::new("ensign/invitation-secret/v1", self.config.network);
        let secret = secret.bytes(&entropy).finish();
        let invitation = Invitation {
            network: self.config.network,
            name: name.into(),
            size,
            inviter: self.us(),
            addresses,
            expires: now.unix.after(INVITATION_LIFETIME),
            secret: secret.first_chunk().copied().unwrap_or_default(),
        };
        let seats = alloc::vec![own.clone()];
        let stage = Stage::Inviting(Inviting { invitation: invitation.clone(), seats, wrong: 0 });
        self.begin(now, (name, invitation.expires), (own, entropy), stage)?;
        Ok(invitation)
    }

    /// Takes a seat in a group that somebody invites to.
    ///
    /// - `own`, `entropy`: as for [`invite`](Self::invite).
    /// - `addresses`: where the node that invites can be dialled.
    ///
    /// # Errors
    ///
    /// [`CommandError`]; nothing is changed then.
    pub fn join(
        &mut self,
        now: Now,
        invitation: Invitation,
        own: Candidate,
        addresses: Vec<SocketAddr>,
        entropy: [u8; 32],
    ) -> Result<(), CommandError> {
        self.check_candidate(&own)?;
        let (seen, expected) = (invitation.network, self.config.network);
        if seen != expected {
            return Err(CommandError::Network { expected, seen });
        }
        if invitation.is_over(now.unix) {
            return Err(CommandError::Expired { expires: invitation.expires });
        }
        if invitation.inviter == self.us() {
            return Err(CommandError::OwnInvitation);
        }
        // A code may say anything; ours say this much, by a clock that may be ahead.
        let latest = now.unix.after(INVITATION_LIFETIME + CLOCK_AHEAD_MAX);
        let (name, expires) = (invitation.name.clone(), invitation.expires.min(latest));
        let stage = Stage::Joining(Joining { invitation, addresses, is_seated: false, told: 0 });
        self.begin(now, (&name, expires), (own, entropy), stage)
    }

    /// Forms a group whose members' codes everybody has pasted: all who form the same roster get the same
    /// certificate. So is a group confirmed that was made without one.
    ///
    /// - `addresses`: of each member, in the roster's order.
    /// - `entropy`: as for [`invite`](Self::invite).
    ///
    /// # Errors
    ///
    /// [`CommandError`]; nothing is changed then.
    pub fn form(
        &mut self,
        now: Now,
        roster: Roster,
        addresses: Vec<Vec<SocketAddr>>,
        entropy: [u8; 32],
    ) -> Result<(), CommandError> {
        let (seen, expected) = (roster.network, self.config.network);
        if seen != expected {
            return Err(CommandError::Network { expected, seen });
        }
        let offer = RosterOffer { roster, addresses };
        // As it will travel, so that all of its limits hold.
        let offer = RosterOffer::decode(&offer.encode(), expected).map_err(CommandError::Limits)?;
        offer.roster.verify_delegations().map_err(CommandError::Delegation)?;
        let us = self.us();
        let at = offer.roster.index_of(&us).ok_or(CommandError::NotOurs)?.as_usize();
        let member = offer.roster.members.get(at).cloned().ok_or(CommandError::NotOurs)?;
        let addresses = offer.addresses.get(at).cloned().unwrap_or_default();
        let (own, name) = (Candidate { member, addresses }, offer.roster.name.clone());
        let forming = Forming::new(offer, None, &us).ok_or(CommandError::NotOurs)?;
        let digest = forming.round.digest;
        let expires = now.unix.after(FORMATION_LIFETIME);
        self.begin(now, (&name, expires), (own, entropy), Stage::Forming(Box::new(forming)))?;
        // What our user refused before is wanted now.
        self.refusals.retain(|refusal| refusal.said().roster != digest);
        self.advance(now, &name);
        Ok(())
    }

    /// Confirms what our user has compared with all others: we sign it when that is durable.
    ///
    /// # Errors
    ///
    /// [`CommandError::OtherFingerprint`] when it is another one, [`CommandError::Differs`],
    /// [`CommandError::NoFingerprint`], [`CommandError::Unknown`].
    pub fn confirm(
        &mut self,
        now: Now,
        name: &str,
        fingerprint: &Fingerprint,
    ) -> Result<(), CommandError> {
        let unknown = || CommandError::Unknown { name: name.into() };
        let pending = self.pending.get_mut(&name.to_string()).ok_or_else(unknown)?;
        let Stage::Forming(forming) = &mut pending.stage else {
            return Err(CommandError::NoFingerprint);
        };
        let expected = forming.round.fingerprint().ok_or(CommandError::NoFingerprint)?;
        if let Some(by) = forming.differing.first() {
            return Err(CommandError::Differs { by: *by });
        }
        if expected != *fingerprint {
            return Err(CommandError::OtherFingerprint { expected: expected.to_string() });
        }
        forming.is_confirmed = true;
        self.advance(now, name);
        Ok(())
    }

    /// Gives up a group that our user has not confirmed; the others are told.
    ///
    /// # Errors
    ///
    /// [`CommandError::Confirmed`] once our user has, and [`CommandError::Unknown`].
    pub fn refuse(&mut self, now: Now, name: &str) -> Result<(), CommandError> {
        let unknown = || CommandError::Unknown { name: name.into() };
        let pending = self.pending.get(&name.to_string()).ok_or_else(unknown)?;
        if pending.is_confirmed() {
            return Err(CommandError::Confirmed);
        }
        self.tell_refused(now, name);
        self.remove(name);
        Ok(())
    }

    /// Forgets a group, whether it forms or has formed: its certificate is not taken any more, and not
    /// handed on.
    ///
    /// # Errors
    ///
    /// [`CommandError::Unknown`].
    pub fn forget_certificate(&mut self, name: &str) -> Result<(), CommandError> {
        let key = name.to_string();
        if !self.pending.contains_key(&key) && !self.held.contains_key(&key) {
            return Err(CommandError::Unknown { name: key });
        }
        self.held.remove(&key);
        self.remove(name);
        Ok(())
    }

    /// Returns every group that forms.
    pub fn views(&self) -> impl Iterator<Item = View> {
        self.pending.iter().map(|(_, pending)| pending.view())
    }

    /// Returns the certificate of every group that has formed.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.held.iter().map(|(_, held)| &held.certificate)
    }

    /// Returns how full each collection is that can grow, with the constant that bounds it. Always the same
    /// names in the same order; meant for the moment after a drain.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let of = |name, len, limit| Occupancy { name, len, limit };
        let tokens = usize::from(crate::pending::CERTIFIED) * PENDING_MAX;
        [
            self.pending.occupancy("groups that form"),
            self.held.occupancy("certificates"),
            of("links of formation", self.links.len(), LINKS_MAX),
            of("greetings of formation that wait", self.links.owed(), LINKS_MAX),
            of("wanted by formation", self.wanted.len(), WANTED_MAX),
            of("formation records on their way", self.waiting.len(), tokens),
            of("refusals", self.refusals.len(), REFUSALS_REMEMBERED),
            of("formation outputs after a drain", self.outputs.len(), 0),
        ]
        .into_iter()
    }

    pub(crate) fn us(&self) -> PeerId {
        self.key.peer_id()
    }

    fn check_candidate(&self, own: &Candidate) -> Result<(), CommandError> {
        if own.member.peer != self.us() {
            return Err(CommandError::NotOurs);
        }
        // As it will travel, so that all of its limits hold.
        Candidate::decode(&own.encode()).map_err(CommandError::Limits)?;
        let (signer, peer) = (own.member.signer, own.member.peer);
        Delegation::verify_signature(signer, peer, self.config.network, own.member.delegation)
            .map_err(|_| {
                let member = ensign_primitives::SignerIndex(0);
                CommandError::Delegation(CertificateError::Delegation { member })
            })?;
        Ok(())
    }

    fn begin(
        &mut self,
        now: Now,
        (name, expires): (&str, ensign_primitives::UnixTime),
        (own, entropy): (Candidate, [u8; 32]),
        stage: Stage,
    ) -> Result<(), CommandError> {
        let name = String::from(name);
        if self.pending.contains_key(&name) || self.held.contains_key(&name) {
            return Err(CommandError::NameTaken { name });
        }
        if self.pending.len() + self.held.len() >= CERTIFICATES_MAX {
            return Err(CommandError::TooMany { limit: CERTIFICATES_MAX });
        }
        let (run, expires_at) =
            (now.unix.as_millis().max(1), now.instant.after(expires.since(now.unix)));
        let pending = Pending { name: name.clone(), run, entropy, own, expires, expires_at, stage };
        let kept = record(&pending);
        if self.pending.insert(name.clone(), pending).is_err() {
            return Err(CommandError::TooMany { limit: PENDING_MAX });
        }
        if !matches!(self.pending.get(&name).map(|it| &it.stage), Some(Stage::Forming(_))) {
            self.persist(kept);
        }
        self.want_members();
        self.greet_all(now, &name);
        Ok(())
    }

    /// Asks for a record to be made durable; returns under which token.
    pub(crate) fn persist(&mut self, record: Record) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        self.outputs.push_back(Output::Persist { token, record });
        token
    }

    /// Takes a group out, wherever it stands, and its record with it.
    pub(crate) fn remove(&mut self, name: &str) {
        self.pending.remove(&name.to_string());
        self.waiting.retain(|_, (of, _, _)| of != name);
        self.persist(Record { name: name.into(), bytes: None });
        self.want_members();
    }

    /// Gives a group up, for a reason that is not our user's.
    pub(crate) fn end(&mut self, now: Now, name: &str, why: Ended) {
        if self.is_for_all(name, why) {
            self.tell_refused(now, name);
        }
        self.tell(name, Happened::Ended(why));
        self.remove(name);
    }

    /// Whether the others are told that a group ends here: unless it does for all by what one of them
    /// says. With pasted codes whoever began anew has begun what our user is asked to begin, too.
    fn is_for_all(&self, name: &str, why: Ended) -> bool {
        match why {
            Ended::Expired | Ended::WrongProofs | Ended::StoreRestored => true,
            Ended::StartedOver { .. } => self.pending.get(&name.to_string()).is_some_and(
                |it| matches!(&it.stage, Stage::Forming(forming) if forming.invitation.is_some()),
            ),
            Ended::NotSeated(_) | Ended::Refused { .. } => false,
        }
    }

    pub(crate) fn hold(&mut self, certificate: Certificate, lingers_until: Option<Instant>) {
        let (name, digest) = (certificate.roster.name.clone(), certificate.roster.digest());
        let held = Held { certificate, digest, told: BTreeSet::new(), lingers_until };
        // Counted when it began to form.
        drop(self.held.insert(name, held));
    }

    pub(crate) fn tell(&mut self, name: &str, what: Happened) {
        self.outputs.push_back(Output::Event(Event { name: name.into(), what }));
    }

    pub(crate) fn send(&mut self, peer: PeerId, message: FormationMessage) {
        if self.links.contains(&peer) {
            self.outputs.push_back(Output::Send { peer, message });
        }
    }

    fn next_due(&self) -> Option<Wakeup> {
        let open = self.pending.iter().filter(|(_, pending)| !pending.is_confirmed());
        let open = open.map(|(_, pending)| Wakeup { at: pending.expires_at, reason: "formation" });
        let formed = self.held.iter().filter_map(|(_, held)| held.lingers_until);
        let formed = formed.map(|at| Wakeup { at, reason: "formed" });
        open.chain(formed).chain(self.links.next_due()).min()
    }
}

fn check_size_and_name(roster: &Roster, size: u8) -> Result<(), CommandError> {
    let most = ensign_wire::ROSTER_MEMBERS_MAX as u64;
    if !(2..=most).contains(&size.into()) {
        let (field, min, max, seen) = ("members", 2, most, size.into());
        return Err(CommandError::Limits(DecodeError::OutOfRange { field, min, max, seen }));
    }
    if !ensign_wire::is_roster_name(&roster.name) {
        let (field, min, max) = ("bytes of the group's name", 1, 32);
        return Err(CommandError::Limits(DecodeError::OutOfRange { field, min, max, seen: 0 }));
    }
    Ok(())
}

impl StateMachine for Formation {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Up { peer, exporter } => self.on_up(now, peer, exporter),
            Input::Down { peer } => self.on_down(&peer),
            Input::Dropped { peer } => self.on_dropped(now, &peer),
            Input::Message { peer, message } => self.on_message(now, peer, message),
            Input::Persisted { token } => self.on_persisted(now, token),
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        let is_over =
            |pending: &Pending| !pending.is_confirmed() && pending.expires_at <= now.instant;
        let over: Vec<String> = self
            .pending
            .iter()
            .filter(|(_, pending)| is_over(pending))
            .map(|(name, _)| name.clone())
            .collect();
        over.iter().for_each(|name| self.end(now, name, Ended::Expired));
        self.pay_greetings(now);
        let mut has_left = false;
        for (_, held) in self.held.iter_mut() {
            if held.lingers_until.is_some_and(|at| at <= now.instant) {
                held.lingers_until = None;
                has_left = true;
            }
        }
        if has_left {
            self.want_members();
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        self.next_due()
    }
}
