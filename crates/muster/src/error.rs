//! What can go wrong between an operator and the coordinator: what happened, to what, and the command to type next.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::output::text::clean;

/// Why a command has failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers there.
    #[error("cannot {doing}: no coordinator can be reached at {server} ({reason})")]
    Unreachable {
        doing: String,
        server: String,
        reason: String,
    },
    /// Somebody is there, and says nothing.
    #[error("cannot {doing}: the coordinator at {server} did not answer in time")]
    Silent { doing: String, server: String },
    /// Somebody is there who does not speak as a coordinator of this version does.
    #[error("cannot {doing}: {server} does not answer as a coordinator of this version does ({message})")]
    Stranger {
        doing: String,
        server: String,
        code: Code,
        message: String,
    },
    /// The coordinator has said no.
    #[error("cannot {}: {}", .0.doing, .0.message)]
    Refused(Box<Refusal>),
    /// There is nothing of that name.
    #[error(
        "there is no {kind} `{given}` in organization `{organization}`{}",
        .nearest.as_ref().map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
    )]
    NotFound {
        kind: Kind,
        given: String,
        organization: String,
        nearest: Option<String>,
    },
    /// There are several of that name.
    #[error("`{given}` may be any of these {kind}s: {}", candidates.join(", "))]
    Ambiguous {
        kind: Kind,
        given: String,
        candidates: Vec<String>,
    },
    /// A configuration's file cannot be read.
    #[error("cannot read the configuration from {place}: {source}")]
    ConfigurationUnreadable { place: String, source: io::Error },
    /// A configuration's file holds something else.
    #[error("the configuration in {place} is not usable: {reason}")]
    ConfigurationUnusable { place: String, reason: String },
    /// A flag cannot be applied to the configuration.
    #[error("cannot apply `{flag}`: {reason}")]
    Assignment { flag: String, reason: String },
    /// A person has to agree, and cannot be asked.
    #[error("cannot delete `{name}` without a yes, and there is no terminal to ask on")]
    Unconfirmed { name: String },
    /// A stream ended before it was complete.
    #[error("the stream from {server} broke after {got}: {reason}")]
    Broken {
        server: String,
        got: String,
        reason: String,
    },
    /// Standard output does not take the result.
    #[error("cannot write the result: {0}")]
    Output(#[source] io::Error),
    /// The operating system does not let the command run.
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
}

/// What can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Integration,
    Execution,
    Runner,
    Connector,
}

impl Kind {
    /// Its noun on the command line, and in sentences.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Integration => "integration",
            Self::Execution => "execution",
            Self::Runner => "runner",
            Self::Connector => "connector",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.noun())
    }
}

/// What the coordinator said instead of yes.
#[derive(Debug)]
pub struct Refusal {
    /// What was to be done: "create integration `laptops`".
    pub doing: String,
    /// Why not, as the coordinator says it.
    pub message: String,
    /// The name of `ErrorReason` without its prefix; empty when it gave none.
    pub reason: String,
    /// What is wrong in the request: the path of a field, and what is wrong with it.
    pub faults: Vec<(String, String)>,
    /// How long to wait before trying again; `None` when waiting is not known to help.
    pub retry_after: Option<Duration>,
    /// Pages that say more.
    pub links: Vec<String>,
    /// The command to type next, where whoever has asked knows better than the reason alone says.
    pub next: Option<String>,
}

impl Error {
    /// What an answer that is no yes means, when `doing` was asked of `server`.
    pub fn of(doing: impl Into<String>, server: &str, status: &Status) -> Self {
        let doing = doing.into();
        let server = server.to_owned();
        let details = status.get_error_details();
        if let Some(info) = details.error_info() {
            let violations = details
                .bad_request()
                .map_or(&[][..], |request| &request.field_violations[..]);
            let faults: Vec<(String, String)> = violations
                .iter()
                .map(|fault| (clean(&fault.field), clean(&fault.description)))
                .collect();
            let links = details.help().map_or(&[][..], |help| &help.links[..]);
            return Self::Refused(Box::new(Refusal {
                doing,
                message: without(&clean(status.message()), &faults),
                reason: info.reason.clone(),
                faults,
                retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
                links: links.iter().map(|link| clean(&link.url)).collect(),
                next: None,
            }));
        }
        // Without a reason of ours it is not the coordinator who speaks, but the way to it.
        match status.code() {
            Code::Unavailable => Self::Unreachable {
                doing,
                server,
                reason: root_cause(status),
            },
            Code::Cancelled | Code::DeadlineExceeded => Self::Silent { doing, server },
            Code::Ok
            | Code::Unknown
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Internal
            | Code::DataLoss
            | Code::Unauthenticated => Self::Stranger {
                doing,
                server,
                code: status.code(),
                message: root_cause(status),
            },
        }
    }

    /// Whether the coordinator gave this reason: a name of `ErrorReason` without its prefix.
    pub fn has_reason(&self, reason: &str) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.reason == reason)
    }

    /// Whether the same request may succeed when it is made again a little later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } => true,
            Self::Refused(refusal) => matches!(refusal.reason.as_str(), "NOT_READY" | "SHUTTING_DOWN"),
            // A connection that is cut in the middle of an answer looks like this.
            Self::Stranger { code, .. } => matches!(code, Code::Unknown | Code::Internal),
            Self::NotFound { .. }
            | Self::Ambiguous { .. }
            | Self::ConfigurationUnreadable { .. }
            | Self::ConfigurationUnusable { .. }
            | Self::Assignment { .. }
            | Self::Unconfirmed { .. }
            | Self::Broken { .. }
            | Self::Output(_)
            | Self::Runtime(_) => false,
        }
    }

    /// Names the command to type next if the coordinator gave this reason.
    #[must_use]
    pub fn advise(mut self, reason: &str, next: impl FnOnce() -> String) -> Self {
        if let Self::Refused(refusal) = &mut self
            && refusal.reason == reason
        {
            refusal.next = Some(next());
        }
        self
    }

    /// What to type next; `None` where the error itself says all there is.
    pub fn next_step(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } => Some(
                "name another coordinator with --server URL (or MUSTER_SERVER), or start one here with `muster dev`"
                    .to_owned(),
            ),
            Self::Silent { .. } => Some("try again, or look at the coordinator's own log".to_owned()),
            Self::Stranger { .. } => Some(format!(
                "check --server URL (or MUSTER_SERVER), and that the coordinator is not older than this muster ({})",
                env!("CARGO_PKG_VERSION")
            )),
            Self::Refused(refusal) => refusal.next_step(),
            Self::NotFound { kind, .. } | Self::Ambiguous { kind, .. } => Some(format!("muster {kind} list")),
            Self::ConfigurationUnusable { .. } | Self::ConfigurationUnreadable { .. } => {
                Some("give one JSON object: --config FILE, or --config - for standard input".to_owned())
            }
            Self::Assignment { .. } => Some("look at what there is: muster integration show NAME".to_owned()),
            Self::Unconfirmed { .. } => Some("say yes with --yes".to_owned()),
            Self::Broken { .. } => Some("run the command again".to_owned()),
            Self::Output(_) | Self::Runtime(_) => None,
        }
    }

    /// All of it as it goes to standard error, with a line feed at the end.
    pub fn report(&self) -> String {
        let mut report = format!("error: {self}\n");
        // Writing into a `String` does not fail.
        if let Self::Refused(refusal) = self {
            for (path, fault) in &refusal.faults {
                let _ = writeln!(report, "  {path}: {fault}");
            }
            for link in &refusal.links {
                let _ = writeln!(report, "  more: {link}");
            }
        }
        if let Some(next) = self.next_step() {
            let _ = writeln!(report, "next: {next}");
        }
        report
    }
}

impl Refusal {
    fn next_step(&self) -> Option<String> {
        if let Some(next) = &self.next {
            return Some(next.clone());
        }
        if let Some(wait) = self.retry_after {
            return Some(format!("try again in {}", crate::output::time::length(wait)));
        }
        let next = match self.reason.as_str() {
            "INVALID_CONFIGURATION" => "see what the connector needs: muster connector show CONNECTOR",
            "ORGANIZATION_NOT_FOUND" => "name another organization with --organization (or MUSTER_ORGANIZATION)",
            "INTEGRATION_NOT_FOUND" => "muster integration list",
            "EXECUTION_NOT_FOUND" => "muster execution list",
            "RUNNER_NOT_FOUND" => "muster runner list",
            "CONNECTOR_NOT_FOUND" => "muster connector list",
            "INTEGRATION_DISABLED" => "muster integration enable NAME",
            "ETAG_MISMATCH" => "somebody else has changed it meanwhile: look at it, and run the command again",
            "NOT_READY" | "SHUTTING_DOWN" | "LANDING_UNAVAILABLE" => "try again in a moment",
            "INTERNAL" => "look at the coordinator's own log",
            _ => return None,
        };
        Some(next.to_owned())
    }
}

/// The message without the faults at its end: these are told in a line each.
fn without(message: &str, faults: &[(String, String)]) -> String {
    let told: Vec<String> = faults.iter().map(|(path, fault)| format!("{path}: {fault}")).collect();
    match message.strip_suffix(&told.join("; ")) {
        Some("") if !faults.is_empty() => "the request is not valid".to_owned(),
        Some(start) => start.trim_end_matches(": ").to_owned(),
        None => message.to_owned(),
    }
}

/// The innermost reason that a transport's error has, or the status' own words.
fn root_cause(status: &Status) -> String {
    let mut cause = status.source();
    while let Some(inner) = cause.and_then(std::error::Error::source) {
        cause = Some(inner);
    }
    let cause = cause.map_or_else(|| status.message().to_owned(), ToString::to_string);
    clean(&cause)
}
