//! `muster organization`, against a coordinator that has a few.

use muster_proto::v1::organization_service_server::OrganizationService;
use muster_proto::v1::{
    CreateOrganizationRequest, DeleteOrganizationRequest, GetOrganizationRequest, ListOrganizationsRequest,
    ListOrganizationsResponse, Organization, OrganizationState, OrganizationUsage, Quotas, ResumeOrganizationRequest,
    SuspendOrganizationRequest, UpdateOrganizationRequest,
};
use tonic::{Code, Request, Response, Status};

use crate::command::run;
use crate::coordinator::{Coordinator, Services, State, page, refusal};
use crate::things::at;

pub fn acme() -> Organization {
    Organization {
        name: "organizations/acme".to_owned(),
        display_name: "Acme Corp.".to_owned(),
        state: OrganizationState::Active.into(),
        quotas: Some(Quotas {
            integrations: Some(500),
            uploads_per_second: Some(100),
            records_mib: Some(1024),
            ..Quotas::default()
        }),
        retention_days: 30,
        audit_retention_days: 400,
        create_time: at(0),
        update_time: at(0),
        etag: "v1".to_owned(),
        usage: Some(OrganizationUsage {
            integrations: 7,
            runners: 2,
            open_executions: 3,
            records_bytes: 5 << 20,
        }),
        ..Organization::default()
    }
}

impl Services {
    fn organization(&self, name: &str) -> Result<Organization, Status> {
        let state = self.open("Organization")?;
        let found = state.organizations.iter().find(|one| one.name == name);
        found.cloned().ok_or_else(|| {
            let message = format!("there is no organization `{name}`");
            refusal(Code::NotFound, "ORGANIZATION_NOT_FOUND", &message)
        })
    }

    fn put(&self, organization: Organization) -> Result<Response<Organization>, Status> {
        let mut state = self.open("Organization")?;
        state.organizations.retain(|one| one.name != organization.name);
        state.organizations.push(organization.clone());
        Ok(Response::new(organization))
    }
}

#[tonic::async_trait]
impl OrganizationService for Services {
    async fn create_organization(
        &self,
        request: Request<CreateOrganizationRequest>,
    ) -> Result<Response<Organization>, Status> {
        let request = request.into_inner();
        let name = format!("organizations/{}", request.organization_id);
        self.open("CreateOrganization")?
            .organizations_created
            .push(request.clone());
        self.put(Organization {
            name,
            ..request.organization.unwrap_or_default()
        })
    }

    async fn get_organization(
        &self,
        request: Request<GetOrganizationRequest>,
    ) -> Result<Response<Organization>, Status> {
        self.organization(&request.into_inner().name).map(Response::new)
    }

    async fn list_organizations(
        &self,
        request: Request<ListOrganizationsRequest>,
    ) -> Result<Response<ListOrganizationsResponse>, Status> {
        let request = request.into_inner();
        let state = self.open("ListOrganizations")?;
        let (organizations, next_page_token) = page(&state.organizations, request.page_size, &request.page_token);
        Ok(Response::new(ListOrganizationsResponse {
            organizations,
            next_page_token,
        }))
    }

    async fn update_organization(
        &self,
        request: Request<UpdateOrganizationRequest>,
    ) -> Result<Response<Organization>, Status> {
        let request = request.into_inner();
        let found = self.organization(&request.organization.clone().unwrap_or_default().name)?;
        self.open("UpdateOrganization")?.organizations_updated.push(request);
        Ok(Response::new(found))
    }

    async fn suspend_organization(
        &self,
        request: Request<SuspendOrganizationRequest>,
    ) -> Result<Response<Organization>, Status> {
        let request = request.into_inner();
        let mut found = self.organization(&request.name)?;
        found.set_state(OrganizationState::Suspended);
        found.suspension_reason = request.reason;
        found.state_time = at(1);
        self.put(found)
    }

    async fn resume_organization(
        &self,
        request: Request<ResumeOrganizationRequest>,
    ) -> Result<Response<Organization>, Status> {
        let mut found = self.organization(&request.into_inner().name)?;
        found.set_state(OrganizationState::Active);
        self.put(found)
    }

    async fn delete_organization(
        &self,
        request: Request<DeleteOrganizationRequest>,
    ) -> Result<Response<Organization>, Status> {
        let mut found = self.organization(&request.into_inner().name)?;
        found.set_state(OrganizationState::Deleting);
        self.put(found)
    }
}

async fn coordinator() -> Coordinator {
    Coordinator::start(State {
        organizations: vec![acme()],
        ..State::default()
    })
    .await
}

#[tokio::test]
async fn organizations_are_listed_and_shown() {
    let coordinator = coordinator().await;
    let listed = run(&coordinator.url, &["organization", "list"]).await;
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    for text in ["NAME", "acme", "active", "7/500", "Acme Corp."] {
        assert!(listed.stdout.contains(text), "{text}: {}", listed.stdout);
    }
    let shown = run(&coordinator.url, &["organization", "show", "organizations/acme"]).await;
    for text in ["7/500", "at most 100", "30 days", "Acme Corp."] {
        assert!(shown.stdout.contains(text), "{text}: {}", shown.stdout);
    }
    let json = run(&coordinator.url, &["organization", "show", "acme", "--output", "json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["usage"]["integrations"], 7);
    assert_eq!(json["state"], "ORGANIZATION_STATE_ACTIVE");
    let missing = run(&coordinator.url, &["organization", "show", "globex"]).await;
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.contains("there is no organization"),
        "{}",
        missing.stderr
    );
}

#[tokio::test]
async fn an_organization_is_created_and_changed_with_what_was_said_and_no_more() {
    let coordinator = coordinator().await;
    let words = [
        "organization",
        "create",
        "globex",
        "--runners",
        "none",
        "--retention-days",
        "7",
    ];
    let created = run(&coordinator.url, &words).await;
    assert_eq!(created.stdout, "organization `globex` is there\n", "{}", created.stderr);
    let request = coordinator.state().organizations_created.pop().expect("it was asked");
    let made = request.organization.expect("it is described");
    let quotas = made.quotas.expect("one was named");
    assert_eq!(
        (quotas.runners, quotas.integrations, made.retention_days),
        (None, Some(10_000), 7)
    );

    run(&coordinator.url, &["organization", "create", "plain"]).await;
    let request = coordinator.state().organizations_created.pop().expect("it was asked");
    assert_eq!(
        request.organization.expect("it is described").quotas,
        None,
        "the usual ones"
    );

    let words = [
        "organization",
        "update",
        "acme",
        "--integrations",
        "9",
        "--runners",
        "none",
    ];
    let updated = run(&coordinator.url, &words).await;
    assert_eq!(updated.code, 0, "{}", updated.stderr);
    let request = coordinator.state().organizations_updated.pop().expect("it was asked");
    let paths = request.update_mask.expect("only what was named").paths;
    assert_eq!(paths, ["quotas.integrations", "quotas.runners"]);

    for words in [
        vec!["organization", "update", "acme"],
        vec!["organization", "update", "acme", "--runners", "many"],
        vec!["organization", "suspend", "acme"],
    ] {
        assert_eq!(run(&coordinator.url, &words).await.code, 64, "{words:?}");
    }
}

#[tokio::test]
async fn an_organization_rests_goes_on_and_goes() {
    let coordinator = coordinator().await;
    let suspended = run(
        &coordinator.url,
        &["organization", "suspend", "acme", "--reason", "unpaid"],
    )
    .await;
    assert_eq!(
        suspended.stdout, "organization `acme` is suspended\n",
        "{}",
        suspended.stderr
    );
    let shown = run(&coordinator.url, &["organization", "show", "acme"]).await;
    assert!(shown.stdout.contains("unpaid"), "{}", shown.stdout);
    let resumed = run(&coordinator.url, &["organization", "resume", "acme"]).await;
    assert_eq!(resumed.stdout, "organization `acme` goes on\n");
    let unconfirmed = run(&coordinator.url, &["organization", "delete", "acme"]).await;
    assert_eq!(unconfirmed.code, 1);
    assert!(unconfirmed.stderr.contains("--yes"), "{}", unconfirmed.stderr);
    let deleted = run(&coordinator.url, &["organization", "delete", "acme", "--yes"]).await;
    assert_eq!(
        deleted.stdout, "organization `acme` is being deleted\n",
        "{}",
        deleted.stderr
    );
}
