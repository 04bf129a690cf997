//! Who is connected, whom the guards hold back, and our user's word about a node.

use ensign_engine::reputation::Word;
use ensign_primitives::PeerId;
use ensign_review::{GuardReport, NetPeer};
use ensign_transport::Traffic;

use crate::{CommandError, Coordinator, command::Command};

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

    /// Takes our user's word about a node, or takes it back; it beats every score. Groups with a banned node
    /// cannot sign. Returns, once it is durable, what had been said before.
    ///
    /// # Errors
    ///
    /// [`CommandError::OwnNode`], [`CommandError::Words`] when there are too many words,
    /// [`CommandError::Stopped`].
    pub async fn say(
        &self,
        peer: PeerId,
        word: Option<Word>,
    ) -> Result<Option<Word>, CommandError> {
        let before = self.ask(|reply| Command::Say(peer, word, reply)).await??;
        // A look sees what was to be written before it.
        self.look(|_| ()).await?;
        Ok(before)
    }
}
