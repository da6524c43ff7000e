//! Operators that ask without a pause, and keep what they are answered. An answer that does not come was none.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_proto::v1;
use muster_tests::{Client, History, Wanted, is_final, published};
use tonic::{Code, Status};

/// The records of each collection.
pub(super) const RECORDS: u64 = 20;

/// How many integrations an operator has at a time.
const INTEGRATIONS_MAX: usize = 30;

/// As long as can be: of hundreds of integrations, one would else fall due while all are compared.
const INTERVAL: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The pace of the load; nothing waits for it.
const PAUSE: Duration = Duration::from_millis(15);

/// What an operator was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    integrations: BTreeMap<String, Known>,
    executions: History,
    answers: usize,
    unanswered: usize,
}

/// What is known of an integration.
#[derive(Debug)]
struct Known {
    /// What it may be called: what was answered last, and what was asked for since then without an answer.
    names: Vec<String>,
    deletion: Deletion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deletion {
    None,
    Asked,
    Told,
}

impl Told {
    pub(super) fn add(&mut self, other: Self) {
        self.integrations.extend(other.integrations);
        self.executions.add(other.executions);
        self.answers += other.answers;
        self.unanswered += other.unanswered;
    }

    /// How many executions have completed.
    pub(super) fn completed(&self) -> usize {
        let ended = self.executions.ended().values();
        ended
            .filter(|execution| execution.counts.is_some() && execution.failure.is_none())
            .count()
    }

    /// Compares all that was told with all that there is, once nothing is open any more; what is seen then was told, too.
    pub(super) async fn judge(&mut self, client: &Client, landing: &Path) {
        let listed = client.all_executions_soon().await;
        self.executions.judge(&listed, published(landing), &[RECORDS]);
        self.executions.note_ends(listed);
        for (name, known) in &self.integrations {
            match (client.integration(name).await, known.deletion) {
                (Ok(found), Deletion::None | Deletion::Asked) => {
                    assert!(
                        known.names.contains(&found.display_name),
                        "{known:?}, and it is {found:?}"
                    );
                }
                (Err(status), Deletion::Asked | Deletion::Told) if status.code() == Code::NotFound => {}
                (found, _) => panic!("{name}: {known:?}, and {found:?}"),
            }
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            integrations,
            executions,
            answers,
            unanswered,
        } = self;
        let deleted = integrations
            .values()
            .filter(|known| known.deletion == Deletion::Told)
            .count();
        write!(
            f,
            "{answers} answers ({unanswered} calls had none): {} integrations, of which {deleted} deleted, {} executions, {} ends ({} completed)",
            integrations.len(),
            executions.told().len(),
            executions.ended().len(),
            self.completed(),
        )
    }
}

/// Asks without a pause.
pub(super) struct Operator {
    name: String,
    client: Client,
    source: PathBuf,
    chance: fastrand::Rng,
    /// Those that it has not tried to delete.
    mine: Vec<String>,
    /// Executions that it has not seen to have ended.
    open: Vec<String>,
    asked: usize,
    told: Told,
}

impl Operator {
    pub(super) fn new(name: String, client: Client, source: &Path, chance: fastrand::Rng) -> Self {
        Self {
            name,
            client,
            source: source.to_owned(),
            chance,
            mine: Vec::new(),
            open: Vec::new(),
            asked: 0,
            told: Told::default(),
        }
    }

    pub(super) async fn ask_until(mut self, over: &AtomicBool) -> Told {
        while !over.load(Ordering::Relaxed) {
            self.asked += 1;
            match self.ask().await {
                Ok(()) => self.told.answers += 1,
                Err(status) if is_no_answer(&status) => self.told.unanswered += 1,
                Err(status) => panic!("{}: {status}", self.name),
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.told
    }

    async fn ask(&mut self) -> Result<(), Status> {
        if self.mine.len() < INTEGRATIONS_MAX / 3 {
            return self.create().await;
        }
        match self.chance.u32(0..100) {
            0..5 if self.mine.len() < INTEGRATIONS_MAX => self.create().await,
            0..60 => self.run().await,
            60..80 => self.look().await,
            80..85 => self.look_at_integration().await,
            85..93 => self.cancel().await,
            93..98 => self.rename().await,
            _ => self.delete().await,
        }
    }

    async fn create(&mut self) -> Result<(), Status> {
        let name = self.new_name();
        let wanted = Wanted::new(&name, "host").data_type("user").every(INTERVAL);
        let wanted = wanted.with("root", self.source.to_str().expect("text"));
        let created = match self.client.create(&wanted).await {
            // No runner has lived for long enough to say what it offers.
            Err(status) if status.message().contains("connector") => return Ok(()),
            created => created?,
        };
        let known = Known {
            names: vec![name],
            deletion: Deletion::None,
        };
        self.told.integrations.insert(created.name.clone(), known);
        self.mine.push(created.name);
        Ok(())
    }

    async fn run(&mut self) -> Result<(), Status> {
        let Some(integration) = self.chance.choice(&self.mine).cloned() else {
            return Ok(());
        };
        for execution in self.client.run(&integration, &[]).await? {
            self.note(execution);
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Status> {
        // Now and then one that has ended long ago.
        let ended = self.told.executions.ended();
        let name = match self.chance.choice(&self.open) {
            Some(open) if self.chance.u32(0..4) > 0 || ended.is_empty() => open.clone(),
            _ if ended.is_empty() => return Ok(()),
            _ => ended
                .keys()
                .nth(self.chance.usize(0..ended.len()))
                .expect("there are more")
                .clone(),
        };
        let found = self.client.execution(&name).await?;
        self.note(found);
        Ok(())
    }

    async fn look_at_integration(&mut self) -> Result<(), Status> {
        let Some(name) = self.chance.choice(&self.mine) else {
            return Ok(());
        };
        let found = self.client.integration(name).await?;
        let known = &self.told.integrations[name];
        assert!(
            known.names.contains(&found.display_name),
            "{known:?}, and it is {found:?}"
        );
        Ok(())
    }

    async fn cancel(&mut self) -> Result<(), Status> {
        let Some(name) = self.chance.choice(&self.open).cloned() else {
            return Ok(());
        };
        match self.client.cancel(&name).await {
            // It has ended, or is past its commit point.
            Err(status) if status.code() == Code::FailedPrecondition => Ok(()),
            Err(status) => Err(status),
            Ok(canceled) => {
                self.note(canceled);
                Ok(())
            }
        }
    }

    async fn rename(&mut self) -> Result<(), Status> {
        let Some(integration) = self.chance.choice(&self.mine).cloned() else {
            return Ok(());
        };
        let name = self.new_name();
        let known = self.told.integrations.get_mut(&integration).expect("it was told");
        known.names.push(name.clone());
        self.client.rename(&integration, &name).await?;
        known.names = vec![name];
        Ok(())
    }

    async fn delete(&mut self) -> Result<(), Status> {
        let integration = self.mine.swap_remove(self.chance.usize(0..self.mine.len()));
        let known = self.told.integrations.get_mut(&integration).expect("it was told");
        known.deletion = Deletion::Asked;
        self.client.delete(&integration).await?;
        known.deletion = Deletion::Told;
        Ok(())
    }

    fn note(&mut self, execution: v1::Execution) {
        if is_final(&execution) {
            self.open.retain(|open| *open != execution.name);
        } else if !self.open.contains(&execution.name) {
            self.open.push(execution.name.clone());
        }
        self.told.executions.note(execution);
    }

    fn new_name(&self) -> String {
        format!("{}, {}", self.name, self.asked)
    }
}

/// Whether the coordinator has not said anything, or that it is about to stop.
fn is_no_answer(status: &Status) -> bool {
    let is_cut = matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown
    );
    is_cut || status.message().starts_with("h2 protocol error")
}
