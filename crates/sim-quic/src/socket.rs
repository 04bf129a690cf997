//! A node's end of the network, as quinn wants it.

use std::{
    collections::VecDeque,
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use quinn::{
    AsyncUdpSocket, UdpPoller,
    udp::{RecvMeta, Transmit},
};

use crate::{Net, net::Datagram};

/// Datagrams that have arrived and are not read. Without a bound: whoever fills it is part of the
/// simulation.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    datagrams: VecDeque<Datagram>,
    reader: Option<Waker>,
}

impl Inbox {
    pub(crate) fn put(&self, datagram: Datagram) {
        let mut waiting = self.lock();
        waiting.datagrams.push_back(datagram);
        if let Some(reader) = waiting.reader.take() {
            reader.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Detached when it is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    net: Net,
    address: SocketAddr,
    inbox: Arc<Inbox>,
}

impl Socket {
    pub(crate) const fn new(net: Net, address: SocketAddr, inbox: Arc<Inbox>) -> Self {
        Self { net, address, inbox }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.net.detach(self.address, &self.inbox);
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if !self.net.is_plugged(self.address, &self.inbox) {
            return Ok(());
        }
        // One segment: that is what `max_transmit_segments` promises.
        let bytes = transmit.contents.into();
        let datagram = Datagram { from: self.address, bytes, ecn: transmit.ecn };
        self.net.send(transmit.destination, datagram);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut waiting = self.inbox.lock();
        let mut read = 0;
        for (buf, meta) in bufs.iter_mut().zip(metas) {
            let Some(datagram) = waiting.datagrams.pop_front() else { break };
            // A datagram that is longer than the buffer is cut off, as a real socket does.
            let len = datagram.bytes.len().min(buf.len());
            buf.iter_mut().zip(datagram.bytes.iter()).for_each(|(to, from)| *to = *from);
            let dst_ip = Some(self.address.ip());
            *meta = RecvMeta { addr: datagram.from, len, stride: len, ecn: datagram.ecn, dst_ip };
            read += 1;
        }
        if read == 0 {
            waiting.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(read))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

/// The network takes everything at once.
#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
