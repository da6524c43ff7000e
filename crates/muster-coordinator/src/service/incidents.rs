//! `IncidentService`: what goes wrong for a while, and what became of telling people.

use muster_core::entity::Incident;
use muster_core::state::State;
use muster_core::words::{IncidentId, OrganizationId};
use muster_proto::v1;
use muster_proto::v1::incident_service_server::IncidentService;
use tonic::{Request, Response, Status};

use super::Services;
use crate::status::ServiceError;
use crate::wire::filter::IncidentFilter;
use crate::wire::incident;
use crate::wire::name;
use crate::wire::page::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, page_size};

#[tonic::async_trait]
impl IncidentService for Services {
    async fn get_incident(&self, request: Request<v1::GetIncidentRequest>) -> Result<Response<v1::Incident>, Status> {
        Ok(Response::new(self.get_incident_of(request.into_inner()).await?))
    }

    async fn list_incidents(
        &self,
        request: Request<v1::ListIncidentsRequest>,
    ) -> Result<Response<v1::ListIncidentsResponse>, Status> {
        Ok(Response::new(self.list_incidents_of(request.into_inner()).await?))
    }
}

impl Services {
    async fn get_incident_of(&self, request: v1::GetIncidentRequest) -> Result<v1::Incident, ServiceError> {
        let (organization, id) = name::incident("name", &request.name)?;
        self.judge_organization(&organization)?;
        let found = self
            .shard
            .turn(move |turn| {
                let found = turn.state().ledger().incident(id);
                found.filter(|found| found.organization == organization).cloned()
            })
            .await?;
        let found = found.ok_or(ServiceError::IncidentNotFound(id))?;
        Ok(incident::incident(&found))
    }

    async fn list_incidents_of(
        &self,
        request: v1::ListIncidentsRequest,
    ) -> Result<v1::ListIncidentsResponse, ServiceError> {
        let organization = name::organization("parent", &request.parent)?;
        self.judge_organization(&organization)?;
        let size = page_size(request.page_size, PAGE_SIZE_DEFAULT)?;
        let filter = IncidentFilter::parse(&request.filter).map_err(ServiceError::Filter)?;
        let query = self.tokens.query("incidents", &[&request.parent, &request.filter]);
        let before: Option<IncidentId> = query
            .position(&request.page_token)
            .map_err(|_| ServiceError::Token("page_token"))?;
        let (page, last) = self
            .shard
            .turn(move |turn| page(turn.state(), &organization, &filter, before, size))
            .await?;
        Ok(v1::ListIncidentsResponse {
            incidents: page.iter().map(incident::incident).collect(),
            next_page_token: last.map(|last| query.token(&last)).unwrap_or_default(),
        })
    }
}

/// At most `size` of the incidents before `before`, and behind which one the next page begins; `None` after the last one.
fn page(
    state: &State,
    organization: &OrganizationId,
    filter: &IncidentFilter,
    before: Option<IncidentId>,
    size: usize,
) -> (Vec<Incident>, Option<IncidentId>) {
    let mut page = Vec::new();
    let mut last = None;
    let older = state.index().alerts().incidents_before(organization, before);
    let mut older = older.filter_map(|id| state.ledger().incident(id));
    for incident in older.by_ref().take(PAGE_SIZE_MAX) {
        last = Some(incident.id);
        if filter.takes(incident) {
            page.push(incident.clone());
        }
        if page.len() >= size {
            break;
        }
    }
    let more = older.next().is_some();
    (page, last.filter(|_| more))
}
