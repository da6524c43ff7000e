//! `muster runner enroll-token`, `muster runner revoke` and `muster authority`.

use muster_proto::v1::enrollment_service_server::EnrollmentService;
use muster_proto::v1::{
    Authority, AuthorityGeneration, CreateEnrollmentTokenRequest, CreateHostedEnrollmentTokenRequest,
    CreatedEnrollmentToken, EnrollmentToken, GetAuthorityRequest, GetRunnerIdentityRequest, GetServiceAuthorityRequest,
    ListEnrollmentTokensRequest, ListEnrollmentTokensResponse, ListHostedEnrollmentTokensRequest,
    RevokeEnrollmentTokenRequest, RevokeHostedEnrollmentTokenRequest, RevokeHostedRunnerRequest, RevokeRunnerRequest,
    RotateAuthorityRequest, RotateServiceAuthorityRequest, Runner, RunnerIdentity, RunnerStatus,
};
use tonic::{Code, Request, Response, Status};

use crate::command::run;
use crate::coordinator::{Coordinator, Services, State, page, refusal};
use crate::things::{RACK, ago, ahead, rack};

const UNUSED: &str = "the command line does not call it";

/// One that is good, of the pool `hq` or of the service's own.
pub fn good(parent: &str, pool: &str) -> EnrollmentToken {
    EnrollmentToken {
        name: format!("{parent}enrollmentTokens/01936b1e-2f3a-7c4d-8e5f-0123456789ab"),
        pool: pool.to_owned(),
        create_time: ago(60),
        creator: "operator ada".to_owned(),
        expire_time: ahead(3_600),
        uses_max: 2,
        runners: vec!["01936b1e-0000-7000-8000-0000000000f7".to_owned()],
        revoke_time: None,
    }
}

impl Services {
    fn make_token(&self, parent: &str, pool: &str, uses_max: u32) -> Result<Response<CreatedEnrollmentToken>, Status> {
        let token = EnrollmentToken {
            uses_max,
            runners: Vec::new(),
            ..good(parent, pool)
        };
        self.open("CreateEnrollmentToken")?
            .enrollment_tokens
            .push(token.clone());
        Ok(Response::new(CreatedEnrollmentToken {
            enrollment_token: Some(token),
            token: "mse_text".to_owned(),
        }))
    }

    fn tokens(&self, hosted: bool, size: i32, token: &str) -> Result<Response<ListEnrollmentTokensResponse>, Status> {
        let state = self.open("ListEnrollmentTokens")?;
        let theirs = state.enrollment_tokens.iter();
        let theirs: Vec<_> = theirs.filter(|one| (one.pool == "hosted") == hosted).cloned().collect();
        let (enrollment_tokens, next_page_token) = page(&theirs, size, token);
        Ok(Response::new(ListEnrollmentTokensResponse {
            enrollment_tokens,
            next_page_token,
        }))
    }

    fn revoke_token_of(&self, name: &str) -> Result<Response<EnrollmentToken>, Status> {
        let mut state = self.open("RevokeEnrollmentToken")?;
        let found = state.enrollment_tokens.iter_mut().find(|one| one.name == name);
        let found = found.ok_or_else(|| refusal(Code::NotFound, "ENROLLMENT_TOKEN_NOT_FOUND", "there is none"))?;
        found.revoke_time = ago(0);
        Ok(Response::new(found.clone()))
    }

    fn rotate(&self, overlap: Option<prost_types::Duration>) -> Result<Response<Authority>, Status> {
        let mut state = self.open("RotateAuthority")?;
        let until = ahead(u64::try_from(overlap.unwrap_or_default().seconds).unwrap_or_default());
        let next = AuthorityGeneration {
            number: 2,
            fingerprint: "fedcba9876543210".repeat(4),
            ..authority().generations.remove(0)
        };
        for one in &mut state.authority.generations {
            one.trusted_until_time = until;
        }
        state.authority.generations.push(next);
        Ok(Response::new(state.authority.clone()))
    }

    fn revoke_runner_of(&self, name: String) -> Result<Response<RunnerIdentity>, Status> {
        let runner = name.rsplit('/').next().unwrap_or_default().to_owned();
        self.open("RevokeRunner")?.revoked_runners.push(name);
        Ok(Response::new(RunnerIdentity {
            runner,
            ..RunnerIdentity::default()
        }))
    }
}

#[tonic::async_trait]
impl EnrollmentService for Services {
    async fn create_enrollment_token(
        &self,
        request: Request<CreateEnrollmentTokenRequest>,
    ) -> Result<Response<CreatedEnrollmentToken>, Status> {
        let request = request.into_inner();
        self.open("CreateEnrollmentToken")?
            .enrollment_asked
            .push(request.clone());
        self.make_token(&format!("{}/", request.parent), &request.pool, request.uses_max)
    }

    async fn list_enrollment_tokens(
        &self,
        request: Request<ListEnrollmentTokensRequest>,
    ) -> Result<Response<ListEnrollmentTokensResponse>, Status> {
        let request = request.into_inner();
        self.tokens(false, request.page_size, &request.page_token)
    }

    async fn revoke_enrollment_token(
        &self,
        request: Request<RevokeEnrollmentTokenRequest>,
    ) -> Result<Response<EnrollmentToken>, Status> {
        self.revoke_token_of(&request.into_inner().name)
    }

    async fn revoke_runner(&self, request: Request<RevokeRunnerRequest>) -> Result<Response<RunnerIdentity>, Status> {
        self.revoke_runner_of(request.into_inner().name)
    }

    async fn create_hosted_enrollment_token(
        &self,
        request: Request<CreateHostedEnrollmentTokenRequest>,
    ) -> Result<Response<CreatedEnrollmentToken>, Status> {
        self.make_token("", "hosted", request.into_inner().uses_max)
    }

    async fn list_hosted_enrollment_tokens(
        &self,
        request: Request<ListHostedEnrollmentTokensRequest>,
    ) -> Result<Response<ListEnrollmentTokensResponse>, Status> {
        let request = request.into_inner();
        self.tokens(true, request.page_size, &request.page_token)
    }

    async fn revoke_hosted_enrollment_token(
        &self,
        request: Request<RevokeHostedEnrollmentTokenRequest>,
    ) -> Result<Response<EnrollmentToken>, Status> {
        self.revoke_token_of(&request.into_inner().name)
    }

    async fn revoke_hosted_runner(
        &self,
        request: Request<RevokeHostedRunnerRequest>,
    ) -> Result<Response<RunnerIdentity>, Status> {
        self.revoke_runner_of(request.into_inner().name)
    }

    async fn get_runner_identity(
        &self,
        _: Request<GetRunnerIdentityRequest>,
    ) -> Result<Response<RunnerIdentity>, Status> {
        Err(Status::unimplemented(UNUSED))
    }

    async fn get_authority(&self, request: Request<GetAuthorityRequest>) -> Result<Response<Authority>, Status> {
        assert_eq!(request.into_inner().name, "organizations/default/authority");
        Ok(Response::new(self.open("GetAuthority")?.authority.clone()))
    }

    async fn rotate_authority(&self, request: Request<RotateAuthorityRequest>) -> Result<Response<Authority>, Status> {
        let request = request.into_inner();
        assert_eq!(request.name, "organizations/default/authority");
        self.rotate(request.overlap)
    }

    async fn get_service_authority(
        &self,
        _: Request<GetServiceAuthorityRequest>,
    ) -> Result<Response<Authority>, Status> {
        Ok(Response::new(self.open("GetServiceAuthority")?.authority.clone()))
    }

    async fn rotate_service_authority(
        &self,
        request: Request<RotateServiceAuthorityRequest>,
    ) -> Result<Response<Authority>, Status> {
        self.rotate(request.into_inner().overlap)
    }
}

/// One that signs since a minute.
pub fn authority() -> Authority {
    Authority {
        generations: vec![AuthorityGeneration {
            number: 1,
            fingerprint: "0123456789abcdef".repeat(4),
            certificate: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".to_owned(),
            begin_time: ago(60),
            trusted_until_time: None,
        }],
    }
}

#[tokio::test]
async fn a_token_is_alone_on_standard_output_and_made_for_what_was_said() {
    let coordinator = Coordinator::start(State::default()).await;
    let words = [
        "runner",
        "enroll-token",
        "create",
        "--pool",
        "hq",
        "--expires",
        "2h",
        "--uses",
        "3",
    ];
    let made = run(&coordinator.url, &words).await;
    assert_eq!((made.code, made.stdout.as_str()), (0, "mse_text\n"), "{}", made.stderr);
    assert!(
        made.stderr.contains("of pool `hq`, for 3 runners until ") && made.stderr.contains("shown this once"),
        "{}",
        made.stderr
    );
    let asked = coordinator.state().enrollment_asked.remove(0);
    let seconds = asked.life.map(|life| life.seconds);
    assert_eq!(
        (asked.parent.as_str(), asked.pool.as_str(), seconds, asked.uses_max),
        ("organizations/default", "hq", Some(7_200), 3)
    );
    let hosted = run(
        &coordinator.url,
        &["runner", "enroll-token", "create", "--pool", "hosted"],
    )
    .await;
    assert_eq!(hosted.code, 0, "{}", hosted.stderr);
    assert!(
        coordinator.state().enrollment_asked.is_empty(),
        "the service's own has a call of its own"
    );
}

#[tokio::test]
async fn tokens_are_listed_with_what_they_are_good_for_and_revoked_by_the_end_of_their_id() {
    let coordinator = Coordinator::start(State {
        enrollment_tokens: vec![good("organizations/default/", "hq"), good("", "hosted")],
        ..State::default()
    })
    .await;
    let listed = run(&coordinator.url, &["runner", "enroll-token", "list"]).await;
    for text in ["hq", "good", "1/2", "operator ada"] {
        assert!(listed.stdout.contains(text), "{text}: {}", listed.stdout);
    }
    assert!(!listed.stdout.contains("hosted"), "{}", listed.stdout);
    let revoked = run(&coordinator.url, &["runner", "enroll-token", "revoke", "456789ab"]).await;
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    let listed = run(&coordinator.url, &["runner", "enroll-token", "list"]).await;
    assert!(listed.stdout.contains("revoked"), "{}", listed.stdout);
    let hosted = run(&coordinator.url, &["runner", "enroll-token", "list", "--hosted"]).await;
    assert!(
        hosted.stdout.contains("hosted") && hosted.stdout.contains("good"),
        "{}",
        hosted.stdout
    );
    let unknown = run(&coordinator.url, &["runner", "enroll-token", "revoke", "00000000"]).await;
    assert_eq!(unknown.code, 1, "{}", unknown.stdout);
    assert!(
        unknown.stderr.contains("next: muster runner enroll-token list"),
        "{}",
        unknown.stderr
    );
}

#[tokio::test]
async fn a_runner_is_revoked_by_its_name() {
    let coordinator = Coordinator::start(State {
        runners: vec![rack()],
        ..State::default()
    })
    .await;
    let revoked = run(&coordinator.url, &["runner", "revoke", "rack-7"]).await;
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    assert!(revoked.stdout.contains("revoked runner `rack-7`"), "{}", revoked.stdout);
    assert_eq!(coordinator.state().revoked_runners, [RACK]);
}

#[tokio::test]
async fn a_runner_that_was_revoked_is_listed_and_shown_as_that() {
    let coordinator = Coordinator::start(State {
        runners: vec![Runner {
            status: RunnerStatus::Revoked.into(),
            online: false,
            drain_time: ago(600),
            revoke_time: ago(60),
            ..rack()
        }],
        ..State::default()
    })
    .await;
    let listed = run(&coordinator.url, &["runner", "list"]).await;
    assert!(listed.stdout.contains(" Revoked "), "{}", listed.stdout);
    let shown = run(&coordinator.url, &["runner", "show", "rack-7"]).await;
    assert!(
        shown
            .stdout
            .contains("it may not check in until its machine is enrolled anew"),
        "{}",
        shown.stdout
    );
    assert!(!shown.stdout.contains("muster runner resume"), "{}", shown.stdout);
}

#[tokio::test]
async fn a_runner_is_drained_and_resumed_by_its_name() {
    let coordinator = Coordinator::start(State {
        runners: vec![rack()],
        ..State::default()
    })
    .await;
    let drained = run(&coordinator.url, &["runner", "drain", "rack-7"]).await;
    assert_eq!(drained.code, 0, "{}", drained.stderr);
    assert!(
        drained
            .stdout
            .contains("runner `rack-7` takes nothing new, and holds 1 of 8 slots"),
        "{}",
        drained.stdout
    );
    let resumed = run(&coordinator.url, &["runner", "resume", "rack-7"]).await;
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(resumed.stdout, "runner `rack-7` gets work again\n");
}

#[tokio::test]
async fn an_authority_is_shown_and_another_generation_signs_when_it_is_rotated() {
    let coordinator = Coordinator::start(State {
        authority: authority(),
        ..State::default()
    })
    .await;
    let shown = run(&coordinator.url, &["authority", "show"]).await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(
        shown.stdout.contains("signs") && shown.stdout.contains("0123456789abcdef…"),
        "{}",
        shown.stdout
    );
    let rotated = run(&coordinator.url, &["authority", "rotate", "--overlap", "2h"]).await;
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    assert!(
        rotated.stdout.contains("trusted") && rotated.stdout.contains("fedcba9876543210…"),
        "{}",
        rotated.stdout
    );
    let until = coordinator.state().authority.generations[0].trusted_until_time;
    let expected = ahead(7_200).expect("a time").seconds;
    assert!(
        until.is_some_and(|until| (until.seconds - expected).abs() < 60),
        "{until:?}"
    );
    // Both are given to clients as long as both are trusted.
    let both = run(&coordinator.url, &["authority", "show", "--service", "--pem"]).await;
    assert_eq!(both.stdout.matches("BEGIN CERTIFICATE").count(), 2, "{}", both.stdout);
    coordinator.state().authority.generations[0].trusted_until_time = ago(1);
    let one = run(&coordinator.url, &["authority", "show", "--pem"]).await;
    assert_eq!(one.stdout.matches("BEGIN CERTIFICATE").count(), 1, "{}", one.stdout);
    coordinator.state().authority.generations.clear();
    let none = run(&coordinator.url, &["authority", "show"]).await;
    assert!(none.stderr.contains("enroll-token create"), "{}", none.stderr);
}
