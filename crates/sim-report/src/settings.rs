//! A scenario as keys and values, for tables and for telling two of them apart.

use std::collections::BTreeMap;

use serde_json::Value;

use ensign_sim::Scenario;

/// The numbers of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) changed: Vec<Setting>,
    pub(crate) all: Vec<Setting>,
}

/// One number of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// As in the file, with dots: `link.loss`.
    pub(crate) key: String,
    /// As in the file.
    pub(crate) value: String,
    /// What it is where a file is silent; empty where the key does not exist then.
    pub(crate) default: String,
    /// Whether a file has to say it.
    pub(crate) is_changed: bool,
}

impl Settings {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let defaults = values(&Scenario::default());
        let with_default = |(key, value): (String, String)| {
            let default = defaults.get(&key);
            let is_changed = default != Some(&value);
            Setting { key, value, default: default.cloned().unwrap_or_default(), is_changed }
        };
        let all: Vec<_> = values(scenario).into_iter().map(with_default).collect();
        let changed = all.iter().filter(|setting| setting.is_changed).cloned().collect();
        Self { changed, all }
    }
}

/// The value of every key in order of names, the scenario's own name and description aside.
pub(crate) fn values(scenario: &Scenario) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    // A scenario is made of numbers, strings and lists: it has a form in JSON.
    if let Ok(value) = serde_json::to_value(scenario) {
        flatten(String::new(), &value, &mut values);
    }
    values.remove("name");
    values.remove("about");
    values
}

fn flatten(key: String, value: &Value, into: &mut BTreeMap<String, String>) {
    if let Value::Object(members) = value {
        for (name, member) in members {
            let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
            flatten(key, member, into);
        }
    } else {
        into.insert(key, written(value));
    }
}

/// A value as TOML has it.
fn written(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}
