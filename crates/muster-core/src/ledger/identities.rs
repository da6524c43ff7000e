//! Authorities, enrollment tokens and the identities of runners: their part of the ledger.

use std::collections::BTreeMap;

use super::{Position, Stamped};
use crate::entity::{Authority, Barred, EnrollmentToken, EntityKey, Generation, RunnerIdentity};
use crate::event::{IdentityEvent, Recorded};
use crate::words::{EnrollmentTokenId, OrganizationId, RunnerId};

/// By whom others are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Identities {
    pub(super) authorities: BTreeMap<Option<OrganizationId>, Stamped<Authority>>,
    pub(super) tokens: BTreeMap<EnrollmentTokenId, Stamped<EnrollmentToken>>,
    pub(super) runners: BTreeMap<RunnerId, Stamped<RunnerIdentity>>,
}

impl Identities {
    pub(super) fn apply(&mut self, position: Position, recorded: &Recorded, event: &IdentityEvent) {
        match event {
            IdentityEvent::AuthorityRotated {
                owner,
                number,
                certificate,
                sealed_key,
                overlap,
            } => {
                let stamped = self.authorities.entry(owner.clone()).or_insert_with(|| Stamped {
                    applied: Position::default(),
                    entity: Authority {
                        owner: owner.clone(),
                        generations: Vec::new(),
                    },
                });
                if stamped.applied < position {
                    stamped.applied = position;
                    let next = Generation {
                        number: *number,
                        certificate: certificate.clone(),
                        sealed_key: sealed_key.clone(),
                        since: recorded.at,
                        until: None,
                    };
                    stamped.entity.rotate(next, *overlap);
                }
            }
            IdentityEvent::EnrollmentTokenCreated {
                token,
                pool,
                hash,
                expires,
                uses_max,
            } => {
                self.tokens.entry(*token).or_insert_with(|| Stamped {
                    applied: position,
                    entity: EnrollmentToken {
                        id: *token,
                        pool: pool.clone(),
                        hash: *hash,
                        made: recorded.at,
                        made_by: recorded.by.clone(),
                        expires: *expires,
                        uses_max: *uses_max,
                        uses: Vec::new(),
                        revoked: None,
                    },
                });
            }
            IdentityEvent::EnrollmentTokenRevoked { token } => {
                self.change_token(*token, position, |token| token.revoked = Some(recorded.at));
            }
            IdentityEvent::EnrollmentTokenForgotten { token } => {
                self.tokens.remove(token);
            }
            IdentityEvent::RunnerEnrolled {
                token,
                runner,
                pool,
                key,
                certificate,
            } => {
                self.change_token(*token, position, |token| token.uses.push((*key, *runner)));
                self.runners.entry(*runner).or_insert_with(|| Stamped {
                    applied: position,
                    entity: RunnerIdentity {
                        runner: *runner,
                        pool: pool.clone(),
                        key: *key,
                        certificate: certificate.clone(),
                        enrolled: recorded.at,
                        token: *token,
                        barred: None,
                    },
                });
            }
            IdentityEvent::CertificateRenewed { runner, certificate } => {
                self.change_runner(*runner, position, |runner| runner.certificate = certificate.clone());
            }
            IdentityEvent::RunnerBarred { runner, why } => {
                let barred = Barred {
                    why: *why,
                    since: recorded.at,
                };
                self.change_runner(*runner, position, |runner| runner.barred = Some(barred));
            }
            IdentityEvent::RunnerIdentityForgotten { runner } => {
                self.runners.remove(runner);
            }
            IdentityEvent::AuthorityForgotten { owner } => {
                self.authorities.remove(&Some(owner.clone()));
            }
        }
    }

    /// Each with the position of the last event that was applied to it.
    pub(super) fn positions(&self) -> impl Iterator<Item = (EntityKey, Position)> {
        let authorities = self.authorities.iter();
        let authorities = authorities.map(|(owner, one)| (EntityKey::Authority(owner.clone()), one.applied));
        let tokens = self.tokens.iter();
        let tokens = tokens.map(|(id, one)| (EntityKey::EnrollmentToken(*id), one.applied));
        let runners = self.runners.iter();
        let runners = runners.map(|(id, one)| (EntityKey::RunnerIdentity(*id), one.applied));
        authorities.chain(tokens).chain(runners)
    }

    fn change_token(&mut self, id: EnrollmentTokenId, position: Position, change: impl FnOnce(&mut EnrollmentToken)) {
        if let Some(stamped) = self.tokens.get_mut(&id)
            && stamped.applied < position
        {
            stamped.applied = position;
            change(&mut stamped.entity);
        }
    }

    fn change_runner(&mut self, id: RunnerId, position: Position, change: impl FnOnce(&mut RunnerIdentity)) {
        if let Some(stamped) = self.runners.get_mut(&id)
            && stamped.applied < position
        {
            stamped.applied = position;
            change(&mut stamped.entity);
        }
    }
}
