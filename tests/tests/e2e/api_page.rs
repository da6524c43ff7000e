//! `docs/api.md` with the real outputs of its commands: they are run against a real coordinator with a real runner, and written or compared.

use std::collections::BTreeMap;
use std::path::PathBuf;

use muster_proto::FILE_DESCRIPTOR_SET;
use muster_tests::foreign::{grpcurl, repository, run};
use muster_tests::{LIMIT, World, eventually, is_final, passwd_of};
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, SerializeOptions};
use serde_json::Value;
use tonic::Status;

use crate::dynamic::{call, error_text};

/// Set to write the page instead of comparing with it.
const BLESS: &str = "MUSTER_BLESS";

/// Where the page says the coordinator is.
const ADDRESS: &str = "127.0.0.1:7443";

/// What the page calls the source of its integration.
const SOURCE: &str = "/srv/laptops";

/// What stands for the n-th identifier of the page, and for every time.
fn placeholder(number: usize) -> String {
    format!("01936b1e-0000-7000-8000-{number:012}")
}
const TIME: &str = "2026-11-25T08:00:00Z";

fn page() -> PathBuf {
    repository().join("docs/api.md")
}

/// The page as it is made: everything between the outputs stays as it is.
struct Writer {
    world: World,
    pool: DescriptorPool,
    /// The identifiers seen so far, in their order.
    ids: Vec<String>,
}

impl Writer {
    async fn write(&mut self, page: &str) -> String {
        let mut written = String::new();
        let mut rest = page;
        while let Some((before, after)) = rest.split_once("```sh\n") {
            let (command, after) = after
                .split_once("\n```\n\n```json\n")
                .expect("an output follows each command");
            let (_, after) = after.split_once("```").expect("an output has an end");
            let output = self.output(command).await;
            written.push_str(before);
            written.push_str(&format!("```sh\n{command}\n```\n\n```json\n{output}```"));
            rest = after;
        }
        written.push_str(rest);
        written
    }

    /// What a command of the page prints, with what changes from one time to the next replaced.
    async fn output(&mut self, command: &str) -> String {
        let (json, path) = parts(command);
        let json = self.real(json);
        let (service, method) = path.split_once('/').expect("a call has two names");
        let service = self.pool.get_service_by_name(service).expect("a service");
        let method = service.methods().find(|one| one.name() == method).expect("a call");
        let answered = self.ask(&method, &json).await;
        if method.name() == "CreateIntegration" || method.name() == "RunIntegration" {
            self.until_nothing_is_open().await;
        }
        let mut text = match answered {
            Ok(answers) => {
                self.compare_with_grpcurl(&json, path, &answers);
                answers.iter().map(pretty).collect()
            }
            Err(status) => error_text(&status),
        };
        self.replace(&mut text);
        text
    }

    async fn ask(&self, method: &MethodDescriptor, json: &str) -> Result<Vec<DynamicMessage>, Status> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let request = DynamicMessage::deserialize(method.input(), &mut deserializer).expect("a request of the page");
        call(self.world.client().channel(), method, request).await
    }

    /// `grpcurl` itself says the same of what can be asked twice.
    fn compare_with_grpcurl(&self, json: &str, path: &str, answers: &[DynamicMessage]) {
        if !["/Get", "/List"].iter().any(|read| path.contains(read)) {
            return;
        }
        let Some(mut command) = grpcurl() else { return };
        let address = self.world.coordinator.address().to_string();
        let said = run(command.args(["-plaintext", "-d", json, &address, path]));
        let said: Value = serde_json::from_str(&said).expect("it prints JSON");
        for answer in answers {
            let answer = serde_json::from_str(&pretty(answer)).expect("it is JSON");
            assert_eq!(without_times(said.clone()), without_times(answer), "{path}");
        }
    }

    async fn until_nothing_is_open(&self) {
        let client = self.world.client();
        eventually("the executions to end", LIMIT, async || {
            let executions = client.all_executions().await.map_err(|status| status.to_string())?;
            match executions.iter().find(|one| !is_final(one)) {
                None => Ok(()),
                Some(open) => Err(format!("{open:?}")),
            }
        })
        .await;
    }

    /// A text of the page, with the real identifiers and places.
    fn real(&self, text: &str) -> String {
        let source = self.world.folder().join("laptops");
        let mut text = text.replace(SOURCE, source.to_str().expect("a path is text"));
        for (number, id) in (1..).zip(&self.ids) {
            text = text.replace(&placeholder(number), id);
        }
        text
    }

    /// A real text, as the page says it.
    fn replace(&mut self, text: &mut String) {
        let folder = self.world.folder().to_str().expect("a path is text").to_owned();
        *text = text.replace(&format!("{folder}/laptops"), SOURCE);
        let landing = self.world.coordinator.landing();
        *text = text.replace(landing.to_str().expect("a path is text"), "/var/lib/muster/landing");
        for (at, id) in words(text, "-", is_id) {
            let number = self.ids.iter().position(|known| *known == id).unwrap_or_else(|| {
                self.ids.push(id.clone());
                self.ids.len() - 1
            });
            text.replace_range(at..at + id.len(), &placeholder(number + 1));
        }
        for (_, time) in words(text, "-:.", is_time) {
            *text = text.replace(&time, TIME);
        }
        for (_, day) in words(text, "-", |word| {
            word.len() == 10 && word.starts_with("20") && word.matches('-').count() == 2
        }) {
            *text = text.replace(&format!("date={day}"), "date=2026-11-25");
        }
        for (field, value) in [
            ("clockSkew", "0.001s"),
            ("hostname", "rack-7"),
            ("arch", "x86_64"),
            (
                "sealingKey",
                "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            ),
            ("nextPageToken", "AgGTax4AAHAAgAAAAAAAAAQ…"),
        ] {
            replace_field(text, field, value);
        }
    }
}

/// The value of every field of this name.
fn replace_field(text: &mut String, field: &str, value: &str) {
    let begin = format!("\"{field}\": ");
    let lines = text.lines().map(|line| match line.split_once(&begin) {
        Some((before, after)) => {
            let end = if after.ends_with(',') { "," } else { "" };
            format!("{before}{begin}\"{value}\"{end}\n")
        }
        None => format!("{line}\n"),
    });
    *text = lines.collect();
}

/// The words of a text that are wanted, each with its place. They are made of letters, digits and these marks.
fn words(text: &str, marks: &str, wanted: impl Fn(&str) -> bool) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split(|one: char| !(one.is_ascii_alphanumeric() || marks.contains(one))) {
        if wanted(word) {
            found.push((at, word.to_owned()));
        }
        at += word.len() + text[at + word.len()..].chars().next().map_or(0, char::len_utf8);
    }
    found
}

fn is_id(word: &str) -> bool {
    word.len() == 36 && uuid::Uuid::try_parse(word).is_ok()
}

fn is_time(word: &str) -> bool {
    word.len() >= 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T' && word.starts_with("20")
}

/// The message and the call of a command.
fn parts(command: &str) -> (&str, &str) {
    let (_, after) = command.split_once("-d '").expect("a command has a message");
    let (json, after) = after.split_once("' ").expect("a message has an end");
    let path = after.trim().strip_prefix(ADDRESS).expect("all go to one address");
    (json, path.trim())
}

/// As `grpcurl` prints it: the fields in their own order, and whole numbers without a fraction.
fn pretty(answer: &DynamicMessage) -> String {
    let mut json = Vec::new();
    let options = SerializeOptions::new().skip_default_fields(true);
    answer
        .serialize_with_options(&mut serde_json::Serializer::pretty(&mut json), &options)
        .expect("a message becomes JSON");
    let json = String::from_utf8(json).expect("JSON is text");
    let lines = json.lines().map(|line| {
        let (line, comma) = line.strip_suffix(',').map_or((line, ""), |line| (line, ","));
        let whole = line
            .strip_suffix(".0")
            .filter(|whole| whole.ends_with(|one: char| one.is_ascii_digit()));
        format!("{}{comma}\n", whole.unwrap_or(line))
    });
    lines.collect()
}

/// Between two calls a runner is heard again.
fn without_times(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "lastSeenTime" && name != "clockSkew");
            let kept = std::mem::take(fields);
            *fields = kept
                .into_iter()
                .map(|(name, field)| (name, without_times(field)))
                .collect();
        }
        Value::Array(items) => {
            let kept = std::mem::take(items);
            *items = kept.into_iter().map(without_times).collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

/// What the page says now, and what the commands print.
async fn before_and_after() -> (String, String) {
    let world = World::start().await;
    passwd_of(&world.folder().join("laptops"), 3);
    let _runner = world.runner("my-runner", &[]);
    world.client().until_online("my-runner").await;
    let mut writer = Writer {
        world,
        pool: DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the descriptors are sound"),
        ids: Vec::new(),
    };
    let before = std::fs::read_to_string(page()).expect("the page is there");
    let after = writer.write(&before).await;
    (before, after)
}

#[tokio::test]
async fn the_page_says_what_the_commands_print() {
    let (mut before, mut after) = before_and_after().await;
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(page(), &after).expect("the page can be written");
        return;
    }
    if before != after {
        // The last line of a runner and the coordinator's own are written by two tasks: rarely they come in the other order.
        (before, after) = before_and_after().await;
    }
    let lines = (1..).zip(before.lines().zip(after.lines()));
    let differing: BTreeMap<usize, (&str, &str)> =
        lines.filter(|(_, (before, after))| before != after).take(5).collect();
    assert!(
        before == after,
        "docs/api.md says something else than the commands print (set {BLESS} to write it): {differing:#?}"
    );
}
