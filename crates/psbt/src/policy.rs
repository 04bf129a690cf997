//! Rules that refuse: what this user's node never signs, whoever says yes.

use core::fmt;
use std::collections::BTreeSet;

use ensign_primitives::{Network, TaggedHasher};

use crate::amount::{Btc, Grouped};
use crate::{Destination, Note, Summary};

/// The rules of one user; the default refuses nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Names of notes that are refused, as [`Note::name`] returns them.
    pub notes: BTreeSet<String>,
    /// Most satoshi that may leave the group at once, fee included.
    pub amount_max: Option<u64>,
    /// Most satoshi of fee.
    pub fee_max: Option<u64>,
    /// Most satoshi of fee for each virtual byte.
    pub fee_rate_max: Option<u64>,
    /// The addresses that may be paid, as [`Destination`] shows them. Change back to the group
    /// needs no entry, and an output that holds nothing pays nobody.
    pub payees: Option<BTreeSet<String>>,
}

impl Policy {
    /// Returns the first rule that refuses this, if any does.
    ///
    /// Without a summary, for messages that nobody can read, every limit refuses: whoever limits
    /// amounts or payees wants no way around them.
    pub fn refusal(&self, summary: Option<&Summary>, notes: &[Note]) -> Option<Rule> {
        let named = notes.iter().find(|note| self.notes.contains(note.name()));
        if let Some(note) = named {
            return Some(Rule::Note { name: note.name() });
        }
        match summary {
            Some(summary) => self.limit_passed(summary),
            None => self.first_limit().map(|limit| Rule::Unseen { limit }),
        }
    }

    fn limit_passed(&self, summary: &Summary) -> Option<Rule> {
        let above = |limit: Option<u64>, seen: u64| limit.filter(|limit| seen > *limit);
        let (amount, fee) = (summary.amount_leaving(), summary.fee);
        if let Some(limit) = above(self.amount_max, amount) {
            return Some(Rule::Amount { seen: amount, limit });
        }
        if let Some(limit) = above(self.fee_max, fee) {
            return Some(Rule::Fee { seen: fee, limit });
        }
        let of_size = self.fee_rate_max.map(|rate| rate.saturating_mul(summary.vsize));
        if above(of_size, fee).is_some() {
            let limit = self.fee_rate_max.unwrap_or_default();
            return Some(Rule::FeeRate { milli: summary.fee_rate, limit });
        }
        let payees = self.payees.as_ref()?;
        let is_unknown = |destination: &Destination| match destination {
            Destination::Address(address) => !payees.contains(address),
            Destination::Data(_) | Destination::Script(_) => true,
        };
        let mut others = summary.outputs.iter().enumerate();
        let stranger = others.find(|(_, output)| {
            output.ours.is_none() && output.amount > 0 && is_unknown(&output.destination)
        });
        stranger.map(|(output, paid)| Rule::Payee { output, payee: paid.destination.clone() })
    }

    fn first_limit(&self) -> Option<&'static str> {
        let limits = [
            (self.amount_max.is_some(), "amount_max"),
            (self.fee_max.is_some(), "fee_max"),
            (self.fee_rate_max.is_some(), "fee_rate_max"),
            (self.payees.is_some(), "payees"),
        ];
        limits.into_iter().find_map(|(is_set, name)| is_set.then_some(name))
    }

    /// Returns a hash of all rules: equal for equal rules, another for others.
    pub fn version(&self) -> [u8; 32] {
        let Self { notes, amount_max, fee_max, fee_rate_max, payees } = self;
        // Rules name no network; the hasher wants one, and it is always the same.
        let mut hasher = TaggedHasher::new("ensign/policy/v1", Network::Bitcoin);
        hasher = hash_set(hasher, Some(notes));
        for limit in [amount_max, fee_max, fee_rate_max] {
            hasher = hasher.bytes(&[u8::from(limit.is_some())]).u64(limit.unwrap_or_default());
        }
        hash_set(hasher, payees.as_ref()).finish()
    }
}

fn hash_set(hasher: TaggedHasher, set: Option<&BTreeSet<String>>) -> TaggedHasher {
    let hasher = hasher.bytes(&[u8::from(set.is_some())]).u64(set.map_or(0, |it| it.len() as u64));
    set.into_iter().flatten().fold(hasher, |hasher, item| hasher.var_bytes(item.as_bytes()))
}

/// The rule of a [`Policy`] that refuses something; its [`Display`](fmt::Display) is a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// A note is refused by its name.
    Note {
        /// The note's name.
        name: &'static str,
    },
    /// Too much leaves the group.
    Amount {
        /// What leaves it, in satoshi.
        seen: u64,
        /// What may leave it.
        limit: u64,
    },
    /// The fee is too high.
    Fee {
        /// The fee, in satoshi.
        seen: u64,
        /// What it may be.
        limit: u64,
    },
    /// The fee rate is too high.
    FeeRate {
        /// Satoshi for 1000 virtual bytes.
        milli: u64,
        /// Satoshi for one virtual byte that may be paid.
        limit: u64,
    },
    /// Somebody is paid who is not on the list.
    Payee {
        /// Which output.
        output: usize,
        /// Who is paid.
        payee: Destination,
    },
    /// A limit is set, and nobody can see whether this keeps it.
    Unseen {
        /// The name of the limit.
        limit: &'static str,
    },
}

impl Rule {
    /// Returns the name of the rule, as settings have it; for a note, the note's.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Note { name } => name,
            Self::Amount { .. } => "amount_max",
            Self::Fee { .. } => "fee_max",
            Self::FeeRate { .. } => "fee_rate_max",
            Self::Payee { .. } => "payees",
            Self::Unseen { limit } => limit,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note { name } => write!(f, "the rules refuse whatever has the note {name}"),
            Self::Amount { seen, limit } => {
                write!(f, "{} would leave the group, at most {} may", Btc(*seen), Btc(*limit))
            }
            Self::Fee { seen, limit } => {
                write!(f, "the fee is {}, at most {} may be paid", Btc(*seen), Btc(*limit))
            }
            Self::FeeRate { milli, limit } => {
                let (whole, rest) = (Grouped(milli / 1000), milli % 1000 / 10);
                let limit = Grouped(*limit);
                write!(f, "the fee rate is {whole}.{rest:02} sat/vB, at most {limit} may be paid")
            }
            Self::Payee { output, payee } => {
                write!(f, "output {output} pays {payee}, which is not on the list of payees")
            }
            Self::Unseen { limit } => {
                write!(f, "nobody can see whether bare messages keep the rule {limit}")
            }
        }
    }
}
