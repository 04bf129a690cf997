//! The command line.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use ensign_wire::{Mode, Role};

mod config;
mod kept;
mod net;
mod own;
mod psbt;
pub(crate) use config::Config;
pub(crate) use kept::{Evidence, Nonce, Request};
pub(crate) use net::Net;
pub(crate) use own::{Contact, Follow, Group, Init, Payee};
pub(crate) use psbt::{Coin, NewPsbt, Psbt};

use crate::home::{check_note, role_of};
use crate::passphrase::{NewPassphraseArgs, PassphraseArgs};
use crate::words::parse_duration;

/// Sign Bitcoin transactions together: all members of a group, one signature, no server.
#[derive(Debug, Parser)]
#[command(name = "ensign", version, propagate_version = true)]
pub(crate) struct Cli {
    /// The signer's folder: keys, settings, groups [default: `ensign` in the user's data folder]
    #[arg(long, global = true, value_name = "DIR", env = "ENSIGN_HOME")]
    pub(crate) home: Option<PathBuf>,
    /// Print one JSON object per line instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a home: an identity, a signer key and settings
    Init(Init),
    /// Show, encrypt, back up and restore the keys
    #[command(subcommand)]
    Key(Key),
    /// Show how others reach and know us
    #[command(subcommand)]
    Contact(Contact),
    /// Form, change and show groups that sign together
    #[command(subcommand)]
    Group(Group),
    /// Keep the list of those who may be paid, for `payees = "listed"` in the settings
    #[command(subcommand)]
    Payee(Payee),
    /// Make a PSBT, or say what one does
    #[command(subcommand)]
    Psbt(Psbt),
    /// Be reachable: show requests of the others, and ask before signing
    Up(Up),
    /// Propose a PSBT or a bare message to a group, and sign it together
    Sign(Sign),
    /// Show everything at a glance: what needs you, what is open, who is here
    Status,
    /// Show, approve, decline and cancel requests, also while `ensign up` runs elsewhere
    #[command(subcommand)]
    Request(Request),
    /// Show who is connected and whom the guards hold back, ban and trust nodes, make and ask seeds
    #[command(subcommand)]
    Net(Net),
    /// Show, check and change the settings
    #[command(subcommand)]
    Config(Config),
    /// Show and check what is kept about signers who did wrong
    #[command(subcommand)]
    Evidence(Evidence),
    /// Show what became of our nonces
    #[command(subcommand)]
    Nonce(Nonce),
    /// Hold a signer key in a process of its own, show what is to be signed, and ask
    Signer(Signer),
    /// Explain an error code
    Explain {
        /// The code, as an error message shows it
        code: String,
    },
}

/// `ensign key`.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Print the public parts of the keys, and how they are kept; needs no passphrase
    Show,
    /// Encrypt keys that are not encrypted
    Encrypt,
    /// Change the passphrase
    Passphrase {
        #[command(flatten)]
        new: NewPassphraseArgs,
    },
    /// Write keys, settings and groups into one encrypted file, to be kept elsewhere
    Backup {
        /// The file to write; it must not exist
        file: PathBuf,
        /// Ask for a passphrase of the backup's own, instead of taking the home's
        #[arg(long)]
        own_passphrase: bool,
        #[command(flatten)]
        new: NewPassphraseArgs,
    },
    /// Make a home of a backup; it must not exist yet
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Move the signer key into a vault of its own, for `ensign signer`
    Split {
        /// The file to write; it must not exist
        file: PathBuf,
        #[command(flatten)]
        new: NewPassphraseArgs,
    },
    /// Make a new node key in the place of this one: the old node, on a lost machine or in a copy, counts for
    /// nothing any more as soon as members have met the new one
    RetireNode,
    /// Prove that a backup opens and holds the keys of this home; remembers when that was
    Drill {
        /// The backup
        file: PathBuf,
    },
}

/// `ensign up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Listen here instead of where the settings say
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Whom to ask about the requests of others: `ask` asks about each, `none` asks about none,
    /// `all` says yes for every group that there is at the start, or name groups: `GROUP,GROUP`
    #[arg(long, value_name = "ask|none|all|GROUPS", default_value = "ask")]
    pub(crate) approve: Approve,
    /// Let `--approve` say yes in spite of this grave note too; give one for each
    #[arg(long, value_name = "NOTE", value_parser = note)]
    pub(crate) accept_note: Vec<String>,
    /// With `--approve` for groups beside a signer with `--yes-to-all`: nobody at all is asked, and
    /// that is meant. The signer wants the same option
    #[arg(long, requires = "signer")]
    pub(crate) nobody_asks: bool,
    /// This home was made on another machine, and the one there is off for good
    #[arg(long)]
    pub(crate) moved: bool,
    /// Take part in the open network, where any node finds any other; kept as `net.open`
    #[arg(long)]
    pub(crate) open: bool,
    /// Ask this node or seed first in the open network, give it once for each; kept in `net.bootstrap`
    #[arg(long, value_name = "CODE|DNS_NAME")]
    pub(crate) bootstrap: Vec<String>,
    /// What the node does in the open network: signer, bootstrap or light; kept as `net.role`
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub(crate) role: Option<Role>,
    /// Let the process that listens at this Unix socket sign (`ensign signer`); it asks for itself,
    /// after this node has asked whether to join. With `--approve all` only it asks
    #[arg(long, value_name = "SOCKET")]
    pub(crate) signer: Option<PathBuf>,
    /// End when standard input closes, so that no process outlives the one that started it
    #[arg(long, hide = true)]
    pub(crate) until_stdin_closes: bool,
}

/// `ensign signer`.
#[derive(Debug, Args)]
pub(crate) struct Signer {
    /// The vault with the signer key, as `ensign key split` makes it
    pub(crate) vault: PathBuf,
    /// The Unix socket to listen at
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: PathBuf,
    /// Sign without asking, for machines that check elsewhere; nothing with a grave note, and no
    /// blind message
    #[arg(long)]
    pub(crate) yes_to_all: bool,
    /// With `--yes-to-all`: the node need not ask either (`ensign up --nobody-asks`)
    #[arg(long, requires = "yes_to_all")]
    pub(crate) nobody_asks: bool,
    /// With `--yes-to-all`: sign in spite of this grave note; give one for each
    #[arg(long, value_name = "NOTE", value_parser = note, requires = "yes_to_all")]
    pub(crate) accept_note: Vec<String>,
}

fn role(text: &str) -> Result<Role, String> {
    role_of(text)
}

/// Reads the name of a note.
fn note(text: &str) -> Result<String, String> {
    check_note(text).map(|()| text.to_owned()).map_err(|(what, hint)| format!("{what}; {hint}"))
}

/// What to do with the requests of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Approve {
    /// Show each request and ask.
    Ask,
    /// Say yes for every group that there is at the start.
    All,
    /// Show requests and leave them open.
    None,
    /// Say yes for these groups, and ask for the others.
    Groups(Vec<String>),
}

impl FromStr for Approve {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "ask" => Self::Ask,
            "all" => Self::All,
            "none" => Self::None,
            groups => Self::Groups(groups.split(',').map(str::to_owned).collect()),
        })
    }
}

/// `ensign sign`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("work").required(true).args(["psbt", "message"]))]
pub(crate) struct Sign {
    /// The PSBT to sign, version 0 or 2, binary or base64
    pub(crate) psbt: Option<PathBuf>,
    /// Sign these 32 bytes as they are; the others sign blindly
    #[arg(long, value_name = "HEX32")]
    pub(crate) message: Option<String>,
    /// A drill in place of both: `ensign group drill` sets it
    #[arg(skip)]
    pub(crate) drill: bool,
    /// Who signs
    #[arg(long)]
    pub(crate) group: String,
    /// Where to write the signed PSBT, in the form the input has; - is standard output [default: print
    /// it as base64]
    #[arg(long, value_name = "FILE", conflicts_with = "message")]
    pub(crate) out: Option<PathBuf>,
    /// Where to write the signed transaction, in hex; - is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "message")]
    pub(crate) extract: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    pub(crate) force: bool,
    /// How the session runs
    #[arg(long, value_enum, default_value_t = SessionMode::Committed)]
    pub(crate) mode: SessionMode,
    /// One line for the others
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) purpose: String,
    /// How long the request stays open, at most 1d
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = parse_duration)]
    pub(crate) expires: Duration,
    /// Let the process that listens at this Unix socket sign (`ensign signer`)
    #[arg(long, value_name = "SOCKET")]
    pub(crate) signer: Option<PathBuf>,
    /// Do not ask before proposing
    #[arg(long)]
    pub(crate) yes: bool,
    /// With `--yes`: propose in spite of this grave note; give one for each
    #[arg(long, value_name = "NOTE", value_parser = note, requires = "yes")]
    pub(crate) accept_note: Vec<String>,
    /// Where to listen instead of where the settings say
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// End when standard input closes, so that no process outlives the one that started it
    #[arg(long, hide = true)]
    pub(crate) until_stdin_closes: bool,
}

/// How a session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SessionMode {
    /// Two hops: nonces travel with the consent
    Fast,
    /// Three hops: everybody commits to the nonces before any is shown
    Committed,
    /// Four hops: also, everybody confirms the same nonces before any partial signature
    Strict,
}

impl SessionMode {
    /// Returns the mode as the wire has it.
    pub(crate) const fn to_wire(self) -> Mode {
        match self {
            Self::Fast => Mode::Fast,
            Self::Committed => Mode::Committed,
            Self::Strict => Mode::Strict,
        }
    }

    /// Returns the mode as the command line has it.
    pub(crate) const fn name(self) -> &'static str {
        mode_name(self.to_wire())
    }
}

/// Returns the name of a mode as the command line has it.
pub(crate) const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Fast => "fast",
        Mode::Committed => "committed",
        Mode::Strict => "strict",
    }
}

/// Show signers sign a real transaction, each a process of its own.
#[derive(Debug, Parser)]
#[command(name = "ensign-demo", version)]
pub(crate) struct Demo {
    /// Print one JSON object per line instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// How many signers, 2 to 16
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..=16))]
    pub(crate) signers: u16,
    /// How the session runs
    #[arg(long, value_enum, default_value_t = SessionMode::Committed)]
    pub(crate) mode: SessionMode,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
        Demo::command().debug_assert();
    }

    #[test]
    fn sign_takes_a_psbt_or_a_message() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        assert!(parse("ensign sign tx.psbt --group treasury --out signed.psbt"));
        assert!(parse("ensign sign --message 00 --group treasury"));
        assert!(!parse("ensign sign --group treasury"));
        assert!(!parse("ensign sign tx.psbt --message 00 --group treasury"));
        assert!(!parse("ensign sign --message 00 --group treasury --out signed.psbt"));
        assert!(!parse("ensign sign tx.psbt --group treasury --expires soon"));
        assert!(Demo::try_parse_from(["ensign-demo", "--signers", "17"]).is_err());
        assert!(!parse("ensign sign tx.psbt --group treasury --accept-note fee_rate"));
        assert!(parse("ensign sign tx.psbt --group treasury --yes --accept-note fee_rate"));
    }

    #[test]
    fn regression_a_misspelt_note_was_accepted_silently() {
        for line in [
            "ensign sign tx.psbt --group g --yes --accept-note fee_rat",
            "ensign up --approve all --accept-note fee_rat",
            "ensign signer v.ens --socket s --yes-to-all --accept-note fee_rat",
            "ensign request approve #1 --digest 00 --accept-note fee_rat",
        ] {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err().to_string();
            assert!(error.contains("did you mean `fee_rate`?"), "{line}: {error}");
        }
    }
}
