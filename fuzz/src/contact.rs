//! Contact codes, as text and as bytes whose checksum is true: whatever somebody pastes.

use bech32::{Bech32m, Hrp};
use ensign_peers::contact::Contact;

/// Reads the bytes after the first as text, or, if the first is even, as what a code says.
///
/// # Panics
///
/// When an accepted code does not read back as the same contact.
pub fn contact(data: &[u8]) {
    let Some((&form, rest)) = data.split_first() else { return };
    let text = if form % 2 == 0 {
        let prefix = Hrp::parse("ensign").expect("a prefix");
        let Ok(code) = bech32::encode::<Bech32m>(prefix, rest) else { return };
        code
    } else {
        String::from_utf8_lossy(rest).into_owned()
    };
    match text.parse::<Contact>() {
        Ok(contact) => {
            // Version 1 is read and never written, and may say more than fits into the other.
            if contact.fits() {
                assert_eq!(contact.to_string().parse().as_ref(), Ok(&contact));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
