//! The MCP server.

use clap::{ArgMatches, Command};

use crate::{config::Environment, ops::OpError};

pub(super) fn command() -> Command {
    Command::new("mcp").about("Serve all operations as MCP tools over standard input and output")
}

pub(super) fn serve(_matches: &ArgMatches, _env: Environment) -> Result<u8, OpError> {
    Err(OpError::invalid("not yet"))
}
