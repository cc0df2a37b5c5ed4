//! A program of a workflow's step, without an agent: what it prints is the answer, and its exit code is the truth.
//!
//! Must not be chosen for a prompt: it asks no model and costs nothing.

use std::collections::BTreeMap;

use super::{
    Abilities, Backend, Invocation, Parser, PoliteSignal, Probe, PromptVia, Request, Unservable, plain_text::PlainText,
};
use crate::core::{BackendName, Category, Failure, Posture};

/// The name under which tasks of programs are kept.
pub const COMMAND: BackendName = BackendName::built_in("command");

pub(super) struct Command;

impl Backend for Command {
    fn invocation(&self, request: &Request) -> Result<Invocation, Unservable> {
        let [program, args @ ..] = request.command.as_slice() else {
            return Err(Unservable {
                message: "`command` is for steps of workflows, it takes no prompt".to_owned(),
                hint: "write a workflow with a step of `kind: command`, or choose an agent".to_owned(),
            });
        };
        // As a shell would: with a slash it is a path, from where the program runs.
        let is_path = program.contains('/');
        Ok(Invocation {
            program: if is_path { request.working_dir.join(program).into_string() } else { program.clone() },
            args: args.to_vec(),
            env: BTreeMap::new(),
            env_pass: Vec::new(),
            cwd: request.working_dir.clone(),
            prompt: PromptVia::None,
            files: BTreeMap::new(),
            polite_signal: PoliteSignal::Terminate,
        })
    }

    fn parser(&self) -> Box<dyn Parser> {
        Box::new(PlainText)
    }

    fn probe(&self) -> Probe {
        Probe {
            program: None,
            version_args: Vec::new(),
            login_check_args: None,
            login_env: Vec::new(),
            needs_env: Vec::new(),
            install_hint: "put the program on your PATH".to_owned(),
            login_hint: "no login needed".to_owned(),
        }
    }

    fn tells_cost(&self) -> bool {
        true
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            edits_files: true,
            follow_up: false,
            effort: false,
            output_schema: false,
            max_turns: false,
            budget: false,
            max_prompt: 10_000_000,
        }
    }

    fn classify_stderr(&self, tail: &str, exit_code: Option<i32>) -> Option<Failure> {
        let code = exit_code.filter(|code| *code != 0)?;
        let last = tail.lines().rev().map(str::trim).find(|line| !line.is_empty());
        let said = last.map(|line| format!(": {line}")).unwrap_or_default();
        Some(Failure::new(Category::Crashed, format!("the command ended with exit code {code}{said}")))
    }

    fn has_terminal_event(&self) -> bool {
        false
    }

    fn may_be_silent(&self) -> bool {
        true
    }

    fn posture_words(&self, _posture: Posture) -> &'static str {
        "nothing: the program does what it does"
    }
}
