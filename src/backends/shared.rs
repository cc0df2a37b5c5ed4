//! What more than one adapter says in the same way.
//!
//! Only facts about how agents are fed; nothing here knows a particular agent.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Invocation, PoliteSignal, PromptVia, Request, SELF_PROGRAM, Unservable};
use crate::core::AgentEvent;

/// Variables of the user's network that every agent needs to reach its provider.
pub(super) const NETWORK_ENV: [&str; 10] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// How much of a line that nobody understands is kept.
const UNKNOWN_CAP: usize = 2048;

/// Returns `prompt` after the role text, set apart so that a model can tell the two:
/// for agents whose own system prompt cannot be added to by a flag.
pub(super) fn with_instructions(instructions: &str, prompt: &str) -> String {
    format!("<instructions>\n{}\n</instructions>\n\n{prompt}", instructions.trim_end())
}

/// Returns names of variables, those of the network after `own`.
pub(super) fn env_pass(own: &[&str]) -> Vec<String> {
    own.iter().chain(&NETWORK_ENV).map(ToString::to_string).collect()
}

/// Returns how a child of our own is started, which reads as JSON what it is asked.
pub(super) fn own_child(
    word: &str,
    request: &Request,
    asked: &impl Serialize,
    env_pass: Vec<String>,
) -> Result<Invocation, Unservable> {
    let stdin = serde_json::to_string(asked).map_err(|error| Unservable {
        message: format!("the request cannot be written as JSON: {error}"),
        hint: "check the output schema".to_owned(),
    })?;
    Ok(Invocation {
        program: SELF_PROGRAM.to_owned(),
        args: vec![word.to_owned()],
        env: BTreeMap::new(),
        env_pass,
        cwd: request.working_dir.clone(),
        prompt: PromptVia::Stdin(stdin),
        files: BTreeMap::new(),
        polite_signal: PoliteSignal::Terminate,
    })
}

/// Returns the event for a line that the adapter does not know.
pub(super) fn unknown(line: &[u8]) -> AgentEvent {
    let head = &line[..line.len().min(UNKNOWN_CAP)];
    AgentEvent::Unknown { raw: String::from_utf8_lossy(head).into_owned() }
}

/// Returns the first line of `text` with something on it, short enough for a status line.
pub(super) fn one_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line[..line.floor_char_boundary(200)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_unknown_line_is_cut_even_within_a_character() {
        let AgentEvent::Unknown { raw } = unknown("é".repeat(5000).as_bytes()) else { panic!() };
        assert_eq!(raw, "é".repeat(UNKNOWN_CAP / 2));
    }

    #[test]
    fn one_line_is_the_first_with_words_on_it() {
        assert_eq!(one_line("\n  ls -l  \nmore"), "ls -l");
        assert_eq!(one_line(&"é".repeat(200)), "é".repeat(100));
    }
}
