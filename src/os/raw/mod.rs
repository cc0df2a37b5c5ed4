//! The one module with `unsafe`: two system calls that no safe crate offers.

pub mod fds;
pub mod memory;
