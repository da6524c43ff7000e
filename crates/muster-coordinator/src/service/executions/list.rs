//! Lists of executions, the newest first: open ones from the ledger and finished ones from history, merged.

use std::cmp::Reverse;
use std::sync::Arc;

use muster_core::decide::Rejection;
use muster_core::entity::Finished;
use muster_core::words::{ExecutionId, ExecutionStatus, IntegrationId, OrganizationId};
use muster_proto::v1;
use muster_shard::Turn;

use super::opened;
use crate::caller::Call;
use crate::service::integrations::{find, told};
use crate::service::{Progress, Services};
use crate::status::ServiceError;
use crate::wire::execution::{self, Open};
use crate::wire::filter::ExecutionFilter;
use crate::wire::integration;
use crate::wire::name::{self, Scope};
use crate::wire::page::{PAGE_SIZE_MAX, order_by, page_size};

/// The most open executions of a page: each is explained, and an explanation looks at the runners of its pool.
pub(super) const EXPLAINED_MAX: usize = 100;

/// How many finished executions are looked at for a page; when few of them are wanted it is a short one, and its token leads on.
const SCANNED_MAX: usize = 10 * PAGE_SIZE_MAX;

impl Services {
    pub(super) async fn list_executions_of(
        &self,
        call: Call,
        request: v1::ListExecutionsRequest,
    ) -> Result<v1::ListExecutionsResponse, ServiceError> {
        let scope = name::executions_of("parent", &request.parent)?;
        self.judge_organization(&call, &scope.organization)?;
        let size = page_size(request.page_size, PAGE_SIZE_MAX)?;
        let filter = ExecutionFilter::parse(&request.filter).map_err(ServiceError::Filter)?;
        order_by(&request.order_by, &[("create_time desc", ())])?;
        let query = self.tokens.query("executions", &[&request.parent, &request.filter]);
        let before = query
            .position(&request.page_token)
            .map_err(|_| ServiceError::Token("page_token"))?;
        let mut upcoming = Vec::new();
        let gathered = match scope.integration {
            Some(integration) => {
                if before.is_none() {
                    upcoming = self.upcoming(scope.organization.clone(), integration, &filter).await?;
                }
                self.executions_of_one(scope.organization, integration, &filter, before, size)
                    .await?
            }
            None => self.executions_of_all(&scope, &filter, before, size).await?,
        };
        let (page, next) = gathered.page(size);
        let finished = page.iter().filter_map(|entry| match entry {
            Entry::Open(_) => None,
            Entry::Finished(finished) => Some(Arc::clone(finished)),
        });
        let mut remedies = self.remedies(finished.collect()).await?;
        let executions = page.into_iter().map(|entry| match entry {
            Entry::Open(open) => execution::open(*open),
            Entry::Finished(finished) => self.finished_to_wire(&finished, remedies.remove(&finished.id)),
        });
        Ok(v1::ListExecutionsResponse {
            executions: executions.collect(),
            next_page_token: next.map(|last| query.token(&last)).unwrap_or_default(),
            upcoming,
        })
    }

    /// What the schedule will create next; nothing of an integration that is no more.
    async fn upcoming(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        filter: &ExecutionFilter,
    ) -> Result<Vec<v1::UpcomingCollection>, ServiceError> {
        let found = self.shard.turn(move |turn| {
            let found = find(turn.state(), &organization, integration).ok()?;
            Some(told(turn.state(), found, turn.now()))
        });
        let told = found.await?;
        Ok(told.map_or_else(Vec::new, |told| integration::upcoming(&told, filter)))
    }

    async fn executions_of_one(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        filter: &ExecutionFilter,
        before: Option<ExecutionId>,
        size: usize,
    ) -> Result<Gathered, ServiceError> {
        let (of, wanted, progress) = (organization.clone(), filter.clone(), self.progress.clone());
        let (exists, open) = self
            .shard
            .turn(move |turn| {
                let state = turn.state();
                let own = state.of(&of);
                let open = state.index().open_of(integration).filter_map(|id| own.execution(id));
                let older = open.filter(|open| before.is_none_or(|before| open.id < before));
                let wanted = older.filter(|open| wanted.takes_open(open));
                (
                    own.integration(integration).is_some(),
                    wanted.map(|open| opened(turn, open, &progress)).collect::<Vec<_>>(),
                )
            })
            .await?;
        let mut gathered = Gathered::default();
        gathered
            .entries
            .extend(open.into_iter().map(|open| Entry::Open(Box::new(open))));
        if exists && !filter.can_take(is_finished) {
            return Ok(gathered);
        }
        let mut position = before;
        let mut scanned = 0;
        loop {
            let page = self.shard.finished_page(integration, position, size).await?;
            position = page.finished.last().map(|finished| finished.id);
            scanned += page.finished.len();
            let own = page
                .finished
                .into_iter()
                .filter(|finished| finished.organization == organization);
            let mut own = own.peekable();
            // An integration that was deleted is known by its history alone.
            if !exists && before.is_none() && own.peek().is_none() {
                return Err(Rejection::IntegrationNotFound(integration).into());
            }
            gathered.take_finished(own, filter);
            let more = position.filter(|_| page.more);
            if more.is_none() || gathered.entries.len() >= size || scanned >= PAGE_SIZE_MAX {
                gathered.end_at(more);
                return Ok(gathered);
            }
        }
    }

    async fn executions_of_all(
        &self,
        scope: &Scope,
        filter: &ExecutionFilter,
        before: Option<ExecutionId>,
        size: usize,
    ) -> Result<Gathered, ServiceError> {
        let (of, wanted, progress) = (scope.organization.clone(), filter.clone(), self.progress.clone());
        let (open, end) = self
            .shard
            .turn(move |turn| newest_open(turn, &of, &wanted, before, size, &progress))
            .await?;
        let mut gathered = Gathered::default();
        gathered
            .entries
            .extend(open.into_iter().map(|open| Entry::Open(Box::new(open))));
        gathered.end_at(end);
        if !filter.can_take(is_finished) {
            return Ok(gathered);
        }
        let mut position = before;
        let mut scanned = 0;
        let mut found = 0;
        loop {
            let page = self.shard.finished_page_of_all(position, size).await?;
            position = page.finished.last().map(|finished| finished.id);
            scanned += page.finished.len();
            let own = page
                .finished
                .into_iter()
                .filter(|finished| finished.organization == scope.organization);
            found += gathered.take_finished(own, filter);
            let more = position.filter(|_| page.more);
            if more.is_none() || found >= size || scanned >= SCANNED_MAX {
                gathered.end_at(more);
                return Ok(gathered);
            }
        }
    }
}

fn is_finished(status: ExecutionStatus) -> bool {
    !status.is_open()
}

/// The newest open executions that are older than `before`, and the one at which the looking ended early.
fn newest_open(
    turn: &Turn<'_>,
    organization: &OrganizationId,
    filter: &ExecutionFilter,
    before: Option<ExecutionId>,
    size: usize,
    progress: &Progress,
) -> (Vec<Open>, Option<ExecutionId>) {
    let mut found = Vec::new();
    if !filter.can_take(ExecutionStatus::is_open) {
        return (found, None);
    }
    let mut candidates = turn.state().of(organization).executions_before(before);
    let mut last = None;
    for candidate in candidates.by_ref().take(PAGE_SIZE_MAX) {
        last = Some(candidate.id);
        if filter.takes_open(candidate) {
            found.push(opened(turn, candidate, progress));
        }
        if found.len() >= size.min(EXPLAINED_MAX) {
            break;
        }
    }
    let more = candidates.next().is_some();
    (found, last.filter(|_| more))
}

enum Entry {
    Open(Box<Open>),
    Finished(Arc<Finished>),
}

impl Entry {
    fn id(&self) -> ExecutionId {
        match self {
            Self::Open(open) => open.execution.id,
            Self::Finished(finished) => finished.id,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }
}

/// What was found in several places.
#[derive(Default)]
struct Gathered {
    entries: Vec<Entry>,
    /// There may be more that is older than this; what was found beyond it is for a later page. `None` when all was found.
    end: Option<ExecutionId>,
}

impl Gathered {
    /// Takes those that the filter takes; returns how many.
    fn take_finished(&mut self, finished: impl Iterator<Item = Arc<Finished>>, filter: &ExecutionFilter) -> usize {
        let before = self.entries.len();
        let wanted = finished.filter(|one| filter.takes_finished(one));
        self.entries.extend(wanted.map(Entry::Finished));
        self.entries.len() - before
    }

    /// One of the places was only looked through down to `end`.
    fn end_at(&mut self, end: Option<ExecutionId>) {
        self.end = self.end.max(end);
    }

    /// The newest `size`, and behind which one the next page begins.
    fn page(self, size: usize) -> (Vec<Entry>, Option<ExecutionId>) {
        let Self { mut entries, end } = self;
        // One that ended while this was gathered is found in both places: its end is the newer truth.
        entries.sort_by_key(|entry| (Reverse(entry.id()), entry.is_open()));
        entries.dedup_by_key(|entry| entry.id());
        entries.retain(|entry| end.is_none_or(|end| entry.id() >= end));
        if entries.len() > size {
            entries.truncate(size);
            let last = entries.last().map(Entry::id);
            return (entries, last);
        }
        (entries, end)
    }
}
