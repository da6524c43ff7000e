//! The real binaries over real sockets, with a real store on a real disk.

mod lifecycle;
mod reflection;
mod refusals;
