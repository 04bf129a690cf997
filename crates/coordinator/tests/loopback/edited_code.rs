//! A contact code that somebody edited on its way: the node that it names in place of the member's is told
//! nothing of the group, whatever it says.

use std::collections::BTreeMap;

use ensign_coordinator::{Event, Member, PeerEvent, Work};
use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::QueryId;
use ensign_wire::{Frame, Kind, PROTOCOL_VERSION};

use super::{
    hostile::hello,
    party::{Party, keys, member},
    puppet::{Raw, delegate},
};

/// The false node's secret.
const SECRET: [u8; 32] = [0x66; 32];

#[tokio::test]
async fn false_node_of_an_edited_code_hears_no_byte_of_the_group() {
    let node_key = NodeKey::from_secret_bytes(SECRET).unwrap();
    let false_peer = node_key.peer_id();
    let edited = Member { peer: false_peer, ..member(1, None) };
    let mut party = Party::with(1, vec![edited]).await;
    // There is something to tell: a request with a PSBT, which every member is sent.
    let psbt = party.psbt(&[100_000], 60_000).serialize();
    party.propose(0, party.job(Work::Psbt(psbt))).await;

    let mut raw = Raw::connect(SECRET, &keys(0), party.wallets[0].address()).await;
    assert_eq!(raw.peer, false_peer);
    raw.say(&hello(PROTOCOL_VERSION));
    let not_shown = |event: &Event| {
        let is_it = matches!(event, Event::Peer(peer, PeerEvent::NotShown) if *peer == false_peer);
        is_it.then_some(())
    };
    party.wallets[0].until(not_shown).await;

    // It claims to speak for the member, under a key of its own: what it hears is the same.
    let thief = SecKey::from_secret_bytes([0x67; 32]).unwrap();
    raw.say(&Frame::Ping(QueryId(1)));
    let mut heard = Vec::new();
    while heard.last() != Some(&Kind::Pong) {
        heard.push(raw.frame().await.kind());
    }
    raw.say_member(&keys(1).signer_key(), delegate(&node_key, &thief));
    heard.extend(raw.leave().await.iter().map(Frame::kind));

    let mut counted: BTreeMap<Kind, usize> = BTreeMap::new();
    heard.iter().for_each(|kind| *counted.entry(*kind).or_default() += 1);
    let expected = BTreeMap::from([(Kind::Hello, 1), (Kind::Delegation, 1), (Kind::Pong, 1)]);
    assert_eq!(counted, expected);
}
