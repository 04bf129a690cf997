//! `ensign config`: what every setting is and may be, and changing one.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::args::Config;
use crate::catalogue as code;
use crate::failure::Result;
use crate::home::{Home, Key, Setting, Shape, Source, named_setting, settings_of};
use crate::kept::board_of_node;
use crate::output::{Line, Output};
use crate::prefixes;
use crate::remote::Remote;
use crate::views::table;
use crate::words::foreign;

/// Most letters of a value in the table of all settings; `config show KEY` shows all. Guess: two addresses.
const VALUE_CHARS_MAX: usize = 48;

/// Shows, checks or changes the settings.
pub(super) fn run(
    folder: &Path,
    open: impl FnOnce() -> Result<Home>,
    args: &Config,
    output: Output,
) -> Result<()> {
    match args {
        Config::Set { key, value, default: _ } => {
            return set((folder, open), key, value.as_deref(), output);
        }
        Config::Unset { key } if named_setting(key).is_ok() => {
            return set((folder, open), key, None, output);
        }
        Config::Unset { key } => return take_out(folder, key, output),
        Config::Show { .. } | Config::Check => {}
    }
    let home = &open()?;
    match args {
        Config::Show { key: None } => show(home, &settings(home)?, output),
        Config::Show { key: Some(key) } => {
            let key = named_setting(key)?;
            let all = settings(home)?;
            all.iter().filter(|it| it.key.name() == key.name()).for_each(|it| show_one(it, output));
        }
        Config::Check | Config::Set { .. } | Config::Unset { .. } => check(home, output)?,
    }
    Ok(())
}

/// Returns every setting as it is in force: a node that runs may have been told otherwise.
fn settings(home: &Home) -> Result<Vec<Setting>> {
    let mut all = settings_of(home.settings());
    let listens = board_of_node(home)?.and_then(|board| board.me.listen);
    if let Some(listens) = listens
        && let Some(listen) = all.iter_mut().find(|it| it.key.name() == "listen")
        && listen.value != listens
    {
        (listen.value, listen.from) = (listens, Source::Flag("--listen"));
    }
    Ok(all)
}

fn show(home: &Home, all: &[Setting], output: Output) {
    all.iter().for_each(|setting| output.json(&line(setting)));
    let rows: Vec<_> = all.iter().map(row).collect();
    output.text(table::table(["SETTING", "VALUE", "FROM", "WHAT IT MAY BE"], &rows));
    let path = foreign(&home.path().join("ensign.toml").display().to_string());
    output.notice(format!("the file is {path}; `ensign config show KEY` says what a setting is"));
}

fn row(setting: &Setting) -> [String; 4] {
    let Setting { key, value, from } = setting;
    let may_be = match key {
        Key::Number(_) => format!("{} {}", key.range(), key.unit()),
        Key::Text(_) => key.unit().to_owned(),
    };
    [key.name().to_owned(), shortened(value), from.words(), may_be]
}

fn shown(value: &str) -> String {
    if value.is_empty() { "-".to_owned() } else { foreign(value) }
}

/// A row has room for the beginning of a contact code.
fn shortened(value: &str) -> String {
    if value.chars().count() <= VALUE_CHARS_MAX {
        return shown(value);
    }
    let begin: String = value.chars().take(VALUE_CHARS_MAX - 1).collect();
    shown(&begin) + "\u{2026}"
}

fn show_one(setting: &Setting, output: Output) {
    let Setting { key, value, from } = setting;
    let mut text =
        format!("{} = {}  ({})\n  {}", key.name(), shown(value), from.words(), key.about());
    match key {
        Key::Number(_) => {
            let default =
                key.default().map_or("no limit".to_owned(), |it| format!("{it} {}", key.unit()));
            text += &format!("\n  {} {}; default: {default}", key.range(), key.unit());
            for (role, value) in key.defaults_of_roles() {
                text += &format!("; of a {role} node: {value}");
            }
        }
        Key::Text(_) => {
            text += &format!("\n  {}", key.unit());
            let default = key.default().filter(|default| !default.is_empty());
            text += &default.map_or(String::new(), |it| format!("; default: {it}"));
        }
    }
    output.tell(&line(setting), text);
}

fn line(setting: &Setting) -> Line {
    let Setting { key, value, from } = setting;
    let (json, min, max) = match key {
        Key::Number(number) => {
            let (min, max) = (*number.range.start(), *number.range.end());
            (value.parse::<i64>().map_or(Json::Null, Json::from), json!(min), json!(max))
        }
        Key::Text(text) => (json_of(text.shape, value), Json::Null, Json::Null),
    };
    let default = match key {
        Key::Number(number) => json!(number.default),
        Key::Text(text) => match text.shape {
            Shape::Truth => json_of(text.shape, &key.default().unwrap_or_default()),
            Shape::One | Shape::Several { .. } => json!(key.default()),
        },
    };
    let roles = key.defaults_of_roles().into_iter();
    let roles: serde_json::Map<_, _> = roles
        .map(|(role, value)| (role.to_owned(), value.parse::<i64>().map_or(Json::Null, Json::from)))
        .collect();
    Line::new("setting")
        .with("key", key.name())
        .with("value", json)
        .with("from", from.name())
        .with("line", from.line())
        .with("unit", key.unit())
        .with("min", min)
        .with("max", max)
        .with("default", default)
        .with("defaults_of_roles", roles)
        .with("about", key.about())
}

fn json_of(shape: Shape, value: &str) -> Json {
    match shape {
        Shape::Several { .. } => {
            json!(value.split(", ").filter(|it| !it.is_empty()).collect::<Vec<_>>())
        }
        Shape::Truth => json!(value == "true"),
        Shape::One => json!(value),
    }
}

/// Reads everything that the settings speak of, as a node does when it starts.
fn check(home: &Home, output: Output) -> Result<()> {
    let groups = home.groups()?.len();
    home.policy()?;
    home.payees()?;
    let warnings = prefixes::check(home);
    warnings.iter().for_each(|warning| output.warning(warning));
    let (given, all) = (home.settings().given().len(), settings_of(home.settings()).len());
    let line = Line::new("config_checked")
        .with("settings", all)
        .with("given", given)
        .with("groups", groups)
        .with("warnings", warnings.len());
    let rest = all.saturating_sub(given);
    let but = if warnings.is_empty() { "" } else { ", but for the table of prefixes" };
    let groups = match groups {
        0 => "this home is in no group yet".to_owned(),
        1 => "its group is in order too".to_owned(),
        more => format!("its {more} groups are in order too"),
    };
    let text = format!(
        "the settings are in order{but}: {given} in ensign.toml, {rest} at their default; {groups}"
    );
    output.tell(&line, text);
    Ok(())
}

/// Takes what is no setting out of the file, and tells what is still wrong with that.
fn take_out(folder: &Path, name: &str, output: Output) -> Result<()> {
    let (at, wrong) = Home::take_out(folder, name)?;
    let line = Line::new("setting_removed").with("key", name).with("line", at);
    output.tell(
        &line,
        format!("`{}` is no setting; line {at} was taken out of ensign.toml", foreign(name)),
    );
    wrong.iter().for_each(|failure| output.warning(failure));
    Ok(())
}

/// Changes a setting of the home in a folder.
fn set(
    (folder, open): (&Path, impl FnOnce() -> Result<Home>),
    name: &str,
    value: Option<&str>,
    output: Output,
) -> Result<()> {
    let key = named_setting(name)?;
    let is_it = |it: &Setting| it.key.name() == key.name();
    let before = match open() {
        Ok(home) => {
            let before = settings_of(home.settings()).into_iter().find(is_it);
            before.map(|it| it.value).unwrap_or_default()
        }
        // What is set now may be what is wrong in the file.
        Err(failure) if failure.entry == &code::HOME_DAMAGED => String::new(),
        Err(failure) => return Err(failure),
    };
    let settings = Home::set(folder, name, value)?;
    let Some(now) = settings_of(&settings).into_iter().find(is_it) else { return Ok(()) };
    let runs = Remote::at(folder)?.is_some();
    let text = match (before == now.value, now.from) {
        (true, Source::Default) => format!(
            "{name} is {} as before, the default; it does not stand in ensign.toml",
            shown(&now.value)
        ),
        (true, _) => format!("{name} is {} as before", shown(&now.value)),
        (false, Source::Default) => {
            format!("{name} = {}, the default; it was {}", shown(&now.value), shown(&before))
        }
        (false, _) => format!("{name} = {}; it was {}", shown(&now.value), shown(&before)),
    };
    output.tell(&line(&now).with("before", before.as_str()).with("node_runs", runs), text);
    if runs && before != now.value {
        output.notice(if key.is_reloaded() {
            "a node runs here: it takes this when it gets SIGHUP, or at its next start"
        } else {
            "a node runs here: it takes this at its next start"
        });
    }
    Ok(())
}
