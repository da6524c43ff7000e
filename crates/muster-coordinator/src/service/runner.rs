//! `RunnerService`, as tonic serves it.

use std::pin::Pin;

use muster_core::decide::session::check_in::CheckIn;
use muster_proto::v1;
use muster_proto::v1::identity_service_server::IdentityServiceServer;
use muster_proto::v1::runner_service_server::{RunnerService, RunnerServiceServer};
use muster_session::MESSAGE_BYTES_MAX;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use super::{REQUEST_BYTES_MAX, Services, check_in, rehearsal, upload};
use crate::connection::ConnectInfo;
use crate::status::{ServiceError, refusal};

/// The one call whose messages may be larger than [`MESSAGE_BYTES_MAX`].
const UPLOAD: &str = "/muster.v1.RunnerService/UploadRecords";

#[tonic::async_trait]
impl RunnerService for Services {
    type CheckInStream = Pin<Box<dyn Stream<Item = Result<v1::CoordinatorMessage, Status>> + Send>>;

    async fn check_in(
        &self,
        request: Request<Streaming<v1::RunnerMessage>>,
    ) -> Result<Response<Self::CheckInStream>, Status> {
        if self.tasks.token().is_cancelled() {
            return Err(ServiceError::ShuttingDown.into());
        }
        let (sender, receiver) = mpsc::channel(check_in::SENDING_MAX);
        let connection = request.extensions().get::<ConnectInfo>();
        let scissors = connection.map(|connection| connection.scissors.clone());
        let peer = connection.and_then(|connection| connection.peer);
        let certificate = self.runner_of(request.extensions())?;
        let driver = check_in::CheckIn::new(self.clone(), certificate, peer);
        // The stream's end says all there is to say; a panic is logged, and the runner's lease covers it.
        drop(
            self.tasks
                .spawn("check-in", driver.run(request.into_inner(), sender, scissors)),
        );
        Ok(Response::new(Box::pin(
            ReceiverStream::new(receiver).map(|message| *message),
        )))
    }

    async fn upload_records(
        &self,
        request: Request<Streaming<v1::UploadRecordsRequest>>,
    ) -> Result<Response<v1::UploadRecordsResponse>, Status> {
        let certificate = self.runner_of(request.extensions())?;
        let staged = self.stage_upload(request.into_inner(), certificate).await;
        staged.map(Response::new)
    }

    type RehearseCheckInStream = Pin<Box<dyn Stream<Item = Result<v1::RehearseCheckInResponse, Status>> + Send>>;

    async fn rehearse_check_in(
        &self,
        request: Request<Streaming<v1::RehearseCheckInRequest>>,
    ) -> Result<Response<Self::RehearseCheckInStream>, Status> {
        let certificate = self.runner_of(request.extensions())?;
        let answers = rehearsal::answers(self.clone(), request.into_inner(), certificate);
        Ok(Response::new(Box::pin(answers)))
    }
}

impl Services {
    /// These routes, and the runners' service. tonic bounds the messages of a whole service; so it is there twice, and uploads go to the one that takes
    /// chunks.
    #[must_use]
    pub fn with_runners(&self, routes: Routes) -> Routes {
        let runners = RunnerServiceServer::new(self.clone());
        let uploads = runners.clone().max_decoding_message_size(upload::MESSAGE_BYTES_MAX);
        let routes = routes.add_service(runners.max_decoding_message_size(MESSAGE_BYTES_MAX));
        let identities = IdentityServiceServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX);
        let routes = routes.add_service(identities);
        routes.into_axum_router().route_service(UPLOAD, uploads).into()
    }

    /// Whether such a runner may check in at all, and now.
    pub(super) fn judge_check_in(&self, check_in: &CheckIn) -> Result<(), Status> {
        self.limits.checks_in(check_in.runner)?;
        self.judge_owner(check_in)?;
        self.schemas.judge(&check_in.offers)
    }

    /// Whether the organization that it says it belongs to takes runners.
    pub(super) fn judge_owner(&self, check_in: &CheckIn) -> Result<(), Status> {
        if let Some(organization) = &check_in.profile.organization {
            if !self.has_organization(organization) {
                let message = format!("there is no organization `{organization}`: correct the runner's configuration");
                return Err(refusal(v1::ErrorReason::OrganizationNotFound, message));
            }
            self.judge_active(organization)?;
        }
        Ok(())
    }
}
