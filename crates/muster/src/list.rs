//! The API's lists, page after page.

use muster_proto::v1::{
    AuditEntry, Connector, EnrollmentToken, Execution, Incident, Integration, ListAuditEntriesRequest,
    ListConnectorsRequest, ListEnrollmentTokensRequest, ListExecutionsRequest, ListHostedEnrollmentTokensRequest,
    ListIncidentsRequest, ListIntegrationsRequest, ListOrganizationsRequest, ListPeopleRequest, ListRunnersRequest,
    ListTokensRequest, Organization, Person, Runner, Token, UpcomingCollection,
};

use crate::client::Client;
use crate::error::Error;

/// The most items that the API puts into a page.
pub const PAGE_MAX: usize = 1_000;

/// The most incidents that the API puts into a page.
pub const INCIDENT_PAGE_MAX: usize = 100;

/// The most connectors that the API puts into a page.
pub const CONNECTOR_PAGE_MAX: usize = 100;

/// Items of a list.
#[derive(Debug)]
pub struct Listed<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}

/// Reads pages, by a call that takes a page's size and token and gives its items and the next token, until there are `limit` items.
///
/// # Errors
/// The call's.
pub async fn pages<T>(
    limit: usize,
    page_max: usize,
    mut page: impl AsyncFnMut(i32, String) -> Result<(Vec<T>, String), Error>,
) -> Result<Listed<T>, Error> {
    let mut items = Vec::new();
    let mut token = String::new();
    loop {
        let size = (limit - items.len()).min(page_max);
        // `page_max` is small, so this never fails.
        let size = i32::try_from(size).unwrap_or(i32::MAX);
        let (page, next) = page(size, token).await?;
        items.extend(page);
        token = next;
        if token.is_empty() || items.len() >= limit {
            let more = !token.is_empty() || items.len() > limit;
            items.truncate(limit);
            return Ok(Listed { items, more });
        }
    }
}

/// The integrations of the organization that pass the filter, the oldest first.
///
/// # Errors
/// Those of the calls; so do the other lists.
pub async fn integrations(client: &Client, limit: usize, filter: &str) -> Result<Listed<Integration>, Error> {
    let mut service = client.integrations();
    pages(limit, PAGE_MAX, async |page_size, page_token| {
        let request = ListIntegrationsRequest {
            parent: client.parent(),
            page_size,
            page_token,
            filter: filter.to_owned(),
            ..Default::default()
        };
        let page = service.list_integrations(request).await;
        let page = page
            .map_err(|status| client.error("list integrations", &status))?
            .into_inner();
        Ok((page.integrations, page.next_page_token))
    })
    .await
}

/// The executions of the parent that pass the filter, the newest first; and what the schedule will create next, where the parent is one integration.
pub async fn executions(
    client: &Client,
    parent: &str,
    limit: usize,
    filter: &str,
) -> Result<(Vec<UpcomingCollection>, Listed<Execution>), Error> {
    let mut service = client.executions();
    let mut upcoming = Vec::new();
    let listed = pages(limit, PAGE_MAX, async |page_size, page_token| {
        let request = ListExecutionsRequest {
            parent: parent.to_owned(),
            page_size,
            page_token,
            filter: filter.to_owned(),
            ..Default::default()
        };
        let page = service.list_executions(request).await;
        let page = page
            .map_err(|status| client.error("list executions", &status))?
            .into_inner();
        upcoming.extend(page.upcoming);
        Ok((page.executions, page.next_page_token))
    });
    let listed = listed.await?;
    Ok((upcoming, listed))
}

/// The runners of the organization, the oldest first.
pub async fn runners(client: &Client, limit: usize) -> Result<Listed<Runner>, Error> {
    let mut service = client.runners();
    pages(limit, PAGE_MAX, async |page_size, page_token| {
        let parent = client.parent();
        let request = ListRunnersRequest {
            parent,
            page_size,
            page_token,
            ..Default::default()
        };
        let page = service.list_runners(request).await;
        let page = page
            .map_err(|status| client.error("list runners", &status))?
            .into_inner();
        Ok((page.runners, page.next_page_token))
    })
    .await
}

/// The organizations of the coordinator, by name.
pub async fn organizations(client: &Client, limit: usize) -> Result<Listed<Organization>, Error> {
    let mut service = client.organizations();
    pages(limit, PAGE_MAX, async |page_size, page_token| {
        let request = ListOrganizationsRequest { page_size, page_token };
        let page = service.list_organizations(request).await;
        let page = page
            .map_err(|status| client.error("list organizations", &status))?
            .into_inner();
        Ok((page.organizations, page.next_page_token))
    })
    .await
}

/// The enrollment tokens of the organization, or those for the service's own pool, the oldest first.
pub async fn enrollment_tokens(client: &Client, hosted: bool, limit: usize) -> Result<Listed<EnrollmentToken>, Error> {
    let mut service = client.enrollment();
    pages(limit, PAGE_MAX, async |page_size, page_token| {
        let page = if hosted {
            let request = ListHostedEnrollmentTokensRequest { page_size, page_token };
            service.list_hosted_enrollment_tokens(request).await
        } else {
            let request = ListEnrollmentTokensRequest {
                parent: client.parent(),
                page_size,
                page_token,
            };
            service.list_enrollment_tokens(request).await
        };
        let page = page
            .map_err(|status| client.error("list enrollment tokens", &status))?
            .into_inner();
        Ok((page.enrollment_tokens, page.next_page_token))
    })
    .await
}

/// The incidents of the organization that pass the filter, the newest first.
pub async fn incidents(client: &Client, limit: usize, filter: &str) -> Result<Listed<Incident>, Error> {
    let mut service = client.incidents();
    pages(limit, INCIDENT_PAGE_MAX, async |page_size, page_token| {
        let request = ListIncidentsRequest {
            parent: client.parent(),
            page_size,
            page_token,
            filter: filter.to_owned(),
        };
        let page = service.list_incidents(request).await;
        let page = page
            .map_err(|status| client.error("list incidents", &status))?
            .into_inner();
        Ok((page.incidents, page.next_page_token))
    })
    .await
}

/// The connectors that are offered to the organization, by name.
pub async fn connectors(client: &Client, limit: usize) -> Result<Listed<Connector>, Error> {
    let mut service = client.connectors();
    pages(limit, CONNECTOR_PAGE_MAX, async |page_size, page_token| {
        let parent = client.parent();
        let request = ListConnectorsRequest {
            parent,
            page_size,
            page_token,
        };
        let page = service.list_connectors(request).await;
        let page = page
            .map_err(|status| client.error("list connectors", &status))?
            .into_inner();
        Ok((page.connectors, page.next_page_token))
    })
    .await
}
/// The people of an organization (`organizations/{organization}`) or of the service's own staff (`service`), the oldest first.
///
/// # Errors
/// Those of the calls.
pub async fn people(client: &Client, parent: &str, limit: usize) -> Result<Listed<Person>, Error> {
    let mut service = client.access();
    pages(limit, PAGE_MAX, async |page_size, page_token| {
        let request = ListPeopleRequest {
            parent: parent.to_owned(),
            page_size,
            page_token,
        };
        let page = service.list_people(request).await;
        let page = page
            .map_err(|status| client.error("list people", &status))?
            .into_inner();
        Ok((page.people, page.next_page_token))
    })
    .await
}

/// The tokens of these, the oldest first; `person` is whose, by their name, or empty.
///
/// # Errors
/// Those of the calls.
pub async fn tokens(client: &Client, parent: &str, person: &str, limit: usize) -> Result<Listed<Token>, Error> {
    let mut service = client.access();
    pages(limit, PAGE_MAX, async |page_size, page_token| {
        let request = ListTokensRequest {
            parent: parent.to_owned(),
            page_size,
            page_token,
            person: person.to_owned(),
        };
        let page = service.list_tokens(request).await;
        let page = page
            .map_err(|status| client.error("list tokens", &status))?
            .into_inner();
        Ok((page.tokens, page.next_page_token))
    })
    .await
}

/// The entries of an audit log that pass the filter, the newest first.
///
/// # Errors
/// Those of the calls.
pub async fn audit_entries(
    client: &Client,
    parent: &str,
    limit: usize,
    filter: &str,
) -> Result<Listed<AuditEntry>, Error> {
    let mut service = client.audit();
    pages(limit, PAGE_MAX, async |page_size, page_token| {
        let request = ListAuditEntriesRequest {
            parent: parent.to_owned(),
            page_size,
            page_token,
            filter: filter.to_owned(),
        };
        let page = service.list_audit_entries(request).await;
        let page = page
            .map_err(|status| client.error("list the audit log", &status))?
            .into_inner();
        Ok((page.audit_entries, page.next_page_token))
    })
    .await
}
