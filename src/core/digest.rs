//! The running summary of one attempt: a fold over its events.
//!
//! Everything `status` says about an agent's work comes from here, so that it can be
//! kept as a small checkpoint and continued from any byte of the stream.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AgentEvent, Category, EventRecord, Timestamp, Usage};

const RECENT_STEPS: usize = 8;
/// Room for an answer in the checkpoint; a longer one is read from the stream itself.
const TEXT_CAP: usize = 4 * 1024 * 1024;
const FILES_CAP: usize = 1000;

/// A tool call without an end so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolInFlight {
    pub name: String,
    pub summary: String,
    pub since: Timestamp,
}

/// What the agent's last terminal event said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Terminal {
    Success,
    Failure { category: Category, message: String },
}

/// One line of what happened, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub at: Timestamp,
    pub text: String,
}

/// The summary of one attempt so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Digest {
    pub events: u64,
    pub unknown_events: u64,
    pub session: Option<String>,
    pub version: Option<String>,
    /// The model that the agent announced.
    pub model_announced: Option<String>,
    /// The model that answered, as the server named it.
    pub model_served: Option<String>,
    /// The last text for the user.
    pub last_text: Option<String>,
    /// The answer that the terminal event carried.
    pub result: Option<String>,
    pub structured: Option<Value>,
    pub turns: Option<u32>,
    pub terminal: Option<Terminal>,
    pub tools_in_flight: BTreeMap<String, ToolInFlight>,
    pub tools_finished: u64,
    pub tools_failed: u64,
    pub denials: Vec<String>,
    pub files: Vec<String>,
    pub usage: Usage,
    pub retrying: Option<(Category, String)>,
    pub rate_limited_until: Option<Timestamp>,
    pub rate_limited: bool,
    pub question: Option<String>,
    pub recent_steps: VecDeque<Step>,
    pub first_event_at: Option<Timestamp>,
    pub last_event_at: Option<Timestamp>,
}

impl Digest {
    /// Returns the final answer: the terminal event's, else the last text.
    pub fn answer(&self) -> Option<&str> {
        let full = |text: &&str| !text.trim().is_empty();
        self.result.as_deref().filter(full).or(self.last_text.as_deref().filter(full))
    }

    /// Returns the model that did the work, as far as the agent or its server said.
    pub fn actual_model(&self) -> Option<&str> {
        self.model_served.as_deref().or(self.model_announced.as_deref())
    }

    /// Folds one event in; `baseline` is the usage of the run that this one continues.
    pub fn add(&mut self, record: &EventRecord, baseline: &Usage) {
        let EventRecord { at, event, .. } = record;
        self.events += 1;
        self.first_event_at.get_or_insert(*at);
        self.last_event_at = Some(*at);
        if ends_retrying(event) {
            self.retrying = None;
        }
        self.fold(*at, event, baseline);
        if let Some(text) = step_line(event) {
            self.recent_steps.push_back(Step { at: *at, text });
            while self.recent_steps.len() > RECENT_STEPS {
                self.recent_steps.pop_front();
            }
        }
    }

    fn fold(&mut self, at: Timestamp, event: &AgentEvent, baseline: &Usage) {
        match event {
            AgentEvent::Started { session, model, version } => {
                keep(&mut self.session, session);
                keep(&mut self.model_announced, model);
                keep(&mut self.version, version);
            }
            AgentEvent::Text { text, delta } => self.add_text(text, *delta),
            AgentEvent::Thinking { .. } => {}
            AgentEvent::ModelServed { model } => self.model_served = Some(model.clone()),
            AgentEvent::ToolStarted { id, name, summary } => {
                let tool = ToolInFlight { name: name.clone(), summary: summary.clone(), since: at };
                self.tools_in_flight.insert(id.clone(), tool);
            }
            AgentEvent::ToolFinished { id, ok } => {
                self.tools_in_flight.remove(id);
                self.tools_finished += 1;
                self.tools_failed += u64::from(!ok);
            }
            AgentEvent::FileChanged { path, .. } => {
                if self.files.len() < FILES_CAP && !self.files.contains(path) {
                    self.files.push(path.clone());
                }
            }
            AgentEvent::Usage(report) => self.usage.add(report, baseline),
            AgentEvent::RateLimited { until, .. } => {
                self.rate_limited = true;
                self.rate_limited_until = *until;
            }
            AgentEvent::Retrying { category, message, .. } => {
                self.retrying = Some((*category, message.clone()));
            }
            AgentEvent::PermissionDenied { tool, message } => {
                if self.denials.len() < FILES_CAP {
                    self.denials.push(format!("{tool}: {message}"));
                }
            }
            AgentEvent::NeedsInput { question } => self.question = Some(question.clone()),
            AgentEvent::Notice { .. } => {}
            AgentEvent::Finished { result, structured, turns } => {
                keep(&mut self.result, result);
                keep(&mut self.structured, structured);
                self.turns = turns.or(self.turns);
                self.terminal = Some(Terminal::Success);
                self.tools_in_flight.clear();
            }
            AgentEvent::Failed { category, message } => {
                let message = message.clone();
                self.terminal = Some(Terminal::Failure { category: *category, message });
                self.tools_in_flight.clear();
            }
            AgentEvent::Unknown { .. } => self.unknown_events += 1,
        }
    }

    fn add_text(&mut self, text: &str, delta: bool) {
        match &mut self.last_text {
            Some(last) if delta && last.len() + text.len() <= TEXT_CAP => last.push_str(text),
            Some(_) if delta => {}
            last => *last = Some(head(text, TEXT_CAP).to_owned()),
        }
    }
}

fn keep<T: Clone>(slot: &mut Option<T>, news: &Option<T>) {
    if news.is_some() {
        slot.clone_from(news);
    }
}

/// Returns the longest head of `text` of at most `cap` bytes that ends at a character.
fn head(text: &str, cap: usize) -> &str {
    &text[..text.floor_char_boundary(cap)]
}

fn step_line(event: &AgentEvent) -> Option<String> {
    let line = match event {
        AgentEvent::ToolStarted { name, summary, .. } if summary.is_empty() => name.clone(),
        AgentEvent::ToolStarted { name, summary, .. } => format!("{name}: {summary}"),
        AgentEvent::FileChanged { path, change } => match change {
            FileChange::Created => format!("created {path}"),
            FileChange::Modified => format!("changed {path}"),
            FileChange::Deleted => format!("deleted {path}"),
        },
        AgentEvent::Text { text, delta: false } => text.lines().find(|line| !line.trim().is_empty())?.to_owned(),
        AgentEvent::Retrying { attempt, message, .. } => format!("retry {attempt}: {message}"),
        AgentEvent::RateLimited { message, .. } => format!("rate limited: {message}"),
        AgentEvent::PermissionDenied { tool, message } => format!("denied {tool}: {message}"),
        AgentEvent::NeedsInput { question } => format!("asks: {question}"),
        AgentEvent::Failed { message, .. } => format!("failed: {message}"),
        AgentEvent::Started { .. } | AgentEvent::Text { .. } | AgentEvent::Thinking { .. } => return None,
        AgentEvent::ModelServed { .. } | AgentEvent::ToolFinished { .. } | AgentEvent::Usage(_) => return None,
        AgentEvent::Notice { .. } | AgentEvent::Finished { .. } | AgentEvent::Unknown { .. } => return None,
    };
    Some(head(&line, 200).to_owned())
}

/// Whether the request that was tried again has got its answer. Neither a bill nor a failure is one:
/// a run that had to be ended while it retried says both at its end.
fn ends_retrying(event: &AgentEvent) -> bool {
    match event {
        AgentEvent::Retrying { .. }
        | AgentEvent::Notice { .. }
        | AgentEvent::Unknown { .. }
        | AgentEvent::Usage(_)
        | AgentEvent::Failed { .. } => false,
        AgentEvent::Started { .. }
        | AgentEvent::Text { .. }
        | AgentEvent::Thinking { .. }
        | AgentEvent::ModelServed { .. }
        | AgentEvent::ToolStarted { .. }
        | AgentEvent::ToolFinished { .. }
        | AgentEvent::FileChanged { .. }
        | AgentEvent::RateLimited { .. }
        | AgentEvent::PermissionDenied { .. }
        | AgentEvent::NeedsInput { .. }
        | AgentEvent::Finished { .. } => true,
    }
}

use super::FileChange;

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(events: Vec<AgentEvent>) -> Digest {
        let mut digest = Digest::default();
        for (seq, event) in (1..).zip(events) {
            digest.add(&EventRecord { seq, at: Timestamp(seq as i64), event }, &Usage::default());
        }
        digest
    }

    fn text(text: &str, delta: bool) -> AgentEvent {
        AgentEvent::Text { text: text.into(), delta }
    }

    #[test]
    fn deltas_continue_a_text_and_a_new_text_replaces_it() {
        assert_eq!(fold(vec![text("a", true), text("b", true)]).answer(), Some("ab"));
        assert_eq!(fold(vec![text("a", false), text("b", false)]).answer(), Some("b"));
    }

    #[test]
    fn the_last_terminal_event_counts() {
        let good = AgentEvent::Finished { result: Some("yes".into()), structured: None, turns: Some(1) };
        let bad = AgentEvent::Failed { category: Category::Auth, message: "no".into() };
        let failure = Terminal::Failure { category: Category::Auth, message: "no".into() };
        assert_eq!(fold(vec![good.clone(), bad.clone()]).terminal, Some(failure));
        assert_eq!(fold(vec![bad, good]).terminal, Some(Terminal::Success));
    }

    #[test]
    fn retrying_ends_with_an_answer_not_with_a_failure() {
        let again = AgentEvent::Retrying { category: Category::Auth, attempt: 1, delay_s: None, message: "401".into() };
        let failed = AgentEvent::Failed { category: Category::Crashed, message: "interrupted".into() };
        let retrying = Some((Category::Auth, "401".to_owned()));
        assert_eq!(fold(vec![again.clone(), failed]).retrying, retrying);
        assert_eq!(fold(vec![again, text("here it is", false)]).retrying, None);
    }

    #[test]
    fn a_tool_is_in_flight_from_its_start_to_its_end() {
        let start = |id: &str| AgentEvent::ToolStarted { id: id.into(), name: "Bash".into(), summary: "ls".into() };
        let end = |id: &str| AgentEvent::ToolFinished { id: id.into(), ok: false };
        let digest = fold(vec![start("1"), start("2"), end("1")]);
        assert_eq!(digest.tools_in_flight.keys().collect::<Vec<_>>(), ["2"]);
        assert_eq!((digest.tools_finished, digest.tools_failed), (1, 1));
    }
}
