//! `[secret_command.NAME]`: the commands that print secrets, which integrations refer to as `exec:NAME`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use muster_connector::secret::SecretCommand;
use muster_connectors::exec::Program;
use muster_process::config::{Found, OpenTable};
use serde::Deserialize;

/// The table, as the documentation has it. A test holds it against the fields of [`Table`].
pub(super) const TABLE: OpenTable = OpenTable {
    key: "secret_command",
    documentation: "\
A command that prints a secret, such as a client of a vault: an integration refers to it as `exec:NAME`, and knows nothing else of it. It prints the \
secret alone, and ends with the code 0. It is not confined. docs/connectors.md has the other ways to refer to a secret.",
    example: r#"[secret_command.NAME]

# The program's file: an absolute path. No shell and no search path is involved.
program = "/bin/true"

# What it is given.
arguments = []

# The names of variables that it gets as the runner itself has them. It gets no others.
pass_environment = []

# How long it may take.
within = "10s"

# The variables of its environment, each with its value.
environment = {}
"#,
};

/// One such table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    program: PathBuf,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    pass_environment: Vec<String>,
    #[serde(default)]
    within: Option<String>,
}

/// Judges the commands that were found. What is wrong is told, and left out.
pub(super) fn judge(found: &mut Found<'_>) -> BTreeMap<String, SecretCommand> {
    let mut commands = BTreeMap::new();
    for table in found.tables::<Table>(TABLE.key) {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if table.name.is_empty() || !table.name.chars().all(is_name) {
            found.fault_in(
                &table,
                None,
                "a name of a command has letters, digits, `-` and `_` alone",
            );
            continue;
        }
        let Table {
            program,
            arguments,
            environment,
            pass_environment,
            within,
        } = &table.value;
        // It is judged as the programs of connectors are: as one that takes some time to say one thing.
        let program = Program {
            arguments: arguments.clone(),
            environment: environment.clone(),
            pass_environment: pass_environment.clone(),
            spec_within: within.clone(),
            ..Program::at(program)
        };
        match program.judge() {
            Ok(launch) => drop(commands.insert(table.name.clone(), launch.into_secret_command())),
            Err(faults) => {
                for fault in faults {
                    let field = if fault.field == "spec_within" {
                        "within"
                    } else {
                        fault.field
                    };
                    found.fault_in(&table, Some(field), fault.problem);
                }
            }
        }
    }
    commands
}

#[cfg(test)]
pub(super) fn fields() -> &'static [&'static str] {
    muster_process::config::fields_of::<Table>()
}
