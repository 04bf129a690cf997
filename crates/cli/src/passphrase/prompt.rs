//! A question on the terminal whose answer is not shown.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use ensign_vault::PASSPHRASE_BYTES_MAX;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr, ttyname,
};
use zeroize::Zeroizing;

const END_OF_TEXT: u8 = 0x03;
const END_OF_TRANSMISSION: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;
const ERASE_LINE: u8 = 0x15;

/// A terminal that shows nothing of what is typed until this is dropped.
///
/// Ctrl-C arrives as a byte, so that no signal leaves the terminal in this state.
#[derive(Debug)]
pub(crate) struct Quiet {
    terminal: File,
    before: Termios,
    /// What becomes of what was typed and not read when it begins and when it ends.
    unread: OptionalActions,
}

impl Quiet {
    /// Begins a quiet time with questions in it, and waits between them. What was typed before is
    /// thrown away, and so is what nobody has read at its end: a passphrase that is typed too early
    /// or too often is neither shown nor read by whatever asks next.
    ///
    /// # Errors
    ///
    /// What the system says about the terminal.
    pub(super) fn begin() -> io::Result<Self> {
        Self::new(OptionalActions::Flush)
    }

    /// Opens the terminal anew: standard input keeps what it has read, and this must not stay.
    fn new(unread: OptionalActions) -> io::Result<Self> {
        let name = ttyname(io::stdin(), Vec::new())?;
        let terminal =
            OpenOptions::new().read(true).write(true).open(OsStr::from_bytes(name.as_bytes()))?;
        let before = tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&terminal, unread, &quiet)?;
        Ok(Self { terminal, before, unread })
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let read = self.terminal.read(&mut byte)?;
        Ok((read == 1).then_some(byte[0]))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone needs no repair.
        let _gone = tcsetattr(&self.terminal, self.unread, &self.before);
    }
}

/// Asks, and returns what was typed before the end of the line; `None` after Ctrl-C or Ctrl-D.
///
/// # Errors
///
/// What the system says about the terminal.
pub(super) fn ask(question: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut quiet = Quiet::new(OptionalActions::Now)?;
    quiet.terminal.write_all(question.as_bytes())?;
    // Has room for all, so that it is never copied.
    let mut typed = Zeroizing::new(Vec::with_capacity(PASSPHRASE_BYTES_MAX));
    let answered = loop {
        match quiet.byte()? {
            Some(b'\n' | b'\r') => break true,
            None | Some(END_OF_TEXT) => break false,
            Some(END_OF_TRANSMISSION) => break !typed.is_empty(),
            Some(BACKSPACE | DELETE) => erase_character(&mut typed),
            Some(ERASE_LINE) => typed.clear(),
            Some(byte) if typed.len() < PASSPHRASE_BYTES_MAX => typed.push(byte),
            Some(_) => {}
        }
    };
    quiet.terminal.write_all(b"\n")?;
    Ok(answered.then_some(typed))
}

/// Removes the last character, which is several bytes in UTF-8.
fn erase_character(typed: &mut Vec<u8>) {
    while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backspace_removes_a_whole_character() {
        for (before, after) in [("aé", "a"), ("a", ""), ("", ""), ("東京", "東")] {
            let mut typed = before.as_bytes().to_vec();
            erase_character(&mut typed);
            assert_eq!(typed, after.as_bytes(), "{before}");
        }
    }
}
