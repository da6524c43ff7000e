use proptest::prelude::*;

use super::*;

fn reach(allow: &[&str], deny: &[&str]) -> Reach {
    Reach {
        connector: "crm".to_owned(),
        allow: Rules::new("runner.toml:4:9", allow).expect("good rules"),
        deny: Rules::new("runner.toml:2:8", deny).expect("good rules"),
        by_hand: false,
    }
}

/// What comes of a host that leads to these addresses.
fn judge(reach: &Reach, host: &str, addresses: &[&str], port: u16) -> Result<Vec<IpAddr>, String> {
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect(text)).collect();
    let host = Host::of(host).expect(host);
    reach
        .judge(&host, &addresses, Some(port))
        .map_err(|refusal| refusal.to_string())
}

#[test]
fn without_rules_all_is_reached_but_what_is_protected() {
    let reach = reach(&[], &[]);
    for host in [
        "192.0.2.1",
        "10.0.0.1",
        "2001:db8::1",
        "[2001:db8::1]",
        "100.100.100.201",
    ] {
        assert!(judge(&reach, host, &[], 443).is_ok(), "{host}");
    }
    for host in [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "[::1]",
        "0.0.0.0",
        "0",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:0.0.0.0",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "169.254.169.254",
        "169.254.170.2",
        "0xa9fea9fe",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
    ] {
        let refused = judge(&reach, host, &[], 80).expect_err(host);
        assert!(refused.contains("names the address"), "{refused}");
    }
    for name in [
        "localhost",
        "LOCALHOST.",
        "db.localhost",
        "metadata.google.internal",
        "metadata.google.internal.",
    ] {
        // Whatever they lead to.
        assert!(judge(&reach, name, &["192.0.2.1"], 80).is_err(), "{name}");
        assert!(judge(&reach, name, &[], 80).is_err(), "{name}");
    }
}

#[test]
fn what_is_protected_is_opened_by_an_address_inside_of_it_and_by_no_name_or_wider_network() {
    for allow in ["127.0.0.1", "127.0.0.0/8:389", "[::1]:389", "127.0.0.1:1-1000"] {
        let host = if allow.contains("::1") { "::1" } else { "127.0.0.1" };
        assert!(judge(&reach(&[allow], &[]), host, &[], 389).is_ok(), "{allow}");
        assert!(
            judge(&reach(&[allow], &[]), "::ffff:127.0.0.1", &[], 389).is_ok() != allow.contains("::1"),
            "{allow}"
        );
    }
    for allow in [
        "*",
        "0.0.0.0/0",
        "*:389",
        "db.corp.example",
        "*.corp.example",
        "127.0.0.2",
        "127.0.0.1:636",
    ] {
        let refused = judge(&reach(&[allow], &[]), "db.corp.example", &["127.0.0.1"], 389).expect_err(allow);
        assert!(
            refused.starts_with(
                "the connector `crm` may not reach db.corp.example:389, which leads to 127.0.0.1: loopback"
            ),
            "{refused}"
        );
    }
    let localhost = reach(&["localhost:389"], &[]);
    assert!(judge(&localhost, "localhost", &["::1", "127.0.0.1"], 389).is_ok());
    assert!(judge(&localhost, "localhost", &["127.0.0.1"], 390).is_err());
    assert!(judge(&localhost, "other.localhost", &["127.0.0.1"], 389).is_err());
    assert!(judge(&localhost, "localhost", &["169.254.169.254"], 389).is_err());
    assert!(judge(&reach(&["127.0.0.1"], &[]), "localhost", &["127.0.0.1"], 389).is_ok());
    let metadata = reach(&["metadata.google.internal"], &[]);
    assert!(judge(&metadata, "metadata.google.internal", &["169.254.169.254"], 80).is_err());
    let both = reach(&["metadata.google.internal", "169.254.169.254:80"], &[]);
    assert!(judge(&both, "metadata.google.internal", &["169.254.169.254"], 80).is_ok());
}

#[test]
fn names_networks_and_ports_are_matched_whole() {
    let reach = reach(
        &[
            "dc1.corp.example:636",
            "*.crm.example",
            "10.0.0.0/8:443",
            "[2001:db8::/32]:80-90",
        ],
        &[],
    );
    for (host, addresses, port, reached) in [
        ("dc1.corp.example", vec!["192.0.2.1"], 636, true),
        ("DC1.Corp.Example.", vec!["192.0.2.1"], 636, true),
        ("dc1.corp.example", vec!["192.0.2.1"], 389, false),
        ("xdc1.corp.example", vec!["192.0.2.1"], 636, false),
        ("dc1.corp.example.evil.example", vec!["192.0.2.1"], 636, false),
        ("eu.crm.example", vec!["192.0.2.1"], 8_443, true),
        ("crm.example", vec!["192.0.2.1"], 443, false),
        ("evilcrm.example", vec!["192.0.2.1"], 443, false),
        ("any.example", vec!["10.1.2.3"], 443, true),
        ("any.example", vec!["11.1.2.3"], 443, false),
        ("10.1.2.3", vec![], 443, true),
        ("10.1.2.3", vec![], 80, false),
        ("0xa010203", vec![], 443, true),
        ("::ffff:10.1.2.3", vec![], 443, true),
        ("2001:db8::1", vec![], 85, true),
        ("2001:db8::1", vec![], 91, false),
        ("2001:db9::1", vec![], 85, false),
        // Nobody knows where it leads, and it may be into a network that is allowed.
        ("any.example", vec![], 443, true),
        ("any.example", vec![], 444, false),
    ] {
        let judged = judge(&reach, host, &addresses, port);
        assert_eq!(judged.is_ok(), reached, "{host} {addresses:?} {port}: {judged:?}");
    }
    let only_some = judge(
        &reach,
        "any.example",
        &["10.1.2.3", "11.1.2.3", "127.0.0.1", "10.0.0.1"],
        443,
    );
    assert_eq!(
        only_some.expect("two of them"),
        [
            "10.1.2.3".parse::<IpAddr>().expect("one"),
            "10.0.0.1".parse().expect("one")
        ]
    );
}

#[test]
fn what_is_denied_is_denied_whatever_is_allowed() {
    let reach = reach(
        &["*", "10.0.0.5", "127.0.0.1"],
        &["10.0.0.0/8", "*.evil.example", "127.0.0.1:22"],
    );
    let refused = judge(&reach, "10.0.0.5", &[], 443).expect_err("denied");
    assert_eq!(
        refused,
        "the connector `crm` may not reach 10.0.0.5:443: the runner's own configuration denies `10.0.0.0/8` (`deny`, runner.toml:2:8)"
    );
    assert!(judge(&reach, "::ffff:10.0.0.5", &[], 443).is_err());
    assert!(judge(&reach, "x.evil.example", &["192.0.2.1"], 443).is_err());
    assert!(judge(&reach, "fine.example", &["10.9.9.9"], 443).is_err());
    assert!(judge(&reach, "fine.example", &["192.0.2.1"], 443).is_ok());
    assert!(judge(&reach, "127.0.0.1", &[], 22).is_err());
    assert!(judge(&reach, "127.0.0.1", &[], 23).is_ok());
}

#[test]
fn a_refusal_is_a_failure_that_names_the_rule_and_what_to_change() {
    let host = Host::of("crm.example").expect("a host");
    let refused = reach(&["10.0.0.0/8"], &[]).judge(&host, &["192.0.2.7".parse().expect("one")], Some(443));
    let failure = Failure::from(refused.expect_err("not allowed"));
    assert_eq!(failure.category, Category::Permission);
    assert_eq!(
        failure.message,
        "the connector `crm` may not reach crm.example:443, which leads to 192.0.2.7: it is not among what `allow` of \
         `[connector.crm]` in the runner's own configuration names (runner.toml:4:9)"
    );
    let remedy = failure.remedy.expect("one");
    assert!(
        remedy.contains("add \"192.0.2.7\" to `allow` of `[connector.crm]`"),
        "{remedy}"
    );
}

#[test]
fn what_is_no_destination_is_told() {
    for text in [
        "",
        ":443",
        "host:",
        "host:0",
        "host:65536",
        "host:9-8",
        "host:1-1001",
        "a*.example",
        "*.*.example",
        "*.10.0.0.1",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "[::1",
        "[::1]443",
        "a b",
        "host:443:x",
        "http://host",
    ] {
        let error = text.parse::<Destination>().expect_err(text).to_string();
        assert!(error.contains("write it as"), "{text}: {error}");
    }
}

#[test]
fn the_ports_are_known_if_all_have_some() {
    assert_eq!(reach(&[], &[]).ports(), None);
    assert_eq!(reach(&["a.example:636", "b.example"], &[]).ports(), None);
    assert_eq!(
        reach(&["a.example:636", "*:80-82", "b.example:81"], &[]).ports(),
        Some(vec![80, 81, 82, 636])
    );
}

/// A few rules over a few networks and names, so that they meet.
fn destinations() -> impl Strategy<Value = Vec<String>> {
    let host = prop_oneof![
        Just("*".to_owned()),
        Just("a.example".to_owned()),
        Just("*.example".to_owned()),
        Just("localhost".to_owned()),
        (0_u8..=255, 0_u8..=3, 8_u8..=32).prop_map(|(a, b, bits)| {
            let net = ipnet::Ipv4Net::new(Ipv4Addr::new(a, b, 0, 0), bits)
                .expect("few bits")
                .trunc();
            net.to_string()
        }),
        Just("127.0.0.0/8".to_owned()),
        Just("169.254.169.254".to_owned()),
    ];
    let one = (host, proptest::option::of(prop_oneof![Just(80_u16), Just(443)]))
        .prop_map(|(host, port)| port.map_or_else(|| host.clone(), |port| format!("{host}:{port}")));
    proptest::collection::vec(one, 0..4)
}

fn addresses() -> impl Strategy<Value = Vec<IpAddr>> {
    let four = prop_oneof![
        any::<u32>(),
        (0_u32..=0xff_ffff).prop_map(|low| 0x7f00_0000 | low),
        Just(0xa9fe_a9fe),
        Just(0),
    ];
    let one = (four, 0..4_u8).prop_map(|(bits, form)| {
        let [a, b, c, d] = bits.to_be_bytes();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        match form {
            0 => IpAddr::V4(Ipv4Addr::from(bits)),
            1 => IpAddr::V6(Ipv4Addr::from(bits).to_ipv6_mapped()),
            2 => IpAddr::V6(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low)),
            _ => IpAddr::V6(Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1)),
        }
    });
    proptest::collection::vec(one, 0..4)
}

proptest! {
    #[test]
    fn what_is_reached_was_given_is_not_denied_and_not_protected_unless_named(
        allow in destinations(), deny in destinations(), addresses in addresses(), name in prop_oneof![
            Just("a.example"), Just("b.example"), Just("localhost"), Just("other")
        ], port in prop_oneof![Just(80_u16), Just(443), Just(22)],
    ) {
        let written = |texts: &[String]| Rules::new("here", texts).expect("good rules");
        let reach = Reach { connector: "crm".to_owned(), allow: written(&allow), deny: written(&deny), by_hand: false };
        let reached = reach.judge(&Host::Name(name.to_owned()), &addresses, Some(port)).unwrap_or_default();
        let host_of = |rule: &str| rule.split(':').next().expect("a host").to_owned();
        let port_fits = |rule: &str| rule.split_once(':').is_none_or(|(_, own)| own == port.to_string());
        for address in &reached {
            prop_assert!(addresses.contains(address));
            // The address of version 4 that it carries, worked out in another way than by the judge.
            let four = match address {
                IpAddr::V4(four) => *four,
                IpAddr::V6(six) if six.segments()[0] == 0x2002 => {
                    let octets = six.octets();
                    Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5])
                }
                IpAddr::V6(six) => {
                    let octets = six.octets();
                    Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15])
                }
            };
            let in_network = |rule: &str| host_of(rule).parse::<ipnet::Ipv4Net>().is_ok_and(|net| net.contains(&four))
                || host_of(rule).parse::<Ipv4Addr>().is_ok_and(|own| own == four);
            for rule in deny.iter().filter(|rule| port_fits(rule)) {
                prop_assert!(host_of(rule) != "*" && !in_network(rule) && host_of(rule) != name, "{rule} denies {address}");
                prop_assert!(!(host_of(rule) == "*.example" && name.ends_with(".example")));
            }
            if four.is_loopback() || four.is_link_local() || four.octets()[0] == 0 {
                let opened = allow.iter().filter(|rule| port_fits(rule)).any(|rule| {
                    let narrow = host_of(rule).parse::<ipnet::Ipv4Net>().map_or(true, |net| net.prefix_len() >= 8);
                    (narrow && in_network(rule)) || (host_of(rule) == "localhost" && name == "localhost" && !four.is_link_local())
                });
                prop_assert!(opened, "{address} by {allow:?}");
            }
            if !allow.is_empty() {
                prop_assert!(allow.iter().any(|rule| port_fits(rule)));
            }
        }
    }

    #[test]
    fn one_more_rule_that_denies_never_opens_anything(
        allow in destinations(), deny in destinations(), more in destinations(), addresses in addresses(),
    ) {
        let written = |texts: &[String]| Rules::new("here", texts).expect("good rules");
        let host = Host::Name("a.example".to_owned());
        let reach = |deny: &[String]| Reach { connector: "crm".to_owned(), allow: written(&allow), deny: written(deny), by_hand: false };
        let before = reach(&deny).judge(&host, &addresses, Some(443)).unwrap_or_default();
        let all = [deny.clone(), more].concat();
        let after = reach(&all).judge(&host, &addresses, Some(443)).unwrap_or_default();
        prop_assert!(after.iter().all(|address| before.contains(address)));
    }

    #[test]
    fn no_text_panics(text in ".{0,40}") {
        let _ = text.parse::<Destination>();
        let _ = Host::of(&text);
    }
}
