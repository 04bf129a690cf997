//! A running node of a home: its lock, its coordinator, its groups.

use std::net::SocketAddr;

use ensign_coordinator::{CommandError, Coordinator, Events, StartError};
use ensign_psbt::PsbtError;

use crate::address::hosts::Hosts;
use crate::catalogue as code;
use crate::control::{Control, Decisions};
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::HeldHome;
use crate::output::{Line, Output};
use crate::store::{self, ledger_failure, opening_failure};

/// A node that runs. The home is free for others once it is dropped.
#[derive(Debug)]
pub(crate) struct Node {
    /// Held as long as the node runs.
    _held: HeldHome,
    pub(crate) coordinator: Coordinator,
    pub(crate) events: Events,
    /// What is decided in other terminals.
    pub(crate) decisions: Decisions,
    _control: Option<Control>,
}

/// Whether the user says that the home was made on another machine, which is off for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IsMoved {
    /// It was.
    Yes,
    /// Nobody says so.
    No,
}

impl Node {
    /// Opens the store and the port of a home that we hold, and joins its groups.
    ///
    /// # Errors
    ///
    /// Whatever keeps the node from running, with what to do about it.
    pub(crate) async fn start(
        held: HeldHome,
        groups: &[SignerGroup],
        listen: Option<SocketAddr>,
        is_moved: IsMoved,
        output: Output,
    ) -> Result<Self> {
        let home = &held.home;
        let settings = home.settings();
        let listen = listen.unwrap_or(settings.listen);
        let (folder, keys) = (home.path().to_owned(), home.keys()?);
        // Whoever was asked for a passphrase has answered; a node waits for no reader.
        output.detach();
        let builder = Coordinator::builder(settings.network, keys, folder);
        let builder = builder.allowances(settings.allowances()).policy(home.policy()?);
        let builder = match is_moved {
            IsMoved::Yes => builder.moved(),
            IsMoved::No => builder,
        };
        let clock_back = store::clock_set_back(home.path());
        let lost = store::replace_lost(home.path())?;
        let (coordinator, events) = builder.listen(listen).start().await.map_err(start_failure)?;
        let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
        let (control, decisions) = Control::open(home, &coordinator, groups, output);
        let address = coordinator.local_addr();
        let line = Line::new("up")
            .with("name", settings.name.as_str())
            .with("network", settings.network.name())
            .with("listen", address.to_string())
            .with("groups", names.clone());
        let text = format!(
            "{} is up on {address} ({}), groups: {}",
            settings.name,
            settings.network,
            names.join(", ")
        );
        output.talk(&line, text);
        clock_back.iter().chain(&lost).for_each(|warning| output.warning(warning));
        let (hosts, unknown) = Hosts::look_up(groups.iter().flat_map(SignerGroup::addresses)).await;
        unknown.iter().for_each(|warning| output.warning(warning));
        for group in groups {
            let given = coordinator.group(group.for_coordinator(&hosts)).await;
            given.map_err(|error| command_failure(&error))?;
        }
        Ok(Self { _held: held, coordinator, events, decisions, _control: control })
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
    if let CommandError::Policy(_) = error {
        let entry = code::find("E-POL-001").unwrap_or(&code::INTERNAL);
        return Failure::new(entry, error.to_string());
    }
    let entry = match error {
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
        CommandError::Stopped => &code::STOPPING,
        CommandError::Engine(_) | CommandError::Group(_) | CommandError::Store(_) | _ => {
            &code::INTERNAL
        }
    };
    Failure::new(entry, error.to_string())
}
