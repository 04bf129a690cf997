//! How a client names a request: by its handle, by its id, or, where nothing is consented to, by the
//! beginning of its id.

use ensign_coordinator::Handle;
use ensign_primitives::RequestId;

/// Digits without `#` in front are a handle up to so many; more are the beginning of an id.
const HANDLE_DIGITS_MAX: usize = 5;

/// A name as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// Its number in this home.
    Handle(Handle),
    /// Its id.
    Whole(RequestId),
    /// The beginning of its id: whoever proposes can choose it, so it never consents.
    Beginning(String),
}

impl Name {
    /// Reads what a user gave.
    pub fn new(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        let is_short = text.len() <= HANDLE_DIGITS_MAX;
        if let Ok(handle) = text.parse::<Handle>()
            && (is_short || text.starts_with('#'))
        {
            return Self::Handle(handle);
        }
        let mut bytes = [0; 32];
        match hex::decode_to_slice(&text, &mut bytes) {
            Ok(()) => Self::Whole(RequestId::from_bytes(bytes)),
            Err(_) => Self::Beginning(text),
        }
    }

    /// Whether a request is called so.
    pub fn is_of(&self, request: &RequestId, handle: Option<Handle>) -> bool {
        match self {
            Self::Handle(known) => handle == Some(*known),
            Self::Whole(id) => request == id,
            Self::Beginning(text) => !text.is_empty() && request.to_string().starts_with(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_handle_an_id_or_its_beginning() {
        let id = RequestId::from_bytes([0x17; 32]);
        assert_eq!(Name::new("#17"), Name::Handle(Handle(17)));
        assert_eq!(Name::new(" 17 "), Name::Handle(Handle(17)));
        assert_eq!(Name::new("#1700000000"), Name::Handle(Handle(1_700_000_000)));
        assert_eq!(Name::new("1700000000"), Name::Beginning("1700000000".to_owned()));
        assert_eq!(Name::new(&id.to_string().to_uppercase()), Name::Whole(id));
        assert_eq!(Name::new("17AB"), Name::Beginning("17ab".to_owned()));
        assert_eq!(Name::new(""), Name::Beginning(String::new()));
    }
}
