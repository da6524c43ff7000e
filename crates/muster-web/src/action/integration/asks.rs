//! What is asked about what is typed, without its being saved: a test of the source, and mails that say nothing but that they arrive.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use http::Uri;
use muster_proto::v1::check_integration_response::Event;
use muster_proto::v1::{CheckIntegrationRequest, SendTestMailRequest};
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use crate::answer::Answer;
use crate::definition::recipients;
use crate::gate::Visitor;
use crate::limit::ANSWER_WITHIN;
use crate::place::Query;
use crate::words::now;

/// To how many test mails are sent at once: as many as an integration can have recipients.
const MAILS_MAX: usize = 20;

/// How many of them are on their way at the same time: mail servers count connections.
const MAILS_AT_ONCE: usize = 4;

/// How long all of them together may take: the answer, which says what came of each, has to be there in time.
const MAILS_WITHIN: Duration = ANSWER_WITHIN.saturating_sub(Duration::from_secs(5));

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
    let millis = asked.seconds * 1_000 + i64::from(asked.nanos / 1_000_000);
    Ok(vec![
        ("asked", millis.to_string()),
        ("runner", begun.runner_display_name),
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
    let until = Instant::now() + MAILS_WITHIN;
    let sent = recipients.into_iter().take(MAILS_MAX).map(async |recipient| {
        let said = mail_to(visitor, organization, &recipient, until).await;
        (recipient, said)
    });
    answer.mails = stream::iter(sent).buffered(MAILS_AT_ONCE).collect().await;
    answer
}

/// Sends one, and gives what the mail server has said to it, or why nobody knows.
async fn mail_to(visitor: &Visitor, organization: &str, recipient: &str, until: Instant) -> Result<String, String> {
    let limit = MAILS_WITHIN.as_secs();
    if Instant::now() >= until {
        return Err(format!("not tried: the mails before it took {limit} s. Try it alone"));
    }
    let request = SendTestMailRequest {
        parent: organization.to_owned(),
        recipient: recipient.to_owned(),
    };
    match timeout_at(until, visitor.api.incidents().send_test_mail(request)).await {
        Ok(Ok(sent)) => Ok(sent.into_inner().answer),
        Ok(Err(status)) => Err(status.message().to_owned()),
        Err(_) => Err(format!(
            "the mail server has not answered within {limit} s: it may arrive all the same"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::sleep;
    use tower::service_fn;

    use super::*;
    use crate::api::{Api, Peer, Served};
    use crate::form::Typed;

    /// What is said of mails to so many of whom each takes so long, how long that took, and how many were on their way at the same time.
    async fn mails(count: usize, each: Duration) -> (Vec<(String, Result<String, String>)>, Duration, usize) {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = most.clone();
        let slow = service_fn(move |_| {
            let (now, most) = (now.clone(), most.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                sleep(each).await;
                now.fetch_sub(1, Ordering::Relaxed);
                Ok::<_, Infallible>(Status::unavailable("no mail server").into_http())
            }
        });
        let visitor = Visitor {
            api: Api::new(Served::new(slow), Peer(IpAddr::V4(Ipv4Addr::LOCALHOST)), None),
            signed_in: false,
        };
        let mut typed = Typed::default();
        let recipients: Vec<String> = (0..count).map(|at| format!("{at}@example.com")).collect();
        typed.set("recipients", recipients.join("\n"));
        let answer = Answer::fresh(typed, "");
        let begun = Instant::now();
        let answer = mail(&visitor, "organizations/default", answer).await;
        let told: Vec<&String> = answer.mails.iter().map(|(recipient, _)| recipient).collect();
        assert!(
            told.into_iter().eq(recipients.iter().take(MAILS_MAX)),
            "in their order: {:?}",
            answer.mails
        );
        (answer.mails, begun.elapsed(), seen.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn test_mails_are_sent_a_few_at_once_and_within_one_limit() {
        let (told, took, at_once) = mails(21, Duration::from_secs(4)).await;
        assert_eq!((took, at_once), (Duration::from_secs(20), MAILS_AT_ONCE));
        assert!(
            told.iter().all(|(_, said)| said == &Err("no mail server".to_owned())),
            "{told:?}"
        );

        let (told, took, _) = mails(20, Duration::from_secs(20)).await;
        assert_eq!(took, MAILS_WITHIN);
        let begins = |at: usize, with: &str| told[at].1.as_ref().is_err_and(|said| said.starts_with(with));
        assert!((0..4).all(|at| begins(at, "no mail server")), "{told:?}");
        assert!(
            (4..8).all(|at| begins(at, "the mail server has not answered")),
            "{told:?}"
        );
        assert!((8..20).all(|at| begins(at, "not tried")), "{told:?}");
    }
}
