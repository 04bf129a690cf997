//! Which notes a transaction earns.

use bitcoin::absolute::LockTime;
use bitcoin::relative::LockTime as RelativeLockTime;
use ensign_primitives::UnixTime;

use super::fact::{FeeFact, OutputFact};
use super::words::{AGE_UNIT_SECONDS, BLOCK_SECONDS};
use super::{CoinUse, Fact, Note, Severity, Surroundings};
use crate::output_kind::DATA_BYTES_RELAYED;
use crate::{OutputKind, OwnKey, PaidOutput, Summary};

/// A fee above this many satoshi per virtual byte is grave: Bitcoin Core broadcasts nothing above
/// it unless told to (`maxfeerate` of `sendrawtransaction`, 0.10 BTC/kvB).
pub const FEE_RATE_GRAVE: u64 = 10_000;
/// A fee above this many satoshi per virtual byte earns a warning. Guess: few blocks ever asked for
/// more.
pub const FEE_RATE_WARNING: u64 = 500;
/// A fee below this many satoshi per virtual byte earns a warning: what nodes relayed at least before
/// Bitcoin Core 29.1, which asks for a tenth of it (`-minrelaytxfee`).
pub const FEE_RATE_LOW: u64 = 1;
/// A fee above this many satoshi is grave: what Bitcoin Core's wallet pays at most (`-maxtxfee`,
/// 0.1 BTC).
pub const FEE_GRAVE: u64 = 10_000_000;
/// A fee above this many satoshi earns a warning. Guess: a tenth of [`FEE_GRAVE`].
pub const FEE_WARNING: u64 = 1_000_000;
/// A fee above this share of what leaves the group earns a warning, above half of it a grave one.
/// Guess: nobody pays 10 % knowingly.
pub const FEE_SHARE_WARNING_PERCENT: u64 = 10;
const FEE_SHARE_GRAVE_PERCENT: u64 = 50;
/// A transaction that cannot confirm for longer than this many seconds earns a warning, and so does
/// one whose coins must be older. Guess: nobody waits for more than a year on purpose.
pub const WAIT_SECONDS_WARNING: u64 = 365 * 86_400;
/// When the chain began (the time in its first block).
const GENESIS_SECONDS: u64 = 1_231_006_505;
/// Seconds between two blocks at least, over years. Guess: 5 % below the 600 that are aimed at; it
/// was 3 % until 2025.
const BLOCK_SECONDS_LEAST: u64 = 570;
/// The transaction versions that nodes relay (`TX_MIN_STANDARD_VERSION` and
/// `TX_MAX_STANDARD_VERSION` of Bitcoin Core 28).
const VERSIONS_RELAYED: core::ops::RangeInclusive<i32> = 1..=3;
/// The version whose transactions nodes relay only if they are short ([BIP-0431]).
///
/// [BIP-0431]: <https://github.com/bitcoin/bips/blob/master/bip-0431.mediawiki>
pub(crate) const VERSION_SHORT: i32 = 3;
/// Most virtual bytes of such a transaction.
pub(crate) const VERSION_SHORT_VBYTES_MAX: u64 = 10_000;

/// Judges what a transaction does; the gravest notes first.
///
/// Pure: equal arguments give equal notes, and time alone changes a note only when a lock time
/// passes or is no longer [far away](WAIT_SECONDS_WARNING). At most a few notes an input or output, and one for each of `surroundings.coins`.
///
/// Cost: linear in inputs, outputs and their coins.
pub fn judge(summary: &Summary, surroundings: &Surroundings<'_>) -> Vec<Note> {
    let mut notes = Notes { judged_at: surroundings.now, notes: Vec::new() };
    notes.on_fee_rate(summary);
    notes.on_fee(summary);
    notes.on_fee_share(summary);
    notes.on_outputs(summary);
    notes.on_version(summary);
    notes.on_coins(summary, surroundings);
    notes.on_time(summary, surroundings.now);
    notes.on_change(summary);
    notes.gravest_first()
}

/// What is known of the fee of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KnownFee {
    Nothing,
    /// How much it is.
    Amount,
    /// Also for how many bytes.
    Rate,
}

/// Judges what can be judged of a transaction without knowing whose coins it spends.
///
/// - `summary`: without inputs, no output ours, and a size that it has at least.
/// - `known`: what of its fee means anything.
pub(crate) fn judge_outline(summary: &Summary, known: KnownFee, now: UnixTime) -> Vec<Note> {
    let mut notes = Notes { judged_at: now, notes: Vec::new() };
    if known >= KnownFee::Rate {
        notes.on_fee_rate(summary);
    }
    if known >= KnownFee::Amount {
        notes.on_fee(summary);
    }
    notes.on_outputs(summary);
    notes.on_version(summary);
    notes.on_time(summary, now);
    notes.gravest_first()
}

/// Returns the one note about messages without a transaction: nobody can see what they do.
pub fn judge_blind(messages: usize) -> Vec<Note> {
    let judged_at = UnixTime::from_millis(0);
    vec![Note { fact: Fact::Blind { messages }, severity: Severity::Grave, judged_at }]
}

struct Notes {
    judged_at: UnixTime,
    notes: Vec<Note>,
}

impl Notes {
    fn push(&mut self, severity: Severity, fact: Fact) {
        self.notes.push(Note { fact, severity, judged_at: self.judged_at });
    }

    /// The gravest first; what is equally grave stays in the order of the transaction.
    fn gravest_first(mut self) -> Vec<Note> {
        self.notes.sort_by_key(|note| core::cmp::Reverse(note.severity));
        self.notes
    }

    /// The fee against bounds that hold for a larger transaction too.
    fn on_fee(&mut self, summary: &Summary) {
        let (fee, vsize) = (summary.fee, summary.vsize);
        if fee == 0 {
            self.push(Severity::Warning, Fact::Fee { fee, what: FeeFact::Zero });
        } else if fee < vsize.saturating_mul(FEE_RATE_LOW) {
            self.push(Severity::Warning, Fact::Fee { fee, what: FeeFact::Low { vsize } });
        }
        let bounds = [(Severity::Grave, FEE_GRAVE), (Severity::Warning, FEE_WARNING)];
        if let Some((severity, limit)) = bounds.into_iter().find(|(_, limit)| fee > *limit) {
            self.push(severity, Fact::Fee { fee, what: FeeFact::Amount { limit } });
        }
    }

    fn on_fee_rate(&mut self, summary: &Summary) {
        let (fee, vsize) = (summary.fee, summary.vsize);
        let bounds = [(Severity::Grave, FEE_RATE_GRAVE), (Severity::Warning, FEE_RATE_WARNING)];
        let above = |(_, limit): &(_, u64)| fee > limit.saturating_mul(vsize);
        if let Some((severity, limit)) = bounds.into_iter().find(above) {
            self.push(severity, Fact::Fee { fee, what: FeeFact::Rate { vsize, limit } });
        }
    }

    fn on_fee_share(&mut self, summary: &Summary) {
        let fee = summary.fee;
        let (spent, leaving) = (summary.amount_spent(), summary.amount_leaving());
        let (whole, what) = match summary.amount_paid_to_others() {
            0 => (spent, FeeFact::ShareOfSpent { whole: spent }),
            _ => (leaving, FeeFact::ShareOfLeaving { whole: leaving }),
        };
        let bounds = [
            (Severity::Grave, FEE_SHARE_GRAVE_PERCENT),
            (Severity::Warning, FEE_SHARE_WARNING_PERCENT),
        ];
        let above =
            |(_, percent): &(_, u64)| fee.saturating_mul(100) > whole.saturating_mul(*percent);
        if let Some((severity, _)) = bounds.into_iter().find(above) {
            self.push(severity, Fact::Fee { fee, what });
        }
    }

    fn on_outputs(&mut self, summary: &Summary) {
        for (index, output) in summary.outputs.iter().enumerate() {
            self.on_output(index, output, summary);
        }
    }

    fn on_version(&mut self, summary: &Summary) {
        let (version, vsize) = (summary.version, summary.vsize);
        let is_long = version == VERSION_SHORT && vsize > VERSION_SHORT_VBYTES_MAX;
        if is_long || !VERSIONS_RELAYED.contains(&version) {
            self.push(Severity::Warning, Fact::Version { version, vsize });
        }
    }

    fn on_output(&mut self, output: usize, paid: &PaidOutput, summary: &Summary) {
        let PaidOutput { amount, kind, dust_threshold: threshold, .. } = *paid;
        let mut push = |severity, what| self.push(severity, Fact::Output { output, amount, what });
        match kind {
            OutputKind::PubkeyHash
            | OutputKind::ScriptHash
            | OutputKind::WitnessPubkeyHash
            | OutputKind::WitnessScriptHash
            | OutputKind::Taproot => {}
            OutputKind::NotAPoint => push(Severity::Grave, OutputFact::NotAPoint),
            OutputKind::Empty => push(Severity::Grave, OutputFact::EmptyScript),
            OutputKind::FutureWitness { .. }
            | OutputKind::AnyoneCanSpend
            | OutputKind::Unspendable => push(Severity::Grave, OutputFact::OddScript { kind }),
            // An anchor is there to be taken; it is meant to hold no more than nodes demand.
            OutputKind::Anchor if amount > threshold => {
                push(Severity::Grave, OutputFact::OddScript { kind });
            }
            // What nobody relays and nobody here can read may be anybody's, or lost.
            OutputKind::NonStandard if amount >= threshold => {
                push(Severity::Grave, OutputFact::OddScript { kind });
            }
            OutputKind::Anchor
            | OutputKind::Pubkey
            | OutputKind::Multisig { .. }
            | OutputKind::NonStandard => push(Severity::Warning, OutputFact::OddScript { kind }),
            OutputKind::Data { bytes, is_pushes } => {
                let is_data = |it: &PaidOutput| matches!(it.kind, OutputKind::Data { .. });
                let is_first = !summary.outputs.iter().take(output).any(is_data);
                if amount > 0 {
                    push(Severity::Grave, OutputFact::DataValue);
                }
                if bytes > DATA_BYTES_RELAYED || !is_pushes || !is_first {
                    push(Severity::Warning, OutputFact::DataSize { bytes, is_pushes, is_first });
                }
            }
        }
        if amount < threshold {
            push(Severity::Warning, OutputFact::Dust { threshold });
        }
    }

    fn on_coins(&mut self, summary: &Summary, surroundings: &Surroundings<'_>) {
        for (input, spent) in summary.inputs.iter().enumerate() {
            let same = |other: &&CoinUse| other.outpoint == spent.outpoint;
            let mut others: Vec<_> = surroundings.coins.iter().filter(same).copied().collect();
            // One order, whichever the caller has.
            others.sort_by_key(|other| (other.state, other.at.as_millis(), other.request));
            for other in others {
                self.push(Severity::Warning, Fact::Coin { input, other });
            }
        }
    }

    fn on_time(&mut self, summary: &Summary, now: UnixTime) {
        if let Some(lock) = summary.lock_time {
            let seconds = now.as_millis() / 1000;
            let (has_passed, is_far) = match lock {
                // Which block is the last one nobody knows here.
                LockTime::Blocks(height) => {
                    (false, u64::from(height.to_consensus_u32()) > height_far(seconds))
                }
                LockTime::Seconds(time) => {
                    let time = u64::from(time.to_consensus_u32());
                    (seconds > time, time.saturating_sub(seconds) > WAIT_SECONDS_WARNING)
                }
            };
            self.push(by_wait(is_far), Fact::LockTime { lock, has_passed });
        }
        for (input, age) in &summary.relative_lock_times {
            let seconds = match age {
                RelativeLockTime::Blocks(blocks) => u64::from(blocks.value()) * BLOCK_SECONDS,
                RelativeLockTime::Time(time) => u64::from(time.value()) * AGE_UNIT_SECONDS,
            };
            let fact = Fact::RelativeAge { input: *input, age: *age };
            self.push(by_wait(seconds > WAIT_SECONDS_WARNING), fact);
        }
        if summary.replaceable {
            self.push(Severity::Info, Fact::Replaceable);
        }
    }

    fn on_change(&mut self, summary: &Summary) {
        let own = |output: &PaidOutput| output.ours;
        if summary.outputs.iter().filter_map(own).any(|own| own.is_reused) {
            self.push(Severity::Warning, Fact::AddressReuse);
        }
        for (output, paid) in summary.outputs.iter().enumerate() {
            if let Some(OwnKey { path, is_found: false, .. }) = paid.ours {
                let (amount, what) = (paid.amount, OutputFact::FarAddress { path });
                self.push(Severity::Warning, Fact::Output { output, amount, what });
            }
        }
    }
}

const fn by_wait(is_far: bool) -> Severity {
    if is_far { Severity::Warning } else { Severity::Info }
}

/// Returns a height that no chain reaches within [`WAIT_SECONDS_WARNING`].
const fn height_far(now_seconds: u64) -> u64 {
    let highest = now_seconds.saturating_sub(GENESIS_SECONDS) / BLOCK_SECONDS_LEAST;
    highest + WAIT_SECONDS_WARNING / BLOCK_SECONDS
}
