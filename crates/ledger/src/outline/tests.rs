//! Cases for the book of outlines.

use ensign_identity::{NodeKey, SignerKey, Terms};
use ensign_musig::SecKey;
use ensign_primitives::{Network, RequestId, SignerIndex, UnixTime};
use ensign_session::{Failure, Phase};
use ensign_signer::InProcess;
use ensign_signing::ATTEMPTS_MAX;
use ensign_store::{MemoryStore, Place, Store};
use ensign_wire::{
    AbortReason, GroupKeys, KeyTweak, Message, Mode, Payload, Scheme, SignedRequest,
    SigningRequest, TxType,
};

use super::{Asked, Decision, HowEnded, Outlines, book::UNDECIDED_OUTLINES_MAX};
use crate::{
    Handle,
    handles::Handles,
    ledger::{self, Entry},
};

const START: UnixTime = UnixTime::from_millis(1_000_000);

/// A request of signer 0 of a group of two.
pub(crate) fn request(number: u16) -> (RequestId, SignedRequest) {
    let secret = |byte: u8| SecKey::from_secret_bytes([byte; 32]).unwrap();
    let (node, signer) = (NodeKey::from_secret_bytes([9; 32]).unwrap(), secret(1));
    let keys = [1, 2].map(|byte| SignerKey::from_public_key(secret(byte).public_key()));
    let expires = START.after(std::time::Duration::from_secs(3600));
    let (network, peer) = (Network::Regtest, node.peer_id());
    let delegation = InProcess::new(signer).delegation(network, peer, Terms { number: 1, expires });
    let request = SigningRequest {
        network,
        scheme: Scheme::Bip327,
        signers: GroupKeys::new(keys.to_vec()).unwrap(),
        messages: vec![Message { digest: [7; 32], tweak: KeyTweak::None }],
        payload: Payload::Blind,
        purpose: "a test".to_owned(),
        tx_type: TxType::Spend,
        amount: 0,
        creator: SignerIndex(0),
        created: START,
        expires,
        mode: Mode::Committed,
        nonce: [u8::try_from(number % 251).unwrap(); 16],
    };
    let mut request = request;
    request.created = UnixTime::from_millis(START.as_millis() + u64::from(number));
    (request.id(), SignedRequest::sign(request, &node, delegation).unwrap())
}

const fn asked(request: &SignedRequest) -> Asked<'_> {
    Asked { request, payload: None, summary: None }
}

fn book() -> Outlines {
    Outlines::new(Handles::new(1, 1 << 40), Vec::new())
}

fn write(store: &mut MemoryStore, notes: Vec<Entry>) {
    crate::write(store, &notes, START).unwrap();
}

fn is_kept(store: &MemoryStore, id: &RequestId) -> bool {
    store.get(&Place::request(id)).unwrap().is_some()
}

#[test]
fn undecided_request_is_kept_until_somebody_decides_or_it_ends() {
    let (mut book, mut store) = (book(), MemoryStore::new());
    let ends: [fn(&mut Outlines, &RequestId); 3] = [
        |book, id| book.decide(id, Decision::Approved, START),
        |book, id| book.decide(id, Decision::RefusedByRule("fee".to_owned()), START),
        |book, id| book.end(id, HowEnded::Expired, START),
    ];
    for (number, end) in (0..).zip(ends) {
        let (id, request) = request(number);
        book.ask(id, asked(&request), START);
        write(&mut store, book.take_notes());
        assert!(is_kept(&store, &id));
        book.ask(id, asked(&request), START);
        assert_eq!(book.take_notes(), [], "asked again it is not written again");
        end(&mut book, &id);
        write(&mut store, book.take_notes());
        assert!(!is_kept(&store, &id));
        let outline = crate::read_outline(&store, &id).unwrap().unwrap();
        assert_eq!(outline.handle, Some(Handle(u64::from(number) + 1)));
    }
}

#[test]
fn signatures_outrank_a_failure_and_what_nobody_works_on_is_forgotten() {
    let mut book = book();
    let (id, request) = request(1);
    book.take_up(id, asked(&request), true, (START, Decision::Approved));
    book.end(&id, HowEnded::AttemptsUsed, START);
    book.forget_ended(|_| true);
    book.end(&id, HowEnded::Signed, START);
    let ended = book.get(&id).and_then(|outline| outline.ended.clone());
    assert_eq!(ended, Some((START, HowEnded::Signed)));
    book.forget_ended(|_| false);
    assert_eq!(book.get(&id), None);
}

#[test]
fn request_that_came_while_no_number_was_durable_gets_one_later_in_the_order_of_asking() {
    let mut book = Outlines::new(Handles::new(5, 5), Vec::new());
    let requests = [request(1), request(2)];
    for (id, request) in &requests {
        book.ask(*id, asked(request), START);
    }
    assert_eq!(requests.each_ref().map(|(id, _)| book.handle(id)), [None, None]);
    let end = book.needs_block().unwrap();
    book.block_is_durable(end);
    let mut given = requests.each_ref().map(|(id, _)| book.handle(id).unwrap().0);
    given.sort_unstable();
    assert_eq!(given, [5, 6]);
}

#[test]
fn outlines_that_nobody_decided_about_are_bounded_also_in_the_store() {
    let (mut book, mut store) = (book(), MemoryStore::new());
    let count = u16::try_from(UNDECIDED_OUTLINES_MAX + 10).unwrap();
    for number in 0..count {
        let (id, request) = request(number);
        book.ask(id, asked(&request), START);
        book.end(&id, HowEnded::Expired, START);
        write(&mut store, book.take_notes());
        book.forget_ended(|_| false);
    }
    let mut left = 0;
    crate::each_outline(&store, |_, _| left += 1).unwrap();
    assert_eq!(left, UNDECIDED_OUTLINES_MAX);
    // What is decided counts for nobody.
    let (id, request) = request(count);
    book.ask(id, asked(&request), START);
    book.decide(&id, Decision::Approved, START);
    write(&mut store, book.take_notes());
    let known = ledger::past(&store).unwrap();
    assert!(known.outlines.len() < UNDECIDED_OUTLINES_MAX + 1 && known.asked.is_empty());
}

#[test]
fn what_was_over_before_a_start_is_ended_when_it_was() {
    let (mut before, (id, request)) = (book(), request(1));
    before.ask(id, asked(&request), START);
    let kept = vec![(id, before.get(&id).unwrap().clone())];
    let mut after = Outlines::new(Handles::new(2, 64), kept);
    after.expire(START);
    assert_eq!(after.get(&id).unwrap().ended, None);
    let expires = request.request.expires;
    after.expire(expires);
    assert_eq!(after.get(&id).unwrap().ended, Some((expires, HowEnded::Expired)));
}

#[test]
fn end_is_told_as_what_it_was_and_by_whom() {
    let failure = |reason, by| Failure {
        reason,
        by,
        culprits: vec![SignerIndex(2)],
        accused: None,
        evidence: None,
        own: None,
        phase: Phase::Gathering,
    };
    let (us, other) = (None, Some(SignerIndex(1)));
    let culprit = vec![SignerIndex(2)];
    let timeout = AbortReason::Timeout;
    let cases = [
        (failure(AbortReason::Cancelled, other), 1, HowEnded::Cancelled { by: other }),
        (failure(AbortReason::Declined, us), 1, HowEnded::Declined { by: us }),
        (failure(AbortReason::Expired, us), ATTEMPTS_MAX, HowEnded::Expired),
        (failure(timeout, us), 1, HowEnded::Failed { reason: timeout, who: culprit.clone() }),
        (failure(timeout, us), ATTEMPTS_MAX, HowEnded::AttemptsUsed),
        (failure(AbortReason::AttemptsUsed, other), 1, HowEnded::AttemptsUsed),
        (
            failure(AbortReason::InvalidNonce, us),
            ATTEMPTS_MAX,
            HowEnded::Failed { reason: AbortReason::InvalidNonce, who: culprit },
        ),
    ];
    for (failure, attempt, expected) in cases {
        assert_eq!(HowEnded::new(&failure, None, attempt), expected);
        let gave_up = HowEnded::GaveUp { code: "E-STO-003".to_owned() };
        assert_eq!(HowEnded::new(&failure, Some("E-STO-003"), attempt), gave_up);
    }
}
