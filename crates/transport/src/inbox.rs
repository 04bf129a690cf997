//! Reading: streams become frames, frames become events, slowly if need be.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use ensign_wire::{Audience, DecodeError, HEADER_BYTES_MAX, Header, Kind, Lane};
use quinn::{ReadError, RecvStream};
use tokio::{sync::SemaphorePermit, task::JoinSet, time::timeout};

use crate::{CloseCode, DisconnectReason, lane, link::Link, shared::Shared};

/// Most payloads of one admitted peer that are read at once; the rest waits on the peer's side.
pub(crate) const PAYLOADS_AT_ONCE_MAX: usize = 2;

/// Pieces of a stream taken from quinn at once; a piece is at most one packet.
const CHUNKS_AT_ONCE: usize = 16;

/// Reads every stream the peer opens, `first` to begin with, until the connection ends and
/// everything that had arrived is delivered.
pub(crate) async fn read_streams(
    shared: &Arc<Shared>,
    link: &Arc<Link>,
    first: Option<RecvStream>,
) {
    let mut readers = JoinSet::new();
    let read = |stream| read_stream(Arc::clone(shared), Arc::clone(link), stream);
    first.into_iter().for_each(|stream| drop(readers.spawn(read(stream))));
    loop {
        tokio::select! {
            // Readers that have ended are cleared away before the peer opens the next stream.
            biased;
            Some(_) = readers.join_next() => {}
            accepted = link.connection.accept_uni() => match accepted {
                Ok(stream) => drop(readers.spawn(read(stream))),
                Err(_) => break,
            },
        }
    }
    while readers.join_next().await.is_some() {}
}

/// Reads the byte that says the lane, and then frames. A stream without a byte is a choice between
/// connections, or a sign of life.
async fn read_stream(shared: Arc<Shared>, link: Arc<Link>, mut stream: RecvStream) {
    let mut first = [0];
    let lane = match stream.read(&mut first).await {
        Ok(None) => return,
        Ok(Some(_)) => u8::from_be_bytes(first),
        Err(error) => return broken(&link, &error),
    };
    let Some(lane) = open(&link, lane) else { return };
    let mut reader =
        Reader { shared: &shared, link: &link, lane, frames: FrameReader::default(), last: None };
    let mut permit = None;
    let mut chunks = [const { Bytes::new() }; CHUNKS_AT_ONCE];
    loop {
        let count = match stream.read_chunks(&mut chunks).await {
            Ok(Some(count)) => count,
            Ok(None) => return reader.finish(),
            Err(error) => return broken(&link, &error),
        };
        for chunk in chunks.iter_mut().take(count) {
            if reader.deliver(&mut permit, chunk).await.is_none() {
                return;
            }
        }
    }
}

fn broken(link: &Link, error: &ReadError) {
    if let ReadError::Reset(code) = error {
        let reason = DisconnectReason::StreamBroken { code: code.into_inner() };
        link.fail(reason, CloseCode::Malformed);
    }
}

/// Returns the lane that a stream is of, unless the stream is one too many.
fn open(link: &Link, seen: u8) -> Option<Lane> {
    let Some(lane) = lane::of_id(seen) else {
        link.fail(DisconnectReason::UnknownLane { seen }, CloseCode::Malformed);
        return None;
    };
    // Bulk has a stream for each frame.
    if !link.note_opened(lane) && lane != Lane::Bulk {
        link.fail(DisconnectReason::LaneTwice { lane }, CloseCode::Malformed);
        return None;
    }
    Some(lane)
}

/// Reads one stream.
#[derive(Debug)]
struct Reader<'a> {
    shared: &'a Shared,
    link: &'a Arc<Link>,
    lane: Lane,
    frames: FrameReader,
    /// Bytes of the body that was the last of its stream.
    last: Option<usize>,
}

impl<'a> Reader<'a> {
    /// Turns one chunk into events; `None` ends the stream.
    async fn deliver(
        &mut self,
        permit: &mut Option<SemaphorePermit<'a>>,
        chunk: &mut Bytes,
    ) -> Option<()> {
        let (shared, link, lane) = (self.shared, self.link, self.lane);
        loop {
            if let Some(offset) = self.last.filter(|_| !chunk.is_empty()) {
                let error = DecodeError::TrailingBytes { offset, extra: chunk.len() };
                link.fail(DisconnectReason::Malformed(error), CloseCode::Malformed);
                return None;
            }
            let kind = match self.frames.read_header(chunk) {
                Ok(Some(kind)) => kind,
                Ok(None) => return Some(()),
                Err(error) => {
                    link.fail(DisconnectReason::Malformed(error), CloseCode::Malformed);
                    return None;
                }
            };
            if kind.lane() != lane {
                link.fail(DisconnectReason::WrongLane { kind, lane }, CloseCode::Malformed);
                return None;
            }
            if kind.audience() == Audience::Member {
                admitted(shared, link, kind).await?;
            }
            if lane == Lane::Bulk && permit.is_none() {
                *permit = Some(link.payload_permit().await?);
            }
            let Some(body) = self.frames.read_body(chunk) else { return Some(()) };
            if !link.may_say_more() {
                let limit = link.frames_max;
                link.fail(DisconnectReason::TooManyFrames { limit }, CloseCode::Offense);
                return None;
            }
            self.last = (lane == Lane::Bulk).then_some(body.len());
            // Once we stop, or nobody takes our events, the rest is read and let go: to refuse the stream
            // would blame us for frames that are of no use to us.
            if !link.is_closing() {
                let _ = shared.deliver(link, kind, body).await;
            }
            *permit = None;
        }
    }

    fn finish(&self) {
        if let Err(error) = self.frames.finish() {
            self.link.fail(DisconnectReason::Malformed(error), CloseCode::Malformed);
        }
    }
}

/// Waits, with the body unread, until the peer is admitted; `None` when it is not.
async fn admitted(shared: &Shared, link: &Link, kind: Kind) -> Option<()> {
    if link.is_admitted() {
        return Some(());
    }
    let waited = timeout(shared.config.admission_timeout, link.admitted()).await;
    waited.unwrap_or_else(|_| {
        link.fail(DisconnectReason::NotAdmitted { kind }, CloseCode::Offense);
        None
    })
}

/// Cuts a stream into frames. Holds at most one partial frame, and of it only what has arrived.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    header: [u8; HEADER_BYTES_MAX],
    header_len: usize,
    body: Option<PartialBody>,
}

#[derive(Debug)]
struct PartialBody {
    header: Header,
    bytes: Vec<u8>,
}

impl FrameReader {
    /// Takes the rest of a header from `chunk` and returns its kind, at once when the body is being
    /// read; `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// As [`Header::decode`]; the stream cannot go on.
    pub(crate) fn read_header(&mut self, chunk: &mut Bytes) -> Result<Option<Kind>, DecodeError> {
        if let Some(body) = &self.body {
            return Ok(Some(body.header.kind));
        }
        let known = self.header_len;
        let free = self.header.iter_mut().skip(known);
        let taken = free.zip(chunk.iter()).map(|(to, from)| *to = *from).count();
        let seen = self.header.get(..known + taken).unwrap_or_default();
        let Some(header) = Header::decode(seen)? else {
            chunk.advance(taken);
            self.header_len = known + taken;
            return Ok(None);
        };
        chunk.advance(header.header_len - known);
        self.header_len = 0;
        self.body = Some(PartialBody { header, bytes: Vec::new() });
        Ok(Some(header.kind))
    }

    /// Takes bytes of the body from `chunk`; returns the body once it is whole.
    pub(crate) fn read_body(&mut self, chunk: &mut Bytes) -> Option<Vec<u8>> {
        let body = self.body.as_mut()?;
        let missing = body.header.body_len - body.bytes.len();
        let arrived = chunk.split_to(missing.min(chunk.len()));
        body.bytes.extend_from_slice(&arrived);
        if body.bytes.len() < body.header.body_len {
            return None;
        }
        self.body.take().map(|body| body.bytes)
    }

    /// Checks that the stream ended between two frames.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Malformed`] with the number of bytes that the last frame had.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        let in_body = |body: &PartialBody| body.header.header_len + body.bytes.len();
        let offset = self.body.as_ref().map_or(self.header_len, in_body);
        if offset == 0 {
            return Ok(());
        }
        Err(DecodeError::Malformed { offset, expected: "more bytes", seen: None })
    }
}

#[cfg(test)]
mod tests {
    use ensign_primitives::{Network, QueryId};
    use ensign_wire::Frame;

    use super::*;

    fn read_all(pieces: &[&[u8]]) -> Result<Vec<(Kind, Vec<u8>)>, DecodeError> {
        let mut reader = FrameReader::default();
        let mut frames = Vec::new();
        for piece in pieces {
            let mut chunk = Bytes::copy_from_slice(piece);
            while let Some(kind) = reader.read_header(&mut chunk)? {
                let Some(body) = reader.read_body(&mut chunk) else { break };
                frames.push((kind, body));
            }
        }
        reader.finish().map(|()| frames)
    }

    #[test]
    fn frames_are_the_same_however_the_stream_is_cut() {
        let bytes: Vec<u8> = [Frame::Ping(QueryId(300)), Frame::Pong(QueryId(7))]
            .iter()
            .flat_map(Frame::encode)
            .chain(
                Frame::Payload {
                    request: ensign_primitives::RequestId::from_bytes([1; 32]),
                    bytes: vec![5; 300],
                }
                .encode(),
            )
            .collect();
        let whole = read_all(&[&bytes]).unwrap();
        assert_eq!(whole.len(), 3);
        assert_eq!(
            Frame::decode(whole[0].0, &whole[0].1, Network::Regtest),
            Ok(Frame::Ping(QueryId(300)))
        );
        for at in 1..bytes.len() {
            assert_eq!(read_all(&[&bytes[..at], &bytes[at..]]).unwrap(), whole, "cut at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read_all(&single).unwrap(), whole);
    }

    #[test]
    fn announced_length_allocates_nothing_before_bytes_arrive() {
        let mut reader = FrameReader::default();
        let mut header = Bytes::from_static(&[Kind::Payload as u8, 0x80, 0x80, 0x20]);
        assert_eq!(reader.read_header(&mut header), Ok(Some(Kind::Payload)));
        assert_eq!(reader.read_body(&mut header), None);
        assert_eq!(reader.body.as_ref().unwrap().bytes.capacity(), 0);
    }

    #[test]
    fn stream_that_ends_inside_a_frame_is_malformed_at_that_offset() {
        let frame = Frame::Ping(QueryId(300)).encode();
        for cut in 1..frame.len() {
            let error = read_all(&[&frame[..cut]]).unwrap_err();
            let expected = "more bytes";
            assert_eq!(error, DecodeError::Malformed { offset: cut, expected, seen: None });
        }
    }

    #[test]
    fn unknown_kind_is_refused_at_its_first_byte() {
        assert_eq!(read_all(&[&[200]]), Err(DecodeError::UnknownKind { seen: 200 }));
    }
}
