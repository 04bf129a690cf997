//! The whole of it: clients, a socket, and nodes that sign together over loopback.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the lints exempt functions marked as tests, not what they call"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use ensign_api::view::{
    AddressView, ApprovalView, CaseView, DetailView, Done, GroupChange, GroupView, Job,
    NewFormation, NewGroup, PreviewView, Proposal, RequestView, ResultView, Target, Which, Yes,
};
use ensign_api::{
    Answer, Board, Client, ClientError, House, Me, Problem, Server, Service, Socket, Stream,
};
use ensign_coordinator::{
    CODES, CommandError, Consent, Coordinator, Event, Group, Handle, Keys, LedgerError, Member,
    RequestEvent,
};
use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::{Network, RequestId};
use ensign_store::{Batch, MemoryStore, Place, Record, Size, Store, StoreError, Table, Visit};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

/// Nothing here is measured; this only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home of nothing but a coordinator.
#[derive(Default)]
struct Hut {
    decided: Mutex<Vec<(RequestId, &'static str)>>,
    targets: Mutex<Vec<(RequestId, Target)>>,
}

fn worded(status: u16, code: &str, what: String) -> Problem {
    let status = StatusCode::from_u16(status).unwrap();
    Problem { code: code.to_owned(), ..Problem::new(status, &CODES[0], what) }
}

impl House for Hut {
    fn make_group(&self, asked: NewGroup) -> Answer<'_, Vec<String>> {
        Box::pin(async move { Err(worded(409, "E-GRP-002", asked.name)) })
    }

    fn change_group(&self, name: String, _: GroupChange) -> Answer<'_, Vec<String>> {
        Box::pin(async move { Err(worded(404, "E-GRP-001", name)) })
    }

    fn forget_group(&self, name: String) -> Answer<'_, ()> {
        Box::pin(async move { Err(worded(404, "E-GRP-001", name)) })
    }

    fn form(&self, asked: NewFormation) -> Answer<'_, String> {
        Box::pin(async move { Err(worded(409, "E-GRP-011", asked.name.unwrap_or_default())) })
    }

    fn give_up(&self, name: String) -> Answer<'_, ()> {
        Box::pin(async move { Err(worded(404, "E-GRP-011", name)) })
    }

    fn hand_out(&self, name: String, _: Which) -> Answer<'_, AddressView> {
        Box::pin(async move { Err(worded(404, "E-GRP-001", name)) })
    }

    fn check_target(&self, target: Target) -> Answer<'_, ()> {
        Box::pin(async move {
            match target.out.as_deref() {
                Some("/nowhere/x") => Err(worded(409, "E-FIL-002", "no such folder".to_owned())),
                _ => Ok(()),
            }
        })
    }

    fn keep_target(&self, request: RequestId, target: Target) -> Answer<'_, ()> {
        self.targets.lock().unwrap().push((request, target));
        Box::pin(async { Ok(()) })
    }

    fn decided(&self, request: RequestId, _: Option<Handle>, how: &'static str) {
        self.decided.lock().unwrap().push((request, how));
    }

    fn problem(&self, status: u16, code: &str, what: String) -> Problem {
        worded(status, code, what)
    }

    fn refused(&self, error: &CommandError) -> Problem {
        let is_changed = matches!(error, CommandError::Changed { .. });
        let code = if is_changed { "E-CHANGED" } else { "E-OTHER" };
        worded(409, code, error.to_string())
    }

    fn unread(&self, error: &LedgerError) -> Problem {
        worded(500, "E-STO-001", error.to_string())
    }
}

/// Alice behind a socket, and bob who says yes to everything.
struct Pair {
    home: TempDir,
    hut: Arc<Hut>,
    service: Service,
    server: Option<Server>,
    alice: Coordinator,
    bob: Coordinator,
    _bobs: TempDir,
}

/// A store in memory that counts how often it is read.
struct Counting {
    store: MemoryStore,
    reads: Arc<AtomicUsize>,
}

impl Store for Counting {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.store.commit(batch)
    }

    fn get(&self, place: &Place) -> Result<Option<Record>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.store.get(place)
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.store.scan(table, prefix, visit)
    }

    fn size(&self) -> Result<Size, StoreError> {
        self.store.size()
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.store.compact()
    }
}

async fn node(byte: u8, name: &str, folder: &Path) -> (Coordinator, Member) {
    let node_key = NodeKey::from_secret_bytes([byte; 32]).unwrap();
    let sec_key = SecKey::from_secret_bytes([byte + 1; 32]).unwrap();
    let keys = Keys::new(Network::Regtest, node_key, sec_key).unwrap();
    let (signer, peer) = (keys.signer_key(), keys.peer_id());
    let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let builder =
        Coordinator::builder(Network::Regtest, keys, folder.to_owned()).new_keys().listen(listen);
    let (coordinator, _events) = builder.start().await.unwrap();
    let addresses = vec![coordinator.local_addr()];
    (coordinator, Member { name: name.to_owned(), signer, peer, addresses, delegation: None })
}

impl Pair {
    async fn start() -> Self {
        let (home, bobs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (alice, alice_member) = node(0x11, "alice", home.path()).await;
        let (bob, bob_member) = node(0x21, "bob", bobs.path()).await;
        let hut = Arc::new(Hut::default());
        let me = Me { name: "alice".to_owned(), network: "regtest".to_owned(), ..Me::default() };
        let service = Service::new(&alice, hut.clone(), me);
        let server = Some(service.serve(Socket::bind(home.path()).unwrap()));
        let group = Group {
            name: "pair".to_owned(),
            members: vec![alice_member, bob_member],
            issued: Default::default(),
        };
        let mut events = bob.events();
        alice.group(group.clone()).await.unwrap();
        bob.group(group).await.unwrap();
        service.refresh().await.unwrap();
        let yes = bob.clone();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Event::Request(_, RequestEvent::Asked(approval)) = event {
                    let _ = yes.approve(approval.id, Consent::person(approval.digest)).await;
                }
            }
        });
        Self { home, hut, service, server, alice, bob, _bobs: bobs }
    }

    fn client(&self) -> Client {
        Client::new(self.home.path())
    }

    /// Bob asks alice to sign a message.
    async fn asked_by_bob(&self, byte: u8) {
        let group = self.bob.groups().await.unwrap()[0].id;
        let work = ensign_coordinator::Work::Messages(vec![[byte; 32]]);
        let job = ensign_coordinator::SigningJob::new(group, work);
        let digest = self.bob.preview(&job).await.unwrap().digest;
        self.bob.propose(job, Consent::person(digest)).await.unwrap();
    }
}

/// Reads events until one has this name.
async fn until(stream: &mut Stream, name: &str) -> Value {
    let found = async {
        loop {
            let event = stream.next().await.expect("the stream ended");
            if event["event"] == name {
                return event;
            }
        }
    };
    timeout(PATIENCE, found).await.expect("it does not happen")
}

fn refused<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> (u16, String) {
    match answer {
        Err(ClientError::Refused(problem)) => (problem.status, problem.code),
        other => panic!("{other:?}"),
    }
}

fn of_message(byte: u8) -> Job {
    let messages = vec![hex::encode([byte; 32])];
    Job { group: "pair".to_owned(), messages, ..Job::default() }
}

fn blind(digest: Option<&String>) -> Yes {
    Yes { digest: digest.cloned(), accept_notes: vec!["blind".to_owned()] }
}

#[tokio::test]
async fn a_message_is_proposed_followed_and_fetched() {
    let pair = Pair::start().await;
    let client = pair.client();
    let mut events = client.events(None).await.unwrap();
    let preview: PreviewView = client.post("/v1/previews", &of_message(7)).await.unwrap();
    assert!(preview.work.blind && preview.work.text.contains("BLIND"), "{preview:?}");
    assert_eq!(preview.work.grave(), ["blind"]);
    let target = Target { out: Some("/tmp/out".to_owned()), ..Target::default() };
    let proposal = Proposal {
        job: of_message(7),
        digest: preview.work.digest.clone(),
        accept_notes: vec!["blind".to_owned()],
        purpose: "rent".to_owned(),
        target: Some(target.clone()),
        ..Proposal::default()
    };
    let approval: ApprovalView = client.post("/v1/requests", &proposal).await.unwrap();
    assert_eq!((approval.creator.as_str(), approval.purpose.as_str()), ("alice", "rent"));
    let told = until(&mut events, "proposed").await;
    assert_eq!((&told["request"], &told["blind"]), (&json!(approval.request), &json!(true)));
    let done = until(&mut events, "done").await;
    assert_eq!(done["request"], json!(approval.request));
    let path = format!("/v1/requests/{}/result", approval.request);
    let result: ResultView = client.get(&path).await.unwrap();
    assert_eq!(json!(result.signatures), done["signatures"]);
    let detail: DetailView =
        client.get(&format!("/v1/requests/{}", &approval.request[..8])).await.unwrap();
    assert_eq!((detail.request.state.as_str(), detail.result), ("signed", Some(result)));
    let over: Vec<RequestView> = client.get("/v1/requests?state=over").await.unwrap();
    assert_eq!(over.len(), 1);
    let kept = pair.hut.targets.lock().unwrap().clone();
    assert_eq!((kept[0].0.to_string(), &kept[0].1), (approval.request, &target));
    let audit: Value = client.get("/v1/nonces/audit").await.unwrap();
    assert_eq!((&audit["burned"], &audit["violations"]), (&json!(1), &json!([])));
}

#[tokio::test]
async fn a_proposal_needs_the_digest_that_was_shown_and_its_grave_notes() {
    let pair = Pair::start().await;
    let client = pair.client();
    let preview: PreviewView = client.post("/v1/previews", &of_message(7)).await.unwrap();
    let propose = |digest: Option<String>, notes: &[&str], out: Option<&str>| {
        let target = out.map(|out| Target { out: Some(out.to_owned()), ..Target::default() });
        let accept_notes = notes.iter().map(|note| (*note).to_owned()).collect();
        let job = of_message(7);
        Proposal { job, digest, accept_notes, target, ..Proposal::default() }
    };
    let digest = preview.work.digest;
    let other: PreviewView = client.post("/v1/previews", &of_message(8)).await.unwrap();
    for (proposal, code) in [
        (propose(None, &["blind"], None), "E-REQ-011"),
        (propose(Some("ab".to_owned()), &["blind"], None), "E-REQ-011"),
        (propose(digest.clone(), &[], None), "E-REQ-012"),
        (propose(digest.clone(), &["fee_rate"], None), "E-REQ-012"),
        (propose(digest.clone(), &["blind", "blint"], None), "E-API-001"),
        (propose(other.work.digest, &["blind"], None), "E-CHANGED"),
        (propose(digest, &["blind"], Some("/nowhere/x")), "E-FIL-002"),
    ] {
        let answer = client.post::<Value>("/v1/requests", &proposal).await;
        assert_eq!(refused(answer).1, code);
    }
    let unknown = Job { group: "others".to_owned(), ..of_message(7) };
    let answer = client.post::<Value>("/v1/previews", &unknown).await;
    assert_eq!(refused(answer), (404, "E-GRP-001".to_owned()));
    let misspelt = json!({ "group": "pair", "mesages": [] });
    let answer = client.post::<Value>("/v1/previews", &misspelt).await;
    assert_eq!(refused(answer), (400, "E-API-001".to_owned()));
    // Nothing was proposed.
    let all: Vec<RequestView> = client.get("/v1/requests").await.unwrap();
    assert_eq!(all, []);
}

#[tokio::test]
async fn a_request_is_approved_by_what_was_shown_and_never_by_a_beginning() {
    let pair = Pair::start().await;
    let client = pair.client();
    let mut events = client.events(None).await.unwrap();
    pair.asked_by_bob(9).await;
    let asked = until(&mut events, "request").await;
    let id = asked["request"].as_str().unwrap();
    assert_eq!(asked["creator"], "bob");
    let board: Board = client.get("/v1/status").await.unwrap();
    assert_eq!((board.requests.len(), board.requests[0].is_asking()), (1, true));
    let detail: DetailView = client.get(&format!("/v1/requests/{id}")).await.unwrap();
    let digest = detail.work.unwrap().digest.unwrap();
    assert_eq!(json!(digest), asked["digest"]);

    let approve = |name: &str| format!("/v1/requests/{name}/approve");
    let wrong = "ab".repeat(32);
    for (name, yes, code) in [
        (&id[..8], blind(Some(&digest)), "E-REQ-010"),
        (&id[..63], blind(Some(&digest)), "E-REQ-010"),
        ("zz", blind(Some(&digest)), "E-REQ-010"),
        ("%239999", blind(Some(&digest)), "E-REQ-001"),
        (wrong.as_str(), blind(Some(&digest)), "E-REQ-001"),
        (id, blind(None), "E-REQ-011"),
        (id, blind(Some(&wrong)), "E-CHANGED"),
        (id, Yes { digest: Some(digest.clone()), ..Yes::default() }, "E-REQ-012"),
    ] {
        let answer = client.post::<Done>(&approve(name), &yes).await;
        assert_eq!(refused(answer).1, code, "{name}");
    }
    let answer = client.get::<Value>(&approve(id)).await;
    assert_eq!(refused(answer).0, 405);

    client.post::<Done>(&approve(id), &blind(Some(&digest))).await.unwrap();
    assert_eq!(until(&mut events, "decided").await["how"], "approved");
    until(&mut events, "done").await;
    assert_eq!(pair.hut.decided.lock().unwrap().len(), 1);
    // A second terminal is told that it comes too late.
    let answer = client.post::<Done>(&approve(id), &blind(Some(&digest))).await;
    assert_eq!(refused(answer), (409, "E-REQ-003".to_owned()));
    let board: Board = client.get("/v1/status").await.unwrap();
    assert_eq!(board.requests, []);
}

#[tokio::test]
async fn requests_are_declined_and_cancelled_by_the_beginning_of_their_id() {
    let pair = Pair::start().await;
    let client = pair.client();
    let mut events = client.events(None).await.unwrap();
    pair.asked_by_bob(9).await;
    let asked = until(&mut events, "request").await;
    let begin = &asked["request"].as_str().unwrap()[..8];
    let path = format!("/v1/requests/{begin}/decline");
    client.post::<Done>(&path, &json!({})).await.unwrap();
    assert_eq!(until(&mut events, "failed").await["code"], "E-SES-001");
    let answer = client.post::<Done>(&path, &json!({})).await;
    assert_eq!(refused(answer), (409, "E-REQ-003".to_owned()));
    let closed: Vec<RequestView> = client.get("/v1/requests?state=closed").await.unwrap();
    assert_eq!(closed.len(), 1);
    let answer = client.get::<Value>("/v1/requests?state=shut").await;
    assert_eq!(refused(answer).0, 400);
    let answer = client.get::<Value>(&format!("/v1/requests/{begin}/result")).await;
    assert_eq!(refused(answer), (404, "E-REQ-005".to_owned()));
}

#[tokio::test]
async fn groups_and_evidence_are_shown() {
    let pair = Pair::start().await;
    let client = pair.client();
    let groups: Vec<GroupView> = client.get("/v1/groups").await.unwrap();
    assert_eq!((groups.len(), groups[0].members.len()), (1, 2));
    let one: GroupView = client.get("/v1/groups/pair").await.unwrap();
    assert_eq!(one.id, groups[0].id);
    assert_eq!(
        refused(client.get::<Value>("/v1/groups/pear").await),
        (404, "E-GRP-001".to_owned())
    );
    let cases: Vec<CaseView> = client.get("/v1/evidence").await.unwrap();
    assert_eq!(cases, []);
    let none = client.bytes("/v1/evidence/ab").await;
    assert_eq!(refused(none), (404, "E-EVI-001".to_owned()));
}

#[tokio::test]
async fn the_board_beside_a_hundred_open_requests_never_reads_the_store() {
    let (home, reads) = (tempfile::tempdir().unwrap(), Arc::new(AtomicUsize::new(0)));
    let store = Counting { store: MemoryStore::new(), reads: Arc::clone(&reads) };
    let keys = |byte: u8| {
        let node_key = NodeKey::from_secret_bytes([byte; 32]).unwrap();
        let sec_key = SecKey::from_secret_bytes([byte + 1; 32]).unwrap();
        Keys::new(Network::Regtest, node_key, sec_key).unwrap()
    };
    let member = |byte: u8, name: &str| {
        let (keys, addresses) = (keys(byte), vec![]);
        Member {
            name: name.to_owned(),
            signer: keys.signer_key(),
            peer: keys.peer_id(),
            addresses,
            delegation: None,
        }
    };
    let members = vec![member(0x11, "alice"), member(0x21, "bob")];
    let builder = Coordinator::builder(Network::Regtest, keys(0x11), home.path().to_owned());
    let builder = builder.new_keys().listen("127.0.0.1:0".parse().unwrap());
    let builder = builder.store(Box::new(store), ensign_store::Opening::New);
    let (alice, _events) = builder.start().await.unwrap();
    let service = Service::new(&alice, Arc::new(Hut::default()), Me::default());
    let _server = service.serve(Socket::bind(home.path()).unwrap());
    let group = alice
        .group(Group { name: "pair".to_owned(), members, issued: Default::default() })
        .await
        .unwrap();
    service.refresh().await.unwrap();
    let client = Client::new(home.path());
    let mut events = client.events(None).await.unwrap();
    for byte in 0..100 {
        let work = ensign_coordinator::Work::Messages(vec![[byte; 32]]);
        let job = ensign_coordinator::SigningJob::new(group.id, work);
        let digest = alice.preview(&job).await.unwrap().digest;
        alice.propose(job, Consent::person(digest)).await.unwrap();
        until(&mut events, "proposed").await;
    }
    let board: Board = client.get("/v1/status").await.unwrap();
    assert_eq!(board.requests.len(), 100);
    // Whatever was under way in the store is done once it was looked at.
    alice.requests().await.unwrap();
    let before = reads.load(Ordering::SeqCst);
    for _ in 0..100 {
        let _: Board = client.get("/v1/status").await.unwrap();
        let _: Vec<GroupView> = client.get("/v1/groups").await.unwrap();
    }
    // Two hundred answers; the node may look up something of its own meanwhile.
    assert!(reads.load(Ordering::SeqCst) < before + 100);
    alice.requests().await.unwrap();
    assert!(reads.load(Ordering::SeqCst) > before);
}

#[tokio::test]
async fn a_stop_ends_the_streams_before_the_node() {
    let mut pair = Pair::start().await;
    let mut events = pair.client().events(None).await.unwrap();
    pair.service.tell(&json!({ "event": "wrote", "file": "x" }));
    assert_eq!(until(&mut events, "wrote").await["file"], "x");
    timeout(PATIENCE, pair.server.take().unwrap().stop()).await.unwrap();
    // What was told before the stop may still come.
    timeout(PATIENCE, async { while events.next().await.is_some() {} }).await.unwrap();
    pair.alice.shutdown().await;
}
