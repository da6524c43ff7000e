//! What a person does about a failure: the one catalogue, of which the API, the command line and the mails have their texts.
//!
//! A remedy names what it is about: the permission, the host, the pool. What there is to name stands in [`Facts`]; [`of_open`] and the others take them
//! from the ledger.

use std::fmt::Write;

use crate::entity::{Execution, Finished, Integration, Trouble};
use crate::state::State;
use crate::time::Stamp;
use crate::words::{
    Category, ConnectorName, DataType, ExecutionId, Failure, OrganizationId, Permission, Pool, Reason, ReasonKind,
    RunnerId,
};

/// The most permissions that are named: an operator looks up more of them.
const PERMISSIONS_MAX: usize = 8;

/// What there is to name beside the failure itself. What is `None` or empty is not known, or is not there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// What people call the integration.
    pub integration: Option<&'a str>,
    /// Which connector it has.
    pub connector: Option<&'a ConnectorName>,
    /// What was to be collected.
    pub data_type: Option<&'a DataType>,
    /// What the connector needs of its sources.
    pub permissions: &'a [Permission],
    /// Whose runners try it.
    pub pool: Option<&'a Pool>,
    /// In which execution it failed.
    pub execution: Option<ExecutionId>,
    /// The runner that a [`ReasonKind::RunnerSilent`] names.
    pub runner: Option<Silent<'a>>,
}

/// A runner that was not heard of.
#[derive(Debug, Clone, Copy)]
pub struct Silent<'a> {
    /// What people call it.
    pub display_name: &'a str,
    /// When it was last heard; `None` if it is there again.
    pub last_heard: Option<Stamp>,
}

/// What a person does about an open execution's newest failure.
#[must_use]
pub fn of_open(state: &State, execution: &Execution) -> Option<String> {
    let failure = execution.last_failure.as_ref()?;
    let found = Found {
        integration: state.ledger().integration(execution.integration),
        organization: &execution.organization,
        connector: &execution.connector,
        pool: &execution.pool,
    };
    Some(found.remedy(state, Some(&execution.data_type), Some(execution.id), failure))
}

/// What a person does about the failure of an execution that has ended with one, as things are now.
#[must_use]
pub fn of_finished(state: &State, finished: &Finished) -> Option<String> {
    let failure = finished.outcome.failure()?;
    let found = Found {
        integration: state.ledger().integration(finished.integration),
        organization: &finished.organization,
        connector: &finished.connector,
        pool: &finished.pool,
    };
    Some(found.remedy(state, Some(&finished.data_type), Some(finished.id), failure))
}

/// What a person does about the failure of an integration's data type. Where somebody has done something since, that is to be tried first: the trouble
/// stays until the next collection, and that may be a day away.
#[must_use]
pub fn of_trouble(state: &State, integration: &Integration, data_type: &DataType, trouble: &Trouble) -> String {
    let remedy = Found::of(integration).remedy(state, Some(data_type), Some(trouble.execution), &trouble.failure);
    match tried(integration, trouble) {
        Some(tried) => format!("{tried}: run it now to see whether that was it. If it was not: {remedy}"),
        None => remedy,
    }
}

/// What has come since a failure that may have ended its cause.
fn tried(integration: &Integration, trouble: &Trouble) -> Option<&'static str> {
    match trouble.failure.category {
        Category::Permission
        | Category::Configuration
        | Category::Communication
        | Category::Connector
        | Category::Timeout => {}
        // Neither a configuration nor a source can be the cause.
        Category::RunnerLost | Category::Landing | Category::Canceled => return None,
    }
    let checked = integration.checked.as_deref();
    let of_now = checked.filter(|checked| checked.revision == integration.revision && checked.at > trouble.at);
    match of_now.map(|checked| &checked.failure) {
        // That is told beside it.
        Some(Some(_)) => None,
        Some(None) => Some("a test since then could read the source"),
        None => (integration.updated > trouble.at).then_some("changed since then"),
    }
}

/// What a person does about a check of an integration that has failed.
#[must_use]
pub fn of_check(state: &State, integration: &Integration, failure: &Failure) -> String {
    Found::of(integration).remedy(state, None, None, failure)
}

/// What the ledger has about a failure.
struct Found<'a> {
    /// `None` once it is deleted.
    integration: Option<&'a Integration>,
    organization: &'a OrganizationId,
    connector: &'a ConnectorName,
    pool: &'a Pool,
}

impl<'a> Found<'a> {
    fn of(integration: &'a Integration) -> Self {
        Self {
            integration: Some(integration),
            organization: &integration.organization,
            connector: &integration.definition.connector,
            pool: &integration.definition.pool,
        }
    }

    fn remedy(
        &self,
        state: &State,
        data_type: Option<&DataType>,
        execution: Option<ExecutionId>,
        failure: &Failure,
    ) -> String {
        let offer = state.ledger().offer(self.organization, self.connector);
        let silent = failure
            .reason
            .as_ref()
            .filter(|reason| reason.kind == ReasonKind::RunnerSilent);
        let runner = silent.and_then(|reason| state.ledger().runner(reason.subject.parse::<RunnerId>().ok()?));
        let facts = Facts {
            integration: self.integration.map(|it| it.definition.display_name.as_str()),
            connector: Some(self.connector),
            data_type,
            permissions: offer.map_or(&[], |offer| &offer.permissions),
            pool: Some(self.pool),
            execution,
            runner: runner.map(|runner| Silent {
                display_name: runner.profile.display_name.as_str(),
                last_heard: runner.left,
            }),
        };
        remedy(failure, &facts)
    }
}

/// What a person does about a failure of which nothing else is known.
#[must_use]
pub fn alone(failure: &Failure) -> String {
    remedy(failure, &Facts::default())
}

/// What a person does about a failure. Where the connector has said it itself, that: it knows its source.
#[must_use]
pub fn remedy(failure: &Failure, facts: &Facts<'_>) -> String {
    if let Some(own) = &failure.remedy {
        return own.clone();
    }
    match &failure.reason {
        Some(reason) => by_reason(reason, facts),
        None => by_category(failure.category, facts),
    }
}

fn by_reason(reason: &Reason, facts: &Facts<'_>) -> String {
    let subject = &reason.subject;
    let runners = facts.runners();
    match reason.kind {
        ReasonKind::MissingPermission => facts.grant(subject),
        ReasonKind::BadCredentials => format!(
            "the source does not accept the {subject} of {}: renew it there, put the new one where the secret of the configuration leads to, and run it again",
            facts.whose()
        ),
        ReasonKind::NameResolution => format!(
            "correct the name `{subject}` in the configuration of {}, or the DNS that the hosts of {runners} ask",
            facts.whose()
        ),
        ReasonKind::Refused => format!(
            "see whether the service at `{subject}` is up, whether that is its address and port, and whether a firewall rejects {runners}"
        ),
        ReasonKind::ConnectTimeout => format!(
            "see whether `{subject}` is the right address, and have the firewalls between {runners} and it let connections through: one that drops them \
             looks like this"
        ),
        ReasonKind::Unreachable => {
            format!(
                "give the hosts of {runners} a route to `{subject}`: look at their network, their VPN and the address"
            )
        }
        ReasonKind::Broken => format!(
            "the connection to `{subject}` broke off. If that goes on, look at the source's own log, and at the time-outs of firewalls and proxies between \
             {runners} and it"
        ),
        ReasonKind::Untrusted => untrusted(subject, reason.issuer.as_deref(), &runners),
        ReasonKind::CertificateExpired => format!(
            "have the certificate of `{subject}` renewed; if it is not too old, the clock of the runner's host is wrong"
        ),
        ReasonKind::CertificateName => format!(
            "the certificate of `{subject}` is for another name: configure the name that it was issued for, or have one issued for `{subject}`"
        ),
        ReasonKind::Tls => format!(
            "see which versions and ciphers of TLS `{subject}` offers, whether it speaks TLS at this port at all, and whether a proxy stands between"
        ),
        ReasonKind::ProxyRefused => {
            format!("have the proxy `{subject}` let {runners} through to the source, or configure another way to it")
        }
        ReasonKind::ProxyAuthentication => {
            format!(
                "the proxy `{subject}` asks who it is: give {runners} the credentials for it, or have it let them through without"
            )
        }
        ReasonKind::Exited => format!(
            "{}, where the program says why it exited with the code {subject}; {}",
            facts.log(),
            facts.report()
        ),
        ReasonKind::Killed if subject.contains("SIGKILL") => format!(
            "{}, and the log of the runner's host: who is killed by {subject} has mostly had too little memory (`memory_mib_max` of `[exec.{}]` \
             bounds it, as does what the host has)",
            facts.log(),
            facts.connector.map_or("NAME", ConnectorName::as_str)
        ),
        ReasonKind::Killed => format!(
            "{}, which says what it did before {subject} killed it; {}",
            facts.log(),
            facts.report()
        ),
        ReasonKind::Panicked => format!("{}; {}", facts.log(), facts.report()),
        ReasonKind::TimeLimit => format!(
            "find out why the source answers so slowly, or raise `time_limit` in the configuration of {runners}, which is {subject}"
        ),
        ReasonKind::RunnerSilent => facts.lost(),
    }
}

fn by_category(category: Category, facts: &Facts<'_>) -> String {
    match category {
        Category::Permission => facts.grant_all(),
        Category::Configuration => {
            let needs = facts.connector.map(|connector| format!(" (what it needs: muster connector spec {connector})"));
            format!(
                "correct the configuration of {}{}, then run it again",
                facts.whose(),
                needs.unwrap_or_default()
            )
        }
        Category::Communication => format!(
            "check that {} can reach the source: name resolution, firewall, proxy and TLS",
            facts.runners()
        ),
        Category::Connector => format!("{}; {}", facts.log(), facts.report()),
        Category::Timeout => format!(
            "find out why the source answers so slowly, or raise `time_limit` in the configuration of {}",
            facts.runners()
        ),
        Category::RunnerLost => facts.lost(),
        Category::Landing => "check the coordinator's landing (`landing` of its configuration): its free space, the rights to its folder, and \
             whether it can be reached; the coordinator's log says more"
            .to_owned(),
        Category::Canceled => "nothing: run it again when it is wanted".to_owned(),
    }
}

fn untrusted(host: &str, issuer: Option<&str>, runners: &str) -> String {
    match issuer {
        Some(issuer) => format!(
            "the certificate of `{host}` was issued by `{issuer}`, which {runners} do not trust: if a proxy inspects TLS, or the source has a CA of its own, \
             add that CA to the trusted ones of their hosts, or to the connector's configuration; if neither is so, somebody stands between"
        ),
        None => format!(
            "find out who issued the certificate of `{host}`: if a proxy inspects TLS, or the source has a CA of its own, add that CA to the trusted ones \
             of the hosts of {runners}, or to the connector's configuration"
        ),
    }
}

impl Facts<'_> {
    /// The integration, in words.
    fn whose(&self) -> String {
        match self.integration {
            Some(name) => format!("`{name}`"),
            None => "the integration".to_owned(),
        }
    }

    /// Those who try it, in words.
    fn runners(&self) -> String {
        match self.pool {
            Some(pool) => format!("the runners of pool `{pool}`"),
            None => "the runners of its pool".to_owned(),
        }
    }

    /// Who asks the source, in words.
    fn asking(&self) -> String {
        match self.connector {
            Some(connector) => format!("`{connector}`"),
            None => "the connector".to_owned(),
        }
    }

    /// Where the log is.
    fn log(&self) -> String {
        match self.execution {
            Some(execution) => format!("read the log (muster logs {execution})"),
            None => "read the execution's log lines".to_owned(),
        }
    }

    fn report(&self) -> String {
        format!("report the fault to the author of {}", self.asking())
    }

    /// What one permission that is missing asks for.
    fn grant(&self, name: &str) -> String {
        let declared = self.permissions.iter().find(|permission| permission.name == name);
        let purpose = declared.map(|permission| format!(" ({})", permission.purpose));
        format!(
            "grant `{name}` at the source to the credentials of {}: {} needs it{}",
            self.whose(),
            self.asking(),
            purpose.unwrap_or_default()
        )
    }

    /// What a refusal asks for of which nobody knows more: all that is required for what was to be collected.
    fn grant_all(&self) -> String {
        let concerns = |permission: &&Permission| {
            let used = self
                .data_type
                .is_none_or(|wanted| permission.data_types.contains(wanted));
            permission.required && (used || permission.data_types.is_empty())
        };
        let needed: Vec<&Permission> = self.permissions.iter().filter(concerns).collect();
        match needed[..] {
            [] => format!(
                "verify the credentials of {}, and what the source grants to them",
                self.whose()
            ),
            [only] => self.grant(&only.name),
            _ => {
                let mut list = String::new();
                for (place, permission) in needed.iter().take(PERMISSIONS_MAX).enumerate() {
                    let before = if place == 0 { "" } else { ", " };
                    // Writing into a text does not fail.
                    let _ = write!(list, "{before}`{}` ({})", permission.name, permission.purpose);
                }
                if needed.len() > PERMISSIONS_MAX {
                    list.push_str(", and more");
                }
                let what = self.data_type.map(|data_type| format!(" for `{data_type}`"));
                format!(
                    "verify that the source grants to the credentials of {} what {} needs{}: {list}",
                    self.whose(),
                    self.asking(),
                    what.unwrap_or_default()
                )
            }
        }
    }

    fn lost(&self) -> String {
        let host = "its service, its memory and its connection to the coordinator";
        match self.runner {
            Some(Silent {
                display_name,
                last_heard: Some(at),
            }) => format!(
                "check the host of the runner `{display_name}` (one of {}), which was last heard at {}: {host}",
                self.runners(),
                time(at)
            ),
            Some(Silent {
                display_name,
                last_heard: None,
            }) => format!(
                "the runner `{display_name}` (one of {}) is there again: its log, and that of its host, say why it was away",
                self.runners()
            ),
            None => format!(
                "check the hosts of {}: the service, its memory and its connection to the coordinator",
                self.runners()
            ),
        }
    }
}

/// A time as people read it, by the second: `2026-11-29 09:12:00 UTC`.
fn time(at: Stamp) -> String {
    let millis = i64::try_from(at.millis()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests;
