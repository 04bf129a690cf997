//! Changing one setting in `ensign.toml`: everything else of the file stays as its user wrote it.

use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, TableLike, Value as Toml};

use super::given::{Value, table_nearest};
use super::table::{Key, Number, Shape};
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
            let advice =
                format!("nothing was changed; `ensign config show {}` says what it is", text.name);
            return Err(Failure::new(&code::SETTING_FIXED, what).hint(advice));
        }
        let value = value.map(|value| typed(key, value)).transpose()?;
        // A line that says the default would hold on to it when a later version has another.
        let value = value.filter(|value| !is_default(key, value));
        write_setting(folder, key, value.as_ref())
    }

    /// Takes out of the file of the home in a folder what is no setting; returns the line on which it stood, and
    /// what is still wrong with the file.
    ///
    /// # Errors
    ///
    /// [`code::SETTING_UNKNOWN`] when nothing of that name stands there, [`code::HOME_IO`],
    /// [`code::HOME_DAMAGED`] for a file of another form; the file is as it was then.
    pub(crate) fn take_out(folder: &Path, name: &str) -> Result<(usize, Option<Failure>)> {
        let path = folder.join(CONFIG);
        let before =
            std::fs::read_to_string(&path).map_err(|error| io_failure("read", &path, &error))?;
        let (text, line) = without(&path, toml_file::without_mark(&before), name)?;
        durable::write(&path, text.as_bytes(), Existing::Replace, Readers::Owner)
            .map_err(|error| io_failure("write", &path, &error))?;
        Ok((line, parse(&path, &text).err()))
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
        if name.trim().is_empty() {
            return Failure::new(&code::SETTING_UNKNOWN, "the name of a setting is missing");
        }
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
        Key::Text(of) => Ok(match of.shape {
            Shape::Several { .. } => {
                let each = text.split(',').map(str::trim).filter(|it| !it.is_empty());
                Value::List(each.map(str::to_owned).collect())
            }
            Shape::Truth => {
                let form = |_| wrong(format!("`{}` is neither true nor false", foreign(text)));
                Value::Truth(text.trim().parse().map_err(form)?)
            }
            Shape::One => Value::Text(text.to_owned()),
        }),
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

/// Whether a value is what holds without it.
fn is_default(key: Key, value: &Value) -> bool {
    match (value, key.default()) {
        (Value::List(all), None) => all.is_empty(),
        (_, default) => default.as_ref() == Some(&value.shown()),
    }
}

/// Returns the text of a file without what is no setting, and the line on which that stood.
fn without(path: &Path, text: &str, name: &str) -> Result<(String, usize)> {
    let mut file = document(path, text)?;
    let line = toml_edit::Document::parse(text).ok().and_then(|spanned| {
        let span = match name.split_once('.') {
            Some((section, key)) => {
                spanned.get(section)?.as_table_like()?.get_key_value(key)?.0.span()
            }
            None => spanned.get_key_value(name)?.0.span(),
        };
        Some(text.get(..span?.start)?.matches('\n').count() + 1)
    });
    let has_settings = |section: &str, item: &Item| item.is_table_like() && Key::is_in(section);
    let removed = match name.split_once('.') {
        Some((section, key)) => {
            let table = file.get_mut(section).and_then(Item::as_table_like_mut);
            let removed = table.and_then(|table| table.remove(key));
            let is_empty = |item: &Item| item.as_table_like().is_some_and(TableLike::is_empty);
            if removed.is_some() && file.get(section).is_some_and(is_empty) {
                file.remove(section);
            }
            removed
        }
        None if file.get(name).is_some_and(|item| has_settings(name, item)) => None,
        None => file.remove(name),
    };
    match removed {
        Some(_) => Ok((file.to_string(), line.unwrap_or(1))),
        None => Err(match named(name) {
            Err(unknown) => unknown,
            Ok(_) => Failure::new(&code::SETTING_UNKNOWN, "it does not stand in ensign.toml"),
        }),
    }
}

fn document(path: &Path, text: &str) -> Result<DocumentMut> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        toml_file::wrong(path, 1, error.message(), code::HOME_DAMAGED.hint)
    })
}

/// Returns the text of a file in which one setting is another.
fn edited(path: &Path, text: &str, key: Key, value: Option<&Value>) -> Result<String> {
    let mut file = document(path, text)?;
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
        Value::Truth(is) => Toml::from(*is),
    }
}

/// Words why the file with another value would not be understood.
fn of_value(key: Key, failure: &Failure) -> Failure {
    let what = failure.what.split_once(", line ").and_then(|(_, rest)| rest.split_once(": "));
    let what = what.map_or(failure.what.as_str(), |(_, what)| what);
    let what = match what {
        // What the parsers say is for who writes them.
        what if what.starts_with("missing field") => "it has no default, so it has to stand there",
        what if what.contains("invalid socket address") => {
            "an address with its port is needed: 0.0.0.0:4820 or [::]:4820"
        }
        what => what,
    };
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
    fn value_that_holds_without_a_line_is_known() {
        let is = |name: &str, value: &str| {
            let key = named(name).unwrap();
            is_default(key, &typed(key, value).unwrap())
        };
        assert!(is("requests_per_minute", "30") && is("advertise", ""));
        assert!(!is("requests_per_minute", "31") && !is("name", "") && !is("policy.fee_max", "1"));
    }

    #[test]
    fn what_is_no_setting_is_taken_out_and_nothing_else() {
        let path = Path::new("ensign.toml");
        let bad = FILE.replace("listen", "nonsense = 1\nlisten") + "fe_max = 2\n[bogus]\nx = 1\n";
        let out = |text: &str, name: &str| without(path, text, name);
        let (text, line) = out(&bad, "nonsense").unwrap();
        assert_eq!((line, text.contains("nonsense")), (4, false));
        let (text, line) = out(&text, "policy.fe_max").unwrap();
        assert_eq!(line, 9);
        let (text, _) = out(&text, "bogus.x").unwrap();
        assert_eq!(text, FILE);
        for name in ["nonsense", "policy", "policy.fe_max", "a.b.c", ""] {
            assert_eq!(out(FILE, name).unwrap_err().entry.code, "E-CFG-001", "{name}");
        }
        assert_eq!(out("limits = 3\n", "limits").unwrap().0, "");
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
