//! PSBT in, messages to sign, signed PSBT out: BIP341 sighashes and BIP373 fields.
//!
//! [`parse`] reads a PSBT of version 0 ([BIP-0174]) or 2 ([BIP-0370]), [`analyze`] recomputes from it every message the
//! group signs and says in plain words what they move, [`finish`] writes the final signatures and
//! the MuSig2 fields ([BIP-0373]) back. Between the second and the third the messages are signed,
//! elsewhere: this crate holds no secret.
//!
//! Before that somebody says yes: [`judge`] says what is worth knowing first, a [`Policy`] what is
//! refused whoever says yes, and a [`ConsentDigest`] names all that was shown. [`Draft`] makes a
//! PSBT for who has no wallet that does, [`Group::descriptor`] is for wallets that do.
//!
//! ```
//! use ensign_identity::SignerKey;
//! use ensign_primitives::{Network, UnixTime};
//! use ensign_psbt::{
//!     ConsentDigest, Facts, Group, Policy, Severity, Surroundings, analyze, judge, parse,
//! };
//! use ensign_wire::GroupKeys;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = [
//!     "02346b99593357107c9d3459e9deba8d3eaf44e6636c85c7f853eb90ba52e8cd00",
//!     "024fafd65f8169186fc2bfdb2233c77e630d10be280a24c7165c09a27611775c2c",
//!     "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
//! ];
//! let keys = keys.map(|key| {
//!     let bytes = hex::decode(key).unwrap().try_into().unwrap();
//!     SignerKey::from_bytes(&bytes).unwrap()
//! });
//! let group = Group::new(Network::Bitcoin, &GroupKeys::new(keys.to_vec())?)?;
//! assert!(group.address().starts_with("bc1p"));
//!
//! let base64 = std::fs::read("tests/vectors/internal_key.psbt")?;
//! let spend = analyze(&parse(&base64)?, &group)?;
//! assert_eq!(spend.messages.len(), 1);
//! assert_eq!(spend.summary.fee, 1_000);
//! println!("{}", spend.summary);
//!
//! // What a person should know before saying yes.
//! let surroundings = Surroundings { now: UnixTime::from_millis(1_795_780_800_000), coins: &[] };
//! let notes = judge(&spend.summary, &surroundings);
//! assert!(notes.iter().all(|note| note.severity() < Severity::Grave));
//! notes.iter().for_each(|note| println!("{note} [{}]", note.name()));
//!
//! // A yes names what it was given for.
//! let (facts, policy) = (Facts::Psbt(&spend.summary), Policy::default());
//! assert_eq!(policy.refusal(Some(&spend.summary), &notes), None);
//! println!("{}", ConsentDigest::of_proposal(&group.id(), &facts, &notes, &policy));
//! # Ok(())
//! # }
//! ```
//!
//! Invariants:
//!
//! - Every message that [`analyze`] returns is a BIP341 key-path sighash of type `DEFAULT` or `ALL`,
//!   so it commits to every input, output and amount that the [`Summary`] shows.
//! - Nothing is signed for an input that is not the group's; mixed transactions are refused.
//! - No signature is written that does not verify under the output key.
//! - [`judge`] is a function of its arguments; a digest changes with every fact that is shown, and
//!   not with time alone.
//! - What is read is written back: no field is lost, no value changed.
//! - Any bytes give a value or an error; no input panics.
//!
//! Sources: [BIP-0174], [BIP-0328], [BIP-0341], [BIP-0371], [BIP-0373], [BIP-0380], [BIP-0390], and the relay
//! policy of Bitcoin Core where a constant says so. Absent on purpose: script paths, sessions of more than [`INPUTS_MAX`] inputs, secrets.
//!
//! [BIP-0174]: <https://github.com/bitcoin/bips/blob/master/bip-0174.mediawiki>
//! [BIP-0328]: <https://github.com/bitcoin/bips/blob/master/bip-0328.mediawiki>
//! [BIP-0341]: <https://github.com/bitcoin/bips/blob/master/bip-0341.mediawiki>
//! [BIP-0370]: <https://github.com/bitcoin/bips/blob/master/bip-0370.mediawiki>
//! [BIP-0371]: <https://github.com/bitcoin/bips/blob/master/bip-0371.mediawiki>
//! [BIP-0373]: <https://github.com/bitcoin/bips/blob/master/bip-0373.mediawiki>
//! [BIP-0380]: <https://github.com/bitcoin/bips/blob/master/bip-0380.mediawiki>
//! [BIP-0390]: <https://github.com/bitcoin/bips/blob/master/bip-0390.mediawiki>

mod group;
pub use group::{Group, GroupError};
mod derived;
pub use derived::{Chain, DeriveError, GAP_LIMIT, GroupAddress, Issued};
mod address;
pub use address::{AddressError, check_address};
mod descriptor;
mod draft;
pub use draft::{Draft, DraftCoin, DraftError, Drafted};
mod parse;
pub use parse::{Psbt, parse, parse_binary, parse_with_form};
mod form;
pub use form::Form;
mod lookalike;
pub use lookalike::Lookalike;
mod spend;
pub use spend::{INPUTS_MAX, Spend, WEIGHT_MAX, analyze};
mod summary;
pub use summary::{Destination, OwnKey, PaidOutput, SpentInput, Summary};
mod output_kind;
pub use output_kind::OutputKind;
mod note;
pub use note::{
    CoinState, CoinUse, FEE_GRAVE, FEE_RATE_GRAVE, FEE_RATE_LOW, FEE_RATE_WARNING,
    FEE_SHARE_WARNING_PERCENT, FEE_WARNING, NOTE_NAMES, Note, Place, Severity, Surroundings,
    WAIT_SECONDS_WARNING, judge, judge_blind,
};
mod outline;
pub use outline::Outline;
mod policy;
pub use policy::{Policy, Rule};
mod consent_digest;
pub use consent_digest::{ConsentDigest, Facts, ParseConsentDigestError};
mod finish;
pub use finish::{Contribution, Contributions, ExtractedTx, SignedPsbt, finish};
mod musig_field;
pub use musig_field::{MusigField, MusigFieldError, MusigSlot, PARTICIPANTS_MAX};
mod advice;
mod amount;
mod calendar;
mod convert;
mod error;
mod kept;
mod layout;
mod lock;
mod participants;
mod version2;
pub use bitcoin::absolute::LockTime;
pub use bitcoin::relative::LockTime as RelativeLockTime;
pub use bitcoin::{OutPoint, ScriptBuf, Txid};
pub use error::{DecodeError, PsbtError};
pub use layout::Map;
pub use participants::ParticipantsMismatch;

#[cfg(test)]
mod tests;
