//! Who is who, without any connection: the authorities of organizations, the certificates that they sign, the tokens by which runners enroll, and the
//! files in which keys lie. No task, no socket and no clock: `now` is an argument.
//!
//! Each organization has an [`authority`] of its own, and the service has one for its own runners and for the coordinator's listener. Whom a
//! certificate names is in its one URI ([`Role`]); whether it may be believed is for [`judge()`], which takes only the authority of the organization
//! that the URI names. So none of them can speak for another.

pub mod authority;
mod digest;
pub mod judge;
pub mod key_file;
pub mod pem;
pub mod request;
mod role;
pub mod seal;
mod seen;
pub mod token;
pub mod trust;

pub use authority::{Authority, Issued, Subject};
pub use digest::fingerprint;
pub use judge::{CertificateFault, RunnerCertificate, judge};
pub use request::{RequestFault, SigningRequest};
pub use role::{Role, RunnerName};
pub use rustls::pki_types;
pub use seen::Seen;
pub use token::{EnrollmentToken, Pin, TokenFault};

/// What goes wrong with keys and certificates of one's own.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A key or certificate cannot be made or read.
    #[error("a key or certificate cannot be made or read")]
    Certificate(#[from] rcgen::Error),
    /// The same, as TLS sees it.
    #[error("a key or certificate cannot be used for TLS")]
    Tls(#[from] rustls::Error),
    /// A key that is kept encrypted does not open.
    #[error(
        "the key of a certificate authority does not open: it was encrypted with another key than `ca_key_encryption` leads to. \
         Give the coordinator the key that it had, from your backup"
    )]
    Sealed,
    /// Nobody can be trusted.
    #[error("nothing says by which authority the coordinator is known: {0}")]
    Authorities(String),
    /// Where the key of keys comes from.
    #[error(transparent)]
    Source(#[from] seal::KeyError),
}
