//! Asking seeds while a node runs that knows too few others.

use std::collections::BTreeMap;
use std::time::Duration;

use ensign_coordinator::Coordinator;
use ensign_coordinator::overlay::FEW_CONTACTS;
use ensign_peers::contact::HostName;
use ensign_primitives::Network;
use ensign_seeds::{Answers, Config, Reason, Resolver, Seeds};
use ensign_wire::Scope;
use tokio::time::{Instant, sleep_until};

use crate::catalogue as code;
use crate::failure::Failure;
use crate::output::{Line, Output};
use crate::words;

/// How long nodes that are known by their codes have before seeds are asked: a seed learns who asks. As Bitcoin
/// Core gives its address book (`DNSSEEDS_DELAY_FEW_PEERS`).
const OTHERS_FIRST: Duration = Duration::from_secs(11);

/// How long until it is looked again whether enough others are known; twice as long each time up to
/// [`PAUSE_MAX`] while they are few. Guess.
const PAUSE: Duration = Duration::from_secs(30);

/// See [`PAUSE`]. Guess: a resolver is asked a few times an hour.
const PAUSE_MAX: Duration = Duration::from_secs(30 * 60);

/// Which seeds are asked, of whom.
#[derive(Debug)]
pub(crate) struct Seeding {
    seeds: Vec<HostName>,
    config: Config,
    has_others: bool,
}

impl Seeding {
    /// `None` where no seed is named.
    ///
    /// - `has_others`: whether there is somebody to ask besides.
    pub(super) fn new(
        network: Network,
        seeds: Vec<HostName>,
        (scope, resolver): (Scope, Resolver),
        has_others: bool,
    ) -> Option<Self> {
        let config = Config { resolver, ..Config::new(network) };
        // What a network of one's own has in its settings holds for its seeds.
        let scope = if scope == Scope::Local { scope } else { config.scope };
        let config = Config { scope, ..config };
        (!seeds.is_empty()).then_some(Self { seeds, config, has_others })
    }

    /// Asks seeds whenever the node knows few others, until it stops. What goes wrong is told when it is new.
    pub(crate) async fn ask(self, coordinator: Coordinator, output: Output) {
        let seeds = match Seeds::new(self.config) {
            Ok(seeds) => seeds,
            Err(error) => {
                let failure = Failure::new(&code::DNS_SETUP, error.to_string());
                let hint = "name a DNS server: `ensign config set net.resolver IP`";
                return output.warning(&failure.hint(hint));
            }
        };
        if self.has_others {
            sleep_until(Instant::now() + OTHERS_FIRST).await;
        }
        let (mut told, mut pause) = (BTreeMap::new(), PAUSE);
        // A node that has stopped needs nobody.
        while let Ok(status) = coordinator.network().await {
            if status.network.contacts < FEW_CONTACTS {
                let mut entropy = [0; 32];
                if getrandom::fill(&mut entropy).is_err() {
                    return;
                }
                let answers = seeds.ask(&self.seeds, entropy).await;
                tell(&answers, &mut told, output);
                let nodes = answers.candidates.into_iter().map(|it| (it.peer, it.addresses));
                if coordinator.know_first(nodes.collect()).await.is_err() {
                    return;
                }
                sleep_until(Instant::now() + pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            } else {
                pause = PAUSE;
                sleep_until(Instant::now() + PAUSE_MAX).await;
            }
        }
    }
}

/// Says what seeds have answered; a failure only when it is another one than before.
fn tell(answers: &Answers, told: &mut BTreeMap<HostName, Reason>, output: Output) {
    for failure in &answers.failures {
        let before = told.insert(failure.seed.clone(), failure.reason.clone());
        if before.as_ref() != Some(&failure.reason) {
            let advice =
                format!("{}; it is asked again while few nodes are known", failure.reason.advice());
            output.warning(&Failure::new(&code::SEED_NONE, failure.to_string()).hint(advice));
        }
    }
    for answer in &answers.answers {
        told.remove(&answer.seed);
    }
    if !answers.candidates.is_empty() {
        let (seeds, nodes) = (answers.answers.len(), answers.candidates.len());
        let line = Line::new("seeds_asked").with("seeds", seeds).with("nodes", nodes);
        let verb = if seeds == 1 { "names" } else { "name" };
        let text = format!(
            "{} {verb} {} to ask first",
            words::count(seeds, "seed"),
            words::count(nodes, "node")
        );
        output.talk(&line, text);
    }
}
