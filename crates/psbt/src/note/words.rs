//! The sentence that each note says.

use core::fmt;

use bitcoin::absolute::LockTime;
use bitcoin::relative::LockTime as RelativeLockTime;
use ensign_primitives::UnixTime;

use super::fact::{FeeFact, OutputFact};
use super::judge::{VERSION_SHORT, VERSION_SHORT_VBYTES_MAX};
use super::{CoinState, CoinUse, Fact, Note, Severity};
use crate::amount::{Btc, Grouped};
use crate::calendar::{Date, Span};
use crate::output_kind::{DATA_BYTES_RELAYED, MULTISIG_KEYS_RELAYED};
use crate::{GAP_LIMIT, OutputKind};

/// Seconds between two blocks, as far as the network can see to it.
pub(super) const BLOCK_SECONDS: u64 = 600;
/// Seconds of one unit of a relative lock time ([BIP-0068]).
///
/// [BIP-0068]: <https://github.com/bitcoin/bips/blob/master/bip-0068.mediawiki>
pub(super) const AGE_UNIT_SECONDS: u64 = 512;

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fact {
            Fact::Blind { messages } => {
                let what = if *messages == 1 { "message" } else { "messages" };
                write!(
                    f,
                    "nobody can see what this does: {} {what} of 32 bytes, without a transaction",
                    Grouped(*messages as u64)
                )
            }
            Fact::Fee { fee, what } => what.fmt(f, *fee),
            Fact::Output { output, amount, what } => what.fmt(f, *output, *amount),
            Fact::Version { version: VERSION_SHORT, .. } => write!(
                f,
                "no node relays a transaction of version {VERSION_SHORT} of more than {} vB",
                Grouped(VERSION_SHORT_VBYTES_MAX)
            ),
            Fact::Version { version, .. } => write!(
                f,
                "no node relays a transaction of version {version}; versions 1 to 3 are relayed"
            ),
            Fact::Coin { input, other } => fmt_coin(f, *input, other, self.judged_at),
            Fact::LockTime { lock, has_passed } => fmt_lock_time(f, *lock, *has_passed, self),
            Fact::RelativeAge { input, age } => fmt_age(f, *input, *age),
            Fact::Replaceable => {
                f.write_str("another transaction may replace it until it confirms")
            }
            Fact::AddressReuse => f.write_str(
                "it pays back to an address that was used before, so what the group does can be linked; \
                 each payment can have an address of its own",
            ),
        }
    }
}

impl FeeFact {
    fn fmt(self, f: &mut fmt::Formatter<'_>, fee: u64) -> fmt::Result {
        let percent_of =
            |whole: u64| fee.saturating_mul(100).checked_div(whole).unwrap_or(u64::MAX);
        match self {
            Self::Rate { vsize, limit } => {
                let (rate, limit) = (Rate { fee, vsize }, Grouped(limit));
                write!(f, "the fee rate is {rate} sat/vB, above {limit} sat/vB")
            }
            Self::Low { vsize } if fee.saturating_mul(10) < vsize => write!(
                f,
                "the fee rate is {} sat/vB; no node relays below 0.1 sat/vB",
                Rate { fee, vsize }
            ),
            Self::Low { vsize } => write!(
                f,
                "the fee rate is {} sat/vB; many nodes relay nothing below 1 sat/vB",
                Rate { fee, vsize }
            ),
            Self::Amount { limit } => write!(f, "the fee is {}, above {}", Btc(fee), Btc(limit)),
            Self::ShareOfLeaving { whole } => {
                write!(f, "the fee is {} % of what leaves the group", percent_of(whole))
            }
            Self::ShareOfSpent { whole } => write!(
                f,
                "the fee is {} % of what is spent, and nothing else leaves the group",
                percent_of(whole)
            ),
            Self::Zero => f.write_str("there is no fee; no node relays that by itself"),
        }
    }
}

/// A fee rate with two decimals, rounded down.
struct Rate {
    fee: u64,
    vsize: u64,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.fee.saturating_mul(100).checked_div(self.vsize).unwrap_or(u64::MAX);
        write!(f, "{}.{:02}", Grouped(hundredths / 100), hundredths % 100)
    }
}

impl OutputFact {
    fn fmt(self, f: &mut fmt::Formatter<'_>, output: usize, amount: u64) -> fmt::Result {
        let btc = Btc(amount);
        match self {
            Self::NotAPoint => write!(
                f,
                "{btc} in output {output} would be lost for ever: its taproot key is no point of \
                 the curve"
            ),
            Self::EmptyScript => {
                write!(f, "{btc} in output {output} could be taken by anybody: its script is empty")
            }
            Self::OddScript { kind } => fmt_odd(f, output, amount, kind),
            Self::FarAddress { path } => write!(
                f,
                "{btc} in output {output} come back to address {path} of the group, further out than \
                 wallets look for coins: more than {GAP_LIMIT} behind the last one known here"
            ),
            Self::DataValue => write!(
                f,
                "{btc} in output {output} would be lost for ever: the output only carries data"
            ),
            Self::DataSize { is_pushes: false, .. } => write!(
                f,
                "output {output} carries data that no node relays: more than pushes follow \
                 OP_RETURN"
            ),
            Self::DataSize { is_first: false, .. } => write!(
                f,
                "output {output} carries data that many nodes do not relay: it is not the only one"
            ),
            Self::DataSize { bytes, .. } => write!(
                f,
                "output {output} carries data that many nodes do not relay: {} bytes, above \
                 {DATA_BYTES_RELAYED}",
                Grouped(bytes as u64)
            ),
            Self::Dust { threshold } => write!(
                f,
                "output {output} is dust that nodes do not relay: {} sat, below {threshold} sat",
                Grouped(amount)
            ),
        }
    }
}

/// Says what is odd about a script.
fn fmt_odd(
    f: &mut fmt::Formatter<'_>,
    output: usize,
    amount: u64,
    kind: OutputKind,
) -> fmt::Result {
    let amount = Btc(amount);
    match kind {
        OutputKind::FutureWitness { version } => write!(
            f,
            "{amount} in output {output} could be taken by any miner: witness version {version} \
             and its length have no rules yet"
        ),
        OutputKind::AnyoneCanSpend => write!(
            f,
            "{amount} in output {output} could be taken by anybody: its script asks for nothing"
        ),
        OutputKind::Anchor => write!(
            f,
            "{amount} in output {output} could be taken by anybody: it is an anchor output"
        ),
        OutputKind::Unspendable => write!(
            f,
            "{amount} in output {output} would be lost for ever: its script can never be fulfilled"
        ),
        OutputKind::Pubkey => write!(
            f,
            "output {output} pays {amount} to a bare public key; it has no address to compare"
        ),
        OutputKind::Multisig { keys } => {
            let why = if keys > MULTISIG_KEYS_RELAYED {
                "no node relays that"
            } else {
                "it has no address to compare"
            };
            write!(f, "output {output} pays {amount} to a bare multisig of {keys} keys; {why}")
        }
        OutputKind::NonStandard => write!(
            f,
            "{amount} in output {output} may be lost, or anybody's: what its script asks for is not \
             known, and no node relays it"
        ),
        OutputKind::PubkeyHash
        | OutputKind::ScriptHash
        | OutputKind::WitnessPubkeyHash
        | OutputKind::WitnessScriptHash
        | OutputKind::Taproot
        | OutputKind::NotAPoint
        | OutputKind::Data { .. }
        | OutputKind::Empty => write!(
            f,
            "output {output} pays {amount} to a script of an unknown kind; no node relays that"
        ),
    }
}

fn fmt_coin(
    f: &mut fmt::Formatter<'_>,
    input: usize,
    other: &CoinUse,
    now: UnixTime,
) -> fmt::Result {
    write!(f, "the coin of input {input} is spent by request ")?;
    let id = other.request.short();
    match other.number {
        Some(number) => write!(f, "#{number} ({id}) too, ")?,
        None => write!(f, "{id} too, ")?,
    }
    let age = Span(now.since(other.at).as_secs());
    match other.state {
        CoinState::Signed => write!(f, "signed {age} ago; only one of them can confirm"),
        CoinState::Open => write!(f, "open for {age}; only one of them can confirm"),
    }
}

fn fmt_lock_time(
    f: &mut fmt::Formatter<'_>,
    lock: LockTime,
    has_passed: bool,
    note: &Note,
) -> fmt::Result {
    let now = note.judged_at;
    let time = match lock {
        LockTime::Blocks(height) => {
            let height = Grouped(height.to_consensus_u32().into());
            write!(f, "it cannot confirm up to block {height}")?;
            let is_far = note.severity > Severity::Info;
            return f.write_str(if is_far { ", far above the height of any chain" } else { "" });
        }
        LockTime::Seconds(time) => u64::from(time.to_consensus_u32()),
    };
    if has_passed {
        write!(f, "it could not confirm up to {}, which has passed", Date(time))
    } else {
        let left = Span(time.saturating_sub(now.as_millis() / 1000));
        write!(f, "it cannot confirm up to {}, {left} from now", Date(time))
    }
}

fn fmt_age(f: &mut fmt::Formatter<'_>, input: usize, age: RelativeLockTime) -> fmt::Result {
    write!(f, "it cannot confirm until the coin of input {input} is ")?;
    match age {
        RelativeLockTime::Blocks(blocks) => {
            let blocks = u64::from(blocks.value());
            let (span, count) = (Span(blocks * BLOCK_SECONDS), Grouped(blocks));
            let plural = if blocks == 1 { "" } else { "s" };
            write!(f, "about {span} old ({count} block{plural})")
        }
        RelativeLockTime::Time(time) => {
            write!(f, "{} old", Span(u64::from(time.value()) * AGE_UNIT_SECONDS))
        }
    }
}
