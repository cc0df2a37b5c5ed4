//! What Claude Code's error words, statuses and endings mean.
//!
//! Typed fields decide first, text last: `subtype` is "success" for every API failure.

use super::wire::{Scalar, TurnResult};
use crate::{
    backends::text::{classify_status, classify_text},
    core::Category,
};

/// Returns what a result says went wrong; `None` when it is good.
///
/// `assistant_error` is the category of an error that the last assistant message carried.
pub(super) fn verdict(result: &TurnResult<'_>, assistant_error: Option<Category>) -> Option<(Category, String)> {
    if !says_failure(result) && assistant_error.is_none() {
        return None;
    }
    let message = message(result);
    let category = ending(result)
        .or_else(|| by_word(result.api_error.text()?))
        .or(assistant_error.filter(|category| *category != Category::Unknown))
        .or_else(|| classify_status(status(&result.api_error_status)?))
        .or_else(|| classify_text(&message))
        .or_else(|| result.startup_failure_reason.text().map(|_| Category::Launch))
        .or_else(|| no_answer(result))
        .or_else(|| result.subtype.text().is_none().then_some(Category::Protocol))
        .unwrap_or(Category::Unknown);
    Some((category, message))
}

fn says_failure(result: &TurnResult<'_>) -> bool {
    let good_subtype = result.subtype.text() == Some("success");
    result.is_error.is_true()
        || !good_subtype
        || result.api_error.text().is_some()
        || status(&result.api_error_status).is_some_and(|status| status >= 400)
        || !matches!(&result.errors, Scalar::Nothing | Scalar::List(_))
        || matches!(&result.errors, Scalar::List(errors) if !errors.is_empty())
        || ending(result).is_some()
        || result.terminal_reason.text() == Some("api_error")
}

/// What the way the turn ended means by itself.
fn ending(result: &TurnResult<'_>) -> Option<Category> {
    let by_reason = match result.terminal_reason.text().unwrap_or_default() {
        "prompt_too_long" | "image_error" => Some(Category::ContextFull),
        "max_turns" | "budget_exhausted" => Some(Category::Budget),
        "structured_output_retry_exhausted" => Some(Category::Empty),
        "aborted_tools" | "aborted_streaming" => Some(Category::Crashed),
        _ => None,
    };
    let by_subtype = match result.subtype.text().unwrap_or_default() {
        "error_max_turns" | "error_max_budget_usd" => Some(Category::Budget),
        "error_max_structured_output_retries" => Some(Category::Empty),
        _ => None,
    };
    let refused = (result.stop_reason.text() == Some("refusal")).then_some(Category::Refused);
    by_reason.or(by_subtype).or(refused)
}

/// An API failure without an HTTP status never got an answer, or got half of one.
fn no_answer(result: &TurnResult<'_>) -> Option<Category> {
    (result.terminal_reason.text() == Some("api_error") && result.api_error_status.number().is_none())
        .then_some(Category::Network)
}

/// Returns what the words in `assistant.error`, `api_retry.error` and `result.api_error` mean.
pub(super) fn by_word(word: &str) -> Option<Category> {
    match word {
        "authentication_failed" => Some(Category::Auth),
        "billing_error" => Some(Category::Quota),
        "rate_limit" | "usage_limit_reached" => Some(Category::RateLimit),
        "overloaded" => Some(Category::Overloaded),
        "connection_failed" => Some(Category::Network),
        "model_not_found" => Some(Category::InvalidModel),
        "max_output_tokens" => Some(Category::OutputLimit),
        "prompt_too_long" => Some(Category::ContextFull),
        // `server_error` is also the word for a refused connection, `unknown` and
        // `invalid_request` for anything: the status and the text know more.
        _ => None,
    }
}

/// Returns what an error word with its HTTP status means; no status means no HTTP answer.
pub(super) fn by_word_and_status(word: Option<&str>, error_status: &Scalar<'_>) -> Option<Category> {
    word.and_then(by_word).or_else(|| classify_status(status(error_status)?))
}

pub(super) fn status(scalar: &Scalar<'_>) -> Option<u16> {
    scalar.number().map(|number| number as u16)
}

/// Returns the line for people: the error text, which stands in different fields.
fn message(result: &TurnResult<'_>) -> String {
    let reason = result.terminal_reason.text().unwrap_or_default();
    if reason.starts_with("aborted_") {
        return "the run was interrupted".to_owned();
    }
    let first_error = match &result.errors {
        Scalar::List(errors) => errors.iter().find_map(Scalar::text),
        other => other.text(),
    };
    let told = result.result.text().filter(|text| !text.trim().is_empty()).or(first_error);
    let subtype = result.subtype.text().unwrap_or("a result without a status");
    let words = told.or(result.api_error.text()).unwrap_or(if reason.is_empty() { subtype } else { reason });
    words[..words.floor_char_boundary(2000)].to_owned()
}
