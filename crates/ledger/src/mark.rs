//! What a yes was given to, as it is kept and compared.

use ensign_primitives::RequestId;
use ensign_psbt::{ConsentDigest, Note, Place, Severity};
use serde::{Deserialize, Serialize};

/// Most notes of a yes that are kept. What is not kept counts as new, so that somebody is asked again.
/// Guess: a person reads none of more.
const MARKS_MAX: usize = 1_024;

/// One note that somebody has said yes to: of which kind, about what, how grave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    name: String,
    place: MarkPlace,
    /// The other request that it names.
    other: Option<RequestId>,
    severity: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum MarkPlace {
    Whole,
    Input(u32),
    Output(u32),
}

/// The notes that somebody has said yes to. Infos do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks(Vec<Mark>);

impl Marks {
    /// Keeps what is compared of them, a bounded number.
    pub fn of(notes: &[Note]) -> Self {
        Self(notes.iter().filter_map(mark).take(MARKS_MAX).collect())
    }

    /// Returns the notes that are new, or graver than what was said yes to.
    pub fn new_in(&self, notes: &[Note]) -> Vec<Note> {
        let is_new = |note: &&Note| mark(note).is_some_and(|mark| !self.covers(&mark));
        notes.iter().filter(is_new).cloned().collect()
    }

    fn covers(&self, new: &Mark) -> bool {
        self.0.iter().any(|known| {
            (&known.name, known.place, known.other) == (&new.name, new.place, new.other)
                && known.severity >= new.severity
        })
    }
}

/// What our user was shown of a request when they said yes, as the store keeps it beside the consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// What the yes was given to.
    pub digest: [u8; 32],
    /// What was remarkable about it.
    pub marks: Marks,
}

impl Shown {
    /// Notes a yes to this digest, and what was remarkable then.
    pub fn new(digest: ConsentDigest, notes: &[Note]) -> Self {
        Self { digest: digest.0, marks: Marks::of(notes) }
    }
}

/// Returns what is compared of a note; nothing of an info.
fn mark(note: &Note) -> Option<Mark> {
    let severity = match note.severity() {
        Severity::Info => return None,
        Severity::Warning => 1,
        Severity::Grave => 2,
    };
    let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    let place = match note.place() {
        Place::Whole => MarkPlace::Whole,
        Place::Input(index) => MarkPlace::Input(number(index)),
        Place::Output(index) => MarkPlace::Output(number(index)),
    };
    Some(Mark { name: note.name().to_owned(), place, other: note.request(), severity })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(severity: u8) -> Marks {
        let (name, place) = ("dust".to_owned(), MarkPlace::Output(1));
        Marks(vec![Mark { name, place, other: None, severity }])
    }

    #[test]
    fn graver_note_of_the_same_place_is_new_and_a_lesser_one_is_not() {
        let mark = |severity| marks(severity).0.remove(0);
        for (seen, now, is_new) in [(1, 1, false), (1, 2, true), (2, 1, false), (2, 2, false)] {
            assert_eq!(!marks(seen).covers(&mark(now)), is_new, "{seen} {now}");
        }
        let elsewhere = Mark { place: MarkPlace::Output(2), ..mark(1) };
        assert!(!marks(2).covers(&elsewhere));
        let other = Mark { other: Some(RequestId::from_bytes([1; 32])), ..mark(1) };
        assert!(!marks(2).covers(&other));
    }

    #[test]
    fn grave_note_is_new_until_it_was_said_yes_to() {
        let notes = ensign_psbt::judge_blind(1);
        assert_eq!(Marks::default().new_in(&notes), notes);
        assert_eq!(Marks::of(&notes).new_in(&notes), []);
    }

    #[test]
    fn marks_come_back_as_they_were_kept() {
        let marks = Marks::of(&ensign_psbt::judge_blind(3));
        let bytes = postcard::to_allocvec(&marks).unwrap();
        assert_eq!(postcard::from_bytes::<Marks>(&bytes).unwrap(), marks);
    }
}
