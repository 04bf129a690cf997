//! What is left of a read whose first packets are too many.

use std::{net::Ipv4Addr, task::Waker};

use ensign_ratelimit::Allowance;

use super::*;

const FLOODER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// First packets that are looked at.
const LOOKED_AT: u64 = 2;

/// Has one sender's datagrams, of which the system gives several in one read.
#[derive(Debug)]
struct Reads {
    stride: usize,
    left: Mutex<Vec<Vec<u8>>>,
}

impl AsyncUdpSocket for Reads {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller(Arc::default()))
    }

    fn try_send(&self, _: &udp::Transmit<'_>) -> io::Result<()> {
        Ok(())
    }

    fn poll_recv(
        &self,
        _: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [udp::RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut left = locked(&self.left);
        if left.is_empty() {
            return Poll::Pending;
        }
        let read = left.remove(0);
        bufs[0][..read.len()].copy_from_slice(&read);
        let (len, stride) = (read.len(), self.stride);
        meta[0] = udp::RecvMeta { addr: (FLOODER, 9).into(), len, stride, ..meta[0] };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok((Ipv4Addr::LOCALHOST, 1).into())
    }
}

/// A first packet, and one of a connection that is there.
fn first(bytes: usize) -> Vec<u8> {
    [&[0xc3, 0, 0, 0, 1, 8][..], &vec![0; bytes - 6]].concat()
}

fn established(bytes: usize, number: u8) -> Vec<u8> {
    [&[0x43][..], &vec![number; bytes - 1]].concat()
}

/// What quinn gets of reads of one sender, read by read; with it how many first packets were dropped.
fn received(stride: usize, reads: &[Vec<Vec<u8>>]) -> (Vec<Vec<u8>>, u64) {
    let nothing = Allowance { burst: 0, per_minute: 1 };
    let limits = FirstPacketLimits {
        few: Allowance { burst: LOOKED_AT, per_minute: 1 },
        in_all: nothing,
        ..FirstPacketLimits::DEFAULT
    };
    let reads = reads.iter().map(|datagrams| datagrams.concat()).collect();
    let inner = Arc::new(Reads { stride, left: Mutex::new(reads) });
    let socket = Socket::new(inner, limits).unwrap();
    let mut got = Vec::new();
    let mut buf = vec![0; 64 * 1024];
    loop {
        let mut meta = [udp::RecvMeta::default()];
        let mut context = Context::from_waker(Waker::noop());
        let bufs = &mut [IoSliceMut::new(&mut buf)];
        match socket.poll_recv(&mut context, bufs, &mut meta) {
            Poll::Ready(count) => assert_eq!(count.unwrap(), 1),
            Poll::Pending => return (got, socket.dropped()),
        }
        if meta[0].len > 0 {
            assert_eq!(meta[0].stride, stride);
            got.push(buf[..meta[0].len].to_vec());
        }
    }
}

#[test]
fn regression_first_packets_too_many_took_the_packets_of_a_connection_with_them() {
    let connection = |number| established(1200, number);
    let all = [first(1200), connection(1), first(1200), first(1200), connection(2)];
    let last = established(40, 3);
    let (got, dropped) = received(1200, &[[&all[..], std::slice::from_ref(&last)].concat()]);
    assert_eq!(got, [[connection(1), connection(2), last].concat()]);
    assert_eq!(dropped, 3);
}

#[test]
fn read_whose_first_packets_are_looked_at_stays_as_it_is() {
    let read = vec![first(1200), established(1200, 1), first(1200)];
    assert_eq!(received(1200, std::slice::from_ref(&read)), (vec![read.concat()], 0));
}

#[test]
fn packets_of_a_connection_come_in_behind_more_reads_of_first_packets_than_one_poll_sifts() {
    let mut reads = vec![vec![first(1300); 3]; 3 * SIFTED_READS_MAX];
    reads.push(vec![established(1300, 1)]);
    let (got, dropped) = received(1300, &reads);
    assert_eq!(got, [established(1300, 1)]);
    assert_eq!(dropped, 9 * SIFTED_READS_MAX as u64);
}

#[test]
fn regression_datagrams_too_short_to_begin_anything_were_charged() {
    let short = vec![vec![first(1199)]; 100];
    let (got, dropped) = received(1199, &short);
    assert_eq!((got.len(), dropped), (100, 0));
    // The last of a read is its own datagram.
    let (got, dropped) = received(1200, &[vec![first(1200), first(1200), first(700)]]);
    assert_eq!((got[0].len(), dropped), (3100, 0));
}
