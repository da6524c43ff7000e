use muster_connectors::exec::Program;
use muster_process::config::fields_of;

use super::programs::TABLE;
use super::*;

/// The configuration of these settings, the folder aside.
fn judge(settings: Settings) -> Result<Config, String> {
    let settings = Settings {
        data_folder: Some("/var/lib/muster-runner".into()),
        ..settings
    };
    settings
        .into_config(Registry::builtin())
        .map_err(|error| error.to_string())
}

#[test]
fn the_defaults_are_good() {
    let config = judge(Settings::default()).expect("good");
    assert_eq!(config.coordinator, COORDINATOR_DEFAULT);
    assert_eq!(
        config.organization.map(|name| name.to_string()).as_deref(),
        Some("default")
    );
    assert_eq!(config.pool.as_str(), "default");
    assert_eq!(config.slots, Slots(4));
    assert_eq!(config.time_limit, Duration::from_secs(1_800));
    assert_eq!(config.stop_within, Duration::from_secs(10));
    let connectors: Vec<_> = config
        .connectors
        .iter()
        .map(|one| one.spec().name.to_string())
        .collect();
    assert_eq!(connectors, ["host"]);
}

#[test]
fn the_services_own_pool_has_no_organization() {
    let hosted = Settings {
        pool: PoolName::new("hosted").expect("a name"),
        ..Settings::default()
    };
    assert_eq!(judge(hosted.clone()).expect("good").organization, None);
    let both = Settings {
        organization: OrganizationId::new("acme").ok(),
        ..hosted
    };
    let error = judge(both).expect_err("both");
    assert!(error.contains("`organization`: is `acme`"), "{error}");
}

#[test]
fn an_address_that_cannot_work_is_refused() {
    for (address, part) in [
        ("http://muster.example", "without a port"),
        ("http://muster.example:7443/api", "with a path"),
        ("tcp://muster.example:7443", "write it as `https://host:port`"),
        ("127.0.0.1:7443", "write it as `https://host:port`"),
        ("http://a b", "no address"),
    ] {
        let error = coordinator_from(address).expect_err(address);
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_connector_that_there_is_not_is_named_with_the_nearest() {
    let with = |names: &[&str]| {
        let connectors = names
            .iter()
            .map(|name| ConnectorName::new(name).expect("a name"))
            .collect();
        judge(Settings {
            connectors,
            ..Settings::default()
        })
        .expect_err("no connector")
    };
    let error = with(&["hosts"]);
    assert!(
        error.contains("there is no connector `hosts`: is `host` meant? there are `host`"),
        "{error}"
    );
    let error = with(&[]);
    assert!(error.contains("has nothing to do"), "{error}");
}

#[test]
fn every_key_of_a_table_is_documented() {
    let tables = [
        (TABLE, fields_of::<Program>()),
        (connectors::TABLE, connectors::fields()),
        (secret_commands::TABLE, secret_commands::fields()),
    ];
    for (table, known) in tables {
        let keys = table.example.lines().filter_map(|line| Some(line.split_once(" = ")?.0));
        let mut documented: Vec<&str> = keys.collect();
        let mut known = known.to_vec();
        documented.sort_unstable();
        known.sort_unstable();
        assert_eq!(documented, known, "[{}.NAME]", table.key);
    }
}
