//! The judgement: from how an attempt ended and what its stream said, whether the work is done.
//!
//! Exit codes are hints, streams are evidence, and success needs both to agree.

use super::{Category, Digest, Ending, Failure, Status, Terminal, Verification};

/// All that is known about an attempt that is over.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    pub ending: Ending,
    /// The agent's exit code; `None` when a signal ended it or nobody saw.
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub digest: &'a Digest,
    /// What the end of the agent's error output says, classified by its backend.
    pub stderr_verdict: Option<&'a Failure>,
    /// Whether the backend's stream has terminal events; plain text has none.
    pub has_terminal_event: bool,
    /// Whether a good exit is a success even when nothing was said or done.
    pub may_be_silent: bool,
    pub verification: Verification,
    /// Whether checks were to follow the agent.
    pub wants_checks: bool,
    /// A human line about the ending from the keeper (which limit, which program).
    pub detail: Option<&'a str>,
    /// Whether an answer by schema was asked for.
    pub wants_structured: bool,
}

/// What became of the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: Status,
    pub failure: Option<Failure>,
}

impl Outcome {
    fn failed(category: Category, message: impl Into<String>) -> Self {
        Self { status: Status::Failed, failure: Some(Failure::new(category, message)) }
    }

    fn timed_out(category: Category, message: impl Into<String>) -> Self {
        Self { status: Status::TimedOut, failure: Some(Failure::new(category, message)) }
    }

    fn of(failure: Failure) -> Self {
        Self { status: Status::Failed, failure: Some(failure) }
    }
}

/// Judges an attempt that is over.
pub fn judge(evidence: &Evidence<'_>) -> Outcome {
    let said = |fallback: &str| evidence.detail.unwrap_or(fallback).to_owned();
    match evidence.ending {
        Ending::Cancelled => Outcome { status: Status::Cancelled, failure: None },
        // A result that came before the limit is not undone by an agent that would not leave.
        Ending::TimedOut | Ending::IdleTimedOut if evidence.digest.terminal == Some(Terminal::Success) => {
            judge_stream(evidence)
        }
        Ending::TimedOut => Outcome::timed_out(Category::Timeout, said("the time limit was reached")),
        Ending::IdleTimedOut => Outcome::timed_out(Category::IdleTimeout, said("nothing was heard for the idle limit")),
        Ending::OutputLimit => Outcome::failed(Category::OutputLimit, said("the output limit was reached")),
        Ending::DiskFull => Outcome::failed(Category::DiskFull, said("the disk is full")),
        Ending::Budget => Outcome::failed(Category::Budget, said("the budget was reached")),
        Ending::LaunchFailed => launch_failed(evidence),
        Ending::NotArchived => Outcome::failed(Category::Archive, said("the workspace could not be archived")),
        Ending::FailFast => fail_fast(evidence),
        Ending::Exited | Ending::Lingered | Ending::Vanished => judge_stream(evidence),
    }
}

fn launch_failed(evidence: &Evidence<'_>) -> Outcome {
    let message = evidence.detail.unwrap_or("the agent could not be started");
    Outcome::of(evidence.stderr_verdict.cloned().unwrap_or_else(|| Failure::new(Category::Launch, message)))
}

fn fail_fast(evidence: &Evidence<'_>) -> Outcome {
    match (&evidence.digest.terminal, &evidence.digest.retrying) {
        // Our own signal makes Claude say that it was interrupted, which is not why it had to end.
        (Some(Terminal::Failure { category: Category::Crashed, .. } | Terminal::Success) | None, Some(retrying)) => {
            Outcome::failed(retrying.0, retrying.1.clone())
        }
        (Some(Terminal::Failure { category, message }), _) => Outcome::failed(*category, message.clone()),
        (Some(Terminal::Success) | None, None) => judge_stream(evidence),
    }
}

fn judge_stream(evidence: &Evidence<'_>) -> Outcome {
    match &evidence.digest.terminal {
        Some(Terminal::Failure { category, message }) => {
            Outcome::failed(sharpened(*category, evidence), message.clone())
        }
        Some(Terminal::Success) => judge_success(evidence),
        None => judge_silence(evidence),
    }
}

/// A failure whose words say nothing gets its category from the exit: Gemini tells a 503 by its
/// exit code alone when the server's text is of no known kind.
fn sharpened(category: Category, evidence: &Evidence<'_>) -> Category {
    match evidence.stderr_verdict {
        Some(verdict) if category == Category::Unknown => verdict.category,
        Some(_) | None => category,
    }
}

/// The stream claims success: exit, answer and checks must not contradict it.
fn judge_success(evidence: &Evidence<'_>) -> Outcome {
    let digest = evidence.digest;
    if evidence.ending == Ending::Exited && !exited_well(evidence) {
        return Outcome::failed(
            Category::Crashed,
            format!("the agent reported success and then ended with {}", exit_words(evidence)),
        );
    }
    if digest.turns == Some(0) {
        return Outcome::failed(Category::Empty, "the agent reported success without asking a model");
    }
    judge_delivery(evidence)
}

/// No terminal event: fine for plain text, a broken stream for everything else.
fn judge_silence(evidence: &Evidence<'_>) -> Outcome {
    if let Some(failure) = evidence.stderr_verdict.filter(|_| !exited_well(evidence) || evidence.has_terminal_event) {
        return Outcome::of(failure.clone());
    }
    if evidence.ending == Ending::Vanished && !evidence.has_terminal_event {
        let message = "the agent ended while its keeper was gone; its exit code is not known";
        return Outcome::failed(Category::Crashed, message);
    }
    if !exited_well(evidence) {
        let words = exit_words(evidence);
        return Outcome::failed(Category::Crashed, format!("the agent ended with {words} and no result"));
    }
    // Some agents leave a question behind and end well (Claude Code's deferred tool calls).
    if let Some(question) = &evidence.digest.question {
        return Outcome::failed(Category::NeedsInput, format!("the agent asks: {question}"));
    }
    if evidence.has_terminal_event {
        return Outcome::failed(Category::Protocol, "the agent's stream ended without a result");
    }
    judge_delivery(evidence)
}

fn judge_delivery(evidence: &Evidence<'_>) -> Outcome {
    let digest = evidence.digest;
    let delivered = evidence.may_be_silent
        || digest.answer().is_some()
        || digest.structured.is_some()
        || digest.tools_finished > digest.tools_failed
        || !digest.files.is_empty();
    if !delivered {
        return Outcome::failed(Category::Empty, "the agent reported success and delivered nothing");
    }
    if evidence.wants_structured && digest.structured.is_none() {
        return Outcome::failed(Category::Empty, "the agent gave no answer that fits the output schema");
    }
    match evidence.verification {
        Verification::None if evidence.wants_checks => unchecked(evidence),
        Verification::None | Verification::Passed | Verification::Error => {
            Outcome { status: Status::Done, failure: None }
        }
        Verification::Failed => Outcome::failed(
            Category::Verification,
            evidence.detail.unwrap_or("a check failed after the agent said it was done").to_owned(),
        ),
    }
}

/// The agent was ended after its result and before its checks: nobody knows whether the result is any good.
fn unchecked(evidence: &Evidence<'_>) -> Outcome {
    let why = evidence.detail.map(|detail| format!(": {detail}")).unwrap_or_default();
    let message = format!("the agent gave its result, and its checks did not run{why}");
    match evidence.ending {
        Ending::TimedOut => Outcome::timed_out(Category::Timeout, message),
        Ending::IdleTimedOut => Outcome::timed_out(Category::IdleTimeout, message),
        _ => Outcome::failed(Category::Crashed, message),
    }
}

fn exited_well(evidence: &Evidence<'_>) -> bool {
    evidence.exit_code == Some(0)
}

fn exit_words(evidence: &Evidence<'_>) -> String {
    match (evidence.exit_code, evidence.signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown exit code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(answer: &str) -> Digest {
        Digest { terminal: Some(Terminal::Success), result: Some(answer.into()), ..Digest::default() }
    }

    fn evidence(digest: &Digest) -> Evidence<'_> {
        Evidence {
            ending: Ending::Exited,
            exit_code: Some(0),
            signal: None,
            digest,
            stderr_verdict: None,
            has_terminal_event: true,
            may_be_silent: false,
            verification: Verification::None,
            wants_checks: false,
            detail: None,
            wants_structured: false,
        }
    }

    fn verdict(evidence: &Evidence<'_>) -> (Status, Option<Category>) {
        let outcome = judge(evidence);
        (outcome.status, outcome.failure.map(|failure| failure.category))
    }

    #[test]
    fn success_needs_the_event_the_exit_and_something_delivered() {
        let good = finished("yes");
        assert_eq!(verdict(&evidence(&good)), (Status::Done, None));
        let crashed = Evidence { exit_code: Some(1), ..evidence(&good) };
        assert_eq!(verdict(&crashed), (Status::Failed, Some(Category::Crashed)));
        assert_eq!(verdict(&evidence(&finished("  "))), (Status::Failed, Some(Category::Empty)));
        let silent = Digest { last_text: Some("half".into()), ..Digest::default() };
        assert_eq!(verdict(&evidence(&silent)), (Status::Failed, Some(Category::Protocol)));
    }

    #[test]
    fn an_error_inside_a_success_is_a_failure_whatever_the_exit_code() {
        let terminal = Some(Terminal::Failure { category: Category::Auth, message: "401".into() });
        let digest = Digest { terminal, result: Some("done".into()), ..Digest::default() };
        assert_eq!(verdict(&evidence(&digest)), (Status::Failed, Some(Category::Auth)));
    }

    #[test]
    fn a_failure_of_unknown_kind_takes_its_category_from_the_exit() {
        let failure = |category| Digest {
            terminal: Some(Terminal::Failure { category, message: "over".into() }),
            ..Digest::default()
        };
        let overloaded = Failure::new(Category::Overloaded, "exit code 247");
        let (vague, clear) = (failure(Category::Unknown), failure(Category::Auth));
        let told = |digest| Evidence { stderr_verdict: Some(&overloaded), ..evidence(digest) };
        assert_eq!(judge(&told(&vague)).failure, Some(Failure::new(Category::Overloaded, "over")));
        assert_eq!(verdict(&told(&clear)), (Status::Failed, Some(Category::Auth)));
    }

    #[test]
    fn an_interrupted_retry_storm_failed_for_what_it_retried() {
        let interrupted = Terminal::Failure { category: Category::Crashed, message: "the run was interrupted".into() };
        let retrying = Some((Category::Auth, "HTTP 401".to_owned()));
        let digest = Digest { terminal: Some(interrupted), retrying, ..Digest::default() };
        let ended = Evidence { ending: Ending::FailFast, ..evidence(&digest) };
        assert_eq!(judge(&ended).failure, Some(Failure::new(Category::Auth, "HTTP 401")));
        let quota = Some(Terminal::Failure { category: Category::Quota, message: "no credit".into() });
        let digest = Digest { terminal: quota, ..digest };
        let ended = Evidence { ending: Ending::FailFast, ..evidence(&digest) };
        assert_eq!(judge(&ended).failure, Some(Failure::new(Category::Quota, "no credit")));
    }

    #[test]
    fn a_hang_after_the_result_keeps_the_result() {
        let good = finished("yes");
        let lingered = Evidence { ending: Ending::Lingered, exit_code: None, signal: Some(9), ..evidence(&good) };
        assert_eq!(verdict(&lingered), (Status::Done, None));
    }

    #[test]
    fn an_adopted_agent_is_judged_by_its_stream() {
        let good = finished("yes");
        let vanished = Evidence { ending: Ending::Vanished, exit_code: None, ..evidence(&good) };
        assert_eq!(verdict(&vanished), (Status::Done, None));
        let none = Digest::default();
        let gone = Evidence { ending: Ending::Vanished, exit_code: None, ..evidence(&none) };
        assert_eq!(verdict(&gone), (Status::Failed, Some(Category::Crashed)));
    }

    #[test]
    fn a_failed_check_beats_the_agents_word_and_a_broken_checker_does_not() {
        let good = finished("yes");
        let failed = Evidence { verification: Verification::Failed, ..evidence(&good) };
        assert_eq!(verdict(&failed), (Status::Failed, Some(Category::Verification)));
        let broken = Evidence { verification: Verification::Error, ..evidence(&good) };
        assert_eq!(verdict(&broken), (Status::Done, None));
    }

    #[test]
    fn a_result_whose_checks_did_not_run_is_no_success() {
        let good = finished("yes");
        let ended =
            |ending| Evidence { ending, exit_code: None, signal: Some(15), wants_checks: true, ..evidence(&good) };
        let detail = Some("the time limit of 5s was reached");
        let late = Evidence { detail, ..ended(Ending::TimedOut) };
        let message =
            "the agent gave its result, and its checks did not run: the time limit of 5s was reached".to_owned();
        let failure = Some(Failure::new(Category::Timeout, message));
        assert_eq!(judge(&late), Outcome { status: Status::TimedOut, failure });
        assert_eq!(verdict(&ended(Ending::IdleTimedOut)), (Status::TimedOut, Some(Category::IdleTimeout)));
        assert_eq!(verdict(&ended(Ending::Vanished)), (Status::Failed, Some(Category::Crashed)));
        let checked = Evidence { verification: Verification::Passed, ..ended(Ending::Vanished) };
        assert_eq!(verdict(&checked), (Status::Done, None));
        assert_eq!(verdict(&Evidence { wants_checks: false, ..late }), (Status::Done, None));
    }

    #[test]
    fn a_question_without_a_result_waits_for_its_answer() {
        let asked = Digest { question: Some("which one?".into()), ..Digest::default() };
        assert_eq!(verdict(&evidence(&asked)), (Status::Failed, Some(Category::NeedsInput)));
        let crashed = Evidence { exit_code: Some(1), ..evidence(&asked) };
        assert_eq!(verdict(&crashed), (Status::Failed, Some(Category::Crashed)));
        let answered = Digest { question: asked.question, ..finished("ok") };
        assert_eq!(verdict(&evidence(&answered)), (Status::Done, None));
    }

    #[test]
    fn zero_turns_is_not_success() {
        let digest = Digest { turns: Some(0), ..finished("ok") };
        assert_eq!(verdict(&evidence(&digest)), (Status::Failed, Some(Category::Empty)));
    }
}
