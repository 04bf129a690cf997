//! Every number that can be set, with its unit, its range and its default.

use core::ops::RangeInclusive;

use ensign_wire::Kind;

use crate::{Allowance, Allowances, HandshakeLimits, REQUESTS_PER_MINUTE_MAX, StrangerLimits};

/// How much anybody may ask of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Each member.
    pub members: Allowances,
    /// Nodes that are none and that we do not want.
    pub strangers: StrangerLimits,
    /// Callers of whom nobody knows yet who they are.
    pub handshakes: HandshakeLimits,
}

/// One allowance that can be set.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name, with dots.
    pub key: &'static str,
    /// What is counted.
    pub unit: &'static str,
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

    fn check(&self, limits: &Limits) -> Result<(), OutOfRange> {
        let Allowance { burst, per_minute } = self.of(limits);
        let parts =
            [(Part::Burst, burst, &self.burst), (Part::PerMinute, per_minute, &self.per_minute)];
        match parts.into_iter().find(|(_, value, range)| !range.contains(value)) {
            None => Ok(()),
            Some((part, value, range)) => Err(OutOfRange {
                key: self.key,
                part,
                unit: self.unit,
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
#[error("{key}.{} is {value}, which is not between {min} and {max} {unit}", part.name())]
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

impl Limits {
    /// Every setting.
    pub const SETTINGS: [Setting; 24] = [
        row("members.requests", "requests", (1, TIMES * 30), |it| &mut it.members.requests),
        row("members.brought", "requests", (1, TIMES * 60), |it| &mut it.members.brought),
        row("members.messages", "messages", (1, TIMES * 8192), |it| &mut it.members.messages),
        row("members.announced_bytes", "bytes", (ANNOUNCE, TIMES * 4 * MIB), |it| {
            &mut it.members.announced_bytes
        }),
        row("members.payload_bytes", "bytes", (PAYLOAD, TIMES * 32 * MIB), |it| {
            &mut it.members.payload_bytes
        }),
        row("members.refusals", "refusals", (1, TIMES * 60), |it| &mut it.members.refusals),
        row("members.work", "compute tokens", (WORK, TIMES * 60_000), |it| &mut it.members.work),
        row("strangers.announcements", "frames", (1, FRAMES), |it| &mut it.strangers.announcements),
        row("strangers.nonces", "frames", (1, FRAMES), |it| &mut it.strangers.nonces),
        row("strangers.partials", "frames", (1, FRAMES), |it| &mut it.strangers.partials),
        row("strangers.others", "frames", (4, FRAMES), |it| &mut it.strangers.others),
        row("strangers.pings", "frames", (1, FRAMES), |it| &mut it.strangers.pings),
        row("strangers.formation", "frames", (8, FRAMES), |it| &mut it.strangers.formation),
        row("strangers.bytes", "bytes", (64 * 1024, 1024 * MIB), |it| &mut it.strangers.bytes),
        row("strangers.work", "compute tokens", (WORK, 10_000_000), |it| &mut it.strangers.work),
        row("strangers.work_of_address", "compute tokens", (WORK, 10_000_000), |it| {
            &mut it.strangers.work_of_address
        }),
        row("strangers.work_of_network", "compute tokens", (WORK, 10_000_000), |it| {
            &mut it.strangers.work_of_network
        }),
        row("strangers.work_in_all", "compute tokens", (WORK, 10_000_000), |it| {
            &mut it.strangers.work_in_all
        }),
        row("handshakes.unproven", "handshakes", (1, HANDSHAKES), |it| &mut it.handshakes.unproven),
        row("handshakes.few", "handshakes", (1, HANDSHAKES), |it| &mut it.handshakes.few),
        row("handshakes.few_in_all", "handshakes", (1, HANDSHAKES), |it| {
            &mut it.handshakes.few_in_all
        }),
        row("handshakes.of_address", "handshakes", (1, HANDSHAKES), |it| {
            &mut it.handshakes.of_address
        }),
        row("handshakes.of_network", "handshakes", (1, HANDSHAKES), |it| {
            &mut it.handshakes.of_network
        }),
        row("handshakes.in_all", "handshakes", (1, HANDSHAKES), |it| &mut it.handshakes.in_all),
    ];

    /// Looks at every number.
    ///
    /// # Errors
    ///
    /// The first that is out of its range, with its name, unit and range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        Self::SETTINGS.iter().try_for_each(|setting| setting.check(self))
    }
}

const fn row(
    key: &'static str,
    unit: &'static str,
    (min, max): (u64, u64),
    place: fn(&mut Limits) -> &mut Allowance,
) -> Setting {
    let (burst, per_minute) = (RangeInclusive::new(min, max), RangeInclusive::new(1, max));
    Setting { key, unit, burst, per_minute, place }
}

/// How many times a member's default it can be allowed: what [`Allowances::of_requests`] makes of the most.
const TIMES: u64 = REQUESTS_PER_MINUTE_MAX / 30;
const MIB: u64 = 1024 * 1024;
/// At least one of the largest: with less nothing of the kind would ever come through.
const ANNOUNCE: u64 = Kind::SessionAnnounce.limit() as u64;
const PAYLOAD: u64 = Kind::Payload.limit() as u64;
/// At least the dearest frame.
const WORK: u64 = 256;
/// Guess: a thousand times the default.
const FRAMES: u64 = 100_000;
/// Guess: thrice what a machine of 32 cores does.
const HANDSHAKES: u64 = 10_000_000;
