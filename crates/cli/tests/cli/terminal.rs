//! The prompt, on a terminal of the test's own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::ensign::{Signer, argument};

/// A command on a terminal, with what it has shown there so far.
pub(crate) struct Terminal {
    child: Child,
    master: File,
    /// Open as long as the test looks, so that the terminal outlives the command.
    side: File,
    pub(crate) shown: String,
}

impl Terminal {
    pub(crate) fn start(signer: &Signer, arguments: &[&str]) -> Self {
        Self::start_to(signer, arguments, None)
    }

    /// Starts a command whose standard output goes into a file.
    pub(crate) fn start_to(signer: &Signer, arguments: &[&str], stdout: Option<&Path>) -> Self {
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
            .stdout(stdout.map_or_else(open, |file| File::create(file).unwrap()))
            .stderr(open())
            .spawn()
            .unwrap();
        Self { child, master: master.into(), side: open(), shown: String::new() }
    }

    /// Reads until a text comes.
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.read_until(|shown| shown.contains(text));
        self.shown = self.shown.split_once(text).unwrap().1.to_owned();
    }

    /// Reads until a text comes; returns everything up to it.
    pub(crate) fn shown_until(&mut self, text: &str) -> String {
        self.read_until(|shown| shown.contains(text));
        let (before, after) = self.shown.split_once(text).unwrap();
        let (before, after) = (format!("{before}{text}"), after.to_owned());
        self.shown = after;
        before
    }

    /// Reads until the question that stands can be answered. The first answer is no word, so that it
    /// answers nothing: it is either too early, or asked again, which begins anew.
    pub(crate) fn wait_to_answer(&mut self) {
        let (early, asked) = ("answer now", "please ");
        loop {
            self.type_text("?\r");
            self.read_until(|shown| shown.contains(early) || shown.contains(asked));
            let is_early = self.shown.contains(early);
            self.wait_for(if is_early { early } else { asked });
            if is_early {
                return;
            }
        }
    }

    /// Makes it so many columns wide.
    pub(crate) fn set_columns(&self, columns: u16) {
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.side, size).unwrap();
    }

    fn read_until(&mut self, is_there: impl Fn(&str) -> bool) {
        let mut buffer = [0; 1024];
        while !is_there(&self.shown) {
            let length = self.master.read(&mut buffer).unwrap();
            self.shown.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    }

    pub(crate) fn type_text(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.side).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    pub(crate) fn end(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
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

#[test]
fn regression_a_passphrase_typed_early_was_shown() {
    let alice = Signer::new();
    let mut terminal = Terminal::start(&alice, &["init", "--name", "alice"]);
    terminal.wait_for("new passphrase of ");
    terminal.wait_for(": ");
    terminal.type_text("correct horse\r");
    terminal.wait_for("the same again: ");
    terminal.type_text("correct horse\r");
    assert_eq!(terminal.end(), 0);

    let mut terminal = Terminal::start(&alice, &["key", "passphrase"]);
    terminal.wait_for("vault.ens: ");
    terminal.type_text("correct house\r");
    terminal.wait_for("unlocking ");
    // While the key is derived, nothing of the next try is shown; it is taken for the next question.
    assert!(!terminal.echoes());
    terminal.type_text("correct horse\r");
    terminal.wait_for("that is not the passphrase; once more");
    terminal.wait_for("new passphrase of ");
    assert!(!terminal.shown.contains("horse"));
    terminal.wait_for(": ");
    terminal.type_text("\u{3}");
    terminal.wait_for("E-VLT-009");
    assert!(terminal.echoes());
    assert_eq!(terminal.end(), 3);
}
