//! Which notes a transaction earns, and which it does not.

use ensign_primitives::{RequestId, UnixTime};
use ensign_psbt::{
    CoinState, CoinUse, NOTE_NAMES, Note, Place, Severity, Surroundings, judge, judge_blind,
};

use crate::party::Party;
use crate::shape::{COIN, FEE, Shape, lines, own, p2wpkh, script};

const HOUR: u64 = 3_600_000;
/// 2026-11-27 12:00 UTC.
const NOW: UnixTime = UnixTime::from_millis(NOW_SECONDS as u64 * 1_000);
const NOW_SECONDS: u32 = 1_795_780_800;

/// A public key.
const KEY: &str = "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";

fn judged(shape: &Shape, coins: &[CoinUse]) -> Vec<Note> {
    judge(&shape.summary(&Party::new(2)), &Surroundings { now: NOW, coins })
}

/// The notes are these and no others.
fn check(sentence: &str, shape: &Shape, expected: &[&str]) {
    assert_eq!(lines(&judged(shape, &[])), expected, "{sentence}");
}

/// One more output on a plain payment.
fn check_output(sentence: &str, amount: u64, hex: &str, expected: &[&str]) {
    check(sentence, &Shape::plain().and(amount, &script(hex)), expected);
}

/// The sentence of the one note.
fn said(shape: &Shape) -> String {
    let notes = judged(shape, &[]);
    assert_eq!(notes.len(), 1, "{notes:?}");
    notes[0].to_string()
}

#[test]
fn ordinary_transactions_earn_no_warning() {
    let party = Party::new(2);
    check("a payment of the whole coin", &Shape::plain(), &[]);
    let with_change = Shape::paying(&party, 60_000_000, FEE);
    check("a payment with change", &with_change, &["warning address_reuse the whole"]);
    let sweep = Shape::paying(&party, 0, FEE);
    check("a sweep to the group itself", &sweep, &["warning address_reuse the whole"]);
    let mut two = Shape::paying(&party, 1_000_000, FEE);
    two.outputs.push((5_000_000, own(&party)));
    two.outputs[1].0 -= 5_000_000;
    check("change in two outputs is told once", &two, &["warning address_reuse the whole"]);
    let mut many = Shape { coins: vec![(COIN / 32, u32::MAX); 32], ..Shape::plain() };
    many.outputs[0].0 -= 2 * FEE;
    check("32 coins", &many, &[]);
}

#[test]
fn fees_are_judged_by_rate() {
    let party = Party::new(2);
    // 99 vB: one taproot input, one P2WPKH output.
    let paid = |fee: u64| {
        let shape = Shape { coins: vec![(1_000 * COIN, u32::MAX)], ..Shape::plain() };
        Shape { outputs: vec![(1_000 * COIN - fee, p2wpkh())], ..shape }
    };
    assert_eq!(paid(1).summary(&party).vsize, 99);
    check("500 sat/vB", &paid(500 * 99), &[]);
    check("a satoshi above 500 sat/vB", &paid(500 * 99 + 1), &["warning fee_rate the whole"]);
    check("10,000 sat/vB", &paid(10_000 * 99), &["warning fee_rate the whole"]);
    check("a satoshi above 10,000 sat/vB", &paid(990_001), &["grave fee_rate the whole"]);
    assert_eq!(said(&paid(990_001)), "the fee rate is 10,000.01 sat/vB, above 10,000 sat/vB");
}

#[test]
fn fees_are_judged_by_amount() {
    // Many outputs keep the rate below what earns a note of its own.
    let paid = |fee: u64| {
        let outputs = vec![(COIN, p2wpkh()); 1_000];
        Shape { coins: vec![(1_000 * COIN + fee, u32::MAX)], outputs, ..Shape::plain() }
    };
    check("0.01 BTC", &paid(1_000_000), &[]);
    check("a satoshi above 0.01 BTC", &paid(1_000_001), &["warning fee_amount the whole"]);
    check("0.1 BTC", &paid(10_000_000), &["warning fee_amount the whole"]);
    check("a satoshi above 0.1 BTC", &paid(10_000_001), &["grave fee_amount the whole"]);
    assert_eq!(said(&paid(10_000_001)), "the fee is 0.10000001 BTC, above 0.10000000 BTC");
}

#[test]
fn fees_are_judged_by_what_leaves_the_group() {
    let party = Party::new(2);
    let reuse = "warning address_reuse the whole";
    let paid = |paid, fee| Shape::paying(&party, paid, fee);
    check("a tenth of what leaves", &paid(90_000, 10_000), &[reuse]);
    let above = paid(90_000, 10_001);
    check("above a tenth", &above, &["warning fee_share the whole", reuse]);
    let half = paid(20_000, 20_000);
    check("half of what leaves", &half, &["warning fee_share the whole", reuse]);
    let most = paid(20_000, 20_001);
    check("above half", &most, &["grave fee_share the whole", reuse]);
    assert_eq!(judged(&most, &[])[0].to_string(), "the fee is 50 % of what leaves the group");

    let tenth = Shape { coins: vec![(40_000, u32::MAX)], ..Shape::plain() };
    let to_itself = |change| Shape { outputs: vec![(change, own(&party))], ..tenth.clone() };
    check("a tenth of what comes back", &to_itself(36_000), &[reuse]);
    let above = to_itself(35_999);
    check("above a tenth of it", &above, &["warning fee_share the whole", reuse]);
    assert_eq!(
        judged(&above, &[])[0].to_string(),
        "the fee is 10 % of what is spent, and nothing else leaves the group"
    );
    check("above half of it", &to_itself(19_999), &["grave fee_share the whole", reuse]);
}

#[test]
fn regression_19_bitcoin_of_fee_for_a_small_payment_are_grave() {
    let party = Party::new(2);
    let mut shape = Shape::paying(&party, 0, FEE);
    shape.coins[0].0 = 200 * COIN;
    shape.outputs = vec![(7_000_000, p2wpkh()), (200 * COIN - 7_000_000 - 19 * COIN, own(&party))];
    let expected = [
        "grave fee_rate the whole",
        "grave fee_amount the whole",
        "grave fee_share the whole",
        "warning address_reuse the whole",
    ];
    check("200 BTC in, 0.07 BTC paid, 19 BTC of fee", &shape, &expected);
}

#[test]
fn a_fee_that_nobody_relays_for_is_pointed_out() {
    // 99 vB.
    let paid = |fee| Shape { outputs: vec![(COIN - fee, p2wpkh())], ..Shape::plain() };
    check("no fee", &paid(0), &["warning zero_fee the whole"]);
    check("a fee of one satoshi", &paid(1), &["warning low_fee the whole"]);
    check("just below 1 sat/vB", &paid(98), &["warning low_fee the whole"]);
    check("1 sat/vB", &paid(99), &[]);
    let begin = "the fee rate is 0.";
    let said = |fee| said(&paid(fee));
    assert_eq!(said(9), format!("{begin}09 sat/vB; no node relays below 0.1 sat/vB"));
    assert_eq!(said(10), format!("{begin}10 sat/vB; many nodes relay nothing below 1 sat/vB"));
}

#[test]
fn outputs_below_what_nodes_relay_are_dust_by_their_kind() {
    let dust = ["warning dust output 1"];
    let p2wpkh = format!("0014{}", "21".repeat(20));
    let p2pkh = format!("76a914{}88ac", "21".repeat(20));
    let p2sh = format!("a914{}87", "21".repeat(20));
    let p2wsh = format!("0020{}", "21".repeat(32));
    let p2tr = format!("5120{}", hex::encode(&own(&Party::new(3))[2..]));
    for (kind, hex, least) in [
        ("P2WPKH", p2wpkh.clone(), 294),
        ("P2PKH", p2pkh, 546),
        ("P2SH", p2sh, 540),
        ("P2WSH", p2wsh, 330),
        ("P2TR", p2tr, 330),
    ] {
        check_output(kind, least, &hex, &[]);
        check_output(kind, least - 1, &hex, &dust);
        check_output(kind, 0, &hex, &dust);
    }
    let shape = Shape::plain().and(100, &script(&p2wpkh));
    assert_eq!(said(&shape), "output 1 is dust that nodes do not relay: 100 sat, below 294 sat");
}

#[test]
fn dust_that_comes_back_to_the_group_is_dust_too() {
    let shape = Shape::plain().and(329, &own(&Party::new(2)));
    check("change of 329", &shape, &["warning dust output 1", "warning address_reuse the whole"]);
}

#[test]
fn value_in_data_is_lost() {
    check_output("data without value", 0, "6a0568656c6c6f", &[]);
    check_output("data that holds a satoshi", 1, "6a0568656c6c6f", &["grave data_value output 1"]);
    check_output("bare OP_RETURN with value", 5, "6a", &["grave data_value output 1"]);
    let shape = Shape::plain().and(50_000_000, &script("6a0568656c6c6f"));
    assert_eq!(
        said(&shape),
        "0.50000000 BTC in output 1 would be lost for ever: the output only carries data"
    );
}

#[test]
fn data_that_old_nodes_do_not_relay_is_pointed_out() {
    let data = |bytes: usize| format!("6a4c{:02x}{}", bytes, "00".repeat(bytes));
    check_output("a script of 83 bytes", 0, &data(80), &[]);
    check_output("a script of 84 bytes", 0, &data(81), &["warning data_size output 1"]);
    check_output("a number is a push", 0, "6a51", &[]);
    check_output("more than pushes", 0, "6aac", &["warning data_size output 1"]);
    check_output("a push cut off", 0, "6a05aa", &["warning data_size output 1"]);
    let two = Shape::plain().and(0, &script("6a01aa")).and(0, &script("6a01bb"));
    check("two of them", &two, &["warning data_size output 2"]);
}

#[test]
fn a_taproot_key_off_the_curve_is_grave() {
    let off = format!("5120{}", "ff".repeat(32));
    check_output("51 20 ff..ff", 50_000_000, &off, &["grave not_a_point output 1"]);
    let zero = format!("5120{}", "00".repeat(32));
    check_output("51 20 00..00", 50_000_000, &zero, &["grave not_a_point output 1"]);
    assert!(said(&Shape::plain().and(1_000, &script(&off))).contains("no point of the curve"));
}

#[test]
fn scripts_that_anybody_can_take_are_grave() {
    let odd = ["grave odd_script output 1"];
    check_output("an empty script", 1_000, "", &["grave empty_script output 1"]);
    check_output("OP_TRUE", 1_000, "51", &odd);
    check_output("a push of one byte", 1_000, "0101", &odd);
    check_output("false, then true", 1_000, "0051", &odd);
    check_output("OP_NOP, then true", 1_000, "6151", &odd);
    check_output("OP_NOP alone", 1_000, "61", &odd);
    check_output("0 of 1 bare key", 1_000, &format!("0021{KEY}51ae"), &odd);
    check_output("0 of no key", 1_000, "0000ae", &odd);
    let said = said(&Shape::plain().and(1_000, &script(&format!("0021{KEY}51ae"))));
    assert!(said.ends_with("could be taken by anybody: its script asks for nothing"), "{said}");
    check_output("witness version 1 of 33 bytes", 1_000, &format!("5121{}", "02".repeat(33)), &odd);
    check_output("witness version 2", 1_000, &format!("5220{}", "02".repeat(32)), &odd);
    check_output("witness version 16", 1_000, "60020101", &odd);
    check_output("an anchor", 240, "51024e73", &["warning odd_script output 1"]);
    check_output("an anchor that holds too much", 241, "51024e73", &odd);
}

#[test]
fn scripts_that_nobody_can_fulfil_are_grave() {
    let odd = ["grave odd_script output 1"];
    check_output("OP_FALSE", 1_000, "00", &odd);
    check_output("negative zero", 1_000, "0180", &odd);
    check_output("OP_RETURN in the middle", 1_000, "516a", &odd);
    check_output("a push cut off", 1_000, "0201", &odd);
    check_output("a disabled opcode behind a condition", 1_000, "637e68", &odd);
    check_output("OP_RESERVED", 1_000, "5150", &odd);
    check_output("witness version 0 of 21 bytes", 1_000, &format!("0015{}", "21".repeat(21)), &odd);
    let (key, off) = (format!("21{KEY}"), format!("2102{}", "ff".repeat(32)));
    check_output("2 of 1 bare key", 1_000, &format!("52{key}51ae"), &odd);
    check_output("1 of 1 bare key off the curve", 1_000, &format!("51{off}51ae"), &odd);
    check_output("2 of 2 of which one is off it", 1_000, &format!("52{key}{off}52ae"), &odd);
    check_output("202 opcodes that do nothing", 2_000, &format!("{}51", "61".repeat(202)), &odd);
    let said = said(&Shape::plain().and(1_000, &script(&format!("51{off}51ae"))));
    assert!(said.ends_with("would be lost for ever: its script can never be fulfilled"), "{said}");
    check_output("the all-zero hash", 1_000, &format!("0014{}", "00".repeat(20)), &odd);
    check_output("a bare key off the curve", 1_000, &format!("2102{}ac", "ff".repeat(32)), &odd);
    let long = "61".repeat(10_001);
    let too_long = ["grave odd_script output 1", "warning low_fee the whole"];
    check_output("more than 10,000 bytes", 100_000, &long, &too_long);
}

#[test]
fn scripts_without_an_address_earn_a_warning() {
    let odd = ["warning odd_script output 1"];
    check_output("P2PK", 1_000, &format!("21{KEY}ac"), &odd);
    let off = format!("2102{}", "ff".repeat(32));
    check_output("1 of 2 of which one is no point", 1_000, &format!("5121{KEY}{off}52ae"), &odd);
    let multisig =
        |keys: usize| format!("51{}{:02x}ae", format!("21{KEY}").repeat(keys), 0x50 + keys);
    check_output("1 of 3 bare keys", 1_000, &multisig(3), &odd);
    check_output("1 of 4 bare keys", 1_000, &multisig(4), &odd);
    let said = |keys| said(&Shape::plain().and(1_000, &script(&multisig(keys))));
    assert!(said(3).ends_with("a bare multisig of 3 keys; it has no address to compare"));
    assert!(said(4).ends_with("a bare multisig of 4 keys; no node relays that"));
}

#[test]
fn regression_value_in_scripts_of_an_unknown_kind_is_grave() {
    let (grave, odd) = (["grave odd_script output 1"], "warning odd_script output 1");
    check_output("drop, then true", 1_000, "7551", &grave);
    check_output("the depth of the stack", 1_000, "74", &grave);
    check_output("a hash of anything", 1_000, "a9", &grave);
    check_output("OP_RETURN behind a condition", 1_000, "636a68", &grave);
    check_output("a hash lock", 1_000, &format!("a820{}87", "21".repeat(32)), &grave);
    check_output("as much as is no dust", 474, "74", &grave);
    check_output("dust", 473, "74", &[odd, "warning dust output 1"]);
    assert_eq!(
        said(&Shape::plain().and(1_000, &script("7551"))),
        "0.00001000 BTC in output 1 may be lost, or anybody's: what its script asks for is not \
         known, and no node relays it"
    );
}

#[test]
fn versions_that_no_node_relays_are_pointed_out() {
    for version in [1, 2, 3] {
        check("relayed", &Shape::plain().version(version), &[]);
    }
    for version in [0, 4, -1, 538_976_288, i32::MIN, i32::MAX] {
        let shape = Shape::plain().version(version);
        check("not relayed", &shape, &["warning version the whole"]);
    }
    let long = |version: i32, outputs: usize| Shape {
        coins: vec![(COIN * 1_000, u32::MAX)],
        outputs: vec![(COIN * 1_000 / outputs as u64 - 50, p2wpkh()); outputs],
        version,
        ..Shape::plain()
    };
    assert_eq!(long(3, 318).summary(&Party::new(2)).vsize, 9_928);
    assert_eq!(long(3, 321).summary(&Party::new(2)).vsize, 10_021);
    check("version 3 of 9,928 vB", &long(3, 318), &[]);
    check("version 2 of 10,021 vB", &long(2, 321), &[]);
    check("version 3 of 10,021 vB", &long(3, 321), &["warning version the whole"]);
    assert!(said(&long(3, 321)).ends_with("of version 3 of more than 10,000 vB"));
    assert_eq!(
        said(&Shape::plain().version(4)),
        "no node relays a transaction of version 4; versions 1 to 3 are relayed"
    );
}

#[test]
fn lock_times_are_told_as_heights_and_dates() {
    let lock = "info lock_time the whole";
    let locked = |lock_time| Shape::plain().sequence(0xffff_fffe).lock_time(lock_time);
    check("a height", &locked(840_000), &[lock]);
    check("a year ahead", &locked(NOW_SECONDS + 31_536_000), &[lock]);
    let far = "warning lock_time the whole";
    check("more than a year ahead", &locked(NOW_SECONDS + 31_536_001), &[far]);
    check("the last time there is", &locked(u32::MAX), &[far]);
    // 990,832 blocks of 9.5 minutes since the first one, and 52,560 of a year.
    check("as high as a chain can be in a year", &locked(1_043_392), &[lock]);
    check("higher", &locked(1_043_393), &[far]);
    check("the last height there is", &locked(499_999_999), &[far]);
    assert_eq!(
        said(&locked(499_999_999)),
        "it cannot confirm up to block 499,999,999, far above the height of any chain"
    );
    check("a time that has passed", &locked(1_600_000_000), &[lock]);
    check("no lock time", &locked(0), &[]);
    check("no input enables it", &Shape::plain().lock_time(840_000), &[]);
    assert_eq!(said(&locked(840_000)), "it cannot confirm up to block 840,000");
    assert_eq!(
        said(&locked(2_100_000_000)),
        "it cannot confirm up to 2036-07-18 13:20 UTC, 9 years from now"
    );
    assert_eq!(
        said(&locked(1_600_000_000)),
        "it could not confirm up to 2020-09-13 12:26 UTC, which has passed"
    );
}

#[test]
fn relative_ages_are_told_as_spans() {
    let replaceable = "info replaceable the whole";
    let aged = |sequence| Shape::plain().sequence(sequence);
    check("1,440 blocks", &aged(1_440), &["info relative_age input 0", replaceable]);
    let long = "warning relative_age input 0";
    check("52,560 blocks", &aged(52_560), &["info relative_age input 0", replaceable]);
    check("more than a year of blocks", &aged(52_561), &[long, replaceable]);
    check("of time", &aged(1 << 22 | 61_593), &["info relative_age input 0", replaceable]);
    check("more than a year of time", &aged(1 << 22 | 61_594), &[long, replaceable]);
    check("none", &aged(0), &[replaceable]);
    check("no time", &aged(1 << 22), &[replaceable]);
    check("switched off", &aged(1 << 31 | 1_440), &[replaceable]);
    check("version 1 has none", &aged(1_440).version(1), &[replaceable]);
    let said = |sequence| judged(&aged(sequence), &[])[0].to_string();
    let begin = "it cannot confirm until the coin of input 0 is ";
    assert_eq!(said(1_440), format!("{begin}about 10 days old (1,440 blocks)"));
    assert_eq!(said(1), format!("{begin}about 10 minutes old (1 block)"));
    assert_eq!(said(1 << 22 | 65_535), format!("{begin}388 days old"));
}

#[test]
fn regression_relative_ages_hold_in_negative_versions() {
    let shape = Shape::plain().version(-1).sequence(144);
    let expected =
        ["warning version the whole", "info relative_age input 0", "info replaceable the whole"];
    check("the version has no sign", &shape, &expected);
}

#[test]
fn replaceability_is_told() {
    check("final", &Shape::plain().sequence(0xffff_ffff), &[]);
    check("lock time only", &Shape::plain().sequence(0xffff_fffe), &[]);
    let shape = Shape::plain().sequence(0xffff_fffd);
    check("replaceable", &shape, &["info replaceable the whole"]);
}

fn coin_use(coin: usize, request: u8, state: CoinState, at: u64) -> CoinUse {
    CoinUse {
        outpoint: Shape::outpoint(coin),
        request: RequestId::from_bytes([request; 32]),
        number: None,
        state,
        at: UnixTime::from_millis(at),
    }
}

#[test]
fn coins_that_other_requests_spend_are_named_with_request_and_age() {
    let now = NOW.as_millis();
    let coins = [
        coin_use(1, 0xcc, CoinState::Open, now - 25 * 60_000),
        coin_use(0, 0xbb, CoinState::Open, now - 30 * HOUR),
        coin_use(0, 0xaa, CoinState::Signed, now - HOUR),
        coin_use(7, 0xdd, CoinState::Signed, now),
    ];
    let mut shape = Shape::plain();
    shape.coins = vec![(COIN / 2, u32::MAX); 2];
    let notes = judged(&shape, &coins);
    let expected =
        ["warning coin_signed input 0", "warning coin_open input 0", "warning coin_open input 1"];
    assert_eq!(lines(&notes), expected);
    let said: Vec<_> = notes.iter().map(Note::to_string).collect();
    let one = "only one of them can confirm";
    assert_eq!(
        said,
        [
            format!(
                "the coin of input 0 is spent by request aaaaaaaa too, signed an hour ago; {one}"
            ),
            format!(
                "the coin of input 0 is spent by request bbbbbbbb too, open for 30 hours; {one}"
            ),
            format!(
                "the coin of input 1 is spent by request cccccccc too, open for 25 minutes; {one}"
            ),
        ]
    );
    let named: Vec<_> = notes.iter().map(|note| note.request().unwrap()).collect();
    assert_eq!(named, [0xaa, 0xbb, 0xcc].map(|byte| RequestId::from_bytes([byte; 32])));
    let coins_numbered = coins.map(|coin| CoinUse { number: Some(7), ..coin });
    let numbered = judged(&shape, &coins_numbered);
    assert_eq!(numbered, notes, "a number is only a name");
    let first = numbered[0].to_string();
    assert!(first.contains("is spent by request #7 (aaaaaaaa) too, signed an hour ago"), "{first}");
    let reversed: Vec<_> = coins.into_iter().rev().collect();
    assert_eq!(judged(&shape, &reversed), notes, "in any order of the coins");
}

#[test]
fn the_gravest_notes_come_first() {
    let shape = Shape::plain().version(9).and(0, &p2wpkh()).and(5, &script("6a")).sequence(144);
    let expected = [
        "grave data_value output 2",
        "warning dust output 1",
        "warning version the whole",
        "info relative_age input 0",
        "info replaceable the whole",
    ];
    check("all at once", &shape, &expected);
}

#[test]
fn messages_without_a_transaction_are_grave() {
    let notes = judge_blind(3);
    assert_eq!(lines(&notes), ["grave blind the whole"]);
    assert_eq!(
        notes[0].to_string(),
        "nobody can see what this does: 3 messages of 32 bytes, without a transaction"
    );
    assert!(judge_blind(1)[0].to_string().contains("1 message of"));
}

#[test]
fn a_note_is_new_when_nothing_as_grave_was_said() {
    let summary = Shape::plain().version(4).summary(&Party::new(2));
    let at = |now, coins: &[CoinUse]| judge(&summary, &Surroundings { now, coins });
    let other = coin_use(0, 0xaa, CoinState::Open, NOW.as_millis() - HOUR);
    let (before, after) = (at(NOW, &[]), at(NOW, &[other]));
    let new: Vec<_> = after.iter().filter(|note| note.is_new_to(&before)).collect();
    assert_eq!(new.len(), 1);
    assert_eq!((new[0].name(), new[0].place()), ("coin_open", Place::Input(0)));
    let later = at(NOW.after(core::time::Duration::from_hours(24)), &[other]);
    assert_ne!(later[1].to_string(), after[1].to_string(), "the age ticks");
    assert_eq!(later, after, "and is no new fact");
    assert!(!later[1].is_new_to(&after));
}

#[test]
fn every_name_is_listed() {
    let found = |name: &str| NOTE_NAMES.contains(&name);
    let shapes = [
        Shape::plain().version(9).lock_time(1).sequence(144).and(5, &script("6aac")),
        Shape::plain().and(1, &[]).and(1, &script("51")).and(1, &p2wpkh()),
    ];
    for shape in shapes {
        assert!(judged(&shape, &[]).iter().all(|note| found(note.name())));
    }
    assert!(found(judge_blind(1)[0].name()));
    let table = include_str!("../../../../docs/operate/notes.md").lines();
    let listed = table.filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(listed.collect::<Vec<_>>(), NOTE_NAMES, "the table of docs/operate/notes.md");
    assert!(Severity::Info < Severity::Warning && Severity::Warning < Severity::Grave);
}
