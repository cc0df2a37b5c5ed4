//! What a failed try means, and what to do next: one table for HTTP errors and errors inside a stream.

use std::time::Duration;

use serde_json::Value;

use crate::{backends::text, core::Category};

/// A try that did not end in an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trouble {
    pub category: Category,
    pub message: String,
    pub next: Next,
}

/// What can be done about it without a person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Next {
    GiveUp,
    /// Ask again, after the time that the server named or one of our own.
    TryAgain {
        after: Option<Duration>,
    },
    /// The server has forgotten the conversation: send it along.
    Replay,
}

impl Trouble {
    /// Returns the trouble of a connection that failed or ended early; such a request may be made again.
    pub(super) fn network(message: impl Into<String>) -> Self {
        Self { category: Category::Network, message: message.into(), next: Next::TryAgain { after: None } }
    }

    /// Returns trouble that trying again does not help.
    pub(super) fn last(category: Category, message: impl Into<String>) -> Self {
        Self { category, message: message.into(), next: Next::GiveUp }
    }

    /// Returns what an error object says; `status` is the HTTP status, absent inside a stream.
    pub(super) fn of_error(status: Option<u16>, error: &Value, after: Option<Duration>) -> Self {
        let field = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let named = by_code(field("code")).or_else(|| by_code(field("type")));
        let category = named.or_else(|| status.map(by_status)).unwrap_or(Category::Unknown);
        let lost = field("code") == "previous_response_not_found"
            || (matches!(status, Some(400 | 404)) && field("param") == "previous_response_id");
        let category = if lost { Category::SessionNotFound } else { category };
        let passes = matches!(category, Category::RateLimit | Category::Overloaded | Category::Network);
        let next = match (lost, passes) {
            (true, _) => Next::Replay,
            (false, true) => Next::TryAgain { after },
            (false, false) => Next::GiveUp,
        };
        Self { category, message: words(status, error.as_str().unwrap_or(field("message"))), next }
    }
}

fn words(status: Option<u16>, message: &str) -> String {
    let message = if message.is_empty() { "the server gave no reason" } else { message };
    match status {
        Some(status) => format!("HTTP {status}: {message}"),
        None => message.to_owned(),
    }
}

/// The codes of the API, which say more than the status: 429 is also an empty account.
/// <https://platform.openai.com/docs/guides/error-codes>
fn by_code(code: &str) -> Option<Category> {
    Some(match code {
        "invalid_api_key" | "invalid_organization" | "authentication_error" => Category::Auth,
        "insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active" => Category::Quota,
        "rate_limit_exceeded" => Category::RateLimit,
        "model_not_found" | "unsupported_parameter" | "unsupported_value" => Category::InvalidModel,
        "context_length_exceeded" | "string_above_max_length" => Category::ContextFull,
        "content_filter" | "content_policy_violation" | "invalid_prompt" => Category::Refused,
        "server_error" | "server_overloaded" | "engine_overloaded" | "overloaded_error" => Category::Overloaded,
        _ => return None,
    })
}

/// Returns what an HTTP status alone says.
pub(in crate::backends) fn by_status(status: u16) -> Category {
    match status {
        // A gateway's word about the line, not about the model's load.
        502 | 504 => Category::Network,
        status => text::classify_status(status).unwrap_or(Category::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_code_says_more_than_the_status() {
        let again = Next::TryAgain { after: None };
        let table = [
            (Some(401), json!({}), Category::Auth, Next::GiveUp),
            (Some(403), json!({"code": null}), Category::Auth, Next::GiveUp),
            (Some(402), json!({}), Category::Quota, Next::GiveUp),
            (Some(429), json!({"code": "insufficient_quota"}), Category::Quota, Next::GiveUp),
            (Some(429), json!({"code": "rate_limit_exceeded"}), Category::RateLimit, again),
            (Some(404), json!({"code": "model_not_found"}), Category::InvalidModel, Next::GiveUp),
            (Some(400), json!({"code": "context_length_exceeded"}), Category::ContextFull, Next::GiveUp),
            (Some(400), json!({"code": "previous_response_not_found"}), Category::SessionNotFound, Next::Replay),
            (Some(404), json!({"param": "previous_response_id"}), Category::SessionNotFound, Next::Replay),
            (Some(400), json!({"code": "odd"}), Category::Unknown, Next::GiveUp),
            (Some(500), json!({"type": "server_error"}), Category::Overloaded, again),
            (Some(503), Value::Null, Category::Overloaded, again),
            (Some(502), json!("text"), Category::Network, again),
            (None, json!({"code": "rate_limit_exceeded"}), Category::RateLimit, again),
            (None, json!({"code": 7}), Category::Unknown, Next::GiveUp),
        ];
        for (status, error, category, next) in table {
            let trouble = Trouble::of_error(status, &error, None);
            assert_eq!((trouble.category, trouble.next), (category, next), "{status:?} {error}");
        }
    }
}
