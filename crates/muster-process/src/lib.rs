//! What every binary of Muster does alike: configuration, telemetry, tasks, shutdown.
