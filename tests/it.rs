//! The whole program against real processes: what the promises of the design say, tried by breaking it.
//!
//! `cargo test --test it`. Each test has a home of its own and leaves no process behind.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests start mgr, read their own environment and the clock, and say loudly what they skip"
)]

mod it {
    pub mod approvals;
    pub mod archive;
    pub mod concurrency;
    pub mod crash;
    pub mod hygiene;
    pub mod isolation;
    pub mod landing;
    pub mod lease;
    pub mod lifecycle;
    pub mod limits;
    pub mod money;
    pub mod storage;
    pub mod tree;
    pub mod workflow;
}
mod support;
