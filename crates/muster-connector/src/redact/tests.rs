use std::fmt::Write;

use muster_core::words::ReasonKind;
use proptest::prelude::*;

use super::*;

const SECRET: &str = r#"p@ss/w"ö\rd+ 1%"#;

fn percent(text: &str, keep: impl Fn(u8) -> bool, upper: bool) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            byte if keep(byte) => encoded.push(byte.into()),
            byte if upper => write!(encoded, "%{byte:02X}").expect("a text takes all"),
            byte => write!(encoded, "%{byte:02x}").expect("a text takes all"),
        }
        encoded
    })
}

/// With so many bits of a byte in each character.
fn pack(bytes: &[u8], alphabet: &[u8]) -> String {
    let width = alphabet.len().ilog2() as usize;
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let value = |bits: &[u8]| (0..width).fold(0, |value, bit| value << 1 | bits.get(bit).copied().unwrap_or(0));
    bits.chunks(width)
        .map(|bits| char::from(alphabet[usize::from(value(bits))]))
        .collect()
}

fn base64(bytes: &[u8], url: bool) -> String {
    let last = if url { b"-_" } else { b"+/" };
    let letters = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*last);
    pack(bytes, &letters.collect::<Vec<_>>())
}

fn padded(text: String) -> String {
    let missing = text.len().next_multiple_of(4) - text.len();
    text + &"=".repeat(missing)
}

/// Every way in which a secret may be written, after `before` in what is encoded as a whole.
fn forms(secret: &str, before: &str) -> Vec<(&'static str, String)> {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let component = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    let path = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/:@&=+$,".contains(&byte);
    let json = Value::from(secret).to_string();
    let all_escaped = secret
        .encode_utf16()
        .fold(String::new(), |text, unit| format!("{text}\\u{unit:04X}"));
    let small_escaped = secret
        .encode_utf16()
        .fold(String::new(), |text, unit| format!("{text}\\u{unit:04x}"));
    let longer = format!("{before}{secret}");
    let hex = pack(longer.as_bytes(), b"0123456789abcdef");
    let standard = padded(base64(longer.as_bytes(), false));
    vec![
        ("as it is", secret.to_owned()),
        ("percent, upper", percent(secret, unreserved, true)),
        ("percent, lower", percent(secret, unreserved, false)),
        ("percent, all", percent(secret, |_| false, true)),
        ("percent of a script", percent(secret, component, true)),
        ("percent of a path", percent(secret, path, true)),
        (
            "form",
            percent(secret, |byte| unreserved(byte) || byte == b' ', true).replace(' ', "+"),
        ),
        ("JSON", json[1..json.len() - 1].to_owned()),
        ("JSON with slashes", json[1..json.len() - 1].replace('/', r"\/")),
        ("JSON, all escaped", all_escaped),
        ("JSON, small letters", small_escaped),
        ("JSON in JSON", Value::from(json.clone()).to_string()),
        ("Rust", format!("{secret:?}")),
        ("base64", standard.clone()),
        ("base64 without padding", base64(longer.as_bytes(), false)),
        ("base64 for URLs", base64(longer.as_bytes(), true)),
        ("base64 for URLs with padding", padded(base64(longer.as_bytes(), true))),
        ("base64 in a URL", percent(&standard, unreserved, true)),
        ("base64 in JSON", standard.replace('/', r"\/")),
        (
            "base64 of JSON",
            base64(Value::from(longer.as_str()).to_string().as_bytes(), false),
        ),
        ("hex", hex.clone()),
        ("HEX", hex.to_uppercase()),
        (
            "a URL in JSON",
            Value::from(percent(secret, component, true)).to_string(),
        ),
    ]
}

/// Whether a form of a secret is left, as far as it can be told without what finds them.
fn is_left(text: &str, form: &str) -> bool {
    text.contains(form)
}

#[test]
fn a_secret_is_found_in_each_of_its_forms_at_each_alignment() {
    let redactor = Redactor::new([SECRET]);
    for before in ["", "u", "us", "use", "user:", "a much longer name:"] {
        for (name, form) in forms(SECRET, before) {
            let text = format!("GET https://api.example/v1?x={form}&y: 403");
            let redacted = redactor.redact(&text);
            assert!(!is_left(&redacted, &form), "{name}, after `{before}`: {redacted}");
            assert!(redacted.starts_with("GET https://api.example/v1"), "{name}: {redacted}");
            assert!(
                redacted.contains(MARK) && redacted.ends_with(": 403"),
                "{name}: {redacted}"
            );
        }
    }
}

#[test]
fn what_is_around_a_secret_stays() {
    let redactor = Redactor::new(["hunter2!", "hunter"]);
    assert_eq!(
        redactor.redact("https://bob:hunter2%21@crm.example/?token=hunter2!&page=2 hunter"),
        "https://bob:[redacted]@crm.example/?token=[redacted]&page=2 [redacted]"
    );
    assert_eq!(
        redactor.redact("authorization: Basic Ym9iOmh1bnRlcjIh\""),
        "authorization: Basic Ym9iO[redacted]\""
    );
    assert_eq!(redactor.redact("ähunter2!ä"), "ä[redacted]ä");
    assert_eq!(redactor.redact("hunter2!hunter2!"), "[redacted]");
    let plain = "connection refused by dc1.example:636: no route to host";
    assert!(matches!(redactor.redact(plain), Cow::Borrowed(_)));
}

#[test]
fn a_line_of_json_stays_one() {
    let redactor = Redactor::new(["nabc", "q\"uote"]);
    for message in ["\nabc", "x\\nabc", "\"q\"uote\""] {
        let line = Value::from(message).to_string();
        let redacted = redactor.redact(&line);
        let read: Value = serde_json::from_str(&redacted).unwrap_or_else(|error| panic!("{redacted}: {error}"));
        assert!(!read.to_string().contains("uote"), "{read}");
    }
}

#[test]
fn very_short_secrets_are_not_looked_for() {
    let redactor = Redactor::new(["", "a", "abc"]);
    assert_eq!(redactor.redact("a b c abc"), "a b c abc");
    assert!(redactor.secrets.is_none());
    assert_eq!(Redactor::new(["abcd"]).redact("xabcdx"), "x[redacted]x");
}

#[test]
fn each_line_of_a_secret_is_one() {
    let redactor =
        Redactor::new(["-----BEGIN KEY-----\r\nMIIEvQIBADANBgkq\n  hkiG9w0BAQEFAASC\nab\n-----END KEY-----"]);
    assert_eq!(
        redactor.redact("line 2: MIIEvQIBADANBgkq, line 3: hkiG9w0BAQEFAASC, line 4: ab"),
        "line 2: [redacted], line 3: [redacted], line 4: ab"
    );
}

#[test]
fn each_text_within_a_secret_of_json_is_one() {
    let redactor = Redactor::new([r#"{"id": "short", "private_key": "BEGIN\nMIIEvQIBADANBgkq\nEND", "n": 12345678}"#]);
    assert_eq!(
        redactor.redact("short MIIEvQIBADANBgkq 12345678"),
        "short [redacted] 12345678"
    );
}

#[test]
fn what_a_cut_has_left_of_a_secret_is_taken_out() {
    let redactor = Redactor::new(["correct horse ä battery", "staple/1234567890"]);
    for (text, expected) in [
        ("wrong: correct ho…", "wrong: [redacted]…"),
        ("wrong: correct horse \u{fffd}… | next", "wrong: [redacted]… | next"),
        ("?p=correct%20horse%2…", "?p=[redacted]…"),
        ("?p=correct%20horse%20%C3…", "?p=[redacted]…"),
        (r#"{"p":"correct horse \u00…"#, r#"{"p":"[redacted]…"#),
        (r#"{"p":"staple\…"#, r#"{"p":"[redacted]…"#),
        // `user:stapl` and `staple/1`
        ("Basic dXNlcjpzdGFwb…", "Basic dXNlcj[redacted]…"),
        ("hex 737461706c652f31…", "hex [redacted]…"),
        ("incorrect…", "in[redacted]…"),
        ("unrelated…", "unrelated…"),
    ] {
        assert_eq!(redactor.redact(text), expected, "{text}");
    }
}

#[test]
fn wrapped_base64_and_hex_are_found_line_by_line() {
    let secret: String = (0..40).map(|number| format!("{:x}", number * 7919 + 65_537)).collect();
    let redactor = Redactor::new([secret.as_str()]);
    for before in [
        "",
        "x",
        "user:",
        "the user whose name is longer than a line of this, as none in the world will be:",
    ] {
        let longer = format!("{before}{secret} and more");
        for (width, packed) in [
            (76, base64(longer.as_bytes(), false)),
            (64, base64(longer.as_bytes(), true)),
            (60, pack(longer.as_bytes(), b"0123456789abcdef")),
        ] {
            let lines: Vec<String> = packed
                .as_bytes()
                .chunks(width)
                .map(|line| String::from_utf8_lossy(line).into())
                .collect();
            let redacted: Vec<_> = lines.iter().map(|line| redactor.redact(line)).collect();
            // Of the secret itself all but what is shorter than the least piece.
            let kept: usize = redacted.iter().map(|line| line.replace(MARK, "").len()).sum();
            let others = packed.len() * (longer.len() - secret.len()) / longer.len();
            assert!(
                kept <= others + 2 * 2 * WRAPPED_BYTES_MIN,
                "{kept} of {}: {redacted:#?}",
                packed.len()
            );
            let together = redactor.redact(&lines.join("\n")).replace(MARK, "").len();
            assert!(together <= others + 12, "{together}");
        }
    }
}

#[test]
fn what_no_utf8_makes_of_a_secret_is_found() {
    let redactor = Redactor::new(["pässwörd"]);
    let latin: Vec<u8> = "the pässwörd"
        .chars()
        .map(|it| u8::try_from(it).expect("Latin-1"))
        .collect();
    assert_eq!(redactor.redact(&String::from_utf8_lossy(&latin)), "the [redacted]");
    assert_eq!(redactor.redact("?p=p%E4ssw%f6rd&"), "?p=[redacted]&");
    // As directories want it: in quotes, in UTF-16.
    let wide: Vec<u8> = "\"pässwörd\"".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let redacted = redactor
        .redact(&format!("unicodePwd:: {}", padded(base64(&wide, false))))
        .into_owned();
    assert!(redacted.contains(MARK), "{redacted}");
}

#[test]
fn a_failure_tells_none_in_any_of_its_texts() {
    let reason = Reason::new(ReasonKind::BadCredentials, "token hunter22").with_issuer("hunter22");
    let failure = Failure::because(reason, "401 for hunter22").with_remedy("renew `hunter22`");
    let redacted = Redactor::new(["hunter22"]).failure(failure);
    assert_eq!(redacted.message, "401 for [redacted]");
    assert_eq!(redacted.remedy.as_deref(), Some("renew `[redacted]`"));
    let reason = Reason::new(ReasonKind::BadCredentials, "token [redacted]").with_issuer("[redacted]");
    assert_eq!(redacted.reason.as_deref(), Some(&reason));
}

#[test]
fn its_debug_form_shows_nothing() {
    assert_eq!(format!("{:?}", Redactor::new(["hunter22"])), "Redactor");
}

#[test]
fn what_the_process_logs_is_held_against_all_that_are_there() {
    let first = Redactor::new(["of the first source"]);
    let second = Redactor::new(["of the second source"]);
    let line = "of the first source, of the second source";
    assert_eq!(redact_known(line), "[redacted], [redacted]");
    drop(first);
    assert_eq!(redact_known(line), "of the first source, [redacted]");
    drop(second);
}

fn secrets() -> impl Strategy<Value = String> {
    // Of what generators make, of what people type, and of any characters at all.
    prop_oneof![
        "[A-Za-z0-9+/_-]{4,80}",
        "[ -~]{4,40}",
        "\\PC{4,24}",
        "[a-zäöüß€😀\"\\\\/ %+&=]{4,20}"
    ]
}

/// What does not itself look like a part of an encoding, so that it can be told from the secret's.
fn surroundings() -> impl Strategy<Value = String> {
    "[ .,:;#(){}<>a-z]{0,60}"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_form_of_any_secret_is_left(secret in secrets(), before in "[a-z:]{0,5}", around in (surroundings(), surroundings())) {
        let redactor = Redactor::new([secret.as_str()]);
        for (name, form) in forms(&secret, &before) {
            let text = format!("{}<{form}>{}", around.0, around.1);
            let redacted = redactor.redact(&text);
            prop_assert!(!is_left(&redacted, &form), "{name}: {form} in {redacted}");
            prop_assert!(redacted.contains(MARK), "{name}: {redacted}");
        }
    }

    #[test]
    fn a_text_without_secrets_stays_as_it_is(text in "[a-z .,:/]{0,200}", secret in "[A-Z0-9]{16,40}") {
        let redactor = Redactor::new([secret.as_str()]);
        prop_assert_eq!(redactor.redact(&text), text.as_str());
    }

    #[test]
    fn any_text_can_be_looked_through(text in "\\PC{0,60}|[%\\\\ux0-9a-f{}…+/=]{0,60}", secret in secrets()) {
        let redactor = Redactor::new([secret.as_str()]);
        let text = format!("{text}{secret}{text}");
        let redacted = redactor.redact(&text).replace(MARK, "\n");
        prop_assert!(!redacted.contains(&secret), "{}", redacted);
    }
}
