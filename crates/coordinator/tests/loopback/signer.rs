//! Signers outside the coordinator: slow ones, failing ones, ones that decline.

use std::{
    io::ErrorKind,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

use ensign_coordinator::{
    CommandError, Consent, Event, InProcess, Keys, RequestEvent, Signer, SignerError, SigningJob,
    Work,
};
use ensign_identity::{DelegationProof, SignerKey, Terms};
use ensign_musig::PubNonce;
use ensign_primitives::{GroupId, Network, PeerId, SessionId};
use ensign_session::{Order, OwnNonces, OwnPartials};

use super::party::{NETWORK, Wallet, propose, secrets, two_wallets};

/// What a signer was asked, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Delegate,
    Nonces(bool),
    Partials,
    Forget,
}

/// A signer that does what its script says, and then what it should.
#[derive(Debug)]
struct Scripted {
    signer: InProcess,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// What is refused, and why.
    refusals: Vec<(Asked, SignerError)>,
    /// When there is a gate, nonces wait until something comes through it.
    gate: Option<Receiver<()>>,
    at_gate: Option<tokio::sync::mpsc::UnboundedSender<()>>,
}

impl Scripted {
    fn ask(&mut self, what: Asked) -> Result<(), SignerError> {
        self.asked.lock().unwrap().push(what);
        let place = self.refusals.iter().position(|(refused, _)| *refused == what);
        place.map_or(Ok(()), |place| Err(self.refusals.remove(place).1))
    }
}

impl Signer for Scripted {
    fn public_key(&self) -> SignerKey {
        self.signer.public_key()
    }

    fn delegate(
        &mut self,
        network: Network,
        peer: PeerId,
        terms: Terms,
    ) -> Result<DelegationProof, SignerError> {
        self.ask(Asked::Delegate)?;
        self.signer.delegate(network, peer, terms)
    }

    fn nonces(&mut self, order: &Order, payload: Option<&[u8]>) -> Result<OwnNonces, SignerError> {
        if let Some(gate) = &self.gate {
            let _ = self.at_gate.as_ref().map(|at_gate| at_gate.send(()));
            // A test that is over opens every gate.
            let _ = gate.recv();
        }
        self.ask(Asked::Nonces(payload.is_some()))?;
        self.signer.nonces(order, payload)
    }

    fn partials(
        &mut self,
        session: SessionId,
        nonces: &[Vec<PubNonce>],
    ) -> Result<OwnPartials, SignerError> {
        self.ask(Asked::Partials)?;
        // As from another process: bytes, verified by nobody yet.
        let made = self.signer.partials(session, nonces)?;
        Ok(OwnPartials::unverified(made.partials().to_vec()))
    }

    fn forget(&mut self, session: SessionId) {
        let _ = self.ask(Asked::Forget);
        self.signer.forget(session);
    }
}

/// Wallet 0 with a scripted signer and wallet 1 with an ordinary one.
struct Pair {
    wallets: [Wallet; 2],
    group: GroupId,
    asked: Arc<Mutex<Vec<Asked>>>,
    gate: Sender<()>,
    at_gate: tokio::sync::mpsc::UnboundedReceiver<()>,
    _folder: tempfile::TempDir,
}

async fn pair(refusals: Vec<(Asked, SignerError)>, gated: bool) -> Pair {
    let folder = tempfile::tempdir().unwrap();
    let (gate, wait) = channel();
    let (signal, at_gate) = tokio::sync::mpsc::unbounded_channel();
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let (node_key, sec_key) = secrets(0);
    let signer = Scripted {
        signer: InProcess::new(sec_key),
        asked: Arc::clone(&asked),
        refusals,
        gate: gated.then_some(wait),
        at_gate: Some(signal),
    };
    let keys = Keys::with_signer(NETWORK, node_key, Box::new(signer)).unwrap();
    let (wallets, group) = two_wallets(folder.path(), keys).await;
    Pair { wallets, group, asked, gate, at_gate, _folder: folder }
}

impl Pair {
    fn job(&self) -> SigningJob {
        SigningJob::new(self.group, Work::Messages(vec![[7; 32]]))
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

#[test]
fn regression_signer_was_asked_to_delegate_at_every_start() {
    let start = |known| {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (node_key, sec_key) = secrets(0);
        let signer = Scripted {
            signer: InProcess::new(sec_key),
            asked: Arc::clone(&asked),
            refusals: Vec::new(),
            gate: None,
            at_gate: None,
        };
        let keys = Keys::with_signer_after(NETWORK, node_key, Box::new(signer), known).unwrap();
        let count = asked.lock().unwrap().len();
        (keys.delegation(), count)
    };
    let (first, count) = start(None);
    assert_eq!(count, 1);
    assert_eq!(start(Some(first)), (first, 0));
    let of_another_node = super::party::keys(1).delegation();
    let (next, count) = start(Some(of_another_node));
    assert!(count == 1 && next.number > of_another_node.number);
}

#[tokio::test]
async fn signer_outside_is_asked_once_to_delegate_and_signs() {
    let mut pair = pair(Vec::new(), false).await;
    let asked = propose(&pair.wallets[0].coordinator, pair.job()).await.unwrap();
    let [first, second] = &mut pair.wallets;
    let (one, other) = (first.done(asked.id).await, second.done(asked.id).await);
    assert_eq!(one.signatures, other.signatures);
    assert_eq!(pair.asked(), [Asked::Delegate, Asked::Nonces(false), Asked::Partials]);
    assert_eq!(pair.wallets[0].warnings().len(), 0);
}

#[tokio::test]
async fn slow_signer_holds_up_neither_commands_nor_peers() {
    let mut pair = pair(Vec::new(), true).await;
    let first = propose(&pair.wallets[0].coordinator, pair.job()).await.unwrap();
    pair.at_gate.recv().await.unwrap();
    // The signer is busy; the node takes another request, and gives up the first.
    let other = SigningJob { work: Work::Messages(vec![[8; 32]]), ..pair.job() };
    let second = propose(&pair.wallets[1].coordinator, other).await.unwrap();
    assert_eq!(pair.wallets[0].approval().await.id, second.id);
    pair.wallets[0].coordinator.cancel(first.id).await.unwrap();
    assert_eq!(pair.wallets[1].failed(first.id).await.code, "E-SES-011");
    pair.gate.send(()).unwrap();
    pair.gate.send(()).unwrap();
    for wallet in &mut pair.wallets {
        wallet.done(second.id).await;
    }
    let asked = [
        Asked::Delegate,
        Asked::Nonces(false),
        Asked::Forget,
        Asked::Nonces(false),
        Asked::Partials,
    ];
    let mut seen = pair.asked();
    // Whether the first is forgotten before or after the second is asked for depends on the threads.
    seen.sort_by_key(|it| asked.iter().position(|other| other == it));
    let mut expected = asked.to_vec();
    expected.sort_by_key(|it| asked.iter().position(|other| other == it));
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn signer_that_fails_costs_an_attempt_and_the_user_is_told_that_keys_are_safe() {
    let gone = SignerError::Unreachable { kind: ErrorKind::ConnectionReset };
    let mut pair = pair(vec![(Asked::Partials, gone)], false).await;
    let asked = propose(&pair.wallets[0].coordinator, pair.job()).await.unwrap();
    let warning = pair.wallets[0].warning(None).await;
    assert_eq!((warning.code, warning.retry_is_safe), ("E-SIG-001", true));
    assert!(warning.what.contains("connection reset"), "{}", warning.what);
    for wallet in &mut pair.wallets {
        wallet.done(asked.id).await;
    }
    assert_eq!(pair.wallets[0].attempts(), [1, 2]);
    let [nonces, partials] = [Asked::Nonces(false), Asked::Partials];
    let expected = [Asked::Delegate, nonces, partials, Asked::Forget, nonces, partials];
    assert_eq!(pair.asked(), expected);
}

#[tokio::test]
async fn signer_that_declines_ends_the_request_for_everybody() {
    let mut pair = pair(vec![(Asked::Nonces(false), SignerError::Declined)], false).await;
    let asked = propose(&pair.wallets[0].coordinator, pair.job()).await.unwrap();
    // The other one hears of its end before its user is asked.
    assert_eq!(pair.wallets[0].failed(asked.id).await.code, "E-SES-001");
    let again = pair.wallets[0].coordinator.approve(asked.id, Consent::person(asked.digest)).await;
    assert_eq!(again, Err(CommandError::UnknownRequest { request: asked.id }));
    let done = |event: &Event| matches!(event, Event::Request(_, RequestEvent::Done { .. }));
    assert!(!pair.wallets[0].seen.iter().any(done));
    // A no that was meant is no trouble of the signer.
    assert!(pair.wallets[0].warnings().is_empty());
}

#[test]
fn signer_that_does_not_delegate_gives_no_keys() {
    let (node_key, sec_key) = secrets(0);
    let signer = Scripted {
        signer: InProcess::new(sec_key),
        asked: Arc::default(),
        refusals: vec![(Asked::Delegate, SignerError::Declined)],
        gate: None,
        at_gate: None,
    };
    let keys = Keys::with_signer(NETWORK, node_key, Box::new(signer));
    assert_eq!(keys.err(), Some(SignerError::Declined));
}
