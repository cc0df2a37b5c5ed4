//! Whether a failed attempt is followed by another, and when.

use super::{Category, Failure, HoldReason, Next, Outcome, Span, Status, TaskSpec, Timestamp};

const FIRST_WAIT: Span = Span::from_secs(2);
const LONGEST_WAIT: Span = Span::from_secs(300);

/// Returns when try `number + 1` starts, or `None` when try `number` was the last.
///
/// A limit with a known end is waited for; a failure that cannot pass by itself goes to the
/// next backend at once, if there is one.
pub fn retry_after(
    spec: &TaskSpec,
    number: u32,
    outcome: &Outcome,
    limit_ends: Option<Timestamp>,
    now: Timestamp,
) -> Option<Next> {
    let failure = outcome.failure.as_ref().filter(|_| outcome.status == Status::Failed)?;
    // Another backend would meet the same check, or the same workspace.
    if matches!(failure.category, Category::Verification | Category::Archive) {
        return None;
    }
    let next_backend = spec.backend_of(number + 1)?;
    let same_backend = spec.backend_of(number) == Some(next_backend);
    match (failure.category, same_backend) {
        (Category::RateLimit, true) => {
            let at = limit_ends.filter(|at| *at > now).unwrap_or_else(|| now.plus(wait_of(number)));
            Some(Next::Retry { at, reason: HoldReason::RateLimit { message: failure.message.clone() } })
        }
        (_, true) => failure.retryable.then(|| backoff(failure, now.plus(wait_of(number)))),
        (_, false) => Some(backoff(failure, now)),
    }
}

fn backoff(failure: &Failure, at: Timestamp) -> Next {
    Next::Retry { at, reason: HoldReason::Backoff { category: failure.category } }
}

/// Doubles from try to try.
fn wait_of(number: u32) -> Span {
    let doubled = FIRST_WAIT.as_millis().saturating_mul(1 << number.saturating_sub(1).min(16));
    Span::from_millis(doubled.min(LONGEST_WAIT.as_millis()))
}
