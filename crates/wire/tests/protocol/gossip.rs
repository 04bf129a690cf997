//! Messages of topics: one example of each, written by hand after `docs/protocol/gossip.md`.

use ensign_wire::{Frame, GossipControl, GossipData, GossipMessage, MessageId, Topic};

use crate::{
    dump::Dump,
    examples::{Example, framed},
    hashes::{Hash, network},
    story,
};

const NAME: &str = "advert";
const DATA: &[u8] = b"signed";

fn topic() -> Topic {
    Topic::of(story::NETWORK, NAME)
}

fn id() -> MessageId {
    MessageId::of(story::NETWORK, topic(), DATA)
}

/// One example of each frame.
pub(crate) fn examples() -> [Example; 2] {
    let (topic, data) = (topic(), DATA.into());
    let message = GossipMessage::Data(GossipData { topic, data });
    let fields = Dump::default()
        .raw(&topic.0, "topic")
        .varint(DATA.len() as u64, "bytes of the message")
        .raw(DATA, "message");
    let control = GossipMessage::Control(GossipControl::IHave { topic, ids: vec![id()] });
    let control_fields = Dump::default()
        .variant(5, "IHave")
        .raw(&topic.0, "topic")
        .varint(1, "messages")
        .raw(&id().0, "name of a message");
    [
        framed("GossipData", Frame::Gossip(message), 0x60, fields),
        framed("GossipControl", Frame::Gossip(control), 0x61, control_fields),
    ]
}

/// One example of each hash, of which the first bytes are used.
pub(crate) fn hashes() -> [Hash; 2] {
    let of_topic = network().raw(NAME.as_bytes(), "name of the topic");
    let of_message = network().raw(&topic().0, "topic").raw(DATA, "message");
    let (topic_hash, message_hash) = (
        of_topic.tagged_hash("ensign/gossip-topic/v1"),
        of_message.tagged_hash("ensign/gossip-message/v1"),
    );
    assert_eq!(topic_hash[..8], topic().0);
    assert_eq!(message_hash[..20], id().0);
    [
        Hash { tag: "ensign/gossip-topic/v1", fields: of_topic, computed: topic_hash },
        Hash { tag: "ensign/gossip-message/v1", fields: of_message, computed: message_hash },
    ]
}
