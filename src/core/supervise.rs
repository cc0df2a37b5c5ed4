//! What the stream of a running attempt asks for: limits that need its meaning.

use super::{Category, Digest, Ending, Span, TaskSpec, Terminal, Timestamp, Usage};

/// Returns why a running attempt has to be ended now, with a line for people.
///
/// `used` is what all attempts of the task used, this one included, `linger` how long the agent may stay after its result,
/// `started_at` when it began.
pub fn supervise(
    spec: &TaskSpec,
    used: &Usage,
    digest: &Digest,
    linger: Span,
    started_at: Timestamp,
    now: Timestamp,
) -> Option<(Ending, String)> {
    let quiet = now.since(digest.last_event_at.unwrap_or(started_at));
    hopeless(digest)
        .or_else(|| over_budget(spec, used))
        .or_else(|| lingering(digest, quiet, linger))
        .or_else(|| idle(spec, digest, quiet))
}

/// Agents retry a refused login for minutes without a word; nobody gains by waiting.
fn hopeless(digest: &Digest) -> Option<(Ending, String)> {
    let (category, message) = digest.retrying.as_ref()?;
    let is_hopeless = matches!(category, Category::Auth | Category::Quota | Category::InvalidModel);
    is_hopeless.then(|| (Ending::FailFast, message.clone()))
}

fn over_budget(spec: &TaskSpec, used: &Usage) -> Option<(Ending, String)> {
    let cost = used.cost.zip(spec.budget).filter(|(cost, budget)| cost > budget);
    let tokens = used.tokens.map(super::Tokens::total).zip(spec.max_tokens);
    match (cost, tokens.filter(|(used, limit)| used > limit)) {
        (Some((cost, budget)), _) => Some((Ending::Budget, format!("{cost} spent of a budget of {budget}"))),
        (None, Some((used, limit))) => Some((Ending::Budget, format!("{used} tokens used of at most {limit}"))),
        (None, None) => None,
    }
}

fn lingering(digest: &Digest, quiet: Span, linger: Span) -> Option<(Ending, String)> {
    let over = matches!(digest.terminal, Some(Terminal::Success | Terminal::Failure { .. }));
    (over && quiet >= linger)
        .then(|| (Ending::Lingered, format!("the agent was still there {linger} after its result")))
}

fn idle(spec: &TaskSpec, digest: &Digest, quiet: Span) -> Option<(Ending, String)> {
    let limit = spec.idle_timeout?;
    let is_idle = quiet >= limit && digest.tools_in_flight.is_empty();
    is_idle.then(|| (Ending::IdleTimedOut, format!("nothing was heard for {limit}")))
}
