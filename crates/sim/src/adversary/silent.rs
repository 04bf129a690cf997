//! Says nothing at all, or nothing more from one step of the session on.

use ensign_engine::Output;
use ensign_wire::Kind;

use super::{Act, Adversary, Seat};

pub(super) const SILENT: Act = Act {
    name: "silent",
    about: "takes every connection and never says a word, not even hello (member or stranger)",
    make: || Box::new(Silent { never: &Kind::ALL }),
};

pub(super) const JOIN: Act = Act {
    name: "silent-join",
    about: "acknowledges every request and never joins one (member)",
    make: || {
        Box::new(Silent {
            never: &[
                Kind::SessionJoin,
                Kind::NonceShare,
                Kind::NoncesComplete,
                Kind::PartialSigShare,
                Kind::PartialSigsComplete,
                Kind::SignatureFinalized,
            ],
        })
    },
};

pub(super) const REVEAL: Act = Act {
    name: "silent-reveal",
    about: "joins and never reveals its nonces; in mode fast, where they ride on the join, never signs \
            (member)",
    make: || {
        Box::new(Silent {
            never: &[
                Kind::NonceShare,
                Kind::NoncesComplete,
                Kind::PartialSigShare,
                Kind::PartialSigsComplete,
                Kind::SignatureFinalized,
            ],
        })
    },
};

pub(super) const PARTIAL: Act = Act {
    name: "silent-partial",
    about: "joins, reveals its nonces, and never signs: it keeps the signature for itself (member)",
    make: || {
        Box::new(Silent {
            never: &[Kind::PartialSigShare, Kind::PartialSigsComplete, Kind::SignatureFinalized],
        })
    },
};

#[derive(Debug)]
struct Silent {
    never: &'static [Kind],
}

impl Adversary for Silent {
    fn speak(&mut self, _: &mut Seat, output: Output) -> Option<Output> {
        let unsaid = matches!(&output, Output::Send { kind, .. } if self.never.contains(kind));
        (!unsaid).then_some(output)
    }
}
