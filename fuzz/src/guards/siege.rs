//! The node under siege, and those around it.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ensign_engine::signing::{Event, Known};
use ensign_engine::{Engine, Input, Output, Restored, reputation::Word};
use ensign_primitives::{
    Direction, Instant, LinkId, Now, PeerId, QueryId, RequestId, SignerIndex, StateMachine as _,
    UnixTime,
};
use ensign_wire::{
    AbortReason, Body, Envelope, Frame, Header, Hello, Introduced, KeyTweak, Kind, Lane, Limits,
    Message, Mode, PROTOCOL_VERSION, Payload, Price, Proof, Roles, Scheme, SessionAbort,
    SessionAnnounce, SignedRequest, SigningRequest, TxType, Welcome,
};

use crate::engine::people::{FORGER, NETWORK, START, engine, group, key, peer, person, start};

/// The member that keeps all rules.
const HONEST: usize = 1;
/// Most outputs of one call.
const OUTPUTS_MAX: usize = 8_192;
/// Most connections of others at one time: above that the transport lets nobody in.
const LINKS_MAX: usize = 600;
/// Furthest that the wall clock is from where it was, either way.
const CLOCK_OFF_MAX: i64 = 48 * 3_600_000;
/// How long the honest member waits between two words.
const PACE: Duration = Duration::from_secs(2);
/// Most frames of the node that are played back.
const HISTORY_MAX: usize = 512;

pub(crate) struct Siege {
    engine: Engine,
    now: Instant,
    /// Where the wall clock is from where it should be, in milliseconds.
    clock_off: i64,
    honest: LinkId,
    /// Who is at the other end of each connection that is open, but the honest member's.
    links: BTreeMap<LinkId, PeerId>,
    named: u64,
    /// What the node has sent.
    history: VecDeque<Arc<[u8]>>,
    /// Which questions of the honest member were answered.
    pongs: Vec<QueryId>,
    pings: u64,
    reviews: Vec<RequestId>,
    requests: Vec<SignedRequest>,
    said: u64,
}

impl Siege {
    pub(crate) fn new() -> Self {
        let mut siege = Self {
            engine: engine(0, start(), Restored::default()),
            now: Instant::from_micros(0),
            clock_off: 0,
            honest: LinkId(0),
            links: BTreeMap::new(),
            named: 0,
            history: VecDeque::new(),
            pongs: Vec::new(),
            pings: 0,
            reviews: Vec::new(),
            requests: Vec::new(),
            said: 0,
        };
        siege.engine.add_group(start(), group()).expect("a sound group");
        siege.carry_out();
        siege.honest = siege.up(peer(HONEST), SocketAddr::from(([10, 0, 0, 1], 1)), false);
        siege.meet(siege.honest, HONEST);
        siege.greet();
        siege
    }

    fn now(&self) -> Now {
        let passed = self.now.as_micros() / 1_000;
        let unix = START.as_millis().saturating_add(passed).saturating_add_signed(self.clock_off);
        Now { instant: self.now, unix: UnixTime::from_millis(unix) }
    }

    fn up(&mut self, peer: PeerId, remote: SocketAddr, by_us: bool) -> LinkId {
        let link = LinkId(self.named);
        self.named += 1;
        self.links.insert(link, peer);
        let direction = if by_us { Direction::Outbound } else { Direction::Inbound };
        let (exporter, round_trip) = ([7; 32], None);
        self.input(Input::Up { link, peer, remote, direction, exporter, round_trip });
        link
    }

    /// Says on a connection what a member's node says first.
    fn meet(&mut self, link: LinkId, who: usize) {
        let hint = Introduced::hint(NETWORK, &key(who), (&peer(who), &peer(0)));
        let word = Introduced { hint, peer: peer(who), proof: person(who).delegation };
        let (clock, instance) = (self.now().unix, [who as u8; 8]);
        self.say(link, &hello());
        self.say(link, &Frame::Delegation(word));
        self.say(link, &Frame::Welcome(Welcome { clock, instance, listening: vec![] }));
    }

    fn say(&mut self, link: LinkId, frame: &Frame) {
        self.hand(link, &frame.encode());
    }

    fn hand(&mut self, link: LinkId, frame: &[u8]) {
        let Some((kind, body)) = parts(frame) else { return };
        self.input(Input::Frame { link, kind, body });
    }

    fn input(&mut self, input: Input) {
        let now = self.now();
        self.engine.handle_input(now, input);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let mut waiting = VecDeque::new();
        for outputs in 0.. {
            assert!(outputs <= OUTPUTS_MAX, "more than {OUTPUTS_MAX} outputs of one call");
            let Some(output) = self.engine.poll_output() else { break };
            match output {
                Output::Send { link, frame, .. } => self.on_sent(link, frame),
                Output::Close { link, reason } => {
                    assert_ne!(link, self.honest, "the honest member was shown out: {reason:?}");
                    if self.links.remove(&link).is_some() {
                        waiting.push_back(Input::Down { link });
                    }
                }
                Output::Persist { token, .. } => waiting.push_back(Input::Persisted { token }),
                Output::Recall { request } => {
                    waiting.push_back(Input::Recalled { request, known: Known::Nothing });
                }
                Output::Event(ensign_engine::Event::Signing(Event::Review(review))) => {
                    self.reviews.push(review.id);
                }
                _ => {}
            }
        }
        if let Some(over) = self.engine.occupancy().find(|it| !it.is_within_limit()) {
            panic!("above its bound: {over:?}");
        }
        waiting.into_iter().for_each(|input| self.input(input));
    }

    fn on_sent(&mut self, link: LinkId, frame: Arc<[u8]>) {
        if link == self.honest
            && let Ok(Frame::Pong(query)) = Frame::decode_whole(&frame, NETWORK)
        {
            self.pongs.push(query);
        }
        self.history.push_back(frame);
        if self.history.len() > HISTORY_MAX {
            self.history.pop_front();
        }
    }

    /// A connection of somebody else's that is open; a byte of the input chooses.
    fn link(&self, which: u8) -> Option<LinkId> {
        let others: Vec<_> = self.links.keys().filter(|link| **link != self.honest).collect();
        others.get(usize::from(which) % others.len().max(1)).map(|link| **link)
    }

    /// A node connects: the member that does as it likes, or a stranger.
    pub(crate) fn arrive(&mut self, who: u8, place: u8, more: u8) {
        if self.links.len() >= LINKS_MAX {
            return;
        }
        let is_member = who.is_multiple_of(4);
        let peer = if is_member { peer(FORGER) } else { stranger(who, more & 0x0f) };
        // A transport has one connection of a node; the later one counts.
        let earlier = self.links.iter().find(|(_, other)| **other == peer).map(|(link, _)| *link);
        if let Some(link) = earlier {
            self.gone(link);
        }
        let link = self.up(peer, address(place, more), more & 0x10 != 0);
        if is_member && more & 0x20 == 0 && self.links.contains_key(&link) {
            self.meet(link, FORGER);
        }
    }

    /// Strangers connect, each from elsewhere.
    pub(crate) fn crowd(&mut self, count: u8, seed: u8) {
        for number in 0..count % 100 {
            self.arrive(number | 1, number.wrapping_mul(seed | 1), seed.wrapping_add(number));
        }
    }

    pub(crate) fn leave(&mut self, which: u8) {
        self.link(which).into_iter().for_each(|link| self.gone(link));
    }

    fn gone(&mut self, link: LinkId) {
        if link != self.honest && self.links.remove(&link).is_some() {
            self.input(Input::Down { link });
        }
    }

    pub(crate) fn say_hello(&mut self, which: u8) {
        self.link(which).into_iter().for_each(|link| self.say(link, &hello()));
    }

    /// Anybody sends bytes.
    pub(crate) fn babble(&mut self, from: u8, kind: u8, body: Vec<u8>) {
        let kind = Kind::ALL[usize::from(kind) % Kind::ALL.len()];
        if let Some(link) = self.link(from).filter(|_| body.len() <= kind.limit()) {
            self.input(Input::Frame { link, kind, body });
        }
    }

    /// Anybody sends one thing many times.
    pub(crate) fn flood(&mut self, from: u8, what: u8, count: u8) {
        for number in 0..u64::from(count) {
            let Some(link) = self.link(from) else { return };
            match what % 3 {
                0 => self.say(link, &Frame::Ping(QueryId(number))),
                1 => self.say(link, &hello()),
                _ => {
                    let kind = Kind::ALL[usize::from(what) % Kind::ALL.len()];
                    let body = vec![count; usize::from(what).min(kind.limit())];
                    self.input(Input::Frame { link, kind, body });
                }
            }
        }
    }

    /// What the node has sent is played back to it, with a bit changed or none.
    pub(crate) fn echo(&mut self, from: u8, which: u8, change: u8) {
        let frame = self.history.get(usize::from(which) % self.history.len().max(1));
        let Some((kind, mut body)) = frame.and_then(|frame| parts(frame)) else { return };
        if change & 0x80 != 0
            && let Some(byte) = body.get_mut(usize::from(change & 0x7f))
        {
            *byte ^= 1 << (change % 8);
        }
        if let Some(link) = self.link(from) {
            self.input(Input::Frame { link, kind, body });
        }
    }

    fn request(&mut self, who: usize, bits: u8) -> SignedRequest {
        self.said += 1;
        let mut nonce = [bits; 16];
        nonce[..8].copy_from_slice(&self.said.to_be_bytes());
        let created = self.now().unix;
        let request = SigningRequest {
            network: NETWORK,
            scheme: Scheme::Bip327,
            signers: group().keys,
            messages: vec![Message { digest: [bits; 32], tweak: KeyTweak::None }],
            payload: Payload::Blind,
            purpose: String::new(),
            tx_type: TxType::Spend,
            amount: 0,
            creator: SignerIndex(who as u16),
            created,
            expires: created.after(Duration::from_secs(600 + u64::from(bits))),
            mode: Mode::Committed,
            nonce,
        };
        let person = person(who);
        SignedRequest::sign(request, &person.node_key, person.delegation).expect("within limits")
    }

    fn announce(&mut self, link: LinkId, who: usize, request: &SignedRequest) {
        let announce = SessionAnnounce { attempt: 1, request: request.clone() };
        self.state(link, who, request, Body::SessionAnnounce(Box::new(announce)));
    }

    fn state(&mut self, link: LinkId, who: usize, request: &SignedRequest, body: Body) {
        self.said += 1;
        let session = SigningRequest::session_id(request.request.id(), NETWORK, 1);
        let (key, now) = (&person(who).node_key, self.now().unix);
        let said = Envelope::sign(key, NETWORK, session, (1 << 40) + self.said, now, body);
        self.say(link, &Frame::Envelope(Box::new(said.expect("within limits"))));
    }

    fn forger(&self) -> Option<LinkId> {
        self.links.iter().find(|(_, who)| **who == peer(FORGER)).map(|(link, _)| *link)
    }

    /// The member that does as it likes proposes, many times.
    pub(crate) fn propose(&mut self, count: u8, bits: u8) {
        for number in 0..count % 40 {
            let Some(link) = self.forger() else { return };
            let request = self.request(FORGER, bits.wrapping_add(number & bits));
            self.announce(link, FORGER, &request);
            self.requests.push(request);
        }
    }

    /// It takes back what it has proposed last.
    pub(crate) fn cancel(&mut self, count: u8) {
        for _ in 0..count {
            let (Some(link), Some(request)) = (self.forger(), self.requests.pop()) else { return };
            let abort = SessionAbort { reason: AbortReason::Cancelled, culprit: None };
            self.state(link, FORGER, &request, Body::SessionAbort(abort));
        }
    }

    /// It ends what others ask, or accuses somebody.
    pub(crate) fn abort(&mut self, which: u8, bits: u8) {
        let request = self.requests.get(usize::from(which) % self.requests.len().max(1)).cloned();
        let (Some(link), Some(request)) = (self.forger(), request) else { return };
        let reasons = [AbortReason::Timeout, AbortReason::Declined, AbortReason::Internal];
        let reason = reasons[usize::from(bits) % reasons.len()];
        let culprit = (bits & 0x80 != 0).then_some(SignerIndex(u16::from(bits % 3)));
        self.state(link, FORGER, &request, Body::SessionAbort(SessionAbort { reason, culprit }));
    }

    /// It sends payloads that nobody has announced.
    pub(crate) fn pay_load(&mut self, count: u8, size: u8) {
        for number in 0..count % 40 {
            let Some(link) = self.forger() else { return };
            let request = RequestId::from_bytes([number; 32]);
            let bytes = vec![number; 4_096 * usize::from(size)];
            self.say(link, &Frame::Payload { request, bytes });
        }
    }

    /// Lets time pass, up to an hour.
    pub(crate) fn pass_time(&mut self, byte: u8) {
        let time = match byte % 4 {
            0 => Duration::from_millis(u64::from(byte)),
            1 => Duration::from_secs(u64::from(byte) / 8),
            2 => Duration::from_secs(u64::from(byte)),
            _ => Duration::from_secs(u64::from(byte) * 14),
        };
        self.pass(time);
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        for wakeup in 0.. {
            assert!(wakeup < 10_000, "the node does not come to rest");
            let next = self.engine.poll_timeout().filter(|wakeup| wakeup.at <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next.at);
            let now = self.now();
            self.engine.handle_timeout(now);
            self.carry_out();
        }
        self.now = end;
    }

    /// Somebody sets the wall clock, by up to hours either way.
    pub(crate) fn set_clock(&mut self, byte: u8) {
        let off = (i64::from(byte) - 128) * 600_000;
        self.clock_off = self.clock_off.saturating_add(off).clamp(-CLOCK_OFF_MAX, CLOCK_OFF_MAX);
        let now = self.now();
        self.engine.handle_timeout(now);
        self.carry_out();
    }

    /// Our user says a word about a stranger.
    pub(crate) fn say_word(&mut self, who: u8, word: u8) {
        let word = [None, Some(Word::Banned), Some(Word::Trusted)][usize::from(word) % 3];
        let now = self.now();
        // There may be too many words.
        let _ = self.engine.say(now, stranger(who, 0), word);
        self.carry_out();
    }

    /// Anybody shows a proof of work, or asks for one.
    pub(crate) fn pay(&mut self, from: u8, epoch: u8, nonce: u8) {
        let Some(link) = self.link(from) else { return };
        let (version, epoch, nonce) = (nonce % 3, u64::from(epoch), u64::from(nonce));
        let now = self.now().unix.as_millis();
        // Around the present epoch, whatever its length is, and far from it.
        let epoch = if epoch < 128 { now / 1_000 / 60 / (epoch + 1) } else { u64::MAX - epoch };
        if nonce & 0x80 == 0 {
            self.say(link, &Frame::Proof(Proof { version, epoch, nonce }));
        } else {
            let (bits, seed) = (nonce as u8 & 0x3f | 1, [nonce as u8; 32]);
            self.say(link, &Frame::Price(Price { version, bits, epoch, seed }));
        }
    }

    pub(crate) fn drop_frames(&mut self, which: u8, frames: u8) {
        let lanes = [Lane::Signing, Lane::Control, Lane::Bulk];
        let lane = lanes[usize::from(frames) % lanes.len()];
        if let Some(link) = self.link(which) {
            self.input(Input::Dropped { link, lane, frames: frames.into() });
        }
    }

    /// The honest member asks, at its pace, and is answered at once.
    pub(crate) fn greet(&mut self) {
        self.pass(PACE);
        self.pings += 1;
        let query = QueryId(self.pings);
        self.say(self.honest, &Frame::Ping(query));
        assert_eq!(self.pongs.last(), Some(&query), "the honest member is not answered");
    }

    /// What the honest member asks to sign is asked of our user at once.
    pub(crate) fn end(&mut self) {
        self.greet();
        // Clocks that agree again, and later than anything that was said.
        self.clock_off = CLOCK_OFF_MAX;
        self.set_clock(128);
        let request = self.request(HONEST, 1);
        self.announce(self.honest, HONEST, &request);
        let id = request.request.id();
        assert!(self.reviews.contains(&id), "what the honest member asks comes to nobody");
    }
}

/// What a frame's header says, and its body.
fn parts(frame: &[u8]) -> Option<(Kind, Vec<u8>)> {
    let header = Header::decode(frame).ok()??;
    Some((header.kind, frame.get(header.header_len..)?.to_vec()))
}

fn hello() -> Frame {
    let limits = Limits { payload_bytes: 1 << 20, messages: 1_024, requests: 25 };
    let (version_min, version_max) = (PROTOCOL_VERSION, PROTOCOL_VERSION);
    Frame::Hello(Hello { roles: Roles::SIGNER, version_min, version_max, observed: None, limits })
}

/// A node of no group.
fn stranger(who: u8, more: u8) -> PeerId {
    let mut bytes = [0xee; 32];
    [bytes[0], bytes[1]] = [who, more];
    PeerId::from_bytes(bytes)
}

/// An address of any kind: of few or of many networks.
fn address(place: u8, more: u8) -> SocketAddr {
    let ip = match more % 4 {
        0 => IpAddr::V4(Ipv4Addr::new(100, 0, place / 16, place)),
        1 => IpAddr::V4(Ipv4Addr::new(place, more, place, more)),
        2 => IpAddr::V6(Ipv4Addr::new(100, 0, place / 16, place).to_ipv6_mapped()),
        _ => {
            let place = u16::from(place);
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, place / 16, place, 0, 0, 0, more.into()))
        }
    };
    SocketAddr::new(ip, 1 + u16::from(more))
}
