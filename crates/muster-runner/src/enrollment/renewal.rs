//! Renews the runner's certificate at half of what is left of it, on a connection of its own, so that no stream ends for it.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muster_core::time::Stamp;
use muster_identity::SigningRequest;
use muster_process::exit::chain;
use muster_proto::v1;
use tonic::transport::Uri;

use super::{EnrollError, Identity, client, refused};
use crate::dial::Dialer;

/// How long after a failure it is tried again, at first and at the most; never later than a tenth of what is left.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5 * 60));

/// How much earlier or later than half of its life, so that runners that came together do not all come again together.
const JITTER: f64 = 0.1;

/// Renews the certificate for as long as the runner runs.
pub(crate) async fn keep_renewed(
    mut identity: Identity,
    folder: PathBuf,
    coordinator: Uri,
    ca_file: Option<PathBuf>,
    dialer: Dialer,
) {
    let mut failures = 0;
    loop {
        let left = identity.until().since(now());
        tokio::time::sleep(pause(left, failures)).await;
        let renewed = renew(&identity, &coordinator, &dialer).await;
        match renewed.and_then(|next| {
            next.write(&folder)?;
            dialer.set(next.tls(ca_file.as_deref())?);
            Ok(next)
        }) {
            Ok(next) => {
                failures = 0;
                identity = next;
                let valid_for = identity.until().since(now());
                tracing::info!(?valid_for, "the runner's certificate is renewed");
            }
            Err(error) => {
                failures += 1;
                let left = identity.until().since(now());
                tracing::warn!(
                    error = chain(&error),
                    ?left,
                    "the runner's certificate could not be renewed: trying again"
                );
            }
        }
    }
}

/// How long to wait before the next renewal of a certificate of which so much is left.
fn pause(left: Duration, failures: u32) -> Duration {
    let jitter = 1.0 + JITTER * (2.0 * fastrand::f64() - 1.0);
    if failures == 0 {
        return (left / 2).mul_f64(jitter);
    }
    let (first, most) = AGAIN_AFTER;
    let doubled = first.saturating_mul(1 << failures.min(16).saturating_sub(1));
    doubled.min(most).min((left / 10).max(first)).mul_f64(jitter)
}

async fn renew(identity: &Identity, coordinator: &Uri, dialer: &Dialer) -> Result<Identity, EnrollError> {
    let signing_request = SigningRequest::of_key(identity.key())?;
    let request = v1::RenewCertificateRequest {
        signing_request: signing_request.into(),
    };
    let mut client = client(coordinator, dialer.clone()).await?;
    let issued = client.renew_certificate(request).await;
    let issued = issued
        .map_err(|status| refused(coordinator, dialer, status))?
        .into_inner();
    Ok(identity.renewed(&issued)?)
}

fn now() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp::from_millis(0).after(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_renewed_at_half_of_what_is_left_and_a_failure_leaves_time_for_more() {
        let day = Duration::from_secs(24 * 60 * 60);
        for _ in 0..100 {
            let pause = pause(day, 0);
            assert!(pause >= day.mul_f64(0.45) && pause <= day.mul_f64(0.55), "{pause:?}");
        }
        assert_eq!(pause(Duration::ZERO, 0), Duration::ZERO, "it is late already");
        for failures in 1..40 {
            let next = pause(Duration::from_secs(100), failures);
            assert!(
                next >= Duration::from_millis(900) && next <= Duration::from_secs(11),
                "{next:?}"
            );
            let late = pause(Duration::ZERO, failures);
            assert!(late <= Duration::from_millis(1_100), "{late:?}");
        }
    }
}
