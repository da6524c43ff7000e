//! The layer around all services that every call goes through.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use muster_core::words::{Grant, Role, Scope, TokenId};
use muster_proto::{RULES, v1};
use muster_shard::ShardHandle;
use tonic::Status;
use tower::{Layer, Service};

use super::authenticate::{Stranger, holder, known_once, shown};
use super::stay::until_shut;
use super::{Used, refused};
use crate::audit::Refusals;
use crate::caller::{Call, Caller, TokenCaller};
use crate::clock;
use crate::connection::{Answer, ConnectInfo, Standing};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::status::ServiceError;

/// The door: finds out who calls, and judges by the call's rule whether they may. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    /// `None` where nobody is asked who they are.
    pub(crate) guard: Option<Guard>,
    /// Where it is kept that a call was refused.
    pub(crate) refusals: Refusals,
}

/// What it takes to ask whoever calls who they are.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) shard: ShardHandle,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    pub(crate) used: Used,
}

/// Somebody who was let in.
struct Entered {
    call: Call,
    /// By what, and what the call needs of it; `None` for whoever needs no token.
    by: Option<(TokenId, Grant)>,
    /// Whether the audit log has each such call.
    audited: bool,
}

/// Somebody who was not.
struct TurnedAway {
    call: Call,
    /// What they are told.
    error: ServiceError,
    /// Who they are and whose, when what they have shown was right once.
    known: Option<TokenCaller>,
    audited: bool,
}

impl Door {
    /// # Errors
    /// What the caller is told who is not let in.
    fn judge<B>(&self, request: &http::Request<B>) -> Result<Option<Entered>, Box<TurnedAway>> {
        let path = request.uri().path().strip_prefix('/').unwrap_or_default();
        let Ok(place) = RULES.binary_search_by_key(&path, |(path, _)| path) else {
            // Reflection, health, and what there is not.
            return Ok(None);
        };
        let (path, rule) = RULES[place];
        let extensions = request.extensions();
        let mut call = Call {
            caller: Caller::Anonymous,
            path,
            peer: extensions.get::<ConnectInfo>().and_then(|connection| connection.peer),
            trace: Arc::default(),
        };
        let audited = rule.audited;
        let Some(guard) = &self.guard else {
            call.caller = Caller::Local;
            return Ok(Some(Entered {
                call,
                by: None,
                audited,
            }));
        };
        let mut token = None;
        let mut once = None;
        let known = match shown(request.headers()) {
            Ok(None) => {
                // Whoever has shown a certificate is known by it.
                let runner = extensions.get::<ConnectInfo>().and_then(ConnectInfo::runner);
                call.caller = runner.map_or(Caller::Anonymous, Caller::Runner);
                Ok(())
            }
            Ok(Some(parts)) => {
                let found = guard.holder(parts);
                if found.is_err() {
                    once = known_once(guard.shard.directory(), parts);
                }
                found.map(|caller| {
                    token = Some(parts.id);
                    call.caller = Caller::Token(caller);
                })
            }
            Err(stranger) => Err(stranger),
        };
        let judged = known
            .map_err(ServiceError::from)
            .and_then(|()| judge(rule, &call.caller))
            .map_err(|error| guard.refuse(&call, error));
        if let Err(error) = judged {
            return Err(Box::new(TurnedAway {
                call,
                error,
                known: once,
                audited,
            }));
        }
        let by = token.zip(needed(rule, &call.caller));
        Ok(Some(Entered { call, by, audited }))
    }
}

impl Door {
    /// Whether a request that is no call of the API shows the token of one of the service's staff.
    ///
    /// # Errors
    /// What whoever asks is told.
    pub(crate) fn judge_staff(&self, headers: &http::HeaderMap, peer: IpAddr) -> Result<(), ServiceError> {
        let Some(guard) = &self.guard else { return Ok(()) };
        let mut call = Call {
            caller: Caller::Anonymous,
            path: "metrics",
            peer: Some(peer),
            trace: Arc::default(),
        };
        let known = shown(headers).and_then(|parts| parts.map(|parts| guard.holder(parts)).transpose());
        let judged = known.map_err(ServiceError::from).and_then(|caller| {
            call.caller = caller.map_or(Caller::Anonymous, Caller::Token);
            let staff = v1::Rule {
                role: v1::Role::Viewer.into(),
                scope: v1::Scope::Service.into(),
                audited: false,
            };
            judge(staff, &call.caller)
        });
        judged.map_err(|error| guard.refuse(&call, error))
    }
}

impl TurnedAway {
    /// Keeps it, where that is kept, before it is told.
    async fn answer<B: Default>(self, refusals: &Refusals) -> http::Response<GuardedBody<B>> {
        let status = Status::from(self.error);
        if self.audited {
            match self.known {
                // They are known, and are let in no more.
                Some(caller) => {
                    let call = Call {
                        caller: Caller::Token(caller),
                        ..self.call
                    };
                    refusals.keep_ended(&call, &status).await;
                }
                None => refusals.keep_ended(&self.call, &status).await,
            }
        }
        status.into_http()
    }
}

impl Guard {
    fn holder(&self, parts: super::text::Parts) -> Result<crate::caller::TokenCaller, Stranger> {
        let now = clock::now().stamp;
        let caller = holder(self.shard.directory(), parts, now)?;
        if let Some((token, _)) = self.shard.directory().token(parts.id) {
            self.used.note(&token, now);
        }
        Ok(caller)
    }

    /// Counts and tells it. Who fails too often is not told why any more; whoever shows what is right is never held up by others of their address.
    fn refuse(&self, call: &Call, error: ServiceError) -> ServiceError {
        let ServiceError::Unauthenticated(stranger) = error else {
            refused::note(call, &error, "");
            return error;
        };
        self.metrics.count_stranger(stranger);
        if let Some(address) = call.peer
            && let Err(limited) = self.limits.fails(address)
        {
            return limited;
        }
        refused::note(call, &error, "");
        error
    }
}

/// Whether whoever calls may, by the rule of the call.
fn judge(rule: v1::Rule, caller: &Caller) -> Result<(), ServiceError> {
    let denied = |needed: String| {
        let who = match caller {
            Caller::Runner(_) => "the caller is a runner".to_owned(),
            _ => caller.grant().map_or_else(
                || "the caller is nobody".to_owned(),
                |grant| format!("the caller is {grant}"),
            ),
        };
        Err(ServiceError::PermissionDenied(format!(
            "this needs {needed}, and {who}"
        )))
    };
    let scope = rule.scope();
    match (scope, caller) {
        (v1::Scope::Public | v1::Scope::Enrollment, _) => Ok(()),
        (v1::Scope::Runner, Caller::Runner(_) | Caller::Local) => Ok(()),
        (_, Caller::Anonymous) => Err(Stranger::Missing.into()),
        (v1::Scope::Runner, Caller::Token(_)) => denied("the certificate of a runner".to_owned()),
        (v1::Scope::Organization | v1::Scope::Service | v1::Scope::Unspecified, _) => {
            // A rule that this version does not know lets nobody in.
            let role = role(rule).filter(|_| scope != v1::Scope::Unspecified);
            let is_staff = scope == v1::Scope::Service;
            let grant = caller.grant();
            let may = |grant: &Grant, role| grant.role >= role && (!is_staff || grant.scope == Scope::Service);
            match (role, grant) {
                (Some(role), Some(grant)) if may(&grant, role) => Ok(()),
                (Some(role), _) => {
                    let of = if is_staff { " of the service's staff" } else { "" };
                    denied(format!("the role {role}{of}"))
                }
                (None, _) => denied("somebody who is not known here".to_owned()),
            }
        }
    }
}

/// What the caller must be able to do for as long as the call goes on; `None` where no role is needed.
fn needed(rule: v1::Rule, caller: &Caller) -> Option<Grant> {
    Some(Grant {
        role: role(rule)?,
        scope: caller.grant()?.scope,
    })
}

fn role(rule: v1::Rule) -> Option<Role> {
    match rule.role() {
        v1::Role::Unspecified => None,
        v1::Role::Viewer => Some(Role::Viewer),
        v1::Role::Operator => Some(Role::Operator),
        v1::Role::Admin => Some(Role::Admin),
    }
}

impl<S> Layer<S> for Door {
    type Service = Guarded<S>;

    fn layer(&self, service: S) -> Guarded<S> {
        Guarded {
            service,
            door: self.clone(),
        }
    }
}

/// A service behind the door.
#[derive(Clone)]
pub struct Guarded<S> {
    service: S,
    door: Door,
}

type Answering<B, E> = Pin<Box<dyn Future<Output = Result<http::Response<GuardedBody<Answer<B>>>, E>> + Send>>;

impl<S, A, B> Service<http::Request<A>> for Guarded<S>
where
    S: Service<http::Request<A>, Response = http::Response<B>, Future: Send + 'static, Error: Send + 'static>,
    B: Default + Send + 'static,
{
    type Response = http::Response<GuardedBody<Answer<B>>>;
    type Error = S::Error;
    type Future = Answering<B, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<A>) -> Self::Future {
        let entered = match self.door.judge(&request) {
            Ok(entered) => entered,
            Err(turned_away) => {
                let refusals = self.door.refusals.clone();
                return Box::pin(async move { Ok(turned_away.answer(&refusals).await) });
            }
        };
        // What it was shown is for the door alone.
        request.headers_mut().remove(http::header::AUTHORIZATION);
        let connection = request.extensions().get::<ConnectInfo>();
        let standing = connection.map_or_else(Standing::default, |connection| connection.standing.clone());
        match entered.as_ref().map(|entered| &entered.call.caller) {
            Some(Caller::Token(_)) => standing.note_known(),
            Some(Caller::Anonymous | Caller::Runner(_) | Caller::Local) | None => standing.note_call(),
        }
        let mut stay = Stay::Free;
        let mut followed = None;
        if let Some(Entered { call, by, audited }) = entered {
            followed = audited.then(|| (call.clone(), self.door.refusals.clone()));
            request.extensions_mut().insert(call);
            if let (Some((token, needed)), Some(guard)) = (by, &self.door.guard) {
                stay = Stay::Until(Box::pin(until_shut(guard.shard.clone(), token, needed)));
            }
        }
        let answering = self.service.call(request);
        Box::pin(async move {
            let begun = false;
            let answer = answering.await?;
            if let Some((call, refusals)) = followed
                && let Some(status) = Status::from_header_map(answer.headers())
            {
                refusals.keep_ended(&call, &status).await;
            }
            Ok(answer.map(|body| {
                let body = standing.answer(body);
                GuardedBody { body, begun, stay }
            }))
        })
    }
}

type Shutting = Pin<Box<dyn Future<Output = ServiceError> + Send>>;

/// The answer to a call that was let in. It ends with an error when what it was let in by opens no more.
#[derive(Default)]
pub struct GuardedBody<B> {
    body: B,
    /// Whether some of it has gone out: the first is not held up, and most answers have no more.
    begun: bool,
    stay: Stay,
}

#[derive(Default)]
enum Stay {
    /// For as long as it likes.
    #[default]
    Free,
    /// Until this.
    Until(Shutting),
    /// It is over.
    Over,
}

impl<B: Body + Unpin> Body for GuardedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let begun = std::mem::replace(&mut self.begun, true);
        match &mut self.stay {
            Stay::Free => {}
            Stay::Over => return Poll::Ready(None),
            // Before the answer itself, which may always have more.
            Stay::Until(shut) if begun => {
                if let Poll::Ready(error) = shut.as_mut().poll(context) {
                    self.stay = Stay::Over;
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers(error)))));
                }
            }
            Stay::Until(_) => {}
        }
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_pending() && !begun {
            // Nothing has gone out, and nobody else wakes this when the token opens no more.
            return self.poll_frame(context);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.stay, Stay::Over) || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.stay {
            Stay::Free => self.body.size_hint(),
            Stay::Until(_) | Stay::Over => SizeHint::default(),
        }
    }
}

fn trailers(error: ServiceError) -> http::HeaderMap {
    let mut trailers = http::HeaderMap::new();
    if let Err(unsayable) = Status::from(error).add_header(&mut trailers) {
        // Without a status the client takes the answer for an error all the same.
        tracing::error!(error = %unsayable, "the end of an answer cannot be told");
    }
    trailers
}
