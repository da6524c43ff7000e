//! An error as it is told: what happened, each fault in a line of its own, and the command to type next.

use std::fmt::Write as _;
use std::io;

use muster_process::ConfigError;
use muster_proto::v1::ErrorReason;
use muster_runner::dial::Trouble;

use super::{Error, Refusal};
use crate::output::text::{clean, cut_words};
use crate::output::time::length;

impl Error {
    /// What to type next; `None` where the error itself says all there is.
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } => Some(
                "name another coordinator with --server URL, MUSTER_SERVER or `muster context use`, or start one here with `muster dev`"
                    .to_owned(),
            ),
            Self::Unproven { trouble, .. } => Some(next_of(*trouble).to_owned()),
            Self::Silent { .. } => Some("try again, or look at the coordinator's own log".to_owned()),
            Self::Stranger { server, .. } if server.starts_with("http://") => Some(format!(
                "check the address (muster context show): a coordinator that is not started with `insecure` is reached by https://; or it is older than this muster ({})",
                env!("CARGO_PKG_VERSION")
            )),
            Self::Stranger { .. } => Some(format!(
                "check the address (muster context show), and that the coordinator is not older than this muster ({})",
                env!("CARGO_PKG_VERSION")
            )),
            Self::Refused(refusal) => refusal.next_step(),
            Self::Ambiguous { kind, .. } => Some(format!("muster {kind} list")),
            Self::ConfigurationUnusable { .. } | Self::ConfigurationUnreadable { .. } => {
                Some("give one JSON object: --config FILE, or --config - for standard input".to_owned())
            }
            Self::ExportUnreadable { .. } => Some("name a file that was made by: muster audit export > FILE".to_owned()),
            Self::Unfit(unfit) => Some(unfit.next.clone()),
            Self::Assignment { .. } => Some("look at what there is: muster integration show NAME".to_owned()),
            Self::TokenUnusable { .. } => Some("an admin makes one: muster token create; then: muster login".to_owned()),
            Self::OtherServer { given, .. } => {
                Some(format!("name a context for that one: muster --context NAME login --server {given}"))
            }
            Self::ContextsUnknown => Some("name the file with MUSTER_CONTEXTS".to_owned()),
            Self::ContextsUnusable(_) => {
                Some("mend the file, or move it away and begin anew: muster context set NAME --server URL".to_owned())
            }
            Self::ContextsUnwritable { .. } => {
                Some("name a file that this user may write with MUSTER_CONTEXTS".to_owned())
            }
            Self::RunnerFile(_) => Some("mend the file; judge all of it:  muster-runner --config FILE --check-config".to_owned()),
            Self::Unknown { next, .. } | Self::Connector { next, .. } | Self::Sealing { next, .. } => Some(next.clone()),
            Self::Unwritable { source, .. } => Some(match source.kind() {
                io::ErrorKind::AlreadyExists => "name another place, or move away what is there".to_owned(),
                _ => "name a place that this user may write".to_owned(),
            }),
            Self::Unconfirmed { .. } => Some("say yes with --yes".to_owned()),
            Self::Broken { .. } => Some("run the command again".to_owned()),
            Self::Output(_) | Self::Runtime(_) => None,
        }
    }

    /// All of it as it goes to standard error, with a line feed at the end.
    pub fn report(&self) -> String {
        let mut report = format!("error: {self}\n");
        let faults = match self {
            Self::Refused(refusal) => &refusal.faults[..],
            Self::Unfit(unfit) => &unfit.faults[..],
            _ => &[],
        };
        // Writing into a `String` does not fail.
        for (path, fault) in faults {
            let _ = writeln!(report, "  {path}: {fault}");
        }
        if let Self::ContextsUnusable(ConfigError::Faults { faults })
        | Self::RunnerFile(ConfigError::Faults { faults }) = self
        {
            for fault in faults {
                let _ = writeln!(report, "  {fault}");
            }
        }
        if let Self::Refused(refusal) = self {
            for link in &refusal.links {
                let _ = writeln!(report, "  more: {link}");
            }
        }
        if let Some(next) = self.next_step() {
            let _ = writeln!(report, "next: {next}");
        }
        // What was typed is told again, whatever it was.
        report.lines().map(|line| cut_words(&clean(line)) + "\n").collect()
    }
}

/// What to do where TLS has failed.
fn next_of(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Untrusted => {
            "if it is your coordinator, name the file with its authority's certificate by --ca-file FILE (`ca.pem` in its data folder); `muster login --ca-file FILE` keeps it"
        }
        Trouble::OtherName => {
            "use the name that the certificate has, or add this one to the coordinator's `public_names`"
        }
        Trouble::NotNow => "compare the clocks of both machines",
        Trouble::Plain => {
            "a coordinator that is started with `insecure`, as `muster dev` is, is reached by --server http://HOST:PORT"
        }
        Trouble::ShownRefused => "check the address (muster context show)",
    }
}

impl Refusal {
    fn next_step(&self) -> Option<String> {
        if let Some(next) = &self.next {
            return Some(next.clone());
        }
        if let Some(wait) = self.retry_after {
            return Some(format!("try again in {}", length(wait)));
        }
        let next = match self.reason? {
            ErrorReason::InvalidField
            | ErrorReason::InvalidFilter
            | ErrorReason::RequestTooLarge
            | ErrorReason::NameTaken
            | ErrorReason::EmailTaken => "mend what is named above, and run the command again",
            ErrorReason::InvalidConfiguration => "see what the connector needs: muster connector spec CONNECTOR",
            ErrorReason::InvalidPageToken => "run the command again",
            ErrorReason::MalformedRequest | ErrorReason::CallUnknown => {
                "check that the coordinator is of the same version: muster --version"
            }
            ErrorReason::OrganizationNotFound => {
                "name another organization with --organization (or MUSTER_ORGANIZATION)"
            }
            ErrorReason::IntegrationNotFound => "muster integration list",
            ErrorReason::ExecutionNotFound => "muster execution list",
            ErrorReason::RunnerNotFound => "muster runner list",
            ErrorReason::IncidentNotFound => "muster alerts",
            ErrorReason::ConnectorNotFound | ErrorReason::ConnectorUnknown => "muster connector list",
            ErrorReason::RecordsNotFound => "see how it stands: muster execution show EXECUTION",
            ErrorReason::IntegrationDisabled => "muster integration enable NAME",
            ErrorReason::ExecutionEnded => "see how it ended: muster execution show EXECUTION",
            ErrorReason::EtagMismatch => {
                "somebody else has changed it meanwhile: look at it, and run the command again"
            }
            ErrorReason::NotReady
            | ErrorReason::ShuttingDown
            | ErrorReason::LandingUnavailable
            | ErrorReason::RateLimited => "try again in a moment",
            ErrorReason::NoRunner => "muster runner list",
            ErrorReason::Unauthenticated | ErrorReason::TokenExpired => "muster login",
            ErrorReason::TokenMalformed => "copy the token anew, all of it: muster login",
            ErrorReason::PermissionDenied => "see who you are here: muster whoami",
            ErrorReason::PersonNotFound => "muster person list",
            ErrorReason::TokenNotFound => "muster token list",
            ErrorReason::LastAdmin => "muster token create",
            ErrorReason::OrganizationSuspended => "ask those who operate this coordinator",
            ErrorReason::OrganizationNotSuspended => "muster organization suspend NAME --reason WHY",
            ErrorReason::CheckUnanswered => "run the command again",
            ErrorReason::MailNotConfigured | ErrorReason::MailNotSent => {
                "mend the coordinator's `smtp` settings, or what the mail server says, and run the command again"
            }
            ErrorReason::StoreDamaged => "muster-coordinator verify, where the coordinator is",
            ErrorReason::EnrollmentTokenNotFound => "muster runner enroll-token list",
            ErrorReason::EnrollmentOff => "start the coordinator without `insecure`",
            ErrorReason::Internal => "look at the coordinator's own log",
            // Its message names the limit; the others are for runners, or for callers that name their requests.
            ErrorReason::LimitReached
            | ErrorReason::Unspecified
            | ErrorReason::RequestIdReused
            | ErrorReason::ProtocolViolation
            | ErrorReason::RunnerVersionUnsupported
            | ErrorReason::SessionSuperseded
            | ErrorReason::SessionLapsed
            | ErrorReason::SessionOverflow
            | ErrorReason::AttemptFenced
            | ErrorReason::CountsMismatch
            | ErrorReason::EnrollmentTokenInvalid
            | ErrorReason::CertificateRequired
            | ErrorReason::CertificateMismatch
            | ErrorReason::RunnerBarred => return None,
        };
        Some(next.to_owned())
    }
}
