//! What sits in a node's place: the production engine, or an adversary in its clothes.

use ensign_engine::{CommandError, Engine, Input, Output};
use ensign_primitives::{Now, Occupancy, StateMachine, Wakeup};

use crate::{
    NodeIndex,
    adversary::{self, Hostile},
    plan::Plan,
};

/// The machine of one running process.
#[derive(Debug)]
pub(crate) enum Actor {
    Honest(Box<Engine>),
    Hostile(Box<Hostile>),
}

impl Actor {
    pub(crate) fn new(engine: Engine, plan: &Plan, node: NodeIndex, boot: u32) -> Self {
        match adversary::cast(plan, node) {
            None => Self::Honest(Box::new(engine)),
            Some(act) => Self::Hostile(Box::new(Hostile::new(engine, act, plan, node, boot))),
        }
    }

    /// The engine, or the one that the adversary plays with.
    pub(crate) const fn engine(&self) -> &Engine {
        match self {
            Self::Honest(engine) => engine,
            Self::Hostile(hostile) => hostile.engine(),
        }
    }

    /// How full each collection is.
    pub(crate) fn occupancy(&self) -> impl Iterator<Item = Occupancy> {
        let beside = match self {
            Self::Honest(_) => None,
            Self::Hostile(hostile) => hostile.holds(),
        };
        self.engine().occupancy().chain(beside)
    }

    pub(crate) fn command(
        &mut self,
        now: Now,
        command: impl FnOnce(&mut Engine) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        match self {
            Self::Honest(engine) => command(engine),
            Self::Hostile(hostile) => hostile.command(now, command),
        }
    }
}

impl StateMachine for Actor {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        match self {
            Self::Honest(engine) => engine.handle_input(now, input),
            Self::Hostile(hostile) => hostile.handle_input(now, input),
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        match self {
            Self::Honest(engine) => engine.handle_timeout(now),
            Self::Hostile(hostile) => hostile.handle_timeout(now),
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        match self {
            Self::Honest(engine) => engine.poll_output(),
            Self::Hostile(hostile) => hostile.poll_output(),
        }
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        match self {
            Self::Honest(engine) => engine.poll_timeout(),
            Self::Hostile(hostile) => hostile.poll_timeout(),
        }
    }
}
