//! Who is answered at all: our own clients, and no browser.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{HOST, ORIGIN};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::problem::{FOREIGN, Problem};

/// The hosts that a client may take us for. Exact: a beginning of one is another's name.
const HOSTS: [&[u8]; 2] = [b"ensign", b"localhost"];

/// Refuses what a web page could send, whichever way it reached the socket.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site") {
        let what = "a web page asked; browsers are never answered here";
        return Problem::new(StatusCode::FORBIDDEN, &FOREIGN, what).into_response();
    }
    let mut hosts = headers.get_all(HOST).iter();
    let is_ours = hosts.next().is_some_and(|host| HOSTS.contains(&host.as_bytes()));
    if !is_ours || hosts.next().is_some() {
        let what = "the request names another host than `ensign`";
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, &FOREIGN, what).into_response();
    }
    next.run(request).await
}
