//! The signer key in a process of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::ensign::{Running, Signer, argument, blind, treasury};
use crate::money::{coin, psbt};

/// A signer that asks nobody, beside a node that asks nobody.
const NOBODY_ASKED: [&str; 4] = ["--yes-to-all", "--nobody-asks", "--accept-note", "blind"];

/// Alice, whose signer key is in a vault of its own, with the file of her passphrase.
pub(crate) struct Split {
    pub(crate) alice: Signer,
    pub(crate) others: [Signer; 2],
    pub(crate) passphrase: PathBuf,
    pub(crate) vault: PathBuf,
}

pub(crate) fn split() -> Split {
    let [alice, bob, carol] = treasury();
    let passphrase = alice.path("passphrase");
    fs::write(&passphrase, "correct horse battery").unwrap();
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    let vault = alice.path("signer.ens");
    let from = ["--passphrase-file", argument(&passphrase)];
    alice.json(&[&["key", "encrypt"][..], &from].concat()).succeeded();
    let new = ["--new-passphrase-file", argument(&passphrase)];
    alice.json(&[&["key", "split", argument(&vault)][..], &from, &new].concat()).succeeded();
    Split { alice, others: [bob, carol], passphrase, vault }
}

impl Split {
    /// As in a home of an earlier version: the signer is asked when the node starts.
    pub(crate) fn forget_delegation(&self) {
        fs::remove_file(self.alice.home.join("delegation")).unwrap();
    }

    fn signer(&self, socket: &Path, more: &[&str]) -> Running {
        let vault = argument(&self.vault);
        let signer = ["signer", vault, "--socket", argument(socket), "--passphrase-file"];
        let mut running =
            self.alice.start(&[&signer[..], &[argument(&self.passphrase)], more].concat());
        running.wait_for("signer_up");
        running
    }

    pub(crate) fn up(&self, socket: &Path) -> Running {
        let all = ["--approve", "all", "--accept-note", "blind", "--nobody-asks"];
        let signer = ["--signer", argument(socket), "--passphrase-file"];
        self.alice.start(&[&["up"], &all[..], &signer, &[argument(&self.passphrase)]].concat())
    }
}

#[test]
fn a_signer_of_its_own_shows_what_it_signs_and_asks() {
    let split = split();
    let [bob, carol] = &split.others;
    let before = split.alice.code();
    let socket = split.alice.path("signer.sock");
    let mut signer = split.signer(&socket, &[]);
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let mut up = split.up(&socket);
    // It has let this node speak for it when the home was made, and is not asked again.
    up.wait_for("up");
    let (_carol, tx) = (carol.up("all"), bob.path("tx.psbt"));
    fs::write(&tx, psbt(&[coin(bob)]).serialize()).unwrap();
    let signed = bob.path("signed.psbt");
    let sign = ["sign", "--yes", argument(&tx), "--group", "treasury", "--out", argument(&signed)];
    let proposal = bob.start(&sign);
    let request = signer.wait_for("request");
    assert_eq!((&request["blind"], &request["fee_sat"]), (&false.into(), &1_000.into()));
    signer.answer("yes");
    proposal.end().succeeded();
    signer.wait_for("signed_in");
    // A blind message is named so, and no means no for everybody.
    let message = "ab".repeat(32);
    let proposal = bob.start(&blind(&message, &[]));
    assert_eq!(signer.wait_for("request")["blind"], true);
    signer.answer("no");
    proposal.end().refused(5, "E-SES-001");
    assert_eq!(split.alice.code(), before);
}

#[test]
fn a_signer_that_was_killed_is_found_again() {
    let split = split();
    let [bob, carol] = &split.others;
    let socket = split.alice.path("signer.sock");
    let first = split.signer(&socket, &NOBODY_ASKED);
    let mut up = split.up(&socket);
    up.wait_for("up");
    // Killed, so that its socket is left behind.
    drop(first);
    assert!(socket.exists());
    let mut second = split.signer(&socket, &NOBODY_ASKED);
    let _carol = carol.up("all");
    let message = "ab".repeat(32);
    bob.json(&blind(&message, &[])).succeeded();
    second.wait_for("signed_in");
}

#[test]
fn regression_silent_process_kept_every_node_from_the_signer() {
    let split = split();
    let [bob, carol] = &split.others;
    let socket = split.alice.path("signer.sock");
    let mut signer = split.signer(&socket, &NOBODY_ASKED);
    // More than there are places, before the node comes and after it.
    let silent = || (0..20).map(|_| UnixStream::connect(&socket).unwrap()).collect::<Vec<_>>();
    let _before = silent();
    let mut up = split.up(&socket);
    up.wait_for("up");
    let _after = silent();
    let _carol = carol.up("all");
    let message = "ab".repeat(32);
    bob.json(&blind(&message, &[])).succeeded();
    signer.wait_for("signed_in");
}

#[test]
fn regression_question_of_a_node_that_is_gone_waited_for_an_answer() {
    let split = split();
    split.forget_delegation();
    let socket = split.alice.path("signer.sock");
    let mut signer = split.signer(&socket, &[]);
    let gone = split.up(&socket);
    signer.wait_for("asking");
    drop(gone);
    signer.wait_for("withdrawn");
    let mut up = split.up(&socket);
    signer.answer("yes");
    up.wait_for("up");
}

#[cfg(target_os = "linux")]
#[test]
fn processes_with_keys_leave_no_core_dump() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    // As far as the system lets us, so that it is they who forbid it.
    let hard = getrlimit(Resource::Core).maximum;
    setrlimit(Resource::Core, Rlimit { current: hard, maximum: hard }).unwrap();
    let split = split();
    let socket = split.alice.path("signer.sock");
    let signer = split.signer(&socket, &NOBODY_ASKED);
    let mut up = split.up(&socket);
    up.wait_for("up");
    for process in [signer.id(), up.id()] {
        let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
        let core: Vec<_> = core.unwrap().split_whitespace().collect();
        assert_eq!(core[..2], ["0", "0"], "{limits}");
    }
}

#[test]
fn a_node_beside_a_signer_says_why_both_ask() {
    let split = split();
    let socket = split.alice.path("signer.sock");
    let _signer = split.signer(&socket, &NOBODY_ASKED);
    // Standard input is closed: it is up, and ends.
    let up = ["up", "--until-stdin-closes", "--signer", argument(&socket)];
    let up = [&up[..], &["--passphrase-file", argument(&split.passphrase)]].concat();
    let shown = split.alice.text(&up).succeeded().stderr;
    assert!(shown.contains("asking before joining a request"), "{shown}");
    assert!(shown.contains("With --approve all only the signer asks"), "{shown}");
    let all = split
        .alice
        .text(&[&up[..], &["--approve", "all", "--nobody-asks"]].concat())
        .succeeded()
        .stderr;
    assert!(all.contains("what is signed is for the signer to decide"), "{all}");
}

#[test]
fn that_nobody_at_all_is_asked_is_said_on_both_sides() {
    let split = split();
    let socket = split.alice.path("signer.sock");
    let up = ["up", "--until-stdin-closes", "--signer", argument(&socket), "--passphrase-file"];
    let up = [&up[..], &[argument(&split.passphrase)]].concat();
    let all = ["--approve", "treasury"];
    let meant = ["--approve", "treasury", "--nobody-asks"];
    {
        let _signer = split.signer(&socket, &["--yes-to-all"]);
        for more in [&all[..], &meant] {
            split.alice.json(&[&up[..], more].concat()).refused(2, "E-OWN-006");
        }
    }
    let _signer = split.signer(&socket, &NOBODY_ASKED);
    split.alice.json(&[&up[..], &all].concat()).refused(2, "E-OWN-006");
    split.alice.json(&[&up[..], &meant].concat()).succeeded();
    // Where the node asks, the signer need not.
    split.alice.json(&up).succeeded();
}

#[test]
fn backup_of_a_home_whose_signer_is_elsewhere_says_what_it_lacks() {
    let split = split();
    let (alice, from) = (&split.alice, ["--passphrase-file", argument(&split.passphrase)]);
    let backup = alice.path("backup.ens");
    let text = alice.text(&[&["key", "backup", argument(&backup)][..], &from].concat());
    let text = text.succeeded().stdout;
    assert!(text.contains("the node key (NOT the signer key)"), "{text}");
    let drill = |file: &Path| alice.json(&[&["key", "drill", argument(file)][..], &from].concat());
    assert_eq!(drill(&backup).succeeded().last()["signer_inside"], false);
    // The other half is drilled alike.
    let drilled = drill(&split.vault).succeeded().last();
    let shown = alice.json(&["key", "show"]).succeeded().last();
    assert_eq!((&drilled["signer"], &drilled["signer_inside"]), (&shown["signer"], &true.into()));
    assert_eq!(shown["signer_inside"], false);
    let bob = &split.others[0];
    let drill = ["key", "drill", argument(&split.vault)];
    bob.json(&[&drill[..], &from].concat()).refused(3, "E-VLT-014");
}

#[test]
fn without_its_signer_a_home_says_what_to_start() {
    let split = split();
    let alice = &split.alice;
    let from = ["--passphrase-file", argument(&split.passphrase)];
    let error = alice.json(&[&["up"][..], &from].concat()).refused(3, "E-VLT-016");
    assert!(error["do"].as_str().unwrap().contains("ensign signer"), "{error}");
    let socket = alice.path("signer.sock");
    let up = [&["up", "--signer", argument(&socket)][..], &from].concat();
    alice.json(&up).refused(3, "E-VLT-017");
    let home = alice.home.join("vault.ens");
    let signer = ["signer", argument(&home), "--socket", argument(&socket)];
    alice.json(&[&signer[..], &from].concat()).refused(2, "E-VLT-018");
    fs::write(&socket, "something else").unwrap();
    let signer = ["signer", argument(&split.vault), "--socket", argument(&socket)];
    alice.json(&[&signer[..], &from].concat()).refused(3, "E-VLT-019");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "something else");
    // A second signer at the same socket.
    fs::remove_file(&socket).unwrap();
    let _running = split.signer(&socket, &NOBODY_ASKED);
    alice.json(&[&signer[..], &from].concat()).refused(3, "E-VLT-019");
}
