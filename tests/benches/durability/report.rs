//! What is told.

use crate::backup::Backup;
use crate::harness::report::{Row, row};
use crate::simulator::Simulator;
use crate::verify::Verify;

/// What a machine of two cores is to reach.
const RATIO_LEAST: f64 = 0.9;
const RESTART_S_MOST: f64 = 5.0;

/// What was measured; `None` is what was left out.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) backup: Option<Backup>,
    pub(crate) verify: Option<Verify>,
    pub(crate) simulator: Option<Simulator>,
}

impl Figures {
    /// All of it.
    #[rustfmt::skip] // One figure a line, so that they can be compared.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let (backup, verify, simulator) = (self.backup, self.verify, self.simulator);
        vec![
            row("throughput_ratio_backup", "of the lifecycles/s without backups, while backups are made without a pause", backup.map(|one| one.with_per_s / one.without_per_s)).at_least(RATIO_LEAST),
            row("acknowledged_per_s", "lifecycles/s without backups", backup.map(|one| one.without_per_s)),
            row("acknowledged_per_s_backup", "lifecycles/s meanwhile", backup.map(|one| one.with_per_s)),
            row("backups", "backups that were made meanwhile", backup.map(|one| one.backups as f64)),
            row("backup_under_load_s", "s for one of them", backup.map(|one| one.backup_s)),
            row("backup_bytes", "bytes of the last one", backup.map(|one| one.bytes as f64)),
            row("assign_p99_ms", "ms from run now to the assignment at half of that load, without backups, p99", backup.map(|one| one.paced.p99_ms)),
            row("assign_max_ms", "the same, the longest", backup.map(|one| one.paced.most_ms)),
            row("assign_p99_ms_backup", "the same with backups, p99", backup.map(|one| one.paced_with.p99_ms)),
            row("assign_max_ms_backup", "the same, the longest", backup.map(|one| one.paced_with.most_ms)),
            row("writer_turns_backup", "turns of the writer meanwhile", backup.map(|one| one.turns_with.all as f64)),
            row("writer_turns_over_50_ms", "of its turns without backups, those that took longer than 50 ms", backup.map(|one| one.turns.long as f64)),
            row("writer_turns_over_50_ms_backup", "of its turns with backups", backup.map(|one| one.turns_with.long as f64)),
            row("restart_after_kill_s", "s to serve again after kill -9 under load", verify.map(|one| one.restart_s)).less_than(RESTART_S_MOST),
            row("verify_s", "s to verify all that is kept", verify.map(|one| one.verify_s)),
            row("backup_s", "s to back it up while nobody serves it", verify.map(|one| one.backup_s)),
            row("restore_s", "s to restore that", verify.map(|one| one.restore_s)),
            row("sim_seeds_per_s", "worlds of the simulator a second", simulator.map(|one| one.seeds_per_s)),
            row("sim_virtual_hours_per_s", "virtual hours in them a second", simulator.map(|one| one.virtual_hours_per_s)),
        ]
    }
}
