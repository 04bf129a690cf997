//! Shows what a node wants signed, and asks.

use std::io::BufRead as _;
use std::time::{SystemTime, UNIX_EPOCH};

use ensign_coordinator::{Approval, InProcess, Signer, SignerError};
use ensign_identity::{DelegationProof, SignerKey};
use ensign_musig::PubNonce;
use ensign_primitives::{BoundedMap, Network, PeerId, RequestId, SessionId, UnixTime};
use ensign_psbt::{Summary, analyze, parse};
use ensign_session::{Order, OwnNonces, OwnPartials};
use ensign_wire::{Payload, SignedRequest};

use crate::output::{Line, Output};
use crate::{request, words};

/// Most requests whose answer is kept, so that nobody is asked again for the next attempt. Guess:
/// more than anybody says yes to in the life of a request.
const ANSWERED_MAX: usize = 1024;

/// A signer that does nothing a person has not seen, unless told so.
///
/// The node on the other side is not believed: the summary is computed here, from the PSBT. A yes
/// holds for every attempt at the request until its time is over.
#[derive(Debug)]
pub(super) struct Gate {
    signer: InProcess,
    network: Network,
    yes_to_all: bool,
    output: Output,
    /// Requests that were approved.
    approved: BoundedMap<RequestId, ()>,
}

impl Gate {
    pub(super) const fn new(
        signer: InProcess,
        network: Network,
        yes_to_all: bool,
        output: Output,
    ) -> Self {
        let approved = BoundedMap::new(ANSWERED_MAX);
        Self { signer, network, yes_to_all, output, approved }
    }

    /// Asks until the answer is yes or no.
    fn ask(&self, question: &str, event: Line) -> Result<(), SignerError> {
        if self.yes_to_all {
            return Ok(());
        }
        loop {
            self.output.prompt(&format!("{question} [yes/no] "));
            self.output.json(&event.clone());
            let mut line = String::new();
            match std::io::stdin().lock().read_line(&mut line) {
                Ok(0) | Err(_) => {
                    let text = "not signed: there is no input to ask on";
                    self.output.tell(&Line::new("cannot_ask"), text);
                    return Err(SignerError::Refused);
                }
                Ok(_) => {}
            }
            match line.trim().to_lowercase().as_str() {
                "y" | "yes" => return Ok(()),
                "n" | "no" => return Err(SignerError::Declined),
                _ => self.output.text("please answer yes or no"),
            }
        }
    }

    /// Computes what an order means; tells what is wrong with one that lies.
    fn approval(
        &self,
        now: UnixTime,
        order: &Order,
        payload: Option<&[u8]>,
    ) -> Result<Approval, SignerError> {
        let signed = &order.request;
        let checked = signed.verify(now).map_err(|error| error.to_string());
        let checked = checked.and_then(|_| self.is_for_us(order));
        let summary = checked.and_then(|()| summary(signed, payload)).map_err(|why| {
            self.tell_refused(&why);
            SignerError::Declined
        })?;
        let group = signed.request.signers.group_id(signed.request.network);
        let id = signed.request.id();
        Ok(Approval { id, group, request: signed.clone(), summary })
    }

    fn is_for_us(&self, order: &Order) -> Result<(), String> {
        let request = &order.request.request;
        if self.network != request.network {
            return Err(format!("it is for {}", request.network));
        }
        if request.signers.get(order.local) != Some(&self.public_key()) {
            return Err("it does not name this key".to_owned());
        }
        Ok(())
    }

    fn tell_refused(&self, why: &str) {
        let text = format!("refused a request that does not hold: {}", words::foreign(why));
        self.output.tell(&Line::new("refused").with("why", why), text);
    }

    /// Shows a request and asks, unless it was approved before.
    fn consent(
        &mut self,
        now: UnixTime,
        order: &Order,
        payload: Option<&[u8]>,
    ) -> Result<(), SignerError> {
        if self.approved.contains_key(&order.request.request.id()) {
            return Ok(());
        }
        let approval = self.approval(now, order, payload)?;
        let id = approval.id;
        self.output.text(request::text(&approval, None));
        self.output.json(&request::line("request", &approval, None));
        let blind = if approval.is_blind() { " BLINDLY" } else { "" };
        let event = Line::new("asking").with("request", id.to_string());
        self.ask(&format!("sign request {}{blind}?", id.short()), event)?;
        if self.approved.is_full() {
            self.approved.retain(|_, ()| false);
        }
        let _ = self.approved.insert(id, ());
        Ok(())
    }

    /// As [`Signer::nonces`], at a given time.
    fn nonces_at(
        &mut self,
        now: UnixTime,
        order: &Order,
        payload: Option<&[u8]>,
    ) -> Result<OwnNonces, SignerError> {
        let expires = order.request.request.expires;
        if expires <= now {
            self.tell_refused(&format!("its time was over at {}", words::date(expires)));
            return Err(SignerError::Refused);
        }
        self.consent(now, order, payload)?;
        self.signer.nonces(order, payload)
    }
}

impl Signer for Gate {
    fn public_key(&self) -> SignerKey {
        self.signer.public_key()
    }

    fn delegate(
        &mut self,
        network: Network,
        peer: PeerId,
        expires: UnixTime,
    ) -> Result<DelegationProof, SignerError> {
        if network != self.network {
            return Err(SignerError::Refused);
        }
        let until = words::date(expires);
        let event = Line::new("delegation")
            .with("node", peer.to_string())
            .with("expires_ms", expires.as_millis());
        self.output.tell(
            &event,
            format!(
                "a node wants to speak for this key\n  node   {peer}\n  until  {until}\n  It can \
                 then propose and join requests; it cannot sign one by itself."
            ),
        );
        self.ask("let it?", Line::new("asking").with("node", peer.to_string()))?;
        self.signer.delegate(network, peer, expires)
    }

    fn nonces(&mut self, order: &Order, payload: Option<&[u8]>) -> Result<OwnNonces, SignerError> {
        self.nonces_at(now(), order, payload)
    }

    fn partials(
        &mut self,
        session: SessionId,
        nonces: &[Vec<PubNonce>],
    ) -> Result<OwnPartials, SignerError> {
        let made = self.signer.partials(session, nonces);
        let session = session.to_string();
        match &made {
            Ok(_) => {
                let text = format!("signed in session {session}; its nonces are gone");
                self.output.tell(&Line::new("signed_in").with("session", session), text);
            }
            Err(error) => {
                let why = error.to_string();
                let text = format!("did not sign in session {session}: {why}");
                self.output.tell(&Line::new("refused").with("why", why), text);
            }
        }
        made
    }

    fn forget(&mut self, session: SessionId) {
        self.signer.forget(session);
    }
}

/// Recomputes every message from the PSBT; nothing for bare messages.
fn summary(signed: &SignedRequest, payload: Option<&[u8]>) -> Result<Option<Box<Summary>>, String> {
    let request = &signed.request;
    let bytes = match (payload, request.payload) {
        (None, Payload::Blind) => return Ok(None),
        (Some(bytes), Payload::Psbt { .. }) => bytes,
        (Some(_), Payload::Blind) | (None, Payload::Psbt { .. }) => {
            return Err("its payload is not the one that it names".to_owned());
        }
    };
    let group = ensign_psbt::Group::new(request.network, &request.signers);
    let group = group.map_err(|error| error.to_string())?;
    let psbt = parse(bytes).map_err(|error| error.to_string())?;
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
