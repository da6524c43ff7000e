//! An incident: something that goes wrong for a while, whom that is told to, and what became of telling it. The outbox is all that still waits here.

use std::collections::VecDeque;

use crate::decide::incident::forget::REMEMBERED;
use crate::event::Event;
use crate::planted;
use crate::time::Stamp;
use crate::words::{EmailAddress, IncidentId, IntegrationId, OrganizationId, Pool, PoolName, RunnerId};

use super::Evidence;

/// What goes wrong. Of each there is at most one open incident.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// An integration's error rate has reached its threshold.
    ErrorRate {
        /// Of which integration.
        integration: IntegrationId,
    },
    /// No runner of a pool is there any more.
    PoolOffline {
        /// Whose integrations wait for it.
        organization: OrganizationId,
        /// Which pool, as that organization calls it.
        pool: PoolName,
    },
    /// A runner is older than it should be.
    RunnerOutdated {
        /// Which.
        runner: RunnerId,
    },
    /// The key of a runner is used at two places, and it is locked.
    RunnerCloned {
        /// Which.
        runner: RunnerId,
    },
}

impl Cause {
    /// The integration that it is about; `None` when it is about no single one.
    #[must_use]
    pub fn integration(&self) -> Option<IntegrationId> {
        match self {
            Self::ErrorRate { integration } => Some(*integration),
            Self::PoolOffline { .. } | Self::RunnerOutdated { .. } | Self::RunnerCloned { .. } => None,
        }
    }

    /// That this pool is offline, for this organization.
    #[must_use]
    pub fn offline(organization: &OrganizationId, pool: &Pool) -> Self {
        Self::PoolOffline {
            organization: organization.clone(),
            pool: pool.name.clone(),
        }
    }
}

/// Why an incident is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// The error rate has come down, a runner of the pool is back, or the runner has another version.
    Recovered,
    /// The integration was disabled.
    Disabled,
    /// The integration was deleted.
    Deleted,
    /// Its notifications were switched off.
    Muted,
    /// No enabled integration relies on the pool any more.
    Unused,
    /// The runner has not been there for long, or was locked long ago.
    Gone,
}

/// Which of an incident's news is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// It has opened.
    Opened,
    /// It is still open.
    Reminder,
    /// It is over.
    Closed,
}

/// By what way somebody is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// A mail.
    Email(EmailAddress),
}

/// What has become of telling somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be sent.
    Waiting {
        /// How often that has been tried.
        tries: u32,
        /// When it is tried next.
        next: Stamp,
    },
    /// It was taken.
    Sent {
        /// When.
        at: Stamp,
    },
    /// It could not be delivered, and is not tried any more.
    Dead {
        /// Since when.
        at: Stamp,
    },
}

/// A notice to one recipient: an entry of the outbox while it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To whom, and by what way.
    pub channel: Channel,
    /// What has become of it.
    pub state: DeliveryState,
    /// What the other side, or the way to it, said last. Empty before the first try.
    pub answer: String,
}

/// News of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Which of the incident's notices, from 0.
    pub ordinal: u32,
    /// Which news.
    pub kind: NoticeKind,
    /// When it was decided.
    pub at: Stamp,
    /// What there is to say.
    pub evidence: Evidence,
    /// To whom.
    pub deliveries: Vec<Delivery>,
}

/// The end of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// When.
    pub at: Stamp,
    /// Why.
    pub closing: Closing,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What goes wrong.
    pub cause: Cause,
    /// When it opened.
    pub opened: Stamp,
    /// Its end; `None` while it is open.
    pub closed: Option<Closed>,
    /// How many notices there have been.
    pub noticed: u32,
    /// The newest of them, oldest first, and all that still wait for a delivery.
    pub notices: VecDeque<Notice>,
}

/// How many notices are kept when their deliveries have ended: a month of daily reminders, with the first and the last.
const NOTICES_KEPT: usize = 32;

impl Incident {
    /// The notice of this ordinal, if it is still kept.
    #[must_use]
    pub fn notice(&self, ordinal: u32) -> Option<&Notice> {
        self.notices.iter().find(|notice| notice.ordinal == ordinal)
    }

    /// When people were told last.
    #[must_use]
    pub fn told(&self) -> Stamp {
        self.notices.back().map_or(self.opened, |newest| newest.at)
    }

    /// A delivery by its place in the notice of this ordinal, with that notice, if it is still kept.
    #[must_use]
    pub fn delivery(&self, ordinal: u32, place: u32) -> Option<(&Notice, &Delivery)> {
        let notice = self.notice(ordinal)?;
        Some((notice, notice.deliveries.get(place as usize)?))
    }

    /// What waits to be sent: when, which notice, which of its deliveries.
    pub fn waiting(&self) -> impl Iterator<Item = (Stamp, u32, u32)> {
        self.notices.iter().flat_map(|notice| {
            let deliveries = (0_u32..).zip(&notice.deliveries);
            deliveries.filter_map(|(place, delivery)| match delivery.state {
                DeliveryState::Waiting { tries: 1.., .. } if planted!("deferred-left-out") => None,
                DeliveryState::Waiting { next, .. } => Some((next, notice.ordinal, place)),
                DeliveryState::Sent { .. } | DeliveryState::Dead { .. } => None,
            })
        })
    }

    pub(crate) fn opened(at: Stamp, event: &Event) -> Option<Self> {
        let Event::IncidentOpened {
            incident,
            organization,
            cause,
            evidence,
            channels,
        } = event
        else {
            return None;
        };
        let mut opened = Self {
            id: *incident,
            organization: organization.clone(),
            cause: cause.clone(),
            opened: at,
            closed: None,
            noticed: 0,
            notices: VecDeque::new(),
        };
        opened.notice_news(NoticeKind::Opened, at, evidence, channels);
        Some(opened)
    }

    /// Applies an event that keeps it. One that does not concern an incident changes nothing.
    pub(crate) fn apply(&mut self, at: Stamp, event: &Event) {
        match event {
            Event::IncidentReminded { evidence, channels, .. } => {
                self.notice_news(NoticeKind::Reminder, at, evidence, channels);
            }
            Event::IncidentClosed {
                closing,
                evidence,
                channels,
                ..
            } => {
                self.closed = Some(Closed { at, closing: *closing });
                self.notice_news(NoticeKind::Closed, at, evidence, channels);
            }
            Event::DeliveryTried {
                notice,
                delivery,
                state,
                answer,
                ..
            } => {
                let found = self.notices.iter_mut().find(|one| one.ordinal == *notice);
                if let Some(found) = found.and_then(|one| one.deliveries.get_mut(*delivery as usize)) {
                    found.state = state.clone();
                    found.answer.clone_from(answer);
                }
            }
            Event::IntegrationCreated { .. }
            | Event::IntegrationUpdated { .. }
            | Event::IntegrationEnabled { .. }
            | Event::IntegrationDisabled { .. }
            | Event::IntegrationPaused { .. }
            | Event::IntegrationChecked { .. }
            | Event::IntegrationDeleted { .. }
            | Event::ThresholdReached { .. }
            | Event::ThresholdLeft { .. }
            | Event::ScheduleAdvanced { .. }
            | Event::ExecutionCreated { .. }
            | Event::ExecutionClaimed { .. }
            | Event::ExecutionStarted { .. }
            | Event::ExecutionReturned { .. }
            | Event::ExecutionRerouted { .. }
            | Event::ExecutionFenced { .. }
            | Event::LandingCommitted { .. }
            | Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. }
            | Event::RunnerCheckedIn { .. }
            | Event::RunnerLeft { .. }
            | Event::RunnerDrained { .. }
            | Event::ConnectorOffered { .. }
            | Event::IncidentOpened { .. }
            | Event::IncidentForgotten { .. }
            | Event::Access(_)
            | Event::OrganizationChanged { .. }
            | Event::Identity(_)
            | Event::Audited(_)
            | Event::RunnerForgotten { .. }
            | Event::ConnectorForgotten { .. } => {}
        }
    }

    /// When it is forgotten: long after its end, and not while somebody waits to be told of it. `None` while that is not known.
    #[must_use]
    pub fn forgettable(&self) -> Option<Stamp> {
        let closed = self.closed?;
        let remembered = if planted!("incident-forgotten-too-early") {
            REMEMBERED / 30
        } else {
            REMEMBERED
        };
        self.waiting().next().is_none().then(|| closed.at.after(remembered))
    }

    fn notice_news(&mut self, kind: NoticeKind, at: Stamp, evidence: &Evidence, channels: &[Channel]) {
        let deliveries = channels.iter().map(|channel| Delivery {
            channel: channel.clone(),
            state: DeliveryState::Waiting { tries: 0, next: at },
            answer: String::new(),
        });
        self.notices.push_back(Notice {
            ordinal: self.noticed,
            kind,
            at,
            evidence: evidence.clone(),
            deliveries: deliveries.collect(),
        });
        self.noticed += 1;
        self.forget_old_notices();
    }

    /// The first stays, since it says how it began.
    fn forget_old_notices(&mut self) {
        while self.notices.len() > NOTICES_KEPT
            && let Some(old) = self.notices.iter().skip(1).position(Notice::is_settled)
        {
            self.notices.remove(old + 1);
        }
    }
}

impl Notice {
    fn is_settled(&self) -> bool {
        let waits = |delivery: &Delivery| matches!(delivery.state, DeliveryState::Waiting { .. });
        !self.deliveries.iter().any(waits)
    }
}
