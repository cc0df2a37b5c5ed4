//! `mgr mcp` as its clients see it: raw JSON-RPC over pipes, no SDK.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a client is another program: it starts mgr, looks at the clock and prints"
)]

mod bounds;
mod client;
mod doors;
mod install;
mod protocol;
mod search;
mod tools;
mod waiting;
