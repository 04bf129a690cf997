//! Three processes drill their group: nobody's coins move, and each home keeps that all can sign.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::ensign::{Signer, argument, treasury};

fn drilled(signer: &Signer) -> Value {
    signer.json(&["group", "show", "treasury"]).succeeded().last()["drilled_ms"].clone()
}

#[test]
fn all_sign_a_drill_and_each_home_keeps_it() {
    let [alice, bob, carol] = treasury();
    assert!(alice.text(&["group", "show", "treasury"]).stdout.contains("drill    NEVER"));
    let mut others = [bob.up("all"), carol.up("all")];
    let lines = alice.json(&["group", "drill", "treasury", "--yes"]).succeeded().lines();
    let ended = lines.iter().find(|line| line["event"] == "drilled").expect("it has worked");
    assert_eq!(ended["signers"], 3);
    for running in &mut others {
        let request = running.wait_for("request");
        assert_eq!((&request["drill"], &request["blind"]), (&true.into(), &false.into()));
        assert_eq!(request["messages"].as_array().unwrap().len(), 1);
        running.wait_for("drill_kept");
    }
    for signer in [&alice, &bob, &carol] {
        assert!(drilled(signer).is_u64(), "each keeps it");
    }
    let shown = alice.text(&["group", "show", "treasury"]).stdout;
    assert!(shown.contains("all 3 have signed"), "{shown}");
    // What was changed by hand is no drill.
    let file = alice.home.join("groups/treasury.toml");
    let text = fs::read_to_string(&file).unwrap().replace("nonce = \"", "nonce = \"00");
    fs::write(&file, text).unwrap();
    let error = alice.json(&["group", "show", "treasury"]).refused(3, "E-HOM-005");
    assert!(error["what"].as_str().unwrap().contains("has not signed this drill"), "{error}");
}

#[test]
fn a_drill_tells_each_user_how_old_their_backup_is() {
    let [alice, bob, carol] = treasury();
    let _others = [bob.up("all"), carol.up("all")];
    let asked = alice.text(&["group", "drill", "treasury", "--yes"]).succeeded();
    assert!(asked.stderr.contains("A DRILL: nobody's coins move"), "{asked:?}");
    assert!(asked.stderr.contains("your backup: NEVER read back"), "{asked:?}");
    let (file, words) = (alice.path("backup.ens"), alice.path("words"));
    fs::write(&words, "correct horse battery staple\n").unwrap();
    fs::set_permissions(&words, fs::Permissions::from_mode(0o600)).unwrap();
    let passphrase = ["--new-passphrase-file", argument(&words)];
    alice.json(&[&["key", "backup", argument(&file)], &passphrase[..]].concat()).succeeded();
    let asked = alice.text(&["group", "drill", "treasury", "--yes"]).succeeded();
    assert!(asked.stderr.contains("your backup: read back"), "{asked:?}");
}
