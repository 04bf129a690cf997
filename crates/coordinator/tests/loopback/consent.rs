//! A yes belongs to what was shown.

use ensign_coordinator::{
    Approval, CommandError, Consent, ConsentDigest, Decision, Event, Note, Policy, RequestEvent,
    RequestState, Work,
};
use ensign_primitives::RequestId;

use super::party::{Party, Wallet, propose};

/// Waits until a wallet's user is asked about a request with a note of this name.
async fn asked_with(wallet: &mut Wallet, id: RequestId, note: &str) -> Approval {
    wallet
        .until(|event| match event {
            Event::Request(request, RequestEvent::Asked(approval)) if request.id == id => {
                let has = approval.notes.iter().any(|it| it.name() == note);
                has.then(|| approval.as_ref().clone())
            }
            _ => None,
        })
        .await
}

async fn asked(wallet: &mut Wallet, id: RequestId) -> Approval {
    wallet
        .until(|event| match event {
            Event::Request(request, RequestEvent::Asked(approval)) if request.id == id => {
                Some(approval.as_ref().clone())
            }
            _ => None,
        })
        .await
}

async fn voided(wallet: &mut Wallet, id: RequestId) -> Vec<Note> {
    wallet
        .until(|event| match event {
            Event::Request(request, RequestEvent::Voided { notes }) if request.id == id => {
                Some(notes.clone())
            }
            _ => None,
        })
        .await
}

fn names(notes: &[Note]) -> Vec<&'static str> {
    notes.iter().map(Note::name).collect()
}

async fn two_who_wait() -> Party {
    let party = Party::new(2).await;
    party.wallets.iter().for_each(Wallet::wait);
    party
}

/// Two requests over one coin, in this order: the second is signed, the first is open and our user
/// has said yes to it, the other's user not.
async fn first_is_open_and_second_is_signed(party: &mut Party) -> (RequestId, RequestId) {
    let psbt = |paid| Work::Psbt(party.psbt(&[60_000], paid).serialize());
    let (one, two) = (party.job(psbt(59_000)), party.job(psbt(58_500)));
    let first = party.propose(0, one).await;
    assert_eq!(names(&first.notes), Vec::<&str>::new());
    // In this order, so that both homes number the two alike.
    asked(&mut party.wallets[1], first.id).await;
    let second = party.propose(0, two).await;
    assert_eq!(names(&second.notes), ["coin_open"]);
    assert_eq!(second.notes[0].request(), Some(first.id));
    let named = format!("request {} ({}) too", first.handle.unwrap(), first.id.short());
    assert!(second.notes[0].to_string().contains(&named), "{}", second.notes[0]);
    let approval = asked(&mut party.wallets[1], second.id).await;
    let consent = Consent::person(approval.digest);
    party.wallets[1].coordinator.approve(second.id, consent).await.unwrap();
    party.all_done(second.id).await;
    (first.id, second.id)
}

#[tokio::test]
async fn yes_to_something_else_signs_nothing_and_asks_again() {
    let mut party = two_who_wait().await;
    let asked_for = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    let shown = asked(&mut party.wallets[1], asked_for.id).await;
    party.wallets[1].seen.clear();
    let wrong = Consent::person(ConsentDigest([0; 32]));
    let refused = party.wallets[1].coordinator.approve(shown.id, wrong).await;
    assert_eq!(refused, Err(CommandError::Changed { request: Some(shown.id) }));
    let again = asked(&mut party.wallets[1], shown.id).await;
    assert_eq!(again.digest, shown.digest);
    let right = Consent::rule(again.digest, "test");
    party.wallets[1].coordinator.approve(shown.id, right.clone()).await.unwrap();
    party.all_done(shown.id).await;
    let entries = party.wallets[1].coordinator.requests().await.unwrap();
    let decided = entries[0].outline.as_ref().and_then(|outline| outline.decided.as_ref());
    let by_rule = Decision::ApprovedByRule("test".to_owned());
    assert_eq!(decided.map(|(_, decision)| decision), Some(&by_rule));
    let twice = party.wallets[1].coordinator.approve(shown.id, right).await;
    assert!(twice.is_err(), "{twice:?}");
}

#[tokio::test]
async fn proposal_that_is_not_what_was_shown_reaches_nobody() {
    let party = two_who_wait().await;
    let coordinator = &party.wallets[0].coordinator;
    let shown = party.job(Work::Psbt(party.psbt(&[60_000], 50_000).serialize()));
    let other = party.job(Work::Psbt(party.psbt(&[60_000], 40_000).serialize()));
    let preview = coordinator.preview(&shown).await.unwrap();
    let consent = Consent::person(preview.digest);
    let refused = coordinator.propose(other, consent.clone()).await.unwrap_err();
    assert_eq!(refused, CommandError::Changed { request: None });
    assert_eq!(coordinator.requests().await.unwrap(), []);
    coordinator.propose(shown, consent).await.unwrap();
}

#[tokio::test]
async fn regression_second_spend_of_a_coin_went_without_a_word() {
    let mut party = two_who_wait().await;
    let (_, signed) = first_is_open_and_second_is_signed(&mut party).await;
    let third = party.job(Work::Psbt(party.psbt(&[60_000], 58_000).serialize()));
    let own = party.propose(0, third).await;
    let theirs = asked(&mut party.wallets[1], own.id).await;
    for notes in [own.notes, theirs.notes] {
        let of_signed = notes.iter().filter(|note| note.request() == Some(signed));
        let of_signed: Vec<_> = of_signed.collect();
        assert_eq!(of_signed.len(), 1);
        assert_eq!(of_signed[0].name(), "coin_signed");
        assert!(of_signed[0].to_string().contains("by request #2 ("), "{}", of_signed[0]);
    }
}

#[tokio::test]
async fn yes_that_was_given_before_another_request_got_the_coin_is_void_and_asked_again() {
    let mut party = two_who_wait().await;
    let (first, _) = first_is_open_and_second_is_signed(&mut party).await;
    // The other user was asked before the coin was signed for: that digest is no more.
    let stale = asked(&mut party.wallets[1], first).await;
    let refused = party.wallets[1].coordinator.approve(first, Consent::person(stale.digest)).await;
    assert_eq!(refused, Err(CommandError::Changed { request: Some(first) }));
    let now = asked_with(&mut party.wallets[1], first, "coin_signed").await;
    party.wallets[1].coordinator.approve(first, Consent::person(now.digest)).await.unwrap();

    // Ours had consented long ago: nothing is signed before it does so again.
    // How far the other request has come by then, whose coin it is, is a matter of time.
    let void = voided(&mut party.wallets[0], first).await;
    assert!(matches!(names(&void)[..], ["coin_signed" | "coin_open"]), "{void:?}");
    let again = asked_with(&mut party.wallets[0], first, "coin_signed").await;
    let entries = party.wallets[0].coordinator.requests().await.unwrap();
    let entry = entries.iter().find(|entry| entry.id == first).unwrap();
    assert_eq!(entry.state, RequestState::Undecided, "it waits for our user");
    assert!(entry.attempts.iter().all(|attempt| !attempt.burned), "{:?}", entry.attempts);
    let old = party.wallets[0].coordinator.approve(first, Consent::person(stale.digest)).await;
    assert!(matches!(old, Err(CommandError::Changed { .. })), "{old:?}");
    party.wallets[0].coordinator.approve(first, Consent::person(again.digest)).await.unwrap();
    party.all_done(first).await;
}

#[tokio::test]
async fn request_whose_yes_is_void_can_be_declined() {
    let mut party = two_who_wait().await;
    let (first, _) = first_is_open_and_second_is_signed(&mut party).await;
    let now = {
        let stale = asked(&mut party.wallets[1], first).await;
        let coordinator = &party.wallets[1].coordinator;
        let _ = coordinator.approve(first, Consent::person(stale.digest)).await;
        asked_with(&mut party.wallets[1], first, "coin_signed").await
    };
    party.wallets[1].coordinator.approve(first, Consent::person(now.digest)).await.unwrap();
    voided(&mut party.wallets[0], first).await;
    party.wallets[0].coordinator.cancel(first).await.unwrap();
    for wallet in &mut party.wallets {
        assert_eq!(wallet.failed(first).await.code, "E-SES-011");
    }
    let late = asked_with(&mut party.wallets[0], first, "coin_signed").await.digest;
    let late = party.wallets[0].coordinator.approve(first, Consent::person(late)).await;
    assert_eq!(late, Err(CommandError::UnknownRequest { request: first }));
    let burned = |entry: &ensign_coordinator::RequestEntry| {
        entry.id == first && entry.attempts.iter().any(|attempt| attempt.burned)
    };
    let entries = party.wallets[0].coordinator.requests().await.unwrap();
    assert!(!entries.iter().any(burned), "{entries:?}");
}

#[tokio::test]
async fn policy_refuses_for_its_user_and_names_the_rule() {
    let mut party = two_who_wait().await;
    let policy = Policy { amount_max: Some(50_000), ..Policy::default() };
    party.wallets[1].coordinator.set_policy(policy.clone()).await.unwrap();
    let job = party.job(Work::Psbt(party.psbt(&[60_000], 55_000).serialize()));
    let refused = party.propose(0, job.clone()).await.id;
    let told = party.wallets[1].failed(refused).await;
    assert_eq!(told.code, "E-POL-001");
    assert!(told.what.contains("amount_max"), "{}", told.what);
    assert_eq!(party.wallets[0].failed(refused).await.code, "E-SES-001");
    let introduced = party.wallets[1].seen.iter().find(|event| event.request().is_some());
    let is_refusal = |event: &Event| matches!(event, Event::Request(_, RequestEvent::Refused(_)));
    assert!(introduced.is_some_and(is_refusal), "{introduced:?}");

    let entries = party.wallets[1].coordinator.requests().await.unwrap();
    let entry = entries.iter().find(|entry| entry.id == refused).unwrap();
    assert_eq!(entry.state, RequestState::Closed(ensign_wire::AbortReason::Declined));
    let decided = entry.outline.as_ref().and_then(|outline| outline.decided.as_ref());
    let by_rule = Decision::RefusedByRule("amount_max".to_owned());
    assert_eq!(decided.map(|(_, decision)| decision), Some(&by_rule));

    // What it refuses cannot be proposed either, and is not worth a question.
    let coordinator = &party.wallets[1].coordinator;
    assert!(coordinator.preview(&job).await.unwrap().refused.is_some());
    let error = propose(coordinator, job).await.unwrap_err();
    assert!(matches!(&error, CommandError::Policy(rule) if rule.name() == "amount_max"));
}

#[tokio::test]
async fn yes_under_another_policy_is_no_yes() {
    let mut party = two_who_wait().await;
    let asked_for = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await.id;
    let shown = asked(&mut party.wallets[1], asked_for).await;
    let mut policy = Policy::default();
    policy.notes.insert("dust".to_owned());
    party.wallets[1].coordinator.set_policy(policy).await.unwrap();
    party.wallets[1].seen.clear();
    let coordinator = &party.wallets[1].coordinator;
    let refused = coordinator.approve(asked_for, Consent::person(shown.digest)).await;
    assert_eq!(refused, Err(CommandError::Changed { request: Some(asked_for) }));
    let now = asked(&mut party.wallets[1], asked_for).await;
    assert_ne!(now.digest, shown.digest);
    party.wallets[1].coordinator.approve(asked_for, Consent::person(now.digest)).await.unwrap();
    party.all_done(asked_for).await;
}

#[tokio::test]
async fn request_is_introduced_before_anything_else_is_said_of_it() {
    let mut party = Party::new(3).await;
    for number in 0..6 {
        let work = Work::Messages(vec![[number; 32]]);
        let asked = party.propose(usize::from(number % 3), party.job(work)).await;
        party.all_done(asked.id).await;
    }
    for wallet in &party.wallets {
        let mut introduced = Vec::new();
        for event in &wallet.seen {
            let Event::Request(request, event) = event else { continue };
            if let Some(approval) = event.approval() {
                assert_eq!(approval.group, request.group);
                introduced.push(request.id);
            }
            assert!(introduced.contains(&request.id), "{event:?}");
            assert_eq!(
                request.group.name_of(request.group.own),
                format!("signer {}", wallet.number)
            );
        }
    }
}

#[tokio::test]
async fn yes_from_before_a_restart_is_judged_again_before_anything_is_joined() {
    let mut party = two_who_wait().await;
    let (first, second) = first_is_open_and_second_is_signed(&mut party).await;
    let stopped = party.wallets.remove(0).stop().await;
    let mut wallet = stopped.start().await;
    wallet.wait();
    wallet.coordinator.group(party.group()).await.unwrap();
    let stale = asked(&mut party.wallets[0], first).await;
    let other = &party.wallets[0].coordinator;
    let refused = other.approve(first, Consent::person(stale.digest)).await;
    assert_eq!(refused, Err(CommandError::Changed { request: Some(first) }));
    let now = asked_with(&mut party.wallets[0], first, "coin_signed").await;
    party.wallets[0].coordinator.approve(first, Consent::person(now.digest)).await.unwrap();
    // All have agreed, and nonces are ordered: now the yes is judged.
    let notes = voided(&mut wallet, first).await;
    assert_eq!(names(&notes), ["coin_signed"]);
    assert_eq!(notes[0].request(), Some(second), "what was signed before is remembered");
    let again = asked_with(&mut wallet, first, "coin_signed").await;
    let resumed = |event: &Event| matches!(event, Event::Request(_, RequestEvent::Resumed(_)));
    assert!(wallet.seen.iter().any(resumed), "it is introduced as what it is");
    let joins = |entry: &ensign_coordinator::RequestEntry| entry.attempts.len();
    let entries = wallet.coordinator.requests().await.unwrap();
    let entry = entries.iter().find(|entry| entry.id == first).unwrap();
    assert!(joins(entry) <= 1, "none but what was joined ahead before the restart");

    wallet.coordinator.approve(first, Consent::person(again.digest)).await.unwrap();
    wallet.done(first).await;
    party.wallets[0].done(first).await;

    // A yes that still holds is not asked about again, restart or not.
    wallet.seen.clear();
    let third = propose(&wallet.coordinator, party.job(Work::Messages(vec![[9; 32]]))).await;
    let third = third.unwrap().id;
    let mut wallet = wallet.stop().await.start().await;
    wallet.wait();
    wallet.coordinator.group(party.group()).await.unwrap();
    let grave = asked(&mut party.wallets[0], third).await;
    let consent = Consent::person(grave.digest);
    party.wallets[0].coordinator.approve(third, consent).await.unwrap();
    wallet.done(third).await;
    let is_void = |event: &Event| matches!(event, Event::Request(_, RequestEvent::Voided { .. }));
    assert!(!wallet.seen.iter().any(is_void));
}

#[tokio::test]
async fn question_is_asked_anew_when_another_request_takes_its_coin_or_lets_it_go() {
    let mut party = two_who_wait().await;
    let (first, second) = first_is_open_and_second_is_signed(&mut party).await;
    // Nobody had answered it: the question changes by itself.
    let now = asked_with(&mut party.wallets[1], first, "coin_signed").await;
    assert!(now.notes.iter().any(|note| note.request() == Some(second)));
    party.wallets[0].coordinator.cancel(first).await.unwrap();
    party.wallets[1].failed(first).await;

    // A rule that comes later refuses what is open.
    let asked_for = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await.id;
    asked(&mut party.wallets[1], asked_for).await;
    let mut policy = Policy::default();
    policy.notes.insert("blind".to_owned());
    party.wallets[1].coordinator.set_policy(policy).await.unwrap();
    assert_eq!(party.wallets[1].failed(asked_for).await.code, "E-POL-001");
    assert_eq!(party.wallets[0].failed(asked_for).await.code, "E-SES-001");
}
