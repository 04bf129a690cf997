//! The catalogue of errors: every code the program can show, with what to do about it.
//!
//! The program's own entries stand here, those of a signing session come from the coordinator.
//! `docs/operate/errors.md` is this table as a page; a test compares them.

use std::sync::LazyLock;

use ensign_coordinator::{CODES, Code, Risk};

mod entries;
pub(crate) use entries::*;

/// What the process exits with when a command has failed; 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Something broke that should not.
    Internal = 1,
    /// The command line, or a file it names, is wrong.
    Usage = 2,
    /// Something has to be set up, ended or repaired first.
    NotReady = 3,
    /// The request stays open or can be made again.
    Open = 4,
    /// Somebody said no.
    Declined = 5,
    /// Another signer did wrong, or did not answer.
    Peer = 6,
    /// Stopped so that no nonce can be used twice.
    NonceSafety = 7,
    /// The network or a port.
    Network = 8,
    /// A rule of this node or of Bitcoin forbids it.
    Policy = 9,
}

impl Exit {
    /// Every exit code of a failed command, and what it means.
    #[cfg(test)]
    pub(crate) const ALL: [(Self, &'static str); 9] = [
        (Self::Internal, "something broke that should not"),
        (Self::Usage, "the command line, or a file it names, is wrong"),
        (Self::NotReady, "something has to be set up, ended or repaired first"),
        (Self::Open, "not signed yet: the request is open, or can be made again"),
        (Self::Declined, "somebody said no"),
        (Self::Peer, "another signer did wrong, or did not answer"),
        (Self::NonceSafety, "stopped so that no nonce can be used twice"),
        (Self::Network, "the network or a port"),
        (Self::Policy, "a rule of this node or of Bitcoin forbids it"),
    ];
}

/// One kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// For scripts and searches: `E-<AREA>-<number>`, never used for anything else later.
    pub(crate) code: &'static str,
    /// One sentence: what it is.
    pub(crate) title: &'static str,
    /// How it comes about; empty where the first sentence says it.
    pub(crate) why: &'static str,
    /// What to do next.
    pub(crate) hint: &'static str,
    /// What is at risk.
    pub(crate) risk: Risk,
    /// Whether the same command may be given again at once.
    pub(crate) retry_is_safe: bool,
    /// What the process exits with.
    pub(crate) exit: Exit,
}

/// The entries of signing sessions, and of the home's socket.
static SESSION_ENTRIES: LazyLock<Vec<Entry>> =
    LazyLock::new(|| CODES.iter().chain(&ensign_api::CODES).map(of_session).collect());

/// Returns every entry: this program's, then those of signing sessions.
pub(crate) fn all() -> impl Iterator<Item = &'static Entry> {
    ENTRIES.iter().chain(GUARDED).chain(OPEN).chain(SESSION_ENTRIES.iter())
}

/// Finds an entry by its code, in any case.
pub(crate) fn find(code: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.code.eq_ignore_ascii_case(code))
}

fn of_session(code: &Code) -> Entry {
    Entry {
        code: code.code,
        title: code.what,
        why: "",
        hint: code.hint,
        risk: code.risk,
        retry_is_safe: code.retry_is_safe,
        exit: SESSION_EXITS
            .iter()
            .find(|(known, _)| *known == code.code)
            .map_or(Exit::Internal, |(_, exit)| *exit),
    }
}

/// What the process exits with when a session's failure ends a command.
const SESSION_EXITS: &[(&str, Exit)] = &[
    ("E-SES-001", Exit::Declined),
    ("E-SES-002", Exit::Peer),
    ("E-SES-003", Exit::Open),
    ("E-SES-004", Exit::Peer),
    ("E-SES-005", Exit::Peer),
    ("E-SES-006", Exit::Peer),
    ("E-SES-007", Exit::Peer),
    ("E-SES-008", Exit::Peer),
    ("E-SES-009", Exit::Open),
    ("E-SES-010", Exit::Peer),
    ("E-SES-011", Exit::Declined),
    ("E-SES-012", Exit::Peer),
    ("E-SES-013", Exit::Open),
    ("E-PEER-001", Exit::Peer),
    ("E-PEER-002", Exit::Peer),
    ("E-PEER-003", Exit::NotReady),
    ("E-PEER-004", Exit::NotReady),
    ("E-PEER-005", Exit::Peer),
    ("E-STO-001", Exit::NonceSafety),
    ("E-STO-002", Exit::Open),
    ("E-STO-003", Exit::NotReady),
    ("E-STO-004", Exit::NonceSafety),
    ("E-STO-005", Exit::NonceSafety),
    ("E-STO-006", Exit::NotReady),
    ("E-STO-007", Exit::Peer),
    ("E-STO-008", Exit::Open),
    ("E-APP-001", Exit::Internal),
    ("E-APP-002", Exit::Internal),
    ("E-PSBT-001", Exit::Internal),
    ("E-SIG-001", Exit::NotReady),
    ("E-SIG-002", Exit::NotReady),
    ("E-POL-001", Exit::Policy),
    ("E-SYS-001", Exit::NotReady),
    ("E-API-001", Exit::Usage),
    ("E-API-002", Exit::NotReady),
    ("E-API-003", Exit::Policy),
];

/// Returns the catalogue as the page `docs/operate/errors.md`.
#[cfg(test)]
fn page() -> String {
    use crate::failure::{retry_in_words, risk_in_words};
    let mut page = String::from(
        "# Errors and exit codes\n\nGenerated from `crates/cli/src/catalogue/entries.rs`; a test \
         fails when this page is stale\n(`ENSIGN_BLESS=1 cargo test -p ensign-cli` rewrites it). \
         `ensign explain CODE` prints one entry.\n\n## Exit codes\n\n| code | meaning |\n|---|---|\n\
         | 0 | done |\n",
    );
    for (exit, meaning) in Exit::ALL {
        page += &format!("| {} | {meaning} |\n", exit as u8);
    }
    for entry in all() {
        let title = entry.title.trim_end_matches('.');
        page += &format!("\n## {}\n\n**{title}.**\n\n", entry.code);
        if !entry.why.is_empty() {
            page += &format!("{}\n\n", entry.why);
        }
        page += &format!("- What to do: {}\n", entry.hint);
        page += &format!("- At risk: {}\n", risk_in_words(entry.risk));
        page += &format!("- Retry: {}\n- Exit code: {}\n", retry_in_words(entry), entry.exit as u8);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_errors_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operate/errors.md");
        if std::env::var_os("ENSIGN_BLESS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(found, page(), "stale: run `ENSIGN_BLESS=1 cargo test -p ensign-cli`");
    }

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut codes: Vec<_> = all().map(|entry| entry.code).collect();
        let entries = codes.len();
        for code in &codes {
            let [e, area, number] = code.split('-').collect::<Vec<_>>()[..] else {
                panic!("{code}")
            };
            assert!(e == "E" && (3..=4).contains(&area.len()) && number.len() == 3, "{code}");
            assert!(number.parse::<u16>().is_ok(), "{code}");
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), entries);
    }

    #[test]
    fn every_failure_of_a_session_has_its_exit_code() {
        for code in CODES.iter().chain(&ensign_api::CODES) {
            assert!(SESSION_EXITS.iter().any(|(known, _)| *known == code.code), "{}", code.code);
        }
    }

    #[test]
    fn every_code_that_the_socket_uses_is_here() {
        for code in ensign_api::USED {
            assert!(find(code).is_some(), "{code}");
        }
    }

    #[test]
    fn sentences_end_with_a_full_stop_and_advice_does_not() {
        for Entry { code, title, why, hint, .. } in ENTRIES.iter().chain(GUARDED).chain(OPEN) {
            assert!(title.ends_with('.') && why.ends_with('.'), "{code}");
            assert!(!hint.is_empty() && !hint.ends_with('.'), "{code}");
        }
    }
}
