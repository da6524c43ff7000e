//! A certificate authority of one organization, or of the service itself.

use std::net::IpAddr;
use std::time::Duration;

use muster_core::time::Stamp;
use muster_core::words::OrganizationId;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, SanType, SerialNumber,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use crate::IdentityError;
use crate::digest::fingerprint;
use crate::request::SigningRequest;
use crate::role::{Role, RunnerName};

/// How long an authority's own certificate is good. It is rotated before; what ends with it ends by itself if that is forgotten.
pub const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// How much earlier than now a certificate begins: clocks differ.
const BEGINS_BEFORE: Duration = Duration::from_secs(5 * 60);

/// A new key, of the one kind that there is: ECDSA on P-256.
///
/// # Errors
/// [`IdentityError::Certificate`].
pub fn new_key() -> Result<KeyPair, IdentityError> {
    Ok(KeyPair::generate()?)
}

/// Who is certified.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A runner, which has sent this request.
    Runner(&'a RunnerName, &'a SigningRequest),
    /// The coordinator, reached by these names and addresses.
    Coordinator(&'a [String], &'a KeyPair),
}

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate, in DER.
    pub certificate: Vec<u8>,
    /// Its serial number.
    pub serial: Vec<u8>,
    /// Until when it is good.
    pub until: Stamp,
}

/// An authority that can sign.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// A new authority, of which `number` tells it from the owner's earlier ones. Returns its certificate and its key, both in DER.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`].
    pub fn generate(
        owner: Option<&OrganizationId>,
        number: u32,
        now: Stamp,
    ) -> Result<(Vec<u8>, Vec<u8>), IdentityError> {
        let key = KeyPair::generate()?;
        // Those of two coordinators are called differently: else whoever meets the wrong one hears of a bad signature, and not of another issuer.
        let mark = &fingerprint(&key.subject_public_key_info()).to_string()[..8];
        let name = match owner {
            Some(organization) => format!("Muster authority {number} of {organization} ({mark})"),
            None => format!("Muster authority {number} of the service ({mark})"),
        };
        let (mut params, _) = params(&name, now, AUTHORITY_LIFE)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.der().to_vec();
        Ok((certificate, key.serialize_der()))
    }

    /// The authority of this certificate and key, both in DER.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`].
    pub fn open(certificate: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let certificate = CertificateDer::from(certificate.to_vec());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
        let issuer = Issuer::from_ca_cert_der(&certificate, KeyPair::try_from(&key)?)?;
        Ok(Self { certificate, issuer })
    }

    /// Its own certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Certifies somebody from now on, for this long.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`].
    pub fn issue(&self, subject: Subject<'_>, now: Stamp, life: Duration) -> Result<Issued, IdentityError> {
        let name = match subject {
            Subject::Runner(name, _) => format!("Muster runner {}", name.runner),
            Subject::Coordinator(..) => "Muster coordinator".to_owned(),
        };
        let (mut params, serial) = params(&name, now, life)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = match subject {
            Subject::Runner(name, request) => {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
                params.subject_alt_names = vec![uri(&Role::Runner(name.clone()))?];
                params.signed_by(&request.params.public_key, &self.issuer)?
            }
            Subject::Coordinator(names, key) => {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
                params.subject_alt_names = names
                    .iter()
                    .map(|name| name_or_address(name))
                    .collect::<Result<_, _>>()?;
                params.subject_alt_names.push(uri(&Role::Coordinator)?);
                params.signed_by(key, &self.issuer)?
            }
        };
        Ok(Issued {
            certificate: certificate.der().to_vec(),
            serial,
            until: now.after(life),
        })
    }
}

fn uri(role: &Role) -> Result<SanType, rcgen::Error> {
    Ok(SanType::URI(role.to_string().try_into()?))
}

fn name_or_address(name: &str) -> Result<SanType, rcgen::Error> {
    match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => Ok(SanType::DnsName(name.to_owned().try_into()?)),
    }
}

/// What all certificates have: who, when, and a serial number, which is given beside them.
fn params(name: &str, now: Stamp, life: Duration) -> Result<(CertificateParams, Vec<u8>), IdentityError> {
    let mut params = CertificateParams::default();
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    params.distinguished_name = distinguished;
    params.not_before = date(Stamp::from_millis(
        now.millis()
            .saturating_sub(u64::try_from(BEGINS_BEFORE.as_millis()).unwrap_or(u64::MAX)),
    ))?;
    params.not_after = date(now.after(life))?;
    let mut serial = vec![0; 16];
    SystemRandom::new()
        .fill(&mut serial)
        .map_err(|_| rcgen::Error::RingUnspecified)?;
    // A positive number without leading zeros.
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok((params, serial))
}

fn date(stamp: Stamp) -> Result<OffsetDateTime, rcgen::Error> {
    let seconds = i64::try_from(stamp.millis() / 1000).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| rcgen::Error::Time)
}
