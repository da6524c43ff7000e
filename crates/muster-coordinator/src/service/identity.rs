//! `IdentityService`: a runner becomes known, and stays so. And whose certificate a runner's call shows.

use muster_identity::{CertificateFault, EnrollmentToken, RunnerCertificate, SigningRequest};
use muster_proto::v1;
use muster_proto::v1::identity_service_server::IdentityService;
use tonic::{Extensions, Request, Response, Status};

use super::Services;
use crate::caller::Call;
use crate::connection::ConnectInfo;
use crate::identity::Certified;
use crate::status::{ServiceError, refusal};
use crate::wire::FieldFault;
use crate::wire::time::timestamp;

#[tonic::async_trait]
impl IdentityService for Services {
    async fn enroll(&self, request: Request<v1::EnrollRequest>) -> Result<Response<v1::IssuedIdentity>, Status> {
        let call = Call::of(&request);
        let registrar = self.registrar()?;
        let request = request.into_inner();
        let token: EnrollmentToken = request.token.parse().map_err(|fault| field("token", fault))?;
        let signing = signing_request(&request.signing_request)?;
        let certified = registrar.enroll(&call, &token, &signing).await;
        let certified = certified.map_err(|error| self.count_if_guessed(&call, error))?;
        muster_failpoint::failpoint!("enrolled");
        Ok(Response::new(told(certified)))
    }

    async fn renew_certificate(
        &self,
        request: Request<v1::RenewCertificateRequest>,
    ) -> Result<Response<v1::IssuedIdentity>, Status> {
        let call = Call::of(&request);
        let registrar = self.registrar()?;
        let shown = self.shown(request.extensions(), true)?.ok_or_else(none_shown)?;
        let signing = signing_request(&request.into_inner().signing_request)?;
        if signing.key() != shown.key {
            return Err(refusal(
                v1::ErrorReason::CertificateMismatch,
                "the signing request is of another key than the certificate: renew the key that was enrolled",
            ));
        }
        let certified = registrar.renew(&call, &shown, &signing).await?;
        Ok(Response::new(told(certified)))
    }
}

impl Services {
    /// An enrollment token that is not good counts as any other wrong credential: who fails too often from one address is not told why any more.
    fn count_if_guessed(&self, call: &Call, error: ServiceError) -> ServiceError {
        if error.reason() != v1::ErrorReason::EnrollmentTokenInvalid {
            return error;
        }
        let limited = call.peer.and_then(|address| self.limits.fails(address).err());
        limited.unwrap_or(error)
    }

    /// Whom the certificate of this call's connection names; `None` where none is asked for, since the coordinator is started with `insecure`.
    ///
    /// # Errors
    /// [`v1::ErrorReason::CertificateRequired`] when there is none, or it is not good any more.
    pub(super) fn runner_of(&self, extensions: &Extensions) -> Result<Option<RunnerCertificate>, Status> {
        if self.registrar.is_none() {
            return Ok(None);
        }
        match self.shown(extensions, false)? {
            Some(shown) => Ok(Some(shown)),
            None => Err(none_shown()),
        }
    }

    fn shown(&self, extensions: &Extensions, renewing: bool) -> Result<Option<RunnerCertificate>, Status> {
        let connection = extensions.get::<ConnectInfo>();
        let Some(certificate) = connection.and_then(|connection| connection.certificate.as_ref()) else {
            return Ok(None);
        };
        // It was good when the connection was made, or when the session was that it resumes.
        let judged = self.registrar()?.judge(certificate, renewing);
        judged.map(Some).map_err(not_good)
    }
}

fn none_shown() -> Status {
    refusal(
        v1::ErrorReason::CertificateRequired,
        "this call is for a runner that shows its certificate: enroll it by `muster-runner enroll`",
    )
}

fn not_good(fault: CertificateFault) -> Status {
    let next = match fault {
        CertificateFault::Expired => ": renew it, or enroll the runner anew by `muster-runner enroll --again`",
        CertificateFault::NotYet => "",
        CertificateFault::Unreadable | CertificateFault::Name | CertificateFault::Usage | CertificateFault::Issuer => {
            ": enroll the runner anew by `muster-runner enroll --again`"
        }
    };
    refusal(v1::ErrorReason::CertificateRequired, format!("{fault}{next}"))
}

fn signing_request(der: &[u8]) -> Result<SigningRequest, Status> {
    SigningRequest::parse(der).map_err(|fault| field("signing_request", fault))
}

fn field(field: &str, fault: impl std::fmt::Display) -> Status {
    ServiceError::from(FieldFault::new(field, fault)).into()
}

fn told(certified: Certified) -> v1::IssuedIdentity {
    let Certified {
        name,
        certificate,
        coordinator,
    } = certified;
    let organization = name.pool.organization;
    v1::IssuedIdentity {
        runner_id: name.runner.to_bytes().to_vec().into(),
        organization: organization.map_or_else(String::new, |organization| format!("organizations/{organization}")),
        pool: name.pool.name.to_string(),
        certificate: certificate.der.to_vec().into(),
        expire_time: Some(timestamp(certificate.until)),
        coordinator_authorities: coordinator.iter().map(|one| one.to_vec().into()).collect(),
    }
}
