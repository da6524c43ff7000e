//! Tokens: what a person or a program shows to be let in.

use super::{AccessRejection, TOKENS_MAX, TOKENS_REMEMBERED, find_person, find_token, judge_grant, judge_way_in};
use crate::decide::{Answer, Decision, Rejection};
use crate::event::{AccessEvent, Event};
use crate::planted;
use crate::state::State;
use crate::time::{Now, Stamp};
use crate::words::{DisplayName, Grant, PersonId, Request, Role, Scope, TokenHash, TokenId};

/// Make a token. Its secret was made before, by whoever has a source of secrets; here is only by what it is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// What whoever asks may do.
    pub granter: Grant,
    /// Its id, which nothing has had before.
    pub token: TokenId,
    /// Where it opens something: where its person may do something.
    pub scope: Scope,
    /// Whose it will be; `None` for a program's.
    pub person: Option<PersonId>,
    /// What the program is called, or what the person calls the token.
    pub name: DisplayName,
    /// What it opens, at the most; `None` for all that its person may do, and for a program's all that a viewer may.
    pub role: Option<Role>,
    /// When it ends by itself; `None` for never.
    pub expires: Option<Stamp>,
    /// By what it is known again.
    pub hash: TokenHash,
    /// By what its caller knows the request again; `None` when it is not meant to be repeated.
    pub request: Option<Request>,
}

impl Create {
    /// Also forgets tokens of the scope that have been over for long. A request that has made a token before which is still remembered makes none: the
    /// first is the answer, and the secret that was made for this one is worth nothing.
    ///
    /// # Errors
    /// [`AccessRejection::PersonNotFound`], [`AccessRejection::BeyondGranter`], [`AccessRejection::TokenRequestReused`],
    /// [`AccessRejection::BeyondHolder`], [`AccessRejection::ExpiryPast`], [`AccessRejection::TooMany`].
    pub fn decide(self, state: &State, now: Now) -> Result<Decision, Rejection> {
        let most = match self.person {
            Some(person) => Some(find_person(state, &self.scope, person)?.role),
            None => None,
        };
        let role = self.role.or(most).unwrap_or(Role::Viewer);
        let grant = Grant {
            role,
            scope: self.scope.clone(),
        };
        judge_grant(&self.granter, &grant)?;
        let made = self.request.filter(|_| !planted!("access-request-forgotten"));
        let made = made.and_then(|request| state.index().access().token_requested(&self.scope, request.id));
        if let Some(made) = made.and_then(|made| state.ledger().token(made)) {
            if made.request != self.request {
                return Err(AccessRejection::TokenRequestReused(made.id).into());
            }
            return Ok(Decision {
                answer: Answer::Token(made.id),
                ..Decision::default()
            });
        }
        if let Some(most) = most.filter(|most| *most < role) {
            return Err(AccessRejection::BeyondHolder { role, most }.into());
        }
        if self.expires.is_some_and(|end| end <= now.stamp) {
            return Err(AccessRejection::ExpiryPast.into());
        }
        let forgotten: Vec<_> = forgettable(state, &self.scope, now.stamp).collect();
        if state.index().access().tokens_count(&self.scope) - forgotten.len() >= TOKENS_MAX {
            return Err(AccessRejection::TooMany {
                what: "tokens",
                max: TOKENS_MAX,
            }
            .into());
        }
        let created = AccessEvent::TokenCreated {
            token: self.token,
            scope: self.scope,
            person: self.person,
            name: self.name,
            role,
            expires: self.expires,
            hash: self.hash,
            request: self.request,
        };
        let forgotten = forgotten.into_iter().map(|token| AccessEvent::TokenForgotten { token });
        Ok(Decision {
            events: forgotten.chain([created]).map(Event::Access).collect(),
            answer: Answer::Token(self.token),
            ..Decision::default()
        })
    }
}

fn forgettable(state: &State, scope: &Scope, now: Stamp) -> impl Iterator<Item = TokenId> {
    let tokens = state.index().access().tokens(scope, None);
    tokens.filter(move |id| {
        let over = state.ledger().token(*id).and_then(|token| token.over(now));
        over.is_some_and(|over| over.after(TOKENS_REMEMBERED) <= now)
    })
}

/// Let a token open nothing any more. One that is revoked already stays so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoke {
    /// What whoever asks may do.
    pub granter: Grant,
    /// Where.
    pub scope: Scope,
    /// Which.
    pub token: TokenId,
}

impl Revoke {
    /// # Errors
    /// [`AccessRejection::TokenNotFound`], [`AccessRejection::BeyondGranter`], [`AccessRejection::LastAdmin`].
    pub fn decide(self, state: &State, now: Now) -> Result<Decision, Rejection> {
        let token = find_token(state, &self.scope, self.token)?;
        let grant = Grant {
            role: token.role,
            scope: token.scope.clone(),
        };
        judge_grant(&self.granter, &grant)?;
        if token.revoked.is_some() {
            return Ok(Decision::nothing());
        }
        judge_way_in(state, now.stamp, |other| other.id == token.id)?;
        Ok(Decision::event(Event::Access(AccessEvent::TokenRevoked {
            token: token.id,
        })))
    }
}

/// Tokens were used since that was noted last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteUsed {
    /// Which, and when last.
    pub used: Vec<(TokenId, Stamp)>,
}

impl NoteUsed {
    /// Notes what is news, of tokens that are still there.
    #[must_use]
    pub fn decide(self, state: &State) -> Decision {
        let news = self.used.into_iter().filter(|(id, at)| {
            let token = state.ledger().token(*id);
            token.is_some_and(|token| token.used < Some(*at))
        });
        let events = news.map(|(token, at)| Event::Access(AccessEvent::TokenUsed { token, at }));
        Decision {
            events: events.collect(),
            ..Decision::default()
        }
    }
}
