//! The forms in which PSBTs come, and what comes in their place.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{ScriptBuf, Witness};
use ensign_psbt::{DecodeError, Form, Lookalike, PsbtError, parse, parse_with_form};

use proptest::prelude::*;
use proptest::sample::Index;

use crate::party::{Party, read, simple};

fn good() -> (Vec<u8>, String) {
    let psbt = read(&simple(&Party::new(2)));
    (psbt.to_bytes(), psbt.to_base64())
}

fn check(what: &str, bytes: &[u8], expected: Form) {
    let (psbt, form) = parse_with_form(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(psbt.to_bytes(), good().0, "{what}");
    assert_eq!(form, expected, "{what}");
}

fn lookalike(bytes: &[u8]) -> Lookalike {
    match parse(bytes).unwrap_err() {
        PsbtError::Decode(DecodeError::Lookalike(lookalike)) => lookalike,
        other => panic!("{other}"),
    }
}

#[test]
fn base64_is_read_as_editors_mail_and_terminals_leave_it() {
    let (_, base64) = good();
    let (head, tail) = base64.split_at(20);
    let url = base64.replace('+', "-").replace('/', "_");
    let unpadded = base64.trim_end_matches('=');
    assert!(url != base64 || unpadded != base64, "one of the two must say something");
    for (what, text) in [
        ("as it is", base64.clone()),
        ("a byte-order mark", format!("\u{feff}{base64}")),
        ("a zero-width space", format!("\u{200b}{base64}")),
        ("invisible characters inside", format!("{head}\u{200d}\u{2060}\u{ad}{tail}")),
        ("line ends anywhere", format!("\r\n{head}\r\n\t {tail}\n\n")),
        ("a no-break space", format!("{head}\u{a0}{tail}")),
        ("single quotes", format!("'{base64}'")),
        ("backticks", format!("`{base64}`")),
        ("typographic quotes", format!("\u{201c}{base64}\u{201d}")),
        ("low and high quotes", format!("\u{201e}{base64}\u{201c}")),
        ("angle quotes", format!("\u{ab}{base64}\u{bb}")),
        ("a string of a list", format!("\"{base64}\",")),
        ("the alphabet of addresses", url),
        ("no padding", unpadded.to_owned()),
    ] {
        check(what, text.as_bytes(), Form::Base64);
    }
    check("double quotes", format!(" \"{base64}\"\r\n").as_bytes(), Form::Quoted);
}

#[test]
fn utf16_is_read_with_and_without_a_mark() {
    let (_, base64) = good();
    let little: Vec<u8> = base64.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = base64.encode_utf16().flat_map(u16::to_be_bytes).collect();
    check("little-endian", &little, Form::Base64);
    check("big-endian", &big, Form::Base64);
    check("little-endian with a mark", &[&[0xff, 0xfe], &little[..]].concat(), Form::Base64);
    check("big-endian with a mark", &[&[0xfe, 0xff], &big[..]].concat(), Form::Base64);
    let cut = parse(&little[..little.len() - 1]).unwrap_err();
    assert!(cut.to_string().starts_with("not a PSBT: begins with"), "{cut}");
}

#[test]
fn binary_is_read_with_a_line_end_behind_it() {
    let (bytes, _) = good();
    check("as it is", &bytes, Form::Binary);
    check("a line feed", &[&bytes[..], b"\n"].concat(), Form::Binary);
    check("CR, LF and spaces", &[&bytes[..], b"\r\n  \n"].concat(), Form::Binary);
    let extra = parse(&[&bytes[..], b"\n\0"].concat()).unwrap_err();
    assert!(matches!(extra, PsbtError::Decode(DecodeError::Trailing { extra: 2, .. })));
}

#[test]
fn hex_is_read_in_either_case() {
    let hex = hex::encode(good().0);
    check("lower case", hex.as_bytes(), Form::Hex);
    check("upper case", hex.to_uppercase().as_bytes(), Form::Hex);
    check("with 0x", format!("0x{hex}\n").as_bytes(), Form::Hex);
    check("in lines", format!("{}\n{}", &hex[..33], &hex[33..]).as_bytes(), Form::Hex);
    let cut = parse(&hex.as_bytes()[1..]).unwrap_err();
    assert!(matches!(cut, PsbtError::Decode(DecodeError::Magic { .. })), "{cut}");
    let odd = parse(&hex.as_bytes()[..hex.len() - 1]).unwrap_err();
    assert_eq!(odd, PsbtError::Decode(DecodeError::Hex { offset: hex.len() - 1 }));
    let other = parse(hex.replacen("0100", "01zz", 1).as_bytes()).unwrap_err();
    assert!(matches!(other, PsbtError::Decode(DecodeError::Hex { .. })), "{other}");
}

#[test]
fn json_is_read_as_bitcoin_core_prints_it() {
    let (_, base64) = good();
    for text in [
        format!("{{\"psbt\":\"{base64}\",\"fee\":0.00001,\"changepos\":1}}\n"),
        format!("{{\n  \"psbt\": \"{base64}\",\n  \"complete\": false\n}}"),
        format!("\u{feff}{{\"psbt\":\"{}\"}}", base64.replace('/', "\\/")),
        format!("{{\"result\":{{\"psbt\":\"{base64}\"}},\"error\":null,\"id\":1}}"),
        format!("{{\"result\":\"{base64}\"}}"),
    ] {
        check(&text, text.as_bytes(), Form::Json);
    }
    assert_eq!(lookalike(b"{\"psbt\":5}"), Lookalike::Json);
    assert_eq!(lookalike(b"{\"hex\":\"0200\",\"complete\":true}"), Lookalike::SignedTx);
    assert_eq!(lookalike(b"{\"result\":\"ensign1qqq\"}"), Lookalike::ContactCode);
    let broken = parse(b"{\"psbt\":\n \"cHN").unwrap_err();
    assert!(broken.to_string().starts_with("not JSON at line 2, column "), "{broken}");
    assert_eq!(lookalike(b"{\"result\":[1,2]}"), Lookalike::Json);
    let deep = "{\"psbt\":".repeat(100_000);
    assert!(matches!(parse(deep.as_bytes()), Err(PsbtError::Decode(DecodeError::Json { .. }))));
}

#[test]
fn each_form_is_given_back_and_reads_back() {
    let psbt = read(&simple(&Party::new(2)));
    for form in [Form::Binary, Form::Base64, Form::Hex, Form::Quoted, Form::Json] {
        let bytes = psbt.to_form(form);
        assert_eq!(parse_with_form(&bytes).unwrap(), (psbt.clone(), form));
        assert_eq!(bytes.ends_with(b"\n"), form != Form::Binary);
    }
    let json = String::from_utf8(psbt.to_form(Form::Json)).unwrap();
    assert_eq!(json, format!("{{\"psbt\":\"{}\"}}\n", psbt.to_base64()));
}

#[test]
fn what_is_no_psbt_is_recognised() {
    let mut tx = simple(&Party::new(1)).unsigned_tx;
    let unsigned = serialize_hex(&tx);
    tx.input[0].witness = Witness::from_slice(&[[1; 64]]);
    let signed = serialize_hex(&tx);
    tx.input[0].witness = Witness::new();
    tx.input[0].script_sig = ScriptBuf::from_bytes(vec![0x51]);
    let legacy = serialize_hex(&tx);
    let text = |text: &str| lookalike(text.as_bytes());
    assert_eq!(text(""), Lookalike::Empty);
    assert_eq!(text(" \r\n\u{feff}\u{200b}"), Lookalike::Empty);
    assert_eq!(text("\"\""), Lookalike::Empty);
    assert_eq!(text(&unsigned), Lookalike::UnsignedTx);
    assert_eq!(text(&format!("\"{signed}\"\n")), Lookalike::SignedTx);
    assert_eq!(text(&legacy.to_uppercase()), Lookalike::SignedTx);
    assert_eq!(lookalike(&hex::decode(&unsigned).unwrap()), Lookalike::UnsignedTx);
    assert_eq!(lookalike(&hex::decode(&signed).unwrap()), Lookalike::SignedTx);
    assert_eq!(text(&"ab".repeat(32)), Lookalike::Txid);
    assert_eq!(text("ENSIGN1QQQQ"), Lookalike::ContactCode);
    assert_eq!(text(Party::new(1).group.address()), Lookalike::Address);
    assert_eq!(text("tr(musig(02.."), Lookalike::Descriptor);
    assert_eq!(text("xpub6ERApfZwUNrhLCkDtcHTcx"), Lookalike::ExtendedKey);
    assert_eq!(text("[1, 2]"), Lookalike::Json);
    assert_eq!(text("<!DOCTYPE html>"), Lookalike::WebPage);
    assert_eq!(text("%PDF-1.7"), Lookalike::Pdf);
    assert_eq!(lookalike(b"\x89PNG\r\n\x1a\n"), Lookalike::Picture);
    assert_eq!(lookalike(b"\xff\xd8\xff\xe0"), Lookalike::Picture);
    assert_eq!(lookalike(b"PK\x03\x04zip"), Lookalike::Archive);
}

#[test]
fn each_lookalike_is_named_with_what_to_do() {
    let error = parse(b"").unwrap_err();
    assert_eq!(error.to_string(), "not a PSBT: this is empty");
    let error = parse("ab".repeat(32).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("such as the id of a transaction"), "{error}");
    let hello = parse("hello world".as_bytes()).unwrap_err();
    assert_eq!(hello.to_string(), "not a PSBT: begins with the text \"hello\"");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_shows_nothing_says_nothing(
        marks in prop::collection::vec(
            (any::<Index>(), prop::sample::select(vec![
                ' ', '\t', '\r', '\n', '\u{a0}', '\u{feff}', '\u{200b}', '\u{200e}', '\u{202c}',
                '\u{2060}', '\u{3000}', '\u{ad}',
            ])),
            0..40,
        ),
        is_hex in any::<bool>(),
    ) {
        let (bytes, base64) = good();
        let mut text: Vec<char> =
            if is_hex { hex::encode(&bytes) } else { base64 }.chars().collect();
        for (at, mark) in marks {
            text.insert(at.index(text.len() + 1), mark);
        }
        let text: String = text.into_iter().collect();
        prop_assert_eq!(parse(text.as_bytes()).unwrap().to_bytes(), bytes);
    }
}
