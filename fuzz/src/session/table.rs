//! Three machines, the frames they have sent, and what the input may do with them.

use std::sync::Arc;
use std::time::Duration;

use ensign_identity::Signature;
use ensign_primitives::{Instant, Now, StateMachine as _, UnixTime};
use ensign_session::{Input, LocalSigner, Order, Output, Record, Session, Unsigned};
use ensign_wire::{
    AbortReason, Body, Envelope, Frame, NonceAck, PartialSigAck, Round0, SessionAbort,
    SessionReady, SignatureFinalized, SignedRequest, SignerSet,
};

use super::group::{
    FORGER, MEMBERS, NETWORK, SIGNERS, START, entropy, local_signer, peer, request, setup, signer,
};
use super::honest::{Ledger, check_offense};

/// Most outputs of one call.
const OUTPUTS_MAX: usize = 200;
/// Most wake-ups of one machine from the last input to its rest.
const WAKEUPS_MAX: usize = 600;
/// Frames beyond this are lost.
const FRAMES_MAX: usize = 4096;
/// The end of time: within the delegations.
const HOURS: u64 = 48;

struct Seat {
    session: Session,
    ledger: Ledger,
    key: LocalSigner,
    /// For which it has not made nonces yet.
    order: Option<Order>,
    draws: u8,
    records: Vec<(u64, Record)>,
}

struct Sent {
    from: usize,
    to: usize,
    frame: Arc<[u8]>,
}

pub(crate) struct Table {
    request: Arc<SignedRequest>,
    now: Instant,
    seats: Vec<Seat>,
    sent: Vec<Sent>,
    /// How many frames were delivered in order.
    delivered: usize,
    forged: u64,
}

impl Table {
    pub(crate) fn new(choice: u8) -> Self {
        let request = request(choice);
        let now = Now { instant: Instant::from_micros(0), unix: START };
        let seat = |local| Seat {
            session: Session::new(setup(&request, local), now).expect("a sound setup"),
            ledger: Ledger::default(),
            key: local_signer(local),
            order: None,
            draws: 0,
            records: Vec::new(),
        };
        let seats = (0..SIGNERS).map(seat).collect();
        let (now, sent) = (now.instant, Vec::new());
        Self { request, now, seats, sent, delivered: 0, forged: 0 }
    }

    fn now(&self) -> Now {
        let passed = Duration::from_micros(self.now.as_micros());
        Now { instant: self.now, unix: START.after(passed) }
    }

    pub(crate) fn deliver_next(&mut self) {
        if self.delivered < self.sent.len() {
            self.delivered += 1;
            self.bring(self.delivered - 1);
        }
    }

    /// Brings any frame, early, late or again.
    pub(crate) fn deliver(&mut self, which: u8) {
        if let Some(index) = self.choose(which) {
            self.bring(index);
        }
    }

    fn bring(&mut self, index: usize) {
        let Sent { from, to, frame } = &self.sent[index];
        let (from, to, frame) = (*from, *to, Arc::clone(frame));
        self.hand(from, to, &frame);
    }

    /// The forger brings somebody's frame to anybody.
    pub(crate) fn replay(&mut self, which: u8, to: u8) {
        let Some(index) = self.choose(which) else { return };
        let frame = Arc::clone(&self.sent[index].frame);
        self.hand(FORGER, usize::from(to) % FORGER, &frame);
    }

    /// The forger brings a frame with one byte changed.
    pub(crate) fn spoil(&mut self, which: u8, at: u8, mask: u8) {
        let Some(index) = self.choose(which) else { return };
        let mut frame = self.sent[index].frame.to_vec();
        let at = usize::from(at) % frame.len();
        frame[at] ^= mask;
        self.hand(FORGER, usize::from(mask) % FORGER, &frame);
    }

    /// The forger says what somebody said, bent, as its own words.
    pub(crate) fn forge(&mut self, which: u8, how: u8, to: u8) {
        let Some(index) = self.choose(which) else { return };
        let Ok(Frame::Envelope(model)) = Frame::decode_whole(&self.sent[index].frame, NETWORK)
        else {
            return;
        };
        self.forged += 1;
        // Beside the numbers that the forger's own machine uses up.
        let seq = self.forged * u64::from(how % 5);
        let body = bend(model.body().clone(), how);
        let sent_at = UnixTime::from_millis(self.now().unix.as_millis() + u64::from(how) * 2000);
        let key = &MEMBERS[FORGER].node_key;
        if let Ok(envelope) = Envelope::sign(key, NETWORK, model.session(), seq, sent_at, body) {
            let frame = Frame::Envelope(Box::new(envelope)).encode();
            self.hand(FORGER, usize::from(to) % FORGER, &frame);
        }
    }

    fn choose(&self, which: u8) -> Option<usize> {
        // Counted from the newest, so that one byte reaches what matters.
        self.sent.len().checked_sub(1 + usize::from(which) % self.sent.len().max(1))
    }

    /// Every hop goes through the codec; what does not decode reaches no machine.
    fn hand(&mut self, from: usize, to: usize, frame: &[u8]) {
        if let Ok(Frame::Envelope(envelope)) = Frame::decode_whole(frame, NETWORK) {
            self.input(to, Input::Envelope { from: peer(from), envelope });
        }
    }

    pub(crate) fn give_entropy(&mut self, seat: u8) {
        let seat = usize::from(seat) % SIGNERS;
        let it = &mut self.seats[seat];
        if let Some(order) = it.order.take() {
            it.draws += 1;
            let entropy = entropy(seat, it.draws, order.request.request.messages.len());
            let made = it.key.nonces(Now::default(), &order, entropy);
            self.input(seat, made.map_or(Input::NoNonces(Unsigned::Failed), Input::Nonces));
        }
    }

    /// Makes a record durable; after a burn mark also the partial signatures, unless the highest bit
    /// holds them up.
    pub(crate) fn make_durable(&mut self, byte: u8) {
        let seat = usize::from(byte) % SIGNERS;
        let Some((token, record)) = self.seats[seat].records.pop() else { return };
        self.seats[seat].ledger.note_durable(&record);
        self.input(seat, Input::Persisted { token });
        let next = self.seats[seat].records.last();
        if byte & 0x80 == 0 && matches!(next, Some((_, Record::Partials { .. }))) {
            self.make_durable(byte);
        }
    }

    pub(crate) fn approve(&mut self, seat: u8) {
        // Refused when it comes twice or too late, as for any user.
        self.command(usize::from(seat) % SIGNERS, |session, now| session.approve(now).is_ok());
    }

    pub(crate) fn stop(&mut self, seat: u8) {
        let reason = match seat / 8 % 3 {
            0 => AbortReason::Declined,
            1 => AbortReason::PayloadMismatch,
            _ => AbortReason::Cancelled,
        };
        self.command(usize::from(seat) % SIGNERS, |session, now| session.stop(now, reason).is_ok());
    }

    pub(crate) fn reuse_nonce(&mut self, seat: u8) {
        let culprit = signer(FORGER);
        self.command(usize::from(seat) % FORGER, |session, now| session.nonce_reused(now, culprit));
    }

    pub(crate) fn connect(&mut self, seat: u8, with: u8) {
        let signer = signer(usize::from(with) % (SIGNERS + 1));
        self.input(usize::from(seat) % SIGNERS, Input::Connected { signer });
    }

    /// Up to nine hours at once; machines hear of it late.
    pub(crate) fn pass_time(&mut self, log_millis: u8) {
        let passed = Duration::from_millis(1 << (log_millis % 26));
        let end = Instant::from_micros(0).after(Duration::from_secs(HOURS * 3600));
        self.now = self.now.after(passed).min(end);
        for seat in 0..SIGNERS {
            self.wake(seat);
        }
    }

    /// All that a good network and a good disk do in one round.
    pub(crate) fn run_a_round(&mut self) {
        for seat in 0..SIGNERS as u8 {
            self.give_entropy(seat);
            self.make_durable(seat);
        }
        for _ in self.delivered..self.sent.len() {
            self.deliver_next();
        }
    }

    /// Without input every machine comes to rest.
    pub(crate) fn run_out(&mut self) {
        for seat in 0..SIGNERS {
            for wakeup in 0.. {
                assert!(wakeup < WAKEUPS_MAX, "signer {seat} does not come to rest");
                let Some(next) = self.seats[seat].session.poll_timeout() else { break };
                self.now = self.now.max(next.at);
                self.wake(seat);
            }
            assert!(self.seats[seat].session.is_over());
            let open = self.seats[seat].key.occupancy()[0].len;
            assert_eq!(open, 0, "a secret nonce outlives the session");
        }
    }

    fn wake(&mut self, seat: usize) {
        let now = self.now();
        self.command(seat, |session, now| session.handle_timeout(now));
        let next = self.seats[seat].session.poll_timeout();
        assert!(next.is_none_or(|next| next.at > now.instant), "{next:?} at {now:?}");
    }

    fn input(&mut self, seat: usize, input: Input) {
        self.command(seat, |session, now| session.handle_input(now, input));
    }

    fn command<R>(&mut self, seat: usize, command: impl FnOnce(&mut Session, Now) -> R) {
        let now = self.now();
        command(&mut self.seats[seat].session, now);
        for count in 0.. {
            let Some(output) = self.seats[seat].session.poll_output() else { break };
            assert!(count < OUTPUTS_MAX, "too much at once: {output:?}");
            self.carry_out(seat, output);
        }
        self.check_agreement();
    }

    fn carry_out(&mut self, seat: usize, output: Output) {
        let machine = &mut self.seats[seat];
        match output {
            Output::Send { to, frame, .. } => {
                let decoded = Frame::decode_whole(&frame, NETWORK);
                let Ok(Frame::Envelope(envelope)) = decoded else { panic!("sent {decoded:?}") };
                machine.ledger.check_said(peer(seat), &envelope);
                if self.sent.len() < FRAMES_MAX {
                    self.sent.push(Sent { from: seat, to: to.as_usize(), frame });
                }
            }
            Output::NeedNonces(order) => machine.order = Some(order),
            Output::NeedPartials { session, nonces } => {
                machine.ledger.check_may_sign();
                let made =
                    machine.key.partials(Now::default(), session, &nonces).expect("its own nonces");
                self.input(seat, Input::Partials(made));
            }
            Output::ForgetNonces { session } => {
                machine.order = None;
                machine.key.forget(session);
            }
            Output::Persist { token, record } => machine.records.push((token, record)),
            Output::NoncesSeen { .. } => {}
            Output::Event(event) => {
                let group = setup(&self.request, seat).group;
                machine.ledger.check_event(&event, &self.request.request, &group);
            }
            Output::Offense { peer, offense } => check_offense(peer, &offense),
        }
    }

    fn check_agreement(&self) {
        let mut results =
            self.seats.iter().flat_map(|seat| &seat.ledger.finished).map(|end| &end.signatures);
        if let Some(first) = results.next() {
            assert!(results.all(|other| other == first), "two results of one session");
        }
    }
}

/// Changes a body in one of many ways and makes it the forger's.
fn bend(mut body: Body, how: u8) -> Body {
    let flip = how.is_multiple_of(2);
    let held: SignerSet = (0..3).filter(|bit| how >> bit & 1 == 1).map(signer).collect();
    match &mut body {
        Body::SessionJoin(join) => {
            (join.signer, join.delegation) = (signer(FORGER), MEMBERS[FORGER].delegation);
            match &mut join.round0 {
                Round0::Commit(commit) => commit.commitment[0] ^= u8::from(flip),
                Round0::Reveal(nonces) => nonces[0].0[1] ^= how,
            }
        }
        Body::NonceShare(share) => {
            share.signer = signer(FORGER);
            share.salt[0] ^= u8::from(flip);
            share.nonces[0].0[1] ^= how >> 4;
        }
        Body::NoncesComplete(complete) => {
            complete.signer = signer(FORGER);
            complete.digest[0] ^= u8::from(flip);
        }
        Body::PartialSigShare(share) => {
            share.signer = signer(FORGER);
            share.nonces[0] ^= u8::from(flip);
            share.partials[0][31] ^= how >> 4;
        }
        Body::PartialSigsComplete(complete) => complete.digest[0] ^= u8::from(flip),
        Body::SessionReady(_) if flip => {
            let digest = [how; 32];
            return Body::NonceAck(NonceAck { held, digest });
        }
        Body::SessionReady(_) => return Body::SessionReady(SessionReady { joined: held }),
        Body::NonceAck(_) => return Body::PartialSigAck(PartialSigAck::default()),
        Body::SessionAbort(_) | Body::PartialSigAck(_) => {
            let (reason, culprit) = (AbortReason::Equivocation, Some(signer(usize::from(how % 4))));
            return Body::SessionAbort(SessionAbort { reason, culprit });
        }
        Body::SignatureFinalized(SignatureFinalized { signatures }) => {
            if flip {
                signatures.push(Signature([how; 64]));
            }
        }
        Body::SessionAnnounce(_) | Body::ValidationError(_) => {}
    }
    body
}
