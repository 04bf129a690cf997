//! What one seed's answer says.

use ensign_peers::contact::HostName;
use hickory_resolver::proto::rr::{Name, RData, Record};
use rand_chacha::ChaCha20Rng;

use crate::{
    CANDIDATES_PER_SEED_MAX, Config, Reason, RecordError, SeedRecord,
    pick::{is_new, shuffle},
    record::RECORD_BYTES_MAX,
};

/// Most TXT records of one seed that are read, by lot. Guess: four times as many as can be taken.
pub const RECORDS_READ_MAX: usize = 4 * CANDIDATES_PER_SEED_MAX;

/// Most aliases between a seed and its records. Guess: as resolvers follow them.
const ALIASES_MAX: usize = 8;

/// What one seed said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedAnswer {
    /// Which seed.
    pub seed: HostName,
    /// The nodes that it names, each once: 1 to [`CANDIDATES_PER_SEED_MAX`], by lot if it names more.
    pub nodes: Vec<SeedRecord>,
    /// Why records that were meant for us were refused, at most [`RECORDS_READ_MAX`].
    pub refused: Vec<RecordError>,
    /// How many TXT records it has, those for other purposes and those that were not read included.
    pub records: usize,
}

/// Reads the records of an answer.
///
/// # Errors
///
/// Why no node comes of it.
pub(crate) fn read(
    config: &Config,
    seed: &HostName,
    asked: &Name,
    answers: &[Record],
    random: &mut ChaCha20Rng,
) -> Result<SeedAnswer, Reason> {
    let owner = owner(asked, answers)?;
    let mut texts: Vec<_> = answers.iter().filter_map(|record| text(record, &owner)).collect();
    let records = texts.len();
    if records == 0 {
        let other = if owner == *asked { Reason::NoRecord } else { Reason::Alias };
        return Err(if answers.is_empty() { Reason::NoRecord } else { other });
    }
    shuffle(&mut texts, random);
    let (mut nodes, mut refused) = (Vec::<SeedRecord>::new(), Vec::new());
    for text in texts.into_iter().take(RECORDS_READ_MAX) {
        match parse(config, &text) {
            Ok(node) if nodes.len() < CANDIDATES_PER_SEED_MAX => {
                if is_new(&nodes, &node) {
                    nodes.push(node);
                }
            }
            Ok(_) | Err(RecordError::Foreign) => {}
            Err(error) => refused.push(error),
        }
    }
    if nodes.is_empty() {
        let first = refused.into_iter().next().unwrap_or(RecordError::Foreign);
        return Err(Reason::NoneUsable { seen: records, first });
    }
    Ok(SeedAnswer { seed: seed.clone(), nodes, refused, records })
}

/// Returns the name whose records count: the one that was asked for, or where its aliases lead.
fn owner(asked: &Name, answers: &[Record]) -> Result<Name, Reason> {
    let mut owner = asked.clone();
    for _ in 0..=ALIASES_MAX {
        let alias = |record: &Record| {
            let RData::CNAME(alias) = &record.data else { return None };
            Some(alias.0.clone())
        };
        let next = answers.iter().filter(|record| record.name == owner).find_map(alias);
        match next {
            Some(next) => owner = next,
            None => return Ok(owner),
        }
    }
    Err(Reason::Alias)
}

/// Returns the bytes of a TXT record of that name, its strings put together, cut beyond what is read.
fn text(record: &Record, owner: &Name) -> Option<Vec<u8>> {
    let RData::TXT(txt) = &record.data else { return None };
    let strings = txt.txt_data.iter().flat_map(|string| string.iter().copied());
    (record.name == *owner).then(|| strings.take(RECORD_BYTES_MAX + 1).collect())
}

fn parse(config: &Config, text: &[u8]) -> Result<SeedRecord, RecordError> {
    // What is no UTF-8 is none of ours, whatever its beginning: ours is ASCII.
    let text = str::from_utf8(text).map_err(|_| RecordError::Foreign)?;
    let node: SeedRecord = text.parse()?;
    node.check(config.network, config.scope)?;
    Ok(node)
}
