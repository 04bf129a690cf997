//! `ensign payee`: whom this home may pay, where `[policy]` says that only those are paid.

use crate::args::Payee;
use crate::failure::Result;
use crate::home::Home;
use crate::output::{Line, Output};

/// Changes or shows the list.
pub(super) fn run(home: &Home, args: &Payee, output: Output) -> Result<()> {
    match args {
        Payee::Add { name, address } => {
            let address = home.add_payee(name, address)?;
            output.tell(&line("payee", name, &address), text(name, &address));
            output.notice(
                "Compare every group of the address with what the payee says by another way. A node that \
                 runs reads the list at its next start, or on SIGHUP.",
            );
        }
        Payee::List => {
            let payees = home.payees()?;
            if payees.is_empty() {
                output.notice(
                    "nobody is on the list; `ensign payee add NAME ADDRESS` enters somebody",
                );
            }
            let width = payees.keys().map(String::len).max().unwrap_or(0);
            for (name, address) in &payees {
                output
                    .tell(&line("payee", name, address), text(&format!("{name:width$}"), address));
            }
        }
        Payee::Remove { name } => {
            let address = home.remove_payee(name)?;
            let told = format!("removed {}", text(name, &address));
            output.tell(&line("payee_removed", name, &address), told);
        }
    }
    Ok(())
}

fn text(name: &str, address: &str) -> String {
    format!("{name}  {}", in_fours(address))
}

/// Writes an address in groups of four characters, to be compared by eye or by voice.
fn in_fours(address: &str) -> String {
    let characters: Vec<char> = address.chars().collect();
    let groups: Vec<String> = characters.chunks(4).map(|four| four.iter().collect()).collect();
    groups.join(" ")
}

fn line(event: &'static str, name: &str, address: &str) -> Line {
    Line::new(event).with("name", name).with("address", address)
}
