//! The command line of PSBTs that are made and looked at, without anybody signing.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ensign_primitives::KeyPath;
use ensign_psbt::OutPoint;

/// `ensign psbt`.
#[derive(Debug, Subcommand)]
pub(crate) enum Psbt {
    /// Make a PSBT of a group's coins; change goes back to the group
    New(NewPsbt),
    /// Say what a PSBT does, with the notes that a signer would get
    Show {
        /// The PSBT; - is standard input
        file: PathBuf,
        /// Whose coins it spends [default: the group of this home that it fits]
        #[arg(long)]
        group: Option<String>,
    },
}

/// `ensign psbt new`.
#[derive(Debug, Args)]
pub(crate) struct NewPsbt {
    /// Whose coins are spent
    #[arg(long)]
    pub(crate) group: String,
    /// A coin of the group: transaction id, output number, satoshi, and the path of the address it is
    /// at, as in @0/3, @m for the bare one [default: @m if the group has no other]; give one for each
    #[arg(long, value_name = "TXID:VOUT:SAT[@PATH]", required = true, value_parser = coin)]
    pub(crate) coin: Vec<Coin>,
    /// An address, or the name of a payee, and satoshi; give one for each [default: all coins become
    /// one]
    #[arg(long, value_name = "ADDRESS:SAT", value_parser = payment)]
    pub(crate) to: Vec<(String, u64)>,
    /// Satoshi of fee for each virtual byte, as in 5 or 1.25
    #[arg(long, value_name = "SAT/VB", value_parser = fee_rate)]
    pub(crate) fee_rate: u64,
    /// Where to write it, in base64; - is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
}

/// A coin as it was typed.
#[derive(Clone, Debug)]
pub(crate) struct Coin {
    pub(crate) outpoint: OutPoint,
    pub(crate) amount: u64,
    /// Which address it is at, if that was said.
    pub(crate) path: Option<KeyPath>,
}

fn coin(text: &str) -> Result<Coin, String> {
    let (coin, path) = text.split_once('@').map_or((text, None), |(coin, path)| (coin, Some(path)));
    let (outpoint, amount) = coin.rsplit_once(':').ok_or("write it as TXID:VOUT:SAT[@PATH]")?;
    let outpoint = outpoint.parse().map_err(|error| format!("`{outpoint}`: {error}"))?;
    let path = path.map(|path| path.parse().map_err(|error| format!("`{path}`: {error}")));
    Ok(Coin { outpoint, amount: satoshi(amount)?, path: path.transpose()? })
}

fn payment(text: &str) -> Result<(String, u64), String> {
    let (address, amount) = text.rsplit_once(':').ok_or("write it as ADDRESS:SAT")?;
    Ok((address.trim().to_owned(), satoshi(amount)?))
}

/// Reads satoshi, with `_` between digits where that helps the eye.
fn satoshi(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    let amount = is_number.then(|| digits.parse().ok()).flatten();
    amount.ok_or_else(|| format!("`{text}` is no amount; amounts are whole satoshi"))
}

/// Reads satoshi for each virtual byte, with up to three decimals, as satoshi for a thousand.
fn fee_rate(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no fee rate; write 5 or 1.25 (sat/vB)");
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    if !is_number(whole) || !is_number(rest) || rest.len() > 3 {
        return Err(wrong());
    }
    let rest: u64 = format!("{rest:0<3}").parse().map_err(|_| wrong())?;
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    whole.checked_mul(1000).and_then(|whole| whole.checked_add(rest)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coins_payments_and_rates_are_read_as_people_write_them() {
        let txid = "ab".repeat(32);
        let bare = coin(&format!("{txid}:1:50_000")).unwrap();
        assert_eq!((bare.outpoint.vout, bare.amount, bare.path), (1, 50_000, None));
        let derived = coin(&format!("{txid}:1:50_000@0/3")).unwrap();
        assert_eq!((derived.amount, derived.path.unwrap().steps()), (50_000, &[0, 3][..]));
        assert_eq!(payment("acme:1").unwrap(), ("acme".to_owned(), 1));
        for (text, rate) in [("5", 5_000), ("1.25", 1_250), ("0.5", 500), ("1.001", 1_001)] {
            assert_eq!(fee_rate(text), Ok(rate), "{text}");
        }
        for wrong in ["", "-1", "1,5", "1.", ".5", "1.2345", "1e3", "99999999999999999999"] {
            assert!(fee_rate(wrong).is_err(), "{wrong}");
        }
        for wrong in ["0.5", "", "1 BTC", "-1", "99999999999999999999"] {
            assert!(payment(&format!("x:{wrong}")).unwrap_err().contains("satoshi"), "{wrong}");
        }
        for wrong in [
            "ab:0:1",
            &format!("{txid}:1"),
            &format!("{txid}:x:1"),
            "1",
            &format!("{txid}:1:1@0h/1"),
        ] {
            assert!(coin(wrong).is_err(), "{wrong}");
        }
    }
}
