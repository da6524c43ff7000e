//! What may be asked, and the one place where it is judged.
//!
//! The life of an execution is in [`execution`], one file a command: created by [`execution::fall_due`] or [`execution::run_now`], claimed by
//! [`execution::claim`], confirmed and started by [`execution::progress`], ended by [`execution::finish`], [`execution::fail`] or
//! [`execution::cancel`].

pub mod access;
mod answer;
pub mod check;
pub mod execution;
pub mod identity;
pub mod incident;
pub mod integration;
pub mod organization;
pub mod session;

use crate::event::Event;
use crate::roster::RosterChange;
use crate::state::State;
use crate::time::Now;
use crate::words::Principal;

pub use answer::{Answer, Assignment, CheckEnd, CheckOrder, CloseReason, Effect, Message, Rejection, Welcome, Work};

/// What is asked of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// See [`integration::create`].
    CreateIntegration(integration::create::Create),
    /// See [`integration::update`].
    UpdateIntegration(integration::update::Update),
    /// See [`integration::enable`].
    EnableIntegration(integration::enable::Enable),
    /// See [`integration::disable`].
    DisableIntegration(integration::disable::Disable),
    /// See [`integration::pause`].
    PauseIntegration(integration::pause::Pause),
    /// See [`integration::pause`].
    ResumeIntegration(integration::pause::Resume),
    /// See [`integration::delete`].
    DeleteIntegration(integration::delete::Delete),
    /// See [`organization::found`].
    FoundOrganizations(organization::found::Found),
    /// See [`organization::create`].
    CreateOrganization(organization::create::Create),
    /// See [`organization::update`].
    UpdateOrganization(organization::update::Update),
    /// See [`organization::suspend`].
    SuspendOrganization(organization::suspend::Suspend),
    /// See [`organization::resume`].
    ResumeOrganization(organization::resume::Resume),
    /// See [`organization::delete`].
    DeleteOrganization(organization::delete::Delete),
    /// See [`organization::erase`].
    Erase(organization::erase::Erase),
    /// See [`check::begin`].
    Check(check::begin::Check),
    /// See [`check::report`].
    ReportCheck(check::report::ReportCheck),
    /// See [`check::give_up`].
    GiveUpCheck(check::give_up::GiveUpCheck),
    /// See [`execution::fall_due`].
    FallDue(execution::fall_due::FallDue),
    /// See [`execution::run_now`].
    RunNow(execution::run_now::RunNow),
    /// See [`execution::claim`].
    Claim(execution::claim::Claim),
    /// See [`execution::progress`].
    Accept(execution::progress::Accept),
    /// See [`execution::progress`].
    Start(execution::progress::Start),
    /// See [`execution::finish`].
    Finish(execution::finish::Finish),
    /// See [`execution::landing`].
    Landed(execution::landing::Landed),
    /// See [`execution::landing`].
    Unlandable(execution::landing::Unlandable),
    /// See [`execution::fail`].
    Fail(execution::fail::Fail),
    /// See [`execution::cancel`].
    Cancel(execution::cancel::Cancel),
    /// See [`execution::fence`].
    Fence(execution::fence::Fence),
    /// See [`incident::review`].
    Review(incident::review::Review),
    /// See [`incident::offline`].
    Offline(incident::offline::Offline),
    /// See [`incident::deliver`].
    Deliver(incident::deliver::Deliver),
    /// See [`incident::forget`].
    Forget(incident::forget::Forget),
    /// See [`access`].
    Access(access::Access),
    /// See [`identity`].
    Identity(identity::IdentityCommand),
    /// See [`session::check_in`].
    CheckIn(session::check_in::CheckIn),
    /// See [`session::presence`].
    Hear(session::presence::Hear),
    /// See [`session::presence`].
    Disconnect(session::presence::Disconnect),
    /// See [`session::presence`].
    Drain(session::presence::Drain),
    /// See [`session::drain`].
    DrainRunner(session::drain::Drain),
    /// See [`session::drain`].
    ResumeRunner(session::drain::Resume),
    /// See [`session::lapse`].
    Lapse(session::lapse::Lapse),
    /// See [`session::withdraw`].
    Withdraw(session::withdraw::Withdraw),
}

/// What follows from a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// What has happened, to be applied and recorded in this order.
    pub events: Vec<Event>,
    /// What changes in the roster, after the events.
    pub roster: Vec<RosterChange>,
    /// What others are to be told, once the events are durable.
    pub effects: Vec<Effect>,
    /// What the asker is told, once the events are durable.
    pub answer: Answer,
}

impl Decision {
    /// Nothing happens, and the asker hears that all is well.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// One event, and no more.
    #[must_use]
    pub fn event(event: Event) -> Self {
        Self::events(vec![event])
    }

    /// What only makes these events.
    #[must_use]
    pub fn events(events: Vec<Event>) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }

    /// One change of the roster, and no more.
    #[must_use]
    pub fn roster(change: RosterChange) -> Self {
        Self {
            roster: vec![change],
            ..Self::default()
        }
    }
}

/// Judges a command.
///
/// # Errors
/// [`Rejection`] says why it is refused; nothing has happened then.
pub fn decide(
    state: &State,
    by: &Principal,
    command: Command,
    now: Now,
    chance: &mut fastrand::Rng,
) -> Result<Decision, Rejection> {
    match command {
        Command::CreateIntegration(command) => command.decide(state, now, chance),
        Command::UpdateIntegration(command) => command.decide(state, now),
        Command::EnableIntegration(command) => command.decide(state, now, chance),
        Command::DisableIntegration(command) => command.decide(state, by),
        Command::PauseIntegration(command) => command.decide(state, now),
        Command::ResumeIntegration(command) => command.decide(state, now),
        Command::DeleteIntegration(command) => command.decide(state, by, now),
        Command::FoundOrganizations(command) => Ok(command.decide(state)),
        Command::CreateOrganization(command) => command.decide(state),
        Command::UpdateOrganization(command) => command.decide(state),
        Command::SuspendOrganization(command) => command.decide(state),
        Command::ResumeOrganization(command) => command.decide(state),
        Command::DeleteOrganization(command) => command.decide(state),
        Command::Erase(command) => Ok(command.decide(state, by, now)),
        Command::Check(command) => command.decide(state, now, chance),
        Command::ReportCheck(command) => Ok(command.decide(state, now)),
        Command::GiveUpCheck(command) => Ok(command.decide(state)),
        Command::FallDue(command) => Ok(command.decide(state, now, chance)),
        Command::RunNow(command) => command.decide(state, by, now, chance),
        Command::Claim(command) => Ok(command.decide(state)),
        Command::Accept(command) => command.decide(state),
        Command::Start(command) => command.decide(state),
        Command::Finish(command) => command.decide(state, now, chance),
        Command::Landed(command) => command.decide(state),
        Command::Unlandable(command) => command.decide(state),
        Command::Fail(command) => command.decide(state, now, chance),
        Command::Cancel(command) => command.decide(state, by),
        Command::Fence(command) => Ok(command.decide(state, now)),
        Command::Review(command) => Ok(command.decide(state, now, chance)),
        Command::Offline(command) => Ok(command.decide(state, now, chance)),
        Command::Deliver(command) => Ok(command.decide(state, now, chance)),
        Command::Forget(command) => Ok(command.decide(state)),
        Command::Access(command) => command.decide(state, now, chance),
        Command::Identity(command) => command.decide(state, now, chance),
        Command::CheckIn(command) => command.decide(state, now, chance),
        Command::Hear(command) => command.decide(state),
        Command::Disconnect(command) => Ok(command.decide(state)),
        Command::Drain(command) => command.decide(state),
        Command::DrainRunner(command) => Ok(command.decide(state)),
        Command::ResumeRunner(command) => Ok(command.decide(state)),
        Command::Lapse(command) => Ok(command.decide(state, now, chance)),
        Command::Withdraw(command) => Ok(command.decide(state, now, chance)),
    }
}
