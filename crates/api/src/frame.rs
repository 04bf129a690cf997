//! What is the same for all routes: who is answered, and what is said of a route that is none.

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware;

use crate::guard::guard;
use crate::problem::Problem;

/// Most characters of a route that a refusal repeats.
const SHOWN_CHARS_MAX: usize = 80;

/// Refuses foreign clients, unknown routes and wrong methods.
///
/// - `paths`: every route there is, for a hint.
pub(crate) fn framed(routes: Router, paths: &'static [&'static str]) -> Router {
    let unknown = move |uri: Uri| async move { unknown(uri.path(), paths) };
    routes
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown)
        .layer(middleware::from_fn(guard))
}

fn unknown(path: &str, paths: &[&str]) -> Problem {
    let problem =
        Problem::misunderstood(StatusCode::NOT_FOUND, format!("there is no {}", shown(path)));
    match nearest(path, paths) {
        Some(near) => {
            problem.advice(format!("did you mean {near}? docs/operate/api.md lists the routes"))
        }
        None => problem,
    }
}

async fn wrong_method(method: Method, request: Request) -> Problem {
    let what = format!("{method} is not for {}", shown(request.uri().path()));
    let problem = Problem::misunderstood(StatusCode::METHOD_NOT_ALLOWED, what);
    problem
        .advice("look the method up in docs/operate/api.md; what decides or changes is never a GET")
}

fn nearest<'a>(path: &str, paths: &[&'a str]) -> Option<&'a str> {
    let path: String = path.chars().take(SHOWN_CHARS_MAX).collect();
    let distance = |known: &&&str| {
        // What stands for a name in braces is as the client has it.
        let named = known.split('/').zip(path.split('/'));
        let named: Vec<_> =
            named.map(|(known, seen)| if known.starts_with('{') { seen } else { known }).collect();
        let rest = known.split('/').skip(named.len());
        let whole: Vec<_> = named.iter().copied().chain(rest).collect();
        strsim::damerau_levenshtein(&path, &whole.join("/"))
    };
    let nearest = paths.iter().map(|known| (distance(&known), *known)).min()?;
    (nearest.0 <= NEAR_MAX).then_some(nearest.1)
}

/// Most letters between a route and what is taken for it.
const NEAR_MAX: usize = 4;

/// A piece of the client's own text, without control characters.
fn shown(path: &str) -> String {
    let clean = |c: char| if c.is_control() { '?' } else { c };
    path.chars().take(SHOWN_CHARS_MAX).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: &[&str] =
        &["/v1/status", "/v1/requests", "/v1/requests/{id}", "/v1/requests/{id}/approve"];

    #[test]
    fn mistyped_route_is_told_the_one_that_was_meant() {
        assert_eq!(nearest("/v1/stauts", PATHS), Some("/v1/status"));
        assert_eq!(nearest("/status", PATHS), Some("/v1/status"));
        assert_eq!(nearest("/v1/request", PATHS), Some("/v1/requests"));
        assert_eq!(nearest("/v1/requests/ab12/aprove", PATHS), Some("/v1/requests/{id}/approve"));
        assert_eq!(nearest("/favicon.ico", PATHS), None);
        assert_eq!(nearest(&"/x".repeat(100_000), PATHS), None);
    }
}
