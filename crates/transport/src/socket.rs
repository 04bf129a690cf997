//! A UDP socket that can be closed while quinn still holds it.
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

use quinn::{AsyncUdpSocket, UdpPoller, udp};

use crate::shared::locked;

/// Forwards to the real socket until it is closed; then sends nowhere and receives nothing.
#[derive(Debug)]
pub(crate) struct Socket {
    inner: RwLock<Option<Arc<dyn AsyncUdpSocket>>>,
    /// What connections wait with until they may write: each keeps the socket open, and a connection
    /// that drains may outlive `close` by seconds.
    pollers: Mutex<Vec<Weak<Slot>>>,
    local_addr: SocketAddr,
}

/// One connection's poller; empty once the socket is closed.
type Slot = Mutex<Option<Pin<Box<dyn UdpPoller>>>>;

impl Socket {
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>) -> io::Result<Self> {
        let local_addr = inner.local_addr()?;
        Ok(Self { inner: RwLock::new(Some(inner)), pollers: Mutex::default(), local_addr })
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
        self.with(Poll::Pending, |inner| inner.poll_recv(cx, bufs, meta))
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
