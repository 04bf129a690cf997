//! `docs/protocol/signer.md` shows a frame of each kind, and the numbers, as the code has them.

use std::{env, fmt::Write as _, fs, path::PathBuf};

use ensign_primitives::{MESSAGES_MAX, SIGNERS_MAX};
use ensign_session::{CLOCKS_PART_MAX, NONCE_LIFETIME, SESSIONS_SEEN_MAX};

use super::{super::words::NONCE_BYTES, *};
use crate::Asks;

/// A name and the bytes of a frame, 32 on a line.
fn rows(name: &str, word: &impl serde::Serialize) -> String {
    let mut bytes = Vec::new();
    frame::write(&mut bytes, word).unwrap();
    bytes.chunks(32).enumerate().fold(String::new(), |mut text, (at, chunk)| {
        let hex = chunk.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let name = if at == 0 { format!("  {name}") } else { String::new() };
        writeln!(text, "{}", format!("{hex:<64}{name}").trim_end()).unwrap();
        text
    })
}

fn questions() -> String {
    let (order, peer) = (order(&[0, 1], 1), node_key(0).peer_id());
    let (session, nonce) = (order.session, other_nonce().to_bytes());
    // A page needs no nonce that is secret.
    let nonces = [nonce, nonce].concat();
    [
        rows("question 0 Hello", &Question::Hello),
        rows(
            "question 1 Delegate",
            &Question::Delegate { network: NETWORK, peer, terms: delegation(0).terms() },
        ),
        rows("question 2 Nonces", &Question::nonces(&order, None)),
        rows("question 3 Partials", &Question::Partials { session, messages: 1, nonces }),
        rows("question 4 Forget", &Question::Forget { session }),
    ]
    .concat()
}

fn answers() -> String {
    let key = SignerKey::from_public_key(sec_key(0).public_key());
    let nonces = other_nonce().to_bytes().to_vec();
    [
        rows("answer 0 Key", &Answer::Key(key, Asks::Itself)),
        rows("answer 1 Delegated", &Answer::Delegated(delegation(0))),
        rows("answer 2 Nonces", &Answer::Nonces { salt: [0x5a; 32], nonces }),
        rows("answer 3 Partials", &Answer::Partials(vec![0x0f; 32])),
        rows("answer 4 Forgotten", &Answer::Forgotten),
        rows("answer 5 Refused, 0: declined", &Answer::Refused(Refusal::Declined)),
        rows("answer 5 Refused, 1: no nonces", &Answer::Refused(Refusal::NoNonces)),
        rows("answer 5 Refused, 2: no random bytes", &Answer::Refused(Refusal::Entropy)),
        rows("answer 5 Refused, 3: anything else", &Answer::Refused(Refusal::Other)),
    ]
    .concat()
}

fn numbers() -> String {
    [
        ((SIGNERS_MAX * MESSAGES_MAX * NONCE_BYTES) as u64, "bytes of nonces in the largest frame"),
        (FRAME_BYTES_MAX as u64, "bytes of a frame behind its length"),
        (OPEN_SESSIONS_MAX as u64, "sessions with nonces at one time"),
        (NONCE_LIFETIME.as_secs(), "seconds that nonces live"),
        (CLOCKS_PART_MAX.as_secs(), "seconds that two clocks may part meanwhile"),
        (SESSIONS_SEEN_MAX as u64, "sessions that are remembered"),
        (super::super::PERSON_TIMEOUT.as_secs(), "seconds for an answer of a person's"),
        (super::super::PROCESS_TIMEOUT.as_secs(), "seconds for any other answer"),
        (serve::WRITE_TIMEOUT.as_secs(), "seconds for an answer to be taken"),
    ]
    .into_iter()
    .fold(String::new(), |mut text, (number, what)| {
        writeln!(text, "{number:>9}  {what}").unwrap();
        text
    })
}

#[test]
fn page_of_the_signer_shows_the_frames_and_numbers_of_the_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/signer.md");
    let mut page = fs::read_to_string(&path).unwrap();
    let blocks = [
        ("```hex questions\n", questions()),
        ("```hex answers\n", answers()),
        ("```text numbers\n", numbers()),
    ];
    for (fence, block) in blocks {
        let (before, rest) = page.split_once(fence).unwrap();
        let (shown, after) = rest.split_once("```").unwrap();
        if env::var_os("ENSIGN_BLESS").is_some() {
            page = format!("{before}{fence}{block}```{after}");
        } else {
            assert_eq!(
                shown, block,
                "stale: run `ENSIGN_BLESS=1 cargo test -p ensign-signer page`"
            );
        }
    }
    if env::var_os("ENSIGN_BLESS").is_some() {
        fs::write(path, page).unwrap();
    }
}
