//! What is said over the socket, and printed: one shape for text, JSON lines and HTTP.
//!
//! Amounts are in satoshi, times in milliseconds since the Unix epoch, keys, ids and digests in hex.
//! Signers go by the names that this home has for them. Text of other people is as they wrote it:
//! whoever prints it escapes it.

mod approval;
pub(crate) use approval::keys;
pub use approval::{ApprovalView, PreviewView, WorkView, facts};
mod asks;
pub use asks::{
    Confirmation, Done, GroupChange, Job, NewFormation, NewGroup, Proposal, Target, Yes,
};
mod formation;
pub use formation::{FormationView, Forming};
mod group;
pub use group::{AddressView, GroupView, MemberView, PeerView, Which};
mod kept;
pub use kept::{AuditView, CaseView, ResultView, ViolationView};
mod first;
pub use first::{NetFirstView, UnreachedWords};
mod net;
pub(crate) use net::names_of;
pub use net::{
    About, CountsView, GuardCauseView, GuardView, GuardedView, NetPeerView, ReasonView,
    TighteningView, WordView,
};
mod network;
mod reach;
pub(crate) use network::micros;
pub use network::{
    HopView, NetAlarmView, NetContactView, NetFoundView, NetLinkView, NetPingView, NetStatusView,
    NetTraceView, NodeRecordView, Traced,
};
pub use reach::{NetDialledBackView, NetReachView, NetSeenView, NetTestedView};
mod note;
pub use note::NoteView;
mod request;
pub(crate) use request::names;
pub use request::{AttemptView, DetailView, RequestView};
mod summary;
pub use summary::{InputView, LockTimeView, OutputView, RelativeAgeView, SummaryView};
mod wait;
pub use wait::{ClockView, LackView, VersionView, WaitView};
mod words;
pub use words::{mode_name, mode_named, phase_name};
