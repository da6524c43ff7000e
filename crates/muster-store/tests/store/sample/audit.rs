//! Notes of the audit log.

use muster_core::audit::{FieldChange, Note, Outcome};
use muster_core::event::Event;

/// One of each outcome, and of each kind of log.
pub(super) fn events() -> Vec<Event> {
    let note = |log: Option<&str>, outcome| Note {
        log: log.map(|name| name.parse().unwrap()),
        method: "muster.v1.IntegrationService/UpdateIntegration".into(),
        peer: Some([192, 0, 2, 7].into()),
        request: "a-request".to_owned(),
        resource: "organizations/umbrella/integrations/1".to_owned(),
        outcome,
        changes: Vec::new(),
    };
    let changes = vec![
        FieldChange {
            field: "pool".to_owned(),
            before: Some("hq".to_owned()),
            after: Some("ber".to_owned()),
        },
        FieldChange {
            field: "new".to_owned(),
            before: None,
            after: Some(String::new()),
        },
    ];
    let done = Note {
        changes,
        ..note(Some("umbrella"), Outcome::Done)
    };
    let refused = Outcome::Refused {
        reason: "PERMISSION_DENIED".into(),
        message: "this needs more".to_owned(),
    };
    let refused = Note {
        peer: Some("2001:db8::1".parse().unwrap()),
        ..note(None, refused)
    };
    let more = Note {
        peer: None,
        ..note(None, Outcome::MoreRefused { count: 17 })
    };
    [done, refused, more]
        .into_iter()
        .map(|note| Event::Audited(Box::new(note)))
        .collect()
}
