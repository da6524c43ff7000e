use super::*;

fn judge(toml: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("runner.toml");
    std::fs::write(&file, toml).expect("written");
    let line = CommandLine {
        config: Some(file),
        settings: Settings {
            data_folder: Some("/var/lib/muster-runner".into()),
            ..Settings::default()
        },
    };
    line.resolve()
        .map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

#[test]
fn an_empty_file_is_good() {
    let config = judge("").expect("good");
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
fn flags_go_before_the_file() {
    let file: Settings = toml_of("pool = \"hq\"\nslots = 8\ntime_limit = \"2h 30m\"\n");
    let line =
        CommandLine::try_parse_from(["muster-runner", "--slots", "2", "--data-folder", "/tmp/x"]).expect("flags");
    let config = line.settings.or(file).judge(Registry::builtin()).expect("good");
    assert_eq!(config.slots, Slots(2));
    assert_eq!(config.pool.as_str(), "hq");
    assert_eq!(config.time_limit, Duration::from_secs(9_000));
}

fn toml_of(text: &str) -> Settings {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("runner.toml");
    std::fs::write(&file, text).expect("written");
    muster_process::load(&file).expect("good")
}

#[test]
fn every_fault_is_told_at_once() {
    let error = judge(
        r#"
        coordinator = "127.0.0.1:7443"
        pool = "HQ"
        slots = 0
        connectors = ["hosts"]
        time_limit = "soon"
        stop_within = "0s"
        "#,
    )
    .expect_err("six faults");
    for part in [
        "`coordinator`: is `127.0.0.1:7443`",
        "`pool`: the name has the character 'H'",
        "`slots`: is 0: must be 1 to 1000",
        "`connectors`: there is no connector `hosts`: there are `host`",
        "`time_limit`: is `soon`: write a time such as `90s`",
        "`stop_within`: is 0s: must be between 3 s and 24 h",
    ] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[test]
fn a_misspelt_key_is_told_with_its_place() {
    let error = judge("slots = 4\npol = \"hq\"\n").expect_err("no such key");
    assert!(error.starts_with("runner.toml:2:1: unknown field `pol`"), "{error}");
}

#[test]
fn the_services_own_pool_has_no_organization() {
    assert_eq!(judge("pool = \"hosted\"").expect("good").organization, None);
    let error = judge("pool = \"hosted\"\norganization = \"acme\"").expect_err("both");
    assert!(error.contains("`organization`: is `acme`"), "{error}");
}

#[test]
fn an_address_that_cannot_work_is_refused() {
    for (address, part) in [
        ("https://muster.example:7443", "TLS is not there yet"),
        ("http://muster.example", "without a port"),
        ("http://muster.example:7443/api", "with a path"),
        ("tcp://muster.example:7443", "write it as `http://host:port`"),
        ("http://a b", "no address"),
    ] {
        let error = judge(&format!("coordinator = \"{address}\"")).expect_err(address);
        assert!(error.contains(part), "{error}");
    }
}
