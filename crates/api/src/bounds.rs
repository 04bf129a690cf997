//! Every number that a client meets.

use std::time::Duration;

use ensign_wire::PAYLOAD_BYTES_MAX;

/// Most clients at once; for a further one the longest idle gives way. Guess: a person with a few
/// terminals, and a dozen programs with a few connections each.
pub const CLIENTS_MAX: usize = 64;

/// Most streams of events at once; a further one is refused. Below [`CLIENTS_MAX`], so that streams
/// never take every place.
pub const STREAMS_MAX: usize = 32;

/// Most bytes of a body that asks: the largest PSBT in base64, which takes four bytes for three, and
/// room for the rest.
pub const BODY_BYTES_MAX: usize = PAYLOAD_BYTES_MAX.div_ceil(3) * 4 + (64 << 10);

/// A body with more bytes counts as large, in both directions.
pub const LARGE_BYTES: usize = 64 << 10;

/// Most large bodies that are held at one time, in both directions together.
pub const LARGE_MAX: usize = 4;

/// Most bytes of a request's head, and of what is buffered of an answer.
pub const BUFFER_BYTES_MAX: usize = 16 << 10;

/// How long a client may take for a head, or say nothing between two of them.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take for a body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may read nothing while something waits for it.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a stop waits for answers that are being written.
pub const STOP_TIMEOUT: Duration = Duration::from_millis(400);

/// Most events that are held for clients that come back.
pub const EVENTS_MAX: usize = 4096;

/// Most bytes of them together; above it the oldest go. Guess: events have 300 bytes, a few of them
/// a summary of some kilobytes.
pub const EVENTS_BYTES_MAX: usize = 8 << 20;

/// Most events that one piece of a stream carries.
pub const EVENTS_PIECE_MAX: usize = 32;

/// How often a stream says that it lives, so that a client notices one that does not.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// Most bytes of an answer that a [`Client`](crate::Client) takes. Guess: a thousand requests with
/// a thousand outputs each.
pub const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Most searches in the open network for clients at one time, pings among them; a further one is refused. Guess: a person and
/// a few programs, and far fewer walks than a node may have.
pub const SEARCHES_MAX: usize = 4;
