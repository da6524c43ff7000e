//! The organizations, for the service's own staff.

use maud::html;
use muster_proto::v1::ListOrganizationsRequest;

use super::Query;
use crate::fault::Fault;
use crate::gate::Visitor;
use crate::shell;
use crate::view::{Region, View};

/// How many a page has.
const PAGE: i32 = 500;

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

/// The page, which has no organization around it.
pub(super) async fn view(visitor: &Visitor, query: &Query) -> Result<View, Fault> {
    let request = ListOrganizationsRequest {
        page_size: PAGE,
        page_token: query.get("after").to_owned(),
    };
    let mut organizations = visitor.api.organizations();
    let (found, who) = tokio::try_join!(
        async { Ok::<_, Fault>(organizations.list_organizations(request).await?.into_inner()) },
        super::who(&visitor.api),
    )?;
    let rows = found.organizations.iter().map(|organization| {
        let id = organization.name.replace('/', "-");
        let row = html! {
            li id=(id) { a href={ "/" (organization.name) "/integrations" } { (organization.display_name) } " " small { (organization.name) } }
        };
        (id, row)
    });
    let list = Region::list("organizations", ("ul", "organizations"), rows.collect());
    let rest = Region::one(
        "rest",
        html! { div #rest { (super::pages(query, "/organizations", &found.next_page_token)) } },
    );
    let top = Region::one("top", shell::top_of_service(&who, visitor.signed_in));
    Ok(View {
        title: "Organizations".to_owned(),
        body: html! { (top) main #main.page { h1 { "Organizations" } (list) (rest) } },
        regions: vec![top, list, rest],
    })
}
