//! Mistakes of the application: each is refused with its reason, and nothing else stops.

use std::time::Duration;

use bitcoin::{Amount, ScriptBuf, TxOut, psbt::PsbtSighashType};
use ensign_coordinator::{
    CommandError, Consent, ConsentDigest, Event, Group, Member, PeerEvent, RequestEvent,
    SigningJob, Work,
};
use ensign_identity::SignerKey;
use ensign_primitives::{GroupId, MESSAGES_MAX, RequestId};
use ensign_psbt::PsbtError;

use super::party::{Party, member, propose, within};

async fn refused(party: &Party, work: Work) -> CommandError {
    propose(&party.wallets[0].coordinator, party.job(work)).await.unwrap_err()
}

async fn refused_psbt(party: &Party, psbt: &bitcoin::Psbt) -> PsbtError {
    match refused(party, Work::Psbt(psbt.serialize())).await {
        CommandError::Psbt(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn psbt_that_the_group_cannot_sign_is_refused_with_the_reason() {
    let party = Party::new(1).await;
    let good = party.psbt(&[60_000, 50_000], 100_000);

    let mut foreign = good.clone();
    let elsewhere = ScriptBuf::from_hex("0014c9123e06e8d7f0966c5d1cd0000000000000bbbb").unwrap();
    foreign.inputs[1].witness_utxo =
        Some(TxOut { value: Amount::from_sat(50_000), script_pubkey: elsewhere });
    let error = refused_psbt(&party, &foreign).await;
    assert!(matches!(error, PsbtError::NotOurs { input: 1, .. }), "{error}");

    let mut without = good.clone();
    without.inputs[1].witness_utxo = None;
    assert_eq!(refused_psbt(&party, &without).await, PsbtError::MissingUtxo { input: 1 });

    for sighash in [0x02, 0x03, 0x81, 0x83] {
        let mut loose = good.clone();
        loose.inputs[0].sighash_type = Some(PsbtSighashType::from_u32(sighash));
        let error = refused_psbt(&party, &loose).await;
        assert!(matches!(error, PsbtError::ForeignSighash { input: 0, .. }), "{error}");
    }

    let mut greedy = good.clone();
    greedy.unsigned_tx.output[0].value = Amount::from_sat(110_001);
    let error = refused_psbt(&party, &greedy).await;
    assert!(matches!(error, PsbtError::NegativeFee { .. }), "{error}");

    let bytes = good.serialize();
    for cut in [0, 3, bytes.len() / 2, bytes.len() - 1] {
        let error = refused(&party, Work::Psbt(bytes[..cut].to_vec())).await;
        assert!(matches!(error, CommandError::Psbt(PsbtError::Decode(_))), "{cut}: {error}");
    }
    let longer = [&bytes[..], &[0]].concat();
    let error = refused(&party, Work::Psbt(longer)).await;
    assert!(matches!(error, CommandError::Psbt(PsbtError::Decode(_))), "{error}");
}

#[tokio::test]
async fn number_of_messages_is_limited() {
    let mut party = Party::new(1).await;
    for seen in [0, MESSAGES_MAX + 1] {
        let error = refused(&party, Work::Messages(vec![[1; 32]; seen])).await;
        assert_eq!(error, CommandError::MessageCount { max: MESSAGES_MAX, seen });
    }
    let asked = party.propose(0, party.job(Work::Messages(vec![[1; 32]; 40]))).await;
    assert_eq!(party.all_done(asked.id).await[0].signatures.len(), 40);
}

#[tokio::test]
async fn limits_of_a_request_are_checked_before_anybody_hears_of_it() {
    use std::time::Duration;
    let party = Party::new(1).await;
    let work = || Work::Messages(vec![[1; 32]]);
    let day = Duration::from_secs(24 * 60 * 60);
    for job in [
        SigningJob { lifetime: Duration::ZERO, ..party.job(work()) },
        SigningJob { lifetime: day * 2, ..party.job(work()) },
        SigningJob { purpose: "x".repeat(257), ..party.job(work()) },
        SigningJob { purpose: "two\nlines".into(), ..party.job(work()) },
    ] {
        let error = propose(&party.wallets[0].coordinator, job).await.unwrap_err();
        let limits = matches!(error, CommandError::Engine(ensign_engine::CommandError::Limits(_)));
        assert!(limits, "{error}");
    }
    let group = GroupId::from_bytes([9; 32]);
    let nowhere = SigningJob::new(group, work());
    let error = propose(&party.wallets[0].coordinator, nowhere).await.unwrap_err();
    assert_eq!(error, CommandError::Engine(ensign_engine::CommandError::UnknownGroup { group }));
}

#[tokio::test]
async fn decisions_about_unknown_requests_are_refused() {
    let party = Party::new(1).await;
    let request = RequestId::from_bytes([9; 32]);
    let unknown = Err(CommandError::UnknownRequest { request });
    let coordinator = &party.wallets[0].coordinator;
    assert_eq!(
        coordinator.approve(request, Consent::person(ConsentDigest([0; 32]))).await,
        unknown
    );
    assert_eq!(coordinator.decline(request).await, unknown);
    assert_eq!(coordinator.cancel(request).await, unknown);
}

#[tokio::test]
async fn groups_that_cannot_be_are_refused() {
    let party = Party::new(1).await;
    let coordinator = &party.wallets[0].coordinator;
    let ours = || member(0, None);
    let others = Member { signer: member(2, None).signer, ..member(1, None) };
    let twice = Member { peer: ours().peer, ..member(1, None) };
    for members in [
        vec![member(1, None), member(2, None)],
        vec![ours(), ours()],
        vec![ours(), twice],
        vec![ours(), member(1, None), others],
        vec![],
    ] {
        let error = coordinator
            .group(Group { name: "g".to_owned(), members, issued: Default::default() })
            .await
            .unwrap_err();
        assert!(matches!(error, CommandError::Engine(_)), "{error}");
    }
    let mut off_curve = [2; 33];
    off_curve[1..].fill(0);
    off_curve[32] = 5;
    assert!(SignerKey::from_bytes(&off_curve).is_err(), "such a member cannot even be named");
}

#[tokio::test]
async fn group_given_again_adds_addresses_and_finds_its_member() {
    let party = Party::new(2).await;
    let elsewhere = Party::new(1).await;
    let coordinator = &elsewhere.wallets[0].coordinator;
    // This node has the keys of wallet 0 too; it knows member 1 without an address first.
    let members = vec![member(0, None), member(1, None)];
    let id = coordinator
        .group(Group { name: "g".to_owned(), members, issued: Default::default() })
        .await
        .unwrap()
        .id;
    let members = vec![member(0, None), member(1, Some(party.wallets[1].address()))];
    for _ in 0..50 {
        let again =
            Group { name: "g".to_owned(), members: members.clone(), issued: Default::default() };
        assert_eq!(coordinator.group(again).await.unwrap().id, id);
    }
    let mut events = coordinator.events();
    let up = |event: &Event| matches!(event, Event::Peer(_, PeerEvent::Up { .. }));
    within(async { while !events.next().await.is_some_and(|event| up(&event)) {} }).await;
}

#[tokio::test]
async fn stopped_coordinator_says_so_and_its_events_end() {
    let mut party = Party::new(1).await;
    let wallet = party.wallets.remove(0);
    let (handle, mut events) = (wallet.coordinator.clone(), wallet.coordinator.events());
    wallet.coordinator.shutdown().await;
    let job = party.job(Work::Messages(vec![[1; 32]]));
    let error = propose(&handle, job).await.unwrap_err();
    assert_eq!(error, CommandError::Stopped);
    within(async { while events.next().await.is_some() {} }).await;
    assert!(handle.events().next().await.is_none());
}

#[tokio::test]
async fn reader_that_falls_behind_is_told_how_much_it_lost_and_reads_on() {
    let mut party = Party::new(1).await;
    let mut slow = party.wallets[0].coordinator.events();
    let mut asked_for = Vec::new();
    for number in 0..200_u8 {
        let asked = party.propose(0, party.job(Work::Messages(vec![[number; 32]]))).await;
        party.wallets[0].done(asked.id).await;
        asked_for.push(asked.id);
    }
    let Some(Event::Warning { peer: None, problem }) = slow.next().await else {
        panic!("no warning")
    };
    assert_eq!(problem.code, "E-APP-001");
    // How each request ended is never among it.
    let mut ended = Vec::new();
    within(async {
        while ended.len() < asked_for.len() {
            if let Event::Request(request, RequestEvent::Done { .. }) = slow.next().await.unwrap() {
                ended.push(request.id);
            }
        }
    })
    .await;
    assert_eq!(ended, asked_for);
}

#[tokio::test]
async fn regression_wallet_that_left_when_it_was_done_left_the_other_waiting() {
    let mut party = Party::new(2).await;
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    let mut first = party.wallets.remove(0);
    first.done(asked.id).await;
    first.coordinator.clone().shutdown().await;
    let peer_done = |event: &Event| {
        matches!(event, Event::Request(_, RequestEvent::PeerDone { .. })).then_some(())
    };
    party.wallets[0].until(peer_done).await;
}

#[tokio::test]
async fn whoever_leaves_hears_who_lacks_the_signatures() {
    let mut party = Party::new(2).await;
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    let coordinator = party.wallets[0].coordinator.clone();
    let lacking = within(coordinator.finish(asked.id, Duration::from_secs(60))).await.unwrap();
    assert_eq!(lacking, [], "the other one holds them");
    party.all_done(asked.id).await;

    // Nobody else ever will: the other one never says yes.
    party.wallets[1].wait();
    let other = party.propose(0, party.job(Work::Messages(vec![[8; 32]]))).await;
    let lacking = coordinator.finish(other.id, Duration::ZERO).await.unwrap();
    let peer = party.members[1].peer;
    assert_eq!(Some(&lacking[..]), other.group.index_of(&peer).as_ref().map(std::slice::from_ref));
    let unknown = RequestId::from_bytes([9; 32]);
    let refused = coordinator.finish(unknown, Duration::ZERO).await;
    assert_eq!(refused, Err(CommandError::UnknownRequest { request: unknown }));
}

#[tokio::test]
async fn regression_whoever_stayed_for_what_was_over_met_an_error_or_waited() {
    let mut party = Party::new(2).await;
    let stay = |party: &Party, id| {
        let coordinator = party.wallets[0].coordinator.clone();
        async move { within(coordinator.finish(id, Duration::MAX)).await }
    };
    let first = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await.id;
    assert_eq!(stay(&party, first).await, Ok(vec![]));
    party.all_done(first).await;
    // With the next one, what is over and answered is forgotten.
    party.wallets[1].wait();
    let second = party.propose(0, party.job(Work::Messages(vec![[8; 32]]))).await.id;
    assert_eq!(stay(&party, first).await, Ok(vec![]));
    let (lacking, cancelled) =
        tokio::join!(stay(&party, second), party.wallets[0].coordinator.cancel(second));
    assert_eq!((lacking.map(|all| all.len()), cancelled), (Ok(1), Ok(())));
    assert_eq!(stay(&party, second).await.map(|all| all.len()), Ok(1), "it was over before");
}
