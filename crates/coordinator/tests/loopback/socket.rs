//! The signer in another process: gone in the middle, and asked by somebody who means no good.

use std::{
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use ensign_coordinator::{
    InProcess, Keys, Signer, SignerError, SigningJob, SocketSigner, Work, serve,
};
use ensign_identity::{DelegationProof, SignerKey, Terms};
use ensign_musig::PubNonce;
use ensign_primitives::{GroupId, Network, PeerId, SessionId};
use ensign_session::{Order, OwnNonces, OwnPartials, PartialsError};

use super::party::{NETWORK, Wallet, propose, secrets, two_wallets};

/// When the process that signs dies, once; the next connection meets one that has just started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dies {
    Never,
    BeforeItSigns,
    AfterItSigned,
}

/// Serves one connection after the other.
fn start(path: &Path, dies: Dies) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        let mut signer = Mortal { signer: InProcess::new(secrets(0).1), stream: None, dies };
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            signer.stream = Some(stream.try_clone().unwrap());
            let _ended = serve(stream, &mut signer);
            signer.signer = InProcess::new(secrets(0).1);
        }
    });
}

#[derive(Debug)]
struct Mortal {
    signer: InProcess,
    stream: Option<UnixStream>,
    dies: Dies,
}

impl Mortal {
    fn hang_up(&mut self, how: Shutdown) {
        self.stream.take().unwrap().shutdown(how).unwrap();
    }
}

impl Signer for Mortal {
    fn public_key(&self) -> SignerKey {
        self.signer.public_key()
    }

    fn delegate(
        &mut self,
        network: Network,
        peer: PeerId,
        terms: Terms,
    ) -> Result<DelegationProof, SignerError> {
        self.signer.delegate(network, peer, terms)
    }

    fn nonces(&mut self, order: &Order, payload: Option<&[u8]>) -> Result<OwnNonces, SignerError> {
        self.signer.nonces(order, payload)
    }

    fn partials(
        &mut self,
        session: SessionId,
        nonces: &[Vec<PubNonce>],
    ) -> Result<OwnPartials, SignerError> {
        if self.dies == Dies::BeforeItSigns {
            self.dies = Dies::Never;
            self.hang_up(Shutdown::Both);
        }
        let made = self.signer.partials(session, nonces);
        if self.dies == Dies::AfterItSigned {
            self.dies = Dies::Never;
            // The answer still goes out.
            self.hang_up(Shutdown::Read);
        }
        made
    }

    fn forget(&mut self, session: SessionId) {
        self.signer.forget(session);
    }
}

/// A coordinator that tries to get more than one signature out of the nonces of an attempt.
#[derive(Debug)]
struct Greedy {
    /// `None` while it is between two connections.
    signer: Option<SocketSigner>,
    path: std::path::PathBuf,
    order: Option<Order>,
    got: Arc<Mutex<Vec<SignerError>>>,
}

impl Greedy {
    fn signer(&mut self) -> &mut SocketSigner {
        self.signer.as_mut().unwrap()
    }
}

impl Signer for Greedy {
    fn public_key(&self) -> SignerKey {
        self.signer.as_ref().unwrap().public_key()
    }

    fn delegate(
        &mut self,
        network: Network,
        peer: PeerId,
        terms: Terms,
    ) -> Result<DelegationProof, SignerError> {
        self.signer().delegate(network, peer, terms)
    }

    fn nonces(&mut self, order: &Order, payload: Option<&[u8]>) -> Result<OwnNonces, SignerError> {
        self.order = Some(order.clone());
        self.signer().nonces(order, payload)
    }

    fn partials(
        &mut self,
        session: SessionId,
        nonces: &[Vec<PubNonce>],
    ) -> Result<OwnPartials, SignerError> {
        let made = self.signer().partials(session, nonces)?;
        let order = self.order.take().unwrap();
        let mut got = Vec::new();
        // The same again, with the other signer's nonces changed, and nonces for the same attempt.
        got.push(self.signer().partials(session, nonces).unwrap_err());
        let mut swapped = nonces.to_vec();
        swapped[1] = swapped[0].clone();
        got.push(self.signer().partials(session, &swapped).unwrap_err());
        got.push(self.signer().nonces(&order, None).unwrap_err());
        // Another message under the name of the attempt.
        let mut request = (*order.request).clone();
        request.request.messages[0].digest = [9; 32];
        let forged = Order { request: Arc::new(request), ..order };
        got.push(self.signer().nonces(&forged, None).unwrap_err());
        // On another connection, after this one is over.
        drop(self.signer.take());
        self.signer = Some(SocketSigner::connect(&self.path).unwrap());
        got.push(self.signer().partials(session, nonces).unwrap_err());
        *self.got.lock().unwrap() = got;
        Ok(made)
    }

    fn forget(&mut self, session: SessionId) {
        self.signer().forget(session);
    }
}

struct Pair {
    wallets: [Wallet; 2],
    group: GroupId,
    _folder: tempfile::TempDir,
}

async fn pair(folder: tempfile::TempDir, signer: Box<dyn Signer>) -> Pair {
    let keys = Keys::with_signer(NETWORK, secrets(0).0, signer).unwrap();
    let (wallets, group) = two_wallets(folder.path(), keys).await;
    Pair { wallets, group, _folder: folder }
}

impl Pair {
    fn job(&self) -> SigningJob {
        SigningJob::new(self.group, Work::Messages(vec![[7; 32]]))
    }
}

#[tokio::test]
async fn signer_in_another_process_signs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signer.sock");
    start(&path, Dies::Never);
    let signer = SocketSigner::connect(&path).unwrap();
    let mut pair = pair(folder, Box::new(signer)).await;
    let asked = propose(&pair.wallets[0].coordinator, pair.job()).await.unwrap();
    for wallet in &mut pair.wallets {
        wallet.done(asked.id).await;
    }
    assert_eq!(pair.wallets[0].attempts(), [1]);
}

#[tokio::test]
async fn signer_killed_in_the_middle_costs_an_attempt_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signer.sock");
    start(&path, Dies::BeforeItSigns);
    let signer = SocketSigner::connect(&path).unwrap();
    let mut pair = pair(folder, Box::new(signer)).await;
    let asked = propose(&pair.wallets[0].coordinator, pair.job()).await.unwrap();
    let warning = pair.wallets[0].warning(None).await;
    assert_eq!((warning.code, warning.retry_is_safe), ("E-SIG-001", true));
    for wallet in &mut pair.wallets {
        wallet.done(asked.id).await;
    }
    assert_eq!(pair.wallets[0].attempts(), [1, 2]);
}

#[tokio::test]
async fn signer_that_has_started_anew_between_two_requests_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signer.sock");
    start(&path, Dies::AfterItSigned);
    let signer = SocketSigner::connect(&path).unwrap();
    let mut pair = pair(folder, Box::new(signer)).await;
    for byte in [7, 8] {
        let job = SigningJob { work: Work::Messages(vec![[byte; 32]]), ..pair.job() };
        let asked = propose(&pair.wallets[0].coordinator, job).await.unwrap();
        for wallet in &mut pair.wallets {
            wallet.done(asked.id).await;
        }
    }
    assert_eq!(pair.wallets[0].attempts(), [1, 1]);
}

#[tokio::test]
async fn hostile_coordinator_gets_one_signature_for_a_nonce() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signer.sock");
    start(&path, Dies::Never);
    let got: Arc<Mutex<Vec<SignerError>>> = Arc::default();
    let signer = SocketSigner::connect(&path).unwrap();
    let greedy = Greedy { signer: Some(signer), path, order: None, got: Arc::clone(&got) };
    let mut pair = pair(folder, Box::new(greedy)).await;
    let asked = propose(&pair.wallets[0].coordinator, pair.job()).await.unwrap();
    for wallet in &mut pair.wallets {
        wallet.done(asked.id).await;
    }
    let got = got.lock().unwrap();
    let no_nonces = |error: &SignerError| {
        matches!(error, SignerError::Partials(PartialsError::NoNonces { .. }))
    };
    assert!(no_nonces(&got[0]) && no_nonces(&got[1]) && no_nonces(&got[4]), "{got:?}");
    assert_eq!(got[2..4], [SignerError::Refused, SignerError::Refused]);
}

#[test]
fn socket_without_a_signer_is_told_as_unreachable() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = SocketSigner::connect(&folder.path().join("signer.sock"));
    let gone = SignerError::Unreachable { kind: std::io::ErrorKind::NotFound };
    assert_eq!(nobody.err(), Some(gone));
}
