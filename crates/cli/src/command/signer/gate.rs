//! Shows what a node wants signed, and asks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ensign_api::view::{WorkView, facts};
use ensign_coordinator::{Asks, InProcess, Signer as _, SignerError};
use ensign_identity::{Delegation, DelegationProof, SignerKey, Terms};
use ensign_musig::PubNonce;
use ensign_primitives::{Network, PeerId, RequestId, SessionId, UnixTime};
use ensign_psbt::{
    ConsentDigest, Facts, Note, Policy, Summary, Surroundings, analyze, judge, judge_blind,
    parse_binary,
};
use ensign_session::{Order, OwnNonces, OwnPartials};
use ensign_wire::{Payload, SignedRequest};

use super::person::{Asker, Person};
use crate::output::{Line, Output};
use crate::question::{Question, Subject};
use crate::recent::Recent;
use crate::{request, words};

/// Most requests whose answer is kept, so that nobody is asked again for the next attempt; the oldest
/// is asked about again. Guess: more than anybody says yes to in the life of a request.
const ANSWERED_MAX: usize = 1024;

/// How often it is looked whether the clocks have parted, which ends nonces before their time. Guess: nonces
/// that were asleep are gone before anybody has typed a word.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// A signer that does nothing a person has not seen, unless told so. Several connections use it at
/// one time; while a person thinks about the question of one, the others are answered.
///
/// The node on the other side is not believed: the summary is computed here, from the PSBT. A yes
/// holds for every attempt at the request until its time is over.
#[derive(Debug)]
pub(super) struct Gate {
    key: SignerKey,
    network: Network,
    output: Output,
    asked: Asked,
    kept: Mutex<Kept>,
}

/// Who is asked.
#[derive(Debug)]
pub(super) enum Asked {
    /// The person at the terminal.
    Person(Person),
    /// Nobody: everything is signed but what is grave, unless a note is accepted by its name.
    Nobody {
        /// The names of these notes.
        accepted: Vec<String>,
        /// Whom the node has to ask in place of us.
        asks: Asks,
    },
}

#[derive(Debug)]
struct Kept {
    signer: InProcess,
    /// What was remarkable about each request that was approved.
    approved: Recent<RequestId, Vec<Note>>,
}

impl Gate {
    pub(super) fn new(signer: InProcess, network: Network, asked: Asked, output: Output) -> Self {
        let key = signer.public_key();
        let kept = Mutex::new(Kept { signer, approved: Recent::new(ANSWERED_MAX) });
        Self { key, network, output, asked, kept }
    }

    pub(super) const fn public_key(&self) -> SignerKey {
        self.key
    }

    pub(super) const fn asks(&self) -> Asks {
        match self.asked {
            Asked::Person(_) => Asks::Itself,
            Asked::Nobody { asks, .. } => asks,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what a node wants, and asks whether it is to be done.
    fn ask(&self, asker: &dyn Asker, line: &Line, question: Question) -> Result<(), SignerError> {
        match &self.asked {
            Asked::Person(person) => {
                // The desk shows it to people, when it is its turn.
                self.output.json(line);
                person.ask(asker, question)
            }
            Asked::Nobody { accepted, .. } => {
                self.output.talk(line, &question.shown);
                let missing = question.wanted.missing(accepted);
                if missing.is_empty() {
                    return Ok(());
                }
                let why = format!("it is grave ({}), and nobody is asked", missing.join(", "));
                self.tell_refused(&why);
                Err(SignerError::Refused)
            }
        }
    }

    /// Computes what an order means, `None` without a PSBT; tells what is wrong with one that lies.
    ///
    /// - `now`: for a request that nobody said yes to yet, when its creator must be allowed to ask.
    fn meaning(
        &self,
        now: Option<UnixTime>,
        order: &Order,
        payload: Option<&[u8]>,
    ) -> Result<Option<Box<Summary>>, SignerError> {
        let signed = &order.request;
        let checked = match now {
            Some(now) => signed.verify(now).map(drop).map_err(|error| error.to_string()),
            None => Ok(()),
        };
        let checked = checked.and_then(|()| self.is_for_us(order));
        checked.and_then(|()| summary(signed, payload)).map_err(|why| {
            self.tell_refused(&why);
            SignerError::Declined
        })
    }

    fn is_for_us(&self, order: &Order) -> Result<(), String> {
        let request = &order.request.request;
        if self.network != request.network {
            return Err(format!("it is for {}", request.network));
        }
        if request.signers.get(order.local) != Some(&self.key) {
            return Err("it does not name this key".to_owned());
        }
        Ok(())
    }

    fn tell_refused(&self, why: &str) {
        let text = format!("refused: {}", words::foreign(why));
        self.output.talk(&Line::new("refused").with("why", why), text);
    }

    /// Shows a request and asks, unless it was approved before with nothing new or graver to say of it.
    fn consent(
        &self,
        now: UnixTime,
        asker: &dyn Asker,
        (order, payload): (&Order, Option<&[u8]>),
    ) -> Result<(), SignerError> {
        let request = &order.request.request;
        let id = request.id();
        let seen = self.kept().approved.get(&id).cloned();
        let summary = self.meaning(seen.is_none().then_some(now), order, payload)?;
        let digests: Vec<_> = request.messages.iter().map(|message| message.digest).collect();
        let facts = facts(request.payload, summary.as_deref(), &digests);
        let notes = match facts {
            // What other nodes do with its coins, a signer does not know.
            Facts::Psbt(summary) => judge(summary, &Surroundings { now, coins: &[] }),
            Facts::Blind(messages) => judge_blind(messages.len()),
            Facts::Drill => Vec::new(),
        };
        if seen.is_some_and(|seen| !notes.iter().any(|note| note.is_new_to(&seen))) {
            return Ok(());
        }
        let digest = ConsentDigest::of_request(&id, &facts, &notes, &Policy::default());
        let work = WorkView::new(&facts, digests.iter().copied(), &notes);
        let work = WorkView { digest: Some(digest.to_string()), ..work };
        let asked = request::Asked { request: &order.request, handle: None, group: None, work };
        let line = request::line("request", &asked);
        self.ask(asker, &line, request::question("sign", &asked))?;
        self.kept().approved.insert(id, notes);
        Ok(())
    }

    /// Makes nonces for an order whose request was approved and is not over.
    pub(super) fn nonces(
        &self,
        asker: &dyn Asker,
        order: &Order,
        payload: Option<&[u8]>,
    ) -> Result<OwnNonces, SignerError> {
        self.nonces_at(now(), asker, (order, payload))
    }

    /// As [`nonces`](Self::nonces), at a given time.
    fn nonces_at(
        &self,
        now: UnixTime,
        asker: &dyn Asker,
        asked: (&Order, Option<&[u8]>),
    ) -> Result<OwnNonces, SignerError> {
        let (order, payload) = asked;
        let expires = order.request.request.expires;
        if expires <= now {
            self.tell_refused(&format!("its time was over at {}", words::date(expires)));
            return Err(SignerError::Refused);
        }
        self.consent(now, asker, asked)?;
        self.kept().signer.nonces(order, payload)
    }

    /// Lets a node speak for the key, if the person does and any reader would accept it.
    pub(super) fn delegate(
        &self,
        asker: &dyn Asker,
        asked: (Network, PeerId, Terms),
    ) -> Result<DelegationProof, SignerError> {
        self.delegate_at(now(), asker, asked)
    }

    /// As [`delegate`](Self::delegate), at a given time.
    fn delegate_at(
        &self,
        now: UnixTime,
        asker: &dyn Asker,
        (network, peer, terms): (Network, PeerId, Terms),
    ) -> Result<DelegationProof, SignerError> {
        // First: what no reader accepts is not worth a question.
        if let Err(error) = Delegation::check(&peer, terms, now) {
            self.tell_refused(&error.to_string());
            return Err(SignerError::Delegation(error));
        }
        if network != self.network {
            self.tell_refused(&format!("a delegation for {network}"));
            return Err(SignerError::Refused);
        }
        let until = words::date(terms.expires);
        let event = Line::new("delegation")
            .with("node", peer.to_string())
            .with("number", terms.number)
            .with("expires_ms", terms.expires.as_millis());
        let text = format!(
            "a node wants to speak for this key\n  node   {peer}\n  until  {until}\n  It can \
             then propose and join requests; it cannot sign one by itself."
        );
        let question = Question::plain(Subject::Node(peer), "the node", text, "let it".to_owned());
        self.ask(asker, &event, question)?;
        self.kept().signer.delegate(network, peer, terms)
    }

    /// Signs, and says so.
    pub(super) fn partials(
        &self,
        session: SessionId,
        nonces: &[Vec<PubNonce>],
    ) -> Result<OwnPartials, SignerError> {
        let made = self.kept().signer.partials(session, nonces);
        let session = session.to_string();
        match &made {
            Ok(_) => {
                let text = format!("signed in session {session}; its nonces are gone");
                self.output.talk(&Line::new("signed_in").with("session", session), text);
            }
            Err(error) => {
                let why = error.to_string();
                let text = format!("did not sign in session {session}: {why}");
                self.output.talk(&Line::new("refused").with("why", why), text);
            }
        }
        made
    }

    pub(super) fn forget(&self, session: SessionId) {
        self.kept().signer.forget(session);
    }

    /// Erases nonces whose time is over, of silent nodes too, for as long as `wait` wants to.
    pub(super) fn erase_in_time(&self, mut wait: impl FnMut(Duration) -> bool) {
        loop {
            let next = self.kept().signer.forget_old();
            if !wait(next.unwrap_or(LOOK_INTERVAL).min(LOOK_INTERVAL)) {
                return;
            }
        }
    }
}

/// Recomputes every message from the PSBT, and that of a drill; nothing for bare messages.
fn summary(signed: &SignedRequest, payload: Option<&[u8]>) -> Result<Option<Box<Summary>>, String> {
    let request = &signed.request;
    let bytes = match (payload, request.payload) {
        (None, Payload::Blind) => return Ok(None),
        (None, Payload::Drill) if request.messages == [request.drill_message()] => {
            return Ok(None);
        }
        (None, Payload::Drill) => {
            return Err("what it asks for is not the drill that it says".to_owned());
        }
        (Some(bytes), Payload::Psbt { .. }) => bytes,
        (Some(_), Payload::Blind | Payload::Drill) | (None, Payload::Psbt { .. }) => {
            return Err("its payload is not the one that it names".to_owned());
        }
    };
    let group = ensign_psbt::Group::new(request.network, &request.signers);
    let group = group.map_err(|error| error.to_string())?;
    let psbt = parse_binary(bytes).map_err(|error| error.to_string())?;
    let spend = analyze(&psbt, &group).map_err(|error| error.to_string())?;
    if spend.messages != request.messages || spend.summary.amount_spent() != request.amount {
        return Err("what it asks for is not what its PSBT says".to_owned());
    }
    Ok(Some(Box::new(spend.summary)))
}

fn now() -> UnixTime {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
