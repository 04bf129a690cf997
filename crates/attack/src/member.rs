//! What a member of the victim's group can say, signed with its own keys.

use std::{cell::Cell, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use ensign_coordinator::Group;
use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::SecKey;
use ensign_primitives::{Network, RequestId, SessionId, SignerIndex};
use ensign_wire::{
    AbortReason, Body, Envelope, Frame, GroupKeys, Introduced, KeyTweak, Message, Mode, Payload,
    PubNonceBytes, Round0, Scheme, SessionAbort, SessionAnnounce, SessionJoin, SignedRequest,
    SigningRequest, TxType,
};

use crate::{
    home::Home,
    line::{Door, random, unix_now},
};

/// How long its requests stay open.
const LIFETIME: Duration = Duration::from_secs(3600);

/// A member whose keys the attacker has.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) key: Arc<NodeKey>,
    pub(crate) signers: GroupKeys,
    pub(crate) network: Network,
    signer: SignerKey,
    delegation: DelegationProof,
    own: SignerIndex,
    /// The last number of a statement: grows over all sessions.
    seq: Cell<u64>,
}

/// A request of the attacker's, and the session of its first attempt.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: RequestId,
    pub(crate) session: SessionId,
    signed: SignedRequest,
}

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) messages: Vec<Message>,
    pub(crate) payload: Payload,
    /// In satoshi; must be what the payload spends.
    pub(crate) amount: u64,
    pub(crate) mode: Mode,
}

impl Member {
    /// Takes the keys of a home for one of its groups.
    ///
    /// # Errors
    ///
    /// Fails if the home is not in the group.
    pub(crate) fn of(home: &Home, group: &Group) -> Result<Self> {
        let (node_key, sec_key) = home.secrets()?;
        let signers = group_keys(group)?;
        let own = signers.index_of(&home.member.signer).context("not in the group")?;
        let delegation = delegate(&node_key, &sec_key, home.network);
        let seq = Cell::new(unix_now().as_millis());
        let (key, network) = (Arc::new(node_key), home.network);
        let signer = home.member.signer;
        Ok(Self { key, signers, network, signer, delegation, own, seq })
    }

    /// Returns the frame that shows a node for whom the member speaks.
    pub(crate) fn introduced(&self, door: &Door) -> Vec<u8> {
        let (peer, proof) = (self.key.peer_id(), self.delegation);
        let hint = Introduced::hint(self.network, &self.signer, (&peer, &door.peer));
        Frame::Delegation(Introduced { hint, peer, proof }).encode()
    }

    /// Makes a request for bare messages.
    ///
    /// # Errors
    ///
    /// Fails without entropy.
    pub(crate) fn ask(&self, mode: Mode) -> Result<Asked> {
        let messages = vec![Message { digest: random()?, tweak: KeyTweak::None }];
        self.ask_for(Wanted { messages, payload: Payload::Blind, amount: 0, mode })
    }

    /// Makes a request.
    ///
    /// # Errors
    ///
    /// Fails without entropy, or beyond a limit of the wire.
    pub(crate) fn ask_for(&self, wanted: Wanted) -> Result<Asked> {
        let Wanted { messages, payload, amount, mode } = wanted;
        let now = unix_now();
        let request = SigningRequest {
            network: self.network,
            scheme: Scheme::Bip327,
            signers: self.signers.clone(),
            messages,
            payload,
            purpose: "attack".to_owned(),
            tx_type: TxType::Spend,
            amount,
            creator: self.own,
            created: now,
            expires: now.after(LIFETIME),
            mode,
            nonce: random()?,
        };
        let id = request.id();
        let signed = SignedRequest::sign(request, &self.key, self.delegation)?;
        Ok(Asked { id, session: SigningRequest::session_id(id, self.network, 1), signed })
    }

    /// Returns the frame that announces an attempt at a request.
    ///
    /// # Errors
    ///
    /// Fails beyond a limit of the wire.
    pub(crate) fn announce(&self, asked: &Asked, attempt: u16) -> Result<Vec<u8>> {
        let request = asked.signed.clone();
        let body = Body::SessionAnnounce(Box::new(SessionAnnounce { attempt, request }));
        self.state(self.session(asked, attempt), body)
    }

    /// Returns the name of an attempt at a request.
    pub(crate) fn session(&self, asked: &Asked, attempt: u16) -> SessionId {
        SigningRequest::session_id(asked.id, self.network, attempt)
    }

    /// Returns the frame that gives a request up.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub(crate) fn cancel(&self, session: SessionId) -> Result<Vec<u8>> {
        let abort = SessionAbort { reason: AbortReason::Cancelled, culprit: None };
        self.state(session, Body::SessionAbort(abort))
    }

    /// Returns the frame that joins in mode fast: with nonces that nobody knows the secrets of, which is
    /// enough to be sent a partial signature.
    ///
    /// # Errors
    ///
    /// Fails without entropy.
    pub(crate) fn join(&self, session: SessionId) -> Result<Vec<u8>> {
        let mut nonce = [0; 66];
        let points = [point()?, point()?].concat();
        nonce.iter_mut().zip(points).for_each(|(to, from)| *to = from);
        let round0 = Round0::Reveal(vec![PubNonceBytes(nonce)]);
        let join = SessionJoin { signer: self.own, delegation: self.delegation, round0 };
        self.state(session, Body::SessionJoin(join))
    }

    /// Returns the frame with a statement.
    ///
    /// # Errors
    ///
    /// Fails beyond a limit of the wire.
    pub(crate) fn state(&self, session: SessionId, body: Body) -> Result<Vec<u8>> {
        self.seq.set(self.seq.get() + 1);
        let (seq, now) = (self.seq.get(), unix_now());
        let envelope = Envelope::sign(&self.key, self.network, session, seq, now, body)?;
        Ok(Frame::Envelope(Box::new(envelope)).encode())
    }
}

fn group_keys(group: &Group) -> Result<GroupKeys> {
    Ok(GroupKeys::new(group.members.iter().map(|member| member.signer).collect())?)
}

fn delegate(node_key: &NodeKey, sec_key: &SecKey, network: Network) -> DelegationProof {
    let expires = unix_now().after(Duration::from_secs(30 * 24 * 3600));
    let terms = Terms::after(0, unix_now(), expires);
    let signer = SignerKey::from_public_key(sec_key.public_key());
    let digest = Delegation::digest(&signer, &node_key.peer_id(), network, terms);
    DelegationProof {
        number: terms.number,
        expires,
        signature: Signature(sec_key.sign_schnorr(&digest)),
    }
}

/// Returns some point on the curve.
fn point() -> Result<[u8; 33]> {
    let key = SecKey::from_secret_bytes(random::<32>()?)?;
    Ok(SignerKey::from_public_key(key.public_key()).to_bytes())
}
