//! A member that announces and cancels requests without end: none comes back, others go on, and the
//! node stays up.

use ensign_coordinator::{Builder, Claim, Event, QUESTIONS_ALLOWED, RequestEvent, Turns, Work};
use ensign_engine::{
    Limits,
    ratelimit::{Allowance, Allowances, REQUESTS_ALLOWED},
    signing::Record,
};
use ensign_identity::{DelegationProof, NodeKey};
use ensign_primitives::{Instant, RequestId, SessionId, SignerIndex};
use ensign_store::Place;
use ensign_wire::{
    AbortReason, Body, Envelope, Frame, GroupKeys, Groups, KeyTweak, LinkReport, Message, Mode,
    PAYLOAD_BYTES_MAX, PROTOCOL_VERSION, Payload, RULES_REVISION, Scheme, SessionAbort,
    SessionAnnounce, Signed, SignedRequest, SigningRequest, TxType,
};

use super::{
    hostile::hello,
    party::{NETWORK, Party, Wallet, group_keys, keys, member, node_of, propose},
    puppet::{Raw, unix_now},
};

/// How many requests are washed through.
const WASHED: u32 = 20_000;
/// How many are sent before the victim is asked whether it has seen them.
const BATCH: usize = 2_000;

/// The last member of a wallet's group, without a node's manners.
struct Washer {
    number: u8,
    raw: Raw,
    node_key: NodeKey,
    delegation: DelegationProof,
    party: Party,
    /// The group's keys, and which of them is the member's: dear to compute.
    signers: GroupKeys,
    own: SignerIndex,
    /// Every session that the victim was heard to join. A join comes after flushes, so that only a later one
    /// shows that none is on its way.
    heard: Vec<SessionId>,
}

impl Washer {
    /// Wallet 0, and a member that says what the test wants.
    async fn start() -> Self {
        Self::beside(1).await
    }

    /// So many wallets, and a member that says to the first of them what the test wants.
    async fn beside(number: u8) -> Self {
        Self::with_settings(number, |it| it).await
    }

    async fn with_settings(number: u8, settings: impl Fn(Builder) -> Builder) -> Self {
        let party = Party::with_settings(number, vec![member(number, None)], settings).await;
        let (node_key, delegation) = node_of(number);
        let raw = Raw::connect([0x20 + number; 32], &keys(0), party.wallets[0].address()).await;
        let signers = group_keys(&party.members);
        let own = signers.index_of(&keys(number).signer_key()).unwrap();
        let heard = Vec::new();
        let mut washer = Self { number, raw, node_key, delegation, party, signers, own, heard };
        washer.introduce().await;
        washer
    }

    /// Says who it is, which group it shares, once it is up that it sees the other member: nothing is joined
    /// before that.
    async fn introduce(&mut self) {
        self.raw.say(&hello(PROTOCOL_VERSION));
        self.raw.say_member(&keys(self.number).signer_key(), self.delegation);
        let shared = vec![self.party.group];
        self.raw.say(&Frame::Groups(Groups { shared }));
        let peer = self.raw.peer;
        self.victim().peer_up(peer).await;
        let sees = (0..=self.number.into()).map(SignerIndex).collect();
        let report = LinkReport { group: self.party.group, sees, version: RULES_REVISION };
        let report = Signed::new(&self.node_key, NETWORK, 1, unix_now(), report).unwrap();
        self.raw.say(&Frame::LinkReport(Box::new(report)));
    }

    fn victim(&mut self) -> &mut Wallet {
        &mut self.party.wallets[0]
    }

    /// A request of the member's, made now.
    fn request(&self, number: u32, payload: Payload) -> SignedRequest {
        let mut nonce = [9; 16];
        nonce[..4].copy_from_slice(&number.to_be_bytes());
        let created = unix_now();
        let request = SigningRequest {
            network: NETWORK,
            scheme: Scheme::Bip327,
            creator: self.own,
            signers: self.signers.clone(),
            messages: vec![Message { digest: [7; 32], tweak: KeyTweak::None }],
            payload,
            purpose: "washed".to_owned(),
            tx_type: TxType::Spend,
            amount: 0,
            created,
            expires: created.after(std::time::Duration::from_secs(3600)),
            mode: Mode::Committed,
            nonce,
        };
        SignedRequest::sign(request, &self.node_key, self.delegation).unwrap()
    }

    fn say(&self, session: SessionId, seq: u64, body: Body) {
        let said = Envelope::sign(&self.node_key, NETWORK, session, seq, unix_now(), body).unwrap();
        self.raw.say(&Frame::Envelope(Box::new(said)));
    }

    fn announce(&self, request: &SignedRequest, seq: u64) {
        let announce = SessionAnnounce { attempt: 1, request: request.clone() };
        self.say(session_of(request), seq, Body::SessionAnnounce(Box::new(announce)));
    }

    fn cancel(&self, request: &SignedRequest, seq: u64) {
        let abort = SessionAbort { reason: AbortReason::Cancelled, culprit: None };
        self.say(session_of(request), seq, Body::SessionAbort(abort));
    }

    /// Waits until the victim has seen everything: it does before it sees the end of the connection.
    async fn seen(&mut self) {
        for frame in self.raw.leave().await {
            if let Frame::Envelope(said) = frame {
                self.hear(&said);
            }
        }
        self.raw.again().await;
        self.introduce().await;
    }

    fn hear(&mut self, said: &Envelope) {
        if let Body::SessionJoin(_) = said.body() {
            self.heard.push(said.session());
        }
    }

    /// How often the victim was heard to join a request.
    fn joins(&self, request: &SignedRequest) -> usize {
        self.heard.iter().filter(|session| **session == session_of(request)).count()
    }

    /// Announces a request and waits until the victim has joined it.
    async fn joined(&mut self, number: u32) -> SignedRequest {
        let request = self.request(number, Payload::Blind);
        self.announce(&request, 1);
        loop {
            let Frame::Envelope(said) = self.raw.frame().await else { continue };
            self.hear(&said);
            if self.joins(&request) > 0 {
                return request;
            }
        }
    }
}

fn session_of(request: &SignedRequest) -> SessionId {
    SigningRequest::session_id(request.request.id(), NETWORK, 1)
}

fn approvals(wallet: &Wallet, id: RequestId) -> usize {
    let is_it =
        |event: &&Event| matches!(event, Event::Request(_, RequestEvent::Asked(it)) if it.id == id);
    wallet.seen.iter().filter(is_it).count()
}

#[tokio::test]
async fn regression_joined_request_came_back_after_thousands_of_others() {
    // Everything is looked at: what is washed out is memory, and no budget may keep it from that.
    let any = Allowance { burst: 1 << 30, per_minute: 60_000 };
    let members = Allowances { work: any, announced_bytes: any, ..Default::default() };
    let limits = Limits { members, ..Default::default() };
    let mut washer = Washer::with_settings(1, |it| it.limits(limits)).await;
    let first = washer.joined(0).await;
    let id = first.request.id();
    washer.cancel(&first, 2);
    washer.victim().failed(id).await;
    let numbers: Vec<u32> = (1..=WASHED).collect();
    let mut last = Vec::new();
    for batch in numbers.chunks(BATCH) {
        last = batch.iter().map(|number| washer.request(*number, Payload::Blind)).collect();
        for other in &last {
            washer.announce(other, 1);
            washer.cancel(other, 2);
        }
        washer.seen().await;
    }
    washer.announce(&first, 1 << 40);
    washer.seen().await;

    // The same after a restart, for requests that the store and for some that only a note knows.
    let stopped = washer.party.wallets.remove(0).stop().await;
    let record = |place| stopped.records().into_iter().filter(place).count();
    let is_join = |it: &Record| matches!(it, Record::Joined { request, .. } if *request == id);
    assert_eq!(record(is_join), 1);
    let wallet = stopped.start().await;
    wallet.coordinator.group(washer.party.group()).await.unwrap();
    washer.party.wallets.push(wallet);
    washer.raw.again().await;
    washer.introduce().await;
    washer.announce(&first, 1 << 41);
    washer.seen().await;
    assert_eq!(approvals(washer.victim(), id), 0, "nobody is asked again");
    // It still serves: a new request is joined.
    let new = washer.joined(WASHED + 1).await;
    assert_ne!(new.request.id(), id);
    assert_eq!(washer.joins(&first), 1, "it was over each time");
    drop(last);
}

#[tokio::test]
async fn regression_second_join_ended_the_node_instead_of_the_request() {
    let mut washer = Washer::start().await;
    let request = washer.request(0, Payload::Blind);
    let id = request.request.id();
    // A store that holds a join of which nobody knows any more: a consent must not begin it again.
    let stopped = washer.party.wallets.remove(0).stop().await;
    let join = Record::Joined { request: id, attempt: 1, said: [3; 32] };
    stopped.write(vec![(Place::join(&id, 1), join)]);
    let wallet = stopped.start().await;
    wallet.coordinator.group(washer.party.group()).await.unwrap();
    washer.party.wallets.push(wallet);
    washer.raw.again().await;
    washer.introduce().await;
    washer.announce(&request, 1);
    washer.joined(1).await;
    assert_eq!(washer.joins(&request), 0, "the store knows it");
}

#[tokio::test]
async fn requests_beyond_the_budget_are_refused_and_others_are_taken() {
    let mut washer = Washer::start().await;
    for number in 0..200 {
        let request = washer.request(number, Payload::Blind);
        washer.announce(&request, 1);
        washer.cancel(&request, 2);
    }
    washer.seen().await;
    let asked = |event: &&Event| matches!(event, Event::Request(_, RequestEvent::Asked(_)));
    let group = washer.party.group;
    let job = ensign_coordinator::SigningJob::new(group, Work::Messages(vec![[8; 32]]));
    let own = propose(&washer.victim().coordinator, job).await.unwrap();
    washer.victim().coordinator.cancel(own.id).await.unwrap();
    washer.victim().failed(own.id).await;
    let shown = washer.victim().seen.iter().filter(asked).count();
    // A burst, and one more for each two seconds that the test takes.
    assert!(shown <= REQUESTS_ALLOWED.burst as usize + 30, "{shown}");
}

#[tokio::test]
async fn regression_payload_of_a_closed_request_stayed_for_two_days() {
    let mut washer = Washer::start().await;
    let mut psbt = washer.party.psbt(&[60_000], 50_000);
    let key = bitcoin::psbt::raw::Key { type_value: 0xee, key: vec![1] };
    psbt.unknown.insert(key, vec![7; PAYLOAD_BYTES_MAX / 2]);
    let bytes = psbt.serialize();
    let parsed = ensign_psbt::parse(&bytes).unwrap();
    let spend = ensign_psbt::analyze(&parsed, &washer.party.psbt_group()).unwrap();
    let digest = ensign_primitives::sha256(&bytes);
    let payload = Payload::Psbt { digest, len: bytes.len() as u32 };
    let SignedRequest { request, .. } = washer.request(0, payload);
    let amount = spend.summary.amount_spent();
    let request = SigningRequest { messages: spend.messages, amount, ..request };
    let request = SignedRequest::sign(request, &washer.node_key, washer.delegation).unwrap();
    let id = request.request.id();
    washer.raw.say(&Frame::Payload { request: id, bytes });
    washer.announce(&request, 1);
    loop {
        let Frame::Envelope(said) = washer.raw.frame().await else { continue };
        if matches!(said.body(), Body::SessionJoin(_)) {
            break;
        }
    }
    washer.cancel(&request, 2);
    washer.victim().failed(id).await;
    washer.victim().coordinator.requests().await.unwrap();
    let stopped = washer.party.wallets.remove(0).stop().await;
    let kept = stopped.records();
    let lean = |it: &Record| matches!(it, Record::Consented { payload: None, .. });
    assert!(kept.iter().any(lean), "the request is known, its payload is gone");
    let closed = |it: &Record| matches!(it, Record::Closed { request, .. } if *request == id);
    assert!(kept.iter().any(closed));
}

#[tokio::test]
async fn prompt_of_an_honest_member_comes_through_a_thousand_proposals_of_another() {
    let mut washer = Washer::beside(2).await;
    washer.victim().wait();
    let honest = node_of(1).0.peer_id();
    washer.victim().peer_up(honest).await;
    let flood = |washer: &Washer, numbers: std::ops::Range<u32>| {
        for number in numbers {
            washer.announce(&washer.request(number, Payload::Blind), 1);
        }
    };
    flood(&washer, 0..500);
    let job = washer.party.job(Work::Messages(vec![[1; 32]]));
    let asked = washer.party.propose(1, job).await;
    flood(&washer, 500..1_000);
    let is_it = |event: &Event| match event {
        Event::Request(request, RequestEvent::Asked(_)) if request.id == asked.id => Some(()),
        _ => None,
    };
    washer.victim().until(is_it).await;
    washer.seen().await;
    // As a desk asks them.
    let (start, mut turns) = (Instant::from_micros(0), Turns::new(Some(QUESTIONS_ALLOWED)));
    let mut flooded = 0;
    for event in &washer.victim().seen {
        if let Event::Request(request, RequestEvent::Asked(approval)) = event {
            flooded += u64::from(request.creator != Some(honest));
            turns.enter(start, Claim::of(&approval.request.request), request.id);
        }
    }
    assert!((1..=REQUESTS_ALLOWED.burst).contains(&flooded), "{flooded}");
    let two = [turns.take(start).unwrap(), turns.take(start).unwrap()];
    assert!(two.iter().any(|(_, id)| *id == asked.id), "the first or the next one");
    let same = two.iter().map(|(claim, _)| turns.count_same(claim)).max();
    assert_eq!(same, Some(flooded as usize - 1), "one prompt for all of the others");
}
