//! What is said of a PSBT without its group.

use bitcoin::OutPoint;
use ensign_primitives::{Network, UnixTime};
use ensign_psbt::Outline;

use crate::party::{Party, read};
use crate::shape::{COIN, FEE, Shape, lines, p2wpkh, script};

const NOW: UnixTime = UnixTime::from_millis(1_795_780_800_000);

fn outline(psbt: &bitcoin::Psbt) -> Outline {
    Outline::new(&read(psbt), Network::Regtest, NOW)
}

#[test]
fn fee_size_and_notes_are_those_that_the_group_is_told() {
    let party = Party::new(2);
    let shape = Shape::plain().and(5, &script("6a")).lock_time(840_000).sequence(144);
    let shape = shape.and(1_000, &script("7551"));
    let (seen, summary) = (outline(&shape.psbt(&party)), shape.summary(&party));
    assert_eq!((seen.fee, seen.vsize, seen.is_size_exact), (Some(FEE), summary.vsize, true));
    let expected = [
        "grave data_value output 1",
        "grave odd_script output 2",
        "info lock_time the whole",
        "info relative_age input 0",
        "info replaceable the whole",
    ];
    assert_eq!(lines(&seen.notes), expected);
    let costly = Shape { outputs: vec![(COIN / 2, p2wpkh())], ..Shape::plain() };
    let expected = ["grave fee_rate the whole", "grave fee_amount the whole"];
    assert_eq!(lines(&outline(&costly.psbt(&party)).notes), expected);
}

#[test]
fn what_inputs_do_not_tell_is_unknown() {
    let party = Party::new(2);
    let mut psbt = Shape::plain().psbt(&party);
    psbt.inputs[0].witness_utxo = None;
    let seen = outline(&psbt);
    assert_eq!((seen.fee, seen.is_size_exact, lines(&seen.notes)), (None, false, vec![]));

    let mut psbt = Shape { outputs: vec![(1, p2wpkh())], ..Shape::plain() }.psbt(&party);
    psbt.inputs[0].witness_utxo.as_mut().unwrap().script_pubkey = p2wpkh().into();
    let seen = outline(&psbt);
    assert_eq!((seen.fee, seen.is_size_exact), (Some(COIN - 1), false));
    let expected = ["grave fee_amount the whole", "warning dust output 0"];
    assert_eq!(lines(&seen.notes), expected, "its size, and so its rate, is not known");

    let less = Shape { outputs: vec![(2 * COIN, p2wpkh())], ..Shape::plain() };
    assert_eq!(outline(&less.psbt(&party)).fee, None);
}

#[test]
fn an_input_that_spends_what_is_not_there_tells_nothing() {
    let mut psbt = Shape::plain().psbt(&Party::new(2));
    let previous = psbt.unsigned_tx.clone();
    let txid = previous.compute_txid();
    psbt.unsigned_tx.input[0].previous_output = OutPoint { txid, vout: 7 };
    (psbt.inputs[0].witness_utxo, psbt.inputs[0].non_witness_utxo) = (None, Some(previous));
    assert_eq!(outline(&psbt).fee, None);
}
