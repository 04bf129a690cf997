//! Ten thousand random transactions, judged a second time by an oracle that works from the raw
//! fields and shares no code with the crate. Any difference in severity, name or place fails.

use std::collections::BTreeMap;

use bitcoin::XOnlyPublicKey;
use ensign_primitives::{RequestId, UnixTime};
use ensign_psbt::{CoinState, CoinUse, NOTE_NAMES, Surroundings, judge};

use crate::party::Party;
use crate::shape::{Shape, lines, own, p2wpkh};

const TRANSACTIONS: u64 = 10_000;
const NOW_SECONDS: u64 = 1_795_780_800;

/// Says which notes a transaction must have, as sorted lines.
fn oracle(shape: &Shape, own: &[u8], coins: &[CoinUse]) -> Vec<String> {
    let mut said: Vec<String> = vec![];
    let mut say = |severity: &str, name: &str, place: &str| {
        said.push(format!("{severity} {name} {place}"));
    };
    let sum = |of: &mut dyn Iterator<Item = &u64>| of.map(|sat| i128::from(*sat)).sum::<i128>();
    let spent = sum(&mut shape.coins.iter().map(|(amount, _)| amount));
    let back = sum(&mut shape.outputs.iter().filter(|o| o.1 == own).map(|(amount, _)| amount));
    let paid = sum(&mut shape.outputs.iter().filter(|o| o.1 != own).map(|(amount, _)| amount));
    let fee = spent - back - paid;

    let vsize = vsize(shape);
    let graded = |warning: bool, grave: bool| match (warning, grave) {
        (_, true) => Some("grave"),
        (true, _) => Some("warning"),
        _ => None,
    };
    let is_long_3 = shape.version == 3 && vsize > 10_000;
    let whole = if paid == 0 { spent } else { paid + fee };
    for (name, severity) in [
        ("zero_fee", graded(fee == 0, false)),
        ("low_fee", graded(fee > 0 && fee < vsize, false)),
        ("fee_rate", graded(fee > 500 * vsize, fee > 10_000 * vsize)),
        ("fee_amount", graded(fee > 1_000_000, fee > 10_000_000)),
        ("fee_share", graded(fee * 10 > whole, fee * 2 > whole)),
        ("version", graded(![1, 2, 3].contains(&shape.version) || is_long_3, false)),
    ] {
        severity.into_iter().for_each(|severity| say(severity, name, "the whole"));
    }

    for (index, (amount, script)) in shape.outputs.iter().enumerate() {
        let place = format!("output {index}");
        let is_data = |script: &[u8]| script.first() == Some(&0x6a);
        if is_data(script) {
            let earlier = shape.outputs[..index].iter().any(|(_, script)| is_data(script));
            let is_relayed = script.len() <= 83 && !earlier && pushes(&script[1..]).is_some();
            let notes =
                [(*amount > 0, "grave", "data_value"), (!is_relayed, "warning", "data_size")];
            notes.iter().filter(|note| note.0).for_each(|note| say(note.1, note.2, &place));
            continue;
        }
        let is_witness = (4..=42).contains(&script.len())
            && matches!(script[0], 0 | 0x51..=0x60)
            && usize::from(script[1]) == script.len() - 2;
        let spending = if is_witness { 32 + 4 + 1 + 107 / 4 + 4 } else { 148 };
        let threshold = 3 * (8 + length_bytes(script.len()) + script.len() + spending) as u64;
        if script.len() <= 10_000 && *amount < threshold {
            say("warning", "dust", &place);
        }
        let of_script = match script.as_slice() {
            [] => Some(("grave", "empty_script")),
            [0x51, 32, key @ ..] if is_witness => {
                XOnlyPublicKey::from_slice(key).is_err().then_some(("grave", "not_a_point"))
            }
            // All zero counts as false.
            [0, _, hash @ ..] if is_witness && hash.iter().all(|byte| *byte == 0) => {
                Some(("grave", "odd_script"))
            }
            [0, 20 | 32, ..] if is_witness => None,
            [0x51, 2, 0x4e, 0x73] if *amount <= 240 => Some(("warning", "odd_script")),
            _ if is_witness => Some(("grave", "odd_script")),
            [0x76, 0xa9, 20, .., 0x88, 0xac] if script.len() == 25 => None,
            [0xa9, 20, .., 0x87] if script.len() == 23 => None,
            [33, key @ .., 0xac] if key.len() == 33 => {
                let is_point = bitcoin::PublicKey::from_slice(key).is_ok();
                Some((if is_point { "warning" } else { "grave" }, "odd_script"))
            }
            // One key of one: somebody's if it is a key.
            [0x51, 33, key @ .., 0x51, 0xae] => {
                let is_point = bitcoin::PublicKey::from_slice(key).is_ok();
                Some((if is_point { "warning" } else { "grave" }, "odd_script"))
            }
            // Whom these ask for what is not plain; below dust it does not matter.
            [0xa8, ..] | [0x75, 0x51] | [0x74] | [0xa9] if *amount < threshold => {
                Some(("warning", "odd_script"))
            }
            // What is left of the random scripts anybody or nobody can fulfil, or who knows.
            _ => Some(("grave", "odd_script")),
        };
        of_script.into_iter().for_each(|(severity, name)| say(severity, name, &place));
    }

    said.extend(of_coins_and_time(shape, coins));
    if shape.outputs.iter().any(|(_, script)| script == own) {
        said.push("warning address_reuse the whole".to_owned());
    }
    said.sort();
    said
}

fn of_coins_and_time(shape: &Shape, coins: &[CoinUse]) -> Vec<String> {
    let mut said: Vec<String> = vec![];
    let mut say = |severity: &str, name: &str, place: &str| {
        said.push(format!("{severity} {name} {place}"));
    };
    for (index, (_, sequence)) in shape.coins.iter().enumerate() {
        let place = format!("input {index}");
        for coin in coins.iter().filter(|coin| coin.outpoint == Shape::outpoint(index)) {
            let is_signed = coin.state == CoinState::Signed;
            say("warning", if is_signed { "coin_signed" } else { "coin_open" }, &place);
        }
        let is_aged = sequence >> 31 == 0 && sequence & 0xffff != 0;
        if is_aged && !(0..2).contains(&shape.version) {
            let unit = if sequence >> 22 & 1 == 1 { 512 } else { 600 };
            let is_long = (sequence & 0xffff) * unit > 31_536_000;
            say(if is_long { "warning" } else { "info" }, "relative_age", &place);
        }
    }
    if shape.lock_time != 0 && shape.coins.iter().any(|(_, sequence)| *sequence != u32::MAX) {
        // A year of blocks above as many as fit into the time since the first one, 9.5 minutes each.
        let is_far = match u64::from(shape.lock_time) {
            height @ 0..500_000_000 => height > (NOW_SECONDS - 1_231_006_505) / 570 + 365 * 24 * 6,
            seconds => seconds > NOW_SECONDS + 31_536_000,
        };
        say(if is_far { "warning" } else { "info" }, "lock_time", "the whole");
    }
    if shape.coins.iter().any(|(_, sequence)| *sequence < 0xffff_fffe) {
        say("info", "replaceable", "the whole");
    }
    said
}

/// Counts the pushes of a script that has nothing else, none if there is anything else.
fn pushes(mut script: &[u8]) -> Option<usize> {
    let mut count = 0;
    while let [code, rest @ ..] = script {
        let len = match (*code, rest) {
            (0..=75, _) => usize::from(*code),
            (0x4c, [len, ..]) => 1 + usize::from(*len),
            (0x4d, [low, high, ..]) => 2 + usize::from(*low) + 256 * usize::from(*high),
            (0x4f..=0x60, _) => 0,
            _ => return None,
        };
        script = rest.get(len..)?;
        count += 1;
    }
    Some(count)
}

fn length_bytes(length: usize) -> usize {
    if length > 252 { 3 } else { 1 }
}

/// Weight is four times the bytes without witness, and marker, flag, one signature a coin.
fn vsize(shape: &Shape) -> i128 {
    let (coins, outputs) = (shape.coins.len(), &shape.outputs);
    let of_output = |script: &Vec<u8>| 8 + length_bytes(script.len()) + script.len();
    let bytes = 4
        + length_bytes(coins)
        + 41 * coins
        + length_bytes(outputs.len())
        + 4
        + outputs.iter().map(|(_, script)| of_output(script)).sum::<usize>();
    (bytes * 4 + 2 + 66 * coins).div_ceil(4) as i128
}

/// Numbers that are the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize].clone()
    }

    fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    /// A little less, as much, a little more.
    fn near(&mut self, number: u64) -> u64 {
        (number + self.below(3)).saturating_sub(1)
    }

    fn script(&mut self, own: &[u8]) -> Vec<u8> {
        let len = self.below(39) + 2;
        let head_and_bytes =
            |head: &[u8], bytes: Vec<u8>, tail: &[u8]| [head, &bytes, tail].concat();
        match self.below(23) {
            0 | 1 => p2wpkh(),
            2..=4 => own.to_vec(),
            5 => head_and_bytes(&[0x76, 0xa9, 20], self.bytes(20), &[0x88, 0xac]),
            6 => head_and_bytes(&[0xa9, 20], self.bytes(20), &[0x87]),
            7 => head_and_bytes(&[0, 32], self.bytes(32), &[]),
            8 | 9 => head_and_bytes(&[0x51, 32], self.bytes(32), &[]),
            10 => {
                head_and_bytes(&[self.of(&[0, 0x51, 0x52, 0x60]), len as u8], self.bytes(len), &[])
            }
            11 => vec![0x51, 2, 0x4e, 0x73],
            12 => vec![],
            13 => {
                let len = self.near(80);
                head_and_bytes(&[0x6a, 0x4c, len as u8], self.bytes(len), &[])
            }
            14 => head_and_bytes(&[0x6a], vec![self.of(&[0x51, 0x61, 0x02])], &[]),
            15 => head_and_bytes(&[0x6a, len as u8], self.bytes(len), &[]),
            16 => head_and_bytes(&[33, self.of(&[2, 3])], self.bytes(32), &[0xac]),
            17 => head_and_bytes(&[0xa8, 32], self.bytes(32), &[0x87]),
            18 => (0..=self.below(4)).map(|_| self.of(&[0, 0x4f, 0x50, 0x51, 0x60])).collect(),
            19 => head_and_bytes(&[self.of(&[2, 0x4c, 0x4d]), 9], self.bytes(1), &[]),
            20 => head_and_bytes(&[0x51, 33, 2], self.bytes(32), &[0x51, 0xae]),
            21 => head_and_bytes(&[self.of(&[0, 0x52]), 33, 2], self.bytes(32), &[0x51, 0xae]),
            _ => self.of(&[
                vec![0x61; 10_001],
                vec![0x51, 0x6a],
                vec![0x61, 0x51],
                vec![0x75, 0x51],
                vec![0x74],
                vec![0xa9],
                vec![0x7e, 0x51],
                [&[0, 20][..], &[0; 20]].concat(),
            ]),
        }
    }

    fn shape(&mut self, own: &[u8]) -> Shape {
        let amounts = [0, 1, 240, 294, 330, 471, 546, 1_000, 50_000, 10_000_000, 5_000_000_000];
        let amount = |dice: &mut Self| match dice.below(4) {
            0 => dice.below(1 << 36),
            _ => {
                let amount = dice.of(&amounts);
                dice.near(amount)
            }
        };
        let outputs = (0..=self.below(6)).map(|_| (amount(self), self.script(own))).collect();
        let sequences =
            [u32::MAX, 0xffff_fffe, 0xffff_fffd, 0, 144, 65_535, 1 << 22 | 5, 1 << 31 | 5];
        let sequence = |dice: &mut Self| (0, dice.of(&sequences));
        let mut shape = Shape {
            version: self.of(&[1, 2, 2, 3, 0, 4, -1, i32::MIN, i32::MAX]),
            lock_time: self.of(&[
                0,
                0,
                1,
                840_000,
                499_999_999,
                500_000_000,
                1_600_000_000,
                u32::MAX,
            ]),
            coins: (0..=self.below(4)).map(|_| sequence(self)).collect(),
            outputs,
        };
        let sum = |is_own: bool| {
            let of = |output: &&(u64, Vec<u8>)| (output.1 == own) == is_own;
            shape.outputs.iter().filter(of).map(|output| output.0).sum::<u64>()
        };
        let (back, paid, vsize) = (sum(true), sum(false), vsize(&shape) as u64);
        let measured = if paid == 0 { back } else { paid };
        let fees = [0, 1, vsize, 500 * vsize, 10_000 * vsize, 1_000_000, 10_000_000, measured / 9];
        let fee = if self.below(8) == 0 { measured } else { self.of(&fees) };
        let mut left = back + paid + self.near(fee);
        for coin in &mut shape.coins {
            coin.0 = left / 2;
            left -= left / 2;
        }
        shape.coins[0].0 += left;
        shape
    }

    fn coins(&mut self) -> Vec<CoinUse> {
        let coin_use = |dice: &mut Self| CoinUse {
            outpoint: Shape::outpoint(dice.below(8) as usize),
            request: RequestId::from_bytes([dice.next() as u8; 32]),
            number: None,
            state: dice.of(&[CoinState::Signed, CoinState::Open]),
            at: UnixTime::from_millis(dice.below(NOW_SECONDS * 1_000)),
        };
        let count = self.below(12).saturating_sub(8);
        (0..count).map(|_| coin_use(self)).collect()
    }
}

#[test]
fn ten_thousand_random_transactions_are_judged_as_the_oracle_judges() {
    let party = Party::new(2);
    let (own, mut dice) = (own(&party), Dice(2026));
    let mut seen = BTreeMap::<String, usize>::new();
    for number in 0..TRANSACTIONS {
        let (shape, coins) = (dice.shape(&own), dice.coins());
        let now = UnixTime::from_millis(NOW_SECONDS * 1_000);
        let notes = judge(&shape.summary(&party), &Surroundings { now, coins: &coins });
        assert!(notes.is_sorted_by(|one, next| one.severity() >= next.severity()));
        let mut judged = lines(&notes);
        judged.sort();
        assert_eq!(judged, oracle(&shape, &own, &coins), "transaction {number}: {shape:?}");
        for note in notes {
            *seen.entry(format!("{} {}", note.severity(), note.name())).or_default() += 1;
        }
    }
    // Each kind and severity was there to be told apart.
    assert!(seen.values().all(|count| *count > 50), "{seen:#?}");
    // All names but `blind` and `far_address`; the fee's three, `odd_script` and the two of time with two severities.
    assert_eq!(seen.len(), NOTE_NAMES.len() - 2 + 6, "{seen:#?}");
}
