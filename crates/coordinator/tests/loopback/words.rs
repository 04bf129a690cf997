//! Our user's word about a node, and what open requests wait for after it.

use ensign_coordinator::{CommandError, Event, RequestEvent, Wait, Word, Work};
use ensign_primitives::{RequestId, SignerIndex};

use super::party::{Party, Wallet, keys, member};

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
