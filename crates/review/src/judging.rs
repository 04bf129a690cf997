//! What a request means, and what is remarkable about it: recomputed, never taken from anybody.

use ensign_identity::Signature;
use ensign_primitives::{GroupId, Network, RequestId, UnixTime};
use ensign_psbt::{
    CoinUse, ConsentDigest, Contribution, Contributions, Facts, Group, Note, OutPoint, Policy,
    Psbt, PsbtError, Rule, SignedPsbt, Summary, Surroundings, analyze, finish, judge, judge_blind,
    parse, parse_binary,
};
use ensign_session::{Finished, SignerRecord};
use ensign_signing::Source;
use ensign_wire::{GroupKeys, KeyTweak, Message, SigningRequest, drill_message};

/// What is to be signed.
#[derive(Debug)]
pub enum Meaning {
    /// A transaction.
    Psbt {
        /// What the signatures are written into.
        psbt: Box<Psbt>,
        /// What it does.
        summary: Box<Summary>,
        /// What is signed.
        messages: Vec<Message>,
    },
    /// Messages of which nobody knows what they mean.
    Blind(Vec<[u8; 32]>),
    /// A drill: nobody's coins move.
    Drill,
}

/// What is remarkable about something, and what a yes to it is given to.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The notes.
    pub notes: Vec<Note>,
    /// What a yes is given to.
    pub digest: ConsentDigest,
}

impl Meaning {
    /// Recomputes what a PSBT has a group sign, in whichever form it is.
    ///
    /// # Errors
    ///
    /// [`PsbtError`] when it is none, or not the group's to sign.
    pub fn of_psbt(psbt: &[u8], group: &Group) -> Result<Self, PsbtError> {
        Self::of(parse(psbt)?, group)
    }

    /// Recomputes what the payload of a request has a group sign: a PSBT in its binary form.
    ///
    /// # Errors
    ///
    /// As [`of_psbt`](Self::of_psbt), and for any other form.
    pub fn of_payload(payload: &[u8], group: &Group) -> Result<Self, PsbtError> {
        Self::of(parse_binary(payload)?, group)
    }

    fn of(psbt: Psbt, group: &Group) -> Result<Self, PsbtError> {
        let spend = analyze(&psbt, group)?;
        let (summary, messages) = (Box::new(spend.summary), spend.messages);
        Ok(Self::Psbt { psbt: Box::new(psbt), summary, messages })
    }

    /// Takes the messages of a request that has nothing else.
    pub fn blind(messages: &[Message]) -> Self {
        Self::Blind(messages.iter().map(|message| message.digest).collect())
    }

    /// Returns what it does; `None` for bare messages.
    pub const fn summary(&self) -> Option<&Summary> {
        match self {
            Self::Psbt { summary, .. } => Some(summary),
            Self::Blind(_) | Self::Drill => None,
        }
    }

    /// Returns how many messages are signed.
    pub const fn count(&self) -> usize {
        match self {
            Self::Psbt { messages, .. } => messages.len(),
            Self::Blind(digests) => digests.len(),
            Self::Drill => 1,
        }
    }

    /// Returns what a group signs.
    ///
    /// - `nonce`: that of the request, which is in what a drill signs.
    pub fn messages(
        &self,
        network: Network,
        signers: &GroupKeys,
        nonce: &[u8; 16],
    ) -> Vec<Message> {
        let blind = |digest: &[u8; 32]| Message { digest: *digest, tweak: KeyTweak::None };
        match self {
            Self::Psbt { messages, .. } => messages.clone(),
            Self::Blind(digests) => digests.iter().map(blind).collect(),
            Self::Drill => vec![drill_message(network, signers, nonce)],
        }
    }

    /// Returns what the others recompute it from.
    pub fn source(&self) -> Source {
        match self {
            Self::Psbt { psbt, .. } => Source::Psbt(psbt.to_bytes()),
            Self::Blind(_) => Source::Bare,
            Self::Drill => Source::Drill,
        }
    }

    /// Returns how much is spent, in satoshi.
    pub fn amount(&self) -> u64 {
        self.summary().map_or(0, Summary::amount_spent)
    }

    /// Whether a request asks for exactly this.
    pub fn is_of(&self, request: &SigningRequest) -> bool {
        let SigningRequest { network, signers, nonce, .. } = request;
        request.amount == self.amount()
            && request.messages == self.messages(*network, signers, nonce)
    }

    /// Returns the coins that it spends.
    pub fn outpoints(&self) -> impl Iterator<Item = OutPoint> {
        let inputs = self.summary().map(|summary| summary.inputs.as_slice()).unwrap_or_default();
        inputs.iter().map(|input| input.outpoint)
    }

    /// Says what is remarkable about it.
    pub fn notes(&self, now: UnixTime, coins: &[CoinUse]) -> Vec<Note> {
        match self {
            Self::Psbt { summary, .. } => judge(summary, &Surroundings { now, coins }),
            Self::Blind(digests) => judge_blind(digests.len()),
            Self::Drill => Vec::new(),
        }
    }

    /// Returns the rule that refuses it. A drill moves nothing, so that no limit is about it.
    pub fn refusal(&self, policy: &Policy, notes: &[Note]) -> Option<Rule> {
        match self {
            Self::Psbt { .. } | Self::Blind(_) => policy.refusal(self.summary(), notes),
            Self::Drill => None,
        }
    }

    /// Writes the signatures into the PSBT; nothing for bare messages.
    pub fn finish(
        &self,
        group: &Group,
        finished: &Finished,
    ) -> Option<Result<SignedPsbt, PsbtError>> {
        let Self::Psbt { psbt, .. } = self else { return None };
        let contribution = |signer: &SignerRecord| Contribution {
            pub_nonces: signer.nonces.clone(),
            partial_sigs: signer.partials.clone(),
        };
        let by_signer: Vec<_> = finished.signers.iter().map(contribution).collect();
        let signatures: Vec<_> = finished.signatures.iter().map(|sig| Signature(*sig)).collect();
        let contributions = Contributions { by_signer: &by_signer, signatures: &signatures };
        Some(finish(psbt, group, &contributions))
    }

    /// Returns what is judged and hashed.
    pub fn facts(&self) -> Facts<'_> {
        match self {
            Self::Psbt { summary, .. } => Facts::Psbt(summary),
            Self::Blind(digests) => Facts::Blind(digests),
            Self::Drill => Facts::Drill,
        }
    }

    /// Returns what a yes to a request with this meaning is given to.
    pub fn judged(&self, id: &RequestId, notes: Vec<Note>, policy: &Policy) -> Judgement {
        let digest = ConsentDigest::of_request(id, &self.facts(), &notes, policy);
        Judgement { notes, digest }
    }

    /// Returns what a yes to proposing this is given to.
    pub fn proposed(&self, group: &GroupId, notes: Vec<Note>, policy: &Policy) -> Judgement {
        let digest = ConsentDigest::of_proposal(group, &self.facts(), &notes, policy);
        Judgement { notes, digest }
    }
}
