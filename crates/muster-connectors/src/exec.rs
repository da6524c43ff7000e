//! Connectors that are programs of a runner's own: `[exec.NAME]` of its configuration names one, and NAME is what integrations call it.
//!
//! The coordinator learns what such a connector is called and what it can be told, and never which program it is: a command stands in the
//! runner's configuration alone. `docs/exec.md` has the protocol, `docs/own-connector.md` how to write such a program.

mod program;

pub use program::{
    ARGUMENTS_MAX, FieldFault, LINE_BYTES_MAX, LOG_LINES_MAX, Launch, MEMORY_MIB_DEFAULT, Program, VARIABLES_MAX,
    WITHIN_MAX,
};
