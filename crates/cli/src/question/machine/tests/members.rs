//! What several members ask: none drowns another one's question.

use ensign_coordinator::QUESTIONS_PER_MEMBER_MAX;
use ensign_identity::SignerKey;
use ensign_musig::SecKey;
use ensign_primitives::{Network, UnixTime};
use ensign_wire::{GroupKeys, KeyTweak, Message, Mode, Payload, Scheme, SigningRequest, TxType};

use super::*;
use crate::question::By;
use ensign_coordinator::Claim;

const MALLORY: u8 = 1;
const BOB: u8 = 2;

/// Returns the question of a member, by its number, about a message.
fn asked(by: u8, number: u16, message: u8) -> Question {
    let keys = [MALLORY, BOB].map(|byte| {
        let secret = SecKey::from_secret_bytes([byte; 32]).unwrap();
        SignerKey::from_public_key(secret.public_key())
    });
    let signers = GroupKeys::sorted(keys.to_vec()).unwrap();
    let creator = signers.index_of(&keys[usize::from(by - 1)]).unwrap();
    let request = SigningRequest {
        network: Network::Regtest,
        scheme: Scheme::Bip327,
        creator,
        signers,
        messages: vec![Message { digest: [message; 32], tweak: KeyTweak::None }],
        payload: Payload::Blind,
        purpose: String::new(),
        tx_type: TxType::Spend,
        amount: 0,
        created: UnixTime::from_millis(number.into()),
        expires: UnixTime::from_millis(number.into()),
        mode: Mode::Fast,
        nonce: [0; 16],
    };
    let mut id = [by; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    let name = if by == MALLORY { "mallory" } else { "bob" }.to_owned();
    Question {
        subject: Subject::Request(RequestId::from_bytes(id)),
        name: format!("#{number}"),
        digest: id,
        by: Some(By { name, claim: Claim::of(&request) }),
        ..question(by)
    }
}

#[test]
fn question_of_an_honest_member_is_the_next_behind_a_thousand_of_another() {
    for audience in [Audience::Person, Audience::Program] {
        let mut run = run(audience);
        for number in 0..1_000 {
            run.ask(asked(MALLORY, number, number as u8));
        }
        let over = std::mem::take(&mut run.over);
        assert_eq!(over.len(), 1_000 - QUESTIONS_PER_MEMBER_MAX - 1, "the rest is left open");
        assert!(over.iter().all(|(_, answer)| *answer == Answer::TooMany));
        run.ask(asked(BOB, 7_000, 0)).after(LATER).said();
        run.read(match audience {
            Audience::Person => "n\n",
            Audience::Program => "no #0\n",
        });
        run.is_over(&[("#0", No)]);
        let said = run.said();
        assert!(said.contains("asking #7000+"), "{said}");
    }
}

#[test]
fn a_member_that_takes_back_and_asks_anew_is_asked_about_at_its_pace_only() {
    let mut run = run(Audience::Person);
    let mut shown = 0;
    for number in 0..600 {
        run.ask(asked(MALLORY, number, number as u8)).after(Duration::from_millis(100));
        shown += run.said().matches("asking #").count();
        run.questions.settle(run.now, &asked(MALLORY, number, 0).subject);
        run.act();
    }
    // A minute has passed.
    let allowed = QUESTIONS_ALLOWED.burst + QUESTIONS_ALLOWED.per_minute;
    assert!(shown as u64 <= allowed + 1, "{shown}");
    run.ask(asked(MALLORY, 600, 0));
    run.ask(asked(BOB, 7_000, 0));
    assert!(run.said().contains("asking #7000+1"), "at once");
}

#[test]
fn what_waits_for_its_members_pace_is_told_once_and_asked_in_time() {
    let mut run = run(Audience::Person);
    run.questions = Questions::paced(Audience::Person, (Allowance { burst: 1, per_minute: 6 }, 10));
    (1..=3).for_each(|number| {
        run.ask(asked(MALLORY, number, number as u8));
    });
    run.after(LATER).read("n\n");
    let said = run.said();
    assert!(said.contains("mallory asks faster than you are to be asked: 2 wait"), "{said}");
    run.ask(asked(MALLORY, 4, 4)).after(Duration::from_secs(8));
    assert_eq!(run.said(), "others");
    run.after(Duration::from_secs(2));
    assert!(run.said().contains("asking #2+2"));
    run.after(LATER).read("n\n").after(LATER).is_over(&[("#1", No), ("#2", No)]);
}

#[test]
fn equal_requests_are_one_prompt_and_a_yes_is_for_one_of_them() {
    let mut run = run(Audience::Person);
    run.ask(asked(MALLORY, 1, 1)).ask(asked(MALLORY, 2, 1)).ask(asked(MALLORY, 3, 1));
    run.ask(asked(BOB, 4, 1)).after(LATER).read("what\n");
    let said = run.said();
    let times =
        "1 more waits\nmallory asks this 3 times: yes is for this one only, no is for all of";
    assert!(said.contains(times), "{said}");
    run.after(LATER).read("yes\n").is_over(&[("#1", Yes)]);
    // The other member's equal request is its own.
    run.after(LATER).read("yes\n").is_over(&[("#4", Yes)]);
    run.after(LATER).read("n\n").is_over(&[("#2", No), ("#3", No)]);
    assert!(run.said().contains("you said no to #2, #3"));
}

#[test]
fn a_program_answers_what_it_names() {
    let mut run = run(Audience::Program);
    run.ask(asked(MALLORY, 1, 1)).ask(asked(MALLORY, 2, 1));
    run.read("no #1\n").is_over(&[("#1", No)]);
    run.read("no #2\n").is_over(&[("#2", No)]);
}

#[test]
fn regression_a_no_refused_what_came_after_the_prompt_that_it_answered() {
    let mut run = run(Audience::Person);
    run.ask(asked(MALLORY, 1, 1)).after(DEAD_TIME);
    run.ask(asked(MALLORY, 2, 1)).ask(asked(MALLORY, 3, 1)).after(Duration::from_secs(1));
    assert!(!run.said().contains("times"), "no prompt has counted them");
    run.read("n\n").is_over(&[("#1", No)]);
    // The next prompt counts what waits by now, and nothing that comes later or changes.
    run.after(LATER).ask(asked(MALLORY, 4, 1));
    assert!(run.said().contains("mallory asks this 2 times"));
    let changed = Question { digest: [9; 32], ..asked(MALLORY, 3, 1) };
    run.ask(changed).read("n\n").is_over(&[("#2", No)]);
    run.after(LATER).read("n\n").is_over(&[("#4", No), ("#3", No)]);
}

#[test]
fn what_was_typed_too_early_is_answered_by_the_count_that_stood() {
    let mut run = run(Audience::Person);
    run.ask(asked(MALLORY, 1, 1)).read("n\n").ask(asked(MALLORY, 2, 1)).after(LATER);
    let said = run.said();
    assert!(said.contains("answer now\n1 more waits\nsign #1"), "{said}");
    run.read("n\n").is_over(&[("#1", No)]);
}
