//! The runner: checks in, claims executions and carries them out.
