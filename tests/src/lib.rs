//! Builds and drives the real binaries.
