//! Tries the way to the coordinator step by step, and says of each whether it works, and what to do where it does not. A runner that runs with the same
//! identity goes on undisturbed: nothing is locked, written or superseded here.

mod print;
mod rehearsal;
mod way;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muster_core::explain::short;
use muster_core::time::Stamp;
use muster_process::exit::chain;
use tokio::time::timeout;

use crate::config::Config;
use crate::dial::Dialer;
use crate::enrollment::Identity;
use crate::proxy::Proxy;
use crate::run::take_place;

pub(crate) use self::print::{is_well, line, to_json};

/// How long one step may take, resting aside.
const STEP_WITHIN: Duration = Duration::from_secs(10);

/// What is tried, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Who the runner is, by what lies in its folder.
    Identity,
    /// Where the coordinator, or the proxy, is.
    Name,
    /// A connection to there.
    Tcp,
    /// A tunnel through the proxy.
    Proxy,
    /// Who is at the other end.
    Tls,
    /// Whether the coordinator would take a check-in.
    Permission,
    /// How far the clocks are apart.
    Clock,
    /// Whether a stream that rests stays open.
    Stream,
}

/// What has come of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It works.
    Ok,
    /// It does not; with what to do.
    Failed(String),
    /// It could not be tried.
    Skipped,
}

/// A step, what has come of it, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) step: Step,
    pub(crate) outcome: Outcome,
    pub(crate) detail: String,
}

/// What is wrong, and what to do.
#[derive(Debug)]
pub(crate) struct Trouble {
    detail: String,
    remedy: String,
}

impl Trouble {
    fn new(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            remedy: remedy.into(),
        }
    }

    fn late(what: &str, remedy: impl Into<String>) -> Self {
        Self::new(format!("{what} within {} s", STEP_WITHIN.as_secs()), remedy)
    }
}

/// Tries everything. Each finding is told as soon as there is one.
pub(crate) async fn examine(mut config: Config, idle: Duration, tell: impl FnMut(&Finding)) -> Vec<Finding> {
    let mut told = Told {
        tell,
        findings: Vec::new(),
    };
    let (found, identity) = identity(&mut config);
    told.note(Step::Identity, found.map(|detail| (detail, ())));
    let proxy = config.proxies.to(&config.coordinator).unwrap_or_default();
    let dialer = Dialer::default().through(proxy.clone());
    let way = told
        .way(&config, proxy.as_ref(), identity.as_ref().and_then(Option::as_ref))
        .await;
    let known = match (identity, way) {
        (Some(identity), true) => protect(&config, &dialer, identity.as_ref()).then_some(identity),
        (Some(_) | None, _) => None,
    };
    let Some(identity) = known else {
        for step in [Step::Permission, Step::Clock, Step::Stream] {
            told.skip(step, "not tried, since a step before it has failed");
        }
        return told.findings;
    };
    let runner = identity.as_ref().map(|identity| identity.name().runner);
    match timeout(STEP_WITHIN, rehearsal::begin(&config, dialer, runner)).await {
        Ok(Ok(rehearsal)) => {
            told.note(Step::Permission, rehearsal.permission().map(|detail| (detail, ())));
            told.note(Step::Clock, rehearsal.clock().map(|detail| (detail, ())));
            told.note(Step::Stream, rehearsal.rest(idle).await.map(|detail| (detail, ())));
        }
        Ok(Err(rehearsal::Refusal::Unknown)) => {
            for step in [Step::Permission, Step::Clock, Step::Stream] {
                told.skip(step, "this coordinator is too old to be asked: start the runner, and look at its log");
            }
        }
        Ok(Err(rehearsal::Refusal::Trouble(trouble))) => told.end_with(trouble),
        Err(_) => told.end_with(Trouble::late(
            "the coordinator does not answer",
            "check that the address is that of the coordinator's gRPC listener, and that nothing between holds up HTTP/2",
        )),
    }
    told.findings
}

/// What was found so far.
struct Told<T> {
    tell: T,
    findings: Vec<Finding>,
}

impl<T: FnMut(&Finding)> Told<T> {
    fn note<V>(&mut self, step: Step, found: Result<(String, V), Trouble>) -> Option<V> {
        let (outcome, detail, value) = match found {
            Ok((detail, value)) => (Outcome::Ok, detail, Some(value)),
            Err(Trouble { detail, remedy }) => (Outcome::Failed(remedy), detail, None),
        };
        self.tell(Finding { step, outcome, detail });
        value
    }

    fn skip(&mut self, step: Step, why: &str) {
        self.tell(Finding {
            step,
            outcome: Outcome::Skipped,
            detail: why.to_owned(),
        });
    }

    fn tell(&mut self, finding: Finding) {
        (self.tell)(&finding);
        self.findings.push(finding);
    }

    fn end_with(&mut self, trouble: Trouble) {
        self.note::<()>(Step::Permission, Err(trouble));
        for step in [Step::Clock, Step::Stream] {
            self.skip(step, "not tried, since a step before it has failed");
        }
    }

    /// The way to the coordinator, TLS included; whether it can be gone.
    async fn way(&mut self, config: &Config, proxy: Option<&Proxy>, identity: Option<&Identity>) -> bool {
        let coordinator = &config.coordinator;
        let first = proxy.map_or(coordinator, Proxy::address);
        let mut stream = None;
        if self.note(Step::Name, way::name(first, proxy).await).is_some() {
            stream = self.note(Step::Tcp, way::tcp(first, proxy).await);
        } else {
            self.skip(Step::Tcp, "not tried, since the name is not known");
        }
        match (proxy, stream.take()) {
            (None, tcp) => {
                self.note(
                    Step::Proxy,
                    Ok(("none is set: the connection is made straight".to_owned(), ())),
                );
                stream = tcp;
            }
            (Some(proxy), Some(tcp)) => {
                stream = self.note(Step::Proxy, way::tunnel(tcp, proxy, coordinator).await);
            }
            (Some(_), None) => self.skip(Step::Proxy, "not tried, since it is not reached"),
        }
        if coordinator.scheme_str() != Some("https") {
            self.skip(
                Step::Tls,
                "not spoken, since the coordinator's address begins with `http://`",
            );
            return stream.is_some();
        }
        let Some(stream) = stream else {
            self.skip(Step::Tls, "not tried, since a step before it has failed");
            return false;
        };
        match way::tls(config, identity, stream).await {
            Ok(found) => self.note(Step::Tls, found.map(|detail| (detail, ()))).is_some(),
            Err(why) => {
                self.skip(Step::Tls, &why);
                false
            }
        }
    }
}

/// Who the runner is: `Some(None)` where nobody asks, and `None` where it cannot be said. One that has expired is asked about all the same: it may be that
/// this machine's clock is wrong.
fn identity(config: &mut Config) -> (Result<String, Trouble>, Option<Option<Identity>>) {
    if config.coordinator.scheme_str() != Some("https") {
        let pool = &config.pool;
        let detail =
            format!("not asked for, since the coordinator's address begins with `http://`; the pool is `{pool}`");
        return (Ok(detail), Some(None));
    }
    match enrolled(config) {
        Ok(identity) => (standing(&identity), Some(Some(identity))),
        Err(trouble) => (Err(trouble), None),
    }
}

fn enrolled(config: &mut Config) -> Result<Identity, Trouble> {
    let folder = &config.data_folder;
    let trouble = |error: &(dyn std::error::Error + 'static)| {
        Trouble::new(
            chain(error),
            "mend that, or enroll the runner anew by `muster-runner enroll --again`",
        )
    };
    let identity = Identity::read(folder).map_err(|error| trouble(&error))?;
    let identity = identity.ok_or_else(|| {
        Trouble::new(
            format!(
                "this runner has not enrolled: there is no identity in {}",
                folder.display()
            ),
            "enroll it by `muster-runner enroll --token TOKEN`; `muster runner enroll-token create` makes a token",
        )
    })?;
    take_place(config, &identity).map_err(|error| {
        Trouble::new(
            chain(&error),
            "leave `pool` and `organization` out of the configuration: the certificate has them",
        )
    })?;
    Ok(identity)
}

/// Whether the runner's certificate is good by this machine's clock.
fn standing(identity: &Identity) -> Result<String, Trouble> {
    let (until, now) = (identity.until(), now());
    if until <= now {
        return Err(Trouble::new(
            format!("the runner's certificate expired {} ago", short(now.since(until))),
            "start the runner: it renews its certificate by itself for as long as the coordinator's `renewal_grace` says (14 d unless changed); after that, \
             enroll it anew by `muster-runner enroll --again`. If it should be good, compare the clocks",
        ));
    }
    let name = identity.name();
    let whose = match &name.pool.organization {
        Some(organization) => format!("of the organization `{organization}`"),
        None => "of the service".to_owned(),
    };
    Ok(format!(
        "runner {} of the pool `{}` {whose}; its certificate is good for another {}",
        name.runner,
        name.pool.name,
        short(until.since(now))
    ))
}

/// Has the dialer speak TLS as this runner does; whether it can.
fn protect(config: &Config, dialer: &Dialer, identity: Option<&Identity>) -> bool {
    let Some(identity) = identity else { return true };
    // What would fail here has failed before.
    identity
        .tls(config.ca_file.as_deref())
        .map(|tls| dialer.set(tls))
        .is_ok()
}

fn now() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
