//! Calls with whatever bytes a peer may send as messages.

use std::time::Duration;

use bytes::{Buf, BufMut as _, Bytes};
use http::uri::PathAndQuery;
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
