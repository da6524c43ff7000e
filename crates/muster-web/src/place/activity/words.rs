//! Calls in words.

/// What somebody has done by a call, or has tried to: `changed integration`, `tried to change integration`.
pub(super) fn what(method: &str, is_done: bool) -> String {
    let call = method.rsplit('/').next().unwrap_or(method);
    let words = words(call);
    let (verb, rest) = match words.split_once(' ') {
        Some((verb, rest)) => (verb, format!(" {rest}")),
        None => (words.as_str(), String::new()),
    };
    match VERBS.iter().find(|(known, ..)| *known == verb) {
        Some((_, past, _)) if is_done => format!("{past}{rest}"),
        Some((_, _, present)) => format!("tried to {present}{rest}"),
        None => words,
    }
}

/// A verb of the API, what was done, and what was to be done.
const VERBS: [(&str, &str, &str); 19] = [
    ("back", "backed", "back"),
    ("batch", "ran many", "run many"),
    ("cancel", "canceled", "cancel"),
    ("check", "tested", "test"),
    ("create", "created", "create"),
    ("delete", "deleted", "delete"),
    ("disable", "disabled", "disable"),
    ("drain", "drained", "drain"),
    ("enable", "enabled", "enable"),
    ("enroll", "enrolled", "enroll"),
    ("pause", "paused", "pause"),
    ("renew", "renewed", "renew"),
    ("resume", "resumed", "resume"),
    ("revoke", "revoked", "revoke"),
    ("rotate", "rotated", "rotate"),
    ("run", "ran", "run"),
    ("send", "sent", "send"),
    ("suspend", "suspended", "suspend"),
    ("update", "changed", "change"),
];

/// `UpdateIntegration` as `update integration`.
fn words(call: &str) -> String {
    let mut words = String::new();
    for letter in call.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_said_as_what_somebody_did() {
        assert_eq!(
            what("muster.v1.IntegrationService/UpdateIntegration", true),
            "changed integration"
        );
        assert_eq!(
            what("muster.v1.AccessService/CreateToken", false),
            "tried to create token"
        );
        assert_eq!(what("muster.v1.EnrollmentService/Enroll", true), "enrolled");
        assert_eq!(what("muster.v1.IncidentService/SendTestMail", true), "sent test mail");
        assert_eq!(what("lock_runner", true), "lock runner");
    }

    #[test]
    fn each_call_that_is_kept_has_words() {
        for (path, rule) in muster_proto::RULES.iter().filter(|(_, rule)| rule.audited) {
            let said = what(path, true);
            let call = path.rsplit('/').next().unwrap_or_default();
            assert_ne!(said, words(call), "{path} of {rule:?} has no verb of its own");
        }
    }
}
