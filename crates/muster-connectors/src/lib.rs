//! The connectors that runners carry.
