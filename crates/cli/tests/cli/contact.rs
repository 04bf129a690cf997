//! Contact codes: what is in them, and what mail and phones make of them.

use std::fs;

use crate::ensign::{Signer, run};

/// Makes a home on signet with addresses to give out.
fn on_signet(advertise: &[&str]) -> (Signer, String) {
    let signer = Signer::new();
    let mut init = vec!["init", "--name", "carol", "--no-passphrase", "--listen", "127.0.0.1:0"];
    advertise.iter().for_each(|address| init.extend(["--advertise", address]));
    let made = signer.text(&init).succeeded();
    (signer, format!("{}{}", made.stdout, made.stderr))
}

#[test]
fn regression_a_pasted_code_was_refused_with_parse_failed() {
    let [alice, bob] = ["alice", "bob"].map(Signer::init);
    let code = bob.code();
    let new = |name: &str, code: &str| alice.json(&["group", "new", name, "--member", code]);
    new("wrapped", &format!("{}\n{}", &code[..76], &code[76..])).succeeded();
    for pasted in [
        format!("E{}", &code[1..]),
        format!("{}\u{200b}{}", &code[..30], &code[30..]),
        format!("{code}."),
        format!("<{code}>"),
    ] {
        let refused = new("again", &pasted).refused(2, "E-GRP-006");
        assert!(refused["what"].as_str().unwrap().contains("wrapped"), "{refused}");
    }
    let odd = new("odd", &format!("{}Ж{}", &code[..30], &code[31..])).refused(2, "E-CON-001");
    let what = odd["what"].as_str().unwrap();
    assert!(what.starts_with("contact code 1: character 31 is `Ж`, which no code has"), "{what}");
}

#[test]
fn show_prints_the_code_alone_and_says_elsewhere_what_is_in_it() {
    let (carol, told) = on_signet(&["8.8.8.8:4820", "Host.example.org:4820"]);
    assert!(told.contains("8.8.8.8:4820           from anywhere"), "{told}");
    assert!(!told.contains("warning"), "{told}");
    let shown = carol.text(&["contact", "show"]).succeeded();
    assert_eq!(shown.stdout.lines().count(), 1);
    assert!(shown.stdout.starts_with("ensign1"));
    assert!(shown.stderr.contains("host.example.org:4820  from anywhere"), "{}", shown.stderr);
    let line = carol.json(&["contact", "show"]).succeeded().last();
    assert_eq!(line["addresses"][1], "host.example.org:4820");

    let drawn = carol.text(&["contact", "show", "--qr"]).succeeded();
    assert_eq!(drawn.stdout.lines().last(), shown.stdout.lines().last());
    assert!(drawn.stdout.lines().count() > 20, "{}", drawn.stdout);
}

#[test]
fn regression_a_code_that_nobody_can_dial_was_given_out_without_a_word() {
    let (carol, told) = on_signet(&[]);
    for text in [told, carol.text(&["contact", "show"]).succeeded().stderr] {
        assert!(text.contains("from the same machine only"), "{text}");
        assert!(text.contains("warning: no address in this code can be dialled"), "{text}");
        assert!(text.contains("--advertise"), "{text}");
    }
    let (_, told) = on_signet(&["192.168.1.2:4820", "100.64.1.1:4820"]);
    assert!(told.contains("warning: 192.168.1.2:4820 can be dialled from the same network only"));
    assert!(told.contains("warning: 100.64.1.1:4820 can be dialled from the same provider or VPN"));
}

#[test]
fn a_code_without_addresses_is_of_one_who_dials_the_others() {
    let [alice, bob] = ["alice", "bob"].map(Signer::init);
    let shown = alice.text(&["contact", "show", "--no-address"]).succeeded();
    assert!(shown.stderr.contains("never meet"), "{}", shown.stderr);
    let code = shown.stdout.trim();
    let read = bob.json(&["contact", "read", code]).succeeded().last();
    assert_eq!(read["addresses"], serde_json::json!([]));
    for (signer, member) in [(&alice, &*bob.code()), (&bob, code)] {
        signer.json(&["group", "new", "pair", "--member", member]).succeeded();
        signer.is_of_an_earlier_version("pair");
    }
    let (mut bobs, mut alices) = (bob.up("none"), alice.up("none"));
    assert_eq!(alices.wait_for("connected")["who"], "bob");
    assert_eq!(bobs.wait_for("connected")["who"], "alice");
}

#[test]
fn addresses_that_are_none_to_give_out_are_refused() {
    let alice = Signer::new();
    let init = |advertise: &[&str]| {
        let mut init = vec!["init", "--name", "alice", "--no-passphrase"];
        advertise.iter().for_each(|address| init.extend(["--advertise", address]));
        alice.json(&init)
    };
    for wrong in ["1.1.1.1:0", "224.0.0.1:9", "255.255.255.255:9", "0.0.0.0:9", "[ff02::1]:9"] {
        let refused = init(&[wrong]).refused(2, "E-CON-007");
        assert!(refused["what"].as_str().unwrap().contains("by nobody"), "{refused}");
    }
    for wrong in ["1.1.1.1", "host.example", "http://x:1", "1.1.1.1:70000", ""] {
        init(&[wrong]).refused(2, "E-USE-001");
    }
    let nine: Vec<_> = (1..=9).map(|port| format!("1.1.1.1:{port}")).collect();
    let nine: Vec<&str> = nine.iter().map(String::as_str).collect();
    init(&nine).refused(2, "E-CON-007");
    assert!(!alice.home.exists());
    let same = ["1.1.1.1:1", "1.1.1.1:1"];
    assert_eq!(init(&same).succeeded().last()["addresses"].as_array().unwrap().len(), 1);
}

#[test]
fn settings_name_the_addresses_to_give_out() {
    let alice = Signer::init("alice");
    let path = alice.home.join("ensign.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}advertise = [\"203.0.113.7:4820\"]\n")).unwrap();
    let line = alice.json(&["contact", "show"]).succeeded().last();
    assert_eq!(line["addresses"].as_array().unwrap(), &["203.0.113.7:4820"]);
    let listen = text.lines().find(|line| line.starts_with("listen")).unwrap();
    fs::write(&path, text.replace(listen, "listen = \"0.0.0.0:0\"")).unwrap();
    let refused = alice.json(&["contact", "show"]).refused(3, "E-HOM-005");
    assert!(refused["what"].as_str().unwrap().contains("line 4: port 0"), "{refused}");
    assert!(refused["do"].as_str().unwrap().contains("0.0.0.0:4820"), "{refused}");
}

#[test]
fn a_code_is_read_in_words_without_keeping_it() {
    let [alice, bob] = ["alice", "bob"].map(Signer::init);
    let code = bob.code();
    let read = alice.text(&["contact", "read", &code[..50], &code[50..]]).succeeded();
    assert!(read.stdout.starts_with("calls itself bob, on regtest\n"), "{}", read.stdout);
    assert!(read.stdout.contains("from the same machine only"), "{}", read.stdout);
    alice.json(&["group", "new", "g", "--member", &format!("bobby={code}")]).succeeded();
    let read = alice.json(&["contact", "read", &code]).succeeded().last();
    assert_eq!((&read["own"], &read["known_as"]), (&false.into(), &"bobby".into()));
    assert_eq!(read["groups"][0], "g");
    let own = alice.text(&["contact", "read", &alice.code()]).succeeded();
    assert!(own.stdout.contains("this is your own code"), "{}", own.stdout);
    let (carol, _) = on_signet(&["8.8.8.8:1"]);
    let other = alice.text(&["contact", "read", &carol.code()]).succeeded();
    assert!(other.stdout.contains("for signet, and this home is for regtest"), "{}", other.stdout);
    // Without a home too.
    let nowhere = alice.path("nowhere");
    let home = nowhere.to_str().unwrap();
    let read = run(&["--home", home, "contact", "read", &code]).succeeded();
    assert!(read.stdout.starts_with("calls itself bob"), "{}", read.stdout);
    run(&["--json", "--home", home, "contact", "read", "ensign1qq"]).refused(2, "E-CON-001");
}

#[test]
fn a_host_name_is_looked_up_and_one_that_is_none_is_told_once() {
    let [alice, bob] = ["alice", "bob"].map(Signer::init);
    let path = bob.home.join("ensign.toml");
    let text = fs::read_to_string(&path).unwrap();
    let advertise = "advertise = [\"no-such-host.invalid:9\", \"localhost:4820\"]";
    fs::write(&path, format!("{text}{advertise}\n")).unwrap();
    let carol = Signer::init("carol");
    let (bob, carol) = (bob.code(), carol.code());
    alice.json(&["group", "new", "g", "--member", &bob]).succeeded();
    alice.json(&["group", "new", "h", "--member", &bob, "--member", &carol]).succeeded();
    let mut up = alice.start(&["up", "--approve", "none", "--until-stdin-closes"]);
    let told = up.wait_for("warning");
    assert_eq!(told["code"], "E-NET-010");
    assert!(told["what"].as_str().unwrap().contains("no-such-host.invalid:9"), "{told}");
    up.close_input();
    let rest = up.end().lines();
    assert!(rest.iter().all(|line| line["code"] != "E-NET-010"), "{rest:#?}");
}
