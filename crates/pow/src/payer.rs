//! The other side: which price we pay. One puzzle at a time.

use alloc::collections::{BTreeMap, VecDeque};

use ensign_primitives::{Instant, Network, Occupancy, PeerId, TaggedHasher};
use ensign_ratelimit::{Allowance, Keyed};
use ensign_wire::{Price, Proof};

use crate::{POW_VERSION, Puzzle};

/// The dearest price that is paid, in zero bits. Guess: four seconds of one core in the mean, so that no
/// node can keep this one busy for long; above what any node asks by default.
pub const BITS_PAYABLE_MAX: u8 = 25;

/// Most peers whose prices, and whose proofs, are kept; a further one is told again at its next
/// connection. Guess: more than anybody waits for at once.
pub const PRICES_MAX: usize = 16;

/// Hashes in the mean that one peer may ask of us, over all its connections. Guess: two of the dearest
/// puzzles or 64 of the first price at once, and a tenth of that a minute: about 1 % of a core.
pub const HASHES_PAYABLE: Allowance = Allowance { burst: 1 << 26, per_minute: (1 << 26) / 10 };

/// Most peers whose budget of hashes is remembered. Guess: more than anybody wants.
const BUDGETS_MAX: usize = 1024;

/// What the driver shall do, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Solve this puzzle on the cores that are to spare, beginning at this number, and tell what comes of it.
    Solve {
        /// Names this puzzle.
        job: u64,
        /// Who asks for it.
        peer: PeerId,
        /// What has to be found.
        puzzle: Puzzle,
        /// Where to begin.
        start: u64,
    },
    /// Nobody needs it any more.
    Stop {
        /// The puzzle.
        job: u64,
    },
    /// Send this proof.
    Send {
        /// To whom.
        peer: PeerId,
        /// What was found.
        proof: Proof,
    },
    /// For the application.
    Event(Paying),
}

/// What the application may tell its user: another node is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paying {
    /// It asks for work, which has begun, or has to wait for other work to end.
    Proving {
        /// The node.
        peer: PeerId,
        /// The price in zero bits: `2^bits` hashes in the mean.
        bits: u8,
    },
    /// The work is done, and was sent.
    Paid {
        /// The node.
        peer: PeerId,
        /// The price in zero bits.
        bits: u8,
    },
    /// It asks for more than is [paid](BITS_PAYABLE_MAX), or for what this version does not know.
    Unpayable {
        /// The node.
        peer: PeerId,
        /// The version of the puzzle.
        version: u8,
        /// The price in zero bits.
        bits: u8,
    },
    /// It has been paid as much work as [one peer gets](HASHES_PAYABLE) for now; its price is not too dear.
    PaidEnough {
        /// The node.
        peer: PeerId,
        /// The price in zero bits.
        bits: u8,
    },
}

/// A price that is to be paid.
#[derive(Clone, Copy, Debug)]
struct Told {
    price: Price,
    /// The smaller, the sooner.
    turn: u64,
    /// Whether the connection that told it is still there.
    is_up: bool,
}

/// The puzzle that is being solved.
#[derive(Clone, Copy, Debug)]
struct Job {
    name: u64,
    peer: PeerId,
    puzzle: Puzzle,
}

/// Pays whom we want to be connected with.
///
/// A puzzle goes on when its connection ends: the node is dialled again, tells the same price for minutes,
/// and is then paid at once. It goes on, too, when the node tells another price: that one waits. Puzzles are
/// solved in the order in which they were asked for, and no peer has more than [`HASHES_PAYABLE`] of
/// them, so that none keeps this node from paying others.
#[derive(Clone, Debug)]
pub struct Payer {
    network: Network,
    /// For whom every puzzle is.
    key: PeerId,
    seed: [u8; 32],
    told: BTreeMap<PeerId, Told>,
    kept: BTreeMap<PeerId, (Puzzle, Proof)>,
    budgets: Keyed<PeerId>,
    job: Option<Job>,
    next: u64,
    steps: VecDeque<Step>,
}

impl Payer {
    /// Begins with nothing to pay.
    ///
    /// - `seed`: 32 bytes, new for each start, so that no number is tried again that has bought its stay.
    pub fn new(network: Network, key: PeerId, seed: [u8; 32]) -> Self {
        let (told, kept) = (BTreeMap::new(), BTreeMap::new());
        let (budgets, steps) = (Keyed::new(BUDGETS_MAX), VecDeque::new());
        Self { network, key, seed, told, kept, budgets, job: None, next: 0, steps }
    }

    /// A peer that we want told its price.
    pub fn told(&mut self, now: Instant, peer: PeerId, price: Price) {
        let Price { version, bits, .. } = price;
        if version != POW_VERSION || bits > BITS_PAYABLE_MAX {
            return self.steps.push_back(Step::Event(Paying::Unpayable { peer, version, bits }));
        }
        let puzzle = Puzzle::of_price(self.network, self.key, price);
        if let Some((of, proof)) = self.kept.remove(&peer)
            && of == (Puzzle { bits: of.bits, ..puzzle })
            && of.bits >= bits
        {
            return self.send(peer, of, proof);
        }
        if self.told.len() >= PRICES_MAX && !self.told.contains_key(&peer) {
            return;
        }
        let (is_own, is_begun) = self
            .job
            .filter(|job| job.peer == peer)
            .map_or((false, false), |job| (true, job.puzzle == puzzle));
        if !is_begun && !self.budgets.take(now, peer, HASHES_PAYABLE, 1 << bits) {
            return self.steps.push_back(Step::Event(Paying::PaidEnough { peer, bits }));
        }
        // Whose puzzle is being solved has had its turn.
        let waits = self.told.get(&peer).filter(|_| !is_own);
        let turn = waits.map_or(self.next, |earlier| earlier.turn);
        self.next += 1;
        self.told.insert(peer, Told { price, turn, is_up: true });
        if is_begun {
            return;
        }
        self.steps.push_back(Step::Event(Paying::Proving { peer, bits }));
        self.begin();
    }

    /// A connection is gone. What is being solved for it goes on.
    pub fn down(&mut self, peer: &PeerId) {
        if self.job.is_some_and(|job| job.peer == *peer) {
            if let Some(told) = self.told.get_mut(peer) {
                told.is_up = false;
            }
        } else {
            self.told.remove(peer);
        }
    }

    /// A peer is wanted no more, or is one that never asks.
    pub fn forget(&mut self, peer: &PeerId) {
        self.told.remove(peer);
        self.kept.remove(peer);
        if let Some(job) = self.job.filter(|job| job.peer == *peer) {
            self.stop(job);
            self.begin();
        }
    }

    /// The driver has solved a puzzle; `None` when it could not. One that nobody waits for, or that is no
    /// solution, changes nothing but that the next one begins.
    pub fn solved(&mut self, job: u64, proof: Option<Proof>) {
        let Some(Job { peer, puzzle, .. }) = self.job.take_if(|it| it.name == job) else { return };
        let proof = proof.filter(|proof| puzzle.check(*proof).is_ok());
        let asked = self.told.remove(&peer).filter(|told| told.is_up);
        match asked.map(|told| (told, Puzzle::of_price(self.network, self.key, told.price))) {
            Some((told, asked)) => match proof.filter(|proof| asked.check(*proof).is_ok()) {
                Some(proof) => self.send(peer, asked, proof),
                // Told another price meanwhile, which waits; or not to be solved.
                None if asked != puzzle => _ = self.told.insert(peer, told),
                None => {}
            },
            None => {
                if let Some(proof) = proof.filter(|_| self.kept.len() < PRICES_MAX) {
                    self.kept.insert(peer, (puzzle, proof));
                }
            }
        }
        self.begin();
    }

    /// Returns what is to be done next, and takes it out.
    pub fn poll(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    fn send(&mut self, peer: PeerId, puzzle: Puzzle, proof: Proof) {
        self.steps.push_back(Step::Send { peer, proof });
        let paid = Paying::Paid { peer, bits: puzzle.bits };
        self.steps.push_back(Step::Event(paid));
    }

    fn stop(&mut self, job: Job) {
        self.job = None;
        self.steps.push_back(Step::Stop { job: job.name });
    }

    /// Begins the next puzzle, if none is being solved.
    fn begin(&mut self) {
        if self.job.is_some() {
            return;
        }
        let Some((peer, told)) = self.told.iter().min_by_key(|(_, told)| told.turn) else { return };
        let (peer, name) = (*peer, self.next);
        let puzzle = Puzzle::of_price(self.network, self.key, told.price);
        self.next += 1;
        self.job = Some(Job { name, peer, puzzle });
        let start = TaggedHasher::new("ensign/pow-start/v1", self.network);
        let start = start.bytes(&self.seed).u64(name).finish();
        let start = start.first_chunk::<8>().map_or(0, |it| u64::from_le_bytes(*it));
        self.steps.push_back(Step::Solve { job: name, peer, puzzle, start });
    }

    /// Returns how full each memory is.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let of = |name, len| Occupancy { name, len, limit: PRICES_MAX };
        let budgets = self.budgets.occupancy("budgets of hashes");
        [of("prices told", self.told.len()), of("proofs kept", self.kept.len()), budgets]
            .into_iter()
    }
}
