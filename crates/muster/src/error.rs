//! What can go wrong for an operator: what happened, and to what. What to type next stands in `report`.

mod report;

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use muster_process::ConfigError;
use muster_proto::v1::ErrorReason;
use muster_runner::dial::Trouble;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::output::text::clean;

/// Why a command has failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers there.
    #[error("cannot {doing}: no coordinator can be reached at {server}: {reason}")]
    Unreachable {
        doing: String,
        server: String,
        reason: String,
    },
    /// Somebody is there with whom TLS cannot be spoken as with the coordinator.
    #[error("cannot {doing}: whoever is at {server} is not known to be the coordinator: {reason}")]
    Unproven {
        doing: String,
        server: String,
        reason: String,
        trouble: Trouble,
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
        "there is no {kind} `{given}` {place}{}",
        .nearest.as_ref().map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
    )]
    Unknown {
        kind: Kind,
        given: String,
        /// Among what it was looked for: "in organization `default`".
        place: String,
        nearest: Option<String>,
        /// The command that lists what there is.
        next: String,
    },
    /// There are several of that name.
    #[error("`{given}` may be any of these {kind}s: {}", candidates.join(", "))]
    Ambiguous {
        kind: Kind,
        given: String,
        candidates: Vec<String>,
    },
    /// An exported audit log cannot be read.
    #[error("cannot read the exported audit log {}: {source}", .path.display())]
    ExportUnreadable { path: PathBuf, source: io::Error },
    /// A configuration's file cannot be read.
    #[error("cannot read the configuration from {place}: {source}")]
    ConfigurationUnreadable { place: String, source: io::Error },
    /// A configuration's file holds something else.
    #[error("the configuration in {place} is not usable: {reason}")]
    ConfigurationUnusable { place: String, reason: String },
    /// A configuration does not fit the connector's schema.
    #[error(transparent)]
    Unfit(Box<Unfit>),
    /// A flag cannot be applied to the configuration.
    #[error("cannot apply `{flag}`: {reason}")]
    Assignment { flag: String, reason: String },
    /// What was given as a token is none. It is not told again.
    #[error("there is no token to use in {place}: {problem}")]
    TokenUnusable { place: String, problem: String },
    /// A context is for another coordinator, and its token is for no other.
    #[error("context `{context}` is for {kept}, and not for {given}")]
    OtherServer {
        context: String,
        kept: String,
        given: String,
    },
    /// Nothing says where contexts are kept.
    #[error("there is no home folder to keep contexts in")]
    ContextsUnknown,
    /// The file of contexts cannot be read, or has a fault.
    #[error("cannot use the file of contexts")]
    ContextsUnusable(#[source] ConfigError),
    /// The file of contexts cannot be written.
    #[error("cannot write the file of contexts {}: {source}", .path.display())]
    ContextsUnwritable { path: PathBuf, source: io::Error },
    /// The configuration file of a runner cannot be read, or has a fault.
    #[error("cannot use the runner's configuration")]
    RunnerFile(#[source] ConfigError),
    /// A connector cannot be run here.
    #[error("cannot run the connector: {reason}")]
    Connector { reason: String, next: String },
    /// A secret cannot be sealed.
    #[error("cannot seal the secret: {reason}")]
    Sealing { reason: String, next: String },
    /// A file or folder cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Unwritable { path: PathBuf, source: io::Error },
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
    Incident,
    Connector,
    DataType,
    AccessSchema,
    Context,
    Person,
    Token,
    EnrollmentToken,
}

impl Kind {
    /// Its noun, in sentences; of what has commands of its own, on the command line too.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Integration => "integration",
            Self::Execution => "execution",
            Self::Runner => "runner",
            Self::Incident => "incident",
            Self::Connector => "connector",
            Self::DataType => "data type",
            Self::AccessSchema => "access schema",
            Self::Context => "context",
            Self::Person => "person",
            Self::Token => "token",
            // By its command.
            Self::EnrollmentToken => "runner enroll-token",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.noun())
    }
}

/// A configuration that does not fit the schema of its connector.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}: the configuration does not fit the connector `{connector}`")]
pub struct Unfit {
    /// What was to be done: "create integration `laptops`".
    pub doing: String,
    /// The connector's name.
    pub connector: String,
    /// The path of each fault, and what is wrong there. Never empty.
    pub faults: Vec<(String, String)>,
    /// The command that says what would fit.
    pub next: String,
}

/// What the coordinator said instead of yes.
#[derive(Debug)]
pub struct Refusal {
    /// What was to be done: "create integration `laptops`".
    pub doing: String,
    /// Why not, as the coordinator says it.
    pub message: String,
    /// Its reason; `None` for one that this version does not know.
    pub reason: Option<ErrorReason>,
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
            let message = without(&clean(status.message()), &faults);
            // What the message says already is not told twice.
            let faults = faults.into_iter().filter(|(_, fault)| *fault != message);
            let faults: Vec<(String, String)> = faults.map(|(path, fault)| (typed_path(path), fault)).collect();
            let links = details.help().map_or(&[][..], |help| &help.links[..]);
            return Self::Refused(Box::new(Refusal {
                doing,
                message,
                reason: ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason)),
                faults,
                retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
                links: links.iter().map(|link| clean(&link.url)).collect(),
                next: None,
            }));
        }
        if let Some(trouble) = muster_runner::dial::trouble(status) {
            let reason = root_cause(status);
            return Self::Unproven {
                doing,
                server,
                reason,
                trouble,
            };
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

    /// Whether the coordinator gave this reason.
    pub fn has_reason(&self, reason: ErrorReason) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.reason == Some(reason))
    }

    /// Whether the same request may succeed when it is made again a little later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } => true,
            Self::Refused(refusal) => matches!(refusal.reason, Some(ErrorReason::NotReady | ErrorReason::ShuttingDown)),
            // A connection that is cut in the middle of an answer looks like this.
            Self::Stranger { code, .. } => matches!(code, Code::Unknown | Code::Internal),
            Self::Unproven { .. }
            | Self::Unknown { .. }
            | Self::Ambiguous { .. }
            | Self::ConfigurationUnreadable { .. }
            | Self::ExportUnreadable { .. }
            | Self::ConfigurationUnusable { .. }
            | Self::Unfit(_)
            | Self::Assignment { .. }
            | Self::TokenUnusable { .. }
            | Self::OtherServer { .. }
            | Self::ContextsUnknown
            | Self::ContextsUnusable(_)
            | Self::ContextsUnwritable { .. }
            | Self::RunnerFile(_)
            | Self::Connector { .. }
            | Self::Sealing { .. }
            | Self::Unwritable { .. }
            | Self::Unconfirmed { .. }
            | Self::Broken { .. }
            | Self::Output(_)
            | Self::Runtime(_) => false,
        }
    }

    /// Names the command to type next if the coordinator gave this reason.
    #[must_use]
    pub fn advise(mut self, reason: ErrorReason, next: impl FnOnce() -> String) -> Self {
        if let Self::Refused(refusal) = &mut self
            && refusal.reason == Some(reason)
        {
            refusal.next = Some(next());
        }
        self
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

/// A field of a request as a person knows it: a place of the configuration as `--set` takes it, another field by its name alone.
fn typed_path(path: String) -> String {
    let known = path
        .strip_prefix("integration.configuration.")
        .or(path.strip_prefix("integration."));
    known.map(str::to_owned).unwrap_or(path)
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
