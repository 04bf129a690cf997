//! The command line of what is kept: requests, evidence, nonces.

use std::path::PathBuf;

use clap::Subcommand;

/// `ensign request`. A request is named by its number here, as in `'#17'`, by its id, or by the
/// beginning of it; to approve one the beginning is not enough.
#[derive(Debug, Subcommand)]
pub(crate) enum Request {
    /// Print the requests that are not over, and what each waits for
    List,
    /// Print one request, and write out its result
    Show {
        /// Which one
        id: String,
        /// Where to write the signed PSBT, or the signatures of bare messages; - is standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Where to write the signed transaction, in hex; - is standard output
        #[arg(long, value_name = "FILE")]
        extract: Option<PathBuf>,
        /// Replace files that are there
        #[arg(long)]
        force: bool,
    },
    /// Print the requests that are over, the latest first
    History,
    /// Give a request up, for everybody
    Cancel {
        /// Which one
        id: String,
    },
    /// Take back your yes to a request, which is asked about again; the others wait for you
    Withdraw {
        /// Which one
        id: String,
    },
    /// Show a request of a running `ensign up` in full and ask, or take the digest of what was shown
    Approve {
        /// Which one: its number, as in '#17', or its whole id
        id: String,
        /// What was shown, in place of being asked: the field `digest` of the request
        #[arg(long, value_name = "HEX")]
        digest: Option<String>,
        /// Accept a grave note by its name, with --digest; may be given several times
        #[arg(long, value_name = "NAME", value_parser = super::note, requires = "digest")]
        accept_note: Vec<String>,
    },
    /// Refuse a request, for everybody
    Decline {
        /// Which one
        id: String,
    },
}

/// `ensign evidence`. Evidence is named by its id, or by the beginning of it.
#[derive(Debug, Subcommand)]
pub(crate) enum Evidence {
    /// Print what is kept: proofs and claims
    List,
    /// Print one piece in words
    Show {
        /// Which one
        id: String,
    },
    /// Write one piece into a file that anybody can check
    Export {
        /// Which one
        id: String,
        /// Where [default: ID.evidence in this folder]
        file: Option<PathBuf>,
    },
    /// Check a file, from nothing but itself; needs no home
    Verify {
        /// The file
        file: PathBuf,
    },
}

/// `ensign nonce`.
#[derive(Debug, Subcommand)]
pub(crate) enum Nonce {
    /// Prove from the store that no nonce ever met two challenges
    Audit,
}
