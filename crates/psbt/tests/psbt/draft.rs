//! PSBTs made here are those that are signed here, with the fee that was asked for.

use bitcoin::hashes::Hash as _;
use bitcoin::{OutPoint, Txid};
use ensign_primitives::{KeyPath, Network, UnixTime};
use ensign_psbt::{
    AddressError, Draft, DraftCoin, DraftError, Drafted, Map, MusigField, Surroundings, analyze,
    check_address, judge, parse,
};
use proptest::prelude::*;

use crate::consensus::{accepted, sign};
use crate::party::Party;
use crate::shape::lines;

const WPKH: &str = "bcrt1qeyfruphg6lcfvmzarngqqqqqqqqqp242wxqc6f";

fn coin(number: u8) -> OutPoint {
    OutPoint { txid: Txid::from_byte_array([number; 32]), vout: number.into() }
}

fn draft(coins: &[u64], payments: &[(&str, u64)], sat_per_vbyte: u64) -> Draft {
    Draft {
        coins: (1..).map(coin).zip(coins.iter().copied()).map(DraftCoin::from).collect(),
        payments: payments.iter().map(|(text, amount)| ((*text).to_owned(), *amount)).collect(),
        sat_per_kvb: sat_per_vbyte * 1_000,
        change: KeyPath::ROOT,
    }
}

fn build(draft: &Draft) -> Drafted {
    draft.build(&Party::new(3).group).unwrap()
}

fn refused(draft: &Draft) -> DraftError {
    draft.build(&Party::new(3).group).unwrap_err()
}

#[test]
fn a_payment_with_change_is_signed_and_accepted_by_consensus() {
    let party = Party::new(3);
    let drafted = build(&draft(&[60_000, 50_000], &[(WPKH, 70_000)], 5));
    let summary = analyze(&drafted.psbt, &party.group).unwrap().summary;
    assert_eq!(drafted.fee, 5 * summary.vsize);
    assert_eq!(drafted.change, Some(40_000 - drafted.fee));
    assert_eq!((summary.fee, summary.fee_rate), (drafted.fee, 5_000));
    assert_eq!(summary.amount_leaving(), 70_000 + drafted.fee);
    let notes = judge(&summary, &Surroundings { now: UnixTime::from_millis(0), coins: &[] });
    assert_eq!(lines(&notes), ["warning address_reuse the whole", "info replaceable the whole"]);

    let raw = bitcoin::Psbt::deserialize(&drafted.psbt.to_bytes()).unwrap();
    let spent: Vec<_> = raw.inputs.iter().map(|i| i.witness_utxo.clone().unwrap()).collect();
    let signed = sign(&party, &raw).extract_tx();
    assert!(accepted(&signed.bytes, &spent));
    let tx: bitcoin::Transaction = bitcoin::consensus::deserialize(&signed.bytes).unwrap();
    assert_eq!(tx.vsize() as u64, summary.vsize, "the fee was for the exact size");
}

#[test]
fn a_draft_says_what_bip371_and_bip373_have_to_say() {
    let party = Party::new(3);
    let psbt = build(&draft(&[60_000], &[(WPKH, 20_000)], 5)).psbt;
    assert_eq!(parse(&psbt.to_bytes()).unwrap(), psbt);
    let participants = [MusigField::Participants {
        aggregate: party.group.aggregate_key(),
        participants: party.group.keys().as_slice().to_vec(),
    }];
    assert_eq!(psbt.musig_fields(Map::Input(0)), participants);
    assert_eq!(psbt.musig_fields(Map::Output(0)), []);
    assert_eq!(psbt.musig_fields(Map::Output(1)), participants);
    let raw = bitcoin::Psbt::deserialize(&psbt.to_bytes()).unwrap();
    let key = party.group.aggregate_key().x_only_public_key().0.to_byte_array();
    let internal = [raw.inputs[0].tap_internal_key, raw.outputs[1].tap_internal_key];
    assert!(internal.iter().all(|it| it.unwrap().serialize() == key));
    assert_eq!(raw.unsigned_tx.input[0].sequence.0, 0xffff_fffd);
}

#[test]
fn change_that_would_be_dust_goes_to_the_fee() {
    // 1 coin, 1 payment: 99 vB; with change 142 vB.
    let exact = build(&draft(&[50_000 + 142 + 330], &[(WPKH, 50_000)], 1));
    assert_eq!((exact.change, exact.dust, exact.fee), (Some(330), 0, 142));
    let dust = build(&draft(&[50_000 + 142 + 329], &[(WPKH, 50_000)], 1));
    assert_eq!((dust.change, dust.dust, dust.fee), (None, 142 + 329 - 99, 142 + 329));
    let none = build(&draft(&[50_000 + 99], &[(WPKH, 50_000)], 1));
    assert_eq!((none.change, none.dust, none.fee), (None, 0, 99));
    let short = refused(&draft(&[50_000 + 98], &[(WPKH, 50_000)], 1));
    assert_eq!(short, DraftError::TooLittle { held: 50_098, wanted: 50_099 });
}

#[test]
fn regression_change_that_costs_more_than_it_is_was_called_dust() {
    let drafted = build(&draft(&[100_000], &[(WPKH, 60_000)], 300));
    assert_eq!((drafted.change, drafted.fee, drafted.vsize), (None, 40_000, 99));
    assert_eq!((drafted.dust, drafted.change_cost), (40_000 - 300 * 99, 300 * 43));
    assert!(drafted.dust < drafted.change_cost, "the reason is the cost");
    let dust = build(&draft(&[50_000 + 142 + 329], &[(WPKH, 50_000)], 1));
    assert_eq!(dust.dust - dust.change_cost, 329, "the reason is dust");
}

#[test]
fn coins_are_merged_without_a_payment() {
    let party = Party::new(3);
    let merged = build(&draft(&[10_000, 10_000, 10_000], &[], 2));
    let summary = analyze(&merged.psbt, &party.group).unwrap().summary;
    assert_eq!(summary.amount_leaving(), merged.fee);
    assert_eq!(summary.fee_rate, 2_000);
    let least = 111 + 330;
    assert_eq!(build(&draft(&[least], &[], 1)).change, Some(330));
    let wanted = DraftError::TooLittle { held: least - 1, wanted: least };
    assert_eq!(refused(&draft(&[least - 1], &[], 1)), wanted);
}

#[test]
fn a_fee_rate_below_one_is_rounded_up_for_the_whole() {
    let draft = Draft { sat_per_kvb: 101, ..draft(&[60_000], &[(WPKH, 20_000)], 1) };
    assert_eq!(build(&draft).fee, 15, "142 vB at 0.101 are 14.342");
}

#[test]
fn what_cannot_be_drafted_is_named() {
    let good = draft(&[60_000], &[(WPKH, 20_000)], 5);
    let none = Draft { coins: vec![], ..good.clone() };
    assert_eq!(refused(&none), DraftError::NoCoins);
    let many = refused(&draft(&[60_000; 33], &[(WPKH, 20_000)], 5));
    assert_eq!(many, DraftError::TooManyCoins { seen: 33, limit: 32 });
    let twice = Draft {
        coins: [(coin(1), 9_000), (coin(2), 1), (coin(1), 9_000)].map(DraftCoin::from).to_vec(),
        ..good.clone()
    };
    let duplicate = DraftError::DuplicateCoin { first: 0, second: 2, outpoint: coin(1) };
    assert_eq!(refused(&twice), duplicate);
    let empty = refused(&draft(&[60_000, 0], &[(WPKH, 20_000)], 5));
    assert_eq!(empty, DraftError::EmptyCoin { coin: 1 });
    assert_eq!(refused(&Draft { sat_per_kvb: 0, ..good.clone() }), DraftError::ZeroFeeRate);
    let limit = 10_000;
    let high = refused(&Draft { sat_per_kvb: 10_000_001, ..good.clone() });
    assert_eq!(high, DraftError::FeeRateTooHigh { limit });
    let dust = refused(&draft(&[60_000], &[(WPKH, 20_000), (WPKH, 293)], 5));
    assert_eq!(dust, DraftError::DustPayment { payment: 1, amount: 293, threshold: 294 });
    let limit = 2_100_000_000_000_000;
    for wrong in [draft(&[limit, 1], &[(WPKH, 1_000)], 1), draft(&[limit], &[(WPKH, u64::MAX)], 1)]
    {
        assert_eq!(refused(&wrong), DraftError::AmountOutOfRange { limit });
    }
    let heavy = refused(&draft(&[COINS], &vec![(WPKH, 1_000); 4_000], 1));
    assert!(matches!(heavy, DraftError::TooHeavy { limit: 400_000, .. }), "{heavy}");
    let poor = refused(&draft(&[60_000], &[(WPKH, 70_000)], 5));
    assert_eq!(
        poor.to_string(),
        "the coins hold 60000 sat, but 70495 are wanted, the fee included"
    );
}

const COINS: u64 = 100_000_000;

#[test]
fn each_refusal_comes_with_what_to_do() {
    let cause = AddressError::Malformed;
    assert_eq!(DraftError::Address { payment: 0, cause }.advice(), cause.advice());
    let little = DraftError::TooLittle { held: 1, wanted: 2 };
    assert_eq!(little.advice(), "name more coins, pay less, or lower the fee rate");
}

#[test]
fn addresses_are_of_this_network_and_can_be_spent_from() {
    let at = |text: &str| refused(&draft(&[60_000], &[(WPKH, 1_000), (text, 20_000)], 5));
    let cause = |cause| DraftError::Address { payment: 1, cause };
    let foreign = AddressError::ForeignNetwork { expected: Network::Regtest };
    assert_eq!(at("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"), cause(foreign));
    assert_eq!(at("bcrt1qeyfruphg6lcfvmzarngqqqqqqqqqp242wxqc6g"), cause(AddressError::Malformed));
    assert_eq!(at(""), cause(AddressError::Malformed));
    let address = |script: &str| {
        let script = bitcoin::ScriptBuf::from_hex(script).unwrap();
        bitcoin::Address::from_script(&script, bitcoin::Network::Regtest).unwrap().to_string()
    };
    let off = address(&format!("5120{}", "ff".repeat(32)));
    assert_eq!(at(&off), cause(AddressError::Unspendable));
    let zero = address(&format!("0014{}", "00".repeat(20)));
    assert_eq!(at(&zero), cause(AddressError::Unspendable));
    let future = address(&format!("5220{}", "02".repeat(32)));
    assert_eq!(at(&future), cause(AddressError::Anybody));
    assert_eq!(at(&address("51024e73")), cause(AddressError::Anybody));
    let said = at(&off).to_string();
    assert_eq!(said, "payment 1 goes to an address whose coins nobody could ever spend");

    let upper = format!(" {}\n", WPKH.to_uppercase());
    assert_eq!(check_address(&upper, Network::Regtest).unwrap(), WPKH);
    let genesis = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
    assert_eq!(check_address(genesis, Network::Bitcoin).unwrap(), genesis);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_draft_is_one_that_is_signed_here(
        coins in prop::collection::vec(300..1_000_000_u64, 1..6),
        paid in prop::collection::vec(300..400_000_u64, 0..6),
        sat_per_kvb in 1..200_000_u64,
    ) {
        let party = Party::new(2);
        let own = party.group.address().to_owned();
        let to = |index: usize| if index.is_multiple_of(2) { WPKH.to_owned() } else { own.clone() };
        let payments: Vec<_> =
            paid.iter().enumerate().map(|(index, amount)| (to(index), amount + 30)).collect();
        let draft = Draft { payments, sat_per_kvb, ..draft(&coins, &[], 1) };
        let (held, wished) = (coins.iter().sum::<u64>(), paid.iter().map(|it| it + 30).sum::<u64>());
        match draft.build(&party.group) {
            Ok(Drafted { psbt, fee, change, dust, change_cost, vsize }) => {
                let summary = analyze(&psbt, &party.group).unwrap().summary;
                prop_assert_eq!(summary.fee, fee);
                prop_assert_eq!(held, wished + fee + change.unwrap_or(0));
                prop_assert_eq!(fee - dust, (sat_per_kvb * summary.vsize).div_ceil(1_000));
                prop_assert!(change.is_none() || dust == 0);
                prop_assert_eq!(vsize, summary.vsize);
                prop_assert!(dust < 330 + change_cost);
                prop_assert!(dust < 330 + (sat_per_kvb * 43).div_ceil(1_000) + 1);
                prop_assert!(summary.outputs.iter().all(|it| it.amount >= it.dust_threshold));
            }
            Err(DraftError::TooLittle { held: seen, wanted }) => {
                prop_assert_eq!(seen, held);
                prop_assert!(wanted > held && wanted > wished);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
