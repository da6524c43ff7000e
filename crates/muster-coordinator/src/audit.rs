//! What calls leave in the audit log: one entry for each that its rule marks `audited`, whether it was carried out or refused.
//!
//! What was carried out is noted in the very batch of what it has changed, by [`Call::ask`] and [`Call::note`]. What was refused is noted by the door,
//! which sees how each call ends; see [`Refusals`].

mod refusals;
mod view;

use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_core::audit::{FieldChange, Note, Outcome, Touched, short};
use muster_core::decide::session::check_in::CheckIn;
use muster_core::decide::{Answer, Command, Rejection};
use muster_core::ledger::Entity;
use muster_core::state::State;
use muster_core::words::{OrganizationId, Principal, Scope};
use muster_shard::{AskError, ShardError, ShardHandle, Turn};

pub(crate) use self::refusals::Refusals;
use crate::caller::{Call, Caller};

/// What is learned of a call on its way, for the audit log. All clones of the call share it.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// What it is about, as its caller has written it.
    pub(crate) resource: OnceLock<String>,
    /// The id by which its caller knows it again.
    pub(crate) request: OnceLock<String>,
    /// Whose log it stands in, where its caller is of none.
    concerns: OnceLock<Option<OrganizationId>>,
    /// Whether it has an entry.
    is_kept: AtomicBool,
}

impl Call {
    /// Asks a command for whoever calls, and leaves an entry of it.
    ///
    /// # Errors
    /// [`Rejection`]: nothing has happened then, and the door leaves the entry of that.
    pub(crate) fn ask(&self, turn: &mut Turn<'_>, command: Command) -> Result<Answer, Rejection> {
        self.ask_as(turn, &self.principal(), command)
    }

    /// The same in the name of somebody who is known by the call itself.
    ///
    /// # Errors
    /// As [`Call::ask`].
    pub(crate) fn ask_as(&self, turn: &mut Turn<'_>, by: &Principal, command: Command) -> Result<Answer, Rejection> {
        let asked = turn.ask_audited(by, command, |state, touched| self.done(state, touched.as_ref()));
        if asked.is_ok() {
            self.trace.is_kept.store(true, Ordering::Relaxed);
        }
        asked
    }

    /// Asks a command that needs nothing else of its turn.
    ///
    /// # Errors
    /// [`AskError`].
    pub(crate) async fn ask_on(&self, shard: &ShardHandle, command: Command) -> Result<Answer, AskError> {
        let call = self.clone();
        Ok(shard.turn(move |turn| call.ask(turn, command)).await??)
    }

    /// Leaves an entry of a call that has changed nothing in the ledger, or of which no one command says what it has done.
    pub(crate) fn note(&self, turn: &mut Turn<'_>, changes: Vec<FieldChange>) {
        let note = Note {
            changes,
            ..self.done(turn.state(), None)
        };
        turn.note(&self.principal(), note);
        self.trace.is_kept.store(true, Ordering::Relaxed);
    }

    /// The same in a turn of its own.
    ///
    /// # Errors
    /// [`ShardError::Stopped`].
    pub(crate) async fn note_on(&self, shard: &ShardHandle) -> Result<(), ShardError> {
        let call = self.clone();
        shard.turn(move |turn| call.note(turn, Vec::new())).await
    }

    /// Says whose log an entry of a call stands in of which nobody knows who makes it.
    pub(crate) fn concerns(&self, organization: Option<OrganizationId>) {
        let _ = self.trace.concerns.set(organization);
    }

    /// Whether an entry of it is in a batch already.
    fn has_entry(&self) -> bool {
        self.trace.is_kept.load(Ordering::Relaxed)
    }

    fn done(&self, state: &State, touched: Option<&Touched>) -> Note {
        let entity = touched.and_then(|touched| touched.after.as_ref().or(touched.before.as_ref()));
        Note {
            log: entity.map_or_else(|| self.log(|id| state.of(id).organization().is_some()), view::owner),
            resource: entity.and_then(view::name).unwrap_or_else(|| self.resource()),
            changes: touched.map(view::changes).unwrap_or_default(),
            ..self.noted(Outcome::Done)
        }
    }

    /// What is known of it without what it has done.
    fn noted(&self, outcome: Outcome) -> Note {
        Note {
            log: None,
            method: self.path.into(),
            peer: self.peer.map(|peer| peer.to_canonical()),
            request: self.trace.request.get().map(|id| short(id)).unwrap_or_default(),
            resource: self.resource(),
            outcome,
            changes: Vec::new(),
        }
    }

    fn resource(&self) -> String {
        self.trace.resource.get().map(|name| short(name)).unwrap_or_default()
    }

    /// Whose log it stands in, by who makes it: of the staff, and where nobody is asked who they are, the log of the organization that it names.
    fn log(&self, is_there: impl Fn(&OrganizationId) -> bool) -> Option<OrganizationId> {
        let named = || {
            let name = self.trace.resource.get()?.strip_prefix("organizations/")?;
            let id = OrganizationId::new(name.split('/').next().unwrap_or_default()).ok()?;
            is_there(&id).then_some(id)
        };
        match &self.caller {
            Caller::Local => named(),
            Caller::Token(caller) => match &caller.grant.scope {
                Scope::Organization(own) => Some(own.clone()),
                Scope::Service => named(),
            },
            Caller::Runner(runner) => runner.organization.clone(),
            Caller::Anonymous => self.trace.concerns.get().cloned().flatten(),
        }
    }
}

/// Asks a command that the coordinator asks by itself, and leaves an entry of it, by what it does that for.
///
/// # Errors
/// [`AskError`].
pub(crate) async fn ask_by_itself(
    shard: &ShardHandle,
    what: &'static str,
    command: Command,
) -> Result<Answer, AskError> {
    let asked = shard.turn(move |turn| {
        turn.ask_audited(&Principal::Coordinator, command, |_, touched| {
            by_itself(what, None, touched.as_ref())
        })
    });
    Ok(asked.await??)
}

/// Asks for a runner whether it may check in. When its key is locked then, since it is used at two places, that is the coordinator's doing, and has an entry with
/// the address from which the one came that was too many.
///
/// # Errors
/// [`Rejection`]: nothing has happened then.
pub(crate) fn ask_to_check_in(
    turn: &mut Turn<'_>,
    by: &Principal,
    check_in: CheckIn,
    peer: Option<IpAddr>,
) -> Result<Answer, Rejection> {
    let (owner, runner) = (check_in.profile.pool.organization.clone(), check_in.runner);
    let identity = |turn: &Turn<'_>| {
        let found = turn.state().of_owner(owner.as_ref()).runner_identity(runner).cloned();
        found.map(Entity::RunnerIdentity)
    };
    let before = identity(turn);
    let answer = turn.ask(by, Command::CheckIn(check_in))?;
    if matches!(answer, Answer::Barred(_)) {
        let after = identity(turn);
        let note = by_itself("cloned identity", peer, Some(&Touched { before, after }));
        turn.note(&Principal::Coordinator, note);
    }
    Ok(answer)
}

/// What the coordinator has done by itself.
fn by_itself(what: &'static str, peer: Option<IpAddr>, touched: Option<&Touched>) -> Note {
    let entity = touched.and_then(|touched| touched.after.as_ref().or(touched.before.as_ref()));
    Note {
        log: entity.and_then(view::owner),
        method: what.into(),
        peer: peer.map(|peer| peer.to_canonical()),
        request: String::new(),
        resource: entity.and_then(view::name).unwrap_or_default(),
        outcome: Outcome::Done,
        changes: touched.map(view::changes).unwrap_or_default(),
    }
}
