//! Plays a plan and says what came of it.

use std::{collections::BTreeMap, io, time::Duration};

use ensign_coordinator::{
    CommandError, Event, Group, Member, Outcome as SigningOutcome, PeerEvent, RequestEvent,
    SigningJob, StartError,
};
use ensign_primitives::{GroupId, RequestId};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    Net, Plan, Told, Trace, Wallet,
    scenario::GROUP_SIZE,
    task::{self, Task},
    wallet,
};

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its own time.
    pub elapsed: Duration,
    /// Groups whose members all hold their signature.
    pub done: usize,
    /// All groups.
    pub groups: usize,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The groups, by number.
    pub groups: Vec<GroupOutcome>,
    /// Connections on which both sides said hello.
    pub connections: u64,
    /// Ends of connections that a side reported before the run was over.
    pub breaks: u64,
    /// Every packet, those of the shutdown included.
    pub trace: Trace,
    /// How long the run took in its own time.
    pub elapsed: Duration,
}

/// What came of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOutcome {
    /// Its nodes, the one that proposed first.
    pub members: [u32; GROUP_SIZE],
    /// When it began.
    pub proposed: Duration,
    /// When each member held the signature.
    pub done: [Option<Duration>; GROUP_SIZE],
    /// The latest failure that one of them reported.
    pub trouble: Option<String>,
    /// A member that was handed a signature which does not verify, or another than the others.
    pub wrong_at: Option<u32>,
}

impl GroupOutcome {
    /// Returns how long it took until the last member held the signature.
    pub fn latency(&self) -> Option<Duration> {
        let mut last = Duration::ZERO;
        for done in self.done {
            last = last.max(done?);
        }
        Some(last.saturating_sub(self.proposed))
    }
}

/// Why a run cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The runtime cannot be made.
    #[error("no runtime: {0}")]
    Runtime(io::Error),
    /// A node does not start.
    #[error("node {number} does not start: {error}")]
    Start {
        /// Which.
        number: u32,
        /// Why.
        error: StartError,
    },
    /// A node refuses what the plan asks of it.
    #[error("node {number} refuses: {error}")]
    Refused {
        /// Which.
        number: u32,
        /// Why.
        error: CommandError,
    },
}

/// Makes the runtime of a simulation: one thread, no sockets, paused time.
///
/// # Errors
///
/// What the operating system says.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_time().start_paused(true).build()
}

/// Plays a plan to its end: until every group has signed or its time is over.
///
/// # Errors
///
/// [`RunError`]; groups that do not sign are no error but an [`Outcome`].
pub fn run(plan: &Plan, progress: impl FnMut(Progress)) -> Result<Outcome, RunError> {
    let runtime = runtime().map_err(RunError::Runtime)?;
    runtime.block_on(play(plan, progress))
}

async fn play(plan: &Plan, mut progress: impl FnMut(Progress)) -> Result<Outcome, RunError> {
    let origin = Instant::now();
    let (told, mut heard) = mpsc::unbounded_channel();
    let mut stage = Stage::open(plan, told).await?;
    while let Some(&(at, _)) = stage.acts.keys().next() {
        tokio::select! {
            biased;
            Some(told) = heard.recv() => stage.hear(&told),
            () = sleep_until(origin + at) => stage.act().await?,
        }
        let done = stage.done();
        progress(Progress { elapsed: stage.net.elapsed(), done, groups: stage.groups.len() });
        if done == stage.groups.len() {
            break;
        }
    }
    Ok(stage.close().await)
}

/// What happens at a given moment.
#[derive(Clone, Copy, Debug)]
enum Act {
    Propose(u32),
    Cut(u32, u32),
    Mend(u32, u32),
    End,
}

/// The nodes and the script.
#[derive(Debug)]
struct Stage<'a> {
    plan: &'a Plan,
    net: Net,
    wallets: Vec<Wallet>,
    ids: Vec<GroupId>,
    groups: Vec<GroupOutcome>,
    tasks: BTreeMap<RequestId, Task>,
    acts: BTreeMap<(Duration, usize), Act>,
    ups: u64,
    downs: u64,
}

impl<'a> Stage<'a> {
    /// Starts the nodes and lets them form their groups.
    async fn open(plan: &'a Plan, told: mpsc::UnboundedSender<Told>) -> Result<Self, RunError> {
        let net = Net::new(plan.links, wallet::derive(plan.seed, "links", 0, 0));
        let mut wallets = Vec::new();
        for number in 0..plan.nodes {
            let started = Wallet::start(&net, plan.seed, number, told.clone()).await;
            wallets.push(started.map_err(|error| RunError::Start { number, error })?);
        }
        let (groups, ids, acts) = (Vec::new(), Vec::new(), script(plan));
        let tasks = BTreeMap::new();
        let mut stage = Self { plan, net, wallets, ids, groups, tasks, acts, ups: 0, downs: 0 };
        for number in 0..plan.nodes {
            stage.form(number).await?;
        }
        Ok(stage)
    }

    async fn form(&mut self, number: u32) -> Result<(), RunError> {
        let numbers = self.plan.members(number);
        let members = self.members(numbers);
        let mut id = None;
        for wallet in numbers.iter().filter_map(|number| self.wallet(*number)) {
            let number = wallet.number;
            let formed = wallet
                .coordinator
                .group(Group {
                    name: "g".to_owned(),
                    members: members.clone(),
                    issued: Default::default(),
                })
                .await;
            id = Some(formed.map_err(|error| RunError::Refused { number, error })?.id);
        }
        self.ids.extend(id);
        self.groups.push(GroupOutcome {
            members: numbers,
            proposed: Duration::ZERO,
            done: [None; GROUP_SIZE],
            trouble: None,
            wrong_at: None,
        });
        Ok(())
    }

    async fn act(&mut self) -> Result<(), RunError> {
        match self.acts.pop_first().map(|(_, act)| act) {
            Some(Act::Propose(group)) => self.propose(group).await?,
            Some(Act::Cut(one, other)) => {
                self.net.cut(wallet::address(one), wallet::address(other));
            }
            Some(Act::Mend(one, other)) => {
                self.net.mend(wallet::address(one), wallet::address(other));
            }
            Some(Act::End) | None => {}
        }
        Ok(())
    }

    async fn propose(&mut self, number: u32) -> Result<(), RunError> {
        let group = number as usize;
        let known = task::psbt_group(&self.members(self.plan.members(number)));
        let proposer = self.wallet(number).zip(self.ids.get(group));
        let Some(((wallet, id), known)) = proposer.zip(known) else { return Ok(()) };
        let digest = wallet::derive(self.plan.seed, "message", number, 0);
        let work = task::work(&known, number, digest);
        let job = SigningJob { mode: self.plan.mode, ..SigningJob::new(*id, work) };
        let asked = wallet::propose(&wallet.coordinator, job).await;
        let asked = asked.map_err(|error| RunError::Refused { number, error })?;
        self.tasks.insert(asked.id, Task::new(group, known, &asked));
        if let Some(outcome) = self.groups.get_mut(group) {
            outcome.proposed = self.net.elapsed();
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is a story, not an outcome")]
    fn hear(&mut self, told: &Told) {
        match &told.event {
            Event::Peer(_, PeerEvent::Up { .. }) => self.ups += 1,
            Event::Peer(_, PeerEvent::Down { .. }) => self.downs += 1,
            Event::Request(request, RequestEvent::Done { outcome }) => {
                self.on_done(told.number, &request.id, outcome);
            }
            Event::Request(
                request,
                RequestEvent::Failed { problem, .. } | RequestEvent::AttemptFailed { problem },
            ) => {
                if let Some(group) = self.group_of(&request.id) {
                    let by = told.number;
                    group.trouble = Some(format!("node {by}: {} {}", problem.code, problem.what));
                }
            }
            _ => {}
        }
    }

    fn on_done(&mut self, number: u32, request: &RequestId, outcome: &SigningOutcome) {
        let at = self.net.elapsed();
        let Some(task) = self.tasks.get_mut(request) else { return };
        let is_right = task.takes(outcome);
        let Some(group) = self.group_of(request) else { return };
        let place = group.members.iter().position(|member| *member == number);
        if let Some(done) = place.and_then(|place| group.done.get_mut(place)) {
            *done = Some(at);
        }
        if !is_right {
            group.wrong_at = Some(number);
        }
    }

    /// Stops every node and returns what came of it all.
    async fn close(self) -> Outcome {
        let mut stopping = JoinSet::new();
        for wallet in self.wallets {
            stopping.spawn(wallet.stop());
        }
        while stopping.join_next().await.is_some() {}
        Outcome {
            groups: self.groups,
            connections: self.ups / 2,
            breaks: self.downs,
            trace: self.net.trace(),
            elapsed: self.net.elapsed(),
        }
    }

    fn done(&self) -> usize {
        self.groups.iter().filter(|group| group.latency().is_some()).count()
    }

    fn wallet(&self, number: u32) -> Option<&Wallet> {
        self.wallets.get(number as usize)
    }

    fn members(&self, numbers: [u32; GROUP_SIZE]) -> Vec<Member> {
        let wallets = numbers.iter().filter_map(|number| self.wallet(*number));
        wallets.map(|wallet| wallet.member.clone()).collect()
    }

    fn group_of(&mut self, request: &RequestId) -> Option<&mut GroupOutcome> {
        self.groups.get_mut(self.tasks.get(request)?.number)
    }
}

/// Returns what happens when.
fn script(plan: &Plan) -> BTreeMap<(Duration, usize), Act> {
    let mut acts: Vec<(Duration, Act)> = Vec::new();
    let mut last = Duration::ZERO;
    // Before what is proposed at the same moment: not even the announcement gets through.
    if !plan.blackout.is_zero() {
        let [one, other, _] = plan.members(plan.nodes / 2);
        let at = plan.proposal_at(plan.nodes / 2);
        acts.push((at, Act::Cut(one, other)));
        acts.push((at + plan.blackout, Act::Mend(one, other)));
    }
    for group in 0..plan.nodes {
        let at = plan.proposal_at(group);
        acts.push((at, Act::Propose(group)));
        last = last.max(at);
    }
    acts.push((last + plan.within, Act::End));
    let acts = acts.into_iter().enumerate();
    acts.map(|(order, (at, act))| ((at, order), act)).collect()
}
