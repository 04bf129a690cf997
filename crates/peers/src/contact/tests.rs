//! Codes as they are written, pasted, mutated and made wrong on purpose.

use std::{borrow::ToOwned, format, string::ToString, vec};

use ensign_identity::{Delegation, Signature, Terms};
use ensign_primitives::UnixTime;
use secp256k1::{Keypair, SecretKey, schnorr};

use super::*;

const SIGNER: &str = "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";

/// Length of everything in front of the addresses of [`alice`].
const WHO: usize = 1 + 3 + 7 + 34 + 35;

fn signer() -> [u8; 33] {
    hex::decode(SIGNER).unwrap().try_into().unwrap()
}

fn alice() -> Contact {
    let addresses = ["192.0.2.7:4820", "host.example:4820", "[2001:db8::1]:9"];
    Contact {
        network: Network::Signet,
        name: "alice".to_owned(),
        alias: None,
        peer: PeerId::from_bytes(signer()[1..].try_into().unwrap()),
        signer: SignerKey::from_bytes(&signer()).unwrap(),
        addresses: addresses.map(|address| address.parse().unwrap()).into(),
        more: vec![],
    }
}

fn code_of(bytes: &[u8]) -> String {
    bech32::encode::<Bech32m>(PREFIX, bytes).unwrap()
}

fn refused(text: &str) -> ContactError {
    text.parse::<Contact>().unwrap_err()
}

#[track_caller]
fn check(bytes: &[u8], expected: &ContactError) {
    assert_eq!(refused(&code_of(bytes)), *expected);
}

/// A code of alice with more entries.
fn with_entries(entries: &[&[u8]]) -> Vec<u8> {
    let alice = Contact { addresses: vec![], ..alice() };
    [&bytes::encode(&alice), &entries.concat()[..]].concat()
}

#[test]
fn a_code_reads_back_as_mail_and_phones_hand_it_on() {
    let code = alice().to_string();
    assert!(code.starts_with("ensign1") && code.chars().all(char::is_alphanumeric));
    let (head, tail) = code.split_at(76);
    for text in [
        code.clone(),
        format!(" {code}\n"),
        code.to_uppercase(),
        format!("{head}\n{tail}"),
        format!("> {head}\r\n> {tail}\r\n"),
        format!("E{}", &code[1..]),
        format!("{head}{}", tail.to_uppercase()),
        format!("{head}\u{200b}{tail}"),
        format!("\u{feff}{head}\u{ad}{tail}"),
        format!("{head}\u{a0}{tail}"),
        format!("{code}."),
        format!("\"{code}\","),
        format!("<{code}>"),
        format!("\u{201c}{code}\u{201d}."),
        format!("`{code}`"),
        format!("({code})"),
    ] {
        assert_eq!(text.parse::<Contact>().as_ref(), Ok(&alice()), "{text}");
    }
}

#[test]
fn what_is_odd_about_a_code_is_said_with_its_place() {
    let code = alice().to_string();
    let at = |position: usize, character: &str| {
        format!("{}{character}{}", &code[..position - 1], &code[position..])
    };
    for (text, words) in [
        (at(31, "Ж"), "character 31 is `Ж`, which no code has, even if it looks like one"),
        (at(31, "Ж").replace("ensign1", "ensign1 \n"), "character 31 is `Ж`"),
        (at(40, "o"), "character 40 is `o`, which no code has; perhaps it was `0`"),
        (at(9, "B"), "character 9 is `b`, which no code has; perhaps it was `6` or `8`"),
        (at(4, "\u{456}"), "character 4 is `\u{456}`, which no code has; it begins with `ensign1`"),
        (format!("{code} {code}"), "a second code begins at character"),
        (code[..code.len() - 3].to_owned(), "some are wrong, missing or too many"),
        ("ensign1".to_owned(), "of 7 characters"),
        (format!("ensign1{}", "q".repeat(5000)), "more than any code"),
        (String::new(), "`` does not begin with `ensign1`"),
        ("bc1qxyz".to_owned(), "`bc1qxyz` does not begin"),
        ("\u{1b}[2J".to_owned(), "`2j` does not begin"),
    ] {
        let error = refused(&text).to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn one_wrong_letter_is_told_with_its_place_and_a_missing_one_is_found() {
    let code = alice().to_string();
    for at in 7..code.len() {
        let mut changed = code.clone().into_bytes();
        changed[at] = if changed[at] == b'q' { b'p' } else { b'q' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(refused(&changed), ContactError::Letter { position: at + 1 });
        assert!(code[..at].parse::<Contact>().is_err(), "{at}");
    }
}

#[test]
fn a_thousand_mutated_codes_are_read_right_or_refused_with_words() {
    const ODD: [char; 16] = [
        ' ', '\n', '\u{200b}', '.', '"', '<', 'Ж', 'o', '1', 'b', 'q', 'P', '0', '=', '\u{0}', 'é',
    ];
    // Numerical Recipes' generator: the same mutations each time.
    let mut state = 1_u32;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % bound
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..1_000 {
        let mut code: Vec<char> = alice().to_string().chars().collect();
        for _ in 0..=below(3) {
            let at = below(code.len());
            match below(6) {
                0 => code[at] = ODD[below(ODD.len())],
                1 => code.insert(at, ODD[below(ODD.len())]),
                2 => drop(code.remove(at)),
                3 => code.swap(at, (at + 1) % 50),
                4 => code[at] = code[at].to_ascii_uppercase(),
                _ => code.truncate(code.len() - below(9)),
            }
        }
        match code.iter().collect::<String>().parse::<Contact>() {
            Ok(contact) => {
                assert_eq!(contact, alice());
                read += 1;
            }
            Err(error) => {
                assert!(error.to_string().len() > 20, "{error}");
                refused += 1;
            }
        }
    }
    assert!(read > 50 && refused > 100, "{read} read, {refused} refused");
}

#[test]
fn entries_of_later_versions_are_kept() {
    let later: [&[u8]; 2] = [&[9, 3, 1, 2, 3], &[200, 0]];
    let bytes = with_entries(&later);
    let contact: Contact = code_of(&bytes).parse().unwrap();
    let unknown = |kind, value: &[u8]| More::Unknown { kind, value: value.to_vec() };
    assert_eq!(contact.more, [unknown(9, &[1, 2, 3]), unknown(200, &[])]);
    assert_eq!(contact.to_string(), code_of(&bytes));
    let many = vec![&[9, 0][..]; 17];
    check(&with_entries(&many), &ContactError::Layout { offset: WHO + 32 });
}

#[test]
fn a_delegation_is_kept_if_the_key_signed_it() {
    let pair = Keypair::from_secret_key(&SecretKey::from_secret_bytes([5; 32]).unwrap());
    let signer = SignerKey::from_public_key(pair.public_key());
    let expires = UnixTime::from_millis(1_800_000_000_000);
    let digest =
        Delegation::digest(&signer, &alice().peer, Network::Signet, Terms { number: 1, expires });
    let signature = Signature(schnorr::sign_no_aux_rand(&digest, &pair).to_byte_array());
    let proof = DelegationProof { number: 1, expires, signature };
    let contact = Contact { signer, more: vec![More::Delegation(proof)], ..alice() };
    assert_eq!(contact.to_string().parse::<Contact>().unwrap(), contact);
    let expires = UnixTime::from_millis(1_800_000_000_001);
    let more = vec![More::Delegation(DelegationProof { number: 1, expires, ..proof })];
    let forged = Contact { more, ..contact };
    assert_eq!(refused(&forged.to_string()), ContactError::Delegation);
}

#[test]
fn codes_of_version_1_are_still_read() {
    let alice = alice();
    let mut bytes = vec![1, Network::Signet.id(), 5];
    bytes.extend(b"alice");
    bytes.extend(alice.peer.as_bytes());
    bytes.extend(alice.signer.to_bytes());
    bytes.extend([2, 4, 192, 0, 2, 7, 0x12, 0xd4, 6, 0x20, 1, 0xd, 0xb8]);
    bytes.extend([0; 11].iter().chain(&[1, 0, 9]));
    let mut expected = alice;
    expected.addresses.remove(1);
    assert_eq!(code_of(&bytes).parse::<Contact>().unwrap(), expected);
    check(&[&bytes[..], &[0]].concat(), &ContactError::Layout { offset: bytes.len() });
    check(&bytes[..50], &ContactError::Layout { offset: 40 });
}

#[test]
fn a_true_checksum_over_wrong_bytes_says_what_is_wrong() {
    let bytes = bytes::encode(&alice());
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        bytes
    };
    let layout = |offset| ContactError::Layout { offset };
    check(&with(0, 3), &ContactError::Version { seen: 3 });
    check(&[], &layout(0));
    check(&with(1, 2), &layout(1));
    check(&with(2, 2), &layout(4));
    check(&with(3, 9), &ContactError::Network { seen: 9 });
    check(&bytes[..50], &layout(47));
    check(&[&bytes[..], &[9]].concat(), &layout(bytes.len()));
    assert!(matches!(refused(&code_of(&with(6, b'/'))), ContactError::Name(_)));
    let mut off_curve = bytes.clone();
    off_curve[13..45].fill(0xff);
    check(&off_curve, &ContactError::NodeKey { seen: PeerId::from_bytes([0xff; 32]) });
    assert!(matches!(refused(&code_of(&with(47, 5))), ContactError::SignerKey(_)));
}

#[test]
fn an_address_is_written_in_one_way_and_once() {
    let layout = |offset| ContactError::Layout { offset };
    let v4: &[u8] = &[5, 6, 192, 0, 2, 7, 0, 9];
    check(&with_entries(&[v4, v4]), &layout(WHO + 10));
    check(&with_entries(&[&[5, 5, 192, 0, 2, 7, 0]]), &layout(WHO + 6));
    check(&with_entries(&[&[7, 5, 0, 9, b'a', b'.', b'B']]), &layout(WHO + 6));
    check(&with_entries(&[&[7, 5, 0, 9, b'a', b'.', b'-']]), &layout(WHO + 4));
    // Addresses come before what is not known yet.
    check(&with_entries(&[&[9, 0], v4]), &layout(WHO));
    let mut mapped = vec![6, 18];
    mapped.extend([0; 10].iter().chain(&[0xff, 0xff, 192, 0, 2, 7, 0, 9]));
    check(&with_entries(&[&mapped]), &layout(WHO));
    let ports: Vec<[u8; 8]> = (0..9).map(|port| [5, 6, 192, 0, 2, 7, 0, port]).collect();
    let nine: Vec<&[u8]> = ports.iter().map(|it| &it[..]).collect();
    check(&with_entries(&nine), &layout(WHO + 8 * 8 + 2));
    code_of(&with_entries(&nine[..8])).parse::<Contact>().unwrap();
}

#[test]
fn spare_bits_of_the_last_character_are_zero() {
    use bech32::{ByteIterExt as _, Fe32IterExt as _};
    let bytes = with_entries(&[&[9, 0]]);
    let mut fes: Vec<_> = bytes.iter().copied().bytes_to_fes().collect();
    assert_ne!(bytes.len() * 8 % 5, 0, "no spare bits: change the contact of this test");
    let last = fes.pop().unwrap().to_u8() | 1;
    fes.push(bech32::Fe32::try_from(last).unwrap());
    let code: String = fes.into_iter().with_checksum::<Bech32m>(&PREFIX).chars().collect();
    assert_eq!(refused(&code), ContactError::Layout { offset: bytes.len() });
}

#[test]
fn a_contact_with_too_much_to_say_fits_into_no_code() {
    let host = format!("{}.example:4820", ["a".repeat(63), "b".repeat(63)].join("."));
    let addresses = |count: u16| {
        let port = |port: u16| host.replace("4820", &port.to_string()).parse().unwrap();
        Contact { addresses: (1..=count).map(port).collect(), ..alice() }
    };
    assert!(addresses(3).fits() && !addresses(4).fits());
    assert_eq!(addresses(3).to_string().parse::<Contact>().unwrap(), addresses(3));
}
