//! Homes and a group for the demo, made as users make them.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use ensign_primitives::Network;

use crate::args::Init;
use crate::catalogue as code;
use crate::command::init;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::passphrase::Passphrases;

/// The signers' names; the first one proposes.
const NAMES: [&str; 16] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kim",
    "leo", "mia", "nina", "oscar", "peggy",
];

/// Signers with homes of their own, in one group.
#[derive(Debug)]
pub(super) struct Party {
    /// By signer.
    pub(super) names: Vec<String>,
    /// By signer.
    pub(super) homes: Vec<PathBuf>,
    /// The group as the first signer has it.
    pub(super) group: SignerGroup,
}

impl Party {
    /// Makes a home for each signer below a folder, exchanges the contact codes, and forms the
    /// group in each home.
    pub(super) fn form(folder: &Path, signers: usize) -> Result<Self> {
        let names: Vec<_> = NAMES.iter().take(signers).map(|name| (*name).to_owned()).collect();
        let homes: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
        let mut opened = Vec::new();
        for ((name, path), listen) in names.iter().zip(&homes).zip(free_addresses(signers)?) {
            let (name, network, no_passphrase) = (name.clone(), Network::Regtest, true);
            let (listen, advertise) = (Some(listen), Vec::new());
            let args = Init { name: Some(name), network, listen, advertise, no_passphrase };
            opened.push(init::create(path, args, &Passphrases::nobody())?);
        }
        let codes: Vec<String> = opened
            .iter()
            .map(|home| home.contact().map(|contact| contact.to_string()))
            .collect::<Result<_>>()?;
        let mut group: Option<SignerGroup> = None;
        for home in &opened {
            let formed = home.form_group("treasury", &codes)?.group;
            match &group {
                Some(first) if first.id() != formed.id() => {
                    return Err(broken("two signers see different groups"));
                }
                Some(_) => {}
                None => group = Some(formed),
            }
        }
        let group = group.ok_or_else(|| broken("a party without signers"))?;
        Ok(Self { names, homes, group })
    }
}

/// Returns free UDP ports on the loopback address, all different.
fn free_addresses(count: usize) -> Result<Vec<SocketAddr>> {
    let bind = |_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    // All are held at once, so that none is given twice.
    let sockets: Result<Vec<UdpSocket>, _> = (0..count).map(bind).collect();
    sockets
        .and_then(|sockets| sockets.iter().map(UdpSocket::local_addr).collect())
        .map_err(|error| Failure::new(&code::LISTEN, format!("no free port on loopback: {error}")))
}

fn broken(what: &str) -> Failure {
    Failure::new(&code::INTERNAL, what)
}
