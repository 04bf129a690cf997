//! Groups that form: what the application asks. It is told by [`Event::Formation`](crate::Event::Formation).

use std::net::SocketAddr;

use ensign_engine::formation::{
    Certificate, CommandError as Refused, Fingerprint, Formation, Invitation, NewMember, Roster,
    View,
};
use ensign_primitives::Now;

use crate::{
    CommandError, Coordinator,
    command::{Command, Form},
};

/// Commands that the child which forms groups carries out.
macro_rules! commands {
    ($($(#[doc = $about:literal])* $name:ident($($arg:ident: $type:ty),*) -> $result:ty
        = |$it:ident, $now:ident, $entropy:ident| $act:expr;)*) => {$(
        $(#[doc = $about])*
        ///
        /// # Errors
        ///
        /// [`CommandError::Formation`] says why nothing was done; [`CommandError::Stopped`].
        pub async fn $name(&self, $($arg: $type),*) -> Result<$result, CommandError> {
            self.form_with(move |$it, $now, $entropy| $act).await
        }
    )*};
}

impl Coordinator {
    commands! {
        /// Invites others into a new group of `size` members; the code of what is returned is for them.
        invite(group: String, size: u8, us: NewMember) -> Invitation = |it, now, entropy| {
            let (own, addresses) = us.candidate();
            it.invite(now, (&group, size), own, addresses, entropy)
        };
        /// Takes a seat in a group that somebody invites to; `at`: the addresses of the code, host names
        /// looked up.
        join(code: Invitation, us: NewMember, at: Vec<SocketAddr>) -> () = |it, now, entropy| {
            it.join(now, code, us.candidate().0, at, entropy)
        };
        /// Forms a group whose members' codes everybody has pasted, or confirms one that has no certificate;
        /// `addresses`: of each member, in the roster's order.
        form(roster: Roster, addresses: Vec<Vec<SocketAddr>>) -> () = |it, now, entropy| {
            it.form(now, roster, addresses, entropy)
        };
        /// Confirms a fingerprint that our user has compared with all others.
        confirm(group: String, fingerprint: Fingerprint) -> () = |it, now, _entropy| {
            it.confirm(now, &group, &fingerprint)
        };
        /// Gives up a group that our user has not confirmed.
        refuse(group: String) -> () = |it, now, _entropy| it.refuse(now, &group);
        /// Forgets a group that forms, or the certificate of one that did.
        forget_certificate(group: String) -> () = |it, _now, _entropy| it.forget_certificate(&group);
        /// Returns every group that forms, and the certificate of every one that did.
        formations() -> (Vec<View>, Vec<Certificate>) = |it, _now, _entropy| {
            Ok((it.views().collect(), it.certificates().cloned().collect()))
        };
    }

    async fn form_with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Formation, Now, [u8; 32]) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, CommandError> {
        self.ask(|reply| {
            Command::Form(Form(Box::new(move |engine, now, entropy| {
                let act = |entropy| engine.form(now, |it| act(it, now, entropy));
                let done = entropy.map_err(CommandError::from).map(act);
                // A caller that no longer waits has dropped its future.
                drop(reply.send(done.and_then(|it| it.map_err(CommandError::Formation))));
            })))
        })
        .await?
    }
}
