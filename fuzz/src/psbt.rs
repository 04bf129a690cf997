//! PSBT bytes to what would be signed: the payload of a request, before anybody has decided.

use std::sync::OnceLock;

use ensign_identity::SignerKey;
use ensign_primitives::{Network, UnixTime};
use ensign_psbt::{Form, Group, Surroundings, analyze, judge, parse, parse_with_form};
use ensign_wire::GroupKeys;

/// Parses and analyzes any bytes; what parses has one encoding that says the same.
///
/// # Panics
///
/// When an accepted PSBT does not read back as itself in every form, or its summary does not add
/// up.
pub fn psbt(data: &[u8]) {
    let Ok(parsed) = parse(data) else { return };
    let bytes = parsed.to_bytes();
    let again = parse(&bytes).expect("our own encoding parses");
    assert_eq!(again.to_bytes(), bytes, "one encoding");
    let (first, second) = (analyze(&parsed, group()), analyze(&again, group()));
    assert_eq!(first, second, "the encoding decides what is signed");
    for form in [Form::Binary, Form::Base64, Form::Hex, Form::Quoted, Form::Json] {
        let read = parse_with_form(&parsed.to_form(form)).expect("our own forms parse");
        assert_eq!(read, (again.clone(), form), "the form is known again");
    }
    if let Ok(spend) = first {
        let spent = spend.summary.amount_spent();
        let paid: u64 = spend.summary.outputs.iter().map(|output| output.amount).sum();
        assert_eq!(spent, paid + spend.summary.fee, "amounts add up");
        assert!(!spend.summary.to_string().is_empty());
        let surroundings = Surroundings { now: UnixTime::from_millis(0), coins: &[] };
        for note in judge(&spend.summary, &surroundings) {
            assert!(note.to_string().len() < 300, "a note is one sentence: {note}");
        }
    }
}

/// The group of BIP373's example, whose PSBTs are in the corpus.
fn group() -> &'static Group {
    static GROUP: OnceLock<Group> = OnceLock::new();
    const KEYS: [[u8; 33]; 3] = [
        *b"\x02\x34\x6b\x99\x59\x33\x57\x10\x7c\x9d\x34\x59\xe9\xde\xba\x8d\x3e\xaf\x44\xe6\x63\x6c\
           \x85\xc7\xf8\x53\xeb\x90\xba\x52\xe8\xcd\x00",
        *b"\x02\x4f\xaf\xd6\x5f\x81\x69\x18\x6f\xc2\xbf\xdb\x22\x33\xc7\x7e\x63\x0d\x10\xbe\x28\x0a\
           \x24\xc7\x16\x5c\x09\xa2\x76\x11\x77\x5c\x2c",
        *b"\x02\xf9\x30\x8a\x01\x92\x58\xc3\x10\x49\x34\x4f\x85\xf8\x9d\x52\x29\xb5\x31\xc8\x45\x83\
           \x6f\x99\xb0\x86\x01\xf1\x13\xbc\xe0\x36\xf9",
    ];
    GROUP.get_or_init(|| {
        let keys = KEYS.map(|key| SignerKey::from_bytes(&key).expect("on the curve"));
        let keys = GroupKeys::new(keys.to_vec()).expect("three different keys");
        Group::new(Network::Bitcoin, &keys).expect("keys aggregate")
    })
}
