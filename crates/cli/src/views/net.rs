//! Connections and guards, as people read them.

use ensign_api::view::{
    CountsView, GuardCauseView, GuardView, GuardedView, NetPeerView, ReasonView, TighteningView,
    WordView,
};

use super::{grouped, short, span, table};
use crate::words::{self, foreign};

/// How many of whom nothing but the past is known are shown: the latest. The rest is counted.
const GONE_SHOWN_MAX: usize = 10;

/// Returns what the guards do.
pub(crate) fn guard(view: &GuardView) -> String {
    let now = view.now_ms;
    let mut lines = vec![headline(view)];
    lines.extend(level(view));
    let banned = |it: &&GuardedView| it.word.as_deref() == Some("banned");
    let trusted = |it: &&GuardedView| it.word.as_deref() == Some("trusted");
    let near = |it: &&GuardedView| it.tie != "stranger" || it.name.is_some();
    let (out, rest): (Vec<_>, Vec<_>) = view.guarded.iter().partition(banned);
    let (ours, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(near);
    // No flood of strangers hides the user's own words.
    let (trusted, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(trusted);
    section(&mut lines, "BANNED BY YOU", &out, now);
    section(&mut lines, "TRUSTED BY YOU", &trusted, now);
    section(&mut lines, "OURS", &ours, now);
    let shown = others.get(..GONE_SHOWN_MAX).unwrap_or(&others);
    section(&mut lines, "STRANGERS", shown, now);
    if others.len() > shown.len() {
        lines.push(format!("  and {} more", words::count(others.len() - shown.len(), "stranger")));
    }
    lines.extend(sent_away(view));
    lines.push(format!("IN ALL, in {}: {}", span(view.since_ms, now), counts(&view.totals)));
    lines.join("\n")
}

/// Who was sent away before anybody knew who it is.
fn sent_away(view: &GuardView) -> Option<String> {
    let of = |number: u64, what| {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        (number > 0).then(|| words::count(number, what))
    };
    let callers = of(view.callers_refused, "caller");
    let packets = of(view.packets_dropped, "first packet");
    let all: Vec<_> = callers.into_iter().chain(packets).collect();
    (!all.is_empty()).then(|| {
        let all = all.join(" and ");
        format!("SENT AWAY before it was known who they are: {all}; too many came")
    })
}

fn headline(view: &GuardView) -> String {
    let price = match view.price_bits {
        Some(bits) => format!("strangers pay {bits} bits of work for a place"),
        None => "strangers pay nothing for a place".to_owned(),
    };
    let (held, max) = (view.strangers, view.strangers_max);
    format!("{price}; {held} of their {max} places are taken")
}

/// Says how far strangers are held back for the load they make, and why.
fn level(view: &GuardView) -> Vec<String> {
    let GuardView { level, level_max, tightened, now_ms, .. } = view;
    let mut lines = Vec::new();
    if *level > 0 {
        let part = 1_u32.checked_shl(u32::from(*level)).unwrap_or(u32::MAX);
        lines.push(format!(
            "LOAD level {level} of {level_max}: strangers share 1/{part} of what they may ask; members are not held back"
        ));
    } else if !tightened.is_empty() {
        lines.push("LOAD is over: strangers share all that they may ask again".to_owned());
    }
    lines.extend(tightened.iter().map(|it| {
        let TighteningView { at_ms, level, waited_ms, busy_percent, strangers_percent } = it;
        let ago = span(*at_ms, *now_ms);
        format!(
            "  to level {level}, {ago} ago: a frame waited {waited_ms} ms, frames took {busy_percent} % of a core, \
             and strangers made {strangers_percent} % of their work"
        )
    }));
    lines
}

fn section(lines: &mut Vec<String>, heading: &str, entries: &[&GuardedView], now: u64) {
    if entries.is_empty() {
        return;
    }
    lines.push(heading.to_owned());
    for guarded in entries {
        lines.extend(of_guarded(guarded, now));
    }
}

fn of_guarded(guarded: &GuardedView, now: u64) -> Vec<String> {
    let GuardedView { address, score, causes, reasons, since_ms, .. } = guarded;
    let mut first = format!("  {}", name(guarded.name.as_deref(), &guarded.node));
    first += &format!(", {}", guarded.tie);
    first += if guarded.connected { "" } else { ", not connected" };
    first += &address.as_ref().map_or(String::new(), |it| format!(", {}", foreign(it)));
    first += &match *score {
        // The word beats it.
        _ if guarded.word.is_some() => String::new(),
        0 => String::new(),
        score => format!(", score {score:+}"),
    };
    let mut lines = vec![first];
    if let (Some("trusted"), Some(at)) = (guarded.word.as_deref(), guarded.word_ms) {
        lines.push(format!("    trusted by you {} ago", span(at, now)));
    }
    if let (Some("banned"), Some(at)) = (guarded.word.as_deref(), guarded.word_ms) {
        lines.push(format!("    since {} ago, until `ensign net unban`", span(at, now)));
    }
    if let Some(since) = since_ms.filter(|_| !causes.is_empty()) {
        lines.push(format!("    {} since {} ago", counts(&guarded.counts), span(since, now)));
    }
    lines.extend(until(guarded, now).map(|until| format!("    {until}")));
    lines.extend(
        causes.iter().map(|it| format!("    {} ago  {}", span(it.last_ms, now), of_cause(it))),
    );
    lines.extend(
        reasons.iter().map(|it| format!("    {} ago  {}", span(it.at_ms, now), of_reason(it))),
    );
    lines
}

/// Says until when something holds somebody back. Of a ban that was said with its beginning.
fn until(guarded: &GuardedView, now: u64) -> Option<String> {
    // Rounded up: who waits so long has waited long enough.
    let ahead = guarded.until_ms.map(|at| {
        let seconds = at.saturating_sub(now).div_ceil(1000);
        words::duration(std::time::Duration::from_secs(seconds.max(1)))
    });
    match (guarded.until.as_deref()?, ahead) {
        ("score", Some(ahead)) => Some(format!(
            "not let in for {ahead}, until its score has faded; a wrong makes it longer"
        )),
        ("score", None) => {
            Some("not let in for more than a year: its score fades slowly".to_owned())
        }
        ("budget", Some(ahead)) => {
            Some(format!("held to its budget, which is whole again after {ahead} of quiet"))
        }
        _ => None,
    }
}

/// Says what was done and why.
fn of_cause(cause: &GuardCauseView) -> String {
    let times =
        if cause.times > 1 { format!(", {} times", grouped(cause.times)) } else { String::new() };
    let points =
        if cause.points > 0 { format!(", {} points", cause.points) } else { String::new() };
    format!("{}: {}{times}{points}", act(&cause.act), foreign(&cause.what))
}

fn of_reason(reason: &ReasonView) -> String {
    let times = if reason.times > 1 { format!(", {} times", reason.times) } else { String::new() };
    format!("score {:+}: {}{times}", reason.weight, foreign(&reason.what))
}

/// Says what has happened since it was told the last time.
pub(crate) fn news(guarded: &GuardedView, cause: &GuardCauseView, more: u64) -> String {
    let who = name(guarded.name.as_deref(), &guarded.node);
    let at = words::date(ensign_primitives::UnixTime::from_millis(cause.last_ms));
    let times = if more > 1 { format!(", {} times", grouped(more)) } else { String::new() };
    format!("{at}  {who}, {}  {}: {}{times}", guarded.tie, act(&cause.act), foreign(&cause.what))
}

/// What was done, in the words of the page on guards.
fn act(name: &str) -> String {
    match name {
        "held" => "not read".to_owned(),
        "closed" => "connection ended".to_owned(),
        "refused" => "not let in".to_owned(),
        "gave_way" => "gave way".to_owned(),
        "priced" => "told the price".to_owned(),
        // It may have been let in since.
        "banned" => "turned away while banned".to_owned(),
        other => foreign(other),
    }
}

fn counts(counts: &CountsView) -> String {
    let CountsView { held, charged, points, closed, refused, gave_way, priced, banned } = *counts;
    let told = [
        (held, "frame not read", "frames not read"),
        (charged, "wrong charged", "wrongs charged"),
        (points, "point", "points"),
        (closed, "connection ended", "connections ended"),
        (refused, "call not taken", "calls not taken"),
        (gave_way, "place given up", "places given up"),
        (priced, "price told", "prices told"),
        (banned, "call turned away by a ban", "calls turned away by a ban"),
    ];
    let said = told.into_iter().filter(|(count, ..)| *count > 0);
    let said = said.map(|(count, one, more)| {
        format!("{} {}", grouped(count), if count == 1 { one } else { more })
    });
    let said: Vec<_> = said.collect();
    if said.is_empty() { "nothing had to be done".to_owned() } else { said.join(", ") }
}

/// Says what a word about a node has changed.
pub(crate) fn word(said: &WordView) -> String {
    let who = name(said.name.as_deref(), &said.node);
    let again = if said.word == said.before { "already " } else { "" };
    match (said.word.as_deref(), said.before.as_deref()) {
        (Some("banned"), _) => format!(
            "{who} is {again}banned: it is neither dialled nor let in, until `ensign net unban {who}`"
        ),
        (Some(_), _) if said.member => {
            format!(
                "{who} is {again}trusted; a member is let in whatever its score is, trusted or not"
            )
        }
        (Some(_), _) => format!("{who} is {again}trusted: no score keeps it out"),
        (None, Some("banned")) => format!("{who} is not banned any more"),
        (None, Some(_)) if said.member => format!("{who} is not trusted any more"),
        (None, Some(_)) => format!("{who} is not trusted any more: its score counts"),
        (None, None) => format!("nothing had been said of {who}, so nothing has changed"),
    }
}

/// Returns who is connected, as a table.
pub(crate) fn peers(peers: &[NetPeerView], now: u64) -> String {
    let rows: Vec<_> = peers.iter().map(|peer| row(peer, now)).collect();
    table::table(
        ["WHO", "IS", "ROLE", "FOR", "WAY", "ROUND TRIP", "IN", "OUT", "DROPS", "STANDING"],
        &rows,
    )
}

fn row(peer: &NetPeerView, now: u64) -> [String; 10] {
    let way = if peer.direction == "out" { "to" } else { "from" };
    let drops = match (peer.dropped, peer.held) {
        (0, 0) => "0".to_owned(),
        (dropped, held) => format!("{dropped} ours, {held} its"),
    };
    let mut standing = match (peer.word.as_deref(), peer.score) {
        (Some(word), _) => format!("{word} by you"),
        (None, 0) => "neutral".to_owned(),
        (None, score) => format!("{score:+}"),
    };
    if let Some(reason) = peer.reasons.first() {
        standing += &format!(", {} ago {}", span(reason.at_ms, now), foreign(&reason.what));
    }
    [
        name(peer.name.as_deref(), &peer.node),
        peer.tie.clone(),
        peer.role.clone().unwrap_or_else(|| "not said".to_owned()),
        span(peer.since_ms, now),
        format!("{way} {}", foreign(&peer.address)),
        peer.round_trip_us.map_or_else(|| "-".to_owned(), words::micros),
        size(peer.bytes_in),
        size(peer.bytes_out),
        drops,
        standing,
    ]
}

/// Returns what a node is called: its name here, else the beginning of its digits.
pub(crate) fn name(name: Option<&str>, node: &str) -> String {
    name.map_or_else(|| short(node), foreign)
}

/// Returns bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{}.{} MiB", bytes >> 20, (bytes >> 10) % 1024 * 10 / 1024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(act: &str, what: &str, (times, points): (u64, u64), last_ms: u64) -> GuardCauseView {
        let (act, what, first_ms) = (act.to_owned(), what.to_owned(), 60_000);
        GuardCauseView { act, what, times, points, first_ms, last_ms }
    }

    fn guarded(name: Option<&str>, tie: &str) -> GuardedView {
        GuardedView {
            name: name.map(str::to_owned),
            node: "1f2e3d4c".repeat(8),
            address: Some("192.0.2.7".to_owned()),
            tie: tie.to_owned(),
            connected: true,
            score: 0,
            word: None,
            word_ms: None,
            since_ms: Some(60_000),
            until: None,
            until_ms: None,
            counts: CountsView::default(),
            causes: Vec::new(),
            reasons: Vec::new(),
        }
    }

    fn view(guarded: Vec<GuardedView>, totals: CountsView) -> GuardView {
        GuardView {
            now_ms: 180_000,
            since_ms: 0,
            strangers: 3,
            strangers_max: 64,
            price_bits: None,
            level: 0,
            level_max: 4,
            tightened: Vec::new(),
            callers_refused: 0,
            packets_dropped: 0,
            totals,
            guarded,
        }
    }

    #[test]
    fn callers_that_were_sent_away_are_counted() {
        let view = GuardView { callers_refused: 2, ..view(Vec::new(), CountsView::default()) };
        let line = "SENT AWAY before it was known who they are: 2 callers; too many came";
        assert!(guard(&view).lines().any(|it| it == line), "{}", guard(&view));
        let view = GuardView { packets_dropped: 1, ..view };
        let line = "SENT AWAY before it was known who they are: 2 callers and 1 first packet; too many came";
        assert!(guard(&view).lines().any(|it| it == line), "{}", guard(&view));
    }

    #[test]
    fn limits_that_were_tightened_are_told_with_their_cause_and_so_is_the_end_of_it() {
        let tightened = TighteningView {
            at_ms: 120_000,
            level: 2,
            waited_ms: 240,
            busy_percent: 61,
            strangers_percent: 93,
        };
        let quiet = view(Vec::new(), CountsView::default());
        let busy = GuardView { level: 2, tightened: vec![tightened], ..quiet };
        let why = "  to level 2, 1 min ago: a frame waited 240 ms, frames took 61 % of a core, and \
                   strangers made 93 % of their work";
        for (view, first) in [
            (
                busy.clone(),
                "LOAD level 2 of 4: strangers share 1/4 of what they may ask; members are not held back",
            ),
            (
                GuardView { level: 0, ..busy },
                "LOAD is over: strangers share all that they may ask again",
            ),
        ] {
            let text = guard(&view);
            assert!(text.contains(&format!("taken\n{first}\n{why}\n")), "{text}");
        }
    }

    #[test]
    fn a_quiet_node_says_that_nothing_had_to_be_done() {
        let text = guard(&view(Vec::new(), CountsView::default()));
        assert_eq!(
            text,
            "strangers pay nothing for a place; 3 of their 64 places are taken\n\
             IN ALL, in 3 min: nothing had to be done"
        );
    }

    #[test]
    fn guards_say_who_why_since_when_and_what_it_costs() {
        let held = CountsView { held: 84, ..CountsView::default() };
        let mut bob = guarded(Some("bob"), "member");
        bob.counts = held;
        bob.causes =
            vec![cause("held", "it asks more than is answered in a minute", (84, 0), 166_000)];
        let mut other = guarded(None, "stranger");
        let wrong = CountsView { charged: 3, closed: 1, points: 20, ..CountsView::default() };
        (other.counts, other.score, other.connected) = (wrong, -20, false);
        other.causes =
            vec![cause("closed", "Groups from a node of no group of ours", (1, 5), 120_000)];
        let mut out = guarded(None, "stranger");
        (out.word, out.word_ms, out.since_ms) = (Some("banned".to_owned()), Some(0), None);
        (out.node, out.address, out.score) = ("ab".repeat(32), None, -100);
        let text = guard(&view(vec![bob, other, out], CountsView { held: 84, ..wrong }));
        assert_eq!(
            text,
            "strangers pay nothing for a place; 3 of their 64 places are taken\n\
             BANNED BY YOU\n\
             \x20 abababab, stranger\n\
             \x20   since 3 min ago, until `ensign net unban`\n\
             OURS\n\
             \x20 bob, member, 192.0.2.7\n\
             \x20   84 frames not read since 2 min ago\n\
             \x20   14 s ago  not read: it asks more than is answered in a minute, 84 times\n\
             STRANGERS\n\
             \x20 1f2e3d4c, stranger, not connected, 192.0.2.7, score -20\n\
             \x20   3 wrongs charged, 20 points, 1 connection ended since 2 min ago\n\
             \x20   1 min ago  connection ended: Groups from a node of no group of ours, 5 points\n\
             IN ALL, in 3 min: 84 frames not read, 3 wrongs charged, 20 points, 1 connection ended"
        );
    }

    #[test]
    fn who_is_held_back_is_told_with_until_when() {
        let mut bob = guarded(Some("bob"), "member");
        (bob.until, bob.until_ms) = (Some("budget".to_owned()), Some(180_000 + 41_200));
        let mut other = guarded(None, "stranger");
        (other.until, other.until_ms) = (Some("score".to_owned()), Some(180_000 + 7_200_000));
        let text = guard(&view(vec![bob, other], CountsView::default()));
        let says = |line: &str| assert!(text.lines().any(|it| it.trim() == line), "{text}");
        says("held to its budget, which is whole again after 42 s of quiet");
        says("not let in for 2 h, until its score has faded; a wrong makes it longer");
    }

    #[test]
    fn words_of_the_user_are_not_hidden_by_strangers() {
        let mut all: Vec<_> = (0..20).map(|_| guarded(None, "stranger")).collect();
        let mut friend = guarded(None, "stranger");
        (friend.node, friend.word) = ("cd".repeat(32), Some("trusted".to_owned()));
        all.push(friend);
        let text = guard(&view(all, CountsView::default()));
        assert!(text.contains("TRUSTED BY YOU\n  cdcdcdcd"), "{text}");
        assert!(text.contains("  and 10 strangers more"), "{text}");
    }

    #[test]
    fn connections_are_a_table_with_names() {
        let peer = NetPeerView {
            name: Some("bob".to_owned()),
            node: "1f".repeat(32),
            address: "192.0.2.7:4820".to_owned(),
            direction: "out".to_owned(),
            since_ms: 60_000,
            tie: "member".to_owned(),
            role: Some("signer".to_owned()),
            round_trip_us: Some(12_400),
            bytes_in: 3_000,
            bytes_out: 2_621_440,
            dropped: 0,
            held: 0,
            score: 2,
            word: None,
            reasons: Vec::new(),
        };
        assert_eq!(
            peers(&[peer], 180_000),
            "WHO  IS      ROLE    FOR    WAY                ROUND TRIP  IN     OUT      DROPS  STANDING\n\
             bob  member  signer  2 min  to 192.0.2.7:4820  12.4 ms     3 KiB  2.5 MiB  0      +2"
        );
    }
}
