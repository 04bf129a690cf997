//! Our user's word about a node, what open requests wait for after it, and until when guards hold whom back.

use ensign_coordinator::{Busy, CommandError, Event, RequestEvent, Until, Wait, Word, Work};
use ensign_engine::ratelimit::PINGS_ALLOWED;
use ensign_primitives::{PeerId, QueryId, RequestId, SignerIndex, UnixTime};
use ensign_wire::{Frame, PROTOCOL_VERSION, Price};

use super::{
    hostile::hello,
    party::{Party, Wallet, keys, member},
    puppet::Raw,
};

async fn waits(wallet: &mut Wallet, id: RequestId, wanted: impl Fn(&Wait) -> bool) -> Wait {
    let told = |event: &Event| match event {
        Event::Request(request, RequestEvent::Wait(wait)) if request.id == id && wanted(wait) => {
            Some((**wait).clone())
        }
        _ => None,
    };
    wallet.until(told).await
}

#[tokio::test]
async fn ban_of_a_node_that_is_away_changes_at_once_what_is_waited_for() {
    // The second member never runs.
    let mut party = Party::with(1, vec![member(1, None)]).await;
    let id = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await.id;
    let wallet = &mut party.wallets[0];
    waits(wallet, id, |wait| wait.banned.is_empty()).await;
    let away = keys(1).peer_id();
    let node = wallet.coordinator.clone();
    assert_eq!(node.say(away, Some(Word::Banned)).await, Ok(None));
    let group = node.groups().await.unwrap().remove(0);
    let place = group.members.iter().position(|it| it.peer == away).unwrap();
    let wait = waits(wallet, id, |wait| !wait.banned.is_empty()).await;
    assert_eq!(wait.banned, [SignerIndex::from_usize(place).unwrap()]);
    assert_eq!(node.say(away, None).await, Ok(Some(Word::Banned)));
    waits(wallet, id, |wait| wait.banned.is_empty()).await;
}

#[tokio::test]
async fn word_about_ourselves_is_refused_before_there_is_a_group() {
    let party = Party::new(1).await;
    let node = &party.wallets[0].coordinator;
    for word in [Word::Banned, Word::Trusted] {
        assert_eq!(node.say(node.node(), Some(word)).await, Err(CommandError::OwnNode));
    }
    assert_eq!(node.say(node.node(), None).await, Ok(None));
}

/// Until when a node is held back, and as of when.
async fn until(wallet: &Wallet, peer: &PeerId) -> (UnixTime, Option<Until>) {
    let report = wallet.coordinator.guard().await.unwrap();
    let guarded = report.guarded.iter().find(|it| it.peer == *peer);
    (report.now, guarded.and_then(|it| it.until))
}

#[tokio::test]
async fn who_asks_too_much_is_told_with_when_its_budget_is_whole_again() {
    let mut raw = Raw::listening([0x21; 32], &keys(0)).await;
    let mut party = Party::with(1, vec![member(1, Some(raw.address()))]).await;
    raw.called().await;
    raw.say(&hello(PROTOCOL_VERSION));
    (1..=2 * PINGS_ALLOWED.burst).for_each(|number| raw.say(&Frame::Ping(QueryId(number))));
    // What is told comes after all of it was judged.
    raw.say(&Frame::Price(Price { version: 1, bits: 60, epoch: 7, seed: [9; 32] }));
    let told =
        |event: &Event| matches!(event, Event::Busy(_, Busy::Unpayable { .. })).then_some(());
    party.wallets[0].until(told).await;
    let (now, until) = until(&party.wallets[0], &keys(1).peer_id()).await;
    let Some(Until::Full { at }) = until else { panic!("{until:?}") };
    let whole = 60_000 * PINGS_ALLOWED.burst / PINGS_ALLOWED.per_minute;
    assert!(at > now && at.as_millis() - now.as_millis() <= whole, "{at:?} {now:?}");
}

#[tokio::test]
async fn stranger_with_a_bad_score_is_told_with_when_it_will_have_faded() {
    let mut party = Party::new(2).await;
    let mut held = (UnixTime::default(), None);
    for _ in 0..8 {
        let mut raw = Raw::connect([0x66; 32], &keys(0), party.wallets[0].address()).await;
        // Two greetings are a wrong that ends the connection.
        raw.try_say(&hello(PROTOCOL_VERSION));
        raw.try_say(&hello(PROTOCOL_VERSION));
        raw.closed().await;
        held = until(&party.wallets[0], &raw.peer).await;
        if held.1.is_some() {
            break;
        }
    }
    let (now, Some(Until::Faded { at: Some(at) })) = held else { panic!("{held:?}") };
    assert!(at > now, "{held:?}");
    let node = party.wallets.remove(0).coordinator;
    let report = node.guard().await.unwrap();
    let peer = report.guarded.iter().find(|it| it.until.is_some()).unwrap().peer;
    node.say(peer, Some(Word::Banned)).await.unwrap();
    let report = node.guard().await.unwrap();
    let banned = report.guarded.iter().find(|it| it.peer == peer).unwrap();
    assert_eq!(banned.until, Some(Until::Unbanned), "our user's word comes first");
}
