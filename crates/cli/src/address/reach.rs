//! From where an address can be dialled, told by the address alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ensign_primitives::Network;

use super::{Address, HostName};

/// From where an address can be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// From anywhere, as far as the address tells.
    Anywhere,
    /// From this network: a private or link-local address, a name of the local network.
    Network,
    /// Behind the address translation of a provider, or in a virtual private network.
    Shared,
    /// From this machine.
    Machine,
    /// From nowhere: no node can have it.
    Nowhere(Useless),
}

/// Why no node can be dialled at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Useless {
    /// Port 0.
    Port,
    /// `0.0.0.0` or `[::]`: where one listens, not where one is.
    Unspecified,
    /// Addresses of groups of machines.
    Multicast,
    /// All machines of a network.
    Broadcast,
    /// Kept for examples in documents.
    Documentation,
    /// Not given to anybody.
    Reserved,
}

impl Reach {
    /// Tells from where an address can be dialled.
    pub(crate) fn of(address: &Address) -> Self {
        if address.port() == 0 {
            return Self::Nowhere(Useless::Port);
        }
        match address {
            Address::Ip(address) => match address.ip().to_canonical() {
                IpAddr::V4(ip) => of_v4(ip),
                IpAddr::V6(ip) => of_v6(ip),
            },
            Address::Host(name, _) => of_host(name),
        }
    }

    /// Says it in a few words, to stand behind the address.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Anywhere => "from anywhere, unless a firewall or a router is in between",
            Self::Network => "from the same network only: a private address",
            Self::Shared => "from the same provider or VPN only: a shared address",
            Self::Machine => "from the same machine only: a loopback address",
            Self::Nowhere(Useless::Port) => "by nobody: port 0 is no port",
            Self::Nowhere(Useless::Unspecified) => "by nobody: it is no machine's address",
            Self::Nowhere(Useless::Multicast) => "by nobody: a multicast address",
            Self::Nowhere(Useless::Broadcast) => "by nobody: a broadcast address",
            Self::Nowhere(Useless::Documentation) => "by nobody: an address for examples",
            Self::Nowhere(Useless::Reserved) => "by nobody: a reserved address",
        }
    }

    /// Whether nobody at all could dial it, so that it is no address to give out.
    pub(crate) const fn is_useless(self) -> bool {
        // Addresses for examples stand in examples, and in networks made for tests.
        matches!(self, Self::Nowhere(why) if !matches!(why, Useless::Documentation))
    }
}

/// Returns addresses with the words about each, a line for each.
pub(crate) fn described(addresses: &[Address]) -> String {
    let width = addresses.iter().map(|it| it.to_string().len()).max().unwrap_or(0);
    let line = |address: &Address| {
        format!("    {:width$}  {}", address.to_string(), Reach::of(address).words())
    };
    match addresses {
        [] => "    nowhere: it dials the others itself".to_owned(),
        addresses => addresses.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

/// Returns what is wrong with addresses to give out, a sentence each; nothing on regtest, where
/// signers share a machine.
pub(crate) fn warnings(network: Network, addresses: &[Address]) -> Vec<String> {
    if network == Network::Regtest {
        return Vec::new();
    }
    let is_far = |address: &&Address| Reach::of(address) == Reach::Anywhere;
    let near = addresses.iter().filter(|it| !is_far(it));
    let mut warnings: Vec<String> =
        near.map(|it| format!("{it} can be dialled {}", Reach::of(it).words())).collect();
    if !addresses.iter().any(|address| is_far(&address)) {
        warnings.push(
            "no address in this code can be dialled from everywhere. This node dials the others all the \
             same, but two nodes that cannot be dialled never meet without a third. Where a router \
             forwards a port to this machine, name it: `advertise = [\"IP-OR-HOST:PORT\"]` in ensign.toml, \
             or `ensign init --advertise`"
                .to_owned(),
        );
    }
    warnings
}

fn of_v4(ip: Ipv4Addr) -> Reach {
    let [first, second, ..] = ip.octets();
    match () {
        () if ip.is_unspecified() => Reach::Nowhere(Useless::Unspecified),
        () if ip.is_loopback() => Reach::Machine,
        () if ip.is_private() || ip.is_link_local() => Reach::Network,
        // RFC 6598.
        () if first == 100 && second & 0xc0 == 64 => Reach::Shared,
        () if ip.is_multicast() => Reach::Nowhere(Useless::Multicast),
        () if ip.is_broadcast() => Reach::Nowhere(Useless::Broadcast),
        () if ip.is_documentation() => Reach::Nowhere(Useless::Documentation),
        // RFC 1112, section 4, and RFC 1122, 3.2.1.3.
        () if first >= 240 || first == 0 => Reach::Nowhere(Useless::Reserved),
        () => Reach::Anywhere,
    }
}

fn of_v6(ip: Ipv6Addr) -> Reach {
    let segments = ip.segments();
    match () {
        () if ip.is_unspecified() => Reach::Nowhere(Useless::Unspecified),
        () if ip.is_loopback() => Reach::Machine,
        () if ip.is_multicast() => Reach::Nowhere(Useless::Multicast),
        () if ip.is_unique_local() || ip.is_unicast_link_local() => Reach::Network,
        // RFC 3849 and RFC 9637.
        () if matches!(segments, [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..]) => {
            Reach::Nowhere(Useless::Documentation)
        }
        () => Reach::Anywhere,
    }
}

fn of_host(name: &HostName) -> Reach {
    let name = name.as_str();
    match name.rsplit('.').next() {
        Some("localhost") => Reach::Machine,
        // RFC 6762, RFC 8375 and what routers use; a name without a dot is one of this network.
        Some("local" | "lan" | "internal" | "arpa") => Reach::Network,
        Some(last) if last == name => Reach::Network,
        // RFC 2606; `.example` stands in examples, as addresses for examples do.
        Some("example" | "invalid") => Reach::Nowhere(Useless::Documentation),
        _ => Reach::Anywhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_others_cannot_dial_are_warned_of_except_on_regtest() {
        let addresses =
            |text: &[&str]| -> Vec<Address> { text.iter().map(|it| it.parse().unwrap()).collect() };
        let near = addresses(&["192.168.1.2:4820", "127.0.0.1:4820"]);
        assert_eq!(warnings(Network::Regtest, &near), Vec::<String>::new());
        let told = warnings(Network::Signet, &near);
        assert!(told[0].starts_with("192.168.1.2:4820 can be dialled from the same network only"));
        assert!(told[1].contains("the same machine only") && told[2].contains("--advertise"));
        let both = addresses(&["192.168.1.2:4820", "8.8.8.8:4820"]);
        assert_eq!(warnings(Network::Bitcoin, &both).len(), 1);
        assert_eq!(warnings(Network::Bitcoin, &both[1..]), Vec::<String>::new());
        assert_eq!(warnings(Network::Bitcoin, &[]).len(), 1);
    }

    #[test]
    fn addresses_tell_from_where_they_can_be_dialled() {
        use Useless::{Broadcast, Documentation, Multicast, Port, Reserved, Unspecified};
        for (address, reach) in [
            ("8.8.8.8:4820", Reach::Anywhere),
            ("[2606:4700::1]:4820", Reach::Anywhere),
            ("host.example.org:4820", Reach::Anywhere),
            ("127.0.0.1:4820", Reach::Machine),
            ("127.5.0.1:4820", Reach::Machine),
            ("[::1]:4820", Reach::Machine),
            ("[::ffff:127.0.0.1]:4820", Reach::Machine),
            ("localhost:4820", Reach::Machine),
            ("10.1.2.3:4820", Reach::Network),
            ("172.31.0.1:4820", Reach::Network),
            ("192.168.1.2:4820", Reach::Network),
            ("169.254.9.9:4820", Reach::Network),
            ("[fe80::1]:4820", Reach::Network),
            ("[fd00::1]:4820", Reach::Network),
            ("printer:4820", Reach::Network),
            ("box.local:4820", Reach::Network),
            ("100.64.0.1:4820", Reach::Shared),
            ("100.128.0.1:4820", Reach::Anywhere),
            ("172.32.0.1:4820", Reach::Anywhere),
            ("8.8.8.8:0", Reach::Nowhere(Port)),
            ("host.example.org:0", Reach::Nowhere(Port)),
            ("0.0.0.0:4820", Reach::Nowhere(Unspecified)),
            ("[::]:4820", Reach::Nowhere(Unspecified)),
            ("224.0.0.1:4820", Reach::Nowhere(Multicast)),
            ("[ff02::1]:4820", Reach::Nowhere(Multicast)),
            ("255.255.255.255:4820", Reach::Nowhere(Broadcast)),
            ("203.0.113.7:4820", Reach::Nowhere(Documentation)),
            ("[2001:db8::1]:4820", Reach::Nowhere(Documentation)),
            ("host.example:4820", Reach::Nowhere(Documentation)),
            ("240.0.0.1:4820", Reach::Nowhere(Reserved)),
            ("0.1.2.3:4820", Reach::Nowhere(Reserved)),
        ] {
            assert_eq!(Reach::of(&address.parse().unwrap()), reach, "{address}");
        }
    }
}
