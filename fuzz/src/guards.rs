//! The guards of an engine: one node, an honest member, a member that does as it likes, and strangers
//! from everywhere. Whatever they send and however the clocks jump, nobody panics, everything stays within
//! its bounds, and the honest member's connection stays and is answered.

mod siege;

use siege::Siege;

/// Most steps of one input.
const STEPS_MAX: usize = 512;

/// Reads `data` as a list of steps, and carries them out.
///
/// Each step is one byte, its arguments follow.
pub fn guards(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut siege = Siege::new();
    for _ in 0..STEPS_MAX {
        if bytes.0.is_empty() {
            break;
        }
        step(&mut siege, &mut bytes);
    }
    siege.end();
}

fn step(siege: &mut Siege, bytes: &mut Bytes<'_>) {
    match bytes.next() % 17 {
        0 => siege.arrive(bytes.next(), bytes.next(), bytes.next()),
        1 => siege.crowd(bytes.next(), bytes.next()),
        2 => siege.leave(bytes.next()),
        3 => siege.say_hello(bytes.next()),
        4 => {
            let (from, kind, len) = (bytes.next(), bytes.next(), bytes.next());
            let body: Vec<u8> = (0..len).map(|_| bytes.next()).collect();
            siege.babble(from, kind, body);
        }
        5 => siege.flood(bytes.next(), bytes.next(), bytes.next()),
        6 => siege.echo(bytes.next(), bytes.next(), bytes.next()),
        7 => siege.propose(bytes.next(), bytes.next()),
        8 => siege.cancel(bytes.next()),
        9 => siege.abort(bytes.next(), bytes.next()),
        10 => siege.pay_load(bytes.next(), bytes.next()),
        11 => siege.pass_time(bytes.next()),
        12 => siege.set_clock(bytes.next()),
        13 => siege.say_word(bytes.next(), bytes.next()),
        14 => siege.drop_frames(bytes.next(), bytes.next()),
        15 => siege.greet(),
        _ => siege.pay(bytes.next(), bytes.next(), bytes.next()),
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
