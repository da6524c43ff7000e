//! A coordinator with the real core, runners with disks, and a faulty network between them, in virtual time.
//!
//! What was decided is durable at once here, and lives over a restart of the coordinator; everything else of it is
//! lost. Whatever must hold is checked at each step.

mod network;
mod shard;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use muster_core::decide::check::begin::Check;
use muster_core::decide::check::give_up::GiveUpCheck;
use muster_core::decide::execution::landing::Landed;
use muster_core::decide::execution::{Report, cancel, run_now};
use muster_core::decide::integration::create::Create;
use muster_core::decide::organization::found::Found;
use muster_core::decide::session::{lapse::Lapse, withdraw::Withdraw};
use muster_core::decide::{Answer, CheckEnd, Command, Decision, Effect, Rejection, Work, decide};
use muster_core::dispatch;
use muster_core::entity::{Definition, Finished, Phase};
use muster_core::event::Recorded;
use muster_core::ledger::{Ledger, Position};
use muster_core::roster::{CHECKS_MAX, Limits};
use muster_core::state::State;
use muster_core::time::{Interval, Now};
use muster_core::words::{
    Category, CheckId, Claim, Configuration, ConnectorName, Counts, DataType, DisplayName, ExecutionId, Failure,
    IntegrationId, LogLevel, LogSource, Notifications, Pool, PoolName, Principal, RetentionDays, RunnerId, Sequence,
    SessionId, Staged, StagedId,
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
    checking: BTreeSet<CheckId>,
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
    /// The checks that people have asked for since the coordinator started, and how they ended.
    pub checks: BTreeMap<CheckId, Option<CheckEnd>>,
}

impl World {
    pub fn new(seed: u64, runners: usize) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let limits = Limits::default();
        let state = State::starting(Ledger::default(), limits, Arc::default(), at(0));
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
            checks: BTreeMap::new(),
        };
        let found = Found {
            organization: organization(),
            retention: RetentionDays::default(),
        };
        let founded = world.decide(&Principal::Coordinator, Command::FoundOrganizations(found));
        founded.expect("never refused");
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
            access_schema: None,
            configuration: Configuration::new("{}").expect("small"),
            pool: Pool::named(&organization(), &PoolName::new("hq").expect("a name")),
            sealed_to: None,
            notifications: Notifications::default(),
        };
        let create = Create {
            organization: organization(),
            definition,
            intervals: intervals.into_iter().collect(),
            draft: false,
            request: None,
        };
        let answer = self.decide(&Principal::local(), Command::CreateIntegration(create));
        let Ok(Answer::Integration(id)) = answer else {
            panic!("it is created: {answer:?}")
        };
        self.integrations.push(id);
    }

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
        let open: Vec<ExecutionId> = self.state.everywhere().executions().map(|one| one.id).collect();
        let Some(execution) = open.get(which % open.len().max(1)).copied() else {
            return;
        };
        let command = cancel::Cancel {
            organization: organization(),
            execution,
            reason: None,
        };
        // It may be past the commit point.
        let _ = self.decide(&Principal::local(), Command::Cancel(command));
    }

    /// A person asks for a check, if anybody can do it.
    pub fn ask_check(&mut self, which: usize) {
        let integration = self.integrations[which % self.integrations.len()];
        let command = Check {
            organization: organization(),
            integration,
        };
        // It is told to a runner before the answer is there.
        let before = self.checks.len();
        match self.decide(&Principal::local(), Command::Check(command)) {
            Ok(Answer::Checking { check, .. }) => {
                self.checks.insert(check, None);
            }
            Ok(other) => panic!("a check begins: {other:?}"),
            Err(_) => assert_eq!(self.checks.len(), before),
        }
    }

    /// A runner ends one of its checks.
    pub fn checked(&mut self, which: usize, fails: bool) {
        let runner = &mut self.runners[which];
        if let Some(check) = runner.checking.pop_first() {
            let failure = fails.then(|| Failure::new(Category::Permission, "no"));
            runner.end.checked(check, failure);
        }
        self.runner_outputs(which);
    }

    /// The checks that a runner carries out.
    pub fn checking(&self, which: usize) -> usize {
        self.runners[which].checking.len()
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
        self.checks.clear();
        self.state = State::starting(self.state.everywhere().clone(), self.limits, Arc::default(), now);
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

    /// How many streams the coordinator has.
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// How many streams there ever were.
    pub fn connection_count(&self) -> u64 {
        self.next_stream
    }

    pub fn open_count(&self) -> usize {
        self.state.everywhere().executions().count()
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

    /// Every fault heals: from now on the network carries, and drained runners are started again. Everything that is
    /// open has to end, and every result to leave its spool, within a bound of virtual time.
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
                self.checked(which, false);
            }
            self.settle();
            let checked =
                self.checks.values().all(Option::is_some) && self.runners.iter().all(|one| one.checking.is_empty());
            let all_ended = self.open_count() == 0 && checked;
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
        let left: Vec<_> = self.state.everywhere().executions().collect();
        let spools: Vec<_> = self
            .runners
            .iter()
            .map(|one| one.disk.keys().collect::<Vec<_>>())
            .collect();
        let checks = &self.checks;
        panic!("after every fault has healed something is left: {left:?}, in the spools {spools:?}, checks {checks:?}");
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
        checking: BTreeSet::new(),
        gone: false,
    }
}
