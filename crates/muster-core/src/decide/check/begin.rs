//! A person asks for a check of an integration.

use std::cmp::Reverse;

use crate::decide::{Answer, CheckOrder, Decision, Effect, Message, Rejection, integration};
use crate::explain;
use crate::index::Lane;
use crate::roster::{self, CHECKS_MAX, RosterChange};
use crate::state::State;
use crate::time::Now;
use crate::words::{CheckId, IntegrationId, OrganizationId, RunnerId, SessionId};

/// How many runners of a pool are looked at: the answer stays cheap, and one of so many will do.
const LOOKED_AT_MAX: usize = 1_000;

/// Let a runner check whether the source of an integration can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub integration: IntegrationId,
}

impl Check {
    /// The runner with the fewest checks and, of those, the most free slots is asked. Drafts, and what is disabled or paused, are checked as all others.
    ///
    /// # Errors
    /// [`Rejection::IntegrationNotFound`], [`Rejection::NoRunner`], [`Rejection::ChecksFull`].
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Result<Decision, Rejection> {
        let integration = integration::find(state, &self.organization, self.integration)?;
        let definition = &integration.definition;
        let lane = definition.lane();
        let Some((runner, session)) = choose(state, &lane) else {
            return Err(match explain::no_runner(state, &lane, now) {
                Some((why, next_step)) => Rejection::NoRunner { why, next_step },
                None => Rejection::ChecksFull {
                    pool: lane.pool.name,
                    max: CHECKS_MAX,
                },
            });
        };
        let check = CheckId::generate(now.stamp, chance);
        let order = CheckOrder {
            check,
            organization: self.organization,
            integration: integration.id,
            connector: lane.connector,
            access_schema: definition.access_schema.clone(),
            configuration: definition.configuration.clone(),
            revision: integration.revision,
            time_limit: state.roster().limits().check,
        };
        let begun = roster::Check {
            integration: integration.id,
            revision: integration.revision,
            runner,
            session,
            began: now.moment,
        };
        Ok(Decision {
            roster: vec![RosterChange::CheckBegan(check, begun)],
            effects: vec![Effect::Send {
                runner,
                session,
                message: Message::Check(Box::new(order)),
            }],
            answer: Answer::Checking { check, runner },
            ..Decision::default()
        })
    }
}

fn choose(state: &State, lane: &Lane) -> Option<(RunnerId, SessionId)> {
    let roster = state.roster();
    let runners = state.index().runners_of(&lane.pool).take(LOOKED_AT_MAX);
    let able = runners.filter_map(|runner| {
        let presence = roster.presence(runner).filter(|presence| presence.is_open())?;
        let checks = roster.checks().of(runner).count();
        let can = presence.serves(lane) && checks < CHECKS_MAX;
        can.then_some((checks, Reverse(presence.free()), runner, presence.session?))
    });
    able.min().map(|(.., runner, session)| (runner, session))
}
