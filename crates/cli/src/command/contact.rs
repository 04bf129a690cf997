//! `ensign contact`: how others know us.

use crate::args::Contact;
use crate::failure::Result;
use crate::home::Home;
use crate::output::{Line, Output};

/// Prints the contact code, and nothing else, so that it can be piped.
pub(super) fn run(home: &Home, args: &Contact, output: Output) -> Result<()> {
    let Contact::Show = args;
    let contact = home.contact()?;
    let addresses: Vec<_> = contact.addresses.iter().map(ToString::to_string).collect();
    let line = Line::new("contact")
        .with("contact", contact.to_string())
        .with("name", contact.name.as_str())
        .with("network", contact.network.name())
        .with("node", contact.peer.to_string())
        .with("signer", contact.signer.to_string())
        .with("addresses", addresses);
    output.tell(&line, contact.to_string());
    Ok(())
}
