//! Streams between runners and the coordinator: in order until they break, late, half dead, or copied.

use std::collections::VecDeque;

use muster_proto::v1;
use muster_session::runner::StreamEnd;

use crate::agenda::Millis;
use crate::stream::Side;
use crate::trace::say;
use crate::world::{Due, World};

/// How many messages a direction holds before its sender has to wait.
pub const WINDOW: usize = 4;

/// How many of a stream's first messages are remembered, to be said again by a copy of it.
const REMEMBERED_MAX: usize = 24;

/// What travels.
#[derive(Debug)]
pub enum Item<M> {
    /// A message.
    Message(M),
    /// The end of the stream. Nothing follows.
    End(StreamEnd),
}

/// One direction of a stream.
#[derive(Debug)]
pub struct Way<M> {
    queue: VecDeque<(Millis, Item<M>)>,
    /// Nothing gets through any more, and nobody is told.
    pub dead: bool,
    /// Nothing arrives before what was sent earlier.
    last: Millis,
    over: bool,
}

impl<M> Way<M> {
    fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            dead: false,
            last: 0,
            over: false,
        }
    }

    /// Whether a sender need not wait.
    pub fn has_room(&self) -> bool {
        self.dead || self.queue.len() < WINDOW
    }

    /// Sends something; says when it arrives, if it does.
    fn send(&mut self, item: Item<M>, at: Millis) -> Option<Millis> {
        if self.dead || self.over {
            return None;
        }
        self.over = matches!(item, Item::End(_));
        self.last = self.last.max(at);
        self.queue.push_back((self.last, item));
        Some(self.last)
    }

    /// What has arrived by now.
    pub fn arrived(&mut self, now: Millis) -> Option<Item<M>> {
        if self.queue.front()?.0 > now {
            return None;
        }
        self.queue.pop_front().map(|(_, item)| item)
    }

    /// When the next thing arrives.
    pub fn next(&self) -> Option<Millis> {
        self.queue.front().map(|(at, _)| *at)
    }

    /// Loses what is under way from some message on.
    fn lose(&mut self, kept: usize) {
        self.queue.truncate(kept);
    }
}

/// A stream, as the network has it.
pub struct Link {
    /// Whose it is, in which life of that runner.
    pub runner: usize,
    pub life: u32,
    pub up: Way<v1::RunnerMessage>,
    pub down: Way<v1::CoordinatorMessage>,
    /// The coordinator's end; `None` when the coordinator is done with it.
    pub side: Option<Side>,
    /// How long a message takes.
    latency: Millis,
    said: Vec<v1::RunnerMessage>,
    /// It is the copy of another: no runner knows of it.
    pub is_copy: bool,
}

impl World {
    /// A new stream of a runner, with the coordinator's end.
    pub(crate) fn open_link(&mut self, which: usize, is_copy: bool) -> u64 {
        let id = self.next_link;
        self.next_link += 1;
        let side = self.open_side();
        let latency = self.latency();
        let link = Link {
            runner: which,
            life: self.runners[which].life,
            up: Way::new(),
            down: Way::new(),
            side,
            latency,
            said: Vec::new(),
            is_copy,
        };
        self.links.insert(id, link);
        self.wake(Due::Side(id), 0);
        id
    }

    fn latency(&mut self) -> Millis {
        match self.chance.u32(0..10) {
            0 => self.chance.u64(200..3_000),
            1..3 => self.chance.u64(30..200),
            _ => self.chance.u64(1..30),
        }
    }

    fn arrival(&mut self, id: u64) -> Millis {
        let latency = self.links[&id].latency;
        self.now + self.chance.u64(0..=latency)
    }

    /// The runner says something.
    pub(crate) fn send_up(&mut self, id: u64, message: v1::RunnerMessage) {
        let at = self.arrival(id);
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.said.len() < REMEMBERED_MAX {
            link.said.push(message.clone());
        }
        if let Some(at) = link.up.send(Item::Message(message), at) {
            self.wake_at(Due::Up(id), at);
        }
    }

    /// The coordinator says something.
    pub(crate) fn send_down(&mut self, id: u64, item: Item<v1::CoordinatorMessage>) {
        let at = self.arrival(id);
        let Some(link) = self.links.get_mut(&id) else { return };
        if let Some(at) = link.down.send(item, at) {
            self.wake_at(Due::Down(id), at);
        }
    }

    /// The runner's end of a stream is gone: closed, or its process was killed. The coordinator learns it, unless nothing gets through.
    pub(crate) fn hang_up(&mut self, id: u64) {
        let at = self.arrival(id);
        let Some(link) = self.links.get_mut(&id) else { return };
        link.down.dead = true;
        link.down.lose(0);
        if let Some(at) = link.up.send(Item::End(StreamEnd::Broken), at) {
            self.wake_at(Due::Up(id), at);
        }
        self.bury(id);
    }

    /// Breaks a stream: of what is under way the first part arrives, and each side learns of it or not.
    pub(crate) fn break_link(&mut self, id: u64, up_learns: bool, down_learns: bool) {
        let keep = (self.chance.usize(0..=WINDOW), self.chance.usize(0..=WINDOW));
        let delay = (self.chance.u64(0..2_000), self.chance.u64(0..2_000));
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        link.up.lose(keep.0);
        link.down.lose(keep.1);
        let up = up_learns.then(|| link.up.send(Item::End(StreamEnd::Broken), now + delay.0));
        let down = down_learns.then(|| link.down.send(Item::End(StreamEnd::Broken), now + delay.1));
        link.up.dead = true;
        link.down.dead = true;
        if let Some(at) = up.flatten() {
            self.wake_at(Due::Up(id), at);
        }
        if let Some(at) = down.flatten() {
            self.wake_at(Due::Down(id), at);
        }
    }

    /// Messages take seconds from now on.
    pub(crate) fn slow_down(&mut self, id: u64) {
        let latency = self.chance.u64(1_000..9_000);
        if let Some(link) = self.links.get_mut(&id) {
            link.latency = latency;
        }
    }

    /// One direction goes silent, and nobody is told.
    pub(crate) fn deafen(&mut self, id: u64, up: bool) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if up {
            link.up.dead = true;
            link.up.lose(0);
        } else {
            link.down.dead = true;
            link.down.lose(0);
        }
    }

    /// The connection is made a second time by somebody on the way, who says again what was said on the first.
    pub(crate) fn copy_link(&mut self, id: u64) {
        let Some(link) = self.links.get(&id) else { return };
        let (which, said) = (link.runner, link.said.clone());
        if said.is_empty() || self.coordinator.is_none() {
            return;
        }
        let said: Vec<_> = said.into_iter().take(WINDOW * 2).collect();
        let copy = self.open_link(which, true);
        say!(
            self,
            "a copy of stream {id} is opened as stream {copy}, and says its first {} messages again",
            said.len()
        );
        for message in said {
            self.send_up(copy, message);
        }
        let end = self.now + self.chance.u64(500..20_000);
        if let Some(link) = self.links.get_mut(&copy) {
            link.down.dead = true;
            if let Some(at) = link.up.send(Item::End(StreamEnd::Broken), end) {
                self.wake_at(Due::Up(copy), at);
            }
        }
    }

    /// Forgets a stream that neither end knows any more.
    pub(crate) fn bury(&mut self, id: u64) {
        let Some(link) = self.links.get(&id) else { return };
        let known = self.runners[link.runner].link == Some(id) && self.runners[link.runner].life == link.life;
        if link.side.is_none() && !known && link.down.next().is_none() {
            self.links.remove(&id);
            for due in [Due::Up(id), Due::Down(id), Due::Side(id)] {
                self.agenda.forget(due);
            }
        }
    }
}
