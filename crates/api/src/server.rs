//! The process that serves a home.

use axum::Router;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connections;
use crate::socket::Socket;

/// A socket that is served; gone when this is dropped.
#[derive(Debug)]
pub struct Server {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) fn start(
        socket: Socket,
        router: impl FnOnce(watch::Receiver<bool>) -> Router,
    ) -> Self {
        let (stop, asked) = watch::channel(false);
        let router = router(asked.clone());
        Self { stop, task: tokio::spawn(connections::serve(socket, router, asked)) }
    }

    /// Ends the streams of events, finishes the answers that are being written, and hangs up.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // A task that is gone has nothing left to finish.
        let _ended = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
