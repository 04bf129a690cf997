//! Frames on the socket: length in four bytes, big endian; version in one byte; postcard.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

use super::words::FRAME_BYTES_MAX;

/// Changes whenever a question or an answer does.
const VERSION: u8 = 2;

/// Writes one frame.
pub(super) fn write(to: &mut impl Write, word: &impl Serialize) -> io::Result<()> {
    let garbled = |_| io::Error::from(io::ErrorKind::InvalidData);
    let body = postcard::to_allocvec(word).map_err(garbled)?;
    let length = body.len().saturating_add(1);
    let length = u32::try_from(length).ok().filter(|_| length <= FRAME_BYTES_MAX);
    let length = length.ok_or(io::ErrorKind::InvalidData)?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(&[VERSION])?;
    to.write_all(&body)?;
    to.flush()
}

/// Reads one frame; `None` when the other side has hung up before it.
///
/// Memory grows with what has come, not with what was announced.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    if from.read(length.split_at_mut(1).0)? == 0 {
        return Ok(None);
    }
    from.read_exact(length.split_at_mut(1).1)?;
    let length = u32::from_be_bytes(length);
    if usize::try_from(length).is_ok_and(|length| length > FRAME_BYTES_MAX) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut frame = Vec::new();
    let read = from.take(length.into()).read_to_end(&mut frame)?;
    if u64::try_from(read).is_ok_and(|read| read < u64::from(length)) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let Some((&VERSION, body)) = frame.split_first() else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    match postcard::take_from_bytes(body) {
        Ok((word, [])) => Ok(Some(word)),
        Ok(_) | Err(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_are_cut_off_foreign_or_too_long_are_refused() {
        let mut whole = Vec::new();
        write(&mut whole, &(7_u32, "seven")).unwrap();
        let read = |bytes: &[u8]| read::<(u32, String)>(&mut &*bytes).map_err(|e| e.kind());
        assert_eq!(read(&whole), Ok(Some((7, "seven".to_owned()))));
        assert_eq!(read(&[]), Ok(None));
        for end in 1..whole.len() {
            assert_eq!(read(&whole[..end]), Err(io::ErrorKind::UnexpectedEof), "{end}");
        }
        let changed = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            read(&bytes)
        };
        assert_eq!(changed(4, VERSION + 1), Err(io::ErrorKind::InvalidData));
        assert_eq!(changed(0, 0xff), Err(io::ErrorKind::InvalidData));
        assert_eq!(changed(3, 5), Err(io::ErrorKind::InvalidData));
        assert_eq!(read(&[0, 0, 0, 0]), Err(io::ErrorKind::InvalidData));
        let mut longer = whole.clone();
        longer[3] += 1;
        longer.push(0);
        assert_eq!(read(&longer), Err(io::ErrorKind::InvalidData));
    }
}
