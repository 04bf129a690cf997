//! Who may be paid, and other rules that refuse.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::{Pid, Signal, kill_process};

use crate::ensign::{Signer, argument, treasury};
use crate::money::{coin, psbt};

const OTHER: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

pub(crate) fn with_policy(signer: &Signer, policy: &str) {
    let path = signer.home.join("ensign.toml");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.split("[policy]").next().unwrap();
    fs::write(&path, format!("{text}[policy]\n{policy}\n")).unwrap();
}

/// Returns the address that [`psbt`] pays.
fn paid() -> String {
    let script = "00142121212121212121212121212121212121212121";
    let script = bitcoin::ScriptBuf::from_hex(script).unwrap();
    bitcoin::Address::from_script(&script, bitcoin::Network::Regtest).unwrap().to_string()
}

#[test]
fn payees_are_entered_shown_in_fours_and_removed() {
    let alice = Signer::init("alice");
    assert_eq!(alice.json(&["payee", "list"]).succeeded().stdout, "");
    let paid = paid();
    let added = alice.text(&["payee", "add", "acme", &paid.to_uppercase()]).succeeded();
    let fours = format!("acme  {} {} ", &paid[..4], &paid[4..8]);
    assert!(added.stdout.starts_with(&fours), "{}", added.stdout);
    assert!(added.stderr.contains("Compare every group"), "{}", added.stderr);
    let listed = alice.json(&["payee", "list"]).succeeded().last();
    assert_eq!((&listed["name"], &listed["address"]), (&"acme".into(), &paid.as_str().into()));

    for (name, address) in [("other", paid.as_str()), ("ACME", OTHER), ("acme", OTHER)] {
        alice.json(&["payee", "add", name, address]).refused(2, "E-PAY-002");
    }
    let mainnet = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    for wrong in [mainnet, "bcrt1qxyz", ""] {
        alice.json(&["payee", "add", "other", wrong]).refused(2, "E-PAY-001");
    }
    alice.json(&["payee", "add", "a/b", &paid]).refused(2, "E-CON-005");
    let meant = alice.json(&["payee", "remove", "acne"]).refused(2, "E-PAY-003");
    assert!(meant["what"].as_str().unwrap().contains("is `acme` meant?"), "{meant}");
    alice.json(&["payee", "remove", "acme"]).succeeded();
    assert_eq!(alice.json(&["payee", "list"]).succeeded().stdout, "");

    // By hand, with a wrong address.
    fs::write(alice.home.join("payees.toml"), format!("[payees]\nacme = \"{mainnet}\"\n")).unwrap();
    let refused = alice.json(&["payee", "list"]).refused(3, "E-HOM-005");
    assert!(refused["what"].as_str().unwrap().contains("payees.toml, line 2: `acme`"), "{refused}");
}

#[test]
fn only_those_on_the_list_are_paid_where_the_settings_say_so() {
    let [alice, ..] = treasury();
    let tx = alice.path("tx.psbt");
    fs::write(&tx, psbt(&[coin(&alice)]).serialize()).unwrap();
    let sign = ["sign", "--yes", argument(&tx), "--group", "treasury", "--expires", "1s"];
    with_policy(&alice, "payees = \"listed\"");
    let refused = alice.json(&sign).refused(9, "E-POL-001");
    assert!(refused["what"].as_str().unwrap().contains("not on the list of payees"), "{refused}");
    with_policy(&alice, "fee_max = 999");
    alice.json(&sign).refused(9, "E-POL-001");
    with_policy(&alice, "payees = \"listed\"\nfee_max = 1000");
    alice.json(&["payee", "add", "acme", &paid()]).succeeded();
    // Nobody else is there: what matters is that it was proposed.
    let ended = alice.json(&sign);
    assert!(ended.lines().iter().any(|line| line["event"] == "proposed"), "{ended:?}");
}

#[test]
fn descriptors_stand_alone_on_standard_output() {
    let [alice, ..] = treasury();
    let shown = alice.text(&["group", "descriptor", "treasury", "--uncertified"]).succeeded();
    let lines: Vec<_> = shown.stdout.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("tr(musig(") && lines[1].starts_with("tr("), "{lines:?}");
    assert!(lines.iter().all(|line| line.as_bytes()[line.len() - 9] == b'#'), "{lines:?}");
    assert!(shown.stderr.contains("bcrt1p"), "{}", shown.stderr);
    let line = alice.json(&["group", "descriptor", "treasury", "--uncertified"]).succeeded().last();
    assert_eq!(line["plain_descriptor"], lines[1]);
    assert_eq!(line["xpub_descriptor"], lines[2]);
    assert!(lines[2].starts_with("tr(tpub") && lines[2].contains("/<0;1>/*)#"), "{lines:?}");
}

#[test]
fn a_running_node_takes_new_rules_on_sighup() {
    let [alice, bob, _carol] = treasury();
    let tx = alice.path("tx.psbt");
    fs::write(&tx, psbt(&[coin(&alice)]).serialize()).unwrap();
    let (mut up, _bob) = (alice.up("none"), bob.up("none"));
    // Until it serves, a signal ends it.
    up.wait_for("connected");
    with_policy(&alice, "payees = \"listed\"");
    let id = Pid::from_raw(up.id().cast_signed()).unwrap();
    kill_process(id, Signal::HUP).unwrap();
    up.wait_for("reloaded");
    let sign = ["sign", "--yes", argument(&tx), "--group", "treasury", "--expires", "1s"];
    alice.json(&sign).refused(9, "E-POL-001");
    // A payee is known from the next time on.
    alice.json(&["payee", "add", "acme", &paid()]).succeeded();
    kill_process(id, Signal::HUP).unwrap();
    up.wait_for("reloaded");
    let ended = alice.json(&sign);
    assert!(ended.lines().iter().any(|line| line["event"] == "proposed"), "{ended:?}");
}

#[test]
fn a_backup_takes_the_payees_along() {
    let alice = Signer::init("alice");
    let source = alice.path("passphrase");
    fs::write(&source, "correct horse battery\n").unwrap();
    fs::set_permissions(&source, fs::Permissions::from_mode(0o600)).unwrap();
    alice.json(&["payee", "add", "acme", &paid()]).succeeded();
    let (backup, new) = (alice.path("backup"), Signer::new());
    let file = ["--new-passphrase-file", argument(&source)];
    alice.json(&[&["key", "backup", argument(&backup)][..], &file].concat()).succeeded();
    let file = ["--passphrase-file", argument(&source)];
    new.json(&[&["key", "restore", argument(&backup)][..], &file].concat()).succeeded();
    assert_eq!(new.json(&["payee", "list"]).succeeded().last()["name"], "acme");
}
