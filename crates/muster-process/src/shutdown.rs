//! The signals that ask a process to stop.

use std::convert::Infallible;
use std::{io, process};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// SIGTERM and SIGINT (Ctrl-C). From the moment this is made they no longer kill the process by themselves.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// The operating system's, when a handler cannot be installed.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Cancels the token at the first signal, and ends the process at the second: whoever asks twice does not want to wait.
    pub async fn watch(mut self, token: &CancellationToken) -> Infallible {
        let first = self.next().await;
        tracing::info!(
            signal = first.name(),
            "stopping; a second signal ends the process at once"
        );
        token.cancel();
        let second = self.next().await;
        tracing::warn!(signal = second.name(), "ending at once");
        process::exit(second.exit_code());
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Terminate,
            _ = self.interrupt.recv() => Asked::Interrupt,
        }
    }
}

/// Has something done before a signal ends this process, as it does from then on with the code that a shell tells: for a command that runs to its end
/// unless it is interrupted.
///
/// # Errors
/// The operating system's, when there is no thread or no handler to be had.
pub fn before_end_by_signal(clean: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::listen()?
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || {
        let asked = runtime.block_on(signals.next());
        clean();
        process::exit(asked.exit_code());
    })?;
    Ok(())
}

/// Which signal asked.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Terminate,
    Interrupt,
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }

    /// 128 and the signal's number, as a shell tells of a process that a signal has killed.
    fn exit_code(self) -> i32 {
        match self {
            Self::Terminate => 128 + 15,
            Self::Interrupt => 128 + 2,
        }
    }
}
