//! Certificates that come into a home: of other nodes, with long names, after it was forgotten.

use ensign_coordinator::Roster;
use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::SecKey;
use ensign_primitives::UnixTime;

use super::*;
use crate::home::Settings;
use crate::key_file;
use crate::passphrase::Passphrases;

fn node(byte: u8) -> NodeKey {
    NodeKey::from_secret_bytes([byte; 32]).unwrap()
}

fn member(byte: u8, node_byte: u8, name: &str) -> (RosterMember, NodeKey) {
    let secret = SecKey::from_secret_bytes([byte; 32]).unwrap();
    let signer = SignerKey::from_public_key(secret.public_key());
    let (peer, expires) = (node(node_byte).peer_id(), UnixTime::from_millis(1));
    let terms = Terms { number: 1, expires };
    let digest = Delegation::digest(&signer, &peer, Network::Regtest, terms);
    let signature = Signature(secret.sign_schnorr(&digest));
    let delegation = DelegationProof { number: 1, expires, signature };
    (RosterMember { signer, peer, delegation, name: name.to_owned() }, node(node_byte))
}

fn home(folder: &Path) -> Home {
    let settings =
        Settings::new("alice".to_owned(), Network::Regtest, "127.0.0.1:4820".parse().unwrap());
    Home::create(&folder.join("home"), &settings, None, &Passphrases::nobody()).unwrap()
}

/// A certificate of a home and of others that is whole.
fn certificate(home: &Home, name: &str, others: &[(RosterMember, NodeKey)]) -> Certificate {
    let own = home.contact().unwrap();
    let key = key_file::read_node_key(&home.path().join("node.key")).unwrap();
    let delegation = own.delegation().unwrap();
    let us = RosterMember { signer: own.signer, peer: own.peer, delegation, name: own.name };
    let mut all: Vec<_> = others.iter().map(|(member, key)| (member.clone(), key)).collect();
    all.push((us, &key));
    all.sort_by_key(|(member, _)| member.signer);
    let members = all.iter().map(|(member, _)| member.clone()).collect();
    let name = name.to_owned();
    let roster = Roster { network: Network::Regtest, name, invitation: None, members };
    roster.validate().unwrap();
    let values = vec![[1; 32]; all.len()];
    let unsigned = Certificate { roster, values, signatures: Vec::new() };
    let fingerprint = unsigned.fingerprint();
    let signatures = all.iter().map(|(_, key)| key.sign(fingerprint.as_bytes())).collect();
    Certificate { signatures, ..unsigned }
}

fn code(member: &RosterMember) -> String {
    let contact = Contact {
        network: Network::Regtest,
        name: member.name.clone(),
        alias: None,
        peer: member.peer,
        signer: member.signer,
        addresses: vec![],
        more: vec![],
    };
    contact.to_string()
}

#[test]
fn regression_a_group_got_a_certificate_of_other_nodes_than_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let (old, new) = (member(7, 70, "bob"), member(7, 71, "bob"));
    let named = format!("bobby={}", code(&old.0));
    home.form_group("rent", &[named]).unwrap();
    let formed = certificate(&home, "rent2", std::slice::from_ref(&new));
    home.keep_certified(&formed, &[]).unwrap();
    let kept = home.group("rent").unwrap();
    let bob = kept.others().next().unwrap();
    assert_eq!((bob.peer, bob.called()), (new.0.peer, "bobby"));
    assert_eq!(bob.delegation(), Some(new.0.delegation));
    // A file in which somebody has put another node is not read.
    let path = home.path().join("groups/rent.toml");
    let text = fs::read_to_string(&path).unwrap();
    let written = format!("bobby={bob}");
    let changed = text.replace(&written, &format!("bobby={}", code(&old.0)));
    assert_ne!(text, changed);
    fs::write(&path, changed).unwrap();
    let failure = home.group("rent").unwrap_err();
    assert!(failure.what.contains("certificate"), "{}", failure.what);
}

#[test]
fn regression_long_names_made_the_home_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let long = "a".repeat(NAME_CHARS_MAX);
    let others = [member(7, 70, &"o".repeat(32)), member(8, 80, &"0".repeat(32))];
    home.keep_certified(&certificate(&home, &long, &others[..1]), &[]).unwrap();
    home.keep_certified(&certificate(&home, &long, &others), &[]).unwrap();
    let groups = home.groups().unwrap();
    assert_eq!(groups.len(), 2);
    let names: Vec<_> = groups.iter().map(|group| group.name.chars().count()).collect();
    assert_eq!(names, [NAME_CHARS_MAX; 2]);
}

#[test]
fn regression_a_group_that_formed_anew_counted_as_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let bob = member(7, 70, "bob");
    home.form_group("rent", &[code(&bob.0)]).unwrap();
    home.forget_group("rent").unwrap();
    let mut formed = certificate(&home, "rent", std::slice::from_ref(&bob));
    assert!(!home.has_forgotten(&formed).unwrap());
    home.keep_certified(&formed, &[]).unwrap();
    home.forget_group("rent").unwrap();
    assert!(home.has_forgotten(&formed).unwrap());
    // With other words it is another certificate.
    formed.values = vec![[2; 32]; 2];
    assert!(!home.has_forgotten(&formed).unwrap());
}
