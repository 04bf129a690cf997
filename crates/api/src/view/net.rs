//! Who is connected, and whom the guards hold back.

use std::collections::BTreeMap;

use ensign_coordinator::{
    GroupInfo, GuardReport, Guarded, LEVEL_MAX, NetPeer, Tie, Tightening, Traffic, Until,
    reputation::{CauseKind, Why, Word},
    watch::Counts,
};
use ensign_primitives::PeerId;
use serde::{Deserialize, Serialize};

/// What the guards do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardView {
    /// As of when.
    pub now_ms: u64,
    /// Since when it is watched: the start of the node.
    pub since_ms: u64,
    /// How many strangers are connected.
    pub strangers: usize,
    /// How many may be.
    pub strangers_max: usize,
    /// How many bits of work a stranger pays for a place now; null while nothing is asked.
    #[serde(default)]
    pub price_bits: Option<u8>,
    /// How far what strangers share is tightened because the node is late or busy and they are why: each level
    /// halves it, 0 is the default.
    #[serde(default)]
    pub level: u8,
    /// What it may be at most.
    #[serde(default)]
    pub level_max: u8,
    /// Why it was tightened the last five times, the latest first.
    #[serde(default)]
    pub tightened: Vec<TighteningView>,
    /// How many callers were sent away before anybody knew who they are, because too many came.
    #[serde(default)]
    pub callers_refused: u64,
    /// How many first packets of connections were dropped unread, because too many came.
    #[serde(default)]
    pub packets_dropped: u64,
    /// Everything that was done since.
    pub totals: CountsView,
    /// To whom: whom we know or want first, each the latest first.
    pub guarded: Vec<GuardedView>,
}

/// Why what strangers share was tightened, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TighteningView {
    /// When.
    pub at_ms: u64,
    /// To which level.
    pub level: u8,
    /// How long the oldest frame had waited, in milliseconds.
    pub waited_ms: u64,
    /// How much of one core frames took, in percent.
    pub busy_percent: u64,
    /// What strangers made of the work in them, in percent.
    pub strangers_percent: u64,
}

/// How often what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsView {
    /// Frames that were not read.
    pub held: u64,
    /// Wrongs that were charged.
    pub charged: u64,
    /// Points that they cost.
    pub points: u64,
    /// Connections that were ended.
    pub closed: u64,
    /// Connections that were not taken.
    pub refused: u64,
    /// Connections that gave way.
    pub gave_way: u64,
    /// Prices that were told.
    pub priced: u64,
    /// Connections that were shut out by our user's word.
    pub banned: u64,
}

/// Somebody to whom something was done, or of whom our user has said something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardedView {
    /// What this home calls it; null for one that has no name here.
    pub name: Option<String>,
    /// Its node.
    pub node: String,
    /// Where it spoke from the last time.
    pub address: Option<String>,
    /// `member`, `wanted` or `stranger`.
    pub tie: String,
    /// Whether it is connected.
    pub connected: bool,
    /// How it stands, in points.
    pub score: i32,
    /// What our user has said: `banned` or `trusted`.
    pub word: Option<String>,
    /// When.
    pub word_ms: Option<u64>,
    /// Since when something is done to it.
    pub since_ms: Option<u64>,
    /// What has to come before nothing holds it back: `unban`, `score` or `budget`; null when nothing does.
    #[serde(default)]
    pub until: Option<String>,
    /// When that comes by itself; null for a ban, and for what is too far away.
    #[serde(default)]
    pub until_ms: Option<u64>,
    /// How often what was done to it.
    pub counts: CountsView,
    /// The last five causes, the latest first.
    pub causes: Vec<GuardCauseView>,
    /// Why it stands as it does, the latest first.
    pub reasons: Vec<ReasonView>,
}

/// Why something was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardCauseView {
    /// `held`, `charged`, `closed`, `refused`, `gave_way`, `priced` or `banned`.
    pub act: String,
    /// Why.
    pub what: String,
    /// How often.
    pub times: u64,
    /// What it cost, in points.
    pub points: u64,
    /// When it was the first time.
    pub first_ms: u64,
    /// When it was the last time.
    pub last_ms: u64,
}

/// Why a node stands as it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonView {
    /// `good`, `offense`, `silence` or `proof`.
    pub kind: String,
    /// In words.
    pub what: String,
    /// How often.
    pub times: u32,
    /// Points for all of them, before they fade.
    pub weight: i32,
    /// When it was the last time.
    pub at_ms: u64,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetPeerView {
    /// What this home calls it; null for one that has no name here.
    pub name: Option<String>,
    /// Its node.
    pub node: String,
    /// Where it speaks from.
    pub address: String,
    /// `out` if we dialled it, else `in`.
    pub direction: String,
    /// Since when it is up.
    pub since_ms: u64,
    /// `member`, `wanted` or `stranger`.
    pub tie: String,
    /// Its role by its own word: `signer`, `none`; null before its greeting.
    pub role: Option<String>,
    /// How long there and back takes, in microseconds.
    pub round_trip_us: Option<u64>,
    /// Bytes that came, with everything that QUIC adds.
    pub bytes_in: u64,
    /// The same of what we sent.
    pub bytes_out: u64,
    /// Frames for it that did not leave because their lane was full.
    pub dropped: u32,
    /// Frames of it that were not read.
    pub held: u64,
    /// How it stands, in points.
    pub score: i32,
    /// What our user has said: `banned` or `trusted`.
    pub word: Option<String>,
    /// Why it stands as it does, the latest first.
    pub reasons: Vec<ReasonView>,
}

/// Which node: `POST /v1/net/ban`, `/v1/net/unban`, `/v1/net/trust`, `/v1/net/find`, `/v1/net/ping`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// A name of this home, a node's 64 hex digits, or the beginning of those, at least 8, if only one that is
    /// known here begins so; to find and to ping, also a contact code.
    pub peer: String,
}

/// What a word has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordView {
    /// What this home calls the node; null for one that has no name here.
    pub name: Option<String>,
    /// The node.
    pub node: String,
    /// `banned`, `trusted`, or null when a word was taken back.
    pub word: Option<String>,
    /// What had been said of it before: `banned`, `trusted`, or null.
    #[serde(default)]
    pub before: Option<String>,
    /// Whether it is a member of a group of this home: no score keeps one out.
    #[serde(default)]
    pub member: bool,
    /// Names of the groups that cannot sign while the node is banned.
    pub groups: Vec<String>,
}

impl WordView {
    /// Takes what a word has changed.
    pub fn new<'a>(
        peer: &PeerId,
        (before, word): (Option<Word>, Option<Word>),
        groups: impl IntoIterator<Item = &'a GroupInfo>,
    ) -> Self {
        let groups: Vec<_> = groups.into_iter().collect();
        let has_it = |group: &&&GroupInfo| group.members.iter().any(|it| it.peer == *peer);
        let with_it: Vec<_> = groups.iter().filter(has_it).map(|it| it.name.clone()).collect();
        Self {
            name: names_of(groups).remove(peer),
            node: peer.to_string(),
            word: word.map(|word| word_name(word).to_owned()),
            before: before.map(|word| word_name(word).to_owned()),
            member: !with_it.is_empty(),
            groups: if word == Some(Word::Banned) { with_it } else { Vec::new() },
        }
    }
}

/// What this home calls nodes.
pub(crate) type Names = BTreeMap<PeerId, String>;

/// Returns what this home calls the nodes of the members of groups.
pub(crate) fn names_of<'a>(groups: impl IntoIterator<Item = &'a GroupInfo>) -> Names {
    let members = groups.into_iter().flat_map(|group| &group.members);
    members.map(|member| (member.peer, member.name.clone())).collect()
}

/// Returns the name of a word.
const fn word_name(word: Word) -> &'static str {
    match word {
        Word::Banned => "banned",
        Word::Trusted => "trusted",
    }
}

const fn tie_name(tie: Tie) -> &'static str {
    match tie {
        Tie::Member => "member",
        Tie::Wanted => "wanted",
        Tie::Stranger => "stranger",
    }
}

fn reasons(why: Option<&Why>) -> Vec<ReasonView> {
    let causes = why.into_iter().flat_map(|why| &why.causes);
    let view = causes.map(|cause| ReasonView {
        kind: match cause.kind {
            CauseKind::Good => "good",
            CauseKind::Offense => "offense",
            CauseKind::Unresponsive => "silence",
            CauseKind::Proof => "proof",
        }
        .to_owned(),
        what: cause.words.clone(),
        times: cause.times,
        weight: cause.weight,
        at_ms: cause.at.as_millis(),
    });
    view.collect()
}

impl CountsView {
    fn new(counts: Counts) -> Self {
        let Counts { held, charged, points, closed, refused, gave_way, priced, banned } = counts;
        Self { held, charged, points, closed, refused, gave_way, priced, banned }
    }
}

impl TighteningView {
    fn new(it: &Tightening) -> Self {
        Self {
            at_ms: it.at.as_millis(),
            level: it.level,
            waited_ms: u64::try_from(it.load.waited.as_millis()).unwrap_or(u64::MAX),
            busy_percent: it.load.busy_percent(),
            strangers_percent: it.strangers_percent,
        }
    }
}

impl GuardView {
    pub(crate) fn new(report: &GuardReport, names: &Names) -> Self {
        Self {
            now_ms: report.now.as_millis(),
            since_ms: report.since.as_millis(),
            strangers: report.strangers,
            strangers_max: report.strangers_max,
            price_bits: report.price,
            level: report.level,
            level_max: LEVEL_MAX,
            tightened: report.tightenings.iter().map(TighteningView::new).collect(),
            callers_refused: report.sent_away.callers,
            packets_dropped: report.sent_away.packets,
            totals: CountsView::new(report.totals),
            guarded: report.guarded.iter().map(|it| GuardedView::new(it, names)).collect(),
        }
    }
}

impl GuardedView {
    fn new(guarded: &Guarded, names: &Names) -> Self {
        let (done, word) = (guarded.done.as_ref(), guarded.word());
        let causes = done.into_iter().flat_map(|done| done.causes());
        let causes = causes.map(|cause| GuardCauseView {
            act: cause.act.name().to_owned(),
            what: cause.what.clone(),
            times: cause.times,
            points: cause.points,
            first_ms: cause.first.as_millis(),
            last_ms: cause.last.as_millis(),
        });
        let until = guarded.until.map(|until| match until {
            Until::Unbanned => ("unban", None),
            Until::Faded { at } => ("score", at),
            Until::Full { at } => ("budget", Some(at)),
        });
        Self {
            name: names.get(&guarded.peer).cloned(),
            node: guarded.peer.to_string(),
            address: done.and_then(|done| done.remote).map(|address| address.to_string()),
            tie: tie_name(guarded.tie).to_owned(),
            connected: guarded.is_connected,
            score: guarded.standing.as_ref().map_or(0, |why| why.score),
            word: word.map(|(word, _)| word_name(word).to_owned()),
            word_ms: word.map(|(_, at)| at.as_millis()),
            since_ms: done.map(|done| done.since().as_millis()),
            until: until.map(|(what, _)| what.to_owned()),
            until_ms: until.and_then(|(_, at)| at).map(|at| at.as_millis()),
            counts: CountsView::new(done.map(|done| done.counts).unwrap_or_default()),
            causes: causes.collect(),
            reasons: reasons(guarded.standing.as_ref()),
        }
    }
}

impl NetPeerView {
    pub(crate) fn new(peer: &NetPeer, traffic: Option<Traffic>, names: &Names) -> Self {
        let round_trip = traffic.map(|it| it.round_trip.as_micros());
        let traffic = traffic.unwrap_or_default();
        let role = |signs| if signs { "signer" } else { "none" };
        Self {
            name: names.get(&peer.peer).cloned(),
            node: peer.peer.to_string(),
            address: peer.remote.to_string(),
            direction: if peer.dialled { "out" } else { "in" }.to_owned(),
            since_ms: peer.since.as_millis(),
            tie: tie_name(peer.tie).to_owned(),
            role: peer.signs.map(|signs| role(signs).to_owned()),
            round_trip_us: round_trip.and_then(|micros| u64::try_from(micros).ok()),
            bytes_in: traffic.bytes_in,
            bytes_out: traffic.bytes_out,
            dropped: traffic.dropped,
            held: peer.counts.held,
            score: peer.score,
            word: peer.why.as_ref().and_then(|why| why.word).map(|it| word_name(it.0).to_owned()),
            reasons: reasons(peer.why.as_ref()),
        }
    }
}
