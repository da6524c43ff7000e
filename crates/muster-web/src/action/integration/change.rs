//! Changing an integration, and what else its form can do.

use std::time::{Duration, SystemTime};

use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::Uri;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use muster_proto::v1::{
    DisableIntegrationRequest, EnableIntegrationRequest, GetIntegrationRequest, Integration, PauseIntegrationRequest,
    ResumeIntegrationRequest, UpdateIntegrationRequest,
};
use prost_types::{FieldMask, Timestamp};
use tonic::Status;

use super::refusal::{judged, refused};
use super::{Posted, Sent, asks, shown, tab};
use crate::answer::Answer;
use crate::definition::Definition;
use crate::fault::Fault;
use crate::form::reason;
use crate::form::span;
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
    let Posted { what, answer, pause } = match Posted::of(sent) {
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
        "save-check" => match form.save(answer).await? {
            Saved::Done(said) => form.checked(Answer::default().good(said)).await,
            Saved::Open(answer) => form.open(*answer).await,
        },
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
            let Some(until) = until(&pause) else {
                let said = "a pause is for so long, such as 4h or 7d, or until a time in UTC, such as 2026-12-01 08:00";
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
            let answer = asks::mail(&form.visitor, &form.organization, answer).await;
            form.open(answer).await
        }
        _ => form.open(answer).await,
    }
}

/// The form of one integration.
struct Form {
    visitor: Visitor,
    at: Uri,
    organization: String,
    name: String,
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
        match self.save(answer).await? {
            Saved::Done(said) => Ok(self.done(said)),
            Saved::Open(answer) => self.open(*answer).await,
        }
    }

    /// Saves what was changed, if nobody else has changed it since.
    async fn save(&self, mut answer: Answer) -> Result<Saved, Fault> {
        let paths = Definition::changed(&answer.base, &answer.typed);
        if paths.is_empty() {
            return Ok(Saved::Done("same"));
        }
        let before = self.current().await?;
        let known = place::connector(&self.visitor.api, &self.organization, &before.connector).await?;
        let specification = known.as_ref().and_then(|known| known.specification.as_ref());
        let definition = Definition::new(specification, answer.typed.get("access_schema"), Some(&before));
        let (integration, mut faults) = definition.read_changed(&answer.typed, &answer.base, &before);
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
            let judged = judged(answer, faults, self.update(&request).await);
            return Ok(Saved::Open(Box::new(judged)));
        }
        let status = match self.update(&request).await {
            Ok(_) => return Ok(Saved::Done("saved")),
            Err(status) if reason(&status) == "ETAG_MISMATCH" => {
                let theirs = self.current().await?;
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
        Ok(Saved::Open(Box::new(refused(answer, status)?)))
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
                let refused = refused(self.fresh().await?, status)?;
                let said = "saved, but not switched on: not all is in order";
                let refused = if refused.faults.is_empty() {
                    refused
                } else {
                    refused.bad(said)
                };
                self.open(refused).await
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
                shown(&self.visitor, &at, answer.good(said)).await
            }
            Ok(asked) => {
                let asked: Vec<(&str, &str)> = asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
                Ok(Redirect::to(&tab(&Query::of(&self.at), &self.name, "configuration", &asked)).into_response())
            }
            Err(status) => {
                let answer = if answer.is_dirty() { answer } else { self.fresh().await? };
                let refused = refused(answer, status)?;
                self.open(refused).await
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
        match done {
            // The guard stays what it was: what somebody else has changed before shows when this is saved.
            Ok(_) if answer.is_dirty() => {
                answer.meanwhile = None;
                self.open(answer.good("done; what you have typed is not saved yet"))
                    .await
            }
            Ok(_) => Ok(self.done(said)),
            Err(status) => {
                let refused = refused(answer, status)?;
                let problem = refused.faults.iter().next().map(|(_, problem)| problem.clone());
                self.open(match problem {
                    Some(problem) => refused.bad(problem),
                    None => refused,
                })
                .await
            }
        }
    }
}

/// The end of a pause: of so long from now, or at a time in UTC.
fn until(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(length) = span::parse(text) {
        let seconds = u64::try_from(length.seconds).ok()?;
        return Some(Timestamp::from(SystemTime::now() + Duration::from_secs(seconds)));
    }
    let text = text.trim_end_matches("UTC").trim_end_matches('Z').trim_end();
    let at: DateTime = text.parse().ok()?;
    let at = TimeZone::UTC.to_timestamp(at).ok()?;
    Some(Timestamp {
        seconds: at.as_second(),
        nanos: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_for_so_long_or_until_a_time() {
        let at = until("2030-12-01 08:00").expect("a time");
        assert_eq!(at.seconds, 1_922_342_400);
        assert_eq!(until("2030-12-01T08:00:00Z"), Some(at));
        assert_eq!(until("2030-12-01 08:00 UTC"), Some(at));
        let in_4h = until("4h").expect("a span").seconds - Timestamp::from(SystemTime::now()).seconds;
        assert!((14_399..=14_400).contains(&in_4h), "{in_4h}");
        for wrong in ["", "soon", "-4h", "2030-13-01", "99999999999999999999h"] {
            assert_eq!(until(wrong), None, "{wrong}");
        }
    }
}
