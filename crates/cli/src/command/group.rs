//! `ensign group`: form and show groups.

use ensign_primitives::SignerIndex;
use serde_json::{Value, json};

use crate::args::Group;
use crate::catalogue as code;
use crate::contact::{Contact, ContactError};
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::{HeldHome, Home};
use crate::output::{Line, Output};
use crate::words;

/// Forms or shows groups.
pub(super) fn run(home: Home, args: Group, output: Output) -> Result<()> {
    match args {
        Group::New { name, member } => {
            let group = form(home, &name, &member)?;
            show(&group, output);
            output.text(
                "\nCompare id and address with the other members before anything is paid to it: \
                 all see the same.",
            );
        }
        Group::List => list(&home, output)?,
        Group::Show { name } => show(&home.group(&name)?, output),
    }
    Ok(())
}

/// Forms a group and keeps it in the home.
///
/// # Errors
///
/// What is wrong with a name, a code, or the members together; [`code::HOME_IN_USE`].
fn form(home: Home, name: &str, codes: &[String]) -> Result<SignerGroup> {
    words::check_name(name).map_err(|reason| Failure::new(&code::NAME, reason))?;
    let mut members = Vec::new();
    for (position, text) in (1..).zip(codes) {
        members.push(text.parse().map_err(|error| contact_failure(position, &error))?);
    }
    let group = SignerGroup::new(name, &home.contact()?, &members)?;
    let HeldHome { home, .. } = &home.hold()?;
    if let Some(same) = home.groups()?.iter().find(|known| known.id() == group.id()) {
        let what = format!("group `{}` has exactly these members already", same.name);
        return Err(Failure::new(&code::GROUP_EXISTS, what));
    }
    home.keep_group(&group)?;
    Ok(group)
}

fn contact_failure(position: usize, error: &ContactError) -> Failure {
    let entry = match error {
        ContactError::Prefix { .. } | ContactError::Checksum { .. } => &code::CONTACT_CODE,
        ContactError::Version { .. } => &code::CONTACT_VERSION,
        ContactError::Network { .. } => &code::CONTACT_NETWORK,
        ContactError::Layout { .. } => &code::CONTACT_CODE,
        ContactError::Name { .. } => &code::NAME,
        ContactError::NodeKey { .. } | ContactError::SignerKey(_) => &code::CONTACT_KEY,
    };
    Failure::new(entry, format!("contact code {position}: {error}"))
}

fn list(home: &Home, output: Output) -> Result<()> {
    let groups = home.groups()?;
    if groups.is_empty() {
        output.text("no groups yet; make one with `ensign group new NAME --member CODE`");
    }
    for group in groups {
        let text =
            format!("{}  {}  {}", group.name, group.keys.address(), words::list(&group.names()));
        output.tell(&line(&group), text);
    }
    Ok(())
}

fn show(group: &SignerGroup, output: Output) {
    let mut text = format!(
        "group {}: all {} must sign\n  id       {}\n  address  {}\n  network  {}\n  members",
        group.name,
        group.members.len(),
        group.id(),
        group.keys.address(),
        group.keys.network(),
    );
    let width = group.names().iter().map(String::len).max().unwrap_or(0);
    for (index, member) in (0..).map(SignerIndex).zip(&group.members) {
        let (name, signer) = (group.name_of(index), member.signer);
        let place = if index == group.own { "this home".to_owned() } else { places(member) };
        text += &format!("\n    {name:width$}  {signer}  {place}");
    }
    output.tell(&line(group), text);
}

fn places(member: &Contact) -> String {
    let places: Vec<_> = member.addresses.iter().map(ToString::to_string).collect();
    places.join(", ")
}

fn line(group: &SignerGroup) -> Line {
    let member = |(index, member): (SignerIndex, &Contact)| -> Value {
        json!({
            "name": group.name_of(index),
            "own": index == group.own,
            "signer": member.signer.to_string(),
            "node": member.peer.to_string(),
            "addresses": member.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    let members: Vec<_> = (0..).map(SignerIndex).zip(&group.members).map(member).collect();
    Line::new("group")
        .with("group", group.name.as_str())
        .with("id", group.id().to_string())
        .with("address", group.keys.address())
        .with("network", group.keys.network().name())
        .with("members", members)
}
