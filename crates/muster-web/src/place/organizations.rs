//! The organizations, for the service's own staff.

use maud::html;
use muster_proto::v1::ListOrganizationsRequest;

use crate::fault::Fault;
use crate::gate::Visitor;
use crate::view::{Region, View};

/// The most that are shown.
const SHOWN_MAX: i32 = 500;

/// Where staff go first: to the one organization when there is no other.
pub(super) async fn only(visitor: &Visitor) -> Result<String, Fault> {
    let request = ListOrganizationsRequest {
        page_size: 2,
        ..ListOrganizationsRequest::default()
    };
    let found = visitor
        .api
        .organizations()
        .list_organizations(request)
        .await?
        .into_inner()
        .organizations;
    Ok(match found.as_slice() {
        [only] => format!("/{}/integrations", only.name),
        _ => "/organizations".to_owned(),
    })
}

pub(super) async fn view(visitor: &Visitor) -> Result<View, Fault> {
    let request = ListOrganizationsRequest {
        page_size: SHOWN_MAX,
        ..ListOrganizationsRequest::default()
    };
    let found = visitor
        .api
        .organizations()
        .list_organizations(request)
        .await?
        .into_inner();
    let rows = found.organizations.iter().enumerate().map(|(at, organization)| {
        let id = format!("organization-{at}");
        let row = html! {
            li id=(id) { a href={ "/" (organization.name) "/integrations" } { (organization.display_name) } " " small { (organization.name) } }
        };
        (id, row)
    });
    let list = Region::list("organizations", ("ul", "organizations"), rows.collect());
    Ok(View {
        title: "Organizations".to_owned(),
        body: html! { main #main.page { h1 { "Organizations" } (list) } },
        regions: vec![list],
    })
}
