//! Two wallets in one process sign thousands of messages, one after the other, and say what that
//! leaves in memory: it ends flat.
//!
//! Run it with `cargo run --release --package ensign-coordinator --example long_run -- 20000`.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]
#![expect(clippy::wildcard_enum_match_arm, reason = "an application picks its events")]

use std::error::Error;

use ensign_coordinator::{
    Consent, Coordinator, Event, Events, Group, Keys, Member, RequestEvent, SigningJob, Work,
};
use ensign_engine::{Allowances, Limits};
use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::{GroupId, Network};

/// How many lines are printed.
const LINES: u32 = 20;
/// One request after the other, as fast as they are signed.
const REQUESTS_PER_MINUTE: u64 = 60_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let signatures: u32 = std::env::args().nth(1).as_deref().unwrap_or("2000").parse()?;
    let folder = tempfile::tempdir()?;
    let (alice_keys, bob_keys) = (fresh_keys()?, fresh_keys()?);
    let (alice_id, bob_id) = (public("alice", &alice_keys), public("bob", &bob_keys));
    let loopback = "127.0.0.1:0".parse()?;
    let members = Allowances::of_requests(REQUESTS_PER_MINUTE);
    let limits = Limits { members, ..Limits::default() };
    let start = |keys, name| {
        let builder = Coordinator::builder(Network::Regtest, keys, folder.path().join(name));
        builder.new_keys().listen(loopback).limits(limits)
    };
    let (alice, mut alice_events) = start(alice_keys, "alice").start().await?;
    let (bob, mut bob_events) = start(bob_keys, "bob").start().await?;
    let alice_member = Member { addresses: vec![alice.local_addr()], ..alice_id };
    let bob_member = Member { addresses: vec![bob.local_addr()], ..bob_id };
    let group = Group {
        name: "pair".to_owned(),
        members: vec![alice_member, bob_member],
        issued: Default::default(),
    };
    let id = alice.group(group.clone()).await?.id;
    bob.group(group).await?;

    println!("signatures  memory of both wallets in MiB");
    println!("{:>10}  {:.1}", 0, resident_mebibytes()?);
    for number in 1..=signatures {
        sign(&alice, id, number).await?;
        tokio::try_join!(done(&alice, &mut alice_events), done(&bob, &mut bob_events))?;
        if number.is_multiple_of(signatures.div_ceil(LINES)) {
            println!("{number:>10}  {:.1}", resident_mebibytes()?);
        }
    }
    tokio::join!(alice.shutdown(), bob.shutdown());
    Ok(())
}

async fn sign(wallet: &Coordinator, group: GroupId, number: u32) -> Result<(), Box<dyn Error>> {
    let mut digest = [0x42; 32];
    digest[..4].copy_from_slice(&number.to_be_bytes());
    let job = SigningJob::new(group, Work::Messages(vec![digest]));
    let preview = wallet.preview(&job).await?;
    wallet.propose(job, Consent::person(preview.digest)).await?;
    Ok(())
}

/// Approves whatever comes and waits until both wallets hold the signature.
async fn done(wallet: &Coordinator, events: &mut Events) -> Result<(), Box<dyn Error>> {
    let (mut ours, mut theirs) = (false, false);
    while let Some(event) = events.next().await {
        match event {
            Event::Request(_, RequestEvent::Asked(approval)) => {
                wallet.approve(approval.id, Consent::person(approval.digest)).await?;
            }
            Event::Request(request, RequestEvent::Done { .. }) => {
                wallet.received(request.id).await?;
                ours = true;
            }
            Event::Request(_, RequestEvent::PeerDone { .. }) => theirs = true,
            Event::Request(_, RequestEvent::Failed { problem, .. }) => {
                return Err(problem.what.into());
            }
            _ => {}
        }
        if ours && theirs {
            return Ok(());
        }
    }
    Err("the coordinator stopped".into())
}

/// What the process holds, as Linux counts it.
fn resident_mebibytes() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes: f64 = line.unwrap_or("0 kB").trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1024.0)
}

fn fresh_keys() -> Result<Keys, Box<dyn Error>> {
    let (mut node, mut signer) = ([0; 32], [0; 32]);
    getrandom::fill(&mut node)?;
    getrandom::fill(&mut signer)?;
    let node_key = NodeKey::from_secret_bytes(node)?;
    Ok(Keys::new(Network::Regtest, node_key, SecKey::from_secret_bytes(signer)?)?)
}

fn public(name: &str, keys: &Keys) -> Member {
    Member {
        name: name.to_owned(),
        signer: keys.signer_key(),
        peer: keys.peer_id(),
        addresses: Vec::new(),
        delegation: None,
    }
}
