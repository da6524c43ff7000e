//! What is asked about what is typed, without its being saved: a test of the source, and mails that say nothing but that they arrive.

use http::Uri;
use muster_proto::v1::check_integration_response::Event;
use muster_proto::v1::{CheckIntegrationRequest, SendTestMailRequest};
use tonic::Status;

use crate::answer::Answer;
use crate::definition::recipients;
use crate::gate::Visitor;
use crate::place::Query;
use crate::words::now;

/// To how many test mails are sent at once: as many as an integration can have recipients.
const MAILS_MAX: usize = 20;

/// Asks a runner to read the source, and gives what the address says of it from then on. How it ends is part of the integration.
///
/// # Errors
/// That nobody could.
pub(super) async fn check(visitor: &Visitor, name: &str) -> Result<Vec<(&'static str, String)>, Status> {
    let asked = now();
    let request = CheckIntegrationRequest {
        name: name.to_owned(),
        ..CheckIntegrationRequest::default()
    };
    let mut events = visitor
        .api
        .integrations()
        .check_integration(request)
        .await?
        .into_inner();
    let Some(Event::Begun(begun)) = events.message().await?.and_then(|message| message.event) else {
        return Err(Status::internal("the check has not begun"));
    };
    let limit = begun.time_limit.map_or(60, |limit| limit.seconds);
    let millis = asked.seconds * 1_000 + i64::from(asked.nanos / 1_000_000);
    Ok(vec![
        ("asked", millis.to_string()),
        ("runner", begun.runner_display_name),
        ("limit", limit.to_string()),
    ])
}

/// An address that says that a check goes on.
pub(super) fn asking(at: &Uri, asked: &[(&str, String)]) -> Uri {
    let query = asked
        .iter()
        .fold(Query::of(at), |query, (name, value)| query.with(name, value));
    query.at(at.path()).parse().unwrap_or_else(|_| at.clone())
}

/// Sends test mails to whoever is typed, and says what the mail server answered.
pub(super) async fn mail(visitor: &Visitor, organization: &str, mut answer: Answer) -> Answer {
    let recipients = recipients(&answer.typed);
    if recipients.is_empty() {
        answer.faults.add(
            "integration.error_notifications.recipients",
            "name somebody to whom a test mail is sent",
        );
        return answer.bad("no mail was sent");
    }
    for recipient in recipients.into_iter().take(MAILS_MAX) {
        let request = SendTestMailRequest {
            parent: organization.to_owned(),
            recipient: recipient.clone(),
        };
        let sent = visitor.api.incidents().send_test_mail(request).await;
        let said = sent
            .map(|sent| sent.into_inner().answer)
            .map_err(|status| status.message().to_owned());
        answer.mails.push((recipient, said));
    }
    answer
}
