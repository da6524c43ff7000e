//! Each defect that can be planted, and in how many seeds it is found.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use muster_core::plant::{PLANTS, plant as plant_number};
use muster_sim::{Plan, run};

/// How many seeds find a defect before the next one is planted: enough to say how often it is found.
const FOUND_ENOUGH: usize = 2;

/// Plants the defect of this name; `false` when there is none.
pub fn plant(name: &str) -> bool {
    let number = PLANTS.iter().position(|(listed, _)| *listed == name);
    plant_number(number);
    number.is_some()
}

/// Plants each defect in turn, and lets up to `seeds` worlds happen with it.
pub fn each(from: u64, seeds: u64, minutes: u64) -> ExitCode {
    let began = Instant::now();
    let mut missed = Vec::new();
    for (number, (name, what)) in PLANTS.iter().enumerate() {
        plant_number(Some(number));
        let next = AtomicU64::new(from);
        let found = Mutex::new(Vec::new());
        let is_enough = || found.lock().expect("nobody panics with it").len() >= FOUND_ENOUGH;
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_enough() {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= from.saturating_add(seeds) {
                            return;
                        }
                        let outcome = run(seed, Plan { minutes, trace: false });
                        if let Some((_, why)) = outcome.broken {
                            found.lock().expect("nobody panics with it").push((seed, why));
                        }
                    }
                });
            }
        });
        let mut found = found.into_inner().expect("nobody panics with it");
        found.sort();
        let tried = (next.into_inner() - from).min(seeds);
        match found.first() {
            Some((seed, why)) => {
                let why: String = why.chars().take(110).collect();
                println!(
                    "{name}: found in {} of {tried} seeds, first in {seed}: {why}",
                    found.len()
                );
            }
            None => {
                println!("{name}: NOT FOUND in {tried} seeds ({what})");
                missed.push(*name);
            }
        }
    }
    println!(
        "{} of {} planted defects were found, in {:.0} s",
        PLANTS.len() - missed.len(),
        PLANTS.len(),
        began.elapsed().as_secs_f64()
    );
    if missed.is_empty() {
        ExitCode::SUCCESS
    } else {
        println!("not found: {}", missed.join(", "));
        ExitCode::FAILURE
    }
}
