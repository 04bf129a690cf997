//! What `ensign up` keeps of how the node takes part in the open network.

use crate::args::Up;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::{Home, first, role_name};
use crate::output::{Line, Output};

/// Writes what the command line says about the open network into the settings, and returns the home as it is then.
///
/// # Errors
///
/// [`code::NET_CLOSED`] for a home that is closed and stays so, [`code::SETTING_VALUE`].
pub(super) fn keep(home: Home, args: &Up, output: Output) -> Result<Home> {
    let was_open = home.settings().open().is_some();
    if !args.open && !was_open && (!args.bootstrap.is_empty() || args.role.is_some()) {
        let what = "this home is closed, and neither asks nor serves anybody in the open network";
        return Err(Failure::new(&code::NET_CLOSED, what).hint("add --open, if it shall be open"));
    }
    let mut changes = Vec::new();
    if !args.bootstrap.is_empty() {
        changes.push(("net.bootstrap", bootstrap(&home, &args.bootstrap)?));
    }
    if let Some(role) = args.role {
        changes.push(("net.role", role_name(role).to_owned()));
    }
    if args.open && !was_open {
        // The last: a home is open once all the rest is right.
        changes.push(("net.open", "true".to_owned()));
    }
    if changes.is_empty() {
        return Ok(home);
    }
    for (key, value) in &changes {
        Home::set(home.path(), key, Some(value))?;
    }
    if args.open && !was_open {
        let text = "this home is open from now on (net.open): its node looks for others, and says where it is; \
                    `ensign config set net.open --default` closes it again";
        output.talk(&Line::new("opened"), text);
    }
    home.read_again()
}

/// Returns whom to ask first: who was known before, and who is new.
fn bootstrap(home: &Home, new: &[String]) -> Result<String> {
    let mut all = home.settings().texts("net.bootstrap").to_vec();
    for entry in new {
        first(entry).map_err(|what| {
            Failure::new(&code::SETTING_VALUE, format!("--bootstrap: {what}")).hint(
                "give a contact code (`ensign contact show` there prints it) or a name in the DNS",
            )
        })?;
        let entry: String = entry.split_whitespace().collect();
        if !all.contains(&entry) {
            all.push(entry);
        }
    }
    Ok(all.join(","))
}
