//! A file to start from: every key with its meaning, its range and its default.

use toml::{Table, Value};

use super::{
    Scenario,
    keys::{KEYS, Key, SECTIONS},
};

impl Scenario {
    /// Writes a file in which everything is explained and nothing but the name is set.
    ///
    /// A line that begins with `#` and a letter is a key with its default; without the `#` it holds.
    pub fn template(name: &str) -> String {
        let defaults = Self { name: name.to_owned(), ..Self::default() }.table();
        let mut text = INTRODUCTION.to_owned();
        describe(&mut text, "", &defaults);
        for (section, about) in SECTIONS {
            text += &format!("\n# {about}\n[{section}]\n");
            if let Some(Value::Table(inner)) = defaults.get(*section) {
                describe(&mut text, section, inner);
            }
        }
        text
    }
}

const INTRODUCTION: &str = "\
# A scenario: what decides a run, besides its seed. Every key has a default, so a file says only
# what it changes: take the `#` before a key away. `cargo xtask sim run FILE` runs it.
";

fn describe(text: &mut String, section: &str, defaults: &Table) {
    for key in KEYS.iter().filter(|key| key.section() == section) {
        let Some(default) = defaults.get(key.name()) else { continue };
        *text += &format!("\n{}", comment(key));
        let mark = if key.path == "name" { "" } else { "#" };
        *text += &format!("{mark}{} = {default}\n", key.name());
    }
}

/// Meaning and range, in lines of at most [`WIDTH`].
fn comment(key: &Key) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    let words = format!("{} Takes {}.", key.about, key.expected());
    for word in words.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            lines += &line;
            lines.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line += word;
    }
    lines + &line + "\n"
}

const WIDTH: usize = 100;
