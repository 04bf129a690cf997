//! What a group is asked to sign, and whether what it gave holds.

use bitcoin::{
    Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
    absolute::LockTime, hashes::Hash as _, transaction::Version,
};
use ensign_coordinator::{Approval, Member, Outcome, Work};
use ensign_musig::verify_schnorr;
use ensign_psbt::Group;
use ensign_wire::{GroupKeys, Message};

use crate::NETWORK;

/// Coins that a PSBT spends: enough that it takes several packets.
const COINS: u8 = 8;

/// What a coin is worth, in satoshi.
const COIN_SAT: u64 = 100_000;

/// What every group with an odd number pays its miner, in satoshi.
const FEE_SAT: u64 = 2_000;

/// Returns a group's work: a bare message for even numbers, and for odd ones a PSBT, which travels
/// to the signers on a stream of its own.
pub(crate) fn work(group: &Group, number: u32, digest: [u8; 32]) -> Work {
    if number.is_multiple_of(2) { Work::Messages(vec![digest]) } else { Work::Psbt(psbt(group)) }
}

/// Returns the group as PSBTs know it; `None` for keys that form none.
pub(crate) fn psbt_group(members: &[Member]) -> Option<Group> {
    let keys = members.iter().map(|member| member.signer).collect();
    Group::new(NETWORK, &GroupKeys::sorted(keys).ok()?).ok()
}

/// What was asked, and the first answer.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) number: usize,
    group: Group,
    messages: Vec<Message>,
    is_psbt: bool,
    signatures: Option<Vec<[u8; 64]>>,
}

impl Task {
    pub(crate) fn new(number: usize, group: Group, asked: &Approval) -> Self {
        let messages = asked.request.request.messages.clone();
        Self { number, group, messages, is_psbt: !asked.is_blind(), signatures: None }
    }

    /// Tells whether an outcome is whole: the signatures that the others were handed, each holding
    /// under the group's key, and a signed PSBT where one was asked for.
    pub(crate) fn takes(&mut self, outcome: &Outcome) -> bool {
        let signatures = &outcome.signatures;
        let is_right = match &self.signatures {
            Some(first) => first == signatures,
            None => self.holds(signatures),
        };
        self.signatures.get_or_insert_with(|| signatures.clone());
        is_right && outcome.psbt.is_some() == self.is_psbt
    }

    fn holds(&self, signatures: &[[u8; 64]]) -> bool {
        let mut each = self.messages.iter().zip(signatures);
        signatures.len() == self.messages.len()
            && each.all(|(message, signature)| {
                let key = self.group.key_agg_ctx(message.tweak).map(|ctx| ctx.agg_key());
                key.is_ok_and(|key| verify_schnorr(&key, &message.digest, signature))
            })
    }
}

/// Spends coins of the group's address, made up, and pays the rest back to it.
fn psbt(group: &Group) -> Vec<u8> {
    let script = ScriptBuf::from_bytes(group.script_pubkey().to_bytes());
    let output = |sat| TxOut { value: Amount::from_sat(sat), script_pubkey: script.clone() };
    let spend = |coin| TxIn {
        previous_output: OutPoint { txid: Txid::from_byte_array([coin + 1; 32]), vout: 0 },
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    let coin =
        || bitcoin::psbt::Input { witness_utxo: Some(output(COIN_SAT)), ..Default::default() };
    Psbt {
        unsigned_tx: Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: (0..COINS).map(spend).collect(),
            output: vec![output(COIN_SAT * u64::from(COINS) - FEE_SAT)],
        },
        version: 0,
        xpub: Default::default(),
        proprietary: Default::default(),
        unknown: Default::default(),
        inputs: (0..COINS).map(|_| coin()).collect(),
        outputs: vec![Default::default()],
    }
    .serialize()
}

#[cfg(test)]
mod tests {
    use ensign_coordinator::Outcome;

    use super::*;
    use crate::{address, keys};

    fn task() -> Task {
        let member = |number| {
            let keys = keys(1, number);
            let addresses = vec![address(number)];
            Member {
                name: String::new(),
                signer: keys.signer_key(),
                peer: keys.peer_id(),
                addresses,
                delegation: None,
            }
        };
        let group = psbt_group(&[member(0), member(1)]).unwrap();
        let message = Message { digest: [3; 32], tweak: ensign_wire::KeyTweak::None };
        Task { number: 0, group, messages: vec![message], is_psbt: false, signatures: None }
    }

    #[test]
    fn outcome_is_refused_when_its_signature_is_false_missing_or_another_than_before() {
        for signatures in [vec![], vec![[5; 64]]] {
            assert!(!task().takes(&Outcome { signatures, psbt: None }));
        }
        let mut later = task();
        later.signatures = Some(vec![[4; 64]]);
        assert!(later.takes(&Outcome { signatures: vec![[4; 64]], psbt: None }));
        assert!(!later.takes(&Outcome { signatures: vec![[5; 64]], psbt: None }));
    }
}
