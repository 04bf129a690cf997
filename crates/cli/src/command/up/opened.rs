//! What `ensign up` keeps of how the node takes part in the open network.

use crate::args::Up;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::{First, Home, first, role_name};
use crate::narrator::Narrator;
use crate::output::{Line, Output};
use crate::words::{foreign, list};
use ensign_peers::contact::Contact;

/// Writes what the command line says about the open network into the settings, and returns the home as it is then.
///
/// # Errors
///
/// [`code::NET_CLOSED`] for a home that is closed and stays so, [`code::SETTING_VALUE`].
pub(super) fn keep(home: Home, args: &Up, output: Output) -> Result<Home> {
    let was_open = home.settings().open().is_some();
    if !args.open && !was_open && (!args.bootstrap.is_empty() || args.role.is_some()) {
        let what = "this home is closed, and neither asks nor serves anybody in the open network";
        return Err(Failure::new(&code::NET_CLOSED, what).hint("add --open, if it shall be open"));
    }
    let mut changes = Vec::new();
    if !args.bootstrap.is_empty() {
        changes.push(("net.bootstrap", bootstrap(&home, &args.bootstrap)?));
    }
    if let Some(role) = args.role {
        changes.push(("net.role", role_name(role).to_owned()));
    }
    if args.open && !was_open {
        // The last: a home is open once all the rest is right.
        changes.push(("net.open", "true".to_owned()));
    }
    if changes.is_empty() {
        return Ok(home);
    }
    for (key, value) in &changes {
        Home::set(home.path(), key, Some(value))?;
    }
    if args.open && !was_open {
        let text = "this home is open from now on (net.open): its node looks for others, and says where it is; \
                    `ensign config set net.open --default` closes it again";
        output.talk(&Line::new("opened"), text);
    }
    home.read_again()
}

/// Says whom an open home asks first, so that its user sees what is tried before somebody answers.
pub(super) fn tell_first(home: &Home, narrator: &mut Narrator, output: Output) {
    let Some(open) = home.settings().open() else { return };
    let (mut nodes, mut seeds) = (Vec::new(), Vec::new());
    for first in &open.first {
        match first {
            First::Node(contact) => {
                narrator.know_first(contact);
                let at: Vec<_> = contact.addresses.iter().map(ToString::to_string).collect();
                nodes.push(format!("{} at {}", foreign(contact.called()), at.join(" or ")));
            }
            First::Seed(name) => seeds.push(name.as_str().to_owned()),
        }
    }
    let line =
        Line::new("net_asks_first").with("nodes", nodes.clone()).with("seeds", seeds.clone());
    let text = if nodes.is_empty() && seeds.is_empty() {
        "no node and no seed is named in net.bootstrap: only nodes that this one knows from before, or that come to it, \
         lead into the open network; `ensign up --bootstrap CODE|DNS_NAME` names one"
            .to_owned()
    } else {
        let seeds = seeds.iter().map(|it| format!("the seed {it}"));
        let all: Vec<_> = nodes.into_iter().chain(seeds).collect();
        format!("into the open network by way of {}", list(&all))
    };
    output.talk(&line, text);
}

/// Refuses a code that cannot help: our own, or one of another chain.
fn check(home: &Home, contact: &Contact) -> Result<()> {
    let (theirs, ours) = (contact.network, home.settings().network);
    let (what, hint) = if home.public_keys()?.node == contact.peer {
        (
            "this is the code of this home itself".to_owned(),
            "give the code of another node, which is up: its user sees it with `ensign contact show`",
        )
    } else if theirs != ours {
        let name = foreign(contact.called());
        (
            format!("{name} is on {theirs}, this home on {ours}"),
            "give the code of a node on the same network: networks do not meet",
        )
    } else {
        return Ok(());
    };
    Err(Failure::new(&code::SETTING_VALUE, format!("--bootstrap: {what}")).hint(hint))
}

/// Returns whom to ask first: who was known before, and who is new.
fn bootstrap(home: &Home, new: &[String]) -> Result<String> {
    let mut all = home.settings().texts("net.bootstrap").to_vec();
    for entry in new {
        let wrong = |what: String| {
            Failure::new(&code::SETTING_VALUE, format!("--bootstrap: {what}")).hint(
                "give a contact code (`ensign contact show` there prints it) or a name in the DNS",
            )
        };
        if let First::Node(contact) = first(entry).map_err(wrong)? {
            check(home, &contact)?;
        }
        let entry: String = entry.split_whitespace().collect();
        if !all.contains(&entry) {
            all.push(entry);
        }
    }
    Ok(all.join(","))
}
