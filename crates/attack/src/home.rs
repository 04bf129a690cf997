//! Homes of signers, made and read with the program under attack itself.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, anyhow, bail};
use ensign_coordinator::{Group, Keys, Member};
use ensign_identity::{NodeKey, SignerKey};
use ensign_musig::SecKey;
use ensign_primitives::{Network, PeerId};
use serde_json::Value;

/// The program `ensign`.
#[derive(Clone, Debug)]
pub(crate) struct Program(pub(crate) PathBuf);

/// A throw-away home without a passphrase.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    program: Program,
    pub(crate) path: PathBuf,
    /// What others paste to know this signer.
    pub(crate) code: String,
    /// This signer as others know it.
    pub(crate) member: Member,
    pub(crate) network: Network,
}

impl Program {
    /// Makes a home of its own for a signer that listens on a free port of loopback.
    ///
    /// # Errors
    ///
    /// Fails if the program does.
    pub(crate) fn init(&self, folder: &Path, name: &str) -> Result<Home> {
        let path = folder.join(name);
        let arguments = ["init", "--name", name, "--network", "regtest"];
        let listen = ["--listen", "127.0.0.1:0", "--no-passphrase"];
        self.ask(&path, &[&arguments[..], &listen].concat())?;
        self.open(&path)
    }

    /// Opens a home that exists.
    ///
    /// # Errors
    ///
    /// Fails if the program does, or tells something else than expected.
    pub(crate) fn open(&self, path: &Path) -> Result<Home> {
        let told = self.ask(path, &["contact", "show"])?;
        let code = text(&told, "contact")?.to_owned();
        let network = text(&told, "network")?.parse()?;
        let (program, path) = (self.clone(), path.to_owned());
        Ok(Home { program, path, code, member: member(&told)?, network })
    }

    /// Runs a command to its end; returns the first line that it tells.
    fn ask(&self, home: &Path, arguments: &[&str]) -> Result<Value> {
        let mut command = Command::new(&self.0);
        command.arg("--json").arg("--home").arg(home).args(arguments);
        let output = command.output().with_context(|| format!("cannot run {:?}", self.0))?;
        let told = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("`ensign {}`: {}", arguments.join(" "), told.trim());
        }
        serde_json::from_str(told.lines().next().unwrap_or_default()).context("no JSON")
    }
}

impl Home {
    /// Forms a group with others.
    ///
    /// # Errors
    ///
    /// Fails if the program does.
    pub(crate) fn form(&self, group: &str, others: &[&Self]) -> Result<()> {
        let mut arguments = vec!["group", "new", group];
        for other in others {
            arguments.extend(["--member", other.code.as_str()]);
        }
        self.program.ask(&self.path, &arguments).map(drop)
    }

    /// Returns the names of its groups.
    ///
    /// # Errors
    ///
    /// Fails if the home has no folder of groups.
    pub(crate) fn groups(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path.join("groups"))? {
            let path = entry?.path();
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
        names.sort();
        Ok(names)
    }

    /// Returns the members of a group, in key order.
    ///
    /// # Errors
    ///
    /// Fails if the program does, or tells something else than expected.
    pub(crate) fn group(&self, name: &str) -> Result<Group> {
        let told = self.program.ask(&self.path, &["group", "show", name])?;
        let members = told.get("members").and_then(Value::as_array).context("no members")?;
        let members = members.iter().map(member).collect::<Result<_>>()?;
        Ok(Group { name: name.to_owned(), members, issued: Default::default() })
    }

    /// Reads both secret keys.
    ///
    /// # Errors
    ///
    /// Fails if they are encrypted or damaged.
    pub(crate) fn secrets(&self) -> Result<(NodeKey, SecKey)> {
        let read = |name: &str| -> Result<[u8; 32]> {
            let path = self.path.join(name);
            let text = fs::read_to_string(&path)
                .with_context(|| format!("{}: not a throw-away home", path.display()))?;
            bytes(text.trim())
        };
        Ok((
            NodeKey::from_secret_bytes(read("node.key")?)?,
            SecKey::from_secret_bytes(read("signer.key")?)?,
        ))
    }

    /// Reads the keys for a coordinator of this process.
    ///
    /// # Errors
    ///
    /// As [`secrets`](Self::secrets).
    pub(crate) fn keys(&self) -> Result<Keys> {
        let (node_key, sec_key) = self.secrets()?;
        Ok(Keys::new(self.network, node_key, sec_key)?)
    }

    /// Returns where its node listens.
    ///
    /// # Errors
    ///
    /// Fails if the contact code names no address.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        self.member.addresses.first().copied().context("the home has no address")
    }
}

fn member(told: &Value) -> Result<Member> {
    let addresses = told.get("addresses").and_then(Value::as_array).context("no addresses")?;
    let addresses = addresses.iter().filter_map(Value::as_str);
    Ok(Member {
        name: text(told, "name")?.to_owned(),
        signer: SignerKey::from_bytes(&bytes(text(told, "signer")?)?)?,
        peer: PeerId::from_bytes(bytes(text(told, "node")?)?),
        addresses: addresses.map(str::parse).collect::<Result<_, _>>()?,
        delegation: None,
    })
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|error| anyhow!("{error}"))?;
    Ok(bytes)
}

fn text<'a>(told: &'a Value, name: &str) -> Result<&'a str> {
    told.get(name).and_then(Value::as_str).with_context(|| format!("nothing said of {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";

    #[test]
    fn a_member_is_read_from_what_the_program_tells() {
        let told = format!(
            r#"{{"addresses":["127.0.0.1:9"],"node":"{KEY}","signer":"02{KEY}","name":"alice"}}"#
        );
        let read = member(&serde_json::from_str(&told).unwrap()).unwrap();
        assert_eq!(read.peer.to_string(), KEY);
        assert_eq!(read.addresses, ["127.0.0.1:9".parse().unwrap()]);
        assert!(member(&serde_json::from_str("{}").unwrap()).is_err());
    }
}
