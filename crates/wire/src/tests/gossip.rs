//! Messages of topics: what fits, and what is refused.

use std::{vec, vec::Vec};

use ensign_primitives::Network;
use proptest::{collection::vec as many, prelude::*};

use super::values::NETWORK;
use crate::{
    DecodeError, Frame, GOSSIP_BACKOFF_SECONDS_MAX, GOSSIP_DATA_BYTES_MAX, GOSSIP_IDS_MAX,
    GOSSIP_TOPICS_MAX, GossipControl, GossipData, GossipMessage, Kind, MessageId, Topic,
};

/// Any message.
pub(super) fn messages() -> impl Strategy<Value = GossipMessage> {
    let topic = || any::<[u8; 8]>().prop_map(Topic);
    let ids = || many(any::<[u8; 20]>().prop_map(MessageId), 1..5);
    let control = prop_oneof![
        (many(topic(), 1..4), many(topic(), 0..4))
            .prop_map(|(joined, left)| GossipControl::Topics { joined, left }),
        topic().prop_map(|topic| GossipControl::Graft { topic }),
        (topic(), 0..=GOSSIP_BACKOFF_SECONDS_MAX)
            .prop_map(|(topic, backoff)| GossipControl::Prune { topic, backoff }),
        topic().prop_map(|topic| GossipControl::Choke { topic }),
        topic().prop_map(|topic| GossipControl::Unchoke { topic }),
        (topic(), ids()).prop_map(|(topic, ids)| GossipControl::IHave { topic, ids }),
        ids().prop_map(|ids| GossipControl::IWant { ids }),
        ids().prop_map(|ids| GossipControl::IDontWant { ids }),
    ];
    let data = (topic(), many(any::<u8>(), 1..300))
        .prop_map(|(topic, data)| GossipMessage::Data(GossipData { topic, data: data.into() }));
    prop_oneof![1 => data, 8 => control.prop_map(GossipMessage::Control)]
}

fn refused(message: GossipMessage) -> DecodeError {
    let (kind, body) = (message.kind(), message.encode());
    Frame::decode(kind, &body, NETWORK).unwrap_err()
}

#[test]
fn the_largest_messages_fit_and_one_more_is_refused() {
    let topic = Topic([0xff; 8]);
    let ids = |count| vec![MessageId([0xff; 20]); count];
    let topics = |count| vec![topic; count];
    let data = |count| {
        let data = vec![0xff; count].into();
        GossipMessage::Data(GossipData { topic, data })
    };
    let control = GossipMessage::Control;
    let largest = [
        data(GOSSIP_DATA_BYTES_MAX),
        control(GossipControl::Topics { joined: topics(GOSSIP_TOPICS_MAX), left: vec![] }),
        control(GossipControl::Prune { topic, backoff: GOSSIP_BACKOFF_SECONDS_MAX }),
        control(GossipControl::IHave { topic, ids: ids(GOSSIP_IDS_MAX) }),
        control(GossipControl::IWant { ids: ids(GOSSIP_IDS_MAX) }),
        control(GossipControl::IDontWant { ids: ids(GOSSIP_IDS_MAX) }),
    ];
    for message in largest {
        let frame = Frame::Gossip(message);
        assert_eq!(Frame::decode_whole(&frame.encode(), NETWORK), Ok(frame));
    }
    let out_of_range = [
        data(0),
        data(GOSSIP_DATA_BYTES_MAX + 1),
        control(GossipControl::Topics { joined: topics(20), left: topics(13) }),
        control(GossipControl::Topics { joined: vec![], left: vec![] }),
        control(GossipControl::Prune { topic, backoff: GOSSIP_BACKOFF_SECONDS_MAX + 1 }),
        control(GossipControl::IHave { topic, ids: vec![] }),
        control(GossipControl::IWant { ids: vec![] }),
        control(GossipControl::IDontWant { ids: vec![] }),
    ];
    for message in out_of_range {
        assert!(matches!(refused(message), DecodeError::OutOfRange { .. }));
    }
    let many = control(GossipControl::IWant { ids: ids(GOSSIP_IDS_MAX + 1) });
    assert!(matches!(
        refused(many),
        DecodeError::OutOfRange { .. } | DecodeError::FrameTooLarge { .. }
    ));
}

#[test]
fn names_keep_networks_topics_and_data_apart() {
    let topic = Topic::of(NETWORK, "advert");
    let name = |network, topic, data: &[u8]| MessageId::of(network, topic, data);
    let own = name(NETWORK, topic, b"said");
    assert_eq!(own, name(NETWORK, topic, b"said"));
    assert_ne!(topic, Topic::of(Network::Bitcoin, "advert"));
    let others: Vec<_> = [
        name(Network::Bitcoin, topic, b"said"),
        name(NETWORK, Topic::of(NETWORK, "notice"), b"said"),
        name(NETWORK, topic, b"sai"),
    ]
    .into();
    assert!(!others.contains(&own));
    assert_eq!(Kind::GossipControl.limit(), 1304);
}
