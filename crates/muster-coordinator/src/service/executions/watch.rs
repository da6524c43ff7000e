//! The stream of all changes of executions: first what is open, then each change, and after a gap what is open anew.

use std::collections::{HashMap, VecDeque};

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use muster_core::entity::Execution;
use muster_core::remedy;
use muster_core::words::{ExecutionId, IntegrationId, OrganizationId, Sequence};
use muster_proto::v1;
use muster_proto::v1::watch_executions_response::Kind;
use muster_shard::{Change, ExecutionState};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tonic::Status;

use super::list::EXPLAINED_MAX;
use super::opened;
use crate::caller::Call;
use crate::service::Services;
use crate::service::integrations::find;
use crate::status::ServiceError;
use crate::wire::execution::{self, Open};
use crate::wire::name::{self, Scope};
use crate::wire::token::{NOWHERE, Query};

/// How many ids of open executions are read in one turn.
const IDS_MAX: usize = 1_000;

type Responses = BoxStream<'static, Result<v1::WatchExecutionsResponse, Status>>;

impl Services {
    pub(super) async fn watch_executions_of(
        &self,
        call: Call,
        request: v1::WatchExecutionsRequest,
    ) -> Result<Responses, ServiceError> {
        let scope = name::watched("parent", &request.parent)?;
        self.judge_organization(&call, &scope.organization)?;
        let query = self.tokens.query("watch", &[&request.parent]);
        let told = query
            .position(&request.resume_token)
            .map_err(|_| ServiceError::Token("resume_token"))?;
        let told = told.filter(|told| *told != NOWHERE);
        // Before anything is read, so that no change falls between what is read and the first that comes.
        let changes = self.shard.watch_executions();
        let wanted = scope.clone();
        let head = self
            .shard
            .turn(move |turn| match wanted.integration {
                Some(id) => find(turn.state(), &wanted.organization, id).map(|_| turn.head()),
                None => Ok(turn.head()),
            })
            .await??;
        let told = told.filter(|told| *told <= head);
        let missed = told.and_then(|told| Some((told, self.shard.watch_executions_after(told)?)));
        let (step, complete, missed, changes) = match missed {
            Some((told, (missed, changes))) => (Step::Follow, told, missed, changes),
            // Nothing has happened since: the caller knows all that there is.
            None if told == Some(head) => (Step::Follow, head, Vec::new(), changes),
            None => (Step::Begin, head, Vec::new(), changes),
        };
        let watch = Watch {
            services: self.clone(),
            scope,
            query,
            missed: missed.into(),
            changes,
            step,
            known: Known::all_until(complete),
            complete,
            pending: VecDeque::new(),
        };
        Ok(stream::unfold(watch, Watch::next).boxed())
    }
}

/// One call of a watcher.
struct Watch {
    services: Services,
    scope: Scope,
    query: Query,
    /// What has happened while the caller was away, and is not told yet.
    missed: VecDeque<Change<ExecutionState>>,
    changes: broadcast::Receiver<Change<ExecutionState>>,
    step: Step,
    known: Known,
    /// Up to which batch every change was told.
    complete: Sequence,
    /// Messages that are ready.
    pending: VecDeque<v1::WatchExecutionsResponse>,
}

enum Step {
    /// A snapshot begins.
    Begin,
    /// These are still to be told, the oldest last.
    Snapshot(Vec<ExecutionId>),
    /// Changes are told as they come.
    Follow,
    /// The stream is over.
    Over,
}

/// What the caller knows from the snapshot: a change that is not newer is not told again.
#[derive(Debug, Default)]
struct Known {
    /// Through which batch all executions are known.
    all: Sequence,
    /// Those that were read later, with the batch. Only until the changes have passed `last_read`.
    newer: HashMap<ExecutionId, Sequence>,
    last_read: Sequence,
}

impl Known {
    fn all_until(head: Sequence) -> Self {
        Self {
            all: head,
            ..Self::default()
        }
    }

    fn add(&mut self, ids: impl Iterator<Item = ExecutionId>, read_at: Sequence) {
        if read_at > self.all {
            self.newer.extend(ids.map(|id| (id, read_at)));
            self.last_read = read_at;
        }
    }

    fn has(&mut self, change: &Change<ExecutionState>) -> bool {
        if change.sequence > self.last_read {
            self.newer.clear();
        }
        let read = self.newer.get(&id_of(&change.what)).copied().unwrap_or_default();
        change.sequence <= self.all.max(read)
    }
}

type Item = Result<v1::WatchExecutionsResponse, Status>;

impl Watch {
    async fn next(mut self) -> Option<(Item, Self)> {
        loop {
            if let Some(response) = self.pending.pop_front() {
                return Some((Ok(response), self));
            }
            if matches!(self.step, Step::Over) {
                return None;
            }
            if let Err(error) = self.advance().await {
                self.step = Step::Over;
                return Some((Err(error.into()), self));
            }
        }
    }

    async fn advance(&mut self) -> Result<(), ServiceError> {
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Begin => {
                let ids = self.open_ids().await?;
                self.step = Step::Snapshot(ids);
            }
            Step::Snapshot(ids) => self.tell_part(ids).await?,
            Step::Follow => {
                self.step = Step::Follow;
                self.follow().await?;
            }
            Step::Over => {}
        }
        Ok(())
    }

    /// The ids of all that is open, the newest first, a turn at a time. Changes after the first turn are told later, whatever the later ones see.
    async fn open_ids(&mut self) -> Result<Vec<ExecutionId>, ServiceError> {
        let mut ids: Vec<ExecutionId> = Vec::new();
        let mut head = None;
        loop {
            let (scope, before) = (self.scope.clone(), ids.last().copied());
            let (read_at, part) = self
                .services
                .shard
                .turn(move |turn| {
                    let part: Vec<ExecutionId> = match scope.integration {
                        Some(integration) => own_open(turn.state(), &scope.organization, integration),
                        None => turn
                            .state()
                            .of(&scope.organization)
                            .executions_before(before)
                            .map(|open| open.id)
                            .take(IDS_MAX)
                            .collect(),
                    };
                    (turn.head(), part)
                })
                .await?;
            head.get_or_insert(read_at);
            let is_last = part.len() < IDS_MAX;
            ids.extend(part);
            if is_last {
                break;
            }
        }
        self.known = Known::all_until(head.unwrap_or_default());
        self.complete = self.known.all;
        Ok(ids)
    }

    async fn tell_part(&mut self, mut ids: Vec<ExecutionId>) -> Result<(), ServiceError> {
        let mut part = ids.split_off(ids.len().saturating_sub(EXPLAINED_MAX));
        part.reverse();
        let progress = self.services.progress.clone();
        let organization = self.scope.organization.clone();
        let (read_at, open) = self
            .services
            .shard
            .turn(move |turn| {
                let own = turn.state().of(&organization);
                let found = part.into_iter().filter_map(|id| own.execution(id));
                (
                    turn.head(),
                    found.map(|found| opened(turn, found, &progress)).collect::<Vec<Open>>(),
                )
            })
            .await?;
        self.known.add(open.iter().map(|open| open.execution.id), read_at);
        let complete = ids.is_empty();
        let snapshot = v1::ExecutionSnapshot {
            executions: open.into_iter().map(execution::open).collect(),
            complete,
        };
        let token = if complete { self.complete } else { NOWHERE };
        self.tell(token, Kind::Snapshot(snapshot));
        self.step = if complete { Step::Follow } else { Step::Snapshot(ids) };
        Ok(())
    }

    async fn follow(&mut self) -> Result<(), ServiceError> {
        if !self.missed.is_empty() {
            let some = self.missed.len().min(EXPLAINED_MAX);
            let missed = self.missed.drain(..some).collect();
            return self.tell_changes(missed).await;
        }
        let stop = self.services.tasks.token();
        let first = tokio::select! {
            () = stop.cancelled() => return Err(ServiceError::ShuttingDown),
            first = self.changes.recv() => first,
        };
        let mut changes = Vec::new();
        match first {
            Ok(change) => changes.push(change),
            Err(RecvError::Lagged(_)) => return self.lag(),
            Err(RecvError::Closed) => return Err(ServiceError::ShuttingDown),
        }
        while changes.len() < EXPLAINED_MAX {
            match self.changes.try_recv() {
                Ok(change) => changes.push(change),
                // The next `recv` says the same.
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                Err(TryRecvError::Lagged(_)) => return self.lag(),
            }
        }
        self.tell_changes(changes).await
    }

    /// Some changes are gone: what is open is told anew.
    fn lag(&mut self) -> Result<(), ServiceError> {
        self.changes = self.services.shard.watch_executions();
        self.tell(NOWHERE, Kind::Lagged(v1::WatchLagged {}));
        self.step = Step::Begin;
        Ok(())
    }

    async fn tell_changes(&mut self, changes: Vec<Change<ExecutionState>>) -> Result<(), ServiceError> {
        let Some(newest) = changes.last().map(|change| change.sequence) else {
            return Ok(());
        };
        let wanted: Vec<ExecutionState> = changes
            .into_iter()
            .filter(|change| is_in(&self.scope, &change.what) && !self.known.has(change))
            .map(|change| change.what)
            .collect();
        let progress = self.services.progress.clone();
        let (head, told) = self
            .services
            .shard
            .turn(move |turn| {
                let told = wanted.into_iter().map(|state| match state {
                    ExecutionState::Open(open) => Told::Open(Box::new(opened(turn, &open, &progress))),
                    ExecutionState::Finished(finished) => {
                        let remedy = remedy::of_finished(turn.state(), &finished);
                        Told::Finished(finished, remedy)
                    }
                });
                (turn.head(), told.collect::<Vec<_>>())
            })
            .await?;
        // All changes up to the turn's head have come by now. When none of them waits, all are told with this message; otherwise the batch of the
        // newest one may go on.
        let before = Sequence(newest.0.saturating_sub(1));
        self.complete = self.complete.max(if self.missed.is_empty() && self.changes.is_empty() {
            head.max(before)
        } else {
            before
        });
        if told.is_empty() {
            return Ok(());
        }
        let executions = told.into_iter().map(|told| match told {
            Told::Open(open) => execution::open(*open),
            Told::Finished(finished, remedy) => self.services.finished_to_wire(&finished, remedy),
        });
        let changes = v1::ExecutionChanges {
            executions: executions.collect(),
        };
        self.tell(self.complete, Kind::Changes(changes));
        Ok(())
    }

    fn tell(&mut self, complete: Sequence, kind: Kind) {
        self.pending.push_back(v1::WatchExecutionsResponse {
            resume_token: self.query.token(&complete),
            kind: Some(kind),
        });
    }
}

enum Told {
    Open(Box<Open>),
    /// With what to do about its failure.
    Finished(std::sync::Arc<muster_core::entity::Finished>, Option<String>),
}

fn own_open(
    state: &muster_core::state::State,
    organization: &OrganizationId,
    integration: IntegrationId,
) -> Vec<ExecutionId> {
    let own = state.of(organization);
    let open = state.index().open_of(integration).filter_map(|id| own.execution(id));
    let mut ids: Vec<_> = open.map(|open| open.id).collect();
    ids.sort_by(|one, other| other.cmp(one));
    ids
}

fn id_of(state: &ExecutionState) -> ExecutionId {
    match state {
        ExecutionState::Open(open) => open.id,
        ExecutionState::Finished(finished) => finished.id,
    }
}

fn is_in(scope: &Scope, state: &ExecutionState) -> bool {
    let (organization, integration) = match state {
        ExecutionState::Open(open) => belonging(open),
        ExecutionState::Finished(finished) => (&finished.organization, finished.integration),
    };
    *organization == scope.organization && scope.integration.is_none_or(|wanted| wanted == integration)
}

fn belonging(open: &Execution) -> (&OrganizationId, IntegrationId) {
    (&open.organization, open.integration)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use muster_core::entity::Finished;
    use muster_core::time::Stamp;
    use muster_core::words::{Attempt, Category, ConnectorName, DataType, Failure, Origin, Outcome, Pool, PoolName};

    use super::*;

    fn change(sequence: u64, id: u128) -> Change<ExecutionState> {
        let organization = OrganizationId::new("default").expect("a name");
        let finished = Finished {
            id: ExecutionId(id),
            integration: IntegrationId(1),
            data_type: DataType::new("user").expect("a name"),
            connector: ConnectorName::new("host").expect("a name"),
            pool: Pool::named(&organization, &PoolName::new("hq").expect("a name")),
            organization,
            origin: Origin::Activation,
            created: Stamp::default(),
            claimed: None,
            started: None,
            ended: Stamp::default(),
            attempt: Attempt(0),
            revision: None,
            runner: None,
            failures: 0,
            reported: Vec::new(),
            staged: None,
            outcome: Outcome::Error(Failure::new(Category::Canceled, "it is a test")),
        };
        Change {
            sequence: Sequence(sequence),
            what: ExecutionState::Finished(Arc::new(finished)),
        }
    }

    #[test]
    fn a_change_that_a_snapshot_has_shown_is_not_told_again() {
        let mut known = Known::all_until(Sequence(5));
        known.add([ExecutionId(1)].into_iter(), Sequence(8));
        assert!(known.has(&change(5, 1)) && known.has(&change(5, 2)));
        assert!(known.has(&change(8, 1)), "it was read at batch 8");
        assert!(!known.has(&change(6, 2)), "it was read at batch 5");
        assert!(!known.has(&change(9, 1)));
        assert!(known.newer.is_empty(), "the changes have passed all that was read");
    }
}
