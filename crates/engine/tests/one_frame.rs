//! What one frame of signing costs does not grow with connections that are idle and requests that wait:
//! the deterministic twin of the example `one_frame`, whose instructions are in `docs/measured.md`.

#![expect(clippy::indexing_slicing, reason = "the people of the scene are there")]

use ensign_engine::{PEERS_MAX, signing::REQUESTS_MAX};
use ensign_primitives::visits;

#[path = "../examples/one_frame/scene.rs"]
mod scene;

/// How many entries of anything are walked over for one frame of a session of three, on average, at most.
const WALKED_MAX: usize = 16;

/// How many connections, members and requests are walked over for one frame.
fn visited(links: usize, requests: usize) -> usize {
    let mut scene = scene::Scene::new(links, requests);
    let before = visits();
    assert!(scene.hear_one_frame() > 0, "the frame was not heard");
    visits() - before
}

#[test]
fn session_of_three_asks_the_guards_about_each_frame_and_they_have_nothing_to_say() {
    let mut together = scene::Together::new();
    let before = visits();
    let signed = together.sign();
    let walked = visits() - before;
    assert_eq!((signed.done, signed.offenses, signed.noted), (3, 0, 0), "{signed:?}");
    assert!(walked <= WALKED_MAX * signed.frames, "{walked} for {} frames", signed.frames);
}

#[test]
fn frame_for_one_request_walks_over_no_other() {
    let (few, many) = (visited(3, 1), visited(PEERS_MAX, REQUESTS_MAX));
    assert!(many <= few, "{few} of 3 connections and 1 request, {many} of as many as there may be");
}
