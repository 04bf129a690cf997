//! The address book of a node that hears whatever bytes say: nobody panics, and every collection stays
//! within its limit.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use ensign_book::{Book, BookConfig, Input, OUTBOUND_MAX, Output, Restored, Source};
use ensign_diversity::PrefixTable;
use ensign_identity::NodeKey;
use ensign_primitives::{Direction, Instant, Network, Now, PeerId, StateMachine, UnixTime};
use ensign_wire::{Node, NodeRecord, Proof, RecordRules, Role, Scope, position_epoch};

const NETWORK: Network = Network::Regtest;
/// 2026-01-01 00:00 UTC.
const START: u64 = 1_767_225_600_000;
/// Most steps of one input.
const STEPS_MAX: usize = 256;
/// How many nodes there are.
const NODES: u8 = 16;

/// Each step is a byte that says what happens, and one that says to whom or for how long.
///
/// # Panics
///
/// When a collection grows beyond its limit.
pub fn book(data: &[u8]) {
    let mut world = World::new();
    for step in data.chunks_exact(2).take(STEPS_MAX) {
        let &[act, what] = step else { return };
        world.step(act, what);
        for full in world.book.occupancy() {
            assert!(full.is_within_limit(), "{full:?}");
        }
    }
}

struct World {
    book: Book<NodeRecord>,
    records: Vec<NodeRecord>,
    millis: u64,
    dials: VecDeque<(PeerId, SocketAddr)>,
    comparisons: VecDeque<u64>,
}

fn now(millis: u64) -> Now {
    let unix = UnixTime::from_millis(START + millis);
    Now { instant: Instant::from_micros(millis * 1000), unix }
}

fn record(number: u8) -> NodeRecord {
    let key = NodeKey::from_secret_bytes([number + 1; 32]).expect("a secret key");
    let issued = now(0).unix;
    // Two of each network.
    let address = ([8, 8, number / 2, number + 1], 4000).into();
    let node = Node {
        role: Role::Signer,
        addresses: vec![address],
        expires: issued.after(Duration::from_secs(12 * 3600)),
        proof: Proof { version: 1, epoch: position_epoch(issued), nonce: 0 },
    };
    NodeRecord::new(&key, NETWORK, issued, node).expect("within limits")
}

impl World {
    fn new() -> Self {
        let records: Vec<_> = (0..NODES).map(record).collect();
        let trusted = records.last().map(|it| (it.peer(), it.node().addresses.clone()));
        let config = BookConfig {
            local: PeerId::from_bytes([9; 32]),
            network: NETWORK,
            terms: RecordRules { network: NETWORK, bits: 0, scope: Scope::Global },
            outbound: OUTBOUND_MAX,
            trusted: trusted.into_iter().collect(),
        };
        let prefixes = Arc::new(PrefixTable::default());
        let book = Book::new(config, now(0), [5; 32], prefixes, Restored::default());
        let (dials, comparisons) = (VecDeque::new(), VecDeque::new());
        Self { book, records, millis: 0, dials, comparisons }
    }

    fn step(&mut self, act: u8, what: u8) {
        if let Some(input) = self.input(act, what) {
            self.book.handle_input(now(self.millis), input);
        }
        while let Some(output) = self.book.poll_output() {
            match output {
                Output::Dial { peer, address } => self.dials.push_back((peer, address)),
                Output::Compare { round, .. } => self.comparisons.push_back(round),
                Output::Close { .. }
                | Output::Ask { .. }
                | Output::Tell { .. }
                | Output::Offense { .. }
                | Output::Note(_)
                | Output::Event(_) => {}
            }
        }
    }

    fn input(&mut self, act: u8, what: u8) -> Option<Input<NodeRecord>> {
        let who = self.records.get(usize::from(what % NODES))?.clone();
        let (peer, remote) = (who.peer(), *who.node().addresses.first()?);
        Some(match act % 11 {
            0 => Input::Learned { record: who, source: Source::Seed(u16::from(what / NODES)) },
            1 => Input::Learned { record: who, source: Source::Node(remote) },
            2 => Input::Up { peer, remote, direction: Direction::Inbound },
            3 => {
                let (peer, remote) = self.dials.pop_front()?;
                Input::Up { peer, remote, direction: Direction::Outbound }
            }
            4 => {
                let (peer, address) = self.dials.pop_front()?;
                Input::DialFailed { peer, address }
            }
            5 => Input::Down { peer },
            6 => Input::Asked { from: peer },
            7 => Input::Told { from: peer, records: self.told(what) },
            8 => {
                let near = self.records.iter().map(NodeRecord::peer).collect();
                let round = self.comparisons.pop_front().unwrap_or(u64::from(what));
                Input::Compared { round, near, apart: vec![peer; usize::from(what)] }
            }
            9 => {
                self.book.exclude(now(self.millis), peer);
                return None;
            }
            _ => {
                // From a sixteenth of a second to half a day.
                self.millis += u64::from(what) * u64::from(what) * 700;
                self.book.handle_timeout(now(self.millis));
                return None;
            }
        })
    }

    /// So many in a row, now and then with one that is not signed.
    fn told(&self, what: u8) -> Vec<NodeRecord> {
        let count = usize::from(what / NODES) * 4;
        let mut told: Vec<_> =
            self.records.iter().cycle().skip(usize::from(what)).take(count).cloned().collect();
        if what.is_multiple_of(7)
            && let Some(last) = told.last_mut()
        {
            let mut bytes = last.encode();
            bytes.iter_mut().last().into_iter().for_each(|byte| *byte ^= 1);
            *last = NodeRecord::decode(&bytes, NETWORK).expect("only the signature differs");
        }
        told
    }
}
