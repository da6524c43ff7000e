//! The coordinator: gRPC services, landing, dispatch.
