//! A DNS server whose answers are bytes that the test chooses, UDP and TCP at one port.

use std::{net::SocketAddr, sync::Arc};

use hickory_resolver::proto::{
    op::{Message, OpCode},
    rr::{Name, RData, Record, rdata::TXT},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Udp,
    Tcp,
}

type Answers = dyn Fn(&Message, Over) -> Vec<Vec<u8>> + Send + Sync;

/// Answers until it is dropped.
pub(super) struct Responder {
    pub(super) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Responder {
    /// Answers each question with the messages that a function makes of it.
    pub(super) async fn with(
        answers: impl Fn(&Message, Over) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let answers: Arc<Answers> = Arc::new(answers);
        // A port that is free for one may be taken for the other; there are many.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, Arc::clone(&answers)));
        tasks.spawn(serve_tcp(tcp, answers));
        Self { address, _tasks: tasks }
    }
}

async fn serve_udp(socket: UdpSocket, answers: Arc<Answers>) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let question = Message::from_vec(&buffer[..length]).unwrap();
        for answer in answers(&question, Over::Udp) {
            socket.send_to(&answer, from).await.unwrap();
        }
    }
}

async fn serve_tcp(listener: TcpListener, answers: Arc<Answers>) {
    let mut links = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        links.spawn(serve_stream(stream, Arc::clone(&answers)));
    }
}

async fn serve_stream(mut stream: TcpStream, answers: Arc<Answers>) {
    while let Ok(length) = stream.read_u16().await {
        let mut question = vec![0; length.into()];
        if stream.read_exact(&mut question).await.is_err() {
            return;
        }
        for answer in answers(&Message::from_vec(&question).unwrap(), Over::Tcp) {
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            // Who asks may have gone.
            if stream.write_all(&[&length[..], &answer].concat()).await.is_err() {
                return;
            }
        }
    }
}

/// An answer to a question, with records.
pub(super) fn answer(question: &Message, records: impl IntoIterator<Item = Record>) -> Message {
    let mut message = Message::response(question.metadata.id, OpCode::Query);
    message.add_queries(question.queries.clone());
    message.add_answers(records);
    message
}

/// A TXT record of one string.
pub(super) fn txt(owner: &Name, text: &str) -> Record {
    let strings: Vec<&[u8]> = text.as_bytes().chunks(255).collect();
    Record::from_rdata(owner.clone(), 60, RData::TXT(TXT::from_bytes(strings)))
}

/// The name that is asked for.
pub(super) fn asked(question: &Message) -> Name {
    question.queries[0].name().clone()
}
