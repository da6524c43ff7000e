//! Errors that tonic has made before any of our code was asked: they come without a reason, and in tonic's words.

use muster_proto::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::cut;
use super::reason::{code_of_reason, details_of};

/// What such an error says to people and programs, or `None` for one that says enough. What a peer has broken off is
/// nobody's to read.
pub(crate) fn explained(bare: &Status) -> Option<Status> {
    if !bare.details().is_empty() {
        return None;
    }
    let (reason, message) = match bare.code() {
        // With the name of an encoding it is the former, with a flag alone the latter.
        Code::Unimplemented | Code::Internal if bare.message().contains("compressed") => (
            ErrorReason::CallUnknown,
            "this coordinator takes no compressed messages: send them as they are, without a `grpc-encoding`"
                .to_owned(),
        ),
        Code::Unimplemented => (
            ErrorReason::CallUnknown,
            "this coordinator has no such service or call: list those that it has by server reflection".to_owned(),
        ),
        Code::OutOfRange | Code::ResourceExhausted => (ErrorReason::RequestTooLarge, too_large(bare.message())),
        // That is how tonic says that bytes are no message.
        Code::Internal | Code::InvalidArgument => (ErrorReason::MalformedRequest, undecodable(bare.message())),
        _ => return None,
    };
    let status = Status::with_error_details(code_of_reason(reason), message, details_of(reason));
    Some(status)
}

/// Of a message over its limit tonic tells both numbers, in its own words.
fn too_large(said: &str) -> String {
    let is_no_digit = |one: char| !one.is_ascii_digit();
    let numbers: Vec<_> = said.split(is_no_digit).filter(|word| !word.is_empty()).collect();
    match numbers[..] {
        [found, limit] => {
            format!("the request has {found} bytes, and this call takes at most {limit} in a message: make it smaller")
        }
        _ => format!("the request is too large: {}", cut(said.to_owned())),
    }
}

/// Of bytes that are no message prost tells the way to the place, which is long where messages nest, and last what is wrong there.
fn undecodable(said: &str) -> String {
    const STEPS_MAX: usize = 4;
    let said = said.strip_prefix("failed to decode Protobuf message: ").unwrap_or(said);
    let steps: Vec<_> = said.split(": ").collect();
    let told = match steps.as_slice() {
        [first, second, .., cause] if steps.len() > STEPS_MAX => format!("{first}: {second}: …: {cause}"),
        _ => said.to_owned(),
    };
    format!("the request is no message of this call: {}", cut(told))
}

/// The same for one that comes from a stream.
pub(crate) fn legible(status: Status) -> Status {
    explained(&status).unwrap_or(status)
}
