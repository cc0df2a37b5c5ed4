//! `mgr` delegates work to AI coding agents, survives any crash, and tells the truth about what came back.
//!
//! The house, from the door inwards; arrows point down only, and a test holds them:
//!
//! - [`surface`]: WHO is asking: the command line, MCP clients, hidden helpers
//! - [`ops`]: WHAT can be asked: one file per noun, one row each in the table that everything walks
//! - [`engine`]: DOING it: reconciling the store with reality, launching, waiting
//! - [`keeper`]: the tiny process that owns one attempt; files only, never the database
//! - [`store`]: SQLite; the only SQL
//! - [`archive`]: WHAT a workspace was: snapshots, differences, the way back
//! - [`workflow`]: WHAT a workflow file says: text to checked graph, nothing started
//! - [`backends`]: HOW each agent is spoken to: pure adapters
//! - [`config`]: settings in layers; the only reader of the environment
//! - [`core`]: WHAT SHOULD HAPPEN: pure rules over facts
//! - [`os`] and [`ui`]: leaves: the system and the terminal

#![warn(clippy::unwrap_used)]

mod archive;
mod backends;
mod config;
mod core;
mod engine;
mod keeper;
mod ops;
mod os;
mod store;
mod surface;
mod ui;
mod workflow;

pub use surface::run;
