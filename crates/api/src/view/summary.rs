//! What a transaction does.

use ensign_psbt::{Destination, LockTime, RelativeLockTime, Summary};
use serde::{Deserialize, Serialize};

/// What a transaction spends, pays and costs, recomputed here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryView {
    /// The id of the transaction, before and after signing.
    pub txid: String,
    /// The chain it is for.
    pub network: String,
    /// The version of the transaction.
    pub version: i32,
    /// What is spent, in order.
    pub inputs: Vec<InputView>,
    /// What is paid, in order.
    pub outputs: Vec<OutputView>,
    /// The sum of the inputs.
    pub spent_sat: u64,
    /// What leaves the group: payments to others, and the fee.
    pub leaving_sat: u64,
    /// What the miner gets.
    pub fee_sat: u64,
    /// The fee in satoshi per 1000 virtual bytes, rounded down.
    pub fee_rate_sat_per_kvb: u64,
    /// The virtual size once signed.
    pub vsize: u64,
    /// Up to when it cannot confirm; null if it can at once.
    pub lock_time: Option<LockTimeView>,
    /// Inputs whose coin must reach an age first.
    pub relative_ages: Vec<RelativeAgeView>,
    /// Whether it announces that it may be replaced before it confirms.
    pub replaceable: bool,
}

/// One coin that is spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputView {
    /// `TXID:VOUT`.
    pub outpoint: String,
    /// How much it holds.
    pub amount_sat: u64,
    /// The address it was paid to.
    pub address: String,
    /// The 32 bytes that are signed for it.
    pub sighash: String,
    /// Which child of the group's key it is locked to, as `0/3`; `m` is the key itself.
    pub path: String,
}

/// One payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputView {
    /// To whom: an address, or in words where there is none.
    pub to: String,
    /// How much.
    pub amount_sat: u64,
    /// Whether the group, and nobody else, can spend it.
    pub ours: bool,
    /// Which child of the group's key can spend it, as `1/3`; `m` is the key itself. Absent if not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether `to` is an address.
    pub is_address: bool,
}

/// Up to when a transaction cannot confirm: one of the two is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockTimeView {
    /// The last block that cannot hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// The last second, since the Unix epoch, by the chain's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix_s: Option<u32>,
}

/// The age that a coin must reach first: one of the two is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelativeAgeView {
    /// Which input, from 0.
    pub input: usize,
    /// In blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<u16>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
}

impl SummaryView {
    /// Takes what was recomputed.
    pub fn new(summary: &Summary) -> Self {
        let input = |input: &ensign_psbt::SpentInput| InputView {
            outpoint: input.outpoint.to_string(),
            amount_sat: input.amount,
            address: input.address.clone(),
            sighash: hex::encode(input.sighash),
            path: input.path.to_string(),
        };
        let output = |output: &ensign_psbt::PaidOutput| OutputView {
            to: output.destination.to_string(),
            amount_sat: output.amount,
            ours: output.ours.is_some(),
            path: output.ours.map(|own| own.path.to_string()),
            is_address: matches!(output.destination, Destination::Address(_)),
        };
        let ages = summary.relative_lock_times.iter();
        Self {
            txid: summary.txid.to_string(),
            network: summary.network.name().to_owned(),
            version: summary.version,
            inputs: summary.inputs.iter().map(input).collect(),
            outputs: summary.outputs.iter().map(output).collect(),
            spent_sat: summary.amount_spent(),
            leaving_sat: summary.amount_leaving(),
            fee_sat: summary.fee,
            fee_rate_sat_per_kvb: summary.fee_rate,
            vsize: summary.vsize,
            lock_time: summary.lock_time.map(LockTimeView::new),
            relative_ages: ages.map(|(input, age)| RelativeAgeView::new(*input, *age)).collect(),
            replaceable: summary.replaceable,
        }
    }

    /// Returns the largest payment to others; in a transaction without one, the largest of all.
    pub fn main_output(&self) -> Option<&OutputView> {
        self.outputs.iter().max_by_key(|output| (!output.ours, output.amount_sat))
    }
}

impl LockTimeView {
    fn new(lock: LockTime) -> Self {
        match lock {
            LockTime::Blocks(height) => {
                Self { height: Some(height.to_consensus_u32()), unix_s: None }
            }
            LockTime::Seconds(time) => Self { height: None, unix_s: Some(time.to_consensus_u32()) },
        }
    }
}

impl RelativeAgeView {
    fn new(input: usize, age: RelativeLockTime) -> Self {
        match age {
            RelativeLockTime::Blocks(blocks) => {
                Self { input, blocks: Some(blocks.value()), seconds: None }
            }
            // Counted in steps of 512 seconds.
            RelativeLockTime::Time(time) => {
                Self { input, blocks: None, seconds: Some(u32::from(time.value()) * 512) }
            }
        }
    }
}
