//! A shard without I/O: it decides, records and applies as the real one does, and checks the invariants after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use muster_core::alert::{self, Policy};
use muster_core::decide::check::{begin, give_up, report};
use muster_core::decide::execution::Report;
use muster_core::decide::execution::retry::FAILURES_MAX;
use muster_core::decide::incident::deliver::Tried;
use muster_core::decide::integration::create::Create;
use muster_core::decide::organization::found::Found;
use muster_core::decide::organization::resume::Resume;
use muster_core::decide::organization::suspend::Suspend;
use muster_core::decide::session::drain;
use muster_core::decide::{Answer, CheckEnd, Command, Decision, Effect, Message, Rejection, Work, decide};
use muster_core::dispatch;
use muster_core::entity::{
    Alert, Cause, DeliveryState, EntityKey, Finished, Organization, PerDataType, Phase, Profile,
};
use muster_core::event::{Event, Recorded};
use muster_core::health::{Tally, Window};
use muster_core::ledger::{Entity, Ledger, Position};
use muster_core::roster::{CHECKS_MAX, Limits, RosterChange};
use muster_core::state::State;
use muster_core::time::{Interval, Moment, Now, Stamp};
use muster_core::words::{
    Attempt, Category, CheckId, Claim, Configuration, ConfigurationStatus, ConnectorName, DataType, DisplayName,
    EmailAddress, Enablement, ExecutionId, ExecutionStatus, Failure, IntegrationId, Notifications, OrganizationId,
    Origin, Outcome, Pool, PoolName, Principal, Recipients, Release, RetentionDays, RunnerId, SealingKey, Sequence,
    SessionId, Slots,
};

use crate::excuse::Excuses;
use crate::roll::Roll;

/// What a runner of the model knows: exactly what it was told.
#[derive(Debug, Clone, Default)]
pub struct Runner {
    pub session: Option<SessionId>,
    pub work: BTreeSet<Work>,
    pub past: BTreeSet<Work>,
    /// The checks that it was asked for, the newest last.
    pub checks: Vec<CheckId>,
}

#[derive(Clone)]
pub struct Model {
    pub state: State,
    pub now: Now,
    chance: fastrand::Rng,
    pub head: Sequence,
    journal: Vec<(Position, Recorded)>,
    pub finished: BTreeMap<ExecutionId, Finished>,
    pub runners: [Runner; 2],
    seen: BTreeMap<ExecutionId, (ExecutionStatus, Attempt)>,
    claims: BTreeMap<Work, RunnerId>,
    publishing: BTreeSet<ExecutionId>,
    committed: BTreeSet<ExecutionId>,
    /// The runners that a person lets rest.
    resting: BTreeSet<RunnerId>,
    failures: BTreeMap<ExecutionId, u32>,
    records: BTreeMap<EntityKey, (Entity, Sequence)>,
    changed: BTreeMap<EntityKey, Sequence>,
    trimmed: Sequence,
    backup: Option<Box<Model>>,
    /// Whom the checks under way were asked of.
    pub checks: BTreeMap<CheckId, (RunnerId, SessionId)>,
    /// How checks have ended, the newest last.
    pub checked: Vec<CheckEnd>,
    /// The integrations against which the newest check speaks, as the journal tells it.
    check_fails: BTreeSet<IntegrationId>,
    /// What runners have or had from before the newest restore. None of it may be believed any more.
    undone: BTreeSet<Work>,
    roll: Roll,
    excuses: Excuses,
}

pub fn organization() -> OrganizationId {
    OrganizationId::new("acme").expect("a name")
}

pub fn data_type(n: usize) -> DataType {
    DataType::new(["device", "software", "user"][n % 3]).expect("a name")
}

pub fn runner_id(which: usize) -> RunnerId {
    RunnerId(which as u128 + 1)
}

pub fn definition(name: u32) -> muster_core::entity::Definition {
    muster_core::entity::Definition {
        display_name: DisplayName::new(&format!("source {name}")).expect("a name"),
        connector: ConnectorName::new("host").expect("a name"),
        access_schema: None,
        configuration: Configuration::new(&format!(r#"{{"n":{}}}"#, name % 2)).expect("small"),
        pool: Pool::named(&organization(), &PoolName::new("hq").expect("a name")),
        sealed_to: None,
        notifications: notifications(name),
    }
}

/// The key of a runner.
fn sealing_key(which: usize) -> SealingKey {
    let letter = ['q', 'p'][which];
    format!("age1{}{letter}", "q".repeat(57)).parse().expect("a key")
}

/// Only these can open it.
pub fn sealed_to(which: &[usize]) -> Option<Recipients> {
    Recipients::new(which.iter().map(|which| sealing_key(*which))).ok()
}

/// So many data types, each as often.
pub fn intervals(data_types: usize, minutes: u64) -> PerDataType<Interval> {
    let interval = Interval::new(Duration::from_secs(60 * minutes.clamp(1, 1_000))).expect("in bounds");
    (0..data_types.clamp(1, 3)).map(|n| (data_type(n), interval)).collect()
}

/// One person is told of pools and runners.
fn policy() -> Arc<Policy> {
    Arc::new(Policy {
        recipients: vec![EmailAddress::new("operator@example.com").expect("an address")],
        release: Release { major: 2, minor: 1 },
        runner_version_min: "2.0.0".parse().ok(),
        ..Policy::default()
    })
}

/// Some are off, some hold, some look at an hour only.
fn notifications(name: u32) -> Notifications {
    let address = |text| EmailAddress::new(text).expect("an address");
    Notifications {
        enabled: name != 1,
        recipients: [address("oncall@example.com"), address("boss@example.com")].into(),
        window: Duration::from_secs(if name == 3 { 3_600 } else { 86_400 }),
        hold: Duration::from_secs(if name == 2 { 1_800 } else { 0 }),
        sample_min: if name == 0 { 3 } else { 1 },
        ..Notifications::default()
    }
}

fn profile(which: usize, pool: &str, version: &str) -> Profile {
    Profile {
        display_name: DisplayName::new(&format!("hq-{which}")).expect("a name"),
        organization: Some(organization()),
        pool: Pool::named(&organization(), &PoolName::new(pool).expect("a name")),
        version: version.into(),
        platform: "test".into(),
        slots: Slots(2),
        connectors: vec![ConnectorName::new("host").expect("a name")],
        sealing_key: Some(sealing_key(which)),
    }
}

impl Model {
    pub fn new(seed: u64) -> Self {
        let now = Now {
            stamp: Stamp::from_millis(1_700_000_000_000),
            moment: Moment::from_start(Duration::ZERO),
        };
        let mut model = Self {
            state: State::starting(Ledger::default(), Limits::default(), policy(), now),
            now,
            chance: fastrand::Rng::with_seed(seed),
            head: Sequence(0),
            journal: Vec::new(),
            finished: BTreeMap::new(),
            runners: [Runner::default(), Runner::default()],
            seen: BTreeMap::new(),
            claims: BTreeMap::new(),
            publishing: BTreeSet::new(),
            committed: BTreeSet::new(),
            resting: BTreeSet::new(),
            failures: BTreeMap::new(),
            records: BTreeMap::new(),
            changed: BTreeMap::new(),
            trimmed: Sequence(0),
            backup: None,
            undone: BTreeSet::new(),
            checks: BTreeMap::new(),
            checked: Vec::new(),
            check_fails: BTreeSet::new(),
            roll: Roll::default(),
            excuses: Excuses::default(),
        };
        let founded = Found {
            organization: organization(),
            retention: RetentionDays::default(),
        };
        let founded = model.ask(&Principal::Coordinator, Command::FoundOrganizations(founded));
        founded.expect("never refused");
        model
    }

    /// An id that nothing has had before.
    pub fn id(&mut self) -> u128 {
        self.chance.u128(..)
    }

    /// One command, as one batch.
    pub fn ask(&mut self, by: &Principal, command: Command) -> Result<Answer, Rejection> {
        let Decision {
            events,
            roster,
            effects,
            answer,
        } = decide(&self.state, by, command, self.now, &mut self.chance)?;
        if !events.is_empty() {
            self.head = self.head.next();
        }
        for (ordinal, event) in (0..).zip(events) {
            let position = Position {
                sequence: self.head,
                ordinal,
            };
            let (first, second) = event.entities();
            for key in std::iter::once(first).chain(second) {
                self.changed.entry(key).or_insert(self.head);
            }
            let recorded = Recorded {
                at: self.now.stamp,
                by: by.clone(),
                event,
            };
            self.count_failures(&recorded);
            self.follow_checks(&recorded);
            self.judge_pause(&recorded);
            self.judge_rest(&recorded);
            self.excuses.take(&recorded, self.state.everywhere());
            self.roll.take(&recorded, self.state.everywhere(), self.now);
            if let Some(finished) = self.state.apply(position, &recorded).finished {
                self.check_end(&finished);
                let before = self.finished.insert(finished.id, finished);
                assert!(before.is_none(), "an execution ends once: {before:?}");
            }
            self.journal.push((position, recorded));
        }
        self.excuses.end_batch(self.now.moment);
        for change in roster {
            self.state.change_roster(change, self.now);
        }
        for effect in effects {
            self.carry_out(effect);
        }
        self.check();
        Ok(answer)
    }

    /// A person creates an integration. The same request makes no second one for as long as the first is there.
    pub fn create(&mut self, command: Create) {
        let remembered = self.state.everywhere().integrations().find(|one| {
            let ids = (one.request.as_deref().copied(), command.request);
            matches!(ids, (Some(made), Some(asked)) if made.id == asked.id)
        });
        let expected = remembered.map(|one| {
            if one.request.as_deref() == command.request.as_ref() {
                Ok(Answer::Integration(one.id))
            } else {
                Err(Rejection::RequestReused { integration: one.id })
            }
        });
        let before = self.head;
        let rests = self.rests();
        let answer = self.ask(&Principal::local(), Command::CreateIntegration(command));
        assert!(
            !rests || answer.is_err(),
            "it is suspended, and something is made: {answer:?}"
        );
        if let Some(expected) = expected.filter(|_| !rests) {
            assert_eq!(answer, expected, "a repeated request is answered as the first was");
            assert_eq!(self.head, before, "and nothing happens");
        }
    }

    /// A person lets a runner rest, or work again.
    pub fn let_rest(&mut self, which: usize, rests: bool) {
        let runner = runner_id(which);
        let command = if rests {
            Command::DrainRunner(drain::Drain { runner })
        } else {
            Command::ResumeRunner(drain::Resume { runner })
        };
        self.ask(&Principal::local(), command).expect("never refused");
    }

    /// Whoever rests is given nothing, however often they check in, until they are to work again.
    fn judge_rest(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::RunnerDrained { runner, is_drained } => {
                let changed = match is_drained {
                    true => self.resting.insert(*runner),
                    false => self.resting.remove(runner),
                };
                assert!(changed, "it is told once: {recorded:?}");
            }
            Event::ExecutionClaimed { claim, .. } => {
                assert!(!self.resting.contains(&claim.runner), "it rests: {recorded:?}");
            }
            _ => {}
        }
    }

    /// Every failed attempt is counted, and none but those.
    fn count_failures(&mut self, recorded: &Recorded) {
        let (execution, said, failed) = match &recorded.event {
            Event::LandingCommitted { execution, .. } => {
                self.committed.insert(*execution);
                return;
            }
            Event::ExecutionReturned {
                execution,
                failures,
                failure,
                ..
            } => (execution, *failures, failure.is_some()),
            Event::ExecutionFailed {
                execution,
                failures,
                failure,
                ..
            } => (execution, *failures, failure.category != Category::Canceled),
            _ => return,
        };
        let counted = self.failures.entry(*execution).or_default();
        *counted += u32::from(failed);
        assert_eq!(said, *counted, "failures are counted: {recorded:?}");
        assert!(*counted <= FAILURES_MAX, "nothing is tried for ever: {recorded:?}");
    }

    /// What the newest check says against an integration, told anew from the events.
    fn follow_checks(&mut self, recorded: &Recorded) {
        let ledger = self.state.everywhere();
        match &recorded.event {
            Event::IntegrationChecked {
                integration,
                revision,
                runner,
                failure,
            } => {
                let current = ledger.integration(*integration).map(|one| one.revision);
                assert_eq!(
                    current,
                    Some(*revision),
                    "only the current configuration's check counts"
                );
                assert_eq!(recorded.by, Principal::Runner(*runner), "a runner speaks for itself");
                if failure.is_some() {
                    self.check_fails.insert(*integration);
                } else {
                    self.check_fails.remove(integration);
                }
            }
            Event::IntegrationUpdated {
                integration, revision, ..
            } if ledger
                .integration(*integration)
                .is_some_and(|one| one.revision == *revision) => {}
            Event::IntegrationUpdated { integration, .. }
            | Event::ExecutionCompleted { integration, .. }
            | Event::IntegrationEnabled { integration, .. }
            | Event::IntegrationDeleted { integration } => {
                self.check_fails.remove(integration);
            }
            _ => {}
        }
    }

    /// No schedule goes on while it rests.
    fn judge_pause(&self, recorded: &Recorded) {
        let (Event::ExecutionCreated {
            integration,
            origin: Origin::Schedule { .. },
            ..
        }
        | Event::ScheduleAdvanced { integration, .. }) = &recorded.event
        else {
            return;
        };
        let found = self.state.everywhere().integration(*integration);
        assert!(!self.rests(), "nothing falls due in what rests: {recorded:?}");
        let pause = found.and_then(|one| one.pause(recorded.at));
        assert_eq!(pause, None, "a schedule goes on though it rests: {recorded:?}");
    }

    fn check_end(&self, finished: &Finished) {
        if self.committed.contains(&finished.id) {
            let kept = match &finished.outcome {
                Outcome::Completed { .. } => true,
                Outcome::Error(failure) => failure.category == Category::Landing,
            };
            assert!(
                kept,
                "nothing but the landing itself undoes what is past its commit point: {finished:?}"
            );
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send {
                runner,
                session,
                message,
            } => {
                let told = &mut self.runners[usize::try_from(runner.0 - 1).expect("one of two")];
                if told.session != Some(session) {
                    return;
                }
                match message {
                    Message::Assign(assignment) => {
                        let work = (assignment.execution, assignment.attempt);
                        let before = self.claims.insert(work, runner);
                        assert_eq!(before, None, "an attempt is given to one runner, once");
                        told.work.insert(work);
                    }
                    Message::Fence { execution, attempt } | Message::Cancel { execution, attempt } => {
                        told.work.remove(&(execution, attempt));
                        told.past.insert((execution, attempt));
                    }
                    Message::Check(order) => {
                        assert!(told.checks.len() < 1_000, "nobody is asked for ever");
                        told.checks.push(order.check);
                        self.checks.insert(order.check, (runner, session));
                    }
                    Message::CheckInAnew => {}
                    Message::Close(_) => told.session = None,
                }
            }
            Effect::Publish { execution, .. } => {
                self.publishing.insert(execution);
            }
            Effect::CheckEnded { check, end } => {
                assert!(self.checks.remove(&check).is_some(), "a check ends once: {end:?}");
                self.checked.push(end);
            }
            Effect::Discard { .. } | Effect::Note { .. } | Effect::Deliver => {}
        }
    }

    /// All that the coordinator does by itself at this moment.
    pub fn tick(&mut self) {
        let by = Principal::Coordinator;
        self.state.end_back_offs(self.now.stamp);
        while let Some((integration, data_type)) = self.state.first_due(self.now.stamp) {
            let command = muster_core::decide::execution::fall_due::FallDue { integration, data_type };
            self.ask(&by, Command::FallDue(command)).expect("never refused");
        }
        while let Some(runner) = self.state.roster().first_lease(self.now.moment) {
            let command = muster_core::decide::session::lapse::Lapse { runner };
            self.ask(&by, Command::Lapse(command)).expect("never refused");
        }
        while let Some((execution, attempt)) = self.state.roster().first_unconfirmed(self.now.moment) {
            let command = muster_core::decide::session::withdraw::Withdraw { execution, attempt };
            self.ask(&by, Command::Withdraw(command)).expect("never refused");
        }
        while let Some(check) = self.state.roster().checks().first_overdue(self.now.moment) {
            self.ask(&by, Command::GiveUpCheck(give_up::GiveUpCheck { check }))
                .expect("never refused");
        }
        let mut steps = 0;
        while let Some(review) = self.state.first_review(self.now) {
            self.ask(&by, review).expect("never refused");
            steps += 1;
            assert!(steps < 100, "a look settles what it was for");
        }
        while let Some(incident) = self.state.index().alerts().first_forgettable(self.now.stamp) {
            let command = muster_core::decide::incident::forget::Forget { incident };
            self.ask(&by, Command::Forget(command)).expect("never refused");
        }
        self.roll.check(self.state.everywhere(), self.now);
        for integration in self.state.everywhere().integrations() {
            let verdict = alert::judge(integration, self.now.stamp);
            assert_eq!(verdict, None, "all is as it ought to be: {integration:?}");
        }
    }

    /// The outbox's first entry that is due is tried, and what became of it is told so many times.
    pub fn mail(&mut self, tried: Tried, times: usize) -> bool {
        let due = self.state.index().alerts().outbox().first().copied();
        let Some(due) = due.filter(|due| due.at <= self.now.stamp) else {
            return false;
        };
        let incident = self.state.everywhere().incident(due.incident).expect("it waits there");
        let delivery = &incident.notice(due.notice).expect("it waits there").deliveries[due.delivery as usize];
        let DeliveryState::Waiting { tries, .. } = delivery.state else {
            panic!("what is in the outbox waits: {delivery:?}");
        };
        let before = self.head;
        for _ in 0..times {
            let command = muster_core::decide::incident::deliver::Deliver {
                incident: due.incident,
                notice: due.notice,
                delivery: due.delivery,
                tries,
                tried,
                answer: "250 ok".to_owned(),
            };
            self.ask(&Principal::Coordinator, Command::Deliver(command))
                .expect("never refused");
        }
        assert_eq!(self.head, before.next(), "who tells twice is heard once");
        true
    }

    pub fn dispatch(&mut self) {
        let mut steps = 0;
        while let Some(claim) = dispatch::next(&self.state) {
            assert!(!self.rests(), "what rests is given to nobody: {claim:?}");
            self.ask(&Principal::Coordinator, Command::Claim(claim))
                .expect("never refused");
            steps += 1;
            assert!(steps < 10_000, "a plan ends");
        }
    }

    /// The landing does what it was told.
    pub fn publish(&mut self, fails: bool) {
        for execution in std::mem::take(&mut self.publishing) {
            let command = if fails {
                let message = "the staged file is gone".to_owned();
                Command::Unlandable(muster_core::decide::execution::landing::Unlandable { execution, message })
            } else {
                Command::Landed(muster_core::decide::execution::landing::Landed { execution })
            };
            let _ = self.ask(&Principal::Coordinator, command);
        }
    }

    /// A person asks for a check.
    pub fn ask_check(&mut self, integration: IntegrationId) -> Result<CheckId, Rejection> {
        let command = Command::Check(begin::Check {
            organization: organization(),
            integration,
        });
        match self.ask(&Principal::local(), command)? {
            Answer::Checking { check, runner } => {
                let asked = self.checks.get(&check).map(|(runner, _)| *runner);
                assert_eq!(asked, Some(runner), "who is named is asked");
                Ok(check)
            }
            other => panic!("a check begins: {other:?}"),
        }
    }

    /// A runner says how a check has ended, so many times. Only what it was asked for in this session counts, and once.
    pub fn report_check(&mut self, which: usize, check: CheckId, failure: Option<Failure>, times: usize) {
        let runner = runner_id(which);
        let Some(session) = self.runners[which].session else {
            return;
        };
        let counts = self.checks.get(&check) == Some(&(runner, session));
        let before = (self.checked.len(), self.head);
        for _ in 0..times {
            let command = report::ReportCheck {
                runner,
                session,
                check,
                failure: failure.clone(),
            };
            self.ask(&Principal::Runner(runner), Command::ReportCheck(command))
                .expect("never refused");
        }
        assert_eq!(
            self.checked.len(),
            before.0 + usize::from(counts && times > 0),
            "it is told once"
        );
        assert!(
            counts || self.head == before.1,
            "what nobody has asked for changes nothing"
        );
    }

    pub fn check_in(&mut self, which: usize, forgets: bool) {
        self.check_in_as(which, forgets, "hq", "2.1.7");
    }

    /// The staff suspends the organization, or lets it go on.
    pub fn rest(&mut self, rests: bool) {
        let (organization, version) = (organization(), None);
        let command = if rests {
            let reason = "of a test".to_owned();
            Command::SuspendOrganization(Suspend {
                organization,
                reason,
                version,
            })
        } else {
            Command::ResumeOrganization(Resume { organization, version })
        };
        self.ask(&Principal::local(), command).expect("it is there");
    }

    /// Whether the organization is suspended.
    pub fn rests(&self) -> bool {
        let own = self.state.everywhere().organization(&organization());
        !own.is_some_and(Organization::is_active)
    }

    /// A runner that has nothing to tell checks in, and may be refused.
    pub fn try_check_in(&mut self, which: usize) -> Result<Answer, Rejection> {
        let session = SessionId(self.chance.u128(..));
        let command = muster_core::decide::session::check_in::CheckIn {
            runner: runner_id(which),
            key: None,
            instance: None,
            session,
            profile: profile(which, "hq", "2.1.7"),
            offers: Vec::new(),
            running: Vec::new(),
            finished: Vec::new(),
        };
        let answer = self.ask(&Principal::Runner(runner_id(which)), Command::CheckIn(command))?;
        self.runners[which].session = Some(session);
        Ok(answer)
    }

    /// The stream of a runner ends.
    pub fn disconnect(&mut self, which: usize) {
        if let Some(session) = self.runners[which].session.take() {
            let runner = runner_id(which);
            let command = muster_core::decide::session::presence::Disconnect { runner, session };
            self.ask(&Principal::Runner(runner), Command::Disconnect(command))
                .expect("never refused");
        }
    }

    /// A person cancels all that is open.
    pub fn cancel_all(&mut self) {
        let open: Vec<ExecutionId> = self.state.everywhere().executions().map(|one| one.id).collect();
        for execution in open {
            let command = muster_core::decide::execution::cancel::Cancel {
                organization: organization(),
                execution,
                reason: None,
            };
            self.ask(&Principal::local(), Command::Cancel(command))
                .expect("it is open");
        }
    }

    /// A runner checks in to a pool, with a version.
    pub fn check_in_as(&mut self, which: usize, forgets: bool, pool: &str, version: &str) {
        let session = SessionId(self.chance.u128(..));
        let runner = &mut self.runners[which];
        if forgets {
            let lost = std::mem::take(&mut runner.work);
            runner.past.extend(lost);
        }
        runner.session = Some(session);
        // Every third of what it has is done already, and its report follows some day.
        let chance = &mut self.chance;
        let (finished, running): (Vec<Work>, Vec<Work>) =
            runner.work.iter().copied().partition(|_| chance.u8(0..3) == 0);
        let finished_before = finished.clone();
        let command = muster_core::decide::session::check_in::CheckIn {
            runner: runner_id(which),
            key: None,
            instance: None,
            session,
            profile: profile(which, pool, version),
            offers: Vec::new(),
            running,
            finished,
        };
        let by = Principal::Runner(runner_id(which));
        let Ok(Answer::Welcome(welcome)) = self.ask(&by, Command::CheckIn(command)) else {
            panic!("a runner is welcome");
        };
        let runner = &mut self.runners[which];
        runner.past.extend(welcome.fenced.iter().copied());
        runner.work = welcome.resumed.into_iter().chain(finished_before).collect();
    }

    /// A report, delivered `times` times; an accepted or fenced end takes the work from the runner.
    pub fn report(&mut self, which: usize, work: Work, times: usize, command: impl Fn(Report) -> Command, ends: bool) {
        let runner = runner_id(which);
        let report = Report {
            execution: work.0,
            claim: Claim {
                runner,
                attempt: work.1,
            },
        };
        let by = Principal::Runner(runner);
        let first = self.deliver(&by, report, command(report));
        if self.undone.contains(&work) {
            assert_eq!(
                first,
                Delivery::Fenced,
                "what a restore has undone is not believed: {report:?}"
            );
        }
        if first == Delivery::Accepted && matches!(command(report), Command::Fail(_)) {
            let open = self
                .state
                .everywhere()
                .execution(work.0)
                .is_some_and(|one| one.reported.contains(&report.claim));
            let ended = self
                .finished
                .get(&work.0)
                .is_some_and(|one| one.has_accepted(report.claim));
            assert!(open || ended, "a failure that is accepted is recorded: {report:?}");
        }
        let state = self.state.clone();
        for _ in 1..times {
            let again = self.deliver(&by, report, command(report));
            assert_eq!(
                again, first,
                "a repeated report is answered as the first was: {report:?}"
            );
        }
        assert_eq!(self.state, state, "a repeated report changes nothing");
        if ends || first == Delivery::Fenced {
            self.runners[which].work.remove(&work);
            self.runners[which].past.insert(work);
        }
    }

    fn deliver(&mut self, by: &Principal, report: Report, command: Command) -> Delivery {
        match self.ask(by, command) {
            Ok(_) => Delivery::Accepted,
            Err(Rejection::Fenced { .. }) => Delivery::Fenced,
            Err(Rejection::NotOpen(id)) => match self.finished.get(&id) {
                Some(finished) if finished.has_accepted(report.claim) => Delivery::Accepted,
                Some(_) | None => Delivery::Fenced,
            },
            Err(other) => panic!("a report is accepted or fenced, not {other}"),
        }
    }

    pub fn pass(&mut self, span: Duration) {
        self.now = Now {
            stamp: self.now.stamp.after(span),
            moment: self.now.moment.after(span),
        };
    }

    /// The coordinator stands still for this long, and then says so of itself. What was not over by then is not over now.
    pub fn stand_still(&mut self, span: Duration) {
        let over = |state: &State, now: Now| {
            let roster = state.roster();
            [
                roster.first_lease(now.moment).is_some(),
                roster.first_unconfirmed(now.moment).is_some(),
                roster.checks().first_overdue(now.moment).is_some(),
                roster.first_deserted(now.moment).is_some(),
            ]
        };
        let before = over(&self.state, self.now);
        self.pass(span);
        self.state.change_roster(RosterChange::StoodStill(span), self.now);
        self.roll.stand_still(span);
        self.excuses.stand_still(span, self.now.moment);
        for (before, after) in before.into_iter().zip(over(&self.state, self.now)) {
            assert!(
                before || !after,
                "what passed while nobody could be heard counts: {span:?}"
            );
        }
        self.state.assert_invariants();
    }

    pub fn restart(&mut self) {
        self.state = State::starting(self.replay_over_records(), Limits::default(), policy(), self.now);
        self.roll.restart(self.state.everywhere(), self.now);
        self.excuses.restart(self.rests());
        for runner in &mut self.runners {
            runner.session = None;
        }
        self.checks.clear();
        self.publishing = self.state.index().landing().collect();
        self.check();
    }

    /// A backup is made, which may be restored some day, and more than once.
    pub fn back_up(&mut self) {
        self.backup = None;
        self.backup = Some(Box::new(self.clone()));
    }

    /// The machine is lost, and the backup restored on another one. Runners go on with what they know, whatever the coordinator has forgotten.
    pub fn restore(&mut self) {
        let Some(backup) = self.backup.clone() else {
            return;
        };
        let lost = std::mem::replace(self, *backup);
        self.backup = lost.backup;
        self.chance = lost.chance;
        self.claims = lost.claims;
        self.runners = lost.runners;
        // A second for each claim of an execution since the last restore, as `fence.rs` says.
        self.now = lost.now;
        self.pass(Duration::from_secs(200));
        for runner in &self.runners {
            self.undone.extend(runner.work.iter().chain(&runner.past));
        }
        self.undone.extend(lost.undone);
        self.seen.clear();
        self.restart();
        let open: Vec<ExecutionId> = self.state.everywhere().executions().map(|one| one.id).collect();
        for execution in open {
            // What it was before is undone, so its status may change as otherwise it never does.
            self.seen.clear();
            let command = muster_core::decide::execution::fence::Fence { execution };
            self.ask(&Principal::Coordinator, Command::Fence(command))
                .expect("never refused");
        }
        // What is told as accepted from now on was accepted before the backup.
        self.undone.retain(|(execution, attempt)| {
            let known = self.finished.get(execution).is_some_and(|one| {
                let mut claims = self.runners.iter().enumerate().map(|(which, _)| Claim {
                    runner: runner_id(which),
                    attempt: *attempt,
                });
                claims.any(|claim| one.has_accepted(claim))
            });
            let open = self.state.everywhere().execution(*execution);
            let reported = open.is_some_and(|one| {
                one.reported.iter().any(|claim| claim.attempt == *attempt)
                    || matches!(&one.phase, Phase::Landing(claim, _) if claim.attempt == *attempt)
            });
            !known && !reported
        });
    }

    /// Writes those changed entities that `choose` picks, as a fuzzy checkpoint does, and trims the journal as far as that allows.
    pub fn checkpoint(&mut self, mut choose: impl FnMut() -> bool) {
        let keys: Vec<EntityKey> = self.changed.keys().filter(|_| choose()).cloned().collect();
        for key in keys {
            self.changed.remove(&key);
            match self.state.everywhere().entity(&key) {
                Some(record) => self.records.insert(key, record),
                None => self.records.remove(&key),
            };
        }
        let oldest = self.changed.values().min().copied();
        self.trimmed = oldest
            .map_or(self.head, |sequence| Sequence(sequence.0 - 1))
            .max(self.trimmed);
    }

    fn replay_over_records(&self) -> Ledger {
        let mut ledger = Ledger::default();
        for (entity, stamp) in self.records.values() {
            ledger.load(entity.clone(), *stamp);
        }
        for (position, recorded) in self
            .journal
            .iter()
            .filter(|(position, _)| position.sequence > self.trimmed)
        {
            ledger.apply(*position, recorded);
        }
        ledger
    }

    pub fn assert_replay(&self) {
        let mut from_the_beginning = Ledger::default();
        let mut finished = BTreeMap::new();
        for (position, recorded) in &self.journal {
            if let Some(ended) = from_the_beginning.apply(*position, recorded) {
                finished.insert(ended.id, ended);
            }
        }
        assert_eq!(
            records(&from_the_beginning),
            records(self.state.everywhere()),
            "the ledger is the fold of its journal"
        );
        assert_eq!(finished, self.finished, "and so is history");
        let over = self.replay_over_records();
        assert_eq!(
            records(&over),
            records(self.state.everywhere()),
            "also over a fuzzy checkpoint"
        );
    }

    fn check(&mut self) {
        self.state.assert_invariants();
        self.check_health();
        self.check_checks();
        for execution in self.state.everywhere().executions() {
            let (status, attempt) = (execution.status(), execution.attempt);
            assert!(!self.finished.contains_key(&execution.id), "what has ended stays so");
            if let Some((before, last)) = self.seen.get(&execution.id) {
                assert!(
                    is_legal(*before, status, *last, attempt),
                    "{before} to {status}: {execution:?}"
                );
                assert!(attempt >= *last, "attempts increase");
            }
            self.seen.insert(execution.id, (status, attempt));
            if let Phase::Pending(claim) | Phase::Executing(claim) = &execution.phase {
                assert_eq!(claim.attempt, execution.attempt, "the newest attempt holds it");
                let holder = (0..2).find(|which| runner_id(*which) == claim.runner);
                let key = sealing_key(holder.expect("it is one of both"));
                let sealed_to = execution.sealed_to.as_ref();
                assert!(
                    sealed_to.is_none_or(|keys| keys.contains(&key)),
                    "it opens it: {execution:?}"
                );
            }
        }
    }

    /// Whoever waits for a check waits for one that is under way, nobody has too many, and an integration is as its newest check says.
    fn check_checks(&self) {
        let roster = self.state.roster();
        for (check, (runner, session)) in &self.checks {
            let found = roster.checks().get(*check).map(|one| (one.runner, one.session));
            assert_eq!(found, Some((*runner, *session)), "somebody waits for ever");
            let there = roster.presence(*runner).and_then(|presence| presence.session);
            assert_eq!(there, Some(*session), "a check ends with its session");
        }
        for which in 0..2 {
            let count = roster.checks().of(runner_id(which)).count();
            assert!(count <= CHECKS_MAX, "{count} checks at one runner");
        }
        let all = || (0..2).flat_map(|which| roster.checks().of(runner_id(which)));
        for integration in self.state.everywhere().integrations() {
            let of_it = all().filter(|(_, check)| check.integration == integration.id);
            let newest = of_it.map(|(_, check)| check.began).max();
            let told = roster.checks().newest_of(integration.id);
            assert_eq!(told.map(|check| check.began), newest, "the newest check under way");
            let fails = self.check_fails.contains(&integration.id);
            let said = integration.checked.as_ref().and_then(|checked| checked.trouble());
            assert_eq!(said.is_some(), fails, "what the newest check says: {integration:?}");
            let troubled = integration.collections.values().any(|one| one.trouble.is_some());
            let expected = match integration.enablement {
                Enablement::Draft | Enablement::Disabled => ConfigurationStatus::Disabled,
                Enablement::Enabled if fails || troubled => ConfigurationStatus::Error,
                Enablement::Enabled => ConfigurationStatus::Active,
            };
            assert_eq!(integration.status(), expected, "{integration:?}");
            if let Some(until) = integration.pause(self.now.stamp) {
                let nexts = || integration.collections.values().map(|one| one.next);
                assert!(nexts().all(|next| next >= Some(until)), "it rests: {integration:?}");
            }
        }
    }

    /// The window is a recount of history, and whoever has an open incident knows of it.
    fn check_health(&self) {
        let now = self.now.stamp;
        let ledger = self.state.everywhere();
        for integration in ledger.integrations() {
            for span in [Window::LENGTH, Duration::from_secs(3_600)] {
                let mut recount = Tally::default();
                let of_it = self.finished.values().filter(|one| one.integration == integration.id);
                for one in of_it.filter(|one| now.since(one.ended) < span) {
                    let (counts, failed) = match &one.outcome {
                        Outcome::Completed { .. } => (1, 0),
                        Outcome::Error(failure) if failure.category == Category::Canceled => (0, 0),
                        Outcome::Error(_) => (1, 1),
                    };
                    recount.finished += counts;
                    recount.failed += failed;
                }
                assert_eq!(integration.window.tally(now, span), recount, "the window is a recount");
            }
            for end in integration.window.ends() {
                let Some(place) = end.place else { continue };
                let (data_type, _) = integration.collections.get_indexed(place).expect("it is collected");
                let of_it = |one: &&Finished| one.integration == integration.id && one.data_type == *data_type;
                assert!(
                    self.finished.values().filter(of_it).any(|one| one.ended == end.at),
                    "{data_type} has ended then: {end:?}"
                );
            }
            let open: Vec<_> = ledger
                .incidents()
                .filter(|one| {
                    one.closed.is_none()
                        && one.cause
                            == Cause::ErrorRate {
                                integration: integration.id,
                            }
                })
                .map(|one| one.id)
                .collect();
            match integration.alert {
                Alert::Open { incident, .. } => assert_eq!(open, [incident], "an integration has its open incident"),
                Alert::Quiet { .. } | Alert::Reached { .. } => {
                    assert!(open.is_empty(), "nobody has forgotten one: {open:?}")
                }
            }
        }
        let open = ledger.incidents().filter(|one| one.closed.is_none());
        for incident in open {
            let Some(integration) = incident.cause.integration() else {
                continue;
            };
            assert!(
                ledger.integration(integration).is_some(),
                "it ends with its integration: {incident:?}"
            );
        }
    }

    /// Heals everything and sees that all that is open ends within a bound of virtual time.
    pub fn heal(&mut self) {
        self.rest(false);
        (0..2).for_each(|which| self.let_rest(which, false));
        let integrations: Vec<IntegrationId> = self.state.everywhere().integrations().map(|one| one.id).collect();
        for integration in integrations {
            let command = muster_core::decide::integration::disable::Disable {
                organization: organization(),
                integration,
            };
            self.ask(&Principal::local(), Command::DisableIntegration(command))
                .expect("it is there");
        }
        self.check_in(0, true);
        self.check_in_as(1, true, "lab", "2.1.7");
        for _ in 0..200 {
            self.pass(Duration::from_secs(20));
            for which in 0..2 {
                let (runner, session) = (runner_id(which), self.runners[which].session.expect("it is there"));
                let hear = muster_core::decide::session::presence::Hear { runner, session };
                self.ask(&Principal::Runner(runner), Command::Hear(hear))
                    .expect("it is welcome");
            }
            self.tick();
            self.dispatch();
            for which in 0..2 {
                for work in self.runners[which].work.clone() {
                    self.report(which, work, 1, |report| Command::Finish(finish(report, 0)), true);
                }
            }
            self.publish(false);
            while self.mail(Tried::Accepted, 1) {}
            for which in 0..2 {
                for check in std::mem::take(&mut self.runners[which].checks) {
                    self.report_check(which, check, None, 1);
                }
            }
            let mail_waits = !self.state.index().alerts().outbox().is_empty();
            if self.state.everywhere().executions().next().is_none() && !mail_waits {
                let open = self.state.index().alerts().open_count();
                assert_eq!(open, 0, "an incident ends with its integration");
                assert!(self.checks.is_empty(), "every check ends: {:?}", self.checks);
                return;
            }
        }
        let left: Vec<_> = self.state.everywhere().executions().collect();
        panic!("still open after every fault has healed: {left:?}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Accepted,
    Fenced,
}

pub fn finish(report: Report, records: u64) -> muster_core::decide::execution::finish::Finish {
    use muster_core::words::{Counts, Staged, StagedId};
    let counts = Counts {
        records,
        bytes: records * 10,
    };
    let staged = (records > 0).then(|| Staged {
        id: StagedId(format!("{}-{}", report.execution, report.claim.attempt)),
        counts,
        cursor: None,
    });
    muster_core::decide::execution::finish::Finish {
        report,
        counts,
        cursor: None,
        staged,
    }
}

fn records(ledger: &Ledger) -> Vec<(Entity, Sequence)> {
    let integrations = ledger.integrations().map(|one| EntityKey::Integration(one.id));
    let executions = ledger.executions().map(|one| EntityKey::Execution(one.id));
    let runners = ledger.runners().map(|one| EntityKey::Runner(one.id));
    let connectors = ledger.connectors().map(|one| EntityKey::Connector(one.key.clone()));
    let incidents = ledger.incidents().map(|one| EntityKey::Incident(one.id));
    let people = ledger.people().map(|one| EntityKey::Person(one.id));
    let tokens = ledger.tokens().map(|one| EntityKey::Token(one.id));
    let organizations = ledger
        .organizations()
        .map(|one| EntityKey::Organization(one.id.clone()));
    let keys = integrations
        .chain(executions)
        .chain(runners)
        .chain(connectors)
        .chain(incidents)
        .chain(people)
        .chain(tokens)
        .chain(organizations);
    let authorities = ledger.authorities().map(|one| EntityKey::Authority(one.owner.clone()));
    let tokens = ledger
        .enrollment_tokens(None)
        .map(|one| EntityKey::EnrollmentToken(one.id));
    let identities = ledger
        .runner_identities()
        .map(|one| EntityKey::RunnerIdentity(one.runner));
    let keys = keys.chain(authorities).chain(tokens).chain(identities);
    keys.map(|key| ledger.entity(&key).expect("it was just listed"))
        .collect()
}

/// The arrows of the design's picture; ends are checked where they happen.
fn is_legal(before: ExecutionStatus, after: ExecutionStatus, last: Attempt, attempt: Attempt) -> bool {
    use ExecutionStatus::{Completed, Created, Error, Executing, Pending};
    match (before, after) {
        (Created, Created) | (Pending, Pending) | (Executing, Executing) => attempt == last,
        (Created, Pending) => attempt == last.next(),
        (Pending, Executing | Created) | (Executing, Created) => attempt == last,
        (Created, Executing) | (Executing, Pending) => false,
        (Completed | Error, _) | (_, Completed | Error) => false,
    }
}
