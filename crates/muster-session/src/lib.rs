//! Both ends of the runner's check-in as state machines without I/O: messages and time go in, messages and deadlines
//! come out.
//!
//! [`CoordinatorEnd`](coordinator::CoordinatorEnd) lives as long as one stream, [`RunnerEnd`](runner::RunnerEnd) as
//! long as the runner's process, over many streams. Neither knows a socket, a clock or a source of randomness: `now` is
//! an argument, and the runner's end is given its generator. So the simulator and the tests run the very ones that
//! production runs. [`wire`] is the one place in which messages become the core's words.
//!
//! # How a driver uses them
//!
//! Both are driven alike. After whatever was handed in, the driver carries out what `poll_output` gives until it gives
//! nothing, and sends what
//! `poll_send` gives **while its stream has room**: what has to wait is merged into fewer messages. It sleeps until
//! `next_deadline` at the latest, then calls `tick`.
//!
//! ```text
//! let mut end = RunnerEnd::new(profile, spooled, rng, now());
//! loop {
//!     while let Some(output) = end.poll_output() {
//!         match output {
//!             RunnerOutput::Connect => dial a fresh connection, in a task, whose end is handed in below
//!             RunnerOutput::Disconnect { .. } => drop the stream, or the dialling; hand in nothing more of it
//!             RunnerOutput::Welcomed { session, .. } => uploads name this session from now on
//!             RunnerOutput::Start(task) => start it; it hands in started, progress, completed or failed, and log lines
//!             RunnerOutput::Stop { work, why } => stop its task; whatever it still hands in is ignored
//!             RunnerOutput::Spool(report) => write it to the spool; RunnerOutput::Unspool { work, .. } => remove it
//!             RunnerOutput::Ignored { .. } => log it
//!         }
//!     }
//!     if end.is_idle() { close the stream's sending half, and leave }
//!     select! {
//!         permit = stream.reserve(), if end.has_to_send() => end.poll_send(now()).map(|message| permit.send(message)),
//!         dialled = dialling => end.connected(now()), or end.disconnected(StreamEnd::Broken, now())
//!         message = stream.next() => end.receive(message, now()), or end.disconnected(StreamEnd::of(reason), now())
//!         event = executor.next() => end.started(..), end.completed(..), …
//!         () = sleep_until(end.next_deadline()) => end.tick(now())
//!     }
//! }
//! ```
//!
//! ```text
//! let mut end = CoordinatorEnd::new(session, now());
//! loop {
//!     while let Some(output) = end.poll_output() {
//!         match output {
//!             CoordinatorOutput::Ask(commands) => ask the shard as end.principal(); its answers come below, in order
//!             CoordinatorOutput::LookUpStaged(report) => ask the landing, beside this loop; then end.staged(..)
//!             CoordinatorOutput::LookUpEnded(report) => ask history; then end.ended(..)
//!             CoordinatorOutput::LogLines { .. } | CoordinatorOutput::Progress { .. } => keep, show
//!             CoordinatorOutput::Refuse(rejection) => break with the status of the rejection
//!             CoordinatorOutput::Close(ending) => break with the status of ending.reason()
//!         }
//!     }
//!     select! {
//!         permit = stream.reserve(), if end.has_to_send() => end.poll_send(now()).map(|message| permit.send(message)),
//!         message = stream.next(), if end.wants_input() => end.receive(message, now())?, or break at its end
//!         answer = answers.next() => end.answered(answer, now()),
//!         message = effects.next() => end.told(message),
//!         () = sleep_until(end.next_deadline()) => end.tick(now())?
//!     }
//! }
//! end.disconnected(), and ask what poll_output still gives: the shard learns that the stream is over
//! ```

pub mod coordinator;
mod error;
pub mod runner;
pub mod wire;

use std::time::Duration;

pub use error::ProtocolError;

/// How long a stream may be open without a hello, and how long a runner waits for its welcome.
pub const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// After how long a silence either end says that it is there; less when the lease is short. At most 20 s, since proxies
/// cut streams that are silent for longer.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// The most bytes of a message of the check-in, either way: the coordinator's server takes no larger one, and a runner
/// has to take at least this.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// How long after the last time the shard is told again that a runner was heard. A busy stream has thousands of
/// messages a second, and the lease's grace is far longer than this.
fn hear_spacing(lease: Duration) -> Duration {
    (lease / 20).min(Duration::from_secs(1))
}
