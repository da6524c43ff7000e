//! The real binaries over real sockets, with a real store on a real disk.

mod absence;
mod alerts;
mod api_page;
mod authorities;
mod backup;
mod bad_input;
mod checks;
mod clients;
mod competition;
mod configuration;
mod crashes;
mod crowd;
mod deploy;
mod dynamic;
mod egress;
mod enrollment;
mod failing_disk;
mod far;
mod first_hour;
mod full_disk;
mod http;
mod inherited;
mod kills;
mod leftovers;
mod lifecycle;
mod links;
mod metrics;
mod network;
mod organizations;
mod previous_release;
mod reflection;
mod refusals;
mod remedies;
mod restore;
mod sealed;
mod secrets;
mod secure;
mod shutdown;
mod silence;
mod tokens;
mod typed;
mod verify;
mod watching;
mod wrong_certificates;

/// The accounts of a source whose collection takes a few seconds, so that something can happen to it meanwhile.
const SLOW_ACCOUNTS: u32 = 120_000;
