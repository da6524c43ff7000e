//! The machine lost, not only the process: of the store there is what was on the disk when the last flush had ended.
//!
//! `kill -9` alone leaves most of what was never flushed, since the engine hands what it has to threads that write it. So what is told before its flush is told
//! too early without anybody seeing it. Here the coordinator stops itself when a flush has ended; its store is copied then; it goes on, held up first for
//! as long as several callers need to ask for something, and dies before the next flush, held up for as long as they need to be answered. Then the
//! copy takes the place of the store: nothing that was durable is missing in it, and nothing of what was about to be flushed is there.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use muster_tests::Coordinator;
use nix::sys::signal::Signal;

use super::points::Death;
use super::{end, verify, within};

/// How long what is asked for gathers, so that the next flush is one of several batches.
const GATHER_MS: u32 = 20;

/// How long those who wait for that flush would have to be told before it.
const TOLD_WITHIN_MS: u32 = 40;

/// How long it may take until as many flushes have ended as were to.
const STOPS_WITHIN: Duration = Duration::from_millis(2_500);

/// Lets the coordinator work until so many flushes have ended, and loses the machine before the next one; `None` when that did not come.
pub(super) async fn lose(coordinator: &mut Coordinator, death: &Death, flushes: u32) -> Option<&'static str> {
    coordinator.relaunch_to_crash(&format!("noted:{flushes}:{GATHER_MS},appended:1:{TOLD_WITHIN_MS}"));
    let until = Instant::now() + STOPS_WITHIN;
    while !coordinator.process().has_stopped() {
        if coordinator.process().try_wait().is_some() || Instant::now() >= until {
            let ended = coordinator.process().try_wait();
            return end(coordinator.process(), ended, death);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let store = coordinator.data().join("store");
    let kept = coordinator.data().with_file_name("kept");
    copy(&store, &kept).expect("a store can be copied");
    coordinator.process().signal(Signal::SIGCONT);
    let ended = within(coordinator.process(), Instant::now() + STOPS_WITHIN).await;
    let at = end(coordinator.process(), ended, death);
    if at.is_some() {
        fs::remove_dir_all(&store).expect("a store can be removed");
        fs::rename(&kept, &store).expect("a copy can be put in its place");
        verify(coordinator);
    }
    at.map(|_| death.at)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let goal = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &goal)?;
        } else {
            fs::copy(entry.path(), goal)?;
        }
    }
    Ok(())
}
