use muster_proto::v1::ErrorNotifications;
use serde_json::json;

use super::*;

fn specification() -> ConnectorSpecification {
    let schema = |value| Some(form::struct_of(value));
    let way = |name: &str, property: &str| AccessSchema {
        access_schema: name.to_owned(),
        configuration_schema: schema(json!({"type": "object", "properties": {property: {"type": "string"}}})),
        ..AccessSchema::default()
    };
    let offered = |name: &str, hours: i64| DataTypeSpecification {
        data_type: name.to_owned(),
        default_interval: Some(Duration {
            seconds: hours * 3_600,
            nanos: 0,
        }),
        ..DataTypeSpecification::default()
    };
    ConnectorSpecification {
        connector: "ldap".to_owned(),
        configuration_schema: schema(json!({"type": "object", "properties": {"port": {"type": "integer"}}})),
        access_schemas: vec![way("single-domain", "domain"), way("discovery", "forest")],
        data_types: vec![offered("user", 1), offered("device", 6)],
        ..ConnectorSpecification::default()
    }
}

fn integration() -> Integration {
    let schedule = |name: &str, seconds| CollectionSchedule {
        data_type: name.to_owned(),
        interval: Some(Duration { seconds, nanos: 0 }),
        ..CollectionSchedule::default()
    };
    Integration {
        display_name: "Corp".to_owned(),
        pool: "default".to_owned(),
        access_schema: "single-domain".to_owned(),
        configuration: Some(form::struct_of(json!({"port": 636, "domain": "corp.example"}))),
        data_types: vec![schedule("user", 900), schedule("group", 60)],
        error_notifications: Some(ErrorNotifications {
            enabled: true,
            recipients: vec!["a@b.example".to_owned(), "c@d.example".to_owned()],
            threshold_percent: Some(12.5),
            window: Some(Duration {
                seconds: 86_400,
                nanos: 0,
            }),
            ..ErrorNotifications::default()
        }),
        ..Integration::default()
    }
}

#[test]
fn what_stands_in_the_form_is_what_is_asked_for_again() {
    let (known, before) = (specification(), integration());
    let definition = Definition::new(Some(&known), "single-domain", Some(&before));
    let typed = definition.typed(&before);
    let (again, faults) = definition.read(&typed);
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(
        again, before,
        "also a data type that the connector does not offer any more"
    );
    assert!(Definition::changed(&typed, &typed).is_empty());
}

#[test]
fn only_what_was_changed_is_asked_for() {
    let (known, before) = (specification(), integration());
    let definition = Definition::new(Some(&known), "single-domain", Some(&before));
    let base = definition.typed(&before);
    for (input, value, field) in [
        ("display_name", "Corp B", "display_name"),
        ("pool", "hq", "pool"),
        ("access_schema", "discovery", "access_schema"),
        ("v/port", "637", "configuration"),
        ("v*", "{\"a\": 1}", "configuration"),
        ("every:user", "1h", "data_types"),
        (COLLECT, "user", "data_types"),
        ("threshold", "13", "error_notifications"),
        (MAIL, "set", "error_notifications"),
    ] {
        let mut typed = base.clone();
        typed.set(input, value);
        assert_eq!(Definition::changed(&base, &typed), [field], "{input}");
    }
}

#[test]
fn what_nobody_has_changed_of_a_configuration_stays_as_it_is_stored() {
    let known = specification();
    let before = Integration {
        configuration: Some(form::struct_of(json!({"port": 636, "domain": "", "more": []}))),
        ..integration()
    };
    let definition = Definition::new(Some(&known), "single-domain", Some(&before));
    let base = definition.typed(&before);
    let mut typed = base.clone();
    typed.set("v/port", "637");
    let (again, faults) = definition.read_changed(&typed, &base, &before);
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(
        again.configuration.as_ref().map(form::value_of),
        Some(json!({"port": 637, "domain": "", "more": []}))
    );
}

#[test]
fn each_way_has_its_own_fields() {
    let known = specification();
    let of = |way: &str| {
        let mut typed = Typed::default();
        typed.set("v/port", "636");
        typed.set("v/domain", "corp.example");
        typed.set("v/forest", "corp");
        let (integration, _) = Definition::new(Some(&known), way, None).read(&typed);
        integration.configuration.as_ref().map(form::value_of)
    };
    assert_eq!(
        of("single-domain"),
        Some(json!({"port": 636, "domain": "corp.example"}))
    );
    assert_eq!(of("discovery"), Some(json!({"port": 636, "forest": "corp"})));
}

#[test]
fn what_cannot_be_asked_for_is_told_by_its_field() {
    let known = specification();
    let definition = Definition::new(Some(&known), "", None);
    let mut typed = definition.blank("", "default");
    typed.set("every:device", "soon");
    typed.set("threshold", "half");
    typed.set("reminder", "daily");
    let (_, faults) = definition.read(&typed);
    let paths: Vec<&str> = faults.iter().map(|(path, _)| path.as_str()).collect();
    let mails = "integration.error_notifications";
    assert_eq!(
        paths,
        [
            "integration.data_types[1].interval".to_owned(),
            format!("{mails}.threshold_percent"),
            format!("{mails}.reminder"),
        ]
    );
    typed.take(COLLECT);
    let (_, faults) = definition.read(&typed);
    assert!(faults.iter().any(|(path, _)| path == "integration.data_types"));
}

#[test]
fn of_a_connector_that_nobody_offers_all_is_kept() {
    let before = integration();
    let definition = Definition::new(None, "single-domain", Some(&before));
    let (again, faults) = definition.read(&definition.typed(&before));
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(again, before);
}
