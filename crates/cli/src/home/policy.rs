//! Rules that refuse: `[policy]` in the settings, and the list of payees.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use ensign_psbt::{NOTE_NAMES, Policy, check_address};
use serde::{Deserialize, Serialize};

use super::settings::{AMOUNT_MAX, FEE_MAX, FEE_RATE_MAX};
use super::toml_file::{self, line_of, nearest};
use super::{Home, io_failure};
use crate::catalogue as code;
use crate::durable::{self, Existing, Readers};
use crate::failure::{Failure, Result};
use crate::names::look_alike;
use crate::words::{self, check_name, foreign};

pub(super) const PAYEES: &str = "payees.toml";

/// Most payees of a home. Guess: more than anybody pays by name.
const PAYEES_MAX: usize = 10_000;

/// `[policy]` in the settings; nothing in it refuses nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PolicySettings {
    /// Names of notes that are refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refuse: Vec<String>,
    /// Who may be paid.
    payees: Payees,
}

/// Who may be paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Payees {
    /// Anybody.
    #[default]
    Any,
    /// Whoever is on the list that `ensign payee` keeps, and the groups of this home.
    Listed,
}

/// Checks that a note is called so.
///
/// # Errors
///
/// What is wrong, and what was probably meant.
pub(crate) fn check_note(name: &str) -> Result<(), (String, String)> {
    if NOTE_NAMES.contains(&name) {
        return Ok(());
    }
    let hint = match nearest(name, NOTE_NAMES) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the notes are {}", NOTE_NAMES.join(", ")),
    };
    Err((format!("there is no note `{}`", foreign(name)), hint))
}

impl PolicySettings {
    /// Whether it refuses nothing.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns what is wrong with it: the key, what, and what to do.
    pub(super) fn wrong(&self) -> Option<(&'static str, String, String)> {
        let (what, hint) = self.refuse.iter().find_map(|name| check_note(name).err())?;
        Some(("refuse", what, hint))
    }
}

/// The list of payees as its file has it: address by name.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PayeesFile {
    #[serde(default)]
    payees: BTreeMap<String, String>,
}

impl Home {
    /// Returns the rules of this home: what the settings say, and whom it may pay.
    ///
    /// # Errors
    ///
    /// [`code::HOME_DAMAGED`], [`code::HOME_IO`].
    pub(crate) fn policy(&self) -> Result<Policy> {
        let PolicySettings { refuse, payees } = self.settings.policy.clone();
        let limit = |of| self.settings.limit(of).and_then(|it| u64::try_from(it).ok());
        let payees = match payees {
            Payees::Any => None,
            Payees::Listed => {
                let groups = self.groups()?;
                let own = groups.iter().map(|group| group.keys.address().to_owned());
                Some(self.payees()?.into_values().chain(own).collect())
            }
        };
        let notes = refuse.into_iter().collect();
        Ok(Policy {
            notes,
            amount_max: limit(&AMOUNT_MAX),
            fee_max: limit(&FEE_MAX),
            fee_rate_max: limit(&FEE_RATE_MAX),
            payees,
        })
    }

    /// Returns the payees: address by name.
    ///
    /// # Errors
    ///
    /// [`code::HOME_DAMAGED`], [`code::HOME_IO`].
    pub(crate) fn payees(&self) -> Result<BTreeMap<String, String>> {
        let path = self.payees_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(io_failure("read", &path, &error)),
        };
        let file: PayeesFile = toml_file::parse(&path, &text)?;
        for (name, address) in &file.payees {
            let line = line_of(&text, address);
            let wrong = |what: &str| toml_file::wrong(&path, line, what, "correct that line");
            check_name(name).map_err(|reason| wrong(&reason))?;
            let checked = check_address(address, self.settings.network);
            let checked = checked.map_err(|error| wrong(&format!("`{name}`: {error}")))?;
            if checked != *address {
                return Err(wrong(&format!("`{name}`: the address is written {checked}")));
            }
        }
        Ok(file.payees)
    }

    /// Enters a payee; returns the address as it is shown.
    ///
    /// # Errors
    ///
    /// [`code::NAME`], [`code::PAYEE_ADDRESS`], [`code::PAYEE_EXISTS`], and what is wrong with the list.
    pub(crate) fn add_payee(&self, name: &str, address: &str) -> Result<String> {
        check_name(name).map_err(|reason| Failure::new(&code::NAME, reason))?;
        let address = check_address(address, self.settings.network).map_err(|error| {
            let what = format!("`{}`: {error}", foreign(address.trim()));
            Failure::new(&code::PAYEE_ADDRESS, what)
        })?;
        let mut payees = self.payees()?;
        let known = payees.iter().find(|(known, at)| look_alike(known, name) || **at == address);
        if let Some((known, at)) = known {
            let what = match *at == address {
                true => format!("that address is on the list as {known}"),
                false if known == name => format!("{name} is on the list, with another address"),
                false => format!("{name} looks like {known}, which is on the list"),
            };
            return Err(Failure::new(&code::PAYEE_EXISTS, what).who([known.clone()]));
        }
        if payees.len() >= PAYEES_MAX {
            let what = format!("there are {PAYEES_MAX} payees already");
            return Err(Failure::new(&code::PAYEE_EXISTS, what).hint("remove some"));
        }
        payees.insert(name.to_owned(), address.clone());
        self.keep_payees(payees)?;
        Ok(address)
    }

    /// Removes a payee; returns the address.
    ///
    /// # Errors
    ///
    /// [`code::PAYEE_UNKNOWN`], and what is wrong with the list.
    pub(crate) fn remove_payee(&self, name: &str) -> Result<String> {
        let mut payees = self.payees()?;
        let Some(address) = payees.remove(name) else {
            let names: Vec<_> = payees.into_keys().collect();
            let what = match nearest(name, names.iter().map(String::as_str)) {
                Some(meant) => format!("no payee `{}`; is `{meant}` meant?", foreign(name)),
                None => format!("no payee `{}`; there is {}", foreign(name), words::list(&names)),
            };
            return Err(Failure::new(&code::PAYEE_UNKNOWN, what));
        };
        self.keep_payees(payees)?;
        Ok(address)
    }

    fn keep_payees(&self, payees: BTreeMap<String, String>) -> Result<()> {
        let path = self.payees_path();
        let text = toml::to_string(&PayeesFile { payees })
            .map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))?;
        let text = format!("# Whom this home may pay: see `ensign payee`.\n{text}");
        durable::write(&path, text.as_bytes(), Existing::Replace, Readers::Owner)
            .map_err(|error| io_failure("write", &path, &error))
    }

    fn payees_path(&self) -> PathBuf {
        self.path.join(PAYEES)
    }
}
