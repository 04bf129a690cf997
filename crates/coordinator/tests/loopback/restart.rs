//! Coordinators that are dropped in each phase and start again from the same store.

use std::{collections::BTreeSet, time::Duration};

use ensign_coordinator::{
    Because, Consent, Event, LostAttempt, Member, Reached, RequestEvent, Resumption, SigningJob,
    Work,
};
use ensign_deadline::Timeouts;
use ensign_engine::{
    GroupConfig,
    signing::{ATTEMPTS_MAX, Record},
};
use ensign_identity::{NodeKey, SignerKey};
use ensign_musig::SecKey;
use ensign_primitives::{RequestId, SignerIndex, UnixTime, sha256};
use ensign_session::Phase;
use ensign_store::Place;
use ensign_wire::{
    KeyTweak, Kind, Message, Mode, Payload, Scheme, SignedRequest, SigningRequest, TxType,
};

use super::{
    party::{self, NETWORK, Party, Wallet, group_keys},
    puppet::{Puppet, unix_now},
};

const PUPPET_NODE: [u8; 32] = [0x77; 32];
const PUPPET_SIGNER: [u8; 32] = [0x55; 32];

/// Two wallets and a signer that can be made to hold a session in a phase.
pub(super) async fn with_puppet() -> (Party, Puppet) {
    with_puppet_and(Timeouts::default()).await
}

/// As [`with_puppet`], with other timeouts.
pub(super) async fn with_puppet_and(timeouts: Timeouts) -> (Party, Puppet) {
    let puppet = Puppet::start(PUPPET_NODE, PUPPET_SIGNER).await;
    let signer =
        SignerKey::from_public_key(SecKey::from_secret_bytes(PUPPET_SIGNER).unwrap().public_key());
    let peer = NodeKey::from_secret_bytes(PUPPET_NODE).unwrap().peer_id();
    let name = "puppet".to_owned();
    let other = Member { name, signer, peer, addresses: vec![puppet.address], delegation: None };
    let mut party = Party::with_settings(2, vec![other], |it| it.timeouts(timeouts)).await;
    party.members.sort_by_key(|member| member.signer);
    let peers = party.members.iter().map(|member| member.peer).collect();
    let group = GroupConfig { keys: group_keys(&party.members), peers };
    party.group = group.keys.group_id(NETWORK);
    let addresses =
        party.members.iter().filter(|member| member.peer != peer).map(|m| (m.peer, m.addresses[0]));
    puppet.form(group, addresses.collect()).await;
    for wallet in &mut party.wallets {
        wallet.peer_up(peer).await;
    }
    (party, puppet)
}

/// No attempt is joined twice, and each burns only what it joined.
fn assert_sound(records: &[Record]) {
    let (mut joined, mut burned, mut signed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for record in records {
        match record {
            Record::Joined { request, attempt, .. } => {
                assert!(joined.insert((*request, *attempt)), "{record:?} twice");
            }
            Record::Burned { request, attempt } => {
                assert!(joined.contains(&(*request, *attempt)), "{record:?} without a join");
                assert!(burned.insert((*request, *attempt)), "{record:?} twice");
            }
            Record::Partials { request, attempt, .. } => {
                assert!(burned.contains(&(*request, *attempt)), "{record:?} unburned");
                assert!(signed.insert((*request, *attempt)), "{record:?} twice");
            }
            _ => {}
        }
    }
}

/// Wallet 0 proposes; the victim is dropped in a phase and comes back; all sign, in attempt 2 unless
/// the victim's partial signatures were durable.
async fn survives(victim: usize, mode: Mode, phase: Phase, held_back: &[Kind]) {
    let (mut party, puppet) = with_puppet().await;
    puppet.mute(held_back);
    let psbt = party.psbt(&[60_000], 50_000).serialize();
    let job = SigningJob { mode, ..party.job(Work::Psbt(psbt)) };
    let asked = party.propose(0, job).await;
    for wallet in &mut party.wallets {
        wallet.phase(phase).await;
    }
    let stopped = party.wallets.remove(victim).stop().await;
    puppet.mute(&[]);
    let before = stopped.records();
    let is_joined = |record: &Record| matches!(record, Record::Joined { request, attempt: 1, .. } if *request == asked.id);
    let burned = Record::Burned { request: asked.id, attempt: 1 };
    assert!(before.iter().any(is_joined), "{mode:?}, {phase:?}");
    let has_shown = mode == Mode::Fast || phase != Phase::Committing;
    assert_eq!(before.contains(&burned), has_shown, "{mode:?}, {phase:?}");
    let is_signed = |record: &Record| matches!(record, Record::Partials { attempt: 1, .. });
    assert_eq!(before.iter().any(is_signed), phase == Phase::Signing, "{mode:?}, {phase:?}");

    let mut wallet = stopped.start().await;
    wallet.coordinator.group(party.group()).await.unwrap();
    let resumed = |event: &Event| match event {
        Event::Request(_, RequestEvent::Resumed(resumption)) => Some(resumption.as_ref().clone()),
        _ => None,
    };
    let Resumption { approval: shown, lost } = wallet.until(resumed).await;
    let reached = match phase {
        Phase::Signing => Reached::Signed,
        _ if has_shown => Reached::Burned,
        _ => Reached::Joined,
    };
    assert_eq!(lost, Some(LostAttempt { attempt: 1, reached }));
    assert_eq!((shown.id, &shown.summary), (asked.id, &asked.summary));
    party.wallets.insert(victim, wallet);
    for outcome in party.all_done(asked.id).await {
        assert!(outcome.psbt.is_some());
    }
    let attempt = if reached == Reached::Signed { 1 } else { 2 };
    assert_eq!(party.wallets[victim].attempts(), [attempt], "{mode:?}, {phase:?}");
    for wallet in party.wallets {
        assert_eq!(wallet.warnings().len(), 0, "{:?}", wallet.warnings());
        assert_sound(&wallet.stop().await.records());
    }
}

#[tokio::test]
async fn wallet_that_dies_while_others_decide_comes_back() {
    for victim in [0, 1] {
        survives(victim, Mode::Committed, Phase::Committing, &[Kind::SessionJoin]).await;
    }
}

#[tokio::test]
async fn wallet_that_dies_while_nonces_are_missing_comes_back() {
    for victim in [0, 1] {
        survives(victim, Mode::Committed, Phase::Revealing, &[Kind::NonceShare]).await;
    }
}

#[tokio::test]
async fn wallet_that_dies_while_confirmations_are_missing_comes_back() {
    survives(1, Mode::Strict, Phase::Revealing, &[Kind::NoncesComplete]).await;
}

#[tokio::test]
async fn wallet_that_dies_while_partial_signatures_are_missing_comes_back() {
    for (victim, mode) in [(0, Mode::Committed), (1, Mode::Fast)] {
        survives(victim, mode, Phase::Signing, &[Kind::PartialSigShare]).await;
    }
}

#[tokio::test]
async fn wallet_that_dies_before_its_user_decided_is_asked_again() {
    let mut party = Party::new(2).await;
    party.wallets[1].wait();
    let psbt = party.psbt(&[60_000], 50_000).serialize();
    let asked = party.propose(0, party.job(Work::Psbt(psbt))).await;
    party.wallets[1].approval().await;
    let stopped = party.wallets.remove(1).stop().await;
    assert_eq!(stopped.records(), []);
    let mut wallet = stopped.start().await;
    wallet.coordinator.group(party.group()).await.unwrap();
    assert_eq!(wallet.approval().await.summary, asked.summary);
    party.wallets.push(wallet);
    party.all_done(asked.id).await;
    assert_eq!(party.wallets[1].attempts(), [1]);
}

#[tokio::test]
async fn wallet_that_dies_after_the_others_finished_gets_the_signatures() {
    let (mut party, puppet) = with_puppet().await;
    // Nobody can finish before the puppet's partial signature, and then wallet 1 is gone.
    puppet.mute(&[Kind::PartialSigShare]);
    let psbt = party.psbt(&[60_000], 50_000).serialize();
    let asked = party.propose(0, party.job(Work::Psbt(psbt))).await;
    for wallet in &mut party.wallets {
        wallet.phase(Phase::Signing).await;
    }
    let stopped = party.wallets.remove(1).stop().await;
    puppet.mute(&[]);
    // Its partial signature had left: the others finish without it.
    let outcome = party.wallets[0].done(asked.id).await;
    let mut wallet = stopped.start().await;
    wallet.coordinator.group(party.group()).await.unwrap();
    assert_eq!(wallet.done(asked.id).await.signatures, outcome.signatures);
    assert_sound(&wallet.stop().await.records());
}

#[tokio::test]
async fn finished_request_does_not_come_back_after_a_restart() {
    let mut party = Party::new(2).await;
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.all_done(asked.id).await;
    let stopped = party.wallets.remove(1).stop().await;
    let mut wallet = stopped.start().await;
    wallet.coordinator.group(party.group()).await.unwrap();
    let second = party.propose(0, party.job(Work::Messages(vec![[8; 32]]))).await;
    wallet.done(second.id).await;
    let first = |event: &&Event| {
        matches!(
            event,
            Event::Request(_, RequestEvent::Resumed(_))
                | Event::Request(_, RequestEvent::Failed { .. })
        )
    };
    assert_eq!(wallet.seen.iter().filter(first).count(), 0, "{:?}", wallet.seen);
    assert_eq!(wallet.attempts(), [1]);
}

/// Starts a wallet of two on a store in which it has consented to a request and joined attempts.
async fn with_store(
    age: Duration,
    payload: Option<Vec<u8>>,
    attempts: u16,
) -> (Party, Wallet, RequestId) {
    let mut party = Party::new(2).await;
    let created = UnixTime::from_millis(unix_now().as_millis() - age.as_millis() as u64);
    let request = SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers: group_keys(&party.members),
        messages: vec![Message { digest: [7; 32], tweak: KeyTweak::None }],
        payload: match &payload {
            None => Payload::Blind,
            Some(bytes) => Payload::Psbt { digest: sha256(bytes), len: bytes.len() as u32 },
        },
        purpose: String::new(),
        tx_type: TxType::Spend,
        amount: 0,
        creator: SignerIndex(0),
        created,
        expires: created.after(Duration::from_secs(3600)),
        mode: Mode::Committed,
        nonce: [3; 16],
    };
    let (node_key, delegation) = party::node_of(0);
    let signed = SignedRequest::sign(request, &node_key, delegation).unwrap();
    let id = signed.request.id();
    let stopped = party.wallets.remove(0).stop().await;
    let consented = Record::Consented { request: Box::new(signed), payload };
    let joined = (1..=attempts).map(|attempt| {
        (Place::join(&id, attempt), Record::Joined { request: id, attempt, said: [3; 32] })
    });
    stopped.write(std::iter::once((Place::consent(&id), consented)).chain(joined).collect());
    let wallet = stopped.start().await;
    wallet.coordinator.group(party.group()).await.unwrap();
    (party, wallet, id)
}

#[tokio::test]
async fn request_that_expired_meanwhile_is_reported_and_closed() {
    let (_party, mut wallet, id) = with_store(Duration::from_secs(7200), None, 1).await;
    assert_eq!(wallet.failed(id).await.code, "E-SES-003");
    let records = wallet.stop().await.records();
    assert!(matches!(records.last(), Some(Record::Closed { .. })), "{records:?}");
}

#[tokio::test]
async fn request_without_an_attempt_left_joins_nothing_and_can_be_given_up() {
    let (_party, mut wallet, id) = with_store(Duration::ZERO, None, ATTEMPTS_MAX).await;
    let resumed =
        |event: &Event| matches!(event, Event::Request(_, RequestEvent::Resumed(_))).then_some(());
    wallet.until(resumed).await;
    wallet.coordinator.cancel(id).await.unwrap();
    assert_eq!(wallet.failed(id).await.code, "E-SES-011");
    let records = wallet.stop().await.records();
    let joins = records.iter().filter(|record| matches!(record, Record::Joined { .. }));
    assert_eq!(joins.count(), usize::from(ATTEMPTS_MAX), "{records:?}");
    assert!(matches!(records.last(), Some(Record::Closed { .. })), "{records:?}");
}

#[tokio::test]
async fn request_whose_psbt_cannot_be_read_any_more_is_reported() {
    let payload = Some(b"garbage".to_vec());
    let (_party, mut wallet, id) = with_store(Duration::ZERO, payload, 1).await;
    let problem = wallet.warning(None).await;
    assert_eq!(problem.code, "E-STO-002");
    assert!(problem.what.contains(&id.short().to_string()), "{}", problem.what);
    assert!(wallet.attempts().is_empty(), "it is not joined again");
}

#[tokio::test]
async fn request_of_a_store_goes_on_in_the_attempt_after_the_last() {
    let (mut party, wallet, id) = with_store(Duration::ZERO, None, 3).await;
    party.wallets.insert(0, wallet);
    party.all_done(id).await;
    assert_eq!([0, 1].map(|number| party.wallets[number].attempts()), [vec![4], vec![4]]);
    assert_sound(&party.wallets.remove(0).stop().await.records());
}

#[tokio::test]
async fn who_restarted_is_told_as_the_one_who_did() {
    let mut party = Party::new(3).await;
    party.wallets[2].wait();
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    let joined = |event: &Event| match event {
        Event::Request(_, RequestEvent::Joined { who }) => (who.as_usize() == 0).then_some(()),
        _ => None,
    };
    party.wallets[1].until(joined).await;
    let wallet = party.wallets.remove(0).stop().await.start().await;
    wallet.coordinator.group(party.group()).await.unwrap();
    party.wallets.insert(0, wallet);
    let shown = party.wallets[2].approval().await;
    let consent = Consent::person(shown.digest);
    party.wallets[2].coordinator.approve(asked.id, consent).await.unwrap();
    // All have agreed: the attempt that takes the place of the lost one begins.
    let opener = |event: &Event| match event {
        Event::Request(_, RequestEvent::Attempt { attempt: 2, opened_by }) => Some(*opened_by),
        _ => None,
    };
    let told = party.wallets[1].until(opener).await.unwrap();
    assert_eq!((told.who.as_usize(), told.because), (0, Because::Restarted));
    party.all_done(asked.id).await;
}

/// Wallet 2 holds the session open, so that the attempt is the first one still when wallet 1 is back.
#[tokio::test]
async fn regression_embedder_that_lost_its_store_joined_an_attempt_twice() {
    let mut party = Party::new(3).await;
    party.wallets[2].wait();
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    let peer = party.members[1].peer;
    let joined = |event: &Event| match event {
        Event::Request(request, RequestEvent::Joined { who }) => {
            (request.group.index_of(&peer) == Some(*who)).then_some(())
        }
        _ => None,
    };
    party.wallets[0].until(joined).await;
    let stopped = party.wallets.remove(1).stop().await;
    let is_joined = |record: &Record| matches!(record, Record::Joined { attempt: 1, .. });
    assert!(stopped.records().iter().any(is_joined));
    stopped.lose_store();

    let mut again = stopped.start().await;
    assert_eq!(again.warning(None).await.code, "E-STO-004");
    again.coordinator.group(party.group()).await.unwrap();
    assert_eq!(again.failed(asked.id).await.code, "E-STO-005");
    let is_asked = |event: &Event| matches!(event, Event::Request(_, RequestEvent::Asked(_)));
    assert!(!again.seen.iter().any(is_asked), "{:?}", again.seen);
    // Everybody hears that it is over, and nobody is accused of anything.
    assert_eq!(party.wallets[0].failed(asked.id).await.code, "E-SES-001");
    assert_eq!(party.wallets[0].warnings().len(), 0, "{:?}", party.wallets[0].warnings());
    assert!(!again.stop().await.records().iter().any(is_joined));
}
