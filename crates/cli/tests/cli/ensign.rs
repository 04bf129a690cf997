//! Running the binary: to its end, or line by line while it goes on.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::TempDir;

/// What a command has left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Returns the lines of standard output as JSON; each must be an object with name and time.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(parse).collect()
    }

    /// Returns the only line, or the last one.
    pub(crate) fn last(&self) -> Value {
        self.lines().pop().unwrap_or_else(|| panic!("no output: {self:?}"))
    }

    /// Checks that the command failed in this way, and returns the event that says so.
    pub(crate) fn refused(&self, exit: i32, code: &str) -> Value {
        let error = self.last();
        assert_eq!(error["event"], "error", "{self:?}");
        assert_eq!((self.code, error["code"].as_str()), (exit, Some(code)), "{self:?}");
        assert_eq!(error["exit"], exit);
        error
    }

    /// Checks that the command succeeded.
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

fn parse(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    assert!(value["event"].is_string() && value["time_us"].is_u64(), "{line}");
    crate::words::check_documented(&value);
    value
}

/// Runs a command without a home.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: &[S]) -> Ended {
    let output = command(arguments).stdin(Stdio::null()).output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn command<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ensign"));
    command.env_remove("ENSIGN_HOME").env_remove("CREDENTIALS_DIRECTORY").args(arguments);
    command
}

/// A signer with a home of its own.
pub(crate) struct Signer {
    pub(crate) home: PathBuf,
    pub(crate) folder: TempDir,
}

impl Signer {
    /// Returns a signer whose home does not exist yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { home: folder.path().join("home"), folder }
    }

    /// Makes a signer with a home on regtest, whose keys are not encrypted.
    pub(crate) fn init(name: &str) -> Self {
        Self::init_with(name, &["--no-passphrase"])
    }

    /// Makes a signer with a home on regtest.
    pub(crate) fn init_with(name: &str, more: &[&str]) -> Self {
        let (signer, listen) = (Self::new(), own_address());
        let init = ["init", "--name", name, "--network", "regtest", "--listen", &listen];
        signer.json(&[&init, more].concat()).succeeded();
        signer
    }

    /// Returns a path beside the home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command for people in this home.
    pub(crate) fn text(&self, arguments: &[&str]) -> Ended {
        run(&[&["--home", self.home.to_str().unwrap()], arguments].concat())
    }

    /// Runs a command for programs in this home.
    pub(crate) fn json(&self, arguments: &[&str]) -> Ended {
        self.text(&[&["--json"], arguments].concat())
    }

    /// Starts a command for programs in this home.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.start_in(arguments, &[])
    }

    /// Starts a command for programs in this home, with variables of its own.
    pub(crate) fn start_in(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Running {
        let home = self.home.to_str().unwrap();
        let mut child = command(&[&["--json", "--home", home], arguments].concat())
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        Running { child, stdin, lines: BufReader::new(stdout) }
    }

    /// Starts a command for programs in this home whose standard output goes elsewhere.
    pub(crate) fn spawn(&self, arguments: &[&str], stdout: Stdio) -> Child {
        let home = self.home.to_str().unwrap();
        let mut command = command(&[&["--json", "--home", home], arguments].concat());
        command.stdin(Stdio::null()).stdout(stdout).spawn().unwrap()
    }

    /// Starts `up` and waits until it listens. Blind messages are signed too where it says yes by
    /// itself.
    pub(crate) fn up(&self, approve: &str) -> Running {
        let mut running = self.start(&["up", "--approve", approve, "--accept-note", "blind"]);
        running.wait_for("up");
        running
    }

    pub(crate) fn code(&self) -> String {
        self.text(&["contact", "show"]).succeeded().stdout.trim().to_owned()
    }
}

/// Returns where a home listens: a loopback address of its own, so that tests that run at the same
/// time never take each other's ports.
pub(crate) fn own_address() -> String {
    static HOMES: AtomicU32 = AtomicU32::new(0);
    if !cfg!(target_os = "linux") {
        return "127.0.0.1:0".to_owned();
    }
    let (home, process) = (HOMES.fetch_add(1, Ordering::Relaxed), std::process::id());
    let [.., c, d] = process.to_be_bytes();
    format!("127.{}.{d}.{}:0", c % 128 + 100, home % 250 + 2)
}

/// A command that goes on; killed when the test ends.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads until an event comes, and returns it.
    pub(crate) fn wait_for(&mut self, event: &str) -> Value {
        let mut seen = Vec::new();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                panic!("ended before `{event}`: {seen:#?}");
            }
            let value = parse(&line);
            if value["event"] == event {
                return value;
            }
            seen.push(value);
        }
    }

    /// Reads until an event has come so often; returns every line.
    pub(crate) fn read_until_times(&mut self, event: &str, times: usize) -> Vec<Value> {
        let mut seen = Vec::new();
        while seen.iter().filter(|line: &&Value| line["event"] == event).count() < times {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "ended: {seen:#?}");
            seen.push(parse(&line));
        }
        seen
    }

    /// Waits until a request is asked about, and answers yes or no to just that.
    pub(crate) fn answer(&mut self, word: &str) -> Value {
        let asking = self.wait_for("asking");
        self.type_line(&format!("{word} {}", asking["digest"].as_str().unwrap()));
        asking
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Closes its standard input.
    pub(crate) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Reads to the end.
    pub(crate) fn end(mut self) -> Ended {
        let mut stdout = String::new();
        while self.lines.read_line(&mut stdout).unwrap() > 0 {}
        let code = self.child.wait().unwrap().code().unwrap();
        Ended { code, stdout, stderr: String::new() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes alice, bob and carol, and a group `treasury` of them in each home, which an earlier version made:
/// nobody waits for it to be confirmed.
pub(crate) fn treasury() -> [Signer; 3] {
    let signers = ["alice", "bob", "carol"].map(Signer::init);
    let codes: Vec<_> = signers.iter().map(Signer::code).collect();
    for (own, signer) in signers.iter().enumerate() {
        let [first, second] = [(own + 1) % 3, (own + 2) % 3].map(|other| codes[other].as_str());
        signer
            .json(&["group", "new", "treasury", "--member", first, "--member", second])
            .succeeded();
        signer.is_of_an_earlier_version("treasury");
    }
    signers
}

impl Signer {
    /// Leaves of a group what an earlier version kept of it.
    pub(crate) fn is_of_an_earlier_version(&self, group: &str) {
        let file = self.home.join(format!("groups/{group}.toml"));
        let text = std::fs::read_to_string(&file).unwrap();
        let awaited = "confirmation = \"awaited\"\n";
        assert!(text.contains(awaited), "{text}");
        std::fs::write(&file, text.replace(awaited, "")).unwrap();
    }
}

/// Returns a path as an argument.
pub(crate) fn argument(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Copies a folder, as a backup does.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&source, &target);
        } else if entry.file_type().unwrap().is_file() {
            std::fs::copy(&source, &target).unwrap();
        }
    }
}

/// Returns the arguments that sign a bare message with the group `treasury`, unseen by anybody.
pub(crate) fn blind<'a>(message: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let sign = ["sign", "--yes", "--accept-note", "blind", "--group", "treasury"];
    [&sign, ["--message", message].as_slice(), more].concat()
}
