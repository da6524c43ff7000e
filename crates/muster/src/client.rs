//! The way to the coordinator: one connection, made when it is first needed, and what all calls do alike.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use muster_identity::trust::Trust;
use muster_proto::v1::access_service_client::AccessServiceClient;
use muster_proto::v1::audit_service_client::AuditServiceClient;
use muster_proto::v1::connector_service_client::ConnectorServiceClient;
use muster_proto::v1::enrollment_service_client::EnrollmentServiceClient;
use muster_proto::v1::execution_service_client::ExecutionServiceClient;
use muster_proto::v1::incident_service_client::IncidentServiceClient;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_proto::v1::log_line_service_client::LogLineServiceClient;
use muster_proto::v1::organization_service_client::OrganizationServiceClient;
use muster_proto::v1::runner_registry_service_client::RunnerRegistryServiceClient;
use muster_runner::dial::{Dialer, client_config};
use muster_runner::proxy::Proxies;
use serde::{Deserialize, Serialize};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status};

use crate::contexts::Token;
use crate::error::Error;
use crate::settings::{Origin, Said, Settings};

/// Longer than a slow network needs, shorter than a person's patience.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// For an answer to begin; a stream may then go on for ever. The coordinator answers in milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How often a connection with a call on it is probed, so that a watch of a coordinator that has vanished does not wait for ever.
const PROBE_EVERY: Duration = Duration::from_secs(20);

/// How long a probe's answer may take.
const PROBE_WITHIN: Duration = Duration::from_secs(10);

/// The most bytes of one answer: a page of 1,000 integrations with configurations of 64 KiB each.
const MESSAGE_BYTES_MAX: usize = 96 * 1024 * 1024;

/// Where a coordinator listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Server {
    endpoint: Endpoint,
    url: String,
}

impl Server {
    /// The address, with its scheme.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for Server {}

impl TryFrom<String> for Server {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Server> for String {
    fn from(server: Server) -> Self {
        server.url
    }
}

impl FromStr for Server {
    type Err = String;

    /// Reads `http://HOST:PORT` or `HOST:PORT`.
    fn from_str(text: &str) -> Result<Self, String> {
        let url = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let example = "it must be such as `http://127.0.0.1:7443`";
        let uri: Uri = url.parse().map_err(|error| format!("{error}; {example}"))?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            Some(_) | None => return Err(format!("unknown scheme; {example}")),
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(format!("no host; {example}"));
        }
        if uri.path().len() > 1 || uri.query().is_some() {
            return Err(format!("there is something behind the address; {example}"));
        }
        let url = url.trim_end_matches('/').to_owned();
        let endpoint = Endpoint::from(uri)
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .http2_keep_alive_interval(PROBE_EVERY)
            .keep_alive_timeout(PROBE_WITHIN);
        Ok(Self { endpoint, url })
    }
}

/// A coordinator, and the organization that is asked about. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    way: Way,
    /// Where the coordinator is, and who says so where that is not to be seen in the command itself.
    place: String,
    organization: String,
}

/// The way of every call.
pub type Way = InterceptedService<Channel, Bearer>;

/// Shows the token, if there is one.
#[derive(Debug, Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn new(token: Option<&Token>) -> Self {
        // A token has only characters that metadata takes.
        let shown = token.and_then(|token| format!("Bearer {}", token.reveal()).parse().ok());
        Self(shown.map(|mut shown: MetadataValue<Ascii>| {
            shown.set_sensitive(true);
            shown
        }))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(shown) = &self.0 {
            request.metadata_mut().insert("authorization", shown.clone());
        }
        Ok(request)
    }
}

macro_rules! services {
    ($($service:ident: $client:ident),*) => {
        $(
            /// That service of the coordinator.
            pub fn $service(&self) -> $client<Way> {
                $client::new(self.way.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
            }
        )*
    };
}

impl Client {
    /// A client that connects with its first call, and anew when the connection has broken. To be called within a runtime.
    pub fn new(settings: &Settings) -> Self {
        let Said { value: server, origin } = &settings.server;
        let place = match origin {
            Origin::Flag(_) | Origin::Default => server.url.clone(),
            Origin::Variable(_) | Origin::Context(_) => format!("{} (from {origin})", server.url),
        };
        let ca_file = settings.ca_file.as_ref().map(|said| said.value.as_path());
        let dialer = dialer(server.endpoint.uri(), ca_file);
        Self {
            way: InterceptedService::new(
                server.endpoint.connect_with_connector_lazy(dialer),
                Bearer::new(settings.token.as_ref().map(|said| &said.value)),
            ),
            place,
            organization: settings.organization.value.as_str().to_owned(),
        }
    }

    services! {
        access: AccessServiceClient,
        audit: AuditServiceClient,
        integrations: IntegrationServiceClient,
        executions: ExecutionServiceClient,
        incidents: IncidentServiceClient,
        log_lines: LogLineServiceClient,
        runners: RunnerRegistryServiceClient,
        connectors: ConnectorServiceClient,
        organizations: OrganizationServiceClient,
        enrollment: EnrollmentServiceClient
    }

    /// The organization's id.
    pub fn organization(&self) -> &str {
        &self.organization
    }

    /// `organizations/{organization}`.
    pub fn parent(&self) -> String {
        format!("organizations/{}", self.organization)
    }

    /// Where the coordinator is, for errors.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The error of a call: `doing` says what for, as in "cannot …".
    pub fn error(&self, doing: impl Into<String>, status: &Status) -> Error {
        Error::of(doing, &self.place, status)
    }
}

/// How connections are made: over `https` to whoever has a certificate of an authority that this system trusts, or of one in this file, through the proxy
/// that HTTPS_PROXY names.
fn dialer(coordinator: &Uri, ca_file: Option<&Path>) -> Dialer {
    let trust = Trust::of_system(ca_file);
    let config = trust.and_then(|trust| client_config(&trust, None));
    match (config, Proxies::of_process(None).to(coordinator)) {
        (Ok(config), Ok(proxy)) => Dialer::new(config).through(proxy),
        (Err(error), _) => Dialer::refusing(error.to_string()),
        (Ok(_), Err(problem)) => Dialer::refusing(problem),
    }
}

/// The wait between attempts to connect again: it doubles up to a bound, and chance takes up to half of it off, so that many who were
/// cut off together do not come back together.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);
    const MOST: Duration = Duration::from_secs(10);

    /// Counts a failure, and says how long to wait for it.
    pub fn next(&mut self) -> Duration {
        let most = Self::FIRST.saturating_mul(1 << self.failures.min(16)).min(Self::MOST);
        self.failures += 1;
        most.mul_f64(1.0 - fastrand::f64() / 2.0)
    }

    /// Begins anew: something has come.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_be_given_without_its_scheme() {
        let server: Server = "coordinator.internal:7443".parse().expect("an address");
        assert_eq!(server.url, "http://coordinator.internal:7443");
        let server: Server = "http://[::1]:7443/".parse().expect("an address");
        assert_eq!(server.url, "http://[::1]:7443");
    }

    #[test]
    fn what_is_no_server_is_told_with_an_example() {
        for text in ["", "http://", "ftp://host:1", "http://host:7443/path", "a b"] {
            let error = text.parse::<Server>().expect_err(text);
            assert!(error.contains("http://"), "{text}: {error}");
        }
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        let mut backoff = Backoff::default();
        let first = backoff.next();
        assert!(first >= Backoff::FIRST / 2 && first <= Backoff::FIRST, "{first:?}");
        for _ in 0..100 {
            assert!(backoff.next() <= Backoff::MOST);
        }
        assert!(backoff.next() >= Backoff::MOST / 2);
    }
}
