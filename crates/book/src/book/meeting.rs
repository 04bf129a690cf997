//! Those to whom we are connected: what a connection shows, whom we ask, and whom we tell.

use alloc::vec::Vec;
use core::net::SocketAddr;

use ensign_primitives::{Now, PeerId};

use super::{Book, is_in_tried};
use crate::{
    Area, Closing, Listed, Offense, Output, ROUND_TAKEN_MAX,
    links::{Outbound, Purpose},
    table::{Heard, Reached},
};

impl<R: Listed> Book<R> {
    /// A dial of ours was answered by the right identity, whoever dialled.
    pub(super) fn on_up(&mut self, now: Now, peer: PeerId, remote: SocketAddr) {
        let area = Area::of(remote, &self.prefixes);
        let dial = self.links.up(peer, remote);
        self.failures = 0;
        self.trusted.reach(&peer);
        self.contests.end(&peer);
        let was_tried = self.is_tried(&peer);
        let reached = self.table.reach(now.unix, &peer, (remote, area));
        if let Reached::Contested(holder) = reached
            && !self.lives(now, &holder)
        {
            self.contests.open(now.instant, holder, peer, area);
        }
        if was_tried || is_in_tried(reached) {
            self.notes.change(peer);
        }
        match dial.map(|dial| dial.purpose) {
            Some(Purpose::Outbound) => {
                let since = now.instant;
                self.links.keep(peer, Outbound { remote, area, since, is_closing: false });
                self.ask_if_thin(now, peer);
            }
            Some(Purpose::Trusted) => self.ask_if_thin(now, peer),
            Some(Purpose::Feeler) => {
                self.outputs.push_back(Output::Close { peer, why: Closing::Tested });
            }
            // Somebody else's, who closes it.
            None => {}
        }
    }

    pub(super) fn on_down(&mut self, now: Now, peer: PeerId) {
        self.links.down(&peer);
        self.exchange.down(&peer);
        self.is_exhausted = false;
        if self.trusted.contains(&peer) {
            let failures = self.trusted.fail(&peer);
            let pause = self.chance.around(crate::agenda::wait(failures), 4);
            self.trusted.rest(&peer, now.instant.after(pause));
        }
    }

    /// Asks everybody who may be asked, at the begin of a round.
    pub(super) fn ask_everybody(&mut self, now: Now) {
        self.exchange.begin();
        let askable: Vec<_> = self.askable().collect();
        for peer in askable {
            self.ask(now, peer);
        }
    }

    /// Whom we dialled, and trusted nodes whoever dialled; who owes an answer is not asked again.
    pub(super) fn askable(&self) -> impl Iterator<Item = PeerId> {
        let trusted = self.trusted.all().filter(|peer| self.links.remote(peer).is_some());
        let outbound = self.links.outbound().map(|(peer, _)| peer);
        outbound.chain(trusted).copied().filter(|peer| !self.exchange.is_waiting_for(peer))
    }

    pub(super) fn is_thin(&self) -> bool {
        self.table.len() < ROUND_TAKEN_MAX
    }

    pub(super) fn on_asked(&mut self, now: Now, from: PeerId) {
        let Some(remote) = self.links.remote(&from) else { return };
        match self.exchange.asked(now.instant, from) {
            None => {
                let offense = Offense::AskedTooOften;
                self.outputs.push_back(Output::Offense { peer: from, offense });
            }
            Some(false) => {}
            Some(true) => {
                let asker = Area::of(remote, &self.prefixes);
                let records = self.table.sample(now.unix, asker, |peer| *peer != from);
                self.outputs.push_back(Output::Tell { to: from, records });
            }
        }
    }

    pub(super) fn on_told(&mut self, now: Now, from: PeerId, records: Vec<R>) {
        let terms = &self.config.terms;
        let (check, prove) = (|it: &R| it.check(now.unix, terms), |it: &R| it.prove(terms));
        let records = match self.exchange.answered(&from, records, check, prove) {
            Ok(records) => records,
            Err(offense) => {
                return self.outputs.push_back(Output::Offense { peer: from, offense });
            }
        };
        let Some(remote) = self.links.remote(&from) else { return };
        let source = Area::of(remote, &self.prefixes);
        for record in records.into_iter().filter(|record| record.peer() != from) {
            if !self.exchange.has_room(source) {
                return;
            }
            if self.hear_proven(now, record, source) == Some(Heard::Entered) {
                self.exchange.take(source);
            }
        }
    }

    fn ask_if_thin(&mut self, now: Now, peer: PeerId) {
        if self.is_thin() {
            self.ask(now, peer);
        }
    }

    fn ask(&mut self, now: Now, to: PeerId) {
        if self.exchange.ask(now.instant, to) {
            self.outputs.push_back(Output::Ask { to });
        }
    }
}
