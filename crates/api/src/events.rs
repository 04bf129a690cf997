//! The stream of events, as browsers call it `text/event-stream`.
//!
//! Each reader has a position in the ring and one piece on its way: one that does not read costs
//! that much, and is told of the gap when it reads again.

use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use http_body::{Body as HttpBody, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::bounds::{HEARTBEAT_INTERVAL, STREAMS_MAX};
use crate::connections::stopped;
use crate::places::{Activity, Busy};
use crate::problem::Problem;
use crate::ring::{Piece, Position, Ring};

/// The header with which a client that comes back says what it has seen.
const LAST_EVENT_ID: &str = "last-event-id";

/// The streams there are.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    ring: Ring,
    places: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

impl Streams {
    pub(crate) fn new(ring: Ring, stop: watch::Receiver<bool>) -> Self {
        Self { ring, places: Arc::new(Semaphore::new(STREAMS_MAX)), stop }
    }

    /// Begins a stream: after the event that the client has seen last, else with the next one.
    pub(crate) fn open(
        &self,
        headers: &HeaderMap,
        client: &Arc<Activity>,
    ) -> Result<Response, Problem> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let what = format!("{STREAMS_MAX} clients read events already");
            Problem::too_much(StatusCode::SERVICE_UNAVAILABLE, what)
        })?;
        let from = match headers.get(LAST_EVENT_ID) {
            None => self.ring.latest().seq + 1,
            Some(id) => {
                let id = id.to_str().ok().and_then(|id| id.parse::<Position>().ok());
                let id = id.ok_or_else(|| {
                    let what = "Last-Event-ID is no id of an event, such as `5f3a-17`";
                    Problem::misunderstood(StatusCode::BAD_REQUEST, what)
                })?;
                // Of another run everything is news: number 0 was never held, so a gap is told.
                self.ring.after(id).unwrap_or(0)
            }
        };
        let (pieces, body) = mpsc::channel(1);
        let reader = Reader {
            ring: self.ring.clone(),
            next: from,
            pieces,
            stop: self.stop.clone(),
            _place: place,
            _busy: client.begin(),
        };
        tokio::spawn(reader.run());
        let mut response = Response::new(Body::new(Pieces(body)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

/// One stream.
struct Reader {
    ring: Ring,
    /// The number of the event that comes next.
    next: u64,
    pieces: mpsc::Sender<Bytes>,
    stop: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
    _busy: Busy,
}

impl Reader {
    /// Writes pieces until the client has gone or a stop is asked for.
    async fn run(mut self) {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = self.write() => {}
            () = stopped(&mut stop) => {}
        }
    }

    async fn write(&mut self) {
        let mut heartbeat = interval(HEARTBEAT_INTERVAL);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Room first: what is read then is as fresh as can be.
            let Ok(room) = self.pieces.reserve().await else { return };
            let mut text = String::new();
            // The first tick comes at once, so a client knows that nothing from here on escapes it.
            tokio::select! {
                biased;
                _ = heartbeat.tick() => {
                    let last = self.ring.at(self.next.saturating_sub(1));
                    let data = format!(r#"{{"event":"heartbeat","last":"{last}"}}"#);
                    add(&mut text, None, Some("heartbeat"), &data);
                }
                () = self.ring.wait(self.next) => match self.ring.read(self.next) {
                    Piece::Nothing => continue,
                    Piece::Gap(first) => {
                        let (id, last) = (self.ring.at(first), self.ring.at(first - 1));
                        let data = format!(r#"{{"event":"gap","first":"{id}"}}"#);
                        add(&mut text, Some(last), Some("gap"), &data);
                        self.next = first;
                    }
                    Piece::Events(first, events) => {
                        for (seq, event) in (first..).zip(events) {
                            add(&mut text, Some(self.ring.at(seq)), None, &event);
                            self.next = seq + 1;
                        }
                    }
                },
                () = self.pieces.closed() => return,
            }
            room.send(text.into());
        }
    }
}

fn add(text: &mut String, id: Option<Position>, name: Option<&str>, data: &str) {
    // Writing into a string never fails.
    if let Some(id) = id {
        let _ = writeln!(text, "id: {id}");
    }
    if let Some(name) = name {
        let _ = writeln!(text, "event: {name}");
    }
    let _ = write!(text, "data: {data}\n\n");
}

/// The body of a stream.
struct Pieces(mpsc::Receiver<Bytes>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
