//! Notes.

use ensign_psbt::{Note, Place, Severity};
use serde::{Deserialize, Serialize};

/// Something worth knowing about what is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteView {
    /// Its name, for `--accept-note` and rules.
    pub name: String,
    /// `info`, `warning` or `grave`.
    pub severity: String,
    /// `whole`, `input` or `output`.
    pub place: String,
    /// Which input or output, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// One full sentence.
    pub text: String,
    /// The other request that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

impl NoteView {
    /// Takes a note as it was judged.
    pub fn new(note: &Note) -> Self {
        let (place, index) = match note.place() {
            Place::Whole => ("whole", None),
            Place::Input(index) => ("input", Some(index)),
            Place::Output(index) => ("output", Some(index)),
        };
        Self {
            name: note.name().to_owned(),
            severity: note.severity().as_str().to_owned(),
            place: place.to_owned(),
            index,
            text: note.to_string(),
            request: note.request().map(|request| request.to_string()),
        }
    }

    /// Takes several.
    pub fn all(notes: &[Note]) -> Vec<Self> {
        notes.iter().map(Self::new).collect()
    }

    /// Whether it wants more than a yes.
    pub fn is_grave(&self) -> bool {
        self.severity == Severity::Grave.as_str()
    }

    /// Returns it as the line that a person reads, with its name where that has to be given.
    pub fn line(&self) -> String {
        let Self { name, text, .. } = self;
        match self.severity.as_str() {
            "info" => format!("note: {text}"),
            "warning" => format!("warning: {text}"),
            _ => format!("warning (grave): {text} [{name}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grave_note_is_told_as_one_in_text_and_fields() {
        let [note] = &ensign_psbt::judge_blind(2)[..] else { panic!() };
        let view = NoteView::new(note);
        assert!(view.is_grave());
        assert!(view.line().starts_with("warning (grave): "), "{}", view.line());
        assert!(view.line().ends_with(" [blind]"), "{}", view.line());
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!((&json["place"], &json["severity"]), (&"whole".into(), &"grave".into()));
        assert_eq!(serde_json::from_value::<NoteView>(json).unwrap(), view);
    }
}
