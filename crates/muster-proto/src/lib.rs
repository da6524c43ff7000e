//! The generated code of Muster's wire: messages, clients and servers of the package `muster.v1`, from `proto/muster/v1/*.proto`.
//!
//! There is nothing else here but the codec that they use, and who may make which call. The conversions to the domain's own words stand with those who speak the wire.

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
