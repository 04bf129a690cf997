//! The part of a zone file that makes a name a seed.

use std::fmt::Write as _;

use crate::SeedRecord;

/// How long resolvers may keep a record, seconds. Guess: an hour; a node that moved is found again within one, and a
/// seed is asked once in a node's life and when it has lost everybody.
pub const ZONE_TTL: u32 = 3600;

/// Most bytes of one string of a TXT record (RFC 1035, 3.3).
const STRING_BYTES_MAX: usize = 255;

/// Returns a line of a zone file (RFC 1035, 5.1) for each node.
///
/// - `owner`: the name whose records they are, relative to the zone's: `seed`, or `@` for the zone itself.
pub fn zone(owner: &str, nodes: &[SeedRecord]) -> String {
    let mut lines = String::new();
    for node in nodes {
        let text = node.to_string();
        // Writing to a string does not fail, and the text is ASCII without quotes.
        let _ = write!(lines, "{owner}\t{ZONE_TTL}\tIN\tTXT");
        for string in text.as_bytes().chunks(STRING_BYTES_MAX) {
            let _ = write!(lines, " \"{}\"", String::from_utf8_lossy(string));
        }
        lines.push('\n');
    }
    lines
}
