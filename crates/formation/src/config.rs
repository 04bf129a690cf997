//! What the machine is made from, and its limits.

use core::time::Duration;

use ensign_primitives::Network;

/// Most groups that form at once. Guess: a person forms one, a treasury of many wallets a handful.
pub const PENDING_MAX: usize = 8;
/// Most certificates that are kept, and so most groups that have one; those that form are counted too.
/// As many as a node has groups.
pub const CERTIFICATES_MAX: usize = 64;
/// Most connected nodes that are kept in mind. Guess: above what a node lets in.
pub const LINKS_MAX: usize = 1536;
/// Most nodes that are wanted: the members of everything that forms, or has just formed.
pub const WANTED_MAX: usize = (PENDING_MAX + CERTIFICATES_MAX) * ensign_wire::ROSTER_MEMBERS_MAX;
/// Most refusals of our user that are remembered, so that who asks again is told again. Guess: a few for
/// each group that forms.
pub const REFUSALS_REMEMBERED: usize = 32;

/// Most members of a pasted roster in which all hand on what each says. Guess: the cube of it, some
/// thousand small frames, is no load once; larger groups are connected as they have to be anyhow.
pub const RELAYED_BY_ALL_MAX: usize = 16;

/// How long an invitation's code may be used. Guess: an hour, in which everybody sits at a keyboard.
pub const INVITATION_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How far whoever invites may be ahead of our clock: the age that messages may have anyhow.
pub const CLOCK_AHEAD_MAX: Duration = Duration::from_secs(5 * 60);
/// How long a node waits for what it asks to be told again, or what did not leave for it. Guess: soon for a
/// person, seldom for a node that reads nothing and asks for more.
pub const GREETING_INTERVAL: Duration = Duration::from_secs(5);
/// How often a node asks for its seat again on one connection while it is not answered: for as long as a
/// stranger may stay, after which it comes again.
pub const SEATS_SAID_AGAIN_MAX: u8 = 5;
/// How long a roster waits for our user's confirmation. Guess: a day; somebody may have to be called.
pub const FORMATION_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the members of a group that has formed stay wanted on behalf of the formation. Guess: enough
/// for the group to be entered elsewhere, which wants them then.
pub const FORMED_LINGER: Duration = Duration::from_secs(60);
/// Most rosters of others that are read for one group that forms. Guess: a few of each member; what is
/// beyond tells nobody anything new.
pub const ROSTERS_READ_MAX: u16 = 256;
/// How many wrong proofs close an invitation: its secret has 128 bits, so whoever gives that many is no
/// guesser but somebody between. Guess: a few mistakes of a broken program.
pub const WRONG_PROOFS_MAX: u8 = 8;

/// What the machine is made from.
#[derive(Clone, Copy, Debug)]
pub struct FormationConfig {
    /// The chain that groups are formed on.
    pub network: Network,
}
