//! Several organizations on one coordinator: one is suspended, limited and deleted while another works, and nothing of that is lost by a `kill -9`.

use std::time::Duration;

use muster_proto::v1::organization_service_client::OrganizationServiceClient;
use muster_proto::v1::{self, ExecutionStatus};
use muster_tests::{Client, LIMIT, Runner, Wanted, World, eventually, passwd_of};
use tonic::Code;
use tonic::transport::Channel;

const ACME: &str = "organizations/acme";

/// So many that their deletion takes a while.
const DRAFTS: usize = 400;

/// What an upload that was refused waits for, and the next attempt.
const RETRIED_WITHIN: Duration = Duration::from_secs(90);

struct Two {
    world: World,
    staff: OrganizationServiceClient<Channel>,
    acme: Client,
    other: Client,
    runners: Vec<Runner>,
}

impl Two {
    async fn start() -> Self {
        let world = World::start().await;
        passwd_of(&world.folder().join("slow"), super::SLOW_ACCOUNTS);
        passwd_of(&world.folder().join("quick"), 50);
        let mut staff = OrganizationServiceClient::new(world.client().channel());
        let create = v1::CreateOrganizationRequest {
            organization_id: "acme".to_owned(),
            ..Default::default()
        };
        staff.create_organization(create).await.expect("the name is free");
        let (other, acme) = (world.client(), world.client().about("acme"));
        let runners = vec![
            world.runner("theirs", &["--organization", "acme"]),
            world.runner("others", &[]),
        ];
        acme.until_online("theirs").await;
        other.until_online("others").await;
        Self {
            world,
            staff,
            acme,
            other,
            runners,
        }
    }

    fn wanted(&self, name: &str, source: &str) -> Wanted {
        let root = self.world.folder().join(source);
        let wanted = Wanted::new(name, "host").data_type("user");
        wanted.with("root", root.to_str().expect("text"))
    }

    async fn suspend(&mut self) {
        let suspend = v1::SuspendOrganizationRequest {
            name: ACME.to_owned(),
            reason: "unpaid".to_owned(),
            ..Default::default()
        };
        self.staff.suspend_organization(suspend).await.expect("it is active");
    }

    async fn resume(&mut self) {
        let resume = v1::ResumeOrganizationRequest {
            name: ACME.to_owned(),
            ..Default::default()
        };
        self.staff.resume_organization(resume).await.expect("it is suspended");
    }

    async fn limit(&mut self, records_mib: Option<u32>) -> v1::Organization {
        let update = v1::UpdateOrganizationRequest {
            organization: Some(v1::Organization {
                name: ACME.to_owned(),
                quotas: Some(v1::Quotas {
                    records_mib,
                    ..Default::default()
                }),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["quotas.records_mib".to_owned()],
            }),
            ..Default::default()
        };
        let updated = self.staff.update_organization(update).await;
        updated.expect("a limit").into_inner()
    }

    async fn is_there(&mut self) -> Result<v1::Organization, tonic::Status> {
        let get = v1::GetOrganizationRequest { name: ACME.to_owned() };
        Ok(self.staff.get_organization(get).await?.into_inner())
    }

    /// A collection of the other organization ends as if it were alone.
    async fn others_go_on(&self, integration: &str) {
        let ran = self
            .other
            .run(integration, &[])
            .await
            .expect("it is nobody else's matter");
        let ended = self.other.until_ended(&ran[0].name, LIMIT).await;
        assert_eq!(ended.status(), ExecutionStatus::Completed, "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_organization_is_suspended_limited_and_deleted_and_the_other_goes_on() {
    let mut two = Two::start().await;
    let theirs = two.acme.create_soon(&two.wanted("theirs", "slow")).await.name;
    let others = two.other.create_soon(&two.wanted("others", "quick")).await.name;
    two.others_go_on(&others).await;

    // In the middle of a collection nothing of theirs goes on; when it may again, it ends.
    let running = eventually("their first collection", LIMIT, async || {
        let all = two.acme.all_executions().await.map_err(|status| status.to_string())?;
        let running = all.into_iter().find(|one| one.status() == ExecutionStatus::Executing);
        running.ok_or_else(|| "it does not run yet".to_owned())
    })
    .await;
    two.suspend().await;
    two.others_go_on(&others).await;
    let refused = two.acme.run(&theirs, &[]).await.expect_err("it is suspended");
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    assert!(refused.message().contains("unpaid"), "{refused}");
    // A restart changes nothing about it.
    two.world.coordinator.kill_9();
    two.world.coordinator.restart().await;
    two.resume().await;
    let ended = two.acme.until_ended(&running.name, RETRIED_WITHIN).await;
    assert_eq!(ended.status(), ExecutionStatus::Completed, "{ended:?}");

    // With those of earlier days they have more than a MiB of records, and may have no more.
    two.world.coordinator.kill_9();
    let earlier = two
        .world
        .coordinator
        .landing()
        .join("organization=acme/integration=earlier");
    std::fs::create_dir_all(&earlier).expect("a folder");
    std::fs::write(earlier.join("records.jsonl.zst"), [0; 1 << 20]).expect("a file");
    two.world.coordinator.restart().await;
    eventually("the count of their records", LIMIT, async || {
        let mut staff = two.staff.clone();
        let get = v1::GetOrganizationRequest { name: ACME.to_owned() };
        let found = staff.get_organization(get).await.map_err(|status| status.to_string())?;
        let bytes = found.into_inner().usage.map_or(0, |usage| usage.records_bytes);
        if bytes > 1 << 20 {
            Ok(())
        } else {
            Err(format!("{bytes} bytes"))
        }
    })
    .await;
    two.limit(Some(1)).await;
    let again = two.acme.run(&theirs, &[]).await.expect("it may run");
    let failing = eventually("an upload that is refused", LIMIT, async || {
        let found = two
            .acme
            .execution(&again[0].name)
            .await
            .map_err(|status| status.to_string())?;
        if found.failures > 0 {
            Ok(found)
        } else {
            Err(format!("{:?}", found.status()))
        }
    })
    .await;
    let why = failing.failure.expect("it has failed").message;
    assert!(why.contains("MiB of records, and may have 1"), "{why}");
    two.others_go_on(&others).await;
    two.limit(None).await;
    let ended = two.acme.until_ended(&again[0].name, RETRIED_WITHIN).await;
    assert_eq!(ended.status(), ExecutionStatus::Completed, "{ended:?}");

    // It goes whole, whenever the coordinator dies over it.
    for number in 0..DRAFTS {
        let draft = two.wanted(&format!("draft {number}"), "quick").draft();
        two.acme.create(&draft).await.expect("the connector is known");
    }
    two.suspend().await;
    let delete = v1::DeleteOrganizationRequest {
        name: ACME.to_owned(),
        ..Default::default()
    };
    two.staff.delete_organization(delete).await.expect("it is suspended");
    two.world.coordinator.kill_9();
    two.world.coordinator.restart().await;
    two.others_go_on(&others).await;
    eventually("the end of the organization", LIMIT, async || {
        let mut staff = two.staff.clone();
        let get = v1::GetOrganizationRequest { name: ACME.to_owned() };
        match staff.get_organization(get).await {
            Err(status) if status.code() == Code::NotFound => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    two.world.coordinator.kill_9();
    two.world.coordinator.restart().await;
    assert_eq!(two.is_there().await.expect_err("it is gone").code(), Code::NotFound);
    let gone = two
        .acme
        .all_executions()
        .await
        .expect_err("its executions are gone with it");
    assert_eq!(gone.code(), Code::NotFound, "{gone}");
    two.others_go_on(&others).await;
    for runner in &mut two.runners {
        runner.kill_9();
    }
}
