//! A UDP socket that can be closed while quinn still holds it.
//!
//! quinn frees its socket some time after the last handle is gone. A node that closes and opens
//! again wants the port back when `close` returns.

use std::{
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
};

use quinn::{AsyncUdpSocket, UdpPoller, udp};

/// Forwards to the real socket until it is closed; then sends nowhere and receives nothing.
#[derive(Debug)]
pub(crate) struct Socket {
    inner: RwLock<Option<Arc<dyn AsyncUdpSocket>>>,
    local_addr: SocketAddr,
}

impl Socket {
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>) -> io::Result<Self> {
        let local_addr = inner.local_addr()?;
        Ok(Self { inner: RwLock::new(Some(inner)), local_addr })
    }

    /// Gives the port back.
    pub(crate) fn close(&self) {
        let inner = self.inner.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(inner);
    }

    fn with<T>(&self, closed: T, open: impl FnOnce(&Arc<dyn AsyncUdpSocket>) -> T) -> T {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(closed, open)
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.with(Box::pin(Closed), |inner| Arc::clone(inner).create_io_poller())
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

/// Always writable: what is sent goes nowhere.
#[derive(Debug)]
struct Closed;

impl UdpPoller for Closed {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
