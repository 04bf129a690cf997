//! Standard input, read by read, on a thread that can be ended.

use std::os::fd::{AsFd as _, OwnedFd};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::pipe;
use tokio::sync::mpsc;

use super::desk::Clock;
use ensign_primitives::Instant;

/// Most bytes of one read.
const READ_BYTES_MAX: usize = 4_096;

/// What one read brought, and when; nothing when input has ended.
pub(crate) type Read = (Instant, Vec<u8>);

/// Reads until it is dropped: whoever reads next (a prompt for a passphrase) finds what comes then.
#[derive(Debug)]
pub(super) struct Reader {
    reads: mpsc::Receiver<Read>,
    /// The thread ends when this is closed.
    wake: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Begins to read. Without a thread, input has ended.
    pub(super) fn new(clock: Clock) -> Self {
        let (sender, reads) = mpsc::channel(1);
        let (ended, wake) = match pipe() {
            Ok((ended, wake)) => (Some(ended), Some(wake)),
            Err(_) => (None, None),
        };
        let read = move || {
            if let Some(ended) = ended {
                read_all(&ended, clock, &sender);
            }
        };
        let thread = std::thread::Builder::new().spawn(read).ok();
        Self { reads, wake, thread }
    }

    /// Takes reads from a channel.
    #[cfg(test)]
    pub(super) const fn reading(reads: mpsc::Receiver<Read>) -> Self {
        Self { reads, wake: None, thread: None }
    }

    /// Waits for what the next read brings; nothing when input has ended.
    pub(super) async fn next(&mut self) -> Option<Read> {
        self.reads.recv().await.filter(|(_, bytes)| !bytes.is_empty())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.reads.close();
        while self.reads.try_recv().is_ok() {}
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // It panics nowhere.
            let _ended = thread.join();
        }
    }
}

fn read_all(ended: &OwnedFd, clock: Clock, sender: &mpsc::Sender<Read>) {
    let stdin = std::io::stdin();
    loop {
        let mut ready = [
            PollFd::new(&stdin, PollFlags::IN),
            PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::IN),
        ];
        match poll(&mut ready, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        }
        let [input, end] = &ready;
        if !end.revents().is_empty() {
            return;
        }
        if input.revents().is_empty() {
            continue;
        }
        let mut buffer = vec![0; READ_BYTES_MAX];
        let length = match rustix::io::read(&stdin, &mut buffer) {
            Ok(length) => length,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
            Err(_) => 0,
        };
        buffer.truncate(length);
        if sender.blocking_send((clock.now(), buffer)).is_err() || length == 0 {
            return;
        }
    }
}
