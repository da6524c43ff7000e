//! Calls with whatever bytes a peer may send as messages.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Buf, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use muster_proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;
use tokio_stream::{Stream, StreamExt as _};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status};

/// Longer than the coordinator lets anything bad go on.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// Messages as bytes.
#[derive(Debug, Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// All answers to these messages, until the coordinator ends the call.
pub(super) async fn call<M>(channel: Channel, path: &str, messages: M) -> Result<Vec<Bytes>, Status>
where
    M: Stream<Item = Bytes> + Send + 'static,
{
    let path: PathAndQuery = path.parse().expect("a call is a path");
    let answers = async {
        let mut client = Grpc::new(channel);
        let ready = client.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))?;
        let answers = client.streaming(Request::new(messages), path, Raw).await?;
        answers.into_inner().collect::<Result<Vec<_>, _>>().await
    };
    let answers = tokio::time::timeout(ANSWERED_WITHIN, answers).await;
    answers.unwrap_or_else(|_| panic!("no end within {ANSWERED_WITHIN:?}"))
}

/// All messages of the wire.
pub(super) fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the descriptors are sound"))
}

/// A message of this kind, as bytes, from its JSON.
pub(super) fn encoded(kind: &str, json: Value) -> Bytes {
    let kind = pool()
        .get_message_by_name(&format!("muster.v1.{kind}"))
        .expect("a kind of messages");
    let message = DynamicMessage::deserialize(kind, json).expect("a message in JSON");
    message.encode_to_vec().into()
}
