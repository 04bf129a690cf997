//! Bytes with a name for each field: a second encoder, written after the document alone.

use std::fmt::Write as _;

use ensign_primitives::sha256;

/// Bytes per line: one compressed point.
const LINE_BYTES: usize = 33;

/// Named fields in the order in which they travel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dump {
    fields: Vec<(Vec<u8>, String)>,
}

impl Dump {
    /// Appends bytes as they are.
    pub(crate) fn raw(mut self, bytes: &[u8], name: &str) -> Self {
        self.fields.push((bytes.to_vec(), name.to_owned()));
        self
    }

    /// Appends a number of variable length.
    pub(crate) fn varint(self, mut number: u64, name: &str) -> Self {
        let text = format!("{name}: {number}");
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(0x80 | (number % 0x80) as u8);
            number /= 0x80;
        }
        bytes.push(number as u8);
        self.raw(&bytes, &text)
    }

    /// Appends the number of a variant.
    pub(crate) fn variant(self, number: u8, name: &str) -> Self {
        self.raw(&[number], name)
    }

    /// Appends eight little-endian bytes, as hashes take numbers.
    pub(crate) fn u64_le(self, number: u64, name: &str) -> Self {
        self.raw(&number.to_le_bytes(), &format!("{name}: {number}"))
    }

    /// Appends all fields of `other`.
    pub(crate) fn then(mut self, other: Self) -> Self {
        self.fields.extend(other.fields);
        self
    }

    /// Returns the bytes without their names.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.fields.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect()
    }

    /// Returns the tagged hash over the fields, the first of which is the network.
    pub(crate) fn tagged_hash(&self, tag: &str) -> [u8; 32] {
        let tag = sha256(tag.as_bytes());
        sha256(&[&tag[..], &tag, &self.bytes()].concat())
    }

    /// Returns a line for each field: bytes in hex, then the name.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (bytes, name) in &self.fields {
            for (at, line) in bytes.chunks(LINE_BYTES).enumerate() {
                let name = if at == 0 { name } else { "" };
                let line = format!("{:width$}  {name}", hex(line), width = 2 * LINE_BYTES);
                writeln!(text, "{}", line.trim_end()).unwrap();
            }
        }
        text
    }
}

/// Returns `bytes` in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
