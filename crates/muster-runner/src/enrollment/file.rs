//! The file of a runner's identity: its key, its certificate, and those of the authorities by which it knows the coordinator. One file, so that they
//! always belong together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_core::time::Stamp;
use muster_identity::key_file::{self, KeyFileError};
use muster_identity::pki_types::CertificateDer;
use muster_identity::trust::{Shown, Trust};
use muster_identity::{IdentityError, RunnerName, judge, pem};
use muster_proto::v1;
use rustls::ClientConfig;

use crate::dial::client_config;

/// Its name.
const FILE: &str = "identity.pem";

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityFileError {
    /// It cannot be read or written, or others can.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// It holds something else.
    #[error("{} is damaged: put it back from a backup, or enroll the runner anew by `muster-runner enroll --again`", file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
    },
    /// The coordinator has issued something else.
    #[error(
        "the coordinator has answered with something that is no identity of a runner: compare the versions of both"
    )]
    Answer,
}

/// Who a runner is, and how it shows that.
#[derive(Debug)]
pub(crate) struct Identity {
    name: RunnerName,
    /// In the form of PKCS #8.
    key: Vec<u8>,
    certificate: CertificateDer<'static>,
    /// None when the coordinator's certificate is of another authority.
    coordinator: Vec<CertificateDer<'static>>,
    until: Stamp,
}

impl Identity {
    /// The identity in this folder; `None` when it has not enrolled.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, IdentityFileError> {
        let file = folder.join(FILE);
        let Some(text) = key_file::read(&file)? else {
            return Ok(None);
        };
        let read = || {
            let key = pem::read_key(&text)?.secret_pkcs8_der().to_vec();
            let mut certificates = pem::certificates(&text)?;
            let certificate = certificates.remove(0);
            Self::of(key, certificate, certificates)
        };
        read().map(Some).ok_or(IdentityFileError::Damaged { file })
    }

    /// The identity that the coordinator has issued for this key.
    pub(crate) fn issued(key: Vec<u8>, issued: &v1::IssuedIdentity) -> Result<Self, IdentityFileError> {
        let certificate = CertificateDer::from(issued.certificate.to_vec());
        let authorities = issued.coordinator_authorities.iter();
        let authorities = authorities.map(|one| CertificateDer::from(one.to_vec())).collect();
        Self::of(key, certificate, authorities).ok_or(IdentityFileError::Answer)
    }

    /// The same with the next certificate.
    pub(super) fn renewed(&self, issued: &v1::IssuedIdentity) -> Result<Self, IdentityFileError> {
        let next = Self::issued(self.key.clone(), issued)?;
        if next.name == self.name {
            Ok(next)
        } else {
            Err(IdentityFileError::Answer)
        }
    }

    fn of(
        key: Vec<u8>,
        certificate: CertificateDer<'static>,
        coordinator: Vec<CertificateDer<'static>>,
    ) -> Option<Self> {
        let said = judge::says(&certificate).ok()?;
        Shown::default().show(&certificate, &key).ok()?;
        Some(Self {
            name: said.name,
            key,
            certificate,
            coordinator,
            until: said.until,
        })
    }

    /// Keeps it in this folder, in place of the one before.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), IdentityFileError> {
        let mut text = pem::key(&self.key);
        text.push_str(&pem::certificate(&self.certificate));
        text.extend(self.coordinator.iter().map(|one| pem::certificate(one)));
        Ok(key_file::write(&folder.join(FILE), text.as_bytes())?)
    }

    /// Whom its certificate names.
    pub(crate) fn name(&self) -> &RunnerName {
        &self.name
    }

    /// Until when its certificate is good.
    pub(crate) fn until(&self) -> Stamp {
        self.until
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// How it speaks TLS: it knows the coordinator by the authorities that this has told it, or else by those that its system and `ca_file` have.
    pub(crate) fn tls(&self, ca_file: Option<&Path>) -> Result<ClientConfig, IdentityError> {
        let trust = if self.coordinator.is_empty() {
            Trust::of_system(ca_file)?
        } else {
            Trust::Authorities(self.coordinator.clone())
        };
        let shown = Shown::default();
        shown.show(&self.certificate, &self.key)?;
        client_config(&trust, Some(Arc::new(shown)))
    }
}
