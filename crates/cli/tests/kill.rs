//! Real `ensign up` processes, killed at random points of a session and started again: each request
//! ends in a valid signature that every signer has.
//!
//! `ENSIGN_KILLS=200 cargo test -p ensign-cli --test kill -- --nocapture` kills 200 times;
//! `ENSIGN_KILL_SEED` takes another seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says how far it came"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use ensign_musig::{XOnlyPublicKey, verify_schnorr};
use serde_json::Value;

/// How often a process is killed, where nobody says otherwise: under two minutes on two cores.
const KILLS: u32 = 24;
/// Most kills for one request: it has five attempts.
const KILLS_PER_REQUEST_MAX: u32 = 3;
/// Lines of output after which a process is killed; a whole session of two prints about twenty.
const LINES_MAX: u64 = 22;
/// Turns of a loop between a line and the kill, so that points between two lines are met too: up to
/// a few milliseconds.
const TURNS_MAX: u64 = 400_000;

/// SplitMix64: any seed is a good one.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn ensign(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ensign"));
    command.env_remove("ENSIGN_HOME").arg("--json").arg("--home").arg(home).args(arguments);
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end; returns its lines.
fn run(home: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = ensign(home, arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A process that goes on.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(home: &Path, arguments: &[&str]) -> Self {
        let mut child = ensign(home, arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).unwrap() > 0, "the process ended");
        serde_json::from_str(&line).unwrap()
    }

    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.next();
            assert!(line["event"] != "error" && line["event"] != "failed", "{line}");
            if wanted(&line) {
                return line;
            }
        }
    }

    /// SIGKILL: the process has no last word. Returns what it had said and nobody had read; the
    /// last line may be cut.
    fn kill(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let lines = self.lines.by_ref().lines().map_while(Result::ok);
        lines.filter_map(|line| serde_json::from_str(&line).ok()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes two homes of one group.
fn pair(folder: &Path) -> [PathBuf; 2] {
    let homes = ["alice", "bob"].map(|name| folder.join(name));
    for (home, name) in homes.iter().zip(["alice", "bob"]) {
        let [_, _, c, d] = std::process::id().to_be_bytes();
        let address = format!("127.{}.{d}.{}:0", c % 128 + 100, 1 + name.len());
        let init = ["init", "--no-passphrase", "--network", "regtest", "--name", name, "--listen"];
        run(home, &[&init[..], &[&address]].concat());
    }
    let codes = homes
        .each_ref()
        .map(|home| run(home, &["contact", "show"])[0]["contact"].as_str().unwrap().to_owned());
    for (home, other) in homes.iter().zip(codes.iter().rev()) {
        run(home, &["group", "new", "pair", "--member", other]);
    }
    homes
}

fn of(line: &Value, event: &str, request: &str) -> bool {
    line["event"] == event && line["request"] == request
}

/// Lets bob be killed a few times while a message is signed; returns how often he was.
fn sign_once(homes: &[PathBuf; 2], message: &str, random: &mut Random, kills: u32) -> u32 {
    let [alice, bob] = homes;
    let mut up = Running::start(bob, &["up", "--approve", "all", "--accept-note", "blind"]);
    up.until(|line| line["event"] == "up");
    let mut sign = Running::start(
        alice,
        &["sign", "--yes", "--accept-note", "blind", "--group", "pair", "--message", message],
    );
    let proposed = sign.until(|line| line["event"] == "proposed");
    let request = proposed["request"].as_str().unwrap();
    let (mut killed, mut kept) = (0, false);
    while killed < kills {
        let lines = random.below(LINES_MAX);
        for _ in 0..lines {
            if kept {
                break;
            }
            kept = of(&up.next(), "kept", request);
        }
        for _ in 0..random.below(TURNS_MAX) {
            std::hint::spin_loop();
        }
        kept |= up.kill().iter().any(|line| of(line, "kept", request));
        killed += 1;
        up = Running::start(bob, &["up", "--approve", "all", "--accept-note", "blind"]);
        up.until(|line| line["event"] == "up");
        if kept {
            break;
        }
    }
    let signed = sign.until(|line| line["event"] == "signed_message");
    assert_valid(&signed, message);
    // It waits a few seconds for the others, who may miss that while they start.
    assert!(sign.child.wait().unwrap().success());
    if !kept {
        let _up = Running::start(alice, &["up", "--approve", "none"]);
        up.until(|line| of(line, "kept", request));
    }
    killed
}

fn assert_valid(signed: &Value, message: &str) {
    let bytes = |text: &Value| hex::decode(text.as_str().unwrap()).unwrap();
    let key: [u8; 32] = bytes(&signed["key"]).try_into().unwrap();
    let message: [u8; 32] = hex::decode(message).unwrap().try_into().unwrap();
    let signature: [u8; 64] = bytes(&signed["signature"]).try_into().unwrap();
    let key = XOnlyPublicKey::from_byte_array(key).unwrap();
    assert!(verify_schnorr(&key, &message, &signature), "{signed}");
}

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn request_survives_kills_at_random_points_and_every_signer_gets_the_signature() {
    let kills = number("ENSIGN_KILLS", KILLS);
    let mut random = Random(number("ENSIGN_KILL_SEED", 1).into());
    let folder = tempfile::tempdir().unwrap();
    let homes = pair(folder.path());
    let (mut killed, mut requests) = (0, 0_usize);
    while killed < kills {
        let wanted = 1 + random.below(KILLS_PER_REQUEST_MAX.into()) as u32;
        let message = format!("{:064x}", requests + 1);
        killed += sign_once(&homes, &message, &mut random, wanted.min(kills - killed));
        requests += 1;
    }
    for home in &homes {
        let history = run(home, &["request", "history"]);
        let signed = history.iter().filter(|entry| entry["state"] == "signed");
        assert_eq!(signed.count(), requests, "{history:?}");
        for entry in &history {
            let out = folder.path().join("out");
            let id = entry["request"].as_str().unwrap();
            run(home, &["request", "show", id, "--out", out.to_str().unwrap(), "--force"]);
        }
        let audit = run(home, &["nonce", "audit"]).pop().unwrap();
        assert_eq!(audit["violations"], 0, "{audit}");
        assert!(audit["joined"].as_u64().unwrap() >= requests as u64, "{audit}");
        eprintln!("{audit}");
    }
}
