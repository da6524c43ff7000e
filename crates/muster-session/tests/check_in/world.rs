//! A coordinator with the real core, runners with disks, and a faulty network between them, in virtual time.
//!
//! What was decided is durable at once here, and lives over a restart of the coordinator; everything else of it is lost. Whatever must hold is
//! checked at each step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use muster_core::decide::execution::landing::Landed;
use muster_core::decide::execution::{Report, cancel, run_now};
use muster_core::decide::integration::create::Create;
use muster_core::decide::session::{lapse::Lapse, withdraw::Withdraw};
use muster_core::decide::{Answer, Command, Decision, Effect, Rejection, Work, decide};
use muster_core::dispatch;
use muster_core::entity::{Definition, Finished, Phase};
use muster_core::event::Recorded;
use muster_core::ledger::{Ledger, Position};
use muster_core::roster::Limits;
use muster_core::state::State;
use muster_core::time::{Interval, Now};
use muster_core::words::{
    Category, Claim, Configuration, ConnectorName, Counts, DataType, DisplayName, ExecutionId, Failure, IntegrationId,
    LogLevel, LogSource, Pool, PoolName, Principal, RunnerId, Sequence, SessionId, Staged, StagedId,
};
use muster_proto::v1;
use muster_session::coordinator::{CoordinatorEnd, CoordinatorOutput, Ended};
use muster_session::runner::{RunnerEnd, RunnerOutput, StreamEnd};
use muster_session::wire;

use crate::messages::{SLOTS, at, organization, profile};

/// How many messages a stream of the network holds in each direction before its sender has to wait.
const WINDOW: usize = 4;

/// The most that an end may ever have in hand here: nothing in these worlds justifies more.
const IN_HAND_MAX: usize = 2_200;

/// One stream between a runner and the coordinator. It may be known to one of them only.
struct Stream {
    runner: usize,
    end: CoordinatorEnd,
    up: VecDeque<v1::RunnerMessage>,
    down: VecDeque<v1::CoordinatorMessage>,
    up_dead: bool,
    down_dead: bool,
    /// The runner has dropped it. The coordinator learns it, unless this direction is dead.
    dropped: bool,
    /// How the coordinator has ended it, if it has.
    closed: Option<StreamEnd>,
    /// The coordinator's side has seen the end.
    over: bool,
    /// What was asked of the shard and not decided yet.
    asks: VecDeque<Command>,
    look_ups: VecDeque<LookUp>,
}

enum LookUp {
    Staged(Report),
    Ended(Report),
}

struct Runner {
    end: RunnerEnd,
    /// The stream that it knows of.
    stream: Option<u64>,
    disk: BTreeMap<Work, v1::Report>,
    tasks: BTreeMap<Work, bool>,
    gone: bool,
}

pub(crate) struct World {
    pub millis: u64,
    pub state: State,
    pub limits: Limits,
    pub finished: BTreeMap<ExecutionId, Finished>,
    chance: fastrand::Rng,
    head: Sequence,
    landing: BTreeMap<Work, Staged>,
    publishing: BTreeSet<ExecutionId>,
    streams: BTreeMap<u64, Stream>,
    next_stream: u64,
    runners: Vec<Runner>,
    begun: BTreeMap<Work, usize>,
    /// Every result that was ever spooled, and how it left the spool.
    results: BTreeMap<(usize, Work), Option<bool>>,
    pub integrations: Vec<IntegrationId>,
    pub refuse_connections: bool,
    pub ignored: usize,
    pub lines_kept: u64,
}

impl World {
    pub fn new(seed: u64, runners: usize) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let limits = Limits::default();
        let state = State::starting(Ledger::default(), limits, at(0));
        let runners = (0..runners)
            .map(|n| runner(n, BTreeMap::new(), chance.fork(), at(0)))
            .collect();
        let mut world = Self {
            millis: 0,
            state,
            limits,
            finished: BTreeMap::new(),
            chance,
            head: Sequence(0),
            landing: BTreeMap::new(),
            publishing: BTreeSet::new(),
            streams: BTreeMap::new(),
            next_stream: 0,
            runners,
            begun: BTreeMap::new(),
            results: BTreeMap::new(),
            integrations: Vec::new(),
            refuse_connections: false,
            ignored: 0,
            lines_kept: 0,
        };
        for n in 0..3 {
            world.create(n);
        }
        world
    }

    pub fn now(&self) -> Now {
        at(self.millis)
    }

    fn create(&mut self, n: u32) {
        let names = ["device", "user"];
        let intervals = names.map(|name| (DataType::new(name).expect("a name"), Interval::MOST));
        let definition = Definition {
            display_name: DisplayName::new(&format!("source {n}")).expect("a name"),
            connector: ConnectorName::new("host").expect("a name"),
            configuration: Configuration::new("{}").expect("small"),
            pool: Pool::named(&organization(), &PoolName::new("hq").expect("a name")),
            intervals: intervals.into(),
        };
        let create = Create {
            organization: organization(),
            definition,
            draft: false,
        };
        let answer = self.decide(&Principal::local(), Command::CreateIntegration(create));
        let Ok(Answer::Integration(id)) = answer else {
            panic!("it is created: {answer:?}")
        };
        self.integrations.push(id);
    }

    // ---- the shard

    fn decide(&mut self, by: &Principal, command: Command) -> Result<Answer, Rejection> {
        let now = self.now();
        let Decision {
            events,
            roster,
            effects,
            answer,
        } = decide(&self.state, by, command, now, &mut self.chance)?;
        if !events.is_empty() {
            self.head = self.head.next();
        }
        for (ordinal, event) in (0..).zip(events) {
            let position = Position {
                sequence: self.head,
                ordinal,
            };
            let recorded = Recorded {
                at: now.stamp,
                by: by.clone(),
                event,
            };
            if let Some(finished) = self.state.apply(position, &recorded) {
                let before = self.finished.insert(finished.id, finished);
                assert!(before.is_none(), "an execution ends once: {before:?}");
            }
        }
        for change in roster {
            self.state.change_roster(change, now);
        }
        for effect in effects {
            self.carry_out(effect);
        }
        self.state.assert_invariants();
        Ok(answer)
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { session, message, .. } => {
                let streams = self.streams.values_mut();
                if let Some(stream) = streams
                    .into_iter()
                    .find(|one| one.end.session() == session && !one.over)
                {
                    stream.end.told(message);
                }
            }
            Effect::Publish { execution, .. } => {
                self.publishing.insert(execution);
            }
            Effect::Discard { execution, attempt } => {
                self.landing.remove(&(execution, attempt));
            }
        }
    }

    fn timers(&mut self) {
        let by = Principal::Coordinator;
        let now = self.now();
        self.state.end_back_offs(now.stamp);
        while let Some(runner) = self.state.roster().first_lease(now.moment) {
            self.decide(&by, Command::Lapse(Lapse { runner }))
                .expect("never refused");
        }
        while let Some((execution, attempt)) = self.state.roster().first_unconfirmed(now.moment) {
            let withdraw = Withdraw { execution, attempt };
            self.decide(&by, Command::Withdraw(withdraw)).expect("never refused");
        }
    }

    fn dispatch(&mut self) {
        while let Some(claim) = dispatch::next(&self.state) {
            self.decide(&Principal::Coordinator, Command::Claim(claim))
                .expect("never refused");
        }
    }

    fn publish(&mut self) {
        for execution in std::mem::take(&mut self.publishing) {
            // A repetition after a restart may find it done.
            let _ = self.decide(&Principal::Coordinator, Command::Landed(Landed { execution }));
        }
    }

    /// What the coordinator was told of this claim's report is true: it is part of the ledger or of history.
    fn has_taken(&self, (execution, attempt): Work, runner: usize) -> bool {
        let claim = Claim {
            runner: id(runner),
            attempt,
        };
        let open = self.state.ledger().execution(execution);
        let in_ledger = open.is_some_and(|open| {
            open.reported.contains(&claim) || matches!(&open.phase, Phase::Landing(by, _) if *by == claim)
        });
        let ended = self.finished.get(&execution);
        in_ledger || ended.is_some_and(|ended| ended.has_accepted(claim))
    }

    // ---- what people and faults do

    pub fn run_now(&mut self, which: usize) {
        let integration = self.integrations[which % self.integrations.len()];
        let command = run_now::RunNow {
            organization: organization(),
            integration,
            data_types: Vec::new(),
        };
        self.decide(&Principal::local(), Command::RunNow(command))
            .expect("it is enabled");
        self.dispatch();
    }

    pub fn cancel(&mut self, which: usize) {
        let open: Vec<ExecutionId> = self.state.ledger().executions().map(|one| one.id).collect();
        let Some(execution) = open.get(which % open.len().max(1)).copied() else {
            return;
        };
        let command = cancel::Cancel {
            organization: organization(),
            execution,
        };
        // It may be past the commit point.
        let _ = self.decide(&Principal::local(), Command::Cancel(command));
    }

    /// Both ends learn that the runner's stream has broken; what is under way is lost.
    pub fn break_stream(&mut self, which: usize) {
        let now = self.now();
        let runner = &mut self.runners[which];
        if let Some(id) = runner.stream.take() {
            runner.end.disconnected(StreamEnd::Broken, now);
            self.drop_stream(id, true);
        }
        self.runner_outputs(which);
    }

    /// One direction goes silent, and nobody is told.
    pub fn deafen(&mut self, which: usize, up: bool) {
        if let Some(stream) = self.runners[which].stream.and_then(|id| self.streams.get_mut(&id)) {
            if up {
                stream.up_dead = true;
                stream.up.clear();
            } else {
                stream.down_dead = true;
                stream.down.clear();
            }
        }
    }

    /// The runner's process is killed and started anew; its disk stays.
    pub fn restart_runner(&mut self, which: usize) {
        let now = self.now();
        if let Some(id) = self.runners[which].stream.take() {
            self.drop_stream(id, true);
        }
        let disk = std::mem::take(&mut self.runners[which].disk);
        self.runners[which] = runner(which, disk, self.chance.fork(), now);
        self.runner_outputs(which);
    }

    /// The coordinator's process is killed and started anew; what was decided stays.
    pub fn restart_coordinator(&mut self) {
        let now = self.now();
        for which in 0..self.runners.len() {
            let runner = &mut self.runners[which];
            let stream = runner.stream.and_then(|id| self.streams.get(&id));
            // A half-open stream stays so: nobody tells the runner that the coordinator is gone.
            if stream.is_some_and(|stream| !stream.down_dead) {
                runner.stream = None;
                runner.end.disconnected(StreamEnd::Broken, now);
            }
            self.runner_outputs(which);
        }
        self.streams.clear();
        self.state = State::starting(self.state.ledger().clone(), self.limits, now);
        self.publishing = self.state.index().landing().collect();
        self.state.assert_invariants();
    }

    pub fn shut_down_streams(&mut self) {
        for stream in self.streams.values_mut() {
            stream.end.reconnect(v1::ReconnectReason::ConnectionAge, None);
        }
    }

    pub fn drain(&mut self, which: usize) {
        self.runners[which].end.drain();
    }

    /// The executor of a runner does its next step with one of its tasks.
    pub fn work(&mut self, which: usize, task: usize, step: Step) {
        let runner = &mut self.runners[which];
        let Some((work, begun)) = runner
            .tasks
            .iter()
            .nth(task % runner.tasks.len().max(1))
            .map(|(w, b)| (*w, *b))
        else {
            return;
        };
        match step {
            Step::Start => {
                runner.tasks.insert(work, true);
                runner.end.started(work);
            }
            Step::Say => {
                runner.end.progress(work, 5);
                runner.end.log(work, LogSource::Connector, LogLevel::Info, "page 1");
            }
            Step::Complete { records } => {
                if !begun {
                    runner.end.started(work);
                }
                let counts = Counts {
                    records,
                    bytes: records * 10,
                };
                if records > 0 {
                    let id = StagedId(format!("{}-{}", work.0, work.1));
                    let cursor = None;
                    self.landing.insert(work, Staged { id, counts, cursor });
                }
                runner.tasks.remove(&work);
                assert!(
                    runner.end.completed(work, counts, None, records > 0),
                    "what was not stopped still counts"
                );
            }
            Step::Fail { retryable } => {
                let category = if retryable {
                    Category::Communication
                } else {
                    Category::Permission
                };
                runner.tasks.remove(&work);
                assert!(runner.end.failed(work, Failure::new(category, "no")), "it still counts");
            }
        }
        self.runner_outputs(which);
    }

    // ---- the network and the drivers

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

    /// One thing happens on a stream: a message arrives, a command is decided, a look-up is answered, or an end is noticed.
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
    fn drop_stream(&mut self, id: u64, noticed: bool) {
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

    fn runner_outputs(&mut self, which: usize) {
        while let Some(output) = self.runners[which].end.poll_output() {
            match output {
                RunnerOutput::Connect => self.connect(which),
                RunnerOutput::Disconnect => {
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

    // ---- looking at it

    pub fn open_count(&self) -> usize {
        self.state.ledger().executions().count()
    }

    pub fn running(&self, which: usize) -> Vec<Work> {
        self.runners[which].tasks.keys().copied().collect()
    }

    pub fn is_checked_in(&self, which: usize) -> bool {
        self.runners[which].end.is_checked_in()
    }

    pub fn is_idle(&self, which: usize) -> bool {
        self.runners[which].end.is_idle()
    }

    /// How the results of a runner left its spool; `None` for those that are still there.
    pub fn results(&self, which: usize) -> Vec<Option<bool>> {
        let results = self.results.iter().filter(|((runner, _), _)| *runner == which);
        results.map(|(_, result)| *result).collect()
    }

    /// The runner's host is off: it neither works nor dials.
    pub fn switch_off(&mut self, which: usize, off: bool) {
        if off {
            self.restart_runner(which);
            self.break_stream(which);
        }
        self.runners[which].gone = off;
    }

    /// Every fault heals: from now on the network carries, and drained runners are started again. Everything that is open has to end, and every
    /// result to leave its spool, within a bound of virtual time.
    pub fn heal(&mut self, within: Duration) {
        self.refuse_connections = false;
        for which in 0..self.runners.len() {
            self.runners[which].gone = false;
            if self.runners[which].end.is_idle() {
                self.restart_runner(which);
            }
        }
        let until = self.millis + u64::try_from(within.as_millis()).expect("short");
        while self.millis < until {
            self.settle();
            for which in 0..self.runners.len() {
                if self.runners[which].end.is_idle() {
                    self.restart_runner(which);
                }
                for task in 0..self.runners[which].tasks.len() {
                    self.work(which, task, Step::Complete { records: 3 });
                }
            }
            self.settle();
            let all_ended = self.open_count() == 0;
            if all_ended
                && self
                    .runners
                    .iter()
                    .all(|one| one.disk.is_empty() && one.tasks.is_empty())
            {
                for (result, how) in &self.results {
                    assert!(
                        how.is_some(),
                        "a spooled result ends acknowledged or fenced: {result:?}"
                    );
                }
                return;
            }
            self.pass(1_000);
        }
        let left: Vec<_> = self.state.ledger().executions().collect();
        let spools: Vec<_> = self
            .runners
            .iter()
            .map(|one| one.disk.keys().collect::<Vec<_>>())
            .collect();
        panic!("after every fault has healed something is left: {left:?}, in the spools {spools:?}");
    }
}

/// What an executor may do with a task.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Start,
    Say,
    Complete { records: u64 },
    Fail { retryable: bool },
}

fn id(which: usize) -> RunnerId {
    RunnerId(which as u128 + 1)
}

fn runner(which: usize, disk: BTreeMap<Work, v1::Report>, chance: fastrand::Rng, now: Now) -> Runner {
    let spooled = disk.values().cloned().collect();
    Runner {
        end: RunnerEnd::new(profile(which as u128 + 1), spooled, chance, now).expect("its spool is its own"),
        stream: None,
        disk,
        tasks: BTreeMap::new(),
        gone: false,
    }
}
