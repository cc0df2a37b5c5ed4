//! `mgr mcp` as its clients see it: raw JSON-RPC over pipes, no SDK.

mod client;
mod install;
mod protocol;
mod search;
mod tools;
mod waiting;
