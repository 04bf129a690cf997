//! Host names and their addresses, looked up by the resolver of the system.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Address;
use crate::catalogue as code;
use crate::failure::Failure;
use crate::words;

/// How long a node waits for the resolver before it starts. Guess: two tries of a usual resolver
/// take longer, and whoever is dialled by number should not wait for them.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(4);

/// Most addresses of one host that are dialled. Guess: both families, twice.
const ADDRESSES_PER_HOST_MAX: usize = 4;

/// What the hosts of some addresses are called in the network now.
#[derive(Debug, Default)]
pub(crate) struct Hosts(BTreeMap<Address, Vec<SocketAddr>>);

impl Hosts {
    /// Looks up every host among some addresses, all at one time; returns what could not be found,
    /// each once.
    pub(crate) async fn look_up<'a>(
        addresses: impl IntoIterator<Item = &'a Address>,
    ) -> (Self, Vec<Failure>) {
        let hosts: BTreeSet<Address> =
            addresses.into_iter().filter(|it| it.ip().is_none()).cloned().collect();
        let mut lookups: JoinSet<_> = hosts.into_iter().map(one).collect();
        let (mut found, mut failures) = (BTreeMap::new(), Vec::new());
        while let Some(done) = lookups.join_next().await {
            // A lookup neither panics nor is it cancelled.
            let Ok((address, looked_up)) = done else { continue };
            match looked_up {
                Ok(addresses) => drop(found.insert(address, addresses)),
                Err(error) => failures.push(failure(&address, &error)),
            }
        }
        failures.sort_by(|one, other| one.what.cmp(&other.what));
        (Self(found), failures)
    }

    /// Returns where an address can be dialled.
    pub(crate) fn dialled(&self, address: &Address) -> Vec<SocketAddr> {
        match address.ip() {
            Some(address) => vec![address],
            None => self.0.get(address).cloned().unwrap_or_default(),
        }
    }
}

async fn one(address: Address) -> (Address, io::Result<Vec<SocketAddr>>) {
    let lookup = timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host(address.to_string()));
    let found = match lookup.await {
        Ok(Ok(found)) => {
            let found: BTreeSet<_> = found.collect();
            Ok(found.into_iter().take(ADDRESSES_PER_HOST_MAX).collect::<Vec<_>>())
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
    };
    let none = || io::Error::new(io::ErrorKind::NotFound, "it has no address");
    let found = found.and_then(|found| if found.is_empty() { Err(none()) } else { Ok(found) });
    (address, found)
}

fn failure(address: &Address, error: &io::Error) -> Failure {
    let text = words::system(error);
    let reason = text.rsplit_once("lookup address information: ").map_or(&*text, |(_, it)| it);
    Failure::new(&code::HOST_LOOKUP, format!("the host of {address} cannot be looked up: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hosts_are_looked_up_once_and_each_failure_is_told_once() {
        let text = ["localhost:4820", "192.0.2.7:9", "no-such-host.invalid:1", "localhost:4820"];
        let mut addresses: Vec<Address> = text.iter().map(|it| it.parse().unwrap()).collect();
        addresses.push("no-such-host.invalid:1".parse().unwrap());
        let (hosts, failures) = Hosts::look_up(&addresses).await;
        assert!(hosts.dialled(&addresses[0]).iter().all(|it| it.ip().is_loopback()));
        assert!(!hosts.dialled(&addresses[0]).is_empty());
        assert_eq!(hosts.dialled(&addresses[1]), ["192.0.2.7:9".parse().unwrap()]);
        assert_eq!(hosts.dialled(&addresses[2]), []);
        let [failure] = &failures[..] else { panic!("{failures:?}") };
        assert_eq!(failure.entry.code, code::HOST_LOOKUP.code);
        assert!(failure.what.contains("no-such-host.invalid:1"), "{}", failure.what);
    }
}
