//! Where an attack happens: a node of our own with its partners, or one that runs already.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use ensign_coordinator::{Consent, Coordinator, Event, Group, RequestEvent, SigningJob};
use tempfile::TempDir;

use crate::{
    calibration::writes_per_flush,
    home::{Home, Program},
    honest::Honest,
    line::Door,
    member::Member,
    process::{self, Process},
    victim::Victim,
};

/// The group of the victim and the honest pair.
const HONEST: &str = "honest";
/// The group of the victim and the attacker.
const HOSTILE: &str = "hostile";
/// Everything an attack meets.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) door: Door,
    /// The attacker as a member, where it is one.
    pub(crate) member: Option<Member>,
    /// Its home, and the group it is in.
    pub(crate) attacker: Option<(Home, Group)>,
    /// The process under attack, where it is known.
    pub(crate) process: Option<Process>,
    pub(crate) own: Option<Own>,
}

/// What only a stage of our own has.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) honest: Honest,
    pub(crate) victim: Option<Victim>,
    program: PathBuf,
    home: PathBuf,
    /// Calls that write in one durable batch.
    pub(crate) writes_per_flush: f64,
    /// Removed at the end.
    _folder: TempDir,
}

impl Stage {
    /// Makes homes and groups in a temporary folder, starts the victim, and lets the honest pair
    /// connect.
    ///
    /// # Errors
    ///
    /// Fails if the program does, or if they do not find each other.
    pub(crate) fn set(program: &Path, pace: Duration) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ensign-attack-").tempdir()?;
        let ensign = Program(program.to_owned());
        let [alice, bob, carol, mallory] =
            ["alice", "bob", "carol", "mallory"].map(|name| ensign.init(folder.path(), name));
        let (alice, bob, carol, mallory) = (alice?, bob?, carol?, mallory?);
        alice.form(HONEST, &[&bob, &carol])?;
        alice.form(HOSTILE, &[&mallory])?;
        // A node that runs shows its groups as they form.
        let (friends, group) = (alice.group(HONEST)?, alice.group(HOSTILE)?);
        let victim = Victim::start(program, &alice.path)?;
        let process = Some(Process::new(victim.id()));
        let (peer, below) = (alice.member.peer, folder.path());
        let honest = Honest::start([&bob, &carol], (peer, friends), below, pace)?;
        let door = Door { address: alice.address()?, peer, network: alice.network };
        let own = Own {
            honest,
            victim: Some(victim),
            program: program.to_owned(),
            home: alice.path,
            writes_per_flush: writes_per_flush(below)?,
            _folder: folder,
        };
        let member = Some(Member::of(&mallory, &group)?);
        Ok(Self { door, member, attacker: Some((mallory, group)), process, own: Some(own) })
    }

    /// Takes a node that runs already, of which no more than its address is known.
    ///
    /// # Errors
    ///
    /// Fails if nobody answers there.
    pub(crate) async fn knock(address: std::net::SocketAddr, process: Option<u32>) -> Result<Self> {
        let door = Door::find(address).await?;
        let process = process.map(Process::new);
        Ok(Self { door, member: None, attacker: None, process, own: None })
    }

    /// Takes a node that runs already.
    ///
    /// # Errors
    ///
    /// Fails if the home is in no group with a node at that address.
    pub(crate) fn visit(
        program: &Path,
        door: std::net::SocketAddr,
        home: &Path,
        process: Option<u32>,
    ) -> Result<Self> {
        let home = Program(program.to_owned()).open(home)?;
        for name in home.groups()? {
            let group = home.group(&name)?;
            let victim = group.members.iter().find(|member| member.addresses.contains(&door));
            if let Some(victim) = victim {
                let door = Door { address: door, peer: victim.peer, network: home.network };
                let member = Some(Member::of(&home, &group)?);
                let process = process.map(Process::new);
                return Ok(Self {
                    door,
                    member,
                    attacker: Some((home, group)),
                    process,
                    own: None,
                });
            }
        }
        anyhow::bail!("{} is in no group with a node at {door}", home.path.display())
    }

    /// Ends the victim and starts it again. Returns whether there was one to restart.
    ///
    /// # Errors
    ///
    /// Fails if it does not start again.
    pub(crate) fn restart(&mut self) -> Result<bool> {
        let Some(own) = &mut self.own else { return Ok(false) };
        if let Some(victim) = own.victim.take() {
            victim.stop();
        }
        let victim = Victim::start(&own.program, &own.home)?;
        if let Some(process) = &self.process {
            process.replace(victim.id());
        }
        own.victim = Some(victim);
        Ok(true)
    }

    /// Returns the last words of a victim that has ended by itself.
    pub(crate) fn last_words(&mut self) -> Option<String> {
        let victim = self.own.as_mut()?.victim.as_mut()?;
        let status = victim.ended()?;
        Some(format!("{status}; {}", victim.complaint().unwrap_or_default()))
    }

    /// Returns the bytes in the victim's home.
    pub(crate) fn home_bytes(&self) -> u64 {
        self.own.as_ref().map_or(0, |own| process::bytes_below(&own.home))
    }
}

impl Stage {
    /// Lets the attacker sign a bare message with the victim, as honest members do.
    ///
    /// Returns the name of the first attempt.
    ///
    /// # Errors
    ///
    /// Fails if they come to no signature.
    pub(crate) async fn sign_once(&self) -> Result<ensign_primitives::SessionId> {
        let (home, group) = self.attacker.as_ref().context("no keys of a member")?;
        let folder = tempfile::tempdir()?;
        let builder = Coordinator::builder(home.network, home.keys()?, folder.path().to_owned());
        let listen = (std::net::Ipv4Addr::LOCALHOST, 0).into();
        let (coordinator, mut events) = builder.new_keys().listen(listen).start().await?;
        let id = coordinator.group(group.clone()).await?.id;
        let work = ensign_coordinator::Work::Messages(vec![crate::line::random()?]);
        let job = SigningJob::new(id, work);
        let preview = coordinator.preview(&job).await?;
        let asked = coordinator.propose(job, Consent::person(preview.digest)).await?;
        loop {
            let event = events.next().await.context("the coordinator has stopped")?;
            // The victim tells that it has them: nothing is owed any more.
            if matches!(&event, Event::Request(request, RequestEvent::PeerDone { .. }) if request.id == asked.id)
            {
                break;
            }
            if let Event::Request(_, RequestEvent::Failed { problem, .. }) = event {
                anyhow::bail!("no signature: {problem:?}");
            }
        }
        coordinator.shutdown().await;
        let request = &asked.request.request;
        Ok(ensign_wire::SigningRequest::session_id(asked.id, request.network, 1))
    }
}
