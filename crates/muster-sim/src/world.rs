//! The world: what there is, and its one loop.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use muster_core::decide::Work;
use muster_core::event::Recorded;
use muster_core::ledger::Ledger;
use muster_core::time::{Now, Stamp};
use muster_core::words::{ExecutionId, Pool, RunnerId, Sequence, SessionId};

use crate::agenda::{Agenda, Millis};
use crate::checks::Checks;
use crate::clock::Clock;
use crate::coordinator::Coordinator;
use crate::disk::Disk;
use crate::files::Place;
use crate::jobs::{Job, Woken};
use crate::mail::Mail;
use crate::network::Link;
use crate::operator::Operators;
use crate::runner::Runner;
use crate::spec::Spec;
use crate::told::Told;
use crate::trace::Trace;

/// What can be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A turn of the shard's writer.
    Turn,
    /// The committer's next step.
    Commit,
    /// A step of the keeper.
    Keep,
    /// A step of the verifier.
    Verify,
    /// The coordinator starts.
    Start,
    /// The landing's queue is looked at.
    Publisher,
    /// The landing's queue is asked for what it has lost.
    Again,
    /// The outbox of incidents is looked through.
    Notify,
    /// A mail comes to the mail server.
    Mail(u64),
    /// Something goes on beside the shard.
    Job(u64),
    /// The coordinator's end of a stream has something to do.
    Side(u64),
    /// Something arrives at the coordinator.
    Up(u64),
    /// Something arrives at the runner.
    Down(u64),
    /// A runner has something to do.
    Runner(usize),
    /// A runner's dialling has an outcome.
    Dial(usize),
    /// A runner's process starts.
    Boot(usize),
    /// The next step of a runner's work.
    Work(usize, u64),
    /// Checks of a runner end.
    Checked(usize),
    /// An operator does something.
    Operate,
    /// Something goes wrong.
    Fault,
}

/// How long, and how bad.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// For how long things go wrong, in virtual minutes.
    pub minutes: u64,
    /// Whether the text of the trace is kept.
    pub trace: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            minutes: 40,
            trace: false,
        }
    }
}

/// Everything.
pub struct World {
    pub(crate) now: Millis,
    pub(crate) chance: fastrand::Rng,
    pub(crate) agenda: Agenda<Due>,
    pub(crate) trace: Trace,
    pub(crate) disk: Disk,
    pub(crate) place: Place,
    /// The clocks of the coordinator's machine.
    pub(crate) clock: Clock,
    pub(crate) coordinator: Option<Coordinator>,
    pub(crate) paused_until: Millis,
    /// When the writer turned last.
    pub(crate) turned: Millis,
    /// From when deadlines run that stood when the coordinator did; before that it is to judge nobody by them.
    pub(crate) judges_from: Millis,
    pub(crate) links: BTreeMap<u64, Link>,
    pub(crate) next_link: u64,
    pub(crate) runners: Vec<Runner>,
    pub(crate) jobs: BTreeMap<u64, Job>,
    pub(crate) next_job: u64,
    pub(crate) woken: Woken,
    pub(crate) landing_slow: bool,
    pub(crate) mail: Mail,
    pub(crate) operators: Operators,
    pub(crate) checks: Checks,
    /// The journal as it was appended, from its first batch on.
    pub(crate) journal: Vec<(Sequence, Vec<Recorded>)>,
    /// For batches that are not known to be durable: how many writes there had been when each was appended.
    pub(crate) appended: VecDeque<(Sequence, u64)>,
    pub(crate) durable: Sequence,
    pub(crate) spec: Spec,
    /// The fold of the journal.
    pub(crate) shadow: Ledger,
    pub(crate) told: Told,
    /// When the newest session of each runner was heard last.
    pub(crate) heard: BTreeMap<RunnerId, Millis>,
    /// Since when each pool that has had runners has none.
    pub(crate) deserted: BTreeMap<Pool, Millis>,
    /// When each attempt was claimed.
    pub(crate) claimed: BTreeMap<Work, Millis>,
    /// The attempts of which their runners have said anything.
    pub(crate) confirmed: BTreeSet<Work>,
    /// The newest session of each runner, and since when the shard takes it for ended; `None` while it knows it.
    pub(crate) sessions: BTreeMap<RunnerId, (SessionId, Option<Millis>)>,
    /// Everything that was wrong has been put right, and stays so.
    pub(crate) healed: bool,
    /// The executions whose staged records were damaged.
    pub(crate) damaged: BTreeSet<ExecutionId>,
    /// The stamp of the newest turn.
    pub(crate) last_stamp: Stamp,
    pub(crate) turns: u64,
    /// Until when the landing is bad.
    pub(crate) landing_bad_until: Millis,
    pub(crate) steps: u64,
}

impl World {
    /// A world before anything has happened.
    #[must_use]
    pub fn new(seed: u64, plan: Plan) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut world = Self {
            now: 0,
            agenda: Agenda::new(),
            trace: Trace::new(plan.trace),
            disk: Disk::new(),
            place: Place::new(chance.u64(..)),
            clock: Clock::new(0, &mut chance),
            coordinator: None,
            paused_until: 0,
            turned: 0,
            judges_from: 0,
            links: BTreeMap::new(),
            next_link: 1,
            runners: Vec::new(),
            jobs: BTreeMap::new(),
            next_job: 1,
            woken: Woken::default(),
            landing_slow: false,
            mail: Mail::default(),
            operators: Operators::default(),
            checks: Checks::default(),
            journal: Vec::new(),
            appended: VecDeque::new(),
            durable: Sequence(0),
            spec: Spec::default(),
            shadow: Ledger::default(),
            told: Told::default(),
            heard: BTreeMap::new(),
            deserted: BTreeMap::new(),
            claimed: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            sessions: BTreeMap::new(),
            healed: false,
            damaged: BTreeSet::new(),
            last_stamp: Stamp::default(),
            turns: 0,
            landing_bad_until: 0,
            steps: 0,
            chance,
        };
        world.wake(Due::Start, 0);
        world.hire_first();
        world.wake(Due::Operate, 1_000);
        world.wake(Due::Fault, 20_000);
        world
    }

    /// Sees to it that something is due in `delay`.
    pub(crate) fn wake(&mut self, what: Due, delay: Millis) {
        self.agenda.wake(what, self.now + delay, &mut self.chance);
    }

    /// The same at a time; what has passed is due now.
    pub(crate) fn wake_at(&mut self, what: Due, at: Millis) {
        self.agenda.wake(what, at.max(self.now), &mut self.chance);
    }

    /// Lets everything happen that is due before `until`.
    pub(crate) fn run_until(&mut self, until: Millis) {
        while let Some((at, what)) = self.agenda.next() {
            if at >= until {
                self.agenda.wake(what, at, &mut self.chance);
                break;
            }
            self.now = self.now.max(at);
            self.steps += 1;
            self.happen(what);
            self.wake_jobs();
        }
        self.now = self.now.max(until);
    }

    fn happen(&mut self, what: Due) {
        match what {
            Due::Turn => self.turn(),
            Due::Commit => self.commit(),
            Due::Keep => self.keep(),
            Due::Verify => self.verify(),
            Due::Start => self.start_coordinator(),
            Due::Publisher => self.serve_publisher(),
            Due::Again => self.publish_again(),
            Due::Notify => self.look_through_outbox(),
            Due::Mail(id) => self.take_mail(id),
            Due::Job(id) => self.poll_job(id),
            Due::Side(id) => self.serve(id),
            Due::Up(id) => self.arrive_up(id),
            Due::Down(id) => self.arrive_down(id),
            Due::Runner(which) => self.drive(which),
            Due::Dial(which) => self.dialled(which),
            Due::Boot(which) => self.boot(which),
            Due::Work(which, task) => self.work(which, task),
            Due::Checked(which) => self.end_checks(which),
            Due::Operate => self.operate(),
            Due::Fault => self.go_wrong(),
        }
    }

    /// The present of the coordinator; `None` while it is down.
    pub(crate) fn coordinator_now(&mut self) -> Option<Now> {
        let reading = self.clock.read(self.now);
        self.coordinator
            .as_mut()
            .map(|coordinator| coordinator.shard.now(reading))
    }

    /// Whether the coordinator's process is there and not paused.
    pub(crate) fn is_coordinator_awake(&self) -> bool {
        self.coordinator.is_some() && self.now >= self.paused_until
    }
}
