//! The prompt, on a terminal of the test's own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::ensign::{Signer, argument};

/// A command on a terminal, with what it has shown there so far.
struct Terminal {
    child: Child,
    master: File,
    /// Open as long as the test looks, so that the terminal outlives the command.
    side: File,
    shown: String,
}

impl Terminal {
    fn start(signer: &Signer, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let open = || File::options().read(true).write(true).open(&name).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ensign"))
            .args(["--home", argument(&signer.home)])
            .args(arguments)
            .env_remove("CREDENTIALS_DIRECTORY")
            .stdin(open())
            .stdout(open())
            .stderr(open())
            .spawn()
            .unwrap();
        Self { child, master: master.into(), side: open(), shown: String::new() }
    }

    /// Reads until a text comes.
    fn wait_for(&mut self, text: &str) {
        let mut buffer = [0; 1024];
        while !self.shown.contains(text) {
            let length = self.master.read(&mut buffer).unwrap();
            self.shown.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        self.shown = self.shown.split_once(text).unwrap().1.to_owned();
    }

    fn type_text(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.side).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    fn end(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

#[test]
fn a_passphrase_is_typed_twice_and_never_shown() {
    let alice = Signer::new();
    let mut terminal = Terminal::start(&alice, &["init", "--name", "alice"]);
    terminal.wait_for("new passphrase of ");
    terminal.wait_for(": ");
    assert!(!terminal.echoes());
    terminal.type_text("short\r");
    terminal.wait_for("too short");
    terminal.wait_for(": ");
    terminal.type_text("correct horsf\u{7f}e\r");
    terminal.wait_for("the same again: ");
    terminal.type_text("correct house\r");
    terminal.wait_for("two passphrases");
    terminal.wait_for(": ");
    terminal.type_text("nonsense\u{15}correct horse\r");
    terminal.wait_for("the same again: ");
    terminal.type_text("correct horse\r");
    terminal.wait_for("makes each guess of a thief as slow");
    assert!(!terminal.shown.contains("horse"));
    terminal.wait_for("encrypted in the file vault.ens");
    assert_eq!(terminal.end(), 0);

    let mut terminal = Terminal::start(&alice, &["key", "passphrase"]);
    terminal.wait_for("vault.ens: ");
    terminal.type_text("\r");
    terminal.wait_for("that is empty");
    terminal.wait_for("vault.ens: ");
    terminal.type_text("correct house\r");
    terminal.wait_for("that is not the passphrase; once more");
    terminal.wait_for("vault.ens: ");
    terminal.type_text("correct horse\r");
    terminal.wait_for("unlocking ");
    terminal.wait_for("new passphrase of ");
    // Ctrl-C: nothing has changed, and the terminal shows what is typed again.
    terminal.wait_for(": ");
    terminal.type_text("half\u{3}");
    terminal.wait_for("E-VLT-009");
    terminal.wait_for("nothing was changed");
    assert!(terminal.echoes());
    assert_eq!(terminal.end(), 3);
}
