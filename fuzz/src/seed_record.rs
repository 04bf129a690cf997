//! The text of a seed's TXT record: whatever somebody puts into the DNS.

use ensign_primitives::Network;
use ensign_seeds::{ADDRESSES_PER_RECORD_MAX, SeedRecord, scope_of, zone};

/// Reads the bytes as the text of a record.
///
/// # Panics
///
/// When an accepted record does not read back as the same one, breaks a bound, or would end the line of a zone file.
pub fn seed_record(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match text.parse::<SeedRecord>() {
        Ok(record) => {
            assert_eq!(record.to_string().parse().as_ref(), Ok(&record));
            assert!((1..=ADDRESSES_PER_RECORD_MAX).contains(&record.addresses.len()));
            let lines = zone("@", std::slice::from_ref(&record));
            assert_eq!(lines.lines().count(), 1);
            if record.check(Network::Signet, scope_of(Network::Signet)).is_ok() {
                assert!(record.addresses.iter().all(|it| it.port() != 0 && !it.ip().is_loopback()));
            }
        }
        Err(error) => assert!(error.to_string().len() < 4096),
    }
}
