//! One text, several byte strings: the forms in which keyboards, editors and systems store what a
//! person typed.

use ensign_vault::Passphrase;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// How a file of some editors begins; nobody types it.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns the same text in the other forms that a vault may have been made with, each with words for
/// what is different about it. Empty where all forms are the same bytes, as they are for ASCII.
pub(super) fn others(passphrase: &Passphrase) -> Vec<(&'static str, Passphrase)> {
    let given = passphrase.dangerous_bytes();
    let bare = without_mark(given);
    let mut forms: Vec<(&'static str, Zeroizing<Vec<u8>>)> = Vec::new();
    let mut add = |words, bytes: Zeroizing<Vec<u8>>| {
        if *bytes != given && !forms.iter().any(|(_, known)| *known == bytes) {
            forms.push((words, bytes));
        }
    };
    add("without the invisible mark or line end around it", Zeroizing::new(bare.to_vec()));
    if let Ok(text) = str::from_utf8(bare) {
        add("with its accents composed (NFC)", collected(text.nfc(), text.len()));
        add("with its accents apart (NFD)", collected(text.nfd(), text.len()));
    }
    let passphrase = |(words, bytes)| Some((words, Passphrase::new(bytes).ok()?));
    forms.into_iter().filter_map(passphrase).collect()
}

/// Leaves out the mark that some editors put in front, and line ends.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    while let [rest @ .., b'\r' | b'\n'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Whether an editor's mark stands in front.
pub(super) fn has_mark(bytes: &[u8]) -> bool {
    bytes.starts_with(MARK)
}

/// Whether it is text that some editors write, and no keyboard gives.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
}

/// Whether accents stand apart from their letters, which most keyboards compose.
pub(super) fn is_decomposed(passphrase: &Passphrase) -> bool {
    let text = str::from_utf8(passphrase.dangerous_bytes());
    text.is_ok_and(|text| !unicode_normalization::is_nfc(text))
}

/// Collects characters without leaving copies of them behind.
fn collected(characters: impl Iterator<Item = char>, length: usize) -> Zeroizing<Vec<u8>> {
    // A character becomes at most 18 bytes (UAX 15, the longest decomposition, in UTF-8 with reserve),
    // and a vector that grows leaves its old bytes in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(18 * length));
    for character in characters {
        let mut buffer = Zeroizing::new([0; 4]);
        bytes.extend_from_slice(character.encode_utf8(&mut *buffer).as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(bytes: &[u8]) -> Vec<Vec<u8>> {
        let passphrase = Passphrase::new(Zeroizing::new(bytes.to_vec())).unwrap();
        others(&passphrase).iter().map(|(_, it)| it.dangerous_bytes().to_vec()).collect()
    }

    #[test]
    fn only_text_that_has_other_forms_is_tried_in_them() {
        let (composed, apart) = ("caf\u{e9}".as_bytes(), "cafe\u{301}".as_bytes());
        assert_eq!(forms(b"correct horse"), Vec::<Vec<u8>>::new());
        assert_eq!(forms(composed), [apart]);
        assert_eq!(forms(apart), [composed]);
        assert_eq!(forms(b"\xef\xbb\xbfhorse"), [b"horse"]);
        assert_eq!(forms(b"horse\r"), [b"horse"]);
        let marked = [MARK, composed].concat();
        assert_eq!(forms(&marked), [composed, apart]);
        // Not text: as it is.
        assert_eq!(forms(&[0xff, 0xc3, 0x28]), Vec::<Vec<u8>>::new());
        // A mark alone is no passphrase in any other form.
        assert_eq!(forms(MARK), Vec::<Vec<u8>>::new());
    }
}
