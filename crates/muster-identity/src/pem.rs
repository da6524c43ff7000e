//! PEM: the text in which people and files have certificates and keys.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// A certificate as a text.
#[must_use]
pub fn certificate(der: &[u8]) -> String {
    text("CERTIFICATE", der)
}

/// A key, in the form of PKCS #8, as a text.
#[must_use]
pub fn key(der: &[u8]) -> String {
    text("PRIVATE KEY", der)
}

/// The certificates in a text; `None` when there is none, or one cannot be read.
#[must_use]
pub fn certificates(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().ok()?;
    (!all.is_empty()).then_some(all)
}

/// The key in a text, in the form of PKCS #8.
#[must_use]
pub fn read_key(text: &[u8]) -> Option<PrivatePkcs8KeyDer<'static>> {
    PrivatePkcs8KeyDer::from_pem_slice(text).ok()
}

fn text(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<String> = body
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in proptest::collection::vec(any::<u8>(), 1..900)) {
            let read = super::certificates(super::certificate(&bytes).as_bytes()).expect("it is one");
            prop_assert_eq!(read[0].as_ref(), bytes.as_slice());
            let read = super::read_key(super::key(&bytes).as_bytes()).expect("it is one");
            prop_assert_eq!(read.secret_pkcs8_der(), bytes.as_slice());
        }

        #[test]
        fn text_of_anybody_is_no_panic(text in "(-----BEGIN CERTIFICATE-----\n)?\\PC{0,200}") {
            let _ = super::certificates(text.as_bytes());
            let _ = super::read_key(text.as_bytes());
        }
    }
}
