//! `muster-coordinator ready`: whether a coordinator serves, for whoever watches over it and has no token.

use std::io::{self, Write as _};
use std::time::Duration;

use clap::Args;
use muster_process::Exit;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::{Failure, Kept, serving};

/// How long the answer may take: whoever watches asks again and again.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  muster-coordinator ready --data /var/lib/muster
  muster-coordinator ready --config /etc/muster/coordinator.toml

It ends with 0 when the coordinator answers and serves, and with 1 when it does not.";

/// Ask the coordinator whether it serves: over TLS, and without a token
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Ready {
    #[command(flatten)]
    kept: Kept,
}

impl Ready {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let settings = self.kept.settings()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let status = runtime.block_on(async {
            let mut client = HealthClient::new(serving::channel(&settings).await?.0);
            let asked = tokio::time::timeout(ANSWER_WITHIN, client.check(HealthCheckRequest::default()));
            let answer = asked.await.map_err(|_| "the coordinator does not answer in time")?;
            let answer = answer.map_err(|status| serving::failed(&status))?;
            Ok::<_, Failure>(answer.into_inner().status())
        })?;
        match status {
            ServingStatus::Serving => {
                let _ = writeln!(io::stdout(), "the coordinator at {} serves", settings.listen);
                Ok(Exit::Success)
            }
            ServingStatus::Unknown | ServingStatus::NotServing | ServingStatus::ServiceUnknown => Err(format!(
                "the coordinator at {} does not serve now: its log says why",
                settings.listen
            )
            .into()),
        }
    }
}
