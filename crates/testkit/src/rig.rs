//! What stands around a machine while operations happen to it.

use std::fmt::Debug;

use ensign_primitives::{Now, Occupancy, StateMachine};

use crate::Bounds;

/// How a machine is made, and what an act of the world does to it.
///
/// A rig plays the machine's surroundings: it takes every output and may keep what it needs for
/// later acts, such as a token to be answered or a frame to be delivered. It must be deterministic,
/// as the machine must be.
pub trait Rig {
    /// The machine.
    type Machine: StateMachine<Output: Debug>;
    /// What the world can do; small, so that it shrinks: which of the waiting frames arrives, and
    /// not the frame.
    type Action: Clone + Debug;

    /// Makes the machine; equal whenever it is asked.
    fn machine(&mut self, now: Now) -> Self::Machine;

    /// Returns what the machine may at most do.
    fn bounds(&self) -> Bounds;

    /// Returns both clocks at the start.
    fn start(&self) -> Now {
        Now::default()
    }

    /// Lets the world act on the machine: at most one call of a method that changes it. An act that
    /// makes no sense now does nothing.
    fn act(&mut self, now: Now, machine: &mut Self::Machine, action: &Self::Action);

    /// Takes one output.
    fn absorb(&mut self, _now: Now, _output: <Self::Machine as StateMachine>::Output) {}

    /// Looks at the machine after each call; panics when it breaks a rule of its own.
    fn inspect(&self, _machine: &Self::Machine) {}

    /// Returns how full the machine's collections are.
    fn occupancy(&self, _machine: &Self::Machine) -> Vec<Occupancy> {
        Vec::new()
    }
}

/// The rig of a machine that needs nothing around it: an act is an input.
#[derive(Clone, Debug)]
pub struct Inputs<F> {
    /// Makes the machine.
    pub machine: F,
    /// What the machine may at most do.
    pub bounds: Bounds,
}

impl<M, F> Rig for Inputs<F>
where
    M: StateMachine<Input: Clone + Debug, Output: Debug>,
    F: Fn(Now) -> M,
{
    type Machine = M;
    type Action = M::Input;

    fn machine(&mut self, now: Now) -> M {
        (self.machine)(now)
    }

    fn bounds(&self) -> Bounds {
        self.bounds
    }

    fn act(&mut self, now: Now, machine: &mut M, input: &M::Input) {
        machine.handle_input(now, input.clone());
    }
}
