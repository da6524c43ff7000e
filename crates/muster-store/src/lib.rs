//! Journal, records, history and log lines of a shard, on memory or sled.
