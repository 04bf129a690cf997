//! Groups that were made of pasted codes: their members confirm them to each other, as after an invitation.

use std::net::SocketAddr;

use ensign_coordinator::forming::{CommandError as Refused, Step, View};
use ensign_coordinator::{CommandError, Coordinator, Roster, RosterMember};
use ensign_identity::SignerKey;
use ensign_peers::contact::Contact;
use ensign_primitives::{GroupId, SignerIndex};

use crate::address::hosts::Hosts;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::Home;
use crate::household::Us;
use crate::node::command_failure;
use crate::output::Output;
use crate::upkeep::Confirmation;

/// Begins for each group of a home whose members shall confirm it to each other. Why one cannot be confirmed
/// is told, and the others begin.
///
/// # Errors
///
/// What keeps the home from being read, and a node that stops.
pub(crate) async fn go_on(
    home: &Home,
    coordinator: &Coordinator,
    us: Us,
    output: Output,
) -> Result<()> {
    let awaited = |it: &SignerGroup| it.upkeep.confirmation == Some(Confirmation::Awaited);
    for group in home.groups()?.into_iter().filter(awaited) {
        if let Err(failure) = begin(home, coordinator, us, &group).await {
            let what = format!("group {} cannot be confirmed yet: {}", group.name, failure.what);
            output.warning(&Failure { what, ..failure });
        }
    }
    Ok(())
}

/// Begins to have a group confirmed by all of its members, unless that goes on already.
///
/// # Errors
///
/// [`code::FORMATION`] where a member's code does not say that its key lets its node speak; why the
/// members cannot be a group that is certified.
pub(crate) async fn begin(
    home: &Home,
    coordinator: &Coordinator,
    us: Us,
    group: &SignerGroup,
) -> Result<()> {
    if group.certified().is_ok() {
        return Ok(());
    }
    let forming = coordinator.formations().await;
    let (views, _) = forming.map_err(|error| command_failure(&error))?;
    if views.iter().any(|view| of_view(view).as_ref() == Some(&group.id())) {
        return Ok(());
    }
    let (own, _) = us.new_member(home)?.candidate();
    let (hosts, _unknown) = Hosts::look_up(group.addresses()).await;
    let (mut members, mut addresses): (Vec<RosterMember>, Vec<Vec<SocketAddr>>) =
        Default::default();
    for (index, contact) in (0..).map(SignerIndex).zip(&group.members) {
        if index == group.own {
            members.push(own.member.clone());
            addresses.push(own.addresses.clone());
            continue;
        }
        members.push(member(contact)?);
        addresses.push(contact.addresses.iter().flat_map(|it| hosts.dialled(it)).collect());
    }
    let (network, name) = (group.keys.network(), group.name.clone());
    let roster = Roster { network, name, invitation: None, members };
    match coordinator.form(roster, addresses).await {
        Ok(()) => Ok(()),
        Err(CommandError::Formation(Refused::Limits(_))) => {
            let what = "two members call themselves by names that look alike, or there are too many of them";
            let hint = "have one of them change `name` in its ensign.toml and give out its new code; or \
                        invite into a new group: `ensign group invite`";
            Err(Failure::new(&code::FORMATION, what).hint(hint))
        }
        Err(error) => Err(command_failure(&error)),
    }
}

/// Forgets what has formed, or forms, of a group.
///
/// # Errors
///
/// A node that stops.
pub(crate) async fn forget(coordinator: &Coordinator, group: GroupId) -> Result<()> {
    let forming = coordinator.formations().await;
    let (views, certificates) = forming.map_err(|error| command_failure(&error))?;
    let views = views.iter().filter(|view| of_view(view) == Some(group)).map(|view| &view.name);
    let certified = certificates.iter().map(|it| &it.roster);
    let certified = certified.filter(|it| id_of(it) == Some(group)).map(|roster| &roster.name);
    for name in views.chain(certified) {
        let gone = coordinator.forget_certificate(name.clone()).await;
        gone.map_err(|error| command_failure(&error))?;
    }
    Ok(())
}

/// Returns which group forms under a name, once all of its members are known.
///
/// # Errors
///
/// A node that stops.
pub(crate) async fn group_of(coordinator: &Coordinator, name: &str) -> Result<Option<GroupId>> {
    let forming = coordinator.formations().await;
    let (views, _) = forming.map_err(|error| command_failure(&error))?;
    Ok(views.iter().find(|view| view.name == name).and_then(of_view))
}

fn of_view(view: &View) -> Option<GroupId> {
    match &view.step {
        Step::Revealing { roster, .. } | Step::Confirming { roster, .. } => id_of(roster),
        Step::Inviting { .. } | Step::Joining { .. } => None,
    }
}

fn id_of(roster: &Roster) -> Option<GroupId> {
    roster.keys().ok().map(|keys| keys.group_id(roster.network))
}

/// Takes a member from its code.
fn member(contact: &Contact) -> Result<RosterMember> {
    let (peer, signer): (_, SignerKey) = (contact.peer, contact.signer);
    let name = contact.name.clone();
    let Some(delegation) = contact.delegation() else {
        let called = contact.called();
        let what = format!("the code of {called} does not say that its key lets its node speak");
        let hint = format!(
            "ask {called} for its code as it is now (`ensign contact show`), and give it to `ensign group \
             update NAME --member CODE`; then `ensign group confirm NAME`"
        );
        return Err(Failure::new(&code::FORMATION, what).who([called.to_owned()]).hint(hint));
    };
    Ok(RosterMember { signer, peer, delegation, name })
}
