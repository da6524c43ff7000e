//! Who calls, as the door has found out: it stands among the extensions of every request that a service gets.

use std::net::IpAddr;
use std::sync::Arc;

use muster_core::audit::short;
use muster_core::words::{Grant, OrganizationId, Principal, RunnerId, Scope};
use muster_proto::Named;
use tonic::Request;

use crate::audit::Trace;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Whoever reaches the listener of a coordinator that asks nobody who they are: an admin of the staff, and any runner.
    Local,
    /// A person or a program, by a token.
    Token(TokenCaller),
    /// A runner, by its certificate.
    Runner(RunnerCaller),
    /// Somebody who has shown nothing.
    Anonymous,
}

/// A person or a program that has shown a token that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenCaller {
    /// Who, as events name them.
    pub principal: Principal,
    /// What they may do, and where.
    pub grant: Grant,
}

/// A runner that has shown a certificate that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerCaller {
    /// Which.
    pub runner: RunnerId,
    /// Whose; `None` for one of the service's own.
    pub organization: Option<OrganizationId>,
}

impl Caller {
    /// What they may do, and where; `None` for whoever has no role.
    #[must_use]
    pub fn grant(&self) -> Option<Grant> {
        match self {
            Self::Local => Some(Grant::MOST),
            Self::Token(caller) => Some(caller.grant.clone()),
            Self::Runner(_) | Self::Anonymous => None,
        }
    }

    /// Whether they are of this scope.
    #[must_use]
    pub fn is_of(&self, scope: &Scope) -> bool {
        self.grant().is_some_and(|grant| grant.scope.covers(scope))
    }

    /// Who they are, as events name them.
    #[must_use]
    pub fn principal(&self) -> Principal {
        match self {
            Self::Local => Principal::local(),
            Self::Token(caller) => caller.principal.clone(),
            Self::Runner(caller) => Principal::Runner(caller.runner),
            Self::Anonymous => Principal::nobody(),
        }
    }
}

/// A call: who makes it, which it is, and where it comes from.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who.
    pub caller: Caller,
    /// Which: `muster.v1.IntegrationService/GetIntegration`.
    pub path: &'static str,
    /// From where; `None` when its connection had gone before that could be asked.
    pub peer: Option<IpAddr>,
    /// What the audit log learns of it.
    pub(crate) trace: Arc<Trace>,
}

impl Call {
    /// The call that this request is. One that has come in by another way than the door is nobody's.
    #[must_use]
    pub fn of<T: Named>(request: &Request<T>) -> Self {
        let call = request.extensions().get().cloned();
        let call: Self = call.unwrap_or_else(|| Self {
            caller: Caller::Anonymous,
            path: "",
            peer: None,
            trace: Arc::default(),
        });
        let asked = request.get_ref();
        let _ = call.trace.resource.set(short(asked.resource()));
        let _ = call.trace.request.set(short(asked.request_id()));
        call
    }

    /// Who makes it, as events name them.
    #[must_use]
    pub fn principal(&self) -> Principal {
        self.caller.principal()
    }
}
