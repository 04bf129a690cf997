//! `ensign init`: a home with fresh keys.

use std::path::Path;

use ensign_vault::Cost;

use crate::address::{Address, listening, reach};
use crate::args::Init;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::{Home, Settings, Stored, check_advertised, refuse_existing, shown, vault_in};
use crate::names::check_free;
use crate::output::Line;
use crate::passphrase::Passphrases;
use crate::{vault, words};

/// Makes a home and says what is in it.
pub(super) fn run(path: &Path, args: Init, passphrases: &Passphrases) -> Result<()> {
    let home = create(path, args, passphrases)?;
    let contact = home.contact()?;
    let Settings { name, network, listen, .. } = home.settings();
    let path = shown(home.path());
    let encrypted = home.stored() == Stored::Encrypted;
    let line = Line::new("home")
        .with("home", path.as_str())
        .with("name", name.as_str())
        .with("network", network.name())
        .with("listen", listen.to_string())
        .with("node", contact.peer.to_string())
        .with("signer", contact.signer.to_string())
        .with("contact", contact.to_string())
        .with("addresses", contact.addresses.iter().map(Address::to_string).collect::<Vec<_>>())
        .with("warnings", reach::warnings(*network, &contact.addresses))
        .with("encrypted", encrypted);
    let text = format!(
        "made the home of {name} in {path}\n  network  {network}\n  listens  {listen} (UDP)\n  \
         node     {}\n  signer   {}\n  can be dialled at\n{}\n\n{}\n\nGive this code to the others \
         (`ensign contact show` prints it again):\n{contact}",
        contact.peer,
        contact.signer,
        reach::described(&contact.addresses),
        about_keys(name, encrypted),
    );
    passphrases.output().tell(&line, text);
    for warning in reach::warnings(*network, &contact.addresses) {
        passphrases.output().notice(format!("warning: {warning}"));
    }
    Ok(())
}

fn about_keys(name: &str, encrypted: bool) -> String {
    if encrypted {
        return "The keys are encrypted in the file vault.ens. Without it, or without its passphrase, \
                the coins\nof its groups cannot be moved: keep a backup elsewhere \
                (`ensign key backup FILE`)."
            .to_owned();
    }
    format!(
        "The keys are NOT encrypted: whoever can read the files node.key and signer.key\ncan sign \
         as {name}. They have mode 0600, the folder 0700. `ensign key encrypt` puts them\nunder a \
         passphrase. Without signer.key the coins of its groups cannot be moved: keep a\nbackup \
         elsewhere (`ensign key backup FILE`)."
    )
}

/// Returns what the system calls the user, if others could call the signer so.
fn login_name() -> Option<String> {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok()?;
    (words::check_name(&name).is_ok() && check_free(&name).is_ok()).then_some(name)
}

/// Makes a home; a listening port 0 becomes a free one.
///
/// # Errors
///
/// [`code::NAME`], [`code::LISTEN`], what [`Home::create`] returns, and what keeps us from having a
/// passphrase.
pub(crate) fn create(path: &Path, args: Init, passphrases: &Passphrases) -> Result<Home> {
    let Init { name, network, listen, advertise, no_passphrase } = args;
    refuse_existing(path)?;
    let name = name.or_else(login_name).ok_or_else(|| {
        let what = "no name was given with --name, and the login name of this user cannot be one";
        Failure::new(&code::NAME, what).hint("give one with --name NAME")
    })?;
    let refused = |reason| Failure::new(&code::NAME, reason);
    words::check_name(&name).map_err(refused)?;
    check_free(&name).map_err(|reason| refused(reason).hint("choose another name"))?;
    let advertise = check_advertised(&advertise)?;
    let listen = listen.unwrap_or_else(listening::everywhere);
    let listen = listening::with_free_port(listen).map_err(|error| {
        Failure::new(&code::LISTEN, format!("no free port at {}: {error}", listen.ip()))
    })?;
    let passphrase = (!no_passphrase).then(|| passphrases.for_new(&vault_in(path))).transpose()?;
    if passphrase.is_some() {
        let why = vault::slow_on_purpose(Cost::STANDARD);
        passphrases.output().notice(format!("encrypting the keys ({why})"));
    }
    let mut settings = Settings::new(name, network, listen);
    settings.advertise = advertise;
    Home::create(path, &settings, passphrase.as_ref(), passphrases)
}
