//! Clients that send too much, read nothing, or come in hundreds.

use super::*;

#[tokio::test]
async fn a_body_of_a_gibibyte_is_refused_before_it_is_read() {
    let toy = Toy::start(1);
    let text = b"POST /v1/echo HTTP/1.1\r\nHost: ensign\r\nContent-Length: 1073741824\r\n\r\n{";
    let (status, problem) = toy.say(text).await;
    assert_eq!((status, &problem["code"]), (413, &json!("E-API-002")));
    let text = b"POST /v1/echo HTTP/1.1\r\nHost: ensign\r\nContent-Length: 99999999999999999999999\r\n\r\n{";
    let (status, _) = toy.say(text).await;
    assert!(status == 400 || status == 413, "{status}");
}

#[tokio::test]
async fn a_body_in_pieces_without_an_end_is_refused_at_the_bound() {
    let toy = Toy::start(1);
    let mut stream = toy.connect().await;
    let head = b"POST /v1/echo HTTP/1.1\r\nHost: ensign\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let piece = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
    let mut sent = 0;
    while sent < 2 * BODY_BYTES_MAX && stream.write_all(&piece).await.is_ok() {
        sent += 0x10000;
        if sent > BODY_BYTES_MAX {
            break;
        }
    }
    let (status, problem) = answer(&mut stream).await;
    assert_eq!((status, &problem["code"]), (413, &json!("E-API-002")));
}

#[tokio::test]
async fn a_head_without_an_end_is_refused_at_the_bound() {
    let toy = Toy::start(1);
    let long = "x".repeat(64 << 10);
    let text = format!("GET /v1/{long} HTTP/1.1\r\nHost: ensign\r\n\r\n");
    let (status, _) = toy.say(text.as_bytes()).await;
    assert!(status == 414 || status == 431, "{status}");
    let text = format!("GET /v1/small HTTP/1.1\r\nHost: ensign\r\nX: {long}\r\n\r\n");
    assert_eq!(toy.say(text.as_bytes()).await.0, 431);
    let many: String = (0..200).map(|n| format!("X{n}: y\r\n")).collect();
    let text = format!("GET /v1/small HTTP/1.1\r\nHost: ensign\r\n{many}\r\n");
    assert_eq!(toy.say(text.as_bytes()).await.0, 431);
}

#[tokio::test]
async fn two_hundred_clients_that_say_nothing_keep_nobody_out() {
    let toy = Toy::start(1);
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(toy.connect().await);
        // Whoever comes is answered, and none of them waits for the silent ones.
        assert_eq!(toy.client().bytes("/v1/small").await.unwrap(), b"small");
    }
    // The first ones had to go.
    let mut gone = [0; 1];
    let read = timeout(PATIENCE, silent[0].read(&mut gone)).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test]
async fn clients_that_do_not_read_cost_a_bounded_number_of_answers() {
    let toy = Toy::start(1);
    let ask = b"GET /v1/large HTTP/1.1\r\nHost: ensign\r\n\r\n";
    let mut deaf = Vec::new();
    for _ in 0..CLIENTS_MAX / 2 {
        let mut stream = toy.connect().await;
        stream.write_all(ask).await.unwrap();
        deaf.push(stream);
    }
    // Some of them hold a large answer, the rest were refused in words; small ones go on.
    assert_eq!(toy.client().bytes("/v1/small").await.unwrap(), b"small");
    let mut refused = 0;
    for stream in &mut deaf {
        let mut head = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut head)).await.unwrap().unwrap();
        refused += usize::from(&head == b"HTTP/1.1 503");
    }
    assert_eq!(refused, CLIENTS_MAX / 2 - crate::bounds::LARGE_MAX);
    // The place of one that has read is free again.
    drop(deaf);
    let again = async { while toy.client().bytes("/v1/large").await.is_err() {} };
    timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn regression_a_client_that_never_reads_is_hung_up_on() {
    let toy = Toy::start(1);
    let mut stream = toy.connect().await;
    stream.write_all(b"GET /v1/large HTTP/1.1\r\nHost: ensign\r\n\r\n").await.unwrap();
    // Time is virtual and goes on when nothing else can: the answer, larger than what the system
    // buffers, fails after its time.
    let late = tokio::time::Instant::now() + crate::bounds::WRITE_TIMEOUT * 3;
    tokio::time::sleep_until(late).await;
    let mut seen = Vec::new();
    let _ = stream.read_to_end(&mut seen).await;
    assert!(seen.len() < 1 << 20, "{}", seen.len());
}
