//! What one frame of signing costs does not grow with connections that are idle and requests that wait:
//! the deterministic twin of the example `one_frame`, whose instructions are in `docs/measured.md`.

#![expect(clippy::indexing_slicing, reason = "the people of the scene are there")]

use ensign_engine::{PEERS_MAX, signing::REQUESTS_MAX};
use ensign_primitives::visits;

#[path = "../examples/one_frame/scene.rs"]
mod scene;

/// How many connections, members and requests are walked over for one frame.
fn visited(links: usize, requests: usize) -> usize {
    let mut scene = scene::Scene::new(links, requests);
    let before = visits();
    assert!(scene.hear_one_frame() > 0, "the frame was not heard");
    visits() - before
}

#[test]
fn frame_for_one_request_walks_over_no_other() {
    let (few, many) = (visited(3, 1), visited(PEERS_MAX, REQUESTS_MAX));
    assert!(many <= few, "{few} of 3 connections and 1 request, {many} of as many as there may be");
}
