//! The generated code of Muster's wire: messages, clients and servers of the package `muster.v1`, from `proto/muster/v1/*.proto`.
//!
//! There is nothing else here but the codec that they use, who may make which call, how a request says what it is about, and the lines of an
//! exported audit log. The conversions to the domain's own words stand with those who speak the wire.

pub mod audit_log;
mod codec;

/// The package `muster.v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    rustdoc::all,
    reason = "generated code, as its generators write it"
)]
pub mod v1 {
    tonic::include_proto!("muster.v1");
}

/// The package's descriptors, as an encoded `google.protobuf.FileDescriptorSet`: what server reflection needs.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/muster.v1.descriptors"));

/// Who may make which call, by its path, such as `muster.v1.RunnerService/CheckIn`. Sorted by that; each call of the package is in it.
pub const RULES: &[(&str, v1::Rule)] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// A request that says what it is about: for the audit log, which keeps that of every call.
pub trait Named {
    /// The resource name of what it is about, or of what that is to be made in, as its caller has written it. Empty when it names none.
    fn resource(&self) -> &str;

    /// The id by which its caller knows it again. Empty when it has none.
    fn request_id(&self) -> &str;
}

include!(concat!(env!("OUT_DIR"), "/named.rs"));
