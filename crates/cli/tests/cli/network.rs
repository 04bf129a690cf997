//! The open network: closed and open homes, real nodes that find each other, seeds.

use std::{fs, net::UdpSocket};

use serde_json::{Value, json};

use crate::ensign::{Running, Signer, blind, own_address, treasury};
use crate::seeds::serve;

/// Returns a home on regtest that counts loopback addresses and has a cheap place.
fn home(name: &str) -> Signer {
    let signer = Signer::init(name);
    make_local(&signer);
    signer
}

fn make_local(signer: &Signer) {
    for (key, value) in [("net.local", "true"), ("net.position_bits", "4")] {
        signer.json(&["config", "set", key, value]).succeeded();
    }
}

/// Lets a home listen at another address than its code says and the others have seen.
fn move_away(signer: &Signer) {
    let file = signer.home.join("ensign.toml");
    let text = fs::read_to_string(&file).unwrap();
    let before = text.lines().find(|line| line.starts_with("listen = ")).unwrap();
    let free = UdpSocket::bind(own_address()).unwrap().local_addr().unwrap();
    fs::write(&file, text.replace(before, &format!("listen = \"{free}\""))).unwrap();
}

fn node(signer: &Signer) -> String {
    signer.json(&["key", "show"]).succeeded().last()["node"].as_str().unwrap().to_owned()
}

/// Opens a home, and waits until somebody knows its node.
fn open(signer: &Signer, first: &str) -> Running {
    let mut up = signer.start(&["up", "--open", "--bootstrap", first]);
    up.wait_for("net_joined");
    while signer.json(&["net", "status"]).succeeded().last()["published"] != json!(true) {}
    up
}

/// Asks again until a node is found: who has joined a moment ago may be asked for too early.
fn until_found(signer: &Signer, asked: &[&str]) -> Value {
    loop {
        let ended = signer.json(asked);
        if ended.code != 6 {
            return ended.succeeded().last();
        }
        ended.refused(6, "E-NET-018");
    }
}

#[test]
fn closed_home_stays_closed_and_says_what_opens_it() {
    let [alice, ..] = treasury();
    let file = alice.home.join("ensign.toml");
    let before = fs::read(&file).unwrap();
    for more in [["--bootstrap", "seed.example.org"], ["--role", "light"]] {
        let refused = alice.json(&[["up"].as_slice(), &more].concat()).refused(3, "E-NET-017");
        assert_eq!(refused["do"], "add --open, if it shall be open");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
    let _up = alice.up("none");
    for asked in
        [["status"].as_slice(), &["dht"], &["find", "bob"], &["ping", "bob"], &["trace", "bob"]]
    {
        let refused = alice.json(&[["net"].as_slice(), asked].concat()).refused(3, "E-NET-017");
        assert!(refused["do"].as_str().unwrap().contains("`ensign up --open`"), "{refused}");
    }
}

#[test]
fn what_up_is_told_of_the_open_network_is_checked_and_kept() {
    let alice = home("alice");
    let mut boot = Signer::new();
    boot.text(&["init", "--name", "boot", "--no-passphrase", "--listen", "127.0.0.1:4820"])
        .succeeded();
    let foreign =
        boot.json(&["up", "--open", "--bootstrap", &alice.code()]).refused(2, "E-CFG-002");
    let what = foreign["what"].as_str().unwrap();
    assert!(what.contains("--bootstrap: alice is on regtest, this home on signet"), "{what}");
    let wrong = alice.json(&["up", "--open", "--bootstrap", "no name"]).refused(2, "E-CFG-002");
    assert!(
        wrong["what"].as_str().unwrap().contains("`no name` is neither a contact code"),
        "{wrong}"
    );
    boot = home("boot");
    let mut up = alice.start(&["up", "--open", "--bootstrap", &boot.code(), "--role", "light"]);
    up.wait_for("opened");
    up.wait_for("up");
    let shown =
        |key: &str| alice.json(&["config", "show", key]).succeeded().last()["value"].clone();
    assert_eq!((shown("net.open"), shown("net.role")), (json!(true), json!("light")));
    assert_eq!(shown("net.bootstrap"), json!([boot.code()]));
    let status = alice.json(&["net", "status"]).succeeded().last();
    assert_eq!(
        (&status["role"], &status["record"], &status["published"]),
        (&json!("light"), &Value::Null, &json!(false))
    );
    let text = alice.text(&["net", "status"]).succeeded().stdout;
    assert!(text.contains("not found by others: it says nothing of itself"), "{text}");
    assert!(text.contains("nobody is known yet: name a node or a seed"), "{text}");
}

#[test]
fn a_first_day_says_whom_it_asks_and_why_nobody_answers() {
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(home);
    let own = alice.json(&["up", "--open", "--bootstrap", &alice.code()]).refused(2, "E-CFG-002");
    assert_eq!(own["what"], "--bootstrap: this is the code of this home itself");
    let file = fs::read_to_string(alice.home.join("ensign.toml")).unwrap();
    assert!(!file.contains("bootstrap") && !file.contains("open"), "{file}");
    // Nobody is where bob's code says that he is.
    let first = ["up", "--open", "--bootstrap", &bob.code(), "--bootstrap", "seed.invalid"];
    let mut up = alice.start(&first);
    let asks = up.wait_for("net_asks_first");
    assert!(asks["nodes"][0].as_str().unwrap().starts_with("bob at 127."), "{asks}");
    assert_eq!(asks["seeds"], json!(["seed.invalid"]));
    let silent = up.wait_for("net_first_unreached");
    assert_eq!((&silent["who"], &silent["state"]), (&json!("bob"), &json!("no_answer")));
    let status = alice.json(&["net", "status"]).succeeded().last();
    let [first] = status["first"].as_array().unwrap().as_slice() else { panic!("{status}") };
    assert_eq!((&first["name"], &first["node"]), (&json!("bob"), &json!(node(&bob))));
    assert_eq!((&first["state"], &first["what"]), (&json!("no_answer"), &json!("nobody answers")));
    let text = alice.text(&["net", "status"]).succeeded().stdout;
    assert!(text.contains("asked first: bob at 127."), "{text}");
    assert!(text.contains(": nobody answers\n  you: ask its user"), "{text}");
    assert!(text.contains("`ensign net seed seed.invalid` says what it answers"), "{text}");
    drop(up);
    // Another node has come there since.
    let listen = bob.json(&["config", "show", "listen"]).succeeded().last()["value"].clone();
    carol.json(&["config", "set", "listen", listen.as_str().unwrap()]).succeeded();
    let mut other = carol.start(&["up", "--open", "--role", "bootstrap"]);
    other.wait_for("net_positioned");
    let mut up = alice.start(&["up"]);
    let unreached = up.wait_for("net_first_unreached");
    assert_eq!((&unreached["who"], &unreached["state"]), (&json!("bob"), &json!("other_node")));
    let short = &node(&carol)[..8];
    assert_eq!(unreached["what"], json!(format!("another node answers, {short}")));
}

#[test]
fn limits_of_an_open_node_are_those_of_its_role() {
    let boot = home("boot");
    let of = |key: &str| {
        let it = boot.json(&["config", "show", key]).succeeded().last();
        (it["value"].clone(), it["from"].clone())
    };
    let key = "strangers.work_in_all_per_minute";
    assert_eq!(of(key), (json!(60_000), json!("default")));
    for (key, value) in [("net.role", "bootstrap"), ("net.open", "true")] {
        boot.json(&["config", "set", key, value]).succeeded();
    }
    assert_eq!(of(key), (json!(600_000), json!("role")));
    let text = boot.text(&["config", "show", key]).succeeded().stdout;
    assert!(text.contains("= 600000  (net.role, bootstrap)"), "{text}");
    assert!(text.contains("default: 60000 compute tokens a minute; of a bootstrap node: 600000"));
    boot.json(&["config", "set", key, "70000"]).succeeded();
    assert_eq!(of(key), (json!(70_000), json!("ensign.toml")));
}

#[test]
fn homes_that_know_one_node_find_and_ping_each_other_by_identity() {
    let [boot, alice, bob] = ["boot", "alice", "bob"].map(home);
    let mut introducer = boot.start(&["up", "--open", "--role", "bootstrap"]);
    introducer.wait_for("net_positioned");
    let _alice = open(&alice, &boot.code());
    let _bob = open(&bob, &boot.code());
    let found = until_found(&alice, &["net", "find", &node(&bob)]);
    assert_eq!((&found["event"], &found["node"]), (&json!("net_found_node"), &json!(node(&bob))));
    assert_eq!(found["record"]["role"], "signer");
    let traced = until_found(&alice, &["net", "trace", &bob.code()]);
    assert_eq!((&traced["found"], &traced["node"]), (&json!(true), &json!(node(&bob))));
    let ping = until_found(&boot, &["net", "ping", &node(&alice)]);
    assert_eq!((&ping["there"], &ping["node"]), (&json!(true), &json!(node(&alice))));
    let contacts = alice.json(&["net", "dht"]).succeeded().lines();
    let is_boot = |it: &&Value| it["node"] == json!(node(&boot));
    let known = contacts.iter().find(is_boot).unwrap();
    assert_eq!(
        (&known["event"], &known["record"]["role"]),
        (&json!("net_contact"), &json!("bootstrap"))
    );
    let status = alice.json(&["net", "status"]).succeeded().last();
    assert_eq!((&status["published"], &status["role"]), (&json!(true), &json!("signer")));
    let nobody = "ab".repeat(32);
    let none = alice.json(&["net", "find", &nobody]).refused(6, "E-NET-018");
    assert!(none["what"].as_str().unwrap().starts_with("abababab was not found: "), "{none}");
    alice.json(&["net", "ping", &nobody]).refused(6, "E-NET-018");
    alice.json(&["net", "ping", "alice"]).refused(2, "E-NET-013");
    alice.json(&["net", "find", "bobby"]).refused(2, "E-NET-011");
}

#[test]
fn members_who_have_all_moved_and_say_nothing_in_public_find_each_other_and_sign() {
    let (boot, homes) = (home("boot"), treasury());
    homes.iter().for_each(make_local);
    let mut introducer = boot.start(&["up", "--open", "--role", "bootstrap"]);
    introducer.wait_for("net_positioned");
    // They meet where their codes say that they are.
    let mut running = homes.each_ref().map(|it| it.up("none"));
    running.iter_mut().for_each(|it| drop(it.read_until_times("connected", 2)));
    drop(running);
    homes.iter().for_each(move_away);
    let code = boot.code();
    let open = ["up", "--open", "--bootstrap", &code, "--role", "light", "--approve", "all"];
    let open = [&open[..], &["--accept-note", "blind"]].concat();
    let mut running = homes.each_ref().map(|it| it.start(&open));
    let mut found = Vec::new();
    for it in &mut running {
        let lines = it.read_until_times("connected", 2);
        found.extend(lines.into_iter().filter(|line| line["event"] == "net_found"));
    }
    // Of each two one has found the other before they were connected.
    assert!(found.len() >= 3 && found.iter().all(|it| it["by"] == "rendezvous"), "{found:?}");
    let status = homes[0].json(&["net", "status"]).succeeded().last();
    assert_eq!((&status["role"], &status["record"]), (&json!("light"), &Value::Null));
    homes[0].json(&blind(&"ab".repeat(32), &[])).succeeded();
}

#[test]
fn open_node_asks_the_seed_that_its_settings_name() {
    let [boot, alice] = ["boot", "alice"].map(home);
    let mut introducer = boot.start(&["up", "--open", "--role", "bootstrap"]);
    introducer.wait_for("net_positioned");
    let zone = boot.text(&["net", "zone", "--name", "seed"]).succeeded().stdout;
    let (address, _runtime, _server) = serve(&zone);
    alice.json(&["config", "set", "net.resolver", &address.to_string()]).succeeded();
    let names =
        ["up", "--open", "--bootstrap", "nobody.example.org", "--bootstrap", "seed.example.org"];
    let mut up = alice.start(&names);
    let warning = up.wait_for("warning");
    assert!(warning["what"].as_str().unwrap().contains("seed nobody.example.org"), "{warning}");
    let asked = up.wait_for("seeds_asked");
    assert_eq!((&asked["seeds"], &asked["nodes"]), (&json!(1), &json!(1)));
    up.wait_for("net_joined");
}
