//! Signers in one process, and transactions for them to sign.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, TapNodeHash, Transaction, TxIn, TxOut, Txid, Witness,
};
use ensign_identity::{Signature, SignerKey};
use ensign_musig::{KeyAggCtx, NonceEntropy, PubNonce, SecKey, SigningCtx, nonce_gen};
use ensign_primitives::Network;
use ensign_psbt::{Contribution, Group, Psbt, parse};
use ensign_wire::{GroupKeys, KeyTweak, Message, PubNonceBytes};

/// All signers of a group.
pub(crate) struct Party {
    pub(crate) keys: Vec<SecKey>,
    pub(crate) group: Group,
}

impl Party {
    pub(crate) fn new(signers: u8) -> Self {
        let keys: Vec<_> =
            (1..=signers).map(|byte| SecKey::from_secret_bytes([byte; 32]).unwrap()).collect();
        let public = keys.iter().map(|key| SignerKey::from_public_key(key.public_key())).collect();
        let group = Group::new(Network::Regtest, &GroupKeys::new(public).unwrap()).unwrap();
        Self { keys, group }
    }

    /// Returns the script that locks a coin to the group in this way.
    pub(crate) fn script(&self, tweak: KeyTweak) -> ScriptBuf {
        let key = self.group.key_agg_ctx(tweak).unwrap().agg_key().to_byte_array();
        ScriptBuf::from_bytes([&[0x51, 0x20], &key[..]].concat())
    }

    /// Signs every message; returns what each signer gave, and the signatures.
    pub(crate) fn sign(&self, messages: &[Message]) -> (Vec<Contribution>, Vec<Signature>) {
        let mut given = vec![(vec![], vec![]); self.keys.len()];
        let mut signatures = vec![];
        for (index, message) in messages.iter().enumerate() {
            let ctx = self.group.key_agg_ctx(message.tweak).unwrap();
            let signature = self.sign_one(&ctx, index as u8, message, &mut given);
            signatures.push(Signature(signature));
        }
        let contribution =
            |(nonces, sigs)| Contribution { pub_nonces: Some(nonces), partial_sigs: Some(sigs) };
        (given.into_iter().map(contribution).collect(), signatures)
    }

    fn sign_one(
        &self,
        ctx: &KeyAggCtx,
        index: u8,
        message: &Message,
        given: &mut [(Vec<PubNonceBytes>, Vec<[u8; 32]>)],
    ) -> [u8; 64] {
        let nonces = self.keys.iter().enumerate().map(|(signer, key)| {
            let mut bytes = [index; 32];
            bytes[0] = signer as u8 + 1;
            let entropy = NonceEntropy::new(bytes);
            nonce_gen(entropy.unwrap(), key, ctx, &message.digest, &[7; 32]).unwrap()
        });
        let (secret, public): (Vec<_>, Vec<PubNonce>) = nonces.unzip();
        let signing = SigningCtx::new(ctx, public.clone(), message.digest).unwrap();
        let mut sigs = vec![];
        for (signer, (secnonce, key)) in secret.into_iter().zip(&self.keys).enumerate() {
            let sig = signing.sign(secnonce, key).unwrap();
            given[signer].0.push(PubNonceBytes(public[signer].to_bytes()));
            given[signer].1.push(sig.to_bytes());
            sigs.push(sig);
        }
        signing.partial_sig_agg(&sigs).unwrap()
    }
}

/// The merkle root of a script tree nobody uses here.
pub(crate) const ROOT: [u8; 32] = [0x42; 32];

/// An unsigned transaction of version 2 that spends one coin per amount and tweak, and pays
/// `paid` to somebody else.
pub(crate) fn funded(party: &Party, coins: &[(u64, KeyTweak)], paid: &[u64]) -> bitcoin::Psbt {
    let txin = |index: usize| TxIn {
        previous_output: OutPoint { txid: Txid::from_byte_array([index as u8 + 1; 32]), vout: 7 },
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    let txout = |amount: &u64| TxOut {
        value: Amount::from_sat(*amount),
        script_pubkey: ScriptBuf::from_hex("0014c9123e06e8d7f0966c5d1cd0000000000000aaaa").unwrap(),
    };
    let tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: (0..coins.len()).map(txin).collect(),
        output: paid.iter().map(txout).collect(),
    };
    let mut psbt = bitcoin::Psbt::from_unsigned_tx(tx).unwrap();
    for ((amount, tweak), input) in coins.iter().zip(&mut psbt.inputs) {
        input.witness_utxo =
            Some(TxOut { value: Amount::from_sat(*amount), script_pubkey: party.script(*tweak) });
        if let KeyTweak::Taproot { merkle_root, .. } = tweak {
            input.tap_merkle_root = merkle_root.map(TapNodeHash::from_byte_array);
        }
    }
    psbt
}

/// One coin at the group's address, paid on with a fee of 1000.
pub(crate) fn simple(party: &Party) -> bitcoin::Psbt {
    funded(party, &[(100_000, KeyTweak::ADDRESS)], &[99_000])
}

/// Reads what the crate `bitcoin` has written.
pub(crate) fn read(psbt: &bitcoin::Psbt) -> Psbt {
    parse(&psbt.serialize()).unwrap()
}
