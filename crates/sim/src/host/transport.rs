//! What QUIC does between two nodes: connections that come and go, frames in order within a stream.
//!
//! A loss delays a frame and those behind it; nothing is lost while a connection lives. Payloads
//! travel on streams of their own, all else on one. The numbers are those of `ensign-transport`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ensign_engine::peers::DialFailure;
use ensign_primitives::{Direction, Instant, sha256};
use ensign_wire::Kind;

use super::Turn;
use crate::{
    NodeIndex,
    event::{Conn, Packet, What},
    random::Random,
};

/// How long a peer may be silent (`ensign_transport::IDLE_TIMEOUT`).
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a handshake may take (`ensign_transport::HANDSHAKE_TIMEOUT`).
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// After how long the first packet of a handshake is repeated: three times the first guess of the
/// round trip, which is 100 ms in `ensign-transport`; doubles each time (RFC 9002 section 6.2).
const INITIAL_TIMEOUT: Duration = Duration::from_millis(300);
/// What a packet weighs that carries no frame: QUIC pads a handshake to 1,200 bytes (RFC 9000
/// section 14.1).
const HANDSHAKE_BYTES: usize = 1200;
/// What QUIC adds to a frame: headers and authentication tag.
const OVERHEAD_BYTES: usize = 40;

/// The least time between two arrivals on one stream.
const TICK: Duration = Duration::from_micros(1);

/// A node's connections.
#[derive(Debug, Default)]
pub(super) struct Transport {
    links: BTreeMap<NodeIndex, Link>,
    dials: u32,
    /// When the last byte handed over has left.
    uplink_free: Instant,
}

#[derive(Debug)]
struct Link {
    conn: Option<Conn>,
    phase: Phase,
    /// When the peer took our dial, by its own packet.
    accepted: Instant,
    /// When the last frame of the ordered stream arrives.
    stream_clear: Instant,
    /// Frames that meet a cut way, in order.
    stalled: Vec<(Kind, Arc<[u8]>)>,
    /// Whether the machine lets the peer send payloads; until then those wait here.
    admitted: bool,
    held: Vec<Arc<[u8]>>,
    /// Whether the machine waits for the answer to a dial.
    is_asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Down,
    Dialing,
    Accepting,
    Up,
}

/// What a packet means for the machine above.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Up(NodeIndex),
    Down(NodeIndex),
    DialFailed(NodeIndex, DialFailure),
}

impl Link {
    const fn new() -> Self {
        Self {
            conn: None,
            phase: Phase::Down,
            accepted: Instant::from_micros(0),
            stream_clear: Instant::from_micros(0),
            stalled: Vec::new(),
            admitted: false,
            held: Vec::new(),
            is_asked: false,
        }
    }

    fn take(&mut self, conn: Conn, phase: Phase) {
        self.conn = Some(conn);
        self.phase = phase;
        self.forget_frames();
    }

    fn forget_frames(&mut self) {
        self.admitted = false;
        self.stalled.clear();
        self.held.clear();
    }

    /// Answers the dial that the machine waits for, if there is one.
    fn answer(&mut self, peer: NodeIndex, why: DialFailure) -> Option<Change> {
        std::mem::take(&mut self.is_asked).then_some(Change::DialFailed(peer, why))
    }

    fn drop_conn(&mut self) {
        self.conn = None;
        self.phase = Phase::Down;
        self.forget_frames();
    }
}

impl Transport {
    /// The process is gone: so is everything but the count of dials, which keeps names apart.
    pub(super) fn reset(&mut self) {
        *self = Self { dials: self.dials, ..Self::default() };
    }

    /// The peers of connections that are up, with their connections.
    pub(super) fn up(&self) -> impl Iterator<Item = (NodeIndex, Conn)> {
        let up = self.links.iter().filter(|(_, link)| link.phase == Phase::Up);
        up.filter_map(|(peer, link)| link.conn.map(|conn| (*peer, conn)))
    }

    /// The peers whose answer to a dial the machine waits for.
    pub(super) fn asked(&self) -> impl Iterator<Item = NodeIndex> {
        self.links.iter().filter(|(_, link)| link.is_asked).map(|(peer, _)| *peer)
    }

    pub(super) fn is_up(&self, peer: NodeIndex) -> bool {
        self.links.get(&peer).is_some_and(|link| link.phase == Phase::Up)
    }

    /// Who began the connection with a peer.
    pub(super) fn direction(&self, peer: NodeIndex) -> Direction {
        let conn = self.links.get(&peer).and_then(|link| link.conn);
        match conn {
            Some(conn) if conn.dialer == peer => Direction::Inbound,
            Some(_) | None => Direction::Outbound,
        }
    }

    /// What both ends of the connection with a peer know, and nobody else.
    pub(super) fn exporter(&self, us: NodeIndex, peer: NodeIndex) -> [u8; 32] {
        let conn = self.links.get(&peer).and_then(|link| link.conn);
        let (dialer, number) = conn.map_or((us, 0), |conn| (conn.dialer, conn.number));
        let other = if dialer == us { peer } else { us };
        let ends = [dialer, other].map(|node| node.as_usize() as u64);
        let parts = [ends[0], ends[1], number.into()];
        sha256(&parts.map(u64::to_le_bytes).concat())
    }

    /// Dials a peer once. What comes of it is one of the changes that follow, or is told at once when
    /// there is another connection or the beginning of one.
    pub(super) fn dial(&mut self, turn: &mut Turn<'_>, peer: NodeIndex) {
        let link = self.links.entry(peer).or_insert_with(Link::new);
        if link.phase != Phase::Down {
            let (boot, why) = (turn.boot, DialFailure::Duplicate);
            return turn.later(turn.now, What::DialFailed { peer, boot, why });
        }
        link.is_asked = true;
        self.dials += 1;
        let conn = Conn { dialer: turn.node, number: self.dials };
        link.take(conn, Phase::Dialing);
        let timeout = turn.now.after(HANDSHAKE_TIMEOUT);
        turn.later(timeout, What::DialTimeout { peer, conn });
        self.say_hello(turn, peer, conn, INITIAL_TIMEOUT);
    }

    /// Sends the first packet of a handshake, again and again until it is answered or given up.
    pub(super) fn say_hello(
        &mut self,
        turn: &mut Turn<'_>,
        peer: NodeIndex,
        conn: Conn,
        pause: Duration,
    ) {
        let waits = |link: &Link| link.conn == Some(conn) && link.phase == Phase::Dialing;
        if self.links.get(&peer).is_some_and(waits) {
            let sent = turn.now;
            self.packet(turn, peer, Packet::Dial { conn, sent });
            turn.later(turn.now.after(pause), What::Initial { peer, conn, pause: 2 * pause });
        }
    }

    pub(super) fn on_dial_timeout(&mut self, peer: NodeIndex, conn: Conn) -> Vec<Change> {
        let Some(link) = self.links.get_mut(&peer) else { return Vec::new() };
        if link.conn != Some(conn) || !matches!(link.phase, Phase::Dialing | Phase::Accepting) {
            return Vec::new();
        }
        link.drop_conn();
        link.answer(peer, DialFailure::TimedOut).into_iter().collect()
    }

    /// Hands a frame to the connection; says whether there is one.
    pub(super) fn send(
        &mut self,
        turn: &mut Turn<'_>,
        peer: NodeIndex,
        kind: Kind,
        frame: Arc<[u8]>,
    ) -> bool {
        let Some(link) = self.links.get_mut(&peer) else { return false };
        let (Phase::Up, Some(conn)) = (link.phase, link.conn) else { return false };
        if turn.plan.paths.cut_since(turn.now, turn.node, peer).is_some() {
            link.stalled.push((kind, frame));
            return true;
        }
        let bytes = frame.len() + OVERHEAD_BYTES;
        // A hello belongs to its connection: no transport repeats it.
        let twice = kind != Kind::Hello && turn.plan.weather.duplicates(turn.random, turn.now);
        let arrival = self.arrival(turn, peer, bytes);
        let Some(link) = self.links.get_mut(&peer) else { return false };
        let mut in_order = |arrival: Instant| {
            if kind != Kind::Payload {
                link.stream_clear = arrival.max(link.stream_clear.after(TICK));
            }
            if kind == Kind::Payload { arrival } else { link.stream_clear }
        };
        let arrival = in_order(arrival);
        if twice {
            let frame = Arc::clone(&frame);
            turn.to(peer, in_order(arrival.after(TICK)), Packet::Frame { conn, frame });
        }
        turn.to(peer, arrival, Packet::Frame { conn, frame });
        true
    }

    /// Keeps a payload back until its sender is admitted; says whether it did.
    pub(super) fn holds_back(&mut self, peer: NodeIndex, kind: Kind, frame: &Arc<[u8]>) -> bool {
        let link = self.links.get_mut(&peer).filter(|link| !link.admitted);
        match link {
            Some(link) if kind == Kind::Payload => {
                link.held.push(Arc::clone(frame));
                true
            }
            _ => false,
        }
    }

    /// The machine admits a peer: what was held back arrives.
    pub(super) fn admit(&mut self, turn: &mut Turn<'_>, peer: NodeIndex) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.admitted = true;
        let Some(conn) = link.conn else { return };
        for frame in std::mem::take(&mut link.held) {
            let (node, from) = (turn.node, peer);
            let packet = Packet::Frame { conn, frame };
            turn.event(node, turn.now, What::Packet { from, packet });
        }
    }

    /// A packet without a frame. On a cut way it is lost: whoever waits for it has a timeout.
    fn packet(&mut self, turn: &mut Turn<'_>, peer: NodeIndex, packet: Packet) {
        if turn.plan.paths.cut_since(turn.now, turn.node, peer).is_some() {
            return;
        }
        let is_last = matches!(packet, Packet::Established { .. } | Packet::Close { .. });
        let mut arrival = self.arrival(turn, peer, HANDSHAKE_BYTES);
        if is_last && let Some(link) = self.links.get_mut(&peer) {
            arrival = arrival.max(link.stream_clear.after(TICK));
            link.stream_clear = arrival;
        }
        turn.to(peer, arrival, packet);
    }

    fn arrival(&mut self, turn: &mut Turn<'_>, peer: NodeIndex, bytes: usize) -> Instant {
        let weather = &turn.plan.weather;
        let start = self.uplink_free.max(turn.depart);
        self.uplink_free = start.after(weather.sending_time(bytes));
        self.uplink_free.after(weather.delay(turn.random, turn.now, (turn.node, peer)))
    }

    pub(super) fn on_packet(
        &mut self,
        turn: &mut Turn<'_>,
        peer: NodeIndex,
        packet: &Packet,
    ) -> Vec<Change> {
        match *packet {
            Packet::Dial { conn, sent } => self.on_dial(turn, peer, conn, sent),
            Packet::Accept { conn, sent } => {
                let link = self.links.entry(peer).or_insert_with(Link::new);
                if (link.conn, link.phase) != (Some(conn), Phase::Dialing) {
                    return Vec::new();
                }
                link.phase = Phase::Up;
                link.accepted = sent;
                link.is_asked = false;
                self.packet(turn, peer, Packet::Established { conn });
                vec![Change::Up(peer)]
            }
            Packet::Established { conn } => {
                let Some(link) = self.links.get_mut(&peer) else { return Vec::new() };
                if (link.conn, link.phase) != (Some(conn), Phase::Accepting) {
                    return Vec::new();
                }
                link.phase = Phase::Up;
                link.is_asked = false;
                vec![Change::Up(peer)]
            }
            Packet::Frame { conn, .. } => {
                if !self.knows(peer, conn) {
                    self.packet(turn, peer, Packet::Reset { conn });
                }
                Vec::new()
            }
            Packet::Close { conn } | Packet::Reset { conn } => self.lose(peer, conn),
        }
    }

    /// Whether frames of that connection are for the machine.
    pub(super) fn knows(&self, peer: NodeIndex, conn: Conn) -> bool {
        self.links.get(&peer).is_some_and(|link| link.conn == Some(conn) && link.phase == Phase::Up)
    }

    /// Of two dials that cross, the one of the lower node counts. A dial that was made after the
    /// present connection says that the peer has lost it.
    fn on_dial(
        &mut self,
        turn: &mut Turn<'_>,
        peer: NodeIndex,
        conn: Conn,
        sent: Instant,
    ) -> Vec<Change> {
        let person = |node| turn.plan.cast.person(node);
        let reached = person(peer)
            .zip(person(turn.node))
            .is_some_and(|(dialer, local)| dialer.nat.reaches(local.nat));
        if !reached {
            return Vec::new();
        }
        let local = turn.node;
        let link = self.links.entry(peer).or_insert_with(Link::new);
        let mut changes = Vec::new();
        if link.conn == Some(conn) && link.phase == Phase::Up {
            return changes;
        }
        match link.phase {
            Phase::Dialing if local < peer => return changes,
            Phase::Up => {
                let ours = link.conn.is_some_and(|known| known.dialer == local);
                if ours && sent <= link.accepted {
                    return changes;
                }
                changes.push(Change::Down(peer));
            }
            Phase::Down | Phase::Dialing | Phase::Accepting => {}
        }
        link.take(conn, Phase::Accepting);
        let timeout = turn.now.after(HANDSHAKE_TIMEOUT);
        turn.later(timeout, What::DialTimeout { peer, conn });
        let sent = turn.now;
        self.packet(turn, peer, Packet::Accept { conn, sent });
        changes
    }

    /// The connection is gone, or what was to become one.
    pub(super) fn lose(&mut self, peer: NodeIndex, conn: Conn) -> Vec<Change> {
        let Some(link) = self.links.get_mut(&peer) else { return Vec::new() };
        if link.conn != Some(conn) {
            return Vec::new();
        }
        let was_up = link.phase == Phase::Up;
        link.drop_conn();
        let down = was_up.then_some(Change::Down(peer));
        down.into_iter().chain(link.answer(peer, DialFailure::Refused)).collect()
    }

    /// Nothing came through for the idle timeout, if the way is still cut: the connection ends here,
    /// and the peer, who hears nothing from now on, follows as late.
    pub(super) fn on_idle(
        &mut self,
        turn: &mut Turn<'_>,
        peer: NodeIndex,
        conn: Conn,
    ) -> Vec<Change> {
        let cut = turn.plan.paths.cut_since(turn.now, peer, turn.node);
        if cut.is_none_or(|since| turn.now.since(since) < IDLE_TIMEOUT) {
            return Vec::new();
        }
        let changes = self.lose(peer, conn);
        if !changes.is_empty() {
            let node = turn.node;
            turn.event(peer, turn.now.after(IDLE_TIMEOUT), What::Silence { peer: node, conn });
        }
        changes
    }

    /// Starts the clock on every connection whose incoming way was cut; sends what had stalled where
    /// the outgoing way is open again.
    pub(super) fn on_paths_changed(&mut self, turn: &mut Turn<'_>) {
        let peers: Vec<_> = self.up().collect();
        for (peer, conn) in peers {
            if turn.plan.paths.cut_since(turn.now, peer, turn.node).is_some() {
                turn.later(turn.now.after(IDLE_TIMEOUT), What::Idle { peer, conn });
            }
            if turn.plan.paths.cut_since(turn.now, turn.node, peer).is_none() {
                let link = self.links.get_mut(&peer);
                let stalled = link.map(|link| std::mem::take(&mut link.stalled));
                for (kind, frame) in stalled.unwrap_or_default() {
                    self.send(turn, peer, kind, frame);
                }
            }
        }
    }

    /// Closes a connection on our side and tells the peer.
    pub(super) fn close(&mut self, turn: &mut Turn<'_>, peer: NodeIndex) -> bool {
        let Some(conn) = self.links.get(&peer).and_then(|link| link.conn) else { return false };
        self.packet(turn, peer, Packet::Close { conn });
        !self.lose(peer, conn).is_empty()
    }

    /// Ends every connection without a word: peers notice when they hear nothing.
    pub(super) fn die(&mut self, turn: &mut Turn<'_>) {
        let node = turn.node;
        let peers: Vec<_> = self.up().collect();
        for (peer, conn) in peers {
            turn.event(peer, turn.now.after(IDLE_TIMEOUT), What::Silence { peer: node, conn });
        }
        self.reset();
    }

    /// Draws the connection that breaks.
    pub(super) fn draw_victim(&self, random: &mut Random) -> Option<NodeIndex> {
        let peers: Vec<_> = self.up().map(|(peer, _)| peer).collect();
        random.choose(&peers).copied()
    }
}
