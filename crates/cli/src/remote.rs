//! A node that runs in another process, asked over the home's socket.

use std::future::Future;
use std::path::Path;

use ensign_api::{Client, ClientError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::Home;
use crate::kept::is_absent;
use crate::words::foreign;

/// The node, for a command that waits for each answer.
#[derive(Debug)]
pub(crate) struct Remote {
    client: Client,
    runtime: Runtime,
}

impl Remote {
    /// Finds the node of a home, if one runs.
    ///
    /// # Errors
    ///
    /// [`code::CONTROL`] when there is a socket that we may not use.
    pub(crate) fn find(home: &Home) -> Result<Option<Self>> {
        Self::at(home.path())
    }

    /// Returns the node that serves the home in a folder, whatever its settings say by now.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub(crate) fn at(folder: &Path) -> Result<Option<Self>> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            Failure::new(&code::INTERNAL, format!("no asynchronous runtime: {error}"))
        })?;
        let client = Client::new(folder);
        match runtime.block_on(client.find()) {
            Ok(()) => Ok(Some(Self { client, runtime })),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(client_failure(error)),
        }
    }

    /// Returns the client, for what is asked while something else goes on.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for something that the client does.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Asks for something.
    ///
    /// # Errors
    ///
    /// What the node refuses, [`code::CONTROL`].
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.wait(self.client.get(path)).map_err(client_failure)
    }

    /// Asks for a file.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub(crate) fn bytes(&self, path: &str) -> Result<Vec<u8>> {
        self.wait(self.client.bytes(path)).map_err(client_failure)
    }

    /// Has something done.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.wait(self.client.post(path, body)).map_err(client_failure)
    }

    /// Has something changed.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub(crate) fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        self.wait(self.client.patch(path, body)).map_err(client_failure)
    }

    /// Has something removed.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub(crate) fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.wait(self.client.delete(path)).map_err(client_failure)
    }
}

/// Words what the node refuses as it would be worded here.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others are worded alike")]
pub(crate) fn client_failure(error: ClientError) -> Failure {
    match error {
        ClientError::Refused(problem) => {
            let entry = code::find(&problem.code).unwrap_or(&code::CONTROL);
            let failure = Failure::new(entry, foreign(&problem.what));
            let failure = failure.who(problem.who.iter().map(|who| foreign(who)));
            match problem.advice.as_str() {
                advice if advice == entry.hint => failure,
                advice => failure.hint(foreign(advice)),
            }
        }
        error => Failure::new(&code::CONTROL, foreign(&error.to_string())),
    }
}
