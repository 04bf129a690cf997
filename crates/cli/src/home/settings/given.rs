//! What `ensign.toml` says, key by key, with the line on which each stands.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Settings;
use super::table::{self, Key, Shape};
use crate::failure::Result;
use crate::home::toml_file::{nearest, wrong};

/// The section whose texts are fields of the settings; every other section is the table's alone.
const POLICY: &str = "policy";

/// What a setting was set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A whole number.
    Number(i64),
    /// One text.
    Text(String),
    /// Several.
    List(Vec<String>),
    /// Yes or no.
    Truth(bool),
}

/// What stands in the file; what does not is at its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given(BTreeMap<&'static str, (Value, usize)>);

impl Value {
    /// Returns it as it is shown.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::List(all) => all.join(", "),
            Self::Truth(is) => is.to_string(),
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody says anything else.
    Default,
    /// What the node is in the open network has this default.
    Role(&'static str),
    /// A line of `ensign.toml`.
    File(usize),
    /// An option of the node that runs.
    Flag(&'static str),
}

impl Source {
    /// Returns its name, for programs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Role(_) => "role",
            Self::File(_) => "ensign.toml",
            Self::Flag(_) => "flag",
        }
    }

    /// Returns the line, from 1, on which it stands.
    pub(crate) const fn line(self) -> Option<usize> {
        match self {
            Self::File(line) => Some(line),
            Self::Default | Self::Role(_) | Self::Flag(_) => None,
        }
    }

    /// Returns it in words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::Role(role) => format!("net.role, {role}"),
            Self::File(line) => format!("ensign.toml:{line}"),
            Self::Flag(flag) => format!("{flag} of the node that runs"),
        }
    }
}

/// One setting as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Which.
    pub(crate) key: Key,
    /// What it is, as it is shown; empty for no limit.
    pub(crate) value: String,
    /// Where that comes from.
    pub(crate) from: Source,
}

/// Returns every setting there is, in the order of the table.
pub(crate) fn settings_of(settings: &Settings) -> Vec<Setting> {
    let role = settings.open_role().map(super::role_name);
    let of = |key: Key| {
        if let Some((value, line)) = settings.given().get(key.name()) {
            return Setting { key, value: value.shown(), from: Source::File(line) };
        }
        let of_role = key.defaults_of_roles().into_iter().find(|(name, _)| Some(*name) == role);
        if let Some((role, value)) = of_role {
            return Setting { key, value, from: Source::Role(role) };
        }
        let value = key.default().unwrap_or_default();
        Setting { key, value, from: Source::Default }
    };
    table::all().map(of).collect()
}

impl Given {
    /// Returns what a setting was set to, and on which line.
    pub(crate) fn get(&self, name: &str) -> Option<(&Value, usize)> {
        self.0.get(name).map(|(value, line)| (value, *line))
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Reads every setting; returns what is left for the fields of the settings.
    ///
    /// # Errors
    ///
    /// The first that is unknown, has another form, or is out of range, with its line.
    pub(super) fn take<'i>(
        path: &Path,
        text: &str,
        file: DeTable<'i>,
    ) -> Result<(Self, DeTable<'i>)> {
        let (mut given, mut rest) = (Self::default(), DeTable::new());
        for (name, value) in file {
            let DeValue::Table(section) = value.get_ref() else {
                let key = given.read((path, text), name.get_ref(), name.span().start, &value)?;
                if matches!(key, Key::Text(_)) {
                    rest.insert(name, value);
                }
                continue;
            };
            let mut left = DeTable::new();
            for (key, value) in section {
                let full = format!("{}.{}", name.get_ref(), key.get_ref());
                let found = given.read((path, text), &full, key.span().start, value)?;
                if matches!(found, Key::Text(_)) && name.get_ref() == POLICY {
                    left.insert(key.clone(), value.clone());
                }
            }
            if !left.is_empty() {
                rest.insert(name, Spanned::new(value.span(), DeValue::Table(left)));
            }
        }
        Ok((given, rest))
    }

    fn read(
        &mut self,
        (path, text): (&Path, &str),
        name: &str,
        at: usize,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Key> {
        let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        let key = Key::named(name).ok_or_else(|| unknown(path, line, name))?;
        let value = of_key(key, value.get_ref())
            .map_err(|what| wrong(path, line, &format!("{name}: {what}"), &advice(key)))?;
        self.0.insert(key.name(), (value, line));
        Ok(key)
    }
}

/// Reads a value as its key wants it.
fn of_key(key: Key, value: &DeValue<'_>) -> Result<Value, String> {
    let text = |value: &DeValue<'_>| value.as_str().map(str::to_owned);
    match key {
        Key::Number(number) => {
            let whole = value
                .as_integer()
                .and_then(|it| i64::from_str_radix(&it.as_str().replace('_', ""), it.radix()).ok());
            let whole =
                whole.ok_or_else(|| format!("a whole number is expected, in {}", number.unit))?;
            number.check(whole)?;
            Ok(Value::Number(whole))
        }
        Key::Text(of) => match of.shape {
            Shape::Several { .. } => {
                let each = value.as_array();
                let each: Option<Option<Vec<String>>> =
                    each.map(|all| all.iter().map(|it| text(it.get_ref())).collect());
                let wrong = || format!("a list is expected: [\"{}\"]", of.form);
                let each = each.flatten().ok_or_else(wrong)?;
                of.check(&each)?;
                Ok(Value::List(each))
            }
            Shape::Truth => {
                let is = value.as_bool();
                is.map(Value::Truth)
                    .ok_or_else(|| format!("{} is expected, without quotes", of.form))
            }
            Shape::One => {
                let wrong = || format!("text is expected, in quotes: {}", of.form);
                let text = text(value).ok_or_else(wrong)?;
                of.check(std::slice::from_ref(&text))?;
                Ok(Value::Text(text))
            }
        },
    }
}

fn advice(key: Key) -> String {
    match key.default() {
        Some(default) if !default.is_empty() => {
            format!("correct that line, or leave it out for {default} {}", key.unit())
        }
        Some(_) | None if matches!(key, Key::Number(_)) => {
            "correct that line, or leave it out for no limit".to_owned()
        }
        Some(_) | None => "correct that line".to_owned(),
    }
}

fn unknown(path: &Path, line: usize, name: &str) -> crate::failure::Failure {
    let out = format!("or take it out: `ensign config unset {name}`");
    let hint = match table_nearest(name) {
        Some(meant) => format!("did you mean `{meant}`? correct that line, {out}"),
        None => format!("correct that line, {out}; `ensign config show` lists every setting"),
    };
    wrong(path, line, &format!("unknown field `{name}`"), &hint)
}

/// Returns the setting whose name is most like another one.
pub(crate) fn table_nearest(name: &str) -> Option<&'static str> {
    nearest(name, table::all().map(Key::name))
}
