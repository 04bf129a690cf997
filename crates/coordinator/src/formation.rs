//! Groups that form: what the application asks, and what it is told.

use std::net::SocketAddr;

use ensign_engine::{
    Engine,
    formation::{
        Candidate, Certificate, CommandError as Refused, Fingerprint, Invitation, Roster,
        RosterMember, View,
    },
    peers::contact::Address,
};
use ensign_identity::{DelegationProof, SignerKey};
use ensign_primitives::{Now, PeerId};
use tokio::sync::oneshot;

use crate::{
    CommandError, Coordinator,
    command::{Command, Form},
};

/// Us, as we enter a group that forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMember {
    /// The key that we bring.
    pub signer: SignerKey,
    /// Our node.
    pub peer: PeerId,
    /// That the key lets the node speak.
    pub delegation: DelegationProof,
    /// What we call ourselves.
    pub name: String,
    /// Where the others may dial us.
    pub addresses: Vec<Address>,
}

impl NewMember {
    /// Host names stand in codes only: whoever reads them looks them up.
    fn candidate(self) -> (Candidate, Vec<Address>) {
        let Self { signer, peer, delegation, name, addresses } = self;
        let numbers = addresses.iter().filter_map(Address::ip).collect();
        let member = RosterMember { signer, peer, delegation, name };
        (Candidate { member, addresses: numbers }, addresses)
    }
}

impl Coordinator {
    /// Invites others into a new group of `size` members; the code of what is returned is for them. Events
    /// tell who takes a seat ([`Event::Formation`](crate::Event::Formation)).
    ///
    /// # Errors
    ///
    /// [`CommandError::Formation`].
    pub async fn invite(
        &self,
        group: String,
        size: u8,
        us: NewMember,
    ) -> Result<Invitation, CommandError> {
        self.form_with(move |engine, now, entropy| {
            let (own, addresses) = us.candidate();
            engine.invite(now, (&group, size), own, addresses, entropy)
        })
        .await
    }

    /// Takes a seat in a group that somebody invites to.
    ///
    /// - `at`: where the node that invites is dialled: what its code says, host names looked up.
    ///
    /// # Errors
    ///
    /// [`CommandError::Formation`].
    pub async fn join(
        &self,
        invitation: Invitation,
        us: NewMember,
        at: Vec<SocketAddr>,
    ) -> Result<(), CommandError> {
        self.form_with(move |engine, now, entropy| {
            engine.join(now, invitation, us.candidate().0, at, entropy)
        })
        .await
    }

    /// Forms a group whose members' codes everybody has pasted, or confirms one that has no certificate.
    ///
    /// - `addresses`: of each member, in the roster's order.
    ///
    /// # Errors
    ///
    /// [`CommandError::Formation`].
    pub async fn form(
        &self,
        roster: Roster,
        addresses: Vec<Vec<SocketAddr>>,
    ) -> Result<(), CommandError> {
        self.form_with(move |engine, now, entropy| engine.form(now, roster, addresses, entropy))
            .await
    }

    /// Confirms a fingerprint that our user has compared with all others.
    ///
    /// # Errors
    ///
    /// [`CommandError::Formation`], also for another fingerprint.
    pub async fn confirm(
        &self,
        group: String,
        fingerprint: Fingerprint,
    ) -> Result<(), CommandError> {
        self.form_with(move |engine, now, _| engine.confirm(now, &group, &fingerprint)).await
    }

    /// Gives up a group that our user has not confirmed.
    ///
    /// # Errors
    ///
    /// [`CommandError::Formation`], also once it is confirmed.
    pub async fn refuse(&self, group: String) -> Result<(), CommandError> {
        self.form_with(move |engine, now, _| engine.refuse(now, &group)).await
    }

    /// Forgets a group that forms, or the certificate of one that did.
    ///
    /// # Errors
    ///
    /// [`CommandError::Formation`].
    pub async fn forget_certificate(&self, group: String) -> Result<(), CommandError> {
        self.form_with(move |engine, now, _| engine.forget_certificate(now, &group)).await
    }

    /// Returns every group that forms, and the certificate of every one that did.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn formations(&self) -> Result<(Vec<View>, Vec<Certificate>), CommandError> {
        self.form_with(|engine, _, _| {
            let formation = engine.formation();
            Ok((formation.views().collect(), formation.certificates().cloned().collect()))
        })
        .await
    }

    async fn form_with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Engine, Now, [u8; 32]) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, CommandError> {
        self.ask(|reply: oneshot::Sender<Result<T, CommandError>>| {
            Command::Form(Form(Box::new(move |engine, now, entropy| {
                let acted = entropy
                    .map_err(CommandError::from)
                    .and_then(|entropy| act(engine, now, entropy).map_err(CommandError::Formation));
                // A caller that no longer waits has dropped its future.
                drop(reply.send(acted));
            })))
        })
        .await?
    }
}
