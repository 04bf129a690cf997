//! `ensign net`: who is connected, whom the guards hold back, our word about a node, the open network, and seeds.

mod network;
mod seed;
mod watch;
mod zone;

use std::path::Path;

use ensign_api::view::{GuardView, NetPeerView};
use ensign_coordinator::Word;

use crate::args::Net;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::Home;
use crate::kept::Kept;
use crate::output::{Line, Output, unix_micros};
use crate::remote::Remote;
use crate::views;
use crate::words::{self, foreign};

/// Asks the node that runs. What was mistyped in the settings since it started is no matter: under attack a ban
/// cannot wait for that. A word is taken without a node too: whom it shuts out must not get in at the start.
pub(super) fn run(
    folder: &Path,
    open: impl FnOnce() -> Result<Home>,
    args: &Net,
    output: Output,
) -> Result<()> {
    let node = Remote::at(folder)?;
    let word = match args {
        Net::Ban { peer } => Some((&**peer, Some(Word::Banned))),
        Net::Unban { peer } => Some((&**peer, None)),
        Net::Trust { peer } => Some((&**peer, Some(Word::Trusted))),
        Net::Zone { code, name } => return zone::run(&open()?, code, name, output),
        Net::Seed { name, resolver } => return seed::run(&open()?, name, resolver, output),
        Net::Guard { .. }
        | Net::Peers
        | Net::Status
        | Net::Dht
        | Net::Find { .. }
        | Net::Trace { .. }
        | Net::Ping { .. } => None,
    };
    if let Some(word) = word {
        let kept = node.map_or_else(|| Kept::open(open()?), |node| Ok(Kept::of_node(node)))?;
        return say(kept, word, output);
    }
    let Some(node) = node else {
        open()?;
        return Err(Failure::new(&code::NET_NEEDS_UP, "no node runs here"));
    };
    match args {
        Net::Guard { watch: true } => watch::run(&node, output)?,
        Net::Peers => peers(&node.get::<Vec<NetPeerView>>("/v1/net/peers")?, output),
        Net::Status => network::status(&node, &open()?, output)?,
        Net::Dht => network::contacts(&node, output)?,
        Net::Find { peer } => network::find(&node, peer, output)?,
        Net::Trace { what, key } => network::trace(&node, (what, *key), output)?,
        Net::Ping { peer } => network::ping(&node, peer, output)?,
        // The others than the first have been answered above.
        Net::Guard { .. }
        | Net::Ban { .. }
        | Net::Unban { .. }
        | Net::Trust { .. }
        | Net::Zone { .. }
        | Net::Seed { .. } => {
            guard(&node.get("/v1/net/guard")?, output);
        }
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

fn say(mut kept: Kept, (peer, word): (&str, Option<Word>), output: Output) -> Result<()> {
    let said = kept.say(peer, word)?;
    let runs = kept.is_live();
    output.tell(&line("word", &said).with("node_runs", runs), views::net::word(&said));
    if !said.groups.is_empty() {
        let groups: Vec<_> = said.groups.iter().map(|group| foreign(group)).collect();
        let groups = words::list(&groups);
        output.notice(format!(
            "until then nothing can be signed with {groups}: all members must sign"
        ));
    }
    if !runs && said.word != said.before {
        output.notice("no node runs here: it holds from the next `ensign up` on");
    }
    Ok(())
}

/// Returns a view as an event.
fn line(event: &'static str, view: &impl serde::Serialize) -> Line {
    let fields = views::fields(view).into_iter();
    fields.fold(Line::new(event), |line, (name, value)| line.with_owned(name, value))
}
