//! Three nodes of one group, each on a machine of its own.

use std::time::Duration;

use ensign_coordinator::{CommandError, Group, Member, SigningJob, StartError};
use ensign_primitives::{GroupId, RequestId};
use tokio::sync::mpsc;

use super::{CrashPlan, Point};
use crate::{
    Machine, Net, RunError, Stopped, Told, Wallet,
    task::{self, Task},
    wallet,
};

/// The nodes, those that are away included.
pub(super) struct Cast {
    pub(super) net: Net,
    pub(super) machines: Vec<Machine>,
    pub(super) wallets: Vec<Option<Wallet>>,
    seed: u64,
    members: Vec<Member>,
    group: GroupId,
    told: mpsc::UnboundedSender<Told>,
}

impl Cast {
    pub(super) async fn begin(
        plan: &CrashPlan,
        told: mpsc::UnboundedSender<Told>,
    ) -> Result<Self, RunError> {
        let seed = plan.seed;
        let net = Net::new(plan.links, wallet::derive(seed, "links", 0, 0));
        let machines: Vec<Machine> = (0..3).map(|number| Machine::new(seed, number)).collect();
        let mut wallets = Vec::new();
        for (number, machine) in (0..).zip(&machines) {
            let started = Wallet::start_on(&net, seed, machine, told.clone()).await;
            wallets.push(started.map_err(|error| RunError::Start { number, error })?);
        }
        let members: Vec<Member> = wallets.iter().map(|wallet| wallet.member.clone()).collect();
        let wallets = wallets.into_iter().map(Some).collect();
        let group = GroupId::from_bytes([0; 32]);
        let mut cast = Self { net, machines, wallets, seed, members, group, told };
        for number in 0..3 {
            cast.join(number).await.map_err(|error| RunError::Refused { number, error })?;
        }
        Ok(cast)
    }

    async fn join(&mut self, number: u32) -> Result<(), CommandError> {
        let Some(Some(wallet)) = self.wallets.get(number as usize) else { return Ok(()) };
        let members = self.members.clone();
        let group = Group { name: "g".to_owned(), members, issued: Default::default() };
        self.group = wallet.coordinator.group(group).await?.id;
        Ok(())
    }

    /// Lets the first node ask; `None` when its machine failed meanwhile.
    pub(super) async fn propose(&self, point: &Point) -> Option<(RequestId, Task)> {
        let known = task::psbt_group(&self.members)?;
        let work = task::work(&known, point.is_psbt.into(), [7; 32]);
        let job = SigningJob { mode: point.mode, ..SigningJob::new(self.group, work) };
        let wallet = self.wallets.first()?.as_ref()?;
        let asked = wallet::propose(&wallet.coordinator, job).await.ok()?;
        Some((asked.id, Task::new(0, known, &asked)))
    }

    /// Whether a node's store knows a request.
    pub(super) async fn knows(&self, number: u32, request: RequestId) -> bool {
        let Some(Some(wallet)) = self.wallets.get(number as usize) else { return false };
        let entries = wallet.coordinator.requests().await;
        entries.is_ok_and(|entries| entries.iter().any(|entry| entry.id == request))
    }

    /// Whether a node has stopped, by whatever cause.
    pub(super) fn is_down(&self, number: u32) -> bool {
        let wallet = self.wallets.get(number as usize).and_then(Option::as_ref);
        let is_off = self.machines.get(number as usize).is_some_and(Machine::is_off);
        is_off || wallet.is_none_or(Wallet::has_ended)
    }

    pub(super) fn abandon(&mut self, number: u32) -> Option<Stopped> {
        self.wallets.get_mut(number as usize)?.take().map(Wallet::abandon)
    }

    /// Starts a node again and lets it join its group.
    pub(super) async fn restart(
        &mut self,
        number: u32,
        stopped: Stopped,
    ) -> Result<(), StartError> {
        let wallet = stopped.start(&self.net, self.seed, self.told.clone()).await?;
        if let Some(place) = self.wallets.get_mut(number as usize) {
            *place = Some(wallet);
        }
        // A node that stops at once is found out by its silence.
        let _ = self.join(number).await;
        Ok(())
    }

    /// Returns how long a node stays away: one to three seconds.
    pub(super) fn absence(&self, point: &Point) -> Duration {
        let step = point.step.unwrap_or(0);
        let [first, second, ..] = wallet::derive(self.seed, "absence", point.signer, step);
        Duration::from_millis(1_000 + u64::from(u16::from_le_bytes([first, second])) % 2_000)
    }
}
