//! How a node takes part in the open network: what the settings say, as the library takes it.

mod seeding;
pub(crate) use seeding::Seeding;

use std::net::SocketAddr;

use ensign_coordinator::Builder;
use ensign_coordinator::overlay::{CommandError, OverlayConfig};
use ensign_peers::contact::Contact;
use ensign_primitives::PeerId;
use ensign_seeds::Resolver;

use crate::address::hosts::Hosts;
use crate::address::{Address, listening};
use crate::catalogue as code;
use crate::failure::Failure;
use crate::home::{First, Open, Settings};

/// How a node takes part in the open network.
#[derive(Debug)]
pub(crate) struct Opening {
    config: OverlayConfig,
    seeding: Option<Seeding>,
}

impl Opening {
    /// Reads it from the settings of a home; `None` for a closed one. Host names are looked up, and what could not
    /// be found is returned too.
    ///
    /// - `listen`: where the node listens, if that is not what the settings say.
    pub(crate) async fn of(
        settings: &Settings,
        listen: Option<SocketAddr>,
    ) -> Option<(Self, Vec<Failure>)> {
        let open = settings.open()?;
        let own = named(settings, &open, listen);
        let firsts = open.first.iter().filter_map(|first| match first {
            First::Node(contact) => Some(&**contact),
            First::Seed(_) => None,
        });
        let contacts: Vec<&Contact> = firsts.chain(&open.trusted).collect();
        let named = contacts.iter().flat_map(|contact| &contact.addresses);
        let (hosts, failures) = Hosts::look_up(named.chain(&own)).await;
        let place = |contact: &Contact| -> (PeerId, Vec<SocketAddr>) {
            let at = contact.addresses.iter().flat_map(|it| hosts.dialled(it));
            (contact.peer, at.collect())
        };
        let mut config = OverlayConfig::new(settings.network, open.role);
        config.bits = open.bits;
        config.scope = open.scope;
        config.addresses = own.iter().flat_map(|it| hosts.dialled(it)).collect();
        config.listening = match listen.unwrap_or(settings.listen) {
            // Which port it gets is known once it listens.
            listen if listen.port() == 0 => Vec::new(),
            listen => listening::reachable(listen),
        };
        config.outbound = open.outbound.unwrap_or(config.outbound);
        config.trusted = open.trusted.iter().map(place).collect();
        let (mut first, mut seeds) = (Vec::new(), Vec::new());
        for entry in &open.first {
            match entry {
                First::Node(contact) => first.push(place(contact)),
                First::Seed(name) => seeds.push(name.clone()),
            }
        }
        let resolver = match open.resolver {
            servers if servers.is_empty() => Resolver::System,
            servers => Resolver::At(servers),
        };
        let has_others = !first.is_empty();
        config.first = first;
        let how = (open.scope, resolver);
        let seeding = Seeding::new(settings.network, seeds, how, has_others);
        Some((Self { config, seeding }, failures))
    }

    /// Sets a coordinator up so; returns what asks the seeds, once it runs.
    pub(crate) fn open(self, builder: Builder) -> (Builder, Option<Seeding>) {
        (builder.open(self.config), self.seeding)
    }
}

/// Where strangers reach us, as our user says: what is named for them, else what is named for members, else the one
/// address at which we listen.
fn named(settings: &Settings, open: &Open, listen: Option<SocketAddr>) -> Vec<Address> {
    if !open.addresses.is_empty() {
        return open.addresses.iter().copied().map(Address::from).collect();
    }
    if listen.is_none() && !settings.advertise.is_empty() {
        return settings.advertise.clone();
    }
    let listen = listen.unwrap_or(settings.listen);
    let is_named = !listen.ip().is_unspecified() && listen.port() > 0;
    is_named.then(|| Address::from(listen)).into_iter().collect()
}

/// Says why nothing was asked of the open network.
pub(crate) fn refused(error: &CommandError) -> Failure {
    use ensign_coordinator::overlay::dht::CommandError as Dht;
    let entry = match error {
        CommandError::Dht(Dht::Busy { .. } | Dht::TooManyRecords { .. })
        | CommandError::TooManyPings { .. } => &code::NET_BUSY,
        CommandError::Barred => &code::NET_BARRED,
        CommandError::Dht(_) | CommandError::Body { .. } | CommandError::Slot { .. } | _ => {
            &code::NET_REFUSED
        }
    };
    Failure::new(entry, error.to_string())
}
