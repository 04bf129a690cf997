//! `ensign contact`: how others know us, and what their codes say.

use ensign_primitives::Network;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use crate::address::{Address, reach};
use crate::args;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::{Home, contact_failure};
use crate::names;
use crate::output::{Line, Output};
use crate::words;
use ensign_peers::contact::{Contact, More};

/// How many hex digits of a key are shown where people compare.
const KEY_DIGITS: usize = 16;

/// What a code without addresses asks of everybody else.
const NO_ADDRESS: &str = "this code has no address, so that the others wait until this node dials them: it has to run, \
                          and their codes need addresses. Two members without addresses never meet, and all must \
                          sign";

/// Shows our contact, or reads somebody's.
///
/// - `home`: opened when it is needed: a code can be read without one.
pub(super) fn run(
    home: impl FnOnce() -> Result<Home>,
    args: &args::Contact,
    output: Output,
) -> Result<()> {
    match args {
        args::Contact::Show { qr, no_address } => {
            let mut contact = home()?.contact()?;
            if *no_address {
                contact.addresses.clear();
            }
            let warnings = match no_address {
                true => vec![NO_ADDRESS.to_owned()],
                false => reach::warnings(contact.network, &contact.addresses),
            };
            show(&contact, warnings, *qr, output)
        }
        args::Contact::Read { code } => {
            let home = match home() {
                Ok(home) => Some(home),
                Err(failure) if failure.entry.code == code::HOME_MISSING.code => None,
                Err(failure) => return Err(failure),
            };
            read(home.as_ref(), &code.join(" "), output)
        }
    }
}

/// Prints the contact code, and nothing else on standard output, so that it can be piped.
fn show(contact: &Contact, warnings: Vec<String>, qr: bool, output: Output) -> Result<()> {
    let line = line("contact", contact).with("warnings", warnings.clone());
    if qr {
        output.text(qr_code(contact)?);
    }
    output.tell(&line, contact.to_string());
    output.notice(format!(
        "{} on {} can be dialled at\n{}",
        contact.name,
        contact.network,
        reach::described(&contact.addresses)
    ));
    for warning in warnings {
        output.notice(format!("warning: {warning}"));
    }
    Ok(())
}

/// Draws the code in half blocks, for a terminal with light text on a dark ground.
fn qr_code(contact: &Contact) -> Result<String> {
    qr_of(&contact.to_string())
}

/// Draws the QR code of a text in Bech32m, which is the same in capitals: then the code is a third smaller.
///
/// # Errors
///
/// [`code::ADVERTISE`] for a text that is too long.
pub(super) fn qr_of(text: &str) -> Result<String> {
    let text = text.to_uppercase();
    let drawn = QrCode::new(text).map_err(|error| {
        let failure = Failure::new(&code::ADVERTISE, format!("no QR code: {error}"));
        failure.hint("leave --qr out, or name fewer addresses")
    })?;
    let mut drawing = drawn.render::<Dense1x2>();
    Ok(drawing.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

fn read(home: Option<&Home>, text: &str, output: Output) -> Result<()> {
    let (alias, code) = names::split(text)?;
    let contact: Contact = code.parse().map_err(|error| contact_failure(&error))?;
    let contact = Contact { alias, ..contact };
    let (own, groups) = match home {
        Some(home) => (Some(home.contact()?), home.groups()?),
        None => (None, Vec::new()),
    };
    let known: Vec<&SignerGroup> =
        groups.iter().filter(|group| group.others().any(|it| it.has_keys_of(&contact))).collect();
    let member = known.iter().flat_map(|it| it.others()).find(|it| it.has_keys_of(&contact));
    let about = about(&contact, own.as_ref(), member, &known);
    let warnings = reach::warnings(contact.network, &contact.addresses);
    let line = line("contact_code", &contact)
        .with("own", own.as_ref().is_some_and(|own| own.has_keys_of(&contact)))
        .with("known_as", member.map(|member| member.called().to_owned()))
        .with("groups", known.iter().map(|group| group.name.clone()).collect::<Vec<_>>())
        .with("warnings", warnings.clone())
        .with("notes", about.clone());
    let mut text = format!(
        "calls itself {}, on {}\n  node     {}\n  signer   {}\n  can be dialled at\n{}",
        contact.name,
        contact.network,
        short(&contact.peer.to_string()),
        short(&contact.signer.to_string()),
        reach::described(&contact.addresses),
    );
    for note in about {
        text += &format!("\n{note}");
    }
    output.tell(&line, text);
    for warning in warnings {
        output.notice(format!("warning: {warning}"));
    }
    Ok(())
}

/// Says what this home knows about whom a code is of, and what else the code says.
fn about(
    contact: &Contact,
    own: Option<&Contact>,
    member: Option<&Contact>,
    groups: &[&SignerGroup],
) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(own) = own {
        if own.has_keys_of(contact) {
            notes.push("this is your own code".to_owned());
        } else if own.network != contact.network {
            notes.push(other_network(own.network, contact.network));
        }
    }
    if let Some(member) = member {
        let names: Vec<_> = groups.iter().map(|group| group.name.clone()).collect();
        notes.push(format!("known here as {}, in {}", member.called(), words::list(&names)));
        if member.addresses != contact.addresses {
            notes.push(format!(
                "the addresses are new: `ensign group update {} --member CODE` takes them",
                groups.first().map_or("NAME", |group| &group.name)
            ));
        }
    }
    for more in &contact.more {
        notes.push(match more {
            More::Delegation(proof) => {
                format!(
                    "the signer lets this node speak for it until {}",
                    words::date(proof.expires)
                )
            }
            More::Unknown { kind, value } => format!(
                "it says something of kind {kind} ({}) that this version does not know",
                words::count(value.len(), "byte")
            ),
        });
    }
    notes
}

fn other_network(ours: Network, theirs: Network) -> String {
    format!("it is for {theirs}, and this home is for {ours}: they can sign nothing together")
}

/// The beginning of a key in groups of four digits, to be compared by voice.
fn short(key: &str) -> String {
    let digits: Vec<char> = key.chars().take(KEY_DIGITS).collect();
    let groups: Vec<String> = digits.chunks(4).map(|four| four.iter().collect()).collect();
    format!("{} ..", groups.join(" "))
}

fn line(event: &'static str, contact: &Contact) -> Line {
    let addresses: Vec<_> = contact.addresses.iter().map(Address::to_string).collect();
    Line::new(event)
        .with("contact", Contact { alias: None, ..contact.clone() }.to_string())
        .with("name", contact.name.as_str())
        .with("network", contact.network.name())
        .with("node", contact.peer.to_string())
        .with("signer", contact.signer.to_string())
        .with("addresses", addresses)
}
