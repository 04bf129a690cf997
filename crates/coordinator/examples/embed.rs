//! A wallet that embeds the coordinator: `wallet` below is all of it.
//!
//! Run it with `cargo run --package ensign-coordinator --example embed`. The rest of the file plays
//! the co-signer and the people.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]
#![expect(clippy::wildcard_enum_match_arm, reason = "an application picks its events")]

use std::{error::Error, path::Path};

use ensign_coordinator::{
    Consent, Coordinator, Event, Group, Keys, Member, RequestEvent, SigningJob, Work,
};
use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::Network;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Joins the group, asks it to sign if there is a job, and answers what others ask.
async fn wallet(wallet: Coordinator, group: Group, job: Option<[u8; 32]>) -> Outcome<[u8; 64]> {
    let mut events = wallet.events();
    let group = wallet.group(group).await?.id;
    if let Some(message) = job {
        let job = SigningJob::new(group, Work::Messages(vec![message]));
        let preview = wallet.preview(&job).await?;
        wallet.propose(job, Consent::person(preview.digest)).await?;
    }
    let (mut signature, mut peer_done) = (None, false);
    while signature.is_none() || !peer_done {
        match events.next().await.ok_or("the coordinator stopped")? {
            Event::Request(_, RequestEvent::Asked(approval)) => {
                println!("{} asks; blind: {}", approval.request.peer.short(), approval.is_blind());
                if person_agrees(approval.is_blind()) {
                    wallet.approve(approval.id, Consent::person(approval.digest)).await?;
                } else {
                    wallet.decline(approval.id).await?;
                }
            }
            Event::Request(_, RequestEvent::Waiting { on, since, .. }) => {
                println!("waiting for {on:?} since {since:?}")
            }
            Event::Request(_, RequestEvent::Failed { problem, .. }) => {
                return Err(problem.what.into());
            }
            Event::Request(request, RequestEvent::Done { outcome }) => {
                signature = outcome.signatures.first().copied();
                // Kept; without this it is handed out again at the next start.
                wallet.received(request.id).await?;
            }
            Event::Request(_, RequestEvent::PeerDone { .. }) => peer_done = true,
            _ => {}
        }
    }
    wallet.shutdown().await;
    signature.ok_or_else(|| "no signature".into())
}

/// A real wallet shows `approval.summary` and asks.
const fn person_agrees(blind: bool) -> bool {
    blind
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let (ours, our_member) = start(&folder.path().join("ours")).await?;
    let (theirs, their_member) = start(&folder.path().join("theirs")).await?;
    let group = Group { name: "pair".to_owned(), members: vec![our_member, their_member] };
    let (a, b) =
        tokio::try_join!(wallet(ours, group.clone(), Some([7; 32])), wallet(theirs, group, None))?;
    assert_eq!(a, b);
    println!("signature {}", hex::encode(a));
    Ok(())
}

async fn start(folder: &Path) -> Outcome<(Coordinator, Member)> {
    let (mut node, mut signer) = ([0; 32], [0; 32]);
    getrandom::fill(&mut node)?;
    getrandom::fill(&mut signer)?;
    let (node, signer) = (NodeKey::from_secret_bytes(node)?, SecKey::from_secret_bytes(signer)?);
    let keys = Keys::new(Network::Regtest, node, signer)?;
    let (signer, peer) = (keys.signer_key(), keys.peer_id());
    let (wallet, _) = Coordinator::builder(Network::Regtest, keys, folder.to_owned())
        .listen("127.0.0.1:0".parse()?)
        .start()
        .await?;
    let addresses = vec![wallet.local_addr()];
    let name = folder.display().to_string();
    Ok((wallet, Member { name, signer, peer, addresses }))
}
