//! What a guard can do, and how often it did.

/// What was done to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// What it sent was not read; nobody blames it.
    Held,
    /// It did wrong, and points count against it.
    Charged,
    /// Its connection was ended.
    Closed,
    /// Its connection was not taken.
    Refused,
    /// Its connection gave way to another one.
    GaveWay,
    /// It was told what a place costs, and has to work for it or to wait.
    Priced,
    /// It is shut out by our user's word.
    Banned,
}

/// Everything that can be done, in the order in which it is shown.
pub const ACTS: [Act; 7] =
    [Act::Held, Act::Charged, Act::Closed, Act::Refused, Act::GaveWay, Act::Priced, Act::Banned];

impl Act {
    /// Returns its name, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Charged => "charged",
            Self::Closed => "closed",
            Self::Refused => "refused",
            Self::GaveWay => "gave_way",
            Self::Priced => "priced",
            Self::Banned => "banned",
        }
    }
}

/// How often each was done, and what it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that were not read.
    pub held: u64,
    /// Wrongs that were charged.
    pub charged: u64,
    /// Points that they cost.
    pub points: u64,
    /// Connections that were ended.
    pub closed: u64,
    /// Connections that were not taken.
    pub refused: u64,
    /// Connections that gave way.
    pub gave_way: u64,
    /// Prices that were told.
    pub priced: u64,
    /// Connections that were shut out by our user's word.
    pub banned: u64,
}

impl Counts {
    pub(crate) const fn add(&mut self, act: Act, points: u32) {
        let count = match act {
            Act::Held => &mut self.held,
            Act::Charged => &mut self.charged,
            Act::Closed => &mut self.closed,
            Act::Refused => &mut self.refused,
            Act::GaveWay => &mut self.gave_way,
            Act::Priced => &mut self.priced,
            Act::Banned => &mut self.banned,
        };
        *count = count.saturating_add(1);
        self.points = self.points.saturating_add(points as u64);
    }

    /// Returns how often one thing was done.
    pub const fn of(&self, act: Act) -> u64 {
        match act {
            Act::Held => self.held,
            Act::Charged => self.charged,
            Act::Closed => self.closed,
            Act::Refused => self.refused,
            Act::GaveWay => self.gave_way,
            Act::Priced => self.priced,
            Act::Banned => self.banned,
        }
    }
}
