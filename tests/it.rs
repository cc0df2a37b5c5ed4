//! The whole program against real processes: what the promises of the design say, tried by breaking it.
#![cfg(target_os = "linux")]

#[path = "it/lifecycle.rs"]
mod lifecycle;
mod support;
