//! Peers without manners, and signers who lie: each is named, and the others go on.

use ensign_coordinator::{Consent, Event, RequestEvent, Work};
use ensign_engine::{Proposal, Source};
use ensign_primitives::{Network, QueryId, RequestId};
use ensign_transport::{DialError, Transport, TransportConfig, TransportEvent};
use ensign_wire::{Frame, Hello, Kind, Limits, Mode, PROTOCOL_VERSION, Roles, TxType};

use super::{
    party::{Party, keys, loopback, within},
    puppet::Raw,
    restart::with_puppet,
};

pub(crate) fn hello(version: u8) -> Frame {
    Frame::Hello(Hello {
        roles: Roles::SIGNER,
        version_min: version,
        version_max: version,
        observed: None,
        limits: Limits { payload_bytes: 0, messages: 0, requests: 0 },
    })
}

/// A stranger does something while a request waits for wallet 1; returns what wallet 0 says of it.
async fn stranger(act: impl AsyncFnOnce(&mut Raw)) -> String {
    let mut party = Party::new(2).await;
    party.wallets[1].wait();
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.wallets[1].approval().await;
    let mut raw = Raw::connect([0x66; 32], &keys(0), party.wallets[0].address()).await;
    act(&mut raw).await;
    let warning = party.wallets[0].warning(Some(raw.peer)).await;
    assert_eq!(warning.code, "E-PEER-001");
    party.wallets[1].coordinator.approve(asked.id, Consent::person(asked.digest)).await.unwrap();
    party.all_done(asked.id).await;
    warning.what
}

#[tokio::test]
async fn garbage_is_named_and_the_session_goes_on() {
    let what = stranger(async |raw| {
        raw.say_bytes(Kind::Ping, vec![0xff; 64]);
        raw.closed().await;
    })
    .await;
    assert!(what.contains("unknown frame kind 255"), "{what}");
}

#[tokio::test]
async fn oversized_frame_is_named_by_its_header() {
    let what = stranger(async |raw| {
        // A hello that announces 2 MiB less one byte.
        raw.say_bytes(Kind::Hello, vec![Kind::Hello.id(), 0xff, 0xff, 0x7f]);
        raw.closed().await;
    })
    .await;
    assert!(what.contains("more than the limit of 1024"), "{what}");
}

#[tokio::test]
async fn trailing_bytes_are_named() {
    let what = stranger(async |raw| {
        raw.say(&hello(PROTOCOL_VERSION));
        raw.say_bytes(Kind::Ping, vec![Kind::Ping.id(), 2, 1, 1]);
        raw.closed().await;
    })
    .await;
    assert!(what.contains("1 more bytes"), "{what}");
}

#[tokio::test]
async fn foreign_version_is_named() {
    let what = stranger(async |raw| {
        raw.say(&hello(9));
        raw.closed().await;
    })
    .await;
    assert!(what.contains("versions 9 to 9"), "{what}");
}

#[tokio::test]
async fn stranger_that_sends_what_members_may_is_named_and_closed() {
    let what = stranger(async |raw| {
        raw.say(&hello(PROTOCOL_VERSION));
        raw.say_bytes(Kind::SessionJoin, vec![Kind::SessionJoin.id(), 4, 1, 3, 0, 0]);
        raw.closed().await;
    })
    .await;
    assert!(what.contains("SessionJoin from a node that is no member"), "{what}");
}

#[tokio::test]
async fn silent_stranger_is_closed_and_named() {
    let what = stranger(async |raw| raw.closed().await).await;
    assert!(what.contains("no hello in time"), "{what}");
}

#[tokio::test]
async fn ping_before_hello_is_named() {
    let what = stranger(async |raw| {
        raw.say(&Frame::Ping(QueryId(1)));
        raw.closed().await;
    })
    .await;
    assert!(what.contains("Ping before hello"), "{what}");
}

#[tokio::test]
async fn datagrams_that_are_no_quic_are_in_nobodys_way() {
    let mut party = Party::new(2).await;
    let socket = std::net::UdpSocket::bind(loopback()).unwrap();
    let mut bytes = [0; 1200];
    for number in 0..2000_u32 {
        // What a first packet looks like, and noise behind it; then noise from the first bit on.
        bytes.iter_mut().zip(1..).for_each(|(byte, at)| {
            *byte = (number.wrapping_mul(2_654_435_769).rotate_left(at % 32) >> 13) as u8;
        });
        if number % 2 == 0 {
            bytes[..6].copy_from_slice(&[0xc0, 0, 0, 0, 1, 8]);
        }
        socket.send_to(&bytes, party.wallets[0].address()).unwrap();
    }
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.all_done(asked.id).await;
    assert_eq!(party.wallets[0].warnings().len(), 0);
}

#[tokio::test]
async fn strangers_payload_is_not_even_read() {
    let mut party = Party::new(2).await;
    let raw = Raw::connect([0x66; 32], &keys(0), party.wallets[0].address()).await;
    raw.say(&hello(PROTOCOL_VERSION));
    let request = RequestId::from_bytes([1; 32]);
    raw.say(&Frame::Payload { request, bytes: vec![1; 1 << 20] });
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.all_done(asked.id).await;
    assert_eq!(party.wallets[0].warnings().len(), 0);
}

#[tokio::test]
async fn node_of_another_network_never_connects() {
    let party = Party::new(1).await;
    let key = std::sync::Arc::new(ensign_identity::NodeKey::from_secret_bytes([0x66; 32]).unwrap());
    let config = TransportConfig::new(loopback(), Network::Bitcoin);
    let (transport, mut arrivals) = Transport::bind(config, key).await.unwrap();
    transport.dial(keys(0).peer_id(), party.wallets[0].address());
    match within(arrivals.recv()).await {
        Some(TransportEvent::DialFailed { error, .. }) => {
            assert!(!matches!(error, DialError::TimedOut), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn psbt_that_gives_other_messages_than_asked_is_refused_by_everybody() {
    let (mut party, puppet) = with_puppet().await;
    let shown = party.psbt(&[60_000], 50_000);
    let meant = party.psbt(&[60_000], 40_000);
    let group = party.psbt_group();
    let spend = |psbt: &bitcoin::Psbt| {
        ensign_psbt::analyze(&ensign_psbt::parse(&psbt.serialize()).unwrap(), &group).unwrap()
    };
    // What is shown pays 50 000; what would be signed pays 40 000 and leaves the rest to a miner.
    puppet.propose(proposal(&party, spend(&meant).messages, shown.serialize(), 60_000));
    for wallet in &mut party.wallets {
        assert_refused(wallet).await;
    }
}

#[tokio::test]
async fn payload_that_is_no_psbt_or_spends_other_coins_is_refused_by_everybody() {
    let (mut party, puppet) = with_puppet().await;
    let real = party.psbt(&[60_000], 50_000);
    let messages =
        ensign_psbt::analyze(&ensign_psbt::parse(&real.serialize()).unwrap(), &party.psbt_group())
            .unwrap()
            .messages;
    let mut without = real.clone();
    without.inputs[0].witness_utxo = None;
    let mut loose = real.clone();
    loose.inputs[0].sighash_type = Some(bitcoin::psbt::PsbtSighashType::from_u32(0x83));
    let payloads = [
        (b"garbage".to_vec(), 60_000),
        (without.serialize(), 60_000),
        (loose.serialize(), 60_000),
        (real.serialize(), 1),
    ];
    for (payload, amount) in payloads {
        puppet.propose(proposal(&party, messages.clone(), payload, amount));
        for wallet in &mut party.wallets {
            assert_refused(wallet).await;
            wallet.seen.clear();
        }
    }
}

fn proposal(
    party: &Party,
    messages: Vec<ensign_wire::Message>,
    payload: Vec<u8>,
    amount: u64,
) -> Proposal {
    Proposal {
        group: party.group,
        messages,
        source: Source::Psbt(payload),
        purpose: String::new(),
        tx_type: TxType::Spend,
        amount,
        lifetime: std::time::Duration::from_secs(3600),
        mode: Mode::Committed,
    }
}

async fn assert_refused(wallet: &mut super::party::Wallet) {
    let problem = wallet
        .until(|event| match event {
            Event::Warning { problem, .. } if problem.code == "E-SES-002" => {
                Some(problem.as_ref().clone())
            }
            _ => None,
        })
        .await;
    assert_eq!(problem.code, "E-SES-002");
    let told = wallet.seen.iter().filter(|event| event.request().is_some()).count();
    assert_eq!(told, 0, "nobody was even asked");
}

#[tokio::test]
async fn stranger_cannot_wash_away_what_the_application_waits_for() {
    let mut party = Party::new(2).await;
    party.wallets[1].wait();
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.wallets[1].approval().await;
    // A reader that does not look until all is over.
    let mut sleepy = party.wallets[0].coordinator.events();
    for number in 0..100_u8 {
        let mut secret = [0x99; 32];
        secret[0] = number + 1;
        let mut raw = Raw::connect(secret, &keys(0), party.wallets[0].address()).await;
        raw.say_bytes(Kind::Ping, vec![0xff; 64]);
        raw.closed().await;
    }
    party.wallets[1].coordinator.approve(asked.id, Consent::person(asked.digest)).await.unwrap();
    party.all_done(asked.id).await;
    let mut warnings = 0;
    within(async {
        loop {
            match sleepy.next().await.unwrap() {
                Event::Request(_, RequestEvent::Done { .. }) => return,
                Event::Warning { peer, .. } => {
                    assert!(peer.is_some(), "events were lost");
                    warnings += 1;
                }
                _ => {}
            }
        }
    })
    .await;
    assert!((1..100).contains(&warnings), "{warnings}");
}
