//! Against servers that answer wrongly, hugely, slowly or not at all.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use hickory_resolver::proto::{
    op::Message,
    rr::{
        Name, RData, Record,
        rdata::{A, CNAME},
    },
};

use super::{
    responder::{Over, Responder, answer, asked, txt},
    *,
};
use crate::{CANDIDATES_PER_SEED_MAX, RECORDS_READ_MAX, Reason, RecordError, SeedAnswer};

const SEED: &str = "seed.example.org";

fn bytes(message: &Message) -> Vec<u8> {
    message.to_vec().unwrap()
}

fn good(question: &Message) -> Message {
    answer(question, [txt(&asked(question), &node(1).to_string())])
}

async fn ask(
    answers: impl Fn(&Message, Over) -> Vec<Vec<u8>> + Send + Sync + 'static,
) -> Result<SeedAnswer, Reason> {
    let responder = Responder::with(answers).await;
    let told = seeds(responder.address).ask_one(&name(SEED), ENTROPY).await;
    told.map_err(|error| error.reason)
}

/// Asks for records of the name, each of one text; a datagram holds none of them.
async fn ask_texts(texts: Vec<String>) -> Result<SeedAnswer, Reason> {
    ask(move |question, over| {
        let records = texts.iter().map(|text| txt(&asked(question), text));
        let mut message = answer(question, records.filter(|_| over == Over::Tcp));
        message.metadata.truncation = over == Over::Udp;
        vec![bytes(&message)]
    })
    .await
}

#[tokio::test]
async fn records_of_another_type_are_none() {
    let told = ask(|question, _| {
        let ip = RData::A(A::new(8, 8, 4, 1));
        vec![bytes(&answer(question, [Record::from_rdata(asked(question), 60, ip)]))]
    });
    assert_eq!(told.await, Err(Reason::NoRecord));
    assert_eq!(ask(|question, _| vec![bytes(&answer(question, []))]).await, Err(Reason::NoRecord));
}

#[tokio::test]
async fn records_of_another_name_do_not_count() {
    let told = ask(|question, _| {
        let other = Name::from_ascii("other.example.org.").unwrap();
        let records =
            [txt(&other, &node(9).to_string()), txt(&asked(question), &node(1).to_string())];
        let mut message = answer(question, records);
        message.add_additional(txt(&asked(question), &node(8).to_string()));
        message.add_authority(txt(&asked(question), &node(7).to_string()));
        vec![bytes(&message)]
    });
    assert_eq!(told.await.unwrap().nodes, [node(1)], "nor of another section");
    let told = ask(|question, _| {
        let other = Name::from_ascii("other.example.org.").unwrap();
        vec![bytes(&answer(question, [txt(&other, &node(9).to_string())]))]
    });
    assert_eq!(told.await, Err(Reason::NoRecord));
}

#[tokio::test]
async fn an_answer_to_another_question_is_not_taken() {
    let wrong: [fn(&mut Message); 3] = [
        |message| message.metadata.id ^= 1,
        |message| {
            let name = Name::from_ascii("other.example.org.").unwrap();
            message.queries[0].set_name(name);
        },
        |message| message.queries.clear(),
    ];
    for spoil in wrong {
        let told = ask(move |question, _| {
            let mut poison = answer(question, [txt(&asked(question), &node(9).to_string())]);
            spoil(&mut poison);
            vec![bytes(&poison), bytes(&good(question))]
        });
        match told.await {
            Ok(answer) => assert_eq!(answer.nodes, [node(1)]),
            Err(reason) => assert_eq!(reason, Reason::Answer),
        }
    }
}

#[tokio::test]
async fn an_answer_that_guessed_the_letters_in_vain_is_asked_again_over_tcp() {
    let told = ask(|question, over| match over {
        Over::Udp => {
            let mut poison = answer(question, [txt(&name_in_lower_case(), &node(9).to_string())]);
            poison.queries[0].set_name(name_in_lower_case());
            vec![bytes(&poison)]
        }
        Over::Tcp => vec![bytes(&good(question))],
    });
    assert_eq!(told.await.unwrap().nodes, [node(1)]);
}

fn name_in_lower_case() -> Name {
    Name::from_ascii(format!("{SEED}.")).unwrap()
}

#[tokio::test]
async fn a_truncated_answer_is_asked_again_over_tcp() {
    let told = ask(|question, over| {
        let mut message = good(question);
        if over == Over::Udp {
            message.metadata.truncation = true;
            message.answers = vec![txt(&asked(question), &node(9).to_string())];
        }
        vec![bytes(&message)]
    });
    assert_eq!(told.await.unwrap().nodes, [node(1)], "and what was cut off counts for nothing");
    let told = ask(|question, _| {
        let mut message = good(question);
        message.metadata.truncation = true;
        vec![bytes(&message)]
    });
    assert_eq!(told.await, Err(Reason::Answer));
}

#[tokio::test]
async fn aliases_in_a_circle_end() {
    let told = ask(|question, _| {
        let [a, b] = ["a.example.org.", "b.example.org."].map(|it| Name::from_ascii(it).unwrap());
        let alias = |from: &Name, to: &Name| {
            Record::from_rdata(from.clone(), 60, RData::CNAME(CNAME(to.clone())))
        };
        let records = [alias(&asked(question), &a), alias(&a, &b), alias(&b, &a)];
        vec![bytes(&answer(question, records))]
    });
    assert!(matches!(told.await, Err(Reason::Alias | Reason::Answer | Reason::NoRecord)));
}

#[tokio::test]
async fn aliases_without_end_are_followed_some_steps() {
    let asked_for = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked_for);
    let told = ask(move |question, _| {
        let next = format!("n{}.example.org.", count.fetch_add(1, Ordering::Relaxed));
        let alias = RData::CNAME(CNAME(Name::from_ascii(next).unwrap()));
        vec![bytes(&answer(question, [Record::from_rdata(asked(question), 60, alias)]))]
    });
    assert!(matches!(told.await, Err(Reason::Alias | Reason::Answer | Reason::NoRecord)));
    assert!(asked_for.load(Ordering::Relaxed) <= 32);
}

#[tokio::test]
async fn thousands_of_records_are_read_in_part() {
    let texts = (0..500u16).map(|it| {
        let number = u8::try_from(1 + it % 200).unwrap();
        let [high, low] = it.to_be_bytes();
        let addresses = vec![SocketAddr::from(([8, 8, high, low], 1))];
        SeedRecord { addresses, ..node(number) }.to_string()
    });
    let told = ask_texts(texts.collect()).await.unwrap();
    assert_eq!((told.records, told.nodes.len()), (500, CANDIDATES_PER_SEED_MAX));
    let tiny = ask_texts(vec!["x".to_owned(); 2000]).await;
    assert_eq!(tiny, Err(Reason::NoneUsable { seen: 2000, first: RecordError::Foreign }));
    let wrong = ask_texts(
        (0..1000).map(|it| format!("v=ensign1 net=x{it}")).chain([node(1).to_string()]).collect(),
    );
    match wrong.await {
        Ok(answer) => assert!(answer.refused.len() <= RECORDS_READ_MAX),
        Err(reason) => assert!(matches!(reason, Reason::NoneUsable { seen: 1001, .. }), "{reason}"),
    }
}

#[tokio::test]
async fn a_datagram_longer_than_was_allowed_is_no_answer() {
    let told = ask(|question, _| {
        let records = (1..=100).map(|it| txt(&asked(question), &node(it).to_string()));
        vec![bytes(&answer(question, records))]
    });
    assert_eq!(told.await, Err(Reason::Answer));
}

#[tokio::test]
async fn garbage_is_no_answer() {
    let claims = |question: &Message| {
        // 10,000 records, of which one is there.
        let mut message = bytes(&good(question));
        message[6..8].copy_from_slice(&10_000u16.to_be_bytes());
        message
    };
    let told = ask(move |question, _| vec![claims(question)]);
    assert_eq!(told.await, Err(Reason::Answer));
    let told = ask(|question, _| {
        let id = question.metadata.id.to_be_bytes();
        vec![[&id[..], &[0xff; 60]].concat()]
    });
    assert!(matches!(told.await, Err(Reason::Answer | Reason::Server { .. })));
    let told = ask(|question, over| {
        let noise =
            if over == Over::Udp { vec![vec![], vec![0; 3], vec![0x5a; 1500]] } else { vec![] };
        noise.into_iter().chain([bytes(&good(question))]).collect()
    });
    match told.await {
        Ok(answer) => assert_eq!(answer.nodes, [node(1)]),
        Err(reason) => assert_eq!(reason, Reason::Answer),
    }
}

#[tokio::test]
async fn what_cannot_be_dialled_is_refused_with_its_reason() {
    let at = |address: &str| {
        SeedRecord { addresses: vec![address.parse().unwrap()], ..node(2) }.to_string()
    };
    let other = SeedRecord { network: Network::Bitcoin, ..node(2) }.to_string();
    for (text, part) in [
        (at("8.8.4.4:0"), "port 0"),
        (at("192.168.1.1:4820"), "private network"),
        (at("127.0.0.1:4820"), "one machine only"),
        (at("224.0.0.1:4820"), "many machines"),
        (other, "it is for bitcoin"),
        ("v=ensign1 \u{7f}\0".to_owned(), "`net=` is expected"),
    ] {
        let reason = ask_texts(vec![text.clone()]).await.unwrap_err();
        assert!(reason.to_string().contains(part), "{text}: {reason}");
        let mixed = ask_texts(vec![text, node(1).to_string()]).await.unwrap();
        assert_eq!((mixed.nodes, mixed.refused.len()), (vec![node(1)], 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_waited_for_so_long() {
    let responder = Responder::with(|_, _| vec![]).await;
    let config =
        Config { resolver: Resolver::At(vec![responder.address]), ..Config::new(Network::Signet) };
    let limits = (config.seed_timeout, config.total_timeout);
    let seeds = Seeds::new(config).unwrap();
    let begin = tokio::time::Instant::now();
    let reason = seeds.ask_one(&name(SEED), ENTROPY).await.unwrap_err().reason;
    assert!(matches!(reason, Reason::Timeout { .. }), "{reason}");
    assert!(begin.elapsed() <= limits.0 + Duration::from_millis(2));
    let names: Vec<_> = (0..40).map(|it| name(&format!("s{it}.example.org"))).collect();
    let begin = tokio::time::Instant::now();
    let answers = seeds.ask(&names, ENTROPY).await;
    assert!(begin.elapsed() <= limits.1 + Duration::from_millis(2));
    assert_eq!(answers.candidates, []);
    assert!((3..=crate::SEEDS_MAX).contains(&answers.failures.len()));
}

#[tokio::test(start_paused = true)]
async fn poison_alone_is_no_answer() {
    let responder = Responder::with(|question, _| {
        let mut poison = good(question);
        poison.metadata.id ^= 1;
        vec![bytes(&poison)]
    })
    .await;
    let reason = seeds(responder.address).ask_one(&name(SEED), ENTROPY).await.unwrap_err().reason;
    assert!(matches!(reason, Reason::Timeout { .. } | Reason::Answer), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn nobody_at_the_port_is_told() {
    let closed = Responder::with(|_, _| vec![]).await.address;
    let reason = seeds(closed).ask_one(&name(SEED), ENTROPY).await.unwrap_err().reason;
    assert!(matches!(reason, Reason::Unreachable | Reason::Timeout { .. }), "{reason}");
    let config = Config { resolver: Resolver::At(vec![]), ..Config::new(Network::Signet) };
    assert_eq!(Seeds::new(config).unwrap_err(), crate::SetupError::NoServer);
}
