use std::sync::Arc;

use muster_core::decide::Command;
use muster_core::decide::identity::IdentityCommand;
use muster_core::decide::identity::bar::Bar;
use muster_core::decide::identity::create_token::CreateToken;
use muster_core::decide::identity::enroll::Enroll;
use muster_core::entity::{BarReason, Certificate};
use muster_core::time::Stamp;
use muster_core::words::{EnrollmentTokenId, Fingerprint, OrganizationId, Pool, PoolName, Principal};
use muster_proto::v1;
use tonic::Code;

use crate::rig::{NOBODY, ORGANIZATION, Rig, Runner, assert_refused, integration};

async fn get(rig: &Rig, runner: &Runner) -> v1::Runner {
    let request = v1::GetRunnerRequest {
        name: format!("{ORGANIZATION}/runners/{}", runner.id),
    };
    rig.runners()
        .get_runner(request)
        .await
        .expect("it has checked in")
        .into_inner()
}

#[tokio::test]
async fn a_runner_is_shown_with_what_it_holds() {
    let rig = Rig::with_connector().await;
    let mut runner = Runner::check_in(&rig.shard, "hq", 1).await;
    let idle = get(&rig, &runner).await;
    assert_eq!(
        (idle.status(), idle.online, idle.slots, idle.busy_slots),
        (v1::RunnerStatus::Ready, true, 1, 0)
    );
    assert_eq!(
        (idle.display_name.as_str(), idle.pool.as_str(), idle.connectors),
        ("hq-1", "hq", vec!["ldap".to_owned()])
    );
    let host = idle.host.expect("it has one");
    assert_eq!((host.os.as_str(), host.arch.as_str()), ("linux", "x86_64"));

    let name = rig.create("Corp").await.data_types[0].open_execution.clone();
    runner.assigned().await;
    let busy = get(&rig, &runner).await;
    assert_eq!(
        (busy.status(), busy.busy_slots, busy.executions),
        (v1::RunnerStatus::Busy, 1, vec![name])
    );
}

/// Lets a runner enroll that has checked in, and revokes it.
async fn revoke(rig: &Rig, runner: &Runner) {
    let owner = OrganizationId::new("default").expect("a name");
    let (token, hash) = (EnrollmentTokenId(1), Fingerprint([1; 32]));
    let far = Stamp::from_millis(4_000_000_000_000);
    let enroll = Enroll {
        token,
        hash,
        key: Fingerprint([2; 32]),
        runner: runner.id,
        certificate: Certificate {
            der: Arc::from([0_u8; 4]),
            serial: Arc::from([1_u8; 4]),
            until: far,
        },
    };
    for command in [
        IdentityCommand::CreateToken(CreateToken {
            token,
            pool: Pool::named(&owner, &PoolName::new("hq").expect("a name")),
            hash,
            expires: far,
            uses_max: 1,
        }),
        IdentityCommand::Enroll(enroll),
        IdentityCommand::Bar(Bar {
            owner: Some(owner),
            runner: runner.id,
            why: BarReason::Revoked,
        }),
    ] {
        let asked = rig.shard.ask(Principal::local(), Command::Identity(command));
        asked.await.expect("it is allowed");
    }
}

#[tokio::test]
async fn a_runner_that_was_revoked_is_told_as_that_and_not_as_one_that_is_away() {
    let rig = Rig::with_connector().await;
    let runner = Runner::check_in(&rig.shard, "hq", 1).await;
    assert_eq!(get(&rig, &runner).await.revoke_time, None);
    revoke(&rig, &runner).await;
    let revoked = get(&rig, &runner).await;
    assert_eq!((revoked.status(), revoked.online), (v1::RunnerStatus::Revoked, false));
    assert!(revoked.revoke_time.is_some(), "{revoked:?}");
    let list = async |filter: &str| {
        let request = v1::ListRunnersRequest {
            parent: ORGANIZATION.to_owned(),
            filter: filter.to_owned(),
            ..Default::default()
        };
        let listed = rig.runners().list_runners(request).await.expect("a page").into_inner();
        let statuses: Vec<_> = listed.runners.iter().map(v1::Runner::status).collect();
        statuses
    };
    assert_eq!(list("status = REVOKED").await, [v1::RunnerStatus::Revoked]);
    assert_eq!(list("pool = hq AND online = false AND status != REVOKED").await, []);

    // Nobody is asked to start it again.
    let name = rig.create("Corp").await.data_types[0].open_execution.clone();
    let request = v1::GetExecutionRequest { name };
    let waiting = rig.executions().get_execution(request).await.expect("it is open");
    let explained = waiting.into_inner().explanation.expect("it is open");
    assert!(explained.state.contains("may check in any more"), "{explained:?}");
    assert!(explained.next_step.starts_with("add one: "), "{explained:?}");
}

#[tokio::test]
async fn a_hosted_runner_is_shown_as_one_without_where_it_runs() {
    let rig = Rig::with_connector().await;
    let mut hosted = Runner::check_in(&rig.shard, "hosted", 1).await;
    let request = v1::ListRunnersRequest {
        parent: ORGANIZATION.to_owned(),
        filter: "pool = hosted".to_owned(),
        ..Default::default()
    };
    let listed = rig.runners().list_runners(request).await.expect("a page").into_inner();
    let [shown] = &listed.runners[..] else {
        panic!("one is hosted: {listed:?}")
    };
    assert_eq!(*shown, get(&rig, &hosted).await);
    assert_eq!(
        (shown.pool.as_str(), shown.status()),
        ("hosted", v1::RunnerStatus::Ready)
    );
    assert_eq!(shown.host, None, "the service's own machines are nobody else's to know");

    let wanted = v1::CreateIntegrationRequest {
        parent: ORGANIZATION.to_owned(),
        integration: Some(v1::Integration {
            pool: "hosted".to_owned(),
            ..integration("Corp")
        }),
        ..Default::default()
    };
    let created = rig.integrations().create_integration(wanted).await.expect("in order");
    hosted.assigned().await;
    let open = created.into_inner().data_types[0].open_execution.clone();
    assert_eq!(get(&rig, &hosted).await.executions, [open]);
}

async fn drain(rig: &Rig, runner: &Runner) -> Result<v1::Runner, tonic::Status> {
    let name = format!("{ORGANIZATION}/runners/{}", runner.id);
    let drained = rig.runners().drain_runner(v1::DrainRunnerRequest { name }).await;
    Ok(drained?.into_inner())
}

#[tokio::test]
async fn one_that_is_drained_finishes_what_it_holds_and_takes_nothing_new() {
    let rig = Rig::with_connector().await;
    let mut first = Runner::check_in(&rig.shard, "hq", 2).await;
    let held = rig.create("Corp").await.data_types[0].open_execution.clone();
    let assignment = first.assigned().await;
    first.start(&assignment).await;

    let drained = drain(&rig, &first).await.expect("it is the organization's own");
    assert_eq!((drained.status(), drained.busy_slots), (v1::RunnerStatus::Draining, 1));
    // Whoever asks again hears the same.
    assert_eq!(drain(&rig, &first).await.expect("it is there"), drained);

    // It has a free slot, and what is new goes to another one.
    let new = rig.create("Other").await.data_types[0].open_execution.clone();
    let mut second = Runner::check_in(&rig.shard, "hq", 2).await;
    second.assigned().await;
    assert_eq!(get(&rig, &second).await.executions, [new]);

    first.finish_without_records(&assignment).await;
    assert_eq!(rig.execution(&held).await.status(), v1::ExecutionStatus::Completed);
    let empty = get(&rig, &first).await;
    assert_eq!((empty.status(), empty.busy_slots), (v1::RunnerStatus::Draining, 0));
    assert!(empty.drain_time.is_some());

    // Until somebody says otherwise, who may do so twice, too.
    let name = format!("{ORGANIZATION}/runners/{}", first.id);
    for _ in 0..2 {
        let resume = v1::ResumeRunnerRequest { name: name.clone() };
        let resumed = rig
            .runners()
            .resume_runner(resume)
            .await
            .expect("it is there")
            .into_inner();
        assert_eq!((resumed.status(), resumed.drain_time), (v1::RunnerStatus::Ready, None));
    }
}

#[tokio::test]
async fn those_of_the_service_are_drained_by_nobody_else() {
    let rig = Rig::with_connector().await;
    let hosted = Runner::check_in(&rig.shard, "hosted", 1).await;
    assert_refused(drain(&rig, &hosted).await, Code::NotFound, "RUNNER_NOT_FOUND", None);
    assert_eq!(get(&rig, &hosted).await.status(), v1::RunnerStatus::Ready);
}

#[tokio::test]
async fn runners_are_listed_in_pages() {
    let rig = Rig::with_connector().await;
    for _ in 0..4 {
        Runner::check_in(&rig.shard, "hq", 1).await;
    }
    let list = async |size, token: &str| {
        let request = v1::ListRunnersRequest {
            parent: ORGANIZATION.to_owned(),
            page_size: size,
            page_token: token.to_owned(),
            ..Default::default()
        };
        rig.runners()
            .list_runners(request)
            .await
            .map(tonic::Response::into_inner)
    };
    let first = list(3, "").await.expect("a page");
    let second = list(3, &first.next_page_token).await.expect("a page");
    assert_eq!((first.runners.len(), second.runners.len()), (3, 2));
    assert_eq!(second.next_page_token, "");
    let mut names: Vec<_> = first
        .runners
        .iter()
        .chain(&second.runners)
        .map(|runner| &runner.name)
        .collect();
    let away = first
        .runners
        .iter()
        .chain(&second.runners)
        .filter(|runner| !runner.online);
    assert_eq!(
        away.map(|runner| runner.status()).collect::<Vec<_>>(),
        [v1::RunnerStatus::Unknown]
    );
    names.dedup();
    assert_eq!(names.len(), 5);
    assert_refused(
        list(0, "x").await,
        Code::InvalidArgument,
        "INVALID_PAGE_TOKEN",
        Some("page_token"),
    );
    assert_refused(
        list(-1, "").await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("page_size"),
    );
}

#[tokio::test]
async fn a_runner_that_never_was_is_missing() {
    let rig = Rig::empty().await;
    let get = async |name: String| rig.runners().get_runner(v1::GetRunnerRequest { name }).await;
    let nobody = get(format!("{ORGANIZATION}/runners/{NOBODY}")).await;
    assert_refused(nobody, Code::NotFound, "RUNNER_NOT_FOUND", None);
    let elsewhere = get(format!("organizations/other/runners/{NOBODY}")).await;
    assert_refused(elsewhere, Code::NotFound, "ORGANIZATION_NOT_FOUND", None);
    assert_refused(
        get("hq-1".to_owned()).await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("name"),
    );
}
