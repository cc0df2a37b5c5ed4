//! What a person writes about a program, and the checks that make it a backend.

use serde::{Deserialize, Serialize};

use super::arguments::{Argument, Placeholder, mentions};
use super::rules::{Emit, Rule};
use crate::core::{Bytes, Category, Posture};

/// A backend described in the configuration:
///
/// ```yaml
/// opencode:
///   command: [opencode, run, --format, json, [-m, "{model}"], "{posture}"]
///   resume_command: [opencode, run, --format, json, --session, "{session}", "{posture}"]
///   format: json_lines
///   postures: {read_only: [--agent, plan], full: [--auto]}
///   rules:
///     - {when: {/type: step_start}, emit: started, fields: {session: /sessionID}}
///     - {when: {/type: text}, emit: text, fields: {text: /part/text}}
///     - {when: {/type: step_finish, /part/reason: stop}, emit: finished}
///     - {when: {/type: error}, emit: failed, fields: {message: /error/data/message, status: /error/data/statusCode}}
///   failure_patterns: [{contains: session not found, category: session_not_found}]
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Description", into = "Description")]
pub struct CustomBackend(pub(super) Description);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    /// The program and its arguments. An argument may hold placeholders; a nested list is left out as a
    /// whole when one of its placeholders has no value.
    pub command: Vec<Argument>,
    /// The same for going on with a conversation; absent when the program cannot.
    #[serde(default)]
    pub resume_command: Option<Vec<Argument>>,
    #[serde(default)]
    pub prompt: PromptBy,
    #[serde(default)]
    pub format: Format,
    /// How to read `json_lines`; see [`Rule`].
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Names of environment variables to pass on; never values.
    #[serde(default)]
    pub env_pass: Vec<String>,
    /// Names of which one must be set for the program to work.
    #[serde(default)]
    pub needs_env: Vec<String>,
    #[serde(default = "yes")]
    pub edits_files: bool,
    #[serde(default = "zero_only")]
    pub success_exit_codes: Vec<i32>,
    #[serde(default = "a_megabyte")]
    pub max_prompt: Bytes,
    #[serde(default)]
    pub install_hint: Option<String>,
    #[serde(default)]
    pub login_hint: Option<String>,
    #[serde(default = "version_flag")]
    pub version_args: Vec<String>,
    #[serde(default)]
    pub login_check_args: Option<Vec<String>>,
    /// The arguments that stand for each posture, where the command says `{posture}`, else at its end.
    #[serde(default)]
    pub postures: Postures,
    /// What words of an error mean, in its message or on standard error; the first that fits.
    #[serde(default)]
    pub failure_patterns: Vec<FailurePattern>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PromptBy {
    #[default]
    Stdin,
    /// A file that an argument names by `{prompt_file}`.
    File,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// Standard output is the answer; success is the exit code.
    #[default]
    Text,
    /// Every line is a JSON value, read by the rules.
    JsonLines,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Postures {
    pub read_only: Option<Vec<String>>,
    pub edit: Option<Vec<String>>,
    pub full: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailurePattern {
    /// Upper and lower case are the same here.
    pub contains: String,
    pub category: Category,
}

/// A description that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidDescription {
    #[error("`command` names no program")]
    NoProgram,
    #[error("`{0}` starts with a placeholder; the program must be named")]
    ProgramVaries(&'static str),
    #[error("`prompt: file` needs an argument with `{{prompt_file}}`")]
    PromptFileUnused,
    #[error("`resume_command` needs an argument with `{{session}}`")]
    SessionUnused,
    #[error("`format: json_lines` needs a rule that emits `finished`, or no run ever succeeds")]
    NeverFinishes,
    #[error("`rules` are for `format: json_lines`")]
    RulesForText,
}

impl TryFrom<Description> for CustomBackend {
    type Error = InvalidDescription;

    fn try_from(description: Description) -> Result<Self, InvalidDescription> {
        check_program("command", &description.command)?;
        if let Some(command) = &description.resume_command {
            check_program("resume_command", command)?;
            if !mentions(command, Placeholder::Session) {
                return Err(InvalidDescription::SessionUnused);
            }
        }
        let commands = || std::iter::once(&description.command).chain(&description.resume_command);
        let names_file = commands().all(|command| mentions(command, Placeholder::PromptFile));
        if description.prompt == PromptBy::File && !names_file {
            return Err(InvalidDescription::PromptFileUnused);
        }
        match description.format {
            Format::Text if !description.rules.is_empty() => Err(InvalidDescription::RulesForText),
            Format::JsonLines if !description.rules.iter().any(|rule| rule.emits(Emit::Finished)) => {
                Err(InvalidDescription::NeverFinishes)
            }
            Format::Text | Format::JsonLines => Ok(Self(description)),
        }
    }
}

impl From<CustomBackend> for Description {
    fn from(backend: CustomBackend) -> Self {
        backend.0
    }
}

impl Description {
    /// Returns whether the command can carry a value of this kind.
    pub(super) fn takes(&self, placeholder: Placeholder) -> bool {
        mentions(&self.command, placeholder)
    }

    /// Returns the arguments for `posture`; `None` when the description does not say how to keep to it.
    pub(super) fn posture_args(&self, posture: Posture) -> Option<&[String]> {
        match posture {
            Posture::ReadOnly if !self.edits_files => Some(self.postures.read_only.as_deref().unwrap_or_default()),
            Posture::ReadOnly => self.postures.read_only.as_deref(),
            Posture::Edit => Some(self.postures.edit.as_deref().unwrap_or_default()),
            Posture::Full => Some(self.postures.full.as_deref().unwrap_or_default()),
        }
    }
}

/// Returns what `text` means by the patterns, with the line that says so.
pub(super) fn by_pattern<'t>(patterns: &[FailurePattern], text: &'t str) -> Option<(Category, &'t str)> {
    patterns.iter().find_map(|pattern| {
        let words = pattern.contains.to_lowercase();
        let line = text.lines().find(|line| line.to_lowercase().contains(&words))?;
        Some((pattern.category, line))
    })
}

fn check_program(name: &'static str, command: &[Argument]) -> Result<(), InvalidDescription> {
    let program = command.first().ok_or(InvalidDescription::NoProgram)?;
    program.as_fixed().map(|_| ()).ok_or(InvalidDescription::ProgramVaries(name))
}

const fn yes() -> bool {
    true
}

fn zero_only() -> Vec<i32> {
    vec![0]
}

const fn a_megabyte() -> Bytes {
    Bytes(1_000_000)
}

fn version_flag() -> Vec<String> {
    vec!["--version".to_owned()]
}
