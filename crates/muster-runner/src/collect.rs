//! Runs a connector on a thread of its own, so that one that panics, hangs or blocks hurts nothing but its own
//! execution or check.
//!
//! A task of the runtime would not do: a connector that blocks in it takes one of a few worker threads, and a few such
//! connectors take the heartbeats with them.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use muster_connector::secret::{Places, resolve};
use muster_connector::{Collection, Connector, Done, Network, Redactor, Sink, run};
use muster_core::words::{Category, ConnectorName, Failure, Reason, ReasonKind};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::config::{Guard, Guards};

/// How long a collection that is told to stop has to do so by itself before it is dropped where it waits.
const STOPS_WITHIN: Duration = Duration::from_secs(1);

/// How long a collection that was dropped has until it counts as blocked: dropping is quick.
const DROPS_WITHIN: Duration = Duration::from_millis(250);

/// The most threads of one connector beside those of the runner's slots: collections that were given up and still
/// block. With more of them the connector is not run any more, since nobody can end a thread.
const BLOCKED_MAX: usize = 16;

/// The threads on which connectors run. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Threads {
    alive: Arc<Mutex<BTreeMap<ConnectorName, usize>>>,
    each_max: usize,
    /// Where references to secrets may lead.
    secrets: Arc<Places>,
    /// What connectors may do.
    guards: Arc<Guards>,
}

/// A thread's place among those that are alive.
#[derive(Debug)]
struct Place {
    connector: ConnectorName,
    alive: Arc<Mutex<BTreeMap<ConnectorName, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = alive.get_mut(&self.connector) {
            *count -= 1;
            if *count == 0 {
                alive.remove(&self.connector);
            }
        }
    }
}

/// A collection that runs.
pub(crate) type Collecting = Running<Done>;

/// What a connector does on a thread: a collection, or a check. Dropping it gives it up: it ends as soon as it waits for something.
#[derive(Debug)]
pub(crate) struct Running<T> {
    stop: CancellationToken,
    give_up: CancellationToken,
    /// `None` once it has said something.
    ended: Option<oneshot::Receiver<Result<T, Failure>>>,
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.stop.cancel();
        self.give_up.cancel();
    }
}

impl Threads {
    /// Threads for a runner with this many slots, whose secrets lie in these places, and whose connectors may do this.
    pub(crate) fn new(slots: usize, secrets: Places, guards: Guards) -> Self {
        Self {
            alive: Arc::default(),
            each_max: slots + BLOCKED_MAX,
            secrets: Arc::new(secrets),
            guards: Arc::new(guards),
        }
    }

    /// What a connector may do here.
    pub(crate) fn guard(&self, connector: &ConnectorName) -> Guard {
        self.guards.of(connector)
    }

    /// Begins a collection.
    ///
    /// # Errors
    /// A `connector` failure when too many collections of this connector were given up and still block;
    /// `communication`, which is tried again, when the operating system has no thread left.
    pub(crate) fn start(
        &self,
        connector: Arc<dyn Connector>,
        collection: Collection,
        sink: Sink,
    ) -> Result<Collecting, Failure> {
        let Collection {
            config,
            data_type,
            cursor,
            network,
        } = collection;
        let stop = sink.cancellation();
        let limits = self.guard(&connector.spec().name).limits;
        let within = network.clone();
        self.run(
            connector,
            config,
            within,
            stop,
            move |connector, config, redactor| async move {
                let collection = Collection {
                    config,
                    data_type,
                    cursor,
                    network,
                };
                let sink = sink.with_redactor(redactor).with_limits(limits);
                run(connector.as_ref(), &collection, sink).await
            },
        )
    }

    /// Begins a check: whether the source can be read with this configuration.
    ///
    /// # Errors
    /// As of [`start`](Self::start).
    pub(crate) fn check(&self, connector: Arc<dyn Connector>, config: Value) -> Result<Running<()>, Failure> {
        let stop = CancellationToken::new();
        let network = self.guard(&connector.spec().name).network;
        let within = network.clone();
        self.run(
            connector,
            config,
            within,
            stop,
            move |connector, config, redactor| async move {
                let checked = match connector.spec().validate(&config) {
                    Ok(()) => connector.check(&config, &network).await,
                    Err(unfit) => Err(unfit.into()),
                };
                checked.map_err(|failure| redactor.failure(failure))
            },
        )
    }

    /// Runs some work of a connector on a thread, with the secrets in the place of the references to them, if its configuration leads it nowhere but
    /// `within`.
    fn run<T: Send + 'static, W: Future<Output = Result<T, Failure>>>(
        &self,
        connector: Arc<dyn Connector>,
        config: Value,
        within: Network,
        stop: CancellationToken,
        work: impl FnOnce(Arc<dyn Connector>, Value, Redactor) -> W + Send + 'static,
    ) -> Result<Running<T>, Failure> {
        let name = connector.spec().name.clone();
        let place = self.place(&name)?;
        let give_up = CancellationToken::new();
        let given_up = give_up.clone();
        let (sender, ended) = oneshot::channel();
        let runtime = Handle::current();
        let span = Span::current();
        let secrets = Arc::clone(&self.secrets);
        let body = move || {
            let _place = place;
            // Out here, since a panic may tell a secret, too.
            let redactor = OnceLock::new();
            let working = async {
                let all = async {
                    // Here, since a secret's file may lie on a disk that blocks.
                    let resolved = resolve(&connector.spec().config_schema, &config, &secrets).await?;
                    let redactor = redactor.get_or_init(|| resolved.redactor).clone();
                    let judged = within
                        .judge_config(&connector.spec().config_schema, &resolved.config)
                        .await;
                    judged.map_err(|failure| redactor.failure(failure))?;
                    work(connector, resolved.config, redactor).await
                };
                tokio::select! {
                    biased;
                    () = given_up.cancelled() => None,
                    result = all => Some(result),
                }
            };
            let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(working.instrument(span))));
            let result = result.unwrap_or_else(|payload| {
                let failure = panicked(payload.as_ref());
                Some(Err(redactor.get().map_or(failure.clone(), |it| it.failure(failure))))
            });
            if let Some(result) = result {
                // Nobody waits for a result that comes after the work was given up.
                let _ = sender.send(result);
            }
        };
        // The operating system cuts a longer name.
        let thread = thread::Builder::new().name(format!("c-{name}")).spawn(body);
        thread.map_err(|error| {
            Failure::new(
                Category::Communication,
                format!("the runner cannot start a thread for the connector: {error}"),
            )
            .with_remedy("raise the limit of threads on the runner's host, or give the runner fewer slots")
        })?;
        Ok(Running {
            stop,
            give_up,
            ended: Some(ended),
        })
    }

    fn place(&self, connector: &ConnectorName) -> Result<Place, Failure> {
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        let count = alive.entry(connector.clone()).or_default();
        if *count >= self.each_max {
            return Err(Failure::new(
                Category::Connector,
                format!("{count} collections of the connector `{connector}` run on this runner and do not end"),
            )
            .with_remedy("restart the runner, and report the fault to the connector's author"));
        }
        *count += 1;
        Ok(Place {
            connector: connector.clone(),
            alive: Arc::clone(&self.alive),
        })
    }

    #[cfg(test)]
    pub(crate) fn alive(&self) -> usize {
        self.alive.lock().expect("not poisoned").values().sum()
    }
}

impl<T> Running<T> {
    /// Its own end. Safe to cancel; to be called once.
    pub(crate) async fn ended(&mut self) -> Result<T, Failure> {
        let silent = || Failure::new(Category::Connector, "the connector has ended without a word");
        let Some(ended) = &mut self.ended else {
            return Err(silent());
        };
        let result = ended.await;
        self.ended = None;
        // The thread does not end without a word unless it was given up, and then nobody asks.
        result.unwrap_or_else(|_| Err(silent()))
    }

    /// Ends it: tells it to stop, and drops it where it waits when it does not within a second. One that
    /// blocks its thread is left behind, and its result is lost.
    pub(crate) async fn halt(mut self) {
        self.stop.cancel();
        let Some(mut ended) = self.ended.take() else { return };
        if timeout(STOPS_WITHIN, &mut ended).await.is_ok() {
            return;
        }
        self.give_up.cancel();
        if timeout(DROPS_WITHIN, &mut ended).await.is_err() {
            tracing::warn!("the connector blocks its thread and cannot be ended: it is left behind");
        }
    }
}

fn panicked(payload: &(dyn Any + Send)) -> Failure {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("it gave no message");
    Failure::because(
        Reason::new(ReasonKind::Panicked, ""),
        format!("the connector has panicked: {message}"),
    )
}

#[cfg(test)]
mod tests {
    use muster_connector::{BoxFuture, DataType, DataTypeSpec, End, Spec, sink};
    use muster_core::time::Interval;
    use serde_json::json;
    use std::sync::Condvar;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    /// Blocks its thread until somebody opens the gate.
    struct Blocking {
        spec: Spec,
        gate: Arc<(Mutex<bool>, Condvar)>,
    }

    impl Connector for Blocking {
        fn spec(&self) -> &Spec {
            &self.spec
        }

        fn check<'a>(&'a self, _: &'a Value, _: &'a Network) -> BoxFuture<'a, Result<(), Failure>> {
            Box::pin(async { Ok(()) })
        }

        fn collect<'a>(&'a self, _: &'a Collection, _: &'a mut Sink) -> BoxFuture<'a, Result<End, Failure>> {
            Box::pin(async {
                let (open, opened) = &*self.gate;
                drop(opened.wait_while(open.lock().expect("not poisoned"), |open| !*open));
                Ok(End::default())
            })
        }
    }

    fn blocking() -> Blocking {
        let data_type = DataTypeSpec {
            name: DataType::new("device").expect("a name"),
            title: "Devices".into(),
            default_interval: Interval::HOUR,
            primary_key: vec!["id".into()],
            incremental: false,
        };
        Blocking {
            spec: Spec {
                name: ConnectorName::new("blocking").expect("a name"),
                version: "1".into(),
                title: "Blocking".into(),
                description: "Blocks.".into(),
                config_schema: json!({}),
                data_types: vec![data_type],
                permissions: Vec::new(),
            },
            gate: Arc::default(),
        }
    }

    fn collection() -> Collection {
        Collection {
            config: json!({}),
            data_type: DataType::new("device").expect("a name"),
            cursor: None,
            network: Network::by_hand(),
        }
    }

    /// Panics with its configuration.
    struct Panicking(Spec);

    impl Connector for Panicking {
        fn spec(&self) -> &Spec {
            &self.0
        }

        fn check<'a>(&'a self, _: &'a Value, _: &'a Network) -> BoxFuture<'a, Result<(), Failure>> {
            Box::pin(async { Ok(()) })
        }

        fn collect<'a>(&'a self, it: &'a Collection, _: &'a mut Sink) -> BoxFuture<'a, Result<End, Failure>> {
            Box::pin(async { panic!("cannot log in with {}", it.config) })
        }
    }

    #[tokio::test]
    async fn a_panic_tells_no_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("token"), "hunter\"22").expect("written");
        let secrets = Places {
            folders: vec![folder.path().to_owned()],
            ..Places::default()
        };
        let spec = Spec {
            config_schema: json!({"properties": {"token": {"writeOnly": true}}}),
            ..blocking().spec
        };
        let collection = Collection {
            config: json!({"token": "file:token"}),
            ..collection()
        };
        let (sink, _items) = sink(CancellationToken::new());
        let collecting = Threads::new(1, secrets, Guards::default()).start(Arc::new(Panicking(spec)), collection, sink);
        let ended = timeout(LIMIT, collecting.expect("there is room").ended()).await;
        let failure = ended.expect("in time").expect_err("a panic");
        assert_eq!(
            failure.message,
            r#"the connector has panicked: cannot log in with {"token":"[redacted]"}"#
        );
    }

    #[tokio::test]
    async fn threads_that_never_end_are_bounded_and_their_places_come_back() {
        let blocking = Arc::new(blocking());
        let threads = Threads::new(1, Places::default(), Guards::default());
        let start = || threads.start(blocking.clone(), collection(), sink(CancellationToken::new()).0);
        let held: Result<Vec<Collecting>, Failure> = (0..=BLOCKED_MAX).map(|_| start()).collect();
        let held = held.expect("there is room for these");
        let refused = start().expect_err("too many");
        assert_eq!(refused.category, Category::Connector);
        assert!(
            refused.message.contains("17 collections of the connector `blocking`"),
            "{}",
            refused.message
        );

        *blocking.gate.0.lock().expect("not poisoned") = true;
        blocking.gate.1.notify_all();
        let ended = timeout(LIMIT, async {
            while threads.alive() > 0 {
                tokio::task::yield_now().await;
            }
        });
        ended
            .await
            .unwrap_or_else(|_| panic!("{} threads are left", threads.alive()));
        drop(held);
        assert!(start().is_ok());
    }
}
