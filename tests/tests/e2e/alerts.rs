//! Incidents that are told by mail, to a mail server of somebody else's.

mod exim;
mod faults;
mod kills;
mod rate;
mod staff;
mod trial;

use std::path::Path;
use std::time::Duration;

use muster_proto::v1;
use muster_proto::v1::NoticeDeliveryState as State;
use muster_tests::{
    CONNECTOR, Client, Coordinator, LIMIT, Mail, MailServer, ScriptedRunner, Wanted, Way, World, eventually,
};
use tempfile::TempDir;

const ONCALL: &str = "oncall@example.com";

/// A mail server, with a folder that goes with it.
struct Post {
    server: MailServer,
    folder: TempDir,
}

impl Post {
    /// One that wants TLS and a log-in; `None` where there is no Python.
    async fn start() -> Option<Self> {
        Self::start_as(Way::StartTls, &["--login", "muster:correct horse"]).await
    }

    async fn start_as(way: Way, arguments: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let server = MailServer::start(folder.path(), way, arguments).await?;
        std::fs::write(folder.path().join("password"), "correct horse\n").expect("a file");
        Some(Self { server, folder })
    }

    /// What a coordinator is told of it.
    fn settings(&self, way: Way) -> Vec<String> {
        let password = self.folder.path().join("password");
        let mut settings = vec![
            ("--smtp", self.server.place()),
            ("--smtp-tls", way.word().to_owned()),
            ("--mail-from", "Muster <muster@example.com>".to_owned()),
            ("--public-url", "https://muster.example.com".to_owned()),
        ];
        if way != Way::Open {
            settings.push(("--smtp-ca", self.server.authority()));
            settings.push(("--smtp-user", "muster".to_owned()));
            settings.push(("--smtp-password-file", password.to_string_lossy().into_owned()));
        }
        let flags = settings.into_iter();
        flags.flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }

    async fn world(&self, way: Way) -> World {
        let settings = self.settings(way);
        let arguments: Vec<&str> = settings.iter().map(String::as_str).collect();
        World::start_with(&arguments).await
    }

    /// Waits until it has got so many mails.
    async fn mails(&self, count: usize) -> Vec<Mail> {
        eventually(&format!("{count} mails"), LIMIT, async || {
            let mails = self.server.mails();
            if mails.len() >= count {
                Ok(mails)
            } else {
                Err(format!("{mails:?}"))
            }
        })
        .await
    }
}

/// An integration, and the runner that has its executions end as a test wants.
struct Source {
    client: Client,
    runner: ScriptedRunner,
    name: String,
}

impl Source {
    /// One of a coordinator at `url`, told to these recipients, with other settings as `change` has them.
    async fn at(
        coordinator: &Coordinator,
        name: &str,
        recipients: &[&str],
        change: impl FnOnce(&mut v1::ErrorNotifications),
    ) -> Self {
        let client = coordinator.client();
        let runner = ScriptedRunner::named(name, name, 1).check_in(&coordinator.url()).await;
        let mut notifications = v1::ErrorNotifications {
            enabled: true,
            recipients: recipients.iter().map(ToString::to_string).collect(),
            ..v1::ErrorNotifications::default()
        };
        change(&mut notifications);
        let wanted = Wanted::new(name, CONNECTOR).pool(name).notifying(notifications);
        let created = client.create_soon(&wanted).await;
        Self {
            client,
            runner,
            name: created.name,
        }
    }

    /// The same integration again, with another runner: once the coordinator at `url` serves. What is open is canceled, which counts nowhere: its runner
    /// has gone, and it would wait for a lease and a back-off.
    async fn again(client: Client, url: &str, pool: &str, name: String) -> Self {
        eventually("the coordinator to serve", LIMIT, async || {
            client.runners().await.map_err(|status| status.to_string())
        })
        .await;
        let found = client.integration(&name).await.expect("it is there");
        for open in found.data_types.iter().map(|one| &one.open_execution) {
            if !open.is_empty() {
                client.cancel(open).await.expect("nobody can end it");
            }
        }
        let runner = ScriptedRunner::named(pool, pool, 1).check_in(url).await;
        Self { client, runner, name }
    }

    /// An execution that ends badly, or well.
    async fn run(&mut self, fails: bool) {
        self.client.run(&self.name, &[]).await.expect("it is run");
        let work = self.runner.assignment().await;
        let end = if fails {
            work.failed(v1::Failure {
                category: v1::ErrorCategory::Permission.into(),
                message: "the API answered 403 to GET /v1/devices".to_owned(),
                remedy: "give the token the scope `devices.read`".to_owned(),
                reason: None,
            })
        } else {
            work.completed(None)
        };
        self.runner.report(vec![work.accepted(), work.started(), end]).await;
        self.runner.ack(&work, v1::ReportKind::Finished).await;
    }

    async fn run_many(&mut self, failing: u32, completing: u32) {
        for number in 0..failing + completing {
            self.run(number < failing).await;
        }
    }

    /// How its last execution has changed the error rate.
    async fn arithmetic(&self) -> String {
        let found = self.client.integration(&self.name).await.expect("it is there");
        found.error_rate.expect("it is told").arithmetic
    }

    async fn incidents(&self) -> Vec<v1::Incident> {
        let all = self.client.incidents().await.expect("they are listed");
        all.into_iter().filter(|one| one.integration == self.name).collect()
    }

    /// Waits until the delivery to a recipient, of the newest notice of its one incident, is as wanted.
    async fn until_delivery(
        &self,
        recipient: &str,
        limit: Duration,
        is_so: impl Fn(&v1::NoticeDelivery) -> bool,
    ) -> v1::NoticeDelivery {
        eventually(&format!("the delivery to {recipient}"), limit, async || {
            let incidents = self.client.incidents().await.map_err(|status| status.to_string())?;
            let own = incidents.into_iter().find(|one| one.integration == self.name);
            let newest = own.and_then(|incident| incident.notices.last().cloned());
            let deliveries = newest.map(|notice| notice.deliveries).unwrap_or_default();
            let found = deliveries.iter().find(|one| address(one) == recipient);
            found
                .filter(|one| is_so(one))
                .cloned()
                .ok_or_else(|| format!("{deliveries:?}"))
        })
        .await
    }

    async fn until_sent(&self, recipient: &str) -> v1::NoticeDelivery {
        self.until_delivery(recipient, LIMIT, |one| one.state() == State::Sent)
            .await
    }

    /// Waits until a try has failed, and it waits for the next.
    async fn until_deferred(&self, recipient: &str) -> v1::NoticeDelivery {
        self.until_delivery(recipient, LIMIT, |one| one.state() == State::Waiting && one.tries > 0)
            .await
    }
}

fn address(delivery: &v1::NoticeDelivery) -> &str {
    match &delivery.channel {
        Some(v1::notice_delivery::Channel::Email(address)) => address,
        None => "",
    }
}

/// The longest back-off after the first failure, and what sending takes.
const FIRST_BACKOFF: Duration = Duration::from_secs(75);

fn log_of(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).expect("a folder can be read").flatten();
    let logs = files.filter(|file| file.file_name().to_string_lossy().starts_with("coordinator-"));
    logs.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default())
        .collect()
}
