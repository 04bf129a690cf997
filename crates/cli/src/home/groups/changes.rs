//! Forming, changing and forgetting groups.

use std::fs;

use super::{Home, contact_of, known, name_taken};
use crate::address::Address;
use crate::catalogue as code;
use crate::durable::{self, Existing};
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::{GROUPS, io_failure};
use crate::names;
use crate::upkeep::{Confirmation, Drill};
use crate::words::{self, check_name};
use ensign_peers::contact::Contact;
use ensign_primitives::GroupId;
use ensign_psbt::Issued;

/// Above this many members a group is nothing that was tried out well. Measured: the demo and the
/// tests go up to 16.
const MEMBERS_USUAL: usize = 16;

/// A group as it is now, and what its user should know about the change.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    /// The group.
    pub(crate) group: SignerGroup,
    /// One sentence each.
    pub(crate) notes: Vec<String>,
}

impl Home {
    /// Forms a group of ourselves and others and keeps it. Where there is a group of this name and of
    /// exactly these members, their new addresses are taken.
    ///
    /// - `codes`: of the other members, each `CODE` or `NAME=CODE`; our own is left out.
    ///
    /// # Errors
    ///
    /// What is wrong with a name, a code, or the members together.
    pub(crate) fn form_group(&self, name: &str, codes: &[String]) -> Result<Changed> {
        check_group_name(name)?;
        let (own, groups) = (self.contact()?, self.groups()?);
        let (mut members, mut notes): (Vec<Contact>, _) = (Vec::new(), Vec::new());
        let mut others = Vec::new();
        for ((position, contact), code) in contacts(codes)?.into_iter().zip(codes) {
            if contact.has_keys_of(&own) {
                notes.push(format!("code {position} is your own; you are a member anyway"));
                continue;
            }
            others.push(code.clone());
            members.push(as_known(contact, &groups));
        }
        let mut group = SignerGroup::new(name, &own, &members)?;
        group.upkeep.confirmation = Some(Confirmation::Awaited);
        if let Some(same) = groups.iter().find(|known| known.id() == group.id()) {
            if same.name != name || !have_moved(same, &group) {
                return Err(same_members(same, &group));
            }
            notes.push(format!("group {name} is there with exactly these members: it was updated"));
            let changed = self.update_group(name, &others)?;
            notes.extend(changed.notes);
            return Ok(Changed { notes, ..changed });
        }
        if groups.iter().any(|known| known.name == name) {
            return Err(name_taken(name));
        }
        for (at, member) in members.iter().enumerate() {
            let before = members.iter().take(at).map(|it| (it.called(), it.signer));
            names::check_unique(member, known(&own, &groups).chain(before))?;
        }
        if group.members.len() > MEMBERS_USUAL {
            notes.push(format!(
                "{} members must all be there for every signature; more than {MEMBERS_USUAL} are not \
                 tried out well",
                group.members.len()
            ));
        }
        self.keep_group(&group, Existing::Keep)?;
        Ok(Changed { group, notes })
    }

    /// Takes new addresses of members, who have the same keys as before.
    ///
    /// - `codes`: their new codes, each `CODE`, or `NAME=CODE` to call it otherwise from now on.
    ///
    /// # Errors
    ///
    /// [`code::GROUP_UNKNOWN`], [`code::GROUP_NOT_MEMBER`], [`code::GROUP_NODE`], and what is wrong
    /// with a code.
    pub(crate) fn update_group(&self, name: &str, codes: &[String]) -> Result<Changed> {
        let (own, groups, mut group) = (self.contact()?, self.groups()?, self.group(name)?);
        let mut notes = Vec::new();
        for (position, new) in contacts(codes)? {
            if new.has_keys_of(&own) {
                let what = format!("code {position} is your own");
                let hint = "your own addresses are in ensign.toml: `advertise` and `listen`";
                return Err(Failure::new(&code::GROUP_NOT_MEMBER, what).hint(hint));
            }
            let before = member_of(&group, &new)?;
            let new = renewed(before, new);
            names::check_unique(&new, known(&own, &groups))?;
            notes.extend(news(before, &new));
            let elsewhere = |other: &&SignerGroup| {
                other.id() != group.id()
                    && other
                        .others()
                        .any(|it| it.has_keys_of(&new) && it.addresses != new.addresses)
            };
            notes.extend(groups.iter().filter(elsewhere).map(|other| {
                format!(
                    "group {} has other addresses of {}; update it too",
                    other.name,
                    new.called()
                )
            }));
            if let Some(member) = group.members.iter_mut().find(|it| it.has_keys_of(&new)) {
                *member = new;
            }
        }
        self.keep_group(&group, Existing::Replace)?;
        Ok(Changed { group, notes })
    }

    /// Keeps a drill in which all have signed. A group that is gone meanwhile has none.
    ///
    /// # Errors
    ///
    /// [`code::HOME_DAMAGED`], [`code::HOME_IO`].
    pub(crate) fn keep_drill(&self, group: &GroupId, drill: Drill) -> Result<()> {
        let Some(mut group) = self.groups()?.into_iter().find(|known| known.id() == *group) else {
            return Ok(());
        };
        group.upkeep.drill = Some(drill);
        self.keep_group(&group, Existing::Replace)
    }

    /// Keeps whether a group that has no certificate is to be confirmed. One that is gone meanwhile, or has
    /// its certificate, has nothing of it.
    ///
    /// # Errors
    ///
    /// [`code::HOME_DAMAGED`], [`code::HOME_IO`].
    pub(crate) fn keep_confirmation(
        &self,
        group: &GroupId,
        confirmation: Confirmation,
    ) -> Result<()> {
        let Some(mut group) = self.groups()?.into_iter().find(|known| known.id() == *group) else {
            return Ok(());
        };
        if group.upkeep.certificate.is_some() || group.upkeep.confirmation == Some(confirmation) {
            return Ok(());
        }
        group.upkeep.confirmation = Some(confirmation);
        self.keep_group(&group, Existing::Replace)
    }

    /// Keeps which addresses of a group are known to be used, beside those that were before.
    ///
    /// # Errors
    ///
    /// [`code::HOME_DAMAGED`], [`code::HOME_IO`].
    pub(crate) fn keep_issued(&self, group: &GroupId, issued: Issued) -> Result<()> {
        let Some(mut group) = self.groups()?.into_iter().find(|known| known.id() == *group) else {
            return Ok(());
        };
        let Issued { receive, change } = issued.and(group.keys.issued());
        (group.upkeep.next_address, group.upkeep.next_change) = (receive, change);
        self.keep_group(&group, Existing::Replace)
    }

    /// Calls a group otherwise. Names are this user's alone: nobody else hears of it.
    ///
    /// # Errors
    ///
    /// [`code::GROUP_UNKNOWN`], [`code::GROUP_EXISTS`], [`code::NAME`], [`code::HOME_IO`].
    pub(crate) fn rename_group(&self, old: &str, new: &str) -> Result<SignerGroup> {
        check_group_name(new)?;
        let group = self.group(old)?;
        if old == new {
            let what = format!("the group is called `{new}` already");
            return Err(Failure::new(&code::GROUP_EXISTS, what).hint("nothing needs to be done"));
        }
        if self.group_names()?.iter().any(|known| known == new) {
            return Err(name_taken(new));
        }
        let (from, to) = (self.group_path(old), self.group_path(new));
        fs::rename(&from, &to).map_err(|error| io_failure("rename", &from, &error))?;
        let group = SignerGroup { name: new.to_owned(), ..group };
        // Its first line has the name.
        self.keep_group(&group, Existing::Replace)?;
        Ok(group)
    }

    /// Forgets a group: this home signs nothing for it any more. Its file is kept beside the others,
    /// as `NAME.ID.forgotten`, and is not read.
    ///
    /// The caller has asked whether the user means it, and knows that no request is open.
    ///
    /// # Errors
    ///
    /// [`code::GROUP_UNKNOWN`], [`code::HOME_IO`].
    pub(crate) fn forget_group(&self, name: &str) -> Result<SignerGroup> {
        let group = self.group(name)?;
        let (path, folder) = (self.group_path(name), self.path.join(GROUPS));
        let id: String = group.id().to_string().chars().take(8).collect();
        let kept = folder.join(format!("{name}.{id}.forgotten"));
        fs::rename(&path, &kept).map_err(|error| io_failure("rename", &path, &error))?;
        durable::sync_folder(&folder).map_err(|error| io_failure("sync", &folder, &error))?;
        Ok(group)
    }
}

/// Checks the name of a group: `--approve` takes words in the same place.
pub(super) fn check_group_name(name: &str) -> Result<()> {
    let checked = check_name(name).map_err(|reason| Failure::new(&code::NAME, reason));
    checked?;
    names::check_free(name)
        .map_err(|reason| Failure::new(&code::NAME, reason).hint("choose another name"))
}

/// Reads codes; returns each with its number, from 1.
fn contacts(codes: &[String]) -> Result<Vec<(usize, Contact)>> {
    let contact = |(position, text): (usize, &String)| match contact_of(text) {
        Ok(contact) => Ok((position, contact)),
        Err(failure) => {
            let what = format!("contact code {position}: {}", failure.what);
            Err(Failure { what, ..failure })
        }
    };
    (1..).zip(codes).map(contact).collect()
}

/// Calls a signer as it is called in another group already, unless the user says otherwise now.
pub(super) fn as_known(contact: Contact, groups: &[SignerGroup]) -> Contact {
    let mut members = groups.iter().flat_map(SignerGroup::others);
    let known = members.find(|known| known.has_keys_of(&contact));
    match known.filter(|_| contact.alias.is_none()) {
        Some(known) => call(contact, known.called()),
        None => contact,
    }
}

fn call(contact: Contact, name: &str) -> Contact {
    let alias = Some(name.to_owned()).filter(|alias| *alias != contact.name);
    Contact { alias, ..contact }
}

/// Whether members of a group have new addresses, and all the keys that they had.
fn have_moved(known: &SignerGroup, new: &SignerGroup) -> bool {
    let mut pairs = known.members.iter().zip(&new.members);
    pairs.clone().all(|(before, now)| before.has_keys_of(now))
        && pairs.any(|(before, now)| before.addresses != now.addresses)
}

/// The same group is there already; its members may have moved since.
fn same_members(known: &SignerGroup, new: &SignerGroup) -> Failure {
    let what = format!("group `{}` has exactly these members already", known.name);
    let pairs =
        known.members.iter().zip(&new.members).filter(|(before, now)| before.has_keys_of(now));
    let moved: Vec<String> = pairs
        .filter(|(before, now)| before.addresses != now.addresses)
        .map(|(before, _)| before.called().to_owned())
        .collect();
    let failure = Failure::new(&code::GROUP_SAME, what);
    let is_other_node = |(before, now): (&Contact, &Contact)| before.peer != now.peer;
    if known.members.iter().zip(&new.members).any(is_other_node) {
        let hint = "the signer keys are the same, but a node is another one: ask that member by another \
                    way whether its home was made anew; then `ensign group forget`, and make the group \
                    with the new codes";
        return Failure { entry: &code::GROUP_NODE, ..failure }.hint(hint);
    }
    if moved.is_empty() {
        return failure;
    }
    let hint = format!(
        "to take the new addresses of {}: `ensign group update {} --member CODE`",
        words::list(&moved),
        known.name
    );
    failure.who(moved).hint(hint)
}

/// Finds the member that a new code is of.
fn member_of<'g>(group: &'g SignerGroup, new: &Contact) -> Result<&'g Contact> {
    if new.network != group.keys.network() {
        let what = format!(
            "the code of {} is for {}, not {}",
            new.name,
            new.network,
            group.keys.network()
        );
        return Err(Failure::new(&code::CONTACT_NETWORK, what).who([new.name.clone()]));
    }
    let is_near = |it: &&Contact| it.signer == new.signer || it.peer == new.peer;
    let Some(member) = group.members.iter().find(is_near) else {
        let what = format!("{} is no member of group {}", new.called(), group.name);
        return Err(Failure::new(&code::GROUP_NOT_MEMBER, what).who([new.called().to_owned()]));
    };
    if member.has_keys_of(new) {
        return Ok(member);
    }
    let name = member.called();
    let (what, hint) = if member.signer == new.signer {
        (
            format!("the code has the signer key of {name}, but another node"),
            format!(
                "ask {name} by another way whether the home was made anew; if so, `ensign group forget \
                 {0}` and `ensign group new {0}` with the new codes",
                group.name
            ),
        )
    } else {
        (
            format!("the code has the node of {name}, but another signer key"),
            "another key is another group with another address: make it with `ensign group new`"
                .to_owned(),
        )
    };
    Err(Failure::new(&code::GROUP_NODE, what).who([name.to_owned()]).hint(hint))
}

/// A member's new contact under the name that this user knows it by.
fn renewed(before: &Contact, new: Contact) -> Contact {
    if new.alias.is_some() { new } else { call(new, before.called()) }
}

/// Says what is new about a member.
fn news(before: &Contact, now: &Contact) -> Vec<String> {
    let name = now.called();
    let mut news = Vec::new();
    if before.called() != name {
        news.push(format!("{} is called {name} here from now on", before.called()));
    }
    if before.name != now.name {
        news.push(format!("it calls itself {}, and before that {}", now.name, before.name));
    }
    if before.addresses == now.addresses {
        news.push(format!("{name} has no new addresses"));
    } else {
        let addresses: Vec<_> = now.addresses.iter().map(Address::to_string).collect();
        news.push(format!("{name} is dialled at {} from now on", words::list(&addresses)));
    }
    news
}
