//! The settings of the open network, `[net]`.

use std::net::{IpAddr, SocketAddr};

use ensign_peers::contact::{Contact, HostName};
use ensign_wire::{Role, Scope};

use super::given::Value;
use super::{Settings, table};
use crate::words::foreign;

/// What every contact code begins with; no host name in use does.
const CODE_PREFIX: &str = "ensign1";

/// Where DNS servers listen (RFC 1035, 4.2).
const DNS_PORT: u16 = 53;

/// The roles, as they are written.
pub(super) const ROLES: [(&str, Role); 3] =
    [("signer", Role::Signer), ("bootstrap", Role::Bootstrap), ("light", Role::Light)];

/// Whom to ask first.
#[derive(Clone, Debug)]
pub(crate) enum First {
    /// A node, by the contact code of its signer.
    Node(Box<Contact>),
    /// A name in the DNS that names nodes.
    Seed(HostName),
}

/// What the settings say of the open network.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    /// What the node does there.
    pub(crate) role: Role,
    /// Whom to ask first.
    pub(crate) first: Vec<First>,
    /// DNS servers; none for the system's.
    pub(crate) resolver: Vec<SocketAddr>,
    /// Where strangers reach this node; none where nobody says it.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Which addresses count.
    pub(crate) scope: Scope,
    /// With whom a connection is always kept.
    pub(crate) trusted: Vec<Contact>,
    /// What a position costs.
    pub(crate) bits: u8,
    /// How many connections are kept; `None` for what the role has.
    pub(crate) outbound: Option<usize>,
}

impl Settings {
    /// Returns how this home takes part in the open network; `None` where it is closed.
    pub(crate) fn open(&self) -> Option<Open> {
        let role = self.open_role()?;
        let scope = if self.truth("net.local") { Scope::Local } else { Scope::Global };
        let outbound = self.given.get(table::OUTBOUND.name).map(|_| self.count(&table::OUTBOUND));
        Some(Open {
            role,
            first: self.each("net.bootstrap", first),
            resolver: self.each("net.resolver", dns_server),
            addresses: self.each("net.addresses", address),
            scope,
            trusted: self.each("net.trusted", code),
            bits: u8::try_from(self.number(&table::POSITION_BITS)).unwrap_or(u8::MAX),
            outbound,
        })
    }

    /// Returns what the node is in the open network; `None` in a closed home.
    pub(crate) fn open_role(&self) -> Option<Role> {
        let role = || self.text("net.role").and_then(role).unwrap_or(Role::Signer);
        self.truth("net.open").then(role)
    }

    /// Says which node of the open network is of another chain: on which line, and what.
    pub(super) fn check_open(&self) -> Result<(), (usize, String)> {
        let first = self.each("net.bootstrap", first).into_iter().filter_map(|first| match first {
            First::Node(contact) => Some(("net.bootstrap", *contact)),
            First::Seed(_) => None,
        });
        let trusted = self.each("net.trusted", code).into_iter();
        for (key, contact) in first.chain(trusted.map(|contact| ("net.trusted", contact))) {
            if contact.network != self.network {
                let (name, theirs, ours) =
                    (foreign(contact.called()), contact.network, self.network);
                let line = self.given.get(key).map_or(1, |(_, line)| line);
                return Err((line, format!("{key}: {name} is on {theirs}, this home on {ours}")));
            }
        }
        Ok(())
    }

    fn truth(&self, name: &str) -> bool {
        matches!(self.given.get(name), Some((Value::Truth(true), _)))
    }

    /// Returns each of several; the table has seen that they can be read.
    fn each<T>(&self, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        self.texts(name).iter().filter_map(|it| read(it).ok()).collect()
    }
}

/// Returns how a role is written.
pub(crate) fn role_name(role: Role) -> &'static str {
    ROLES.iter().find(|(_, it)| *it == role).map_or("signer", |(name, _)| name)
}

/// Returns the role that is written so.
///
/// # Errors
///
/// A sentence that names those that there are.
pub(crate) fn role_of(text: &str) -> Result<Role, String> {
    role(text).ok_or_else(|| format!("`{}` is none of signer, bootstrap, light", foreign(text)))
}

fn role(text: &str) -> Option<Role> {
    ROLES.iter().find(|(name, _)| *name == text).map(|(_, role)| *role)
}

/// Reads whom to ask first.
///
/// # Errors
///
/// A sentence that says what is wrong with it.
pub(crate) fn first(text: &str) -> Result<First, String> {
    let text = text.trim();
    if text.to_ascii_lowercase().starts_with(CODE_PREFIX) {
        let contact = code(text)?;
        if contact.addresses.is_empty() {
            let name = foreign(contact.called());
            return Err(format!("the contact code of {name} names no address at which to ask it"));
        }
        return Ok(First::Node(Box::new(contact)));
    }
    let seed = text.parse().map(First::Seed);
    seed.map_err(|_| format!("`{}` is neither a contact code nor a name in the DNS", foreign(text)))
}

fn code(text: &str) -> Result<Contact, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// Reads where a DNS server is.
///
/// # Errors
///
/// A sentence that shows the form.
pub(crate) fn dns_server(text: &str) -> Result<SocketAddr, String> {
    let alone = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT));
    alone
        .or_else(|_| text.parse())
        .map_err(|_| "write 192.0.2.53, 192.0.2.53:53 or [2001:db8::53]:53".to_owned())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong =
        || format!("`{}` is no address with its port, such as 198.51.100.7:4820", foreign(text));
    let address: SocketAddr = text.parse().map_err(|_| wrong())?;
    if address.port() == 0 || !Scope::Local.allows(address.ip()) {
        return Err(format!("{address} can be dialled by nobody"));
    }
    Ok(address)
}

pub(super) fn check_role(text: &str) -> Result<(), String> {
    role_of(text).map(drop)
}

pub(super) fn check_first(text: &str) -> Result<(), String> {
    first(text).map(drop)
}

pub(super) fn check_code(text: &str) -> Result<(), String> {
    code(text).map(drop)
}

pub(super) fn check_resolver(text: &str) -> Result<(), String> {
    dns_server(text).map(drop)
}

pub(super) fn check_address(text: &str) -> Result<(), String> {
    address(text).map(drop)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::parse;
    use super::*;

    const GOOD: &str = "name = \"alice\"\nnetwork = \"signet\"\nlisten = \"0.0.0.0:4820\"\n[net]\n";

    fn settings(more: &str) -> Settings {
        parse(Path::new("ensign.toml"), &format!("{GOOD}{more}\n")).unwrap()
    }

    #[test]
    fn home_is_closed_unless_its_settings_say_otherwise() {
        assert!(settings("role = \"light\"").open().is_none());
        assert!(settings("open = false").open().is_none());
        let open = settings("open = true").open().unwrap();
        assert_eq!((open.role, open.scope), (Role::Signer, Scope::Global));
        assert_eq!((open.bits, open.outbound), (ensign_wire::POSITION_BITS, None));
        let more = "open = true\nrole = \"bootstrap\"\nlocal = true\nposition_bits = 4\noutbound = 3\n\
                    bootstrap = [\"seed.example.org\"]\nresolver = [\"192.0.2.53\"]\n\
                    addresses = [\"127.0.1.1:4820\"]";
        let open = settings(more).open().unwrap();
        assert_eq!((open.role, open.scope), (Role::Bootstrap, Scope::Local));
        assert_eq!((open.bits, open.outbound), (4, Some(3)));
        assert!(
            matches!(&open.first[..], [First::Seed(name)] if name.as_str() == "seed.example.org")
        );
        assert_eq!(open.resolver, ["192.0.2.53:53".parse().unwrap()]);
        assert_eq!(open.addresses, ["127.0.1.1:4820".parse().unwrap()]);
    }

    #[test]
    fn limits_are_those_of_the_role_unless_the_file_says_otherwise() {
        use ensign_engine::Limits;
        for (name, role) in ROLES {
            let open = settings(&format!("open = true\nrole = \"{name}\""));
            assert_eq!(open.limits(), Limits::of_role(role), "{name}");
            // A closed home has no role.
            assert_eq!(settings(&format!("role = \"{name}\"")).limits(), Limits::default());
        }
        let more = "open = true\nrole = \"bootstrap\"\n[strangers]\nwork_in_all_burst = 4096";
        let limits = settings(more).limits();
        let role = Limits::of_role(Role::Bootstrap).strangers.work_in_all;
        assert_eq!(limits.strangers.work_in_all.burst, 4096);
        assert_eq!(limits.strangers.work_in_all.per_minute, role.per_minute);
    }

    #[test]
    fn where_a_default_of_a_role_comes_from_is_told() {
        use crate::home::{Source, settings_of};
        let of = |more: &str, key: &str| {
            let all = settings_of(&settings(more));
            let it = all.into_iter().find(|it| it.key.name() == key).unwrap();
            (it.value, it.from)
        };
        let key = "strangers.work_in_all_per_minute";
        let bootstrap = "open = true\nrole = \"bootstrap\"";
        assert_eq!(of(bootstrap, key), ("600000".to_owned(), Source::Role("bootstrap")));
        assert_eq!(of("open = true", key), ("60000".to_owned(), Source::Default));
        assert_eq!(of("role = \"bootstrap\"", key), ("60000".to_owned(), Source::Default));
        let set = format!("{bootstrap}\n[strangers]\nwork_in_all_per_minute = 7");
        assert_eq!(of(&set, key), ("7".to_owned(), Source::File(8)));
        let light = "open = true\nrole = \"light\"";
        assert_eq!(of(light, "net.outbound"), ("6".to_owned(), Source::Role("light")));
    }

    #[test]
    fn what_cannot_be_is_told_with_its_line_and_what_may_be() {
        for (more, what) in [
            ("open = \"yes\"", "line 5: net.open: true or false is expected"),
            ("role = \"king\"", "net.role: `king` is none of signer, bootstrap, light"),
            ("position_bits = 41", "net.position_bits: 41 is not between 0 and 40 bits"),
            ("outbound = 0", "net.outbound: 0 is not between 1 and 12 connections"),
            ("bootstrap = [\"ensign1qq\"]", "net.bootstrap: "),
            ("bootstrap = [\"a b\"]", "`a b` is neither a contact code nor a name in the DNS"),
            ("trusted = [\"seed.example.org\"]", "net.trusted: "),
            ("resolver = [\"dns.example\"]", "net.resolver: write 192.0.2.53"),
            ("addresses = [\"1.1.1.1\"]", "`1.1.1.1` is no address with its port"),
            ("addresses = [\"0.0.0.0:5\"]", "0.0.0.0:5 can be dialled by nobody"),
        ] {
            let refused = parse(Path::new("ensign.toml"), &format!("{GOOD}{more}\n")).unwrap_err();
            assert!(refused.what.contains(what), "{more}: {}", refused.what);
        }
        let many = (1..=17).map(|port| format!("\"1.1.1.1:{port}\"")).collect::<Vec<_>>().join(",");
        let text = format!("{GOOD}addresses = [{many}]\n");
        let refused = parse(Path::new("ensign.toml"), &text).unwrap_err();
        assert!(
            refused.what.contains("17 are too many, at most 16 may be named"),
            "{}",
            refused.what
        );
    }
}
