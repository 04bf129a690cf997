//! A PSBT of the group's coins, for who has no other wallet that knows the group.

use std::collections::BTreeMap;

use bitcoin::absolute::LockTime;
use bitcoin::psbt::{Input, Output};
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, TapSighashType, Transaction, TxIn, TxOut, Witness,
};
use ensign_primitives::KeyPath;

use crate::kept::Kept;
use crate::output_kind::dust_threshold;
use crate::{
    AddressError, DeriveError, FEE_RATE_GRAVE, Group, INPUTS_MAX, MusigField, Psbt, WEIGHT_MAX,
    address, lock, spend,
};

/// What a transaction shall do; amounts in satoshi.
///
/// Change goes back to an address of the group, as the last output. Every coin is signed with sighash
/// type `DEFAULT`, and the transaction may be replaced until it confirms ([BIP-0125]).
///
/// [BIP-0125]: <https://github.com/bitcoin/bips/blob/master/bip-0125.mediawiki>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Coins at addresses of the group, 1 to [`INPUTS_MAX`].
    ///
    /// Nobody checks the amounts here; with a wrong one the network refuses the signature.
    pub coins: Vec<DraftCoin>,
    /// Addresses and what they get; none to merge the coins.
    pub payments: Vec<(String, u64)>,
    /// Satoshi of fee for 1000 virtual bytes; rounded up to whole satoshi for the transaction.
    pub sat_per_kvb: u64,
    /// The address of the group that change goes to; [`KeyPath::ROOT`] is the bare one. A
    /// [path of its own](Group::next_change) for each transaction keeps them apart.
    pub change: KeyPath,
}

/// A coin that a [`Draft`] spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DraftCoin {
    /// Which output of which transaction.
    pub outpoint: OutPoint,
    /// How much it holds, in satoshi.
    pub amount: u64,
    /// Which address of the group it is at; [`KeyPath::ROOT`] is the bare one.
    pub path: KeyPath,
}

impl From<(OutPoint, u64)> for DraftCoin {
    /// Takes a coin at the bare address.
    fn from((outpoint, amount): (OutPoint, u64)) -> Self {
        Self { outpoint, amount, path: KeyPath::ROOT }
    }
}

/// A PSBT that was made, and what became of the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drafted {
    /// The PSBT, with what a signer and a BIP373 wallet want to know.
    pub psbt: Psbt,
    /// What the miner gets.
    pub fee: u64,
    /// What comes back to the group; `None` if that would be dust.
    pub change: Option<u64>,
    /// What of the fee is more than was asked for: too little for change.
    pub dust: u64,
    /// What change adds to the fee at the rate that was asked for. With `dust` no greater than this,
    /// change would have cost more than it is; with more, it would have been below what nodes relay.
    pub change_cost: u64,
    /// Virtual bytes of the transaction once signed.
    pub vsize: u64,
}

/// What a transaction costs at the rate that was asked for, and its virtual bytes.
#[derive(Clone, Copy)]
struct Size {
    fee: u64,
    vsize: u64,
}

impl Draft {
    /// Makes the PSBT for `group`.
    ///
    /// # Errors
    ///
    /// [`DraftError`], naming the coin or payment, counted from 0.
    pub fn build(&self, group: &Group) -> Result<Drafted, DraftError> {
        self.check()?;
        let payments = self.outputs(group)?;
        let spent = sum(self.coins.iter().map(|coin| coin.amount))?;
        let paid = sum(payments.iter().map(|output| output.value.to_sat()))?;
        let own = &script_at(group, self.change)?;
        let coins = self.coins.iter().map(|coin| script_at(group, coin.path));
        let coins = coins.collect::<Result<Vec<_>, _>>()?;
        let change_of =
            |amount| TxOut { value: Amount::from_sat(amount), script_pubkey: own.clone() };

        let mut tx = self.transaction(payments);
        // Without payments there is no transaction without change.
        let least = if tx.output.is_empty() { None } else { Some(self.size(&tx)?) };
        tx.output.push(change_of(0));
        let with_change = self.size(&tx)?;
        let least = least.unwrap_or(with_change);
        tx.output.pop();
        let drafted = |tx, Size { fee, vsize }: Size, change: Option<u64>| Drafted {
            psbt: self.psbt(tx, group, &coins, change.is_some()),
            fee,
            change,
            dust: 0,
            change_cost: with_change.fee - least.fee,
            vsize,
        };
        let change = spent.checked_sub(paid).and_then(|left| left.checked_sub(with_change.fee));
        if let Some(change) = change.filter(|change| *change >= dust_threshold(own)) {
            tx.output.push(change_of(change));
            return Ok(drafted(tx, with_change, Some(change)));
        }
        let wanted = paid.saturating_add(least.fee);
        let wanted = if tx.output.is_empty() { wanted + dust_threshold(own) } else { wanted };
        let fee = spent.checked_sub(paid).filter(|_| spent >= wanted);
        let fee = fee.ok_or(DraftError::TooLittle { held: spent, wanted })?;
        let size = Size { fee, ..least };
        Ok(Drafted { dust: fee - least.fee, ..drafted(tx, size, None) })
    }

    fn check(&self) -> Result<(), DraftError> {
        match (self.coins.len(), self.sat_per_kvb) {
            (0, _) => return Err(DraftError::NoCoins),
            (seen, _) if seen > INPUTS_MAX => {
                return Err(DraftError::TooManyCoins { seen, limit: INPUTS_MAX });
            }
            (_, 0) => return Err(DraftError::ZeroFeeRate),
            (_, rate) if rate > FEE_RATE_GRAVE * 1000 => {
                return Err(DraftError::FeeRateTooHigh { limit: FEE_RATE_GRAVE });
            }
            _ => {}
        }
        let mut first_seen = BTreeMap::new();
        for (second, DraftCoin { outpoint, amount, .. }) in self.coins.iter().enumerate() {
            if let Some(first) = first_seen.insert(*outpoint, second) {
                return Err(DraftError::DuplicateCoin { first, second, outpoint: *outpoint });
            }
            if *amount == 0 {
                return Err(DraftError::EmptyCoin { coin: second });
            }
        }
        Ok(())
    }

    fn outputs(&self, group: &Group) -> Result<Vec<TxOut>, DraftError> {
        let output = |(payment, (text, amount)): (usize, &(String, u64))| {
            let script_pubkey = address::script_of(text, group.network())
                .map_err(|cause| DraftError::Address { payment, cause })?;
            let threshold = dust_threshold(&script_pubkey);
            if *amount < threshold {
                return Err(DraftError::DustPayment { payment, amount: *amount, threshold });
            }
            Ok(TxOut { value: Amount::from_sat(*amount), script_pubkey })
        };
        self.payments.iter().enumerate().map(output).collect()
    }

    fn transaction(&self, output: Vec<TxOut>) -> Transaction {
        let input = |coin: &DraftCoin| TxIn {
            previous_output: coin.outpoint,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        };
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: self.coins.iter().map(input).collect(),
            output,
        }
    }

    /// Returns fee and size of a transaction once it is signed.
    fn size(&self, tx: &Transaction) -> Result<Size, DraftError> {
        let types = tx.input.iter().map(|_| TapSighashType::Default);
        match spend::signed_weight(tx, types) {
            seen if seen > WEIGHT_MAX => Err(DraftError::TooHeavy { seen, limit: WEIGHT_MAX }),
            weight => {
                let vsize = weight.div_ceil(4);
                // No overflow: at most 100,000 virtual bytes at 10,000,000.
                Ok(Size { fee: (self.sat_per_kvb * vsize).div_ceil(1000), vsize })
            }
        }
    }

    /// - `coins`: the scripts of the coins.
    fn psbt(&self, tx: Transaction, group: &Group, coins: &[ScriptBuf], has_change: bool) -> Psbt {
        let participants = MusigField::Participants {
            aggregate: group.aggregate_key(),
            participants: group.keys().as_slice().to_vec(),
        };
        let input = |(coin, script): (&DraftCoin, &ScriptBuf)| {
            let value = Amount::from_sat(coin.amount);
            let mut input = Input {
                witness_utxo: Some(TxOut { value, script_pubkey: script.clone() }),
                unknown: [participants.to_input_pair()].into(),
                ..Input::default()
            };
            let (key, origins) = (&mut input.tap_internal_key, &mut input.tap_key_origins);
            lock::name_key(group, coin.path, key, origins);
            input
        };
        let mut outputs = vec![Output::default(); tx.output.len()];
        if let Some(last) = outputs.last_mut().filter(|_| has_change) {
            let (key, origins) = (&mut last.tap_internal_key, &mut last.tap_key_origins);
            lock::name_key(group, self.change, key, origins);
            last.unknown.extend(participants.to_output_pair());
        }
        let inner = bitcoin::Psbt {
            inputs: self.coins.iter().zip(coins).map(input).collect(),
            outputs,
            unsigned_tx: tx,
            version: 0,
            xpub: BTreeMap::new(),
            proprietary: BTreeMap::new(),
            unknown: BTreeMap::new(),
        };
        Psbt { inner, kept: Kept::default() }
    }
}

fn script_at(group: &Group, path: KeyPath) -> Result<ScriptBuf, DraftError> {
    group.address_of(path).map(|it| it.script_pubkey).map_err(DraftError::Derive)
}

/// Adds amounts up; no sum above all bitcoin there can be.
fn sum(mut amounts: impl Iterator<Item = u64>) -> Result<u64, DraftError> {
    let limit = Amount::MAX_MONEY.to_sat();
    let sum =
        amounts.try_fold(0_u64, |sum, amount| sum.checked_add(amount).filter(|sum| *sum <= limit));
    sum.ok_or(DraftError::AmountOutOfRange { limit })
}

/// Why no PSBT can be made of a [`Draft`]. Coins and payments count from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// Nothing is spent.
    #[error("no coin is given")]
    NoCoins,
    /// More coins than one session signs.
    #[error("{seen} coins, at most {limit} in one transaction")]
    TooManyCoins {
        /// Coins given.
        seen: usize,
        /// [`INPUTS_MAX`].
        limit: usize,
    },
    /// A coin is given twice.
    #[error("coins {first} and {second} are both {outpoint}")]
    DuplicateCoin {
        /// The first of them.
        first: usize,
        /// The second.
        second: usize,
        /// The coin.
        outpoint: OutPoint,
    },
    /// A coin holds nothing.
    #[error("coin {coin} holds 0 sat")]
    EmptyCoin {
        /// Which coin.
        coin: usize,
    },
    /// Nobody is to be paid for confirming it.
    #[error("a fee rate of 0: no node relays that")]
    ZeroFeeRate,
    /// More than Bitcoin Core broadcasts.
    #[error("a fee rate above {limit} sat/vB: no node broadcasts that unasked")]
    FeeRateTooHigh {
        /// Satoshi for each virtual byte.
        limit: u64,
    },
    /// The address of a payment is not to be paid to.
    #[error("payment {payment} goes to {cause}")]
    Address {
        /// Which payment.
        payment: usize,
        /// What is wrong with its address.
        cause: AddressError,
    },
    /// A payment is less than nodes relay.
    #[error("payment {payment} is dust: {amount} sat, nodes relay no less than {threshold} there")]
    DustPayment {
        /// Which payment.
        payment: usize,
        /// What it is, in satoshi.
        amount: u64,
        /// What it would have to be.
        threshold: u64,
    },
    /// Amounts that no block can hold.
    #[error("the amounts add up to more than the {limit} sat that can exist")]
    AmountOutOfRange {
        /// All bitcoin there can be, in satoshi.
        limit: u64,
    },
    /// The coins do not hold what is paid and the fee.
    #[error("the coins hold {held} sat, but {wanted} are wanted, the fee included")]
    TooLittle {
        /// What they hold.
        held: u64,
        /// What is paid, and the fee; without payments also the least change that is no dust.
        wanted: u64,
    },
    /// There is no such address of the group.
    #[error(transparent)]
    Derive(DeriveError),
    /// No node would relay the transaction.
    #[error("the signed transaction would weigh {seen} units, at most {limit} are relayed")]
    TooHeavy {
        /// Weight units once signed.
        seen: u64,
        /// [`WEIGHT_MAX`].
        limit: u64,
    },
}
