//! Readers that do not read: of standard output, and of the home's socket.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::ensign::{Running, Signer, blind, treasury};

/// Clients that take every place of a home's socket, and more.
const CLIENTS: usize = 200;

/// A process whose standard output is full from the start, so that its first line blocks.
struct Unread {
    child: Child,
    reader: UnixStream,
    /// What fills it, before anything that the process says.
    filling: u64,
}

/// Writes until nothing more is taken; returns how much was.
fn fill(stream: &mut UnixStream, with: &[u8]) -> u64 {
    stream.set_nonblocking(true).unwrap();
    let mut filled = 0;
    loop {
        match stream.write(with) {
            Ok(written) => filled += written as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    stream.set_nonblocking(false).unwrap();
    filled
}

impl Unread {
    /// Starts `up` in a home, and waits until another node, which must be up, is connected to it.
    fn up(signer: &Signer, other: &mut Running, name: &str) -> Self {
        let (reader, mut writer) = UnixStream::pair().unwrap();
        let filling = fill(&mut writer, &[b' '; 1]);
        let stdout = Stdio::from(OwnedFd::from(writer));
        let child = signer.spawn(&["up", "--approve", "none"], stdout);
        wait_for(other, "connected", name);
        Self { child, reader, filling }
    }

    /// Asks it to end; returns its exit code.
    fn terminate(&mut self) -> i32 {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code().unwrap()
    }

    /// Begins to read, and goes on until something has come so often; returns every line.
    fn read_until(&mut self, event: &str, times: usize) -> Vec<Value> {
        let mut filling = vec![0; usize::try_from(self.filling).unwrap()];
        self.reader.read_exact(&mut filling).unwrap();
        let mut lines = BufReader::new(&self.reader).lines();
        let (mut seen, mut count) = (Vec::new(), 0);
        while count < times {
            let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            count += usize::from(line["event"] == event);
            seen.push(line);
        }
        seen
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until an event comes from somebody.
fn wait_for(running: &mut Running, event: &str, who: &str) {
    while running.wait_for(event)["who"] != who {}
}

/// Proposes a message; returns the process and the request's id.
fn propose(signer: &Signer) -> (Running, String) {
    let message = "ab".repeat(32);
    let mut sign = signer.start(&blind(&message, &[]));
    let id = sign.wait_for("proposed")["request"].as_str().unwrap().to_owned();
    (sign, id)
}

#[test]
fn regression_standard_output_that_nobody_reads_stopped_the_node() {
    let [alice, bob, carol] = treasury();
    let mut first = alice.up("none");
    let mut unread = Unread::up(&bob, &mut first, "bob");
    let (mut sign, id) = propose(&carol);
    wait_for(&mut sign, "acknowledged", "bob");
    let listed = bob.json(&["request", "list"]).succeeded().last();
    assert_eq!((&listed["request"], &listed["state"]), (&id.clone().into(), &"undecided".into()));
    let shown = bob.json(&["request", "show", &id]).succeeded().last();
    let digest = shown["work"]["digest"].as_str().unwrap();
    let yes = ["request", "approve", &id, "--digest", digest, "--accept-note", "blind"];
    bob.json(&yes).succeeded();
    wait_for(&mut sign, "joined", "bob");
    assert_eq!(unread.terminate(), 0);
}

#[test]
fn who_reads_in_the_end_finds_every_question_and_every_ending_in_order() {
    let [alice, bob, carol] = treasury();
    let mut first = alice.up("none");
    let mut unread = Unread::up(&bob, &mut first, "bob");
    let mut asked = Vec::new();
    for _ in 0..3 {
        let (mut sign, id) = propose(&carol);
        wait_for(&mut sign, "acknowledged", "bob");
        bob.json(&["request", "decline", &id]).succeeded();
        sign.end().refused(5, "E-SES-001");
        asked.push(id);
    }
    let seen = unread.read_until("failed", asked.len());
    assert_eq!(seen[0]["event"], "up");
    for event in ["request", "failed"] {
        let of_kind = seen.iter().filter(|line| line["event"] == event);
        let told: Vec<_> = of_kind.map(|line| line["request"].as_str().unwrap()).collect();
        assert_eq!(told, asked, "{event}");
    }
    assert_eq!(unread.terminate(), 0);
}

#[test]
fn clients_of_the_homes_socket_that_say_nothing_or_do_not_read_hold_up_nobody() {
    let [alice, ..] = treasury();
    let running = alice.up("none");
    let path = alice.home.join("api.sock");
    let ask = b"GET /v1/requests HTTP/1.1\r\nHost: ensign\r\n\r\n";
    for has_asked in [false, true] {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let mut client = UnixStream::connect(&path).unwrap();
                if has_asked {
                    client.write_all(ask).unwrap();
                }
                client
            })
            .collect();
        alice.json(&["request", "list"]).succeeded();
        drop(clients);
    }
    // One that asks and asks, and reads none of the answers.
    let mut greedy = UnixStream::connect(&path).unwrap();
    greedy.set_nonblocking(true).unwrap();
    while greedy.write(ask).is_ok() {}
    alice.json(&["request", "list"]).succeeded();
    kill_process(Pid::from_raw(running.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
    running.end().succeeded();
}

#[test]
fn slow_reader_of_a_command_that_prints_gets_all_of_it() {
    let (reader, mut writer) = UnixStream::pair().unwrap();
    let filling = fill(&mut writer, &[b' '; 1]);
    let alice = Signer::new();
    let mut child = alice.spawn(&["--help"], Stdio::from(OwnedFd::from(writer)));
    // It waits for the reader, however late that comes.
    let mut all = Vec::new();
    BufReader::new(&reader).read_to_end(&mut all).unwrap();
    let text = String::from_utf8(all).unwrap();
    assert_eq!(text.len() as u64 - text.trim_start().len() as u64, filling);
    assert!(text.trim_end().ends_with("Print version"), "{text}");
    assert!(child.wait().unwrap().success());
}
