//! What a runner sends to be certified: a request in the form of PKCS #10, signed by the key that is to be certified.

use muster_core::words::Fingerprint;
use rcgen::{CertificateParams, CertificateSigningRequestParams, DistinguishedName, KeyPair, PublicKeyData as _};
use rustls::pki_types::{CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::IdentityError;
use crate::digest::fingerprint;

/// The most bytes of a request: one of ours has some 250.
pub const REQUEST_BYTES_MAX: usize = 4096;

/// Why a request is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    /// It is too large.
    #[error("the signing request has {0} bytes: at most {REQUEST_BYTES_MAX} are read")]
    TooLarge(usize),
    /// It cannot be read, or the key has not signed it.
    #[error(
        "the signing request cannot be read, or is not signed by its own key: send one in the form of PKCS #10, in DER"
    )]
    Unreadable,
    /// Its key is of another kind.
    #[error("the signing request has a key of another kind than ECDSA on P-256: make a key of this kind")]
    Key,
}

/// A request whose signature is good. Of all that it says only the key is taken: who the runner is says the coordinator.
#[derive(Debug)]
pub struct SigningRequest {
    pub(crate) params: CertificateSigningRequestParams,
    key: Fingerprint,
}

impl SigningRequest {
    /// Makes a request for this key.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`].
    pub fn make(key: &KeyPair) -> Result<Vec<u8>, IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(key)?.der().to_vec())
    }

    /// The same for a key in the form of PKCS #8.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`].
    pub fn of_key(key: &[u8]) -> Result<Vec<u8>, IdentityError> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
        Self::make(&KeyPair::try_from(&key)?)
    }

    /// Reads a request of anybody.
    ///
    /// # Errors
    /// [`RequestFault`].
    pub fn parse(der: &[u8]) -> Result<Self, RequestFault> {
        if der.len() > REQUEST_BYTES_MAX {
            return Err(RequestFault::TooLarge(der.len()));
        }
        let der = CertificateSigningRequestDer::from(der);
        let params = CertificateSigningRequestParams::from_der(&der).map_err(|_| RequestFault::Unreadable)?;
        if params.public_key.algorithm() != &rcgen::PKCS_ECDSA_P256_SHA256 {
            return Err(RequestFault::Key);
        }
        let key = fingerprint(&params.public_key.subject_public_key_info());
        Ok(Self { params, key })
    }

    /// The fingerprint of its public key.
    #[must_use]
    pub fn key(&self) -> Fingerprint {
        self.key
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request() -> Vec<u8> {
        SigningRequest::make(&KeyPair::generate().expect("a key")).expect("a request")
    }

    #[test]
    fn a_request_names_its_key() {
        let key = KeyPair::generate().expect("a key");
        let read = SigningRequest::parse(&SigningRequest::make(&key).expect("a request")).expect("a request");
        assert_eq!(read.key(), fingerprint(&key.subject_public_key_info()));
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        let fault = SigningRequest::parse(&SigningRequest::make(&key).expect("a request")).expect_err("refused");
        assert_eq!(fault, RequestFault::Key);
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let fault = SigningRequest::parse(&[0x30; REQUEST_BYTES_MAX + 1]).expect_err("refused");
        assert_eq!(fault, RequestFault::TooLarge(REQUEST_BYTES_MAX + 1));
    }

    #[test]
    fn a_changed_bit_never_brings_another_key() {
        let key = KeyPair::generate().expect("a key");
        let good = SigningRequest::make(&key).expect("a request");
        let (named, mut refused) = (SigningRequest::parse(&good).expect("a request").key(), 0);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            match SigningRequest::parse(&bad) {
                // DER leaves some freedom around what is signed.
                Ok(read) => assert_eq!(read.key(), named, "bit {bit}"),
                Err(_) => refused += 1,
            }
        }
        assert!(
            refused > good.len() * 8 * 9 / 10,
            "only {refused} of {}",
            good.len() * 8
        );
    }

    proptest! {
        #[test]
        fn bytes_of_anybody_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(SigningRequest::parse(&bytes).is_err());
        }

        #[test]
        fn a_request_with_other_bytes_in_it_is_no_panic(
            place in 0_usize..200,
            bytes in proptest::collection::vec(any::<u8>(), 1..20),
        ) {
            let mut request = request();
            let place = place.min(request.len());
            let end = (place + bytes.len()).min(request.len());
            request.splice(place..end, bytes);
            let _ = SigningRequest::parse(&request);
        }
    }
}
