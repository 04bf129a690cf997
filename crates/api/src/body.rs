//! Bodies: what is asked, read within its bounds, and answers, of which few may be large.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::bounds::{BODY_BYTES_MAX, BODY_TIMEOUT, LARGE_BYTES, LARGE_MAX};
use crate::problem::Problem;

/// The places for large bodies.
#[derive(Clone, Debug)]
pub(crate) struct Large(Arc<Semaphore>);

impl Default for Large {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_MAX)))
    }
}

impl Large {
    fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let what = "other clients send or read large bodies now";
        let busy = || Problem::too_much(StatusCode::SERVICE_UNAVAILABLE, what);
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| busy())
    }

    /// Answers in JSON; a large answer holds its place until it was read.
    pub(crate) fn answer(&self, status: StatusCode, value: &impl Serialize) -> Response {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.bytes(status, "application/json", bytes.into()),
            Err(error) => {
                let what = format!("an answer that cannot be written: {error}");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Problem::misunderstood(status, what).into_response()
            }
        }
    }

    /// Answers in bytes; a large answer holds its place until it was read.
    pub(crate) fn bytes(&self, status: StatusCode, kind: &'static str, bytes: Bytes) -> Response {
        let place = match bytes.len() > LARGE_BYTES {
            true => match self.take() {
                Ok(place) => Some(place),
                Err(problem) => return problem.into_response(),
            },
            false => None,
        };
        let mut response = Response::new(Body::new(Held { bytes, _place: place }));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}

/// An answer and its place.
struct Held {
    bytes: Bytes,
    _place: Option<OwnedSemaphorePermit>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        // In pieces: the place is held until the last of them is on its way.
        let length = self.bytes.len().min(LARGE_BYTES);
        let piece = self.bytes.split_to(length);
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

/// A body in JSON, whatever its `Content-Type` says; none counts as `{}`.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<S, T> FromRequest<S> for Asked<T>
where
    S: AsRef<Large> + Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let length = declared(request.headers())?;
        let _place = match length {
            Some(..=LARGE_BYTES) => None,
            Some(_) | None => Some(state.as_ref().take()?),
        };
        let body = request.into_body();
        let read = timeout(BODY_TIMEOUT, to_bytes(body, BODY_BYTES_MAX)).await;
        let bytes = read
            .map_err(|_| Problem::too_much(StatusCode::REQUEST_TIMEOUT, "the body took too long"))?
            .map_err(|_| too_large())?;
        let bytes = if bytes.is_empty() { Bytes::from_static(b"{}") } else { bytes };
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let what = format!("the body is not understood: {error}");
            Problem::misunderstood(StatusCode::BAD_REQUEST, what)
        })
    }
}

/// Returns how long the body says it is; too long a one is refused before a byte of it is read.
fn declared(headers: &HeaderMap) -> Result<Option<usize>, Problem> {
    let Some(length) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let length = length.to_str().ok().and_then(|length| length.parse::<u64>().ok());
    match length.and_then(|length| usize::try_from(length).ok()) {
        Some(length) if length <= BODY_BYTES_MAX => Ok(Some(length)),
        Some(_) | None => Err(too_large()),
    }
}

fn too_large() -> Problem {
    let what = format!("the body is larger than {BODY_BYTES_MAX} bytes");
    Problem::too_much(StatusCode::PAYLOAD_TOO_LARGE, what)
}
