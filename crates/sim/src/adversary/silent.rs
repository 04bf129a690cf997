//! Goes silent once the session asks for its partial signature.

use ensign_engine::Output;
use ensign_wire::Kind;

use super::{Act, Adversary, Seat};

pub(super) const ACT: Act = Act {
    name: "silent",
    about: "joins, reveals its nonces, and never signs",
    make: || Box::new(Silent),
};

#[derive(Debug)]
struct Silent;

impl Adversary for Silent {
    fn speak(&mut self, _: &mut Seat, output: Output) -> Option<Output> {
        let signs = matches!(
            output,
            Output::Send {
                kind: Kind::PartialSigShare | Kind::SignatureFinalized | Kind::PartialSigsComplete,
                ..
            }
        );
        (!signs).then_some(output)
    }
}
