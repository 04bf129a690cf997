//! A running node of a home: its lock, its coordinator, its groups.

use std::net::SocketAddr;
use std::sync::Arc;

use ensign_api::{Me, Server, Service, Socket};
use ensign_coordinator::{
    Builder, CommandError, Coordinator, Events, Keys, RequestRef, StartError,
    reputation::TooManyWords,
};
use ensign_psbt::PsbtError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::catalogue as code;
use crate::confirming;
use crate::failure::{Failure, Result};
use crate::former::Former;
use crate::group::SignerGroup;
use crate::home::{HeldHome, Home, Outs, PublicKeys};
use crate::household::{Household, News, Us, join_all};
use crate::opening::{self, Opening};
use crate::output::{Line, Output, unix_micros};
use crate::prefixes;
use crate::results::{Known, Results};
use crate::store::{self, ledger_failure, opening_failure};

/// Most news of clients that wait to be told here; further ones are not told.
const NEWS_MAX: usize = 64;

/// A node that runs, and whoever serves its socket. The home is free for others once it is dropped.
#[derive(Debug)]
pub(crate) struct Node {
    /// Held as long as the node runs.
    held: HeldHome,
    pub(crate) coordinator: Coordinator,
    pub(crate) events: Events,
    /// What clients do.
    pub(crate) clients: Clients,
    known: Known,
    service: Arc<Service>,
    server: Option<Server>,
    /// Write results, keep groups that have formed, read the table of prefixes, ask seeds.
    tasks: Vec<JoinHandle<()>>,
}

/// What clients do, as it comes.
#[derive(Debug)]
pub(crate) struct Clients(mpsc::Receiver<News>);

impl Clients {
    /// Waits for the next; for ever when there is no socket.
    pub(crate) async fn next(&mut self) -> News {
        match self.0.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }
}

/// Whether the user says that the home was made on another machine, which is off for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IsMoved {
    /// It was.
    Yes,
    /// Nobody says so.
    No,
}

/// How a node starts.
#[derive(Debug)]
pub(crate) struct Start {
    /// Where it listens; `None` for where the settings say.
    pub(crate) listen: Option<SocketAddr>,
    /// Whether the home has moved.
    pub(crate) is_moved: IsMoved,
    /// How it takes part in the open network; `None` for not at all.
    pub(crate) opening: Option<Opening>,
}

impl Start {
    /// Starts in the closed network of the home's groups.
    pub(crate) const fn closed(listen: Option<SocketAddr>) -> Self {
        Self { listen, is_moved: IsMoved::No, opening: None }
    }
}

impl Node {
    /// Opens the store and the port of a home that we hold, and joins its groups; why one cannot be joined
    /// is told. Its keys are unlocked before: that may wait for a person, and nothing here does.
    ///
    /// # Errors
    ///
    /// Whatever keeps the node from running, with what to do about it.
    pub(crate) async fn start(
        held: HeldHome,
        keys: Keys,
        groups: &[SignerGroup],
        start: Start,
        output: Output,
    ) -> Result<Self> {
        let (home, Start { listen, is_moved, opening }) = (&held.home, start);
        let listen = listen.unwrap_or(home.settings().listen);
        // Whoever was asked for a passphrase has answered; a node waits for no reader.
        output.detach();
        let PublicKeys { node: peer, signer } = home.public_keys()?;
        let us = Us { signer, peer, delegation: keys.delegation() };
        let builder = builder_of(home, keys, is_moved)?;
        let (builder, seeds) = match opening {
            Some(opening) => opening.open(builder),
            None => (builder, None),
        };
        let clock_back = store::clock_set_back(home.path());
        let (coordinator, events) = builder.listen(listen).start().await.map_err(start_failure)?;
        let (news, clients) = mpsc::channel(NEWS_MAX);
        let (kept, keeping) = mpsc::channel(NEWS_MAX);
        let known = Known::new(home, groups);
        let household =
            Household::new(home, &coordinator, (us, known.clone()), (news.clone(), kept));
        let household = Arc::new(household);
        // From before the groups are joined, so that no request is missed.
        let service = Arc::new(Service::new(&coordinator, household, me(home, &coordinator)));
        let server = serve(home, &service, output);
        let results = Results {
            outs: Outs::new(home),
            coordinator: coordinator.clone(),
            service: Arc::clone(&service),
            known: known.clone(),
            output,
        };
        let results = tokio::spawn(results.write(coordinator.events(), keeping));
        let former = Former {
            home: home.clone(),
            coordinator: coordinator.clone(),
            service: Arc::clone(&service),
            news,
            output,
        };
        // What forms while it catches up is an event by then.
        let formed = coordinator.events();
        former.catch_up().await?;
        let former = tokio::spawn(former.follow(formed));
        let prefixes = tokio::spawn(prefixes::tell(home.clone(), coordinator.clone(), output));
        let seeds = seeds.map(|seeds| tokio::spawn(seeds.ask(coordinator.clone(), output)));
        tell_up(home, coordinator.local_addr(), groups, output);
        clock_back.iter().for_each(|warning| output.warning(warning));
        let warnings = join_all(&coordinator, groups).await?;
        warnings.iter().for_each(|warning| output.warning(warning));
        confirming::go_on(home, &coordinator, us, output).await?;
        service.refresh().await.map_err(|error| command_failure(&error))?;
        let clients = Clients(clients);
        let tasks = [results, former, prefixes].into_iter().chain(seeds).collect();
        Ok(Self { held, coordinator, events, clients, known, service, server, tasks })
    }

    /// Takes what has changed in the files of the home: its rules hold from now on, new groups are
    /// joined, those that are gone are forgotten, the others take what is new about them. Returns the
    /// groups as they are now.
    ///
    /// # Errors
    ///
    /// What is wrong with a file; nothing more changes then. Why the node does not take a group is told.
    pub(crate) async fn reload(&self, output: Output) -> Result<Vec<SignerGroup>> {
        let home = self.held.home.read_again()?;
        self.known.forget();
        let (groups, policy) = (home.groups()?, home.policy()?);
        self.coordinator.set_policy(policy).await.map_err(|error| command_failure(&error))?;
        tokio::spawn(prefixes::tell(home, self.coordinator.clone(), output));
        let joined = self.coordinator.groups().await.map_err(|error| command_failure(&error))?;
        for gone in joined.iter().filter(|info| !groups.iter().any(|it| it.id() == info.id)) {
            let forgotten = self.coordinator.forget_group(gone.id).await;
            forgotten.map_err(|error| command_failure(&error))?;
        }
        let warnings = join_all(&self.coordinator, &groups).await?;
        warnings.iter().for_each(|warning| output.warning(warning));
        self.service.refresh().await.map_err(|error| command_failure(&error))?;
        Ok(groups)
    }

    /// Returns the home that it serves.
    pub(crate) const fn home(&self) -> &Home {
        &self.held.home
    }

    /// Keeps with its group what a drill has come to.
    pub(crate) async fn keep_drill(&self, request: &RequestRef, output: Output) {
        let ended = (request.id, request.group.id);
        let _kept = self.known.keep_drill(&self.coordinator, ended, output).await;
    }

    /// Keeps with its group which of its addresses a signed request has used.
    pub(crate) async fn keep_issued(&self, request: &RequestRef, output: Output) {
        let ended = (request.id, request.group.id);
        self.known.keep_issued(&self.coordinator, ended, output).await;
    }

    /// Hangs up on clients, says goodbye to the others' nodes, and closes the store.
    pub(crate) async fn shutdown(mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        self.tasks.iter().for_each(JoinHandle::abort);
        self.coordinator.clone().shutdown().await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Sets a coordinator up as the settings of a home say.
fn builder_of(home: &Home, keys: Keys, is_moved: IsMoved) -> Result<Builder> {
    let settings = home.settings();
    let builder = Coordinator::builder(settings.network, keys, home.path().to_owned());
    let builder = builder.limits(settings.limits()).strangers(settings.strangers());
    let builder = builder.timeouts(settings.timeouts());
    let builder = builder.policy(home.policy()?);
    Ok(match is_moved {
        IsMoved::Yes => builder.moved(),
        IsMoved::No => builder,
    })
}

/// Says that the node listens.
fn tell_up(home: &Home, address: SocketAddr, groups: &[SignerGroup], output: Output) {
    let settings = home.settings();
    let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
    let line = Line::new("up")
        .with("name", settings.name.as_str())
        .with("network", settings.network.name())
        .with("listen", address.to_string())
        .with("groups", names.clone());
    let (name, network) = (&settings.name, settings.network);
    let groups = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    output.talk(&line, format!("{name} is up on {address} ({network}), groups: {groups}"));
}

fn me(home: &Home, coordinator: &Coordinator) -> Me {
    let settings = home.settings();
    Me {
        name: settings.name.clone(),
        network: settings.network.name().to_owned(),
        listen: Some(coordinator.local_addr().to_string()),
        since_ms: Some(unix_micros() / 1000),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Serves the home's socket. Without one the node runs all the same, and says so.
fn serve(home: &Home, service: &Service, output: Output) -> Option<Server> {
    match Socket::bind(home.path()) {
        Ok(socket) => Some(service.serve(socket)),
        Err(error) => {
            let what = format!("no socket in the home, so other commands must wait: {error}");
            output.warning(&Failure::new(&code::CONTROL, what));
            None
        }
    }
}

fn start_failure(error: StartError) -> Failure {
    use ensign_transport::BindError;
    let entry = match &error {
        StartError::Store(error) => return opening_failure(error),
        StartError::Bind(BindError::PortInUse { .. }) => &code::PORT_IN_USE,
        StartError::Bind(_) | _ => &code::LISTEN,
    };
    Failure::new(entry, error.to_string())
}

/// Says that too much was said of nodes.
pub(crate) fn words_failure(error: &TooManyWords) -> Failure {
    let advice = "take back what you need no more: `ensign net unban`, of trusted nodes too";
    Failure::new(&code::NODE_FULL, error.to_string()).hint(advice)
}

/// Says why the coordinator refuses a command.
pub(crate) fn command_failure(error: &CommandError) -> Failure {
    use ensign_engine::CommandError as Engine;
    if let CommandError::Store(error) = error {
        return ledger_failure(error);
    }
    if let CommandError::Signer(_) = error {
        let entry = code::find("E-SIG-001").unwrap_or(&code::INTERNAL);
        return Failure::new(entry, error.to_string());
    }
    if let CommandError::Formation(error) = error {
        use ensign_coordinator::forming::CommandError as Formation;
        let entry = match error {
            Formation::OtherFingerprint { .. } => &code::FINGERPRINT,
            Formation::NameTaken { .. } => &code::GROUP_EXISTS,
            Formation::Unknown { .. }
            | Formation::TooMany { .. }
            | Formation::Limits(_)
            | Formation::Delegation(_)
            | Formation::NotOurs
            | Formation::OwnInvitation
            | Formation::Expired { .. }
            | Formation::Network { .. }
            | Formation::NoFingerprint
            | Formation::Confirmed
            | _ => &code::FORMATION,
        };
        return Failure::new(entry, error.to_string());
    }
    if let CommandError::Policy(_) = error {
        let entry = code::find("E-POL-001").unwrap_or(&code::INTERNAL);
        return Failure::new(entry, error.to_string());
    }
    if let CommandError::Network(error) = error {
        return opening::refused(error);
    }
    let entry = match error {
        CommandError::Closed => &code::NET_CLOSED,
        CommandError::Changed { .. } => &code::REQUEST_CHANGED,
        CommandError::GroupInUse { .. } => &code::GROUP_BUSY,
        CommandError::Psbt(PsbtError::Decode(_)) => &code::PSBT_BYTES,
        CommandError::Psbt(_) => &code::PSBT_REFUSED,
        CommandError::Entropy => &code::ENTROPY,
        CommandError::UnknownRequest { .. } => &code::REQUEST_NOT_OPEN,
        CommandError::Engine(Engine::TooManyGroups { .. } | Engine::TooManyRequests { .. }) => {
            &code::NODE_FULL
        }
        CommandError::Engine(Engine::Limits(_)) | CommandError::MessageCount { .. } => {
            &code::COMMAND_LINE
        }
        CommandError::OwnNode => &code::NODE_OWN,
        CommandError::Words(error) => return words_failure(error),
        CommandError::Stopped => &code::STOPPING,
        CommandError::Engine(_) | CommandError::Group(_) | CommandError::Store(_) | _ => {
            &code::INTERNAL
        }
    };
    Failure::new(entry, error.to_string())
}
