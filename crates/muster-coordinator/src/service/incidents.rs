//! `IncidentService`: what goes wrong for a while, and what became of telling people.

use std::time::Duration;

use muster_core::decide::incident::deliver::Tried;
use muster_core::entity::Incident;
use muster_core::state::State;
use muster_core::words::{IncidentId, OrganizationId};
use muster_proto::v1;
use muster_proto::v1::incident_service_server::IncidentService;
use tonic::{Request, Response, Status};

use super::Services;
use crate::caller::Call;
use crate::mail::Mailer;
use crate::status::ServiceError;
use crate::wire::FieldFault;
use crate::wire::filter::IncidentFilter;
use crate::wire::incident;
use crate::wire::name;
use crate::wire::notifications::email_address;
use crate::wire::page::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, page_size};

/// How long a test mail may take: whoever asks for it waits.
const TEST_MAIL_WITHIN: Duration = Duration::from_secs(20);

#[tonic::async_trait]
impl IncidentService for Services {
    async fn get_incident(&self, request: Request<v1::GetIncidentRequest>) -> Result<Response<v1::Incident>, Status> {
        Ok(Response::new(
            self.get_incident_of(Call::of(&request), request.into_inner()).await?,
        ))
    }

    async fn list_incidents(
        &self,
        request: Request<v1::ListIncidentsRequest>,
    ) -> Result<Response<v1::ListIncidentsResponse>, Status> {
        Ok(Response::new(
            self.list_incidents_of(Call::of(&request), request.into_inner()).await?,
        ))
    }

    async fn send_test_mail(
        &self,
        request: Request<v1::SendTestMailRequest>,
    ) -> Result<Response<v1::SendTestMailResponse>, Status> {
        Ok(Response::new(
            self.send_test_mail_of(Call::of(&request), request.into_inner()).await?,
        ))
    }
}

impl Services {
    async fn get_incident_of(&self, call: Call, request: v1::GetIncidentRequest) -> Result<v1::Incident, ServiceError> {
        let (organization, id) = name::incident("name", &request.name)?;
        self.judge_organization(&call, &organization)?;
        let found = self
            .shard
            .turn(move |turn| turn.state().of(&organization).incident(id).cloned())
            .await?;
        let found = found.ok_or(ServiceError::IncidentNotFound(id))?;
        Ok(incident::incident(&found))
    }

    async fn list_incidents_of(
        &self,
        call: Call,
        request: v1::ListIncidentsRequest,
    ) -> Result<v1::ListIncidentsResponse, ServiceError> {
        let organization = name::organization("parent", &request.parent)?;
        self.judge_organization(&call, &organization)?;
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

impl Services {
    async fn send_test_mail_of(
        &self,
        call: Call,
        request: v1::SendTestMailRequest,
    ) -> Result<v1::SendTestMailResponse, ServiceError> {
        let organization = name::organization("parent", &request.parent)?;
        self.judge_organization(&call, &organization)?;
        let recipient = email_address(&request.recipient).map_err(|problem| FieldFault::new("recipient", problem))?;
        let Some(letterhead) = self.mailer.letterhead() else {
            return Err(ServiceError::MailNotConfigured(Mailer::nowhere().answer));
        };
        let Ok(_only_one) = self.trying_mail.try_lock() else {
            return Err(ServiceError::Limit(
                "a test mail is under way: wait until that one is sent".to_owned(),
            ));
        };
        let mail = letterhead.write_trial(&recipient, fastrand::u128(..));
        let mail = mail.map_err(|error| FieldFault::new("recipient", error))?;
        let reply = self.mailer.send_within(TEST_MAIL_WITHIN, &mail).await;
        match reply.tried {
            Tried::Accepted => {
                call.note_on(&self.shard).await?;
                Ok(v1::SendTestMailResponse { answer: reply.answer })
            }
            Tried::Refused | Tried::Deferred => Err(ServiceError::MailNotSent(reply.answer)),
        }
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
    let own = state.of(organization);
    let older = state.index().alerts().incidents_before(organization, before);
    let mut older = older.filter_map(|id| own.incident(id));
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
