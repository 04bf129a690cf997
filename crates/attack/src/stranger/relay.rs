//! A relay of datagrams in front of the victim, which sees what an observer on the path sees.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use tokio::{net::UdpSocket, task::JoinHandle};

/// Bytes of a connection id of the victim's.
pub(super) const ID_BYTES: usize = 8;
/// Largest datagram on loopback.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Most ids that are kept.
const IDS_MAX: usize = 4096;

/// What an observer notes of a node: the ids that it gave its connections.
pub(super) type Ids = Arc<Mutex<BTreeSet<[u8; ID_BYTES]>>>;

/// Carries datagrams between one caller and the victim.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    pub(super) ids: Ids,
    task: JoinHandle<()>,
}

impl Relay {
    /// Begins to carry.
    ///
    /// # Errors
    ///
    /// Fails if the system refuses a socket.
    pub(super) async fn start(victim: SocketAddr) -> Result<Self> {
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        back.connect(victim).await?;
        let (address, ids) = (front.local_addr()?, Ids::default());
        let task = tokio::spawn(carry(front, back, Arc::clone(&ids)));
        Ok(Self { address, ids, task })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(front: UdpSocket, back: UdpSocket, ids: Ids) {
    let (mut there, mut here) = (vec![0; DATAGRAM_BYTES_MAX], vec![0; DATAGRAM_BYTES_MAX]);
    let mut caller = None;
    loop {
        tokio::select! {
            arrived = front.recv_from(&mut there) => if let Ok((length, from)) = arrived {
                caller = Some(from);
                // A datagram that is lost is sent again.
                let _ = back.send(there.get(..length).unwrap_or_default()).await;
            },
            arrived = back.recv(&mut here) => if let Ok(length) = arrived {
                let datagram = here.get(..length).unwrap_or_default();
                note(datagram, &ids);
                if let Some(caller) = caller {
                    let _ = front.send_to(datagram, caller).await;
                }
            },
        }
    }
}

fn note(datagram: &[u8], ids: &Ids) {
    let Some(id) = source_id(datagram) else { return };
    let mut ids = ids.lock().unwrap_or_else(PoisonError::into_inner);
    if ids.len() < IDS_MAX {
        ids.insert(id);
    }
}

/// Returns the id that the sender of a long-header packet chose for itself (RFC 9000 section 17.2).
fn source_id(datagram: &[u8]) -> Option<[u8; ID_BYTES]> {
    let (first, rest) = datagram.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    // The version, then each id behind its length.
    let (length, rest) = rest.get(4..)?.split_first()?;
    let (length, rest) = rest.get(usize::from(*length)..)?.split_first()?;
    rest.get(..usize::from(*length))?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_senders_id_is_read_from_a_long_header() {
        let packet =
            [&[0xc3, 0, 0, 0, 1, 2, 9, 9, 8][..], &[1, 2, 3, 4, 5, 6, 7, 8], &[0; 9]].concat();
        assert_eq!(source_id(&packet), Some([1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(source_id(&packet[..12]), None);
        assert_eq!(source_id(&[0x43; 40]), None);
    }
}
