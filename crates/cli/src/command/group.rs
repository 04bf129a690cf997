//! `ensign group`: form, change and show groups.

use ensign_api::view::{AddressView, Done, GroupChange, GroupView, NewFormation, NewGroup, Which};
use ensign_primitives::SignerIndex;
use serde_json::{Value, json};

mod form;

use super::block_on;
use super::contact::qr_of;
use super::sign::{self, Drill};
use crate::address::Address;
use crate::args::Group;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::{Changed, HeldHome, Home};
use crate::kept::Kept;
use crate::output::{Line, Output};
use crate::question::{self, Answer, Question, Subject, Wanted};
use crate::remote::Remote;
use crate::views::{self, short};
use crate::words;
use ensign_peers::contact::Contact;

/// Forms, changes or shows groups. A node that runs in this home does it by itself, and takes it into
/// account at once.
pub(super) fn run(home: Home, args: Group, output: Output) -> Result<()> {
    match args {
        Group::Invite { name, size, follow } => {
            let asked =
                NewFormation { name: Some(name), size: Some(size), ..NewFormation::default() };
            form::run(home, asked, follow, output)?;
        }
        Group::Join { code, follow } => {
            let asked = NewFormation { code: Some(code), ..NewFormation::default() };
            form::run(home, asked, follow, output)?;
        }
        Group::Confirm { name, fingerprint, refuse } => {
            form::confirm(&home, &name, &fingerprint, refuse, output)?;
        }
        Group::Address { name, new, qr, uncertified } => {
            address(home, &name, Which { new, uncertified }, qr, output)?;
        }
        Group::New { name, member } => {
            let made = form(home, name, member)?;
            changed(&made, output);
            if made.group.certified().is_err() {
                output.notice(format!(
                    "\nEvery member makes it from the codes of the others, under this name. All compare the \
                     same words then: `ensign up` asks the others' nodes, `ensign group confirm {}` shows the \
                     words. Before all have confirmed there is no address to be paid at.",
                    made.group.name
                ));
            }
        }
        Group::Update { name, member } => {
            let change = GroupChange { members: member, ..GroupChange::default() };
            changed(&update(home, &name, change)?, output);
        }
        Group::Rename { old, new } => {
            let change = GroupChange { name: Some(new), ..GroupChange::default() };
            show(&update(home, &old, change)?.group, output);
        }
        Group::Forget { name, yes } => forget(home, &name, yes, output)?,
        Group::List => list(&home, output)?,
        Group::Show { name } => match form::forming(&home, &name)? {
            Some(view) => form::show(&view, output),
            None => inspect(&home, &name, output)?,
        },
        Group::Drill { name, expires, yes, signer, listen } => {
            sign::drill(home, Drill { group: name, expires, yes, signer, listen }, output)?;
        }
        Group::Descriptor { name, uncertified } => {
            let group = home.group(&name)?;
            if uncertified {
                group.uncertified()?
            } else {
                group.certified().map(drop)?
            }
            descriptor(&group, output);
        }
    }
    Ok(())
}

fn form(home: Home, name: String, members: Vec<String>) -> Result<Changed> {
    if let Some(node) = Remote::find(&home)? {
        let made: GroupView = node.post("/v1/groups", &NewGroup { name: name.clone(), members })?;
        return Ok(Changed { group: home.group(&name)?, notes: made.notes });
    }
    let HeldHome { home, .. } = &home.hold()?;
    home.form_group(&name, &members)
}

/// Hands out an address, and says whether the group was drilled.
fn address(home: Home, name: &str, which: Which, qr: bool, output: Output) -> Result<()> {
    // A name that is none is told as such before anybody is asked.
    let group = home.group(name)?;
    if which.uncertified {
        group.uncertified()?
    } else {
        group.certified().map(drop)?
    }
    let view = match Remote::find(&home)? {
        Some(node) => {
            let view: AddressView = node.post(&format!("{}/addresses", of_group(name)), &which)?;
            view
        }
        None => home.hold()?.home.hand_out(name, which)?,
    };
    let line = Line::new("address")
        .with("group", view.group.as_str())
        .with("address", view.address.as_str())
        .with("path", view.path.as_str())
        .with("drilled_ms", view.drilled_ms);
    let code = if qr { format!("\n{}", qr_of(&view.address)?) } else { String::new() };
    output.tell(&line, format!("{}{code}", view.address));
    match &group.upkeep.drill {
        Some(drill) => output.notice(format!("drilled on {}", drill.when())),
        None => output.notice(format!(
            "NEVER DRILLED: nobody knows yet whether all can sign. Before it is paid: ensign group drill \
             {name}"
        )),
    }
    Ok(())
}

fn update(home: Home, name: &str, change: GroupChange) -> Result<Changed> {
    // A name that is none is told as such before anybody is asked.
    home.group(name)?;
    if let Some(node) = Remote::find(&home)? {
        let changed: GroupView = node.patch(&of_group(name), &change)?;
        return Ok(Changed { group: home.group(&changed.name)?, notes: changed.notes });
    }
    let HeldHome { home, .. } = &home.hold()?;
    match change.name {
        Some(new) => Ok(Changed { group: home.rename_group(name, &new)?, notes: Vec::new() }),
        None => home.update_group(name, &change.members),
    }
}

/// The path of a group whose name was checked.
fn of_group(name: &str) -> String {
    format!("/v1/groups/{name}")
}

/// Shows a group after a change, and what its user should know about it.
fn changed(Changed { group, notes }: &Changed, output: Output) {
    output.tell(&line(group).with("notes", notes.clone()), text(group));
    for note in notes {
        output.notice(format!("note: {note}"));
    }
}

/// Forgets a group once its user has said that this is meant.
fn forget(home: Home, name: &str, yes: bool, output: Output) -> Result<()> {
    if !home.group_names()?.iter().any(|known| known == name)
        && let Some(view) = form::forming(&home, name)?
    {
        return form::forget(&home, &view, yes, output);
    }
    let group = home.group(name)?;
    if yes {
        output.notice(at_stake(&group));
    } else {
        confirm(&group.name, at_stake(&group), output)?;
    }
    match Remote::find(&home)? {
        Some(node) => {
            let _: Done = node.delete(&of_group(name))?;
        }
        None => {
            refuse_while_open(&home, &group)?;
            drop(home.hold()?.home.forget_group(name)?);
        }
    }
    let line = Line::new("group_forgotten").with("group", name).with("id", group.id().to_string());
    output.tell(&line, format!("forgot group {name}"));
    Ok(())
}

/// Refuses while requests of a group are open in the store.
fn refuse_while_open(home: &Home, group: &SignerGroup) -> Result<()> {
    let id = group.id().to_string();
    let requests = Kept::open(home.clone())?.requests()?;
    let open = requests.iter().filter(|request| request.group_id == id && !request.is_over());
    let open: Vec<_> =
        open.map(|it| it.handle.clone().unwrap_or_else(|| short(&it.request))).collect();
    if open.is_empty() {
        return Ok(());
    }
    let what = format!("group {} has open requests: {}", group.name, words::list(&open));
    Err(Failure::new(&code::GROUP_BUSY, what))
}

/// Says what becomes impossible.
fn at_stake(group: &SignerGroup) -> String {
    let others: Vec<_> = group.others().map(|member| member.called().to_owned()).collect();
    format!(
        "group {} of {} and you, with the address\n  {}\nCoins of the group can be moved only when all {} of \
         you sign. Once it is forgotten, this home signs nothing\nfor it, and tells nobody its address. \
         The codes of its members make the same group again.",
        group.name,
        words::list(&others),
        group.shown_address(),
        group.members.len()
    )
}

/// Asks for the name of the group.
fn confirm(name: &str, at_stake: String, output: Output) -> Result<()> {
    let stake = format!("forget group {name}");
    let question = Question::plain(Subject::Own, name, at_stake, stake);
    let question = Question { wanted: Wanted::Name(name.to_owned()), ..question };
    let kept = |what: &str| Failure::new(&code::GROUP_KEPT, what);
    match block_on(async { Ok(question::ask(output, question).await) })? {
        Answer::Yes => Ok(()),
        Answer::No => Err(kept("you said no")),
        Answer::Nobody | Answer::TooMany => {
            Err(kept("nobody can be asked whether the group is to be forgotten").hint("give --yes"))
        }
    }
}

fn list(home: &Home, output: Output) -> Result<()> {
    let groups = home.groups()?;
    if groups.is_empty() {
        output.notice("no groups yet; make one with `ensign group new NAME --member CODE`");
    }
    for group in groups {
        let text =
            format!("{}  {}  {}", group.name, group.shown_address(), words::list(&group.names()));
        output.tell(&line(&group), text);
    }
    Ok(())
}

/// Prints both descriptors, one on each line; what they are is said elsewhere.
fn descriptor(group: &SignerGroup, output: Output) {
    let (musig, plain) = (group.keys.descriptor(), group.keys.plain_descriptor());
    let xpub = group.keys.xpub_descriptor();
    let line = Line::new("descriptor")
        .with("group", group.name.as_str())
        .with("address", group.keys.address())
        .with("descriptor", musig.clone())
        .with("plain_descriptor", plain.as_str())
        .with("xpub_descriptor", xpub.as_str());
    let (lines, labels) = match musig {
        Some(musig) => (
            format!("{musig}\n{plain}\n{xpub}"),
            "The first names the signers (BIP390), the second is for wallets that do not know musig(): both \
             are the bare address",
        ),
        None => (format!("{plain}\n{xpub}"), "The first is the bare address"),
    };
    output.tell(&line, lines);
    output.notice(format!(
        "{labels}\n{}\nThe last is every address of the group (BIP328), for any wallet that knows taproot.",
        group.keys.address()
    ));
    if group.certified().is_err() {
        output.notice(NOT_CERTIFIED);
    }
}

/// Shows a group, and where its node runs, who of it is there.
fn inspect(home: &Home, name: &str, output: Output) -> Result<()> {
    let group = home.group(name)?;
    let Some(node) = Remote::find(home)? else {
        show(&group, output);
        output.notice("no node runs here, so nobody can say who is ready: `ensign up` starts it");
        return Ok(());
    };
    let seen: GroupView = node.get(&of_group(name))?;
    let sentences = seen.wait.as_ref().map(|wait| wait.text.as_slice()).unwrap_or_default();
    let ready: String = sentences.iter().map(|it| format!("\n  {}", words::foreign(it))).collect();
    let wait = seen.wait.as_ref().map(|wait| Value::Object(views::fields(wait)));
    output.tell(&line(&group).with("wait", wait), text(&group) + &ready);
    Ok(())
}

fn show(group: &SignerGroup, output: Output) {
    output.tell(&line(group), text(group));
}

fn text(group: &SignerGroup) -> String {
    let mut text = format!(
        "group {}: all {} must sign\n  id       {}\n  words    {}\n  address  {}\n  network  {}\n  \
         drill    {}\n  members",
        group.name,
        group.members.len(),
        group.id(),
        group.certified().unwrap_or_else(|_| NOT_CERTIFIED.to_owned()),
        group.shown_address(),
        group.keys.network(),
        drill_in_words(group),
    );
    let width = group.names().iter().map(String::len).max().unwrap_or(0);
    for (index, member) in (0..).map(SignerIndex).zip(&group.members) {
        let (name, signer) = (group.name_of(index), member.signer);
        let place = if index == group.own { "this home".to_owned() } else { places(member) };
        text += &format!("\n    {name:width$}  {signer}  {place}");
    }
    text
}

/// What stands in place of the words that all members have confirmed.
const NOT_CERTIFIED: &str = "NOT CERTIFIED: its members have not confirmed it to each other";

/// Says when the group was drilled last.
fn drill_in_words(group: &SignerGroup) -> String {
    match &group.upkeep.drill {
        Some(drill) => format!("{}, all {} have signed", drill.when(), group.members.len()),
        None => format!("NEVER: before it is paid, `ensign group drill {}`", group.name),
    }
}

fn places(member: &Contact) -> String {
    let mut places = member.addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(", ");
    if member.alias.is_some() {
        places += &format!("  (calls itself {})", member.name);
    }
    places
}

fn line(group: &SignerGroup) -> Line {
    let member = |(index, member): (SignerIndex, &Contact)| -> Value {
        json!({
            "name": group.name_of(index),
            "calls_itself": member.name,
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
        .with("address", group.certified().ok().map(|_| group.keys.address()))
        .with("receive_address", group.receive_address())
        .with("network", group.keys.network().name())
        .with("fingerprint", group.certified().ok())
        .with("drilled_ms", group.upkeep.drill.as_ref().map(|drill| drill.at_ms))
        .with("members", members)
}
