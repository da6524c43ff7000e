use muster_session::wire::struct_from_json;

use super::*;

fn schedule(data_type: &str, seconds: Option<i64>) -> v1::CollectionSchedule {
    v1::CollectionSchedule {
        data_type: data_type.to_owned(),
        interval: seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
        ..Default::default()
    }
}

fn integration() -> v1::Integration {
    v1::Integration {
        display_name: "Corp directory".to_owned(),
        connector: "ldap".to_owned(),
        configuration: struct_from_json(r#"{"port":636,"server":"dc1"}"#).ok(),
        data_types: vec![schedule("user", None)],
        ..Default::default()
    }
}

fn specification() -> v1::ConnectorSpecification {
    let schema = r#"{
        "type": "object",
        "required": ["server"],
        "additionalProperties": false,
        "properties": {
            "server": {"type": "string"},
            "port": {"type": "integer"},
            "base": {"type": "array", "items": {"type": "object", "properties": {"dn": {"type": "string"}}}}
        }
    }"#;
    let offered = |name: &str, seconds: Option<i64>| v1::DataTypeSpecification {
        data_type: name.to_owned(),
        default_interval: seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
        ..Default::default()
    };
    v1::ConnectorSpecification {
        connector: "ldap".to_owned(),
        configuration_schema: struct_from_json(schema).ok(),
        data_types: vec![
            offered("user", Some(7_200)),
            offered("device", None),
            offered("software", None),
        ],
        ..Default::default()
    }
}

fn data_type(name: &str) -> DataType {
    DataType::new(name).expect("a name")
}

fn fields(faults: Vec<FieldFault>) -> Vec<String> {
    faults.into_iter().map(|fault| fault.field).collect()
}

#[test]
fn whole_numbers_stay_whole() {
    let new = new(&integration()).expect("all in order");
    assert_eq!(new.configuration.as_str(), r#"{"port":636,"server":"dc1"}"#);
    assert_eq!(new.pool.as_str(), "default");
    assert_eq!(judge_configuration(&specification(), None, &new.configuration), Ok(()));
}

#[test]
fn all_faults_are_told_at_once() {
    let bad = v1::Integration {
        display_name: "a/b".to_owned(),
        connector: String::new(),
        pool: "HQ".to_owned(),
        data_types: vec![
            schedule("user", Some(1)),
            schedule("device", None),
            schedule("device", None),
            schedule("A", None),
        ],
        ..Default::default()
    };
    let expected = [
        "integration.connector",
        "integration.display_name",
        "integration.pool",
        "integration.data_types[0].interval",
        "integration.data_types[2].data_type",
        "integration.data_types[3].data_type",
    ];
    assert_eq!(fields(new(&bad).expect_err("many faults")), expected);
}

#[test]
fn a_configuration_that_is_too_long_is_refused() {
    let long = format!(r#"{{"server":"{}"}}"#, "x".repeat(Configuration::BYTES_MAX));
    let long = v1::Integration {
        configuration: struct_from_json(&long).ok(),
        ..integration()
    };
    assert_eq!(fields(new(&long).expect_err("too long")), ["integration.configuration"]);
}

#[test]
fn a_mask_chooses_what_changes() {
    let mask = |paths: &[&str]| FieldMask {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    };
    let one = changes(&integration(), Some(&mask(&["display_name"]))).expect("a change");
    assert_eq!(
        one,
        Changes {
            display_name: DisplayName::new("Corp directory").ok(),
            ..Changes::default()
        }
    );
    for all in [None, Some(&mask(&[])), Some(&mask(&["*"]))] {
        let all = changes(&integration(), all).expect("changes");
        assert!(all.configuration.is_some() && all.pool.is_some() && all.data_types.is_some());
    }
    let faults = changes(&integration(), Some(&mask(&["pool", "connector"]))).expect_err("fixed");
    assert_eq!(fields(faults), ["update_mask.paths[1]"]);
}

#[test]
fn intervals_come_from_the_connector_where_nobody_says_more() {
    let all = intervals(&specification(), &Vec::new()).expect("all that it offers");
    assert_eq!(
        all.get(&data_type("user")).map(|interval| interval.length().as_secs()),
        Some(7_200)
    );
    assert_eq!(all.get(&data_type("device")), Some(&Interval::HOUR));
    assert_eq!(all.get(&data_type("software")), Some(&Interval::DAY));
    let asked = vec![(data_type("user"), Some(Interval::LEAST)), (data_type("device"), None)];
    let some = intervals(&specification(), &asked).expect("it offers both");
    assert_eq!(some.get(&data_type("user")), Some(&Interval::LEAST));
    assert_eq!(some.len(), 2);
    let faults = intervals(&specification(), &vec![(data_type("group"), None)]).expect_err("not offered");
    assert!(
        faults[0].problem.contains("`device`, `software`, `user`"),
        "{}",
        faults[0]
    );
}

#[test]
fn every_place_of_a_configuration_that_does_not_fit_is_named() {
    let judge = |json: &str| {
        let configuration = Configuration::new(json).expect("short");
        judge_configuration(&specification(), None, &configuration).map_err(fields)
    };
    assert_eq!(judge("{}"), Err(vec!["integration.configuration.server".to_owned()]));
    assert_eq!(
        judge(r#"{"server":"a","base":[{"dn":"x"},{"dn":1}]}"#),
        Err(vec!["integration.configuration.base[1].dn".to_owned()])
    );
    assert_eq!(
        judge(r#"{"server":"a","a/b":1}"#),
        Err(vec!["integration.configuration.a/b".to_owned()])
    );
}

#[test]
fn an_access_schema_that_is_not_there_cannot_be_chosen() {
    let chosen = AccessSchema::new("single-domain").expect("a name");
    assert_eq!(judge_access_schema(&specification(), None), Ok(()));
    assert!(judge_access_schema(&specification(), Some(&chosen)).is_err());
    let mut several = specification();
    let offered = v1::AccessSchema {
        access_schema: "single-domain".to_owned(),
        ..v1::AccessSchema::default()
    };
    several.access_schemas.push(offered);
    assert_eq!(judge_access_schema(&several, Some(&chosen)), Ok(()));
    let fault = judge_access_schema(&several, None).expect_err("one is to be chosen");
    assert_eq!(
        fault.problem,
        "must be one that the connector `ldap` has: single-domain"
    );
}
