//! The engine: three whole nodes, one of whose keys the input may use, and a stranger. Whatever
//! arrives, breaks or restarts, nobody panics, no attempt is joined twice, nothing is signed without
//! consent, no nonce serves twice, and nobody honest is blamed.

mod node;
pub(crate) mod people;
mod world;

use world::World;

/// Most steps of one input.
const STEPS_MAX: usize = 256;

/// Reads `data` as a list of steps, carries them out, and lets time run out at the end.
///
/// Each step is one byte, its arguments follow.
pub fn engine(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut world = World::new();
    for _ in 0..STEPS_MAX {
        if bytes.0.is_empty() {
            break;
        }
        step(&mut world, &mut bytes);
    }
    world.run_out();
}

fn step(world: &mut World, bytes: &mut Bytes<'_>) {
    match bytes.next() % 16 {
        0 => world.run_a_round(),
        1 => world.deliver(bytes.next()),
        2 => world.answer(bytes.next()),
        3 => world.propose(bytes.next(), bytes.next()),
        4 => world.approve(bytes.next(), bytes.next()),
        5 => world.stop(bytes.next(), bytes.next()),
        6 => world.pass_time(bytes.next()),
        7 => world.cut(bytes.next()),
        8 => world.connect(bytes.next()),
        9 => world.restart(bytes.next()),
        10 => world.replay(bytes.next(), bytes.next(), bytes.next()),
        11 => world.spoil(bytes.next(), bytes.next(), bytes.next()),
        12 => world.forge(bytes.next(), bytes.next(), bytes.next()),
        13 => world.starve(bytes.next()),
        14 => {
            let (to, kind, len) = (bytes.next(), bytes.next(), bytes.next());
            let body: Vec<u8> = (0..len).map(|_| bytes.next()).collect();
            world.babble(to, kind, body);
        }
        _ => world.run_to_rest(),
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
