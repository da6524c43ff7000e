//! Enrollment and TLS, with real binaries and real certificates: from the token to the records, and to the revocation.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use muster_identity::{EnrollmentToken, SigningRequest};
use muster_proto::v1;
use muster_proto::v1::enrollment_service_client::EnrollmentServiceClient;
use muster_proto::v1::identity_service_client::IdentityServiceClient;
use muster_proto::v1::runner_registry_service_client::RunnerRegistryServiceClient;
use muster_tests::{LIMIT, eventually};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::secure::{PARENT, Secure, said, start};

/// Within which time a revocation has effect on a stream that is open.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_enrolls_collects_over_mtls_renews_and_is_revoked_at_once() {
    let secure = Secure::start(&["--certificate-life", "10s"]).await;
    let folder = secure.folder.path().join("runner");
    // What is not enrolled does not start, and says what to do.
    let mut early = secure.runner(&folder);
    let status = early.ended(LIMIT).await;
    assert!(
        !status.success() && early.log().contains("muster-runner enroll --token"),
        "{}",
        early.log()
    );

    let token = secure.token(Duration::from_secs(600), 1).await;
    let enrolled = secure.enroll(&folder, &token, &[]);
    assert!(enrolled.status.success(), "{}", said(&enrolled));
    let file = folder.join("identity.pem");
    let mode = fs::metadata(&file).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(!folder.join("enrolling-key.pem").exists());
    let first = fs::read(&file).expect("read");
    // Again is only by being asked for.
    let again = secure.enroll(&folder, &token, &[]);
    assert!(
        !again.status.success() && said(&again).contains("enrolled already"),
        "{}",
        said(&again)
    );
    assert!(secure.enroll(&folder, &token, &["--unless-enrolled"]).status.success());

    let mut runner = secure.runner(&folder);
    let online = secure.until_online().await;
    assert_eq!(online.pool, "hq");
    secure.collect().await;
    // It renews twice and more, and its stream goes on.
    let check_ins = |log: &str| log.matches("checked in").count();
    eventually("it has outlived its first certificate twice", LIMIT, async || {
        let renewed = runner.log().matches("certificate is renewed").count();
        (renewed >= 4).then_some(()).ok_or_else(|| runner.log())
    })
    .await;
    assert_ne!(fs::read(&file).expect("read"), first);
    assert_eq!(check_ins(&runner.log()), 1, "{}", runner.log());

    // Its certificate opens no operator's call.
    let list = v1::ListRunnersRequest {
        parent: PARENT.to_owned(),
        ..Default::default()
    };
    let refused = RunnerRegistryServiceClient::new(secure.channel(Some(&folder)))
        .list_runners(list)
        .await;
    assert_eq!(refused.expect_err("refused").code(), Code::PermissionDenied);

    let revoke = v1::RevokeRunnerRequest {
        name: online.name.clone(),
    };
    let asked = Instant::now();
    let revoked = EnrollmentServiceClient::new(secure.operator())
        .revoke_runner(revoke)
        .await;
    assert_eq!(
        revoked.expect("revoked").into_inner().bar_reason(),
        v1::BarReason::Revoked
    );
    eventually("the runner has heard of it", REVOKED_WITHIN, async || {
        let log = runner.log();
        log.contains("was revoked").then_some(()).ok_or(log)
    })
    .await;
    println!("revoked on an open stream after {:?}", asked.elapsed());
    assert!(secure.runners().await.iter().all(|runner| !runner.online));
    assert!(runner.log().contains("enroll --again"), "{}", runner.log());
    // With a new token it is another runner.
    runner.terminate(LIMIT).await;
    let token = secure.token(Duration::from_secs(600), 1).await;
    let again = secure.enroll(&folder, &token, &["--again"]);
    assert!(again.status.success(), "{}", said(&again));
    let mut runner = secure.runner(&folder);
    assert_ne!(secure.until_online().await.name, online.name);
    runner.terminate(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_good_lets_nobody_in() {
    let secure = Secure::start(&[]).await;
    let folder = |name: &str| secure.folder.path().join(name);
    let used = secure.token(Duration::from_secs(600), 1).await;
    assert!(secure.enroll(&folder("first"), &used, &[]).status.success());
    let revoked = secure.token(Duration::from_secs(600), 1).await;
    let id = revoked.parse::<EnrollmentToken>().expect("a token").id;
    let revoke = v1::RevokeEnrollmentTokenRequest {
        name: format!("{PARENT}/enrollmentTokens/{id}"),
    };
    let done = EnrollmentServiceClient::new(secure.operator())
        .revoke_enrollment_token(revoke)
        .await;
    assert!(done.expect("revoked").into_inner().revoke_time.is_some());
    let mut mistyped = used.clone();
    mistyped.replace_range(60..61, if &used[60..61] == "0" { "1" } else { "0" });
    for (token, part) in [
        (used.as_str(), "was used for as many runners"),
        (revoked.as_str(), "was revoked"),
        (&used[..used.len() - 3], "cut or mistyped"),
        (mistyped.as_str(), "cut or mistyped"),
        ("mst_not_one", "no enrollment token"),
    ] {
        let output = secure.enroll(&folder("second"), token, &[]);
        assert!(
            !output.status.success() && said(&output).contains(part),
            "{part}: {}",
            said(&output)
        );
        assert!(!folder("second/identity.pem").exists());
    }
    // A token of another coordinator pins another authority: nothing of it is sent to this one.
    let other = Secure::start(&[]).await;
    let foreign = other.token(Duration::from_secs(600), 1).await;
    let output = secure.enroll(&folder("second"), &foreign, &[]);
    assert!(
        !output.status.success() && said(&output).contains("is not the coordinator"),
        "{}",
        said(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_given_again_and_two_keys_never_share_a_use() {
    let mut secure = Secure::start(&[]).await;
    let token = secure.token(Duration::from_secs(600), 1).await;
    // It dies when the identity is durable and the answer is not sent.
    secure.process.kill_9();
    secure.process = start(
        secure.folder.path(),
        secure.address,
        &secure.arguments,
        Some("enrolled:1:0"),
    );
    secure.ready().await;
    let folder = secure.folder.path().join("runner");
    let lost = secure.enroll(&folder, &token, &[]);
    assert!(!lost.status.success(), "{}", said(&lost));
    secure.process.ended(LIMIT).await;
    secure.process = start(secure.folder.path(), secure.address, &secure.arguments, None);
    secure.ready().await;
    // Somebody else comes too late, the runner itself does not.
    let other = secure.enroll(&secure.folder.path().join("other"), &token, &[]);
    assert!(said(&other).contains("was used for as many"), "{}", said(&other));
    let again = secure.enroll(&folder, &token, &[]);
    assert!(again.status.success(), "{}", said(&again));

    let raced = secure.token(Duration::from_secs(600), 1).await;
    let race = (0..8).map(|_| {
        let mut client = IdentityServiceClient::new(secure.channel(None));
        let key = muster_identity::authority::new_key().expect("a key");
        let request = v1::EnrollRequest {
            token: raced.clone(),
            signing_request: SigningRequest::make(&key).expect("a request").into(),
        };
        async move { client.enroll(request).await.is_ok() }
    });
    let won = futures_util::future::join_all(race).await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_order_ends_with_the_handshake() {
    let secure = Secure::start(&[]).await;
    // Without TLS nobody is heard.
    let plain = Endpoint::from_shared(format!("http://{}", secure.address))
        .expect("an address")
        .timeout(LIMIT);
    let list = || v1::ListRunnersRequest {
        parent: PARENT.to_owned(),
        ..Default::default()
    };
    let refused = RunnerRegistryServiceClient::new(plain.connect_lazy())
        .list_runners(list())
        .await;
    assert!(refused.is_err(), "{refused:?}");
    // A runner of another coordinator has a certificate of another authority, for an organization that is called the same.
    let other = Secure::start(&[]).await;
    let foreign = secure.folder.path().join("foreign");
    let token = other.token(Duration::from_secs(600), 1).await;
    assert!(other.enroll(&foreign, &token, &[]).status.success());
    let refused = RunnerRegistryServiceClient::new(secure.channel(Some(&foreign)))
        .list_runners(list())
        .await;
    // What its end sees of it, the alert or the closed connection, depends on which comes first: no answer of a service does.
    let refused = refused.expect_err("refused");
    assert!(
        matches!(refused.code(), Code::Unknown | Code::Unavailable | Code::Cancelled),
        "{refused:?}"
    );
    let denied = RunnerRegistryServiceClient::new(secure.channel(None))
        .list_runners(list())
        .await;
    assert_eq!(denied.expect_err("no token").code(), Code::Unauthenticated);
    // Its own is taken, and without any a runner's call is refused in words.
    let own = secure.folder.path().join("own");
    let token = secure.token(Duration::from_secs(600), 1).await;
    assert!(secure.enroll(&own, &token, &[]).status.success());
    let renew = |channel: Channel| async move {
        let request = v1::RenewCertificateRequest::default();
        let renewed = IdentityServiceClient::new(channel).renew_certificate(request).await;
        renewed.expect_err("it has no signing request").message().to_owned()
    };
    assert!(renew(secure.channel(Some(&own))).await.contains("signing_request"));
    assert!(renew(secure.channel(None)).await.contains("shows its certificate"));
}
