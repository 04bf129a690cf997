//! The largest frames a stranger may begin, without their last byte, on every stream there is.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use ensign_wire::{Kind, Lane};
use quinn::{Connection, SendStream};
use tokio::{task::JoinSet, time::timeout};

use super::Crowd;
use crate::{
    figures::Findings,
    line::{Ears, open},
    scene::{Scene, pause},
};

/// How long a write is tried: what the windows do not take is not waited for.
const WRITE_PATIENCE: Duration = Duration::from_millis(300);
/// How long they are kept.
const SETTLED: Duration = Duration::from_secs(2);
/// Which frames: the largest of either lane beside the one that is open; a stranger may have three
/// streams.
const KINDS: [Kind; 2] = [Kind::SessionAnnounce, Kind::Payload];

/// Sends them, and keeps the connections.
///
/// # Errors
///
/// Fails if the system refuses a socket.
pub(crate) async fn partial(scene: &mut Scene<'_>) -> Result<Findings> {
    let door = scene.door();
    let gathering = Instant::now() + scene.left(Duration::MAX) / 2;
    let mut crowd = Crowd::gather(&door, scene.amounts.connections, Ears::Open, gathering).await?;
    let frames: Arc<[(Lane, Vec<u8>)]> = KINDS.map(|kind| (kind.lane(), begun(kind))).into();
    let mut begun = JoinSet::new();
    for line in &mut crowd.lines {
        line.ignore();
        begun.spawn(begin(line.connection.clone(), Arc::clone(&frames), scene.deadline()));
    }
    let (mut bytes, mut streams) = (0, Vec::new());
    while let Some(Ok((said, open))) = begun.join_next().await {
        bytes += said;
        streams.extend(open);
    }
    pause(scene.left(SETTLED)).await;
    let mut findings = Findings::default();
    findings.note("connections", crowd.lines.len() as f64);
    findings.note("standing at the end", crowd.standing() as f64);
    findings.note("streams", streams.len() as f64);
    findings.note("MB said", bytes as f64 / 1e6);
    Ok(findings)
}

/// Returns header and body of a frame without its last byte.
fn begun(kind: Kind) -> Vec<u8> {
    let length = kind.limit();
    let low = |shift: usize| (length >> shift & 0x7f) as u8;
    let header = [kind.id(), low(0) | 0x80, low(7) | 0x80, low(14)];
    let mut frame = header.to_vec();
    frame.resize(header.len() + length - 1, 0);
    frame
}

/// Writes as much as the windows take; returns how many bytes that were, and the streams: one that is
/// dropped is finished, which would close the connection.
async fn begin(
    connection: Connection,
    frames: Arc<[(Lane, Vec<u8>)]>,
    deadline: Instant,
) -> (usize, Vec<SendStream>) {
    let (mut bytes, mut streams) = (0, Vec::new());
    for (lane, frame) in frames.iter() {
        if Instant::now() >= deadline {
            break;
        }
        let Ok(Ok(mut stream)) = timeout(WRITE_PATIENCE, open(&connection, *lane)).await else {
            break;
        };
        let mut rest = &frame[..];
        while !rest.is_empty()
            && let Ok(Ok(written)) = timeout(WRITE_PATIENCE, stream.write(rest)).await
        {
            bytes += written;
            rest = rest.get(written..).unwrap_or_default();
        }
        streams.push(stream);
    }
    (bytes, streams)
}

#[cfg(test)]
mod tests {
    use ensign_wire::Header;

    use super::*;

    #[test]
    fn the_frame_is_valid_up_to_its_missing_byte() {
        for kind in KINDS {
            let frame = begun(kind);
            let header = Header::decode(&frame).unwrap().unwrap();
            assert_eq!((header.kind, header.body_len), (kind, kind.limit()));
            assert_eq!(frame.len() + 1, header.header_len + header.body_len);
        }
    }
}
