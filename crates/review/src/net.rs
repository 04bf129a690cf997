//! Who is connected, and whom the guards hold back: what a person asks when something is wrong.

use core::{net::SocketAddr, time::Duration};

use ensign_engine::{
    Engine, Link,
    ratelimit::Tightening,
    reputation::{Why, Word},
    watch::{Counts, Entry},
};
use ensign_primitives::{Direction, Instant, LinkId, Now, PeerId, SignerIndex, UnixTime};
use ensign_signing::{Standing, Wait};

use crate::GroupInfo;

/// What a node is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// A member of a group of ours.
    Member,
    /// A node that we want to be connected with, which has not shown yet that it is a member.
    Wanted,
    /// Anybody else.
    Stranger,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetPeer {
    /// Names it.
    pub link: LinkId,
    /// Who is at its other end.
    pub peer: PeerId,
    /// Where that node speaks from.
    pub remote: SocketAddr,
    /// Whether we dialled it.
    pub dialled: bool,
    /// Since when it is up.
    pub since: UnixTime,
    /// What the node is to us.
    pub tie: Tie,
    /// Whether it says that it signs; `None` before its greeting.
    pub signs: Option<bool>,
    /// How it stands, in points.
    pub score: i32,
    /// Why it stands so; `None` when nothing is known of it.
    pub why: Option<Why>,
    /// What was done to it.
    pub counts: Counts,
}

/// Somebody to whom something was done, or of whom our user has said something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarded {
    /// Who.
    pub peer: PeerId,
    /// What it is to us: as its connection says, or as our groups do if it has none.
    pub tie: Tie,
    /// Whether it is connected.
    pub is_connected: bool,
    /// What was done to it, when and why; `None` when nothing was, in this run.
    pub done: Option<Entry>,
    /// How it stands, and why; `None` when nothing is known of it.
    pub standing: Option<Why>,
    /// Until when something holds it back now; `None` when nothing does.
    pub until: Option<Until>,
}

/// Until when a guard holds somebody back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until our user takes the ban back.
    Unbanned,
    /// Until its score has faded so far that it is let in.
    Faded {
        /// When that is, if it does no further wrong; `None` beyond [`FADING_FORESEEN`].
        at: Option<UnixTime>,
    },
    /// Until all that it may ask is there again; parts of it are there before.
    Full {
        /// When that is, if it asks nothing meanwhile.
        at: UnixTime,
    },
}

/// How far ahead it is told when a score will have faded. Guess: a year says as much as never.
pub const FADING_FORESEEN: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What the guards do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardReport {
    /// As of when.
    pub now: UnixTime,
    /// Since when it is watched.
    pub since: UnixTime,
    /// How many strangers are connected.
    pub strangers: usize,
    /// How many may be.
    pub strangers_max: usize,
    /// How many zero bits of work a stranger that comes now is asked to prove; `None` at rest.
    pub price: Option<u8>,
    /// How far what strangers share is tightened, from 0 to
    /// [`LEVEL_MAX`](ensign_ratelimit::LEVEL_MAX): each level halves it.
    pub level: u8,
    /// Why it was tightened, the latest first.
    pub tightenings: Vec<Tightening>,
    /// Who was sent away before anybody knew who it is.
    pub sent_away: SentAway,
    /// Everything that was done.
    pub totals: Counts,
    /// To whom: whom we know or want first, each the latest first; then of whom our user has said
    /// something and to whom nothing was done.
    pub guarded: Vec<Guarded>,
}

/// Who was sent away before anybody knew who it is, because too many came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentAway {
    /// Callers whose handshake did not begin.
    pub callers: u64,
    /// First packets that were dropped unread.
    pub packets: u64,
}

/// Whether our user has banned a node.
pub fn is_banned(engine: &Engine, peer: &PeerId) -> bool {
    engine.reputation().word(peer) == Some(Word::Banned)
}

/// Notes in what a group waits for whose node our user has banned.
pub fn note_banned(engine: &Engine, wait: &mut Wait, group: &GroupInfo) {
    let banned = group.members.iter().map(|member| is_banned(engine, &member.peer));
    let all = banned.zip(0..).filter(|(is, who)| *is && *who != group.own.0);
    wait.banned = all.map(|(_, who)| SignerIndex(who)).collect();
}

impl NetPeer {
    /// Takes every connection of a node.
    pub fn all(engine: &Engine, now: Now) -> Vec<Self> {
        engine.links().map(|(link, known)| Self::new(engine, now, (link, known))).collect()
    }

    fn new(engine: &Engine, now: Now, (link, known): (LinkId, &Link)) -> Self {
        let peer = known.peer;
        let age = now.instant.as_micros().saturating_sub(known.place.since.as_micros());
        let counts = engine.watch().get(&peer).map(|entry| entry.counts);
        Self {
            link,
            peer,
            remote: known.remote,
            dialled: known.direction == Direction::Outbound,
            since: before(now.unix, Duration::from_micros(age)),
            tie: tie(Some(known)),
            signs: known.hello.map(|hello| hello.roles.0 & ensign_wire::Roles::SIGNER.0 != 0),
            score: engine.reputation().score(now.unix, &peer),
            why: engine.reputation().why(now.unix, &peer),
            counts: counts.unwrap_or_default(),
        }
    }
}

impl GuardReport {
    /// Takes what the guards of a node do.
    ///
    /// - `sent_away`: by the transport, since the start.
    pub fn new(engine: &Engine, now: Now, sent_away: SentAway) -> Self {
        let (watch, reputation) = (engine.watch(), engine.reputation());
        let mut guarded: Vec<_> = watch
            .entries()
            .map(|(peer, entry)| Guarded::new(engine, now, *peer, Some(entry.clone())))
            .collect();
        let said = reputation.iter(now.unix).filter(|(peer, score)| {
            let is_watched = watch.get(peer).is_some();
            !is_watched && (*score < 0 || reputation.word(peer).is_some())
        });
        guarded.extend(said.map(|(peer, _)| Guarded::new(engine, now, peer, None)));
        let strangers = engine.links().filter(|(_, link)| tie(Some(link)) == Tie::Stranger).count();
        Self {
            now: now.unix,
            since: watch.since(),
            strangers,
            strangers_max: engine.strangers_max(),
            price: engine.price(now),
            level: engine.level().now(now.instant),
            tightenings: engine.level().tightenings().copied().collect(),
            sent_away,
            totals: watch.totals(),
            guarded,
        }
    }
}

impl Guarded {
    fn new(engine: &Engine, now: Now, peer: PeerId, done: Option<Entry>) -> Self {
        let standing = engine.reputation().why(now.unix, &peer);
        let link = engine.link_of(&peer);
        let tie = match link {
            None if !engine.signing().groups_with(&peer).is_empty() => Tie::Member,
            _ => tie(link.map(|(_, known)| known)),
        };
        let has_held = done.as_ref().is_some_and(|done| done.counts.held > 0);
        let asks = link.map(|(_, known)| known).filter(|_| has_held);
        let until = if is_banned(engine, &peer) {
            Some(Until::Unbanned)
        } else {
            fades(engine, now, &peer, tie != Tie::Stranger)
                .or_else(|| fills(engine.guards().full_at(asks?), now))
        };
        Self { peer, tie, is_connected: link.is_some(), done, standing, until }
    }

    /// Returns what our user has said of it.
    pub fn word(&self) -> Option<(Word, UnixTime)> {
        self.standing.as_ref().and_then(|why| why.word)
    }
}

/// Says until when a score shuts a node out, if it does.
fn fades(engine: &Engine, now: Now, peer: &PeerId, is_ours: bool) -> Option<Until> {
    let is_shut_out = |after: u64| {
        let at = now.unix.after(Duration::from_secs(after));
        engine.reputation().bars(at, peer, is_ours).is_some()
    };
    if !is_shut_out(0) {
        return None;
    }
    // Scores only fade: it is shut out before a time, and let in from then on.
    let (mut shut, mut open) = (0, FADING_FORESEEN.as_secs());
    if is_shut_out(open) {
        return Some(Until::Faded { at: None });
    }
    while open - shut > 1 {
        let middle = shut.midpoint(open);
        if is_shut_out(middle) { shut = middle } else { open = middle }
    }
    Some(Until::Faded { at: Some(now.unix.after(Duration::from_secs(open))) })
}

/// Says when budgets are full, unless they are.
fn fills(full_at: Instant, now: Now) -> Option<Until> {
    let micros = full_at.as_micros().saturating_sub(now.instant.as_micros());
    (micros > 0).then(|| Until::Full { at: now.unix.after(Duration::from_micros(micros)) })
}

fn tie(link: Option<&Link>) -> Tie {
    match link {
        Some(link) if link.standing == Standing::Member => Tie::Member,
        Some(link) if link.is_wanted => Tie::Wanted,
        Some(_) | None => Tie::Stranger,
    }
}

fn before(time: UnixTime, age: Duration) -> UnixTime {
    let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    UnixTime::from_millis(time.as_millis().saturating_sub(age))
}
