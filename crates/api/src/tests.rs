//! The socket under clients that mean well and clients that do not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::body::{Asked, Large};
use crate::bounds::{BODY_BYTES_MAX, CLIENTS_MAX, EVENTS_MAX, STREAMS_MAX};
use crate::events::Streams;
use crate::frame::framed;
use crate::places::Activity;
use crate::problem::Problem;
use crate::ring::Ring;
use crate::socket::connect;
use crate::{Client, ClientError, Server, Socket};

mod hostile;
mod resume;

/// Nothing here waits for a clock; this only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A socket with routes of no meaning.
struct Toy {
    home: TempDir,
    ring: Ring,
    server: Option<Server>,
}

#[derive(Clone)]
struct Inside {
    large: Large,
    streams: Streams,
}

impl AsRef<Large> for Inside {
    fn as_ref(&self) -> &Large {
        &self.large
    }
}

impl Toy {
    fn start(epoch: u64) -> Self {
        let (home, ring) = (tempfile::tempdir().unwrap(), Ring::new(epoch));
        let socket = Socket::bind(home.path()).unwrap();
        let events = ring.clone();
        let server = Server::start(socket, |stop| {
            let inside = Inside { large: Large::default(), streams: Streams::new(events, stop) };
            let routes = Router::new()
                .route("/v1/small", get(async || "small"))
                .route("/v1/large", get(large))
                .route("/v1/echo", post(echo))
                .route("/v1/events", get(events_of))
                .with_state(inside);
            framed(routes, &["/v1/small", "/v1/large", "/v1/echo", "/v1/events"])
        });
        Self { home, ring, server: Some(server) }
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    fn client(&self) -> Client {
        Client::new(self.home())
    }

    async fn connect(&self) -> UnixStream {
        connect(self.home()).await.unwrap()
    }

    /// Says something as it is, and returns the status and the problem of the answer.
    async fn say(&self, text: &[u8]) -> (u16, Value) {
        let mut stream = self.connect().await;
        // A server that has answered may have stopped to read.
        let _ = stream.write_all(text).await;
        answer(&mut stream).await
    }
}

async fn large(State(inside): State<Inside>) -> Response {
    inside.large.answer(StatusCode::OK, &"x".repeat(1 << 20))
}

async fn echo(State(inside): State<Inside>, Asked(value): Asked<Value>) -> Response {
    inside.large.answer(StatusCode::OK, &value)
}

async fn events_of(
    State(inside): State<Inside>,
    Extension(client): Extension<Arc<Activity>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    inside.streams.open(&headers, &client)
}

/// Reads one answer: its status, and its body if that is JSON of a known length.
async fn answer(stream: &mut UnixStream) -> (u16, Value) {
    let mut seen = Vec::new();
    let read = async {
        loop {
            let mut piece = [0; 4096];
            let length = stream.read(&mut piece).await.unwrap_or(0);
            seen.extend_from_slice(&piece[..length]);
            let text = String::from_utf8_lossy(&seen).into_owned();
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
            let value = serde_json::from_str(body).unwrap_or(Value::Null);
            if length == 0 || value != Value::Null || body.ends_with("small") {
                let status = head.split(' ').nth(1).unwrap_or("0").parse().unwrap();
                return (status, value);
            }
        }
    };
    timeout(PATIENCE, read).await.unwrap()
}

#[tokio::test]
async fn routes_and_methods_that_are_none_are_named() {
    let toy = Toy::start(1);
    let (status, problem) = toy.say(b"GET /v1/smal HTTP/1.1\r\nHost: ensign\r\n\r\n").await;
    assert_eq!((status, &problem["code"]), (404, &json!("E-API-001")));
    assert!(problem["do"].as_str().unwrap().contains("/v1/small"), "{problem}");
    let (status, problem) = toy.say(b"GET /v1/echo HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!((status, &problem["code"]), (405, &json!("E-API-001")));
    assert_eq!(problem["what"], "GET is not for /v1/echo");
    let (status, _) = toy.say(b"BREW /v1/small HTTP/1.1\r\nHost: ensign\r\n\r\n").await;
    assert_eq!(status, 405);
}

#[tokio::test]
async fn browsers_and_other_hosts_are_refused() {
    let toy = Toy::start(1);
    let hosts = [
        "Host: evil.example\r\n",
        "Host: ensign.evil.example\r\n",
        "Host: ensign:80\r\n",
        "Host: 127.0.0.1\r\n",
        "Host: ENSIGN \x01\r\n",
        "Host: ensign\r\nHost: evil.example\r\n",
        "",
    ];
    for host in hosts {
        let text = format!("GET /v1/small HTTP/1.1\r\n{host}\r\n");
        let (status, _) = toy.say(text.as_bytes()).await;
        assert!(status == 421 || status == 400, "{host:?}: {status}");
    }
    for header in ["Origin: http://localhost", "Origin: null", "Sec-Fetch-Site: same-origin"] {
        let text = format!("GET /v1/small HTTP/1.1\r\nHost: ensign\r\n{header}\r\n\r\n");
        let (status, problem) = toy.say(text.as_bytes()).await;
        assert_eq!((status, &problem["code"]), (403, &json!("E-API-003")), "{header}");
    }
}

#[tokio::test]
async fn a_stop_ends_streams_and_frees_the_place() {
    let mut toy = Toy::start(1);
    let mut streams = Vec::new();
    for _ in 0..STREAMS_MAX {
        let mut stream = toy.client().events(None).await.unwrap();
        assert_eq!(stream.next().await.unwrap()["event"], "heartbeat");
        streams.push(stream);
    }
    let one_more = toy.client().events(None).await.unwrap_err();
    let ClientError::Refused(problem) = one_more else { panic!("{one_more}") };
    assert_eq!((problem.status, problem.code.as_str()), (503, "E-API-002"));
    // Others are served beside them.
    assert_eq!(toy.client().bytes("/v1/small").await.unwrap(), b"small");
    timeout(PATIENCE, toy.server.take().unwrap().stop()).await.unwrap();
    for mut stream in streams {
        assert_eq!(stream.next().await, None);
    }
    let absent = toy.client().bytes("/v1/small").await.unwrap_err();
    assert!(matches!(absent, ClientError::Absent(_)), "{absent}");
    drop(Socket::bind(toy.home()).unwrap());
}

#[tokio::test]
async fn bodies_are_read_within_their_bounds() {
    let toy = Toy::start(1);
    let client = toy.client();
    let whole = json!("x".repeat(BODY_BYTES_MAX - 2));
    let same: Value = client.post("/v1/echo", &whole).await.unwrap();
    assert!(same == whole);
    let larger = json!("x".repeat(BODY_BYTES_MAX - 1));
    let refused = client.post::<Value>("/v1/echo", &larger).await.unwrap_err();
    assert!(matches!(&refused, ClientError::Refused(p) if p.status == 413), "{refused}");
    let text = b"POST /v1/echo HTTP/1.1\r\nHost: ensign\r\nContent-Length: 3\r\n\r\n{x}";
    let (status, problem) = toy.say(text).await;
    assert_eq!((status, &problem["code"]), (400, &json!("E-API-001")));
    let empty: Value = client.post("/v1/echo", &json!({})).await.unwrap();
    assert_eq!(empty, json!({}));
}
