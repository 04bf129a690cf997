//! A wallet that embeds the coordinator: `wallet` and `agrees` below are all of it.
//!
//! Run it with `cargo run --package ensign-coordinator --example embed`. The rest of the file plays
//! the co-signer and the people.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]
#![expect(clippy::wildcard_enum_match_arm, reason = "an application picks its events")]

use std::{error::Error, path::Path, time::Duration};

use ensign_coordinator::{
    Consent, Coordinator, Event, Group, Keys, Member, Note, RequestEvent, Severity, SignedPsbt,
    SigningJob, Summary, Work,
};
use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::{GroupId, Network};
use ensign_psbt::{Draft, OutPoint};
use ensign_wire::GroupKeys;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long a wallet stays so that the others get the signatures too.
const FAREWELL: Duration = Duration::from_secs(5);

/// Asks the group to sign if there is a PSBT, and answers what others ask.
async fn wallet(wallet: Coordinator, group: GroupId, psbt: Option<Vec<u8>>) -> Outcome<SignedPsbt> {
    let mut events = wallet.events();
    if let Some(psbt) = psbt {
        let job = SigningJob::new(group, Work::Psbt(psbt));
        let preview = wallet.preview(&job).await?;
        if agrees(preview.summary.as_deref(), &preview.notes) {
            wallet.propose(job, Consent::person(preview.digest)).await?;
        }
    }
    let signed = loop {
        let event = events.next().await.ok_or("the coordinator stopped")?;
        let Event::Request(request, event) = event else { continue };
        match event {
            // The digest is that of what was shown: if it is different by now, the yes is refused and
            // the request comes again.
            RequestEvent::Asked(asked) => {
                if agrees(asked.summary.as_deref(), &asked.notes) {
                    wallet.approve(asked.id, Consent::person(asked.digest)).await?;
                } else {
                    wallet.decline(asked.id).await?;
                }
            }
            RequestEvent::Waiting { on, since } => {
                let on: Vec<_> = on.iter().map(|who| request.group.name_of(*who)).collect();
                println!("waiting for {}, {since:.1?} already", on.join(", "));
            }
            RequestEvent::Failed { problem, .. } => return Err(problem.what.into()),
            RequestEvent::Done { outcome } => {
                // Kept; without this it is handed out again at the next start.
                wallet.received(request.id).await?;
                // Whoever leaves early leaves the others to find the signatures by themselves.
                let lacking = wallet.finish(request.id, FAREWELL).await?;
                lacking.iter().for_each(|who| println!("{} lacks it", request.group.name_of(*who)));
                break outcome.psbt;
            }
            _ => {}
        }
    };
    wallet.shutdown().await;
    signed.ok_or_else(|| "no signed PSBT".into())
}

/// Shows what is signed, with what is remarkable about it, and asks.
fn agrees(summary: Option<&Summary>, notes: &[Note]) -> bool {
    // Nobody can tell what bare messages mean.
    let Some(summary) = summary else { return false };
    println!("{summary}");
    for note in notes {
        println!("{}: {note} [{}]", note.severity(), note.name());
    }
    let is_grave = notes.iter().any(|note| note.severity() == Severity::Grave);
    if is_grave {
        // Wants more than a yes, so that nobody gives it out of habit.
        let txid = summary.txid.to_string();
        let digits = txid.get(txid.len().saturating_sub(6)..).unwrap_or(&txid);
        return answer("type the last six digits of the transaction id:", digits) == digits;
    }
    answer("sign it? [yes/no]", "yes") == "yes"
}

/// Plays a person who types `typed`; a real wallet takes what is typed after the question.
fn answer(question: &str, typed: &str) -> String {
    println!("{question} {typed}");
    typed.to_owned()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let (ours, our_member) = start("alice", folder.path()).await?;
    let (theirs, their_member) = start("bob", folder.path()).await?;
    let group = Group {
        name: "treasury".to_owned(),
        members: vec![our_member, their_member],
        issued: Default::default(),
    };
    let known = ours.group(group.clone()).await?;
    println!("pay {} at {}", known.name, known.address);
    theirs.group(group.clone()).await?;
    let psbt = payment(&group)?;
    let (a, b) =
        tokio::try_join!(wallet(ours, known.id, Some(psbt)), wallet(theirs, known.id, None))?;
    assert_eq!(a.extract_tx(), b.extract_tx());
    println!("both hold transaction {}", a.extract_tx().txid);
    Ok(())
}

/// Plays another program that makes a PSBT: it pays half of a coin of the group's to somebody.
fn payment(group: &Group) -> Outcome<Vec<u8>> {
    let keys = group.members.iter().map(|member| member.signer).collect();
    let group = ensign_psbt::Group::new(Network::Regtest, &GroupKeys::sorted(keys)?)?;
    let coin: OutPoint = format!("{}:0", "7a".repeat(32)).parse()?;
    let payee = "bcrt1qeyfruphg6lcfvmzarngqqqqqqqqqp242wxqc6f".to_owned();
    let change = group.next_change();
    let (coins, payments) = (vec![(coin, 100_000).into()], vec![(payee, 50_000)]);
    Ok(Draft { coins, payments, sat_per_kvb: 2_000, change }.build(&group)?.psbt.to_bytes())
}

async fn start(name: &str, folder: &Path) -> Outcome<(Coordinator, Member)> {
    let (mut node, mut signer) = ([0; 32], [0; 32]);
    getrandom::fill(&mut node)?;
    getrandom::fill(&mut signer)?;
    let (node, signer) = (NodeKey::from_secret_bytes(node)?, SecKey::from_secret_bytes(signer)?);
    let keys = Keys::new(Network::Regtest, node, signer)?;
    let (signer, peer) = (keys.signer_key(), keys.peer_id());
    let (wallet, _) = Coordinator::builder(Network::Regtest, keys, folder.join(name))
        .new_keys()
        .listen("127.0.0.1:0".parse()?)
        .start()
        .await?;
    let (name, addresses) = (name.to_owned(), vec![wallet.local_addr()]);
    Ok((wallet, Member { name, signer, peer, addresses, delegation: None }))
}
