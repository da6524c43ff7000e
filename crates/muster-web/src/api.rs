//! The way to the API: its services in this same process, asked as whoever looks at the page.

use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use muster_proto::v1::access_service_client::AccessServiceClient;
use muster_proto::v1::audit_service_client::AuditServiceClient;
use muster_proto::v1::connector_service_client::ConnectorServiceClient;
use muster_proto::v1::coordinator_service_client::CoordinatorServiceClient;
use muster_proto::v1::enrollment_service_client::EnrollmentServiceClient;
use muster_proto::v1::execution_service_client::ExecutionServiceClient;
use muster_proto::v1::incident_service_client::IncidentServiceClient;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_proto::v1::log_line_service_client::LogLineServiceClient;
use muster_proto::v1::organization_service_client::OrganizationServiceClient;
use muster_proto::v1::runner_registry_service_client::RunnerRegistryServiceClient;
use tonic::body::Body;
use tower::Service;
use tower::util::BoxCloneSyncService;

/// All services of the API, behind the door that every call goes through. A request says by [`Peer`] where it comes from.
pub type Served = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The API, as one person may use it.
#[derive(Clone)]
pub(crate) struct Api {
    channel: Channel,
}

/// The most bytes of an answer: a page of a list with its configurations.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $client:ident,)*) => {
        impl Api {
            $($(#[$doc])*
            pub(crate) fn $name(&self) -> $client<Channel> {
                $client::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
            })*
        }
    };
}

clients! {
    access: AccessServiceClient,
    audit: AuditServiceClient,
    connectors: ConnectorServiceClient,
    coordinator: CoordinatorServiceClient,
    enrollment: EnrollmentServiceClient,
    executions: ExecutionServiceClient,
    incidents: IncidentServiceClient,
    integrations: IntegrationServiceClient,
    log_lines: LogLineServiceClient,
    organizations: OrganizationServiceClient,
    runners: RunnerRegistryServiceClient,
}

impl Api {
    /// The API for whoever has this token; without one for whoever is not asked, or may only be told that they need one.
    pub(crate) fn new(served: Served, peer: Peer, token: Option<&str>) -> Self {
        // A token with characters that no header can have is none of ours, and is refused by the API as any other that is wrong.
        let authorization = token.map(|token| {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {token}")).unwrap_or(HeaderValue::from_static("Bearer -"));
            value.set_sensitive(true);
            value
        });
        Self {
            channel: Channel {
                served,
                peer,
                authorization,
            },
        }
    }
}

/// Carries calls to the services, with what the caller shows.
#[derive(Clone)]
pub(crate) struct Channel {
    served: Served,
    peer: Peer,
    authorization: Option<HeaderValue>,
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <Served as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.served.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        self.served.call(request)
    }
}
