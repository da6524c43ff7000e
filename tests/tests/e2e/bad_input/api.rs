//! The door of operators' programs: the gRPC API, with requests as one types them for `grpcurl`.

use bytes::Bytes;
use muster_proto::v1;
use muster_tests::{ORGANIZATION, Wanted};
use prost::Message as _;
use serde_json::{Value, json};
use tonic::Status;

use super::raw;
use super::scene::Scene;
use super::told::answer_text;

/// What is sent. In its texts stand `<laptops>`, `<draft>`, `<execution>`, `<page>` (a token of a list of integrations), `<nobody>` (an
/// identifier that is nothing's), `<10 MiB>` and `<10,000 deep>` for what they say.
enum Sent {
    /// A new integration: a good one, but with these fields.
    New(&'static str),
    /// A change of the integration `laptops`: the paths of the mask, and the fields.
    Change(&'static str, &'static str),
    /// A list of integrations with these fields of a request.
    List(&'static str),
    /// A list of executions with these.
    Executions(&'static str),
    /// Another call, with this request.
    Call(&'static str, &'static str),
    /// A call with these bytes.
    Bytes(&'static str, fn() -> Vec<u8>),
}
use Sent::{Call, Change, Executions, List, New};

// A row is a line, however long.
#[rustfmt::skip]
const ROWS: &[(&str, Sent)] = &[
    // Configurations.
    ("a configuration with an unknown key", New(r#"{"configuration": {"url": "http://crm", "ulr": "http://crm"}}"#)),
    ("a configuration with a value of the wrong type", New(r#"{"configuration": {"url": 5}}"#)),
    ("a configuration that lacks what is required", New(r#"{"configuration": {}}"#)),
    ("no configuration at all", New(r#"{"configuration": null}"#)),
    ("an empty value", New(r#"{"configuration": {"url": ""}}"#)),
    ("a number out of its bounds", New(r#"{"configuration": {"url": "u", "limit": 1e300}}"#)),
    ("a number with a fraction", New(r#"{"configuration": {"url": "u", "limit": 1.5}}"#)),
    ("a value that is none of those allowed", New(r#"{"configuration": {"url": "u", "mode": "fast"}}"#)),
    ("a fault deep in a configuration", New(r#"{"configuration": {"url": "u", "sites": [{"name": "hq"}, {"nmae": "lab"}]}}"#)),
    ("several faults at once", New(r#"{"displayName": "", "configuration": {"limit": 0}, "dataTypes": [{"dataType": "device", "interval": "0s"}]}"#)),
    ("a secret in plain text", New(r#"{"configuration": {"url": "u", "token": "hunter2"}}"#)),
    ("a secret in plain text in a draft", Call("IntegrationService/CreateIntegration", r#"{"parent": "organizations/default", "draft": true, "integration": {"displayName": "new", "connector": "crm", "pool": "default", "configuration": {"token": "hunter2"}}}"#)),
    ("a reference to a secret without a name", New(r#"{"configuration": {"url": "u", "token": "env:"}}"#)),
    ("a configuration that nests 10,000 deep", Sent::Bytes("IntegrationService/CreateIntegration", nesting)),
    // Schedules.
    ("an interval of 0", New(r#"{"dataTypes": [{"dataType": "device", "interval": "0s"}]}"#)),
    ("an interval of 59 s", New(r#"{"dataTypes": [{"dataType": "device", "interval": "59s"}]}"#)),
    ("an interval of 10,000 years", New(r#"{"dataTypes": [{"dataType": "device", "interval": "315576000000s"}]}"#)),
    ("an interval below nothing", New(r#"{"dataTypes": [{"dataType": "device", "interval": "-60s"}]}"#)),
    ("an unknown data type", New(r#"{"dataTypes": [{"dataType": "devcie"}]}"#)),
    ("a data type twice", New(r#"{"dataTypes": [{"dataType": "device"}, {"dataType": "device"}]}"#)),
    ("a data type without a name", New(r#"{"dataTypes": [{"interval": "60s"}]}"#)),
    // What it refers to.
    ("an unknown connector", New(r#"{"connector": "crmm"}"#)),
    ("no connector", New(r#"{"connector": ""}"#)),
    ("an unknown access schema", New(r#"{"accessSchema": "single_domain"}"#)),
    ("a pool that cannot be one", New(r#"{"pool": "Not A Pool"}"#)),
    // Names.
    ("a name with `/`", New(r#"{"displayName": "lap/tops"}"#)),
    ("a name with a control character", New(r#"{"displayName": "lap\u0007tops"}"#)),
    ("a name with a right-to-left mark", New(r#"{"displayName": "\u202Espotpal"}"#)),
    ("a name with blanks at its ends", New(r#"{"displayName": " laptops "}"#)),
    ("a name of nothing", New(r#"{"displayName": ""}"#)),
    ("a name of 10 MiB", New(r#"{"displayName": "<10 MiB>"}"#)),
    ("a name that another integration has", New(r#"{"displayName": "laptops"}"#)),
    ("an organization that there is not", List(r#"{"parent": "organizations/nobody"}"#)),
    ("a parent that is no name", List(r#"{"parent": "default"}"#)),
    ("an integration that there is not", Call("IntegrationService/GetIntegration", r#"{"name": "organizations/default/integrations/<nobody>"}"#)),
    ("a test mail to two mailboxes at once", Call("IncidentService/SendTestMail", r#"{"parent": "organizations/default", "recipient": "a@example.com, b@example.com"}"#)),
    ("a test mail to a mailbox with a line feed", Call("IncidentService/SendTestMail", r#"{"parent": "organizations/default", "recipient": "a@example.com\nBcc: b@example.com"}"#)),
    ("a test mail to a mailbox of 10 MiB", Call("IncidentService/SendTestMail", r#"{"parent": "organizations/default", "recipient": "<10 MiB>"}"#)),
    ("a test mail of an organization that there is not", Call("IncidentService/SendTestMail", r#"{"parent": "organizations/nobody", "recipient": "a@example.com"}"#)),
    ("a test mail without a mail server", Call("IncidentService/SendTestMail", r#"{"parent": "organizations/default", "recipient": "a@example.com"}"#)),
    ("an integration by its display name", Call("IntegrationService/GetIntegration", r#"{"name": "laptops"}"#)),
    ("an integration by a name of 10 MiB", Call("IntegrationService/GetIntegration", r#"{"name": "<10 MiB>"}"#)),
    ("an execution that there is not", Call("ExecutionService/GetExecution", r#"{"name": "<laptops>/executions/<nobody>"}"#)),
    ("a connector that there is not", Call("ConnectorService/GetConnector", r#"{"name": "organizations/default/connectors/hsot"}"#)),
    ("a runner that there is not", Call("RunnerRegistryService/GetRunner", r#"{"name": "organizations/default/runners/<nobody>"}"#)),
    // Pages.
    ("a page of -1", List(r#"{"pageSize": -1}"#)),
    ("a page of 10⁹", List(r#"{"pageSize": 1000000000}"#)),
    ("a forged page token", List(r#"{"pageToken": "AgGTax4AAHAAgAAAAAAAAAQ"}"#)),
    ("a page token of another order", List(r#"{"pageToken": "<page>", "orderBy": "display_name"}"#)),
    ("a page token of another list", Executions(r#"{"pageToken": "<page>"}"#)),
    ("a forged token of a watch", Call("ExecutionService/WatchExecutions", r#"{"parent": "organizations/default", "resumeToken": "AgGTax4AAHAAgAAAAAAAAAQ"}"#)),
    ("a forged token of a watch of integrations", Call("IntegrationService/WatchIntegrations", r#"{"parent": "organizations/default", "resumeToken": "AgGTax4AAHAAgAAAAAAAAAQ"}"#)),
    // Filters and orders.
    ("a filter that does not parse", Executions(r#"{"filter": "status = ERROR AND (pool = "}"#)),
    ("a filter by what is no field", Executions(r#"{"filter": "sttaus = ERROR"}"#)),
    ("a filter by what is no value", Executions(r#"{"filter": "status = BROKEN"}"#)),
    ("a filter with a string that has no end", Executions(r#"{"filter": "pool = \"default"}"#)),
    ("a filter that nests 10,000 deep", Executions(r#"{"filter": "<10,000 deep>"}"#)),
    ("a filter of 10 MiB", Executions(r#"{"filter": "<10 MiB>"}"#)),
    ("an order by what is no field", List(r#"{"orderBy": "colour"}"#)),
    // Changes.
    ("a change with a stale etag", Change("display_name", r#"{"displayName": "desktops", "etag": "stale"}"#)),
    ("a deletion with a stale etag", Call("IntegrationService/DeleteIntegration", r#"{"name": "<laptops>", "etag": "stale"}"#)),
    ("a change of what is no field", Change("colour", r#"{"displayName": "desktops"}"#)),
    ("a change of what never changes", Change("connector", r#"{"connector": "crm"}"#)),
    ("a change to a name that is none", Change("display_name", r#"{"displayName": "\u0000"}"#)),
    ("a change to a configuration that does not fit", Change("configuration", r#"{"configuration": {"rooot": "/"}}"#)),
    ("a request_id of another request", Call("IntegrationService/CreateIntegration", r#"{"parent": "organizations/default", "requestId": "01936b1e-0000-7000-8000-00000000aaaa", "integration": {"displayName": "else", "connector": "crm", "pool": "default", "configuration": {"url": "u"}}}"#)),
    ("a request_id that is none", Call("IntegrationService/CreateIntegration", r#"{"parent": "organizations/default", "requestId": "1", "integration": {"displayName": "else", "connector": "crm", "pool": "default", "configuration": {"url": "u"}}}"#)),
    ("nothing to create", Call("IntegrationService/CreateIntegration", r#"{"parent": "organizations/default"}"#)),
    ("a run of a data type that it does not collect", Call("IntegrationService/RunIntegration", r#"{"name": "<laptops>", "dataTypes": ["device"]}"#)),
    ("a run of what is a draft", Call("IntegrationService/RunIntegration", r#"{"name": "<draft>"}"#)),
    ("a draft that is not complete is enabled", Call("IntegrationService/EnableIntegration", r#"{"name": "<draft>"}"#)),
    ("a check of what there is not", Call("IntegrationService/CheckIntegration", r#"{"name": "organizations/default/integrations/<nobody>"}"#)),
    ("a check of what was changed", Call("IntegrationService/CheckIntegration", r#"{"name": "<laptops>", "etag": "stale"}"#)),
    ("a check of nothing", Call("IntegrationService/CheckIntegration", r#"{}"#)),
    ("a pause without an end", Call("IntegrationService/PauseIntegration", r#"{"name": "<laptops>"}"#)),
    ("a pause that is over", Call("IntegrationService/PauseIntegration", r#"{"name": "<laptops>", "until": "2020-01-01T00:00:00Z"}"#)),
    ("a pause of 7,000 years", Call("IntegrationService/PauseIntegration", r#"{"name": "<laptops>", "until": "9999-12-31T23:59:59Z"}"#)),
    ("a pause before there was time", Call("IntegrationService/PauseIntegration", r#"{"name": "<laptops>", "until": "0001-01-01T00:00:00Z"}"#)),
    ("a pause of what is a draft", Call("IntegrationService/PauseIntegration", r#"{"name": "<draft>", "until": "2100-01-01T00:00:00Z"}"#)),
    ("a pause with a stale etag", Call("IntegrationService/PauseIntegration", r#"{"name": "<laptops>", "until": "2100-01-01T00:00:00Z", "etag": "stale"}"#)),
    ("a draft that is to go on", Call("IntegrationService/ResumeIntegration", r#"{"name": "<draft>"}"#)),
    ("a cancellation of what has ended", Call("ExecutionService/CancelExecution", r#"{"name": "<execution>"}"#)),
    ("a cancellation with a reason of 10 MiB", Call("ExecutionService/CancelExecution", r#"{"name": "<execution>", "reason": "<10 MiB>"}"#)),
    ("the log of what is no execution", Call("LogLineService/ListLogLines", r#"{"parent": "<laptops>"}"#)),
    ("records of an execution that there is not", Call("ExecutionService/ReadRecords", r#"{"name": "<laptops>/executions/<nobody>"}"#)),
    // What is no request at all.
    ("bytes that are no message", Sent::Bytes("IntegrationService/CreateIntegration", || b"\xff\xff\xff\xff".to_vec())),
    ("a text that is no UTF-8", Sent::Bytes("IntegrationService/GetIntegration", || b"\x0a\x02\xc3\x28".to_vec())),
    ("a call that there is not", Sent::Bytes("IntegrationService/FixIntegration", Vec::new)),
    ("a service that there is not", Sent::Bytes("RepairService/FixIntegration", Vec::new)),
];

/// The program that is the connector `crm`: its configuration can be wrong in many ways.
fn crm() -> String {
    let schema = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["url"],
        "properties": {
            "url": {"type": "string", "minLength": 1},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100},
            "mode": {"enum": ["full", "quick"]},
            "token": {"type": "string", "writeOnly": true},
            "sites": {"type": "array", "items": {
                "type": "object", "required": ["name"], "additionalProperties": false, "properties": {"name": {"type": "string"}},
            }},
        },
    });
    let data_types = json!([{"name": "device", "title": "Devices", "primary_key": ["id"]}]);
    let spec = json!({"spec": {
        "protocol": 1, "version": "1", "title": "CRM", "description": "A CRM.", "config_schema": schema, "data_types": data_types,
    }});
    let script = format!("echo '{spec}'");
    format!("program = \"/bin/sh\"\narguments = [\"-c\", {script:?}]")
}

/// A new integration in whose configuration lists nest 10,000 deep.
fn nesting() -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..10_000 {
        // One more `Value { list_value { values: [ … ] } }` around it.
        bytes = within(6, &within(1, &bytes));
    }
    let field = [within(1, b"url"), within(2, &bytes)].concat();
    let integration = [
        within(2, b"new"),
        within(3, b"crm"),
        within(5, &within(1, &field)),
        within(6, b"default"),
    ]
    .concat();
    [within(1, b"organizations/default"), within(2, &integration)].concat()
}

/// A field with something of many bytes in it.
fn within(field: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![(field << 3) | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// What the words in the texts stand for.
struct Words(Vec<(&'static str, String)>);

impl Words {
    async fn of(scene: &Scene, draft: &v1::Integration) -> Self {
        let request = request(
            "IntegrationService/ListIntegrations",
            json!({"parent": ORGANIZATION, "pageSize": 1}),
        );
        let listed = ask(scene, "IntegrationService/ListIntegrations", request)
            .await
            .expect("it is listed");
        let listed = v1::ListIntegrationsResponse::decode(listed[0].clone()).expect("it is one");
        Self(vec![
            ("<laptops>", scene.laptops.name.clone()),
            ("<draft>", draft.name.clone()),
            ("<execution>", scene.execution.name.clone()),
            ("<page>", listed.next_page_token),
            ("<nobody>", "01936b1e-0000-7000-8000-000000000001".to_owned()),
            (
                "<10,000 deep>",
                "(".repeat(10_000) + "status = ERROR" + &")".repeat(10_000),
            ),
            ("<10 MiB>", "x".repeat(10 * 1024 * 1024)),
        ])
    }

    fn json(&self, text: &str) -> Value {
        let mut text = text.to_owned();
        for (word, meant) in &self.0 {
            text = text.replace(word, meant);
        }
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

impl Sent {
    /// The call, and the message that goes with it.
    fn message(&self, words: &Words, laptops: &v1::Integration) -> (&'static str, Bytes) {
        match *self {
            Self::New(fields) => {
                let mut integration = json!({
                    "displayName": "new", "connector": "crm", "pool": "default", "configuration": {"url": "http://crm"},
                });
                merge(&mut integration, words.json(fields));
                let call = "IntegrationService/CreateIntegration";
                (
                    call,
                    request(call, json!({"parent": ORGANIZATION, "integration": integration})),
                )
            }
            Self::Change(paths, fields) => {
                let mut integration = json!({"name": laptops.name, "etag": laptops.etag});
                merge(&mut integration, words.json(fields));
                let request = v1::UpdateIntegrationRequest {
                    update_mask: Some(prost_types::FieldMask {
                        paths: vec![paths.to_owned()],
                    }),
                    ..v1::UpdateIntegrationRequest::decode(request(
                        "IntegrationService/UpdateIntegration",
                        json!({"integration": integration}),
                    ))
                    .expect("it is one")
                };
                ("IntegrationService/UpdateIntegration", request.encode_to_vec().into())
            }
            Self::List(fields) => {
                let mut list = json!({"parent": ORGANIZATION});
                merge(&mut list, words.json(fields));
                let call = "IntegrationService/ListIntegrations";
                (call, request(call, list))
            }
            Self::Executions(fields) => {
                let mut list = json!({"parent": format!("{ORGANIZATION}/integrations/-")});
                merge(&mut list, words.json(fields));
                let call = "ExecutionService/ListExecutions";
                (call, request(call, list))
            }
            Self::Call(call, fields) => (call, request(call, words.json(fields))),
            Self::Bytes(call, bytes) => (call, bytes().into()),
        }
    }
}

fn merge(object: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else {
        panic!("fields: {fields}")
    };
    for (name, value) in fields {
        object[name] = value;
    }
}

/// A request in JSON, as bytes.
fn request(call: &str, json: Value) -> Bytes {
    let (service, method) = call.split_once('/').expect("a call has two names");
    let service = raw::pool().get_service_by_name(&format!("muster.v1.{service}"));
    let mut methods = service.as_ref().expect("a service").methods();
    let method = methods.find(|one| one.name() == method).expect("a call");
    raw::encoded(method.input().name(), json)
}

async fn ask(scene: &Scene, call: &str, message: Bytes) -> Result<Vec<Bytes>, Status> {
    let channel = scene.world.client().channel();
    raw::call(channel, &format!("/muster.v1.{call}"), tokio_stream::once(message)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_request_is_told_what_is_wrong_and_changes_nothing() {
    let mut scene = Scene::with_programs(&[("crm", crm())]).await;
    let draft = Wanted::new("half-done", "crm").draft();
    let draft = scene.world.client().create_soon(&draft).await;
    let words = Words::of(&scene, &draft).await;
    let remembered = Call(
        "IntegrationService/CreateIntegration",
        r#"{"parent": "organizations/default", "requestId": "01936b1e-0000-7000-8000-00000000aaaa", "draft": true, "integration": {"displayName": "first", "connector": "crm", "pool": "default"}}"#,
    );
    let (call, message) = remembered.message(&words, &scene.laptops);
    ask(&scene, call, message).await.expect("a good request");

    let (mut told, mut changed) = (scene.told(), Vec::new());
    for (row, sent) in ROWS {
        let before = scene.standing().await;
        let (call, message) = sent.message(&words, &scene.laptops);
        told.add(row, &answer_text(ask(&scene, call, message).await));
        if scene.standing().await != before {
            changed.push(row);
        }
    }
    scene.nobody_has_panicked();
    assert!(changed.is_empty(), "these have changed something: {changed:?}");
    told.is_as_reviewed("api");
}
