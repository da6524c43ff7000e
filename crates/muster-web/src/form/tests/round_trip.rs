//! A form that is drawn, and sent by a browser as it is, changes nothing of what is stored; and a change of one thing changes that one.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

/// One of each kind of fields, and lists of things that consist of flags alone.
fn all_kinds() -> Value {
    json!({
        "type": "object",
        "required": ["url", "auth", "must"],
        "additionalProperties": false,
        "properties": {
            "url": {"type": "string"},
            "note": {"type": "string", "format": "multiline"},
            "port": {"type": ["integer", "null"], "default": 443},
            "verify": {"type": "boolean", "default": true},
            "level": {"enum": ["low", "high", 3]},
            "kinds": {"type": "array", "items": {"enum": ["a", "b"]}},
            "bases": {"type": "array", "items": {"type": "string"}},
            "must": {"type": "array", "items": {"type": "string"}},
            "auth": {"oneOf": [
                {"title": "Password", "type": "object", "required": ["kind", "password"], "additionalProperties": false,
                    "properties": {"kind": {"const": "simple"}, "user": {"type": "string"}, "password": {"type": "string", "writeOnly": true}}},
                {"title": "Name", "type": "object", "required": ["kind"], "additionalProperties": false,
                    "properties": {"kind": {"const": "named"}, "user": {"type": "string"}}},
            ]},
            "servers": {"type": "array", "items": {"type": "object", "required": ["tags"], "additionalProperties": false, "properties": {
                "host": {"type": "string"}, "tls": {"type": "boolean", "default": true}, "tags": {"type": "array", "items": {"type": "string"}}}}},
            "switches": {"type": "array", "items": {"type": "object", "required": ["on"], "additionalProperties": false,
                "properties": {"on": {"type": "boolean"}, "loud": {"type": "boolean"}}}},
            "proxy": {"type": "object", "required": ["tls"], "properties": {"host": {"type": "string"}, "tls": {"type": "boolean"}}},
            "anything": {},
        },
    })
}

fn form() -> Field {
    configuration(&[all_kinds()])
}

/// What a browser sends of a form that nobody has touched.
fn sent(html: &str) -> Typed {
    let mut pairs = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, attributes, after) = tag(after);
        rest = after;
        let of = |name: &str| {
            attributes
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        let Some(name) = of("name") else { continue };
        match (tag, of("type").as_deref()) {
            ("input", Some("checkbox" | "radio")) if of("checked").is_none() => {}
            // One line of text has no end of a line in it.
            ("input", _) => pairs.push((name, of("value").unwrap_or_default().replace(['\n', '\r'], ""))),
            ("textarea", _) => {
                let (text, after) = rest.split_once("</textarea>").expect("an end");
                rest = after;
                let text = unescaped(text.strip_prefix('\n').unwrap_or(text));
                pairs.push((name, text.replace("\r\n", "\n").replace(['\r', '\n'], "\r\n")));
            }
            ("select", _) => {
                let (options, after) = rest.split_once("</select>").expect("an end");
                rest = after;
                let options: Vec<_> = options
                    .split("<option")
                    .skip(1)
                    .map(|one| self::tag(&format!("option{one}")).1)
                    .collect();
                let chosen = options
                    .iter()
                    .find(|one| one.iter().any(|(name, _)| name == "selected"));
                let chosen = chosen.or(options.first()).expect("an option");
                pairs.extend(
                    chosen
                        .iter()
                        .filter(|(known, _)| known == "value")
                        .map(|(_, value)| (name.clone(), value.clone())),
                );
            }
            (_, _) => {}
        }
    }
    Typed::of(pairs)
}

/// A tag's name, its attributes, and what comes after it.
fn tag(text: &str) -> (&str, Vec<(String, String)>, &str) {
    let end = text.find([' ', '>']).expect("an end");
    let (name, mut rest) = text.split_at(end);
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('>') {
            return (name, attributes, after);
        }
        let end = rest.find([' ', '>', '=']).expect("an end");
        let (key, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(after) => after.split_once('"').expect("a quotation mark"),
            None => ("", after),
        };
        attributes.push((key.to_owned(), unescaped(value)));
        rest = after;
    }
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&amp;", "&")
}

/// What stands in the form for a value, and what a browser sends of that.
fn drawn_and_sent(form: &Field, value: &Value) -> (Typed, Typed) {
    let base = filled(form, value);
    let faults = Faults::default();
    let html = Draw::new(&base, &faults, None).field(form, ROOT, CONFIGURATION).0;
    let sent = sent(&html);
    (base, sent)
}

fn unchanged(value: &Value) {
    let form = form();
    let (base, mut sent) = drawn_and_sent(&form, value);
    assert!(
        sent.differences(&base).is_empty(),
        "{:?} of {value}",
        sent.differences(&base)
    );
    let again = read_changed(&form, ROOT, (&sent, &base), Some(value));
    assert_eq!(again.as_ref(), Some(value));
    // Something else is changed, so that all of it is read.
    sent.set("v/url", "https://changed.example");
    let again = read_changed(&form, ROOT, (&sent, &base), Some(value)).expect("an object");
    let mut expected = value.clone();
    expected["url"] = json!("https://changed.example");
    // A list that must be there is said, and so is the way that was shown as chosen.
    let (mut again, added) = (again, expected.get("must").is_none());
    if added && let Some(object) = again.as_object_mut() {
        assert_eq!(object.remove("must"), Some(json!([])));
    }
    assert_eq!(again, expected);
}

const TEXTS: [&str; 9] = [
    "",
    "a",
    " a ",
    "two\nlines",
    "\r\nends\r\n",
    "\n",
    "[1]",
    "<b a=\"c\">&amp;",
    "{}",
];

fn text() -> impl Strategy<Value = Value> {
    select(&TEXTS[..]).prop_map(Value::from)
}

/// An object with some of these.
fn some_of(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let all: Vec<_> = fields
        .into_iter()
        .map(|(key, value)| proptest::option::of(value).prop_map(move |value| Some((key.to_owned(), value?))))
        .collect();
    all.prop_map(|fields| Value::Object(fields.into_iter().flatten().collect()))
        .boxed()
}

fn list(of: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    vec(of, 0..4).prop_map(Value::from).boxed()
}

fn values() -> impl Strategy<Value = Value> {
    let flag = || any::<bool>().prop_map(Value::from).boxed();
    let kinds = vec![json!("a"), json!("b"), json!("gone"), json!(3)];
    let kinds = subsequence(kinds, 0..=4).prop_shuffle().prop_map(Value::from);
    let auth = prop_oneof![
        some_of(vec![("user", text().boxed())]).prop_map(|mut auth| {
            auth["kind"] = json!("named");
            auth
        }),
        some_of(vec![("user", text().boxed())]).prop_map(|mut auth| {
            auth["kind"] = json!("simple");
            auth["password"] = json!("file:a");
            auth
        }),
        Just(json!({})),
        Just(json!("neither")),
    ];
    let server = some_of(vec![("host", text().boxed()), ("tls", flag()), ("tags", list(text()))]);
    let switch = some_of(vec![("on", flag()), ("loud", flag())]);
    let proxy = some_of(vec![
        ("host", text().boxed()),
        ("tls", flag()),
        ("more", text().boxed()),
    ]);
    let known = some_of(vec![
        ("note", text().boxed()),
        (
            "port",
            prop_oneof![Just(json!(1)), Just(json!(null)), Just(json!("eighty"))].boxed(),
        ),
        ("verify", flag()),
        (
            "level",
            select(vec![json!("low"), json!(3), json!("gone"), json!("")]).boxed(),
        ),
        ("kinds", kinds.boxed()),
        ("bases", list(text())),
        ("must", list(text())),
        ("auth", auth.boxed()),
        ("servers", list(server)),
        ("switches", list(switch)),
        ("proxy", prop_oneof![4 => proxy, 1 => Just(json!("none"))].boxed()),
        (
            "anything",
            prop_oneof![Just(json!({"a": [""]})), text(), Just(json!([]))].boxed(),
        ),
        // What the connector took once.
        ("gone", text().boxed()),
    ]);
    (known, text()).prop_map(|(mut known, url)| {
        known["url"] = url;
        known
    })
}

proptest! {
    #[test]
    fn what_nobody_changes_stays_as_it_is_stored(value in values()) {
        unchanged(&value);
    }
}

#[test]
fn a_list_of_any_length_stays_whole() {
    for count in [200, 201, 300] {
        let servers: Vec<Value> = (0..count)
            .map(|at| json!({"host": format!("h{at}"), "tags": []}))
            .collect();
        unchanged(&json!({"url": "", "servers": servers}));
    }
    // More than are shown: with nothing in them they are short.
    let mut all = vec![json!({}); super::super::read::ITEMS_MAX + 1];
    let value = json!({"url": "", "must": [], "switches": all});
    unchanged(&value);
    let form = form();
    let (base, mut sent) = drawn_and_sent(&form, &value);
    sent.add("v/switches/0/on", "true");
    all[0] = json!({"on": true});
    let said = read_changed(&form, ROOT, (&sent, &base), Some(&value)).expect("an object");
    assert!(
        said["switches"] == json!(all),
        "{:?}",
        said["switches"].as_array().map(Vec::len)
    );
}

#[test]
fn what_is_taken_out_of_a_list_is_gone_and_a_box_is_something() {
    let form = form();
    let value = json!({"url": "u", "must": [],
        "servers": [{"host": "a", "tls": false, "tags": []}, {"host": "b", "tags": ["t"]}, {"tls": false, "tags": []}],
        "switches": [{"on": true}, {"on": false, "loud": true}]});
    let (base, mut sent) = drawn_and_sent(&form, &value);
    sent.set("v/servers/0/host", "");
    sent.set("v/servers/1/host", "");
    sent.set("v/servers#", "4");
    sent.set("v/switches/0/on", "set");
    sent.set("v/switches/1/on", "set");
    sent.add("v/switches/1/on", "true");
    sent.set("v/switches#", "4");
    sent.set("v/switches/2/on", "unset");
    sent.add("v/switches/2/on", "true");
    sent.set("v/switches/3/on", "unset");
    let said = read_changed(&form, ROOT, (&sent, &base), Some(&value)).expect("an object");
    assert_eq!(
        said["servers"],
        json!([{"tags": ["t"]}, {"tls": false, "tags": []}]),
        "one that was emptied is gone, whatever its box says; one that was not touched stays"
    );
    assert_eq!(
        said["switches"],
        json!([{"on": true, "loud": true}, {"on": true}]),
        "one that consists of boxes is there as long as one is ticked"
    );
}

#[test]
fn another_way_says_nothing_of_the_one_before() {
    let form = form();
    let value = json!({"url": "u", "must": [], "auth": {"kind": "simple", "user": "ada", "password": "file:a"}});
    let (base, mut sent) = drawn_and_sent(&form, &value);
    sent.set("v/auth?", "1");
    let said = read_changed(&form, ROOT, (&sent, &base), Some(&value)).expect("an object");
    assert_eq!(said["auth"], json!({"kind": "named"}));
}
