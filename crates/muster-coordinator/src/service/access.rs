//! `AccessService`: people, and the tokens that they and programs show.

use muster_core::decide::access::{Access, AccessRejection, find_person, find_token, person, token};
use muster_core::decide::{Answer, Command};
use muster_core::entity::{Person, Token};
use muster_core::ledger::Entity;
use muster_core::words::{Grant, PersonId, Principal, Scope, TokenId};
use muster_proto::v1;
use muster_proto::v1::access_service_server::AccessService;
use muster_shard::Turn;
use tonic::{Request, Response, Status};

use super::Services;
use super::integrations::preview::{applied, judge_command};
use crate::access::refused;
use crate::access::text::TokenText;
use crate::caller::Call;
use crate::clock;
use crate::status::ServiceError;
use crate::wire::FieldFault;
use crate::wire::access::{self, new_person, new_token, person_changes, person_name, scope, token_name};
use crate::wire::etag::Guard;
use crate::wire::page::{PAGE_SIZE_MAX, page_size};
use crate::wire::repeat::repeatable;

#[tonic::async_trait]
impl AccessService for Services {
    async fn who_am_i(&self, request: Request<v1::WhoAmIRequest>) -> Result<Response<v1::WhoAmIResponse>, Status> {
        Ok(Response::new(self.who_am_i_of(&Call::of(&request))?))
    }

    async fn create_person(&self, request: Request<v1::CreatePersonRequest>) -> Result<Response<v1::Person>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(self.create_person_of(call, request.into_inner()).await?))
    }

    async fn get_person(&self, request: Request<v1::GetPersonRequest>) -> Result<Response<v1::Person>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(self.get_person_of(call, request.into_inner()).await?))
    }

    async fn list_people(
        &self,
        request: Request<v1::ListPeopleRequest>,
    ) -> Result<Response<v1::ListPeopleResponse>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(self.list_people_of(call, request.into_inner()).await?))
    }

    async fn update_person(&self, request: Request<v1::UpdatePersonRequest>) -> Result<Response<v1::Person>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(self.update_person_of(call, request.into_inner()).await?))
    }

    async fn disable_person(&self, request: Request<v1::DisablePersonRequest>) -> Result<Response<v1::Person>, Status> {
        let call = Call::of(&request);
        let v1::DisablePersonRequest {
            name,
            etag,
            validate_only,
        } = request.into_inner();
        let asked = (Guard::of(&etag), validate_only);
        Ok(Response::new(self.switch_person_of(call, name, false, asked).await?))
    }

    async fn enable_person(&self, request: Request<v1::EnablePersonRequest>) -> Result<Response<v1::Person>, Status> {
        let call = Call::of(&request);
        let v1::EnablePersonRequest {
            name,
            etag,
            validate_only,
        } = request.into_inner();
        let asked = (Guard::of(&etag), validate_only);
        Ok(Response::new(self.switch_person_of(call, name, true, asked).await?))
    }

    async fn delete_person(&self, request: Request<v1::DeletePersonRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(self.delete_person_of(call, request.into_inner()).await?))
    }

    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(self.create_token_of(call, request.into_inner()).await?))
    }

    async fn get_token(&self, request: Request<v1::GetTokenRequest>) -> Result<Response<v1::Token>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(self.get_token_of(call, request.into_inner()).await?))
    }

    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensResponse>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(self.list_tokens_of(call, request.into_inner()).await?))
    }

    async fn revoke_token(&self, request: Request<v1::RevokeTokenRequest>) -> Result<Response<v1::Token>, Status> {
        let call = Call::of(&request);
        Ok(Response::new(self.revoke_token_of(call, request.into_inner()).await?))
    }
}

impl Services {
    fn who_am_i_of(&self, call: &Call) -> Result<v1::WhoAmIResponse, ServiceError> {
        let grant = granter(call)?;
        let mut told = v1::WhoAmIResponse {
            principal: call.principal().to_string(),
            role: access::role(grant.role).into(),
            scope: access::of_scope(&grant.scope),
            ..v1::WhoAmIResponse::default()
        };
        if let Principal::Token { token, person, .. } = call.principal() {
            told.token = access::of_token(&grant.scope, token);
            told.person = person
                .map(|person| access::of_person(&grant.scope, person))
                .unwrap_or_default();
            let known = self.shard.directory().token(token);
            told.expire_time = known
                .and_then(|(token, _)| token.expires)
                .map(crate::wire::time::timestamp);
        }
        Ok(told)
    }

    /// Whether people and tokens of this scope are the caller's to see.
    pub(super) fn judge_scope(&self, call: &Call, scope: &Scope) -> Result<(), ServiceError> {
        match scope {
            Scope::Organization(organization) => self.judge_organization(call, organization),
            Scope::Service if call.caller.is_of(scope) => Ok(()),
            Scope::Service => {
                let error = ServiceError::PermissionDenied(
                    "this is about the service's own staff, and the caller is not of it".to_owned(),
                );
                refused::note(call, &error, "service");
                Err(error)
            }
        }
    }

    async fn create_person_of(&self, call: Call, request: v1::CreatePersonRequest) -> Result<v1::Person, ServiceError> {
        let scope = scope("parent", &request.parent)?;
        self.judge_scope(&call, &scope)?;
        // What only asks whether it is in order makes nothing that could remember it.
        let repeatable = repeatable(&request)?.filter(|_| !request.validate_only);
        let asked = request.person.as_ref();
        let asked = asked.ok_or_else(|| FieldFault::new("person", "is missing: say who"))?;
        let new = new_person(asked)?;
        let command = Access::CreatePerson(person::Create {
            granter: granter(&call)?,
            scope: scope.clone(),
            name: new.name,
            email: new.email,
            role: new.role,
            request: repeatable,
        });
        let of = Whom {
            scope,
            person: None,
            guard: Guard::None,
        };
        self.change_person(call, command, of, request.validate_only).await
    }

    async fn get_person_of(&self, call: Call, request: v1::GetPersonRequest) -> Result<v1::Person, ServiceError> {
        let (scope, id) = person_name("name", &request.name)?;
        self.judge_scope(&call, &scope)?;
        let found = self
            .shard
            .turn(move |turn| find_person(turn.state(), &scope, id).cloned())
            .await?;
        Ok(access::person(&found.map_err(rejected)?))
    }

    async fn list_people_of(
        &self,
        call: Call,
        request: v1::ListPeopleRequest,
    ) -> Result<v1::ListPeopleResponse, ServiceError> {
        let scope = scope("parent", &request.parent)?;
        self.judge_scope(&call, &scope)?;
        let size = page_size(request.page_size, PAGE_SIZE_MAX)?;
        let query = self.tokens.query("people", &[&request.parent]);
        let after: Option<PersonId> = query
            .position(&request.page_token)
            .map_err(|_| ServiceError::Token("page_token"))?;
        let (page, more) = self
            .shard
            .turn(move |turn| {
                let mut ids = turn.state().index().access().people(&scope, after);
                let people = ids.by_ref().take(size);
                let page: Vec<Person> = people
                    .filter_map(|id| turn.state().of_owner(scope.organization()).person(id).cloned())
                    .collect();
                (page, ids.next().is_some())
            })
            .await?;
        let last = page.last().filter(|_| more);
        Ok(v1::ListPeopleResponse {
            next_page_token: last.map(|last| query.token(&last.id)).unwrap_or_default(),
            people: page.iter().map(access::person).collect(),
        })
    }

    async fn update_person_of(&self, call: Call, request: v1::UpdatePersonRequest) -> Result<v1::Person, ServiceError> {
        let asked = request.person.as_ref();
        let asked = asked.ok_or_else(|| FieldFault::new("person", "is missing: say what to change"))?;
        let (scope, id) = person_name("person.name", &asked.name)?;
        self.judge_scope(&call, &scope)?;
        let changes = person_changes(asked, request.update_mask.as_ref())?;
        let command = Access::UpdatePerson(person::Update {
            granter: granter(&call)?,
            scope: scope.clone(),
            person: id,
            name: changes.name,
            email: changes.email,
            role: changes.role,
        });
        let guard = Guard::of(&asked.etag);
        let of = Whom {
            scope,
            person: Some(id),
            guard,
        };
        self.change_person(call, command, of, request.validate_only).await
    }

    async fn switch_person_of(
        &self,
        call: Call,
        name: String,
        enabled: bool,
        (guard, validate_only): (Guard, bool),
    ) -> Result<v1::Person, ServiceError> {
        let (scope, person) = person_name("name", &name)?;
        self.judge_scope(&call, &scope)?;
        let command = Access::SwitchPerson(person::Switch {
            granter: granter(&call)?,
            scope: scope.clone(),
            person,
            enabled,
        });
        let of = Whom {
            scope,
            person: Some(person),
            guard,
        };
        self.change_person(call, command, of, validate_only).await
    }

    /// Asks a command about a person, or only what would become of them, and answers with that.
    async fn change_person(
        &self,
        call: Call,
        command: Access,
        of: Whom,
        validate_only: bool,
    ) -> Result<v1::Person, ServiceError> {
        let by = call.clone();
        let changed: Result<v1::Person, ServiceError> = self
            .shard
            .turn(move |turn| {
                let before = of.before(turn)?;
                let command = Command::Access(command);
                if validate_only {
                    let decision = judge_command(turn, &by, command)?;
                    let id = answered(&decision.answer)?;
                    let is_new = before.is_none();
                    let copy = applied(turn, &by, decision.events, before.map(Entity::Person));
                    let mut would_be = access::person(copy.person(id).ok_or_else(gone)?);
                    if is_new {
                        // It would be another one.
                        would_be.name.clear();
                    }
                    return Ok(would_be);
                }
                let id = answered(&by.ask(turn, command)?)?;
                let found = turn.state().of_owner(of.scope.organization()).person(id);
                Ok(access::person(found.ok_or_else(gone)?))
            })
            .await?;
        changed.inspect_err(|error| note_if_denied(&call, error))
    }

    async fn delete_person_of(&self, call: Call, request: v1::DeletePersonRequest) -> Result<(), ServiceError> {
        let (scope, person) = person_name("name", &request.name)?;
        self.judge_scope(&call, &scope)?;
        let command = Access::DeletePerson(person::Delete {
            granter: granter(&call)?,
            scope: scope.clone(),
            person,
        });
        let of = Whom {
            scope,
            person: Some(person),
            guard: Guard::of(&request.etag),
        };
        let by = call.clone();
        let deleted: Result<(), ServiceError> = self
            .shard
            .turn(move |turn| {
                of.before(turn)?;
                let command = Command::Access(command);
                if request.validate_only {
                    judge_command(turn, &by, command)?;
                } else {
                    by.ask(turn, command)?;
                }
                Ok(())
            })
            .await?;
        deleted.inspect_err(|error| note_if_denied(&call, error))
    }

    async fn create_token_of(
        &self,
        call: Call,
        request: v1::CreateTokenRequest,
    ) -> Result<v1::CreateTokenResponse, ServiceError> {
        let scope = scope("parent", &request.parent)?;
        self.judge_scope(&call, &scope)?;
        let asked = request.token.as_ref();
        let asked = asked.ok_or_else(|| FieldFault::new("token", "is missing: say whose, or what for"))?;
        // What only asks whether it is in order makes nothing that could remember it.
        let repeatable = repeatable(&request)?.filter(|_| !request.validate_only);
        let now = clock::now().stamp;
        let new = new_token(asked, request.never_expires, &scope, now)?;
        let id = TokenId::generate(now, &mut fastrand::Rng::new());
        let text = TokenText::new(id);
        let command = Access::CreateToken(token::Create {
            granter: granter(&call)?,
            token: id,
            scope: scope.clone(),
            person: new.person,
            name: new.name,
            role: new.role,
            expires: new.expires,
            hash: text.hash(),
            request: repeatable,
        });
        let (made, mut token) = self
            .change_token(&call, command, (scope, id), request.validate_only)
            .await?;
        if request.validate_only {
            // It would be another one.
            token.name.clear();
        }
        // The text of one that a request before has made was told then, and is kept nowhere.
        let is_told = made == id && !request.validate_only;
        Ok(v1::CreateTokenResponse {
            token: Some(token),
            text: if is_told {
                text.reveal().to_owned()
            } else {
                String::new()
            },
        })
    }

    async fn get_token_of(&self, call: Call, request: v1::GetTokenRequest) -> Result<v1::Token, ServiceError> {
        let (scope, id) = token_name("name", &request.name)?;
        self.judge_scope(&call, &scope)?;
        self.shard
            .turn(move |turn| {
                find_token(turn.state(), &scope, id).map_err(rejected)?;
                told(turn, &scope, id).ok_or_else(gone)
            })
            .await?
    }

    async fn list_tokens_of(
        &self,
        call: Call,
        request: v1::ListTokensRequest,
    ) -> Result<v1::ListTokensResponse, ServiceError> {
        let scope = scope("parent", &request.parent)?;
        self.judge_scope(&call, &scope)?;
        let size = page_size(request.page_size, PAGE_SIZE_MAX)?;
        let person = match request.person.as_str() {
            "" => None,
            name => Some(person_name("person", name)?),
        };
        let query = self.tokens.query("tokens", &[&request.parent, &request.person]);
        let after: Option<TokenId> = query
            .position(&request.page_token)
            .map_err(|_| ServiceError::Token("page_token"))?;
        let (page, last) = self
            .shard
            .turn(move |turn| {
                let mut ids = turn.state().index().access().tokens(&scope, after);
                let seen: Vec<TokenId> = ids.by_ref().take(size).collect();
                let last = seen.last().copied().filter(|_| ids.next().is_some());
                let tokens = seen.into_iter().filter_map(|id| told(turn, &scope, id));
                let is_theirs = |token: &v1::Token| {
                    let theirs = person.as_ref().map(|(scope, id)| access::of_person(scope, *id));
                    theirs.is_none_or(|theirs| token.person == theirs)
                };
                (tokens.filter(is_theirs).collect(), last)
            })
            .await?;
        Ok(v1::ListTokensResponse {
            tokens: page,
            next_page_token: last.map(|last| query.token(&last)).unwrap_or_default(),
        })
    }

    async fn revoke_token_of(&self, call: Call, request: v1::RevokeTokenRequest) -> Result<v1::Token, ServiceError> {
        let (scope, id) = token_name("name", &request.name)?;
        self.judge_scope(&call, &scope)?;
        let command = Access::RevokeToken(token::Revoke {
            granter: granter(&call)?,
            scope: scope.clone(),
            token: id,
        });
        let (_, token) = self
            .change_token(&call, command, (scope, id), request.validate_only)
            .await?;
        Ok(token)
    }

    /// Asks a command about a token, or only what would become of it, and answers with that, and with which it is: another one where the request has made
    /// one before.
    async fn change_token(
        &self,
        call: &Call,
        command: Access,
        (scope, id): (Scope, TokenId),
        validate_only: bool,
    ) -> Result<(TokenId, v1::Token), ServiceError> {
        let by = call.clone();
        let changed: Result<(TokenId, v1::Token), ServiceError> = self
            .shard
            .turn(move |turn| {
                let command = Command::Access(command);
                if validate_only {
                    let decision = judge_command(turn, &by, command)?;
                    let own = turn.state().of_owner(scope.organization());
                    let before = own.token(id).cloned().map(Entity::Token);
                    let copy = applied(turn, &by, decision.events, before);
                    let would_be = copy.token(id).ok_or_else(gone)?;
                    let holder = would_be.person.and_then(|person| own.person(person));
                    return Ok((id, access::token(would_be, holder, turn.now().stamp)));
                }
                let id = match by.ask(turn, command)? {
                    Answer::Token(made) => made,
                    _ => id,
                };
                Ok((id, told(turn, &scope, id).ok_or_else(gone)?))
            })
            .await?;
        changed.inspect_err(|error| note_if_denied(call, error))
    }
}

/// Whom a change is about.
struct Whom {
    scope: Scope,
    /// `None` for a new one.
    person: Option<PersonId>,
    guard: Guard,
}

impl Whom {
    /// How they are before the change; `None` for a new one.
    fn before(&self, turn: &Turn<'_>) -> Result<Option<Person>, ServiceError> {
        let Some(id) = self.person else { return Ok(None) };
        let found = find_person(turn.state(), &self.scope, id).map_err(rejected)?;
        if !self.guard.allows(found.version) {
            return Err(rejected(AccessRejection::PersonStale(id)));
        }
        Ok(Some(found.clone()))
    }
}

fn answered(answer: &Answer) -> Result<PersonId, ServiceError> {
    match answer {
        Answer::Person(id) => Ok(*id),
        other => Err(ServiceError::internal(format!("a person was asked for: {other:?}"))),
    }
}

fn gone() -> ServiceError {
    ServiceError::internal("whoever or whatever was just changed is gone")
}

fn told(turn: &Turn<'_>, scope: &Scope, id: TokenId) -> Option<v1::Token> {
    let own = turn.state().of_owner(scope.organization());
    let found: &Token = own.token(id)?;
    let person = found.person.and_then(|person| own.person(person));
    Some(access::token(found, person, turn.now().stamp))
}

/// What the caller has, and so can give.
fn granter(call: &Call) -> Result<Grant, ServiceError> {
    let nobody = || ServiceError::PermissionDenied("the caller has no role".to_owned());
    call.caller.grant().ok_or_else(nobody)
}

fn rejected(rejection: AccessRejection) -> ServiceError {
    ServiceError::Rejected(rejection.into())
}

fn note_if_denied(call: &Call, error: &ServiceError) {
    if error.reason() == v1::ErrorReason::PermissionDenied {
        refused::note(call, error, "");
    }
}
