//! Changing one setting in `ensign.toml`: everything else of the file stays as its user wrote it.

use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, TableLike, Value as Toml};

use super::given::{Value, table_nearest};
use super::table::{Key, Number};
use super::{Settings, parse};
use crate::catalogue as code;
use crate::durable::{self, Existing, Readers};
use crate::failure::{Failure, Result};
use crate::home::{CONFIG, Home, io_failure, toml_file};
use crate::words::{foreign, parse_duration};

/// The unit of times; such a number is understood as `2m` and `1h` too.
const SECONDS: &str = "seconds";

impl Home {
    /// Sets a setting of the home in a folder, or takes it out of the file so that its default holds; returns the
    /// settings as they are now. The file has to be right with the new value, not before it.
    ///
    /// - `value`: as it is typed; of several, with commas between them. `None` for the default.
    ///
    /// # Errors
    ///
    /// [`code::SETTING_UNKNOWN`], [`code::SETTING_FIXED`], [`code::SETTING_VALUE`], [`code::HOME_IO`]; the file
    /// is as it was then.
    pub(crate) fn set(folder: &Path, name: &str, value: Option<&str>) -> Result<Settings> {
        let key = named(name)?;
        if let Key::Text(text) = key
            && !text.fixed.is_empty()
        {
            let what = format!("{} is not changed by hand: {}", text.name, text.fixed);
            return Err(Failure::new(&code::SETTING_FIXED, what));
        }
        let value = value.map(|value| typed(key, value)).transpose()?;
        write_setting(folder, key, value.as_ref())
    }

    /// Writes one setting into the file.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub(in crate::home) fn write_setting(
        &self,
        key: Key,
        value: Option<&Value>,
    ) -> Result<Settings> {
        write_setting(self.path(), key, value)
    }
}

fn write_setting(folder: &Path, key: Key, value: Option<&Value>) -> Result<Settings> {
    let path = folder.join(CONFIG);
    let before =
        std::fs::read_to_string(&path).map_err(|error| io_failure("read", &path, &error))?;
    let text = edited(&path, toml_file::without_mark(&before), key, value)?;
    // What was wrong before, and still is, need not be this setting.
    let was_right = parse(&path, &before).is_ok();
    let blame = |failure| if was_right { of_value(key, &failure) } else { failure };
    let settings = parse(&path, &text).map_err(blame)?;
    durable::write(&path, text.as_bytes(), Existing::Replace, Readers::Owner)
        .map_err(|error| io_failure("write", &path, &error))?;
    Ok(settings)
}

/// Returns the setting with a name.
///
/// # Errors
///
/// [`code::SETTING_UNKNOWN`], with the one that was probably meant.
pub(crate) fn named(name: &str) -> Result<Key> {
    Key::named(name).ok_or_else(|| {
        let what = format!("there is no setting `{}`", foreign(name));
        let failure = Failure::new(&code::SETTING_UNKNOWN, what);
        match table_nearest(name) {
            Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
            None => failure,
        }
    })
}

/// Understands what was typed for a setting.
fn typed(key: Key, text: &str) -> Result<Value> {
    let wrong =
        |what: String| Failure::new(&code::SETTING_VALUE, format!("{}: {what}", key.name()));
    match key {
        Key::Number(number) => {
            let value = whole(number, text).ok_or_else(|| {
                let (min, max) = (number.range.start(), number.range.end());
                let unit = number.unit;
                wrong(format!("`{}` is no whole number from {min} to {max} {unit}", foreign(text)))
            })?;
            number.check(value).map_err(wrong)?;
            Ok(Value::Number(value))
        }
        Key::Text(of) if of.is_list => {
            let each = text.split(',').map(str::trim).filter(|it| !it.is_empty());
            Ok(Value::List(each.map(str::to_owned).collect()))
        }
        Key::Text(_) => Ok(Value::Text(text.to_owned())),
    }
}

fn whole(number: &Number, text: &str) -> Option<i64> {
    let digits = text.replace(['_', ','], "");
    let duration = || {
        let duration = (number.unit == SECONDS).then(|| parse_duration(text).ok())?;
        i64::try_from(duration?.as_secs()).ok()
    };
    digits.parse().ok().or_else(duration)
}

/// Returns the text of a file in which one setting is another.
fn edited(path: &Path, text: &str, key: Key, value: Option<&Value>) -> Result<String> {
    let mut file: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        toml_file::wrong(path, 1, error.message(), code::HOME_DAMAGED.hint)
    })?;
    let (section, key) = key.name().split_once('.').unwrap_or(("", key.name()));
    let table: &mut dyn TableLike = if section.is_empty() {
        file.as_table_mut()
    } else {
        let section = file.entry(section).or_insert_with(|| Item::Table(Table::new()));
        let is_table = "a section was expected there";
        let wrong = || toml_file::wrong(path, 1, is_table, code::HOME_DAMAGED.hint);
        section.as_table_like_mut().ok_or_else(wrong)?
    };
    match value {
        None => drop(table.remove(key)),
        Some(value) => {
            let mut value = to_toml(value);
            if let Some(before) = table.get(key).and_then(Item::as_value) {
                // A comment on its line stays there.
                *value.decor_mut() = before.decor().clone();
            }
            match table.get_mut(key) {
                Some(item) => *item = Item::Value(value),
                None => drop(table.insert(key, Item::Value(value))),
            }
        }
    }
    if !section.is_empty() && table.is_empty() {
        file.remove(section);
    }
    Ok(file.to_string())
}

fn to_toml(value: &Value) -> Toml {
    match value {
        Value::Number(number) => Toml::from(*number),
        Value::Text(text) => Toml::from(text.as_str()),
        Value::List(all) => Toml::Array(all.iter().map(String::as_str).collect()),
    }
}

/// Words why the file with another value would not be understood.
fn of_value(key: Key, failure: &Failure) -> Failure {
    let what = failure.what.split_once(", line ").and_then(|(_, rest)| rest.split_once(": "));
    let what = what.map_or(failure.what.as_str(), |(_, what)| what);
    let prefix = format!("{}: ", key.name());
    let what = format!("{prefix}{}", what.strip_prefix(prefix.as_str()).unwrap_or(what));
    // The file is untouched: there is nothing to mend in it.
    let advice = match failure.advice() {
        advice if advice.ends_with(code::HOME_DAMAGED.hint) => {
            format!("`ensign config show {}` says what it may be", key.name())
        }
        advice => advice.to_owned(),
    };
    Failure::new(&code::SETTING_VALUE, what).hint(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# Mine.\nname = \"alice\" # me\nnetwork = \"regtest\"\nlisten = \"127.0.0.1:1\"\n\
                        \n# Rules.\n[policy]\nfee_max = 5_000 # enough\n";

    #[track_caller]
    fn check(name: &str, value: Option<&str>, expect: &str) {
        let key = named(name).unwrap();
        let value = value.map(|value| typed(key, value).unwrap());
        let text = edited(Path::new("ensign.toml"), FILE, key, value.as_ref()).unwrap();
        assert_eq!(text, expect);
        parse(Path::new("ensign.toml"), &text).unwrap();
    }

    #[test]
    fn everything_but_the_value_stays_as_it_was_written() {
        check("policy.fee_max", Some("7000"), &FILE.replace("5_000", "7000"));
        check("name", Some("carol"), &FILE.replace("alice", "carol"));
        let more = FILE.replace("1:1\"\n", "1:1\"\nrequests_per_minute = 60\n");
        check("requests_per_minute", Some("60"), &more);
        check(
            "advertise",
            Some("1.1.1.1:5, host.example:6"),
            &FILE.replace("1:1\"\n", "1:1\"\nadvertise = [\"1.1.1.1:5\", \"host.example:6\"]\n"),
        );
        check("policy.payees", Some("listed"), &format!("{FILE}payees = \"listed\"\n"));
    }

    #[test]
    fn the_default_holds_again_once_the_line_is_gone() {
        let less = FILE.replace("\n# Rules.\n[policy]\nfee_max = 5_000 # enough\n", "");
        check("policy.fee_max", None, &less);
        check("policy.amount_max", None, FILE);
        check("requests_per_minute", None, FILE);
    }

    #[test]
    fn what_cannot_be_is_named_with_range_and_unit() {
        let of = |name: &str, value: &str| named(name).and_then(|key| typed(key, value));
        let what = |name: &str, value: &str| of(name, value).unwrap_err().what;
        assert_eq!(
            what("requests_per_minute", "0"),
            "requests_per_minute: 0 is not between 1 and 60000 requests a minute"
        );
        assert_eq!(
            what("requests_per_minute", "many"),
            "requests_per_minute: `many` is no whole number from 1 to 60000 requests a minute"
        );
        let unknown = of("requests_per_minit", "5").unwrap_err();
        assert_eq!(unknown.advice(), "did you mean `requests_per_minute`?");
    }
}
