//! Integrations are listed.

use muster_proto::v1;
use tonic::Code;

use super::{create, list, request};
use crate::rig::{Rig, assert_refused, integration};

#[tokio::test]
async fn lists_go_on_where_they_ended_and_take_filters() {
    let rig = Rig::with_connector().await;
    for number in 0..5 {
        rig.create(&format!("Corp {number}")).await;
    }
    let last = create(
        &rig,
        v1::CreateIntegrationRequest {
            draft: true,
            ..request(integration("Draft"))
        },
    )
    .await;
    last.expect("it is saved");
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let (page, next) = list(&rig, "status = ACTIVE", 2, &token).await.expect("a page");
        assert!(page.len() <= 2, "{page:?}");
        names.extend(page);
        token = next;
        if token.is_empty() {
            break;
        }
    }
    names.sort();
    assert_eq!(names, ["Corp 0", "Corp 1", "Corp 2", "Corp 3", "Corp 4"]);
    assert_eq!(
        list(&rig, r#"display_name = "corp 3""#, 0, "").await.expect("a page").0,
        ["Corp 3"]
    );
    assert_eq!(
        list(&rig, "status = DISABLED AND pool = hq", 0, "")
            .await
            .expect("a page")
            .0,
        ["Draft"]
    );
    assert_eq!(
        list(&rig, "pool = other", 0, "").await.expect("a page").0,
        Vec::<String>::new()
    );

    let (_, token) = list(&rig, "", 2, "").await.expect("a page");
    assert_refused(
        list(&rig, "pool = hq", 2, &token).await,
        Code::InvalidArgument,
        "INVALID_PAGE_TOKEN",
        Some("page_token"),
    );
    assert_refused(
        list(&rig, "", 2, "forged").await,
        Code::InvalidArgument,
        "INVALID_PAGE_TOKEN",
        Some("page_token"),
    );
    assert_refused(
        list(&rig, "", -1, "").await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("page_size"),
    );
    assert_refused(
        list(&rig, "pool ~ hq", 0, "").await,
        Code::InvalidArgument,
        "INVALID_FILTER",
        Some("filter"),
    );
}
