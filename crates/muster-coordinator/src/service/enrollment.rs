//! `EnrollmentService`: who may become a runner, and who may be one no longer.

use muster_core::decide::Command;
use muster_core::decide::Rejection;
use muster_core::decide::identity::bar::Bar;
use muster_core::decide::identity::revoke_token::RevokeToken;
use muster_core::decide::identity::{IdentityCommand, IdentityRejection};
use muster_core::entity::{BarReason, EnrollmentToken, RunnerIdentity};
use muster_core::words::{EnrollmentTokenId, OrganizationId, Pool, PoolName, RunnerId, Scope};
use muster_proto::v1;
use muster_proto::v1::enrollment_service_server::EnrollmentService;
use muster_shard::AskError;
use tonic::{Request, Response, Status};

use super::Services;
use crate::caller::Call;
use crate::identity::Registrar;
use crate::status::ServiceError;
use crate::wire::page::{PAGE_SIZE_MAX, page_size};
use crate::wire::{FieldFault, enrollment, name};

/// Whose tokens, runners or authority are meant: an organization's, or the service's own.
type Owner = Option<OrganizationId>;

#[tonic::async_trait]
impl EnrollmentService for Services {
    async fn create_enrollment_token(
        &self,
        request: Request<v1::CreateEnrollmentTokenRequest>,
    ) -> Result<Response<v1::CreatedEnrollmentToken>, Status> {
        let call = Call::of(&request);
        let request = request.into_inner();
        let pool = self.pool_of(&call, &request.parent, &request.pool)?;
        let made = self.create_token(&call, pool, request.life, request.uses_max).await?;
        Ok(Response::new(made))
    }

    async fn list_enrollment_tokens(
        &self,
        request: Request<v1::ListEnrollmentTokensRequest>,
    ) -> Result<Response<v1::ListEnrollmentTokensResponse>, Status> {
        let call = Call::of(&request);
        let request = request.into_inner();
        let owner = self.owner(&call, "parent", &request.parent)?;
        let listed = self.list_tokens(owner, request.page_size, &request.page_token).await?;
        Ok(Response::new(listed))
    }

    async fn revoke_enrollment_token(
        &self,
        request: Request<v1::RevokeEnrollmentTokenRequest>,
    ) -> Result<Response<v1::EnrollmentToken>, Status> {
        let call = Call::of(&request);
        let (owner, token) = name::enrollment_token("name", &request.into_inner().name).map_err(ServiceError::from)?;
        self.judge_organization(&call, &owner)?;
        let revoked = self.revoke_token(&call, Some(owner), token).await?;
        Ok(Response::new(revoked))
    }

    async fn revoke_runner(
        &self,
        request: Request<v1::RevokeRunnerRequest>,
    ) -> Result<Response<v1::RunnerIdentity>, Status> {
        let call = Call::of(&request);
        let (owner, runner) = name::runner("name", &request.into_inner().name).map_err(ServiceError::from)?;
        self.judge_organization(&call, &owner)?;
        let revoked = self.revoke(&call, Some(owner), runner).await?;
        Ok(Response::new(revoked))
    }

    async fn get_runner_identity(
        &self,
        request: Request<v1::GetRunnerIdentityRequest>,
    ) -> Result<Response<v1::RunnerIdentity>, Status> {
        let call = Call::of(&request);
        let (owner, runner) = name::runner("name", &request.into_inner().name).map_err(ServiceError::from)?;
        self.judge_organization(&call, &owner)?;
        let found = self.identity_of(Some(owner), runner).await?;
        Ok(Response::new(enrollment::identity(&found)))
    }

    async fn get_authority(
        &self,
        request: Request<v1::GetAuthorityRequest>,
    ) -> Result<Response<v1::Authority>, Status> {
        let call = Call::of(&request);
        let name = request.into_inner().name;
        let owner = enrollment::authority_of("name", &name).map_err(ServiceError::from)?;
        self.judge_organization(&call, &owner)?;
        Ok(Response::new(self.authority_of(Some(owner)).await?))
    }

    async fn rotate_authority(
        &self,
        request: Request<v1::RotateAuthorityRequest>,
    ) -> Result<Response<v1::Authority>, Status> {
        let call = Call::of(&request);
        let v1::RotateAuthorityRequest { name, overlap } = request.into_inner();
        let owner = enrollment::authority_of("name", &name).map_err(ServiceError::from)?;
        self.judge_organization(&call, &owner)?;
        Ok(Response::new(self.rotate(&call, Some(owner), overlap).await?))
    }

    async fn create_hosted_enrollment_token(
        &self,
        request: Request<v1::CreateHostedEnrollmentTokenRequest>,
    ) -> Result<Response<v1::CreatedEnrollmentToken>, Status> {
        let call = Call::of(&request);
        let request = request.into_inner();
        let pool = Pool {
            organization: None,
            name: PoolName::new(Pool::HOSTED).expect("letters make a name"),
        };
        let made = self.create_token(&call, pool, request.life, request.uses_max).await?;
        Ok(Response::new(made))
    }

    async fn list_hosted_enrollment_tokens(
        &self,
        request: Request<v1::ListHostedEnrollmentTokensRequest>,
    ) -> Result<Response<v1::ListEnrollmentTokensResponse>, Status> {
        let request = request.into_inner();
        let listed = self.list_tokens(None, request.page_size, &request.page_token).await?;
        Ok(Response::new(listed))
    }

    async fn revoke_hosted_enrollment_token(
        &self,
        request: Request<v1::RevokeHostedEnrollmentTokenRequest>,
    ) -> Result<Response<v1::EnrollmentToken>, Status> {
        let call = Call::of(&request);
        let token = name::hosted_enrollment_token("name", &request.into_inner().name).map_err(ServiceError::from)?;
        Ok(Response::new(self.revoke_token(&call, None, token).await?))
    }

    async fn revoke_hosted_runner(
        &self,
        request: Request<v1::RevokeHostedRunnerRequest>,
    ) -> Result<Response<v1::RunnerIdentity>, Status> {
        let call = Call::of(&request);
        let runner = name::hosted_runner("name", &request.into_inner().name).map_err(ServiceError::from)?;
        Ok(Response::new(self.revoke(&call, None, runner).await?))
    }

    async fn get_service_authority(
        &self,
        _request: Request<v1::GetServiceAuthorityRequest>,
    ) -> Result<Response<v1::Authority>, Status> {
        Ok(Response::new(self.authority_of(None).await?))
    }

    async fn rotate_service_authority(
        &self,
        request: Request<v1::RotateServiceAuthorityRequest>,
    ) -> Result<Response<v1::Authority>, Status> {
        let call = Call::of(&request);
        let overlap = request.into_inner().overlap;
        Ok(Response::new(self.rotate(&call, None, overlap).await?))
    }
}

impl Services {
    /// Who certifies.
    ///
    /// # Errors
    /// [`v1::ErrorReason::EnrollmentOff`].
    pub(super) fn registrar(&self) -> Result<&Registrar, ServiceError> {
        self.registrar.as_ref().ok_or_else(|| ServiceError::Refused {
            reason: v1::ErrorReason::EnrollmentOff,
            message:
                "the coordinator is started with `insecure`, so runners come without certificates, and nobody enrolls"
                    .to_owned(),
        })
    }

    fn owner(&self, call: &Call, field: &str, parent: &str) -> Result<Owner, ServiceError> {
        let organization = name::organization(field, parent)?;
        self.judge_organization(call, &organization)?;
        Ok(Some(organization))
    }

    fn pool_of(&self, call: &Call, parent: &str, pool: &str) -> Result<Pool, ServiceError> {
        let organization = self.owner(call, "parent", parent)?;
        let name = PoolName::new(pool).map_err(|error| FieldFault::new("pool", error))?;
        if name.as_str() == Pool::HOSTED {
            let problem = "is `hosted`, which is the service's own pool: name one of the organization's";
            return Err(FieldFault::new("pool", problem).into());
        }
        Ok(Pool { organization, name })
    }

    async fn create_token(
        &self,
        by: &Call,
        pool: Pool,
        life: Option<prost_types::Duration>,
        uses_max: u32,
    ) -> Result<v1::CreatedEnrollmentToken, ServiceError> {
        let (life, uses_max) = (enrollment::life(life)?, enrollment::uses_max(uses_max)?);
        let owner = pool.organization.clone();
        let (id, token) = self.registrar()?.create_token(by, pool, life, uses_max).await?;
        let made = self.token_of(owner, id).await?;
        Ok(v1::CreatedEnrollmentToken {
            enrollment_token: Some(enrollment::token(&made)),
            token,
        })
    }

    async fn token_of(&self, owner: Owner, id: EnrollmentTokenId) -> Result<EnrollmentToken, ServiceError> {
        let found = self.shard.turn(move |turn| {
            let own = turn.state().of_owner(owner.as_ref());
            own.enrollment_token(id).cloned()
        });
        let missing = || Rejection::Identity(IdentityRejection::TokenNotFound(id));
        Ok(found.await?.ok_or_else(missing)?)
    }

    async fn list_tokens(
        &self,
        owner: Owner,
        size: i32,
        token: &str,
    ) -> Result<v1::ListEnrollmentTokensResponse, ServiceError> {
        self.registrar()?;
        let size = page_size(size, PAGE_SIZE_MAX)?;
        let chosen = owner.as_ref().map_or("", OrganizationId::as_str);
        let query = self.tokens.query("enrollment tokens", &[chosen]);
        let after: Option<EnrollmentTokenId> = query.position(token).map_err(|_| ServiceError::Token("page_token"))?;
        let (page, last) = self
            .shard
            .turn(move |turn| {
                let own = turn.state().of_owner(owner.as_ref());
                let scope = owner.clone().map_or(Scope::Service, Scope::Organization);
                let mut later = turn.state().index().access().enrollment_tokens(&scope, after);
                let seen: Vec<_> = later.by_ref().take(size).collect();
                let last = seen.last().copied().filter(|_| later.next().is_some());
                let page = seen.into_iter().filter_map(|id| own.enrollment_token(id));
                (page.map(enrollment::token).collect(), last)
            })
            .await?;
        Ok(v1::ListEnrollmentTokensResponse {
            enrollment_tokens: page,
            next_page_token: last.map(|last| query.token(&last)).unwrap_or_default(),
        })
    }

    async fn revoke_token(
        &self,
        by: &Call,
        owner: Owner,
        token: EnrollmentTokenId,
    ) -> Result<v1::EnrollmentToken, ServiceError> {
        self.registrar()?;
        let revoke = RevokeToken {
            owner: owner.clone(),
            token,
        };
        let revoke = Command::Identity(IdentityCommand::RevokeToken(revoke));
        by.ask_on(&self.shard, revoke).await?;
        Ok(enrollment::token(&self.token_of(owner, token).await?))
    }

    async fn revoke(&self, by: &Call, owner: Owner, runner: RunnerId) -> Result<v1::RunnerIdentity, ServiceError> {
        self.registrar()?;
        let bar = Bar {
            owner: owner.clone(),
            runner,
            why: BarReason::Revoked,
        };
        let asked = by
            .ask_on(&self.shard, Command::Identity(IdentityCommand::Bar(bar)))
            .await;
        match asked {
            Err(AskError::Rejected(Rejection::Identity(IdentityRejection::NotEnrolled(_)))) => {
                return Err(ServiceError::RunnerNotFound(runner));
            }
            answered => drop(answered?),
        }
        Ok(enrollment::identity(&self.identity_of(owner, runner).await?))
    }

    async fn identity_of(&self, owner: Owner, runner: RunnerId) -> Result<RunnerIdentity, ServiceError> {
        let found = self.shard.turn(move |turn| {
            let own = turn.state().of_owner(owner.as_ref());
            own.runner_identity(runner).cloned()
        });
        found.await?.ok_or(ServiceError::RunnerNotFound(runner))
    }

    async fn authority_of(&self, owner: Owner) -> Result<v1::Authority, ServiceError> {
        self.registrar()?;
        let found = self.shard.turn(move |turn| {
            let own = turn.state().of_owner(owner.as_ref());
            own.authority().map(enrollment::authority)
        });
        Ok(found.await?.unwrap_or_default())
    }

    async fn rotate(
        &self,
        by: &Call,
        owner: Owner,
        overlap: Option<prost_types::Duration>,
    ) -> Result<v1::Authority, ServiceError> {
        let overlap = enrollment::overlap(overlap)?;
        self.registrar()?.rotate(by, owner.as_ref(), overlap).await?;
        self.authority_of(owner).await
    }
}
