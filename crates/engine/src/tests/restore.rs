//! What a journal adds up to.

use std::{boxed::Box, vec, vec::Vec};

use ensign_primitives::{GroupId, RequestId};
use ensign_wire::AbortReason;

use super::cast::{group_id, payload, request, signed};
use crate::signing::{End, KeptPartials, Open, Record, Restored};

const PAYLOAD: &[u8] = b"what it was computed from";

fn consented() -> (RequestId, Record) {
    let mut asked = request(&[0, 1], 0);
    asked.payload = payload(PAYLOAD);
    let request = Box::new(signed(asked, 0));
    (request.request.id(), Record::Consented { request, payload: Some(PAYLOAD.to_vec()) })
}

fn joined(request: RequestId, attempt: u16) -> Record {
    Record::Joined { request, attempt, said: [3; 32] }
}

fn burned(request: RequestId, attempt: u16) -> Record {
    Record::Burned { request, attempt }
}

fn check(records: Vec<Record>, open: &[u16], ended: &[End]) {
    let restored = Restored::from_records(records);
    let attempts: Vec<_> = restored.open.iter().map(|open| open.attempts).collect();
    let endings: Vec<_> = restored.ended.into_iter().map(|(_, _, ending)| ending).collect();
    assert_eq!((attempts.as_slice(), endings.as_slice()), (open, ended));
}

#[test]
fn request_that_was_consented_to_is_open_with_all_that_was_shown() {
    let (_, consent) = consented();
    let Record::Consented { request, payload } = consent.clone() else { panic!("{consent:?}") };
    let open = Open::new(*request, payload);
    let expected = Restored { open: vec![open], ..Restored::default() };
    assert_eq!(Restored::from_records([consent]), expected);
    assert_eq!(Restored::from_records([]), Restored::default());
}

#[test]
fn last_attempt_that_was_joined_counts() {
    let (id, consent) = consented();
    let records = vec![consent, joined(id, 1), burned(id, 1), joined(id, 3), joined(id, 2)];
    check(records, &[3], &[]);
}

#[test]
fn burn_mark_without_its_join_counts_as_one() {
    let (id, consent) = consented();
    check(vec![consent, burned(id, 2)], &[2], &[]);
}

#[test]
fn partial_signatures_are_kept_for_the_last_attempt_only() {
    let (id, consent) = consented();
    let kept = |attempt| Record::Partials {
        request: id,
        attempt,
        nonces: [attempt as u8; 32],
        partials: vec![[7; 32]],
    };
    let last = |records: Vec<Record>| Restored::from_records(records).open.remove(0).kept;
    let of_first = KeptPartials { nonces: [1; 32], partials: vec![[7; 32]] };
    let first = vec![consent, joined(id, 1), burned(id, 1), kept(1)];
    assert_eq!(last(first.clone()), Some(of_first));
    assert_eq!(last([first.clone(), vec![joined(id, 2)]].concat()), None);
    assert_eq!(last([first, vec![joined(id, 2), kept(2)]].concat()).unwrap().nonces, [2; 32]);
}

#[test]
fn join_without_a_consent_opens_nothing() {
    let (id, _) = consented();
    check(vec![joined(id, 1)], &[], &[]);
}

#[test]
fn request_that_ended_is_not_open_and_every_end_is_told_in_order() {
    let (request, consent) = consented();
    let group: GroupId = group_id(&[0, 1]);
    let reason = AbortReason::Declined;
    let closed = Record::Closed { request, group, reason };
    let finished = Record::Finished { request, group, signatures: vec![] };
    let ended = [End::Closed(reason), End::Signed];
    check(vec![consent.clone(), closed.clone()], &[], &ended[..1]);
    check(vec![consent, joined(request, 1), finished.clone()], &[], &ended[1..]);
    check(vec![closed, finished], &[], &ended);
}
