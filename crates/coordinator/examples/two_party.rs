//! Two wallets in one process sign a bare message together over QUIC on loopback.
//!
//! Run it with `cargo run --package ensign-coordinator --example two_party`.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]
#![expect(clippy::wildcard_enum_match_arm, reason = "an application picks its events")]

use std::error::Error;

use ensign_coordinator::{
    Consent, Coordinator, Event, Events, Group, Keys, Member, RequestEvent, SigningJob, Work,
};
use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::Network;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (alice_keys, bob_keys) = (fresh_keys()?, fresh_keys()?);
    let (alice_id, bob_id) = (public("alice", &alice_keys), public("bob", &bob_keys));

    let loopback = "127.0.0.1:0".parse()?;
    let start = |keys, name| {
        Coordinator::builder(Network::Regtest, keys, folder.path().join(name)).listen(loopback)
    };
    let (alice, mut alice_events) = start(alice_keys, "alice").start().await?;
    let (bob, mut bob_events) = start(bob_keys, "bob").start().await?;

    // Each side knows the other's keys and address: in real life from a contact code.
    let alice_member = Member { addresses: vec![alice.local_addr()], ..alice_id };
    let bob_member = Member { addresses: vec![bob.local_addr()], ..bob_id };
    let group = Group { name: "pair".to_owned(), members: vec![alice_member, bob_member] };
    let id = alice.group(group.clone()).await?.id;
    assert_eq!(bob.group(group).await?.id, id);

    let job = SigningJob::new(id, Work::Messages(vec![[0x42; 32]]));
    println!("alice proposes to sign 4242..42");
    let preview = alice.preview(&job).await?;
    alice.propose(job, Consent::person(preview.digest)).await?;

    let (by_alice, by_bob) =
        tokio::try_join!(sign(&alice, &mut alice_events), sign(&bob, &mut bob_events))?;
    assert_eq!(by_alice, by_bob);
    println!("both hold the signature {}", hex::encode(by_alice));
    tokio::join!(alice.shutdown(), bob.shutdown());
    Ok(())
}

/// Approves whatever comes and waits until both wallets hold the signature.
async fn sign(wallet: &Coordinator, events: &mut Events) -> Result<[u8; 64], Box<dyn Error>> {
    let (mut ours, mut theirs) = (None, false);
    while let Some(event) = events.next().await {
        match event {
            Event::Request(_, RequestEvent::Asked(approval)) => {
                wallet.approve(approval.id, Consent::person(approval.digest)).await?;
            }
            Event::Request(_, RequestEvent::Done { outcome, .. }) => {
                ours = outcome.signatures.first().copied()
            }
            Event::Request(_, RequestEvent::PeerDone { .. }) => theirs = true,
            Event::Request(_, RequestEvent::Failed { problem, .. }) => {
                return Err(problem.what.into());
            }
            _ => {}
        }
        if let (Some(signature), true) = (ours, theirs) {
            return Ok(signature);
        }
    }
    Err("the coordinator stopped".into())
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
    }
}
