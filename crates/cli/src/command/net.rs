//! `ensign net`: who is connected, whom the guards hold back, our word about a node, and seeds.

mod seed;
mod watch;
mod zone;

use std::path::Path;

use ensign_api::view::{About, GuardView, NetPeerView, WordView};

use crate::args::Net;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::Home;
use crate::output::{Line, Output, unix_micros};
use crate::remote::Remote;
use crate::views;
use crate::words::{self, foreign};

/// Asks the node that runs. What was mistyped in the settings since it started is no matter: under attack a ban
/// cannot wait for that.
pub(super) fn run(
    folder: &Path,
    open: impl FnOnce() -> Result<Home>,
    args: &Net,
    output: Output,
) -> Result<()> {
    match args {
        Net::Zone { code, name } => return zone::run(&open()?, code, name, output),
        Net::Seed { name, resolver } => return seed::run(&open()?, name, resolver, output),
        Net::Guard { .. }
        | Net::Peers
        | Net::Ban { .. }
        | Net::Unban { .. }
        | Net::Trust { .. } => {}
    }
    let Some(node) = Remote::at(folder)? else {
        open()?;
        return Err(Failure::new(&code::NET_NEEDS_UP, "no node runs here"));
    };
    match args {
        Net::Guard { watch: false } => guard(&node.get("/v1/net/guard")?, output),
        Net::Guard { watch: true } => watch::run(&node, output)?,
        Net::Peers => peers(&node.get::<Vec<NetPeerView>>("/v1/net/peers")?, output),
        Net::Ban { peer } => said(&node, "ban", peer, output)?,
        Net::Unban { peer } => said(&node, "unban", peer, output)?,
        Net::Trust { peer } => said(&node, "trust", peer, output)?,
        // They need no node that runs.
        Net::Zone { .. } | Net::Seed { .. } => {}
    }
    Ok(())
}

fn guard(view: &GuardView, output: Output) {
    output.tell(&line("guard", view), views::net::guard(view));
}

fn peers(peers: &[NetPeerView], output: Output) {
    peers.iter().for_each(|peer| output.json(&line("net_peer", peer)));
    if peers.is_empty() {
        return output.notice("nobody is connected");
    }
    output.text(views::net::peers(peers, unix_micros() / 1000));
}

fn said(node: &Remote, verb: &str, peer: &str, output: Output) -> Result<()> {
    let about = About { peer: peer.to_owned() };
    let said: WordView = node.post(&format!("/v1/net/{verb}"), &about)?;
    let name = views::net::name(said.name.as_deref(), &said.node);
    let text = match said.word.as_deref() {
        Some("banned") => {
            format!("{name} is banned: it is neither dialled nor let in, until `ensign net unban`")
        }
        Some(_) => format!("{name} is trusted: no score keeps it out"),
        None => format!("no word of yours stands about {name} now"),
    };
    output.tell(&line("word", &said), text);
    if !said.groups.is_empty() {
        let groups: Vec<_> = said.groups.iter().map(|group| foreign(group)).collect();
        let groups = words::list(&groups);
        output.notice(format!(
            "until then nothing can be signed with {groups}: all members must sign"
        ));
    }
    Ok(())
}

/// Returns a view as an event.
fn line(event: &'static str, view: &impl serde::Serialize) -> Line {
    let fields = views::fields(view).into_iter();
    fields.fold(Line::new(event), |line, (name, value)| line.with_owned(name, value))
}
