//! Runners: their processes, machines and the driver of the runner's end, as `link.rs` is with tonic.

use std::collections::BTreeMap;

use muster_core::decide::Work;
use muster_core::time::Moment;
use muster_core::words::{Attempt, ExecutionId, OrganizationId, Pool, RunnerId, SealingKey};
use muster_proto::v1;
use muster_session::runner::{RunnerEnd, RunnerOutput, RunnerProfile, StreamEnd};
use muster_session::wire;

use crate::agenda::Millis;
use crate::checks::Checking;
use crate::clock::Clock;
use crate::network::Item;
use crate::spec::staff::{NEW, OLD};
use crate::trace::{broken, say};
use crate::work::Task;
use crate::world::{Due, World};

/// The most that a runner's end may ever have in hand here.
const IN_HAND_MAX: usize = 2_200;

/// A runner: its machine with its disk, and its process while it runs.
pub struct Runner {
    pub id: RunnerId,
    pub name: String,
    pub organization: Option<OrganizationId>,
    profile: RunnerProfile,
    clock: Clock,
    /// The process; `None` while it is down.
    pub end: Option<RunnerEnd>,
    /// Which process it is.
    pub life: u32,
    /// It will not be started again.
    pub gone: bool,
    pub paused_until: Millis,
    /// Until then nothing gets through to the coordinator.
    pub cut_off_until: Millis,
    pub link: Option<u64>,
    dialing: bool,
    /// What its disk holds of results.
    pub spool: BTreeMap<Work, v1::Report>,
    /// What was removed from there, and may come back when the machine is lost: removals are not made durable.
    removed: Vec<(Work, v1::Report)>,
    /// Its disk takes nothing.
    pub disk_full: bool,
    pub tasks: BTreeMap<Work, Task>,
    pub checking: Checking,
    pub next_task: u64,
    leaving: bool,
    /// When this process heard the coordinator last, by its own clock.
    pub heard_coordinator: Option<Moment>,
}

impl Runner {
    /// Which pool it serves, and whose that is.
    pub fn pool(&self) -> (Option<OrganizationId>, String) {
        (self.organization.clone(), self.profile.pool.clone())
    }

    /// How much it carries out at the same time.
    pub fn slots(&self) -> usize {
        self.profile.slots as usize
    }
}

/// The key of a runner: every second has the same, so that what is sealed is sealed to more than one.
pub fn sealing_key(which: usize) -> SealingKey {
    let letter = ["q", "p"][which % 2];
    format!("age1{}", letter.repeat(58)).parse().expect("the form of a key")
}

/// How a runner's process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stops {
    Killed,
    Lost,
}

impl World {
    /// The runners that are there at the beginning.
    pub(crate) fn hire_first(&mut self) {
        for (organization, pool) in [
            (Some("acme"), "hq"),
            (Some("acme"), "lab"),
            (Some("globex"), "hq"),
            (None, Pool::HOSTED),
        ] {
            self.hire(organization, pool);
        }
        if self.chance.bool() {
            self.hire(Some("acme"), "hq");
        }
    }

    /// A new runner that has all connectors.
    pub(crate) fn hire_able(&mut self, organization: Option<&str>, pool: &str) {
        self.hire(organization, pool);
        if let Some(runner) = self.runners.last_mut()
            && runner.profile.connectors.len() < 2
        {
            runner
                .profile
                .connectors
                .push(specification("ldap", &["device", "user"]));
        }
    }

    /// A new runner.
    pub(crate) fn hire(&mut self, organization: Option<&str>, pool: &str) {
        let which = self.runners.len();
        let id = RunnerId(which as u128 + 1);
        let name = format!("{}-{pool}-{which}", organization.unwrap_or("muster"));
        let mut connectors = vec![specification("host", &["device", "software", "user"])];
        if self.chance.u32(0..4) > 0 || which < 4 {
            connectors.push(specification("ldap", &["device", "user"]));
        }
        let profile = RunnerProfile {
            runner: id,
            display_name: name.clone(),
            organization: organization.map_or_else(String::new, |organization| format!("organizations/{organization}")),
            pool: pool.to_owned(),
            version: if !self.healed && self.chance.u32(0..4) == 0 {
                OLD
            } else {
                NEW
            }
            .to_owned(),
            connectors,
            slots: self.chance.u32(1..4),
            host: v1::HostFacts {
                hostname: name.clone(),
                os: "linux".to_owned(),
                arch: "x86_64".to_owned(),
            },
            sealing_key: sealing_key(which).to_string(),
        };
        self.runners.push(Runner {
            id,
            name,
            organization: organization.map(|name| OrganizationId::new(name).expect("a name")),
            profile,
            clock: Clock::new(self.now, &mut self.chance),
            end: None,
            life: 0,
            gone: false,
            paused_until: 0,
            cut_off_until: 0,
            link: None,
            dialing: false,
            spool: BTreeMap::new(),
            removed: Vec::new(),
            disk_full: false,
            tasks: BTreeMap::new(),
            checking: Checking::new(),
            next_task: 1,
            leaving: false,
            heard_coordinator: None,
        });
        let delay = self.chance.u64(0..2_000);
        self.wake(Due::Boot(which), delay);
    }

    /// A runner's process starts.
    pub(crate) fn boot(&mut self, which: usize) {
        let (now, chance) = (self.now, self.chance.fork());
        let runner = &mut self.runners[which];
        if runner.end.is_some() || runner.gone {
            return;
        }
        runner.life += 1;
        if runner.life > 1 && runner.profile.version == OLD && self.chance.u32(0..3) == 0 {
            runner.profile.version = NEW.to_owned();
            self.trace.count("a runner is updated");
        }
        runner.heard_coordinator = None;
        runner.clock = runner.clock.restarted(now);
        let spooled = runner.spool.values().cloned().collect();
        let end = RunnerEnd::new(runner.profile.clone(), spooled, chance, runner.clock.now(now));
        runner.end = Some(end.expect("its spool is its own"));
        let (name, spooled) = (runner.name.clone(), runner.spool.len());
        say!(self, "{name}: starts with {spooled} spooled results");
        self.wake(Due::Runner(which), 0);
    }

    /// Every runner that is too old is updated.
    pub(crate) fn update_runners(&mut self) {
        for which in 0..self.runners.len() {
            if self.runners[which].profile.version == OLD {
                self.crash_runner(which, Stops::Killed);
                self.runners[which].profile.version = NEW.to_owned();
            }
        }
    }

    /// A runner's process ends without any leave.
    pub(crate) fn crash_runner(&mut self, which: usize, how: Stops) {
        let runner = &mut self.runners[which];
        if runner.end.take().is_none() {
            return;
        }
        let link = runner.link.take();
        runner.dialing = false;
        runner.leaving = false;
        runner.paused_until = 0;
        let tasks = std::mem::take(&mut runner.tasks);
        runner.checking.clear();
        if how == Stops::Lost {
            for (work, report) in std::mem::take(&mut runner.removed) {
                if self.chance.bool() {
                    runner.spool.insert(work, report);
                }
            }
        }
        let name = runner.name.clone();
        say!(self, "{name}: {how:?} with {} tasks", tasks.len());
        for task in tasks.into_values() {
            task.cut();
        }
        if let Some(id) = link {
            match how {
                Stops::Killed => self.hang_up(id),
                Stops::Lost => {
                    self.deafen(id, true);
                    self.deafen(id, false);
                }
            }
        }
        for due in [Due::Runner(which), Due::Dial(which)] {
            self.agenda.forget(due);
        }
    }

    /// Whether a runner's process is there and not paused; wakes `due` again when a pause ends.
    pub(crate) fn is_awake(&mut self, which: usize, due: Due) -> bool {
        let runner = &self.runners[which];
        if runner.end.is_none() {
            return false;
        }
        if runner.paused_until > self.now {
            let at = runner.paused_until;
            self.wake_at(due, at);
            return false;
        }
        true
    }

    /// Lets a runner's end do all that it can now.
    pub(crate) fn drive(&mut self, which: usize) {
        if !self.is_awake(which, Due::Runner(which)) {
            return;
        }
        let true_now = self.now;
        let runner = &mut self.runners[which];
        let now = runner.clock.now(true_now);
        if let Some(end) = &mut runner.end
            && end.next_deadline().is_some_and(|at| at <= now.moment)
        {
            end.tick(now);
        }
        self.runner_outputs(which);
        self.runner_sends(which);
        self.check_runner(which);
        if self.leaves(which) {
            return;
        }
        let runner = &self.runners[which];
        let Some(end) = &runner.end else { return };
        let deadline = end.next_deadline().map(|at| runner.clock.when(at));
        let held_up = end.has_to_send().then_some(true_now + 50);
        if let Some(at) = deadline.into_iter().chain(held_up).min() {
            self.wake_at(Due::Runner(which), at.max(true_now + 1));
        }
    }

    /// A runner that was drained ends its process when nothing is left.
    fn leaves(&mut self, which: usize) -> bool {
        let runner = &mut self.runners[which];
        let idle = runner.end.as_ref().is_some_and(RunnerEnd::is_idle);
        if !idle || !runner.leaving {
            return false;
        }
        runner.leaving = false;
        runner.end = None;
        let (link, name) = (runner.link.take(), runner.name.clone());
        say!(self, "{name}: has drained, and leaves");
        self.trace.count("a drained runner leaves");
        if let Some(id) = link {
            self.hang_up(id);
        }
        let away = self.chance.u64(1_000..120_000);
        self.wake(Due::Boot(which), away);
        true
    }

    /// A runner is told to shut down.
    pub(crate) fn drain(&mut self, which: usize) {
        let runner = &mut self.runners[which];
        if let Some(end) = &mut runner.end {
            end.drain();
            runner.leaving = true;
        }
        self.wake(Due::Runner(which), 0);
    }

    fn runner_outputs(&mut self, which: usize) {
        while let Some(output) = self.runners[which].end.as_mut().and_then(RunnerEnd::poll_output) {
            match output {
                RunnerOutput::Connect => {
                    self.runners[which].dialing = true;
                    let delay = self.chance.u64(1..400);
                    self.wake(Due::Dial(which), delay);
                }
                RunnerOutput::Disconnect { .. } => {
                    self.runners[which].dialing = false;
                    if let Some(id) = self.runners[which].link.take() {
                        self.trace.count("a runner gives its stream up");
                        self.hang_up(id);
                    }
                }
                RunnerOutput::Welcomed { .. } => {
                    let name = self.runners[which].name.clone();
                    say!(self, "{name}: checked in");
                }
                RunnerOutput::Start(task) => self.begin(which, *task),
                RunnerOutput::Stop { work, why } => {
                    let name = self.trace.name("e", work.0.0);
                    let runner = self.runners[which].name.clone();
                    say!(self, "{runner}: stops {name}.{} ({why:?})", work.1);
                    self.trace.count("work is stopped");
                    match self.runners[which].tasks.remove(&work) {
                        Some(task) => task.cut(),
                        None => broken!("{runner} stops {work:?}, which does not run"),
                    }
                }
                RunnerOutput::Check(order) => self.begin_check(which, &order),
                RunnerOutput::StopCheck(check) => {
                    self.trace.count("a check is stopped");
                    if self.runners[which].checking.remove(&check).is_none() {
                        broken!("{check} is stopped, and does not run");
                    }
                }
                RunnerOutput::Spool(report) => {
                    let work = wire::work_of_report(&report).expect("it is one of ours");
                    if self.runners[which].disk_full {
                        self.trace.count("a result is not kept");
                    } else {
                        self.runners[which].spool.insert(work, report);
                    }
                }
                RunnerOutput::Unspool { work, accepted } => {
                    if accepted {
                        self.check_accepted(which, work);
                    }
                    let runner = &mut self.runners[which];
                    if let Some(report) = runner.spool.remove(&work) {
                        runner.removed.push((work, report));
                        if runner.removed.len() > 8 {
                            runner.removed.remove(0);
                        }
                    }
                }
                RunnerOutput::Ignored { .. } => self.trace.count("an assignment is not taken"),
            }
        }
    }

    fn runner_sends(&mut self, which: usize) {
        loop {
            let now = self.now;
            let runner = &mut self.runners[which];
            let Some(end) = &mut runner.end else { return };
            let Some(id) = runner.link else { return };
            let room = self.links.get(&id).is_none_or(|link| link.up.has_room());
            if !end.has_to_send() || !room {
                return;
            }
            let Some(message) = end.poll_send(runner.clock.now(now)) else {
                return;
            };
            if end.in_hand() > IN_HAND_MAX {
                broken!("a runner has {} in hand", end.in_hand());
            }
            self.send_up(id, message);
        }
    }

    /// A runner's dialling has an outcome.
    pub(crate) fn dialled(&mut self, which: usize) {
        if !self.is_awake(which, Due::Dial(which)) || !self.runners[which].dialing {
            return;
        }
        let now = self.now;
        let reachable = self.runners[which].cut_off_until <= now;
        if !reachable && self.chance.bool() {
            // Nobody answers: the session gives it up.
            return;
        }
        self.runners[which].dialing = false;
        if !reachable || self.coordinator.is_none() {
            let runner = &mut self.runners[which];
            if let Some(end) = &mut runner.end {
                end.disconnected(StreamEnd::Broken, runner.clock.now(now));
            }
            return self.wake(Due::Runner(which), 0);
        }
        let id = self.open_link(which, false);
        let name = self.runners[which].name.clone();
        say!(self, "{name}: has opened stream {id}");
        let runner = &mut self.runners[which];
        runner.link = Some(id);
        if let Some(end) = &mut runner.end {
            end.connected(runner.clock.now(now));
        }
        self.wake(Due::Runner(which), 0);
    }

    /// What the coordinator has said arrives.
    pub(crate) fn arrive_down(&mut self, id: u64) {
        let Some(link) = self.links.get(&id) else { return };
        let which = link.runner;
        let knows = !link.is_copy && self.runners[which].link == Some(id) && self.runners[which].life == link.life;
        if knows && !self.is_awake(which, Due::Down(id)) {
            return;
        }
        let true_now = self.now;
        while let Some(item) = self.links.get_mut(&id).and_then(|link| link.down.arrived(true_now)) {
            let runner = &mut self.runners[which];
            let now = runner.clock.now(true_now);
            let Some(end) = runner.end.as_mut().filter(|_| knows && runner.link == Some(id)) else {
                continue;
            };
            match item {
                Item::Message(message) => {
                    let ends = given_up(&message, &runner.tasks);
                    if let Err(error) = end.receive(message, now) {
                        broken!("no end of ours breaks the protocol: {error}");
                    }
                    runner.heard_coordinator = Some(now.moment);
                    self.runner_outputs(which);
                    let runner = &self.runners[which];
                    if let Some(work) = ends.iter().find(|work| runner.tasks.contains_key(work)) {
                        broken!("{} works on at {work:?}, which it was told to stop", runner.name);
                    }
                }
                Item::End(how) => {
                    end.disconnected(how, now);
                    runner.link = None;
                    let name = runner.name.clone();
                    say!(self, "{name}: its stream {id} has ended ({how:?})");
                }
            }
            self.runner_outputs(which);
        }
        if let Some(at) = self.links.get(&id).and_then(|link| link.down.next()) {
            self.wake_at(Due::Down(id), at);
        }
        self.bury(id);
        self.wake(Due::Runner(which), 0);
    }

    /// How long ago a runner heard the coordinator, by the runner's own clock, is for the runner to judge; here is only its present.
    pub(crate) fn runner_now(&self, which: usize) -> muster_core::time::Now {
        self.runners[which].clock.now(self.now)
    }

    /// The machine of a runner gets another wall clock.
    pub(crate) fn step_runner_clock(&mut self, which: usize, by_ms: i64) {
        self.runners[which].clock.step(by_ms);
    }
}

/// The work that a runner has to stop when it hears this.
fn given_up(message: &v1::CoordinatorMessage, tasks: &BTreeMap<Work, Task>) -> Vec<Work> {
    use v1::coordinator_message::Kind;
    let named = |id: &[u8], attempt: u32| {
        let id = <[u8; 16]>::try_from(id).map(ExecutionId::from_bytes).ok()?;
        Some((id, Attempt(attempt)))
    };
    match &message.kind {
        Some(Kind::Welcome(welcome)) => {
            let resumed = welcome.resumed.iter();
            let resumed: Vec<Work> = resumed
                .filter_map(|one| named(&one.execution_id, one.attempt))
                .collect();
            tasks.keys().filter(|work| !resumed.contains(work)).copied().collect()
        }
        Some(Kind::Fences(it)) => {
            let fences = it.fences.iter();
            fences.filter_map(|one| named(&one.execution_id, one.attempt)).collect()
        }
        Some(Kind::Cancels(it)) => {
            let cancels = it.cancels.iter();
            cancels
                .filter_map(|one| named(&one.execution_id, one.attempt))
                .collect()
        }
        Some(Kind::Acks(_) | Kind::Assignments(_) | Kind::Check(_) | Kind::Heartbeat(_) | Kind::Reconnect(_))
        | None => Vec::new(),
    }
}

fn specification(connector: &str, data_types: &[&str]) -> v1::ConnectorSpecification {
    let data_types = data_types.iter().map(|name| v1::DataTypeSpecification {
        data_type: (*name).to_owned(),
        ..Default::default()
    });
    v1::ConnectorSpecification {
        connector: connector.to_owned(),
        version: "0.1.0".to_owned(),
        data_types: data_types.collect(),
        ..Default::default()
    }
}
