//! What the coordinator's process does beside its shard and its streams: futures of the real landing and the real handle, polled one step at a time.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use muster_core::decide::execution::Report;
use muster_core::decide::execution::landing::{Landed, Unlandable};
use muster_core::decide::incident::deliver::Deliver;
use muster_core::decide::{self, CheckEnd, Command};
use muster_core::index::Outgoing;
use muster_core::words::{Attempt, CheckId, ExecutionId, Principal, Staged};
use muster_landing::{Destination, Landing, PublishError};
use muster_session::coordinator::Ended;
use muster_shard::{AskError, Ending, LandingWork, ShardError, ShardHandle};

use crate::agenda::Millis;
use crate::mail::Outbox;
use crate::operator::{Heard, Said};
use crate::trace::{broken, say};
use crate::upload::{Inbox, Refused, Taken};
use crate::world::{Due, World};

/// How many publications go on at the same time, as in the coordinator.
const PUBLISHING_MAX: usize = 8;

/// How often what the queue of the landing has lost is asked for, as in the coordinator.
const AGAIN_AFTER: Millis = 10_000;

/// Something to do.
pub enum Work {
    LookUpStaged(u64, Report),
    LookUpEnded(u64, Report),
    Publish(ExecutionId),
    Discard(ExecutionId, Attempt),
    Sweep,
    Upload {
        runner: usize,
        life: u32,
        task: u64,
        inbox: Inbox,
    },
    Operate(u64, Said),
    AwaitCheck(CheckId, Ending),
    /// Wait until something new is in the outbox.
    AwaitOutbox,
    LookThroughOutbox,
    Deliver(Outgoing, Deliver),
}

/// What has come of it.
pub enum Done {
    Staged(u64, decide::Work, Result<Option<Staged>, ()>),
    Ended(u64, decide::Work, Ended),
    Published(ExecutionId, Published),
    Discarded,
    Swept,
    Uploaded {
        runner: usize,
        life: u32,
        task: u64,
        taken: Result<Taken, Refused>,
    },
    Operated(u64, Box<Heard>),
    Checked(CheckId, CheckEnd),
    OutboxFilled,
    Outbox(Outbox),
    Delivered(Outgoing),
    /// The shard has stopped.
    Stopped,
}

/// How a publication has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    Landed,
    Impossible,
    Later,
    Nothing,
}

pub type Job = Pin<Box<dyn Future<Output = Done> + Send>>;

/// The jobs for which something has happened.
pub type Woken = Arc<Mutex<Vec<u64>>>;

/// Tells that something has happened for a job.
struct Alarm {
    job: u64,
    woken: Woken,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        woken.push(self.job);
    }
}

/// What the landing is told, on its way.
#[derive(Default)]
pub struct Publisher {
    in_hand: std::collections::BTreeSet<ExecutionId>,
    discarding: bool,
}

impl World {
    pub(crate) fn start(&mut self, work: Work) {
        let Some(coordinator) = &self.coordinator else { return };
        let handle = coordinator.shard.handle().clone();
        let landing = coordinator.landing.clone();
        let stamp = self.clock.read(self.now).wall;
        let job: Job = match work {
            Work::LookUpStaged(link, report) => Box::pin(async move {
                let work = (report.execution, report.claim.attempt);
                let staged = landing.staged(work.0, work.1).await;
                Done::Staged(link, work, staged.map_err(|_| ()))
            }),
            Work::LookUpEnded(link, report) => Box::pin(async move {
                let work = (report.execution, report.claim.attempt);
                match handle.find_finished(report.execution).await {
                    Ok(finished) => Done::Ended(link, work, Ended::of(finished.as_deref(), report.claim)),
                    Err(_) => Done::Stopped,
                }
            }),
            Work::Publish(execution) => Box::pin(async move {
                match publish(&handle, &landing, execution).await {
                    Ok(published) => Done::Published(execution, published),
                    Err(_) => Done::Stopped,
                }
            }),
            Work::Discard(execution, attempt) => Box::pin(async move {
                // What could not be removed stays until the next sweep.
                let _ = landing.discard(execution, attempt).await;
                Done::Discarded
            }),
            Work::Sweep => Box::pin(async move {
                let wants = |execution, attempt| {
                    let handle = handle.clone();
                    async move {
                        let asked = handle.turn(move |turn| turn.state().everywhere().wants_staged(execution, attempt));
                        asked.await.unwrap_or(true)
                    }
                };
                let _ = landing.sweep(wants).await;
                Done::Swept
            }),
            Work::Upload {
                runner,
                life,
                task,
                inbox,
            } => Box::pin(async move {
                let taken = crate::upload::take(&handle, &landing, &inbox, stamp).await;
                Done::Uploaded {
                    runner,
                    life,
                    task,
                    taken,
                }
            }),
            Work::Operate(id, said) => Box::pin(async move {
                match crate::operator::ask(&handle, id, said).await {
                    Ok(heard) => Done::Operated(id, Box::new(heard)),
                    Err(_) => Done::Stopped,
                }
            }),
            Work::AwaitCheck(check, ending) => Box::pin(async move {
                match ending.await {
                    Ok(end) => Done::Checked(check, end),
                    Err(_) => Done::Stopped,
                }
            }),
            Work::AwaitOutbox => Box::pin(async move {
                handle.outbox_filled().await;
                Done::OutboxFilled
            }),
            Work::LookThroughOutbox => {
                let in_hand = coordinator.notifier.in_hand.clone();
                Box::pin(async move {
                    let looked = handle.turn(move |turn| crate::mail::look(turn, &in_hand)).await;
                    looked.map_or(Done::Stopped, Done::Outbox)
                })
            }
            Work::Deliver(outgoing, deliver) => Box::pin(async move {
                match handle.ask(Principal::Coordinator, Command::Deliver(deliver)).await {
                    Ok(_) | Err(AskError::Rejected(_)) => Done::Delivered(outgoing),
                    Err(AskError::Shard(_)) => Done::Stopped,
                }
            }),
        };
        let id = self.next_job;
        self.next_job += 1;
        self.jobs.insert(id, job);
        self.poll_job(id);
    }

    /// Lets a job go on as far as it can.
    pub(crate) fn poll_job(&mut self, id: u64) {
        if !self.is_coordinator_awake() {
            return self.wake(Due::Job(id), 500);
        }
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let waker = Waker::from(Arc::new(Alarm {
            job: id,
            woken: Arc::clone(&self.woken),
        }));
        match job.as_mut().poll(&mut Context::from_waker(&waker)) {
            // It may have handed something in.
            Poll::Pending => self.wake_shard(),
            Poll::Ready(done) => {
                self.jobs.remove(&id);
                self.done(done);
            }
        }
    }

    /// Sees to it that the jobs go on for which something has happened.
    pub(crate) fn wake_jobs(&mut self) {
        let woken = std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
        for id in woken {
            if self.jobs.contains_key(&id) {
                let stalls = !self.healed && self.chance.u32(0..250) == 0;
                let delay = if stalls {
                    self.trace.count("something beside the shard stalls");
                    self.chance.u64(5_000..120_000)
                } else if self.landing_slow {
                    self.chance.u64(50..3_000)
                } else {
                    self.chance.u64(0..10)
                };
                self.wake(Due::Job(id), delay);
            }
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Staged(link, work, staged) => self.found_staged(link, work, staged),
            Done::Ended(link, work, ended) => self.found_ended(link, work, ended),
            Done::Published(execution, published) => {
                let name = self.trace.name("e", execution.0);
                say!(self, "landing: {name} {published:?}");
                match published {
                    Published::Landed => self.trace.count("published"),
                    Published::Impossible => {
                        if !self.damaged.contains(&execution) {
                            broken!("{execution} cannot be published, and nothing has damaged what it had staged");
                        }
                        self.trace.count("publishing is impossible");
                    }
                    Published::Later => self.trace.count("publishing fails for now"),
                    Published::Nothing => {}
                }
                if let Some(coordinator) = &mut self.coordinator {
                    coordinator.publisher.in_hand.remove(&execution);
                }
                self.wake(Due::Publisher, 0);
            }
            Done::Discarded => {
                if let Some(coordinator) = &mut self.coordinator {
                    coordinator.publisher.discarding = false;
                }
                self.wake(Due::Publisher, 0);
            }
            Done::Swept => say!(self, "landing: swept"),
            Done::Uploaded {
                runner,
                life,
                task,
                taken,
            } => self.uploaded(runner, life, task, taken),
            Done::Checked(check, end) => self.check_told_end(check, &end),
            Done::Operated(id, heard) => self.operated(id, *heard),
            Done::OutboxFilled => {
                self.wake(Due::Notify, 0);
                self.start(Work::AwaitOutbox);
            }
            Done::Outbox(outbox) => self.send_mails(outbox),
            Done::Delivered(outgoing) => self.delivered(outgoing),
            Done::Stopped => {}
        }
    }

    /// Takes up what the landing is told, as `publisher.rs` does.
    pub(crate) fn serve_publisher(&mut self) {
        if !self.is_coordinator_awake() {
            return self.wake(Due::Publisher, 500);
        }
        loop {
            let Some(coordinator) = &mut self.coordinator else {
                return;
            };
            let publisher = &coordinator.publisher;
            if publisher.in_hand.len() >= PUBLISHING_MAX || publisher.discarding {
                return;
            }
            match coordinator.shard.landing_work() {
                None => return,
                Some(LandingWork::Publish(execution)) => {
                    self.check_publish(execution);
                    self.publish(execution);
                }
                Some(LandingWork::Discard(execution, attempt)) => {
                    self.check_discard(execution, attempt);
                    if let Some(coordinator) = &mut self.coordinator {
                        coordinator.publisher.discarding = true;
                    }
                    self.start(Work::Discard(execution, attempt));
                }
            }
        }
    }

    fn publish(&mut self, execution: ExecutionId) {
        let is_new = self
            .coordinator
            .as_mut()
            .is_some_and(|coordinator| coordinator.publisher.in_hand.insert(execution));
        if is_new {
            self.start(Work::Publish(execution));
        }
    }

    /// Whether an execution's records are being published now.
    pub(crate) fn is_publishing(&self, execution: ExecutionId) -> bool {
        let coordinator = self.coordinator.as_ref();
        coordinator.is_some_and(|coordinator| coordinator.publisher.in_hand.contains(&execution))
    }

    /// Asks for what the queue has lost, and for what failed for now.
    pub(crate) fn publish_again(&mut self) {
        let Some(coordinator) = &self.coordinator else { return };
        let landing: Vec<ExecutionId> = coordinator.shard.state().index().landing().collect();
        for execution in landing {
            let room = self
                .coordinator
                .as_ref()
                .is_some_and(|coordinator| coordinator.publisher.in_hand.len() < PUBLISHING_MAX);
            if room && self.is_durably_committed(execution) {
                self.publish(execution);
            }
        }
        self.wake(Due::Again, AGAIN_AFTER);
    }
}

async fn publish(shard: &ShardHandle, landing: &Landing, execution: ExecutionId) -> Result<Published, ShardError> {
    let committed = shard.turn(move |turn| {
        let found = turn.state().everywhere().execution(execution)?;
        Some((Destination::of(found), found.committed()?.clone()))
    });
    let Some((destination, staged)) = committed.await? else {
        return Ok(Published::Nothing);
    };
    let (command, published) = match landing.publish_once(&destination, &staged).await {
        Ok(_) => (Command::Landed(Landed { execution }), Published::Landed),
        Err(PublishError::Impossible(error)) => {
            let message = error.to_string();
            (
                Command::Unlandable(Unlandable { execution, message }),
                Published::Impossible,
            )
        }
        Err(PublishError::Transient(_)) => return Ok(Published::Later),
    };
    match shard.ask(Principal::Coordinator, command).await {
        Ok(_) | Err(AskError::Rejected(_)) => Ok(published),
        Err(AskError::Shard(error)) => Err(error),
    }
}
