//! Frames of 200 bytes, or nearly, a second on one connection, both ends in this process.
//!
//! Ours are encoded one by one, framed, cut out of the stream and decoded to a value. Raw quinn
//! writes 200 bytes and reads 200 bytes, on one stream, and looks at none of them.

use std::sync::Arc;

use ensign_primitives::{GroupId, LinkId, Network};
use ensign_transport::TransportEvent;
use ensign_wire::{Frame, Groups};
use tokio::{sync::Semaphore, time::Instant};

use crate::{ours::Node, print_rates, raw};

const FRAME_BYTES: usize = 196;

/// Frames on their way at once, below what the send queue takes: `send` never waits, its caller
/// has to.
const FRAMES_AHEAD_MAX: usize = 4096;
const FRAMES_PER_CREDIT: usize = 256;

pub(crate) async fn print(rounds: usize, frames: usize) {
    let (mut one, mut two) = (Node::start(1).await, Node::start(2).await);
    one.dial(&two);
    let link = one.connected().await;
    one.transport.admit(link);
    let back = two.connected().await;
    two.transport.admit(back);
    let (from, to) = (raw::endpoint(), raw::endpoint());
    let (dialled, accepted) = raw::connect(&from, &to).await;
    let frame = frame();
    let (mut ours, mut raws) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(our_round((&one, link), &mut two, &frame, frames).await);
        raws.push(raw_round(&dialled, &accepted, frames).await);
    }
    print_rates("frames of 200 bytes", ours, raws, 0.5);
}

/// A list of as many groups as make about 200 bytes.
fn frame() -> Frame {
    let shared = (1..=6).map(|byte| GroupId::from_bytes([byte; 32])).collect();
    let frame = Frame::Groups(Groups { shared });
    assert_eq!(frame.encode().len(), FRAME_BYTES);
    frame
}

async fn our_round(
    (one, link): (&Node, LinkId),
    two: &mut Node,
    frame: &Frame,
    frames: usize,
) -> f64 {
    let start = Instant::now();
    let (transport, frame) = (one.transport.clone(), frame.clone());
    let ahead = Arc::new(Semaphore::new(FRAMES_AHEAD_MAX));
    let room = Arc::clone(&ahead);
    let sender = tokio::spawn(async move {
        for _ in 0..frames {
            room.acquire().await.unwrap().forget();
            transport.send(link, frame.kind(), frame.encode().into()).unwrap();
        }
    });
    for number in 1..=frames {
        let TransportEvent::Frame { kind, body, .. } = two.events.recv().await.unwrap() else {
            unreachable!("nothing else happens on this connection");
        };
        std::hint::black_box(Frame::decode(kind, &body, Network::Regtest).unwrap());
        if number % FRAMES_PER_CREDIT == 0 {
            ahead.add_permits(FRAMES_PER_CREDIT);
        }
    }
    let rate = frames as f64 / start.elapsed().as_secs_f64();
    sender.await.unwrap();
    rate
}

async fn raw_round(from: &quinn::Connection, to: &quinn::Connection, frames: usize) -> f64 {
    let start = Instant::now();
    let from = from.clone();
    let sender = tokio::spawn(async move {
        let mut stream = from.open_uni().await.unwrap();
        for _ in 0..frames {
            stream.write_all(&[7; FRAME_BYTES]).await.unwrap();
        }
        stream.finish().unwrap();
        stream
    });
    let mut stream = to.accept_uni().await.unwrap();
    let mut frame = [0; FRAME_BYTES];
    for _ in 0..frames {
        stream.read_exact(&mut frame).await.unwrap();
        std::hint::black_box(&frame);
    }
    let rate = frames as f64 / start.elapsed().as_secs_f64();
    sender.await.unwrap();
    rate
}
