//! Which notes a transaction earns.

use bitcoin::absolute::LockTime;
use ensign_primitives::UnixTime;

use super::fact::{FeeFact, OutputFact};
use super::{CoinUse, Fact, Note, Severity, Surroundings};
use crate::output_kind::DATA_BYTES_RELAYED;
use crate::{OutputKind, PaidOutput, Summary};

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
/// passes. At most a few notes an input or output, and one for each of `surroundings.coins`.
///
/// Cost: linear in inputs, outputs and their coins.
pub fn judge(summary: &Summary, surroundings: &Surroundings<'_>) -> Vec<Note> {
    let mut notes = Notes { judged_at: surroundings.now, notes: Vec::new() };
    notes.on_fee(summary);
    for (index, output) in summary.outputs.iter().enumerate() {
        notes.on_output(index, output, summary);
    }
    let (version, vsize) = (summary.version, summary.vsize);
    let is_long = version == VERSION_SHORT && vsize > VERSION_SHORT_VBYTES_MAX;
    if is_long || !VERSIONS_RELAYED.contains(&version) {
        notes.push(Severity::Warning, Fact::Version { version, vsize });
    }
    notes.on_coins(summary, surroundings);
    notes.on_time(summary, surroundings.now);
    if summary.replaceable {
        notes.push(Severity::Info, Fact::Replaceable);
    }
    if summary.outputs.iter().any(|output| output.ours) {
        notes.push(Severity::Info, Fact::AddressReuse);
    }
    // Stable: what is equally grave stays in the order of the transaction.
    notes.notes.sort_by_key(|note| core::cmp::Reverse(note.severity));
    notes.notes
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

    fn on_fee(&mut self, summary: &Summary) {
        let (fee, vsize) = (summary.fee, summary.vsize);
        if fee == 0 {
            self.push(Severity::Warning, Fact::Fee { fee, what: FeeFact::Zero });
        } else if fee < vsize.saturating_mul(FEE_RATE_LOW) {
            self.push(Severity::Warning, Fact::Fee { fee, what: FeeFact::Low { vsize } });
        }
        let bounds = [(Severity::Grave, FEE_RATE_GRAVE), (Severity::Warning, FEE_RATE_WARNING)];
        let above = |(_, limit): &(_, u64)| fee > limit.saturating_mul(vsize);
        if let Some((severity, limit)) = bounds.into_iter().find(above) {
            self.push(severity, Fact::Fee { fee, what: FeeFact::Rate { vsize, limit } });
        }
        let bounds = [(Severity::Grave, FEE_GRAVE), (Severity::Warning, FEE_WARNING)];
        if let Some((severity, limit)) = bounds.into_iter().find(|(_, limit)| fee > *limit) {
            self.push(severity, Fact::Fee { fee, what: FeeFact::Amount { limit } });
        }
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
            let has_passed = match lock {
                // Which block is the last one nobody knows here.
                LockTime::Blocks(_) => false,
                LockTime::Seconds(time) => {
                    now.as_millis() / 1000 > u64::from(time.to_consensus_u32())
                }
            };
            self.push(Severity::Info, Fact::LockTime { lock, has_passed });
        }
        for (input, age) in &summary.relative_lock_times {
            self.push(Severity::Info, Fact::RelativeAge { input: *input, age: *age });
        }
    }
}
