//! How a runner becomes known to a coordinator: its key, which is made here and stays here, and its certificate.

mod file;
mod renewal;

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use muster_identity::authority::new_key;
use muster_identity::token::EnrollmentToken;
use muster_identity::trust::Trust;
use muster_identity::{IdentityError, Pin, SigningRequest, key_file, pem};
use muster_proto::v1;
use muster_proto::v1::identity_service_client::IdentityServiceClient;
use tonic::Status;
use tonic::transport::{Endpoint, Uri};

use crate::dial::{self, Dialer, client_config};
use crate::identity::DataFolder;
use crate::proxy::Proxy;
use crate::status::text_of;

pub(crate) use file::Identity;
pub use file::IdentityFileError;
pub(crate) use renewal::keep_renewed;

/// The file of the key with which a runner is enrolling: so that one whose answer is lost asks again with the same.
const ENROLLING_KEY_FILE: &str = "enrolling-key.pem";

/// How long a call may take, connecting included.
const CALL_WITHIN: Duration = Duration::from_secs(30);

/// Why a runner has not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// It has before.
    #[error(
        "this runner is enrolled already (as {runner}, in {folder}): start it. If it is to become another one, enroll it by `--again`: what the coordinator \
         knows of the one that it was stays with that"
    )]
    Enrolled {
        /// As which runner.
        runner: String,
        /// The data folder.
        folder: String,
    },
    /// The address is not protected.
    #[error("the coordinator's address must begin with `https://`: over `{0}` anybody on the way could take the token")]
    NotProtected(String),
    /// Its folder, its key or its certificate.
    #[error(transparent)]
    File(#[from] IdentityFileError),
    /// Its key.
    #[error(transparent)]
    Key(#[from] key_file::KeyFileError),
    /// Its key or certificate cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The coordinator cannot be reached.
    #[error("cannot reach the coordinator at {coordinator}{}", advice.as_ref().map(|advice| format!(": {advice}")).unwrap_or_default())]
    Unreachable {
        /// Where.
        coordinator: String,
        /// What to do.
        advice: Option<Cow<'static, str>>,
        /// What happened.
        source: tonic::transport::Error,
    },
    /// The coordinator refuses.
    #[error("the coordinator refuses: {0}")]
    Refused(String),
}

/// Enrolls the runner of this folder with a token, at a coordinator, by a proxy or by none, and returns what it is called now: its id, and its pool.
///
/// # Errors
/// [`EnrollError`]. One that was interrupted is repeated with the same token.
pub(crate) async fn enroll(
    folder: &DataFolder,
    (coordinator, proxy): (&Uri, Option<Proxy>),
    token: &EnrollmentToken,
    ca_file: Option<&Path>,
    again: bool,
) -> Result<Identity, EnrollError> {
    if coordinator.scheme_str() != Some("https") {
        return Err(EnrollError::NotProtected(coordinator.to_string()));
    }
    if let Some(identity) = Identity::read(folder.path())?.filter(|_| !again) {
        return Err(EnrollError::Enrolled {
            runner: identity.name().runner.to_string(),
            folder: folder.path().display().to_string(),
        });
    }
    let trust = match token.pin {
        Pin::Authority(pin) => Trust::Pin(pin),
        Pin::System => Trust::of_system(ca_file)?,
    };
    let enrolling = folder.path().join(ENROLLING_KEY_FILE);
    let key = enrolling_key(&enrolling)?;
    let signing_request = SigningRequest::of_key(&key)?;
    let request = v1::EnrollRequest {
        token: token.reveal(),
        signing_request: signing_request.into(),
    };
    let dialer = Dialer::new(client_config(&trust, None)?).through(proxy);
    let issued = client(coordinator, dialer.clone()).await?.enroll(request).await;
    let issued = issued
        .map_err(|status| refused(coordinator, &dialer, status))?
        .into_inner();
    let identity = Identity::issued(key, &issued)?;
    identity.write(folder.path())?;
    // The identity has the key now.
    let _ = std::fs::remove_file(enrolling);
    Ok(identity)
}

fn enrolling_key(file: &Path) -> Result<Vec<u8>, EnrollError> {
    if let Some(text) = key_file::read(file)?
        && let Some(key) = pem::read_key(&text)
    {
        return Ok(key.secret_pkcs8_der().to_vec());
    }
    let key = new_key()?.serialize_der();
    key_file::write(file, pem::key(&key).as_bytes())?;
    Ok(key)
}

async fn client(
    coordinator: &Uri,
    dialer: Dialer,
) -> Result<IdentityServiceClient<tonic::transport::Channel>, EnrollError> {
    let endpoint = Endpoint::from(coordinator.clone())
        .connect_timeout(CALL_WITHIN)
        .timeout(CALL_WITHIN);
    let channel = endpoint.connect_with_connector(dialer).await;
    let channel = channel.map_err(|source| EnrollError::Unreachable {
        coordinator: coordinator.to_string(),
        advice: dial::advice(&source),
        source,
    })?;
    Ok(IdentityServiceClient::new(channel))
}

fn refused(coordinator: &Uri, dialer: &Dialer, status: Status) -> EnrollError {
    EnrollError::Refused(format!("{} (at {coordinator})", text_of(&dialer.explain(status))))
}
