//! The side that asks.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use crate::bounds::ANSWER_BYTES_MAX;
use crate::problem::Problem;
use crate::ring::Position;
use crate::socket;

/// How long a node that runs may take for an answer. Guess: a store on a slow disk that waits its
/// turn, and a signer beside the node that asks its user first is not waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A client of whoever serves a home. Each call is a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    home: PathBuf,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No process serves the home.
    #[error("no process serves the home: {0}")]
    Absent(io::Error),
    /// It refuses.
    #[error("{}", .0.what)]
    Refused(Box<Problem>),
    /// It hung up, took too long, or said something that is not understood.
    #[error("the process that serves the home does not answer as it should: {0}")]
    Broken(String),
}

impl Client {
    /// Makes a client; nothing is connected before it is asked.
    pub fn new(home: &Path) -> Self {
        Self { home: home.to_owned() }
    }

    /// Whether a process serves the home.
    ///
    /// # Errors
    ///
    /// [`ClientError::Absent`] when none does.
    pub async fn find(&self) -> Result<(), ClientError> {
        socket::connect(&self.home).await.map(drop).map_err(ClientError::Absent)
    }

    /// Asks for something; `path` begins with `/v1/`.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(Method::GET, path, None::<&()>).await
    }

    /// Asks for the bytes of a file.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn bytes(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Has something done.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Has something changed.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// Has something removed.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(Method::DELETE, path, None::<&()>).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let body = match body {
            Some(body) => serde_json::to_vec(body).map_err(broken)?,
            None => Vec::new(),
        };
        let bytes = self.ask(method, path, body.into()).await?;
        serde_json::from_slice(&bytes).map_err(broken)
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Vec<u8>, ClientError> {
        let answer = async {
            let response = self.send(method, path, body, None).await?;
            whole(response).await
        };
        let late = |_| ClientError::Broken("no answer in time".to_owned());
        timeout(ANSWER_TIMEOUT, answer).await.map_err(late)?
    }

    /// Sends one request on a connection of its own.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        last: Option<Position>,
    ) -> Result<Response<Incoming>, ClientError> {
        let stream = socket::connect(&self.home).await.map_err(ClientError::Absent)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // It ends with the answer, or when the answer is dropped.
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header(HOST, "ensign");
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let request = request.header(CONTENT_TYPE, "application/json");
        let request = request.body(Full::new(body)).map_err(broken)?;
        let response = sender.send_request(request).await.map_err(broken)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = whole(response).await?;
        Err(match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => ClientError::Refused(Box::new(problem)),
            Err(_) => broken(format!("status {}", StatusCode::as_u16(&status))),
        })
    }

    /// Reads events as they come: after `last`, or the next one.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn events(&self, last: Option<Position>) -> Result<Stream, ClientError> {
        let answer = self.send(Method::GET, "/v1/events", Bytes::new(), last);
        let late = |_| ClientError::Broken("no answer in time".to_owned());
        let response = timeout(ANSWER_TIMEOUT, answer).await.map_err(late)??;
        Ok(Stream { body: response.into_body(), text: Vec::new(), last })
    }
}

async fn whole(response: Response<Incoming>) -> Result<Vec<u8>, ClientError> {
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    let body = body.collect().await.map_err(|error| match error.is::<LengthLimitError>() {
        true => ClientError::Broken("the answer is too large".to_owned()),
        false => broken(error),
    })?;
    Ok(body.to_bytes().into())
}

fn broken(error: impl std::fmt::Display) -> ClientError {
    ClientError::Broken(error.to_string())
}

/// A stream of events.
#[derive(Debug)]
pub struct Stream {
    body: Incoming,
    /// What has come and is no whole event yet.
    text: Vec<u8>,
    last: Option<Position>,
}

impl Stream {
    /// Waits for the next event; `None` when the stream has ended. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(event) = self.take() {
                return Some(event);
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.text.extend_from_slice(&data);
            }
            if self.text.len() > ANSWER_BYTES_MAX {
                return None;
            }
        }
    }

    /// Returns the position of the last event that was read, to go on from.
    pub const fn last(&self) -> Option<Position> {
        self.last
    }

    fn take(&mut self) -> Option<Value> {
        loop {
            let end = self.text.windows(2).position(|two| two == b"\n\n")?;
            let event: Vec<u8> = self.text.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&event);
            let field = |name: &str| {
                text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            if let Some(id) = field("id").and_then(|id| id.parse().ok()) {
                self.last = Some(id);
            }
            if let Some(event) = field("data").and_then(|data| serde_json::from_str(data).ok()) {
                return Some(event);
            }
        }
    }
}
