//! The connector `host`, from its configuration to its records: on this machine, and on file trees that are made up.

mod collect;
mod conformance;
mod documented;
mod flow;
mod made_up;
mod this_machine;
mod tree;
