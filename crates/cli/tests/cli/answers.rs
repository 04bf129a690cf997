//! A yes means what was seen: on a terminal, on a pipe, and where there is neither.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::ensign::{Signer, argument, treasury};
use crate::money::{coin, psbt};
use crate::signer::split;
use crate::terminal::Terminal;

/// Writes a PSBT of the signer's group; each number of coins is another transaction.
fn tx(signer: &Signer, coins: usize) -> PathBuf {
    let path = signer.path(&format!("tx{coins}.psbt"));
    fs::write(&path, psbt(&vec![coin(signer); coins]).serialize()).unwrap();
    path
}

#[test]
fn regression_what_was_typed_earlier_answered_the_signers_questions() {
    let split = split();
    split.forget_delegation();
    let [bob, carol] = &split.others;
    let (socket, passphrase) = (split.alice.path("s"), argument(&split.passphrase).to_owned());
    let start = ["--passphrase-file", &passphrase, "signer", argument(&split.vault), "--socket"];
    let mut signer = Terminal::start(&split.alice, &[&start[..], &[argument(&socket)]].concat());
    signer.wait_for("asking before each signature");
    signer.type_text("yes\ryes\ryes\r");
    let mut up = split.up(&socket);
    signer.wait_for("let it? [y/n] ");
    signer.wait_to_answer();
    signer.type_text("yes\ryes\ryes\r");
    up.wait_for("up");
    let _carol = carol.up("all");
    let out = bob.path("signed.psbt");
    let tx = tx(bob, 1);
    let sign = ["sign", "--yes", argument(&tx), "--group", "treasury", "--out", argument(&out)];
    let proposal = bob.start(&sign);
    signer.wait_for("spends 0.00050000 BTC");
    signer.wait_for("? [y/n] ");
    // Neither what was typed for the question before, nor one yes too many.
    signer.wait_to_answer();
    signer.type_text("n\r");
    proposal.end().refused(5, "E-SES-001");
    assert!(!out.exists());
    signer.signal(Signal::TERM);
    signer.wait_for("stopped");
    assert_eq!(signer.end(), 0);
    assert!(!socket.exists());
}

#[test]
fn regression_a_yes_to_one_request_approved_another() {
    let [alice, bob, carol] = treasury();
    let mut up = Terminal::start(&bob, &["up"]);
    up.wait_for("asking before each signature");
    let propose = |signer: &Signer, coins: usize| {
        let tx = tx(signer, coins);
        let mut running = signer.start(&["sign", "--yes", argument(&tx), "--group", "treasury"]);
        let proposed = running.wait_for("proposed");
        (running, proposed["request"].as_str().unwrap().to_owned())
    };
    let (alices, first) = propose(&alice, 1);
    up.wait_for("spends 0.00050000 BTC");
    up.wait_for("? [y/n] ");
    let (mut carols, _second) = propose(&carol, 2);
    carols.wait_for("acknowledged");
    // The first goes away, and the yes to it comes a moment later.
    alice.json(&["request", "cancel", &first]).succeeded();
    up.wait_for("the question is settled");
    up.type_text("yes\r");
    // The second is shown in full before it is asked about, and that yes was not for it.
    up.wait_for("spends 0.00100000 BTC");
    up.wait_for("? [y/n] ");
    up.wait_to_answer();
    assert!(!up.shown.contains("approved"), "{}", up.shown);
    up.type_text("no\r");
    up.wait_for("you declined");
    alices.end().refused(5, "E-SES-011");
    let error = carols.end().refused(5, "E-SES-001");
    assert_eq!(error["who"], serde_json::json!(["bob"]));
    up.signal(Signal::INT);
    up.wait_for("stopped");
    assert_eq!(up.end(), 0);
}

#[test]
fn regression_the_question_of_sign_went_where_the_result_goes() {
    let [alice, bob, carol] = treasury();
    let _others = [bob.up("all"), carol.up("all")];
    let (tx, out) = (tx(&alice, 1), alice.path("printed"));
    let sign = ["sign", argument(&tx), "--group", "treasury"];
    let mut terminal = Terminal::start_to(&alice, &sign, Some(&out));
    terminal.wait_for("spends 0.00050000 BTC");
    terminal.wait_for("propose and sign this: 0.00049 BTC to bcrt1q");
    terminal.wait_for("fee 0.00001 BTC? [y/n] ");
    terminal.wait_to_answer();
    terminal.type_text("yes\r");
    terminal.wait_for("all have signed");
    assert_eq!(terminal.end(), 0);
    let printed = fs::read_to_string(&out).unwrap();
    assert_eq!(printed.lines().count(), 1, "{printed}");
    ensign_psbt::parse(printed.trim().as_bytes()).unwrap();
}

#[test]
fn a_no_at_sign_proposes_nothing() {
    let [alice, ..] = treasury();
    let tx = tx(&alice, 1);
    let mut terminal = Terminal::start(&alice, &["sign", argument(&tx), "--group", "treasury"]);
    terminal.wait_for("? [y/n] ");
    terminal.wait_to_answer();
    terminal.type_text("n\r");
    terminal.wait_for("E-OWN-001");
    assert_eq!(terminal.end(), 5);
    let history = alice.text(&["request", "history"]).succeeded();
    assert!(!history.stdout.contains("treasury"), "{history:?}");
}

#[test]
fn regression_without_a_terminal_sign_asked_nobody_and_signed() {
    let [alice, bob, carol] = treasury();
    let _others = [bob.up("all"), carol.up("all")];
    let tx = tx(&alice, 1);
    let sign = ["sign", argument(&tx), "--group", "treasury"];
    alice.json(&sign).refused(5, "E-OWN-004");
    let home = ["--home", argument(&alice.home)];
    for answer in ["no", "yes"] {
        let mut piped = Command::new("sh");
        piped.arg("-c").arg(format!("echo {answer} | \"$@\"")).arg("sh");
        piped.arg(env!("CARGO_BIN_EXE_ensign")).args(home).args(sign);
        let ended = piped.output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), ended.stdout.len()), (Some(5), 0), "{told}");
        assert!(told.contains("E-OWN-004") && told.contains("--yes"), "{told}");
    }
    let listed = alice.text(&["request", "list"]).succeeded();
    assert!(!listed.stdout.contains("treasury"), "{listed:?}");
    // What is grave is shown, and not covered by a yes in advance.
    let message = "ab".repeat(32);
    let blind = ["sign", "--yes", "--message", &message, "--group", "treasury"];
    let ended = alice.text(&blind);
    assert_eq!(ended.code, 5, "{ended:?}");
    assert!(ended.stderr.contains("BLIND"), "{ended:?}");
    assert!(ended.stderr.contains("E-OWN-005") && ended.stderr.contains("--accept-note blind"));
}

#[test]
fn what_is_grave_is_signed_with_digits_that_only_stand_in_what_is_shown() {
    let [alice, bob, carol] = treasury();
    let _carol = carol.up("all");
    let mut up = Terminal::start(&bob, &["up"]);
    up.wait_for("asking before each signature");
    let message = "ab".repeat(29) + "c0ffee";
    let blind = ["sign", "--yes", "--accept-note", "blind", "--message", &message];
    let proposal = alice.start(&[&blind[..], &["--group", "treasury"]].concat());
    up.wait_for("BLIND");
    up.wait_for("type the last six digits of the last message");
    up.wait_to_answer();
    up.type_text("yes\r");
    up.wait_for("that is not enough");
    up.wait_to_answer();
    up.type_text("c0ffee\r");
    up.wait_for("you approved");
    proposal.end().succeeded();
}

#[test]
fn an_answer_in_another_terminal_settles_the_question() {
    let [alice, bob, carol] = treasury();
    let _carol = carol.up("all");
    let mut up = Terminal::start(&bob, &["up"]);
    up.wait_for("asking before each signature");
    let tx = tx(&alice, 1);
    let sign = ["sign", "--yes", argument(&tx), "--group", "treasury"];
    let proposal = alice.start(&sign);
    up.wait_for("? [y/n] ");
    let detail = bob.json(&["request", "show", "#1"]).succeeded().last();
    let digest = detail["work"]["digest"].as_str().unwrap();
    bob.json(&["request", "approve", "#1", "--digest", digest]).succeeded();
    up.wait_for("the question is settled (#1)");
    up.type_text("n\r");
    proposal.end().succeeded();
    up.signal(Signal::INT);
    let rest = up.shown_until("stopped");
    assert!(!rest.contains("declined"), "{rest}");
}

#[test]
fn a_hangup_reads_the_groups_again_and_ends_nothing() {
    let [alice, bob, _carol] = treasury();
    let mut up = alice.up("none");
    let process = Pid::from_raw(up.id().cast_signed()).unwrap();
    kill_process(process, Signal::HUP).unwrap();
    assert_eq!(up.wait_for("reloaded")["groups"], serde_json::json!(["treasury"]));
    alice.json(&["group", "new", "pair", "--member", &bob.code()]).succeeded();
    kill_process(process, Signal::HUP).unwrap();
    assert_eq!(up.wait_for("reloaded")["groups"].as_array().unwrap().len(), 2);
    kill_process(process, Signal::TERM).unwrap();
    up.wait_for("stopped");
    up.end().succeeded();
}

#[test]
fn a_group_is_forgotten_by_its_name_typed_once_it_was_asked_for() {
    let [alice, ..] = treasury();
    let mut terminal = Terminal::start(&alice, &["group", "forget", "treasury"]);
    terminal.wait_for("forget group treasury? type treasury to do it, n if not: ");
    terminal.wait_to_answer();
    terminal.type_text("yes\r");
    terminal.wait_for("please type treasury, or n");
    terminal.wait_to_answer();
    terminal.type_text("treasury\r");
    terminal.wait_for("forgot group treasury");
    assert_eq!(terminal.end(), 0);
    alice.json(&["group", "forget", "treasury"]).refused(2, "E-GRP-001");
}

#[test]
fn on_a_narrow_terminal_nothing_is_cut() {
    let [alice, bob, _carol] = treasury();
    let mut up = Terminal::start(&bob, &["up"]);
    up.set_columns(40);
    up.wait_for("asking before");
    let tx = tx(&alice, 1);
    let mut proposal = alice.start(&["sign", "--yes", argument(&tx), "--group", "treasury"]);
    let proposed = proposal.wait_for("proposed");
    let shown = up.shown_until("[y/n] ");
    let wide: Vec<_> = shown.lines().filter(|line| line.trim_end().chars().count() > 40).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    let letters: String = shown.split_whitespace().collect();
    let payee = proposed["outputs"][0]["to"].as_str().unwrap();
    let txid = proposed["txid"].as_str().unwrap();
    for whole in [payee, txid, "0.00049BTC", "fee0.00001BTC?[y/n]"] {
        assert!(letters.contains(whole), "{whole} is not in {shown}");
    }
}
