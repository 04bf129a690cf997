//! Who is connected, whom the guards hold back, and our user's word about a node.

use ensign_engine::{Engine, reputation::Word};
use ensign_primitives::{GroupId, Now, PeerId};
use ensign_review::{GuardReport, NetPeer};
use ensign_transport::Traffic;

use crate::{
    CommandError, Coordinator,
    command::{Command, Form},
};

impl Coordinator {
    /// Returns what the guards do: whom they hold back, since when and why, and what it costs.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn guard(&self) -> Result<GuardReport, CommandError> {
        self.ask(Command::Guard).await
    }

    /// Returns every connection, strangers' too, with how it fares; `None` where it has just ended.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn net_peers(&self) -> Result<Vec<(NetPeer, Option<Traffic>)>, CommandError> {
        self.ask(Command::NetPeers).await
    }

    /// Takes our user's word about a node, or takes it back; it beats every score. Returns, once it is
    /// durable, which groups cannot sign while the node is banned.
    ///
    /// # Errors
    ///
    /// [`CommandError::Words`] when there are too many words, [`CommandError::Stopped`].
    pub async fn say(
        &self,
        peer: PeerId,
        word: Option<Word>,
    ) -> Result<Vec<GroupId>, CommandError> {
        let said = self.of_engine(move |engine, now| engine.say(now, peer, word)).await?;
        let groups = said.map_err(CommandError::Words)?;
        // A look sees what was to be written before it.
        self.look(|_| ()).await?;
        Ok(groups)
    }

    async fn of_engine<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Engine, Now) -> T + Send + 'static,
    ) -> Result<T, CommandError> {
        self.ask(|reply| {
            Command::Form(Form(Box::new(move |engine, now, _| drop(reply.send(ask(engine, now))))))
        })
        .await
    }
}
