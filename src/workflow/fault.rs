//! What is wrong with a workflow file: collected, so that all faults are told at once.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::tree::Position;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fault {
    /// The nested workflow file that it stands in, when that is not the one that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Counted from 1; absent when the workflow came without a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Counted from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Where it stands, such as `steps[2].needs[0]`; empty for the whole.
    pub path: String,
    pub code: FaultCode,
    pub message: String,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// What kind of fault, for programs. The words only ever grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultCode {
    /// The text is not YAML.
    Syntax,
    TooLarge,
    /// An anchor, an alias, a tag or a second document.
    NotAllowed,
    DuplicateKey,
    UnknownKey,
    /// A key that belongs to another kind of step.
    MisplacedKey,
    MissingKey,
    WrongType,
    WrongValue,
    /// Two keys that exclude each other.
    Contradiction,
    BadId,
    DuplicateId,
    UnknownStep,
    Cycle,
    UnknownBackend,
    UnknownRole,
    MissingParameter,
    UnknownParameter,
    /// A template or expression that cannot be read.
    BadExpression,
    UndefinedName,
    /// A reference to a step that is not sure to be over by then.
    NotAnAncestor,
    NoBound,
    MatrixTooBig,
    TooManySteps,
    TooDeep,
    /// A nested workflow that cannot be read.
    Unreadable,
}

impl Fault {
    pub fn new(at: Position, path: &Path, code: FaultCode, message: impl Into<String>) -> Self {
        let known = |number: u32| (number > 0).then_some(number);
        Self {
            file: None,
            line: known(at.line),
            column: known(at.column),
            path: clipped(path.to_string(), 200),
            code,
            message: clipped(message.into(), 400),
            suggestion: None,
        }
    }

    #[must_use]
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    #[must_use]
    pub fn suggest_maybe(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }
}

/// A key may be a megabyte; a fault is read.
fn clipped(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The way from the top of the file to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let dot = if self.0.is_empty() { "" } else { "." };
        Self(format!("{}{dot}{key}", self.0))
    }

    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The most faults that are told. What has more has one cause for most of them, and looking for what was meant by
/// each would cost more than the rest of the check.
pub const MOST_FAULTS: usize = 200;

/// Returns the faults in the order of the file, each once.
pub(super) fn in_order(mut faults: Vec<Fault>) -> Vec<Fault> {
    let place = |fault: &Fault| (fault.file.clone(), fault.line, fault.column, counted(&fault.path), fault.code);
    faults.sort_by_cached_key(place);
    faults.dedup();
    faults.truncate(MOST_FAULTS);
    faults
}

/// Returns a path in which `steps[10]` comes after `steps[9]`.
fn counted(path: &str) -> String {
    let mut counted = String::new();
    let mut digits = String::new();
    for c in path.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            counted.push_str(&format!("{digits:0>6}"));
            digits.clear();
        }
        counted.push(c);
    }
    counted + &digits
}
