//! A router between two nodes that gives the flow another port.

use std::net::SocketAddr;

use ensign_primitives::QueryId;
use ensign_wire::Frame;
use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot},
};

use super::node::{LOOPBACK, Node, key};

/// Passes packets between whoever speaks to it and a node, under a port of its own towards the node.
struct Router {
    address: SocketAddr,
    rebind: mpsc::Sender<oneshot::Sender<SocketAddr>>,
}

impl Router {
    async fn start(node: SocketAddr) -> Self {
        let inside = UdpSocket::bind(LOOPBACK).await.unwrap();
        let address = inside.local_addr().unwrap();
        let (rebind, asked) = mpsc::channel(1);
        tokio::spawn(route(inside, node, asked));
        Self { address, rebind }
    }

    /// Gives the flow another port; returns it.
    async fn rebind(&self) -> SocketAddr {
        let (done, rebound) = oneshot::channel();
        self.rebind.send(done).await.unwrap();
        rebound.await.unwrap()
    }
}

async fn route(
    inside: UdpSocket,
    node: SocketAddr,
    mut asked: mpsc::Receiver<oneshot::Sender<SocketAddr>>,
) {
    let mut outside = UdpSocket::bind(LOOPBACK).await.unwrap();
    let mut client = None;
    let (mut up, mut down) = ([0; 2048], [0; 2048]);
    loop {
        tokio::select! {
            done = asked.recv() => {
                let Some(done) = done else { return };
                outside = UdpSocket::bind(LOOPBACK).await.unwrap();
                done.send(outside.local_addr().unwrap()).unwrap();
            }
            came = inside.recv_from(&mut up) => {
                let (length, from) = came.unwrap();
                client = Some(from);
                outside.send_to(&up[..length], node).await.unwrap();
            }
            came = outside.recv_from(&mut down) => {
                let (length, from) = came.unwrap();
                if let Some(client) = client.filter(|_| from == node) {
                    inside.send_to(&down[..length], client).await.unwrap();
                }
            }
        }
    }
}

#[tokio::test]
async fn regression_new_port_of_a_router_cost_a_connection_its_idle_timeout() {
    let (mut one, mut two) = (Node::start(key(1)).await, Node::start(key(2)).await);
    let router = Router::start(two.addr()).await;
    one.transport.dial(two.id, router.address);
    assert_eq!(one.connected().await, (two.id, true));
    assert_eq!(two.connected().await, (one.id, false));
    for number in 0..5 {
        router.rebind().await;
        // The next event on either side is the frame: nothing was lost, and nobody reconnects.
        one.send(two.id, &Frame::Ping(QueryId(number))).unwrap();
        assert_eq!(two.frame().await, (one.id, Frame::Ping(QueryId(number))));
        two.send(one.id, &Frame::Pong(QueryId(number))).unwrap();
        assert_eq!(one.frame().await, (two.id, Frame::Pong(QueryId(number))));
    }
}
