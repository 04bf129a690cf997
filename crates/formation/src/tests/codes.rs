//! Invitation codes.

use std::{string::ToString, vec};

use ensign_primitives::UnixTime;

use super::cast::{NETWORK, peer};
use crate::{Invitation, InvitationError};

fn invitation() -> Invitation {
    Invitation {
        network: NETWORK,
        name: "treasury".into(),
        size: 3,
        inviter: peer(0),
        addresses: vec!["203.0.113.7:4820".parse().unwrap(), "host.example:4820".parse().unwrap()],
        expires: UnixTime::from_millis(1_767_229_200_000),
        secret: [0x5e; 16],
    }
}

#[test]
fn a_code_comes_back_as_it_was_whatever_mail_did_to_it() {
    let code = invitation().to_string();
    assert!(code.starts_with("ensigninvite1"), "{code}");
    let (front, back) = code.split_at(40);
    let quoted = std::format!("> \"{front}\r\n> {back}\".\n");
    for text in [code.clone(), code.to_uppercase(), quoted] {
        assert_eq!(text.parse(), Ok(invitation()), "{text}");
    }
}

#[test]
fn a_wrong_letter_and_another_code_are_told_apart() {
    let code = invitation().to_string();
    let wrong = code.replacen('q', "p", 1);
    assert_ne!(wrong, code);
    assert!(matches!(wrong.parse::<Invitation>(), Err(InvitationError::Checksum { .. })));
    assert!(matches!(code[..60].parse::<Invitation>(), Err(InvitationError::Checksum { .. })));
    assert_eq!("ensign1qqqq".parse::<Invitation>(), Err(InvitationError::Contact));
    assert!(matches!("hello".parse::<Invitation>(), Err(InvitationError::Prefix { .. })));
    assert!(matches!("".parse::<Invitation>(), Err(InvitationError::Prefix { .. })));
}

#[test]
fn whatever_a_code_says_of_the_group_is_in_its_name() {
    let names = [
        invitation(),
        Invitation { name: "treasurx".into(), ..invitation() },
        Invitation { size: 4, ..invitation() },
        Invitation { inviter: peer(1), ..invitation() },
        Invitation { expires: UnixTime::from_millis(1), ..invitation() },
        Invitation { secret: [0; 16], ..invitation() },
    ]
    .map(|it| it.id());
    for (at, name) in names.iter().enumerate() {
        assert!(!names[..at].contains(name), "{at}");
    }
    let moved = Invitation { addresses: vec![], ..invitation() };
    assert_eq!(moved.id(), invitation().id());
}

#[test]
fn bytes_that_no_code_has_are_refused() {
    let sized = |size| Invitation { size, ..invitation() }.to_string().parse::<Invitation>();
    for size in [0, 1, 65, 255] {
        assert_eq!(sized(size), Err(InvitationError::Layout { offset: 2 }), "{size}");
    }
    let named = |name: &str| Invitation { name: name.into(), ..invitation() }.to_string();
    for name in ["", "../x", "a b"] {
        assert!(named(name).parse::<Invitation>().is_err(), "{name}");
    }
    let address: ensign_peers::contact::Address = "203.0.113.7:4820".parse().unwrap();
    let twice = Invitation { addresses: vec![address.clone(), address], ..invitation() };
    assert!(twice.to_string().parse::<Invitation>().is_err());
}

#[test]
fn its_secret_is_not_printed() {
    let text = std::format!("{:?}", invitation());
    assert!(!text.contains("94") && !text.contains("5e"), "{text}");
}
