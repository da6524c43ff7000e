//! Changing an integration, and what else its form can do.

use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::Uri;
use muster_proto::v1::{
    CreateIntegrationRequest, DisableIntegrationRequest, EnableIntegrationRequest, GetIntegrationRequest, Integration,
    PauseIntegrationRequest, ResumeIntegrationRequest, UpdateIntegrationRequest,
};
use prost_types::FieldMask;
use tonic::Status;

use super::pause::until;
use super::refusal::{found, refused};
use super::{Posted, Sent, asks, shown, tab};
use crate::answer::{Answer, Judged};
use crate::definition::Definition;
use crate::fault::Fault;
use crate::form::{Faults, reason};
use crate::gate::Visitor;
use crate::place::{self, Query};

/// What has become of a form that was to be saved.
enum Saved {
    /// It is.
    Done(&'static str),
    /// It stays open.
    Open(Box<Answer>),
}

/// Does what the form's button says.
pub(super) async fn change(
    Extension(visitor): Extension<Visitor>,
    Path((organization, integration)): Path<(String, String)>,
    at: Uri,
    sent: Sent,
) -> Result<Response, Fault> {
    let Posted { what, answer, judged } = match Posted::of(sent) {
        Ok(posted) => posted,
        Err(told) => return Ok(*told),
    };
    let organization = format!("organizations/{organization}");
    let name = format!("{organization}/integrations/{integration}");
    let form = Form {
        visitor,
        at,
        organization,
        name,
    };
    match what.as_str() {
        "save" => form.saved(answer).await,
        "save-check" => {
            let pause = answer.pause.clone();
            match form.save(answer).await? {
                Saved::Done(said) => form.tested(said, pause).await,
                Saved::Open(answer) => form.open(*answer).await,
            }
        }
        "enable" => match form.save(answer).await? {
            Saved::Done(_) => form.enabled().await,
            Saved::Open(answer) => form.open(*answer).await,
        },
        "check" => form.checked(answer).await,
        "disable" => {
            let request = DisableIntegrationRequest {
                name: form.name.clone(),
                ..DisableIntegrationRequest::default()
            };
            let done = form.visitor.api.integrations().disable_integration(request).await;
            form.switched(answer, done, "disabled").await
        }
        "pause" => {
            let Some(until) = until(&answer.pause) else {
                let said = "a pause is for so long, such as 4h or 7d, or until a time, such as 2026-12-01 08:00, which is UTC, or 2026-12-01T08:00+02:00";
                return form.open(answer.bad(said)).await;
            };
            let request = PauseIntegrationRequest {
                name: form.name.clone(),
                until: Some(until),
                ..PauseIntegrationRequest::default()
            };
            let done = form.visitor.api.integrations().pause_integration(request).await;
            form.switched(answer, done, "paused").await
        }
        "resume" => {
            let request = ResumeIntegrationRequest {
                name: form.name.clone(),
                ..ResumeIntegrationRequest::default()
            };
            let done = form.visitor.api.integrations().resume_integration(request).await;
            form.switched(answer, done, "resumed").await
        }
        "mail" => {
            let answer = form.judged(answer, judged).await?;
            let answer = asks::mail(&form.visitor, &form.organization, answer).await;
            form.open(answer).await
        }
        _ => {
            let answer = form.judged(answer, judged).await?;
            form.open(answer).await
        }
    }
}

/// The form of one integration.
pub(super) struct Form {
    pub(super) visitor: Visitor,
    /// The address of its page.
    pub(super) at: Uri,
    pub(super) organization: String,
    /// The integration's name.
    pub(super) name: String,
}

/// What is asked of the API for what was typed.
struct Asked {
    integration: Integration,
    /// The integration as it is.
    before: Integration,
    /// What is wrong with it before the API is asked.
    faults: Faults,
}

impl Form {
    /// The page with this answer.
    async fn open(&self, answer: Answer) -> Result<Response, Fault> {
        shown(&self.visitor, &self.at, answer).await
    }

    /// Leads to the page anew, which says what was done.
    fn done(&self, said: &str) -> Response {
        Redirect::to(&tab(
            &Query::of(&self.at),
            &self.name,
            "configuration",
            &[("said", said)],
        ))
        .into_response()
    }

    async fn current(&self) -> Result<Integration, Fault> {
        let request = GetIntegrationRequest {
            name: self.name.clone(),
            ..GetIntegrationRequest::default()
        };
        Ok(self
            .visitor
            .api
            .integrations()
            .get_integration(request)
            .await?
            .into_inner())
    }

    async fn saved(&self, answer: Answer) -> Result<Response, Fault> {
        let pause = answer.pause.clone();
        match self.save(answer).await? {
            Saved::Done(said) if pause.trim().is_empty() => Ok(self.done(said)),
            // Also whoever has pressed Enter there.
            Saved::Done(said) => {
                let answer = Answer {
                    pause,
                    ..self.fresh().await?
                };
                let done = if said == "saved" {
                    "saved"
                } else {
                    "nothing was changed"
                };
                self.open(answer.good(format!("{done}; {PAUSE_WAITS}"))).await
            }
            Saved::Open(answer) => self.open(*answer).await,
        }
    }

    /// Reads what was typed.
    async fn asked(&self, answer: &Answer) -> Result<Asked, Fault> {
        let before = self.current().await?;
        let known = place::connector(&self.visitor.api, &self.organization, &before.connector).await?;
        let specification = known.as_ref().and_then(|known| known.specification.as_ref());
        let definition = Definition::new(specification, answer.typed.get("access_schema"), Some(&before));
        let (integration, faults) = definition.read_changed(&answer.typed, &answer.base, &before);
        Ok(Asked {
            integration,
            before,
            faults,
        })
    }

    /// The form with what is still wrong, judged for the same as before. Nothing is saved.
    async fn judged(&self, answer: Answer, judged: Option<Judged>) -> Result<Answer, Fault> {
        let Some(judged) = judged else { return Ok(answer) };
        let Asked {
            integration,
            before,
            mut faults,
        } = self.asked(&answer).await?;
        let faults = match judged {
            Judged::ToSave => {
                let paths = Definition::changed(&answer.base, &answer.typed);
                faults.only(&paths);
                if paths.is_empty() {
                    faults
                } else {
                    let request = UpdateIntegrationRequest {
                        integration: Some(Integration {
                            name: self.name.clone(),
                            ..integration
                        }),
                        update_mask: Some(FieldMask { paths }),
                        validate_only: true,
                    };
                    found(faults, self.update(&request).await)
                }
            }
            // What a draft lacks is told of a new one: the one that is there is judged only as it is saved.
            Judged::ToCollect => {
                let has_its_name = integration.display_name.to_lowercase() == before.display_name.to_lowercase();
                let request = CreateIntegrationRequest {
                    parent: self.organization.clone(),
                    integration: Some(Integration {
                        connector: before.connector,
                        ..integration
                    }),
                    validate_only: true,
                    ..CreateIntegrationRequest::default()
                };
                let answered = self.visitor.api.integrations().create_integration(request).await;
                let mut faults = found(faults, answered);
                if has_its_name {
                    faults.drop_of("integration.display_name");
                }
                faults
            }
        };
        Ok(Answer { faults, ..answer }.judged(judged))
    }

    /// Saves what was changed, if nobody else has changed it since.
    async fn save(&self, mut answer: Answer) -> Result<Saved, Fault> {
        let paths = Definition::changed(&answer.base, &answer.typed);
        if paths.is_empty() {
            return Ok(Saved::Done("same"));
        }
        let Asked {
            integration,
            before,
            mut faults,
        } = self.asked(&answer).await?;
        // What is wrong with what nobody has changed is not in the way of what was.
        faults.only(&paths);
        let mut request = UpdateIntegrationRequest {
            integration: Some(Integration {
                name: self.name.clone(),
                etag: answer.etag.clone(),
                ..integration
            }),
            update_mask: Some(FieldMask { paths }),
            validate_only: !faults.is_empty(),
        };
        if !faults.is_empty() {
            let faults = found(faults, self.update(&request).await);
            let said = format!("{NOT_SAVED}: {}", faults.count());
            let answer = Answer { faults, ..answer };
            return Ok(Saved::Open(Box::new(answer.bad(said).judged(Judged::ToSave))));
        }
        let status = match self.update(&request).await {
            Ok(_) => return Ok(Saved::Done("saved")),
            Err(status) if reason(&status) == "ETAG_MISMATCH" => {
                let theirs = self.current().await?;
                let known = place::connector(&self.visitor.api, &self.organization, &before.connector).await?;
                let specification = known.as_ref().and_then(|known| known.specification.as_ref());
                let typed = Definition::new(specification, &theirs.access_schema, Some(&theirs)).typed(&theirs);
                if !typed.differences(&answer.base).is_empty() {
                    let answer = answer.met(typed, &theirs.etag);
                    let said = "not saved: somebody else has changed this integration meanwhile. Look at what is marked below, choose, and save again";
                    return Ok(Saved::Open(Box::new(answer.bad(said))));
                }
                // They have switched or paused it, which nobody types here.
                answer.etag.clone_from(&theirs.etag);
                if let Some(integration) = &mut request.integration {
                    integration.etag = theirs.etag;
                }
                match self.update(&request).await {
                    Ok(_) => return Ok(Saved::Done("saved")),
                    Err(status) => status,
                }
            }
            Err(status) => status,
        };
        let refused = refused(answer, status, NOT_SAVED)?.judged(Judged::ToSave);
        Ok(Saved::Open(Box::new(refused)))
    }

    async fn update(&self, request: &UpdateIntegrationRequest) -> Result<Integration, Status> {
        let changed = self
            .visitor
            .api
            .integrations()
            .update_integration(request.clone())
            .await?;
        Ok(changed.into_inner())
    }

    /// Switches on what is saved.
    async fn enabled(&self) -> Result<Response, Fault> {
        let request = EnableIntegrationRequest {
            name: self.name.clone(),
            ..EnableIntegrationRequest::default()
        };
        match self.visitor.api.integrations().enable_integration(request).await {
            Ok(_) => Ok(self.done("enabled")),
            Err(status) => {
                let refused = refused(self.fresh().await?, status, "saved, but not switched on")?;
                self.open(refused.judged(Judged::ToCollect)).await
            }
        }
    }

    /// Tests what was just saved, as `said` says; that it was is told also where nobody can test it. A pause that is typed stays.
    pub(super) async fn tested(&self, said: &str, pause: String) -> Result<Response, Fault> {
        match asks::check(&self.visitor, &self.name).await {
            Ok(asked) if pause.trim().is_empty() => {
                let mut told: Vec<(&str, &str)> = asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
                told.push(("said", said));
                Ok(Redirect::to(&tab(&Query::of(&self.at), &self.name, "configuration", &told)).into_response())
            }
            Ok(asked) => {
                let answer = Answer {
                    pause,
                    ..self.fresh().await?
                };
                shown(&self.visitor, &asks::asking(&self.at, &asked), answer.good(PAUSE_WAITS)).await
            }
            Err(status) => {
                let undone = match said {
                    "created" => "saved as a draft, but not tested",
                    "saved" => "saved, but not tested",
                    _ => "nothing was changed, and nothing tested",
                };
                let answer = Answer {
                    pause,
                    ..self.fresh().await?
                };
                self.open(refused(answer, status, undone)?.judged(Judged::ToCollect))
                    .await
            }
        }
    }

    /// What stands in the form when nobody has touched it.
    async fn fresh(&self) -> Result<Answer, Fault> {
        let now = self.current().await?;
        let known = place::connector(&self.visitor.api, &self.organization, &now.connector).await?;
        let specification = known.as_ref().and_then(|known| known.specification.as_ref());
        let typed = Definition::new(specification, &now.access_schema, Some(&now)).typed(&now);
        Ok(Answer::fresh(typed, &now.etag))
    }

    /// Tests what is saved. What is typed stays.
    async fn checked(&self, answer: Answer) -> Result<Response, Fault> {
        match asks::check(&self.visitor, &self.name).await {
            Ok(asked) if answer.is_dirty() => {
                let at = asks::asking(&self.at, &asked);
                let said = "what was saved last is being tested, and not what you have typed since";
                let answer = if answer.is_changed() { answer.good(said) } else { answer };
                shown(&self.visitor, &at, answer).await
            }
            Ok(asked) => {
                let asked: Vec<(&str, &str)> = asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
                Ok(Redirect::to(&tab(&Query::of(&self.at), &self.name, "configuration", &asked)).into_response())
            }
            Err(status) => {
                let answer = if answer.is_dirty() { answer } else { self.fresh().await? };
                let refused = refused(answer, status, "not tested")?;
                self.open(refused.judged(Judged::ToCollect)).await
            }
        }
    }

    /// What follows from switching it, which leaves what is typed as it is.
    async fn switched(
        &self,
        mut answer: Answer,
        done: Result<tonic::Response<Integration>, Status>,
        said: &str,
    ) -> Result<Response, Fault> {
        let Err(status) = done else {
            answer.pause.clear();
            if !answer.is_dirty() {
                return Ok(self.done(said));
            }
            // The guard stays what it was: what somebody else has changed before shows when this is saved.
            answer.meanwhile = None;
            return self
                .open(answer.good("done; what you have typed is not saved yet"))
                .await;
        };
        let refused = refused(answer, status, &format!("not {said}"))?;
        let problem = refused.faults.iter().next().map(|(_, problem)| problem.clone());
        self.open(match problem {
            Some(problem) => refused.bad(format!("not {said}: {problem}")),
            None => refused,
        })
        .await
    }
}

const NOT_SAVED: &str = "not saved";
const PAUSE_WAITS: &str = "the pause that you have typed begins with the button Pause";
