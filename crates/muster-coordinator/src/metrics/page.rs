//! All metrics: their names, their labels, what each is. Base units, and names by the conventions of Prometheus. One that is added stands in
//! `docs/metrics.md`, too: a test prints the row.

use std::fmt;
use std::sync::Arc;

use muster_core::words::Category;
use muster_shard::figures::Histogram;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use super::Metrics;
use super::ledger::{PoolSample, Sample};
use super::process::{ProcessSample, Started};
use crate::access::Stranger;
use crate::service::Services;
use crate::tls::Shaken;

/// The page of this moment.
pub(super) fn of(metrics: &Metrics, sample: &Arc<Sample>, services: &Services) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Moment {
        metrics: metrics.clone(),
        sample: Arc::clone(sample),
        services: services.clone(),
    }));
    let mut page = String::with_capacity(64 * 1024);
    encode(&mut page, &registry).expect("a string takes everything");
    page
}

/// What is told, from one sample.
struct Moment {
    metrics: Metrics,
    sample: Arc<Sample>,
    services: Services,
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moment")
            .field("sample", &self.sample)
            .finish_non_exhaustive()
    }
}

impl Collector for Moment {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let page = &mut page;
        self.coordinator(page)?;
        self.executions(page)?;
        self.pools(page)?;
        self.runners(page)?;
        self.landing(page)?;
        self.incidents(page)?;
        self.shard(page)?;
        self.audit(page)?;
        self.calls(page)?;
        process(page, self.metrics.started)
    }
}

impl Moment {
    fn coordinator(&self, page: &mut Page<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        page.gauge(
            "muster_build_info",
            "Always 1; the label says which version runs.",
            [(version, 1_u64)],
        )?;
        let ready = u64::from(self.services.judge_ready().is_ok());
        page.gauge(
            "muster_ready",
            "1 while new work is taken, else 0; /readyz says why.",
            [(NONE, ready)],
        )?;
        let shard = &self.services.shard;
        let (clock, disk) = (shard.clock_fault().is_some(), shard.held().is_some());
        let history = !self.sample.dispatches && !disk;
        let reasons = [("clock", clock), ("disk", disk), ("history", history)];
        page.gauge(
            "muster_work_held",
            "1 while work is held back for this reason, else 0: a clock that cannot be right, a disk with too little room, a history that is far behind.",
            reasons.map(|(reason, held)| ([("reason", reason)], u64::from(held))),
        )?;
        let disks = self.services.disks();
        let rooms = ["data", "landing"].into_iter().zip(disks.rooms());
        page.gauge(
            "muster_disk_free_bytes",
            "The room of the disk of this folder.",
            rooms.filter_map(|(folder, room)| Some(([("folder", folder)], room?))),
        )?;
        page.gauge(
            "muster_disk_low_water_bytes",
            "The least room that each disk must have for new work to be taken.",
            [(NONE, disks.low_water())],
        )
    }

    fn executions(&self, page: &mut Page<'_>) -> fmt::Result {
        let figures = &self.sample.figures;
        let open = self.sample.open;
        let open = [
            ("created", open.created),
            ("pending", open.pending),
            ("executing", open.executing),
        ];
        page.gauge(
            "muster_executions_open",
            "The executions that have not ended, by status.",
            open.map(|(status, count)| ([("status", status)], count)),
        )?;
        page.gauge(
            "muster_executions_backing_off",
            "Those in Created that wait for the end of a back-off, and so are in no queue.",
            [(NONE, self.sample.backing_off)],
        )?;
        page.counter(
            "muster_executions_created",
            "The executions that were created.",
            [(NONE, figures.created.get())],
        )?;
        let completed = [([("status", "completed"), ("category", "none")], figures.completed.get())];
        let failed = figures.failed.get();
        let failed = failed.map(|(category, count)| ([("status", "error"), ("category", category.as_str())], count));
        page.counter(
            "muster_executions_finished",
            "The executions that have ended, by their end and, for an Error, its category.",
            completed.into_iter().chain(failed),
        )?;
        let attempts = figures
            .attempts_failed
            .get()
            .filter(|(category, _)| *category != Category::Canceled);
        page.counter(
            "muster_attempts_failed",
            "The attempts that have failed, also those after which the execution was tried again.",
            attempts.map(|(category, count)| ([("category", category.as_str())], count)),
        )?;
        let lasted = [
            ("created", &figures.in_created),
            ("pending", &figures.in_pending),
            ("executing", &figures.in_executing),
        ];
        page.histogram(
            "muster_execution_status_seconds",
            "How long executions were in this status, when they leave it. A back-off does not count as Created.",
            lasted.map(|(status, lasted)| ([("status", status)], lasted)),
        )?;
        page.histogram(
            "muster_dispatch_seconds",
            "From the moment at which an execution and a free slot for it are both there until its assignment is durable and on its way to the runner.",
            [(NONE, &figures.dispatch)],
        )?;
        page.counter(
            "muster_dispatch_stuck",
            "The executions that a runner with a free slot did not get within a minute. Any is a fault of the coordinator, and is in its log.",
            [(NONE, self.metrics.stuck.get())],
        )
    }

    fn pools(&self, page: &mut Page<'_>) -> fmt::Result {
        let mut each = |name, help, value: fn(&PoolSample) -> u64| {
            let pools = self.sample.pools.iter();
            page.gauge(
                name,
                help,
                pools.map(|(pool, sample)| ([("pool", pool.as_str())], value(sample))),
            )
        };
        each(
            "muster_pool_queue_executions",
            "The executions that wait for a runner of this pool. The 100 pools with the longest queues are told apart, all others are `(other)`.",
            |pool| pool.waiting as u64,
        )?;
        each(
            "muster_pool_runners",
            "The runners of this pool that are connected.",
            |pool| pool.runners,
        )?;
        each(
            "muster_pool_slots",
            "How many executions the connected runners of this pool carry out at the same time.",
            |pool| pool.slots,
        )?;
        each("muster_pool_slots_busy", "How many of these slots are taken.", |pool| {
            pool.busy
        })?;
        let pools = self.sample.pools.iter();
        let ages = pools.map(|(pool, sample)| (pool, sample.oldest.unwrap_or_default().as_secs_f64()));
        page.gauge(
            "muster_pool_oldest_age_seconds",
            "The time since the creation of the oldest execution that waits for a runner of this pool; 0 when none does.",
            ages.map(|(pool, age)| ([("pool", pool.as_str())], age)),
        )
    }

    fn runners(&self, page: &mut Page<'_>) -> fmt::Result {
        page.gauge(
            "muster_runners_online",
            "The runners that are connected.",
            [(NONE, self.sample.online)],
        )?;
        let versions = self.sample.versions.iter();
        page.gauge(
            "muster_runners",
            "The runners that are connected, by version. The 20 most frequent versions are told apart, all others are `(other)`.",
            versions.map(|(version, runners)| ([("version", version.as_str())], *runners)),
        )?;
        page.gauge(
            "muster_runners_away",
            "The runners that are not connected and whose lease still runs: they may come back to what they hold.",
            [(NONE, self.sample.away)],
        )
    }

    fn landing(&self, page: &mut Page<'_>) -> fmt::Result {
        let figures = &self.sample.figures;
        page.counter(
            "muster_landed_records",
            "The records that have become visible in the landing.",
            [(NONE, figures.landed_records.get())],
        )?;
        page.counter(
            "muster_landed_bytes",
            "Their bytes as they were collected: the landing's own files are compressed.",
            [(NONE, figures.landed_bytes.get())],
        )?;
        let uploads = u64::try_from(self.metrics.uploads.get()).unwrap_or_default();
        page.gauge(
            "muster_uploads_in_progress",
            "The uploads of records that are under way.",
            [(NONE, uploads)],
        )
    }

    fn incidents(&self, page: &mut Page<'_>) -> fmt::Result {
        page.gauge(
            "muster_incidents_open",
            "The incidents that are open.",
            [(NONE, self.sample.incidents)],
        )?;
        page.gauge(
            "muster_outbox_notices",
            "The notices of incidents that wait to be sent, each to one recipient.",
            [(NONE, self.sample.outbox)],
        )?;
        let deliveries = &self.metrics.deliveries;
        let tries = [
            ("sent", &deliveries.sent),
            ("deferred", &deliveries.deferred),
            ("dead", &deliveries.dead),
        ];
        page.counter(
            "muster_notice_deliveries",
            "The tries to send them, by what became of them: a notice that is deferred is tried again, and one that is dead is not.",
            tries.map(|(outcome, count)| ([("outcome", outcome)], count.get())),
        )
    }

    fn shard(&self, page: &mut Page<'_>) -> fmt::Result {
        let figures = &self.sample.figures;
        page.histogram(
            "muster_writer_turn_seconds",
            "How long a turn of the writer takes: whoever asks waits for the turn before.",
            [(NONE, &figures.turn)],
        )?;
        page.histogram(
            "muster_writer_checkpoint_seconds",
            "For how long the writer stops to copy what has changed for a part of a checkpoint.",
            [(NONE, &figures.checkpoint)],
        )?;
        page.gauge(
            "muster_writer_jobs_waiting",
            "The jobs that wait for the writer.",
            [(NONE, self.services.shard.jobs_waiting())],
        )?;
        page.histogram(
            "muster_commit_flush_seconds",
            "How long the disk takes to make what has happened durable; nobody is told of it before.",
            [(NONE, &figures.flush)],
        )?;
        page.histogram(
            "muster_commit_events",
            "How many events are made durable at a time.",
            [(NONE, &figures.commit_events)],
        )?;
        let kept = &self.sample.kept;
        page.gauge(
            "muster_journal_batches",
            "The batches in the journal.",
            [(NONE, kept.journal_batches)],
        )?;
        page.gauge(
            "muster_history_executions",
            "The finished executions in history.",
            [(NONE, kept.history_executions)],
        )?;
        page.gauge(
            "muster_history_bytes",
            "Their bytes. Not told until they have been counted, in the background, after a start.",
            kept.history_bytes.map(|bytes| (NONE, bytes)),
        )?;
        page.gauge(
            "muster_history_waiting_executions",
            "The finished executions that are durable, and not in history yet. With 100,000 nothing is given to runners.",
            [(NONE, kept.tail_executions)],
        )
    }

    fn audit(&self, page: &mut Page<'_>) -> fmt::Result {
        let figures = &self.sample.figures;
        let entries = [
            ("done", &figures.audited_done),
            ("refused", &figures.audited_refused),
            ("more_refused", &figures.audited_more_refused),
        ];
        page.counter(
            "muster_audit_entries",
            "The entries that were added to the audit logs, by what became of the calls; `more_refused` says of how many refused calls there is none.",
            entries.map(|(outcome, count)| ([("outcome", outcome)], count.get())),
        )?;
        page.counter(
            "muster_audit_left_out",
            "The refused calls that have no entry of their own, since there were too many of one caller, or in one log.",
            [(NONE, self.services.refusals.left_out())],
        )?;
        let findings = [
            ("history", &figures.history_findings),
            ("audit", &figures.audit_findings),
        ];
        page.counter(
            "muster_damage_found",
            "How often it was found in the background that this part of the store is not what was written; the log says where, and the way back.",
            findings.map(|(part, count)| ([("part", part)], count.get())),
        )
    }

    fn calls(&self, page: &mut Page<'_>) -> fmt::Result {
        let counter = page.0.encode_descriptor(
            "muster_grpc_calls",
            "The calls of gRPC that have ended, by method and code. A call that streams ends with its stream; one that there is not is `(other)`.",
            None,
            MetricType::Counter,
        )?;
        self.metrics.calls.family().encode(counter)?;
        let strangers = Stranger::ALL.map(|stranger| {
            let reason = [("reason", stranger.name())];
            (reason, self.metrics.strangers.get_or_create(&reason).get())
        });
        page.counter(
            "muster_strangers",
            "The calls whose caller was not known, by why: they showed no token, one with a typing error, one that opens nothing, or one that has expired.",
            strangers,
        )?;
        let handshakes = Shaken::ALL.map(|shaken| {
            let outcome = [("outcome", shaken.name())];
            (outcome, self.metrics.handshakes.get_or_create(&outcome).get())
        });
        page.counter(
            "muster_handshakes",
            "The TLS handshakes, by what became of them: one that is turned away came from an address with too many under way.",
            handshakes,
        )
    }
}

/// The names that every exporter has for these.
fn process(page: &mut Page<'_>, started: Started) -> fmt::Result {
    let now = ProcessSample::now(started);
    if let Some(seconds) = now.cpu_seconds {
        let mut counter = page.0.encode_descriptor(
            "process_cpu_seconds",
            "How long the process has run on processors.",
            None,
            MetricType::Counter,
        )?;
        counter.encode_counter::<NoLabelSet, f64, u64>(&seconds, None)?;
    }
    let mut each = |name, help, value: Option<u64>| page.gauge(name, help, value.map(|value| (NONE, value)));
    each(
        "process_resident_memory_bytes",
        "Its memory in RAM.",
        now.resident_bytes,
    )?;
    each("process_virtual_memory_bytes", "Its address space.", now.virtual_bytes)?;
    each("process_open_fds", "Its open files and connections.", now.open_fds)?;
    each("process_max_fds", "How many of these it may have.", now.max_fds)?;
    page.gauge(
        "process_start_time_seconds",
        "When it began, since 1970.",
        [(NONE, now.started)],
    )
}

type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

const NONE: Labels<'static, 0> = [];

/// Where metrics are written.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    /// What only grows. `_total` is added to its name.
    fn counter<'v, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels<'v, N>, u64)>,
    ) -> fmt::Result {
        let mut counter = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            let mut one = counter.encode_family(&labels)?;
            one.encode_counter(&value, None::<&Exemplar<NoLabelSet, u64>>)?;
        }
        Ok(())
    }

    fn gauge<'v, const N: usize, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels<'v, N>, V)>,
    ) -> fmt::Result {
        let mut gauge = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            gauge.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn histogram<'v, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels<'v, N>, &'v Histogram)>,
    ) -> fmt::Result {
        let mut histogram = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, value) in values {
            let spread = value.spread();
            let count = spread.buckets.iter().map(|(_, count)| count).sum();
            let mut one = histogram.encode_family(&labels)?;
            one.encode_histogram::<NoLabelSet>(spread.sum, count, &spread.buckets, None)?;
        }
        Ok(())
    }
}
