//! What a request waits for, in sentences: who has agreed, whose turn it is, and what keeps the nodes
//! from being there together.

use std::collections::BTreeSet;

use ensign_primitives::SignerIndex;
use ensign_signing::{ClockGap, Lack, Wait};
use ensign_wire::RULES_REVISION;

use crate::GroupInfo;

/// Words what a request waits for. The first sentence says who has agreed and whose turn it is; each of
/// the others names one thing that is missing, and what helps.
///
/// Nothing in it accuses: a node that is away is one that has to be started.
pub fn words_of_wait(wait: &Wait, group: &GroupInfo) -> Vec<String> {
    let mut words = vec![turn(wait, group)];
    words.extend(withdrawn(wait, group));
    words.extend(obstacles(wait, group));
    words
}

/// Words whether the members of a group are there, whatever is open: first whether all are, then what is
/// missing, with what helps.
///
/// - `wait`: who has agreed to what does not matter.
pub fn words_of_readiness(wait: &Wait, group: &GroupInfo) -> Vec<String> {
    let first = match wait.is_ready() {
        true => "ready: all nodes reach each other",
        false => "not ready: a signature needs all nodes at the same time",
    };
    [first.to_owned()].into_iter().chain(obstacles(wait, group)).collect()
}

/// What keeps the nodes from being there together.
fn obstacles(wait: &Wait, group: &GroupInfo) -> Vec<String> {
    let mut words = banned(wait, group);
    words.extend(lacks(wait, group));
    if let [_, ..] = &wait.stale[..] {
        let nodes = nodes(&wait.stale, group);
        words.push(format!("no recent word from {nodes} on whom it reaches: it comes by itself"));
    }
    words.extend(wait.clocks.iter().map(|gap| clock(*gap, group)));
    words.extend(wait.versions.iter().map(|(who, revision)| version(*who, *revision, group)));
    words
}

/// Who has agreed, and whose turn it is.
fn turn(wait: &Wait, group: &GroupInfo) -> String {
    let all = group.members.len();
    if wait.missing.is_empty() {
        return match wait.is_ready() {
            true => "everybody has agreed and is there: signing begins".to_owned(),
            false => "everybody has agreed: signing begins by itself once all nodes are there at \
                      the same time"
                .to_owned(),
        };
    }
    let agreed = match wait.agreed.len() {
        0 => "nobody has agreed yet".to_owned(),
        1 => format!("1 of {all} has agreed"),
        more => format!("{more} of {all} have agreed"),
    };
    // Before we let it in again it cannot do anything.
    let is_shut_out = wait.missing.iter().any(|who| wait.banned.contains(who));
    let others = wait.missing.iter().filter(|who| **who != group.own && !wait.banned.contains(who));
    let others: Vec<_> = others.map(|who| group.name_of(*who).to_owned()).collect();
    let turn = match (is_shut_out || wait.missing.contains(&group.own), &others[..]) {
        (true, []) => "it is your turn".to_owned(),
        (true, others) => format!("it is your turn, and that of {}", list(others)),
        (false, [only]) => format!("it is {only}'s turn"),
        (false, others) => format!("it is the turn of {}", list(others)),
    };
    format!("{agreed}; {turn}")
}

fn withdrawn(wait: &Wait, group: &GroupInfo) -> Option<String> {
    let taken_back = |who: &SignerIndex| match *who == group.own {
        true => "you have taken your yes back".to_owned(),
        false => format!("{} has taken a yes back", group.name_of(*who)),
    };
    let all: Vec<_> = wait.withdrawn.iter().map(taken_back).collect();
    (!all.is_empty()).then(|| list(&all))
}

/// Whom our user has banned: that is for nobody else to mend.
fn banned(wait: &Wait, group: &GroupInfo) -> Vec<String> {
    let names = wait.banned.iter().map(|who| group.name_of(*who));
    let words = names.map(|name| {
        format!(
            "you have banned {name}, and nothing is signed without it: `ensign net unban {name}`"
        )
    });
    words.collect()
}

/// Who does not reach whom: a node that nobody reaches is named once, two that miss each other in one
/// sentence.
fn lacks(wait: &Wait, group: &GroupInfo) -> Vec<String> {
    // With whom is banned there is no connection, and why was said.
    let is_told =
        |lack: &&Lack| !wait.banned.contains(&lack.who) && !wait.banned.contains(&lack.whom);
    let lacks: BTreeSet<_> = wait.lacks.iter().filter(is_told).copied().collect();
    let lacking = |who, whom| lacks.contains(&Lack { who, whom });
    let own = group.own;
    let members = (0..group.members.len()).filter_map(SignerIndex::from_usize);
    let members: Vec<_> = members.filter(|who| !wait.banned.contains(who)).collect();
    // Whose word on it we have.
    let says = |who: &SignerIndex| !lacking(own, *who) && !wait.stale.contains(who);
    let is_away = |whom: &SignerIndex| {
        let mut others = members.iter().filter(|who| *who != whom && says(who));
        lacking(own, *whom) && others.all(|who| lacking(*who, *whom))
    };
    let away: Vec<_> = members.iter().copied().filter(is_away).collect();
    let mut words = Vec::new();
    if !away.is_empty() {
        let nodes = nodes(&away, group);
        words.push(format!("{nodes} cannot be reached: `ensign up` has to run there"));
    }
    for Lack { who, whom } in &lacks {
        if away.contains(whom) || away.contains(who) {
            continue;
        }
        let (node, other) = (node(*who, group), node(*whom, group));
        if !lacking(*whom, *who) {
            words.push(format!("{node} does not reach {other}"));
        } else if who < whom {
            words.push(format!(
                "{node} and {other} do not reach each other: one of them needs an address that the \
                 other can dial"
            ));
        }
    }
    words
}

fn clock(ClockGap { who, minutes_ahead }: ClockGap, group: &GroupInfo) -> String {
    let (minutes, name) = (minutes_ahead.unsigned_abs(), group.name_of(who));
    let how = if minutes_ahead < 0 { "behind" } else { "ahead of" };
    format!("{name}'s clock is {minutes} min {how} yours: whichever is wrong has to be set")
}

fn version(who: SignerIndex, revision: u16, group: &GroupInfo) -> String {
    let name = group.name_of(who);
    match revision > RULES_REVISION {
        true => format!("{name} has a newer ensign than this home: install that one here"),
        false => format!("{name} has an older ensign than this home: {name} needs the newer one"),
    }
}

fn node(who: SignerIndex, group: &GroupInfo) -> String {
    if who == group.own { "your node".to_owned() } else { format!("{}'s node", group.name_of(who)) }
}

fn nodes(who: &[SignerIndex], group: &GroupInfo) -> String {
    list(&who.iter().map(|who| node(*who, group)).collect::<Vec<_>>())
}

/// As people say it: `a`, `a and b`, `a, b and c`.
fn list(names: &[String]) -> String {
    match names {
        [] => "nobody".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use ensign_identity::SignerKey;
    use ensign_musig::SecKey;
    use ensign_primitives::{GroupId, PeerId};

    use super::*;
    use crate::MemberInfo;

    /// Alice, bob and carol; we are alice.
    fn group() -> GroupInfo {
        let member = |(byte, name): (u8, &str)| MemberInfo {
            name: name.to_owned(),
            signer: SignerKey::from_public_key(
                SecKey::from_secret_bytes([byte; 32]).unwrap().public_key(),
            ),
            peer: PeerId::from_bytes([byte; 32]),
        };
        GroupInfo {
            id: GroupId::from_bytes([1; 32]),
            name: "treasury".to_owned(),
            address: String::new(),
            members: [(1, "alice"), (2, "bob"), (3, "carol")].map(member).to_vec(),
            own: SignerIndex(0),
        }
    }

    const ALICE: SignerIndex = SignerIndex(0);
    const BOB: SignerIndex = SignerIndex(1);
    const CAROL: SignerIndex = SignerIndex(2);

    fn lack(who: SignerIndex, whom: SignerIndex) -> Lack {
        Lack { who, whom }
    }

    fn check(wait: Wait, expected: &[&str]) {
        assert_eq!(words_of_wait(&wait, &group()), expected, "{wait:?}");
    }

    fn agreed(lacks: &[Lack]) -> Wait {
        let agreed = vec![ALICE, BOB, CAROL];
        Wait { agreed, lacks: lacks.to_vec(), ..Wait::default() }
    }

    const ALL_AGREED: &str = "everybody has agreed: signing begins by itself once all nodes are \
                              there at the same time";

    #[test]
    fn whose_turn_it_is_comes_first() {
        let waits = |agreed: &[SignerIndex], missing: &[SignerIndex]| Wait {
            agreed: agreed.to_vec(),
            missing: missing.to_vec(),
            ..Wait::default()
        };
        check(waits(&[ALICE, BOB], &[CAROL]), &["2 of 3 have agreed; it is carol's turn"]);
        check(
            waits(&[ALICE], &[BOB, CAROL]),
            &["1 of 3 has agreed; it is the turn of bob and carol"],
        );
        check(waits(&[BOB, CAROL], &[ALICE]), &["2 of 3 have agreed; it is your turn"]);
        check(
            waits(&[], &[ALICE, BOB]),
            &["nobody has agreed yet; it is your turn, and that of bob"],
        );
        check(agreed(&[]), &["everybody has agreed and is there: signing begins"]);
    }

    #[test]
    fn yes_that_was_taken_back_is_told_of_whoever_it_was() {
        let wait = Wait {
            agreed: vec![CAROL],
            missing: vec![ALICE, BOB],
            withdrawn: vec![ALICE, BOB],
            ..Wait::default()
        };
        check(
            wait,
            &[
                "1 of 3 has agreed; it is your turn, and that of bob",
                "you have taken your yes back and bob has taken a yes back",
            ],
        );
    }

    #[test]
    fn node_that_nobody_reaches_is_named_once_and_has_to_be_started() {
        // Carol sees us and lacks bob as well; what bob saw last does not matter.
        let wait = agreed(&[lack(ALICE, BOB), lack(CAROL, BOB), lack(BOB, CAROL)]);
        check(wait, &[ALL_AGREED, "bob's node cannot be reached: `ensign up` has to run there"]);
        // With nobody there, nobody else says anything.
        let wait = agreed(&[lack(ALICE, BOB), lack(ALICE, CAROL)]);
        let both = "bob's node and carol's node cannot be reached: `ensign up` has to run there";
        check(wait, &[ALL_AGREED, both]);
    }

    #[test]
    fn regression_whom_we_have_banned_was_told_to_start_a_node() {
        let words = "you have banned bob, and nothing is signed without it: `ensign net unban bob`";
        let lacks = vec![lack(ALICE, BOB), lack(BOB, ALICE), lack(CAROL, BOB)];
        let wait = Wait { banned: vec![BOB], lacks, ..Wait::default() };
        let first = "not ready: a signature needs all nodes at the same time";
        assert_eq!(words_of_readiness(&wait, &group()), [first, words]);
        // It is ours to let it in, whoever else has not agreed.
        let (agreed, missing) = (vec![ALICE], vec![BOB, CAROL]);
        check(
            Wait { agreed, missing, ..wait.clone() },
            &["1 of 3 has agreed; it is your turn, and that of carol", words],
        );
        let (agreed, missing) = (vec![ALICE, CAROL], vec![BOB]);
        check(Wait { agreed, missing, ..wait }, &["2 of 3 have agreed; it is your turn", words]);
    }

    #[test]
    fn who_lacks_whom_is_told_both_ways() {
        let apart = "bob's node and carol's node do not reach each other: one of them needs an \
                     address that the other can dial";
        check(agreed(&[lack(BOB, CAROL), lack(CAROL, BOB)]), &[ALL_AGREED, apart]);
        check(agreed(&[lack(BOB, CAROL)]), &[ALL_AGREED, "bob's node does not reach carol's node"]);
        check(agreed(&[lack(BOB, ALICE)]), &[ALL_AGREED, "bob's node does not reach your node"]);
        // Carol reaches bob: it is no matter of starting anything.
        let wait = agreed(&[lack(ALICE, BOB)]);
        check(wait, &[ALL_AGREED, "your node does not reach bob's node"]);
    }

    #[test]
    fn clock_version_and_silence_are_told_with_what_helps() {
        let wait = Wait {
            agreed: vec![ALICE, BOB, CAROL],
            stale: vec![CAROL],
            clocks: vec![
                ClockGap { who: BOB, minutes_ahead: 7 },
                ClockGap { who: CAROL, minutes_ahead: -12 },
            ],
            versions: vec![(BOB, RULES_REVISION + 1), (CAROL, RULES_REVISION - 1)],
            ..Wait::default()
        };
        check(
            wait,
            &[
                ALL_AGREED,
                "no recent word from carol's node on whom it reaches: it comes by itself",
                "bob's clock is 7 min ahead of yours: whichever is wrong has to be set",
                "carol's clock is 12 min behind yours: whichever is wrong has to be set",
                "bob has a newer ensign than this home: install that one here",
                "carol has an older ensign than this home: carol needs the newer one",
            ],
        );
    }

    #[test]
    fn group_is_ready_or_says_who_is_missing() {
        let told = |wait: &Wait| words_of_readiness(wait, &group());
        assert_eq!(told(&Wait::default()), ["ready: all nodes reach each other"]);
        let wait = Wait { lacks: vec![lack(ALICE, BOB), lack(CAROL, BOB)], ..Wait::default() };
        assert_eq!(
            told(&wait),
            [
                "not ready: a signature needs all nodes at the same time",
                "bob's node cannot be reached: `ensign up` has to run there",
            ]
        );
    }

    #[test]
    fn nothing_that_a_day_brings_reads_like_an_attack() {
        let wait = Wait {
            missing: vec![ALICE],
            lacks: vec![lack(ALICE, BOB), lack(BOB, CAROL)],
            stale: vec![CAROL],
            clocks: vec![ClockGap { who: BOB, minutes_ahead: 7 }],
            versions: vec![(BOB, 9)],
            ..Wait::default()
        };
        let words = words_of_wait(&wait, &group()).join(" ").to_lowercase();
        for bad in ["attack", "danger", "forge", "refus", "error", "fail", "suspicious", "offense"]
        {
            assert!(!words.contains(bad), "{bad}: {words}");
        }
    }
}
