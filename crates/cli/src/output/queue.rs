//! What waits to be written while a node runs, within bounds.

use std::collections::VecDeque;

use super::{Line, Output};

/// With so many pieces waiting, lines of progress are dropped. Guess: minutes of the busiest node.
const PROGRESS_PIECES_MAX: usize = 4_096;
/// With so many bytes waiting, lines of progress are dropped.
const PROGRESS_BYTES_MAX: usize = 4 << 20;
/// With so many pieces waiting, nothing more is taken. Guess: the questions and endings of ten
/// thousand requests, which takes a member hours.
const PIECES_MAX: usize = 65_536;
/// With so many bytes waiting, nothing more is taken.
const BYTES_MAX: usize = 32 << 20;

/// What may become of a piece when nobody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// What is said again, or can be asked for: dropped first.
    Progress,
    /// Decisions, questions, endings, results.
    Kept,
}

/// Pieces of text in their order.
///
/// What was dropped is counted, and the next piece that is taken follows a line that says so.
/// Beyond [`PIECES_MAX`] or [`BYTES_MAX`] kept pieces are counted too: how each request ended is
/// in the store.
#[derive(Debug)]
pub(super) struct Queue {
    form: Output,
    pieces: VecDeque<String>,
    bytes: usize,
    /// How many of each class were dropped and not told yet.
    progress: u64,
    kept: u64,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self { form: Output::Text, pieces: VecDeque::new(), bytes: 0, progress: 0, kept: 0 }
    }

    /// Says in which form it tells what was dropped.
    pub(super) const fn set_form(&mut self, form: Output) {
        self.form = form;
    }

    /// Takes a piece, or counts it.
    pub(super) fn push(&mut self, class: Class, piece: String) {
        let (pieces, bytes, dropped) = match class {
            Class::Progress => (PROGRESS_PIECES_MAX, PROGRESS_BYTES_MAX, &mut self.progress),
            Class::Kept => (PIECES_MAX, BYTES_MAX, &mut self.kept),
        };
        // One piece that is larger than the bound is a result, and goes out on its own.
        let has_room = self.pieces.len() < pieces
            && (self.pieces.is_empty() || self.bytes.saturating_add(piece.len()) <= bytes);
        if !has_room {
            *dropped = dropped.saturating_add(1);
            return;
        }
        if let Some(told) = self.dropped() {
            self.enter(told);
        }
        self.enter(piece);
    }

    fn enter(&mut self, piece: String) {
        self.bytes = self.bytes.saturating_add(piece.len());
        self.pieces.push_back(piece);
    }

    /// Returns the next piece to write.
    pub(super) fn pop(&mut self) -> Option<String> {
        let Some(piece) = self.pieces.pop_front() else { return self.dropped() };
        self.bytes = self.bytes.saturating_sub(piece.len());
        Some(piece)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.progress == 0 && self.kept == 0
    }

    pub(super) fn clear(&mut self) {
        (self.pieces, self.bytes, self.progress, self.kept) = (VecDeque::new(), 0, 0, 0);
    }

    /// Words what was dropped, once.
    fn dropped(&mut self) -> Option<String> {
        let (progress, kept) = (self.progress, self.kept);
        if progress == 0 && kept == 0 {
            return None;
        }
        (self.progress, self.kept) = (0, 0);
        let line = Line::new("left_out").with("progress", progress).with("others", kept);
        let mut text = format!("left out, because nobody read: {progress} lines of progress");
        if kept > 0 {
            text += &format!(
                ", and {kept} others; `ensign request list` and `history` say how requests stand"
            );
        }
        Some(match self.form {
            Output::Text => format!("{text}\n"),
            Output::Json => line.to_json(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn progress_gives_way_and_is_counted_while_endings_wait_in_their_order() {
        let mut queue = Queue::new();
        for number in 0..PROGRESS_PIECES_MAX + 7 {
            queue.push(Class::Progress, format!("{number}\n"));
        }
        queue.push(Class::Kept, "ended\n".into());
        queue.push(Class::Progress, "late\n".into());
        let all = drain(&mut queue);
        assert_eq!(all.len(), PROGRESS_PIECES_MAX + 3);
        let [.., before, ended, after] = &all[..] else { panic!() };
        assert!(before.contains("nobody read: 7 lines of progress"), "{before}");
        assert_eq!(ended, "ended\n");
        // What was dropped last is told once all is written.
        assert!(after.contains("nobody read: 1 lines of progress"), "{after}");
        assert!(queue.is_empty());
    }

    #[test]
    fn programs_are_told_what_was_dropped_in_a_line_of_their_own() {
        let mut queue = Queue::new();
        queue.set_form(Output::Json);
        let large = "x".repeat(PROGRESS_BYTES_MAX);
        queue.push(Class::Kept, large);
        queue.push(Class::Progress, "a".into());
        queue.push(Class::Progress, "b".into());
        let told: serde_json::Value = serde_json::from_str(&drain(&mut queue)[1]).unwrap();
        assert_eq!((&told["event"], &told["progress"]), (&"left_out".into(), &2.into()));
        assert_eq!(told["others"], 0);
    }

    #[test]
    fn even_what_is_kept_has_a_bound_and_one_large_result_always_passes() {
        let mut queue = Queue::new();
        for _ in 0..PIECES_MAX + 5 {
            queue.push(Class::Kept, "ended\n".into());
        }
        let all = drain(&mut queue);
        assert_eq!(all.len(), PIECES_MAX + 1);
        assert!(all[PIECES_MAX].contains("and 5 others; `ensign request list`"), "{}", all.len());
        queue.push(Class::Kept, "x".repeat(BYTES_MAX + 1));
        assert_eq!(queue.bytes, BYTES_MAX + 1);
        queue.push(Class::Kept, "y".into());
        assert_eq!(drain(&mut queue).len(), 2);
        assert_eq!(queue.bytes, 0);
    }
}
