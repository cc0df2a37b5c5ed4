//! Health: one word for what a person should believe about a task now.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Category, Digest, Failure, Span, Status, Timestamp};

/// Quiet for this long is worth a word.
const IDLE: Span = Span::from_secs(30);
/// Quiet for this long without a tool in flight is worth a look.
const STALLED: Span = Span::from_secs(90);
/// A tool call of this length explains the silence.
const LONG_TOOL: Span = Span::from_secs(10);

/// A flag for people, never a reason to kill.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Health {
    Queued,
    Held,
    Running,
    RunningLongTool,
    Idle,
    Stalled,
    Paused,
    NeedsInput,
    Done,
    Failed,
    Cancelled,
    TimedOut,
    AuthError,
    BackendMissing,
    RateLimited,
    Skipped,
    Lost,
}

impl Health {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Running => "running",
            Self::RunningLongTool => "running_long_tool",
            Self::Idle => "idle",
            Self::Stalled => "stalled",
            Self::Paused => "paused",
            Self::NeedsInput => "needs_input",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::AuthError => "auth_error",
            Self::BackendMissing => "backend_missing",
            Self::RateLimited => "rate_limited",
            Self::Skipped => "skipped",
            Self::Lost => "lost",
        }
    }
}

/// What health is derived from.
#[derive(Clone, Copy, Debug)]
pub struct HealthView<'a> {
    pub status: Status,
    pub failure: Option<&'a Failure>,
    pub digest: Option<&'a Digest>,
    pub started_at: Option<Timestamp>,
    pub now: Timestamp,
}

/// Derives the one word.
pub fn health(view: &HealthView<'_>) -> Health {
    match view.status {
        Status::Queued => Health::Queued,
        Status::Held => Health::Held,
        Status::Paused => Health::Paused,
        Status::NeedsInput => Health::NeedsInput,
        Status::Done => Health::Done,
        Status::Cancelled => Health::Cancelled,
        Status::TimedOut => Health::TimedOut,
        Status::Skipped => Health::Skipped,
        Status::Lost => Health::Lost,
        Status::Failed => failed(view.failure),
        Status::Running => running(view),
    }
}

fn failed(failure: Option<&Failure>) -> Health {
    match failure.map(|failure| failure.category) {
        Some(Category::Auth) => Health::AuthError,
        Some(Category::BackendMissing) => Health::BackendMissing,
        Some(Category::RateLimit) => Health::RateLimited,
        // Open on purpose: every other category reads as plain failure.
        Some(_) | None => Health::Failed,
    }
}

fn running(view: &HealthView<'_>) -> Health {
    let Some(digest) = view.digest else { return Health::Running };
    match &digest.retrying {
        Some((Category::RateLimit, _)) => return Health::RateLimited,
        Some((Category::Auth, _)) => return Health::AuthError,
        // Open on purpose: other retries are ordinary work.
        Some(_) | None => {}
    }
    if digest.question.is_some() {
        return Health::NeedsInput;
    }
    let oldest_tool = digest.tools_in_flight.values().map(|tool| tool.since).min();
    if let Some(since) = oldest_tool {
        return if view.now.since(since) >= LONG_TOOL { Health::RunningLongTool } else { Health::Running };
    }
    let last_news = digest.last_event_at.or(view.started_at).unwrap_or(view.now);
    match view.now.since(last_news) {
        quiet if quiet >= STALLED => Health::Stalled,
        quiet if quiet >= IDLE => Health::Idle,
        _ => Health::Running,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::digest::ToolInFlight;

    fn at(digest: &Digest, secs: i64) -> Health {
        let now = Timestamp(secs * 1000);
        let started_at = Some(Timestamp(0));
        health(&HealthView { status: Status::Running, failure: None, digest: Some(digest), started_at, now })
    }

    #[test]
    fn silence_is_idle_then_stalled_unless_a_tool_explains_it() {
        let quiet = Digest { last_event_at: Some(Timestamp(0)), ..Digest::default() };
        assert_eq!(
            [29, 30, 89, 90].map(|secs| at(&quiet, secs)),
            [Health::Running, Health::Idle, Health::Idle, Health::Stalled]
        );
        let mut busy = quiet;
        let tool = ToolInFlight { name: "Bash".into(), summary: "make".into(), since: Timestamp(0) };
        busy.tools_in_flight.insert("1".into(), tool);
        assert_eq!(
            [5, 10, 900].map(|secs| at(&busy, secs)),
            [Health::Running, Health::RunningLongTool, Health::RunningLongTool]
        );
    }

    #[test]
    fn a_failure_that_needs_someone_has_its_own_word() {
        let failure = Failure::new(Category::Auth, "no");
        let view = HealthView {
            status: Status::Failed,
            failure: Some(&failure),
            digest: None,
            started_at: None,
            now: Timestamp(0),
        };
        assert_eq!(health(&view), Health::AuthError);
    }
}
