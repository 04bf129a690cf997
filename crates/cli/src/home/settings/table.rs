//! Every setting that there is: the one table behind `ensign.toml`, `ensign config` and the page of settings.
//!
//! To add a number, write two lines into `numbers!` below: what it is as a doc comment, then
//! `NAME = "section.key", "unit", MIN..=MAX, Some(DEFAULT);`. Whoever builds what it sets asks
//! [`Settings::count`](super::Settings::count), [`seconds`](super::Settings::seconds) or
//! [`number`](super::Settings::number) for `&table::NAME`. Text goes into [`TEXTS`], one line, and
//! is asked for by its name with [`text`](super::Settings::text). Nothing else is needed: a new
//! section needs no code, and parsing, `config show`, `config set`, what they refuse and the page
//! `docs/operate/settings.md` (`ENSIGN_BLESS=1 cargo test -p ensign-cli settings`) follow from the row.
//! Bounds and defaults are constants of the crate whose number it is.

use std::{ops::RangeInclusive, sync::LazyLock};

use ensign_coordinator::{QUESTIONS_ALLOWED, QUESTIONS_PER_MEMBER_MAX, QUESTIONS_PER_MINUTE_MAX};
use ensign_deadline::{NOTICE_TIMEOUT_MAX, PHASE_TIMEOUT_MAX};
use ensign_engine::ratelimit::{
    Allowance, Limits, OPEN_SESSIONS as DEFAULT_OPEN_SESSIONS, OPEN_SESSIONS_MAX, REQUESTS_ALLOWED,
    REQUESTS_PER_MINUTE_MAX, Setting,
};
use ensign_engine::{
    overlay::{
        FIRST_NODES_MAX, OverlayConfig,
        book::{OUTBOUND_MAX, TRUSTED_MAX},
    },
    reputation::{MINIMUM, SCORE_MIN},
};
use ensign_primitives::Network;
use ensign_seeds::SEEDS_MAX;
use ensign_wire::{self as wire, NODE_ADDRESSES_MAX, Role};

use super::open;

/// A setting that is a whole number.
#[derive(Debug)]
pub(crate) struct Number {
    /// Where it stands in `ensign.toml`: `key`, or `section.key`.
    pub(crate) name: &'static str,
    /// What it is, in one sentence.
    about: &'static str,
    /// What it counts.
    pub(crate) unit: &'static str,
    /// What it may be.
    pub(crate) range: RangeInclusive<i64>,
    /// What it is where nobody says anything; `None` for no limit.
    pub(crate) default: Option<i64>,
}

/// A setting that is text, or a list of texts.
#[derive(Debug)]
pub(crate) struct Text {
    /// As of a [`Number`].
    pub(crate) name: &'static str,
    /// As of a [`Number`].
    about: &'static str,
    /// The form that it has: `IP:PORT`.
    pub(crate) form: &'static str,
    /// What it is where nobody says anything; `None` where it has to be there.
    pub(crate) default: Option<&'static str>,
    /// What stands in the file.
    pub(crate) shape: Shape,
    /// What is wrong with one; nothing that its form does not say where there is none.
    check: Option<Check>,
    /// Why `config set` does not change it; empty where it does.
    pub(crate) fixed: &'static str,
}

/// Says what is wrong with a text, in a sentence.
type Check = fn(&str) -> Result<(), String>;

/// What stands in the file for a [`Text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One text.
    One,
    /// Several.
    Several {
        /// How many at most; `None` where another rule says so.
        most: Option<usize>,
    },
    /// `true` or `false`.
    Truth,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    /// A whole number.
    Number(&'static Number),
    /// Text.
    Text(&'static Text),
}

impl Key {
    /// Returns the key with a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        all().find(|key| key.name() == name)
    }

    /// Returns where it stands: `key`, or `section.key`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Number(number) => number.name,
            Self::Text(text) => text.name,
        }
    }

    /// Says what it is.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Number(number) => number.about.trim_start(),
            Self::Text(text) => text.about,
        }
    }

    /// Says what it counts, or which form it has.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Number(number) => number.unit,
            Self::Text(text) => text.form,
        }
    }

    /// Says what it may be; empty for a text, which has a form.
    pub(crate) fn range(self) -> String {
        match self {
            Self::Number(Number { range, .. }) => format!("{} to {}", range.start(), range.end()),
            Self::Text(Text { shape: Shape::Several { most: Some(most) }, .. }) => {
                format!("at most {most}")
            }
            Self::Text(_) => String::new(),
        }
    }

    /// Says what it is where nobody says anything.
    pub(crate) fn default(self) -> Option<String> {
        match self {
            Self::Number(number) => number.default.map(|it| it.to_string()),
            Self::Text(text) => text.default.map(str::to_owned),
        }
    }

    /// Says what it is of a node that has a role in the open network, where that is another default: the role, and the
    /// number.
    pub(crate) fn defaults_of_roles(self) -> Vec<(&'static str, String)> {
        let roles = open::ROLES.into_iter();
        let other = roles.filter_map(|(name, role)| Some((name, default_of(self, role)?)));
        other.filter(|(_, value)| self.default().as_ref() != Some(value)).collect()
    }

    /// Whether there are settings in a section.
    pub(crate) fn is_in(section: &str) -> bool {
        all().any(|key| key.name().split_once('.').is_some_and(|(of, _)| of == section))
    }

    /// Whether a node that runs takes it on SIGHUP; the others are in force from the next start on.
    pub(crate) fn is_reloaded(self) -> bool {
        ["policy.", "diversity."].iter().any(|section| self.name().starts_with(section))
    }
}

impl Number {
    /// Says what is wrong with a value: `501 is not between 1 and 500 requests`.
    ///
    /// # Errors
    ///
    /// That sentence.
    pub(crate) fn check(&self, value: i64) -> Result<(), String> {
        let (min, max) = (self.range.start(), self.range.end());
        if self.range.contains(&value) {
            return Ok(());
        }
        Err(format!("{value} is not between {min} and {max} {}", self.unit))
    }
}

impl Text {
    /// Says what is wrong with what was given for it.
    ///
    /// # Errors
    ///
    /// A sentence that says so.
    pub(crate) fn check(&self, each: &[String]) -> Result<(), String> {
        if let Shape::Several { most: Some(most) } = self.shape
            && each.len() > most
        {
            return Err(format!("{} are too many, at most {most} may be named", each.len()));
        }
        let Some(check) = self.check else { return Ok(()) };
        each.iter().try_for_each(|one| check(one))
    }
}

/// Returns every row: texts, then numbers.
pub(crate) fn all() -> impl Iterator<Item = Key> {
    let numbers = NUMBERS.iter().copied().chain(LIMITS.iter());
    TEXTS.iter().map(Key::Text).chain(numbers.map(Key::Number))
}

/// How much may be asked of a node by whom it does not know: two numbers of each.
static LIMITS: LazyLock<Vec<Number>> = LazyLock::new(|| {
    let limits = Limits::SETTINGS.into_iter().filter(|setting| !setting.is_of_members());
    limits.flat_map(numbers_of).collect()
});

/// What a number is of a node with this role, if roles have their own.
fn default_of(key: Key, role: Role) -> Option<String> {
    if key.name() == OUTBOUND.name {
        let outbound = OverlayConfig::new(Network::Bitcoin, role).outbound;
        return Some(outbound.to_string());
    }
    let limits = Limits::of_role(role);
    Limits::SETTINGS.iter().find_map(|setting| {
        let Allowance { burst, per_minute } = setting.of(&limits);
        let [of_burst, of_minute] = setting.names;
        let number = match key.name() {
            name if name == of_burst => burst,
            name if name == of_minute => per_minute,
            _ => return None,
        };
        Some(number.to_string())
    })
}

fn numbers_of(setting: Setting) -> [Number; 2] {
    let Allowance { burst, per_minute } = setting.of(&Limits::default());
    let number = |name, unit, range: RangeInclusive<u64>, default| Number {
        name,
        about: setting.about,
        unit,
        range: *range.start() as i64..=*range.end() as i64,
        default: Some(default as i64),
    };
    let [of_burst, of_minute] = setting.names;
    [
        number(of_burst, setting.unit, setting.burst, burst),
        number(of_minute, setting.unit_a_minute, setting.per_minute, per_minute),
    ]
}

/// Defines each number under its name, and the list of all.
macro_rules! numbers {
    ($(
        #[doc = $about:literal]
        $name:ident = $key:literal, $unit:literal, $min:literal..=$max:expr, $default:expr;
    )*) => {
        $(
            #[doc = $about]
            pub(crate) static $name: Number = Number {
                name: $key,
                about: $about,
                unit: $unit,
                range: $min..=($max as i64),
                default: $default,
            };
        )*

        /// Every number, in the order in which they are shown.
        static NUMBERS: &[&Number] = &[$(&$name),*];
    };
}

/// Most satoshi that there can be: 21 million bitcoin.
const SATOSHI_MAX: i64 = 2_100_000_000_000_000;

// A bound is written out, and is the one of its crate.
const _: () = assert!(SCORE_MIN == -100);

numbers! {
    /// New requests of each member that are taken; its other budgets follow in proportion.
    REQUESTS_PER_MINUTE = "requests_per_minute", "requests a minute", 1..=REQUESTS_PER_MINUTE_MAX, Some(REQUESTS_ALLOWED.per_minute as i64);

    /// Score below which a node that is none of ours is not let in; `ensign net peers` shows scores.
    MIN_PEER_REPUTATION = "limits.min_peer_reputation", "points", -100..=0, Some(MINIMUM as i64);
    /// Most open requests, one session for each.
    OPEN_SESSIONS = "limits.open_sessions", "requests", 1..=OPEN_SESSIONS_MAX, Some(DEFAULT_OPEN_SESSIONS as i64);
    /// How often our user is asked what one member wants, once the first 25 were asked.
    ASKED_PER_MINUTE = "limits.asked_per_minute", "questions a minute", 1..=QUESTIONS_PER_MINUTE_MAX, Some(QUESTIONS_ALLOWED.per_minute as i64);

    /// Most requests of one member that wait for our user to be asked; further ones are left open, and nobody is asked.
    WAITING_PER_MEMBER = "limits.waiting_per_member", "requests", 1..=QUESTIONS_PER_MEMBER_MAX, Some(QUESTIONS_PER_MEMBER_MAX as i64);

    /// Until a signer that has not acknowledged a request is named; the request stays open.
    INIT_TIMEOUT = "phase_timeouts.init", "seconds", 10..=NOTICE_TIMEOUT_MAX.as_secs(), Some(60);
    /// For the nonces of all, once all have joined; then who is silent is named, and the attempt ends.
    NONCES_TIMEOUT = "phase_timeouts.nonces", "seconds", 10..=PHASE_TIMEOUT_MAX.as_secs(), Some(120);
    /// For the partial signatures of all, once all nonces are there; then who is silent is named, and the attempt ends.
    PARTIALS_TIMEOUT = "phase_timeouts.partials", "seconds", 10..=PHASE_TIMEOUT_MAX.as_secs(), Some(120);
    /// How long a finished session answers those who miss something.
    LINGER_TIMEOUT = "phase_timeouts.linger", "seconds", 10..=NOTICE_TIMEOUT_MAX.as_secs(), Some(120);

    /// Zero bits of the work behind a place in the open network, the same for all nodes of one network: each more is twice the work.
    POSITION_BITS = "net.position_bits", "bits", 0..=40, Some(wire::POSITION_BITS as i64);
    /// Connections that are kept with nodes of the open network.
    OUTBOUND = "net.outbound", "connections", 1..=OUTBOUND_MAX, Some(OUTBOUND_MAX as i64);

    /// Most that may leave a group at once, fee included.
    AMOUNT_MAX = "policy.amount_max", "satoshi", 1..=SATOSHI_MAX, None;
    /// Most of fee.
    FEE_MAX = "policy.fee_max", "satoshi", 1..=SATOSHI_MAX, None;
    /// Most of fee for each virtual byte.
    FEE_RATE_MAX = "policy.fee_rate_max", "satoshi for each virtual byte", 1..=SATOSHI_MAX, None;
}

/// Every text, in the order in which they are shown.
static TEXTS: &[Text] = &[
    text("name", "text", "What the signer calls itself."),
    text("network", "bitcoin, testnet4, signet or regtest", "The chain.")
        .fixed("keys, groups and codes belong to one chain: make another home with `ensign init`"),
    text("listen", "IP:PORT", "Where the node listens, UDP."),
    text(
        "advertise",
        "HOST:PORT, ..",
        "Where the others dial it, if that is not where it listens.",
    )
    .several(),
    text(
        "signer",
        "66 hex digits",
        "The public signer key, when another process has the secret one.",
    )
    .or("")
    .fixed("`ensign key split` writes it"),
    text("policy.refuse", "NOTE, ..", "Notes of a transaction that are refused.").several(),
    text("policy.payees", "any or listed", "Who may be paid.").or("any"),
    text(
        "diversity.prefix_table",
        "FILE",
        "A table of who announces which addresses, plain or gzip: strangers are counted by provider too.",
    )
    .or(""),
    text(
        "net.open",
        "true or false",
        "Whether this home takes part in the open network, where any node finds any other; `ensign up --open` sets it.",
    )
    .truth("false"),
    text(
        "net.role",
        "signer, bootstrap or light",
        "What the node is in the open network: signer and bootstrap answer and store for others, light only asks.",
    )
    .or("signer")
    .checked(open::check_role),
    text("net.bootstrap", "CODE or DNS NAME, ..", "Whom to ask first: nodes by their contact codes, seeds by their names.")
        .up_to(BOOTSTRAP_MAX)
        .checked(open::check_first),
    text("net.resolver", "IP[:PORT], ..", "DNS servers that are asked about seeds, in place of the system's.")
        .up_to(RESOLVERS_MAX)
        .checked(open::check_resolver),
    text(
        "net.addresses",
        "IP:PORT, ..",
        "Where strangers reach this node, in place of `advertise` and of the address in `listen`. None of them: what others dial back.",
    )
    .up_to(NODE_ADDRESSES_MAX)
    .checked(open::check_address),
    text(
        "net.local",
        "true or false",
        "Whether private and loopback addresses count in the open network: for a network of one's own, and tests.",
    )
    .truth("false"),
    text("net.trusted", "CODE, ..", "Nodes with which a connection is always kept: who cuts this node off has to cut off these too.")
        .up_to(TRUSTED_MAX)
        .checked(open::check_code),
];

/// Most entries of `net.bootstrap`: the nodes and the seeds that are looked at.
const BOOTSTRAP_MAX: usize = FIRST_NODES_MAX + SEEDS_MAX;

/// Most DNS servers. Guess: a few times what `resolv.conf(5)` takes.
const RESOLVERS_MAX: usize = 8;

/// A text that has to be there.
const fn text(name: &'static str, form: &'static str, about: &'static str) -> Text {
    let (shape, check) = (Shape::One, None);
    Text { name, about, form, default: None, shape, check, fixed: "" }
}

impl Text {
    /// What it is where nobody says anything.
    const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// It is any number of texts.
    const fn several(self) -> Self {
        Self { default: Some(""), shape: Shape::Several { most: None }, ..self }
    }

    /// It is at most so many texts.
    const fn up_to(self, most: usize) -> Self {
        Self { default: Some(""), shape: Shape::Several { most: Some(most) }, ..self }
    }

    /// It is true or false.
    const fn truth(self, default: &'static str) -> Self {
        Self { default: Some(default), shape: Shape::Truth, ..self }
    }

    /// What is wrong with one.
    const fn checked(self, check: Check) -> Self {
        Self { check: Some(check), ..self }
    }

    /// Why `config set` does not change it.
    const fn fixed(self, fixed: &'static str) -> Self {
        Self { fixed, ..self }
    }
}
