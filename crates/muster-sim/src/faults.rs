//! What goes wrong.

use crate::coordinator::Ends;
use crate::disk::Failing;
use crate::network::Link;
use crate::runner::Stops;
use crate::trace::say;
use crate::world::{Due, World};

/// How many runners there are at the most, gone ones too.
const RUNNERS_MAX: usize = 9;

/// What can go wrong, with how often it does so.
const FAULTS: &[(u32, &str)] = &[
    (3, "the coordinator is killed"),
    (3, "the coordinator's machine is lost"),
    (2, "the coordinator is shut down"),
    (2, "a flush fails"),
    (2, "a write fails"),
    (2, "the coordinator is paused"),
    (2, "the coordinator's clock steps"),
    (4, "a runner is killed"),
    (3, "a runner's machine is lost"),
    (4, "a runner is paused"),
    (2, "a runner drains"),
    (2, "a runner's clock steps"),
    (2, "a runner's disk is full"),
    (2, "a runner is removed"),
    (2, "a runner is added"),
    (1, "a pool loses its runners for long"),
    (6, "a stream breaks"),
    (5, "a stream breaks, and one side learns of it"),
    (4, "a stream goes silent towards the coordinator"),
    (4, "a stream goes silent towards the runner"),
    (3, "a connection is made twice"),
    (3, "a stream becomes slow"),
    (4, "a runner is cut off"),
    (3, "a stream is told to come anew"),
    (4, "a check's result is said by another, or again"),
    (2, "the landing fails"),
    (2, "the landing is slow"),
    (1, "the mail server is down"),
    (1, "a day goes by"),
    (3, "staged records are damaged"),
];

/// The names of all faults.
pub fn names() -> impl Iterator<Item = &'static str> {
    FAULTS.iter().map(|(_, name)| *name)
}

impl World {
    /// One thing goes wrong.
    pub(crate) fn go_wrong(&mut self) {
        if self.healed {
            return;
        }
        let next = self.chance.u64(1_000..25_000);
        self.wake(Due::Fault, next);
        self.check_visible();
        if self.now >= self.landing_bad_until {
            self.place.fail(0);
            self.landing_slow = false;
        }
        for runner in &mut self.runners {
            runner.disk_full &= self.chance.u32(0..3) > 0;
        }
        let all: u32 = FAULTS.iter().map(|(weight, _)| weight).sum();
        let mut pick = self.chance.u32(0..all);
        for (weight, name) in FAULTS {
            if pick < *weight {
                if self.cause(name) {
                    self.trace.count(name);
                }
                return;
            }
            pick -= weight;
        }
    }

    /// Causes a fault; whether it could happen.
    fn cause(&mut self, name: &'static str) -> bool {
        let which = self.chance.usize(0..self.runners.len());
        let runner = self.runners[which].name.clone();
        let is_up = self.runners[which].end.is_some();
        let link = self.some_link();
        match name {
            "the coordinator is killed" | "the coordinator's machine is lost" => {
                let kept = self.chance_kept();
                let how = if name.ends_with("killed") {
                    Ends::Killed
                } else {
                    Ends::Lost
                };
                let was_up = self.coordinator.is_some();
                self.crash_coordinator(how, kept);
                return was_up;
            }
            "the coordinator is shut down" => return self.shut_down(),
            "a flush fails" => {
                let how = self.failing();
                self.disk.fail_flush(how);
            }
            "a write fails" => {
                let how = self.failing();
                self.disk.fail_write(how);
            }
            "the coordinator is paused" => self.paused_until = self.now + self.chance.u64(500..90_000),
            "the coordinator's clock steps" => {
                let by = self.chance.i64(-400_000..400_000);
                self.clock.step(by);
            }
            "a runner is killed" | "a runner's machine is lost" => {
                let how = if name.ends_with("killed") {
                    Stops::Killed
                } else {
                    Stops::Lost
                };
                self.crash_runner(which, how);
                let away = self.chance.u64(500..120_000);
                self.wake(Due::Boot(which), away);
                return is_up;
            }
            "a runner is paused" => self.runners[which].paused_until = self.now + self.chance.u64(1_000..150_000),
            "a runner drains" => self.drain(which),
            "a runner's clock steps" => {
                let by = self.chance.i64(-4_000_000..4_000_000);
                self.step_runner_clock(which, by);
            }
            "a check's result is said by another, or again" => return self.say_check_again(which),
            "a runner's disk is full" => self.runners[which].disk_full = true,
            "a runner is removed" => {
                let left = self.runners.iter().filter(|runner| !runner.gone).count();
                if left < 4 {
                    return false;
                }
                self.crash_runner(which, Stops::Lost);
                self.runners[which].gone = true;
            }
            "a pool loses its runners for long" => {
                let pool = self.runners[which].pool();
                let away = self.chance.u64(200_000..1_500_000);
                for one in 0..self.runners.len() {
                    if self.runners[one].pool() == pool && !self.runners[one].gone {
                        self.crash_runner(one, Stops::Lost);
                        let more = self.chance.u64(0..120_000);
                        self.wake(Due::Boot(one), away + more);
                    }
                }
            }
            "a runner is added" => {
                if self.runners.len() >= RUNNERS_MAX {
                    return false;
                }
                let places = [
                    (Some("acme"), "hq"),
                    (Some("acme"), "lab"),
                    (Some("globex"), "hq"),
                    (None, "hosted"),
                ];
                let (organization, pool) = places[self.chance.usize(0..places.len())];
                self.hire(organization, pool);
            }
            "a runner is cut off" => {
                let until = self.now + self.chance.u64(2_000..200_000);
                self.runners[which].cut_off_until = until;
                if let Some(id) = self.runners[which].link {
                    self.deafen(id, true);
                    self.deafen(id, false);
                }
                for task in self.runners[which].tasks.values() {
                    task.cut();
                }
            }
            "the landing fails" => {
                let bad = self.chance.u32(50..1_000);
                self.place.fail(bad);
                self.landing_bad_until = self.now + self.chance.u64(5_000..90_000);
            }
            "the landing is slow" => {
                self.landing_slow = true;
                self.landing_bad_until = self.now + self.chance.u64(5_000..90_000);
            }
            "the mail server is down" => {
                let minutes = if self.chance.u32(0..4) == 0 { 180 } else { 15 };
                self.mail.down_until = self.now + self.chance.u64(60_000..minutes * 60_000);
            }
            "a day goes by" => {
                // Nobody has seen it, since the coordinator stood still meanwhile, or its clock has been put right.
                let hours = if self.chance.u32(0..6) == 0 {
                    31 * 24
                } else {
                    self.chance.i64(1..30)
                };
                self.clock.step(hours * 3_600_000);
            }
            "staged records are damaged" => return self.damage_staged(),
            _ => {
                let Some(id) = link else { return false };
                match name {
                    "a stream breaks" => self.break_link(id, true, true),
                    "a stream breaks, and one side learns of it" => {
                        let up = self.chance.bool();
                        self.break_link(id, up, !up);
                    }
                    "a stream goes silent towards the coordinator" => self.deafen(id, true),
                    "a stream goes silent towards the runner" => self.deafen(id, false),
                    "a connection is made twice" => self.copy_link(id),
                    "a stream becomes slow" => self.slow_down(id),
                    "a stream is told to come anew" => self.reconnect(id),
                    _ => return false,
                }
                say!(self, "FAULT: {name} (stream {id})");
                return true;
            }
        }
        say!(self, "FAULT: {name} ({runner})");
        true
    }

    fn failing(&mut self) -> Failing {
        if self.chance.bool() {
            Failing::All
        } else {
            Failing::Nothing
        }
    }

    fn some_link(&mut self) -> Option<u64> {
        let alive = |link: &Link| link.side.is_some() && !link.is_copy;
        let links: Vec<u64> = self
            .links
            .iter()
            .filter(|(_, link)| alive(link))
            .map(|(id, _)| *id)
            .collect();
        (!links.is_empty()).then(|| links[self.chance.usize(0..links.len())])
    }

    fn damage_staged(&mut self) -> bool {
        let staged: Vec<String> = self
            .place
            .paths(".staging/")
            .into_iter()
            .filter(|path| path.ends_with(".part"))
            .collect();
        if staged.is_empty() {
            return false;
        }
        let path = staged[self.chance.usize(0..staged.len())].clone();
        let name = path.rsplit('/').next().unwrap_or_default();
        let Some(execution) = name.split('.').next().and_then(|id| id.parse().ok()) else {
            return false;
        };
        if self.is_publishing(execution) {
            // It may have been judged just now, and nobody looks at it a second time.
            return false;
        }
        let remove = self.chance.bool();
        self.place.damage(&path, remove);
        self.damaged.insert(execution);
        let text = self.trace.shortened(&path);
        say!(self, "FAULT: {text} is {}", if remove { "removed" } else { "spoiled" });
        true
    }
}
