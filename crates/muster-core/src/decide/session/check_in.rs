//! A runner opens its stream.

use std::num::NonZeroU64;

use crate::alert::runner;
use crate::decide::check;
use crate::decide::identity::{self, IdentityRejection};
use crate::decide::organization::{self, quota};
use crate::decide::session::{desert, lose, withdraw};
use crate::decide::{Answer, CloseReason, Decision, Effect, Message, Rejection, Welcome, Work};
use crate::entity::{BarReason, ConnectorKey, Offer, Phase, Profile};
use crate::event::Event;
use crate::planted;
use crate::roster::RosterChange;
use crate::state::State;
use crate::time::Now;
use crate::words::{Fingerprint, RunnerId, SessionId, Version};

/// How often a process may come back after another one with the same key, before the key is taken for copied.
pub const RETURNS_MAX: u32 = 3;

/// A runner says who it is, what it offers, and what it still has from before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckIn {
    /// Who.
    pub runner: RunnerId,
    /// The session that begins.
    pub session: SessionId,
    /// The fingerprint of the key by which it is known; `None` where nobody is asked.
    pub key: Option<Fingerprint>,
    /// Which process it is, by a number that each draws when it starts; `None` of one that does not say.
    pub instance: Option<NonZeroU64>,
    /// What it says about itself.
    pub profile: Profile,
    /// The connectors that it may run.
    pub offers: Vec<Offer>,
    /// What it still runs.
    pub running: Vec<Work>,
    /// What it has finished and could not report. The reports follow.
    pub finished: Vec<Work>,
}

impl CheckIn {
    /// The newest session of an identity wins. What the runner holds and still knows it keeps; what it does not know any more was lost on its way
    /// (then the claim is withdrawn) or with the runner's last life (then the attempt has failed).
    ///
    /// # Errors
    /// [`IdentityRejection`] when it is not known by its key, or may not come any more.
    /// [`Rejection::OrganizationNotFound`], [`Rejection::OrganizationSuspended`], [`Rejection::OrganizationClosing`]; [`Rejection::QuotaReached`] for a
    /// runner that is new to its organization.
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Result<Decision, Rejection> {
        if let Some(key) = &self.key {
            let identity = identity::known(state, self.runner, key)?;
            if identity.pool != self.profile.pool {
                return Err(IdentityRejection::OtherPool {
                    runner: self.runner,
                    pool: identity.pool,
                }
                .into());
            }
            if self.is_clone(state) {
                let mut decision = identity::bar::barred(state, self.runner, BarReason::Cloned, now, chance);
                decision.answer = Answer::Barred(BarReason::Cloned);
                return Ok(decision);
            }
        }
        self.judge_owner(state)?;
        let mut decision = Decision::nothing();
        self.supersede(state, &mut decision);
        check::lose(state, self.runner, "has checked in anew", &mut decision);
        self.introduce(state, now, &mut decision);
        let (resumed, fenced) = self.sort_running(state);
        for id in state.index().held_by(self.runner) {
            let Some(execution) = state.ledger().execution(id) else {
                continue;
            };
            let known = (id, execution.attempt);
            if self.running.contains(&known) {
                decision.roster.push(RosterChange::Settled(id));
                continue;
            }
            if self.finished.contains(&known) {
                // The report follows. A runner that does not keep its word loses the work.
                decision.roster.push(RosterChange::Assigned {
                    runner: self.runner,
                    execution: id,
                    attempt: execution.attempt,
                });
                continue;
            }
            match execution.phase {
                Phase::Pending(_) => withdraw(state, execution, &mut decision),
                Phase::Executing(_) => {
                    let name = &self.profile.display_name;
                    let why = format!("the runner `{name}` has started anew and does not know of this execution");
                    lose(state, execution, why, now, chance, &mut decision);
                }
                Phase::Created { .. } | Phase::Landing(..) => {}
            }
        }
        let required = runner::required(&self.profile.version, state.index().policy());
        decision.roster.insert(0, self.checked_in(state, required));
        let lease = state.roster().limits().lease;
        decision.answer = Answer::Welcome(Welcome {
            lease,
            resumed,
            fenced,
            required,
        });
        Ok(decision)
    }

    /// Whether two processes with this key take turns. One that was started anew never comes back as what it was before, so whoever does is beside
    /// another one.
    fn is_clone(&self, state: &State) -> bool {
        let (Some(instance), Some(presence)) = (self.instance, state.roster().presence(self.runner)) else {
            return false;
        };
        presence.instances.returns_with(instance) >= RETURNS_MAX
    }

    /// Whether the organization that it says it belongs to takes it.
    fn judge_owner(&self, state: &State) -> Result<(), Rejection> {
        let Some(owner) = &self.profile.organization else {
            return Ok(());
        };
        let owner = if planted!("suspended-checks-in") {
            organization::find(state, owner)?
        } else {
            organization::judge_active(state, owner)?
        };
        let known = state.ledger().runner(self.runner);
        let is_new = known.is_none_or(|known| known.profile.organization != self.profile.organization);
        quota::judge_runners(state, owner, usize::from(is_new))
    }

    fn checked_in(&self, state: &State, required: Option<Version>) -> RosterChange {
        let known = state.ledger().runner(self.runner);
        let is_drained = known.is_some_and(|known| known.drained.is_some());
        RosterChange::CheckedIn {
            runner: self.runner,
            session: self.session,
            pool: self.profile.pool.clone(),
            connectors: self.profile.connectors.clone(),
            sealing_key: self.profile.sealing_key.clone(),
            slots: self.profile.slots,
            instance: self.instance,
            required,
            is_drained,
        }
    }

    fn supersede(&self, state: &State, decision: &mut Decision) {
        let before = state
            .roster()
            .presence(self.runner)
            .and_then(|presence| presence.session);
        if let Some(session) = before.filter(|session| *session != self.session) {
            let message = Message::Close(CloseReason::Superseded);
            decision.effects.push(Effect::Send {
                runner: self.runner,
                session,
                message,
            });
        }
    }

    fn introduce(&self, state: &State, now: Now, decision: &mut Decision) {
        let known = state.ledger().runner(self.runner);
        if known.is_some_and(|known| known.profile.pool != self.profile.pool) {
            desert(state, self.runner, decision);
        }
        let before = known.and_then(|known| known.outdated);
        let event = Event::RunnerCheckedIn {
            runner: self.runner,
            profile: self.profile.clone(),
            outdated: runner::outdated(&self.profile.version, before, state.index().policy(), now.stamp),
        };
        decision.events.push(event);
        for offer in &self.offers {
            let connector = ConnectorKey {
                organization: self.profile.organization.clone(),
                name: offer.name.clone(),
            };
            let known = state
                .ledger()
                .connector(&connector)
                .is_some_and(|known| known.offer == *offer);
            if !known {
                decision.events.push(Event::ConnectorOffered {
                    connector,
                    offer: offer.clone(),
                });
            }
        }
    }

    fn sort_running(&self, state: &State) -> (Vec<Work>, Vec<Work>) {
        self.running.iter().partition(|(id, attempt)| {
            let claim = state.ledger().execution(*id).and_then(|execution| execution.holder());
            claim.is_some_and(|claim| claim.runner == self.runner && claim.attempt == *attempt)
        })
    }
}
