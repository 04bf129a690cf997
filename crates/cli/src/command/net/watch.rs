//! `ensign net guard --watch`: on a terminal the same screen again and again, elsewhere what is new.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use ensign_api::view::GuardView;

use tokio::time::{Instant, sleep_until};

use super::line;
use crate::failure::Result;
use crate::output::{Line, Output};
use crate::remote::Remote;
use crate::views;

/// How often the node is asked. Guess: as fast as a person reads.
const INTERVAL: Duration = Duration::from_secs(1);

/// Goes on until the node stops or the user ends it.
pub(super) fn run(node: &Remote, output: Output) -> Result<()> {
    let is_screen = !output.is_json() && std::io::stdout().is_terminal();
    let mut told = Told::default();
    loop {
        let next = Instant::now() + INTERVAL;
        let view: GuardView = node.get("/v1/net/guard")?;
        if is_screen {
            let text = views::net::guard(&view);
            if Output::redraw(&format!("{text}\n\nCtrl-C ends")).is_err() {
                return Ok(());
            }
        }
        let news = if is_screen { Vec::new() } else { told.news(&view) };
        for (line, text) in news {
            if output.tell_reader(&line, &text).is_err() {
                return Ok(());
            }
        }
        // A timer is made inside the runtime.
        node.wait(async { sleep_until(next).await });
    }
}

/// What was told of each cause: how often it had happened by then.
#[derive(Debug, Default)]
struct Told(BTreeMap<(String, String, String), u64>);

impl Told {
    /// Returns what has happened since the last time, oldest first, and forgets what the node has forgotten.
    fn news(&mut self, view: &GuardView) -> Vec<(Line, String)> {
        let mut now = BTreeMap::new();
        let mut news = Vec::new();
        for guarded in &view.guarded {
            for cause in &guarded.causes {
                let key = (guarded.node.clone(), cause.act.clone(), cause.what.clone());
                let more = cause.times.saturating_sub(self.0.get(&key).copied().unwrap_or(0));
                if more > 0 {
                    let said = line("guarded", cause)
                        .with("name", guarded.name.clone())
                        .with("node", guarded.node.clone())
                        .with("address", guarded.address.clone())
                        .with("tie", guarded.tie.as_str())
                        .with("more", more);
                    let text = views::net::news(guarded, cause, more);
                    news.push((cause.last_ms, said, text));
                }
                now.insert(key, cause.times);
            }
        }
        self.0 = now;
        news.sort_by_key(|(at, ..)| *at);
        news.into_iter().map(|(_, line, text)| (line, text)).collect()
    }
}
