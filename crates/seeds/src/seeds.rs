//! Asks seeds.

use std::{fmt, net::SocketAddr, time::Duration};

use ensign_peers::contact::HostName;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RecordType},
    },
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    Answers, Config, Reason, Resolver, SEEDS_MAX, SeedAnswer, SeedError, SetupError,
    answer::read,
    pick::{pick, shuffle},
};

/// How many seeds are asked at a time. As many as make each a third.
const ASKED_AT_ONCE: usize = 3;

/// How many candidates end the asking, if three seeds have named some: the other seeds need not know that we are
/// there. Guess: outbound connections, and as many again that are gone.
const CANDIDATES_ENOUGH: usize = 12;

/// Most bytes of an answer over UDP: what fits every path unfragmented (DNS flag day 2020). Longer ones come over TCP.
const UDP_BYTES_MAX: u16 = 1232;

/// Asks seeds for nodes.
#[derive(Clone)]
pub struct Seeds {
    config: Config,
    resolver: TokioResolver,
}

impl Seeds {
    /// Makes ready to ask; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`SetupError`], if there is nobody who resolves names.
    pub fn new(config: Config) -> Result<Self, SetupError> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = match &config.resolver {
            Resolver::System => TokioResolver::builder(provider).map_err(|_| SetupError::System)?,
            Resolver::At(servers) if servers.is_empty() => return Err(SetupError::NoServer),
            Resolver::At(servers) => {
                let servers = servers.iter().map(|&server| name_server(server)).collect();
                let servers = ResolverConfig::from_parts(None, Vec::new(), servers);
                TokioResolver::builder_with_config(servers, provider)
            }
        };
        let options = builder.options_mut();
        options.timeout = config.query_timeout;
        options.attempts = 1;
        options.edns0 = true;
        options.edns_payload_len = UDP_BYTES_MAX;
        // An answer to a guessed question has to guess the letters' case too; without it TCP is asked.
        options.case_randomization = true;
        options.try_tcp_on_error = true;
        options.use_hosts_file = ResolveHosts::Never;
        // Poison is not kept, and aliases are followed by us too.
        options.cache_size = 0;
        options.preserve_intermediates = true;
        let resolver = builder.build().map_err(|_| SetupError::Resolver)?;
        Ok(Self { config, resolver })
    }

    /// Asks seeds in random order, some at a time, until there are candidates enough, nobody is left, or time is up.
    ///
    /// - `seeds`: of which [`SEEDS_MAX`] are asked at most.
    /// - `entropy`: chooses the order, and which of a seed's records are taken.
    ///
    /// At most [`Config::total_timeout`] passes. What went wrong with a seed is in [`Answers::failures`].
    pub async fn ask(&self, seeds: &[HostName], entropy: [u8; 32]) -> Answers {
        let mut random = ChaCha20Rng::from_seed(entropy);
        let mut seeds: Vec<HostName> = seeds.to_vec();
        seeds.sort_unstable();
        seeds.dedup();
        shuffle(&mut seeds, &mut random);
        seeds.truncate(SEEDS_MAX);
        let deadline = Instant::now() + self.config.total_timeout;
        let (mut answers, mut failures) = (Vec::new(), Vec::new());
        for round in seeds.chunks(ASKED_AT_ONCE) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            for answer in self.ask_round(round, left, &mut random).await {
                match answer {
                    Ok(answer) => answers.push(answer),
                    Err(failure) => failures.push(failure),
                }
            }
            let is_enough = answers.len() >= ASKED_AT_ONCE;
            if is_enough && pick(&answers).len() >= CANDIDATES_ENOUGH {
                break;
            }
        }
        Answers { candidates: pick(&answers), answers, failures }
    }

    /// Asks some seeds at one time; returns what they said in their order, so that who answers first wins nothing.
    async fn ask_round(
        &self,
        round: &[HostName],
        left: Duration,
        random: &mut ChaCha20Rng,
    ) -> Vec<Result<SeedAnswer, SeedError>> {
        let mut tasks = JoinSet::new();
        for (place, seed) in round.iter().enumerate() {
            let mut entropy = [0; 32];
            random.fill_bytes(&mut entropy);
            let (asker, seed) = (self.clone(), seed.clone());
            let limit = left.min(self.config.seed_timeout);
            tasks.spawn(async move { (place, asker.ask_within(limit, &seed, entropy).await) });
        }
        // A question neither panics nor is it cancelled, but with all of them.
        let mut told: Vec<_> = tasks.join_all().await;
        told.sort_unstable_by_key(|(place, _)| *place);
        told.into_iter().map(|(_, answer)| answer).collect()
    }

    /// Asks one seed, and says in detail what it answers.
    ///
    /// # Errors
    ///
    /// [`SeedError`]; after [`Config::seed_timeout`] at the latest.
    pub async fn ask_one(
        &self,
        seed: &HostName,
        entropy: [u8; 32],
    ) -> Result<SeedAnswer, SeedError> {
        self.ask_within(self.config.seed_timeout, seed, entropy).await
    }

    async fn ask_within(
        &self,
        limit: Duration,
        seed: &HostName,
        entropy: [u8; 32],
    ) -> Result<SeedAnswer, SeedError> {
        let mut random = ChaCha20Rng::from_seed(entropy);
        let answer = timeout(limit, async {
            // With the root at its end no search domain of this machine is tried.
            let mut name = Name::from_ascii(seed.as_str()).map_err(|_| Reason::NoName)?;
            name.set_fqdn(true);
            let lookup = self.resolver.lookup(name.clone(), RecordType::TXT).await;
            let lookup = lookup.map_err(|error| self.reason(&error))?;
            read(&self.config, seed, &name, lookup.answers(), &mut random)
        });
        let answer = answer.await.unwrap_or(Err(Reason::Timeout { waited: limit }));
        answer.map_err(|reason| SeedError { seed: seed.clone(), reason })
    }

    fn reason(&self, error: &NetError) -> Reason {
        if let NetError::Dns(DnsError::NoRecordsFound(none)) = error {
            let code = none.response_code;
            if code == ResponseCode::NXDomain {
                return Reason::NoName;
            }
            let is_error = code != ResponseCode::NoError;
            return if is_error { Reason::Server { code: code.into() } } else { Reason::NoRecord };
        }
        if let NetError::Dns(DnsError::ResponseCode(code)) = error {
            return Reason::Server { code: (*code).into() };
        }
        if matches!(error, NetError::Timeout) {
            return Reason::Timeout { waited: self.config.query_timeout };
        }
        if matches!(error, NetError::Io(_) | NetError::NoConnections | NetError::Busy) {
            return Reason::Unreachable;
        }
        Reason::Answer
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let at = connections.map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, at.to_vec())
}

impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeds").field("config", &self.config).finish_non_exhaustive()
    }
}
