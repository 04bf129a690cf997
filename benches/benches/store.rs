//! What durability costs: three signers with stores in folders beside three with stores in memory.
//!
//! Real coordinators sign over QUIC on loopback, mode committed, from the last user's approval to the
//! signature at every signer. The parties take turns round by round in one process. A third party's
//! stores are in memory and flush a page of a plain file once in each commit: no durable store is
//! faster than that. Disks are of all speeds, and of another one every minute: read the ratios beside
//! what a plain flush took.
//!
//! `cargo bench --bench store -- [FOLDER]` measures on the disk of `FOLDER` instead of the temporary one.
#![allow(clippy::print_stdout, reason = "the ratios are the result")]
#![allow(clippy::indexing_slicing, reason = "a wrong index is a defect of the bench and stops it")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a bench picks its events")]

use std::{
    env,
    fs::File,
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    time::Instant,
};

use ensign_coordinator::{
    Builder, Consent, Coordinator, Event, Events, Group, Keys, Member, PeerEvent, RequestEvent,
    SigningJob, Work,
};
use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::{GroupId, Network, RequestId};
use ensign_store::{
    Batch, MemoryStore, Opening, Place, Record, Size, Store, StoreError, Table, Visit,
};

const NETWORK: Network = Network::Regtest;
const SIGNERS: usize = 3;
/// The first rounds warm caches, congestion windows and the stores' free pages up.
const WARM_UP: usize = 10;
const ROUNDS: usize = 101;
/// The least that a commit writes.
const PAGE_BYTES: usize = 4096;
const SCRATCH_BYTES: u64 = 1024 * 1024;

fn main() {
    let quick = env::args().any(|arg| arg == "--test");
    let named = env::args().skip(1).find(|arg| !arg.starts_with('-')).map(PathBuf::from);
    let folder = match &named {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let rounds = if quick { 1 } else { ROUNDS };
    runtime.block_on(compare(folder.path(), rounds));
}

async fn compare(folder: &Path, rounds: usize) {
    let in_folder = Party::new(folder, |builder| builder).await;
    let in_memory = |builder: Builder| builder.store(Box::new(MemoryStore::new()), Opening::New);
    let in_memory = Party::new(folder, in_memory).await;
    let flushing = |builder: Builder| builder.store(Box::new(Flushing::new(folder)), Opening::New);
    let flushing = Party::new(folder, flushing).await;
    let mut parties = [in_folder, in_memory, flushing];
    let mut times = [const { Vec::new() }; 3];
    let (mut file, mut flushes) = (Scratch::new(folder), Vec::new());
    for round in 0..WARM_UP + rounds {
        // None always comes first, or after the same one.
        let order = [[0, 1, 2], [2, 1, 0]];
        for which in order[round % 2] {
            let taken = parties[which].session().await;
            if round >= WARM_UP {
                times[which].push(taken);
            }
        }
        let start = Instant::now();
        file.write_and_flush().expect("a disk");
        flushes.push(millis(start));
    }
    let [folder, memory, flushing] = &mut times;
    println!("\n{:<36}{:>8}{:>8}{:>8}  ms", "last approval to all, 3 of 3", "median", "p10", "p90");
    print("store in a folder", folder);
    print("store in memory", memory);
    print("memory, one plain flush a commit", flushing);
    print("one plain flush", &mut flushes);
    let ratio = |times: &[f64]| at(times, 50) / at(memory, 50);
    println!("{:<36}{:>8.2}", "folder : memory, of the medians", ratio(folder));
    println!("{:<36}{:>8.2}", "plain flushes : memory", ratio(flushing));
}

fn print(what: &str, times: &mut [f64]) {
    times.sort_by(f64::total_cmp);
    let (half, least, most) = (at(times, 50), at(times, 10), at(times, 90));
    println!("{what:<36}{half:>8.2}{least:>8.2}{most:>8.2}");
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// The percentile of sorted times.
fn at(times: &[f64], percent: usize) -> f64 {
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}

/// A file whose blocks are all there, so that writing to it changes nothing but them.
#[derive(Debug)]
struct Scratch {
    file: File,
    next: u64,
}

impl Scratch {
    fn new(folder: &Path) -> Self {
        let mut file = tempfile::tempfile_in(folder).expect("a file");
        file.write_all(&vec![0; SCRATCH_BYTES as usize]).expect("room");
        file.sync_all().expect("a disk");
        Self { file, next: 0 }
    }

    fn write_and_flush(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.next))?;
        self.next = (self.next + PAGE_BYTES as u64) % SCRATCH_BYTES;
        self.file.write_all(&[7; PAGE_BYTES])?;
        self.file.sync_data()
    }
}

/// The least that any durable store can do: each commit writes one page in place and flushes once.
/// Keeps nothing.
#[derive(Debug)]
struct Flushing {
    memory: MemoryStore,
    file: Scratch,
}

impl Flushing {
    fn new(folder: &Path) -> Self {
        Self { memory: MemoryStore::new(), file: Scratch::new(folder) }
    }
}

impl Store for Flushing {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.memory.commit(batch)?;
        self.file.write_and_flush().expect("a disk");
        Ok(())
    }

    fn get(&self, place: &Place) -> Result<Option<Record>, StoreError> {
        self.memory.get(place)
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.memory.scan(table, prefix, visit)
    }

    fn size(&self) -> Result<Size, StoreError> {
        self.memory.size()
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.memory.compact()
    }
}

/// Three signers of one group.
struct Party {
    nodes: Vec<(Coordinator, Events)>,
    group: GroupId,
    sessions: u64,
}

impl Party {
    async fn new(folder: &Path, store: impl Fn(Builder) -> Builder) -> Self {
        let homes = tempfile::tempdir_in(folder).expect("a folder").keep();
        let (mut nodes, mut members) = (Vec::new(), Vec::new());
        for index in 1..=SIGNERS as u8 {
            let node_key = NodeKey::from_secret_bytes([0x10 + index; 32]).expect("a secret");
            let sec_key = SecKey::from_secret_bytes([0x20 + index; 32]).expect("a secret");
            let keys = Keys::new(NETWORK, node_key, sec_key).expect("a delegation");
            let (signer, peer) = (keys.signer_key(), keys.peer_id());
            let builder = Coordinator::builder(NETWORK, keys, homes.join(index.to_string()))
                .new_keys()
                .listen("127.0.0.1:0".parse().expect("an address"));
            let (node, events) = store(builder).start().await.expect("a node");
            members.push(Member {
                name: index.to_string(),
                signer,
                peer,
                addresses: vec![node.local_addr()],
                delegation: None,
            });
            nodes.push((node, events));
        }
        let mut group = None;
        for (node, _) in &nodes {
            let named = Group {
                name: "g".to_owned(),
                members: members.clone(),
                issued: Default::default(),
            };
            group = Some(node.group(named).await.expect("a member").id);
        }
        for (_, events) in &mut nodes {
            for _ in 1..SIGNERS {
                wait(events, |event| {
                    matches!(event, Event::Peer(_, PeerEvent::Up { .. })).then_some(())
                })
                .await;
            }
        }
        Self { nodes, group: group.expect("a group"), sessions: 0 }
    }

    /// Signs a fresh request; returns the milliseconds from the last approval to the last signature.
    async fn session(&mut self) -> f64 {
        self.sessions += 1;
        let mut message = [0; 32];
        message.iter_mut().zip(self.sessions.to_be_bytes()).for_each(|(to, from)| *to = from);
        let job = SigningJob::new(self.group, Work::Messages(vec![message]));
        let [(proposer, _), (second, asked), (last, waiting)] = self.nodes.as_mut_slice() else {
            unreachable!("three signers");
        };
        let preview = proposer.preview(&job).await.expect("a job");
        let asks = proposer.propose(job, Consent::person(preview.digest)).await.expect("room");
        let (id, consent) = (asks.id, Consent::person(asks.digest));
        let is_asked = |event: &Event| event.request().is_some_and(|request| request.id == id);
        wait(asked, |event| is_asked(event).then_some(())).await;
        second.approve(id, consent.clone()).await.expect("an open request");
        asked_and_joined_by_others(waiting, id).await;
        let start = Instant::now();
        last.approve(id, consent).await.expect("an open request");
        for (_, events) in &mut self.nodes {
            let done = |event: &Event| match event {
                Event::Request(request, RequestEvent::Done { .. }) => {
                    (request.id == id).then_some(())
                }
                _ => None,
            };
            wait(events, done).await;
        }
        millis(start)
    }
}

/// The request and the others' joins come in any order.
async fn asked_and_joined_by_others(events: &mut Events, id: RequestId) {
    for _ in 0..SIGNERS {
        wait(events, |event| match event {
            Event::Request(request, RequestEvent::Joined { .. }) => {
                (request.id == id).then_some(())
            }
            Event::Request(_, RequestEvent::Asked(approval)) => (approval.id == id).then_some(()),
            _ => None,
        })
        .await;
    }
}

async fn wait<T>(events: &mut Events, wanted: impl Fn(&Event) -> Option<T>) -> T {
    loop {
        let event = events.next().await.expect("a running node");
        if let Event::Request(_, RequestEvent::Failed { problem, .. }) = &event {
            panic!("{problem:?}");
        }
        if let Some(found) = wanted(&event) {
            return found;
        }
    }
}
