//! Of authorities, enrollment tokens and identities.

use muster_core::entity::{Authority, BarReason, Barred, Certificate, EnrollmentToken, Generation, RunnerIdentity};
use muster_core::event::IdentityEvent;
use muster_core::ledger::Entity;
use muster_core::words::{EnrollmentTokenId, Fingerprint, Principal, RunnerId};

use super::{RUNNER, at, pool};

const TOKEN: EnrollmentTokenId = EnrollmentTokenId(0x0193_0000_0000_7000_8000_0000_0000_00DD);
const HASH: Fingerprint = Fingerprint([0xd1; 32]);
const KEY: Fingerprint = Fingerprint([0xd2; 32]);

fn certificate() -> Certificate {
    Certificate {
        der: [0x30, 0x82, 1, 2].into(),
        serial: [0x40, 3].into(),
        until: at(86_400_000),
    }
}

fn token() -> IdentityEvent {
    IdentityEvent::EnrollmentTokenCreated {
        token: TOKEN,
        pool: pool(),
        hash: HASH,
        expires: at(3_600_000),
        uses_max: 2,
    }
}

pub(super) fn events() -> Vec<IdentityEvent> {
    let rotated = |owner, number| IdentityEvent::AuthorityRotated {
        owner,
        number,
        certificate: [0x30, 0x81, 4].into(),
        sealed_key: [5, 6, 7].into(),
        overlap: at(90_000),
    };
    let enrolled = |runner| IdentityEvent::RunnerEnrolled {
        token: TOKEN,
        runner,
        pool: pool(),
        key: KEY,
        certificate: certificate(),
    };
    vec![
        rotated(None, 1),
        rotated(Some("acme".parse().unwrap()), 1),
        rotated(Some("acme".parse().unwrap()), 2),
        token(),
        enrolled(RUNNER),
        enrolled(RunnerId(RUNNER.0 + 1)),
        IdentityEvent::CertificateRenewed {
            runner: RUNNER,
            certificate: certificate(),
        },
        IdentityEvent::RunnerBarred {
            runner: RUNNER,
            why: BarReason::Revoked,
        },
        IdentityEvent::RunnerBarred {
            runner: RunnerId(RUNNER.0 + 1),
            why: BarReason::Cloned,
        },
        IdentityEvent::EnrollmentTokenRevoked { token: TOKEN },
        IdentityEvent::EnrollmentTokenForgotten { token: TOKEN },
        IdentityEvent::RunnerIdentityForgotten {
            runner: RunnerId(RUNNER.0 + 1),
        },
        IdentityEvent::AuthorityForgotten {
            owner: "acme".parse().unwrap(),
        },
    ]
}

pub(super) fn entities() -> Vec<Entity> {
    let generation = |number, until| Generation {
        number,
        certificate: [0x30, 0x81, 4].into(),
        sealed_key: [5, 6, 7].into(),
        since: at(1),
        until,
    };
    let authority = |owner, generations| Entity::Authority(Authority { owner, generations });
    vec![
        authority(None, vec![generation(1, None)]),
        authority(
            Some("acme".parse().unwrap()),
            vec![generation(1, Some(at(2))), generation(2, None)],
        ),
        Entity::EnrollmentToken(EnrollmentToken {
            id: TOKEN,
            pool: pool(),
            hash: HASH,
            made: at(1),
            made_by: Principal::local(),
            expires: at(2),
            uses_max: 2,
            uses: vec![(KEY, RUNNER)],
            revoked: Some(at(3)),
        }),
        Entity::RunnerIdentity(RunnerIdentity {
            runner: RUNNER,
            pool: pool(),
            key: KEY,
            certificate: certificate(),
            enrolled: at(1),
            token: TOKEN,
            barred: Some(Barred {
                why: BarReason::Cloned,
                since: at(2),
            }),
        }),
    ]
}
