//! The group of the story as it forms: one example of each message, written by hand after
//! `docs/protocol/formation.md`.

use ensign_identity::Signature;
use ensign_primitives::SignerIndex;
use ensign_wire::{
    Candidate, Certificate, Fingerprint, FormationBody, FormationMessage, FormationStatement,
    Frame, InvitationId, Roster, RosterMember, RosterOffer, Seat, SeatAnswer, Seated, Signable,
};

use crate::{
    dump::Dump,
    examples::{Example, delegation, framed, signed, signed_content},
    hashes::{Hash, network, with_length},
    story,
};

const INVITATION: InvitationId = InvitationId([0x1d; 16]);
const PROOF: [u8; 32] = [0xb0; 32];
const NAMES: [&str; 2] = ["alice", "bob"];

/// Who stands where in the roster: rising signer keys.
fn order() -> [u8; 2] {
    if story::signer(0) < story::signer(1) { [0, 1] } else { [1, 0] }
}

fn member(index: u8) -> RosterMember {
    let (signer, peer) = (story::signer(index), story::node(index).peer_id());
    let name = NAMES[usize::from(index)].to_owned();
    RosterMember { signer, peer, delegation: story::delegation(index), name }
}

fn member_fields(index: u8) -> Dump {
    member_fields_with(index, delegation(index))
}

fn member_fields_with(index: u8, delegation: Dump) -> Dump {
    let member = member(index);
    Dump::default()
        .raw(&member.signer.to_bytes(), "signer key")
        .raw(member.peer.as_bytes(), "node")
        .then(delegation)
        .varint(member.name.len() as u64, "bytes of the name")
        .raw(member.name.as_bytes(), &member.name)
}

fn roster() -> Roster {
    let members = order().map(member).to_vec();
    Roster { network: story::NETWORK, name: "rent".into(), invitation: Some(INVITATION), members }
}

fn roster_fields() -> Dump {
    roster_fields_of(member_fields)
}

/// What the digest is of: everything but the delegations.
fn agreed_fields() -> Dump {
    roster_fields_of(|index| member_fields_with(index, Dump::default()))
}

fn roster_fields_of(member: impl Fn(u8) -> Dump) -> Dump {
    let head = network()
        .varint(4, "bytes of the name")
        .raw(b"rent", "rent")
        .variant(1, "invitation: present")
        .raw(&INVITATION.0, "invitation")
        .varint(2, "members");
    order().into_iter().fold(head, |dump, index| dump.then(member(index)))
}

fn address() -> Dump {
    Dump::default()
        .varint(1, "addresses")
        .variant(0, "IPv4")
        .raw(&[192, 0, 2, 7], "address")
        .varint(40_321, "port")
}

fn value(index: u8) -> [u8; 32] {
    [0xa0 + index; 32]
}

fn fingerprint() -> Fingerprint {
    Fingerprint::new(story::NETWORK, &roster().digest(), &order().map(value))
}

/// One example of each message.
pub(crate) fn examples() -> [Example; 5] {
    [seat(), seated(), roster_offer(), statement(), certificate()]
}

fn seat() -> Example {
    let addresses = vec!["192.0.2.7:40321".parse().unwrap()];
    let candidate = Candidate { member: member(1), addresses }.encode();
    let inner = member_fields(1).then(address());
    let fields = Dump::default()
        .raw(&INVITATION.0, "invitation")
        .raw(&PROOF, "proof")
        .varint(inner.bytes().len() as u64, "bytes of the candidate")
        .then(inner);
    let seat = Seat { invitation: INVITATION, proof: PROOF, candidate };
    framed("FormationSeat", Frame::Formation(FormationMessage::Seat(seat)), 0xa0, fields)
}

fn seated() -> Example {
    let answer = SeatAnswer::Taken { proof: PROOF, taken: 2 };
    let fields = Dump::default()
        .raw(&INVITATION.0, "invitation")
        .variant(0, "answer: Taken")
        .raw(&PROOF, "proof")
        .variant(2, "taken");
    let seated = Seated { invitation: INVITATION, answer };
    framed("FormationSeated", Frame::Formation(FormationMessage::Seated(seated)), 0xa1, fields)
}

fn roster_offer() -> Example {
    let addresses = vec![vec!["192.0.2.7:40321".parse().unwrap()], vec![]];
    let offer = RosterOffer { roster: roster(), addresses };
    let fields = roster_fields().varint(2, "lists of addresses").then(address());
    let fields = fields.varint(0, "addresses");
    let message = FormationMessage::Roster(offer.encode());
    framed("FormationRoster", Frame::Formation(message), 0xa2, fields)
}

fn said() -> FormationStatement {
    let roster = roster();
    let (digest, signer) = (roster.digest(), SignerIndex(1));
    let by = order()[1];
    let commitment = roster.commitment(&digest, signer, &value(by));
    FormationStatement { roster: digest, signer, body: FormationBody::Commit(commitment) }
}

fn said_fields() -> Dump {
    let FormationStatement { roster, body, .. } = said();
    let FormationBody::Commit(commitment) = body else { panic!("it commits") };
    Dump::default()
        .raw(&roster, "roster")
        .varint(1, "signer")
        .variant(0, "body: Commit")
        .raw(&commitment, "commitment")
}

fn statement() -> Example {
    let frame = |signed| Frame::Formation(FormationMessage::Statement(signed));
    signed(("FormationStatement", 0xa3), order()[1], said(), said_fields(), frame)
}

fn certificate() -> Example {
    let signatures: Vec<Signature> =
        order().into_iter().map(|by| story::node(by).sign(fingerprint().as_bytes())).collect();
    let certificate =
        Certificate { roster: roster(), values: order().map(value).to_vec(), signatures };
    certificate.verify().unwrap();
    let values = order().into_iter().fold(roster_fields().varint(2, "values"), |dump, by| {
        dump.raw(&value(by), &format!("value of {}", NAMES[usize::from(by)]))
    });
    let fields =
        certificate.signatures.iter().fold(values.varint(2, "signatures"), |dump, signature| {
            dump.raw(&signature.0, "signature of the node key over the fingerprint")
        });
    let message = FormationMessage::Certificate(certificate.encode());
    framed("FormationCertificate", Frame::Formation(message), 0xa4, fields)
}

/// One example of each hash.
pub(crate) fn hashes() -> [Hash; 4] {
    let digest = roster().digest();
    let roster_hash = network().then(with_length(agreed_fields(), "bytes of what is agreed on"));
    let by = order()[1];
    let committed = network().raw(&digest, "roster").u64_le(1, "signer").raw(&value(by), "value");
    let values = order().into_iter().fold(network().raw(&digest, "roster"), |dump, by| {
        dump.raw(&value(by), &format!("value of {}", NAMES[usize::from(by)]))
    });
    let content = signed_content(&story::node(by), 1, said_fields());
    let statement = network().then(with_length(content, "bytes of the fields"));
    let signed = ensign_wire::Signed::new(
        &story::node(by),
        story::NETWORK,
        1,
        ensign_primitives::UnixTime::from_millis(story::CREATED),
        said(),
    );
    [
        Hash { tag: "ensign/roster/v1", fields: roster_hash, computed: digest },
        Hash {
            tag: "ensign/formation-commit/v1",
            fields: committed,
            computed: roster().commitment(&digest, SignerIndex(1), &value(by)),
        },
        Hash { tag: "ensign/certificate/v1", fields: values, computed: *fingerprint().as_bytes() },
        Hash {
            tag: FormationStatement::TAG,
            fields: statement,
            computed: *signed.unwrap().digest(),
        },
    ]
}
