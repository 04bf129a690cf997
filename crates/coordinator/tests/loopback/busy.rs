//! A busy node has us prove work: beside the loop, and no longer than it is asked for.

use ensign_coordinator::{Busy, Event};
use ensign_engine::pow::Puzzle;
use ensign_wire::{Frame, PROTOCOL_VERSION, Price};

use super::{
    hostile::hello,
    party::{NETWORK, Party, keys, member},
    puppet::Raw,
};

/// Some thousand tries.
const PRICE: Price = Price { version: 1, bits: 12, epoch: 7, seed: [9; 32] };

/// A wallet that has dialled one more member of its group, a puppet that has not shown whose it is.
async fn party() -> (Party, Raw) {
    // As `keys` makes them.
    let mut raw = Raw::listening([0x21; 32], &keys(0)).await;
    let party = Party::with(1, vec![member(1, Some(raw.address()))]).await;
    raw.called().await;
    raw.say(&hello(PROTOCOL_VERSION));
    (party, raw)
}

async fn proof(raw: &mut Raw) -> ensign_wire::Proof {
    loop {
        if let Frame::Proof(proof) = raw.frame().await {
            return proof;
        }
    }
}

#[tokio::test]
async fn price_of_a_node_that_was_dialled_is_paid_and_told() {
    let (mut party, mut raw) = party().await;
    raw.say(&Frame::Price(PRICE));
    let proof = proof(&mut raw).await;
    let puzzle = Puzzle::of_price(NETWORK, keys(0).peer_id(), PRICE);
    assert!(puzzle.check(proof).is_ok());
    let told = |busy: Busy| {
        move |event: &Event| {
            matches!(event, Event::Busy(peer, it) if *peer == keys(1).peer_id() && *it == busy)
                .then_some(())
        }
    };
    let begins = Busy::Proving { bits: 12, tried: 0, spent: std::time::Duration::ZERO };
    party.wallets[0].until(told(begins)).await;
    party.wallets[0].until(told(Busy::Proven)).await;
}

#[tokio::test]
async fn price_of_the_next_connection_is_paid_after_a_dearer_one() {
    let (_party, mut raw) = party().await;
    // Some hundred thousand tries: they may go on when the connection is gone.
    raw.say(&Frame::Price(Price { bits: 18, ..PRICE }));
    raw.leave().await;
    raw.called().await;
    raw.say(&hello(PROTOCOL_VERSION));
    raw.say(&Frame::Price(PRICE));
    let puzzle = Puzzle::of_price(NETWORK, keys(0).peer_id(), PRICE);
    while puzzle.check(proof(&mut raw).await).is_err() {}
}
