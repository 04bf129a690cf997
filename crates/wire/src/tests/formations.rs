//! Values of what is said while a group forms.

use std::boxed::Box;

use ensign_identity::Signature;
use ensign_primitives::SignerIndex;
use proptest::{collection::vec, prelude::*};

use super::values::{NETWORK, NOW, node_key};
use crate::{
    FormationBody, FormationMessage, FormationStatement, InvitationId, Seat, SeatAnswer, Seated,
    Signed,
};

pub(super) fn formations() -> impl Strategy<Value = FormationMessage> {
    let hash = any::<[u8; 32]>;
    let seat = (any::<[u8; 16]>(), hash(), vec(any::<u8>(), 1..=9));
    let seat = seat.prop_map(|(id, proof, candidate)| {
        FormationMessage::Seat(Seat { invitation: InvitationId(id), proof, candidate })
    });
    let seated = (any::<[u8; 16]>(), hash(), any::<u8>()).prop_map(|(id, proof, taken)| {
        let answer = SeatAnswer::Taken { proof, taken };
        FormationMessage::Seated(Seated { invitation: InvitationId(id), answer })
    });
    let body = prop_oneof![
        hash().prop_map(FormationBody::Commit),
        hash().prop_map(FormationBody::Reveal),
        Just(FormationBody::Confirm(Signature([7; 64]))),
        Just(FormationBody::Refuse),
    ];
    let statement = (hash(), 0..64_u16, body).prop_map(|(roster, signer, body)| {
        let said = FormationStatement { roster, signer: SignerIndex(signer), body };
        let signed = Signed::new(node_key(0), NETWORK, 1, NOW, said).unwrap();
        FormationMessage::Statement(Box::new(signed))
    });
    let bytes = || vec(any::<u8>(), 1..=9);
    prop_oneof![
        seat,
        seated,
        statement,
        bytes().prop_map(FormationMessage::Roster),
        bytes().prop_map(FormationMessage::Certificate),
    ]
}
