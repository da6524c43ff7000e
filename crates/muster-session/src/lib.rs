//! Both ends of the runner's check-in as state machines without I/O.
