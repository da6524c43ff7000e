//! A configuration that cannot work is told, before a collection and by name.

use muster_core::words::{Category, Failure};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::{Fault, Settings, Verdict, in_words, too_slow, wrong};
use crate::{Connector, Invalid, Spec};

/// A key that no connector knows.
const UNKNOWN_KEY: &str = "muster_conformance_unknown";

/// Texts that name nothing that there is, for whatever a text may name: a file, an address that nobody listens on, a host, a name.
const NOTHING: [&str; 4] = [
    "/muster-conformance/nothing",
    "http://127.0.0.1:9/muster-conformance",
    "muster-conformance.invalid",
    "muster-conformance",
];

/// What does not fit the schema is refused with the place of each fault.
pub(super) async fn bad_ones_are_refused(connector: &dyn Connector, settings: &Settings) -> Verdict {
    let spec = connector.spec();
    if let Err(invalid) = spec.validate(&settings.config) {
        return wrong(format!(
            "the configuration that it is tried with does not fit the schema: {invalid}"
        ));
    }
    let mut tried = Vec::new();
    for (what, config) in bad_ones(spec, &settings.config) {
        if !matches!(spec.validate(&config), Err(Invalid::Configuration { .. })) {
            return wrong(format!(
                "{what} fits the schema: let it say `\"type\": \"object\"` and `\"additionalProperties\": false`"
            ));
        }
        let Ok(checked) = timeout(settings.step_within, connector.check(&config, &settings.network)).await else {
            return too_slow("a check of a bad configuration", settings);
        };
        match checked {
            Err(failure) if failure.category == Category::Configuration && !failure.message.is_empty() => {
                tried.push(what)
            }
            Err(failure) => return wrong(format!("for {what}, check fails with {}", in_words(&failure))),
            Ok(()) => return wrong(format!("check accepts {what}")),
        }
    }
    Ok(format!("refused as `configuration`: {}", tried.join(", ")))
}

/// Configurations that must not fit any schema of `good`, and what each is.
fn bad_ones(spec: &Spec, good: &Value) -> Vec<(String, Value)> {
    let mut bad = vec![("a list instead of an object".to_owned(), json!([]))];
    let good = good.as_object().cloned().unwrap_or_default();
    let changed = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut config = good.clone();
        change(&mut config);
        Value::Object(config)
    };
    let unknown = changed(&|config| drop(config.insert(UNKNOWN_KEY.to_owned(), json!(true))));
    bad.push(("an unknown key".to_owned(), unknown));
    let required = spec.config_schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        let without = changed(&|config| drop(config.remove(name)));
        bad.push((format!("one without `{name}`"), without));
    }
    bad
}

pub(super) async fn good_one_passes(connector: &dyn Connector, settings: &Settings) -> Verdict {
    match timeout(
        settings.step_within,
        connector.check(&settings.config, &settings.network),
    )
    .await
    {
        Ok(Ok(())) => Ok("the source answers".to_owned()),
        Ok(Err(failure)) => wrong(format!("it fails with {}", in_words(&failure))),
        Err(_) => too_slow("the check", settings),
    }
}

/// What fits the schema and cannot work is found by the check.
pub(super) async fn wrong_one_fails(connector: &dyn Connector, settings: &Settings) -> Verdict {
    let wrong_ones = match &settings.wrong_config {
        Some(config) => vec![("the wrong configuration".to_owned(), config.clone())],
        None => made_wrong(connector.spec(), &settings.config),
    };
    let mut accepted = Vec::new();
    for (what, config) in wrong_ones {
        if let Err(invalid) = connector.spec().validate(&config) {
            return wrong(format!(
                "{what} does not fit the schema, so it shows nothing: {invalid}"
            ));
        }
        let Ok(checked) = timeout(settings.step_within, connector.check(&config, &settings.network)).await else {
            return too_slow("a check of a wrong configuration", settings);
        };
        match checked {
            Err(failure) => return is_clear(&what, &failure),
            Ok(()) => accepted.push(what),
        }
    }
    if accepted.is_empty() {
        return Err(Fault::Untried(
            "nothing in its configuration can be made wrong: give a wrong one".to_owned(),
        ));
    }
    wrong(format!("check accepts {}: let it ask the source", accepted.join(", ")))
}

fn is_clear(what: &str, failure: &Failure) -> Verdict {
    let told = in_words(failure);
    match failure.category {
        Category::Permission | Category::Configuration | Category::Communication | Category::Timeout => {
            if failure.message.trim().is_empty() {
                return wrong(format!("for {what}, the failure has no message"));
            }
            Ok(format!("for {what}, {told}"))
        }
        Category::Connector | Category::RunnerLost | Category::Landing | Category::Canceled => wrong(format!(
            "for {what}, it fails with {told}: let it say `configuration`, `permission` or `communication`"
        )),
    }
}

/// The configuration with a text that names nothing, for each property that can have one.
fn made_wrong(spec: &Spec, good: &Value) -> Vec<(String, Value)> {
    let properties = spec.config_schema.get("properties").and_then(Value::as_object);
    let mut made = Vec::new();
    for (name, property) in properties.into_iter().flatten() {
        if property.get("type").and_then(Value::as_str) != Some("string") || property.get("enum").is_some() {
            continue;
        }
        let fitting = NOTHING.into_iter().find_map(|text| {
            let mut config = good.as_object().cloned().unwrap_or_default();
            config.insert(name.clone(), json!(text));
            let config = Value::Object(config);
            spec.validate(&config)
                .is_ok()
                .then(|| (format!("`{name}` = `{text}`"), config))
        });
        made.extend(fitting);
    }
    made
}
