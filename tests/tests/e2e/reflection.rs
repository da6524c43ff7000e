//! What lets a client with no proto file at hand find its way, and a load balancer see that somebody serves.

use std::collections::BTreeSet;

use muster_tests::World;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

const SERVICES: [&str; 9] = [
    "grpc.health.v1.Health",
    "muster.v1.ConnectorService",
    "muster.v1.ExecutionService",
    "muster.v1.IntegrationService",
    "muster.v1.LogLineService",
    "muster.v1.MaintenanceService",
    "muster.v1.OrganizationService",
    "muster.v1.RunnerRegistryService",
    "muster.v1.RunnerService",
];

/// Both versions of the protocol have the same messages in packages of their own.
macro_rules! reflected_services {
    ($world:expr, $version:ident) => {{
        use $version::server_reflection_client::ServerReflectionClient;
        use $version::server_reflection_request::MessageRequest;
        use $version::server_reflection_response::MessageResponse;
        let mut client = ServerReflectionClient::new($world.client().channel());
        let mut ask = async |message: MessageRequest| {
            let request = $version::ServerReflectionRequest {
                host: String::new(),
                message_request: Some(message),
            };
            let answers = client.server_reflection_info(tokio_stream::once(request)).await;
            let answer = answers.expect("it is there").into_inner().message().await;
            answer.expect("an answer").expect("an answer").message_response.expect("of some kind")
        };
        let listed = ask(MessageRequest::ListServices(String::new())).await;
        let MessageResponse::ListServicesResponse(services) = listed else {
            panic!("not a list of services: {listed:?}");
        };
        for service in SERVICES {
            let file = ask(MessageRequest::FileContainingSymbol(service.to_owned())).await;
            let described = matches!(&file, MessageResponse::FileDescriptorResponse(file) if !file.file_descriptor_proto.is_empty());
            assert!(described, "{service}: {file:?}");
        }
        services.service.into_iter().map(|service| service.name).collect::<BTreeSet<String>>()
    }};
}

#[tokio::test]
async fn both_versions_of_reflection_tell_all_services() {
    let world = World::start().await;
    for told in [reflected_services!(world, v1), reflected_services!(world, v1alpha)] {
        let missing: Vec<&str> = SERVICES
            .into_iter()
            .filter(|service| !told.contains(*service))
            .collect();
        assert!(missing.is_empty(), "{missing:?} are not told, only {told:?}");
    }
}

#[tokio::test]
async fn the_health_service_says_that_it_serves() {
    let world = World::start().await;
    let mut health = HealthClient::new(world.client().channel());
    for service in ["", "muster.v1.RunnerService"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = health.check(request).await.expect("it is known").into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "`{service}`");
    }
}
