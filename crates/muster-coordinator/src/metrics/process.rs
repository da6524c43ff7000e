//! What every exporter tells of its process, by the names that they all use. Read from Linux when somebody asks; what cannot be read is not told.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};

/// A process at a moment.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct ProcessSample {
    /// How long it has run on processors, in s.
    pub(super) cpu_seconds: Option<f64>,
    /// Its memory in RAM.
    pub(super) resident_bytes: Option<u64>,
    /// Its address space.
    pub(super) virtual_bytes: Option<u64>,
    /// Its open files and connections.
    pub(super) open_fds: Option<u64>,
    /// How many of these it may have; `None` also where there is no limit.
    pub(super) max_fds: Option<u64>,
    /// When it began, in s since 1970.
    pub(super) started: f64,
}

/// When the coordinator began, in s since 1970: when this was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Started(f64);

impl Default for Started {
    fn default() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since_epoch.as_secs_f64())
    }
}

impl ProcessSample {
    /// This process, now.
    pub(super) fn now(Started(started): Started) -> Self {
        let memory = fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let mut pages = memory
            .split_ascii_whitespace()
            .map_while(|pages| pages.parse::<u64>().ok());
        let page = rustix::param::page_size() as u64;
        let descriptors = fs::read_dir("/proc/self/fd").ok();
        Self {
            virtual_bytes: pages.next().map(|pages| pages * page),
            resident_bytes: pages.next().map(|pages| pages * page),
            cpu_seconds: fs::read_to_string("/proc/self/stat")
                .ok()
                .and_then(|stat| cpu_seconds(&stat)),
            // One of them is what it was asked by.
            open_fds: descriptors.map(|open| (open.count() as u64).saturating_sub(1)),
            max_fds: getrlimit(Resource::Nofile).current,
            started,
        }
    }
}

/// The name of the program, in parentheses, may hold anything; what is asked for comes 12 and 13 fields after it.
#[expect(clippy::cast_precision_loss, reason = "no process runs for 2^52 ticks")]
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields
        .split_ascii_whitespace()
        .skip(11)
        .map_while(|ticks| ticks.parse::<u64>().ok());
    let ticks = fields.next()? + fields.next()?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_tells_all_of_this_process() {
        let started = Started::default();
        let before = ProcessSample::now(started);
        let file = fs::File::open("/proc/self/stat").expect("Linux has it");
        // Where many others run, it may take long until this one has been given a tick.
        let spun = std::time::Instant::now();
        let mut now = ProcessSample::now(started);
        while now.cpu_seconds == before.cpu_seconds && spun.elapsed().as_secs() < 20 {
            now = ProcessSample::now(started);
        }
        assert!(
            now.resident_bytes > Some(1 << 20) && now.virtual_bytes > now.resident_bytes,
            "{now:?}"
        );
        assert!(
            now.cpu_seconds > before.cpu_seconds && now.cpu_seconds < Some(600.0),
            "{now:?}"
        );
        assert!(now.open_fds >= Some(4) && now.open_fds < Some(1_000), "{now:?}");
        assert!(now.max_fds > now.open_fds, "{now:?}");
        drop(file);
    }

    #[test]
    fn the_name_of_a_program_may_be_anything() {
        let stat = "7 (a) b) (c) S 1 1 1 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 1 0 5 6 7";
        let ticks = rustix::param::clock_ticks_per_second();
        assert_eq!(cpu_seconds(stat), Some(300.0 / ticks as f64));
        assert_eq!(cpu_seconds("nothing of the kind"), None);
    }
}
