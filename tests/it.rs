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
    pub mod agents;
    pub mod approvals;
    pub mod archive;
    pub mod concurrency;
    pub mod crash;
    pub mod dashboard;
    pub mod decompose;
    pub mod hygiene;
    pub mod inside;
    pub mod isolation;
    pub mod landing;
    pub mod lease;
    pub mod lifecycle;
    pub mod limits;
    pub mod loops;
    pub mod money;
    pub mod nested;
    pub mod places;
    pub mod race;
    pub mod rebuild;
    pub mod repair;
    pub mod storage;
    pub mod templates;
    pub mod tree;
    pub mod views;
    pub mod wishes;
    pub mod workflow;
    pub mod workflow_crash;
}
mod support;
