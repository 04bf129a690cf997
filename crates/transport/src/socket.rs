//! A UDP socket that can be closed while quinn still holds it, and that drops first packets beyond what
//! [`FirstPackets`] allows before quinn makes keys for them.
//!
//! quinn frees its socket some time after the last handle is gone. A node that closes and opens
//! again wants the port back when `close` returns.

use std::{
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, RwLock, Weak},
    task::{Context, Poll},
};

use ensign_primitives::{Instant as Moment, PeerId};
use ensign_ratelimit::{FirstPacketLimits, FirstPackets};
use quinn::{AsyncUdpSocket, UdpPoller, udp};
use tokio::time::Instant;

use crate::shared::locked;

/// Most reads of the system in one poll that find nothing to look at. Guess: 256 packets, so that a flood
/// does not keep a thread from its other tasks for a millisecond.
const SIFTED_READS_MAX: usize = 8;

/// Forwards to the real socket until it is closed; then sends nowhere and receives nothing.
#[derive(Debug)]
pub(crate) struct Socket {
    inner: RwLock<Option<Arc<dyn AsyncUdpSocket>>>,
    /// What connections wait with until they may write: each keeps the socket open, and a connection
    /// that drains may outlive `close` by seconds.
    pollers: Mutex<Vec<Weak<Slot>>>,
    local_addr: SocketAddr,
    firsts: Mutex<FirstPackets>,
    since: Instant,
}

/// One connection's poller; empty once the socket is closed.
type Slot = Mutex<Option<Pin<Box<dyn UdpPoller>>>>;

impl Socket {
    pub(crate) fn new(
        inner: Arc<dyn AsyncUdpSocket>,
        limits: FirstPacketLimits,
    ) -> io::Result<Self> {
        let local_addr = inner.local_addr()?;
        Ok(Self {
            inner: RwLock::new(Some(inner)),
            pollers: Mutex::default(),
            local_addr,
            firsts: Mutex::new(FirstPackets::new(limits)),
            since: Instant::now(),
        })
    }

    /// Lets the first packets of a handshake with this address through, as long as it is under way.
    pub(crate) fn pass(self: &Arc<Self>, remote: SocketAddr) -> Pass {
        let remote = plain(remote);
        locked(&self.firsts).begins(remote);
        Pass { socket: Arc::clone(self), remote }
    }

    /// A member was connected from there.
    pub(crate) fn know(&self, peer: PeerId, remote: SocketAddr) {
        locked(&self.firsts).know(peer, remote.ip());
    }

    /// Returns how many first packets were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        locked(&self.firsts).dropped()
    }

    /// Takes the first packets out of the reads that are not looked at; returns whether anything is left.
    ///
    /// What one read holds is of one sender: of its first packets all are looked at or none, and the others
    /// stay, because they may be of a connection that it has.
    fn sift(&self, bufs: &mut [IoSliceMut<'_>], meta: &mut [udp::RecvMeta]) -> bool {
        let mut is_any_left = false;
        for (buf, meta) in bufs.iter_mut().zip(meta) {
            let read = buf.get_mut(..meta.len).unwrap_or_default();
            let firsts = read.chunks(meta.stride.max(1)).filter(|it| is_first_packet(it)).count();
            if firsts > 0 {
                let now = Moment::default().after(self.since.elapsed());
                if !locked(&self.firsts).allows(now, plain(meta.addr), firsts as u64) {
                    meta.len = without_first_packets(read, meta.stride.max(1));
                }
            }
            is_any_left |= meta.len > 0;
        }
        is_any_left
    }

    /// Gives the port back.
    pub(crate) fn close(&self) {
        let inner = self.inner.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(inner);
        for poller in locked(&self.pollers).drain(..).filter_map(|poller| poller.upgrade()) {
            locked(&poller).take();
        }
    }

    fn with<T>(&self, closed: T, open: impl FnOnce(&Arc<dyn AsyncUdpSocket>) -> T) -> T {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(closed, open)
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        // Held until the poller is entered, so that closing finds it.
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let slot = Arc::new(Mutex::new(inner.as_ref().map(|it| Arc::clone(it).create_io_poller())));
        let mut pollers = locked(&self.pollers);
        pollers.retain(|poller| poller.strong_count() > 0);
        pollers.push(Arc::downgrade(&slot));
        Box::pin(Poller(slot))
    }

    fn try_send(&self, transmit: &udp::Transmit<'_>) -> io::Result<()> {
        self.with(Ok(()), |inner| inner.try_send(transmit))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [udp::RecvMeta],
    ) -> Poll<io::Result<usize>> {
        for _ in 1..SIFTED_READS_MAX {
            let read = self.with(Poll::Pending, |inner| inner.poll_recv(cx, bufs, meta));
            let Poll::Ready(Ok(count)) = read else { return read };
            if self.sift(bufs, meta.get_mut(..count).unwrap_or_default()) {
                return read;
            }
        }
        let read = self.with(Poll::Pending, |inner| inner.poll_recv(cx, bufs, meta));
        if let Poll::Ready(Ok(count)) = read {
            self.sift(bufs, meta.get_mut(..count).unwrap_or_default());
        }
        read
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local_addr)
    }

    fn max_transmit_segments(&self) -> usize {
        self.with(1, |inner| inner.max_transmit_segments())
    }

    fn max_receive_segments(&self) -> usize {
        self.with(1, |inner| inner.max_receive_segments())
    }

    fn may_fragment(&self) -> bool {
        self.with(true, |inner| inner.may_fragment())
    }
}

/// The least bytes of a datagram that begins a connection or is answered with our version; quinn drops smaller
/// ones at no cost. RFC 9000 sections 14.1 and 5.2.2.
const FIRST_PACKET_BYTES_MIN: usize = 1200;

/// Whether quinn makes keys for a datagram, or an answer, before it knows anything of its sender: an Initial, or
/// a long header of another version (RFC 9000 sections 17.2 and 17.2.2).
fn is_first_packet(packet: &[u8]) -> bool {
    if packet.len() < FIRST_PACKET_BYTES_MIN {
        return false;
    }
    let &[first, v0, v1, v2, v3, ..] = packet else { return false };
    let is_initial = first & 0x30 == 0 || u32::from_be_bytes([v0, v1, v2, v3]) != 1;
    first & 0x80 != 0 && is_initial
}

/// Moves the other packets of a read together, each but the last of `stride` bytes; returns how many bytes are
/// left.
fn without_first_packets(read: &mut [u8], stride: usize) -> usize {
    let (mut from, mut kept) = (0, 0);
    while from < read.len() {
        let to = from.saturating_add(stride).min(read.len());
        if !read.get(from..to).is_some_and(is_first_packet) {
            read.copy_within(from..to, kept);
            kept += to - from;
        }
        from = to;
    }
    kept
}

/// The address as it is counted: IPv4 that comes in by an IPv6 socket is IPv4.
fn plain(remote: SocketAddr) -> SocketAddr {
    SocketAddr::new(remote.ip().to_canonical(), remote.port())
}

/// A handshake that is under way; over on drop.
#[derive(Debug)]
pub(crate) struct Pass {
    socket: Arc<Socket>,
    remote: SocketAddr,
}

impl Drop for Pass {
    fn drop(&mut self) {
        locked(&self.socket.firsts).ends(self.remote);
    }
}

/// Forwards to the real poller; once the socket is closed always writable: what is sent goes nowhere.
#[derive(Debug)]
struct Poller(Arc<Slot>);

impl UdpPoller for Poller {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match locked(&self.0).as_mut() {
            Some(poller) => poller.as_mut().poll_writable(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests;
