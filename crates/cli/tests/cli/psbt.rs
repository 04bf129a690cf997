//! PSBTs that are made and looked at.

use std::fs;

use crate::ensign::{Signer, argument, treasury};
use crate::money::{accepted, coin, psbt};

const TXID: &str = "abababababababababababababababababababababababababababababababab";

fn elsewhere() -> String {
    let script = bitcoin::ScriptBuf::from_hex("00142121212121212121212121212121212121212121");
    let network = bitcoin::Network::Regtest;
    bitcoin::Address::from_script(&script.unwrap(), network).unwrap().to_string()
}

fn new(alice: &Signer, more: &[&str]) -> crate::ensign::Ended {
    alice.text(&[&["psbt", "new", "--group", "treasury"][..], more].concat())
}

#[test]
fn a_first_psbt_is_made_signed_and_accepted() {
    let [alice, bob, carol] = treasury();
    let (tx, signed) = (alice.path("tx.psbt"), alice.path("tx.hex"));
    let (coin_arg, to) = (format!("{TXID}:1:50_000"), format!("{}:20000", elsewhere()));
    let make = ["--coin", &coin_arg, "--to", &to, "--fee-rate", "5", "--out", argument(&tx)];
    let made = new(&alice, &make).succeeded();
    assert_eq!(made.stdout, "");
    assert!(made.stderr.contains("fee") && made.stderr.contains("as you gave them"), "{made:?}");
    assert!(new(&alice, &make).stderr.starts_with("error E-FIL-010"));
    new(&alice, &[&make[..], &["--force"]].concat()).succeeded();

    let shown = alice.text(&["psbt", "show", argument(&tx)]).succeeded();
    assert!(shown.stdout.starts_with("group treasury\ntransaction "), "{}", shown.stdout);
    assert!(shown.stdout.contains(&elsewhere()), "{}", shown.stdout);
    let line = alice.json(&["psbt", "show", argument(&tx)]).succeeded().last();
    let names: Vec<_> = line["notes"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert!(names.contains(&&"replaceable".into()), "{line}");

    let _others = [bob.up("all"), carol.up("all")];
    let sign = ["sign", "--yes", argument(&tx), "--group", "treasury", "--mode", "fast"];
    alice.json(&[&sign[..], &["--extract", argument(&signed)]].concat()).succeeded();
    let transaction = hex::decode(fs::read_to_string(signed).unwrap().trim()).unwrap();
    assert!(accepted(&transaction, &[coin(&alice)]));
}

/// Returns which address of the group the change of a PSBT goes to, as a reader of BIP371 sees it.
fn change_path(psbt: &[u8]) -> String {
    let psbt: bitcoin::Psbt = std::str::from_utf8(psbt).unwrap().trim().parse().unwrap();
    let (_, (_, path)) = psbt.outputs.last().unwrap().tap_key_origins.values().next().unwrap();
    path.to_string()
}

#[test]
fn change_goes_to_a_new_address_each_time_and_is_spent_from_there() {
    let [alice, bob, carol] = treasury();
    let _others = [bob.up("all"), carol.up("all")];
    let (tx, signed) = (alice.path("tx.psbt"), alice.path("tx.hex"));
    let to = format!("{}:20000", elsewhere());
    let mut coins = vec![coin(&alice)];
    let mut coin_arg = format!("{TXID}:1:50_000");
    for expected in ["1/0", "1/1"] {
        let make = ["--coin", &coin_arg, "--to", &to, "--fee-rate", "1", "--out", argument(&tx)];
        new(&alice, &[&make[..], &["--force"]].concat()).succeeded();
        assert_eq!(change_path(&fs::read(&tx).unwrap()), expected);
        let line = alice.json(&["psbt", "show", argument(&tx)]).succeeded().last();
        let notes = line["notes"].as_array().unwrap();
        assert!(notes.iter().all(|note| note["severity"] == "info"), "{line}");
        assert_eq!(line["outputs"][1]["path"], expected, "{line}");

        let sign = ["sign", "--yes", argument(&tx), "--group", "treasury"];
        let extract = ["--force", "--extract", argument(&signed)];
        alice.json(&[&sign[..], &extract].concat()).succeeded();
        let bytes = hex::decode(fs::read_to_string(&signed).unwrap().trim()).unwrap();
        assert!(accepted(&bytes, &coins));
        let tx: bitcoin::Transaction = bitcoin::consensus::deserialize(&bytes).unwrap();
        coins = vec![tx.output[1].clone()];
        coin_arg = format!("{}:1:{}@{expected}", tx.compute_txid(), coins[0].value.to_sat());
    }
}

#[test]
fn a_coin_without_an_address_is_not_guessed_once_there_are_several() {
    let [alice, ..] = treasury();
    let file = alice.home.join("groups/treasury.toml");
    let group = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("next_address = 3\n{group}")).unwrap();
    let to = format!("{}:20000", elsewhere());
    let made = |coin: &str| new(&alice, &["--coin", coin, "--to", &to, "--fee-rate", "1"]);
    let refused = made(&format!("{TXID}:1:50000"));
    assert!(refused.stderr.starts_with("error E-PSB-"), "{}", refused.stderr);
    assert!(refused.stderr.contains("at which address"), "{}", refused.stderr);
    for (path, is_named) in [("m", false), ("0/2", true), ("0/500", true)] {
        let psbt = made(&format!("{TXID}:1:50000@{path}")).succeeded().stdout;
        let psbt: bitcoin::Psbt = psbt.trim().parse().unwrap();
        assert_eq!(!psbt.inputs[0].tap_key_origins.is_empty(), is_named);
    }
    for wrong in ["0h/1", "0/1/2/3/4", "0/4294967296", "0/2147483648", ""] {
        let refused = made(&format!("{TXID}:1:50000@{wrong}"));
        assert!(refused.stderr.starts_with("error"), "{wrong}: {}", refused.stderr);
    }
}

#[test]
fn a_payee_is_paid_by_name_and_standard_output_has_the_psbt_alone() {
    let [alice, ..] = treasury();
    alice.json(&["payee", "add", "acme", &elsewhere()]).succeeded();
    let coin = format!("{TXID}:0:50000");
    let made = new(&alice, &["--coin", &coin, "--to", "acme:20000", "--fee-rate", "1.5"]);
    let made = made.succeeded();
    assert_eq!(made.stdout.lines().count(), 1);
    ensign_psbt::parse(made.stdout.as_bytes()).unwrap();
    assert!(made.stderr.contains(&elsewhere()), "{}", made.stderr);
}

#[test]
fn regression_change_that_costs_more_than_it_is_was_called_dust() {
    let [alice, ..] = treasury();
    let (coin, to) = (format!("{TXID}:0:100000"), format!("{}:60000", elsewhere()));
    let made = new(&alice, &["--coin", &coin, "--to", &to, "--fee-rate", "300"]).succeeded();
    let said = "note: 10300 sat more than asked for go to the fee, which makes it 404.04 sat/vB and \
                not 300.00: change would cost 12900 sat of fee, no less than it is";
    assert!(made.stderr.contains(said), "{}", made.stderr);
    let coin = format!("{TXID}:0:60471");
    let made = new(&alice, &["--coin", &coin, "--to", &to, "--fee-rate", "1"]).succeeded();
    let said = "change would cost 43 sat of fee, and the 329 sat then left are dust";
    assert!(made.stderr.contains(said), "{}", made.stderr);
}

#[test]
fn what_cannot_be_made_is_said() {
    let [alice, ..] = treasury();
    let coin = format!("{TXID}:0:50000");
    let refused = |to: &str, rate: &str, part: &str| {
        let ended = new(&alice, &["--coin", &coin, "--to", to, "--fee-rate", rate]);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
    };
    let to = |amount: &str| format!("{}:{amount}", elsewhere());
    refused(&to("60000"), "5", "E-PSB-010");
    refused(&to("100"), "5", "dust");
    refused(&to("20000"), "0", "no node relays that");
    refused(&to("20000"), "10001", "above 10000 sat/vB");
    refused("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4:20000", "5", "payment 0 goes to");
    refused("nobody:20000", "5", "payment 0 goes to");
    refused(&to("0.5"), "5", "amounts are whole satoshi");
    refused(&to("20000"), "fast", "no fee rate");
}

#[test]
fn a_psbt_of_nobody_here_is_shown_as_far_as_it_goes() {
    let ([alice, ..], dave) = (treasury(), Signer::init("dave"));
    let file = alice.path("tx.psbt");
    fs::write(&file, psbt(&[coin(&alice)]).to_string()).unwrap();
    let shown = dave.text(&["psbt", "show", argument(&file)]).succeeded();
    assert!(shown.stdout.contains("output 0: 49000 sat to bcrt1q"), "{}", shown.stdout);
    assert!(shown.stdout.contains("fee 1000 sat (10.10 sat/vB)"), "{}", shown.stdout);
    let mut odd = psbt(&[coin(&alice)]);
    odd.unsigned_tx.lock_time = bitcoin::absolute::LockTime::from_consensus(499_999_999);
    odd.unsigned_tx.input[0].sequence = bitcoin::Sequence(144);
    odd.unsigned_tx.output[0].script_pubkey = bitcoin::ScriptBuf::from_bytes(vec![0x75, 0x51]);
    fs::write(&file, odd.to_string()).unwrap();
    let odd = dave.text(&["psbt", "show", argument(&file)]).succeeded();
    let noted = |text: &str| assert!(odd.stdout.contains(text), "{text}: {}", odd.stdout);
    noted("\nwarning (grave): 0.00049000 BTC in output 0 may be lost, or anybody's");
    noted("\nwarning: it cannot confirm up to block 499,999,999, far above");
    noted("\nnote: it cannot confirm until the coin of input 0 is about 24 hours old");
    let line = dave.json(&["psbt", "show", argument(&file)]).succeeded().last();
    assert_eq!((&line["group"], &line["notes"][0]["name"]), (&().into(), &"odd_script".into()));
    assert!(shown.stderr.contains("of no group of this home"), "{}", shown.stderr);
    dave.json(&["psbt", "show", argument(&file), "--group", "x"]).refused(2, "E-GRP-001");
    fs::write(&file, "hello").unwrap();
    dave.json(&["psbt", "show", argument(&file)]).refused(2, "E-PSB-001");
}
