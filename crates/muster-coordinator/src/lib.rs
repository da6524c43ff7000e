//! The coordinator: gRPC services, landing, dispatch.

pub mod landing;
