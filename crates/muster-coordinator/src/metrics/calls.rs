//! Counts the calls of gRPC by how they have ended. A call that streams ends with its trailers, and one whose client has gone ends without any.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use bytes::Buf;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use muster_proto::FILE_DESCRIPTOR_SET;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prost::Message as _;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::ledger::OTHERS;

/// The paths of all calls that there are. Whoever asks for another one makes no label of it.
static PATHS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let sets = [
        FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    let files = sets.into_iter().flat_map(|set| {
        // They are what the services themselves were made of.
        let set = prost_types::FileDescriptorSet::decode(set).expect("a descriptor set that was built in can be read");
        set.file
    });
    let services = files.flat_map(|file| {
        let package = file.package().to_owned();
        file.service.into_iter().map(move |service| (package.clone(), service))
    });
    services
        .flat_map(|(package, service)| {
            let name = format!("{package}.{}", service.name());
            service
                .method
                .into_iter()
                .map(move |method| format!("{name}/{}", method.name()))
        })
        .collect()
});

type Labels = [(&'static str, &'static str); 2];

/// How often each call has ended how. Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls(Family<Labels, Counter>);

impl Calls {
    /// What was counted.
    pub(super) fn family(&self) -> &Family<Labels, Counter> {
        &self.0
    }

    fn count(&self, method: &'static str, code: Code) {
        self.0.get_or_create(&[("method", method), ("code", name(code))]).inc();
    }
}

/// The layer around all services that counts their calls.
#[derive(Debug, Clone)]
pub(crate) struct CountCalls(Calls);

impl From<Calls> for CountCalls {
    fn from(calls: Calls) -> Self {
        Self(calls)
    }
}

impl<S> Layer<S> for CountCalls {
    type Service = Counting<S>;

    fn layer(&self, service: S) -> Counting<S> {
        Counting {
            service,
            calls: self.0.clone(),
        }
    }
}

/// A service whose calls are counted.
#[derive(Debug, Clone)]
pub(crate) struct Counting<S> {
    service: S,
    calls: Calls,
}

impl<S, A, B> Service<http::Request<A>> for Counting<S>
where
    S: Service<http::Request<A>, Response = http::Response<B>, Future: Send + 'static, Error: 'static>,
    B: 'static,
{
    type Response = http::Response<CountedBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<A>) -> Self::Future {
        let path = request.uri().path().strip_prefix('/').unwrap_or_default();
        let mut call = Call {
            calls: self.calls.clone(),
            method: PATHS.get(path).map_or(OTHERS, String::as_str),
            ended: false,
        };
        let answering = self.service.call(request);
        Box::pin(async move {
            let response = answering.await?;
            if let Some(status) = Status::from_header_map(response.headers()) {
                call.end(status.code());
            }
            Ok(response.map(|body| CountedBody { body, call }))
        })
    }
}

/// One call, which is counted when it has ended, and at the latest when it is dropped.
struct Call {
    calls: Calls,
    method: &'static str,
    ended: bool,
}

impl Call {
    fn end(&mut self, code: Code) {
        if !self.ended {
            self.ended = true;
            self.calls.count(self.method, code);
        }
    }

    fn end_by(&mut self, trailers: &HeaderMap) {
        self.end(Status::from_header_map(trailers).map_or(Code::Unknown, |status| status.code()));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // Its client has gone, or its connection was cut.
        self.end(Code::Cancelled);
    }
}

/// The answer of a call that is counted.
pub(crate) struct CountedBody<B> {
    body: B,
    call: Call,
}

impl<B> Body for CountedBody<B>
where
    B: Body<Data: Buf> + Unpin,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            self.call.end_by(trailers);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The code as the documentation of errors writes it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_are_those_of_all_services() {
        for path in [
            "muster.v1.RunnerService/CheckIn",
            "muster.v1.ExecutionService/ListExecutions",
            "grpc.health.v1.Health/Check",
            "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ] {
            assert!(PATHS.contains(path), "{path} is not among {PATHS:?}");
        }
    }
}
