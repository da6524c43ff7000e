//! A client that knows its messages by their descriptors alone, as `grpcurl` does.

use bytes::{Buf, BufMut as _};
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

#[derive(Debug, Clone)]
struct Dynamic(MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item.encode_to_vec());
        Ok(())
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        let message = DynamicMessage::decode(self.0.clone(), bytes);
        message.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

/// All answers to a call with one message, until it ends.
pub async fn call(
    channel: Channel,
    method: &MethodDescriptor,
    request: DynamicMessage,
) -> Result<Vec<DynamicMessage>, Status> {
    let mut client = Grpc::new(channel);
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let path: PathAndQuery = path.parse().expect("a call is a path");
    let codec = Dynamic(method.output());
    let mut stream = client
        .server_streaming(Request::new(request), path, codec)
        .await?
        .into_inner();
    let mut answers = Vec::new();
    while let Some(answer) = stream.message().await? {
        answers.push(answer);
    }
    Ok(answers)
}

/// An error as `grpcurl` prints it.
pub fn error_text(status: &Status) -> String {
    let details = status.get_error_details();
    let mut told = Vec::new();
    let typed = |name: &str| format!("type.googleapis.com/google.rpc.{name}");
    if let Some(info) = details.error_info() {
        told.push(serde_json::json!({"@type": typed("ErrorInfo"), "domain": info.domain, "reason": info.reason}));
    }
    if let Some(bad) = details.bad_request() {
        let faults = bad.field_violations.iter();
        let faults = faults.map(|fault| serde_json::json!({"description": fault.description, "field": fault.field}));
        let faults: Vec<_> = faults.collect();
        told.push(serde_json::json!({"@type": typed("BadRequest"), "fieldViolations": faults}));
    }
    if let Some(help) = details.help() {
        let links = help.links.iter();
        let links: Vec<_> = links
            .map(|link| serde_json::json!({"description": link.description, "url": link.url}))
            .collect();
        told.push(serde_json::json!({"@type": typed("Help"), "links": links}));
    }
    let mut text = format!(
        "ERROR:\n  Code: {:?}\n  Message: {}\n  Details:\n",
        status.code(),
        status.message()
    );
    for (number, detail) in (1..).zip(told) {
        let detail = serde_json::to_string_pretty(&detail).expect("JSON is text");
        text.push_str(&format!("  {number})\t{}\n", detail.replace('\n', "\n    \t")));
    }
    text
}
