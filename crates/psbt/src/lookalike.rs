//! What people hand over in place of a PSBT.

use core::fmt;

use bitcoin::Transaction;
use bitcoin::consensus::deserialize;
use bitcoin::hex::FromHex as _;

/// What bytes are that are no PSBT. Its [`Display`](fmt::Display) is a phrase: "a picture".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lookalike {
    /// Nothing, or nothing but white space.
    Empty,
    /// A transaction without any signature.
    UnsignedTx,
    /// A transaction with signatures.
    SignedTx,
    /// The id of a transaction, or another number of 32 bytes.
    Txid,
    /// A contact code.
    ContactCode,
    /// An address.
    Address,
    /// An extended key.
    ExtendedKey,
    /// A descriptor of an output.
    Descriptor,
    /// JSON that holds no PSBT.
    Json,
    /// A picture.
    Picture,
    /// A PDF.
    Pdf,
    /// A compressed file.
    Archive,
    /// A web page, or XML.
    WebPage,
}

impl Lookalike {
    /// Recognises files by their first bytes, and binary transactions.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [] => Some(Self::Empty),
            [0x89, b'P', b'N', b'G', ..]
            | [0xff, 0xd8, 0xff, ..]
            | [b'G', b'I', b'F', b'8', ..]
            | [b'R', b'I', b'F', b'F', ..] => Some(Self::Picture),
            [b'%', b'P', b'D', b'F', ..] => Some(Self::Pdf),
            [b'P', b'K', 3, 4, ..] | [0x1f, 0x8b, ..] => Some(Self::Archive),
            _ => transaction(bytes),
        }
    }

    /// Recognises text, white space and quotes taken away.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let begins = |with: &[&str]| with.iter().any(|begin| text.starts_with(begin));
        let lower = text.get(..7).unwrap_or(text).to_ascii_lowercase();
        if text.is_empty() {
            return Some(Self::Empty);
        }
        if lower == "ensign1" {
            return Some(Self::ContactCode);
        }
        if ["bc1", "tb1", "bcrt1"].iter().any(|begin| lower.starts_with(begin)) {
            return Some(Self::Address);
        }
        if begins(&["xpub", "tpub", "ypub", "zpub", "vpub", "xprv", "tprv"]) {
            return Some(Self::ExtendedKey);
        }
        if begins(&["tr(", "wsh(", "wpkh(", "pkh(", "sh(", "rawtr("]) {
            return Some(Self::Descriptor);
        }
        if begins(&["<"]) {
            return Some(Self::WebPage);
        }
        if begins(&["{", "["]) {
            return Some(Self::Json);
        }
        let bytes = Vec::from_hex(text.strip_prefix("0x").unwrap_or(text)).ok()?;
        if bytes.len() == 32 { Some(Self::Txid) } else { transaction(&bytes) }
    }
}

fn transaction(bytes: &[u8]) -> Option<Lookalike> {
    let tx: Transaction = deserialize(bytes).ok()?;
    let is_signed =
        tx.input.iter().any(|input| !input.witness.is_empty() || !input.script_sig.is_empty());
    Some(if is_signed { Lookalike::SignedTx } else { Lookalike::UnsignedTx })
}

impl fmt::Display for Lookalike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::UnsignedTx => "a raw transaction without signatures",
            Self::SignedTx => "a finished transaction, signed already",
            Self::Txid => "a number of 32 bytes, such as the id of a transaction",
            Self::ContactCode => "a contact code",
            Self::Address => "an address",
            Self::ExtendedKey => "an extended key",
            Self::Descriptor => "a descriptor",
            Self::Json => "JSON without a field `psbt`",
            Self::Picture => "a picture",
            Self::Pdf => "a PDF",
            Self::Archive => "a compressed file",
            Self::WebPage => "a web page",
        })
    }
}

impl Lookalike {
    /// Returns what to do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Empty => "save the PSBT again; the file or text has nothing in it",
            Self::UnsignedTx => {
                "make a PSBT of it: in Bitcoin Core `converttopsbt`, then `utxoupdatepsbt` or \
                 `walletprocesspsbt`, which add the outputs it spends"
            }
            Self::SignedTx => {
                "nothing is left to sign: broadcast it, in Bitcoin Core with `sendrawtransaction`"
            }
            Self::Txid => "export the PSBT itself from the wallet that made the transaction",
            Self::ContactCode => {
                "a contact code names a signer and goes into a group; give the PSBT here"
            }
            Self::Address | Self::ExtendedKey | Self::Descriptor => {
                "make a transaction in a wallet and export it as PSBT"
            }
            Self::Json => {
                "give what `walletcreatefundedpsbt` or `walletprocesspsbt` prints, or the PSBT \
                 alone"
            }
            Self::Picture => "read the QR code with the wallet and save the PSBT as a file",
            Self::Pdf | Self::WebPage => "export the PSBT from the wallet as a file or as base64",
            Self::Archive => "unpack it first",
        }
    }
}
