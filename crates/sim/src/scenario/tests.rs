//! Scenario files: what is read, what is refused and in which words.

use std::time::Duration;

use super::{Latency, Mode, Range, Scenario, Steps, keys::KEYS};

fn refused(text: &str) -> String {
    Scenario::from_toml(text).unwrap_err().to_string()
}

fn set(changes: &[(&str, &str)]) -> Result<Scenario, String> {
    let mut scenario = Scenario::default();
    for (key, value) in changes {
        scenario.set(key, value).map_err(|error| error.to_string())?;
    }
    scenario.validate().map_err(|error| error.to_string())?;
    Ok(scenario)
}

#[test]
fn an_empty_file_is_the_default_scenario() {
    assert_eq!(Scenario::from_toml(""), Ok(Scenario::default()));
}

#[test]
fn shipped_scenarios_are_valid_and_called_like_their_files() {
    for shipped in Scenario::shipped() {
        let scenario = Scenario::from_toml(shipped.text)
            .unwrap_or_else(|error| panic!("{}: {error}", shipped.name));
        assert_eq!(scenario.name, shipped.name);
        assert!(!scenario.about.is_empty(), "{} says nothing about itself", shipped.name);
        assert!(shipped.text.starts_with("# Shows "), "{} shows nothing", shipped.name);
    }
}

#[test]
fn every_scenario_file_is_shipped() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut shipped: Vec<_> =
        Scenario::shipped().iter().map(|shipped| format!("{}.toml", shipped.name)).collect();
    files.sort();
    shipped.sort();
    assert_eq!(files, shipped);
}

#[test]
fn a_scenario_survives_being_written_and_read() {
    for shipped in Scenario::shipped() {
        let scenario = Scenario::from_toml(shipped.text).unwrap();
        let text = scenario.to_toml();
        assert_eq!(Scenario::from_toml(&text).as_ref(), Ok(&scenario), "{text}");
        let json = serde_json::to_string(&scenario).unwrap();
        assert_eq!(serde_json::from_str::<Scenario>(&json).unwrap(), scenario, "{json}");
    }
}

#[test]
fn every_form_of_latency_survives_being_written_and_read() {
    for latency in [
        Latency::Constant { of: Duration::from_millis(7) },
        Latency::Uniform { of: Range::millis(10, 50) },
        Latency::LogNormal {
            median: Duration::from_millis(40),
            sigma: 0.25,
            floor: Duration::from_micros(1500),
        },
        Latency::Regions {
            millis: vec![vec![1, 80], vec![90, 2]],
            jitter: Duration::from_millis(3),
        },
    ] {
        let mut scenario = Scenario::default();
        scenario.link.latency = latency;
        assert_eq!(Scenario::from_toml(&scenario.to_toml()).as_ref(), Ok(&scenario));
    }
}

#[test]
fn a_file_says_what_is_wrong_with_it_and_where() {
    for (text, expected) in [
        ("[link]\nlos = 0.1", "line 2: unknown key `link.los`, the nearest is `link.loss`"),
        ("loss = 0.1", "line 1: unknown key `loss`, the nearest is `link.loss`"),
        ("nodse = 3", "line 1: unknown key `nodse`, the nearest is `nodes`"),
        ("\n[lnk]\nloss = 0.1", "line 2: unknown key `lnk`, the nearest is `link`"),
        ("[lnik]", "line 1: unknown key `lnik`, the nearest is `link`"),
        (
            "[link.latency]\nmedain = \"3ms\"",
            "line 2: unknown key `link.latency.medain`, the nearest is `link.latency.median`",
        ),
        ("link = 3", "line 1: link = 3: expected a section [link]"),
        ("[link]\nloss = 1.5", "line 2: link.loss = 1.5 is outside 0 to 0.9"),
        ("[link]\n\n# why\nloss = -1", "line 4: link.loss = -1 is outside 0 to 0.9"),
        ("[link]\nloss = nan", "line 2: link.loss = nan is outside 0 to 0.9"),
        ("[link]\nloss = \"5%\"", "line 2: link.loss = \"5%\": expected a number from 0 to 0.9"),
        ("nodes = 1", "line 1: nodes = 1 is outside 2 to 100000"),
        ("nodes = -5", "line 1: nodes = -5 is outside 2 to 100000"),
        ("nodes = 2.5", "line 1: nodes = 2.5: expected a whole number from 2 to 100000"),
        ("length = \"2d\"", "line 1: length = \"2d\" is outside 1s to 1day"),
        (
            "length = 60",
            "line 1: length = 60: expected a duration such as \"1m 30s\" from 1s to 1day",
        ),
        ("name = 7", "line 1: name = 7: expected a text"),
        (
            "[faults]\npartition = \"total\"",
            "line 2: faults.partition = \"total\": expected one of none, full, partial, one-way",
        ),
        ("[faults]\ncrash-points = 1", "line 2: faults.crash-points = 1: expected true or false"),
        (
            "[load]\nmodes = [\"fats\"]",
            "line 2: load.modes = [\"fats\"]: expected a list of at least one of committed, fast, \
             strict",
        ),
        (
            "[disk]\nlatency = \"9ms..2ms\"",
            "line 2: disk.latency = \"9ms..2ms\": expected a duration such as \"10ms\" or a range \
             such as \"10ms..50ms\" from 0s to 1m",
        ),
        (
            "[adversaries]\nkinds = [\"silnet\"]",
            "line 2: adversaries.kinds: no adversary is called `silnet`, the nearest is `silent`",
        ),
        (
            "[link]\nlatency = 3",
            "line 2: link.latency = 3: expected a duration, a range, { median, sigma, floor } or { \
             millis, jitter }",
        ),
        (
            "[link.latency]\nsigma = 1.0",
            "line 1: link.latency = { sigma = 1.0 }: expected a duration, a range, { median, \
             sigma, floor } or { millis, jitter }",
        ),
        (
            "[link]\nlatency = { median = \"2m\" }",
            "line 2: link.latency.median = \"2m\" is outside 0s to 1m",
        ),
    ] {
        assert_eq!(refused(text), expected, "{text}");
    }
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    for text in ["nodes = 3\nnodes = 4", "nodes = 3\n[link", "nodes = 3\nlength 5"] {
        let error = refused(text);
        assert!(error.starts_with("line 2: "), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn values_that_do_not_go_together_are_refused() {
    for (changes, expected) in [
        (
            &[("faults.from", "20s"), ("faults.until", "10s")][..],
            "faults.until = \"10s\" is before faults.from = \"20s\"",
        ),
        (
            &[("faults.until", "70s")],
            "faults.until = \"1m 10s\" is after the end of the run, length = \"1m\"",
        ),
        (
            &[("crashes", "5")],
            "faults.crashes = 5 has no effect while faults.until is not after faults.from",
        ),
        (
            &[("partition", "full")],
            "faults.partition = full has no effect while faults.until is not after faults.from",
        ),
        (&[("nodes", "2")], "load.signers = 3 needs 3 nodes, and nodes = 2"),
        (&[("load.groups", "11")], "load.groups = 11 needs 33 nodes, and nodes = 30"),
        (
            &[("adversaries.signers", "3")],
            "adversaries.signers = 3 leaves no honest signer while load.signers = 3",
        ),
        (
            &[("adversaries.groups", "0.5"), ("adversaries.signers", "1")],
            "adversaries.groups = 0.5 needs a kind in adversaries.kinds",
        ),
        (
            &[("strangers", "4")],
            "adversaries.strangers = 4 needs a kind in adversaries.stranger-kinds",
        ),
        (
            &[("link.latency", "{ millis = [[1, 2], [3]] }")],
            "link.latency.millis = [[1, 2], [3]] is not square: 2 rows, and row 2 has 1 numbers",
        ),
        (
            &[("nat.full-cone", "0.6"), ("symmetric", "0.5")],
            "nat.full-cone = 0.6 and the other shares of nat add up to more than 1",
        ),
        (
            &[("first", "55s"), ("spread", "10s")],
            "load.first + load.spread = \"1m 5s\" is after the end of the run, length = \"1m\"",
        ),
        (
            &[("faults.until", "40s")],
            "demand.within = \"30s\" after \"40s\" is due at \"1m 10s\", after the end of the run, \
             length = \"1m\"",
        ),
    ] {
        assert_eq!(set(changes).unwrap_err(), expected, "{changes:?}");
    }
}

#[test]
fn set_values_need_neither_quotes_nor_brackets() {
    let scenario = set(&[
        ("link.loss", "0.1"),
        ("duplicate", "0"),
        ("think", "1s..2s"),
        ("modes", "fast, strict"),
        ("adversaries.kinds", "[\"silent\"]"),
        ("liveness", "false"),
        ("about", "what it shows"),
        ("median", "40ms"),
        ("sigma", "1"),
    ])
    .unwrap();
    assert_eq!(scenario.link.loss, 0.1);
    assert_eq!(scenario.load.think, Range::millis(1000, 2000));
    assert_eq!(scenario.load.modes, [Mode::Fast, Mode::Strict]);
    assert_eq!(scenario.adversaries.kinds, ["silent"]);
    assert!(!scenario.demand.liveness);
    assert_eq!(scenario.about, "what it shows");
    let [median, floor] = [40, 0].map(Duration::from_millis);
    assert_eq!(scenario.link.latency, Latency::LogNormal { median, sigma: 1.0, floor });
}

#[test]
fn keys_that_cannot_be_set_are_refused_with_what_they_could_be() {
    for (key, expected) in [
        ("los", "unknown key `los`, the nearest is `link.loss`"),
        ("latency", "`latency` is more than one key: link.latency, disk.latency"),
        ("groups", "`groups` is more than one key: load.groups, adversaries.groups"),
        ("", "unknown key ``, the nearest is `name`"),
    ] {
        assert_eq!(set(&[(key, "1")]).unwrap_err(), expected);
    }
    assert_eq!(set(&[("loss", "1.5")]).unwrap_err(), "link.loss = 1.5 is outside 0 to 0.9");
}

#[test]
fn steps_include_both_ends() {
    for (text, path, expected) in [
        ("loss=0:0.3:0.05", "link.loss", "0.00 0.05 0.10 0.15 0.20 0.25 0.30"),
        ("nodes=10:30:10", "nodes", "10 20 30"),
        ("link.latency=10ms:30ms:10ms", "link.latency", "10ms 20ms 30ms"),
        ("within=10s:11s:500ms", "demand.within", "10s 10s 500ms 11s"),
        ("crashes=5:6:2", "faults.crashes", "5"),
    ] {
        let steps = Steps::parse(text).unwrap();
        assert_eq!(steps.key.path, path);
        assert_eq!(steps.values.join(" "), expected, "{text}");
    }
}

#[test]
fn steps_that_lead_nowhere_are_refused() {
    for (text, expected) in [
        ("loss", "link.loss = : expected from:to:step, such as 0:0.3:0.05 or 10ms:50ms:10ms"),
        (
            "loss=0:0.3",
            "link.loss = 0:0.3: expected from:to:step, such as 0:0.3:0.05 or 10ms:50ms:10ms",
        ),
        (
            "loss=0:0.3:0",
            "link.loss = 0:0.3:0: expected from:to:step, such as 0:0.3:0.05 or 10ms:50ms:10ms",
        ),
        (
            "loss=0.3:0:0.1",
            "link.loss = 0.3:0:0.1: expected from:to:step, such as 0:0.3:0.05 or 10ms:50ms:10ms",
        ),
        (
            "modes=1:2:1",
            "load.modes = 1:2:1: expected from:to:step, such as 0:0.3:0.05 or 10ms:50ms:10ms",
        ),
        ("loss=0.5:1:0.1", "link.loss = 1.0 is outside 0 to 0.9"),
    ] {
        assert_eq!(Steps::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn the_template_explains_every_key_and_changes_nothing() {
    let text = Scenario::template("mine");
    let expected = Scenario { name: "mine".to_owned(), ..Scenario::default() };
    assert_eq!(Scenario::from_toml(&text).as_ref(), Ok(&expected), "{text}");
    let active: Vec<_> = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|first: char| first.is_lowercase()) => rest,
            _ => line,
        })
        .collect();
    assert_eq!(Scenario::from_toml(&active.join("\n")).as_ref(), Ok(&expected), "{active:?}");
    for key in KEYS {
        assert!(text.contains(key.name()), "{} is missing", key.path);
    }
    assert!(text.lines().all(|line| line.len() <= 100), "{text}");
}

#[test]
fn every_value_of_a_scenario_has_a_key() {
    let table = Scenario::default().table();
    let paths = table.iter().flat_map(|(name, value)| match value.as_table() {
        Some(inner) => inner.keys().map(|key| format!("{name}.{key}")).collect(),
        None => vec![name.clone()],
    });
    for path in paths {
        assert!(KEYS.iter().any(|key| key.path == path), "{path} has no key");
    }
}
