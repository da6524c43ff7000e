mod round_trip;

use serde_json::{Value, json};

use super::*;

/// All that a schema may say that a form can show.
fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["url", "auth"],
        "additionalProperties": false,
        "$defs": {"port": {"title": "Port", "type": "integer"}},
        "properties": {
            "url": {"title": "URL", "type": "string", "format": "uri", "examples": ["https://a.example"]},
            "port": {"$ref": "#/$defs/port", "default": 443},
            "ratio": {"type": ["number", "null"]},
            "verify": {"type": "boolean", "default": true},
            "level": {"enum": ["low", "high", 3]},
            "kinds": {"type": "array", "items": {"enum": ["a", "b"]}},
            "bases": {"type": "array", "items": {"type": "string"}},
            "ports": {"type": "array", "items": {"type": "integer"}},
            "auth": {"oneOf": [
                {"title": "Password", "type": "object", "required": ["kind", "password"], "additionalProperties": false,
                    "properties": {"kind": {"const": "simple"}, "password": {"type": "string", "writeOnly": true}}},
                {"title": "Nobody", "type": "object", "required": ["kind"], "additionalProperties": false,
                    "properties": {"kind": {"const": "anonymous"}}},
            ]},
            "servers": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "properties": {"host": {"type": "string"}, "port": {"type": "integer"}}}},
            "proxy": {"type": "object", "properties": {"host": {"type": "string"}}},
            "anything": {},
        },
    })
}

fn filled(field: &Field, value: &Value) -> Typed {
    let mut typed = Typed::default();
    fill(field, ROOT, Some(value), &mut typed);
    typed
}

fn again(field: &Field, value: &Value) -> Value {
    read(field, ROOT, &filled(field, value)).expect("a configuration is always there")
}

#[test]
fn what_a_form_shows_is_what_it_says_again() {
    let form = configuration(&[schema()]);
    for value in [
        json!({}),
        json!({"url": "https://b.example", "auth": {"kind": "simple", "password": "file:a"}}),
        json!({"auth": {"kind": "anonymous"}, "verify": false, "level": 3, "kinds": ["b"], "port": 8443, "ratio": 0.5}),
        json!({"auth": {"kind": "anonymous"}, "verify": true, "bases": ["ou=a", "ou=b c"], "ports": [1, 2]}),
        json!({"servers": [{"host": "a", "port": 1}, {"host": "b"}], "proxy": {"host": "p", "more": {"x": [1]}}}),
        json!({"anything": {"deep": [true, null, {"x": "y"}]}}),
        // What does not fit the schema is kept, too: it is for the API to say so.
        json!({"port": "eighty", "bases": ["", "[x", "two\nlines"], "level": "middle", "kinds": ["c"]}),
    ] {
        assert_eq!(again(&form, &value), value);
    }
}

#[test]
fn what_nobody_types_is_not_said() {
    let form = configuration(&[schema()]);
    let mut typed = filled(&form, &json!({"url": "https://b.example", "proxy": {"host": "p"}}));
    typed.set("v/url", "");
    typed.set("v/proxy/host", "");
    assert_eq!(
        read(&form, ROOT, &typed),
        Some(json!({})),
        "neither what is empty, nor a way that nobody has chosen"
    );
}

#[test]
fn what_is_typed_is_said_as_what_it_is() {
    let form = configuration(&[schema()]);
    let pairs = [
        ("v/url", "https://c.example"),
        ("v/port", " 8443 "),
        ("v/ratio", "many"),
        ("v/verify", "unset"),
        ("v/kinds", ""),
        ("v/kinds", "\"a\""),
        ("v/bases", "ou=a\r\n\r\n  ou=b  \r\n"),
        ("v/ports", "1\r\ntwo\r\n"),
        ("v/auth?", "0"),
        ("v/auth|0/password", "env:MUSTER_SECRET_A"),
        ("v/servers#", "3"),
        ("v/servers/1/host", "h"),
        ("v/anything", "{\"a\":"),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let said = read(&form, ROOT, &Typed::of(pairs.to_vec())).expect("an object");
    let expected = json!({
        "url": "https://c.example", "port": 8443, "ratio": "many", "verify": false, "kinds": ["a"], "bases": ["ou=a", "ou=b"],
        "ports": [1, "two"], "auth": {"kind": "simple", "password": "env:MUSTER_SECRET_A"}, "servers": [{"host": "h"}],
        "anything": "{\"a\":",
    });
    assert_eq!(said, expected);
}

#[test]
fn a_number_that_would_be_rounded_stays_as_it_was_typed() {
    let form = configuration(&[schema()]);
    let typed = |port: &str| {
        Typed::of(vec![
            ("v/port".to_owned(), port.to_owned()),
            ("v/verify".to_owned(), "unset".to_owned()),
            ("v/verify".to_owned(), "true".to_owned()),
        ])
    };
    assert_eq!(
        read(&form, ROOT, &typed("9007199254740992")),
        Some(json!({"port": 9_007_199_254_740_992_i64}))
    );
    assert_eq!(
        read(&form, ROOT, &typed("9007199254740993000")),
        Some(json!({"port": "9007199254740993000"}))
    );
}

#[test]
fn a_schema_that_refers_to_itself_has_an_end() {
    let schema = json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/node"}}}},
    });
    let form = configuration(&[schema]);
    let value = json!({"name": "a", "next": {"name": "b", "next": {"name": "c"}}});
    assert_eq!(again(&form, &value), value);
}

#[test]
fn two_schemas_are_one_form() {
    let of_all = json!({"type": "object", "properties": {"timeout": {"type": "integer"}}});
    let of_way = json!({"type": "object", "additionalProperties": false, "required": ["domain", "timeout"], "properties": {"domain": {"type": "string"}, "timeout": {}}});
    let form = configuration(&[of_all, of_way]);
    let Kind::Group { fields, has_rest } = &form.kind else {
        panic!("{form:?}")
    };
    let said: Vec<(&str, bool)> = fields
        .iter()
        .map(|field| (field.key.as_str(), field.is_required))
        .collect();
    assert_eq!((said, *has_rest), (vec![("timeout", true), ("domain", true)], false));
}

#[test]
fn what_is_wrong_in_other_settings_stands_beside_them() {
    let form = configuration(&[schema()]);
    let typed = filled(&form, &json!({"proxy": {"host": "p", "X-Key": 5}}));
    let mut faults = Faults::default();
    faults.add(format!("{CONFIGURATION}.proxy.host"), "is wrong");
    faults.add(format!("{CONFIGURATION}.proxy.X-Key"), "must be a text");
    let (html, unplaced) = drawn(&typed, &faults);
    assert_eq!(unplaced, 0, "{html}");
    let (before, rest) = html.split_once("Other settings").expect("there are some");
    assert!(before.contains("Is wrong.") && !before.contains("X-Key"), "{before}");
    assert!(rest.contains("<code>X-Key</code> must be a text."), "{rest}");
    let area = &rest[rest.find("<textarea").expect("they are typed")..];
    let area = &area[..area.find('>').expect("a tag ends")];
    assert!(
        area.contains("aria-invalid=\"true\"") && area.contains("-fault"),
        "{area}"
    );
}

fn drawn(typed: &Typed, faults: &Faults) -> (String, usize) {
    let form = configuration(&[schema()]);
    let draw = Draw::new(typed, faults, None);
    let html = draw.field(&form, ROOT, CONFIGURATION).0;
    (html, draw.unplaced().len())
}

#[test]
fn what_is_wrong_stands_beside_its_field() {
    let form = configuration(&[schema()]);
    let typed = filled(&form, &json!({"auth": {"kind": "simple"}, "servers": [{"host": "a"}]}));
    let mut faults = Faults::default();
    for path in [
        "url",
        "auth.password",
        "bases[1]",
        "servers[0].port",
        "proxy.host",
        "anything.a[0].b",
        "unknown",
    ] {
        faults.add(format!("{CONFIGURATION}.{path}"), format!("{path} is wrong"));
    }
    let (html, unplaced) = drawn(&typed, &faults);
    assert_eq!(unplaced, 1, "what has no field is left over: {html}");
    for (input, problem) in [
        ("f-v_2f_url", "Url is wrong"),
        ("f-v_2f_auth_7c_0_2f_password", "Auth.password is wrong"),
        ("f-v_2f_bases", "Bases[1] is wrong"),
    ] {
        let (_, after) = html
            .split_once(&format!("id=\"{input}-fault\""))
            .expect("a place for faults");
        assert!(
            after
                .trim_start_matches('>')
                .starts_with(&format!("<p class=\"fault\">{problem}")),
            "{after}"
        );
    }
}

#[test]
fn nothing_that_is_typed_is_taken_for_a_tag() {
    let form = configuration(&[schema()]);
    let typed = filled(
        &form,
        &json!({"url": "\"><script>alert(1)</script>", "bases": ["</textarea><script>"], "level": "<b>"}),
    );
    let (html, _) = drawn(&typed, &Faults::default());
    assert!(
        !html.contains("<script") && !html.contains("<b>") && html.contains("&lt;script"),
        "{html}"
    );
}

#[test]
fn a_secret_in_plain_text_is_not_sent_back() {
    let form = configuration(&[schema()]);
    let password = |text: &str| {
        drawn(
            &filled(&form, &json!({"auth": {"kind": "simple", "password": text}})),
            &Faults::default(),
        )
        .0
    };
    assert!(password("file:directory").contains("file:directory"));
    let html = password("hunter2");
    assert!(!html.contains("hunter2") && html.contains("pattern="), "{html}");
}

/// Secrets in what no field can show.
fn hidden() -> Field {
    let secret = json!({"type": "string", "writeOnly": true});
    let of =
        json!({"type": "object", "properties": {"user": {"type": "string"}, "password": {"$ref": "#/$defs/secret"}}});
    configuration(&[json!({
        "type": "object",
        "additionalProperties": false,
        "$defs": {"secret": secret},
        "properties": {
            "proxies": {"type": "array", "items": {"type": "object", "properties": {"url": {"type": "string"}, "auth": of}}},
            "keys": {"type": "array", "items": {"$ref": "#/$defs/secret"}},
            "headers": {"type": "object", "additionalProperties": {"$ref": "#/$defs/secret"}},
            "users": {"type": "array", "items": {"type": "object", "additionalProperties": false, "properties": {"token": secret}}},
            "anything": {},
        },
    })])
}

#[test]
fn browsers_are_told_of_secrets_in_what_no_field_can_show() {
    let form = hidden();
    assert!(form.has_secret());
    let (typed, faults) = (filled(&form, &json!({})), Faults::default());
    let html = Draw::new(&typed, &faults, None).field(&form, ROOT, CONFIGURATION).0;
    let tag = |name: &str| {
        let (_, after) = html
            .split_once(&format!(" name=\"{name}\""))
            .unwrap_or_else(|| panic!("{name}: {html}"));
        after.split('>').next().unwrap_or_default().replace("&quot;", "\"")
    };
    let none = r#"\s*"(?!(?:env:MUSTER_SECRET_|file:|exec:|sealed:).)[^"]"#;
    assert!(
        tag("v/proxies").contains(&format!(r#"data-leak=""(?:password)"\s*:(?:\s*\[)?{none}""#)),
        "{html}"
    );
    for all in ["v/keys", "v/headers*"] {
        assert!(
            tag(all).contains(&format!(r#"data-leak="[\[,:]{none}""#)),
            "{all}: {html}"
        );
    }
    assert!(tag("v/users/0/token").contains("pattern="), "{html}");
    assert!(!tag("v/anything").contains("data-leak"), "{html}");
}

#[test]
fn what_is_no_json_is_told_before_anybody_looks_for_secrets_in_it() {
    let form = hidden();
    let mut typed = filled(&form, &json!({}));
    typed.set("v/proxies", "[{\"auth\": {\"password\": \"hunter2\"");
    typed.set("v/keys", "hunter2");
    typed.set("v/headers*", "[\"hunter2\"]");
    typed.set("v/anything", "a text");
    let mut faults = Faults::default();
    check(&form, (ROOT, CONFIGURATION), &typed, &mut faults);
    let found: Vec<&str> = faults
        .iter()
        .map(|(path, _)| path.trim_start_matches(CONFIGURATION))
        .collect();
    assert_eq!(found, [".headers", ".keys", ".proxies"], "{faults:?}");
    let draw = Draw::new(&typed, &faults, None);
    let html = draw.field(&form, ROOT, CONFIGURATION).0;
    assert!(draw.unplaced().is_empty(), "{html}");
    assert!(
        html.contains("[{&quot;auth&quot;: {&quot;password&quot;: &quot;hunter2&quot;"),
        "nothing that was typed is lost: {html}"
    );
}

#[test]
fn both_changes_are_put_together_and_what_both_changed_is_told() {
    let of = |pairs: &[(&str, &str)]| {
        Typed::of(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    };
    let base = of(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]);
    let mine = of(&[("a", "2"), ("b", "1"), ("c", "2"), ("d", "3")]);
    let theirs = of(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "3")]);
    let merge = Merge::of(&base, &mine, &theirs);
    assert_eq!(merge.typed, of(&[("a", "2"), ("b", "2"), ("c", "2"), ("d", "3")]));
    assert_eq!(merge.taken, ["b".to_owned()].into());
    assert_eq!(merge.both, ["c".to_owned()].into());
    assert!(
        of(&[("a", "")]).differences(&Typed::default()).is_empty(),
        "nothing typed is nothing said"
    );
}

#[test]
fn spans_are_typed_as_the_command_line_takes_them() {
    let seconds = |text: &str| span::parse(text).map(|length| length.seconds);
    for (text, expected) in [
        ("90s", 90),
        ("15m", 900),
        ("1h30m", 5_400),
        ("7d", 604_800),
        (" 1h 30m ", 5_400),
        ("1w", 604_800),
        ("2 hours", 7_200),
    ] {
        assert_eq!(seconds(text), Ok(expected), "{text}");
    }
    for wrong in ["", "1", "h", "1x", "1 month", "99999999999999999999d", "<script>"] {
        assert!(seconds(wrong).is_err(), "{wrong}");
    }
    for (seconds, text) in [
        (60, "1m"),
        (5_400, "1h 30m"),
        (86_400, "1d"),
        (604_800, "7d"),
        (31_622_400, "366d"),
        (0, "0s"),
        (90, "1m 30s"),
    ] {
        let said = span::text(&prost_types::Duration { seconds, nanos: 0 });
        assert_eq!(said, text);
        assert_eq!(span::parse(&said).map(|length| length.seconds), Ok(seconds));
    }
}
