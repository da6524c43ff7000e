//! A connector that behaves as its configuration says: well, or as badly as connectors do.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use muster_connector::{
    BoxFuture, CancellationToken, Category, Collection, Connector, ConnectorName, Cursor, DataType, DataTypeSpec, End,
    Failure, LogLevel, Network, Sink, Spec,
};
use muster_core::time::Interval;
use serde_json::{Value, json};
use tokio::sync::watch;

/// The token that "use the token" needs.
pub const TOKEN: &str = "hunter2";

/// The connector `test`.
pub struct Test {
    spec: Spec,
    controls: Controls,
}

/// What a test sees of its connector, and how it lets it go on.
#[derive(Clone)]
pub struct Controls {
    /// How many collections run.
    pub running: watch::Sender<usize>,
    /// How many checks run.
    pub checking: watch::Sender<usize>,
    /// How many records were given to sinks.
    pub given: watch::Sender<u64>,
    /// Lets those go on that wait.
    pub go_on: CancellationToken,
    /// Lets those go on that block.
    pub unblock: Arc<(Mutex<bool>, Condvar)>,
}

impl Controls {
    pub fn new() -> Self {
        Self {
            running: watch::Sender::new(0),
            checking: watch::Sender::new(0),
            given: watch::Sender::new(0),
            go_on: CancellationToken::new(),
            unblock: Arc::default(),
        }
    }

    pub fn unblock(&self) {
        *self.unblock.0.lock().expect("not poisoned") = true;
        self.unblock.1.notify_all();
    }

    /// Waits until this many collections run.
    pub async fn running(&self, count: usize) {
        Self::reached(&self.running, count).await;
    }

    /// Waits until this many checks run.
    pub async fn checking(&self, count: usize) {
        Self::reached(&self.checking, count).await;
    }

    async fn reached(of: &watch::Sender<usize>, count: usize) {
        let mut running = of.subscribe();
        let reached = tokio::time::timeout(crate::coordinator::LIMIT, running.wait_for(|running| *running == count));
        let reached = reached.await.is_ok();
        assert!(reached, "{} run, and not {count}", *of.borrow());
    }
}

/// Counts a collection for as long as it lives.
struct Running(watch::Sender<usize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

impl Test {
    pub fn new(controls: Controls) -> Self {
        let data_type = DataTypeSpec {
            name: DataType::new("device").expect("a name"),
            title: "Devices".into(),
            default_interval: Interval::HOUR,
            primary_key: vec!["id".into()],
            incremental: true,
        };
        let spec = Spec {
            name: ConnectorName::new("test").expect("a name"),
            version: "1.0.0".into(),
            title: "Test".into(),
            description: "Does what it is told.".into(),
            config_schema: json!({
                "type": "object",
                "required": ["do"],
                "properties": {"token": {"type": "string", "writeOnly": true}},
            }),
            data_types: vec![data_type],
            permissions: Vec::new(),
        };
        Self { spec, controls }
    }

    async fn records(&self, count: u64, sink: &mut Sink) -> Result<End, Failure> {
        sink.log(LogLevel::Info, format!("giving {count} records")).await?;
        for id in 0..count {
            sink.record(&json!({"id": id, "name": "x".repeat(100)})).await?;
            self.controls.given.send_modify(|given| *given += 1);
        }
        Ok(End {
            cursor: Cursor::new(format!("after {count}")).ok(),
        })
    }
}

impl Connector for Test {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn check<'a>(&'a self, config: &'a Value, _: &'a Network) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.controls.checking.send_modify(|checking| *checking += 1);
            let _checking = Running(self.controls.checking.clone());
            match config["do"].as_str().unwrap_or_default() {
                "panic" => panic!("no such column: {}", "serial"),
                "hang" => std::future::pending().await,
                "wait" => {
                    self.controls.go_on.cancelled().await;
                    Ok(())
                }
                "use the token" if config["token"] == TOKEN => Ok(()),
                "tell the token" => Err(Failure::new(
                    Category::Permission,
                    format!("401 for {}", config["token"]),
                )),
                "records" => Ok(()),
                other => Err(Failure::new(Category::Configuration, format!("cannot `{other}`"))),
            }
        })
    }

    fn collect<'a>(&'a self, collection: &'a Collection, sink: &'a mut Sink) -> BoxFuture<'a, Result<End, Failure>> {
        let count = collection.config["records"].as_u64().unwrap_or(0);
        let what = collection.config["do"].as_str().unwrap_or_default();
        Box::pin(async move {
            self.controls.running.send_modify(|running| *running += 1);
            let _running = Running(self.controls.running.clone());
            match what {
                "records" => self.records(count, sink).await,
                "wait" => {
                    self.controls.go_on.cancelled().await;
                    self.records(count, sink).await
                }
                "records, then wait" => {
                    let end = self.records(count, sink).await?;
                    self.controls.go_on.cancelled().await;
                    Ok(end)
                }
                "panic" => panic!("no such column: {}", "serial"),
                "hang" => std::future::pending().await,
                "ignore cancel" => loop {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                },
                "block" => {
                    let (open, opened) = &*self.controls.unblock;
                    drop(opened.wait_while(open.lock().expect("not poisoned"), |open| !*open));
                    Ok(End::default())
                }
                "garbage" => {
                    let _ = sink.record(&42).await;
                    Ok(End::default())
                }
                "use the token" if collection.config["token"] == TOKEN => Ok(End::default()),
                "use the token" => Err(Failure::new(Category::Permission, "it is not the token")),
                "fail as canceled" => Err(Failure::new(Category::Canceled, "")),
                other => Err(Failure::new(Category::Configuration, format!("cannot `{other}`"))),
            }
        })
    }
}
