//! The operating system, behind small functions: a leaf that knows nothing of tasks.
//!
//! The only place that reads the clock, spawns processes, looks at other processes, and
//! the only place with `unsafe` (in [`raw`]).

pub mod bell;
pub mod clock;
#[cfg_attr(not(unix), path = "no_dirs.rs")]
pub mod dirs;
pub mod failpoint;
pub mod files;
pub mod peer;
pub mod random;
pub mod raw;
pub mod spawn;
mod stat;
pub mod tree;

pub use raw::{fds, memory};
