//! Mutually authenticated handshakes a second, many in flight, both ends in this process.

use ensign_transport::{CloseCode, TransportEvent};
use quinn::{Endpoint, VarInt};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{ours::Node, print_rates, raw};

/// Clients, each with one handshake in flight.
const LANES: u16 = 16;

pub(crate) async fn print(rounds: usize, handshakes: usize) {
    let each = (handshakes / usize::from(LANES)).max(1);
    let mut server = Node::start(u16::MAX).await;
    let mut clients = Vec::new();
    for number in 0..LANES {
        clients.push(Node::start(number).await);
    }
    let raw_server = raw::endpoint();
    let raw_clients: Vec<Endpoint> = (0..LANES).map(|_| raw::endpoint()).collect();
    let (mut ours, mut raws) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(our_round(&mut server, &mut clients, each).await);
        raws.push(raw_round(&raw_server, &raw_clients, each).await);
    }
    print_rates("handshakes, mutual", ours, raws, 0.8);
}

/// Counts what the server reports, so that its half of the proof is in the time.
async fn our_round(server: &mut Node, clients: &mut Vec<Node>, each: usize) -> f64 {
    let total = each * clients.len();
    let (id, addr) = (server.id, server.transport.local_addr());
    let start = Instant::now();
    let mut lanes = JoinSet::new();
    for mut client in clients.drain(..) {
        lanes.spawn(async move {
            for _ in 0..each {
                client.transport.dial(id, addr);
                let link = client.connected().await;
                client.transport.disconnect(link, CloseCode::Unwanted);
                client.disconnected().await;
            }
            client
        });
    }
    let mut seen = 0;
    while seen < total {
        let event = server.events.recv().await.unwrap();
        seen += usize::from(matches!(event, TransportEvent::Up { .. }));
    }
    let rate = total as f64 / start.elapsed().as_secs_f64();
    while let Some(client) = lanes.join_next().await {
        clients.push(client.unwrap());
    }
    rate
}

async fn raw_round(server: &Endpoint, clients: &[Endpoint], each: usize) -> f64 {
    let total = each * clients.len();
    let addr = server.local_addr().unwrap();
    let start = Instant::now();
    let mut lanes = JoinSet::new();
    for client in clients {
        let client = client.clone();
        lanes.spawn(async move {
            for _ in 0..each {
                let connection = client.connect(addr, "raw").unwrap().await.unwrap();
                // The server closes once it has verified the client.
                connection.closed().await;
            }
        });
    }
    let mut accepted = JoinSet::new();
    for _ in 0..total {
        let incoming = server.accept().await.unwrap();
        accepted.spawn(async move {
            let connection = incoming.await.unwrap();
            assert!(connection.peer_identity().is_some());
            connection.close(VarInt::from_u32(0), &[]);
        });
    }
    while accepted.join_next().await.transpose().unwrap().is_some() {}
    let rate = total as f64 / start.elapsed().as_secs_f64();
    while lanes.join_next().await.transpose().unwrap().is_some() {}
    rate
}
