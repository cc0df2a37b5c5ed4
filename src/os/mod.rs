//! The operating system, behind small functions: a leaf that knows nothing of tasks.
//!
//! The only place that reads the clock, spawns processes, looks at other processes, and
//! the only place with `unsafe` (in [`fds`] and [`memory`]).

pub mod clock;
pub mod failpoint;
pub mod fds;
pub mod files;
pub mod memory;
pub mod random;
pub mod spawn;
pub mod tree;
