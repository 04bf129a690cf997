//! Standard output and standard error: written at once, or by a thread each while a node runs.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;

use super::Output;
use super::queue::{Class, Queue};

/// How long a program that ends waits for a reader that takes nothing. Guess: who reads at all
/// takes something within it.
const READER_TIMEOUT: Duration = Duration::from_secs(2);
/// So much is written at once, so that a slow reader is seen to read.
const CHUNK_BYTES: usize = 4_096;

/// Standard output.
pub(super) static STDOUT: Stream = Stream::new();
/// Standard error.
pub(super) static STDERR: Stream = Stream::new();

/// One of the two.
pub(super) struct Stream {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    queue: Queue,
    /// Whether a thread writes what waits; before, whoever has something to say writes it.
    is_detached: bool,
    /// Whether the thread is in the middle of a piece.
    is_writing: bool,
    /// The reader has gone away; what comes now is nobody's to read.
    is_gone: bool,
    /// How many chunks were taken.
    chunks: u64,
    /// What is said waits in `held`, because a question stands; whoever asks it is told so.
    holding: Option<Arc<Notify>>,
    held: Queue,
    /// Whom to call when all is written.
    written: Vec<Written>,
}

/// Called when a piece was written.
pub(super) type Written = Box<dyn FnOnce() + Send>;

impl State {
    /// Whether everything was read, or never will be.
    fn is_done(&self) -> bool {
        self.is_gone || (self.queue.is_empty() && !self.is_writing)
    }
}

impl Stream {
    const fn new() -> Self {
        let state = State {
            queue: Queue::new(),
            is_detached: false,
            is_writing: false,
            is_gone: false,
            chunks: 0,
            holding: None,
            held: Queue::new(),
            written: Vec::new(),
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a thread writes to `to`, and nobody waits for the reader.
    pub(super) fn detach(&'static self, form: Output, to: impl Write + Send + 'static) {
        let mut state = self.lock();
        if state.is_detached {
            return;
        }
        state.queue.set_form(form);
        // Without a thread it stays as it is.
        state.is_detached = thread::Builder::new().spawn(move || self.serve(to)).is_ok();
    }

    /// Writes a piece now, or leaves it to the thread. A reader that has gone away is no failure.
    pub(super) fn write(&self, class: Class, piece: String, mut now: impl Write) {
        let mut state = self.lock();
        if let Some(asker) = &state.holding {
            asker.notify_one();
            return state.held.push(class, piece);
        }
        if !state.is_detached {
            drop(state);
            let _gone = now.write_all(piece.as_bytes()).and_then(|()| now.flush());
            return;
        }
        if !state.is_gone {
            state.queue.push(class, piece);
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Writes a piece over what is held back, and calls back when it and all before it is written.
    pub(super) fn write_over(&self, piece: String, written: Written, mut now: impl Write) {
        let mut state = self.lock();
        if !state.is_detached {
            drop(state);
            let _gone = now.write_all(piece.as_bytes()).and_then(|()| now.flush());
            return written();
        }
        if !state.is_gone {
            state.queue.push(Class::Kept, piece);
            state.written.push(written);
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Holds back what is written from now on, within the bounds of a [`Queue`], and tells `asker`.
    pub(super) fn hold(&self, asker: Arc<Notify>) {
        self.lock().holding = Some(asker);
    }

    pub(super) fn has_held(&self) -> bool {
        !self.lock().held.is_empty()
    }

    /// Writes what was held back, and holds nothing back any more.
    pub(super) fn let_out(&self, mut now: impl Write) {
        let mut state = self.lock();
        state.holding = None;
        let is_detached = state.is_detached;
        while let Some(piece) = state.held.pop() {
            if is_detached && !state.is_gone {
                state.queue.push(Class::Kept, piece);
            } else if !is_detached {
                let _gone = now.write_all(piece.as_bytes()).and_then(|()| now.flush());
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    fn serve(&self, mut to: impl Write) {
        while let Some(piece) = self.next() {
            for chunk in piece.as_bytes().chunks(CHUNK_BYTES) {
                let written = to.write_all(chunk).and_then(|()| to.flush());
                self.on_chunk(&written);
            }
        }
    }

    /// Waits for the next piece; `None` when nobody reads any more.
    fn next(&self) -> Option<String> {
        let mut state = self.lock();
        state.is_writing = false;
        loop {
            if state.is_gone {
                return None;
            }
            if let Some(piece) = state.queue.pop() {
                state.is_writing = true;
                return Some(piece);
            }
            state.written.drain(..).for_each(|written| written());
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn on_chunk(&self, written: &io::Result<()>) {
        let mut state = self.lock();
        state.chunks = state.chunks.wrapping_add(1);
        if written.is_err() {
            state.is_gone = true;
            state.queue.clear();
            state.written.clear();
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until everything was read, or the reader is gone.
    pub(super) fn wait(&self) {
        let done = self.changed.wait_while(self.lock(), |state| !state.is_done());
        drop(done.unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits as long as the reader reads: at most [`READER_TIMEOUT`] for each chunk. Returns whether
    /// nothing is left.
    pub(super) fn finish(&self) -> bool {
        loop {
            let state = self.lock();
            let before = state.chunks;
            let is_stuck = |state: &mut State| !state.is_done() && state.chunks == before;
            let waited = self.changed.wait_timeout_while(state, READER_TIMEOUT, is_stuck);
            let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.is_done() || waited.timed_out() {
                return state.is_done();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader that takes one chunk for each word of the test's, and hangs up when the test does.
    struct Reader {
        takes: Receiver<()>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.takes.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            let _ = self.taken.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn detached() -> (&'static Stream, Sender<()>, Receiver<Vec<u8>>) {
        let stream: &'static Stream = Box::leak(Box::new(Stream::new()));
        let (take, takes) = channel();
        let (taken, all) = channel();
        stream.detach(Output::Text, Reader { takes, taken });
        (stream, take, all)
    }

    fn say(stream: &Stream, text: &str) {
        stream.write(Class::Kept, text.to_owned(), io::sink());
    }

    #[test]
    fn regression_a_reader_that_does_not_read_held_up_whoever_wrote() {
        let (stream, take, all) = detached();
        // Nobody takes anything, and each of these returns.
        let pieces: Vec<_> = (0..1_000).map(|number| format!("{number}\n")).collect();
        pieces.iter().for_each(|piece| say(stream, piece));
        assert!(all.try_recv().is_err());
        // Whoever reads in the end gets all of it, in order.
        for piece in &pieces {
            take.send(()).unwrap();
            assert_eq!(all.recv().unwrap(), piece.as_bytes());
        }
        stream.wait();
        assert!(stream.finish());
    }

    #[test]
    fn a_reader_that_goes_away_ends_every_wait() {
        let (stream, take, _all) = detached();
        say(stream, "one");
        say(stream, "two");
        drop(take);
        stream.wait();
        assert!(stream.finish());
        say(stream, "three");
        assert!(stream.lock().queue.is_empty());
    }

    #[test]
    fn a_long_piece_is_written_in_chunks() {
        let (stream, take, all) = detached();
        say(stream, &"x".repeat(CHUNK_BYTES + 1));
        for length in [CHUNK_BYTES, 1] {
            take.send(()).unwrap();
            assert_eq!(all.recv().unwrap().len(), length);
        }
        stream.wait();
    }
}
