//! Calls of bytes as they are: for what no generated client would say, and for calls that are known by their descriptors alone.

use bytes::{Buf, BufMut, Bytes};
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::rig::PATIENCE;

#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
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
        let bytes = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(bytes)))
    }
}

/// The first answer to a call with these bytes as its one message; `authorization` is what its metadata says, if anything.
pub async fn call(
    channel: Channel,
    authorization: Option<&str>,
    path: &str,
    message: impl Into<Bytes>,
) -> Result<Option<Bytes>, Status> {
    let mut client = Grpc::new(channel);
    client.ready().await.expect("it listens");
    let path: PathAndQuery = path.parse().expect("a path");
    let mut request = Request::new(tokio_stream::once(message.into()));
    if let Some(shown) = authorization {
        let shown: MetadataValue<_> = shown.parse().expect("a value");
        request.metadata_mut().insert("authorization", shown);
    }
    let calling = async { client.streaming(request, path, Raw).await?.into_inner().message().await };
    timeout(PATIENCE, calling).await.expect("an answer in time")
}
