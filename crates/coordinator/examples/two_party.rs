//! Two wallets in one process sign a PSBT together over QUIC on loopback; of a second one, that would
//! give nearly everything to a miner, each is warned, and one of them declines.
//!
//! Run it with `cargo run --package ensign-coordinator --example two_party`.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]
#![expect(clippy::wildcard_enum_match_arm, reason = "an application picks its events")]

use std::error::Error;

use ensign_coordinator::{
    Approval, Consent, Coordinator, Event, Events, Group, Keys, Member, RequestEvent, SignedPsbt,
    SigningJob, Work,
};
use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::{GroupId, Network};
use ensign_psbt::{Draft, OutPoint};
use ensign_wire::GroupKeys;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (alice_keys, bob_keys) = (fresh_keys()?, fresh_keys()?);
    let (alice_id, bob_id) = (public("alice", &alice_keys), public("bob", &bob_keys));

    let loopback = "127.0.0.1:0".parse()?;
    let start = |keys, name| {
        Coordinator::builder(Network::Regtest, keys, folder.path().join(name))
            .new_keys()
            .listen(loopback)
    };
    let (alice, mut alice_events) = start(alice_keys, "alice").start().await?;
    let (bob, mut bob_events) = start(bob_keys, "bob").start().await?;

    // Each side knows the other's keys and address: in real life from a contact code.
    let alice_member = Member { addresses: vec![alice.local_addr()], ..alice_id };
    let bob_member = Member { addresses: vec![bob.local_addr()], ..bob_id };
    let group = Group {
        name: "pair".to_owned(),
        members: vec![alice_member, bob_member],
        issued: Default::default(),
    };
    let known = alice.group(group.clone()).await?;
    assert_eq!(bob.group(group.clone()).await?.address, known.address);

    propose(&alice, known.id, spend(&group, 1, (60_000, 2_000))?).await?;
    let (by_alice, by_bob) =
        tokio::try_join!(sign(&alice, &mut alice_events), sign(&bob, &mut bob_events))?;
    let (by_alice, by_bob) = (by_alice.ok_or("declined")?, by_bob.ok_or("declined")?);
    assert_eq!(by_alice.extract_tx(), by_bob.extract_tx());
    println!("both hold transaction {}\n", by_alice.extract_tx().txid);

    propose(&alice, known.id, spend(&group, 2, (1_000, 100_000))?).await?;
    let declined = tokio::try_join!(sign(&alice, &mut alice_events), sign(&bob, &mut bob_events))?;
    assert!(matches!(declined, (None, None)));
    println!("bob declined, and nobody signs");
    tokio::join!(alice.shutdown(), bob.shutdown());
    Ok(())
}

/// Proposes as a user who has seen the preview, whatever it says.
async fn propose(
    wallet: &Coordinator,
    group: GroupId,
    psbt: Vec<u8>,
) -> Result<(), Box<dyn Error>> {
    let job = SigningJob::new(group, Work::Psbt(psbt));
    let preview = wallet.preview(&job).await?;
    wallet.propose(job, Consent::person(preview.digest)).await?;
    Ok(())
}

/// Answers what comes and waits until both wallets hold the transaction, or nobody will.
async fn sign(
    wallet: &Coordinator,
    events: &mut Events,
) -> Result<Option<SignedPsbt>, Box<dyn Error>> {
    let (mut ours, mut theirs) = (None, false);
    while let Some(event) = events.next().await {
        let Event::Request(_, event) = event else { continue };
        match event {
            RequestEvent::Asked(approval) => answer(wallet, &approval).await?,
            RequestEvent::Done { outcome } => ours = outcome.psbt,
            RequestEvent::PeerDone { .. } => theirs = true,
            RequestEvent::Failed { .. } => return Ok(None),
            _ => {}
        }
        if theirs && ours.is_some() {
            return Ok(ours);
        }
    }
    Err("the coordinator stopped".into())
}

/// Shows a request, and says yes to what has no grave note. The yes is to the digest of what was
/// shown.
async fn answer(wallet: &Coordinator, approval: &Approval) -> Result<(), Box<dyn Error>> {
    if let Some(summary) = &approval.summary {
        println!("{summary}");
    }
    for note in &approval.notes {
        println!("{}: {note} [{}]", note.severity(), note.name());
    }
    if approval.is_blind() || approval.is_grave() {
        wallet.decline(approval.id).await?;
    } else {
        wallet.approve(approval.id, Consent::person(approval.digest)).await?;
    }
    Ok(())
}

/// Plays another program that makes a PSBT: so much of a coin of 100,000 sat to somebody, with a fee for
/// 1000 virtual bytes, the rest back to the group.
fn spend(
    group: &Group,
    coin: u8,
    (paid, sat_per_kvb): (u64, u64),
) -> Result<Vec<u8>, Box<dyn Error>> {
    let keys = group.members.iter().map(|member| member.signer).collect();
    let group = ensign_psbt::Group::new(Network::Regtest, &GroupKeys::sorted(keys)?)?;
    let coin: OutPoint = format!("{}:0", format!("{coin:02x}").repeat(32)).parse()?;
    let payee = "bcrt1qeyfruphg6lcfvmzarngqqqqqqqqqp242wxqc6f".to_owned();
    let change = group.next_change();
    let (coins, payments) = (vec![(coin, 100_000).into()], vec![(payee, paid)]);
    Ok(Draft { coins, payments, sat_per_kvb, change }.build(&group)?.psbt.to_bytes())
}

fn fresh_keys() -> Result<Keys, Box<dyn Error>> {
    let (mut node, mut signer) = ([0; 32], [0; 32]);
    getrandom::fill(&mut node)?;
    getrandom::fill(&mut signer)?;
    let node_key = NodeKey::from_secret_bytes(node)?;
    Ok(Keys::new(Network::Regtest, node_key, SecKey::from_secret_bytes(signer)?)?)
}

fn public(name: &str, keys: &Keys) -> Member {
    let (signer, peer) = (keys.signer_key(), keys.peer_id());
    Member { name: name.to_owned(), signer, peer, addresses: Vec::new(), delegation: None }
}
