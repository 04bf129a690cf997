//! `ensign-demo`: signers as processes of their own sign one real transaction, while we watch.
//!
//! Each signer is this same program as `ensign`, with a home of its own, made by the same steps that a
//! user takes; nothing here holds a key or takes part in signing. The transaction spends a coin that a
//! made-up transaction pays to the group, and Bitcoin Core's consensus code judges the result. That
//! code is given from outside: the program that holds people's keys does not contain it.

mod coin;
mod judge;
mod party;
mod report;
mod signer;
mod story;

use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::args::Demo;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::permissions::private_folder;
use crate::output::{Line, Output};
use crate::stop::Stop;
use crate::words;
use coin::Coin;
use party::Party;
use signer::{Heard, Signer, Word};
use story::Story;

/// The first argument of a process that is one of the signers; those of `ensign` follow.
pub(crate) const AS_SIGNER: &str = "as-signer";

/// Decides by Bitcoin's consensus rules whether a transaction, serialized, may spend its one input's
/// output; says why not.
pub type Accepts = fn(spent: &bitcoin::TxOut, transaction: &[u8]) -> Result<(), String>;

/// How long a demo may take. Guess: sixteen signers on a busy machine need seconds.
const DEMO_TIMEOUT: Duration = Duration::from_secs(120);

/// Most lines of signers that wait to be told; a signer that writes faster waits.
const HEARD_MAX: usize = 1024;

/// Shows it all. Processes end and folders go away also on failure and on Ctrl-C.
pub(crate) async fn run(args: Demo, accepts: Accepts, output: Output) -> Result<()> {
    let mut stop = Stop::new(false)?;
    tokio::select! {
        () = stop.asked() => {
            let failure = Failure::new(&code::INTERRUPTED, "the demo was interrupted");
            Err(failure.hint("start the demo again; its signers are ended and their homes removed"))
        }
        shown = timeout(DEMO_TIMEOUT, show(&args, accepts, output)) => shown.unwrap_or_else(|_| {
            let limit = words::duration(DEMO_TIMEOUT);
            Err(Failure::new(&code::DEMO_TIMEOUT, format!("the demo did not finish in {limit}")))
        }),
    }
}

async fn show(args: &Demo, accepts: Accepts, output: Output) -> Result<()> {
    // Dropped after the signers, which work in it.
    let folder = private_folder("ensign-demo-", &std::env::temp_dir()).map_err(no_folder)?;
    let party = Party::form(folder.path(), args.signers.into())?;
    let coin = Coin::of(&party.group.keys);
    tell_plan(&party, &coin, args, output)?;
    let psbt = folder.path().join("tx.psbt");
    std::fs::write(&psbt, coin.psbt()).map_err(no_folder)?;

    let (sender, mut heard) = mpsc::channel(HEARD_MAX);
    let mut signers = Vec::new();
    let mut story = Story::new(&party, args.mode, output);
    for (index, home) in party.homes.iter().enumerate().skip(1) {
        let arguments = ["up", "--approve", "all"].map(Into::into);
        signers.push(Signer::start(index, home, &arguments, sender.clone())?);
        story.follow(&mut heard, |story| story.is_up(index)).await?;
    }
    story.follow(&mut heard, Story::waiters_are_connected).await?;
    output
        .text("\nThe first signer proposes; every other one recomputes what is signed, and joins:");
    let (signed, tx) = (folder.path().join("signed.psbt"), folder.path().join("tx.hex"));
    let proposer = [
        "sign".into(),
        "--yes".into(),
        psbt.into_os_string(),
        "--group".into(),
        party.group.name.clone().into(),
        "--purpose".into(),
        "the demo's payment".into(),
        "--mode".into(),
        args.mode.name().into(),
        "--expires".into(),
        "2m".into(),
        "--out".into(),
        signed.into_os_string(),
        "--extract".into(),
        tx.clone().into_os_string(),
    ];
    let home = party.homes.first().ok_or_else(|| broken("a party without signers"))?;
    signers.push(Signer::start(0, home, &proposer, sender)?);
    story.follow(&mut heard, Story::all_have_signed).await?;
    // All at once: whoever is left alone dials the others again before it ends.
    signers.iter_mut().for_each(Signer::ask_to_end);
    for signer in signers {
        signer.end(&party.names).await?;
    }
    report::tell(&story, output);
    judge((&coin, accepts), &tx, output)
}

fn tell_plan(party: &Party, coin: &Coin, args: &Demo, output: Output) -> Result<()> {
    let (group, n) = (&party.group, party.names.len());
    let address = group.keys.address();
    let spend = ensign_psbt::parse(&coin.psbt())
        .and_then(|psbt| ensign_psbt::analyze(&psbt, &group.keys))
        .map_err(|error| broken(&error.to_string()))?;
    let line = Line::new("plan")
        .with("signers", party.names.clone())
        .with("group", group.id().to_string())
        .with("address", address)
        .with("mode", args.mode.name())
        .with("summary", spend.summary.to_string());
    let text = format!(
        "{n} signers, each with its own identity and signer key: {}\nthe {n}-of-{n} group {} has \
         the address\n  {address}\n\nA made-up transaction has paid 1 BTC to it. This is what the \
         group shall sign (mode {}):\n{}\n\nEach signer is a process of its own:",
        words::list(&party.names),
        group.id().short(),
        args.mode.name(),
        spend
            .summary
            .to_string()
            .lines()
            .map(|line| format!("  {line}\n"))
            .collect::<String>()
            .trim_end(),
    );
    output.tell(&line, text);
    Ok(())
}

/// Lets Bitcoin's consensus rules decide, and makes sure that they can say no.
fn judge((coin, accepts): (&Coin, Accepts), tx: &Path, output: Output) -> Result<()> {
    let hex = std::fs::read_to_string(tx).map_err(no_folder)?;
    let hex = hex.trim();
    let verdict = judge::judge(coin, accepts, hex)?;
    let line = Line::new("accepted")
        .with("transaction", hex)
        .with("txid", verdict.txid.as_str())
        .with("false_twin_refused", true);
    let text = format!(
        "\ntransaction {} ({} bytes):\n{hex}\n\nthe same transaction with one bit of the signature \
         flipped is refused\naccepted by Bitcoin consensus rules",
        verdict.txid,
        hex.len() / 2,
    );
    output.tell(&line, text);
    Ok(())
}

fn no_folder(error: std::io::Error) -> Failure {
    Failure::new(&code::HOME_IO, format!("the demo's folder for temporary files: {error}"))
}

fn broken(what: &str) -> Failure {
    Failure::new(&code::INTERNAL, what)
}
