//! The side of the node.

mod clients;
mod shown;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ensign_coordinator::{Consent, Coordinator, Records};
use ensign_primitives::RequestId;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::clients::Clients;
use self::shown::Shown;
use super::{
    ASK_BYTES_MAX, Ask, CLIENTS_MAX, LARGE_REPLIES_MAX, LARGE_REPLY_BYTES, REPLY_BYTES_MAX,
    Refused, Reply, SOCKET, VERSION, What,
};
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::Home;
use crate::node::command_failure;
use crate::output::Output;
use crate::request_view::{AuditView, CaseView, RequestView, ResultView};
use crate::work_view::WorkView;

/// How long a client may say nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a client may take to read an answer. Guess: the largest, by a program that reads.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// The socket of a node that runs; gone when dropped.
#[derive(Debug)]
pub(crate) struct Control {
    path: PathBuf,
    tasks: [JoinHandle<()>; 2],
}

/// What was decided in another terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision {
    /// About which request.
    pub(crate) request: RequestId,
    /// What was done.
    pub(crate) verb: &'static str,
}

/// What is decided in other terminals, as it comes.
#[derive(Debug)]
pub(crate) struct Decisions(mpsc::Receiver<Decision>);

impl Decisions {
    /// Waits for the next; for ever when there is no socket.
    pub(crate) async fn next(&mut self) -> Decision {
        match self.0.recv().await {
            Some(decision) => decision,
            None => std::future::pending().await,
        }
    }
}

impl Control {
    /// Listens beside a node whose home we hold. Without a socket the node runs all the same, and
    /// says so.
    pub(crate) fn open(
        home: &Home,
        coordinator: &Coordinator,
        groups: &[SignerGroup],
        output: Output,
    ) -> (Option<Self>, Decisions) {
        let (decided, decisions) = mpsc::channel(CLIENTS_MAX);
        let path = home.path().join(SOCKET);
        let listener = match listen(&path) {
            Ok(listener) => listener,
            Err(error) => {
                output.text(format!("no control socket ({error}): other terminals must wait"));
                return (None, Decisions(decisions));
            }
        };
        let (coordinator, groups, shown) = (coordinator.clone(), groups.into(), Shown::default());
        let watch = tokio::spawn(shown.clone().watch(coordinator.events()));
        let large = Arc::new(Semaphore::new(LARGE_REPLIES_MAX));
        let service = Service { coordinator, groups, shown, decided, large };
        let task = tokio::spawn(accept(listener, service));
        (Some(Self { path, tasks: [task, watch] }), Decisions(decisions))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        // Whoever finds it later finds nobody behind it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whoever holds the home may take the place of a socket that a process before it left.
fn listen(path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn accept(listener: UnixListener, service: Service) {
    let mut clients = Clients::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        clients.make_room().await;
        let service = service.clone();
        // A client that goes away is no failure.
        clients.start(|is_answering| async move {
            let _ = service.serve(stream, &is_answering).await;
        });
    }
}

#[derive(Clone, Debug)]
struct Service {
    coordinator: Coordinator,
    groups: Arc<[SignerGroup]>,
    shown: Shown,
    decided: mpsc::Sender<Decision>,
    /// Places for large answers that are being read.
    large: Arc<Semaphore>,
}

impl Service {
    async fn serve(&self, stream: UnixStream, is_answering: &AtomicBool) -> std::io::Result<()> {
        let (from, mut to) = stream.into_split();
        let mut from = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut from).take(ASK_BYTES_MAX);
            match timeout(IDLE_TIMEOUT, bounded.read_until(b'\n', &mut line)).await {
                Ok(Ok(1..)) => {}
                Ok(_) | Err(_) => return Ok(()),
            }
            let is_whole = line.ends_with(b"\n");
            is_answering.store(true, Ordering::Relaxed);
            let reply = match serde_json::from_slice::<Ask>(&line) {
                Ok(Ask { v: VERSION, what }) if is_whole => self.answer(what).await,
                Ok(Ask { v, .. }) if is_whole => {
                    Err(misunderstood(format!("version {v} of the control socket is unknown")))
                }
                Ok(_) | Err(_) => Err(misunderstood("a line was not understood".to_owned())),
            };
            is_answering.store(false, Ordering::Relaxed);
            self.write(&mut to, reply).await?;
            if !is_whole {
                return Ok(());
            }
        }
    }

    /// Writes an answer; whoever does not read it is hung up on.
    async fn write(&self, to: &mut OwnedWriteHalf, reply: Result<Value>) -> std::io::Result<()> {
        let mut bytes = encode(reply);
        let mut place = None;
        if bytes.len() > LARGE_REPLY_BYTES {
            place = self.large.try_acquire().ok();
            let is_too_large = u64::try_from(bytes.len()).unwrap_or(u64::MAX) > REPLY_BYTES_MAX;
            if place.is_none() || is_too_large {
                let what = "a large answer is being read by another client; ask again";
                let what = if is_too_large { "the answer is too large" } else { what };
                bytes = encode(Err(misunderstood(what.to_owned())));
            }
        }
        let written = timeout(WRITE_TIMEOUT, to.write_all(&bytes)).await;
        drop(place);
        written.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
    }

    async fn answer(&self, what: What) -> Result<Value> {
        match what {
            What::Requests => {
                let entries = self.coordinator.requests().await.map_err(|e| command_failure(&e))?;
                to_json(&entries.iter().map(RequestView::new).collect::<Vec<_>>())
            }
            What::Work { id } => {
                let id = parse(&id)?;
                if let Some(work) = self.shown.work(&id) {
                    return to_json(&Some(work));
                }
                let groups = Arc::clone(&self.groups);
                let work = self.look(move |records| WorkView::read(records, &id, &groups));
                to_json(&work.await??)
            }
            What::Result { id } => {
                let (id, groups) = (parse(&id)?, Arc::clone(&self.groups));
                let result = self.look(move |records| ResultView::read(records, &id, &groups));
                to_json(&result.await??)
            }
            What::Cases => to_json(&self.look(CaseView::read).await??),
            What::Audit => to_json(&self.look(AuditView::read).await??),
            What::Approve { id } => {
                let id = parse(&id)?;
                let digest = self.shown.digest(&id).ok_or_else(|| {
                    let what = format!("request {} was not shown here", id.short());
                    Failure::new(&code::REQUEST_NOT_OPEN, what)
                })?;
                let done = self.coordinator.approve(id, Consent::person(digest)).await;
                self.decided(id, "approved", done).await
            }
            What::Decline { id } => {
                let id = parse(&id)?;
                let done = self.coordinator.decline(id).await;
                self.decided(id, "declined", done).await
            }
            What::Cancel { id } => {
                let id = parse(&id)?;
                let done = self.coordinator.cancel(id).await;
                self.decided(id, "cancelled", done).await
            }
        }
    }

    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(Records<'_>) -> T + Send + 'static,
    ) -> Result<T> {
        self.coordinator.look(look).await.map_err(|error| command_failure(&error))
    }

    async fn decided(
        &self,
        request: RequestId,
        verb: &'static str,
        done: std::result::Result<(), ensign_coordinator::CommandError>,
    ) -> Result<Value> {
        use ensign_coordinator::CommandError;
        done.map_err(|error| {
            if let CommandError::Engine(_) = error {
                return Failure::new(&code::REQUEST_NOT_OPEN, error.to_string());
            }
            command_failure(&error)
        })?;
        // A command that only follows its own request does not listen.
        let _ = self.decided.try_send(Decision { request, verb });
        Ok(json!(verb))
    }
}

/// Returns an answer as its line.
fn encode(reply: Result<Value>) -> Vec<u8> {
    let reply = match reply {
        Ok(value) => Reply { v: VERSION, ok: Some(value), error: None },
        Err(failure) => {
            let (code, what) = (failure.entry.code.to_owned(), failure.what);
            Reply { v: VERSION, ok: None, error: Some(Refused { code, what }) }
        }
    };
    let mut bytes = serde_json::to_vec(&reply).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn misunderstood(what: String) -> Failure {
    Failure::new(&code::CONTROL, what)
}

fn to_json(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| misunderstood(error.to_string()))
}

fn parse(id: &str) -> Result<RequestId> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(id, &mut bytes)
        .map_err(|_| Failure::new(&code::REQUEST_UNKNOWN, "an id has 64 hex digits"))?;
    Ok(RequestId::from_bytes(bytes))
}
