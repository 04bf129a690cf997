//! `ensign init`: a home with fresh keys.

use std::path::Path;

use crate::args::Init;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::{Home, Settings, shown};
use crate::output::{Line, Output};
use crate::{address, words};

/// Makes a home and says what is in it.
pub(super) fn run(path: &Path, args: Init, output: Output) -> Result<()> {
    let home = create(path, args)?;
    let contact = home.contact()?;
    let Settings { name, network, listen } = home.settings();
    let path = shown(home.path());
    let line = Line::new("home")
        .with("home", path.as_str())
        .with("name", name.as_str())
        .with("network", network.name())
        .with("listen", listen.to_string())
        .with("node", contact.peer.to_string())
        .with("signer", contact.signer.to_string())
        .with("contact", contact.to_string())
        .with("encrypted", false);
    let text = format!(
        "made the home of {name} in {path}\n  network  {network}\n  listens  {listen} (UDP)\n  \
         node     {}\n  signer   {}\n\nThe keys are NOT encrypted yet: whoever can read the files \
         node.key and signer.key\ncan sign as {name}. They have mode 0600, the folder 0700. Keep a \
         copy of both in a\nsafe place: without signer.key the coins of its groups cannot be \
         moved.\n\nGive this code to the others (`ensign contact show` prints it again):\n{contact}",
        contact.peer, contact.signer,
    );
    output.tell(&line, text);
    Ok(())
}

/// Makes a home; a listening port 0 becomes a free one.
///
/// # Errors
///
/// [`code::NAME`], [`code::LISTEN`], and what [`Home::create`] returns.
pub(crate) fn create(path: &Path, args: Init) -> Result<Home> {
    let Init { name, network, listen } = args;
    words::check_name(&name).map_err(|reason| Failure::new(&code::NAME, reason))?;
    let listen = address::with_free_port(listen).map_err(|error| {
        Failure::new(&code::LISTEN, format!("no free port at {}: {error}", listen.ip()))
    })?;
    Home::create(path, Settings { name, network, listen })
}
