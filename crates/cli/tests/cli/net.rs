//! `ensign net`: real nodes, who is connected and whom a person shuts out.

use serde_json::{Value, json};

use crate::ensign::{Running, Signer, treasury};
use crate::terminal::Terminal;

/// Starts the nodes of alice and bob, and waits until alice's is connected with bob's.
fn connected(alice: &Signer, bob: &Signer) -> (Running, Running) {
    let (mut up, bobs) = (alice.up("none"), bob.up("none"));
    assert_eq!(up.wait_for("connected")["who"], json!("bob"));
    (up, bobs)
}

fn peers(signer: &Signer) -> Vec<Value> {
    signer.json(&["net", "peers"]).succeeded().lines()
}

fn guard(signer: &Signer) -> Value {
    signer.json(&["net", "guard"]).succeeded().last()
}

fn node(signer: &Signer) -> String {
    signer.json(&["key", "show"]).succeeded().last()["node"].as_str().unwrap().to_owned()
}

#[test]
fn connections_are_shown_with_names_and_how_they_fare() {
    let [alice, bob, _carol] = treasury();
    let _nodes = connected(&alice, &bob);
    let seen = peers(&alice);
    let [peer] = &seen[..] else { panic!("{seen:?}") };
    for (field, value) in [
        ("event", json!("net_peer")),
        ("name", json!("bob")),
        ("node", json!(node(&bob))),
        ("tie", json!("member")),
        ("role", json!("signer")),
        ("dropped", json!(0)),
        ("word", Value::Null),
    ] {
        assert_eq!(peer[field], value, "{field}");
    }
    for field in ["round_trip_us", "bytes_in", "bytes_out", "since_ms"] {
        assert!(peer[field].as_u64().unwrap() > 0, "{field}: {peer}");
    }
    let text = alice.text(&["net", "peers"]).succeeded().stdout;
    let words: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().take(3).collect();
    assert_eq!(words, ["bob", "member", "signer"]);
    assert!(!text.contains(&node(&bob)), "{text}");
    let text = alice.text(&["net", "guard"]).succeeded().stdout;
    assert!(text.ends_with("nothing had to be done\n"), "{text}");
    assert!(text.starts_with("strangers pay nothing for a place; 0 of their "), "{text}");
}

#[test]
fn a_ban_ends_the_connection_says_what_stops_and_outlives_a_restart() {
    let [alice, bob, _carol] = treasury();
    let (mut up, mut bobs) = connected(&alice, &bob);
    let word = alice.json(&["net", "ban", "bob"]).succeeded().last();
    assert_eq!((&word["word"], &word["groups"]), (&json!("banned"), &json!(["treasury"])));
    assert_eq!(word["node"], *node(&bob));
    assert_eq!(up.wait_for("disconnected")["banned"], json!(true));
    assert_eq!(bobs.wait_for("disconnected")["banned"], json!(false));
    assert_eq!(peers(&alice), Vec::<Value>::new());
    drop(up);
    let mut up = alice.up("none");
    let held = guard(&alice);
    assert_eq!(
        (&held["guarded"][0]["name"], &held["guarded"][0]["word"]),
        (&json!("bob"), &json!("banned"))
    );
    let text = alice.text(&["net", "guard"]).succeeded().stdout;
    assert!(text.contains("BANNED BY YOU\n  bob"), "{text}");
    // What he tries meanwhile is told as it happens.
    let mut watch = alice.start(&["net", "guard", "--watch"]);
    let told = watch.wait_for("guarded");
    assert_eq!(
        (&told["name"], &told["act"], &told["what"]),
        (&json!("bob"), &json!("banned"), &json!("you have banned it"))
    );
    let back = alice.json(&["net", "unban", &node(&bob)[..8]]).succeeded().last();
    assert_eq!((&back["name"], &back["word"]), (&json!("bob"), &Value::Null));
    assert_eq!(back["before"], json!("banned"));
    let none = alice.text(&["net", "unban", "bob"]).succeeded().stdout;
    assert_eq!(none, "nothing had been said of bob, so nothing has changed\n");
    assert_eq!(up.wait_for("connected")["who"], json!("bob"));
}

#[test]
fn trust_is_a_word_too_and_whom_nobody_knows_is_told() {
    let [alice, bob, _carol] = treasury();
    alice.json(&["net", "guard"]).refused(3, "E-NET-012");
    let _nodes = connected(&alice, &bob);
    let word = alice.json(&["net", "trust", "bob"]).succeeded().last();
    assert_eq!((&word["word"], &word["groups"]), (&json!("trusted"), &json!([])));
    let text = alice.text(&["net", "peers"]).succeeded().stdout;
    assert!(text.contains("trusted by you"), "{text}");
    // A word about ourselves would say what is not so.
    alice.json(&["net", "ban", "alice"]).refused(2, "E-NET-013");
    alice.json(&["net", "trust", "alice"]).refused(2, "E-NET-013");
    let unknown = alice.json(&["net", "ban", "Bob"]).refused(2, "E-NET-011");
    assert_eq!(unknown["what"], "no node is called `Bob`; did you mean `bob`?");
    alice.json(&["net", "ban", "zebra"]).refused(2, "E-NET-011");
    let short = alice.json(&["net", "ban", "1234567"]).refused(2, "E-NET-011");
    assert!(short["what"].as_str().unwrap().contains("at least 8 are needed"), "{short}");
    alice.json(&["net", "ban", ""]).refused(2, "E-NET-011");
    // A node that nobody has met can be banned by its whole name.
    let stranger = "ab".repeat(32);
    let word = alice.json(&["net", "ban", &stranger]).succeeded().last();
    assert_eq!((&word["name"], &word["node"]), (&Value::Null, &json!(stranger)));
}

#[test]
fn a_word_is_taken_without_a_node_and_shuts_out_from_the_start() {
    let [alice, bob, _carol] = treasury();
    alice.json(&["net", "ban", "alice"]).refused(2, "E-NET-013");
    let said = alice.json(&["net", "ban", "bob"]).succeeded().last();
    assert_eq!((&said["word"], &said["before"]), (&json!("banned"), &Value::Null));
    assert_eq!((&said["groups"], &said["node_runs"]), (&json!(["treasury"]), &json!(false)));
    let again = alice.text(&["net", "ban", "bob"]).succeeded().stdout;
    assert!(again.starts_with("bob is already banned: "), "{again}");
    let mut up = alice.up("none");
    let _bobs = bob.up("none");
    let mut watch = alice.start(&["net", "guard", "--watch"]);
    let turned_away = watch.wait_for("guarded");
    assert_eq!((&turned_away["name"], &turned_away["act"]), (&json!("bob"), &json!("banned")));
    assert_eq!(peers(&alice), Vec::<Value>::new());
    alice.json(&["net", "unban", "bob"]).succeeded();
    assert_eq!(up.wait_for("connected")["who"], json!("bob"));
    drop(up);
    // Without a node it is taken back too.
    alice.json(&["net", "trust", "bob"]).succeeded();
    let back = alice.text(&["net", "unban", "bob"]).succeeded().stdout;
    assert_eq!(back, "bob is not trusted any more\n");
}

#[test]
fn own_name_is_refused_before_there_is_a_group() {
    let alice = Signer::init("alice");
    alice.json(&["net", "ban", "alice"]).refused(2, "E-NET-013");
    alice.json(&["net", "trust", &node(&alice)[..8]]).refused(2, "E-NET-013");
    let (two, stranger) = (["net", "ban", "bob"], "ab".repeat(32));
    alice.json(&two).refused(2, "E-NET-011");
    alice.json(&["net", "ban", &stranger]).succeeded();
    let by_digits = alice.json(&["net", "unban", "ABABABAB"]).succeeded().last();
    assert_eq!((&by_digits["node"], &by_digits["before"]), (&json!(stranger), &json!("banned")));
}

#[test]
fn on_a_terminal_the_screen_is_drawn_anew() {
    let [alice, ..] = treasury();
    let _up = alice.up("none");
    let mut screen = Terminal::start(&alice, &["net", "guard", "--watch"]);
    for _ in 0..2 {
        screen.wait_for("\u{1b}[H\u{1b}[2Jstrangers pay nothing");
        screen.wait_for("Ctrl-C ends");
    }
}
