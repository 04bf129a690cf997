//! `docs/protocol/wire.md` shows what the code does: its blocks of bytes and numbers are generated.

use std::{collections::BTreeMap, env, fmt::Debug, fmt::Write as _, fs, path::PathBuf};

use ensign_identity::DELEGATION_LIFETIME_MAX;
use ensign_primitives::{MESSAGES_MAX, Network, SIGNERS_MAX};
use ensign_wire::{
    ADDRESSES_MAX, AbortReason, Facts, Family, HEADER_BYTES_MAX, Kind, Mode, PAYLOAD_BYTES_MAX,
    PROTOCOL_VERSION, PURPOSE_BYTES_MAX, REQUEST_LIFETIME_MAX, Refusal, Scheme, TxType,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    dht,
    dump::{Dump, hex},
    examples, hashes,
};

/// The pages that have blocks, each block on one of them.
fn paths() -> [PathBuf; 5] {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol");
    ["wire.md", "formation.md", "dht.md", "peers.md", "gossip.md"].map(|page| folder.join(page))
}

/// What each block must hold, by the words after its opening fence.
fn blocks() -> BTreeMap<String, String> {
    let mut blocks = BTreeMap::new();
    for example in examples::all() {
        blocks.insert(format!("hex example={}", example.name), example.dump.text());
    }
    for hash in hashes::all() {
        let text = format!("{}= {}\n", hash.fields.text(), hex(&hash.computed));
        blocks.insert(format!("hex hash={}", hash.tag), text);
    }
    for (number, text) in [
        (0, "zero"),
        (127, "greatest in one byte"),
        (128, "least in two bytes"),
        (16_384, "least in three bytes"),
        (u64::MAX, "greatest of 64 bits"),
    ] {
        let line = Dump::default().varint(number, text).text();
        blocks.entry("hex varints".to_owned()).or_insert_with(String::new).push_str(&line);
    }
    blocks.insert("text kinds".to_owned(), kinds());
    blocks.insert("text families".to_owned(), families());
    blocks.insert("text variants".to_owned(), variants());
    blocks.insert("text refusals".to_owned(), dht::variants(|all| line("StoreRefusal", all)));
    blocks.insert("text limits".to_owned(), limits());
    blocks
}

fn kinds() -> String {
    Kind::ALL.into_iter().fold(String::new(), |mut text, kind| {
        let Facts { id, family, audience, lane, limit } = kind.facts();
        let [kind, family, audience, lane] = [
            format!("{kind:?}"),
            format!("{family:?}"),
            format!("{audience:?}"),
            format!("{lane:?}"),
        ];
        writeln!(text, "{id:02x}  {kind:<19}  {family:<10}  {audience:<10}  {lane:<7}  {limit:>7}")
            .unwrap();
        text
    })
}

/// The numbers that each family of kinds has for itself.
fn families() -> String {
    Family::ALL.into_iter().fold(String::new(), |mut text, family| {
        let ids = family.ids();
        writeln!(text, "{:02x} to {:02x}  {family:?}", ids.start(), ids.end()).unwrap();
        text
    })
}

/// One line: the type, then each variant with its number, which must be all there are.
fn line<T: Serialize + DeserializeOwned + Debug>(name: &str, variants: &[T]) -> String {
    let numbered: Vec<_> = (0_u8..)
        .zip(variants)
        .map(|(number, variant)| {
            assert_eq!(postcard::to_allocvec(variant).unwrap(), [number], "{variant:?}");
            format!("{number} {variant:?}")
        })
        .collect();
    let more = postcard::from_bytes::<T>(&[variants.len() as u8]);
    assert!(more.is_err(), "{name} has more variants than are listed");
    format!("{name}: {}\n", numbered.join(", "))
}

fn variants() -> String {
    use AbortReason as A;
    let reasons = [
        A::Declined,
        A::PayloadMismatch,
        A::Expired,
        A::Timeout,
        A::Equivocation,
        A::WrongCommitment,
        A::InvalidNonce,
        A::WrongPartialSig,
        A::ViewsDiffer,
        A::Internal,
        A::Cancelled,
        A::AttemptsUsed,
        A::Dissolved,
    ];
    let types = [
        TxType::Spend,
        TxType::Swap,
        TxType::CoinJoin,
        TxType::Custody,
        TxType::Escrow,
        TxType::Channel,
    ];
    let refusals = [
        Refusal::UnknownGroup,
        Refusal::InvalidRequest,
        Refusal::NotDelegated,
        Refusal::ClockSkew,
        Refusal::WrongCount,
        Refusal::Busy,
    ];
    [
        line("Network", &Network::ALL),
        line("Scheme", &[Scheme::Bip327]),
        line("TxType", &types),
        line("Mode", &[Mode::Committed, Mode::Fast, Mode::Strict]),
        line("AbortReason", &reasons),
        line("Refusal", &refusals),
    ]
    .concat()
}

fn limits() -> String {
    let limits = [
        ("protocol version", usize::from(PROTOCOL_VERSION)),
        ("bytes of a frame header", HEADER_BYTES_MAX),
        ("signers of a group", SIGNERS_MAX),
        ("messages of a request", MESSAGES_MAX),
        ("bytes of a payload", PAYLOAD_BYTES_MAX),
        ("bytes of a purpose", PURPOSE_BYTES_MAX),
        ("addresses in a Hello", ADDRESSES_MAX),
        ("milliseconds from created to expires", REQUEST_LIFETIME_MAX.as_millis() as usize),
        ("milliseconds a delegation may still run", DELEGATION_LIFETIME_MAX.as_millis() as usize),
    ];
    limits.into_iter().fold(String::new(), |mut text, (what, most)| {
        writeln!(text, "{most:>11}  {what}").unwrap();
        text
    })
}

/// Returns the document with the blocks it names filled in, and removes those from `blocks`.
fn filled(document: &str, blocks: &mut BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        writeln!(text, "{line}").unwrap();
        let block = line.strip_prefix("```").and_then(|name| blocks.remove(name));
        if let Some(block) = block {
            let end = lines.by_ref().find(|line| *line == "```").expect("the block has an end");
            writeln!(text, "{block}{end}").unwrap();
        }
    }
    text
}

#[test]
fn document_shows_every_example_hash_and_number() {
    let mut blocks = blocks();
    for path in paths() {
        let mut document = fs::read_to_string(&path).unwrap();
        let expected = filled(&document, &mut blocks);
        if env::var_os("ENSIGN_BLESS").is_some() {
            fs::write(&path, &expected).unwrap();
            document = fs::read_to_string(&path).unwrap();
        }
        let page = path.display();
        for (number, (held, expected)) in (1..).zip(document.lines().zip(expected.lines())) {
            assert_eq!(held, expected, "{page}:{number}: run the tests with ENSIGN_BLESS=1");
        }
        assert_eq!(document, expected, "run the tests with ENSIGN_BLESS=1");
    }
    assert!(blocks.is_empty(), "no block in the documents: {:?}", blocks.keys());
}

#[test]
fn document_has_no_block_of_bytes_that_nobody_checks() {
    let document = paths().map(|path| fs::read_to_string(path).unwrap()).concat();
    let blocks = blocks();
    let mut open = false;
    for line in document.lines().filter(|line| line.starts_with("```")) {
        open = !open;
        let name = line.trim_start_matches('`');
        assert!(!open || blocks.contains_key(name), "a block {name:?} that is not generated");
    }
}

#[test]
fn document_names_every_tag_of_the_code() {
    let document = paths().map(|path| fs::read_to_string(path).unwrap()).concat();
    let mut tags = 0;
    for krate in ["wire", "identity"] {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(krate).join("src");
        for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            let Some("rs") = file.extension().and_then(|name| name.to_str()) else { continue };
            let code = fs::read_to_string(file).unwrap();
            let quoted = code.split('"').filter(|text| text.starts_with("ensign/"));
            for tag in quoted {
                tags += 1;
                assert!(document.contains(&format!("hash={tag}")), "{tag} is on no page");
            }
        }
    }
    assert_eq!(tags, hashes::all().len());
}

#[test]
fn document_names_every_refusal_of_the_decoder() {
    let [wire, ..] = paths();
    let document = fs::read_to_string(wire).unwrap();
    let (_, table) = document.split_once("## What is refused").unwrap();
    let code = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/codec.rs");
    let code = fs::read_to_string(code).unwrap();
    let (_, variants) = code.split_once("pub enum DecodeError {").unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let named =
        |line: &str| line.strip_prefix("    ")?.chars().next().filter(char::is_ascii_uppercase);
    let lines = variants.lines().filter(|line| named(line).is_some());
    let names: Vec<_> = lines.map(|line| line.trim().split([' ', ',']).next().unwrap()).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(table.contains(&format!("`{name}`")), "{name} is not among what is refused");
    }
}
