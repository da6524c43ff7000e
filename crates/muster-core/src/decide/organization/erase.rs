//! An organization that is being deleted loses what it has, one thing at a time: however large it is, others are served in between, and a restart goes on
//! where it was, since what is left says it.

use crate::decide::integration::delete;
use crate::decide::{CloseReason, Decision, Effect, Message, access, check};
use crate::entity::{OrganizationState, Runner};
use crate::event::{Event, IdentityEvent, OrganizationChange};
use crate::roster::RosterChange;
use crate::state::State;
use crate::time::Now;
use crate::words::{OrganizationId, Principal, Scope};

/// How many of the smallest things go at once.
const AT_ONCE: usize = 64;

/// Delete one thing of an organization that is being deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erase {
    /// Which.
    pub organization: OrganizationId,
}

impl Erase {
    /// Its integrations first, with all that follows; when none of their executions is open any more (what is past its commit point is published), its
    /// runners, connectors and incidents, then by what its people and runners are known; at last itself, but for its name. Nothing happens when it is not being deleted, or has to wait.
    #[must_use]
    pub fn decide(&self, state: &State, by: &Principal, now: Now) -> Decision {
        let of = &self.organization;
        let found = state.ledger().organization(of).map(|found| &found.state);
        if !matches!(found, Some(OrganizationState::Closing { .. })) {
            return Decision::nothing();
        }
        let index = state.index();
        let mut integrations = index.integrations_of(of, None);
        if let Some(integration) = integrations.find_map(|id| state.ledger().integration(id)) {
            return delete::with_all(state, integration, &format!("{by} deleted the organization"), now);
        }
        if index.open_count_of(of) > 0 {
            return Decision::nothing();
        }
        let runner = index.runners_owned_by(Some(of.clone()), None).next();
        if let Some(runner) = runner.and_then(|id| state.ledger().runner(id)) {
            return forget(state, runner);
        }
        if let Some(connector) = state.ledger().connectors_of(Some(of)).next() {
            let connector = connector.key.clone();
            return Decision::event(Event::ConnectorForgotten { connector });
        }
        if let Some(incident) = index.alerts().incidents_before(of, None).next() {
            return Decision::event(Event::IncidentForgotten { incident });
        }
        let known = known(state, of);
        if !known.is_empty() {
            return Decision::events(known);
        }
        Decision::event(Event::OrganizationChanged {
            organization: of.clone(),
            change: OrganizationChange::Deleted,
        })
    }
}

/// The first organization of which there is something to erase now; `None` when there is none.
#[must_use]
pub fn next(state: &State) -> Option<Erase> {
    let index = state.index();
    let waits = |of: &OrganizationId| index.integration_count(of) == 0 && index.open_count_of(of) > 0;
    let organization = index.closing().find(|of| !waits(of))?.clone();
    Some(Erase { organization })
}

/// By what its people, programs and runners are known: some of it at a time, the authority last.
fn known(state: &State, of: &OrganizationId) -> Vec<Event> {
    let scope = Scope::Organization(of.clone());
    let people = access::forget_all(state, &scope);
    if !people.is_empty() {
        return people;
    }
    let own = state.of(of);
    let tokens = state.index().access().enrollment_tokens(&scope, None);
    let tokens = tokens.map(|token| IdentityEvent::EnrollmentTokenForgotten { token });
    let runners = own
        .runner_identities()
        .map(|identity| IdentityEvent::RunnerIdentityForgotten {
            runner: identity.runner,
        });
    let authority = own
        .authority()
        .map(|_| IdentityEvent::AuthorityForgotten { owner: of.clone() });
    let known = tokens.chain(runners).chain(authority);
    known.take(AT_ONCE).map(Event::Identity).collect()
}

/// A runner goes with its organization. It holds nothing.
fn forget(state: &State, runner: &Runner) -> Decision {
    let id = runner.id;
    let mut decision = Decision::event(Event::RunnerForgotten { runner: id });
    check::lose(state, id, "was deleted with its organization", &mut decision);
    let presence = state.roster().presence(id);
    if let Some(session) = presence.and_then(|presence| presence.session) {
        decision.effects.push(Effect::Send {
            runner: id,
            session,
            message: Message::Close(CloseReason::Lapsed),
        });
    }
    decision.roster.push(RosterChange::Removed(id));
    let pool = &runner.profile.pool;
    let is_last = state.index().runners_of(pool).take(2).count() == 1;
    if is_last {
        decision.roster.push(RosterChange::Abandoned(pool.clone()));
    } else if runner.left.is_none() && state.index().pools().present(pool) == 1 {
        decision.roster.push(RosterChange::Deserted(pool.clone()));
    }
    decision
}
