//! Between the world and the children: whose a frame is, and what becomes of what a child says.

use alloc::vec::Vec;

use ensign_formation::{Input as FormationInput, Output as FormationOutput, WANTED_MAX};
use ensign_gate::{Arriving, Verdict};
use ensign_overlay::Message as Outside;
use ensign_peers::{CHOSEN_MAX, CONNECTED_MAX, Input as PeersInput, Output as PeersOutput, Why};
use ensign_primitives::{LinkId, Now, PeerId, QueryId, Rooms, StateMachine};
use ensign_reputation::Mark;
use ensign_signing::{
    Conduct, Input as SigningInput, MEMBERS_MAX, Message, Output as SigningOutput, SignerAnswer,
    Standing,
};
use ensign_watch::Act;
use ensign_wire::{Frame, Kind, Lane};

use crate::{CloseCode, Engine, Event, Offense, Output, Record};

/// What a child is to be told.
#[derive(Debug)]
pub(crate) enum Note {
    Signing(SigningInput),
    Peers(PeersInput),
    Formation(FormationInput),
    Overlay(ensign_overlay::Input),
}

impl Note {
    /// Returns whom it concerns that frames of a lane did not leave: who says it again.
    pub(crate) const fn dropped(lane: Lane, peer: PeerId) -> Option<Self> {
        match lane {
            Lane::Control => Some(Self::Formation(FormationInput::Dropped { peer })),
            Lane::Bulk => Some(Self::Signing(SigningInput::Dropped { peer })),
            Lane::Signing => None,
        }
    }
}

// Everybody who is wanted has a place in the address book, and every connection one in its mind.
const _: () = assert!(MEMBERS_MAX + CHOSEN_MAX + WANTED_MAX <= ensign_peers::PEERS_MAX);
const _: () = assert!(ensign_signing::PEERS_LIMIT <= CONNECTED_MAX);

/// Most children that can wait for a record: the low digit of a token names one.
const CHILDREN_MAX: u64 = 8;
/// The digit of each that waits.
const SIGNING: u64 = 0;
const FORMATION: u64 = 1;
const REPUTATION: u64 = 2;

impl Engine {
    pub(crate) fn on_frame(&mut self, now: Now, link: LinkId, (kind, body): (Kind, &[u8])) {
        let Some(known) = self.gate.get_mut(link) else { return };
        let frame = Arriving { kind, len: body.len() };
        let (peer, verdict) = (known.peer, self.guards.judge(now, known, frame));
        match verdict {
            Verdict::Allow => {}
            Verdict::Deny(why) => return self.note_of(now, link, (Act::Held, 0), &why),
            Verdict::Penalize(offense) => return self.offense(now, link, offense),
        }
        let message = match Frame::decode(kind, body, self.config.network) {
            Err(error) => return self.offense(now, link, Offense::Decode(error)),
            Ok(Frame::Hello(hello)) => return self.on_hello(now, link, hello),
            Ok(Frame::Ping(query)) => return self.on_question(now, link, query),
            // We ask nothing of the kind, so that no answer is ours.
            Ok(Frame::Pong(query)) => {
                return self.offense(now, link, Offense::NeverAsked { query });
            }
            Ok(Frame::Price(price)) => return self.on_price(now, link, price),
            Ok(Frame::Proof(proof)) => return self.on_proof(now, link, proof),
            Ok(Frame::Delegation(said)) => Message::Delegation(said),
            Ok(Frame::Welcome(welcome)) => Message::Welcome(welcome),
            Ok(Frame::Formation(message)) => {
                let input = FormationInput::Message { peer, message };
                return self.notes.push_back(Note::Formation(input));
            }
            Ok(Frame::Dht(message)) => return self.hear_outside(peer, Outside::Dht(message)),
            Ok(Frame::Peers(message)) => return self.hear_outside(peer, Outside::Peers(message)),
            Ok(Frame::Reach(message)) => return self.hear_reach(link, message),
            // The guards deny it: no part of a node reads it yet.
            Ok(Frame::Gossip(_)) => return,
            Ok(Frame::Groups(groups)) => Message::Groups(groups),
            Ok(Frame::Payload { request, bytes }) => Message::Payload { request, bytes },
            Ok(Frame::Envelope(envelope)) => Message::Statement(envelope),
            Ok(Frame::Evidence(bytes)) => Message::Evidence(bytes),
            Ok(Frame::EvidenceSeen(name)) => Message::EvidenceSeen(name),
            Ok(Frame::Consent(consent)) => Message::Consent(consent),
            Ok(Frame::LinkReport(report)) => Message::LinkReport(report),
        };
        self.notes.push_back(Note::Signing(SigningInput::Message { peer, message }));
    }

    fn on_question(&mut self, now: Now, link: LinkId, query: QueryId) {
        let Some(known) = self.gate.get_mut(link) else { return };
        if known.is_asked_anew(query) {
            self.send(link, &Frame::Pong(query));
        } else {
            self.offense(now, link, Offense::AskedTwice { query });
        }
    }

    pub(crate) fn on_signer(&mut self, answer: SignerAnswer) {
        self.notes.push_back(Note::Signing(SigningInput::Signer(answer)));
    }

    pub(crate) fn on_persisted(&mut self, token: u64) {
        let (token, child) = (token / CHILDREN_MAX, token % CHILDREN_MAX);
        match child {
            SIGNING => self.notes.push_back(Note::Signing(SigningInput::Persisted { token })),
            FORMATION => self.notes.push_back(Note::Formation(FormationInput::Persisted { token })),
            _ => {}
        }
    }

    pub(crate) fn tell_peers(&mut self, input: PeersInput) {
        self.notes.push_back(Note::Peers(input));
    }

    /// What signing says becomes ours.
    fn on_signing(&mut self, now: Now, output: SigningOutput) {
        let output = match output {
            SigningOutput::Standing { peer, standing } => {
                let is_member = standing == Standing::Member;
                let introduced = self.gate.set_standing(peer, standing).filter(|_| is_member);
                return introduced.into_iter().for_each(|link| self.admit(now, link));
            }
            SigningOutput::Want { peer } => {
                self.tell_overlay(ensign_overlay::Input::Paired { peer });
                let (addresses, why) = (Vec::new(), Why::Member);
                return self.tell_peers(PeersInput::Want { peer, addresses, why });
            }
            SigningOutput::Forget { peer } => {
                self.tell_overlay(ensign_overlay::Input::Unpaired { peer });
                return self.tell_peers(PeersInput::Forget { peer, why: Why::Member });
            }
            SigningOutput::Send { peer, kind, frame } => {
                let Some(link) = self.gate.link_of(&peer) else { return };
                Output::Send { link, lane: kind.lane(), kind, frame }
            }
            SigningOutput::Signer(question) => Output::Signer(question),
            SigningOutput::Persist { token, record } => Output::Persist {
                token: token * CHILDREN_MAX + SIGNING,
                record: Record::Signing(record),
            },
            SigningOutput::Note(record) => Output::Note(Record::Signing(record)),
            SigningOutput::Recall { request } => Output::Recall { request },
            SigningOutput::Conduct { peer, conduct } => {
                let mark = match conduct {
                    Conduct::Finished { .. } => Mark::Good,
                    Conduct::Silent { .. } => Mark::Unresponsive,
                };
                self.reputation.mark(now, peer, mark, &conduct);
                return;
            }
            SigningOutput::Offense { peer, offense } => {
                return self.offense_of(now, peer, Offense::Signing(offense));
            }
            SigningOutput::Event(event) => Output::Event(Event::Signing(event)),
        };
        self.outputs.push_back(output);
    }

    /// What peers say becomes ours.
    fn on_peers(&mut self, output: PeersOutput) {
        let output = match output {
            PeersOutput::Dial { peer, address } => Output::Dial { peer, address },
            PeersOutput::Expect { peer } => {
                self.gate.want(peer);
                self.tell_overlay(ensign_overlay::Input::Wanted { peer });
                Output::Expect { peer }
            }
            // Its link is there for the open network, which leaves it by itself.
            PeersOutput::Forget { peer } if self.is_held_outside(&peer) => return,
            PeersOutput::Forget { peer } => {
                self.tell_overlay(ensign_overlay::Input::Unwanted { peer });
                if let Some(link) = self.gate.link_of(&peer) {
                    self.close(link, CloseCode::Unwanted);
                }
                self.gate.forget(&peer);
                self.payer.forget(&peer);
                Output::Forget { peer }
            }
            PeersOutput::Note(record) => Output::Note(Record::Peers(record)),
            PeersOutput::Event(event) => Output::Event(Event::Peers(event)),
        };
        self.outputs.push_back(output);
    }

    /// What formation says becomes ours.
    fn on_formation(&mut self, now: Now, output: FormationOutput) {
        let output = match output {
            FormationOutput::Send { peer, message } => {
                let Some(link) = self.gate.link_of(&peer) else { return };
                return self.send(link, &Frame::Formation(message));
            }
            FormationOutput::Ask(input) => return self.tell_peers(input),
            FormationOutput::Persist { token, record } => Output::Persist {
                token: token * CHILDREN_MAX + FORMATION,
                record: Record::Formation(record),
            },
            FormationOutput::Offense { peer, offense } => {
                return self.offense_of(now, peer, Offense::Formation(offense));
            }
            FormationOutput::Event(event) => Output::Event(Event::Formation(event)),
        };
        self.outputs.push_back(output);
    }
}

impl Rooms for Engine {
    fn listen(&mut self, now: Now) -> bool {
        // The order of the children is part of the contract: equal inputs, equal outputs.
        if let Some(output) = self.signing.poll_output() {
            self.on_signing(now, output);
            return true;
        }
        if let Some(output) = self.peers.poll_output() {
            self.on_peers(output);
            return true;
        }
        if let Some(output) = self.formation.poll_output() {
            self.on_formation(now, output);
            return true;
        }
        if let Some(output) = self.overlay.as_mut().and_then(StateMachine::poll_output) {
            self.on_overlay(now, output);
            return true;
        }
        if let Some(step) = self.payer.poll() {
            self.on_step(step);
            return true;
        }
        let record = self.reputation.take_record(now);
        let is_silent = record.is_none();
        self.outputs.extend(record.map(|(record, is_urgent)| {
            let record = Record::Reputation(record);
            if is_urgent {
                Output::Persist { token: REPUTATION, record }
            } else {
                Output::Note(record)
            }
        }));
        !is_silent
    }

    fn notes(&self) -> usize {
        self.notes.len()
    }

    fn deliver(&mut self, now: Now) {
        match self.notes.pop_front() {
            Some(Note::Signing(input)) => self.signing.handle_input(now, input),
            Some(Note::Peers(input)) => self.peers.handle_input(now, input),
            Some(Note::Formation(input)) => self.formation.handle_input(now, input),
            Some(Note::Overlay(input)) => {
                self.overlay.iter_mut().for_each(|it| it.handle_input(now, input.clone()));
            }
            None => {}
        }
    }
}
