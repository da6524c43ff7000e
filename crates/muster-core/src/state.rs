//! All that a decision looks at: the ledger, what is derived from it, and the roster. The one place where an event becomes true.

use std::sync::Arc;

use crate::alert::Policy;
use crate::decide::Command;
use crate::decide::incident::offline::Offline;
use crate::decide::incident::review::Review;
use crate::entity::{Alert, Cause, EntityKey, Finished, Integration};
use crate::event::{Event, Recorded};
use crate::index::Index;
use crate::ledger::{Ledger, Position};
use crate::own::Own;
use crate::planted;
use crate::roster::{Excuse, Limits, Roster, RosterChange};
use crate::time::{Moment, Now, Stamp};
use crate::words::{DataType, ExecutionId, ExecutionStatus, IntegrationId, OrganizationId, RunnerId};

/// What an event has done to the execution that it concerned.
#[derive(Debug, Default)]
pub struct Applied {
    /// The execution, if the event has ended it.
    pub finished: Option<Finished>,
    /// The status that it has now no more, and since when it had it; `None` when it still has it.
    pub left: Option<(ExecutionStatus, Stamp)>,
}

/// The state of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    ledger: Ledger,
    index: Index,
    roster: Roster,
}

impl State {
    /// The state of a shard that starts with this ledger: nobody is connected, and the runners that were there get one lease to come back.
    #[must_use]
    pub fn starting(ledger: Ledger, limits: Limits, policy: Arc<Policy>, now: Now) -> Self {
        let index = Index::over(&ledger, policy, now.stamp);
        let mut roster = Roster::new(limits);
        if planted!("nobody-expected") {
            return Self { ledger, index, roster };
        }
        for runner in ledger.runners().filter(|runner| runner.left.is_none()) {
            let held = u32::try_from(index.held_count(runner.id)).unwrap_or(u32::MAX);
            roster.expect(runner.id, held, now.moment, runner.checked_in);
        }
        for holder in index.holders() {
            if roster.presence(holder).is_none() {
                let held = u32::try_from(index.held_count(holder)).unwrap_or(u32::MAX);
                roster.expect(holder, held, now.moment, now.stamp);
            }
        }
        for runner in ledger.runners() {
            let pool = &runner.profile.pool;
            if index.pools().present(pool) == 0 && !roster.is_deserted(pool) {
                roster.expect_nobody(pool.clone(), now.moment);
            }
        }
        let mut state = Self { ledger, index, roster };
        let resting = state.ledger.organizations().filter(|one| !one.is_active());
        for id in resting.map(|one| one.id.clone()).collect::<Vec<_>>() {
            state.excuse_runners_of(&id);
        }
        state
    }

    /// What an organization has, and nothing else.
    #[must_use]
    pub fn of<'o>(&self, organization: &'o OrganizationId) -> Own<'_, 'o> {
        self.of_owner(Some(organization))
    }

    /// What an owner has, and nothing else; `None` is the service itself.
    #[must_use]
    pub fn of_owner<'o>(&self, owner: Option<&'o OrganizationId>) -> Own<'_, 'o> {
        Own::of(&self.ledger, owner)
    }

    /// What is true and durable, of everybody: for what serves all organizations alike. Whoever answers a caller asks [`State::of`].
    #[must_use]
    pub fn everywhere(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What is derived from it.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Who is there.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The data type that is due first, if it is due at `now`.
    #[must_use]
    pub fn first_due(&self, now: Stamp) -> Option<(IntegrationId, DataType)> {
        let id = self.index.first_due(now)?;
        let collections = &self.ledger.integration(id)?.collections;
        let upcoming = collections
            .iter()
            .filter_map(|(data_type, one)| Some((one.next?, data_type)));
        upcoming.min().map(|(_, data_type)| (id, data_type.clone()))
    }

    /// Applies an event, and returns what it has done to an execution.
    pub fn apply(&mut self, position: Position, recorded: &Recorded) -> Applied {
        match recorded.event.entities() {
            (EntityKey::Execution(id), integration) => self.apply_to_execution(id, integration, position, recorded),
            (EntityKey::Integration(id), _) => {
                self.apply_to_integration(id, position, recorded);
                Applied::default()
            }
            (EntityKey::Runner(id), _) => {
                self.apply_to_runner(id, position, recorded);
                Applied::default()
            }
            (EntityKey::AuditLog(_), _) => Applied::default(),
            (EntityKey::Connector(_) | EntityKey::Authority(_) | EntityKey::RunnerIdentity(_), _) => {
                self.ledger.apply(position, recorded);
                Applied::default()
            }
            (EntityKey::EnrollmentToken(id), _) => {
                if let Some(token) = self.ledger.enrollment_token(id) {
                    self.index.access_mut().take_enrollment_token(token);
                }
                self.ledger.apply(position, recorded);
                if let Some(token) = self.ledger.enrollment_token(id) {
                    self.index.access_mut().put_enrollment_token(token);
                }
                Applied::default()
            }
            (EntityKey::Person(id), _) => {
                if let Some(person) = self.ledger.person(id) {
                    self.index.access_mut().take_person(person);
                }
                self.ledger.apply(position, recorded);
                if let Some(person) = self.ledger.person(id) {
                    self.index.access_mut().put_person(person);
                }
                Applied::default()
            }
            (EntityKey::Token(id), _) => {
                if let Some(token) = self.ledger.token(id) {
                    self.index.access_mut().take_token(token);
                }
                self.ledger.apply(position, recorded);
                if let Some(token) = self.ledger.token(id) {
                    self.index.access_mut().put_token(token);
                }
                Applied::default()
            }
            (EntityKey::Organization(id), _) => {
                self.ledger.apply(position, recorded);
                self.note_organization(&id);
                Applied::default()
            }
            (EntityKey::Incident(id), integration) => {
                let mut cause = None;
                if let Some(incident) = self.ledger.incident(id) {
                    cause = Some(incident.cause.clone());
                    self.index.take_incident(incident);
                }
                self.apply_with_integration(integration, position, recorded);
                let cause = cause.or_else(|| Some(self.ledger.incident(id)?.cause.clone()));
                if let Some(incident) = self.ledger.incident(id) {
                    self.index.put_incident(incident);
                }
                if let Some(cause) = cause {
                    self.index.look_at(&self.ledger, cause);
                }
                Applied::default()
            }
        }
    }

    fn note_organization(&mut self, id: &OrganizationId) {
        let Some(organization) = self.ledger.organization(id) else {
            return;
        };
        if self.index.note_organization(&self.ledger, organization) {
            self.excuse_runners_of(id);
            for pool in self.index.pools().used_by(id) {
                self.roster.look_again(pool);
            }
        }
    }

    /// Runners of an organization that is suspended are sent away.
    fn excuse_runners_of(&mut self, id: &OrganizationId) {
        if self.index.rests(id) {
            for runner in self.index.runners_owned_by(Some(id.clone()), None) {
                self.roster.excuse(runner, Excuse::Suspended);
            }
        }
    }

    fn apply_to_runner(&mut self, id: RunnerId, position: Position, recorded: &Recorded) {
        let mut before = None;
        if let Some(runner) = self.ledger.runner(id) {
            before = Some(runner.profile.pool.clone());
            self.index.take_runner(runner);
        }
        self.ledger.apply(position, recorded);
        if let Some(runner) = self.ledger.runner(id) {
            self.index.put_runner(runner);
            let pool = runner.profile.pool.clone();
            for pool in before
                .into_iter()
                .filter(|before| *before != pool)
                .chain([pool.clone()])
            {
                self.index.look_at_pool(&self.ledger, &pool);
            }
        } else if let Some(pool) = before {
            self.index.look_at_pool(&self.ledger, &pool);
        }
        self.index.look_at_runner(&self.ledger, id);
    }

    fn apply_to_execution(
        &mut self,
        id: ExecutionId,
        integration: Option<EntityKey>,
        position: Position,
        recorded: &Recorded,
    ) -> Applied {
        let mut before = None;
        let mut left = None;
        if let Some(execution) = self.ledger.execution(id) {
            self.index.take_execution(execution);
            before = execution.holder();
            left = Some((execution.status(), execution.in_status_since()));
        }
        let finished = self.apply_with_integration(integration, position, recorded);
        let mut after = None;
        if let Some(execution) = self.ledger.execution(id) {
            self.index.put_execution(execution);
            after = execution.holder();
            left = left.filter(|(status, _)| *status != execution.status());
        }
        if before != after {
            for claim in before.into_iter().chain(after) {
                self.roster.note_held(claim.runner, self.index.held_count(claim.runner));
            }
        }
        Applied { finished, left }
    }

    /// Applies an event whose second entity is an integration. Of what is indexed of that, only how well it is changes by it.
    fn apply_with_integration(
        &mut self,
        integration: Option<EntityKey>,
        position: Position,
        recorded: &Recorded,
    ) -> Option<Finished> {
        let Some(EntityKey::Integration(id)) = integration else {
            return self.ledger.apply(position, recorded);
        };
        let before = self.ledger.integration(id).map(Integration::status);
        let finished = self.ledger.apply(position, recorded);
        if let (Some(integration), Some(before)) = (self.ledger.integration(id), before) {
            self.index.note_health(integration, before);
        }
        finished
    }

    fn apply_to_integration(&mut self, id: IntegrationId, position: Position, recorded: &Recorded) {
        if let Event::ScheduleAdvanced { .. } = &recorded.event {
            let before = self.ledger.integration(id).and_then(Integration::first_upcoming);
            self.ledger.apply(position, recorded);
            if let Some(integration) = self.ledger.integration(id) {
                let after = integration.first_upcoming();
                self.index.reschedule(&integration.organization, id, before, after);
            }
            return;
        }
        let mut relied_on = Vec::new();
        if let Some(integration) = self.ledger.integration(id) {
            relied_on.push((integration.organization.clone(), integration.definition.pool.clone()));
            self.index.take_integration(integration);
        }
        self.ledger.apply(position, recorded);
        if let Some(integration) = self.ledger.integration(id) {
            self.index.put_integration(integration);
            self.roster.look_again(&integration.definition.pool);
            relied_on.push((integration.organization.clone(), integration.definition.pool.clone()));
        }
        relied_on.dedup();
        for (organization, pool) in relied_on {
            self.index.look_at(&self.ledger, Cause::offline(&organization, &pool));
        }
    }

    /// Applies a change of the roster.
    pub fn change_roster(&mut self, change: RosterChange, now: Now) {
        self.roster.apply(change, now.moment, now.stamp);
    }

    /// Lets the back-offs that have ended by `now` end.
    pub fn end_back_offs(&mut self, now: Stamp) {
        self.index.end_back_offs(&self.ledger, now);
    }

    /// What is to be looked at for incidents, if the time of anything has come.
    #[must_use]
    pub fn first_review(&self, now: Now) -> Option<Command> {
        if let Some(cause) = self.index.alerts().first_look(now.stamp) {
            return Some(Command::Review(Review { cause }));
        }
        let pool = self.roster.first_deserted(now.moment)?.clone();
        Some(Command::Offline(Offline { pool }))
    }

    /// When something is to be done next although nobody asks, on each clock; `None` when nothing is planned there.
    #[must_use]
    pub fn next_timers(&self) -> (Option<Stamp>, Option<Moment>) {
        (self.index.next_timer(), self.roster.next_deadline())
    }

    /// Asserts what holds across entities; for tests and the simulator.
    ///
    /// # Panics
    /// When an invariant is broken, with a sentence that names it.
    pub fn assert_invariants(&self) {
        let broken = self.broken_invariants();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }

    /// What should hold across entities and does not, a sentence each; for verification.
    #[must_use]
    pub fn broken_invariants(&self) -> Vec<String> {
        let mut broken = Vec::new();
        if self.index != self.index.anew(&self.ledger) {
            broken.push("the indices are not what the ledger says".to_owned());
        }
        let mut open = std::collections::BTreeSet::new();
        for execution in self.ledger.executions() {
            if !open.insert((execution.integration, &execution.data_type)) {
                broken.push(format!(
                    "an integration has more than one open execution of a data type: {execution:?}"
                ));
            }
            // No orphan: whoever holds an execution has a lease that ends, whatever waits is in a queue, whatever backs off has a time.
            if execution
                .holder()
                .is_some_and(|claim| self.roster.presence(claim.runner).is_none())
            {
                broken.push(format!(
                    "an execution is at a runner without a lease that ends: {execution:?}"
                ));
            }
        }
        broken.extend(self.broken_incidents());
        for token in self.ledger.tokens() {
            let is_orphan = |person| self.ledger.person(person).is_none_or(|one| one.scope != token.scope);
            if token.person.is_some_and(is_orphan) {
                broken.push(format!("a token is nobody's: {token:?}"));
            }
        }
        for runner in self.ledger.runners() {
            let pool = &runner.profile.pool;
            let is_served = self.index.pools().present(pool) > 0;
            if is_served == self.roster.is_deserted(pool) {
                broken.push(format!(
                    "nobody knows until when the pool `{pool}` may be without runners: {runner:?}"
                ));
            }
        }
        for (runner, presence) in self.roster.presences() {
            let held = u32::try_from(self.index.held_count(runner)).unwrap_or(u32::MAX);
            if presence.held != held {
                let counted = presence.held;
                broken.push(format!(
                    "the roster counts {counted} executions at runner {runner}, the ledger {held}"
                ));
            }
        }
        broken
    }

    /// A cause has at most one open incident, and that of an integration and the integration name each other.
    fn broken_incidents(&self) -> Vec<String> {
        let open = || self.ledger.incidents().filter(|incident| incident.closed.is_none());
        let second = open().filter(|incident| {
            let indexed = self.index.alerts().open(&incident.cause);
            indexed.is_none_or(|open| open.incident != incident.id)
        });
        let second = second.map(|incident| format!("there is another open incident of the same cause: {incident:?}"));
        let unnamed = open().filter(|incident| {
            let Some(integration) = incident.cause.integration() else {
                return false;
            };
            let alert = self.ledger.integration(integration).map(|one| &one.alert);
            !matches!(alert, Some(Alert::Open { incident: named, .. }) if *named == incident.id)
        });
        let unnamed = unnamed.map(|incident| format!("an open incident is not that of its integration: {incident:?}"));
        let missing = self.ledger.integrations().filter(|integration| {
            let Alert::Open { incident, .. } = integration.alert else {
                return false;
            };
            let found = self.ledger.incident(incident);
            found.is_none_or(|incident| incident.closed.is_some())
        });
        let missing = missing.map(|integration| {
            let (id, alert) = (integration.id, &integration.alert);
            format!("integration {id} has an open incident that is not open: {alert:?}")
        });
        second.chain(unnamed).chain(missing).collect()
    }
}
