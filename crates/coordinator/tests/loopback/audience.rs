//! Every kind of frame from everybody who might send it: read from its audience, and from nobody else.

use std::net::SocketAddr;

use ensign_coordinator::{Keys, Member};
use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::QueryId;
use ensign_transport::CloseCode;
use ensign_wire::{Audience, Family, Frame, Kind, Lane, PROTOCOL_VERSION};
use tokio::task::{JoinSet, LocalSet};

use super::{
    hostile::hello,
    party::{NETWORK, Party, keys},
    puppet::{Raw, delegate},
};

/// How many of them speak at a time.
const AT_ONCE: usize = 30;

/// Who sends a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Stranger,
    IntroducedStranger,
    SilentMember,
    Member,
}

use Sender::{IntroducedStranger, Member as Introduced, SilentMember, Stranger};

/// A sender and what it sends, with a secret of its own.
#[derive(Clone, Copy, Debug)]
struct Case {
    sender: Sender,
    kind: Kind,
    number: u8,
}

impl Case {
    fn all() -> Vec<Self> {
        let senders = [Stranger, IntroducedStranger, SilentMember, Introduced];
        let pairs = senders.into_iter().flat_map(|sender| Kind::ALL.map(|kind| (sender, kind)));
        (0x40..).zip(pairs).map(|(number, (sender, kind))| Self { sender, kind, number }).collect()
    }

    fn is_member(&self) -> bool {
        matches!(self.sender, SilentMember | Introduced)
    }

    /// Whether it may be said before the receiver has decided, and is heard of members only.
    fn is_dropped_unread(&self) -> bool {
        self.sender == IntroducedStranger && matches!(self.kind, Kind::Groups | Kind::Welcome)
    }

    /// Whether it is of a network in which we take no part: not read, and nobody's fault.
    fn is_held(&self) -> bool {
        let is_introduced = matches!(self.sender, IntroducedStranger | Introduced);
        is_introduced && matches!(self.kind.family(), Family::Dht | Family::Gossip)
    }

    fn keys(&self) -> Keys {
        let node_key = NodeKey::from_secret_bytes([self.number; 32]).unwrap();
        Keys::new(NETWORK, node_key, SecKey::from_secret_bytes([self.number; 32]).unwrap()).unwrap()
    }

    /// Sends a body that is no value of any kind: it costs its sender the connection as soon as it is
    /// read, so that what it costs says whether it was. Returns why the connection ended.
    async fn play(self, to: Keys, address: SocketAddr) -> (Self, CloseCode) {
        let mut raw = Raw::connect([self.number; 32], &to, address).await;
        if matches!(self.sender, IntroducedStranger | Introduced) {
            raw.say(&hello(PROTOCOL_VERSION));
            if self.sender == Introduced {
                let node_key = NodeKey::from_secret_bytes([self.number; 32]).unwrap();
                let sec_key = SecKey::from_secret_bytes([self.number; 32]).unwrap();
                let proof = delegate(&node_key, &sec_key);
                raw.say_member(&self.keys().signer_key(), proof);
            }
            raw.say(&Frame::Ping(QueryId(1)));
            while raw.frame().await != Frame::Pong(QueryId(1)) {}
        }
        // What is not read costs one point of those that end a connection.
        for _ in 0..if self.is_dropped_unread() { 4 } else { 1 } {
            raw.say_bytes(self.kind, vec![self.kind.id(), 0]);
        }
        if self.is_held() {
            raw.say_bytes(Kind::Ping, vec![Kind::Ping.id(), 0]);
        }
        (self, raw.close_code().await)
    }

    /// What is said of the sender, any of these, and with which code its connection ends.
    fn costs(&self) -> (Vec<String>, CloseCode) {
        let kind = self.kind;
        let read = || (vec!["expected more bytes at offset 0".to_owned()], CloseCode::Offense);
        let no_member = format!("{kind:?} from a node that is no member of a group of ours");
        let silence = "no hello in time".to_owned();
        match (self.sender, kind.audience()) {
            // Of anyone, and of a network in which we take no part.
            (Stranger | SilentMember, Audience::Anyone) if kind.family() == Family::Dht => {
                (vec![silence], CloseCode::Silent)
            }
            (IntroducedStranger | Introduced, _) if kind == Kind::Hello => {
                (vec!["a second hello".to_owned()], CloseCode::Offense)
            }
            (IntroducedStranger, _) if self.is_dropped_unread() => {
                (vec![format!("{kind:?} from a node of no group of ours")], CloseCode::Offense)
            }
            (_, Audience::Anyone)
            | (IntroducedStranger, Audience::Introduced)
            | (Introduced, Audience::Introduced | Audience::Member) => read(),
            // The bulk lane of a stranger is not read at all.
            (Stranger, Audience::Introduced) if kind.lane() == Lane::Bulk => {
                (vec![silence], CloseCode::Silent)
            }
            (Stranger, Audience::Introduced) => {
                (vec![format!("{kind:?} before hello")], CloseCode::Silent)
            }
            (IntroducedStranger, Audience::Member) => (vec![no_member], CloseCode::Offense),
            // Its hello may be on its way: what comes before is not read, and costs nothing.
            (Stranger, Audience::Member)
            | (SilentMember, Audience::Introduced | Audience::Member) => {
                (vec![silence], CloseCode::Silent)
            }
        }
    }
}

#[tokio::test]
async fn every_kind_is_read_from_its_audience_and_costs_everybody_else_what_it_should() {
    let cases = Case::all();
    let members = cases.iter().filter(|case| case.is_member()).map(|case| {
        let (name, keys) = (format!("signer {}", case.number), case.keys());
        Member {
            name,
            signer: keys.signer_key(),
            peer: keys.peer_id(),
            addresses: vec![],
            delegation: None,
        }
    });
    let mut party = Party::with(1, members.collect()).await;
    let address = party.wallets[0].address();
    // Fewer at once than may begin from one address.
    for some in cases.chunks(AT_ONCE) {
        let mut played = JoinSet::new();
        let local = LocalSet::new();
        for case in some {
            played.spawn_local_on(case.play(keys(0), address), &local);
        }
        for (case, code) in local.run_until(played.join_all()).await {
            let told = party.wallets[0].warning(Some(case.keys().peer_id())).await;
            let (expected, expected_code) = case.costs();
            assert_eq!(told.code, "E-PEER-001", "{case:?}: {}", told.what);
            let is_named = expected.iter().any(|what| told.what.contains(what));
            assert!(is_named, "{case:?}: {:?}, not {expected:?}", told.what);
            assert_eq!(code, expected_code, "{case:?}: {}", told.what);
        }
    }
}
