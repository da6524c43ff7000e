//! `CoordinatorService`: what the coordinator tells of itself.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use muster_proto::v1;
use muster_proto::v1::coordinator_service_server::CoordinatorService;
use tonic::{Request, Response, Status};

use super::Services;
use crate::settings::Settings;

#[tonic::async_trait]
impl CoordinatorService for Services {
    async fn get_coordinator(
        &self,
        _request: Request<v1::GetCoordinatorRequest>,
    ) -> Result<Response<v1::Coordinator>, Status> {
        Ok(Response::new(self.itself.as_ref().clone()))
    }
}

/// What a coordinator with these settings tells of itself, which listens at this address.
pub(crate) fn itself(settings: &Settings, address: SocketAddr, mail_sender: Option<String>) -> v1::Coordinator {
    v1::Coordinator {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        urls: urls(settings, address),
        page_url: settings.public_url.clone().unwrap_or_default(),
        insecure: settings.insecure,
        publicly_certified: settings.tls_certificate.is_some(),
        mail_sender: mail_sender.unwrap_or_default(),
        runner_version_min: settings
            .runner_version_min
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

/// Where it is reached, the best first: by the names that somebody has set, then by what can be told from where it listens.
fn urls(settings: &Settings, address: SocketAddr) -> Vec<String> {
    let scheme = if settings.insecure { "http" } else { "https" };
    let port = address.port();
    let mut hosts = settings.public_names.clone();
    if hosts.is_empty() && settings.tls_certificate.is_some() {
        // The names are in the certificate, and the page most likely has one of them.
        hosts.extend(settings.public_host());
    }
    match address.ip() {
        ip if ip.is_unspecified() => {}
        ip if ip.is_loopback() && !settings.insecure => hosts.push("localhost".to_owned()),
        ip => hosts.push(ip.to_string()),
    }
    if hosts.is_empty() {
        hosts.push("localhost".to_owned());
    }
    let mut known = HashSet::new();
    hosts.retain(|host| known.insert(host.clone()));
    hosts
        .iter()
        .map(|host| match host.parse::<Ipv6Addr>().map(IpAddr::from) {
            Ok(ip) => format!("{scheme}://[{ip}]:{port}"),
            Err(_) => format!("{scheme}://{host}:{port}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(change: impl FnOnce(&mut Settings), address: &str) -> Vec<String> {
        let mut settings = Settings::default();
        change(&mut settings);
        urls(&settings, address.parse().expect("an address"))
    }

    #[test]
    fn others_are_told_the_name_that_leads_here() {
        let named = |settings: &mut Settings| settings.public_names = vec!["muster.example.com".to_owned()];
        assert_eq!(at(named, "0.0.0.0:7443"), ["https://muster.example.com:7443"]);
        assert_eq!(
            at(named, "192.0.2.7:443"),
            ["https://muster.example.com:443", "https://192.0.2.7:443"]
        );
        assert_eq!(at(|_| {}, "127.0.0.1:7443"), ["https://localhost:7443"]);
        let local = |settings: &mut Settings| settings.public_names = vec!["localhost".to_owned()];
        assert_eq!(at(local, "127.0.0.1:7443"), ["https://localhost:7443"]);
        assert_eq!(
            at(|settings| settings.insecure = true, "[::1]:7000"),
            ["http://[::1]:7000"]
        );
        let certified = |settings: &mut Settings| {
            settings.tls_certificate = Some("c.pem".into());
            settings.public_url = Some("https://muster.example.com/page".to_owned());
        };
        assert_eq!(at(certified, "[::]:7443"), ["https://muster.example.com:7443"]);
        assert_eq!(at(|_| {}, "0.0.0.0:7443"), ["https://localhost:7443"]);
    }
}
