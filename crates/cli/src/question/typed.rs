//! Lines out of reads.

/// Most bytes of one typed line; an answer is a word, a digest and a few names.
const LINE_BYTES_MAX: usize = 1_024;

/// The line that is being typed.
///
/// One read gives at most one line: what came with it was not typed in answer to what was on the
/// screen. The rest of a line whose beginning was thrown away is thrown away too.
#[derive(Debug, Default)]
pub(super) struct Typed {
    line: Vec<u8>,
    /// Its beginning was thrown away.
    is_stale: bool,
}

impl Typed {
    /// Takes what one read brought; returns the line that it ends. A line above [`LINE_BYTES_MAX`] is
    /// cut there, which makes no answer of it.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<String> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (head, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        if !self.is_stale {
            let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
            self.line.extend(head.iter().take(room));
        }
        end?;
        let was_stale = std::mem::replace(&mut self.is_stale, !rest.ends_with(b"\n"));
        let line = std::mem::take(&mut self.line);
        (!was_stale).then(|| String::from_utf8_lossy(&line).into_owned())
    }

    /// Throws away what one read brought, with the line that it begins or goes on with.
    pub(super) fn discard(&mut self, bytes: &[u8]) {
        self.line.clear();
        if let Some(last) = bytes.last() {
            self.is_stale = *last != b'\n';
        }
    }

    /// Throws away the beginning of a line.
    pub(super) fn forget(&mut self) {
        if !self.line.is_empty() {
            self.line.clear();
            self.is_stale = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_read_gives_one_line_at_most() {
        let mut typed = Typed::default();
        assert_eq!(typed.read(b"yes\nyes\nno"), Some("yes".to_owned()));
        // The end of a line whose beginning was thrown away.
        assert_eq!(typed.read(b"t\n"), None);
        assert_eq!(typed.read(b"y"), None);
        assert_eq!(typed.read(b"es\r\n"), Some("yes\r".to_owned()));
        assert_eq!(typed.read(b""), None);
    }

    #[test]
    fn what_is_thrown_away_takes_its_line_with_it() {
        let mut typed = Typed::default();
        assert_eq!(typed.read(b"no"), None);
        typed.discard(b"t ye");
        assert_eq!(typed.read(b"s\n"), None);
        assert_eq!(typed.read(b"y"), None);
        typed.forget();
        assert_eq!(typed.read(b"es\n"), None);
        typed.forget();
        assert_eq!(typed.read(b"no\n"), Some("no".to_owned()));
    }

    #[test]
    fn a_line_has_a_bound() {
        let mut typed = Typed::default();
        for _ in 0..256 {
            assert_eq!(typed.read(&[b'y'; 4096]), None);
        }
        assert!(typed.line.capacity() <= 2 * LINE_BYTES_MAX);
        assert_eq!(typed.read(b"\n").unwrap().len(), LINE_BYTES_MAX);
        let _lossy = typed.read(&[0xff, 0, 0x1b, b'\n']).unwrap();
    }
}
