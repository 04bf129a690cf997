//! Records as they travel, and what is wrong with them.

use core::{net::SocketAddr, time::Duration};
use std::{vec, vec::Vec};

use ensign_identity::NodeKey;
use ensign_primitives::{Network, UnixTime};
use ensign_wire::{Node, NodeRecord, Proof, RecordRules, Role, Scope};

use super::world::START;
use crate::{Fault, Listed};

const RULES: RecordRules = RecordRules { network: Network::Regtest, bits: 0, scope: Scope::Global };

fn record(network: Network, address: &str, age: Duration) -> NodeRecord {
    let key = NodeKey::from_secret_bytes([7; 32]).unwrap();
    let issued = UnixTime::from_millis(START.unix.as_millis() - age.as_millis() as u64);
    let addresses: Vec<SocketAddr> = vec![address.parse().unwrap()];
    let epoch = START.unix.as_millis() / (30 * 24 * 3600 * 1000);
    let proof = Proof { version: 1, epoch, nonce: 0 };
    let expires = issued.after(Duration::from_secs(3600));
    NodeRecord::new(&key, network, issued, Node { role: Role::Signer, addresses, expires, proof })
        .unwrap()
}

#[test]
fn record_of_the_wire_is_checked_and_proven() {
    let good = record(Network::Regtest, "20.1.2.3:4000", Duration::ZERO);
    assert_eq!(good.check(START.unix, &RULES), Ok(()));
    assert_eq!(Listed::prove(&good, &RULES), Ok(()));
    let dear = RecordRules { bits: 200, ..RULES };
    assert_eq!(Listed::prove(&good, &dear), Err(Fault::Forged));
    let mut bytes = good.encode();
    *bytes.last_mut().unwrap() ^= 1;
    let forged = NodeRecord::decode(&bytes, Network::Regtest).unwrap();
    assert_eq!(Listed::prove(&forged, &RULES), Err(Fault::Forged));
}

#[test]
fn record_that_cannot_be_is_named_by_what_is_wrong_with_it() {
    let fault = |network, address, age| record(network, address, age).check(START.unix, &RULES);
    let (ours, new) = (Network::Regtest, Duration::ZERO);
    assert_eq!(fault(Network::Bitcoin, "20.1.2.3:4000", new), Err(Fault::Foreign));
    assert_eq!(fault(ours, "20.1.2.3:4000", Duration::from_secs(7200)), Err(Fault::Stale));
    for local in ["127.0.0.1:4000", "192.168.1.1:4000", "[::1]:4000"] {
        assert_eq!(fault(ours, local, new), Err(Fault::OtherScope), "{local}");
    }
    for nowhere in ["0.0.0.0:4000", "224.0.0.1:4000", "[ff02::1]:4000", "[::ffff:1.2.3.4]:4000"] {
        assert_eq!(fault(ours, nowhere, new), Err(Fault::Misplaced), "{nowhere}");
    }
}
