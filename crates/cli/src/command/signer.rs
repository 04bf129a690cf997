//! `ensign signer`: the process that holds a signer key, shows what it signs, and asks.

mod clients;
mod gate;
mod person;
mod socket;

use ensign_coordinator::InProcess;
use ensign_vault::Purpose;

use self::clients::Clients;
use self::gate::Gate;
use self::person::Person;
use self::socket::Socket;
use crate::args::Signer;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::shown;
use crate::output::{Line, Output};
use crate::passphrase::Passphrases;
use crate::vault;

/// Serves every node that connects, until it is ended.
pub(super) fn run(args: &Signer, passphrases: &Passphrases) -> Result<()> {
    let output = passphrases.output();
    let vault = vault::read(&args.vault)?;
    let mut signers = vault.signers();
    let (Purpose::Signer, Some(key), None) = (vault.purpose(), signers.next(), signers.next())
    else {
        let what = format!("{} is no vault of a signer alone", shown(&args.vault));
        return Err(Failure::new(&code::SIGNER_VAULT, what));
    };
    let passphrase = passphrases.existing(&args.vault)?;
    let sec_key = vault::unlock(&args.vault, &vault, &passphrase, output)?
        .signer_key(key)
        .map_err(|error| vault::unlock_failure(&args.vault, error))?;
    drop(passphrase);
    // Nobody is asked for a passphrase any more; what follows waits for no reader.
    output.detach();
    let socket = Socket::listen(&args.socket)?;
    tell_up(args, &key.to_string(), vault.network().name(), output);
    let person = (!args.yes_to_all).then(|| Person::new(output));
    let gate = Gate::new(InProcess::new(sec_key), vault.network(), person, output);
    let clients = Clients::new(gate, output);
    loop {
        clients.serve(socket.accept(output)?);
    }
}

fn tell_up(args: &Signer, key: &str, network: &str, output: Output) {
    let socket = shown(&args.socket);
    let line = Line::new("signer_up")
        .with("socket", socket.as_str())
        .with("key", key)
        .with("network", network)
        .with("yes_to_all", args.yes_to_all);
    let how = if args.yes_to_all {
        "signing EVERYTHING without asking"
    } else {
        "asking before each signature"
    };
    let text = format!("the signer {key} ({network}) listens at {socket}, {how}; Ctrl-C ends");
    output.tell(&line, text);
}
