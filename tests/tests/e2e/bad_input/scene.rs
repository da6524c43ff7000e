//! A coordinator that has something to lose, and what it shows of it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use muster_proto::v1;
use muster_proto::v1::ExecutionStatus;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_tests::{Binary, LIMIT, ORGANIZATION, Runner, Wanted, World, eventually, is_final, passwd_of};

use super::told::Told;

/// A coordinator with a runner, an integration that has collected, and another one.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) runner: Runner,
    /// The integration `laptops` of the connector `host`, which has collected once.
    pub(super) laptops: v1::Integration,
    /// That collection.
    pub(super) execution: v1::Execution,
}

/// All that anybody can change. Bad input leaves it as it is.
#[derive(Debug, PartialEq)]
pub(super) struct Standing {
    integrations: Vec<v1::Integration>,
    executions: Vec<v1::Execution>,
}

impl Scene {
    /// Sets it up, with programs as connectors of the runner: each a name and what follows its `[exec.NAME]`.
    pub(super) async fn with_programs(programs: &[(&str, String)]) -> Self {
        Self::with_runner("", programs).await
    }

    /// The same, with these settings of the runner.
    pub(super) async fn with_runner(settings: &str, programs: &[(&str, String)]) -> Self {
        let world = World::start_with(&[]).await;
        let source = world.folder().join("laptops");
        passwd_of(&source, 3);
        let file = world.folder().join("runner.toml");
        let programs = programs.iter().map(|(name, text)| format!("[exec.{name}]\n{text}\n"));
        fs::write(&file, settings.to_owned() + &programs.collect::<String>()).expect("written");
        let runner = world.runner("my-runner", &["--config", file.to_str().expect("a path is text")]);
        let client = world.client();
        client.until_online("my-runner").await;
        let wanted = Wanted::new("laptops", "host").data_type("user");
        let wanted = wanted.with("root", source.to_str().expect("a path is text"));
        let laptops = client.create_soon(&wanted).await;
        let execution = eventually("the first collection", LIMIT, async || {
            let executions = client.all_executions().await.map_err(|status| status.to_string())?;
            let ended = executions.iter().find(|one| is_final(one)).cloned();
            ended.ok_or_else(|| format!("{executions:?}"))
        })
        .await;
        assert_eq!(execution.status(), ExecutionStatus::Completed, "{execution:?}");
        let laptops = client.integration(&laptops.name).await.expect("it is there");
        Self {
            world,
            runner,
            laptops,
            execution,
        }
    }

    /// What `muster` prints on standard output, then on standard error, and its exit code.
    pub(super) fn muster(&self, arguments: &[impl AsRef<OsStr>], input: &str) -> (String, String, Option<i32>) {
        let mut command = Binary::Cli.command();
        command
            .env("MUSTER_SERVER", self.world.coordinator.url())
            .env("HOME", self.world.folder());
        command
            .current_dir(self.world.folder())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("it can be started");
        // One that refuses its arguments reads nothing.
        let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("it prints text");
        (text(output.stdout), text(output.stderr), output.status.code())
    }

    /// An empty table of what people are told, that knows what is this scene's own.
    pub(super) fn told(&self) -> Told {
        let mut told = Told::default();
        told.replace(self.world.folder().to_str().expect("a path is text"), "/somewhere");
        told.replace(self.world.coordinator.address().to_string(), "127.0.0.1:7443");
        told
    }

    /// What there is. That it comes at all says that the next caller is served.
    pub(super) async fn standing(&self) -> Standing {
        let request = v1::ListIntegrationsRequest {
            parent: ORGANIZATION.to_owned(),
            page_size: 1_000,
            ..Default::default()
        };
        let client = self.world.client();
        let mut integrations = IntegrationServiceClient::new(client.channel());
        let listed = integrations.list_integrations(request).await;
        Standing {
            integrations: listed.expect("the next caller is served").into_inner().integrations,
            executions: client.all_executions().await.expect("the next caller is served"),
        }
    }

    /// No process of it has panicked, and both go on.
    pub(super) fn nobody_has_panicked(&mut self) {
        for process in [self.world.coordinator.process(), self.runner.process()] {
            let log = process.log();
            assert!(!log.contains("panicked"), "{log}");
            assert!(process.try_wait().is_none(), "it has ended:\n{log}");
        }
    }
}
