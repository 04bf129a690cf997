//! What a session costs on the wire.

use ensign_wire::Kind;

use crate::examples;

/// Most bytes of a session in mode committed with one message, for each ordered pair of signers;
/// the request and its payload apart.
const PAIR_BYTES_MAX: usize = 1024;

#[test]
fn session_of_three_costs_at_most_a_kibibyte_for_each_ordered_pair() {
    let said_to_each = [
        Kind::SessionReady,
        Kind::SessionJoin,
        Kind::NonceShare,
        Kind::PartialSigShare,
        Kind::PartialSigsComplete,
    ];
    let sizes: Vec<_> = examples::all()
        .into_iter()
        .filter(|example| example.name != "SessionJoin-fast")
        .filter(|example| said_to_each.contains(&example.frame.kind()))
        .map(|example| example.frame.encode().len())
        .collect();
    assert_eq!(sizes.len(), said_to_each.len());
    let total: usize = sizes.iter().sum();
    assert!(total <= PAIR_BYTES_MAX, "{total} bytes: {sizes:?}");
}
