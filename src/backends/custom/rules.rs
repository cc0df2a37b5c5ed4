//! Rules: which line of JSON means which event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::description::{FailurePattern, by_pattern};
use crate::backends::Parser;
use crate::backends::event_lines::unknown;
use crate::backends::gpt::category_of_status;
use crate::core::{AgentEvent, Category, Money, NoticeLevel, Tokens, UsageReport, UsageScope};

/// One rule. Every rule is tried on every line, in order; of those that fit, the first of each kind of
/// event counts. So a special case stands before the general one, and a line may mean several events.
/// A line that no rule fits is kept as unknown; `emit: nothing` says that it is known and means nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RuleText", into = "RuleText")]
pub(super) struct Rule(RuleText);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    /// What must stand where: a value, or a text that ends in `*` for any beginning; `*` alone is anything
    /// but nothing.
    #[serde(default)]
    when: BTreeMap<Pointer, Value>,
    emit: Emit,
    /// Fields of the event and where their values stand.
    #[serde(default)]
    fields: BTreeMap<String, Pointer>,
    /// Values for fields that stand nowhere in the line.
    #[serde(default)]
    constants: BTreeMap<String, Value>,
}

/// A JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Pointer(String);

/// A kind of event that a rule makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Emit {
    Started,
    Text,
    Thinking,
    ModelServed,
    ToolStarted,
    ToolFinished,
    FileChanged,
    Usage,
    RateLimited,
    Retrying,
    PermissionDenied,
    NeedsInput,
    Notice,
    Finished,
    Failed,
    Nothing,
}

impl Emit {
    /// Returns the fields that a rule of this kind may give.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Started => &["session", "model", "version"],
            Self::Text => &["text", "delta"],
            Self::Thinking => &["text"],
            Self::ModelServed => &["model"],
            Self::ToolStarted => &["id", "name", "summary"],
            Self::ToolFinished => &["id", "ok"],
            Self::FileChanged => &["path", "change"],
            Self::Usage => &["input", "output", "cache_read", "cache_write", "cost", "model", "scope"],
            Self::RateLimited => &["message"],
            Self::Retrying => &["category", "attempt", "delay_s", "message", "status"],
            Self::PermissionDenied => &["tool", "message"],
            Self::NeedsInput => &["question"],
            Self::Notice => &["level", "text"],
            Self::Finished => &["result", "structured", "turns"],
            Self::Failed => &["category", "message", "status"],
            Self::Nothing => &[],
        }
    }
}

/// A rule that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum InvalidRule {
    #[error("`{0}` is not a JSON pointer: write `/field/inner`")]
    Pointer(String),
    #[error("a rule that emits this event has no field `{field}`; there are {known}")]
    Field { field: String, known: String },
}

impl TryFrom<String> for Pointer {
    type Error = InvalidRule;

    fn try_from(text: String) -> Result<Self, InvalidRule> {
        if text.is_empty() || text.starts_with('/') { Ok(Self(text)) } else { Err(InvalidRule::Pointer(text)) }
    }
}

impl From<Pointer> for String {
    fn from(pointer: Pointer) -> Self {
        pointer.0
    }
}

impl TryFrom<RuleText> for Rule {
    type Error = InvalidRule;

    fn try_from(text: RuleText) -> Result<Self, InvalidRule> {
        let known = text.emit.fields();
        match text.fields.keys().chain(text.constants.keys()).find(|name| !known.contains(&name.as_str())) {
            Some(field) => Err(InvalidRule::Field { field: field.clone(), known: known.join(", ") }),
            None => Ok(Self(text)),
        }
    }
}

impl From<Rule> for RuleText {
    fn from(rule: Rule) -> Self {
        rule.0
    }
}

impl Rule {
    pub(super) fn emits(&self, kind: Emit) -> bool {
        self.0.emit == kind
    }

    /// Whether it reads what something has cost.
    pub(super) fn reads_cost(&self) -> bool {
        self.0.fields.contains_key("cost")
    }

    fn fits(&self, line: &Value) -> bool {
        self.0.when.iter().all(|(pointer, wanted)| line.pointer(&pointer.0).is_some_and(|value| is_like(value, wanted)))
    }
}

fn is_like(value: &Value, wanted: &Value) -> bool {
    match (wanted.as_str().and_then(|text| text.strip_suffix('*')), value) {
        (Some(""), value) => !value.is_null(),
        (Some(head), Value::String(text)) => text.starts_with(head),
        (Some(_), _) => false,
        (None, value) => value == wanted,
    }
}

/// Reads lines of JSON by rules.
pub(super) struct RuleReader {
    rules: Vec<Rule>,
    patterns: Vec<FailurePattern>,
}

impl RuleReader {
    pub(super) fn new(rules: Vec<Rule>, patterns: Vec<FailurePattern>) -> Self {
        Self { rules, patterns }
    }

    /// Returns the events of a line; `None` when it has no meaning by the rules.
    fn read(&self, line: &Value) -> Option<Vec<AgentEvent>> {
        let (mut kinds, mut events) = (Vec::new(), Vec::new());
        for rule in self.rules.iter().filter(|rule| rule.fits(line)) {
            let kind = rule.0.emit;
            if !kinds.contains(&kind) {
                kinds.push(kind);
                events.extend(Fields { line, rule: &rule.0 }.event(&self.patterns));
            }
        }
        let is_known = !events.is_empty() || kinds.contains(&Emit::Nothing);
        is_known.then_some(events)
    }
}

impl Parser for RuleReader {
    fn line(&mut self, line: &[u8], events: &mut Vec<AgentEvent>) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let read = serde_json::from_slice(line).ok().and_then(|value| self.read(&value));
        match read {
            Some(read) => events.extend(read),
            None => events.push(unknown(line)),
        }
    }
}

/// The values that a rule finds in a line.
struct Fields<'a> {
    line: &'a Value,
    rule: &'a RuleText,
}

impl Fields<'_> {
    /// Returns the event; `None` when a value that it cannot do without is not there.
    fn event(&self, patterns: &[FailurePattern]) -> Option<AgentEvent> {
        let (text, or) =
            (|name| self.text(name), |name, other: &str| self.text(name).unwrap_or_else(|| other.to_owned()));
        Some(match self.rule.emit {
            Emit::Started => {
                AgentEvent::Started { session: text("session"), model: text("model"), version: text("version") }
            }
            Emit::Text => AgentEvent::Text { text: text("text")?, delta: self.is_set("delta", false) },
            Emit::Thinking => AgentEvent::Thinking { text: text("text")? },
            Emit::ModelServed => AgentEvent::ModelServed { model: text("model")? },
            Emit::ToolStarted => {
                AgentEvent::ToolStarted { id: text("id")?, name: or("name", "tool"), summary: or("summary", "") }
            }
            Emit::ToolFinished => AgentEvent::ToolFinished { id: text("id")?, ok: self.is_set("ok", true) },
            Emit::FileChanged => AgentEvent::FileChanged { path: text("path")?, change: self.word("change")? },
            Emit::Usage => AgentEvent::Usage(self.usage()?),
            Emit::RateLimited => AgentEvent::RateLimited { until: None, message: or("message", "rate limited") },
            Emit::Retrying => self.retrying(patterns),
            Emit::PermissionDenied => {
                AgentEvent::PermissionDenied { tool: or("tool", "tool"), message: or("message", "not allowed") }
            }
            Emit::NeedsInput => AgentEvent::NeedsInput { question: text("question")? },
            Emit::Notice => {
                AgentEvent::Notice { level: self.word("level").unwrap_or(NoticeLevel::Info), text: text("text")? }
            }
            Emit::Finished => AgentEvent::Finished {
                result: text("result"),
                structured: self.value("structured").filter(|value| !value.is_null()).cloned(),
                turns: self.count("turns").and_then(|count| u32::try_from(count).ok()),
            },
            Emit::Failed => self.failed(patterns),
            Emit::Nothing => return None,
        })
    }

    fn retrying(&self, patterns: &[FailurePattern]) -> AgentEvent {
        let message = self.text("message").unwrap_or_else(|| "the agent tries again".to_owned());
        AgentEvent::Retrying {
            category: self.category(&message, patterns),
            attempt: self.count("attempt").and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
            delay_s: self.value("delay_s").and_then(Value::as_f64),
            message,
        }
    }

    fn failed(&self, patterns: &[FailurePattern]) -> AgentEvent {
        let message = self.text("message").unwrap_or_else(|| "the agent reported an error".to_owned());
        AgentEvent::Failed { category: self.category(&message, patterns), message }
    }

    /// The rule's word for the category, else what the message's words mean, else the HTTP status.
    fn category(&self, message: &str, patterns: &[FailurePattern]) -> Category {
        let by_words = || by_pattern(patterns, message).map(|(category, _)| category);
        let status = || self.count("status").and_then(|status| u16::try_from(status).ok());
        let category = self.word("category").or_else(by_words).or_else(|| status().map(category_of_status));
        category.unwrap_or(Category::Unknown)
    }

    /// A report that says nothing is no report: unknown is not zero.
    fn usage(&self) -> Option<UsageReport> {
        let names = ["input", "output", "cache_read", "cache_write"];
        let [input, output, cache_read, cache_write] = names.map(|name| self.count(name));
        let is_counted = [input, output, cache_read, cache_write].iter().any(Option::is_some);
        // Less than any sum that could overflow.
        let bucket = |count: Option<u64>| count.unwrap_or_default().min(u64::from(u32::MAX));
        let tokens = is_counted.then(|| Tokens {
            input: bucket(input),
            output: bucket(output),
            cache_read: bucket(cache_read),
            cache_write: bucket(cache_write),
        });
        let cost = self.value("cost").and_then(Value::as_f64).and_then(Money::from_dollars);
        let scope = self.word("scope").unwrap_or(UsageScope::Step);
        (tokens.is_some() || cost.is_some()).then(|| UsageReport { scope, tokens, cost, model: self.text("model") })
    }

    fn value(&self, name: &str) -> Option<&Value> {
        let found = self.rule.fields.get(name).and_then(|pointer| self.line.pointer(&pointer.0));
        found.or_else(|| self.rule.constants.get(name))
    }

    /// Anything but nothing can be told as text; an object or a list as its JSON.
    fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Some(value.to_string()),
        }
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.value(name)?.as_u64()
    }

    fn is_set(&self, name: &str, otherwise: bool) -> bool {
        self.value(name).and_then(Value::as_bool).unwrap_or(otherwise)
    }

    /// Returns a word of one of our own lists.
    fn word<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_value(self.value(name)?.clone()).ok()
    }
}
