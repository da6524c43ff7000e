//! How much may come from one address and from one runner in a while: token buckets, so that one that floods does not take what is everybody's.
//!
//! A bucket holds tokens up to its burst and gets new ones at its rate; whoever finds too few is told when to come again. A bucket that is full
//! again is as good as none, so it is forgotten.
//!
//! The numbers are bounds for what harms others, not quotas: far above what an honest peer needs, also where hundreds of runners share one
//! address behind a customer's NAT, and below what the coordinator carries.

mod bucket;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_core::words::{OrganizationId, RunnerId};
use muster_proto::v1;
use tonic::{Request, Status};
use v1::runner_message::Kind;

use crate::connection::ConnectInfo;
use crate::status::ServiceError;
use bucket::Buckets;

pub use bucket::Rate;
pub(crate) use bucket::Wait;

/// How long whoever is refused is told to wait, at least: a single token comes sooner, but a flood would only be refused again.
const WAIT_LEAST: Duration = Duration::from_secs(1);

/// What may come, from one peer each.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// New connections of an address.
    pub connections: Rate,
    /// Calls of an address; a check-in and an upload are one each.
    pub requests: Rate,
    /// Calls of an address that show no credential, or a wrong one; also a token by which nobody enrolls.
    pub failures: Rate,
    /// Bytes that an address says on connections on which nobody is known.
    pub strange_bytes: Rate,
    /// Check-ins of a runner.
    pub check_ins: Rate,
    /// What a runner says on its stream: each report and each log line is one, and a message is one at least.
    pub said: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            // A burst: 5,000 runners behind one address that come back at once after a restart, each with a second connection for its uploads.
            // The rate: a TLS handshake takes half a millisecond or more of a core, so handshakes of one address leave other work its part.
            connections: Rate {
                per_second: 1_000,
                burst: 10_000,
            },
            // The rate: ten times what 5,000 runners at one address need that upload something every 3 s. The
            // burst: a script may create 50,000 integrations as fast as the disk takes them.
            requests: Rate {
                per_second: 20_000,
                burst: 40_000,
            },
            // Somebody types, or a script has an old token and says so. Nobody guesses 256 bits at any rate: this is for the log and the one who reads it.
            failures: Rate {
                per_second: 1,
                burst: 20,
            },
            // Whoever enrolls says less than a KiB, and so does who shows a token with a first call: 2,000 do so at once, and hundreds a second. Frames that
            // are small and ask for an answer, such as pings, take a few percent of a core at this rate.
            strange_bytes: Rate {
                per_second: 256 * 1024,
                burst: 2 * 1024 * 1024,
            },
            // A runner backs off between check-ins, and has a new stream once an hour; a service manager that restarts a crashing one does so about
            // once a second. The burst is for somebody who tries out a configuration.
            check_ins: Rate {
                per_second: 1,
                burst: 30,
            },
            // The benchmark's busiest runners report some 2,000 times a second, in a coordinator that does nothing else. The burst holds the largest
            // message of reports (1,000) ten times, and is made good in a second: no pause is long enough to cost a lease.
            said: Rate {
                per_second: 10_000,
                burst: 10_000,
            },
        }
    }
}

/// The buckets of this process. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub struct Limits {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connections: Buckets<Peer>,
    requests: Buckets<Peer>,
    failures: Buckets<Peer>,
    strange_bytes: Buckets<Peer>,
    check_ins: Buckets<RunnerId>,
    said: Buckets<RunnerId>,
    uploads: Buckets<OrganizationId>,
}

impl Limits {
    /// Full buckets for everybody.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self {
            inner: Arc::new(Inner {
                connections: Buckets::new(rates.connections),
                requests: Buckets::new(rates.requests),
                failures: Buckets::new(rates.failures),
                strange_bytes: Buckets::new(rates.strange_bytes),
                check_ins: Buckets::new(rates.check_ins),
                said: Buckets::new(rates.said),
                // Each organization has a rate of its own.
                uploads: Buckets::new(rates.said),
            }),
        }
    }

    /// Whether a new connection of this address may stay. A refusal can only be told by closing it: there is no protocol on it yet.
    pub(crate) fn connects(&self, address: IpAddr) -> bool {
        let taken = self.inner.connections.take(Peer::of(address), 1, Instant::now());
        if let Err(wait) = &taken
            && let Some(refused) = wait.to_tell
        {
            tracing::warn!(%address, refused, "too many new connections from one address: they are closed");
        }
        taken.is_ok()
    }

    /// Lets a call through, or refuses it.
    ///
    /// # Errors
    /// [`ServiceError::RateLimited`], as a status.
    pub(crate) fn calls(&self, request: Request<()>) -> Result<Request<()>, Status> {
        let peer = request
            .extensions()
            .get::<ConnectInfo>()
            .and_then(|connection| connection.peer);
        // Without one its connection has gone already, so there is nobody to be limited.
        let Some(address) = peer else { return Ok(request) };
        let Err(wait) = self.requests(address) else {
            return Ok(request);
        };
        let what = format!("calls from the address {address}");
        Err(ServiceError::RateLimited {
            what,
            wait: wait.time.max(WAIT_LEAST),
        }
        .into())
    }

    /// Lets a request of this address through, or says when to come again.
    ///
    /// # Errors
    /// [`Wait`].
    pub(crate) fn requests(&self, address: IpAddr) -> Result<(), Wait> {
        let taken = self.inner.requests.take(Peer::of(address), 1, Instant::now());
        if let Err(wait) = &taken
            && let Some(refused) = wait.to_tell
        {
            tracing::warn!(%address, refused, "too many calls from one address: they are refused");
        }
        taken
    }

    /// Somebody of this address has shown no credential or a wrong one: whether they may go on trying.
    ///
    /// # Errors
    /// [`ServiceError::RateLimited`], which says no more why.
    pub(crate) fn fails(&self, address: IpAddr) -> Result<(), ServiceError> {
        let taken = self.inner.failures.take(Peer::of(address), 1, Instant::now());
        taken.map_err(|wait| {
            if let Some(refused) = wait.to_tell {
                tracing::warn!(%address, refused, "too many calls without a right credential from one address: they are not told why any more");
            }
            let what = format!("calls without a right credential from the address {address}");
            ServiceError::RateLimited {
                what,
                wait: wait.time.max(WAIT_LEAST),
            }
        })
    }

    /// Lets more be read of a connection of this address on which nobody is known, or says when that may be.
    ///
    /// # Errors
    /// [`Wait`].
    pub(crate) fn strange_bytes(&self, address: IpAddr, bytes: u32) -> Result<(), Wait> {
        let taken = self.inner.strange_bytes.take(Peer::of(address), bytes, Instant::now());
        if let Err(wait) = &taken
            && let Some(slowed) = wait.to_tell
        {
            tracing::warn!(%address, slowed, "one address says too much without saying who it is: it is read more slowly");
        }
        taken
    }

    /// Lets a runner check in, or refuses it.
    ///
    /// # Errors
    /// [`ServiceError::RateLimited`].
    pub(crate) fn checks_in(&self, runner: RunnerId) -> Result<(), ServiceError> {
        let taken = self.inner.check_ins.take(runner, 1, Instant::now());
        taken.map_err(|wait| {
            if let Some(refused) = wait.to_tell {
                tracing::warn!(%runner, refused, "a runner checks in too often: it is refused");
            }
            let what = format!("check-ins of the runner {runner}");
            ServiceError::RateLimited {
                what,
                wait: wait.time.max(WAIT_LEAST),
            }
        })
    }

    /// Lets an upload of an organization begin that may have so many a second, or refuses it.
    ///
    /// # Errors
    /// [`ServiceError::RateLimited`].
    pub(crate) fn uploads(&self, organization: &OrganizationId, per_second: u32) -> Result<(), ServiceError> {
        let rate = Rate {
            per_second,
            burst: per_second,
        };
        let taken = self
            .inner
            .uploads
            .take_at(rate, organization.clone(), 1, Instant::now());
        taken.map_err(|wait| {
            if let Some(refused) = wait.to_tell {
                tracing::warn!(%organization, per_second, refused, "an organization uploads more often than it may");
            }
            let what = format!("uploads of the organization `{organization}`, which may begin {per_second} a second");
            ServiceError::RateLimited {
                what,
                wait: wait.time.max(WAIT_LEAST),
            }
        })
    }

    /// Lets a runner's message through, or says when it may be acted on: a stream is slowed down, not ended, and so is the runner.
    ///
    /// # Errors
    /// [`Wait`].
    pub(crate) fn says(&self, runner: RunnerId, message: &v1::RunnerMessage) -> Result<(), Wait> {
        let taken = self.inner.said.take(runner, weight(message), Instant::now());
        if let Err(wait) = &taken
            && let Some(slowed) = wait.to_tell
        {
            tracing::warn!(%runner, slowed, "a runner says more than others have to bear: it is read more slowly");
        }
        taken
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(Rates::default())
    }
}

/// Whom an address stands for: an IPv6 network of 64 bits, of which whoever has one address has all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Peer(IpAddr);

impl Peer {
    /// Of this address.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        })
    }
}

fn weight(message: &v1::RunnerMessage) -> u32 {
    let items = match &message.kind {
        Some(Kind::Reports(reports)) => reports.reports.len(),
        Some(Kind::LogLines(said)) => said.attempts.iter().map(|attempt| attempt.lines.len().max(1)).sum(),
        Some(Kind::Hello(_) | Kind::Heartbeat(_) | Kind::Drain(_) | Kind::CheckResult(_)) | None => 1,
    };
    u32::try_from(items.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::of(address.parse().expect("an address"))
    }

    #[test]
    fn whoever_has_one_address_of_a_network_of_64_bits_has_all() {
        assert_eq!(peer("2001:db8:1:2:3:4:5:6"), peer("2001:db8:1:2::1"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
    }

    #[test]
    fn runners_behind_one_address_may_all_come_back_at_once() {
        const RUNNERS: u128 = 5_000;
        let (limits, now) = (Limits::default(), Instant::now());
        for runner in 0..RUNNERS {
            // Each with a stream, and an upload on a connection of its own.
            for _ in 0..2 {
                let nat = peer("192.0.2.1");
                limits.inner.connections.take(nat, 1, now).expect("it is let in");
                limits.inner.requests.take(nat, 1, now).expect("it is let in");
            }
            let runner = RunnerId(runner);
            limits.inner.check_ins.take(runner, 1, now).expect("it is let in");
            limits.inner.said.take(runner, 1_000, now).expect("it is let in");
        }
    }

    #[test]
    fn who_fails_again_and_again_is_not_told_why_and_takes_nothing_from_others() {
        let limits = Limits::default();
        let address = |text: &str| text.parse().expect("an address");
        let fails = |text| limits.fails(address(text));
        let told = (0..1_000).take_while(|_| fails("192.0.2.1").is_ok()).count();
        assert!((20..30).contains(&told), "{told} were told why");
        let limited = fails("192.0.2.1").expect_err("it is too often");
        assert_eq!(limited.reason(), v1::ErrorReason::RateLimited);
        fails("192.0.2.2").expect("that is another address");
        limits.requests(address("192.0.2.1")).expect("what is right goes on");
    }

    #[test]
    fn a_message_weighs_what_it_makes_others_do() {
        let message = |kind| v1::RunnerMessage { kind: Some(kind) };
        let reports = vec![v1::Report::default(); 7];
        assert_eq!(weight(&message(Kind::Reports(v1::Reports { reports }))), 7);
        let attempts = [3, 0].map(|lines| v1::AttemptLogLines {
            lines: vec![v1::RunnerLogLine::default(); lines],
            ..Default::default()
        });
        let attempts = attempts.to_vec();
        assert_eq!(weight(&message(Kind::LogLines(v1::RunnerLogLines { attempts }))), 4);
        assert_eq!(weight(&message(Kind::Reports(v1::Reports::default()))), 1);
        assert_eq!(weight(&v1::RunnerMessage { kind: None }), 1);
    }
}
