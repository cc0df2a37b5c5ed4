//! The one module with `unsafe`: a few calls that no safe crate offers.

pub mod fds;
pub mod memory;
