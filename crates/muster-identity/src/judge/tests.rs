use muster_core::words::{Pool, RunnerId};
use proptest::prelude::*;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};

use super::*;
use crate::authority::{Authority, Subject};
use crate::request::SigningRequest;

const NOW: Stamp = Stamp::from_millis(1_800_000_000_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn organization(name: &str) -> OrganizationId {
    OrganizationId::new(name).expect("a name")
}

fn authority(owner: &str) -> Authority {
    let (certificate, key) = Authority::generate(Some(&organization(owner)), 1, NOW).expect("made");
    Authority::open(&certificate, &key).expect("opened")
}

fn name(owner: &str) -> RunnerName {
    RunnerName {
        pool: Pool {
            organization: Some(organization(owner)),
            name: "hq".parse().expect("a name"),
        },
        runner: RunnerId(7),
    }
}

fn request() -> SigningRequest {
    let key = KeyPair::generate().expect("a key");
    SigningRequest::parse(&SigningRequest::make(&key).expect("made")).expect("a request")
}

fn issued(authority: &Authority, owner: &str) -> CertificateDer<'static> {
    let issued = authority.issue(Subject::Runner(&name(owner), &request()), NOW, DAY);
    issued.expect("issued").certificate.into()
}

/// Judged where `acme` and `rival` have an authority each.
fn judged(
    certificate: &CertificateDer<'_>,
    (acme, rival): (&Authority, &Authority),
    now: Stamp,
    grace: Duration,
) -> Result<RunnerCertificate, CertificateFault> {
    let authorities = |owner: Option<&OrganizationId>| match owner.map(OrganizationId::as_str) {
        Some("acme") => vec![acme.certificate().clone()],
        Some("rival") => vec![rival.certificate().clone()],
        _ => Vec::new(),
    };
    judge(certificate, authorities, now, grace)
}

#[test]
fn a_certificate_is_believed_while_it_is_good() {
    let (acme, rival) = (authority("acme"), authority("rival"));
    let request = request();
    let issued = acme
        .issue(Subject::Runner(&name("acme"), &request), NOW, DAY)
        .expect("issued");
    let certificate = CertificateDer::from(issued.certificate.clone());
    let at = |now, grace| judged(&certificate, (&acme, &rival), now, grace);
    let good = at(NOW, Duration::ZERO).expect("believed");
    assert_eq!(
        (good.name, good.key, good.until),
        (name("acme"), request.key(), issued.until)
    );
    assert_eq!(valid_until(&issued.certificate), Some(NOW.after(DAY)));
    let second = Duration::from_secs(1);
    assert!(at(NOW.after(DAY), Duration::ZERO).is_ok());
    assert_eq!(
        at(NOW.after(DAY + second), Duration::ZERO),
        Err(CertificateFault::Expired)
    );
    assert!(at(NOW.after(DAY + second), DAY).is_ok(), "it may still be renewed");
    assert_eq!(at(NOW.after(2 * DAY + second), DAY), Err(CertificateFault::Expired));
    let earlier = Stamp::from_millis(NOW.millis() - 600_000);
    assert_eq!(at(earlier, DAY), Err(CertificateFault::NotYet));
}

#[test]
fn an_authority_speaks_for_its_own_organization_alone() {
    let (acme, rival) = (authority("acme"), authority("rival"));
    let both = (&acme, &rival);
    let theirs = issued(&rival, "acme");
    assert_eq!(judged(&theirs, both, NOW, DAY), Err(CertificateFault::Issuer));
    let nobodys = issued(&acme, "nobody");
    assert_eq!(judged(&nobodys, both, NOW, DAY), Err(CertificateFault::Issuer));
    // One of the same name that somebody else has made.
    let forged = issued(&authority("acme"), "acme");
    assert_eq!(judged(&forged, both, NOW, DAY), Err(CertificateFault::Issuer));
    // Nor does the authority's own certificate.
    assert_eq!(judged(acme.certificate(), both, NOW, DAY), Err(CertificateFault::Usage));
}

#[test]
fn only_what_is_for_a_client_alone_and_names_one_runner_is_a_runners() {
    let (certificate, key) = Authority::generate(Some(&organization("acme")), 1, NOW).expect("made");
    let acme = Authority::open(&certificate, &key).expect("opened");
    let rival = authority("rival");
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.as_slice().into());
    let issuer =
        Issuer::from_ca_cert_der(&certificate.into(), KeyPair::try_from(&key).expect("a key")).expect("an issuer");
    let made = |usages: &[ExtendedKeyUsagePurpose], uris: &[&str], ca: bool| {
        let mut params = CertificateParams::default();
        params.extended_key_usages = usages.to_vec();
        let uri = |uri: &&str| SanType::URI((*uri).to_owned().try_into().expect("a text"));
        params.subject_alt_names = uris.iter().map(uri).collect();
        if ca {
            params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        let signed = params
            .signed_by(&KeyPair::generate().expect("a key"), &issuer)
            .expect("signed");
        judged(signed.der(), (&acme, &rival), NOW, DAY).map(drop)
    };
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};
    let runner = crate::Role::Runner(name("acme")).to_string();
    let own = [runner.as_str()];
    assert_eq!(made(&[ClientAuth], &own, false), Ok(()));
    for usages in [
        &[][..],
        &[ServerAuth],
        &[ClientAuth, ServerAuth],
        &[Any],
        &[ClientAuth, Any],
    ] {
        assert_eq!(made(usages, &own, false), Err(CertificateFault::Usage), "{usages:?}");
    }
    assert_eq!(made(&[ClientAuth], &own, true), Err(CertificateFault::Usage));
    for uris in [
        &[][..],
        &["spiffe://muster/coordinator"],
        &["https://example.com"],
        &[&runner, &runner],
    ] {
        assert_eq!(
            made(&[ClientAuth], uris, false),
            Err(CertificateFault::Name),
            "{uris:?}"
        );
    }
    // The coordinator's own is no runner's.
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let key = KeyPair::generate().expect("a key");
    let server = acme
        .issue(Subject::Coordinator(&names, &key), NOW, DAY)
        .expect("issued");
    let judged = judged(&server.certificate.into(), (&acme, &rival), NOW, DAY);
    assert_eq!(judged, Err(CertificateFault::Usage));
}

#[test]
fn a_changed_bit_is_never_believed() {
    let (acme, rival) = (authority("acme"), authority("rival"));
    let good = issued(&acme, "acme");
    let mut believed = Vec::new();
    for bit in 0..good.len() * 8 {
        let mut bad = good.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        if judged(&bad.into(), (&acme, &rival), NOW, DAY).is_ok() {
            believed.push(bit);
        }
    }
    assert_eq!(believed, [0_usize; 0], "bits that nobody looks at");
}

proptest! {
    #[test]
    fn bytes_of_anybody_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..800)) {
        prop_assert!(judge(&bytes.as_slice().into(), |_| Vec::new(), NOW, DAY).is_err());
        let _ = valid_until(&bytes);
    }

    #[test]
    fn a_certificate_with_other_bytes_in_it_is_no_panic(
        place in 0_usize..500,
        bytes in proptest::collection::vec(any::<u8>(), 1..30),
    ) {
        let mut certificate = issued(&authority("acme"), "acme").to_vec();
        let place = place.min(certificate.len());
        let end = (place + bytes.len()).min(certificate.len());
        certificate.splice(place..end, bytes);
        let _ = judge(&certificate.into(), |_| Vec::new(), NOW, DAY);
    }
}
