//! What the application asks of the driver.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ensign_diversity::PrefixTable;
use ensign_engine::{Engine, overlay::CommandError as Refused, reputation::Word};
use ensign_primitives::{GroupId, Now, PeerId, QueryId, RequestId, SignerIndex};
use ensign_psbt::Policy;
use ensign_review::{GuardReport, NetPeer};
use ensign_signer::NoEntropy;
use ensign_transport::Traffic;
use tokio::sync::oneshot;

use crate::{
    Approval, CommandError, Consent, Group, GroupInfo, PeerInfo, Preview, Records, RequestEntry,
    SigningJob, Wait, net::Ended,
};

/// One command; whoever gave it waits for the answer.
#[derive(Debug)]
pub(crate) enum Command {
    AddGroup(Group, Reply<Arc<GroupInfo>>),
    ForgetGroup(GroupId, Reply<()>),
    Groups(oneshot::Sender<Vec<Arc<GroupInfo>>>),
    Peers(oneshot::Sender<Vec<PeerInfo>>),
    Guard(oneshot::Sender<GuardReport>),
    NetPeers(oneshot::Sender<Vec<(NetPeer, Option<Traffic>)>>),
    Say(PeerId, Option<Word>, Reply<Option<Word>>),
    Readiness(GroupId, oneshot::Sender<Option<Wait>>),
    SetPolicy(Box<Policy>),
    KnowPrefixes(Arc<PrefixTable>),
    Preview(Box<SigningJob>, Reply<Preview>),
    Propose(Box<SigningJob>, Consent, Reply<Approval>),
    Approve(RequestId, Consent, Reply<()>),
    Decline(RequestId, Reply<()>),
    Cancel(RequestId, Reply<()>),
    Withdraw(RequestId, Reply<()>),
    Received(RequestId),
    Lacking(RequestId, Reply<Vec<SignerIndex>>),
    /// Waits until nobody has to stay for a request; the reply is dropped then.
    Stay(RequestId, Reply<()>),
    Requests(Reply<Vec<RequestEntry>>),
    Look(Look),
    Form(Form),
    Walk(Walk, oneshot::Sender<Ended>, Reply<()>),
    Ping((PeerId, SocketAddr), oneshot::Sender<Option<Duration>>, Reply<()>),
    Shutdown(oneshot::Sender<()>),
}

pub(crate) type Reply<T> = oneshot::Sender<Result<T, CommandError>>;

/// What is done with the groups that form, with fresh entropy; it answers whoever asked by itself.
pub(crate) struct Form(pub(crate) Box<FormAct>);
type FormAct = dyn FnOnce(&mut Engine, Now, Result<[u8; 32], NoEntropy>) + Send;

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Form")
    }
}

/// Begins a walk through the open network; nothing in a closed home.
pub(crate) struct Walk(pub(crate) Box<WalkAct>);
type WalkAct = dyn FnOnce(&mut Engine, Now) -> Option<Result<QueryId, Refused>> + Send;

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Walk")
    }
}

/// A look at the store; it answers whoever asked by itself.
pub(crate) struct Look(pub(crate) Box<dyn FnOnce(Records<'_>) + Send>);

impl std::fmt::Debug for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Look")
    }
}
