//! The stream of all changes of integrations: first all as they are, then those that have changed, and after a gap all anew.

use std::collections::{BTreeSet, VecDeque};

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use muster_core::health::Conditions;
use muster_core::words::{IntegrationId, OrganizationId, Sequence};
use muster_proto::v1;
use muster_proto::v1::watch_integrations_response::Kind;
use muster_shard::{Change, IntegrationChanged};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tonic::Status;

use super::list::PAGE_BYTES_MAX;
use super::{find, told_with};
use crate::caller::Call;
use crate::service::Services;
use crate::status::ServiceError;
use crate::wire::integration::{self, Told};
use crate::wire::name;
use crate::wire::token::{NOWHERE, Query};

/// How many integrations are told in one message, which one turn of the writer reads.
const TOLD_MAX: usize = 100;

pub(super) type Responses = BoxStream<'static, Result<v1::WatchIntegrationsResponse, Status>>;

impl Services {
    pub(super) async fn watch_integrations_of(
        &self,
        call: Call,
        request: v1::WatchIntegrationsRequest,
    ) -> Result<Responses, ServiceError> {
        let organization = name::organization("parent", &request.parent)?;
        self.judge_organization(&call, &organization)?;
        let query = self.tokens.query("watch integrations", &[&request.parent]);
        let told = query
            .position(&request.resume_token)
            .map_err(|_| ServiceError::Token("resume_token"))?;
        // Before anything is read, so that no change falls between what is read and the first that comes.
        let changes = self.shard.watch_integrations();
        let head = self.shard.turn(|turn| turn.head()).await?;
        let told = told.filter(|told| *told != NOWHERE && *told <= head);
        let missed = told.and_then(|told| Some((told, self.shard.watch_integrations_after(told)?)));
        let (step, complete, missed, changes) = match missed {
            Some((told, (missed, changes))) => (Step::Follow, told, missed, changes),
            // Nothing has happened since: the caller knows all that there is.
            None if told == Some(head) => (Step::Follow, head, Vec::new(), changes),
            None => (Step::Snapshot(None), head, Vec::new(), changes),
        };
        let mut watch = Watch {
            services: self.clone(),
            organization,
            query,
            changes,
            step,
            changed: BTreeSet::new(),
            seen: complete,
            complete,
            pending: VecDeque::new(),
        };
        missed.into_iter().for_each(|change| watch.note(change));
        Ok(stream::unfold(watch, Watch::next).boxed())
    }
}

/// One call of a watcher.
struct Watch {
    services: Services,
    organization: OrganizationId,
    query: Query,
    changes: broadcast::Receiver<Change<IntegrationChanged>>,
    step: Step,
    /// What has changed and is not told yet. What it is now is told, so of many changes one is left.
    changed: BTreeSet<IntegrationId>,
    /// The batch of the newest change that was noted.
    seen: Sequence,
    /// Up to which batch every change was told.
    complete: Sequence,
    /// Messages that are ready.
    pending: VecDeque<v1::WatchIntegrationsResponse>,
}

enum Step {
    /// All are told as they are, behind this one, the oldest first; `None` at the beginning.
    Snapshot(Option<IntegrationId>),
    /// Changes are told as they come.
    Follow,
    /// The stream is over.
    Over,
}

/// What a turn has read.
struct Read {
    head: Sequence,
    integrations: Vec<Told>,
    /// Where it ends: `None` at the end of all.
    last: Option<IntegrationId>,
    deleted: Vec<IntegrationId>,
}

type Item = Result<v1::WatchIntegrationsResponse, Status>;

impl Watch {
    async fn next(mut self) -> Option<(Item, Self)> {
        loop {
            if let Some(response) = self.pending.pop_front() {
                return Some((Ok(response), self));
            }
            let advanced = match self.step {
                Step::Snapshot(last) => self.tell_part(last).await,
                Step::Follow => self.follow().await,
                Step::Over => return None,
            };
            if let Err(error) = advanced {
                self.step = Step::Over;
                return Some((Err(error.into()), self));
            }
        }
    }

    /// Tells a part of the snapshot. What changes meanwhile and was told already is told again after it.
    async fn tell_part(&mut self, last: Option<IntegrationId>) -> Result<(), ServiceError> {
        if self.note_waiting() == Noted::Lagged {
            return self.lag();
        }
        let organization = self.organization.clone();
        let read = self.services.shard.turn(move |turn| {
            let (state, now) = (turn.state(), turn.now());
            let mut conditions = Conditions::new(state, now);
            let later = state.index().integrations_of(&organization, last);
            let mut later = later.filter_map(|id| state.of(&organization).integration(id));
            let mut bytes = 0;
            let mut integrations = Vec::new();
            while integrations.len() < TOLD_MAX
                && bytes <= PAGE_BYTES_MAX
                && let Some(one) = later.next()
            {
                bytes += one.definition.configuration.as_str().len();
                integrations.push(told_with(&mut conditions, state, one, now));
            }
            let last = integrations.last().map(|told| told.integration.id);
            Read {
                head: turn.head(),
                last: last.filter(|_| later.next().is_some()),
                integrations,
                deleted: Vec::new(),
            }
        });
        let read = read.await?;
        if last.is_none() {
            // What has changed before is in what was just read, or comes after it in the snapshot.
            self.changed.clear();
            self.complete = read.head;
            self.seen = read.head;
        }
        let complete = read.last.is_none();
        self.step = if complete {
            Step::Follow
        } else {
            Step::Snapshot(read.last)
        };
        let snapshot = v1::IntegrationSnapshot {
            integrations: to_wire(&read.integrations)?,
            complete,
        };
        let token = if complete { self.complete } else { NOWHERE };
        self.tell(token, Kind::Snapshot(snapshot));
        Ok(())
    }

    async fn follow(&mut self) -> Result<(), ServiceError> {
        if self.changed.is_empty() {
            let stop = self.services.tasks.token();
            let first = tokio::select! {
                () = stop.cancelled() => return Err(ServiceError::ShuttingDown),
                first = self.changes.recv() => first,
            };
            match first {
                Ok(change) => self.note(change),
                Err(RecvError::Lagged(_)) => return self.lag(),
                Err(RecvError::Closed) => return Err(ServiceError::ShuttingDown),
            }
        }
        if self.note_waiting() == Noted::Lagged {
            return self.lag();
        }
        self.tell_changed().await
    }

    async fn tell_changed(&mut self) -> Result<(), ServiceError> {
        let ids: Vec<IntegrationId> = self.changed.iter().take(TOLD_MAX).copied().collect();
        let organization = self.organization.clone();
        let read = self.services.shard.turn(move |turn| {
            let (state, now) = (turn.state(), turn.now());
            let mut conditions = Conditions::new(state, now);
            let mut read = Read {
                head: turn.head(),
                integrations: Vec::new(),
                last: None,
                deleted: Vec::new(),
            };
            let mut bytes = 0;
            for id in ids {
                read.last = Some(id);
                match find(state, &organization, id) {
                    Ok(one) => {
                        bytes += one.definition.configuration.as_str().len();
                        read.integrations.push(told_with(&mut conditions, state, one, now));
                    }
                    Err(_) => read.deleted.push(id),
                }
                if bytes > PAGE_BYTES_MAX {
                    break;
                }
            }
            read
        });
        let read = read.await?;
        let Some(last) = read.last else {
            return Ok(());
        };
        self.changed = self.changed.split_off(&last);
        self.changed.remove(&last);
        if self.changed.is_empty() {
            // All changes up to the turn's head have come by now. When none of them waits, all are told with this message; otherwise the batch of the
            // newest one may go on.
            let before = Sequence(self.seen.0.saturating_sub(1));
            let told = if self.changes.is_empty() {
                read.head.max(before)
            } else {
                before
            };
            self.complete = self.complete.max(told);
        }
        let deleted = read.deleted.into_iter();
        let changes = v1::IntegrationChanges {
            integrations: to_wire(&read.integrations)?,
            deleted_names: deleted.map(|id| name::of_integration(&self.organization, id)).collect(),
        };
        self.tell(self.complete, Kind::Changes(changes));
        Ok(())
    }

    /// Some changes are gone: all are told anew.
    fn lag(&mut self) -> Result<(), ServiceError> {
        self.changes = self.services.shard.watch_integrations();
        self.tell(NOWHERE, Kind::Lagged(v1::WatchLagged {}));
        self.step = Step::Snapshot(None);
        Ok(())
    }

    /// Notes all changes that have come.
    fn note_waiting(&mut self) -> Noted {
        loop {
            match self.changes.try_recv() {
                Ok(change) => self.note(change),
                // The next `recv` says the same.
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Noted::All,
                Err(TryRecvError::Lagged(_)) => return Noted::Lagged,
            }
        }
    }

    fn note(&mut self, change: Change<IntegrationChanged>) {
        self.seen = self.seen.max(change.sequence);
        if change.what.organization == self.organization {
            self.changed.insert(change.what.integration);
        }
    }

    fn tell(&mut self, complete: Sequence, kind: Kind) {
        self.pending.push_back(v1::WatchIntegrationsResponse {
            resume_token: self.query.token(&complete),
            kind: Some(kind),
        });
    }
}

/// What has become of the changes that had come.
#[derive(Debug, PartialEq, Eq)]
enum Noted {
    /// They are noted.
    All,
    /// Some of them are gone.
    Lagged,
}

fn to_wire(integrations: &[Told]) -> Result<Vec<v1::Integration>, ServiceError> {
    let integrations: Result<Vec<_>, _> = integrations.iter().map(integration::integration).collect();
    integrations.map_err(ServiceError::internal)
}
