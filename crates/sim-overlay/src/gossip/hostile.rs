//! What Sybils say.

use ensign_wire::{GossipControl, GossipData, GossipMessage, MessageId, Topic};

/// What a Sybil does; all of them graft whoever they reach, and forward nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trick {
    /// Nothing else.
    Sits,
    /// Names what there is and what there is not, and brings none of it.
    Promises,
    /// Sends what is false.
    Lies,
    /// Grafts again and again.
    Pushes,
}

impl Trick {
    pub(crate) const fn of(number: u32) -> Self {
        match number % 4 {
            0 => Self::Sits,
            1 => Self::Promises,
            2 => Self::Lies,
            _ => Self::Pushes,
        }
    }

    /// What it says to a node that it reaches.
    pub(crate) fn greeting(topic: Topic) -> [GossipMessage; 2] {
        let topics = GossipControl::Topics { joined: vec![topic], left: Vec::new() };
        [topics, GossipControl::Graft { topic }].map(GossipMessage::Control)
    }

    /// What it says to every node that it reaches, time and again.
    pub(crate) fn says(self, topic: Topic, round: u64, number: u32) -> Option<GossipMessage> {
        let mut name = [0xee; 20];
        name[..8].copy_from_slice(&round.to_be_bytes());
        name[8..12].copy_from_slice(&number.to_be_bytes());
        Some(match self {
            Self::Sits => return None,
            Self::Promises => {
                let ids = vec![MessageId(name)];
                GossipMessage::Control(GossipControl::IHave { topic, ids })
            }
            Self::Lies => {
                let mut data = name.to_vec();
                data.resize(FALSE_BYTES, FALSE);
                GossipMessage::Data(GossipData { topic, data: data.into() })
            }
            Self::Pushes => GossipMessage::Control(GossipControl::Graft { topic }),
        })
    }
}

/// The last byte of a message that is false, and of one that is not.
pub(crate) const FALSE: u8 = 0xff;
const FALSE_BYTES: usize = 300;
