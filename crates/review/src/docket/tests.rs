//! What is told of a request, and when.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks at")]

use ensign_identity::{NodeKey, SignerKey, Terms};
use ensign_musig::SecKey;
use ensign_primitives::{GroupId, Network, SignerIndex};
use ensign_signer::InProcess;
use ensign_wire::{GroupKeys, KeyTweak, Message, Mode, Payload, Scheme, SigningRequest, TxType};

use super::*;
use crate::{GroupInfo, Problem, Risk};

pub(crate) fn request(byte: u8) -> Arc<SignedRequest> {
    let node = NodeKey::from_secret_bytes([9; 32]).unwrap();
    let sec_key = SecKey::from_secret_bytes([8; 32]).unwrap();
    let signer = SignerKey::from_public_key(sec_key.public_key());
    let other = SecKey::from_secret_bytes([7; 32]).unwrap();
    let keys = vec![signer, SignerKey::from_public_key(other.public_key())];
    let signers = GroupKeys::sorted(keys).unwrap();
    let now = UnixTime::from_millis(1_000_000);
    let request = SigningRequest {
        network: Network::Regtest,
        scheme: Scheme::Bip327,
        creator: signers.index_of(&signer).unwrap(),
        signers,
        messages: vec![Message { digest: [byte; 32], tweak: KeyTweak::None }],
        payload: Payload::Blind,
        purpose: String::new(),
        tx_type: TxType::Spend,
        amount: 0,
        created: now,
        expires: now.after(std::time::Duration::from_secs(60)),
        mode: Mode::Fast,
        nonce: [byte; 16],
    };
    let expires = now.after(std::time::Duration::from_secs(600));
    let delegation = InProcess::new(sec_key).delegation(
        Network::Regtest,
        node.peer_id(),
        Terms { number: 1, expires },
    );
    Arc::new(SignedRequest::sign(request, &node, delegation).unwrap())
}

fn matter(byte: u8) -> (RequestId, Matter) {
    let request = request(byte);
    let id = request.request.id();
    let group = GroupInfo {
        id: GroupId::from_bytes([1; 32]),
        name: "g".to_owned(),
        address: String::new(),
        members: Vec::new(),
        own: SignerIndex(0),
    };
    let reference = RequestRef { id, handle: None, group: Arc::new(group), creator: None };
    let meaning = Meaning::blind(&request.request.messages);
    (id, Matter::new(reference, request, meaning))
}

fn asked(matter: &Matter) -> RequestEvent {
    let notes = matter.meaning().notes(UnixTime::from_millis(0), &[]);
    let id = matter.reference().id;
    let judgement = matter.meaning().judged(&id, notes, &ensign_psbt::Policy::default());
    RequestEvent::Asked(Box::new(matter.approval(judgement)))
}

fn joined(who: u16) -> RequestEvent {
    RequestEvent::Joined { who: SignerIndex(who) }
}

fn failed() -> RequestEvent {
    let what = String::new();
    let (hint, who) = ("", Vec::new());
    let problem =
        Problem { code: "E-SES-003", what, who, hint, risk: Risk::None, retry_is_safe: true };
    RequestEvent::Failed { problem: Box::new(problem), evidence: None }
}

#[test]
fn what_comes_before_the_introduction_is_told_behind_it() {
    let (id, matter) = matter(1);
    let mut docket = Docket::default();
    assert!(docket.tell(id, joined(0)).is_none());
    assert!(docket.tell(id, joined(1)).is_none());
    let event = asked(&matter);
    let told = docket.introduce(matter, event);
    let kinds: Vec<_> = told
        .iter()
        .map(|event| match event {
            (_, RequestEvent::Asked(_)) => "asked",
            (_, RequestEvent::Joined { .. }) => "joined",
            _ => "?",
        })
        .collect();
    assert_eq!(kinds, ["asked", "joined", "joined"]);
    assert!(docket.tell(id, joined(0)).is_some(), "from here on at once");
}

#[test]
fn end_of_what_nobody_was_told_of_is_told_to_nobody() {
    let (id, matter) = matter(1);
    let mut docket = Docket::default();
    docket.tell(id, joined(0));
    assert!(docket.tell(id, failed()).is_none());
    assert!(docket.get(&id).is_none());
    let event = asked(&matter);
    assert_eq!(docket.introduce(matter, event).len(), 1, "nothing is left of it");
}

#[test]
fn what_waits_for_an_introduction_is_bounded_and_goes_with_its_request() {
    let (id, matter) = matter(1);
    let mut docket = Docket::default();
    (0..2_000).for_each(|_| drop(docket.tell(id, joined(0))));
    let event = asked(&matter);
    assert_eq!(docket.introduce(matter, event).len(), EARLY_MAX + 1);
    let (gone, _) = self::matter(2);
    docket.tell(gone, joined(0));
    docket.retain(|known| *known == id);
    assert!(docket.early.is_empty() && docket.matters.len() == 1);
    docket.retain(|_| false);
    assert!(docket.matters.is_empty());
}

#[test]
fn yes_that_is_void_spends_no_coin_and_asks_until_it_is_given_again() {
    let (id, matter) = matter(1);
    let mut docket = Docket::default();
    let event = asked(&matter);
    docket.introduce(matter, event);
    let yes = || Yes { at: UnixTime::from_millis(5), marks: Marks::default() };
    docket.consent(&id, yes());
    assert!(docket.get(&id).unwrap().yes().is_some() && !docket.is_void(&id));
    docket.void(&id);
    assert!(docket.get(&id).unwrap().yes().is_none() && docket.is_void(&id));
    docket.consent(&id, yes());
    assert!(!docket.is_void(&id));
    docket.void(&id);
    docket.tell(id, failed());
    assert!(!docket.is_void(&id), "nobody is asked about what is over");
}
