//! `[exec.NAME]`: the programs that are connectors of this runner.

use muster_connectors::Registry;
use muster_connectors::exec::{Launch, Program};
use muster_core::words::ConnectorName;
use muster_process::config::{Found, OpenTable};

/// The table, as the documentation has it. A test holds it against the fields of [`Program`].
pub(super) const TABLE: OpenTable = OpenTable {
    key: "exec",
    documentation: "\
A program that is a connector: NAME is what integrations call it. It is allowed by being here; the coordinator learns its name and its \
specification, never its path. There may be as many as needed. docs/exec.md tells what such a program reads and writes.",
    example: r#"[exec.NAME]

# The program's file: an absolute path. No shell and no search path is involved.
program = "/bin/true"

# What it is given before the name of the command (`spec`, `check`, `collect`), such as the script
# that an interpreter runs.
arguments = []

# The names of variables that it gets as the runner itself has them. It gets no others.
pass_environment = []

# The folder that it starts in: an absolute path. Without one, a folder of this run alone, which is
# empty and goes with it.
folder = "/"

# How much memory of its own each process of it may have, in MiB, 16 to 1048576.
memory_mib_max = 1024

# How many processes and threads the runner's user may have more than when it begins, so that it
# cannot fork without end, 1 to 32768. Root is not bound.
processes_max = 512

# The most bytes of a line that it prints, 4096 to 1049600; a longer one ends the collection.
line_bytes_max = 1049600

# The most log lines of one run, 0 to 1000; what it prints beyond that is only counted.
log_lines_max = 1000

# How long it may take to say what it is, when the runner starts.
spec_within = "10s"

# How long it may take to check a configuration.
check_within = "1m"

# Whether it is confined: `available` for as far as the kernel can (landlock, seccomp), `none`, or
# `required`: it is not run unless the kernel can hold it to files, system calls, and its ports if
# its connector's `allow` has some.
confine = "available"

# What it may read and run besides the system's own files, itself and what its arguments name:
# absolute paths.
read_paths = []

# Where it may write besides the folder of its run: absolute paths.
write_paths = []

# The variables of its environment, each with its value. Never a secret: what an integration is
# configured with comes on standard input.
environment = {}
"#,
};

/// The programs of a runner.
#[derive(Debug, Default)]
pub(super) struct Programs {
    /// Those that are good.
    pub(super) good: Vec<(ConnectorName, Launch)>,
    /// What all are called, also those that something is wrong with.
    pub(super) names: Vec<ConnectorName>,
}

/// Judges the programs that were found. What is wrong is told, and left out.
pub(super) fn judge(known: &Registry, found: &mut Found<'_>) -> Programs {
    let mut programs = Programs::default();
    for table in found.tables::<Program>(TABLE.key) {
        let name = ConnectorName::new(&table.name).map_err(|error| error.to_string());
        let name = name.and_then(|name| match known.get(&name) {
            Some(_) => Err("a built-in connector has this name: choose another".to_owned()),
            None => Ok(name),
        });
        let name = name.map_err(|problem| found.fault_in(&table, None, problem)).ok();
        let launch = table.value.judge().map_err(|faults| {
            for fault in faults {
                found.fault_in(&table, Some(fault.field), fault.problem);
            }
        });
        programs.names.extend(name.clone());
        programs.good.extend(name.zip(launch.ok()));
    }
    programs
}
