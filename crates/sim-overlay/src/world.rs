//! Time, links and messages between the nodes.

mod links;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    sync::Arc,
    time::Duration,
};

use ensign_dht::{Dht, Event, Input, Output};
use ensign_primitives::{Instant, Now, PeerId, StateMachine};
use ensign_wire::{DhtMessage, DhtRecord, Key, NodeRecord};

use crate::{
    Hostile, Setting, Tempo,
    coalition::Coalition,
    draw::Draw,
    host::{Host, Surroundings},
    people::START,
    population::{Cast, Population},
};

pub use crate::host::Cost;

/// Virtual time at which every world begins; machines never see zero.
const BEGIN: Instant = Instant::from_micros(1_000_000);
/// One way, each pair of nodes by itself: the bars are for links of 10 to 50 ms.
const LATENCY_MICROS: (u64, u64) = (10_000, 50_000);

/// What happens to a node.
#[derive(Debug)]
enum What {
    Wake,
    Hear {
        from: u32,
        message: DhtMessage,
        bytes: u64,
    },
    /// A handshake that this node began is over.
    Linked {
        to: u32,
    },
    Unreachable {
        peer: PeerId,
    },
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    order: u64,
    node: u32,
    what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// What a machine told its application.
#[derive(Clone, Debug)]
pub struct Told {
    /// When.
    pub at: Instant,
    /// Which node.
    pub node: u32,
    /// What.
    pub event: Event,
}

/// A network in virtual time.
#[derive(Debug)]
pub struct World {
    setting: Setting,
    seed: u64,
    cast: Arc<Cast>,
    population: Population,
    now: Now,
    hosts: Vec<Option<Box<Host>>>,
    /// Nodes that do not answer.
    gone: Vec<bool>,
    /// Nodes that know nobody when they begin.
    fresh: BTreeSet<u32>,
    /// On which side of a partition each node is; empty while there is none.
    sides: Vec<u8>,
    queue: BinaryHeap<Reverse<Entry>>,
    order: u64,
    coalition: Coalition,
    told: Vec<Told>,
    offenses: BTreeMap<String, u64>,
    cost: Cost,
    events: u64,
}

impl World {
    /// Draws a world; hostile nodes that choose their places lie around the record of slot 0 of `publisher`.
    pub fn new(cast: &Arc<Cast>, setting: Setting, seed: u64, publisher: u32) -> Self {
        let now = Now { instant: BEGIN, unix: START };
        let key = cast.people.sealed(publisher, 0, now).key();
        let population = Population::new(cast, &setting, seed, key);
        let mut draw = Draw::new(seed, "gone", 0);
        let count = population.len() as usize;
        let mut gone: Vec<bool> = (0..setting.nodes).map(|_| draw.unit() < setting.dead).collect();
        gone.resize(count, false);
        Self {
            setting,
            seed,
            cast: cast.clone(),
            population,
            now,
            hosts: (0..count).map(|_| None).collect(),
            gone,
            fresh: BTreeSet::new(),
            sides: Vec::new(),
            queue: BinaryHeap::new(),
            order: 0,
            coalition: Coalition::default(),
            told: Vec::new(),
            offenses: BTreeMap::new(),
            cost: Cost::default(),
            events: 0,
        }
    }

    /// What time it is.
    pub const fn now(&self) -> Now {
        self.now
    }

    /// How many events were handled.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// What honest nodes sent and did.
    pub const fn cost(&self) -> Cost {
        self.cost
    }

    /// What one node sent, heard and did.
    pub fn cost_of(&self, node: u32) -> Cost {
        self.host(node).map(|it| it.cost).unwrap_or_default()
    }

    /// What honest nodes hold against others, and how often.
    pub const fn offenses(&self) -> &BTreeMap<String, u64> {
        &self.offenses
    }

    /// How many nodes there are, hostile ones too.
    pub fn len(&self) -> u32 {
        self.population.len()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a node is hostile.
    pub fn is_hostile(&self, node: u32) -> bool {
        self.population.is_hostile(node)
    }

    /// The record of a node.
    pub fn record(&self, node: u32) -> NodeRecord {
        self.population.record(node).clone()
    }

    /// The number of a node.
    pub fn number(&self, peer: &PeerId) -> Option<u32> {
        self.population.number(peer)
    }

    /// A record that this node publishes, issued now.
    pub fn sealed(&self, publisher: u32, slot: u8) -> DhtRecord {
        self.cast.people.sealed(publisher, slot, self.now)
    }

    /// The machine of a node; `None` before anybody spoke to it.
    pub fn dht(&self, node: u32) -> Option<&Dht> {
        self.host(node).map(|it| &it.dht)
    }

    /// Which honest nodes have a record now.
    pub fn holders(&self, key: Key) -> usize {
        let hosts = self.hosts.iter().flatten();
        hosts.filter(|it| it.dht.records().any(|record| record.key() == key)).count()
    }

    /// How many honest nodes there are, with those that are gone.
    pub const fn honest(&self) -> u32 {
        self.population.honest()
    }

    /// How many nodes a node believes there are, 0 when it has no idea.
    pub fn estimate(&self, node: u32) -> u64 {
        self.dht(node).and_then(|it| it.network(self.now).nodes).unwrap_or_default()
    }

    /// How many bytes the records have that a node holds, of nodes and of what they publish, as they are sent.
    pub fn bytes_held(&self, node: u32) -> usize {
        let Some(dht) = self.dht(node) else { return 0 };
        let table = dht.table(self.now);
        let contacts = table.iter().map(|it| &it.record).chain(dht.roots());
        let contacts = contacts.map(|it| it.encode().len()).sum::<usize>();
        contacts + dht.records().map(|it| it.encode().len()).sum::<usize>()
    }

    /// Lets a node that is gone be there after all.
    pub fn be_there(&mut self, node: u32) {
        if let Some(gone) = self.gone.get_mut(node as usize) {
            *gone = false;
        }
    }

    /// What machines told their applications since it was last taken.
    pub fn told(&self) -> &[Told] {
        &self.told
    }

    /// Takes what machines told their applications since the last time.
    pub fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// Has a machine do something.
    pub fn command<T>(&mut self, node: u32, act: impl FnOnce(&mut Dht, Now) -> T) -> T {
        let now = self.now;
        let mut host = self.take_host(node);
        let done = act(&mut host.dht, now);
        self.put_host(node, host);
        done
    }

    /// Makes a node that nobody has spoken to.
    pub fn start(&mut self, node: u32) {
        self.command(node, |_, _| ());
    }

    /// Makes a node that nobody has spoken to, and that knows nobody.
    pub fn start_fresh(&mut self, node: u32) {
        self.fresh.insert(node);
        self.start(node);
    }

    /// Lets a node vanish without a word, with all that it knew.
    pub fn kill(&mut self, node: u32) {
        if let Some(gone) = self.gone.get_mut(node as usize) {
            *gone = true;
        }
        if let Some(host) = self.hosts.get_mut(node as usize).and_then(Option::take) {
            for other in host.links.into_keys() {
                self.unlink_at(other, node);
            }
        }
    }

    /// Lets a node come back as one that knows nothing but these.
    pub fn revive(&mut self, node: u32, known: &[u32]) {
        if let Some(gone) = self.gone.get_mut(node as usize) {
            *gone = false;
        }
        self.fresh.insert(node);
        let records: Vec<_> = known.iter().map(|at| self.record(*at)).collect();
        self.command(node, |dht, now| {
            records.into_iter().for_each(|record| dht.handle_input(now, Input::Learned { record }));
        });
    }

    /// Whether a node answers.
    pub fn is_gone(&self, node: u32) -> bool {
        self.gone.get(node as usize).copied().unwrap_or(true)
    }

    /// Parts the network: each node is on the side that `side` says. Links across are gone.
    pub fn part(&mut self, side: impl Fn(u32) -> u8) {
        self.sides = (0..self.len()).map(side).collect();
        let all = self.hosts.iter().enumerate();
        let links = all.filter_map(|(at, it)| Some((at as u32, it.as_ref()?)));
        let cut: Vec<_> = links
            .flat_map(|(at, it)| it.links.keys().map(move |to| (at, *to)))
            .filter(|(at, to)| self.is_cut(*at, *to))
            .collect();
        cut.into_iter().for_each(|(at, to)| self.unlink_at(at, to));
    }

    /// Ends the partition.
    pub fn heal(&mut self) {
        self.sides.clear();
    }

    /// Lets hostile nodes forget whom they told what: as another trial begins.
    pub fn forget_told(&mut self) {
        self.coalition.forget();
    }

    /// Lets so much time pass.
    pub fn run(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Lets so much time pass, or less: until `is_done` of what was told since the last time it was asked.
    pub fn run_until(&mut self, time: Duration, mut is_done: impl FnMut(&[Told]) -> bool) {
        let end = self.now.instant.after(time);
        let mut seen = self.told.len();
        while let Some(next) = self.queue.peek().filter(|it| it.0.at <= end) {
            self.set_time(next.0.at);
            if let Some(Reverse(entry)) = self.queue.pop() {
                self.events += 1;
                self.happens(entry);
            }
            if self.told.len() > seen {
                let new = self.told.get(seen..).unwrap_or_default();
                if is_done(new) {
                    return;
                }
                seen = self.told.len();
            }
        }
        self.set_time(end);
    }

    fn set_time(&mut self, at: Instant) {
        self.now = Now { instant: at, unix: START.after(at.since(BEGIN)) };
    }

    fn host(&self, node: u32) -> Option<&Host> {
        self.hosts.get(node as usize)?.as_deref()
    }

    fn push(&mut self, after: Duration, node: u32, what: What) {
        self.order += 1;
        let at = self.now.instant.after(after);
        self.queue.push(Reverse(Entry { at, order: self.order, node, what }));
    }

    fn take_host(&mut self, node: u32) -> Box<Host> {
        let known = self.hosts.get_mut(node as usize).and_then(Option::take);
        known.unwrap_or_else(|| {
            let Self { setting, seed, population, cast, .. } = &*self;
            let (seed, verify) = (*seed, &cast.verify);
            let surroundings = Surroundings { setting, seed, population, verify };
            let is_fresh = self.fresh.contains(&node);
            Box::new(Host::new(surroundings, self.now, node, setting.is_settled && !is_fresh))
        })
    }

    /// Carries out what a machine wants, and puts it back.
    fn put_host(&mut self, node: u32, mut host: Box<Host>) {
        while let Some(output) = host.dht.poll_output() {
            match output {
                Output::Send { to, message } => self.send(node, &mut host, &to, message),
                Output::Reach { record } => self.reach(node, &mut host, &record),
                Output::Offense { peer: _, offense } => {
                    *self.offenses.entry(offense.to_string()).or_default() += 1;
                }
                Output::Event(event) => {
                    self.told.push(Told { at: self.now.instant, node, event });
                }
            }
        }
        let wanted = host.dht.poll_timeout().map(|it| it.at.max(self.now.instant));
        if let Some(at) = wanted.filter(|at| host.wake.is_none_or(|wake| *at < wake)) {
            host.wake = Some(at);
            self.push(at.since(self.now.instant), node, What::Wake);
        }
        if let Some(place) = self.hosts.get_mut(node as usize) {
            *place = Some(host);
        }
        self.shut_idle(node);
    }

    fn input(&mut self, node: u32, input: Input) {
        let now = self.now;
        self.command(node, |dht, _| dht.handle_input(now, input));
    }

    fn happens(&mut self, Entry { at, node, what, .. }: Entry) {
        if self.is_gone(node) {
            return;
        }
        match what {
            What::Wake => {
                if self.host(node).is_some_and(|it| it.wake == Some(at)) {
                    let now = self.now;
                    let mut host = self.take_host(node);
                    host.wake = None;
                    host.dht.handle_timeout(now);
                    self.put_host(node, host);
                }
            }
            What::Hear { from, message, bytes: _ } if self.is_hostile(node) => {
                self.hostile_hears(node, from, &message);
            }
            What::Hear { from, message, bytes } => self.hear(node, from, (message, bytes)),
            What::Linked { to } => self.linked(node, to),
            What::Unreachable { peer } => self.input(node, Input::Unreachable { peer }),
        }
    }

    fn hear(&mut self, node: u32, from: u32, (message, bytes): (DhtMessage, u64)) {
        let order = self.order;
        let peer = self.population.record(from).peer();
        let mut host = self.take_host(node);
        // What comes over a link that is gone is lost.
        if let Some(used) = host.links.get_mut(&from) {
            *used = order;
            host.cost.heard += bytes;
            host.dht.handle_input(self.now, Input::Message { from: peer, message });
        }
        self.put_host(node, host);
    }

    fn hostile_hears(&mut self, node: u32, from: u32, message: &DhtMessage) {
        let Self { population, hosts, coalition, now, .. } = self;
        let asker = hosts.get(from as usize).and_then(Option::as_deref);
        let known = || {
            let table = asker.map(|it| it.dht.table(*now)).unwrap_or_default();
            let table = table.into_iter().map(|it| it.record.peer());
            let roots = asker.into_iter().flat_map(|it| it.dht.roots()).map(NodeRecord::peer);
            table.chain(roots).filter_map(|it| population.number(&it)).collect()
        };
        let Some(reply) = coalition.answer(population, (from, message), known) else { return };
        let wait = match self.setting.tempo {
            Tempo::Prompt => Duration::ZERO,
            Tempo::Slow(wait) => wait,
        };
        let bytes = self.population.frame_bytes(&reply);
        let latency = self.latency(node, from);
        self.push(wait + latency, from, What::Hear { from: node, message: reply, bytes });
    }
}

impl Setting {
    /// Whether hostile nodes lie around one key.
    pub(crate) const fn is_about_a_key(&self) -> bool {
        match self.hostile {
            Hostile::None | Hostile::Share(_) => false,
            Hostile::Near(_) | Hostile::Region(_) => true,
        }
    }
}
