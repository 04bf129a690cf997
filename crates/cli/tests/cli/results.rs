//! Where results go: files, links, pipes, standard output.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};

use crate::ensign::{Signer, argument, treasury};
use crate::money::{coin, psbt};

/// Signs a fresh PSBT of alice's in this form, and returns how that ended.
fn sign(alice: &Signer, tx: &[u8], more: &[&str]) -> crate::ensign::Ended {
    let file = alice.path("tx.psbt");
    fs::write(&file, tx).unwrap();
    let sign = ["sign", "--yes", argument(&file), "--group", "treasury", "--mode", "fast"];
    alice.text(&[&sign[..], more].concat())
}

#[test]
fn regression_results_took_the_place_of_links_and_pipes() {
    let [alice, bob, carol] = treasury();
    let tx = psbt(&[coin(&alice)]).serialize();
    let _others = [bob.up("all"), carol.up("all")];
    let [real, link, pipe] = ["real", "link", "pipe"].map(|name| alice.path(name));
    fs::write(&real, "old").unwrap();
    symlink(&real, &link).unwrap();
    // Before anything is proposed, and the link is as it was.
    let refused = sign(&alice, &tx, &["--out", argument(&link)]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.starts_with("error E-FIL-010"), "{}", refused.stderr);
    assert_eq!(fs::read(&real).unwrap(), b"old");

    sign(&alice, &tx, &["--force", "--out", argument(&link)]).succeeded();
    assert!(link.is_symlink());
    ensign_psbt::parse(&fs::read(&real).unwrap()).unwrap();

    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from(0o600),
        0,
    )
    .unwrap();
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::read(pipe).unwrap())
    };
    sign(&alice, &tx, &["--out", argument(&pipe)]).succeeded();
    ensign_psbt::parse(&reader.join().unwrap()).unwrap();
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
}

#[test]
fn standard_output_has_the_result_alone_in_the_form_of_the_input() {
    let [alice, bob, carol] = treasury();
    let tx = psbt(&[coin(&alice)]);
    let _others = [bob.up("all"), carol.up("all")];
    let hex = hex::encode(tx.serialize());
    for out in ["-", "/dev/stdout"] {
        let printed = sign(&alice, hex.as_bytes(), &["--out", out]).succeeded().stdout;
        assert!(printed.starts_with("70736274ff") && printed.lines().count() == 1, "{printed}");
    }
    let printed = sign(&alice, hex.as_bytes(), &["--extract", "-"]).succeeded().stdout;
    // With the transaction in a file, the PSBT is printed all the same; `request show` writes either.
    let (hex_file, again) = (alice.path("tx.hex"), alice.path("again.hex"));
    let signed = sign(&alice, hex.as_bytes(), &["--extract", argument(&hex_file)]).succeeded();
    assert!(
        signed.stdout.starts_with("cHNidP") && signed.stdout.lines().count() == 1,
        "{signed:?}"
    );
    let show = |more: &[&str]| alice.text(&[&["request", "show", "#1"][..], more].concat());
    let shown = show(&["--extract", argument(&again)]).succeeded().stdout;
    assert!(!shown.contains("cHNidP") && shown.contains("treasury"), "{shown}");
    assert!(fs::read_to_string(&again).unwrap().starts_with("02000000"));
    let shown = show(&["--out", "-"]).succeeded().stdout;
    assert!(shown.starts_with("cHNidP") && shown.lines().count() == 1, "{shown}");
    let tx: bitcoin::Transaction =
        bitcoin::consensus::deserialize(&hex::decode(printed.trim()).unwrap()).unwrap();
    assert_eq!(tx.input.len(), 1);
}

#[test]
fn two_results_in_one_place_are_refused() {
    let [alice, ..] = treasury();
    let tx = psbt(&[coin(&alice)]).serialize();
    let (one, link) = (alice.path("one"), alice.path("link"));
    symlink(&one, &link).unwrap();
    for (out, extract) in [(argument(&one), argument(&link)), ("-", "-")] {
        let refused = sign(&alice, &tx, &["--out", out, "--extract", extract]);
        assert!(refused.stderr.starts_with("error E-USE-001"), "{}", refused.stderr);
    }
}

#[test]
fn regression_a_result_took_the_place_of_the_secret_key() {
    let [alice, bob, carol] = treasury();
    let tx = psbt(&[coin(&alice)]).serialize();
    let key = alice.home.join("signer.key");
    let before = fs::read(&key).unwrap();
    let link = alice.path("result.psbt");
    symlink(&key, &link).unwrap();
    let refused = |ended: crate::ensign::Ended| {
        assert!(ended.stderr.starts_with("error E-FIL-011"), "{}", ended.stderr);
        assert_eq!((ended.code, fs::read(&key).unwrap()), (2, before.clone()));
    };
    let outs = [key.clone(), link, alice.home.join("ensign.toml"), alice.home.join("new")];
    for out in &outs {
        refused(sign(&alice, &tx, &["--force", "--out", argument(out)]));
    }
    let up = alice.up("none");
    refused(sign(&alice, &tx, &["--force", "--extract", argument(&key)]));
    // What is at fault in a home whose key was overwritten all the same.
    drop((up, bob, carol));
    fs::write(&key, "psbt").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let told = alice.json(&["contact", "show"]).refused(3, "E-HOM-009");
    assert!(told["what"].as_str().unwrap().contains("overwritten"), "{told}");
}

#[test]
fn regression_a_result_that_was_not_written_was_told_as_if_there_were_none() {
    let [alice, bob, carol] = treasury();
    let tx = psbt(&[coin(&alice)]).serialize();
    let _others = [bob.up("all"), carol.up("all")];
    let ended = sign(&alice, &tx, &["--out", "/dev/full"]);
    assert_eq!(ended.code, 2);
    let told = &ended.stderr;
    assert!(told.contains("error E-FIL-012: #1 is signed and kept, but cannot write"), "{told}");
    assert!(told.contains("ensign request show '#1' --out FILE"), "{told}");
    let out = alice.path("out");
    alice.text(&["request", "show", "#1", "--out", argument(&out)]).succeeded();
    ensign_psbt::parse(&fs::read(&out).unwrap()).unwrap();
}
