//! Integrations are listed.

use std::time::{Duration, Instant};

use muster_core::words::Category;
use muster_proto::v1;
use tonic::Code;

use super::{create, list, request};
use crate::rig::{ORGANIZATION, PATIENCE, Rig, Runner, assert_refused, integration};

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

/// The display names that the filter takes, page by page, by name.
async fn by_name(rig: &Rig, filter: &str, size: i32) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListIntegrationsRequest {
            parent: ORGANIZATION.to_owned(),
            page_size: size,
            page_token,
            filter: filter.to_owned(),
            order_by: "display_name".to_owned(),
            ..Default::default()
        };
        let page = rig.integrations().list_integrations(request).await.expect("a page");
        let page = page.into_inner();
        pages.push(page.integrations.into_iter().map(|one| one.display_name).collect());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return pages;
        }
    }
}

async fn attention_count(rig: &Rig) -> u64 {
    let parent = ORGANIZATION.to_owned();
    let request = v1::SummarizeIntegrationsRequest { parent };
    let summary = rig.integrations().summarize_integrations(request).await;
    summary.expect("they are counted").into_inner().attention_count
}

/// Waits until all are looked at anew, and so many call for attention.
async fn until_counted(rig: &Rig, count: u64) {
    let until = Instant::now() + PATIENCE;
    loop {
        let counted = attention_count(rig).await;
        if counted == count {
            return;
        }
        assert!(Instant::now() < until, "{counted} call for attention");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn whatever_calls_for_attention_is_found_among_many_and_gone_when_it_is_over() {
    let rig = Rig::empty().await;
    let mut all = Runner::check_in(&rig.shard, "hq", 1).await;
    for number in 0..100 {
        rig.create(&format!("Branch {number}")).await;
        let assigned = all.assigned().await;
        all.start(&assigned).await;
        all.finish_without_records(&assigned).await;
    }
    let mut names = Vec::new();
    for name in ["Zürich", "Aarau", "Chur"] {
        let pool = "plant-2".to_owned();
        let wanted = v1::Integration {
            pool,
            ..integration(name)
        };
        names.push(create(&rig, request(wanted)).await.expect("it is made").name);
    }
    let [zurich, _, chur] = &*names else {
        panic!("{names:?}")
    };
    let attention = "status = ACTIVE AND (condition = STALE OR condition = WAITING_FOR_RUNNER OR condition = WARNING)";
    assert_eq!(
        by_name(&rig, attention, 2).await,
        [vec!["Aarau", "Chur"], vec!["Zürich"]]
    );
    assert_eq!(attention_count(&rig).await, 3);
    let (oldest_first, _) = list(&rig, attention, 0, "").await.expect("a page");
    assert_eq!(oldest_first, ["Zürich", "Aarau", "Chur"]);
    // Whatever other filter: each that a page passes is judged.
    let of = async |filter: &str| by_name(&rig, filter, 0).await.concat();
    assert_eq!(of("NOT condition != WAITING_FOR_RUNNER").await.len(), 3);
    assert_eq!(of("condition = NEVER_COLLECTED").await.len(), 3);
    assert_eq!(of("condition != NEVER_COLLECTED").await.len(), 100);
    assert!(
        of("condition = NEVER_COLLECTED AND condition != WAITING_FOR_RUNNER")
            .await
            .is_empty()
    );
    assert!(of("condition = STALE OR condition = WARNING").await.is_empty());

    // A runner is there: the list knows at once, the count a little later.
    let mut runner = Runner::check_in(&rig.shard, "plant-2", 3).await;
    assert!(of(attention).await.is_empty(), "nothing waits any more");
    until_counted(&rig, 0).await;

    // Beside all the others it has brought nothing this time.
    for _ in 0..3 {
        let assigned = runner.assigned().await;
        runner.start(&assigned).await;
        runner.finish_with(&rig, &assigned, "{\"sid\":\"1\"}\n").await;
    }
    rig.run(zurich).await;
    let assigned = runner.assigned().await;
    runner.start(&assigned).await;
    runner.finish_without_records(&assigned).await;
    until_counted(&rig, 1).await;
    assert_eq!(of(attention).await, ["Zürich"]);
    assert_eq!(of("condition = WARNING").await, ["Zürich"]);

    // One in Error that waits, too, is no more to be looked at: it stands among the others that are in Error.
    rig.run(chur).await;
    let assigned = runner.assigned().await;
    runner.start(&assigned).await;
    runner.fail(&assigned, Category::Permission).await;
    runner.leave().await;
    rig.run(chur).await;
    let until = Instant::now() + PATIENCE;
    while of("condition = WAITING_FOR_RUNNER").await != ["Chur"] {
        assert!(Instant::now() < until, "it is not found");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(attention_count(&rig).await, 1);
    assert_eq!(of(attention).await, ["Zürich"]);
    let delete = v1::DeleteIntegrationRequest {
        name: zurich.clone(),
        ..Default::default()
    };
    rig.integrations().delete_integration(delete).await.expect("it goes");
    assert!(of(attention).await.is_empty(), "it is gone");

    assert_refused(
        list(&rig, "condition = OLD", 0, "").await,
        Code::InvalidArgument,
        "INVALID_FILTER",
        Some("filter"),
    );
}
