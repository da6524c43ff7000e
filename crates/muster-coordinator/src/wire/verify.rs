//! What a verification tells.

use muster_proto::v1;
use muster_proto::v1::verify_response::Told as Kind;
use muster_store::verify::{Finding, Severity, Told};

/// As the wire says it.
pub(crate) fn told(told: Told) -> v1::VerifyResponse {
    let told = match told {
        Told::Progress { part, done, of } => Kind::Progress(v1::VerifyProgress {
            part: part.to_owned(),
            done_count: done,
            total_count: of,
        }),
        Told::Found(finding) => {
            let severity = match finding.severity {
                Severity::Note => v1::VerifySeverity::Note,
                Severity::Damage => v1::VerifySeverity::Damage,
            };
            Kind::Finding(v1::VerifyFinding {
                severity: severity.into(),
                place: finding.place,
                what: finding.what,
                remedy: finding.remedy,
            })
        }
    };
    v1::VerifyResponse { told: Some(told) }
}

/// The finding that the wire tells. One of a severity that this version does not know is damage: better looked at once too often.
pub(crate) fn finding(finding: v1::VerifyFinding) -> Finding {
    let severity = match finding.severity() {
        v1::VerifySeverity::Note => Severity::Note,
        v1::VerifySeverity::Damage | v1::VerifySeverity::Unspecified => Severity::Damage,
    };
    Finding {
        severity,
        place: finding.place,
        what: finding.what,
        remedy: finding.remedy,
    }
}
