//! Every way to answer, and every way that is none.

use ensign_primitives::RequestId;

use super::*;

const LATER: Duration = Duration::from_millis(701);

fn question(number: u8) -> Question {
    Question {
        subject: Subject::Request(RequestId::from_bytes([number; 32])),
        name: format!("#{number}"),
        digest: [number; 32],
        shown: format!("all about #{number}"),
        stake: format!("sign #{number}: 0.6 BTC to tb1q, fee 0.00001 BTC"),
        wanted: Wanted::Yes,
        by: None,
    }
}

fn grave(number: u8) -> Question {
    let wanted = Wanted::Digits {
        hash: "ab".repeat(29) + "00c0de",
        digits: "00c0de".to_owned(),
        of: "the txid",
        notes: vec!["fee_rate", "data_value"],
    };
    Question { wanted, ..question(number) }
}

/// A machine, its time, and what it has done.
struct Run {
    questions: Questions,
    now: Instant,
    /// Whether prompts come to the screen at once.
    draws: bool,
    /// Whether something was typed that nobody has read.
    pending: bool,
    log: Vec<String>,
    over: Vec<(String, Answer)>,
}

fn run(audience: Audience) -> Run {
    let (questions, now) = (Questions::new(audience), Instant::from_micros(1));
    Run { questions, now, draws: true, pending: false, log: Vec::new(), over: Vec::new() }
}

impl Run {
    fn after(&mut self, time: Duration) -> &mut Self {
        let end = self.now.after(time);
        while let Some(due) = self.questions.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.questions.handle_timeout(self.now);
            self.act();
        }
        self.now = end;
        self
    }

    fn ask(&mut self, question: Question) -> &mut Self {
        self.questions.ask(self.now, question);
        self.act();
        self
    }

    fn read(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.questions.handle_read(self.now, bytes.as_ref());
        self.act();
        self
    }

    fn settle(&mut self, number: u8) -> &mut Self {
        self.questions.settle(self.now, &question(number).subject);
        self.act();
        self
    }

    fn others(&mut self) -> &mut Self {
        self.questions.handle_others();
        self
    }

    fn end(&mut self) -> &mut Self {
        self.questions.handle_end();
        self.act();
        self
    }

    fn act(&mut self) {
        while let Some(action) = self.questions.poll_action() {
            match action {
                Action::Hold | Action::Break => {}
                Action::Flush => {
                    self.questions.handle_flushed(self.now, std::mem::take(&mut self.pending))
                }
                Action::LetOut => self.log.push("others".into()),
                Action::Say(text) => self.log.push(text),
                Action::Draw(prompt) => {
                    self.log.push(format!("> {prompt}"));
                    if self.draws {
                        self.questions.handle_drawn(self.now);
                    }
                }
                Action::Asking(question, behind) => {
                    let behind = behind.others + behind.same;
                    self.log.push(format!("asking {}+{behind}", question.name));
                }
                Action::Void(question, why) => {
                    self.log.push(format!("void {}: {why}", question.name))
                }
                Action::Over(over) => self.over.push((over.name, over.answer)),
            }
        }
    }

    /// Returns what was said since the last look.
    fn said(&mut self) -> String {
        std::mem::take(&mut self.log).join("\n")
    }

    #[track_caller]
    fn is_over(&mut self, expect: &[(&str, Answer)]) -> &mut Self {
        let over = std::mem::take(&mut self.over);
        let over: Vec<_> = over.iter().map(|(name, answer)| (name.as_str(), *answer)).collect();
        assert_eq!(over, expect, "{:#?}", self.log);
        self
    }
}

use Answer::{No, Nobody, Yes};

#[test]
fn a_question_is_shown_in_full_and_answered_by_one_word() {
    for (typed, answer) in
        [("y\n", Yes), ("yes\n", Yes), (" YES \r\n", Yes), ("n\n", No), ("No\n", No)]
    {
        let mut run = run(Audience::Person);
        run.ask(question(1)).after(LATER).read(typed).is_over(&[("#1", answer)]);
        let said = run.said();
        assert!(said.contains("all about #1\nasking #1+0\n> sign #1: 0.6 BTC to tb1q"), "{said}");
        assert!(said.contains("fee 0.00001 BTC? [y/n] "), "{said}");
    }
}

#[test]
fn anything_else_asks_again_with_a_dead_time_of_its_own() {
    let mut run = run(Audience::Person);
    run.ask(question(1));
    for typed in
        ["\n", "yeah\n", "yes please\n", "nope\n", "#1\n", "\u{1b}[A\n", "y\0\n", "\u{7f}\n"]
    {
        run.said();
        run.after(LATER).read(typed).is_over(&[]);
        assert!(run.said().contains("please answer y or n\n> sign #1"), "{typed:?}");
        run.read("yes\n").is_over(&[]);
    }
    run.after(LATER).read("yes\n").is_over(&[("#1", Yes)]);
}

#[test]
fn regression_what_was_typed_before_the_question_answered_it() {
    let mut run = run(Audience::Person);
    run.read("yes\n").read("yes\nyes\n").read("ye");
    run.ask(question(1)).read("s\n").is_over(&[]);
    run.after(LATER).is_over(&[]);
    // The rest of a line that began before.
    let mut run = self::run(Audience::Person);
    run.read("ye").ask(question(1)).after(LATER).read("s\n").is_over(&[]);
    run.read("yes\n").is_over(&[("#1", Yes)]);
    // What was read before the question stood, and comes late.
    let mut run = self::run(Audience::Person);
    run.after(LATER).ask(question(1)).after(LATER);
    run.questions.handle_read(Instant::from_micros(2), b"yes\n");
    run.act();
    run.is_over(&[]);
}

#[test]
fn what_is_typed_too_early_is_told_and_the_question_stays() {
    let mut run = run(Audience::Person);
    run.ask(question(1)).said();
    run.after(DEAD_TIME / 2).read("yes\n").read("yes\n").is_over(&[]);
    assert_eq!(run.said(), "", "it waits until an answer counts");
    run.after(DEAD_TIME / 2);
    let said = run.said();
    assert!(
        said.starts_with("> that was too early and does not count; answer now\nsign #1"),
        "{said}"
    );
    run.read("yes\n").is_over(&[("#1", Yes)]);
}

#[test]
fn two_answers_in_one_read_answer_one_question() {
    let mut run = run(Audience::Person);
    run.ask(question(1)).ask(question(2)).after(LATER).read("yes\nyes\nyes\n");
    run.is_over(&[("#1", Yes)]);
    // Nor does the second read of the same hand.
    run.read("yes\n").is_over(&[]);
    run.after(LATER).read("no\n").is_over(&[("#2", No)]);
}

#[test]
fn one_question_stands_and_the_others_wait() {
    let mut run = run(Audience::Person);
    run.ask(question(1)).ask(question(2)).ask(question(3));
    let said = run.said();
    assert!(!said.contains("#2") && !said.contains("#3"), "{said}");
    // They are counted when the prompt is drawn again.
    run.after(LATER).read("what\n");
    assert!(run.said().contains("> 2 more wait\nsign #1"));
    run.after(LATER).read("y\n");
    let said = run.said();
    let parts = ["you said yes to #1\n", "all about #2\nasking #2+1\n> 1 more waits\nsign #2"];
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    // The same question again is none.
    run.ask(question(2)).ask(question(3));
    assert_eq!(run.said(), "");
}

#[test]
fn regression_a_yes_went_to_the_question_behind_the_one_that_was_settled() {
    let mut run = run(Audience::Person);
    run.ask(question(1)).ask(question(2)).after(LATER).said();
    run.settle(1);
    let said = run.said();
    let parts = ["the question is settled (#1)", "all about #2", "> sign #2"];
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    // The yes to the first was under way.
    run.after(Duration::from_millis(50)).read("yes\n").is_over(&[]);
    run.after(LATER).read("yes\n").is_over(&[("#2", Yes)]);
    // One that waits goes without a word.
    run.ask(question(3)).ask(question(4)).said();
    run.settle(4).settle(9);
    assert_eq!(run.said(), "");
    run.after(LATER).settle(3).read("yes\n").is_over(&[]);
}

#[test]
fn a_question_that_changed_is_a_new_one() {
    let mut run = run(Audience::Person);
    let changed = Question { digest: [9; 32], shown: "all about the new #1".into(), ..question(1) };
    run.ask(question(1)).after(LATER).said();
    run.ask(changed.clone());
    let said = run.said();
    assert!(said.contains("about #1 has changed\nothers\nall about the new #1"), "{said}");
    run.after(Duration::from_millis(300)).read("yes\n").is_over(&[]);
    // Within its dead time it changes once more.
    run.ask(question(1)).after(Duration::from_millis(600)).read("yes\n").is_over(&[]);
    run.after(LATER).read("yes\n").is_over(&[("#1", Yes)]);
    // One that waits changes in its place.
    run.ask(question(2)).ask(question(1)).ask(changed).after(LATER).read("n\n").said();
    run.after(LATER).read("y\n").is_over(&[("#2", No), ("#1", Yes)]);
}

#[test]
fn the_prompt_is_drawn_again_below_what_others_say_but_not_all_the_time() {
    let mut run = run(Audience::Person);
    run.ask(question(1)).said();
    run.others().after(LATER).others().after(LATER).others();
    assert_eq!(run.said(), "");
    run.after(REDRAW_INTERVAL);
    assert_eq!(run.said(), "others\n> sign #1: 0.6 BTC to tb1q, fee 0.00001 BTC? [y/n] ");
    // That was a while ago, or the answer would be too early.
    run.after(LATER).read("yes\n").is_over(&[("#1", Yes)]);
    assert_eq!(run.said(), "others");
    // A redraw has a dead time.
    run.ask(question(2)).others().after(REDRAW_INTERVAL).read("yes\n").is_over(&[]);
}

#[test]
fn nothing_counts_before_the_prompt_is_on_the_screen() {
    let mut run = run(Audience::Person);
    run.draws = false;
    run.ask(question(1)).after(10 * LATER).read("yes\n").is_over(&[]);
    run.questions.handle_drawn(run.now);
    run.act();
    run.read("yes\n").is_over(&[]);
    run.after(LATER).read("yes\n").is_over(&[("#1", Yes)]);
}

#[test]
fn whatever_is_typed_in_the_dead_time_is_told_when_an_answer_counts() {
    let early = "answer now";
    // While it is drawn.
    let mut run = run(Audience::Person);
    run.draws = false;
    run.ask(question(1)).read("yes\n");
    run.questions.handle_drawn(run.now);
    run.after(LATER).is_over(&[]);
    assert!(run.said().contains(early));
    // Thrown away before it was read, and half a line as well.
    let mut run = self::run(Audience::Person);
    run.pending = true;
    run.ask(question(1)).after(LATER).is_over(&[]);
    assert!(run.said().contains(early));
    // Read in time and handed over late.
    let mut run = self::run(Audience::Person);
    run.ask(question(1)).after(LATER).said();
    run.questions.handle_read(Instant::from_micros(600_000), b"yes\n");
    run.after(Duration::ZERO).is_over(&[]);
    assert!(run.said().contains(early));
    run.read("yes\n").is_over(&[("#1", Yes)]);
}

#[test]
fn what_is_grave_wants_the_digits_that_only_stand_in_what_was_shown() {
    let mut run = run(Audience::Person);
    run.ask(grave(1));
    let said = run.said();
    assert!(said.contains("? type the last six digits of the txid to do it, n if not: "));
    // Four hundred payees above it, and the digits are still on the screen.
    let whole = format!("the txid: {}00c0de\nsign #1: ", "ab".repeat(29));
    assert!(said.contains(&whole), "{said}");
    for typed in ["yes\n", "y\n", "c0de\n", "000c0de\n"] {
        run.after(LATER).read(typed).is_over(&[]);
        assert!(run.said().contains("(fee_rate, data_value): please type the last six digits"));
    }
    run.after(LATER).read("00C0DE\n").is_over(&[("#1", Yes)]);
    run.ask(grave(2)).after(LATER).read("n\n").is_over(&[("#2", No)]);
    // Where nothing is grave, digits are no answer.
    run.ask(question(3)).after(LATER).read("00c0de\n").is_over(&[]);
}

#[test]
fn where_something_would_be_gone_its_name_is_typed() {
    let mut run = run(Audience::Person);
    let named = |number| Question { wanted: Wanted::Name("Rent".into()), ..question(number) };
    run.ask(named(1));
    assert!(run.said().contains("? type Rent to do it, n if not: "));
    for typed in ["yes\n", "rent\n", "Rent no\n"] {
        run.after(LATER).read(typed).is_over(&[]);
        assert!(run.said().contains("please type Rent, or n"));
    }
    run.after(LATER).read(" Rent\n").is_over(&[("#1", Yes)]);
    run.ask(named(2)).after(LATER).read("no\n").is_over(&[("#2", No)]);
}

#[test]
fn the_end_of_input_answers_nothing() {
    let mut run = run(Audience::Person);
    run.ask(question(1)).ask(question(2)).after(LATER).read("ye").end();
    run.is_over(&[("#1", Nobody), ("#2", Nobody)]);
    run.ask(question(3)).is_over(&[("#3", Nobody)]);
    run.read("yes\n").is_over(&[]);
    let mut run = self::run(Audience::Program);
    run.ask(question(1)).end().is_over(&[("#1", Nobody)]);
}

#[test]
fn a_megabyte_of_input_is_no_answer() {
    for audience in [Audience::Person, Audience::Program] {
        let mut run = run(audience);
        let flood = |run: &mut Run| {
            (0..256).for_each(|_| {
                run.read([b'y'; 4096]);
            })
        };
        flood(&mut run);
        run.ask(question(1));
        flood(&mut run);
        run.after(LATER);
        flood(&mut run);
        run.read("\n").is_over(&[]);
        run.after(LATER).read("yes\n".repeat(200_000)).after(LATER).is_over(&match audience {
            Audience::Person => vec![("#1", Yes)],
            Audience::Program => vec![],
        });
        assert!(run.log.iter().map(String::len).sum::<usize>() < 10_000);
    }
}

#[test]
fn off_a_terminal_an_answer_names_what_was_shown() {
    let digest = |number: u8| hex::encode([number; 32]);
    let mut run = run(Audience::Program);
    run.ask(question(1)).ask(question(2));
    assert!(run.said().contains(&format!("answer `yes {}` or `no #1`", digest(1))));
    for void in [
        "yes".to_owned(),
        "no".to_owned(),
        "y #1".to_owned(),
        "no #2".to_owned(),
        format!("yes {}", digest(2)),
        format!("yes #2 {}", digest(1)),
        format!("yes {} {}", digest(1), digest(2)),
        format!("yes {}", &digest(1)[..63]),
        format!("maybe {}", digest(1)),
        String::new(),
        "\u{1b}]0;x\u{7}".to_owned(),
    ] {
        run.said();
        run.read(format!("{void}\n")).is_over(&[]);
        assert!(run.said().starts_with("void #1: answer `yes"), "{void}");
    }
    // The digest says what was seen: there is nothing to wait for.
    run.read(format!("approve #1 {}\n", digest(1))).is_over(&[("#1", Yes)]);
    run.read("no #2\n").is_over(&[("#2", No)]);
    run.ask(question(3)).read(format!("decline {}\n", digest(3))).is_over(&[("#3", No)]);
}

#[test]
fn off_a_terminal_each_grave_note_is_accepted_by_name() {
    let mut run = run(Audience::Program);
    let yes = format!("yes {}", hex::encode([1; 32]));
    run.ask(grave(1));
    let both = " --accept-note fee_rate --accept-note data_value --accept-note=bogus";
    for void in ["", " --accept-note fee_rate", " fee_rate data_value", " --accept-note", both] {
        run.read(format!("{yes}{void}\n")).is_over(&[]);
        assert!(run.said().contains("void #1"), "{void}");
    }
    run.read(format!("{yes} --accept-note fee_rate --accept-note=data_value\n"));
    run.is_over(&[("#1", Yes)]);
}

mod members;
