//! Whoever guesses tokens, of operators or of runners: after some tries from one address nothing more is told, whatever they guess and over however many
//! connections. Who shows what is right is let in from the same address all the while.

use std::time::Duration;

use muster_coordinator::access::text::TokenText;
use muster_core::words::{EnrollmentTokenId, TokenId};
use muster_identity::{EnrollmentToken, Pin, SigningRequest};
use muster_proto::v1;
use muster_proto::v1::access_service_client::AccessServiceClient;
use muster_proto::v1::identity_service_client::IdentityServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::secure::{Secure, said};

/// How often somebody may fail at once, and is told why.
const TOLD: usize = 20;

/// How often they try: one is told why each second meanwhile.
const TRIES: usize = 60;

/// Shows this token.
async fn show(channel: Channel, token: &str) -> Result<v1::WhoAmIResponse, Status> {
    let mut request = Request::new(v1::WhoAmIRequest {});
    let shown = format!("Bearer {token}").parse().expect("a value");
    request.metadata_mut().insert("authorization", shown);
    let told = AccessServiceClient::new(channel).who_am_i(request).await?;
    Ok(told.into_inner())
}

async fn enroll(channel: Channel, token: &EnrollmentToken) -> Result<v1::IssuedIdentity, Status> {
    let key = muster_identity::authority::new_key().expect("a key");
    let request = v1::EnrollRequest {
        token: token.reveal(),
        signing_request: SigningRequest::make(&key).expect("a request").into(),
    };
    let issued = IdentityServiceClient::new(channel).enroll(request).await?;
    Ok(issued.into_inner())
}

/// How many of these were told why they were refused; the others were told to wait.
fn told_why(refusals: &[Status]) -> usize {
    let why = refusals.iter().filter(|status| match status.code() {
        Code::Unauthenticated => true,
        Code::ResourceExhausted => {
            let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
            assert_eq!(reason.as_deref(), Some("RATE_LIMITED"), "{status:?}");
            false
        }
        _ => panic!("{status:?}"),
    });
    why.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_is_told_nothing_after_some_tries_however_they_do_it() {
    let secure = Secure::start(&[]).await;
    let right = std::fs::read_to_string(secure.data().join("bootstrap-token")).expect("it was made");
    let right = right.trim();
    let who = show(secure.channel(None), right).await.expect("it is right");
    let id = who.token.rsplit_once('/').and_then(|(_, id)| id.parse().ok());
    let id: TokenId = id.expect("it has an id");
    let for_runners = secure.token(Duration::from_secs(600), 1).await;
    let id_for_runners = for_runners.parse::<EnrollmentToken>().expect("a token").id;
    let began = std::time::Instant::now();

    // Another secret for an id that there is, over one connection.
    let one = secure.channel(None);
    let mut refusals = Vec::new();
    for _ in 0..TRIES {
        refusals.push(
            show(one.clone(), TokenText::new(id).reveal())
                .await
                .expect_err("it is wrong"),
        );
    }
    let seconds = |began: std::time::Instant| usize::try_from(began.elapsed().as_secs()).expect("it is short");
    let first = told_why(&refusals);
    assert!(
        (TOLD..=TOLD + 1 + seconds(began)).contains(&first),
        "{first} were told why"
    );

    // What else there is to guess takes from the same: ids that never were, each on a connection of its own, and tokens of runners, with an id that there is
    // and without.
    let mut refusals = Vec::new();
    for number in 0..TRIES as u128 {
        let never = TokenText::new(TokenId(number));
        refusals.push(
            show(secure.channel(None), never.reveal())
                .await
                .expect_err("it is wrong"),
        );
        let id = if number % 2 == 0 {
            id_for_runners
        } else {
            EnrollmentTokenId(number)
        };
        let guessed = EnrollmentToken::generate(id, Pin::System).expect("a token");
        refusals.push(enroll(secure.channel(None), &guessed).await.expect_err("it is wrong"));
    }
    let more = first + told_why(&refusals);
    assert!(more <= TOLD + 1 + seconds(began), "{more} were told why");

    // The right ones open what they did.
    show(secure.channel(None), right).await.expect("it is right");
    let enrolled = secure.enroll(&secure.folder.path().join("runner"), &for_runners, &[]);
    assert!(enrolled.status.success(), "{}", said(&enrolled));
    let log = secure.process.log();
    assert!(log.contains("they are not told why any more"), "{log}");
}
