//! Standard input, read by read, on a thread that can be ended.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ensign_primitives::Instant;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::pipe;
use rustix::termios::{QueueSelector, tcflush};
use tokio::sync::mpsc;

use super::desk::Clock;

/// Most bytes of one read.
const READ_BYTES_MAX: usize = 4_096;

/// What one read brought, and when; nothing when input has ended.
pub(crate) type Read = (Instant, Vec<u8>);

/// Reads until it is dropped: whoever reads next (a prompt for a passphrase) finds what comes then.
#[derive(Debug)]
pub(super) struct Reader {
    reads: mpsc::Receiver<Read>,
    /// Held while input is read or thrown away: what one has seen the other must not take, or the
    /// thread waits in a read that nothing ends.
    turn: Arc<Mutex<()>>,
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
        let turn = Arc::new(Mutex::new(()));
        let theirs = Arc::clone(&turn);
        let read = move || {
            if let Some(ended) = ended {
                read_all(&ended, clock, &sender, &theirs);
            }
        };
        let thread = std::thread::Builder::new().spawn(read).ok();
        Self { reads, turn, wake, thread }
    }

    /// Takes reads from a channel.
    #[cfg(test)]
    pub(super) fn reading(reads: mpsc::Receiver<Read>) -> Self {
        Self { reads, turn: Arc::default(), wake: None, thread: None }
    }

    /// Throws away what was typed on a terminal and not read; returns whether there was a line of it.
    pub(super) fn flush(&self) -> bool {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let stdin = std::io::stdin();
        let is_typed = rustix::io::ioctl_fionread(&stdin).is_ok_and(|length| length > 0);
        // What is no terminal has no queue of its own.
        let _none = tcflush(stdin, QueueSelector::IFlush);
        is_typed
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

fn read_all(ended: &OwnedFd, clock: Clock, sender: &mpsc::Sender<Read>, turn: &Mutex<()>) {
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
        let its_turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_ready(&stdin) {
            continue;
        }
        let mut buffer = vec![0; READ_BYTES_MAX];
        let length = match rustix::io::read(&stdin, &mut buffer) {
            Ok(length) => length,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
            Err(_) => 0,
        };
        drop(its_turn);
        buffer.truncate(length);
        if sender.blocking_send((clock.now(), buffer)).is_err() || length == 0 {
            return;
        }
    }
}

/// Whether a read would not wait.
fn is_ready(input: &impl AsFd) -> bool {
    let mut ready = [PollFd::new(input, PollFlags::IN)];
    poll(&mut ready, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}
