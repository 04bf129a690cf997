//! Scenarios as text: read with errors that help, written, and changed key by key.

use std::collections::BTreeMap;

use toml::{
    Table, Value,
    de::{DeTable, DeValue},
};

use super::{
    Scenario,
    error::{Line, ScenarioError},
    keys::{self, Key},
    latency,
    shape::Wrong,
};

/// Where each key of a file stands.
type Lines = BTreeMap<String, usize>;

impl Scenario {
    /// Reads a scenario from TOML; what the text does not say has its default.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] names the key with its path and, where it comes from the text, its line.
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        let file = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
        let mut lines = Lines::new();
        note_lines(text, "", file.get_ref(), &mut lines);
        let table: Table = text.parse().map_err(|error| syntax(text, &error))?;
        check_table("", &table, &lines)?;
        let scenario = Self::from_table(table, &lines)?;
        scenario.validate()?;
        Ok(scenario)
    }

    /// Writes every value as TOML.
    pub fn to_toml(&self) -> String {
        self.table().to_string()
    }

    /// Changes one key, as `--set` does: by its path or by the end of it that no other key has.
    ///
    /// Whether the values still go together is for [`Self::validate`] to say, after the last change.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] as for a file, without a line.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ScenarioError> {
        let key = resolve(key)?;
        let value = key.shape.read(value);
        check_value(key.path, &value, &Lines::new())?;
        let mut table = self.table();
        insert(&mut table, key.path, value);
        *self = Self::from_table(table, &Lines::new())?;
        Ok(())
    }

    /// Every value, as a table.
    pub(super) fn table(&self) -> Table {
        Table::try_from(self).expect("a scenario has no value that TOML lacks")
    }

    fn from_table(table: Table, lines: &Lines) -> Result<Self, ScenarioError> {
        let latency = table.get("link").and_then(|link| link.get("latency"));
        let latency = latency.map(Value::to_string).unwrap_or_default();
        // Every single value has been checked, so only a table of latency can lack a key.
        table.try_into().map_err(|_| ScenarioError::WrongValue {
            key: LATENCY.to_owned(),
            value: latency,
            expected: latency::EXPECTED.to_owned(),
            line: line_of(lines, LATENCY),
        })
    }
}

/// A key and the values that a sweep gives it.
#[derive(Clone, Debug)]
pub struct Steps {
    /// The key.
    pub key: &'static Key,
    /// Its values, as [`Scenario::set`] takes them.
    pub values: Vec<String>,
}

impl Steps {
    /// Reads `key=from:to:step`, as `--vary` does; the key as for [`Scenario::set`].
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] for an unknown key, one that has no order, or numbers that make no steps.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let (name, range) = text.split_once('=').unwrap_or((text, ""));
        let key = resolve(name.trim())?;
        let mut parts = range.split(':').map(str::trim);
        let parts = [parts.next(), parts.next(), parts.next(), parts.next()];
        let values = match parts {
            [Some(first), Some(last), Some(step), None] => key.shape.steps(first, last, step),
            _ => None,
        };
        let values = values.ok_or_else(|| ScenarioError::WrongValue {
            key: key.path.to_owned(),
            value: range.to_owned(),
            expected: "from:to:step, such as 0:0.3:0.05 or 10ms:50ms:10ms".to_owned(),
            line: Line(None),
        })?;
        for value in &values {
            check_value(key.path, &key.shape.read(value), &Lines::new())?;
        }
        Ok(Self { key, values })
    }
}

/// The one key whose value is a duration or a table.
const LATENCY: &str = "link.latency";

/// Finds a key by its path, or by the end of it when only one key ends so.
fn resolve(name: &str) -> Result<&'static Key, ScenarioError> {
    if let Some(key) = keys::find(name) {
        return Ok(key);
    }
    let end = format!(".{name}");
    let found: Vec<_> = keys::KEYS.iter().filter(|key| key.path.ends_with(&end)).collect();
    match found.as_slice() {
        [key] => Ok(key),
        [] => Err(ScenarioError::UnknownKey {
            key: name.to_owned(),
            nearest: keys::nearest(name),
            line: Line(None),
        }),
        several => Err(ScenarioError::AmbiguousKey {
            key: name.to_owned(),
            keys: several.iter().map(|key| key.path).collect(),
        }),
    }
}

/// Checks every value of a table on its own.
pub(super) fn check_table(
    section: &str,
    table: &Table,
    lines: &Lines,
) -> Result<(), ScenarioError> {
    table.iter().try_for_each(|(name, value)| check_value(&join(section, name), value, lines))
}

fn check_value(path: &str, value: &Value, lines: &Lines) -> Result<(), ScenarioError> {
    let line = line_of(lines, path);
    match (keys::find(path), value) {
        (_, Value::Table(inner)) if keys::is_section(path) => check_table(path, inner, lines),
        (Some(key), _) => key.shape.check(value).map_err(|wrong| refuse(key, value, wrong, line)),
        (None, _) if keys::is_section(path) => Err(ScenarioError::WrongValue {
            key: path.to_owned(),
            value: value.to_string(),
            expected: format!("a section [{path}]"),
            line,
        }),
        (None, _) => {
            let nearest =
                if value.is_table() { keys::nearest_section(path) } else { keys::nearest(path) };
            Err(ScenarioError::UnknownKey { key: path.to_owned(), nearest, line })
        }
    }
}

fn refuse(key: &Key, value: &Value, wrong: Wrong, line: Line) -> ScenarioError {
    let (value, path) = (value.to_string(), key.path.to_owned());
    match wrong {
        Wrong::Kind if path == LATENCY => {
            let expected = latency::EXPECTED.to_owned();
            ScenarioError::WrongValue { key: path, value, expected, line }
        }
        Wrong::Kind => {
            ScenarioError::WrongValue { key: path, value, expected: key.expected(), line }
        }
        Wrong::Outside(range) => ScenarioError::OutOfRange { key: path, value, range, line },
        Wrong::Act(name, nearest) => {
            ScenarioError::UnknownAdversary { key: path, name, nearest, line }
        }
    }
}

/// Puts a value in its section; a section that was a plain value becomes a table.
fn insert(table: &mut Table, path: &str, value: Value) {
    let Some((section, rest)) = path.split_once('.') else {
        table.insert(path.to_owned(), value);
        return;
    };
    let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if !entry.is_table() {
        *entry = Value::Table(Table::new());
    }
    if let Value::Table(inner) = entry {
        insert(inner, rest, value);
    }
}

fn note_lines(text: &str, section: &str, table: &DeTable<'_>, lines: &mut Lines) {
    for (name, value) in table {
        let path = join(section, name.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            note_lines(text, &path, inner, lines);
        }
        lines.insert(path, line_at(text, name.span().start));
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> ScenarioError {
    let line = Line(error.span().map(|span| line_at(text, span.start)));
    // The parser's message may go on with what it expects instead, on a line of its own.
    ScenarioError::Syntax { line, message: error.message().replace('\n', ", ") }
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn line_of(lines: &Lines, path: &str) -> Line {
    Line(lines.get(path).copied())
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}
