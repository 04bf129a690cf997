//! Every number that can be set, with its unit, its range and its default.

use core::ops::RangeInclusive;

use ensign_wire::{Kind, Role};

use crate::{Allowance, Allowances, HandshakeLimits, REQUESTS_PER_MINUTE_MAX, StrangerLimits};

/// How much anybody may ask of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Each member.
    pub members: Allowances,
    /// Nodes that are none and that we do not want.
    pub strangers: StrangerLimits,
    /// Callers of whom nobody knows yet who they are.
    pub handshakes: HandshakeLimits,
    /// Most open requests, one session for each: 1 to [`OPEN_SESSIONS_MAX`]; whatever is beyond counts as that.
    pub open_sessions: usize,
}

/// Default of [`Limits::open_sessions`]. Specification: 100 sessions.
pub const OPEN_SESSIONS: usize = 100;

/// Most that [`Limits::open_sessions`] may be. Guess: a desk of a few dozen members, each with its share; each
/// open request may hold a payload of a mebibyte.
pub const OPEN_SESSIONS_MAX: usize = 1000;

impl Default for Limits {
    fn default() -> Self {
        Self {
            members: Allowances::default(),
            strangers: StrangerLimits::default(),
            handshakes: HandshakeLimits::default(),
            open_sessions: OPEN_SESSIONS,
        }
    }
}

impl Limits {
    /// Returns the default of a node that has this role in the open network.
    pub fn of_role(role: Role) -> Self {
        let (strangers, handshakes) =
            (StrangerLimits::of_role(role), HandshakeLimits::of_role(role));
        Self { strangers, handshakes, ..Self::default() }
    }
}

/// One allowance that can be set.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name: whose it is, a dot, what it is.
    pub key: &'static str,
    /// The names of its two numbers, of the burst first.
    pub names: [&'static str; 2],
    /// What it is, in one sentence.
    pub about: &'static str,
    /// What is counted of the burst.
    pub unit: &'static str,
    /// The same of each minute.
    pub unit_a_minute: &'static str,
    /// What it may be at once.
    pub burst: RangeInclusive<u64>,
    /// What it may be each minute.
    pub per_minute: RangeInclusive<u64>,
    place: fn(&mut Limits) -> &mut Allowance,
}

impl Setting {
    /// Returns what it is.
    pub fn of(&self, limits: &Limits) -> Allowance {
        let mut copy = *limits;
        *(self.place)(&mut copy)
    }

    /// Makes it something else.
    pub fn set(&self, limits: &mut Limits, value: Allowance) {
        *(self.place)(limits) = value;
    }

    /// Whether members have it: those follow from how many requests they may make, by
    /// [`Allowances::of_requests`].
    pub fn is_of_members(&self) -> bool {
        self.key.starts_with("members.")
    }

    fn check(&self, limits: &Limits) -> Result<(), OutOfRange> {
        let Allowance { burst, per_minute } = self.of(limits);
        let parts = [
            (Part::Burst, burst, &self.burst, self.unit),
            (Part::PerMinute, per_minute, &self.per_minute, self.unit_a_minute),
        ];
        match parts.into_iter().find(|(_, value, range, _)| !range.contains(value)) {
            None => Ok(()),
            Some((part, value, range, unit)) => Err(OutOfRange {
                key: self.key,
                part,
                unit,
                value,
                min: *range.start(),
                max: *range.end(),
            }),
        }
    }
}

/// Which number of an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// At once.
    Burst,
    /// Each minute.
    PerMinute,
}

impl Part {
    /// Returns its name in a setting.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Burst => "burst",
            Self::PerMinute => "per_minute",
        }
    }
}

/// A setting that is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}_{} is {value}, which is not between {min} and {max} {unit}", part.name())]
pub struct OutOfRange {
    /// Which.
    pub key: &'static str,
    /// Which number of it.
    pub part: Part,
    /// What is counted.
    pub unit: &'static str,
    /// What it is.
    pub value: u64,
    /// What it is at least.
    pub min: u64,
    /// What it is at most.
    pub max: u64,
}

/// Makes the list of all settings: name, what it is, unit, the least and the most of a burst.
macro_rules! settings {
    ($($group:ident.$name:ident = $about:literal, $unit:literal, $min:expr, $max:expr;)*) => {
        impl Limits {
            /// Every setting.
            pub const SETTINGS: [Setting; [$($unit),*].len()] = [$(Setting {
                key: concat!(stringify!($group), ".", stringify!($name)),
                names: [
                    concat!(stringify!($group), ".", stringify!($name), "_burst"),
                    concat!(stringify!($group), ".", stringify!($name), "_per_minute"),
                ],
                about: $about,
                unit: concat!($unit, " at once"),
                unit_a_minute: concat!($unit, " a minute"),
                burst: RangeInclusive::new($min, $max),
                per_minute: RangeInclusive::new(1, $max),
                place: |it| &mut it.$group.$name,
            }),*];
        }
    };
}

settings! {
    members.requests = "New requests of one member.", "requests", 1, TIMES * 30;
    members.brought = "New requests that one member brings, whoever made them.", "requests", 1, TIMES * 60;
    members.messages = "Messages in new requests of one member.", "messages", 1, TIMES * 8192;
    members.announced_bytes = "Announcements that one member brings.", "bytes", ANNOUNCE, TIMES * 4 * MIB;
    members.payload_bytes = "Payloads that one member brings.", "bytes", PAYLOAD, TIMES * 32 * MIB;
    members.refusals = "Refusals that one member is told.", "refusals", 1, TIMES * 60;
    members.work = "Work that the frames of one member make.", "compute tokens", WORK, TIMES * 60_000;
    strangers.announcements = "Announcements of one stranger.", "frames", 1, FRAMES;
    strangers.nonces = "Commitments and nonces of one stranger.", "frames", 1, FRAMES;
    strangers.partials = "Partial signatures of one stranger.", "frames", 1, FRAMES;
    strangers.others = "Other frames of one stranger about signing.", "frames", 4, FRAMES;
    strangers.pings = "Questions of one stranger.", "frames", 1, FRAMES;
    strangers.formation = "Frames of one stranger about groups that form.", "frames", 8, FRAMES;
    strangers.dht = "Questions of one stranger in the open network.", "frames", 1, FRAMES;
    strangers.dht_bytes = "Bytes of those.", "bytes", QUESTION, 1024 * MIB;
    strangers.dht_answers = "Answers of one stranger in the open network; what is beyond goes unread.", "frames", 1, FRAMES;
    strangers.bytes = "All that one stranger sends; answers in the open network apart.", "bytes", 64 * 1024, 1024 * MIB;
    strangers.work = "Work that the frames of one stranger make.", "compute tokens", WORK, TOKENS;
    strangers.work_of_address = "The same of all strangers at one address, or in one IPv6 /64.", "compute tokens", WORK, TOKENS;
    strangers.work_of_network = "The same of all strangers in one /24, or IPv6 /48.", "compute tokens", WORK, TOKENS;
    strangers.work_in_all = "The same of all strangers together.", "compute tokens", WORK, TOKENS;
    strangers.first = "Work that the first words of one stranger make, which are heard although what strangers share is used up.", "compute tokens", 1, TOKENS;
    strangers.first_of_address = "The same of all strangers at one address, or in one IPv6 /64.", "compute tokens", 1, TOKENS;
    strangers.first_of_network = "The same of all strangers in one /24, or IPv6 /48.", "compute tokens", 1, TOKENS;
    strangers.first_in_all = "The same of all strangers together.", "compute tokens", 1, TOKENS;
    strangers.paid_in_all = "Work that the frames of all strangers make that have paid for their place.", "compute tokens", WORK, TOKENS;
    handshakes.unproven = "Handshakes of callers that have not shown that they receive at their address; beyond it each has to.", "handshakes", 1, HANDSHAKES;
    handshakes.known = "Handshakes of one address where a peer of your groups or contacts was connected; a part of their own.", "handshakes", 1, HANDSHAKES;
    handshakes.few = "The first handshakes of one address, which come before those of who asks more.", "handshakes", 1, HANDSHAKES;
    handshakes.few_of_site = "The first handshakes of one IPv6 /48.", "handshakes", 1, HANDSHAKES;
    handshakes.few_of_block = "The first handshakes of one IPv6 /32.", "handshakes", 1, HANDSHAKES;
    handshakes.few_in_all = "The first handshakes of all addresses together.", "handshakes", 1, HANDSHAKES;
    handshakes.of_address = "More handshakes of one address, or IPv6 /64.", "handshakes", 1, HANDSHAKES;
    handshakes.of_network = "More handshakes of one /24, or IPv6 /48.", "handshakes", 1, HANDSHAKES;
    handshakes.in_all = "More handshakes of all.", "handshakes", 1, HANDSHAKES;
}

impl Limits {
    /// Looks at every number.
    ///
    /// # Errors
    ///
    /// The first that is out of its range, with its name, unit and range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        Self::SETTINGS.iter().try_for_each(|setting| setting.check(self))
    }
}

/// How many times a member's default it can be allowed: what [`Allowances::of_requests`] makes of the most.
const TIMES: u64 = REQUESTS_PER_MINUTE_MAX / 30;
const MIB: u64 = 1024 * 1024;
/// At least one of the largest: with less nothing of the kind would ever come through.
const ANNOUNCE: u64 = Kind::SessionAnnounce.limit() as u64;
const PAYLOAD: u64 = Kind::Payload.limit() as u64;
const QUESTION: u64 = Kind::DhtHave.limit() as u64;
/// At least the dearest frame.
const WORK: u64 = 256;
/// Guess: five hundred cores.
const TOKENS: u64 = 600_000_000;
/// Guess: a thousand times the default.
const FRAMES: u64 = 100_000;
/// Guess: thrice what a machine of 32 cores does.
const HANDSHAKES: u64 = 10_000_000;
