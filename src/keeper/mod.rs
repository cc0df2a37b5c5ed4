//! The keeper: a tiny process that owns exactly one attempt.
//!
//! Reads and writes the files of the attempt's directory, never the database; parses no
//! stream; uses no async runtime. Its contract with the engine is [`contract`].

#[cfg(unix)]
mod archive;
#[cfg(unix)]
mod checks;
pub mod contract;
#[cfg(unix)]
mod ctl;
#[cfg(unix)]
mod recorder;
#[cfg(unix)]
mod run;

#[cfg(unix)]
pub use recorder::record;
#[cfg(unix)]
pub use run::keep;
