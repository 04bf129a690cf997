//! The numbers of `docs/protocol/transport.md` are those of the code.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, time::Duration};

use ensign_engine as engine;
use ensign_transport as transport;

#[test]
fn numbers_in_the_page_of_the_transport_are_those_of_the_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/transport.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = page.split("```text numbers\n").nth(1).unwrap().split("```").next().unwrap();
    let said =
        block.lines().map(|line| line.trim_start().split(' ').next().unwrap().parse().unwrap());
    let millis = |time: Duration| time.as_millis() as usize;
    let numbers = [
        transport::HANDSHAKES_MAX,
        transport::HANDSHAKES_PER_IP_MAX,
        transport::HANDSHAKES_BEFORE_RETRY_MAX,
        transport::LINKS_MAX,
        engine::PEERS_MAX,
        engine::STRANGERS_MAX,
        millis(transport::HANDSHAKE_TIMEOUT),
        millis(transport::HANDSHAKE_GRACE),
        millis(engine::HELLO_TIMEOUT),
        millis(transport::ADMISSION_TIMEOUT),
        millis(engine::STRANGER_TIME),
        millis(transport::IDLE_TIMEOUT),
        millis(transport::KEEP_ALIVE_INTERVAL),
        millis(engine::peers::BACKOFF_MIN),
        millis(engine::peers::BACKOFF_MAX),
        millis(transport::FLUSH_TIMEOUT),
        transport::STRANGER_QUEUE_BYTES_MAX,
        transport::SIGNING_QUEUE_BYTES_MAX,
        transport::CONTROL_QUEUE_BYTES_MAX,
        transport::BULK_QUEUE_BYTES_MAX,
        transport::STRANGER_FRAMES_MAX as usize,
        engine::PINGS_ALLOWED.burst as usize,
        engine::PINGS_ALLOWED.per_minute as usize,
    ];
    assert_eq!(said.collect::<Vec<usize>>(), numbers);
}
