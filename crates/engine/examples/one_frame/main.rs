//! What one frame of signing costs, however many connections are idle and requests are open.
//!
//! `valgrind --tool=callgrind --toggle-collect='*hear_one_frame*' one_frame <links> <requests>` counts
//! instructions. `one_frame session` signs once with three instead, for `--toggle-collect='*Together*sign*'`: what the
//! guards take of it is the inclusive share of their functions.

#![expect(clippy::indexing_slicing, reason = "the people of the scene are there")]

mod scene;

fn main() {
    if std::env::args().nth(1).is_some_and(|word| word == "session") {
        let signed = scene::Together::new().sign();
        assert!(signed.done == 3, "{signed:?}");
        return;
    }
    let mut numbers = std::env::args().skip(1).map(|word| word.parse().expect("a number"));
    let (links, requests) = (numbers.next().unwrap_or(3), numbers.next().unwrap_or(1));
    let mut scene = scene::Scene::new(links, requests);
    let outputs = scene.hear_one_frame();
    assert!(outputs > 0, "the frame was not heard");
}
