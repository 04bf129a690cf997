//! The handle that an application holds, and how it is made.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use ensign_deadline::Timeouts;
use ensign_diversity::PrefixTable;
use ensign_engine::signing::REQUESTS_LIMIT;
use ensign_engine::{Limits, Strangers, overlay::OverlayConfig};
use ensign_ledger::{KeyAge, Opened};
use ensign_primitives::{GroupId, Network, PeerId, RequestId, SignerIndex};
use ensign_psbt::Policy;
use ensign_signer::{Randomness, unix_now};
use ensign_store::{OnMove, Opening, Store};
use ensign_transport::{REQUESTS_SAID_AGAIN_MAX, Transport, TransportConfig, signing_queue_bytes};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    Approval, CommandError, Consent, Events, Group, GroupInfo, Keys, PeerInfo, Preview, Records,
    RequestEntry, SigningJob, StartError, Wait,
    clock::Clock,
    command::{Command, Look},
    driver::Driver,
    parts::Parts,
    storage::Storage,
    stream::{Publisher, Subscriptions},
};

/// Most commands waiting for the driver; more wait at their callers.
const COMMANDS_MAX: usize = 64;

/// Sets a coordinator up.
pub struct Builder {
    network: Network,
    keys: Keys,
    disk: Disk,
    on_move: OnMove,
    age: KeyAge,
    listen: SocketAddr,
    timeouts: Timeouts,
    limits: Limits,
    strangers: Strangers,
    overlay: Option<OverlayConfig>,
    policy: Policy,
}

/// Where a node keeps what must survive.
enum Disk {
    /// In this folder.
    Folder(PathBuf),
    /// In a store of the application's.
    Own(Box<dyn Store>, Opening),
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl Builder {
    /// Keeps what must survive in a store of the application's own, which says what it found: one that
    /// was restored or copied is acted on, durably, when the node has started.
    #[must_use]
    pub fn store(mut self, store: Box<dyn Store>, found: Opening) -> Self {
        self.disk = Disk::Own(store, found);
        self
    }

    /// Says that the keys were made for this node, which starts for the first time: an empty store is
    /// whole then. To be said once and never again.
    ///
    /// Without it an empty or missing store counts as lost, because the keys may have joined what it
    /// does not know of: what was proposed until now is refused.
    #[must_use]
    pub const fn new_keys(mut self) -> Self {
        self.age = KeyAge::New;
        self
    }

    /// Takes over a store that was made on another machine, because the one there is off for good.
    /// What was open is closed: it may have been joined there.
    #[must_use]
    pub const fn moved(mut self) -> Self {
        self.on_move = OnMove::Adopt;
        self
    }

    /// Listens on `address` instead of a free port on every interface.
    #[must_use]
    pub const fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Lets others ask other amounts than the default: a desk that signs a thousand payments an hour
    /// needs more of its members, a person less. [`Limits::check`] says what is out of range.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Gives strangers other places, or lets other scores in.
    #[must_use]
    pub const fn strangers(mut self, strangers: Strangers) -> Self {
        self.strangers = strangers;
        self
    }

    /// Takes part in the open network, so that nodes and records are found in it; a closed home does
    /// not. Strangers get the places of that role; how much they may ask say [`limits`](Self::limits).
    ///
    /// Where `config` names no address, the node is reached where it [listens](Self::listen).
    #[must_use]
    pub fn open(mut self, config: OverlayConfig) -> Self {
        self.strangers = self.strangers.open(config.role);
        self.overlay = Some(config);
        self
    }

    /// Refuses by itself what the policy refuses; nobody is asked then. Without one nothing is refused.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Uses other timeouts than the specification's. A user who sets them stays between
    /// [`PHASE_TIMEOUT_MIN`](ensign_deadline::PHASE_TIMEOUT_MIN) and
    /// [`PHASE_TIMEOUT_MAX`](ensign_deadline::PHASE_TIMEOUT_MAX).
    #[must_use]
    pub const fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Opens the store and the socket and starts the node, inside a tokio runtime.
    ///
    /// A store that may have missed something (restored, copied, moved, or empty while the keys are not
    /// [new](Self::new_keys)) closes every request that it knows as open, and what was proposed until
    /// now is refused; a warning says so.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the store or the port cannot be had, or the keys are said to be new and the
    /// store is not empty; nothing runs then.
    pub async fn start(self) -> Result<(Coordinator, Events), StartError> {
        // The port first: what opening finds is told once, and must not be lost with a busy port.
        let config = TransportConfig::new(self.listen, self.network);
        let role = self.overlay.as_ref().map(|it| it.role);
        let mut config = role.into_iter().fold(config, TransportConfig::open);
        config.handshakes = self.limits.handshakes;
        let said_again = self.limits.open_sessions.clamp(REQUESTS_SAID_AGAIN_MAX, REQUESTS_LIMIT);
        config.signing_queue_bytes_max = signing_queue_bytes(said_again);
        let transport = Transport::bind(config, self.keys.node_key()).await;
        let transport = transport.map_err(StartError::Bind)?;
        let opened = match self.disk {
            Disk::Folder(folder) => {
                ensign_ledger::open(&folder, self.on_move, self.age, unix_now())
            }
            Disk::Own(store, found) => ensign_ledger::settle(store, found, self.age, unix_now()),
        };
        let opened = opened.map_err(StartError::Store)?;
        let Opened { store, handles, before } = opened;
        Ok(Coordinator::start(Parts {
            network: self.network,
            keys: self.keys,
            timeouts: self.timeouts,
            limits: self.limits,
            strangers: self.strangers,
            overlay: self.overlay,
            policy: self.policy,
            clock: Clock::system(),
            randomness: Randomness::System,
            transport,
            storage: Storage::start(store),
            before,
            handles,
        }))
    }
}

/// One running node. Clones are handles to the same node; it stops with
/// [`shutdown`](Self::shutdown), or at once when the last handle is dropped.
///
/// Whoever says yes has seen an [`Approval`] or a [`Preview`], and says it to its digest:
///
/// ```no_run
/// use ensign_coordinator::{Consent, Coordinator, Event, Events, RequestEvent};
///
/// # fn person_says_yes(_: Option<&ensign_coordinator::Summary>, _: &[ensign_coordinator::Note]) -> bool { false }
/// async fn answer(wallet: &Coordinator, events: &mut Events) -> Result<(), Box<dyn std::error::Error>> {
///     while let Some(event) = events.next().await {
///         let Event::Request(request, event) = event else { continue };
///         match event {
///             RequestEvent::Asked(asked) => {
///                 if person_says_yes(asked.summary.as_deref(), &asked.notes) {
///                     // Refused with `CommandError::Changed`, and asked again, if it is another one by now.
///                     wallet.approve(asked.id, Consent::person(asked.digest)).await?;
///                 } else {
///                     wallet.decline(asked.id).await?;
///                 }
///             }
///             RequestEvent::Done { .. } => wallet.received(request.id).await?,
///             RequestEvent::Failed { problem, .. } => eprintln!("{}: {}", problem.code, problem.what),
///             _ => {}
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Coordinator {
    commands: mpsc::Sender<Command>,
    /// Weak, so that the streams end when the node does.
    events: Subscriptions,
    local_addr: SocketAddr,
    node: PeerId,
}

impl Coordinator {
    /// Begins to set a node up; `folder` and the store in it are made when missing.
    pub fn builder(network: Network, keys: Keys, folder: PathBuf) -> Builder {
        let any = std::net::Ipv4Addr::UNSPECIFIED;
        let listen = SocketAddr::new(std::net::IpAddr::V4(any), 0);
        let (disk, on_move, age) = (Disk::Folder(folder), OnMove::Refuse, KeyAge::Used);
        let (timeouts, limits) = (Timeouts::default(), Limits::default());
        let (strangers, policy) = (Strangers::default(), Policy::default());
        let overlay = None;
        Builder {
            network,
            keys,
            disk,
            on_move,
            age,
            listen,
            timeouts,
            limits,
            strangers,
            overlay,
            policy,
        }
    }

    pub(crate) fn start(parts: Parts) -> (Self, Events) {
        let (local_addr, node) = (parts.transport.0.local_addr(), parts.keys.node_key().peer_id());
        let publisher = Publisher::default();
        let (subscriptions, events) = (publisher.subscriptions(), publisher.subscribe());
        let (commands, waiting) = mpsc::channel(COMMANDS_MAX);
        tokio::spawn(Driver::new(parts, publisher, waiting).run());
        (Self { commands, events: subscriptions, local_addr, node }, events)
    }

    /// Returns where the node listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Returns our node.
    pub const fn node(&self) -> PeerId {
        self.node
    }

    /// Returns a further stream of the events from now on.
    pub fn events(&self) -> Events {
        self.events.subscribe()
    }

    /// Joins a group: connects to its members, takes their requests, and resumes requests of the
    /// group that the store holds unfinished, each in a fresh attempt with fresh nonces
    /// ([`RequestEvent::Resumed`](crate::RequestEvent::Resumed)).
    ///
    /// The same group again adds the members' addresses, the new ones first, and takes the names that
    /// are given now.
    ///
    /// # Errors
    ///
    /// [`CommandError::Engine`] when we are no member, somebody stands twice, or the group is known
    /// with other nodes.
    pub async fn group(&self, group: Group) -> Result<Arc<GroupInfo>, CommandError> {
        self.ask(|reply| Command::AddGroup(group, reply)).await?
    }

    /// Leaves a group: its requests are not taken any more, and members of no other group are not
    /// dialled any more. What the store holds of it stays.
    ///
    /// # Errors
    ///
    /// [`CommandError::GroupInUse`] while a request of the group is open, and [`CommandError::Engine`]
    /// for a group that the node does not have.
    pub async fn forget_group(&self, group: GroupId) -> Result<(), CommandError> {
        self.ask(|reply| Command::ForgetGroup(group, reply)).await?
    }

    /// Returns the groups that were joined, by id.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn groups(&self) -> Result<Vec<Arc<GroupInfo>>, CommandError> {
        self.ask(Command::Groups).await
    }

    /// Returns how the nodes of all other members stand now.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn peers(&self) -> Result<Vec<PeerInfo>, CommandError> {
        self.ask(Command::Peers).await
    }

    /// Returns whether the members of a group are all there, and what is missing for that; `None` for a
    /// group that the node does not have.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn readiness(&self, group: GroupId) -> Result<Option<Wait>, CommandError> {
        self.ask(|reply| Command::Readiness(group, reply)).await
    }

    /// Takes another policy from now on. It is part of what a yes is given to: open questions are asked
    /// anew, a yes to an old one is refused as [changed](CommandError::Changed), and what the policy refuses
    /// is declined.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn set_policy(&self, policy: Policy) -> Result<(), CommandError> {
        let command = Command::SetPolicy(Box::new(policy));
        self.commands.send(command).await.map_err(|_| CommandError::Stopped)
    }

    /// Learns who announces which addresses, in place of what was known of that: strangers and handshakes
    /// are counted by provider and country too.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn know_prefixes(&self, prefixes: Arc<PrefixTable>) -> Result<(), CommandError> {
        let command = Command::KnowPrefixes(prefixes);
        self.commands.send(command).await.map_err(|_| CommandError::Stopped)
    }

    /// Says what a proposal would have everybody sign, and what is remarkable about it. Nobody hears
    /// of it. A [`Consent`] to its digest lets it be [proposed](Self::propose).
    ///
    /// # Errors
    ///
    /// [`CommandError::Psbt`] when the PSBT is not this group's to sign, [`CommandError::MessageCount`],
    /// or [`CommandError::Engine`] for a group that the node does not have.
    pub async fn preview(&self, job: &SigningJob) -> Result<Preview, CommandError> {
        let job = Box::new(job.clone());
        self.ask(|reply| Command::Preview(job, reply)).await?
    }

    /// Asks a group to sign; that is our consent. Returns what is asked, as the others will see it, once
    /// it is durable: then it goes on after a crash. Nobody hears of it before that. Where the clock was
    /// set so that our node may not speak for our signer now, the signer is asked to let it first.
    ///
    /// - `consent`: to the digest of a [preview](Self::preview) of the same job.
    ///
    /// # Errors
    ///
    /// [`CommandError::Changed`] when the preview would be another one now, [`CommandError::Policy`],
    /// [`CommandError::Signer`] when it does not let us, [`CommandError::Psbt`] when the PSBT is not this
    /// group's to sign, [`CommandError::MessageCount`], [`CommandError::Engine`] for a limit, or
    /// [`CommandError::Store`] when the store takes no new work.
    pub async fn propose(
        &self,
        job: SigningJob,
        consent: Consent,
    ) -> Result<Approval, CommandError> {
        self.ask(|reply| Command::Propose(Box::new(job), consent, reply)).await?
    }

    /// Consents to a request as an approval showed it. Returns once the consent is durable: then it
    /// holds after a crash too.
    ///
    /// - `consent`: to the digest of the last [`Approval`] of the request.
    ///
    /// # Errors
    ///
    /// [`CommandError::Changed`] when the request would be shown otherwise by now; then it is asked about
    /// again ([`RequestEvent::Asked`](crate::RequestEvent::Asked)).
    /// [`CommandError::UnknownRequest`] when it is not open or waits for nobody, or
    /// [`CommandError::Store`] when the store takes no new work.
    pub async fn approve(&self, request: RequestId, consent: Consent) -> Result<(), CommandError> {
        self.ask(|reply| Command::Approve(request, consent, reply)).await?
    }

    /// Refuses a request; it ends for everybody. Returns once that is durable.
    ///
    /// # Errors
    ///
    /// [`CommandError::UnknownRequest`] when it is not open any more, or [`CommandError::Store`].
    pub async fn decline(&self, request: RequestId) -> Result<(), CommandError> {
        self.ask(|reply| Command::Decline(request, reply)).await?
    }

    /// Gives an own request up; it ends for everybody. Returns once that is durable.
    ///
    /// # Errors
    ///
    /// [`CommandError::UnknownRequest`] when it is not open any more, or [`CommandError::Store`].
    pub async fn cancel(&self, request: RequestId) -> Result<(), CommandError> {
        self.ask(|reply| Command::Cancel(request, reply)).await?
    }

    /// Takes our user's yes to a request back, which is asked about again
    /// ([`RequestEvent::Withdrawn`](crate::RequestEvent::Withdrawn)). Returns once that is durable.
    ///
    /// # Errors
    ///
    /// [`CommandError::UnknownRequest`] when it is not open any more, or [`CommandError::Engine`] when there is
    /// no yes, or our node is in the middle of signing.
    pub async fn withdraw(&self, request: RequestId) -> Result<(), CommandError> {
        self.ask(|reply| Command::Withdraw(request, reply)).await?
    }

    /// Says that the application has the signatures of a request, so that they are not
    /// [recovered](crate::RequestEvent::Recovered) at the next start.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn received(&self, request: RequestId) -> Result<(), CommandError> {
        let command = Command::Received(request);
        self.commands.send(command).await.map_err(|_| CommandError::Stopped)
    }

    /// Stays until every other signer is known to hold the signatures of a request, and returns those that
    /// are not: nobody, if all went well. To be called before a shutdown, because whoever leaves early
    /// leaves the others to find the signatures by themselves.
    ///
    /// Returns early when the request is over without signatures, or the node stops; and nobody when it
    /// finished so long ago that its node does not answer for it any more.
    ///
    /// - `within`: how long to stay at most.
    ///
    /// # Errors
    ///
    /// [`CommandError::UnknownRequest`] for a request that the node does not have, or that was over without
    /// signatures long ago; [`CommandError::Store`] when the store cannot be read.
    pub async fn finish(
        &self,
        request: RequestId,
        within: Duration,
    ) -> Result<Vec<SignerIndex>, CommandError> {
        let lacking = || self.ask(move |reply| Command::Lacking(request, reply));
        let before = lacking().await??;
        // Whether everybody has them or the time is over: who lacks them is asked anew.
        let _ = timeout(within, self.ask(|it| Command::Stay(request, it))).await;
        Ok(lacking().await.and_then(|now| now).unwrap_or(before))
    }

    /// Returns every request that is remembered, with how the open ones stand: those that are not
    /// over first, then the latest first.
    ///
    /// # Errors
    ///
    /// [`CommandError::Store`] when the store cannot be read.
    pub async fn requests(&self) -> Result<Vec<RequestEntry>, CommandError> {
        self.ask(Command::Requests).await?
    }

    /// Looks at what is kept. Writes that were asked for before are seen.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(Records<'_>) -> T + Send + 'static,
    ) -> Result<T, CommandError> {
        self.ask(|reply: oneshot::Sender<T>| {
            Command::Look(Look(Box::new(move |records| drop(reply.send(look(records))))))
        })
        .await
    }

    /// Writes what is queued and says what waits for that, closes the connections and the store.
    pub async fn shutdown(self) {
        // A driver that is gone has done so already.
        let _ = self.ask(Command::Shutdown).await;
    }

    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, CommandError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| CommandError::Stopped)?;
        answer.await.map_err(|_| CommandError::Stopped)
    }
}
