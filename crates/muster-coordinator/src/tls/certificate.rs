//! The coordinator's own certificate: of the service's authority, and renewed by itself; or from files, and read again when they change.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_core::time::Stamp;
use muster_identity::key_file::{self, KeyFileError};
use muster_identity::pki_types::pem::PemObject as _;
use muster_identity::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use muster_identity::trust::provider;
use muster_process::exit::chain;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::identity::Registrar;
use crate::status::ServiceError;

/// How long the coordinator's own certificate is good; it is renewed at half of that.
const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How often it is looked whether there is to be another one.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of the certificate cannot be read.
    #[error(
        "cannot read `{path}`, the file of `tls_certificate`: it must hold the coordinator's certificate, and after it those that lead to its authority, in PEM"
    )]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file of the key cannot be read.
    #[error("cannot read `{path}`, the file of `tls_key`: it must hold the key of the certificate, in PEM")]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file of the key is open to others, or cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// They do not belong together.
    #[error("the certificate of `tls_certificate` and the key of `tls_key` cannot be used together")]
    Pair(#[source] rustls::Error),
}

/// Where it comes from.
enum Origin {
    /// The service's own authority, for these names.
    Authority(Vec<String>),
    /// Two files.
    Files(PathBuf, PathBuf),
}

/// What tells that there is to be another one.
#[derive(PartialEq, Eq)]
enum Mark {
    /// The authority's ordinal, and when it was issued.
    Issued(u32, Stamp),
    /// Of each file when it was changed, how long it is, and which it is.
    Read([(i64, i64, u64, u64); 2]),
}

/// The certificate that is shown now.
pub(crate) struct ServerCertificate {
    origin: Origin,
    shown: Mutex<(Arc<CertifiedKey>, Mark)>,
}

impl std::fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCertificate").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        Some(shown.0.clone())
    }
}

impl ServerCertificate {
    /// One that the service's authority issues for these names.
    pub(crate) async fn issued(registrar: &Registrar, names: Vec<String>) -> Result<Self, ServiceError> {
        let shown = issue(registrar, &names).await?;
        Ok(Self {
            origin: Origin::Authority(names),
            shown: Mutex::new(shown),
        })
    }

    /// The one in these files.
    pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let shown = read(certificate, key)?;
        Ok(Self {
            origin: Origin::Files(certificate.to_owned(), key.to_owned()),
            shown: Mutex::new(shown),
        })
    }

    /// Sees to it that it is always good, and that what is published leads to it, until `stop`. What fails is logged, and tried again; what is shown goes on being shown.
    pub(crate) async fn keep_good(self: Arc<Self>, registrar: Registrar, stop: CancellationToken) {
        let mut failing = false;
        while let Some(()) = stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await {
            // What is trusted changes with the end of an overlap, too.
            registrar.publish();
            match self.look(&registrar).await {
                Ok(renewed) => {
                    failing = false;
                    if renewed {
                        tracing::info!("the coordinator shows a new certificate");
                    }
                }
                Err(why) if failing => tracing::debug!(why, "still no new certificate"),
                Err(why) => {
                    failing = true;
                    tracing::error!(
                        why,
                        "the coordinator's certificate should be renewed and cannot be: the one before goes on being shown"
                    );
                }
            }
        }
    }

    async fn look(&self, registrar: &Registrar) -> Result<bool, String> {
        let next = match &self.origin {
            Origin::Authority(names) => {
                let number = registrar.serving_number().await.map_err(|error| chain(&error))?;
                let now = clock::now().stamp;
                let is_good = self.has(
                    |mark| matches!(mark, Mark::Issued(of, at) if Some(*of) == number && now.since(*at) < LIFE / 2),
                );
                if is_good {
                    return Ok(false);
                }
                issue(registrar, names).await.map_err(|error| chain(&error))?
            }
            Origin::Files(certificate, key) => {
                let marks = [certificate, key].map(|path| mark(path).ok());
                let [Some(one), Some(other)] = marks else {
                    return Err("one of its files is not there".to_owned());
                };
                if self.has(|mark| *mark == Mark::Read([one, other])) {
                    return Ok(false);
                }
                read(certificate, key).map_err(|error| chain(&error))?
            }
        };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(true)
    }

    fn has(&self, is: impl FnOnce(&Mark) -> bool) -> bool {
        is(&self.shown.lock().unwrap_or_else(PoisonError::into_inner).1)
    }
}

async fn issue(registrar: &Registrar, names: &[String]) -> Result<(Arc<CertifiedKey>, Mark), ServiceError> {
    let own = registrar.certify_coordinator(names, LIFE).await?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.key));
    let certified = CertifiedKey::from_der(own.chain, key, &provider()).map_err(ServiceError::internal)?;
    Ok((Arc::new(certified), Mark::Issued(own.number, own.issued)))
}

fn read(certificate: &Path, key: &Path) -> Result<(Arc<CertifiedKey>, Mark), TlsError> {
    let bad_certificate = |source| TlsError::Certificate {
        path: certificate.to_owned(),
        source,
    };
    let bad_key = |source: Box<dyn std::error::Error + Send + Sync>| TlsError::Key {
        path: key.to_owned(),
        source,
    };
    // Before they are read: what is changed while they are is read again.
    let marks = [
        mark(certificate).map_err(|error| bad_certificate(error.into()))?,
        mark(key).map_err(|error| bad_key(error.into()))?,
    ];
    let chain = fs::read(certificate).map_err(|error| bad_certificate(error.into()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let chain = chain.map_err(|error| bad_certificate(error.into()))?;
    let bytes = key_file::read(key)?.unwrap_or_default();
    let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| bad_key(error.into()))?;
    let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(TlsError::Pair)?;
    Ok((Arc::new(certified), Mark::Read(marks)))
}

fn mark(path: &Path) -> io::Result<(i64, i64, u64, u64)> {
    let found = fs::metadata(path)?;
    Ok((found.mtime(), found.mtime_nsec(), found.len(), found.ino()))
}
