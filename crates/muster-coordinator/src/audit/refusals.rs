//! Refused calls: each is kept, up to a number of each caller in an hour, so that nobody fills the disk with them. What is beyond is counted, and two entries
//! say how many they were: one soon after it begins, and one when the hour is over. A coordinator that dies has lost the second: to have each count on the disk
//! would be to write as often as is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_core::audit::{Note, Outcome, short};
use muster_core::words::{OrganizationId, Principal};
use muster_proto::v1::ErrorReason;
use muster_shard::ShardHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::caller::Call;
use crate::status::name_of_reason;

/// How many refused calls of one caller are kept one by one in an hour: somebody who tries out what they may, or a program that says again and again what is
/// wrong, is still told apart.
const OF_CALLER_MAX: u32 = 60;

/// How many of one log: of all that its callers together may leave.
const OF_LOG_MAX: u32 = 600;

/// For how long they are counted.
const COUNTED: Duration = Duration::from_secs(60 * 60);

/// How many callers are told apart. What those beyond are refused is counted as one caller's.
const CALLERS_MAX: usize = 10_000;

/// How often it is looked for what is to be told.
const LOOKED_EVERY: Duration = Duration::from_secs(60);

type Log = Option<OrganizationId>;

/// A call that was refused.
#[derive(Debug, Clone)]
struct Refusal {
    /// Who made it.
    by: Principal,
    /// Whose log it stands in.
    log: Log,
    /// By one word, and for people.
    reason: String,
    message: String,
}

/// What is counted together: a log, and who is refused; of strangers their address.
type Who = (Log, String);

#[derive(Debug)]
struct Counted {
    by: Principal,
    since: Instant,
    kept: u32,
    /// How many were not kept, and have not been told.
    more: u64,
    /// Whether it was told that some were not.
    is_told: bool,
}

#[derive(Debug, Default)]
struct Counts {
    /// How many were not kept since the start.
    left_out: u64,
    callers: HashMap<Who, Counted>,
    logs: HashMap<Log, (Instant, u32)>,
}

/// Keeps what was refused. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct Refusals {
    shard: ShardHandle,
    counts: Arc<Mutex<Counts>>,
}

impl Refusals {
    pub(crate) fn new(shard: ShardHandle) -> Self {
        Self {
            shard,
            counts: Arc::default(),
        }
    }

    /// Keeps how a call has ended, if it was refused, and has no entry yet.
    pub(crate) async fn keep_ended(&self, call: &Call, status: &Status) {
        let is_refused = match status.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented => true,
            // The coordinator could not, or nobody waits for it any more.
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => false,
        };
        if !is_refused || call.has_entry() {
            return;
        }
        let (reason, message) = told(status);
        let directory = self.shard.directory();
        let refusal = Refusal {
            by: call.principal(),
            log: call.log(|id| directory.organization(id).is_some()),
            reason,
            message,
        };
        self.keep(call, refusal).await;
    }

    /// Keeps a refused call, or counts it. A coordinator that is stopping keeps none.
    async fn keep(&self, call: &Call, refusal: Refusal) {
        let Refusal {
            by,
            log,
            reason,
            message,
        } = refusal;
        let caller = match &by {
            // Strangers are told apart by where they come from.
            Principal::Operator(name) => {
                format!("{name} {}", call.peer.map(|peer| peer.to_string()).unwrap_or_default())
            }
            Principal::Token { token, .. } => token.to_string(),
            Principal::Runner(runner) => runner.to_string(),
            Principal::Coordinator => String::new(),
        };
        if !self.lock().admit((log.clone(), caller), &by, Instant::now()) {
            return;
        }
        let note = Note {
            log,
            ..call.noted(Outcome::Refused {
                reason: reason.into(),
                message: short(&message),
            })
        };
        let _ = self.shard.turn(move |turn| turn.note(&by, note)).await;
    }

    /// Tells how many were not kept, until it is told to stop.
    pub(crate) async fn keep_telling(self, stop: CancellationToken) {
        loop {
            let waited = stop.run_until_cancelled(tokio::time::sleep(LOOKED_EVERY)).await;
            let is_end = waited.is_none();
            self.tell(Instant::now(), is_end).await;
            if is_end {
                return;
            }
        }
    }

    /// How many were not kept since the start.
    pub(crate) fn left_out(&self) -> u64 {
        self.lock().left_out
    }

    /// Leaves an entry of those of whom something is to be told, or of all.
    async fn tell(&self, now: Instant, all: bool) {
        let over = self.lock().take_over(now, all);
        if over.is_empty() {
            return;
        }
        let noted = self.shard.turn(move |turn| {
            for (log, by, count) in over {
                let note = Note {
                    log,
                    method: "".into(),
                    peer: None,
                    request: String::new(),
                    resource: String::new(),
                    outcome: Outcome::MoreRefused { count },
                    changes: Vec::new(),
                };
                turn.note(&by, note);
            }
        });
        if let Err(error) = noted.await {
            tracing::debug!(%error, "it is not kept how many more calls were refused");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Nothing that can panic halfway through a change runs under the lock.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Whether this one is kept; it is counted otherwise.
    fn admit(&mut self, who: Who, by: &Principal, now: Instant) -> bool {
        let log = who.0.clone();
        let who = if self.callers.contains_key(&who) || self.callers.len() < CALLERS_MAX {
            who
        } else {
            (None, "others".to_owned())
        };
        let of_log = self.logs.entry(log).or_insert((now, 0));
        if now.duration_since(of_log.0) >= COUNTED {
            *of_log = (now, 0);
        }
        let of_caller = self.callers.entry(who).or_insert_with(|| Counted {
            by: by.clone(),
            since: now,
            kept: 0,
            more: 0,
            is_told: false,
        });
        if of_caller.kept >= OF_CALLER_MAX || of_log.1 >= OF_LOG_MAX {
            of_caller.more += 1;
            self.left_out += 1;
            return false;
        }
        of_caller.kept += 1;
        of_log.1 += 1;
        true
    }

    /// Forgets those whose hour is over, or all; returns of whom how many were not kept, of these and of those of whom it was not told yet that some were not.
    fn take_over(&mut self, now: Instant, all: bool) -> Vec<(Log, Principal, u64)> {
        let mut over = Vec::new();
        self.callers.retain(|(log, _), counted| {
            let is_over = all || now.duration_since(counted.since) >= COUNTED;
            if counted.more > 0 && (is_over || !counted.is_told) {
                over.push((log.clone(), counted.by.clone(), std::mem::take(&mut counted.more)));
                counted.is_told = true;
            }
            !is_over
        });
        self.logs.retain(|_, (since, _)| now.duration_since(*since) < COUNTED);
        over
    }
}

/// Why a call was refused, without what its caller has written into its fields: there may be a secret among it.
fn told(status: &Status) -> (String, String) {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    let reason = reason.unwrap_or_else(|| format!("{:?}", status.code()));
    let fields = details.bad_request().map(|bad| {
        let fields = bad.field_violations.iter().map(|one| one.field.as_str());
        format!("fields: {}", fields.collect::<Vec<_>>().join(", "))
    });
    let hides = [
        ErrorReason::InvalidField,
        ErrorReason::InvalidConfiguration,
        ErrorReason::MalformedRequest,
    ];
    let message = match fields {
        Some(fields) => fields,
        None if hides.iter().any(|hidden| name_of_reason(*hidden) == reason) => String::new(),
        None => status.message().to_owned(),
    };
    (reason, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(name: &str) -> Who {
        (None, name.to_owned())
    }

    #[test]
    fn of_each_caller_some_are_kept_and_the_others_are_counted() {
        let (mut counts, now, by) = (Counts::default(), Instant::now(), Principal::local());
        let kept = (0..100).filter(|_| counts.admit(who("a"), &by, now)).count();
        assert_eq!(kept, OF_CALLER_MAX as usize);
        assert!(counts.admit(who("b"), &by, now), "that is another one");
        assert_eq!(counts.left_out, 40);
        // It is told soon that some were not, and at the end how many more.
        assert_eq!(counts.take_over(now, false), [(None, by.clone(), 40)]);
        assert!((0..7).all(|_| !counts.admit(who("a"), &by, now)));
        assert_eq!(counts.take_over(now, false), []);
        let later = now + COUNTED;
        assert_eq!(counts.take_over(later, false), [(None, by.clone(), 7)]);
        assert!(counts.admit(who("a"), &by, later));
        assert_eq!(counts.take_over(later, true), [], "nothing was left out");
    }

    #[test]
    fn many_strangers_together_leave_no_more_than_a_log_takes() {
        let (mut counts, now, by) = (Counts::default(), Instant::now(), Principal::nobody());
        let kept = (0..20_000)
            .filter(|one| counts.admit(who(&one.to_string()), &by, now))
            .count();
        assert_eq!(kept, OF_LOG_MAX as usize);
        assert!(counts.callers.len() <= CALLERS_MAX + 1, "{}", counts.callers.len());
        let acme = OrganizationId::new("acme").ok();
        assert!(counts.admit((acme, "a".to_owned()), &by, now), "that is another log");
        let more: u64 = counts.take_over(now + COUNTED, false).iter().map(|one| one.2).sum();
        assert_eq!(more, 20_000 - u64::from(OF_LOG_MAX));
    }
}
