//! One file per command.

mod config;
mod contact;
mod evidence;
mod explain;
mod group;
pub(crate) mod init;
mod key;
mod net;
mod nonce;
mod payee;
mod psbt;
mod request;
mod sign;
mod signer;
mod status;
mod up;

use std::future::Future;

use crate::args::{Cli, Command, Nonce};
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::{Home, locate};
use crate::output::Output;
use crate::passphrase::Passphrases;

/// Runs a command to its end.
///
/// # Errors
///
/// The [`Failure`] to tell the user.
pub(crate) fn run(cli: Cli, output: Output) -> Result<()> {
    let passphrases = Passphrases::new(cli.passphrase, output);
    let open = |named| Home::open(&locate(named)?, passphrases.clone());
    match cli.command {
        Command::Init(init) => init::run(&locate(cli.home)?, init, &passphrases),
        Command::Key(key) => key::run(&locate(cli.home)?, key, &passphrases),
        Command::Contact(contact) => contact::run(|| open(cli.home), &contact, output),
        Command::Group(group) => group::run(open(cli.home)?, group, output),
        Command::Config(config) => {
            let folder = locate(cli.home)?;
            config::run(&folder, || Home::open(&folder, passphrases.clone()), &config, output)
        }
        Command::Net(net) => {
            let folder = locate(cli.home)?;
            net::run(&folder, || Home::open(&folder, passphrases.clone()), &net, output)
        }
        Command::Payee(payee) => payee::run(&open(cli.home)?, &payee, output),
        Command::Psbt(psbt) => psbt::run(&open(cli.home)?, psbt, output),
        Command::Up(up) => block_on(up::run(open(cli.home)?, up, output)),
        Command::Sign(sign) => sign::run(open(cli.home)?, sign, output),
        Command::Request(request) => request::run(open(cli.home)?, request, output),
        Command::Status => status::run(open(cli.home)?, output),
        Command::Evidence(evidence) => evidence::run(evidence, || open(cli.home), output),
        Command::Nonce(Nonce::Audit) => nonce::audit(open(cli.home)?, output),
        Command::Signer(signer) => signer::run(&signer, &passphrases),
        Command::Explain { code } => explain::run(&code, output),
    }
}

/// Runs on this thread alone: a signer waits for messages nearly always, and handing work between
/// threads costs more than it gains.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(&code::INTERNAL, format!("no asynchronous runtime: {error}"))
    })?;
    let result = runtime.block_on(work);
    // Whatever still runs in the background has nothing left to do.
    runtime.shutdown_background();
    result
}
