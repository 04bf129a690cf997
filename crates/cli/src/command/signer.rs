//! `ensign signer`: the process that holds a signer key, shows what it signs, and asks.

mod clients;
mod gate;
mod person;
mod socket;

use ensign_coordinator::{Asks, InProcess};
use ensign_vault::Purpose;

use self::clients::Clients;
use self::gate::{Asked, Gate};
use self::person::Person;
use self::socket::Socket;
use super::block_on;
use crate::args::Signer;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::shown;
use crate::output::{Line, Output};
use crate::passphrase::Passphrases;
use crate::stop::Stop;
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
    let (unlocked, passphrase) = vault::unlock_asking(&args.vault, &vault, passphrases)?;
    let sec_key =
        unlocked.signer_key(key).map_err(|error| vault::unlock_failure(&args.vault, error))?;
    drop((unlocked, passphrase));
    // Nobody is asked for a passphrase any more; what follows waits for no reader.
    output.detach();
    let asked = match (args.yes_to_all, args.nobody_asks) {
        (false, _) => Asked::Person(Person::new(output)),
        (true, is_agreed) => Asked::Nobody {
            accepted: args.accept_note.clone(),
            asks: if is_agreed { Asks::Nobody } else { Asks::Coordinator },
        },
    };
    let gate = Gate::new(InProcess::new(sec_key), vault.network(), asked, output);
    let clients = Clients::new(gate, output);
    clients.watch().map_err(unstarted)?;
    block_on(async {
        let mut stop = Stop::new(false)?;
        let (socket, _removed) = Socket::listen(&args.socket)?;
        tell_up(args, &key.to_string(), vault.network().name(), output);
        let failed = accept(socket, clients, output);
        tokio::select! {
            () = stop.asked() => {
                output.talk(&Line::new("stopped"), "stopped; nodes go on when the signer is back");
                Ok(())
            }
            failed = failed => failed,
        }
    })
}

/// Serves whoever connects, on a thread that ends with the program; returns why it cannot go on.
async fn accept(socket: Socket, clients: Clients, output: Output) -> Result<()> {
    let (failed, failure) = tokio::sync::oneshot::channel();
    let serve = move || loop {
        match socket.accept(output) {
            Ok(stream) => clients.serve(stream),
            Err(error) => return drop(failed.send(error)),
        }
    };
    std::thread::Builder::new().spawn(serve).map_err(unstarted)?;
    let ended = |_| Failure::new(&code::INTERNAL, "the signer's thread has ended");
    Err(failure.await.unwrap_or_else(ended))
}

#[expect(clippy::needless_pass_by_value, reason = "what an error is mapped by")]
fn unstarted(error: std::io::Error) -> Failure {
    Failure::new(&code::INTERNAL, format!("no thread: {error}"))
}

fn tell_up(args: &Signer, key: &str, network: &str, output: Output) {
    let socket = shown(&args.socket);
    let line = Line::new("signer_up")
        .with("socket", socket.as_str())
        .with("key", key)
        .with("network", network)
        .with("yes_to_all", args.yes_to_all)
        .with("nobody_asks", args.nobody_asks);
    let how = if args.yes_to_all {
        "signing without asking, grave notes excepted"
    } else {
        "asking before each signature"
    };
    let text = format!("the signer {key} ({network}) listens at {socket}, {how}; Ctrl-C ends");
    output.talk(&line, text);
}
