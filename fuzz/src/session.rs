//! The session machine: three signers, one of whom the input may forge. Whatever arrives, in
//! whatever order, nobody panics, the honest keep the rules of safety, and only the forger is blamed.

mod group;
mod honest;
mod table;

use table::Table;

/// Most steps of one input.
const STEPS_MAX: usize = 256;

/// Reads `data` as a list of steps, carries them out, and lets time run out at the end.
///
/// The first byte chooses mode and number of messages. Each step is one byte, its arguments follow.
pub fn session(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut table = Table::new(bytes.next());
    for _ in 0..STEPS_MAX {
        if bytes.0.is_empty() {
            break;
        }
        step(&mut table, &mut bytes);
    }
    table.run_out();
}

fn step(table: &mut Table, bytes: &mut Bytes<'_>) {
    match bytes.next() % 16 {
        0..=3 => table.deliver_next(),
        4 => table.deliver(bytes.next()),
        5 => table.replay(bytes.next(), bytes.next()),
        6 => table.spoil(bytes.next(), bytes.next(), bytes.next()),
        7 => table.forge(bytes.next(), bytes.next(), bytes.next()),
        8 => table.give_entropy(bytes.next()),
        9 => table.make_durable(bytes.next()),
        10 => table.approve(bytes.next()),
        11 => table.stop(bytes.next()),
        12 => table.pass_time(bytes.next()),
        13 => table.connect(bytes.next(), bytes.next()),
        14 => table.reuse_nonce(bytes.next()),
        _ => table.run_a_round(),
    }
}

/// The rest of the input; zeros once it is used up.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }
}
