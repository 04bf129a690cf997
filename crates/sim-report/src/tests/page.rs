//! The page of a run.

use std::path::Path;

use super::fixture;
use crate::Told as _;
use crate::{Report, Unmet, page};
use ensign_sim::check::Violation;

fn html(report: &Report) -> String {
    page::html(report, Path::new("target/sim/run")).unwrap()
}

/// Fails unless every tag that needs an end has one, in order, and every link leads somewhere.
pub(crate) fn check_well_formed(html: &str) {
    const VOID: [&str; 3] = ["meta", "br", "!DOCTYPE"];
    let mut open = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "near {}", &rest[..end.min(200)]);
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
    for link in html.split("href=\"#").skip(1) {
        let name = link.split('"').next().unwrap();
        assert!(html.contains(&format!("id=\"{name}\"")), "{name}");
    }
    for outside in ["http://", "https://", "<script", "@import", "url("] {
        let found = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!found.contains(outside), "{outside}");
    }
    assert!(!html.contains("NaN") && !html.contains("inf "));
}

#[test]
fn every_kind_of_report_has_a_whole_page() {
    let mut stopped = fixture::run(3, 200, 400_000);
    stopped.complete = false;
    let mut failed = fixture::run(4, 30, 1);
    for intent in &mut failed.intents {
        (intent.outcome, intent.latency) = (crate::Outcome::Failed, None);
    }
    let mut without_time = fixture::run(5, 1, 0);
    without_time.simulated_millis = 0;
    without_time.series.truncate(1);
    without_time.series[0].at_millis = 0;
    let reports = [
        fixture::empty(1),
        fixture::run(2, 1, 250_000),
        fixture::run(2, 1000, 250_000),
        stopped,
        failed,
        without_time,
    ];
    for report in reports {
        check_well_formed(&html(&report));
    }
}

#[test]
fn the_verdict_is_the_first_sentence() {
    let mut report = fixture::run(1, 20, 300_000);
    assert!(report.headline().starts_with("Good: "), "{}", report.headline());
    report.complete = false;
    assert!(report.headline().starts_with("Stopped early, after 60 s: "), "{}", report.headline());
    report.unmet = vec![Unmet { intent: 7, due: 60_000_000, why: "silence".to_owned() }];
    assert!(report.headline().starts_with("Demand not met: 1 intent was"), "{}", report.headline());
    let violation = |node| Violation {
        checker: "no nonce twice".to_owned(),
        at: 12_345_678,
        node,
        what: "it was".to_owned(),
    };
    report.violations = vec![violation(17), violation(18)];
    assert_eq!(
        report.headline(),
        "Safety violated: no nonce twice, at node 17 after 12.346 s, and 1 more."
    );
    let page = html(&report);
    check_well_formed(&page);
    for expected in [
        "Partial report: the run was stopped",
        "cargo xtask sim replay target/sim/run --intent 7<",
        "cargo xtask sim replay target/sim/run --node 17 --from 11345ms --to 12346ms",
        "class=\"verdict bad\"",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn hostile_groups_are_told_apart() {
    let mut report = fixture::run(1, 20, 300_000);
    assert_eq!(
        report.headline(),
        "Good: no checker fired and every demand was met; 16 of 18 intents were signed, and 2 of 2 \
         in groups with a hostile signer."
    );
    report.intents.retain(|intent| intent.honest);
    report.scenario.demand.liveness = false;
    let expected = "Good: no checker fired; 16 of 18 intents were signed, and none had to be.";
    assert_eq!(report.headline(), expected);
}

#[test]
fn what_others_wrote_is_shown_and_not_obeyed() {
    let evil = "<script>alert(\"x\")</script>&'";
    let mut report = fixture::run(1, 10, 300_000);
    report.scenario.name = evil.to_owned();
    report.scenario.about = evil.to_owned();
    report.scenario.adversaries.kinds = vec![evil.to_owned()];
    report.commit = Some(evil.to_owned());
    report.intents[0].mode = evil.to_owned();
    report.failures[0].said = evil.to_owned();
    report.failures[0].first_cause = evil.to_owned();
    report.failures[0].request = evil.to_owned();
    report.failures[0].excerpt = vec![evil.to_owned()];
    report.traffic[0].kind = evil.to_owned();
    report.unmet = vec![Unmet { intent: 0, due: 1, why: evil.to_owned() }];
    report.violations =
        vec![Violation { checker: evil.to_owned(), at: 0, node: 0, what: evil.to_owned() }];
    check_well_formed(&html(&report));
}

#[test]
fn failures_are_counted_by_cause_and_linked_to_their_replay() {
    let page = html(&fixture::run(1, 60, 300_000));
    for expected in [
        "node … crashed",
        "a connection was lost",
        "href=\"#replay-12\"",
        "id=\"replay-12\"",
        "cargo xtask sim replay target/sim/run --request 00000000",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn a_page_is_bounded() {
    let mut report = fixture::run(1, 20, 300_000);
    report.failures = (0..5000).map(fixture::failure).collect();
    report.failures[0].excerpt = vec!["x".repeat(10_000); 1000];
    let page = html(&report);
    check_well_formed(&page);
    assert!(page.contains("The first 200 are shown, 4800 more are in failures.csv."));
    assert!(page.contains("940 more are in report.json"));
    assert!(page.len() < 1_000_000, "{}", page.len());
}

#[test]
fn only_what_a_file_must_say_is_in_the_open() {
    let page = html(&fixture::run(1, 20, 300_000));
    let (open, folded) = page.split_once("<summary>All").unwrap();
    assert!(open.contains("<code>link.loss</code></th><td><code>0.1</code></td><td><code>0.0"));
    assert!(!open.contains("load.signers"));
    assert!(folded.contains("load.signers"));
}

#[test]
fn every_colour_of_a_plot_follows_the_readers_mode() {
    let page = html(&fixture::run(1, 100, 300_000));
    for attribute in page.split("svg\">").skip(1).flat_map(|svg| svg.split(' ')) {
        let Some((name, value)) = attribute.split_once("=\"#") else { continue };
        if name == "fill" || name == "stroke" {
            let rule = format!("svg [{name}=\"#{}\"]", &value[..6]);
            assert!(page.contains(&rule), "{rule}");
        }
    }
}

#[test]
fn folders_are_quoted_for_the_shell() {
    let page = page::html(&fixture::run(1, 10, 3), Path::new("my run/it's")).unwrap();
    assert!(page.contains("replay &#39;my run/it&#39;\\&#39;&#39;s&#39;"), "{page}");
}
