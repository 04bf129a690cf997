//! The [BIP-0341] wallet vectors, as far as they are about the key path.
//!
//! [BIP-0341]: <https://github.com/bitcoin/bips/blob/master/bip-0341/wallet-test-vectors.json>

use bitcoin::consensus::deserialize;
use bitcoin::{Amount, ScriptBuf, TapSighashType, Transaction, TxOut};
use ensign_musig::{Tweak, XOnlyPublicKey, taproot_tweak, verify_schnorr};
use ensign_primitives::Network;
use ensign_wire::KeyTweak;
use serde_json::Value;

use crate::{Destination, convert, spend};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../tests/vectors/bip341.json")).unwrap()
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

fn x_only(value: &Value) -> XOnlyPublicKey {
    XOnlyPublicKey::from_byte_array(bytes(value)).unwrap()
}

#[test]
fn tweaks_scripts_and_addresses_are_those_of_bip341() {
    let vectors = vectors();
    let cases = vectors["scriptPubKey"].as_array().unwrap();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let root = &case["intermediary"]["merkleRoot"];
        let root = (!root.is_null()).then(|| bytes::<32>(root));
        let tweak = taproot_tweak(&x_only(&case["given"]["internalPubkey"]), root.as_ref());
        assert_eq!(tweak, Tweak::XOnly(bytes(&case["intermediary"]["tweak"])));

        let script = convert::p2tr_script(&x_only(&case["intermediary"]["tweakedPubkey"]));
        assert_eq!(script.to_hex_string(), case["expected"]["scriptPubKey"]);
        let address = Destination::new(&script, Network::Bitcoin).to_string();
        assert_eq!(address, case["expected"]["bip350Address"]);
    }
}

#[test]
fn sighashes_of_types_default_and_all_are_those_of_bip341() {
    let vectors = vectors();
    let case = &vectors["keyPathSpending"][0];
    let raw = hex::decode(case["given"]["rawUnsignedTx"].as_str().unwrap()).unwrap();
    let tx: Transaction = deserialize(&raw).unwrap();
    let utxos = case["given"]["utxosSpent"].as_array().unwrap();
    let utxos: Vec<_> = utxos
        .iter()
        .map(|utxo| TxOut {
            script_pubkey: ScriptBuf::from_hex(utxo["scriptPubKey"].as_str().unwrap()).unwrap(),
            value: Amount::from_sat(utxo["amountSats"].as_u64().unwrap()),
        })
        .collect();

    let mut compared = 0;
    for input in case["inputSpending"].as_array().unwrap() {
        let sighash_type = match input["given"]["hashType"].as_u64().unwrap() {
            0 => TapSighashType::Default,
            1 => TapSighashType::All,
            _ => continue, // Refused by `analyze`.
        };
        let index = input["given"]["txinIndex"].as_u64().unwrap() as usize;
        let keys = vec![(KeyTweak::None, sighash_type); utxos.len()];
        let digest = spend::messages(&tx, &utxos, &keys).unwrap()[index].digest;
        assert_eq!(digest, bytes(&input["intermediary"]["sigHash"]));

        let witness = hex::decode(input["expected"]["witness"][0].as_str().unwrap()).unwrap();
        assert_eq!(witness.get(64), (sighash_type == TapSighashType::All).then_some(&1));
        let script = &utxos[index].script_pubkey;
        let key = XOnlyPublicKey::from_byte_array(script.as_bytes()[2..].try_into().unwrap());
        assert!(verify_schnorr(&key.unwrap(), &digest, witness[..64].try_into().unwrap()));
        compared += 1;
    }
    assert_eq!(compared, 2);
}
