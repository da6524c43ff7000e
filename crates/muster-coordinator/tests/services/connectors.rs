use muster_proto::v1;
use tonic::Code;

use crate::rig::{ORGANIZATION, Rig, Runner, assert_refused};

#[tokio::test]
async fn a_connector_stays_known_when_its_runner_has_left() {
    let rig = Rig::with_connector().await;
    Runner::check_in(&rig.shard, "hq", 1).await;
    let name = format!("{ORGANIZATION}/connectors/ldap");
    let request = v1::GetConnectorRequest { name: name.clone() };
    let connector = rig
        .connectors()
        .get_connector(request)
        .await
        .expect("it was offered")
        .into_inner();
    assert_eq!(
        (connector.name, connector.pools),
        (name, vec!["elsewhere".to_owned(), "hq".to_owned()])
    );
    let specification = connector.specification.expect("it says who it is");
    assert_eq!(
        (specification.title.as_str(), specification.version.as_str()),
        ("Directory", "1.0.0")
    );
    let schema = specification.configuration_schema.expect("it has one");
    assert!(schema.fields.contains_key("properties"));
    let intervals: Vec<_> = specification
        .data_types
        .iter()
        .map(|one| one.default_interval.map(|it| it.seconds))
        .collect();
    assert_eq!(intervals, [Some(7_200), None, None]);
}

#[tokio::test]
async fn connectors_are_listed_or_missing() {
    let rig = Rig::with_connector().await;
    let list = async |parent: &str, page_size, page_token: &str| {
        let (parent, page_token) = (parent.to_owned(), page_token.to_owned());
        let request = v1::ListConnectorsRequest {
            parent,
            page_size,
            page_token,
        };
        rig.connectors()
            .list_connectors(request)
            .await
            .map(tonic::Response::into_inner)
    };
    let page = list(ORGANIZATION, 0, "").await.expect("a page");
    assert_eq!((page.connectors.len(), page.next_page_token.as_str()), (1, ""));
    assert_refused(
        list(ORGANIZATION, -1, "").await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("page_size"),
    );
    assert_refused(
        list(ORGANIZATION, 0, "x").await,
        Code::InvalidArgument,
        "INVALID_PAGE_TOKEN",
        Some("page_token"),
    );
    assert_refused(
        list("organizations/other", 0, "").await,
        Code::NotFound,
        "ORGANIZATION_NOT_FOUND",
        None,
    );
    let request = v1::GetConnectorRequest {
        name: format!("{ORGANIZATION}/connectors/okta"),
    };
    let answer = rig.connectors().get_connector(request).await;
    assert_refused(answer, Code::NotFound, "CONNECTOR_NOT_FOUND", None);
}
