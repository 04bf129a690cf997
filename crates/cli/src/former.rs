//! Groups that have formed: each is written into the home and joined, before anybody is told of it.

use std::net::SocketAddr;
use std::sync::Arc;

use ensign_api::Service;
use ensign_coordinator::forming::Happened;
use ensign_coordinator::{Certificate, Coordinator, Event, Events};
use serde_json::json;
use tokio::sync::mpsc;

use crate::failure::Result;
use crate::group::SignerGroup;
use crate::home::Home;
use crate::household::{News, join};
use crate::node::command_failure;
use crate::output::Output;

/// Keeps groups as they form, until the node ends.
#[derive(Debug)]
pub(crate) struct Former {
    pub(crate) home: Home,
    pub(crate) coordinator: Coordinator,
    pub(crate) service: Arc<Service>,
    pub(crate) news: mpsc::Sender<News>,
    pub(crate) output: Output,
}

impl Former {
    /// Keeps what was whole before the last stop and is not in the home: a crash came between.
    ///
    /// # Errors
    ///
    /// What keeps the home from being read.
    pub(crate) async fn catch_up(&self) -> Result<()> {
        let formations = self.coordinator.formations().await;
        let (_, certificates) = formations.map_err(|error| command_failure(&error))?;
        for certificate in certificates {
            if self.home.has_forgotten(&certificate)? {
                // Forgotten while no node ran.
                let name = certificate.roster.name.clone();
                let gone = self.coordinator.forget_certificate(name).await;
                gone.map_err(|error| command_failure(&error))?;
            } else if !self.home.has_certified(&certificate)? {
                self.keep(&certificate, &[]).await;
            }
        }
        Ok(())
    }

    /// Keeps each group that forms from now on.
    pub(crate) async fn follow(self, mut events: Events) {
        while let Some(event) = events.next().await {
            let Event::Formation(event) = event else { continue };
            if let Happened::Formed { certificate, addresses } = &event.what {
                self.keep(certificate, addresses).await;
            }
        }
    }

    async fn keep(&self, certificate: &Certificate, addresses: &[Vec<SocketAddr>]) {
        match self.kept(certificate, addresses).await {
            Ok(group) => {
                let event = json!({
                    "event": "group_kept",
                    "formation": certificate.roster.name,
                    "group": group.name,
                    "group_id": group.id().to_string(),
                });
                self.service.tell(&event);
                if let Ok(groups) = self.home.groups() {
                    // A command that follows its own group does not listen.
                    let _told = self.news.try_send(News::Groups(groups));
                }
            }
            Err(failure) => self.output.warning(&failure),
        }
    }

    async fn kept(
        &self,
        certificate: &Certificate,
        addresses: &[Vec<SocketAddr>],
    ) -> Result<SignerGroup> {
        let before = self.home.groups()?;
        let group = self.home.keep_certified(certificate, addresses)?;
        let nodes =
            |it: &SignerGroup| it.members.iter().map(|member| member.peer).collect::<Vec<_>>();
        if before.iter().any(|it| it.id() == group.id() && nodes(it) != nodes(&group)) {
            // It is joined anew, with the nodes that all have confirmed.
            let left = self.coordinator.forget_group(group.id()).await;
            left.map_err(|error| command_failure(&error))?;
        }
        join(&self.coordinator, std::slice::from_ref(&group)).await?;
        self.service.refresh().await.map_err(|error| command_failure(&error))?;
        Ok(group)
    }
}
