//! Who gets a seat, and what becomes of it when all are taken.

use alloc::{boxed::Box, string::String, vec::Vec};

use ensign_identity::Delegation;
use ensign_primitives::{Now, PeerId};
use ensign_wire::{
    Candidate, FormationMessage, InvitationId, Roster, RosterMember, RosterOffer, Seat, SeatAnswer,
    SeatRefusal, Seated, look_alike,
};

use crate::{
    Ended, Formation, Happened, Invitation, Offense, Output, ROSTERS_READ_MAX, WRONG_PROOFS_MAX,
    pending::{Forming, Inviting, Pending, Stage, record},
    proof::{About, Side, holds, prove},
};

/// What becomes of somebody who asks for a seat and has proven the secret.
enum Given {
    /// It has this many-eth seat.
    New,
    /// It had one before.
    Again,
    Refused(SeatRefusal),
}

impl Formation {
    pub(crate) fn on_seat(&mut self, now: Now, peer: PeerId, seat: Seat) {
        let Seat { invitation: id, proof, candidate: bytes } = seat;
        let Some(name) = self.inviting(&id) else {
            return self.refuse_seat(peer, id, SeatRefusal::Unknown);
        };
        let Some(exporter) = self.links.exporter(&peer).copied() else { return };
        let about =
            About { side: Side::Joiner, joiner: &peer, exporter: &exporter, candidate: &bytes };
        let Some(invitation) = self.pending.get(&name).and_then(invitation_of).cloned() else {
            return;
        };
        // One HMAC: nothing else was done for whoever asks.
        if !holds(&invitation, about, &proof) {
            return self.on_wrong_proof(now, &name, (peer, id));
        }
        let candidate = match Candidate::decode(&bytes) {
            Ok(candidate) => candidate,
            Err(error) => return self.offend(peer, Offense::Decode(error)),
        };
        let given = self.give_seat(now, &name, peer, candidate);
        if let Given::Refused(why) = given {
            if why == SeatRefusal::Invalid {
                self.offend(peer, Offense::InvalidCandidate { invitation: id });
            }
            return self.refuse_seat(peer, id, why);
        }
        let proof = prove(&invitation, About { side: Side::Inviter, ..about });
        let taken = self.pending.get(&name).map_or(0, taken);
        let answer = SeatAnswer::Taken { proof, taken };
        self.send(peer, FormationMessage::Seated(Seated { invitation: id, answer }));
        match given {
            Given::New => self.on_taken(now, &name, &peer),
            Given::Again => self.greet_asked(now, &name, peer),
            Given::Refused(_) => {}
        }
    }

    /// Returns the group that we invite to under this name, seats open or not.
    fn inviting(&self, id: &InvitationId) -> Option<String> {
        let us = self.us();
        let is_it = |pending: &Pending| {
            invitation_of(pending).is_some_and(|it| it.inviter == us && it.id() == *id)
        };
        self.pending.iter().find(|(_, pending)| is_it(pending)).map(|(name, _)| name.clone())
    }

    fn give_seat(&mut self, now: Now, name: &String, peer: PeerId, candidate: Candidate) -> Given {
        let (network, us) = (self.config.network, self.us());
        let Some(pending) = self.pending.get_mut(name) else {
            return Given::Refused(SeatRefusal::Unknown);
        };
        let member = &candidate.member;
        if member.peer != peer || peer == us {
            return Given::Refused(SeatRefusal::Invalid);
        }
        let inviting = match &mut pending.stage {
            Stage::Inviting(inviting) => inviting,
            Stage::Forming(forming) => {
                let members = &forming.round.roster.members;
                return match members.iter().find(|it| it.peer == peer) {
                    Some(seated) if seated == member => Given::Again,
                    Some(_) => Given::Refused(SeatRefusal::Occupied),
                    None => Given::Refused(SeatRefusal::Full),
                };
            }
            Stage::Joining(_) => return Given::Refused(SeatRefusal::Unknown),
        };
        if let Some(seat) = inviting.seats.iter_mut().find(|seat| seat.member.peer == peer) {
            if seat.member != *member {
                return Given::Refused(SeatRefusal::Occupied);
            }
            seat.addresses = candidate.addresses;
            return Given::Again;
        }
        if inviting.invitation.is_over(now.unix) {
            return Given::Refused(SeatRefusal::Expired);
        }
        if inviting.seats.iter().any(|seat| is_same(&seat.member, member)) {
            return Given::Refused(SeatRefusal::Occupied);
        }
        let RosterMember { signer, delegation, .. } = *member;
        if Delegation::verify(signer, peer, network, delegation, now.unix).is_err() {
            return Given::Refused(SeatRefusal::Invalid);
        }
        inviting.seats.push(candidate);
        Given::New
    }

    /// Somebody has a new seat: that is kept, and with the last one the roster is made.
    fn on_taken(&mut self, now: Now, name: &String, peer: &PeerId) {
        let Some(pending) = self.pending.get(name) else { return };
        let Stage::Inviting(Inviting { invitation, seats, .. }) = &pending.stage else { return };
        let (size, taken) = (invitation.size, taken(pending));
        let is_full = seats.len() >= usize::from(size);
        let member = seats.last().map(|seat| seat.member.name.clone()).unwrap_or_default();
        let kept = record(pending);
        self.tell(name, Happened::SeatTaken { member, peer: *peer, taken, size });
        if is_full {
            self.gather(now, name);
        } else {
            self.persist(kept);
        }
        self.want_members();
    }

    /// Makes the roster of those who have seats.
    fn gather(&mut self, now: Now, name: &String) {
        let (network, us) = (self.config.network, self.us());
        let Some(pending) = self.pending.get_mut(name) else { return };
        let Stage::Inviting(Inviting { invitation, seats, .. }) = &mut pending.stage else {
            return;
        };
        seats.sort_by_key(|seat| seat.member.signer);
        let members = seats.iter().map(|seat| seat.member.clone()).collect();
        let addresses = seats.iter().map(|seat| seat.addresses.clone()).collect();
        let roster =
            Roster { network, name: name.clone(), invitation: Some(invitation.id()), members };
        let offer = RosterOffer { roster, addresses };
        if let Some(forming) = Forming::new(offer, Some(invitation.clone()), &us) {
            self.form_on(now, name, forming);
        }
    }

    /// From here on the roster stands.
    fn form_on(&mut self, now: Now, name: &String, forming: Forming) {
        let Some(pending) = self.pending.get_mut(name) else { return };
        let roster = Box::new(forming.round.roster.clone());
        pending.expires = now.unix.after(crate::FORMATION_LIFETIME);
        pending.expires_at = now.instant.after(crate::FORMATION_LIFETIME);
        pending.stage = Stage::Forming(Box::new(forming));
        self.tell(name, Happened::Gathered { roster });
        self.want_members();
        self.advance(now, name);
    }

    fn on_wrong_proof(
        &mut self,
        now: Now,
        name: &String,
        (peer, invitation): (PeerId, InvitationId),
    ) {
        self.offend(peer, Offense::WrongProof { invitation });
        self.refuse_seat(peer, invitation, SeatRefusal::WrongProof);
        let Some(pending) = self.pending.get_mut(name) else { return };
        let Stage::Inviting(inviting) = &mut pending.stage else { return };
        inviting.wrong = inviting.wrong.saturating_add(1);
        if inviting.wrong >= WRONG_PROOFS_MAX {
            self.end(now, name, Ended::WrongProofs);
        }
    }

    pub(crate) fn refuse_seat(&mut self, peer: PeerId, invitation: InvitationId, why: SeatRefusal) {
        let answer = SeatAnswer::Refused(why);
        self.send(peer, FormationMessage::Seated(Seated { invitation, answer }));
    }

    pub(crate) fn offend(&mut self, peer: PeerId, offense: Offense) {
        self.outputs.push_back(Output::Offense { peer, offense });
    }

    /// Asks the node that invited for our seat.
    pub(crate) fn ask_for_seat(&mut self, peer: PeerId, invitation: &Invitation, own: &Candidate) {
        let Some(exporter) = self.links.exporter(&peer) else { return };
        let (us, candidate) = (self.us(), own.encode());
        let about = About { side: Side::Joiner, joiner: &us, exporter, candidate: &candidate };
        let proof = prove(invitation, about);
        let seat = Seat { invitation: invitation.id(), proof, candidate };
        self.send(peer, FormationMessage::Seat(seat));
    }

    pub(crate) fn on_seated(&mut self, now: Now, peer: PeerId, seated: Seated) {
        let (us, Some(exporter)) = (self.us(), self.links.exporter(&peer).copied()) else { return };
        let Some((name, own)) = self.joining(&peer, Some(&seated.invitation)) else { return };
        let Some(pending) = self.pending.get_mut(&name) else { return };
        let Stage::Joining(joining) = &mut pending.stage else { return };
        let size = joining.invitation.size;
        match seated.answer {
            SeatAnswer::Refused(why) => self.end(now, &name, Ended::NotSeated(why)),
            SeatAnswer::Taken { proof, taken } => {
                let about = About {
                    side: Side::Inviter,
                    joiner: &us,
                    exporter: &exporter,
                    candidate: &own.encode(),
                };
                if !holds(&joining.invitation, about, &proof) {
                    let invitation = seated.invitation;
                    self.offend(peer, Offense::WrongProof { invitation });
                    return self.end(now, &name, Ended::NotSeated(SeatRefusal::WrongProof));
                }
                joining.is_seated = true;
                // Told when more are taken, which is seldomer than it is said.
                if joining.told < taken && taken <= size {
                    joining.told = taken;
                    self.tell(&name, Happened::Seated { taken, size });
                }
            }
        }
    }

    /// Returns the group that this node invited us to, and who we are in it.
    fn joining(&self, inviter: &PeerId, id: Option<&InvitationId>) -> Option<(String, Candidate)> {
        self.pending.iter().find_map(|(name, pending)| {
            let Stage::Joining(joining) = &pending.stage else { return None };
            let invitation = &joining.invitation;
            let is_it = id.map_or(joining.is_seated, |id| invitation.id() == *id);
            let found = invitation.inviter == *inviter && is_it;
            found.then(|| (name.clone(), pending.own.clone()))
        })
    }

    /// Takes the roster of a group that we have a seat in; looks at one of a group that we form.
    pub(crate) fn on_roster(&mut self, now: Now, peer: PeerId, bytes: &[u8]) {
        let has_seat = self.joining(&peer, None).is_some();
        // Nobody else's is read, and none that is ours.
        if !has_seat && !self.may_differ(&peer, bytes) {
            return;
        }
        let offer = match RosterOffer::decode(bytes, self.config.network) {
            Ok(offer) => offer,
            Err(error) => return self.offend(peer, Offense::Decode(error)),
        };
        let id = offer.roster.invitation;
        let seated = id.and_then(|id| self.joining(&peer, Some(&id)));
        match seated.filter(|(name, _)| self.is_seated(name)) {
            Some((name, own)) => self.take_roster(now, &name, (peer, &own), offer),
            None => self.compare_roster(peer, offer),
        }
    }

    fn is_seated(&self, name: &String) -> bool {
        let stage = self.pending.get(name).map(|pending| &pending.stage);
        matches!(stage, Some(Stage::Joining(joining)) if joining.is_seated)
    }

    /// Whether a member brings a roster that is worth to be read: another one, and not one too many.
    fn may_differ(&mut self, peer: &PeerId, bytes: &[u8]) -> bool {
        let mut may_differ = false;
        for (_, pending) in self.pending.iter_mut() {
            let Stage::Forming(forming) = &mut pending.stage else { continue };
            if forming.is_of(bytes) {
                return false;
            }
            let is_theirs = forming.round.roster.index_of(peer).is_some();
            if is_theirs && forming.rosters_read < ROSTERS_READ_MAX {
                forming.rosters_read += 1;
                may_differ = true;
            }
        }
        may_differ
    }

    fn take_roster(
        &mut self,
        now: Now,
        name: &String,
        (inviter, own): (PeerId, &Candidate),
        offer: RosterOffer,
    ) {
        let us = self.us();
        let Some(pending) = self.pending.get(name) else { return };
        let Some(invitation) = invitation_of(pending).cloned() else { return };
        let roster = &offer.roster;
        let is_right = roster.name == invitation.name
            && roster.members.len() == usize::from(invitation.size)
            && roster.members.contains(&own.member)
            && roster.index_of(&inviter).is_some()
            && roster.verify_delegations().is_ok();
        let forming = Forming::new(offer, Some(invitation), &us).filter(|_| is_right);
        match forming {
            Some(forming) => self.form_on(now, name, forming),
            None => self.offend(inviter, Offense::WrongRoster),
        }
    }

    /// Compares what somebody else puts together with ours.
    fn compare_roster(&mut self, peer: PeerId, offer: RosterOffer) {
        let digest = offer.roster.digest();
        let mut differing: Vec<(String, bool)> = Vec::new();
        for (name, pending) in self.pending.iter_mut() {
            let Stage::Forming(forming) = &mut pending.stage else { continue };
            let ours = &forming.round.roster;
            if forming.round.digest == digest {
                return;
            }
            let is_about = match ours.invitation {
                Some(id) => offer.roster.invitation == Some(id),
                None => offer.roster.invitation.is_none() && offer.roster.name == ours.name,
            };
            if is_about && ours.index_of(&peer).is_some() && forming.others.insert(peer) {
                differing.push((name.clone(), ours.invitation.is_some()));
            }
        }
        for (name, is_invited) in differing {
            if is_invited {
                self.offend(peer, Offense::SecondRoster);
            } else {
                let roster = Box::new(offer.roster.clone());
                self.tell(&name, Happened::OtherRoster { by: peer, roster });
            }
        }
    }
}

fn invitation_of(pending: &Pending) -> Option<&Invitation> {
    match &pending.stage {
        Stage::Inviting(inviting) => Some(&inviting.invitation),
        Stage::Joining(joining) => Some(&joining.invitation),
        Stage::Forming(forming) => forming.invitation.as_ref(),
    }
}

fn taken(pending: &Pending) -> u8 {
    let taken = match &pending.stage {
        Stage::Inviting(inviting) => inviting.seats.len(),
        Stage::Forming(forming) => forming.round.roster.members.len(),
        Stage::Joining(_) => 0,
    };
    u8::try_from(taken).unwrap_or(u8::MAX)
}

fn is_same(one: &RosterMember, other: &RosterMember) -> bool {
    one.signer == other.signer || look_alike(&one.name, &other.name)
}
