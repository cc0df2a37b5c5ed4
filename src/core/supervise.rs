//! What the stream of a running attempt asks for: limits that need its meaning.

use super::{Category, Digest, Ending, Span, TaskSpec, Terminal, Timestamp, Usage};

/// Returns why a running attempt has to be ended now, with a line for people.
///
/// `used` is what all attempts of the task used, this one included, `linger` how long the agent may stay after its result,
/// `since` when it began, or went on after a pause: who was made to stand still was not silent.
pub fn supervise(
    spec: &TaskSpec,
    used: &Usage,
    digest: &Digest,
    linger: Span,
    since: Timestamp,
    now: Timestamp,
) -> Option<(Ending, String)> {
    let quiet = now.since(digest.last_event_at.unwrap_or(since).max(since));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_from_the_last_word_the_start_and_the_end_of_a_pause() {
        let spec = r#"{"backend":"codex","working_dir":"/w","max_output":"1MB","idle_timeout":"1m"}"#;
        let spec: TaskSpec = serde_json::from_str(spec).unwrap();
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        let is_idle = |last: Option<i64>, since: i64, now: i64| {
            let digest = Digest { last_event_at: last.map(at), ..Digest::default() };
            let found = supervise(&spec, &Usage::default(), &digest, Span::from_secs(10), at(since), at(now));
            found.map(|(ending, _)| ending) == Some(Ending::IdleTimedOut)
        };
        let rows = [(None, 0, 59, false), (None, 0, 60, true), (Some(50), 0, 100, false), (Some(50), 0, 110, true)];
        let after_a_pause = [(Some(50), 500, 559, false), (Some(50), 500, 560, true), (Some(510), 500, 569, false)];
        for (last, since, now, expected) in rows.into_iter().chain(after_a_pause) {
            assert_eq!(is_idle(last, since, now), expected, "{last:?} {since} {now}");
        }
    }
}
