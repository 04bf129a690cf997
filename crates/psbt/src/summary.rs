//! What a transaction does, for the person who approves it.

use core::fmt;

use bitcoin::absolute::LockTime;
use bitcoin::relative::LockTime as RelativeLockTime;
use bitcoin::{Address, OutPoint, Script, ScriptBuf, Transaction, TxOut, Txid};
use ensign_primitives::{KeyPath, Network};
use ensign_wire::{KeyTweak, Message};

use crate::amount::{Btc, Grouped};
use crate::layout::Map;
use crate::{Group, Issued, OutputKind, Psbt, PsbtError, convert, lock, output_kind, spend};

/// Most bytes of a script or of data that [`Summary`] prints; the rest is counted.
const SHOWN_BYTES_MAX: usize = 80;
/// Bytes of a script in one line of a summary.
const BYTES_PER_LINE: usize = 32;

/// What a transaction spends, pays and costs; amounts in satoshi.
///
/// All of it is computed from the transaction that is signed. Its [`Display`](fmt::Display) is the
/// text an approval shows: several lines of at most 80 columns, addresses of future kinds aside,
/// without any text of a peer's choosing. What to think of it, and when it can confirm, is in the
/// notes of [`judge`](crate::judge).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The id of the transaction, before and after signing.
    pub txid: Txid,
    /// The version of the transaction; nodes relay 1 to 3.
    pub version: i32,
    /// The chain it is for.
    pub network: Network,
    /// What is spent, in order.
    pub inputs: Vec<SpentInput>,
    /// What is paid, in order.
    pub outputs: Vec<PaidOutput>,
    /// What the miner gets.
    pub fee: u64,
    /// The fee in satoshi per 1000 virtual bytes, rounded down.
    pub fee_rate: u64,
    /// The virtual size once signed ([BIP-0141]), exact.
    ///
    /// [BIP-0141]: <https://github.com/bitcoin/bips/blob/master/bip-0141.mediawiki>
    pub vsize: u64,
    /// Up to when it cannot confirm, `None` if it can at once.
    pub lock_time: Option<LockTime>,
    /// Inputs whose coin must reach an age first ([BIP-0068]), and the age.
    ///
    /// [BIP-0068]: <https://github.com/bitcoin/bips/blob/master/bip-0068.mediawiki>
    pub relative_lock_times: Vec<(usize, RelativeLockTime)>,
    /// Whether it announces that it may be replaced before it confirms ([BIP-0125]).
    ///
    /// [BIP-0125]: <https://github.com/bitcoin/bips/blob/master/bip-0125.mediawiki>
    pub replaceable: bool,
}

/// One coin that is spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentInput {
    /// Which output of which transaction.
    pub outpoint: OutPoint,
    /// How much it holds.
    pub amount: u64,
    /// The 32 bytes that are signed for it.
    pub sighash: [u8; 32],
    /// The address it was paid to.
    pub address: String,
    /// Which key of the group it is locked to.
    pub path: KeyPath,
}

/// One payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidOutput {
    /// To whom.
    pub destination: Destination,
    /// How much.
    pub amount: u64,
    /// The key of the group that can spend it, and nobody else; `None` for a payment to others.
    pub ours: Option<OwnKey>,
    /// What kind of output it is.
    pub kind: OutputKind,
    /// The amount below which nodes do not relay such an output, in satoshi.
    pub dust_threshold: u64,
}

/// Which key of the group an output is paid to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnKey {
    /// Its path.
    pub path: KeyPath,
    /// Whether a wallet that looks for coins comes there ([`GAP_LIMIT`](crate::GAP_LIMIT)).
    pub is_found: bool,
    /// Whether the transaction spends from the same address, or it is the bare one, which never
    /// changes.
    pub is_reused: bool,
}

/// Where a payment goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An address of the network.
    Address(String),
    /// Nowhere: the output carries data and can never be spent.
    Data(ScriptBuf),
    /// A script without an address.
    Script(ScriptBuf),
}

impl Summary {
    pub(crate) fn new(
        group: &Group,
        psbt: &Psbt,
        utxos: &[TxOut],
        messages: &[Message],
        weight: u64,
    ) -> Result<Self, PsbtError> {
        let tx = &psbt.inner.unsigned_tx;
        let inputs = spend::total(utxos.iter(), Map::Input)?;
        let outputs = spend::total(tx.output.iter(), Map::Output)?;
        let negative = PsbtError::NegativeFee { inputs, outputs };
        let fee = inputs.checked_sub(outputs).ok_or(negative)?;
        let mut summary = Self::outline(group.network(), tx, fee, weight);
        summary.inputs = spent_inputs(group, tx, utxos, messages);
        let outputs = tx.output.iter().zip(&psbt.inner.outputs);
        for (output, (txout, fields)) in summary.outputs.iter_mut().zip(outputs) {
            let script = &txout.script_pubkey;
            output.ours = lock::path_of_output(fields, script, group).map(|path| OwnKey {
                path,
                is_found: group.issued().reaches(path),
                is_reused: path.is_root() || utxos.iter().any(|it| it.script_pubkey == *script),
            });
        }
        Ok(summary)
    }

    /// Says what a transaction does without knowing whose coins it spends: no input, no output ours.
    pub(crate) fn outline(network: Network, tx: &Transaction, fee: u64, weight: u64) -> Self {
        let vsize = weight.div_ceil(4);
        Self {
            txid: tx.compute_txid(),
            version: tx.version.0,
            network,
            inputs: Vec::new(),
            outputs: tx.output.iter().map(|txout| PaidOutput::new(network, txout)).collect(),
            fee,
            fee_rate: fee.saturating_mul(1000).checked_div(vsize).unwrap_or(0),
            vsize,
            lock_time: Some(tx.lock_time)
                .filter(|lock| tx.is_lock_time_enabled() && *lock != LockTime::ZERO),
            relative_lock_times: relative_lock_times(tx),
            replaceable: tx.is_explicitly_rbf(),
        }
    }

    /// Returns the sum of the inputs.
    pub fn amount_spent(&self) -> u64 {
        self.inputs.iter().map(|input| input.amount).sum()
    }

    /// Returns what leaves the group: the payments to others and the fee.
    pub fn amount_leaving(&self) -> u64 {
        self.amount_spent().saturating_sub(self.amount_change())
    }

    /// Returns what others are paid, the fee aside.
    pub fn amount_paid_to_others(&self) -> u64 {
        self.outputs.iter().filter(|output| output.ours.is_none()).map(|output| output.amount).sum()
    }

    /// Returns which addresses of the group are in use once this is signed, beside those that were.
    pub fn issued(&self, before: Issued) -> Issued {
        let paid = self.outputs.iter().filter_map(|output| output.ours.map(|own| own.path));
        self.inputs.iter().map(|input| input.path).chain(paid).fold(before, Issued::with)
    }

    /// Returns what comes back to the group.
    pub fn amount_change(&self) -> u64 {
        self.outputs.iter().filter(|output| output.ours.is_some()).map(|output| output.amount).sum()
    }
}

fn spent_inputs(
    group: &Group,
    tx: &Transaction,
    utxos: &[TxOut],
    messages: &[Message],
) -> Vec<SpentInput> {
    let inputs = tx.input.iter().zip(utxos).zip(messages);
    inputs
        .map(|((txin, utxo), message)| SpentInput {
            outpoint: txin.previous_output,
            amount: utxo.value.to_sat(),
            sighash: message.digest,
            address: Destination::new(&utxo.script_pubkey, group.network()).to_string(),
            path: match message.tweak {
                KeyTweak::None => KeyPath::ROOT,
                KeyTweak::Taproot { path, .. } => path,
            },
        })
        .collect()
}

fn relative_lock_times(tx: &Transaction) -> Vec<(usize, RelativeLockTime)> {
    // The consensus rules read the version without its sign: -1 is a great one.
    if tx.version.0.cast_unsigned() < 2 {
        return Vec::new();
    }
    let ages = tx.input.iter().map(|txin| txin.sequence.to_relative_lock_time());
    ages.enumerate()
        .filter_map(|(index, age)| age.map(|age| (index, age)))
        .filter(|(_, age)| age.to_consensus_u32() & 0xffff != 0)
        .collect()
}

impl PaidOutput {
    fn new(network: Network, txout: &TxOut) -> Self {
        Self {
            destination: Destination::new(&txout.script_pubkey, network),
            amount: txout.value.to_sat(),
            ours: None,
            kind: OutputKind::of(&txout.script_pubkey),
            dust_threshold: output_kind::dust_threshold(&txout.script_pubkey),
        }
    }
}

impl Destination {
    /// Names what a script pays to.
    pub(crate) fn new(script: &Script, network: Network) -> Self {
        match Address::from_script(script, convert::chain(network)) {
            Ok(address) => Self::Address(address.to_string()),
            Err(_) if script.is_op_return() => Self::Data(script.to_owned()),
            Err(_) => Self::Script(script.to_owned()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, script) = match self {
            Self::Address(address) => return f.write_str(address),
            Self::Data(script) => ("nobody, it carries data, script", script),
            Self::Script(script) => ("the script", script),
        };
        write!(f, "{what} ")?;
        let shown = script.as_bytes().iter().take(SHOWN_BYTES_MAX);
        shown.into_iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        match script.len().saturating_sub(SHOWN_BYTES_MAX) {
            0 => Ok(()),
            more => write!(f, ".. and {more} bytes more"),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { txid, network, version, vsize, inputs, .. } = self;
        writeln!(f, "transaction on {network}, version {version}, {} vB", Grouped(*vsize))?;
        writeln!(f, "  {txid}")?;
        let coins = if inputs.len() == 1 { "coin" } else { "coins" };
        let spent = Btc(self.amount_spent());
        writeln!(f, "spends {spent} of the group, {} {coins}:", inputs.len())?;
        for (index, SpentInput { outpoint, amount, address, .. }) in inputs.iter().enumerate() {
            writeln!(f, "  {} (input {index}) at", Btc(*amount))?;
            writeln!(f, "    {address}")?;
            writeln!(f, "    {outpoint}")?;
        }
        self.fmt_outputs(f)?;
        let (whole, rest) = (Grouped(self.fee_rate / 1000), self.fee_rate % 1000 / 10);
        writeln!(f, "fee {} ({whole}.{rest:02} sat/vB)", Btc(self.fee))?;
        write!(f, "leaves the group: {}, fee included", Btc(self.amount_leaving()))
    }
}

impl Summary {
    /// Writes the payments to others and, apart from them, what comes back.
    fn fmt_outputs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (change, paid): (Vec<_>, Vec<_>) =
            self.outputs.iter().enumerate().partition(|(_, output)| output.ours.is_some());
        if paid.is_empty() {
            writeln!(f, "pays nobody else")?;
        } else {
            writeln!(f, "pays {} to others:", Btc(self.amount_paid_to_others()))?;
        }
        paid.into_iter().try_for_each(|(index, output)| output.fmt(f, index))?;
        if !change.is_empty() {
            writeln!(f, "change {} back to the group itself:", Btc(self.amount_change()))?;
        }
        change.into_iter().try_for_each(|(index, output)| output.fmt(f, index))
    }
}

impl PaidOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>, index: usize) -> fmt::Result {
        write!(f, "  {} (output {index}) to", Btc(self.amount))?;
        let script = match &self.destination {
            Destination::Address(address) => return writeln!(f, "\n    {address}"),
            Destination::Data(script) => {
                writeln!(f, " nobody, it carries data:")?;
                script
            }
            Destination::Script(script) if script.is_empty() => {
                return writeln!(f, " an empty script");
            }
            Destination::Script(script) => {
                writeln!(f, " the script:")?;
                script
            }
        };
        let shown: Vec<u8> = script.as_bytes().iter().copied().take(SHOWN_BYTES_MAX).collect();
        shown.chunks(BYTES_PER_LINE).try_for_each(|line| writeln!(f, "    {}", Hex(line)))?;
        match script.len().saturating_sub(SHOWN_BYTES_MAX) {
            0 => Ok(()),
            more => writeln!(f, "    and {} bytes more", Grouped(more as u64)),
        }
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
