//! What the socket's server asks of the home of a node that runs: groups, results to write, words.

use std::sync::Mutex;

use ensign_api::view::{AddressView, GroupChange, NewFormation, NewGroup, Target, Which};
use ensign_api::{Answer, House, Problem};
use ensign_coordinator::forming::InvitationError;
use ensign_coordinator::{CommandError, Coordinator, Handle, Invitation, LedgerError, NewMember};
use ensign_identity::{DelegationProof, SignerKey};
use ensign_primitives::{PeerId, RequestId};
use tokio::sync::mpsc;

use crate::address::hosts::Hosts;
use crate::catalogue as code;
use crate::confirming;
use crate::failure::{Failure, Result, risk_in_words};
use crate::group::SignerGroup;
use crate::home::{Changed, Home, Outs};
use crate::node::command_failure;
use crate::results::Known;
use crate::store::ledger_failure;
use crate::target::Targets;
use crate::upkeep::Confirmation;
use ensign_peers::contact::Contact;

/// What was decided by a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision {
    /// About which request.
    pub(crate) request: RequestId,
    /// Its number in this home.
    pub(crate) handle: Option<Handle>,
    /// What was done.
    pub(crate) verb: &'static str,
}

/// What clients did that the node's own user should know.
#[derive(Debug)]
pub(crate) enum News {
    /// A request was decided.
    Decided(Decision),
    /// The groups are others now.
    Groups(Vec<SignerGroup>),
}

/// The keys of the node that runs, as it enters groups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Us {
    /// The key that it brings.
    pub(crate) signer: SignerKey,
    /// The node.
    pub(crate) peer: PeerId,
    /// That the key lets the node speak.
    pub(crate) delegation: DelegationProof,
}

impl Us {
    /// Us, as we enter a group.
    ///
    /// # Errors
    ///
    /// What keeps the home from being read.
    pub(crate) fn new_member(self, home: &Home) -> Result<NewMember> {
        let Self { signer, peer, delegation } = self;
        let Contact { name, addresses, .. } = home.contact()?;
        Ok(NewMember { signer, peer, delegation, name, addresses })
    }
}

/// The home of a node that runs.
#[derive(Debug)]
pub(crate) struct Household {
    home: Home,
    coordinator: Coordinator,
    outs: Outs,
    news: mpsc::Sender<News>,
    /// Hears of requests whose results are to be written somewhere.
    kept: mpsc::Sender<RequestId>,
    us: Us,
    known: Known,
    /// Held by whoever changes files of groups: two clients change one after the other.
    groups: Mutex<()>,
}

impl Household {
    pub(crate) fn new(
        home: &Home,
        coordinator: &Coordinator,
        (us, known): (Us, Known),
        (news, kept): (mpsc::Sender<News>, mpsc::Sender<RequestId>),
    ) -> Self {
        let (home, coordinator, outs) = (home.clone(), coordinator.clone(), Outs::new(home));
        Self { home, coordinator, outs, news, kept, us, known, groups: Mutex::new(()) }
    }

    /// Changes files, one client at a time.
    fn file<T>(&self, change: impl FnOnce(&Home) -> Result<T>) -> Result<T> {
        let _only = self.groups.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let changed = change(&self.home);
        self.known.forget();
        changed
    }

    fn tell(&self, news: News) {
        // A command that only follows its own request does not listen.
        let _ = self.news.try_send(news);
    }

    /// Tells the node's own user that groups have changed.
    fn changed(&self) {
        if let Ok(groups) = self.home.groups() {
            self.tell(News::Groups(groups));
        }
    }

    async fn make(&self, NewGroup { name, members }: NewGroup) -> Result<Vec<String>> {
        let was_there = self.home.group(&name).is_ok();
        let Changed { group, mut notes } = self.file(|home| home.form_group(&name, &members))?;
        if let Err(failure) = join(&self.coordinator, std::slice::from_ref(&group)).await {
            if !was_there {
                // What the node does not take is no group of this home.
                let _gone = self.file(|home| home.forget_group(&name));
            }
            return Err(failure);
        }
        let is_awaited = group.upkeep.confirmation == Some(Confirmation::Awaited);
        if is_awaited
            && let Err(failure) =
                confirming::begin(&self.home, &self.coordinator, self.us, &group).await
        {
            notes.push(format!(
                "it cannot be confirmed yet: {}; {}",
                failure.what,
                failure.advice()
            ));
        }
        self.changed();
        Ok(notes)
    }

    async fn change(&self, name: String, change: GroupChange) -> Result<Vec<String>> {
        let GroupChange { name: new, members } = change;
        let mut notes = Vec::new();
        let mut group = self.home.group(&name)?;
        if !members.is_empty() {
            let changed = self.file(|home| home.update_group(&name, &members))?;
            (group, notes) = (changed.group, changed.notes);
        }
        if let Some(new) = new {
            group = self.file(|home| home.rename_group(&name, &new))?;
        }
        join(&self.coordinator, std::slice::from_ref(&group)).await?;
        self.changed();
        Ok(notes)
    }

    async fn forget(&self, name: String) -> Result<()> {
        if !self.home.group_names()?.contains(&name) && self.forms(&name).await? {
            // Nothing of it is in the home before all have confirmed it.
            let forgotten = self.coordinator.forget_certificate(name).await;
            return forgotten.map_err(|error| command_failure(&error));
        }
        let group = self.home.group(&name)?;
        let forgotten = self.coordinator.forget_group(group.id()).await;
        forgotten.map_err(|error| command_failure(&error))?;
        confirming::forget(&self.coordinator, group.id()).await?;
        self.file(|home| home.forget_group(&name))?;
        self.changed();
        Ok(())
    }

    async fn forms(&self, name: &str) -> Result<bool> {
        let forming = self.coordinator.formations().await;
        let (views, _) = forming.map_err(|error| command_failure(&error))?;
        Ok(views.iter().any(|view| view.name == name))
    }

    /// Gives up what forms; a group that was made of codes is not confirmed by itself any more.
    async fn refuse(&self, name: String) -> Result<()> {
        let id = confirming::group_of(&self.coordinator, &name).await?;
        let refused = self.coordinator.refuse(name).await;
        refused.map_err(|error| command_failure(&error))?;
        if let Some(id) = id {
            self.file(|home| home.keep_confirmation(&id, Confirmation::Refused))?;
        }
        Ok(())
    }

    async fn begin(&self, asked: NewFormation) -> Result<String> {
        let us = self.us.new_member(&self.home)?;
        let refused = |error: CommandError| command_failure(&error);
        match asked {
            NewFormation { name: Some(name), size: Some(size), code: None } => {
                self.home.check_new_group(&name)?;
                let invited = self.coordinator.invite(name.clone(), size, us).await;
                drop(invited.map_err(refused)?);
                Ok(name)
            }
            NewFormation { name: Some(name), size: None, code: None } => {
                let group = self.home.group(&name)?;
                if group.certified().is_ok() {
                    let what = format!("all members have confirmed group {name} already");
                    return Err(
                        Failure::new(&code::FORMATION, what).hint("nothing needs to be done")
                    );
                }
                confirming::begin(&self.home, &self.coordinator, self.us, &group).await?;
                self.file(|home| home.keep_confirmation(&group.id(), Confirmation::Awaited))?;
                Ok(name)
            }
            NewFormation { name: None, size: None, code: Some(code) } => {
                let invitation: Invitation =
                    code.parse().map_err(|error: InvitationError| invitation_failure(&error))?;
                self.home.check_new_group(&invitation.name)?;
                let (hosts, mut unknown) = Hosts::look_up(&invitation.addresses).await;
                let at: Vec<_> =
                    invitation.addresses.iter().flat_map(|it| hosts.dialled(it)).collect();
                if let (true, Some(unknown)) = (at.is_empty(), unknown.pop()) {
                    return Err(unknown);
                }
                let name = invitation.name.clone();
                self.coordinator.join(invitation, us, at).await.map_err(refused)?;
                Ok(name)
            }
            _ => {
                let what =
                    "name and size invite others, a code takes a seat, a name alone confirms";
                Err(Failure::new(&code::FORMATION, what))
            }
        }
    }
}

/// Has a node join groups, or take what is new about them; returns the hosts that could not be looked
/// up, each once.
///
/// # Errors
///
/// Why the node does not take a group.
pub(crate) async fn join(
    coordinator: &Coordinator,
    groups: &[SignerGroup],
) -> Result<Vec<Failure>> {
    let (hosts, unknown) = Hosts::look_up(groups.iter().flat_map(SignerGroup::addresses)).await;
    for group in groups {
        let given = coordinator.group(group.for_coordinator(&hosts)).await;
        given.map_err(|error| command_failure(&error))?;
    }
    Ok(unknown)
}

/// As [`join`], as far as it goes: a group that cannot be joined keeps no other one from it. Returns also why.
///
/// # Errors
///
/// A node that stops.
pub(crate) async fn join_all(
    coordinator: &Coordinator,
    groups: &[SignerGroup],
) -> Result<Vec<Failure>> {
    let (hosts, mut warnings) =
        Hosts::look_up(groups.iter().flat_map(SignerGroup::addresses)).await;
    for group in groups {
        match coordinator.group(group.for_coordinator(&hosts)).await {
            Ok(_) => {}
            Err(error @ CommandError::Stopped) => return Err(command_failure(&error)),
            Err(error) => warnings.push(left_out(group, &error)),
        }
    }
    Ok(warnings)
}

/// Says that a group takes part in nothing until something is done about it.
fn left_out(group: &SignerGroup, error: &CommandError) -> Failure {
    let failure = command_failure(error);
    let name = &group.name;
    let what = format!("group {name} is left out, nothing is signed in it: {}", failure.what);
    let hint = format!(
        "{}. The other groups go on. See its members with `ensign group show {name}`; if a code is outdated: \
         `ensign group update {name} --member CODE`",
        failure.advice()
    );
    Failure { what, ..failure }.hint(hint)
}

impl House for Household {
    fn make_group(&self, asked: NewGroup) -> Answer<'_, Vec<String>> {
        Box::pin(async move { self.make(asked).await.map_err(|failure| problem(&failure)) })
    }

    fn change_group(&self, name: String, change: GroupChange) -> Answer<'_, Vec<String>> {
        Box::pin(
            async move { self.change(name, change).await.map_err(|failure| problem(&failure)) },
        )
    }

    fn forget_group(&self, name: String) -> Answer<'_, ()> {
        Box::pin(async move { self.forget(name).await.map_err(|failure| problem(&failure)) })
    }

    fn form(&self, asked: NewFormation) -> Answer<'_, String> {
        Box::pin(async move { self.begin(asked).await.map_err(|failure| problem(&failure)) })
    }

    fn give_up(&self, name: String) -> Answer<'_, ()> {
        Box::pin(async move { self.refuse(name).await.map_err(|failure| problem(&failure)) })
    }

    fn hand_out(&self, name: String, which: Which) -> Answer<'_, AddressView> {
        let address = self.file(|home| home.hand_out(&name, which));
        Box::pin(async move { address.map_err(|failure| problem(&failure)) })
    }

    fn check_target(&self, target: Target) -> Answer<'_, ()> {
        let checked = Targets::of_view(&target).map(drop).map_err(of_target);
        Box::pin(async move { checked })
    }

    fn keep_target(&self, request: RequestId, target: Target) -> Answer<'_, ()> {
        let kept = self.outs.keep(&request, &target).map_err(|failure| problem(&failure));
        Box::pin(async move {
            kept?;
            // It may be signed already; at the next start it is looked for again.
            let _ended = self.kept.send(request).await;
            Ok(())
        })
    }

    fn decided(&self, request: RequestId, handle: Option<Handle>, how: &'static str) {
        self.tell(News::Decided(Decision { request, handle, verb: how }));
    }

    fn problem(&self, status: u16, code: &str, what: String) -> Problem {
        let failure = Failure::new(code::find(code).unwrap_or(&code::INTERNAL), what);
        Problem { status, ..problem(&failure) }
    }

    fn refused(&self, error: &CommandError) -> Problem {
        problem(&command_failure(error))
    }

    fn unread(&self, error: &LedgerError) -> Problem {
        problem(&ledger_failure(error))
    }
}

/// Words what is wrong with a target for a client, which has fields and no options.
fn of_target(failure: Failure) -> Problem {
    if failure.entry == &code::COMMAND_LINE {
        let entry = code::find("E-API-001").unwrap_or(&code::INTERNAL);
        let hint = "look up `target` in docs/operate/api.md: `out` and `extract` are absolute paths of two files";
        let what = format!("target: {}", failure.what);
        return Problem { status: 400, ..problem(&Failure::new(entry, what).hint(hint)) };
    }
    if failure.entry == &code::FILE_EXISTS {
        let hint = "name another file, or set `force` in `target` to replace it";
        return problem(&failure.hint(hint));
    }
    problem(&failure)
}

/// Says why text is no invitation.
fn invitation_failure(error: &InvitationError) -> Failure {
    Failure::new(&code::INVITATION, error.to_string())
}

/// Words a failure for a client.
fn problem(failure: &Failure) -> Problem {
    let entry = failure.entry;
    Problem {
        kind: format!("urn:ensign:{}", entry.code),
        title: entry.title.trim_end_matches('.').to_owned(),
        status: status(entry.exit),
        code: entry.code.to_owned(),
        what: failure.what.clone(),
        who: failure.who.clone(),
        advice: failure.advice().to_owned(),
        risk: risk_in_words(entry.risk).to_owned(),
        retry_is_safe: entry.retry_is_safe,
    }
}

/// The status of a failure, by what a command would exit with.
const fn status(exit: code::Exit) -> u16 {
    match exit {
        code::Exit::Internal => 500,
        code::Exit::NotReady | code::Exit::Network => 503,
        code::Exit::Policy | code::Exit::Declined => 403,
        code::Exit::Usage | code::Exit::Open | code::Exit::Peer | code::Exit::NonceSafety => 409,
    }
}

#[cfg(test)]
mod tests {
    use ensign_primitives::Network;

    use super::*;

    #[test]
    fn a_wrong_target_is_told_in_fields_and_not_in_options() {
        let of = |out: &str, form: Option<&str>| {
            let form = form.map(str::to_owned);
            let target = Target { out: Some(out.to_owned()), form, ..Target::default() };
            Targets::of_view(&target).map(drop).map_err(of_target).unwrap_err()
        };
        for problem in [of("x.psbt", None), of("/tmp/x", Some("yaml")), of("/dev/null", None)] {
            assert_eq!((problem.status, &*problem.code), (400, "E-API-001"), "{problem:?}");
            assert!(!problem.advice.contains("--"), "{problem:?}");
        }
        let there = of("/etc/passwd", None);
        assert!(there.code == "E-FIL-010" && there.advice.contains("`force`"), "{there:?}");
        let nul = of("/tmp/a\0b", None);
        assert!(nul.what.contains("NUL character"), "{nul:?}");
    }

    fn home(path: &std::path::Path, name: &str) -> Home {
        let listen = "127.0.0.1:0".parse().unwrap();
        let settings = crate::home::Settings::new(name.to_owned(), Network::Regtest, listen);
        let nobody = crate::passphrase::Passphrases::nobody();
        Home::create(&path.join(name), &settings, None, &nobody).unwrap()
    }

    #[tokio::test]
    async fn group_that_cannot_be_joined_is_told_and_keeps_no_other_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| home(folder.path(), name));
        let code = |home: &Home| home.contact().unwrap().to_string();
        let foreign = bob.form_group("foreign", &[code(&carol)]).unwrap().group;
        let rent = alice.form_group("rent", &[code(&bob)]).unwrap().group;
        let keys = alice.keys().unwrap();
        let builder = Coordinator::builder(Network::Regtest, keys, alice.path().to_owned());
        let (coordinator, _events) =
            builder.listen("127.0.0.1:0".parse().unwrap()).start().await.unwrap();

        let warnings = join_all(&coordinator, &[foreign, rent.clone()]).await.unwrap();
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.what.starts_with("group foreign is left out"), "{}", warning.what);
        assert!(warning.advice().contains("ensign group update foreign"), "{}", warning.advice());
        let joined = coordinator.groups().await.unwrap();
        assert_eq!(joined.iter().map(|it| it.id).collect::<Vec<_>>(), [rent.id()]);
        coordinator.shutdown().await;
    }
}
