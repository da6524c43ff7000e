//! `AuditService`: who has asked for what, when and from where, and what became of it.

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use muster_core::words::{OrganizationId, Scope};
use muster_proto::v1;
use muster_proto::v1::audit_service_server::AuditService;
use muster_shard::{ShardError, ShardHandle};
use tonic::{Request, Response, Status};

use super::Services;
use crate::caller::Call;
use crate::status::ServiceError;
use crate::wire::access::scope;
use crate::wire::audit;
use crate::wire::filter::AuditFilter;
use crate::wire::page::{PAGE_SIZE_MAX, page_size};

/// How many entries one call looks through: with a filter that takes few it returns a short page.
const LOOKED_AT_MAX: usize = 5_000;

/// How many entries a message has: some hundred KiB.
const EXPORTED_AT_ONCE: usize = 200;

/// Whose log it is; `None` for the service's own.
type Log = Option<OrganizationId>;

#[tonic::async_trait]
impl AuditService for Services {
    type ExportAuditEntriesStream = BoxStream<'static, Result<v1::ExportAuditEntriesResponse, Status>>;

    async fn list_audit_entries(
        &self,
        request: Request<v1::ListAuditEntriesRequest>,
    ) -> Result<Response<v1::ListAuditEntriesResponse>, Status> {
        Ok(Response::new(
            self.list_audit_entries_of(Call::of(&request), request.into_inner())
                .await?,
        ))
    }

    async fn export_audit_entries(
        &self,
        request: Request<v1::ExportAuditEntriesRequest>,
    ) -> Result<Response<Self::ExportAuditEntriesStream>, Status> {
        let call = Call::of(&request);
        let v1::ExportAuditEntriesRequest { parent, from_number } = request.into_inner();
        let log = self.audit_log(&call, &parent).await?;
        Ok(Response::new(self.export(log, from_number).await?))
    }

    async fn verify_audit_log(
        &self,
        request: Request<v1::VerifyAuditLogRequest>,
    ) -> Result<Response<v1::VerifyAuditLogResponse>, Status> {
        let call = Call::of(&request);
        let log = self.audit_log(&call, &request.get_ref().parent).await?;
        let verified = match self.shard.verify_audit(log.clone()).await {
            Ok(chain) => v1::VerifyAuditLogResponse {
                chain: Some(audit::chain(log.as_ref(), chain.as_ref())),
                fault: String::new(),
            },
            Err(ShardError::Damaged(fault)) => v1::VerifyAuditLogResponse { chain: None, fault },
            Err(error) => return Err(ServiceError::from(error).into()),
        };
        Ok(Response::new(verified))
    }
}

impl Services {
    /// The log that is asked for, if the caller may see it. That of an organization that was deleted is for the staff alone.
    async fn audit_log(&self, call: &Call, parent: &str) -> Result<Log, ServiceError> {
        let scope = scope("parent", parent)?;
        let Scope::Organization(organization) = &scope else {
            self.judge_scope(call, &scope)?;
            return Ok(None);
        };
        let log = Some(organization.clone());
        let is_gone = !self.has_organization(organization);
        let was_there =
            is_gone && call.caller.is_of(&Scope::Service) && self.shard.audit_chain(log.clone()).await?.is_some();
        if !was_there {
            self.judge_organization(call, organization)?;
        }
        Ok(log)
    }

    async fn list_audit_entries_of(
        &self,
        call: Call,
        request: v1::ListAuditEntriesRequest,
    ) -> Result<v1::ListAuditEntriesResponse, ServiceError> {
        let log = self.audit_log(&call, &request.parent).await?;
        let size = page_size(request.page_size, PAGE_SIZE_MAX)?;
        let filter = AuditFilter::parse(&request.filter).map_err(ServiceError::Filter)?;
        let query = self.tokens.query("audit entries", &[&request.parent, &request.filter]);
        let mut before: Option<u64> = query
            .position(&request.page_token)
            .map_err(|_| ServiceError::Token("page_token"))?;
        let mut page = Vec::new();
        let mut looked_at = 0;
        loop {
            let entries = self
                .shard
                .audit_entries_before(log.clone(), before, PAGE_SIZE_MAX.min(LOOKED_AT_MAX - looked_at))
                .await?;
            looked_at += entries.len();
            for entry in &entries {
                if filter.ends_before(entry.at) {
                    return Ok(v1::ListAuditEntriesResponse {
                        audit_entries: page,
                        next_page_token: String::new(),
                    });
                }
                before = Some(entry.number);
                if filter.takes(entry) {
                    page.push(audit::entry(entry));
                }
                if page.len() >= size {
                    break;
                }
            }
            if page.len() >= size || looked_at >= LOOKED_AT_MAX || entries.is_empty() {
                break;
            }
        }
        let chain = self.shard.audit_chain(log).await?;
        let more = before.filter(|before| chain.is_some_and(|chain| *before > chain.first));
        Ok(v1::ListAuditEntriesResponse {
            audit_entries: page,
            next_page_token: more.map(|before| query.token(&before)).unwrap_or_default(),
        })
    }

    async fn export(
        &self,
        log: Log,
        from: u64,
    ) -> Result<BoxStream<'static, Result<v1::ExportAuditEntriesResponse, Status>>, ServiceError> {
        let chain = self.shard.audit_chain(log.clone()).await?;
        let first = v1::ExportAuditEntriesResponse {
            chain: Some(audit::chain(log.as_ref(), chain.as_ref())),
            audit_entries: Vec::new(),
        };
        // What comes meanwhile is not part of it: it ends where its first message says.
        let last = chain.map_or(0, |chain| chain.last);
        let begin = Some((self.shard.clone(), log, from.max(1)));
        let entries = stream::unfold(begin, move |state| exported(state, last));
        Ok(stream::once(async move { Ok(first) }).chain(entries).boxed())
    }
}

type Exporting = Option<(ShardHandle, Log, u64)>;

/// The next entries of an export, up to number `last`.
async fn exported(state: Exporting, last: u64) -> Option<(Result<v1::ExportAuditEntriesResponse, Status>, Exporting)> {
    let (shard, log, from) = state.filter(|(_, _, from)| *from <= last)?;
    match shard.audit_entries_from(log.clone(), from, EXPORTED_AT_ONCE).await {
        Ok(entries) => {
            let next = entries.last()?.number + 1;
            let entries = entries.iter().take_while(|entry| entry.number <= last);
            let response = v1::ExportAuditEntriesResponse {
                chain: None,
                audit_entries: entries.map(audit::entry).collect(),
            };
            Some((Ok(response), Some((shard, log, next))))
        }
        Err(error) => Some((Err(ServiceError::from(error).into()), None)),
    }
}
