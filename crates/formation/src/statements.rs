//! What members say of a roster, and what follows from it.

use alloc::{boxed::Box, string::String, vec::Vec};

use ensign_primitives::{Now, PeerId, SignerIndex, TaggedHasher};
use ensign_wire::{
    Certificate, FormationBody, FormationMessage, FormationStatement, SeatRefusal, Signed,
};

use crate::{
    Ended, FORMED_LINGER, Formation, Happened, Offense, Output, REFUSALS_REMEMBERED,
    RELAYED_BY_ALL_MAX,
    pending::{CERTIFIED, COMMITTED, CONFIRMED, Forming, GATHERED, Pending, Stage, record},
    round::{Statement, Taken},
};

impl Formation {
    pub(crate) fn on_message(&mut self, now: Now, peer: PeerId, message: FormationMessage) {
        if !self.links.contains(&peer) {
            return;
        }
        match message {
            FormationMessage::Seat(seat) => self.on_seat(now, peer, seat),
            FormationMessage::Seated(seated) => self.on_seated(now, peer, seated),
            FormationMessage::Roster(bytes) => self.on_roster(now, peer, &bytes),
            FormationMessage::Statement(statement) => self.on_statement(now, peer, &statement),
            FormationMessage::Certificate(bytes) => self.on_certificate(now, peer, &bytes),
        }
    }

    fn on_statement(&mut self, now: Now, peer: PeerId, statement: &Statement) {
        let roster = statement.said().roster;
        let Some(name) = self.forming(&roster) else { return self.answer_old(peer, statement) };
        let Some(forming) = self.forming_mut(&name) else { return };
        // Only its members are heard, whoever they speak for.
        if forming.round.roster.index_of(&peer).is_none() {
            return;
        }
        let (by, body) = (statement.said().signer, statement.said().body);
        // Of a roster that is formed a second time an old refusal may be told again by others.
        let is_fresh = statement.sender() == peer || forming.invitation.is_some();
        if (matches!(body, FormationBody::Refuse) && !is_fresh) || forming.gone.contains(&by) {
            return;
        }
        match forming.round.take(statement) {
            Taken::Ignored => {}
            // Who hands on what a third said is not to blame for it.
            Taken::Wrong(Offense::Contradiction { .. } | Offense::WrongReveal { .. })
                if statement.sender() != peer =>
            {
                self.accuse(&name, by);
            }
            Taken::Wrong(offense) => self.offend(peer, offense),
            Taken::Refused => {
                self.relay(&name, peer, statement);
                self.on_refused(now, &name, by);
            }
            Taken::StartedOver => {
                // The others learn the reason from whom it comes.
                self.relay(&name, peer, statement);
                self.on_started_over(now, &name, by);
            }
            Taken::New => {
                self.relay(&name, peer, statement);
                if matches!(body, FormationBody::Commit(_)) && statement.sender() == peer {
                    // It may have missed all that was said before it had the roster.
                    self.greet_asked(now, &name, peer);
                }
                self.advance(now, &name);
            }
        }
    }

    fn forming(&self, roster: &[u8; 32]) -> Option<String> {
        let is_it = |pending: &Pending| match &pending.stage {
            Stage::Forming(forming) => forming.round.digest == *roster,
            Stage::Inviting(_) | Stage::Joining(_) => false,
        };
        self.pending.iter().find(|(_, pending)| is_it(pending)).map(|(name, _)| name.clone())
    }

    pub(crate) fn forming_mut(&mut self, name: &String) -> Option<&mut Forming> {
        match &mut self.pending.get_mut(name)?.stage {
            Stage::Forming(forming) => Some(forming),
            Stage::Inviting(_) | Stage::Joining(_) => None,
        }
    }

    /// Somebody still forms what has formed here, or what our user refused.
    fn answer_old(&mut self, peer: PeerId, statement: &Statement) {
        let roster = &statement.said().roster;
        for (_, held) in self.held.iter_mut().filter(|(_, held)| held.digest == *roster) {
            let is_theirs = held.certificate.roster.index_of(&peer).is_some();
            if is_theirs && held.told.insert(peer) {
                let message = FormationMessage::Certificate(held.certificate.encode());
                self.outputs.push_back(Output::Send { peer, message });
            }
        }
        // Who began after that begins anew, and our user is asked to.
        let is_meant = |it: &&Statement| {
            it.said().roster == *roster && statement.seq() <= it.sent_at().as_millis()
        };
        let refusal = self.refusals.iter().find(is_meant).cloned();
        if let Some(refusal) = refusal
            && self.links.may_refuse(&peer, &self.refusals, *roster)
        {
            self.send(peer, FormationMessage::Statement(Box::new(refusal)));
        }
    }

    /// Hands on what a member says to the others, who may not reach each other yet: by whoever gathered
    /// them; where nobody did by all, if they are few.
    fn relay(&mut self, name: &String, from: PeerId, statement: &Statement) {
        let us = self.us();
        let Some(forming) = self.forming_mut(name) else { return };
        let members = &forming.round.roster.members;
        let is_ours = match &forming.invitation {
            Some(invitation) => invitation.inviter == us,
            None => members.len() <= RELAYED_BY_ALL_MAX,
        };
        if !is_ours {
            return;
        }
        let members = members.iter().map(|member| member.peer);
        let others: Vec<PeerId> =
            members.filter(|it| *it != from && *it != statement.sender() && *it != us).collect();
        for peer in others {
            self.send(peer, FormationMessage::Statement(Box::new(statement.clone())));
        }
    }

    fn on_refused(&mut self, now: Now, name: &String, by: SignerIndex) {
        let confirmed = self.forming_mut(name).filter(|forming| forming.is_confirmed);
        if let Some(forming) = confirmed {
            forming.gone.insert(by);
            self.tell(name, Happened::Refused { by });
        } else {
            self.end(now, name, Ended::Refused { by });
        }
    }

    fn on_started_over(&mut self, now: Now, name: &String, by: SignerIndex) {
        match self.forming_mut(name).filter(|forming| forming.is_confirmed) {
            Some(confirmed) => drop(confirmed.gone.insert(by)),
            None => self.end(now, name, Ended::StartedOver { by }),
        }
    }

    /// Tells our user, once, that a member says different things to different others.
    fn accuse(&mut self, name: &String, by: SignerIndex) {
        if self.forming_mut(name).is_some_and(|forming| forming.accused.insert(by)) {
            self.tell(name, Happened::Contradicts { by });
        }
    }

    /// Tells everybody that our user does not want this group.
    pub(crate) fn tell_refused(&mut self, now: Now, name: &str) {
        let Some(pending) = self.pending.get(&String::from(name)) else { return };
        let (run, nodes) = (pending.run, pending.nodes());
        match &pending.stage {
            Stage::Joining(_) => {}
            Stage::Inviting(inviting) => {
                let id = inviting.invitation.id();
                nodes.iter().for_each(|(peer, _)| self.refuse_seat(*peer, id, SeatRefusal::Closed));
            }
            Stage::Forming(forming) => {
                let (roster, signer) = (forming.round.digest, forming.round.own);
                let Some(refusal) = self.sign(now, run, (roster, signer), FormationBody::Refuse)
                else {
                    return;
                };
                for (peer, _) in nodes {
                    self.send(peer, FormationMessage::Statement(Box::new(refusal.clone())));
                }
                if self.refusals.len() >= REFUSALS_REMEMBERED {
                    self.refusals.pop_front();
                }
                self.refusals.push_back(refusal);
            }
        }
    }

    /// Takes a whole certificate of a group that our user has confirmed.
    fn on_certificate(&mut self, now: Now, peer: PeerId, bytes: &[u8]) {
        let is_awaited = |pending: &Pending| match &pending.stage {
            Stage::Forming(it) => {
                it.is_confirmed && it.round.roster.index_of(&peer).is_some() && it.is_of(bytes)
            }
            Stage::Inviting(_) | Stage::Joining(_) => false,
        };
        // Nobody else's is read.
        if !self.pending.iter().any(|(_, pending)| is_awaited(pending)) {
            return;
        }
        let certificate = match Certificate::decode(bytes, self.config.network) {
            Ok(certificate) => certificate,
            Err(error) => return self.offend(peer, Offense::Decode(error)),
        };
        let Some(name) = self.forming(&certificate.roster.digest()) else { return };
        let Some(forming) = self.forming_mut(&name) else { return };
        // One of an earlier run says nothing of what our user confirmed in this one.
        let is_ours = forming.round.fingerprint() == Some(certificate.fingerprint());
        if forming.certificate.is_some() || !forming.is_confirmed || !is_ours {
            return;
        }
        // It holds our own signature, which is under what our user confirmed.
        if certificate.verify().is_err() {
            return self.offend(peer, Offense::WrongCertificate);
        }
        forming.certificate = Some(Box::new(certificate));
        self.advance(now, &name);
    }

    pub(crate) fn on_persisted(&mut self, now: Now, token: u64) {
        let Some((name, run, reached)) = self.waiting.remove(&token) else { return };
        if self.pending.get(&name).is_none_or(|pending| pending.run != run) {
            return;
        }
        let Some(forming) = self.forming_mut(&name) else { return };
        forming.durable = forming.durable.max(reached);
        self.advance(now, &name);
    }

    /// Does everything that can be done now.
    pub(crate) fn advance(&mut self, now: Now, name: &str) {
        let name = String::from(name);
        self.judge(&name);
        while self.step(now, &name) {
            self.judge(&name);
        }
    }

    /// Does the next thing; `false` when there is none.
    fn step(&mut self, now: Now, name: &String) -> bool {
        let Some(pending) = self.pending.get_mut(name) else { return false };
        let (run, entropy) = (pending.run, pending.entropy);
        let Stage::Forming(forming) = &mut pending.stage else { return false };
        let (digest, own) = (forming.round.digest, forming.round.own);
        if forming.certificate.is_none() {
            forming.certificate = whole(forming);
        }
        let reached = forming.reached();
        if forming.asked < reached {
            forming.asked = reached;
            forming.round.is_sealed |= reached >= COMMITTED;
            let kept = record(pending);
            let token = self.persist(kept);
            self.waiting.insert(token, (name.clone(), run, reached));
            return true;
        }
        if forming.durable >= CERTIFIED {
            self.form_whole(now, name);
            return false;
        }
        let hasher = TaggedHasher::new("ensign/formation-value/v1", self.config.network);
        let value = hasher.bytes(&entropy).bytes(&digest).finish();
        let commit = forming.round.roster.commitment(&digest, own, &value);
        let fingerprint = forming.round.fingerprint().filter(|_| forming.durable >= CONFIRMED);
        let confirm = fingerprint.map(|it| FormationBody::Confirm(self.key.sign(it.as_bytes())));
        let turn = [
            (GATHERED, Some(FormationBody::Commit(commit))),
            (COMMITTED, Some(FormationBody::Reveal(value))),
            (CONFIRMED, confirm),
        ];
        let is_due = |(level, body): &(u8, FormationBody)| {
            forming.durable >= *level && !forming.round.has_said(body)
        };
        let due = turn.into_iter().filter_map(|(level, body)| Some((level, body?))).find(is_due);
        due.is_some_and(|(_, body)| self.say(now, name, body))
    }

    /// Says something in our place, to everybody who is connected.
    fn say(&mut self, now: Now, name: &String, body: FormationBody) -> bool {
        let Some(pending) = self.pending.get(name) else { return false };
        let Stage::Forming(forming) = &pending.stage else { return false };
        let about = (forming.round.digest, forming.round.own);
        let is_first = matches!(body, FormationBody::Commit(_));
        let offer = (is_first && self.is_offered(forming)).then(|| forming.offer().encode());
        let nodes = pending.nodes();
        let Some(statement) = self.sign(now, pending.run, about, body) else { return false };
        if let Some(forming) = self.forming_mut(name) {
            forming.round.keep(statement.clone());
        }
        for (peer, _) in nodes {
            offer.iter().for_each(|it| self.send(peer, FormationMessage::Roster(it.clone())));
            self.send(peer, FormationMessage::Statement(Box::new(statement.clone())));
        }
        true
    }

    fn sign(
        &self,
        now: Now,
        run: u64,
        (roster, signer): ([u8; 32], SignerIndex),
        body: FormationBody,
    ) -> Option<Statement> {
        let said = FormationStatement { roster, signer, body };
        Signed::new(&self.key, self.config.network, run, now.unix, said).ok()
    }

    /// Shows the fingerprint, and judges the confirmations that came.
    fn judge(&mut self, name: &String) {
        let Some(forming) = self.forming_mut(name) else { return };
        let Some(fingerprint) = forming.round.fingerprint() else { return };
        let mut told = Vec::new();
        if !core::mem::replace(&mut forming.is_shown, true) {
            let roster = Box::new(forming.round.roster.clone());
            told.push(Happened::Fingerprint { roster, fingerprint });
        }
        let members = forming.round.roster.members.len();
        for by in (0..).map(SignerIndex).take(members) {
            if forming.judged.contains(&by) {
                continue;
            }
            let Some(is_same) = forming.round.confirms(by, &fingerprint) else { continue };
            forming.judged.insert(by);
            if !is_same {
                forming.differing.insert(by);
                told.push(Happened::Differs { by });
                continue;
            }
            let confirmed = forming.judged.len() - forming.differing.len();
            let confirmed = u8::try_from(confirmed).unwrap_or(u8::MAX);
            told.push(Happened::Confirmed { by, confirmed });
        }
        told.into_iter().for_each(|what| self.tell(name, what));
    }

    /// The certificate is durable: the group is there.
    fn form_whole(&mut self, now: Now, name: &String) {
        let Some(pending) = self.pending.remove(name) else { return };
        let nodes = pending.nodes();
        let Stage::Forming(forming) = pending.stage else { return };
        let (addresses, Some(certificate)) = (forming.addresses, forming.certificate) else {
            return;
        };
        let bytes = certificate.encode();
        self.hold((*certificate).clone(), Some(now.instant.after(FORMED_LINGER)));
        self.tell(name, Happened::Formed { certificate, addresses });
        for (peer, _) in nodes {
            self.send(peer, FormationMessage::Certificate(bytes.clone()));
        }
        self.want_members();
    }
}

/// Returns the certificate, if all have signed the fingerprint that our user confirmed: each signature was
/// judged, each delegation when the roster was taken.
fn whole(forming: &Forming) -> Option<Box<Certificate>> {
    let is_judged = forming.judged.len() == forming.round.roster.members.len();
    let is_whole = forming.is_confirmed && is_judged && forming.differing.is_empty();
    forming.round.certificate().filter(|_| is_whole).map(Box::new)
}
