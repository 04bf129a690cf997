//! What the program refuses, and what it says it can do. Nothing is attacked here.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ensign-attack")).args(arguments).output().expect("it starts")
}

fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).expect("it writes text")
}

#[test]
fn only_loopback_is_attacked() {
    for target in ["192.0.2.7:4820", "[2001:db8::1]:4820", "0.0.0.0:4820"] {
        let told = refused(&["--target", target, "--home", "/nonexistent", "--kind", "ping"]);
        assert!(told.contains("is not a loopback address"), "{told}");
    }
}

#[test]
fn a_node_elsewhere_is_not_attacked_in_ways_that_take_many_addresses() {
    let elsewhere = ["--target", "192.0.2.7:4820", "--i-run-this-node", "--kind", "sources"];
    assert!(refused(&elsewhere).contains("only loopback has"));
}

#[test]
fn what_members_do_needs_the_home_of_one() {
    assert!(refused(&["--target", "127.0.0.1:4820", "--kind", "drown"]).contains("--home"));
}

#[test]
fn an_unknown_attack_is_refused_with_the_names_of_all() {
    let told = refused(&["--kind", "syn"]);
    assert!(told.contains("washing") && told.contains("pong"), "{told}");
}

#[test]
fn a_missing_program_is_named() {
    let told = refused(&["--ensign", "/nonexistent/ensign"]);
    assert!(told.contains("/nonexistent/ensign"), "{told}");
}

#[test]
fn help_lists_every_attack() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for kind in
        ["pong", "hold", "cids", "washing", "fill", "churn", "attempts", "initials", "drown"]
    {
        assert!(help.contains(&format!("  {kind} ")), "{kind} in {help}");
    }
}
