//! What error words mean, whichever agent says them.
//!
//! For error output and for short texts that stand where an answer should; never for
//! ordinary answers, which may talk about limits and logins as much as they like.

use crate::core::{Category, Timestamp};

/// One row: all of `words` occur in the text, whatever their case.
struct Pattern {
    words: &'static [&'static str],
    category: Category,
}

const fn pattern(words: &'static [&'static str], category: Category) -> Pattern {
    Pattern { words, category }
}

/// The first row that fits decides, so the narrow ones stand before the wide ones.
const PATTERNS: &[Pattern] = &[
    pattern(&["no conversation found"], Category::SessionNotFound),
    pattern(&["session not found"], Category::SessionNotFound),
    pattern(&["no rollout found"], Category::SessionNotFound),
    pattern(&["no space left on device"], Category::DiskFull),
    pattern(&["enospc"], Category::DiskFull),
    pattern(&["insufficient_quota"], Category::Quota),
    pattern(&["exceeded your current quota"], Category::Quota),
    pattern(&["quota exceeded"], Category::Quota),
    pattern(&["credit balance is too low"], Category::Quota),
    pattern(&["insufficient credit"], Category::Quota),
    pattern(&["specified api usage limits"], Category::Quota),
    pattern(&["billing_error"], Category::Quota),
    pattern(&["payment required"], Category::Quota),
    pattern(&["usage limit reached"], Category::RateLimit),
    pattern(&["hit your", "limit"], Category::RateLimit),
    pattern(&["reached your", "limit"], Category::RateLimit),
    pattern(&["rate limit"], Category::RateLimit),
    pattern(&["rate_limit"], Category::RateLimit),
    pattern(&["too many requests"], Category::RateLimit),
    pattern(&["resource_exhausted"], Category::RateLimit),
    pattern(&["not logged in"], Category::Auth),
    pattern(&["please run /login"], Category::Auth),
    pattern(&["please log in"], Category::Auth),
    pattern(&["login required"], Category::Auth),
    pattern(&["invalid api key"], Category::Auth),
    pattern(&["incorrect api key"], Category::Auth),
    pattern(&["api key not valid"], Category::Auth),
    pattern(&["api key not found"], Category::Auth),
    pattern(&["missing api key"], Category::Auth),
    pattern(&["failed to authenticate"], Category::Auth),
    pattern(&["authentication_failed"], Category::Auth),
    pattern(&["authentication_error"], Category::Auth),
    pattern(&["authentication required"], Category::Auth),
    pattern(&["401 unauthorized"], Category::Auth),
    pattern(&["token has expired"], Category::Auth),
    pattern(&["token expired"], Category::Auth),
    pattern(&["safeguards flagged"], Category::Refused),
    pattern(&["prompt is too long"], Category::ContextFull),
    pattern(&["context_length_exceeded"], Category::ContextFull),
    pattern(&["context window"], Category::ContextFull),
    pattern(&["maximum context length"], Category::ContextFull),
    pattern(&["model_not_found"], Category::InvalidModel),
    pattern(&["the model", "does not exist"], Category::InvalidModel),
    pattern(&["issue with the selected model"], Category::InvalidModel),
    pattern(&["not a supported model"], Category::InvalidModel),
    pattern(&["overloaded"], Category::Overloaded),
    pattern(&["at capacity"], Category::Overloaded),
    pattern(&["experiencing high demand"], Category::Overloaded),
    pattern(&["internal server error"], Category::Overloaded),
    pattern(&["service unavailable"], Category::Overloaded),
    pattern(&["bad gateway"], Category::Overloaded),
    pattern(&["econnrefused"], Category::Network),
    pattern(&["econnreset"], Category::Network),
    pattern(&["enotfound"], Category::Network),
    pattern(&["etimedout"], Category::Network),
    pattern(&["connection refused"], Category::Network),
    pattern(&["connection error"], Category::Network),
    pattern(&["connection failed"], Category::Network),
    pattern(&["could not resolve host"], Category::Network),
    pattern(&["network error"], Category::Network),
    pattern(&["stream disconnected"], Category::Network),
    pattern(&["fetch failed"], Category::Network),
];

/// How a text begins that an agent printed in place of an answer.
const OPENINGS: &[&str] = &[
    "api error",
    "authentication required",
    "claude ai usage limit reached",
    "claude usage limit reached",
    "credit balance is too low",
    "failed to authenticate",
    "incorrect api key",
    "insufficient credit",
    "invalid api key",
    "login required",
    "not logged in",
    "oauth token has expired",
    "please log in",
    "please run /login",
    "prompt is too long",
    "usage limit reached",
    "you exceeded your current quota",
    "you've hit your",
    "you've reached your",
    "you\u{2019}ve hit your",
    "you\u{2019}ve reached your",
];

/// A refusal printed as an answer is one short line; anything longer is somebody's prose.
const LONGEST_NOTICE: usize = 400;

/// Returns what an error text or the end of an error output means.
pub(super) fn classify_text(text: &str) -> Option<Category> {
    let text = text.to_ascii_lowercase();
    let found = PATTERNS.iter().find(|row| row.words.iter().all(|word| text.contains(word)));
    found.map(|row| row.category).or_else(|| classify_status(status_in(&text)?))
}

/// Returns what an answer means that is nothing but an agent's own error message.
pub(super) fn classify_answer(answer: &str) -> Option<Category> {
    let answer = answer.trim();
    if answer.len() > LONGEST_NOTICE {
        return None;
    }
    let lower = answer.to_ascii_lowercase();
    let bare = lower.strip_prefix("error: ").unwrap_or(&lower);
    OPENINGS.iter().any(|opening| bare.starts_with(opening)).then(|| classify_text(bare)).flatten()
}

/// Returns what an HTTP status means when the provider said nothing finer.
pub(super) const fn classify_status(status: u16) -> Option<Category> {
    match status {
        401 | 403 => Some(Category::Auth),
        402 => Some(Category::Quota),
        404 => Some(Category::InvalidModel),
        408 => Some(Category::Network),
        413 => Some(Category::ContextFull),
        429 => Some(Category::RateLimit),
        500..=599 => Some(Category::Overloaded),
        _ => None,
    }
}

/// Returns when a limit ends, from texts that carry it as `…reached|1751552400`.
pub(super) fn limit_reset(text: &str) -> Option<Timestamp> {
    let (_, digits) = text.rsplit_once('|')?;
    unix_seconds(digits.trim().parse().ok()?)
}

/// Returns the instant of a Unix time in seconds, unless it is no date that anybody means.
pub(super) fn unix_seconds(seconds: f64) -> Option<Timestamp> {
    (1e9..1e11).contains(&seconds).then(|| Timestamp::from_millis((seconds * 1000.0) as i64))
}

/// Returns the status in `api error: 529 …`, `status 401`, `http 503`; lower-case text.
fn status_in(text: &str) -> Option<u16> {
    ["api error: ", "api error ", "status: ", "status ", "status code ", "http ", "http error ", "rejected ("]
        .iter()
        .flat_map(|lead| text.match_indices(lead).map(move |(at, _)| &text[at + lead.len()..]))
        .find_map(leading_status)
}

fn leading_status(text: &str) -> Option<u16> {
    let digits = text.get(..3)?;
    let more = text[3..].starts_with(|c: char| c.is_ascii_alphanumeric());
    digits.parse().ok().filter(|status| (400..600).contains(status) && !more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_words_have_one_meaning() {
        let table = [
            ("Invalid API key · Fix external API key", Some(Category::Auth)),
            ("Not logged in · Please run /login", Some(Category::Auth)),
            ("API Error: 401 {\"type\":\"error\"}", Some(Category::Auth)),
            ("unexpected status 401 Unauthorized: Incorrect API key provided", Some(Category::Auth)),
            ("Credit balance is too low", Some(Category::Quota)),
            ("You exceeded your current quota, please check your plan and billing details.", Some(Category::Quota)),
            ("API Error: 402 pay up", Some(Category::Quota)),
            ("Claude AI usage limit reached|1751552400", Some(Category::RateLimit)),
            ("You've hit your 5-hour limit \u{b7} resets 3pm", Some(Category::RateLimit)),
            ("API Error: Request rejected (429) · whatever", Some(Category::RateLimit)),
            ("exceeded retry limit, last status: 429 Too Many Requests", Some(Category::RateLimit)),
            ("API Error: 529 {}", Some(Category::Overloaded)),
            ("Selected model is at capacity", Some(Category::Overloaded)),
            ("ran out of room in the model's context window", Some(Category::ContextFull)),
            ("connect ECONNREFUSED 127.0.0.1:9", Some(Category::Network)),
            ("The model `gpt-9` does not exist", Some(Category::InvalidModel)),
            ("No conversation found with session ID: x", Some(Category::SessionNotFound)),
            ("write: No space left on device", Some(Category::DiskFull)),
            ("warning: unused variable", None),
            ("took 401ms (429 bytes), status 4041", None),
        ];
        for (text, category) in table {
            assert_eq!(classify_text(text), category, "{text}");
        }
    }

    #[test]
    fn an_answer_that_talks_about_errors_is_an_answer() {
        let prose = [
            "Added a rate limit of 10 requests a second to the server; tests pass.",
            "The login page says \"Not logged in\" when the cookie is missing. Fixed.",
            "I fixed the handling of 401 Unauthorized and 429 Too Many Requests.",
            "You've hit your stride",
            "",
        ];
        for text in prose {
            assert_eq!(classify_answer(text), None, "{text}");
        }
        let long = format!("Invalid API key handling was missing. {}", "Here is what I did. ".repeat(30));
        assert_eq!(classify_answer(&long), None);
        assert_eq!(classify_answer(" Error: Not logged in\n"), Some(Category::Auth));
        assert_eq!(classify_answer("Claude AI usage limit reached|1751552400"), Some(Category::RateLimit));
    }

    #[test]
    fn a_limit_may_carry_its_end() {
        assert_eq!(
            limit_reset("Claude AI usage limit reached|1751552400"),
            Some(Timestamp::from_millis(1_751_552_400_000))
        );
        assert_eq!(["no bar", "a|b", "a|12", "a|inf", "a|NaN"].map(limit_reset), [None; 5]);
    }
}
