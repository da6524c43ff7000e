//! The network, and the drivers of both ends.

use super::*;

impl World {
    /// Lets time pass in steps no longer than the next deadline.
    pub fn pass(&mut self, millis: u64) {
        let until = self.millis + millis;
        while self.millis < until {
            let now = self.now().moment;
            let ends = self.runners.iter().filter_map(|runner| runner.end.next_deadline());
            let streams = self.streams.values().filter(|one| !one.over);
            let ends = ends.chain(streams.filter_map(|stream| stream.end.next_deadline()));
            let ends = ends.chain(self.state.roster().next_deadline());
            let next = ends.map(|at| at.since(now)).filter(|wait| !wait.is_zero()).min();
            let step = next.map_or(millis, |wait| u64::try_from(wait.as_millis()).unwrap_or(1).max(1));
            self.millis += step.min(until - self.millis);
            self.tick();
        }
    }

    /// Lets time pass while all that can move moves.
    pub fn live(&mut self, millis: u64) {
        let until = self.millis + millis;
        while self.millis < until {
            self.settle();
            self.pass(500.min(until - self.millis));
        }
        self.settle();
    }

    pub fn tick(&mut self) {
        let now = self.now();
        self.timers();
        self.dispatch();
        for which in 0..self.runners.len() {
            self.runners[which].end.tick(now);
            self.runner_outputs(which);
        }
        for stream in self.streams.values_mut().filter(|one| !one.over) {
            if stream.end.tick(now).is_err() {
                stream.closed = Some(StreamEnd::Refused);
            }
        }
        self.coordinator_outputs();
    }

    /// Everything that can move moves, until nothing does.
    pub fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "the world comes to rest");
            if !self.step(usize::MAX) {
                return;
            }
        }
    }

    /// At most `budget` messages, asks and look-ups are handled, on the streams in turn; whether anything moved.
    pub fn step(&mut self, budget: usize) -> bool {
        let mut moved = 0;
        for which in 0..self.runners.len() {
            self.runner_outputs(which);
            moved += usize::from(self.runner_sends(which));
        }
        for id in self.streams.keys().copied().collect::<Vec<_>>() {
            while moved < budget && self.move_one(id) {
                moved += 1;
            }
        }
        self.coordinator_outputs();
        self.streams.retain(|_, stream| !stream.over);
        if moved < budget {
            let before = self.head;
            self.publish();
            self.dispatch();
            moved += usize::from(self.head != before);
        }
        self.check();
        moved > 0
    }

    /// One thing happens on a stream: a message arrives, a command is decided, a look-up is answered, or an end is
    /// noticed.
    fn move_one(&mut self, id: u64) -> bool {
        let now = self.now();
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.over) else {
            return false;
        };
        if stream.end.has_to_send()
            && stream.down.len() < WINDOW
            && let Some(message) = stream.end.poll_send(now)
        {
            if !stream.down_dead {
                stream.down.push_back(message);
            }
            return true;
        }
        if stream.end.wants_input()
            && let Some(message) = stream.up.pop_front()
        {
            if let Err(error) = stream.end.receive(message, now) {
                panic!("no end of ours breaks the protocol: {error}");
            }
            self.coordinator_outputs();
            return true;
        }
        if let Some(command) = stream.asks.pop_front() {
            let by = stream.end.principal().expect("it has said hello");
            let answer = self.decide(&by, command);
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.end.answered(answer, now);
            }
            self.coordinator_outputs();
            return true;
        }
        if let Some(look_up) = stream.look_ups.pop_front() {
            self.look_up(id, &look_up);
            self.coordinator_outputs();
            return true;
        }
        if let Some(message) = stream.down.pop_front() {
            let which = stream.runner;
            if self.runners[which].stream == Some(id) {
                let result = self.runners[which].end.receive(message, now);
                result.expect("no end of ours breaks the protocol");
                self.runner_outputs(which);
            }
            return true;
        }
        self.end_one(id)
    }

    fn end_one(&mut self, id: u64) -> bool {
        let now = self.now();
        let Some(stream) = self.streams.get_mut(&id) else {
            return false;
        };
        if let Some(end) = stream.closed {
            let which = stream.runner;
            let told = !stream.down_dead;
            self.drop_stream(id, true);
            if told && self.runners[which].stream == Some(id) {
                self.runners[which].stream = None;
                self.runners[which].end.disconnected(end, now);
                self.runner_outputs(which);
            }
            return true;
        }
        if stream.dropped && !stream.up_dead {
            self.drop_stream(id, true);
            return true;
        }
        false
    }

    /// The runner's side of a stream is gone; `noticed` says whether the coordinator sees it.
    pub(super) fn drop_stream(&mut self, id: u64, noticed: bool) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.down.clear();
        stream.dropped = true;
        if !noticed || stream.over || (stream.up_dead && stream.closed.is_none()) {
            return;
        }
        stream.up.clear();
        stream.over = true;
        stream.end.disconnected();
        // What was asked stands before the end.
        let mut commands: Vec<Command> = stream.asks.drain(..).collect();
        while let Some(output) = stream.end.poll_output() {
            if let CoordinatorOutput::Ask(more) = output {
                commands.extend(more);
            }
        }
        if let Some(by) = stream.end.principal() {
            for command in commands {
                let _ = self.decide(&by, command);
            }
        }
    }

    fn look_up(&mut self, id: u64, look_up: &LookUp) {
        let (LookUp::Staged(report) | LookUp::Ended(report)) = look_up;
        let work = (report.execution, report.claim.attempt);
        let staged = self.landing.get(&work).cloned();
        let ended = match self.finished.get(&report.execution) {
            Some(finished) if finished.has_accepted(report.claim) => Ended::Accepted,
            Some(_) => Ended::Otherwise,
            None => Ended::Unknown,
        };
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        match look_up {
            LookUp::Staged(_) => stream.end.staged(work, staged),
            LookUp::Ended(_) => stream.end.ended(work, ended),
        }
    }

    fn coordinator_outputs(&mut self) {
        for stream in self.streams.values_mut().filter(|one| !one.over) {
            while let Some(output) = stream.end.poll_output() {
                match output {
                    CoordinatorOutput::Ask(commands) => stream.asks.extend(commands),
                    CoordinatorOutput::LookUpStaged(report) => stream.look_ups.push_back(LookUp::Staged(report)),
                    CoordinatorOutput::LookUpEnded(report) => stream.look_ups.push_back(LookUp::Ended(report)),
                    CoordinatorOutput::LogLines { lines, .. } => self.lines_kept += lines.len() as u64,
                    CoordinatorOutput::Progress { records, .. } => assert_eq!(records, 5),
                    CoordinatorOutput::Refuse(rejection) => panic!("nobody is refused here: {rejection}"),
                    CoordinatorOutput::Close(ending) => stream.closed = Some(StreamEnd::of(Some(ending.reason()))),
                }
            }
        }
    }

    fn runner_sends(&mut self, which: usize) -> bool {
        let now = self.now();
        let runner = &mut self.runners[which];
        let Some(stream) = runner.stream.and_then(|id| self.streams.get_mut(&id)) else {
            // Nobody is there any more, and the runner does not know: what it sends is lost.
            return runner.stream.is_some() && runner.end.has_to_send() && runner.end.poll_send(now).is_some();
        };
        if !runner.end.has_to_send() || stream.up.len() >= WINDOW {
            return false;
        }
        let Some(message) = runner.end.poll_send(now) else {
            return false;
        };
        if !stream.up_dead {
            stream.up.push_back(message);
        }
        true
    }

    pub(super) fn runner_outputs(&mut self, which: usize) {
        while let Some(output) = self.runners[which].end.poll_output() {
            match output {
                RunnerOutput::Connect => self.connect(which),
                RunnerOutput::Disconnect { .. } => {
                    if let Some(id) = self.runners[which].stream.take() {
                        self.drop_stream(id, false);
                    }
                }
                RunnerOutput::Welcomed { .. } => {}
                RunnerOutput::Start(task) => {
                    let work = (task.assignment.execution, task.assignment.attempt);
                    let before = self.begun.insert(work, which);
                    assert_eq!(before, None, "an attempt is begun once, by one runner: {work:?}");
                    let tasks = &mut self.runners[which].tasks;
                    tasks.insert(work, false);
                    assert!(tasks.len() <= SLOTS as usize, "never more than there are slots");
                }
                RunnerOutput::Stop { work, .. } => {
                    let had = self.runners[which].tasks.remove(&work);
                    assert!(had.is_some(), "only what runs is stopped: {work:?}");
                }
                RunnerOutput::Spool(report) => {
                    let work = wire::work_of_report(&report).expect("it is one of ours");
                    self.runners[which].disk.insert(work, report);
                    self.results.insert((which, work), None);
                }
                RunnerOutput::Unspool { work, accepted } => {
                    assert!(
                        !accepted || self.has_taken(work, which),
                        "what was acknowledged is true: {work:?}"
                    );
                    assert!(self.runners[which].disk.remove(&work).is_some(), "it was on the disk");
                    self.results.insert((which, work), Some(accepted));
                }
                RunnerOutput::Check(order) => {
                    let checking = &mut self.runners[which].checking;
                    assert!(checking.insert(order.check), "a check is begun once");
                    assert!(checking.len() <= CHECKS_MAX, "never more than there may be");
                }
                RunnerOutput::StopCheck(check) => {
                    let had = self.runners[which].checking.remove(&check);
                    assert!(had, "only what runs is stopped: {check:?}");
                }
                RunnerOutput::Ignored { .. } => self.ignored += 1,
            }
        }
    }

    fn connect(&mut self, which: usize) {
        let now = self.now();
        let runner = &mut self.runners[which];
        assert!(runner.stream.is_none(), "one stream at a time");
        if self.refuse_connections || runner.gone {
            runner.end.disconnected(StreamEnd::Broken, now);
            return;
        }
        let id = self.next_stream;
        self.next_stream += 1;
        let session = SessionId(self.chance.u128(..));
        self.streams.insert(
            id,
            Stream {
                runner: which,
                end: CoordinatorEnd::new(session, now),
                up: VecDeque::new(),
                down: VecDeque::new(),
                up_dead: false,
                down_dead: false,
                dropped: false,
                closed: None,
                over: false,
                asks: VecDeque::new(),
                look_ups: VecDeque::new(),
            },
        );
        runner.stream = Some(id);
        runner.end.connected(now);
    }

    fn check(&self) {
        for runner in &self.runners {
            assert!(runner.end.in_hand() <= IN_HAND_MAX, "a runner's queues are bounded");
        }
        for stream in self.streams.values() {
            let in_hand = stream.end.in_hand() + stream.asks.len() + stream.look_ups.len();
            assert!(in_hand <= IN_HAND_MAX, "a stream's queues are bounded");
        }
    }
}
