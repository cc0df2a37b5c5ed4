//! The adapter over a description.

use std::collections::BTreeMap;

use super::arguments::{Argument, Placeholder, Values, fill, mentions};
use super::description::{CustomBackend, Description, Format, PromptBy, by_pattern};
use super::rules::RuleReader;
use crate::backends::{
    Abilities, Backend, Invocation, Parser, PoliteSignal, Probe, PromptVia, Request, SessionPlan, Unservable,
    plain_text::PlainText,
};
use crate::core::{Effort, Failure, Posture};

const PROMPT_FILE: &str = "prompt.txt";
const SYSTEM_PROMPT_FILE: &str = "system-prompt.txt";
const SCHEMA_FILE: &str = "schema.json";

impl Backend for CustomBackend {
    fn invocation(&self, request: &Request) -> Result<Invocation, Unservable> {
        let Self(description) = self;
        let command = match &request.session {
            SessionPlan::New { .. } => &description.command,
            SessionPlan::Continue(_) => description.resume_command.as_ref().ok_or_else(|| cannot_follow_up(request))?,
        };
        let posture_args = description.posture_args(request.posture).ok_or_else(|| cannot_keep(request))?;
        let values = values(description, request)?;
        let mut args = fill(command, &values, posture_args).into_iter();
        // The first argument has no placeholder: the description was checked for it.
        let program = args.next().unwrap_or_default();
        Ok(Invocation {
            program,
            args: args.collect(),
            env: BTreeMap::new(),
            env_pass: description.env_pass.iter().chain(&description.needs_env).cloned().collect(),
            cwd: request.working_dir.clone(),
            prompt: prompt(description.prompt, command, request),
            files: files(command, request),
            polite_signal: PoliteSignal::Terminate,
        })
    }

    fn parser(&self) -> Box<dyn Parser> {
        match self.0.format {
            Format::Text => Box::new(PlainText),
            Format::JsonLines => Box::new(RuleReader::new(self.0.rules.clone(), self.0.failure_patterns.clone())),
        }
    }

    fn probe(&self) -> Probe {
        let Self(description) = self;
        let program = description.command.first().and_then(|argument| argument.as_fixed()).map(str::to_owned);
        let name = program.clone().unwrap_or_default();
        Probe {
            program,
            version_args: description.version_args.clone(),
            login_check_args: description.login_check_args.clone(),
            login_env: Vec::new(),
            needs_env: description.needs_env.clone(),
            install_hint: description.install_hint.clone().unwrap_or_else(|| format!("put `{name}` on your PATH")),
            login_hint: description.login_hint.clone().unwrap_or_else(|| format!("log in with `{name}` itself")),
        }
    }

    fn tells_cost(&self) -> bool {
        self.0.rules.iter().any(super::rules::Rule::reads_cost)
    }

    fn abilities(&self) -> Abilities {
        let Self(description) = self;
        Abilities {
            edits_files: description.edits_files,
            follow_up: description.resume_command.is_some(),
            effort: description.takes(Placeholder::Effort),
            output_schema: description.takes(Placeholder::SchemaFile),
            max_turns: description.takes(Placeholder::MaxTurns),
            budget: false,
            max_prompt: description.max_prompt.0,
        }
    }

    fn classify_stderr(&self, tail: &str, _exit_code: Option<i32>) -> Option<Failure> {
        by_pattern(&self.0.failure_patterns, tail).map(|(category, line)| Failure::new(category, line.trim()))
    }

    fn has_terminal_event(&self) -> bool {
        match self.0.format {
            Format::Text => false,
            Format::JsonLines => true,
        }
    }

    fn is_good_exit(&self, code: i32) -> bool {
        self.0.success_exit_codes.contains(&code)
    }

    fn posture_words(&self, posture: Posture) -> &'static str {
        match self.0.posture_args(posture) {
            Some([]) => "no arguments: the program does as it is set up",
            Some([..]) => "the arguments of `postures` in the configuration",
            None => "refused: `postures` in the configuration does not say how to keep to it",
        }
    }
}

fn cannot_follow_up(request: &Request) -> Unservable {
    Unservable {
        message: format!("`{}` cannot go on with a conversation", request.backend),
        hint: "describe how with `resume_command` in its configuration, or submit a new task".to_owned(),
    }
}

/// A description without a read-only posture cannot promise that nothing is touched.
fn cannot_keep(request: &Request) -> Unservable {
    Unservable {
        message: format!("`{}` does not say how to work read-only", request.backend),
        hint: "add `postures: {read_only: [...]}` to its configuration, or use `--posture edit`".to_owned(),
    }
}

fn values(description: &Description, request: &Request) -> Result<Values, Unservable> {
    if request.model.is_some() && !description.takes(Placeholder::Model) {
        return Err(Unservable {
            message: format!("`{}` does not take a model", request.backend),
            hint: "add an argument with `{model}` to its `command`, or leave `--model` out".to_owned(),
        });
    }
    let file = |name: &str| request.attempt_dir.join(name).into_string();
    let session = match &request.session {
        SessionPlan::New { id } => id,
        SessionPlan::Continue(continuation) => &continuation.session,
    };
    let by_file = description.prompt == PromptBy::File;
    let all = [
        (Placeholder::Model, request.model.clone()),
        (Placeholder::Effort, request.effort.map(|effort| effort_word(effort).to_owned())),
        (Placeholder::MaxTurns, request.max_turns.map(|turns| turns.to_string())),
        (Placeholder::WorkingDir, Some(request.working_dir.clone().into_string())),
        (Placeholder::Session, Some(session.clone())),
        (Placeholder::PromptFile, by_file.then(|| file(PROMPT_FILE))),
        (Placeholder::SystemPromptFile, request.system_prompt.as_ref().map(|_| file(SYSTEM_PROMPT_FILE))),
        (Placeholder::SchemaFile, request.output_schema.as_ref().map(|_| file(SCHEMA_FILE))),
    ];
    let values: Values = all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    match values.iter().find(|(_, value)| value.starts_with('-')) {
        Some((name, value)) => Err(Unservable {
            message: format!("`{value}` would be read as a flag in place of `{}`", name.name()),
            hint: "use a value that does not begin with `-`".to_owned(),
        }),
        None => Ok(values),
    }
}

const fn effort_word(effort: Effort) -> &'static str {
    match effort {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Max => "max",
    }
}

/// A role that no argument carries goes in front of the prompt, so that it is never lost.
fn prompt(by: PromptBy, command: &[Argument], request: &Request) -> PromptVia {
    let text = match &request.system_prompt {
        Some(role) if !mentions(command, Placeholder::SystemPromptFile) => format!("{role}\n\n{}", request.prompt),
        Some(_) | None => request.prompt.clone(),
    };
    match by {
        PromptBy::Stdin => PromptVia::Stdin(text),
        PromptBy::File => PromptVia::File { name: PROMPT_FILE.to_owned(), content: text },
    }
}

fn files(command: &[Argument], request: &Request) -> BTreeMap<String, String> {
    let role = request.system_prompt.clone().filter(|_| mentions(command, Placeholder::SystemPromptFile));
    let schema = request.output_schema.as_ref().filter(|_| mentions(command, Placeholder::SchemaFile));
    let all = [(SYSTEM_PROMPT_FILE, role), (SCHEMA_FILE, schema.map(ToString::to_string))];
    all.into_iter().filter_map(|(name, content)| Some((name.to_owned(), content?))).collect()
}
