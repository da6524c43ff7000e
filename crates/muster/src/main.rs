//! `muster`: what an operator types. A client of the coordinator's gRPC API; it knows what the API says, and nothing else.

mod audit;
mod client;
mod command;
mod configuration;
mod contexts;
mod error;
mod exit;
mod follow;
mod judge;
mod known_keys;
mod list;
mod names;
mod output;
mod settings;

use std::io;
use std::process::ExitCode;

use command::Cli;
use error::Error;
use exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::read() {
        Ok(cli) => command::run(cli).unwrap_or_else(|error| told(&error).into()),
        Err(answer) => {
            // Nobody is left to tell where the terminal is gone.
            let _ = answer.print();
            if answer.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Success.into()
            }
        }
    }
}

/// Tells the error. A reader that has taken what it wanted and left, as `head` does, is none.
fn told(error: &Error) -> Exit {
    if let Error::Output(cause) = error
        && cause.kind() == io::ErrorKind::BrokenPipe
    {
        return Exit::Success;
    }
    output::note(error.report().trim_end());
    Exit::Failure
}
