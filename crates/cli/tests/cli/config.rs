//! `ensign config`: every setting with where it comes from, and changing one.

use std::fs;

use serde_json::{Value, json};

use crate::ensign::{Signer, blind, treasury};

fn shown(signer: &Signer, key: &str) -> Value {
    signer.json(&["config", "show", key]).succeeded().last()
}

#[test]
fn every_setting_says_what_it_is_and_where_that_comes_from() {
    let alice = Signer::init("alice");
    let lines = alice.json(&["config", "show"]).succeeded().lines();
    assert!(lines.iter().all(|line| line["event"] == "setting"), "{lines:?}");
    let name = &lines[0];
    assert_eq!((&name["key"], &name["value"]), (&json!("name"), &json!("alice")));
    assert_eq!((&name["from"], &name["line"]), (&json!("ensign.toml"), &json!(2)));
    let requests = shown(&alice, "requests_per_minute");
    for (field, value) in [
        ("value", json!(30)),
        ("from", json!("default")),
        ("line", Value::Null),
        ("unit", json!("requests a minute")),
        ("min", json!(1)),
        ("max", json!(60_000)),
        ("default", json!(30)),
    ] {
        assert_eq!(requests[field], value, "{field}");
    }
    let text = alice.text(&["config", "show"]).succeeded().stdout;
    let row = text.lines().find(|line| line.starts_with("requests_per_minute")).unwrap();
    let cells: Vec<_> = row.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect();
    assert_eq!(cells, ["requests_per_minute", "30", "default", "1 to 60000 requests a minute"]);
}

#[test]
fn a_change_leaves_comments_alone_and_holds() {
    let alice = Signer::init("alice");
    let file = alice.home.join("ensign.toml");
    let before =
        fs::read_to_string(&file).unwrap() + "\n# Ours.\n[policy]\nfee_max = 5_000 # sat\n";
    fs::write(&file, &before).unwrap();
    let set = alice.json(&["config", "set", "policy.fee_max", "7000"]).succeeded().last();
    assert_eq!((&set["value"], &set["before"]), (&json!(7000), &json!("5000")));
    assert_eq!(fs::read_to_string(&file).unwrap(), before.replace("5_000", "7000"));
    alice.json(&["config", "set", "requests_per_minute", "60"]).succeeded();
    assert_eq!(shown(&alice, "requests_per_minute")["from"], "ensign.toml");
    alice.json(&["config", "set", "requests_per_minute", "--default"]).succeeded();
    assert_eq!(shown(&alice, "requests_per_minute")["from"], "default");
    assert_eq!(fs::read_to_string(&file).unwrap(), before.replace("5_000", "7000"));
    let checked = alice.json(&["config", "check"]).succeeded().last();
    assert_eq!((&checked["given"], &checked["groups"]), (&json!(4), &json!(0)));
}

#[test]
fn a_default_that_is_set_leaves_no_line() {
    let alice = Signer::init("alice");
    let file = alice.home.join("ensign.toml");
    let before = fs::read_to_string(&file).unwrap();
    let text = alice.text(&["config", "set", "requests_per_minute", "30"]).succeeded().stdout;
    let expect =
        "requests_per_minute is 30 as before, the default; it does not stand in ensign.toml\n";
    assert_eq!(text, expect);
    alice.json(&["config", "set", "requests_per_minute", "60"]).succeeded();
    alice.json(&["config", "set", "diversity.prefix_table", "x.gz"]).succeeded();
    let set = alice.json(&["config", "set", "requests_per_minute", "30"]).succeeded().last();
    assert_eq!((&set["before"], &set["from"]), (&json!("60"), &json!("default")));
    alice.json(&["config", "unset", "diversity.prefix_table"]).succeeded();
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    let checked = alice.text(&["config", "check"]).succeeded().stdout;
    assert!(checked.ends_with("; this home is in no group yet\n"), "{checked}");
}

#[test]
fn what_cannot_be_is_refused_and_nothing_changes() {
    let alice = Signer::init("alice");
    let file = alice.home.join("ensign.toml");
    let before = fs::read(&file).unwrap();
    let refused = |key: &str, value: &str, code: &str| {
        alice.json(&["config", "set", key, value]).refused(2, code)
    };
    let unknown = refused("requests_per_minut", "5", "E-CFG-001");
    assert_eq!(unknown["do"], "did you mean `requests_per_minute`?");
    let range = refused("requests_per_minute", "0", "E-CFG-002");
    assert_eq!(
        range["what"],
        "requests_per_minute: 0 is not between 1 and 60000 requests a minute"
    );
    refused("requests_per_minute", "-1", "E-CFG-002");
    refused("listen", "0.0.0.0:0", "E-CFG-002");
    let form = refused("listen", "1.2.3.4", "E-CFG-002");
    let needed = "listen: an address with its port is needed: 0.0.0.0:4820 or [::]:4820";
    assert_eq!(form["what"], needed);
    refused("", "3", "E-CFG-001");
    assert_eq!(form["do"], "`ensign config show listen` says what it may be");
    refused("policy.refuse", "dusty", "E-CFG-002");
    refused("network", "bitcoin", "E-CFG-003");
    refused("name", "a/b", "E-CFG-002");
    let kept = alice.json(&["config", "set", "listen", "--default"]).refused(2, "E-CFG-002");
    assert_eq!(kept["what"], "listen: it has no default, so it has to stand there");
    assert_eq!(fs::read(&file).unwrap(), before);
    fs::write(&file, "requests_per_minute = 0\n").unwrap();
    let damaged = alice.json(&["config", "check"]).refused(3, "E-HOM-005");
    assert!(
        damaged["what"].as_str().unwrap().contains("line 1: requests_per_minute: 0"),
        "{damaged}"
    );
}

#[test]
fn as_many_requests_are_open_as_the_setting_says() {
    let [alice, ..] = treasury();
    let set = |value: &str| alice.json(&["config", "set", "limits.open_sessions", value]);
    assert_eq!(set("500").succeeded().last()["value"], 500);
    let error = set("1001").refused(2, "E-CFG-002");
    assert_eq!(error["what"], "limits.open_sessions: 1001 is not between 1 and 1000 requests");
    set("0").refused(2, "E-CFG-002");
    assert_eq!(set("1").succeeded().last()["before"], "500");
    let _up = alice.up("none");
    let (one, other) = ("ab".repeat(32), "cd".repeat(32));
    let mut sign = alice.start(&blind(&one, &["--until-stdin-closes"]));
    sign.wait_for("proposed");
    let error = alice.json(&blind(&other, &[])).refused(3, "E-OWN-003");
    assert!(error["what"].as_str().unwrap().contains('1'), "{error}");
    // What the node has is what it was started with.
    let told = set("2").succeeded().last();
    assert_eq!(told["node_runs"], true);
    alice.json(&blind(&other, &[])).refused(3, "E-OWN-003");
}

#[test]
fn regression_a_mistyped_file_stopped_the_guards_and_its_own_repair() {
    let [alice, ..] = treasury();
    let _up = alice.up("none");
    let file = alice.home.join("ensign.toml");
    let good = fs::read_to_string(&file).unwrap();
    // The node runs on as it was told when it started, and can be asked.
    fs::write(&file, format!("nonsense = 1\n{good}")).unwrap();
    alice.json(&["net", "guard"]).succeeded();
    alice.json(&["net", "ban", "bob"]).succeeded();
    alice.json(&["net", "unban", "bob"]).succeeded();
    // Another setting is not to blame for that line.
    let blamed =
        alice.json(&["config", "set", "requests_per_minute", "60"]).refused(3, "E-HOM-005");
    assert!(blamed["do"].as_str().unwrap().contains("`ensign config unset nonsense`"), "{blamed}");
    let out = alice.json(&["config", "unset", "nonsense"]).succeeded().last();
    assert_eq!((&out["event"], &out["line"]), (&json!("setting_removed"), &json!(1)));
    assert_eq!(fs::read_to_string(&file).unwrap(), good);
    alice.json(&["config", "unset", "nonsense"]).refused(2, "E-CFG-001");
    // What is out of its range is mended by its own command.
    fs::write(&file, format!("{good}\n[limits]\nopen_sessions = 5000\n")).unwrap();
    alice.json(&["config", "check"]).refused(3, "E-HOM-005");
    alice.json(&["config", "set", "limits.open_sessions", "7000"]).refused(2, "E-CFG-002");
    alice.json(&["config", "set", "limits.open_sessions", "500"]).succeeded();
    assert_eq!(shown(&alice, "limits.open_sessions")["value"], json!(500));
    alice.json(&["config", "check"]).succeeded();
}
