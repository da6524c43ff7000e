use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use muster_core::decide::Command;
use muster_core::decide::integration::{disable::Disable, enable::Enable};
use muster_core::words::{Category, Failure, Principal};
use muster_proto::v1;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_proto::v1::watch_integrations_response::Kind;
use muster_shard::Turn;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Streaming};

use crate::rig::{ORGANIZATION, PATIENCE, Rig, Runner, assert_refused};

/// A watcher that keeps what it was told, as a page in a browser does.
struct Mirror {
    stream: Streaming<v1::WatchIntegrationsResponse>,
    token: String,
    integrations: BTreeMap<String, v1::Integration>,
    /// Whether the snapshot is whole.
    complete: bool,
    lagged: usize,
    snapshots: usize,
}

impl Mirror {
    async fn open(rig: &Rig) -> Self {
        Self::over(rig.integrations(), "").await
    }

    async fn over(mut client: IntegrationServiceClient<Channel>, resume_token: &str) -> Self {
        let request = v1::WatchIntegrationsRequest {
            parent: ORGANIZATION.to_owned(),
            resume_token: resume_token.to_owned(),
        };
        let stream = client.watch_integrations(request).await.expect("it is watched");
        Self {
            stream: stream.into_inner(),
            token: resume_token.to_owned(),
            integrations: BTreeMap::new(),
            complete: false,
            lagged: 0,
            snapshots: 0,
        }
    }

    /// The same, after its connection was lost.
    async fn again(self, rig: &Rig) -> Self {
        let Self {
            token,
            integrations,
            complete,
            ..
        } = self;
        drop(self.stream);
        Self {
            integrations,
            complete,
            ..Self::over(rig.integrations(), &token).await
        }
    }

    async fn step(&mut self) {
        let message = timeout(PATIENCE, self.stream.message())
            .await
            .expect("it comes in time");
        let message = message.expect("it goes on").expect("it goes on");
        self.token = message.resume_token;
        match message.kind.expect("it says something") {
            Kind::Snapshot(part) => {
                if self.complete || self.snapshots == 0 {
                    self.integrations.clear();
                    self.snapshots += 1;
                }
                self.complete = part.complete;
                self.take(part.integrations);
            }
            Kind::Changes(changes) => {
                assert!(self.complete, "changes come after the snapshot");
                self.take(changes.integrations);
                for name in changes.deleted_names {
                    self.integrations.remove(&name);
                }
            }
            Kind::Lagged(_) => {
                self.lagged += 1;
                self.complete = true;
            }
        }
    }

    fn take(&mut self, integrations: Vec<v1::Integration>) {
        let named = integrations.into_iter().map(|one| (one.name.clone(), one));
        self.integrations.extend(named);
    }

    async fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        while !self.complete || !is_so(self) {
            self.step().await;
        }
    }
}

/// All that there is, as a list says it, without what time alone changes.
async fn listed(rig: &Rig) -> BTreeMap<String, String> {
    let mut listed = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListIntegrationsRequest {
            parent: ORGANIZATION.to_owned(),
            page_size: 1_000,
            page_token,
            ..Default::default()
        };
        let page = rig
            .integrations()
            .list_integrations(request)
            .await
            .expect("a page")
            .into_inner();
        listed.extend(page.integrations.iter().map(|one| (one.name.clone(), durable(one))));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return listed;
        }
    }
}

fn durable(integration: &v1::Integration) -> String {
    let mut integration = integration.clone();
    integration.conditions.clear();
    // Like the conditions, this is as of when it is told: it depends on which runners are there.
    for schedule in &mut integration.data_types {
        schedule.next_collection_note.clear();
    }
    format!("{integration:?}")
}

fn mirrored(mirror: &Mirror) -> BTreeMap<String, String> {
    let all = mirror.integrations.values();
    all.map(|one| (one.name.clone(), durable(one))).collect()
}

#[tokio::test]
async fn a_watcher_has_all_and_then_each_that_changes() {
    let rig = Rig::with_connector().await;
    let (first, second) = (rig.create("First").await, rig.create("Second").await);
    let mut mirror = Mirror::open(&rig).await;
    mirror.until(|_| true).await;
    assert_eq!(mirrored(&mirror), listed(&rig).await);

    let third = rig.create("Third").await;
    mirror
        .until(|mirror| mirror.integrations.contains_key(&third.name))
        .await;

    // A collection that fails, of which nobody but a watcher of health hears.
    let mut runner = Runner::check_in(&rig.shard, "hq", 1).await;
    let assignment = runner.assigned().await;
    runner.start(&assignment).await;
    runner.fail(&assignment, Category::Permission).await;
    let in_error = |mirror: &Mirror| {
        mirror
            .integrations
            .values()
            .any(|one| one.status() == v1::ConfigurationStatus::Error)
    };
    mirror.until(in_error).await;

    let request = v1::DeleteIntegrationRequest {
        name: second.name.clone(),
        ..Default::default()
    };
    rig.integrations()
        .delete_integration(request)
        .await
        .expect("it is there");
    mirror
        .until(|mirror| !mirror.integrations.contains_key(&second.name))
        .await;
    assert!(mirror.integrations.contains_key(&first.name));
    assert_eq!(mirror.snapshots, 1);
    assert_eq!(mirrored(&mirror), listed(&rig).await);
}

#[tokio::test]
async fn a_watcher_that_comes_back_gets_what_it_missed_and_no_more() {
    let rig = Rig::with_connector().await;
    for number in 0..3 {
        rig.create(&format!("Corp {number}")).await;
    }
    let mut mirror = Mirror::open(&rig).await;
    mirror.until(|_| true).await;
    let names: Vec<String> = mirror.integrations.keys().cloned().collect();
    let delete = async |name: &String| {
        let request = v1::DeleteIntegrationRequest {
            name: name.clone(),
            ..Default::default()
        };
        rig.integrations()
            .delete_integration(request)
            .await
            .expect("it is there");
    };
    // While nobody reads: the second is changed, and the third goes.
    let mut away = mirror;
    rig.run(&names[1]).await;
    delete(&names[2]).await;
    away = away.again(&rig).await;
    away.until(|mirror| mirror.integrations.len() == 2).await;
    assert_eq!(away.snapshots, 0, "it was told what it had missed, and nothing anew");
    assert_eq!(mirrored(&away), listed(&rig).await);

    // Nothing has happened since: the next that comes is the next change.
    let mut again = away.again(&rig).await;
    delete(&names[1]).await;
    again.until(|mirror| mirror.integrations.len() == 1).await;
    assert_eq!(again.snapshots, 0);
}

#[tokio::test]
async fn a_large_snapshot_comes_in_parts_and_what_changes_meanwhile_is_not_lost() {
    let rig = Rig::with_connector().await;
    for number in 0..250 {
        rig.create(&format!("Corp {number}")).await;
    }
    let mut mirror = Mirror::open(&rig).await;
    mirror.step().await;
    assert!(!mirror.complete && mirror.integrations.len() == 100);
    // A part is nothing to go on from.
    let mut anew = Mirror::over(rig.integrations(), &mirror.token).await;
    anew.until(|_| true).await;
    assert_eq!((anew.snapshots, anew.integrations.len()), (1, 250));

    let gone = mirror.integrations.keys().next().expect("a hundred").clone();
    let request = v1::DeleteIntegrationRequest {
        name: gone.clone(),
        ..Default::default()
    };
    rig.integrations()
        .delete_integration(request)
        .await
        .expect("it is there");
    mirror.until(|mirror| !mirror.integrations.contains_key(&gone)).await;
    assert_eq!(mirrored(&mirror), listed(&rig).await);
}

/// Disables and enables each integration that there is.
fn toggle_all(turn: &mut Turn<'_>) {
    let all: Vec<_> = turn
        .state()
        .everywhere()
        .integrations()
        .map(|one| (one.organization.clone(), one.id))
        .collect();
    for (organization, integration) in all.clone() {
        let disable = Command::DisableIntegration(Disable {
            organization,
            integration,
        });
        turn.ask(&Principal::local(), disable).expect("it is enabled");
    }
    for (organization, integration) in all {
        let enable = Command::EnableIntegration(Enable {
            organization,
            integration,
        });
        turn.ask(&Principal::local(), enable).expect("it is disabled");
    }
}

#[tokio::test]
async fn who_reads_too_slowly_is_told_so_and_gets_all_anew() {
    let rig = Rig::with_connector().await;
    for number in 0..40 {
        rig.create(&format!("Corp {number}")).await;
    }
    let client = IntegrationServiceClient::new(rig.narrow_channel().await);
    let mut mirror = Mirror::over(client, "").await;
    mirror.until(|_| true).await;
    // Each turn changes each of them twice: in the end far more than is kept for who does not read.
    for _ in 0..120 {
        rig.shard.turn(toggle_all).await.expect("it runs");
    }
    mirror.until(|mirror| mirror.lagged > 0 && mirror.snapshots > 1).await;
    rig.create("Last").await;
    let expected = listed(&rig).await;
    while mirrored(&mirror) != expected {
        mirror.step().await;
    }
}

#[tokio::test]
async fn a_watch_is_refused_or_ended_with_a_reason() {
    let rig = Rig::with_connector().await;
    let watch = async |parent: &str, token: &str| {
        let request = v1::WatchIntegrationsRequest {
            parent: parent.to_owned(),
            resume_token: token.to_owned(),
        };
        rig.integrations().watch_integrations(request).await.map(|_| ())
    };
    let other = watch("organizations/other", "").await;
    assert_refused(other, Code::NotFound, "ORGANIZATION_NOT_FOUND", None);
    let nothing = watch("default", "").await;
    assert_refused(nothing, Code::InvalidArgument, "INVALID_FIELD", Some("parent"));
    let forged = watch(ORGANIZATION, "x").await;
    assert_refused(
        forged,
        Code::InvalidArgument,
        "INVALID_PAGE_TOKEN",
        Some("resume_token"),
    );

    let mut mirror = Mirror::open(&rig).await;
    mirror.until(|_| true).await;
    // That of another watch.
    let executions = v1::WatchExecutionsRequest {
        parent: ORGANIZATION.to_owned(),
        resume_token: mirror.token.clone(),
    };
    let foreign = rig.executions().watch_executions(executions).await;
    assert_refused(
        foreign.map(|_| ()),
        Code::InvalidArgument,
        "INVALID_PAGE_TOKEN",
        Some("resume_token"),
    );
    rig.services.tasks.stop();
    let last = timeout(PATIENCE, mirror.stream.message())
        .await
        .expect("it ends in time");
    assert_refused(last, Code::Unavailable, "SHUTTING_DOWN", None);
}

#[tokio::test]
async fn a_failing_check_and_a_pause_are_told() {
    let rig = Rig::with_connector().await;
    let made = rig.create("Corp").await;
    let mut runner = Runner::check_in(&rig.services.shard, "hq", 1).await;
    let mut mirror = Mirror::open(&rig).await;
    mirror.until(|seen| seen.integrations.contains_key(&made.name)).await;

    let request = v1::CheckIntegrationRequest {
        name: made.name.clone(),
        ..Default::default()
    };
    let events = rig.integrations().check_integration(request).await;
    let _events = events.expect("somebody is asked");
    let order = runner.asked_to_check().await;
    let failure = Failure::new(Category::Permission, "dc1 said no");
    runner.checked(&order, Some(failure)).await;
    let is_in_error = |seen: &Mirror| seen.integrations[&made.name].status() == v1::ConfigurationStatus::Error;
    mirror.until(is_in_error).await;

    let end = SystemTime::now() + Duration::from_secs(3_600);
    let request = v1::PauseIntegrationRequest {
        name: made.name.clone(),
        until: Some(end.into()),
        ..Default::default()
    };
    rig.integrations().pause_integration(request).await.expect("it rests");
    mirror
        .until(|seen| seen.integrations[&made.name].pause_end_time.is_some())
        .await;
}
