//! The connections of a socket, each with its bounds.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::bounds::{BUFFER_BYTES_MAX, HEAD_TIMEOUT, STOP_TIMEOUT};
use crate::patient::Patient;
use crate::places::{Activity, Places};
use crate::socket::Socket;

/// Serves until a stop is asked for; answers that are being written then are finished.
pub(crate) async fn serve(socket: Socket, router: Router, mut stop: watch::Receiver<bool>) {
    let mut places = Places::default();
    loop {
        let stream = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            stream = socket.accept() => stream,
        };
        places.make_room().await;
        let (router, stop) = (router.clone(), stop.clone());
        places.start(|client| connection(stream, router, client, stop));
    }
    // Whoever comes now finds nobody.
    drop(socket);
    let _rest = timeout(STOP_TIMEOUT, places.gone()).await;
}

async fn connection(
    stream: UnixStream,
    router: Router,
    client: Arc<Activity>,
    mut stop: watch::Receiver<bool>,
) {
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let busy = client.begin();
        request.extensions_mut().insert(Arc::clone(&client));
        let answer = routes.call(request.map(Body::new));
        async move {
            let answer: Result<_, Infallible> = answer.await;
            drop(busy);
            answer
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.max_buf_size(BUFFER_BYTES_MAX).half_close(false);
    let connection = builder.serve_connection(TokioIo::new(Patient::new(stream)), service);
    let mut connection = std::pin::pin!(connection);
    // A client that goes away is no failure.
    tokio::select! {
        _ended = connection.as_mut() => return,
        () = stopped(&mut stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ended = connection.await;
}

/// Waits for the stop; a server that is gone counts as one.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _gone = stop.wait_for(|is_asked| *is_asked).await;
}
