//! Letting a schedule rest until a time, and go on.

use muster_core::decide::Command;
use muster_core::decide::integration::pause::{Pause, Resume};
use muster_proto::v1;

use super::Change;
use crate::caller::Call;
use crate::service::Services;
use crate::status::ServiceError;
use crate::wire::etag::Guard;
use crate::wire::{name, time};

impl Services {
    pub(super) async fn pause_integration_of(
        &self,
        call: Call,
        request: v1::PauseIntegrationRequest,
    ) -> Result<v1::Integration, ServiceError> {
        let (organization, integration) = name::integration("name", &request.name)?;
        self.judge_organization(&call, &organization)?;
        let by = call;
        let until = time::stamp("until", request.until)?;
        let command = Command::PauseIntegration(Pause {
            organization: organization.clone(),
            integration,
            until,
        });
        let change = Change {
            guard: Guard::of(&request.etag),
            validate_only: request.validate_only,
        };
        self.change_integration(by, (organization, integration), command, change)
            .await
    }

    pub(super) async fn resume_integration_of(
        &self,
        call: Call,
        request: v1::ResumeIntegrationRequest,
    ) -> Result<v1::Integration, ServiceError> {
        let (organization, integration) = name::integration("name", &request.name)?;
        self.judge_organization(&call, &organization)?;
        let by = call;
        let command = Command::ResumeIntegration(Resume {
            organization: organization.clone(),
            integration,
        });
        let change = Change {
            guard: Guard::of(&request.etag),
            validate_only: request.validate_only,
        };
        self.change_integration(by, (organization, integration), command, change)
            .await
    }
}
