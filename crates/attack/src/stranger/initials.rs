//! First packets of connections at full rate, from several addresses.
//!
//! Half are true ones, with the hello of a node that speaks the protocol: the victim has to begin a
//! handshake for each that it takes. The others carry ids that were never seen and a seal that does not
//! open, which costs the keys of an id.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::{net::UdpSocket, time::timeout};

use super::FIRST_ADDRESS;
use crate::{
    figures::{Figure, Findings},
    line::{CALL_TIMEOUT, Caller, Door, Ears, local, random, stranger},
    scene::{Scene, pause},
};

/// Addresses that send at the same time.
const ADDRESSES: u8 = 16;
/// True first packets that are made before the attack, and sent in turn. Guess: more than a node keeps
/// half-open, so that one that comes again is new again.
const MINTED: usize = 2048;
/// How long making them may take.
const MINTING_TIME: Duration = Duration::from_secs(2);
/// How long it waits when it is ahead of its rate.
const PACE: Duration = Duration::from_millis(1);
/// Packets between two looks at the clock.
const BURST: usize = 64;
/// Bytes of a first packet at least (RFC 9000 section 14.1).
const INITIAL_BYTES_MIN: usize = 1200;
/// Where the destination id begins in a packet with a long header, and how long the longest is
/// (RFC 9000 section 17.2).
const ID_AT: usize = 6;
const ID_BYTES_MAX: usize = 20;

/// Sends them for as long as a phase takes.
///
/// # Errors
///
/// Fails if the system refuses a socket, or no packet could be made.
pub(crate) async fn initials(scene: &mut Scene<'_>) -> Result<Findings> {
    let door = scene.door();
    let minted = mint(&door, MINTED).await?;
    let mut sockets = Vec::new();
    for number in 0..ADDRESSES {
        sockets.push(UdpSocket::bind(local(&door, [127, 0, 0, FIRST_ADDRESS + number])).await?);
    }
    scene.begin_now();
    let (began, deadline) = (Instant::now(), scene.deadline());
    let (mut sent, mut stuck) = (0_u64, 0_u64);
    let mut turns = minted.iter().cycle().zip(sockets.iter().cycle());
    while Instant::now() < deadline {
        if scene.amounts.rate > 0 && sent > due(began.elapsed(), scene.amounts.rate) {
            pause(PACE).await;
            continue;
        }
        for (packet, socket) in turns.by_ref().take(BURST) {
            let is_true = sent.is_multiple_of(2);
            let packet = if is_true { packet.clone() } else { altered(packet)? };
            match socket.try_send_to(&packet, door.address) {
                Ok(_) => sent += 1,
                Err(_) => stuck += 1,
            }
        }
        // Lets sockets become writable again.
        tokio::task::yield_now().await;
    }
    let seconds = began.elapsed().as_secs_f64().max(1e-3);
    let mut findings = Findings::default();
    findings.set(Figure::PerSecond, sent as f64 / seconds);
    findings.note("packets", sent as f64);
    findings.note("not taken by the system", stuck as f64);
    findings.note("true ones made", minted.len() as f64);
    Ok(findings)
}

/// How many are sent by then at a rate of so many a second.
fn due(passed: Duration, rate: u64) -> u64 {
    (passed.as_secs_f64() * rate as f64) as u64
}

/// Makes true first packets: a dial sends them to a socket of our own.
async fn mint(door: &Door, count: usize) -> Result<Vec<Vec<u8>>> {
    let trap = UdpSocket::bind(local(door, [127, 0, 0, 1])).await?;
    let passing = Door { address: trapped(&trap)?, ..*door };
    let caller = Caller::bind(door, FIRST_ADDRESS)?;
    let (mut minted, mut ids) = (Vec::new(), BTreeSet::new());
    let mut datagram = vec![0; 65_535];
    let key = stranger(door)?;
    let until = Instant::now() + MINTING_TIME;
    while minted.len() < count && Instant::now() < until {
        let dial = caller.handshake(&passing, &key, Ears::Open);
        let caught = async {
            loop {
                let (length, _) = trap.recv_from(&mut datagram).await?;
                let packet = datagram.get(..length).unwrap_or_default();
                let id = destination(packet).map(<[u8]>::to_vec);
                // Words of farewell to a dial before come too, under an id that was there.
                if let Some(id) = id.filter(|_| length >= INITIAL_BYTES_MIN)
                    && ids.insert(id)
                {
                    return Ok::<_, std::io::Error>(packet.to_vec());
                }
            }
        };
        let packet = tokio::select! {
            _ = dial => continue,
            caught = timeout(CALL_TIMEOUT, caught) => caught??,
        };
        minted.push(packet);
        if minted.len().is_multiple_of(BURST) {
            pause(Duration::ZERO).await;
        }
    }
    ensure!(!minted.is_empty(), "no first packet was made");
    Ok(minted)
}

fn trapped(socket: &UdpSocket) -> Result<SocketAddr> {
    Ok(socket.local_addr()?)
}

/// Returns the destination id of a packet with a long header.
fn destination(packet: &[u8]) -> Option<&[u8]> {
    let (first, _) = packet.split_first()?;
    let length = usize::from(*packet.get(ID_AT - 1)?);
    let is_long = first & 0x80 != 0 && length <= ID_BYTES_MAX;
    packet.get(ID_AT..ID_AT + length).filter(|_| is_long)
}

/// The same packet under an id that nobody has seen.
fn altered(packet: &[u8]) -> Result<Vec<u8>> {
    let mut altered = packet.to_vec();
    let length = destination(packet).map_or(0, <[u8]>::len);
    let fresh: [u8; ID_BYTES_MAX] = random()?;
    for (to, from) in altered.iter_mut().skip(ID_AT).take(length).zip(fresh) {
        *to = from;
    }
    Ok(altered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_altered_packet_differs_in_its_id_alone() {
        let mut packet = vec![0xc3, 0, 0, 0, 1, 8];
        packet.extend(0..200);
        let other = altered(&packet).unwrap();
        assert_eq!(other.len(), packet.len());
        assert_ne!(destination(&other), destination(&packet));
        assert_eq!(other[ID_AT + 8..], packet[ID_AT + 8..]);
        assert_eq!(destination(&[0x43, 0, 0, 0, 1, 8]), None);
        assert_eq!(destination(&[0xc3, 0, 0]), None);
    }
}
