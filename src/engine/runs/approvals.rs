//! Questions to people: asking, the word that is given, and whether it still counts.
//!
//! A word is bound to the digest of what was looked at ([`Engine::review`]). When it is given, the digest is made
//! again; and once more before the first step starts that builds on it. Whether one has started is told by the rows and
//! by the names that tasks are submitted under, so a crash in between neither loses a word nor lets it count for
//! something else. A policy's word stands for no look, and no change undoes it.

use std::time::Duration;

use super::{
    Loaded, RunState, change,
    driver::AGAIN_AFTER,
    no_run,
    record::About,
    review::{ToCome, ancestors},
};
use crate::{
    core::{
        Giver, Question, RefusedAnswer, Review, Run, RunId, RunStatus, RunStep, Span, StepStatus, TaskId, Timestamp,
        Unattended, Word,
    },
    engine::{Engine, EngineError},
    os::clock,
    store::{StepChange, View},
    workflow::{Vocabulary, descendants},
};

/// A word as it comes in.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub approved: bool,
    pub note: Option<&'a str>,
    /// The digest of what was looked at, or the first eight of its digits.
    pub digest: Option<&'a str>,
    /// `cli` or `mcp`.
    pub over: &'a str,
    pub client: Option<&'a str>,
    /// The user's name, as the system has it.
    pub user: Option<&'a str>,
}

/// What an approval says of itself.
pub(super) struct Terms {
    pub message: String,
    pub expires: Option<Span>,
    pub unattended: Option<Unattended>,
}

/// Whether a step may start by what people have approved.
pub(super) enum Leave {
    /// It may; what is to be noted with its start.
    Given(Vec<StepChange>),
    /// What was looked at is not there again yet; when to look, where nothing wakes the run.
    Later(Option<Timestamp>),
    /// Something is another than it was: it is asked about again.
    Gone(Vec<StepChange>),
}

/// What came of an answer under the lock.
enum Answered {
    Taken(Box<RunStep>),
    /// Somebody else wrote meanwhile.
    Again,
    /// What was reviewed has changed; what of it.
    Changed(Vec<String>, String),
}

/// An answer that meets others is tried again so often.
const TRIES: u32 = 20;
/// So long an answer waits for its question.
const PATIENCE: Duration = Duration::from_secs(5);

impl Engine {
    /// Asks, or decides by the policy where nobody is there.
    pub(super) fn ask(
        &self,
        loaded: &Loaded,
        steps: &[RunStep],
        place: usize,
        terms: Terms,
    ) -> Result<StepChange, EngineError> {
        let unattended = match terms.unattended.or(loaded.frozen.policy) {
            Some(unattended) => unattended,
            None => self.at(Some(&loaded.frozen.working_dir))?.config.unattended,
        };
        let question = Question {
            v: 1,
            review: self.review(loaded, steps, place, &terms.message)?,
            message: terms.message,
            asked_at: clock::now(),
            expires: terms.expires,
            unattended,
            word: None,
            counted: false,
        };
        let row = &steps[place];
        let decided = loaded.frozen.unattended.then(|| by_policy(&question, "nobody is there to ask")).flatten();
        Ok(decided.map_or_else(|| held(row, &question, None), |word| answered(row, &question, word)))
    }

    /// Lets the policy decide what nobody has answered in time. An answer that came meanwhile wins.
    pub(super) fn decide_expired(&self, run: &Run, steps: &mut [RunStep], now: Timestamp) -> Result<(), EngineError> {
        for row in steps.iter_mut().filter(|row| row.status == StepStatus::Held) {
            let Some(question) = row.question.as_deref().map(Question::read) else { continue };
            if row.due_at.is_none_or(|due| due > now) {
                continue;
            }
            let why = format!("nobody answered within {}", question.expires.unwrap_or_default());
            let one = match by_policy(&question, &why) {
                Some(word) => answered(row, &question, word),
                None => {
                    let reason = format!("{why}; it waits on (unattended: wait)");
                    StepChange { due_at: None, ..held(row, &question, Some(reason)) }
                }
            };
            *row = self.store.write(|writing| {
                let now = row_of(&writing.view(), &run.id, &row.step)?;
                if now.status == row.status && now.question == row.question && now.turn == row.turn {
                    writing.change_steps(&run.id, &[one])?;
                }
                row_of(&writing.view(), &run.id, &row.step)
            })?;
        }
        Ok(())
    }

    /// Returns whether what people have approved is still what they looked at, before the step at `place` starts.
    pub(super) fn leave(
        &self,
        run: &Run,
        loaded: &Loaded,
        steps: &[RunStep],
        place: usize,
    ) -> Result<Leave, EngineError> {
        let open: Vec<(usize, Question)> = steps.iter().enumerate().filter_map(open_word).collect();
        let mut marks = Vec::new();
        if open.is_empty() {
            return Ok(Leave::Given(marks));
        }
        let before = ancestors(&loaded.plan, place);
        for (at, question) in open.into_iter().filter(|(at, _)| before.contains(at)) {
            let row = &steps[at];
            let review = if self.has_counted(run, loaded, steps, at)? {
                None
            } else {
                let review = self.review(loaded, steps, at, &question.message)?;
                Some(review).filter(|review| review.digest != question.review.digest)
            };
            match review {
                None => {
                    let kept = Question { counted: true, ..question }.to_kept();
                    marks.push(StepChange { question: Some(kept), ..change(row, row.status, row.reason.clone()) });
                }
                Some(review) => {
                    return Ok(match self.is_to_come(steps, &review, &question.review)? {
                        ToCome::Nothing => Leave::Gone(again(loaded, steps, at, &question, review)),
                        ToCome::Step => Leave::Later(None),
                        ToCome::NestedStep => Leave::Later(Some(clock::now().plus(AGAIN_AFTER))),
                    });
                }
            }
        }
        Ok(Leave::Given(marks))
    }

    /// Whether something that builds on an approval was started, noted or not.
    fn has_counted(&self, run: &Run, loaded: &Loaded, steps: &[RunStep], at: usize) -> Result<bool, EngineError> {
        let after = descendants(&loaded.plan, at);
        Ok(self.store.read(|view| {
            for row in after.iter().filter_map(|after| steps.get(*after)) {
                if view.has_request(&format!("{}/{}/{}", run.id, row.step, row.turn))? {
                    return Ok(true);
                }
            }
            Ok::<_, crate::store::StoreError>(false)
        })?)
    }

    /// Returns the steps that wait for a person.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn held_steps(&self) -> Result<Vec<(RunId, RunStep)>, EngineError> {
        Ok(self.store.read(|view| view.held_steps())?)
    }

    /// Notes that a task wanted to give a person's word. Once for each task and step: an agent may try for hours.
    pub(in crate::engine) fn note_refused(&self, id: &RunId, step: &str, task: &TaskId) -> Result<(), EngineError> {
        let refused = RefusedAnswer { step: step.to_owned(), task_id: task.clone(), at: clock::now() };
        if self.store.write(|writing| writing.add_refused_answer(id, &refused).map_err(EngineError::from))? {
            self.keep_word(id, "refused", About::Refused(&refused));
            self.poke();
        }
        Ok(())
    }

    /// Returns which tasks wanted to give a person's word in a run, the first to try first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn refused_answers(&self, id: &RunId) -> Result<Vec<RefusedAnswer>, EngineError> {
        Ok(self.store.read(|view| view.refused_answers(id))?)
    }

    /// Waits for the driver where what it has still to do may be the very question, such as right after a rebuild: for a
    /// step to be asked about or, without a step, for the run to stop for want of money. For a moment at most: what
    /// becomes of the answer then says the rest.
    ///
    /// # Errors
    /// The store or the files cannot be used, or there is no such run.
    pub async fn until_asked(
        &self,
        id: &RunId,
        step: Option<&str>,
        vocabulary: &Vocabulary,
    ) -> Result<(), EngineError> {
        self.wait_until(Some(PATIENCE), |_| {
            let is_due = self.store.read(|view| view.runs_to_drive(clock::now()))?.contains(id);
            let may_ask = is_due && self.may_be_asked(id, step, vocabulary)?;
            if may_ask {
                crate::os::failpoint::hit("answer.waits");
            }
            Ok((!may_ask).then_some(()))
        })
        .await?;
        Ok(())
    }

    /// Whether a run that is to be driven may ask what it does not ask yet, or not with what is to be looked at.
    fn may_be_asked(&self, id: &RunId, step: Option<&str>, vocabulary: &Vocabulary) -> Result<bool, EngineError> {
        let RunState { run, steps } = self.run_state(id)?;
        let Some(place) = steps.iter().position(|row| Some(row.step.as_str()) == step) else {
            return Ok(step.is_none() && run.status == RunStatus::Running);
        };
        if steps[place].status != StepStatus::Held {
            return Ok(steps[place].status.is_to_do());
        }
        let loaded = self.definition(&run, vocabulary)?;
        Ok(ancestors(&loaded.plan, place).into_iter().any(|before| !steps[before].status.is_over()))
    }

    /// Takes a person's word on a step that waits for it. The same word on the same a second time changes nothing.
    ///
    /// # Errors
    /// The step waits for nobody, or another word was given, or one on something else, or what it asks about is another
    /// by now.
    pub fn answer_step(
        &self,
        id: &RunId,
        step: &str,
        answer: &Answer<'_>,
        vocabulary: &Vocabulary,
    ) -> Result<RunStep, EngineError> {
        for _ in 0..TRIES {
            let state = self.run_state(id)?;
            let Some(place) = state.steps.iter().position(|row| row.step == step) else {
                return Err(EngineError::NotFound {
                    message: format!("run `{id}` has no step `{step}`"),
                    hint: "`mgr inbox` lists what waits for a person".into(),
                });
            };
            let row = &state.steps[place];
            let Some(question) = to_answer(id, row, answer)? else { return Ok(row.clone()) };
            let loaded = self.definition(&state.run, vocabulary)?;
            let review = self.review(&loaded, &state.steps, place, &question.message)?;
            match self.take_word(id, row, &question, review, answer)? {
                Answered::Again => {}
                Answered::Taken(row) => {
                    crate::os::failpoint::hit("answer.after_commit");
                    self.keep_word(id, "answered", About::Steps(std::slice::from_ref(&row.step)));
                    self.wake_driver()?;
                    return Ok(*row);
                }
                Answered::Changed(names, digest) => {
                    self.poke();
                    return Err(conflict(
                        format!("what step `{step}` of run `{id}` asks about has changed: {}", names.join(", ")),
                        &format!("review it again, then answer with its digest, which is {digest} now"),
                    ));
                }
            }
        }
        Err(conflict(format!("step `{step}` of run `{id}` changes all the time"), "answer again"))
    }

    fn take_word(
        &self,
        id: &RunId,
        row: &RunStep,
        question: &Question,
        review: Review,
        answer: &Answer<'_>,
    ) -> Result<Answered, EngineError> {
        self.store.write(|writing| {
            let found = row_of(&writing.view(), id, &row.step)?;
            if found != *row {
                return Ok(Answered::Again);
            }
            if review.digest != question.review.digest {
                let names = names_of(review.differs_from(&question.review));
                let digest = review.digest.clone();
                let asked = question.again(review, clock::now());
                writing.change_steps(id, &[held(row, &asked, Some(changed("what is asked about", &names)))])?;
                // The time to answer begins anew.
                writing.touch_run(id, clock::now())?;
                return Ok(Answered::Changed(names, digest));
            }
            if let Some(seen) = answer.digest.filter(|seen| !is_digest(&question.review.digest, seen)) {
                let (step, digest) = (&row.step, &question.review.digest);
                return Err(conflict(
                    format!(
                        "what step `{step}` asks about is not what was reviewed (`{seen}`): its digest is {digest}"
                    ),
                    "review it again, then answer with its digest",
                ));
            }
            writing.change_steps(id, &[answered(row, question, word_of(answer))])?;
            // A paused run hears of it once it goes on.
            writing.touch_run(id, clock::now())?;
            Ok(Answered::Taken(Box::new(row_of(&writing.view(), id, &row.step)?)))
        })
    }
}

/// Returns the question that a word is for; `None` where the same word was given before.
fn to_answer(id: &RunId, row: &RunStep, answer: &Answer<'_>) -> Result<Option<Question>, EngineError> {
    let question = row.question.as_deref().map(Question::read);
    let step = &row.step;
    match (question, row.status) {
        (Some(question), StepStatus::Held) => Ok(Some(question)),
        (Some(Question { word: Some(word), review, .. }), StepStatus::Done | StepStatus::Failed) => {
            let first = word.reason();
            if word.approved == answer.approved {
                let digest = &review.digest;
                return match answer.digest.filter(|seen| !is_digest(digest, seen)) {
                    None => Ok(None),
                    Some(seen) => Err(conflict(
                        format!(
                            "step `{step}` of run `{id}` was answered at {}, and not for `{seen}`: {first}, for {digest}",
                            word.at
                        ),
                        &format!("`mgr workflow retry {id} '{step}'` asks again"),
                    )),
                };
            }
            Err(conflict(
                format!("step `{step}` of run `{id}` was answered before: {first}"),
                &format!("the first word counts; `mgr workflow retry {id} '{step}'` asks again"),
            ))
        }
        (_, status) => Err(conflict(
            format!("step `{step}` of run `{id}` waits for nobody: it is {}", status.as_str()),
            "`mgr inbox` lists what waits for a person",
        )),
    }
}

/// Whether somebody who has seen this has seen what the digest stands for.
fn is_digest(digest: &str, seen: &str) -> bool {
    seen.len() >= 8 && digest.starts_with(seen)
}

fn word_of(answer: &Answer<'_>) -> Word {
    let client = answer.client.map(str::to_owned);
    Word {
        approved: answer.approved,
        note: answer.note.map(str::trim).filter(|note| !note.is_empty()).map(str::to_owned),
        giver: Giver::Person { over: answer.over.to_owned(), client, user: answer.user.map(str::to_owned) },
        at: clock::now(),
    }
}

/// Returns the policy's word; none when it is to wait.
fn by_policy(question: &Question, why: &str) -> Option<Word> {
    let unattended = question.unattended;
    let approved = match unattended {
        Unattended::Wait => return None,
        Unattended::Approve => true,
        Unattended::Deny => false,
    };
    let giver = Giver::Policy { unattended, why: why.to_owned() };
    Some(Word { approved, note: None, giver, at: clock::now() })
}

fn held(row: &RunStep, question: &Question, reason: Option<String>) -> StepChange {
    let (due_at, kept) = (question.due_at(), Some(question.to_kept()));
    StepChange { due_at, question: kept, ..change(row, StepStatus::Held, reason) }
}

fn answered(row: &RunStep, question: &Question, word: Word) -> StepChange {
    let status = if word.approved { StepStatus::Done } else { StepStatus::Failed };
    let reason = Some(word.reason());
    StepChange { question: Some(question.with(word).to_kept()), ..change(row, status, reason) }
}

/// Returns a person's yes that nothing was started by yet.
fn open_word((at, row): (usize, &RunStep)) -> Option<(usize, Question)> {
    let question = Question::read(row.question.as_deref().filter(|_| row.status == StepStatus::Done)?);
    let is_open = !question.counted
        && question.word.as_ref().is_some_and(|word| word.approved && matches!(word.giver, Giver::Person { .. }));
    is_open.then_some((at, question))
}

/// Asks again, and takes back what was decided on the word without starting anything.
fn again(loaded: &Loaded, steps: &[RunStep], at: usize, question: &Question, review: Review) -> Vec<StepChange> {
    let names = names_of(review.differs_from(&question.review));
    let asked = question.again(review, clock::now());
    let mut changes = vec![held(&steps[at], &asked, Some(changed("what was approved", &names)))];
    for after in descendants(&loaded.plan, at) {
        let row = &steps[after];
        if matches!(row.status, StepStatus::NotNeeded | StepStatus::Skipped) {
            changes.push(change(row, StepStatus::Waiting, None));
        }
    }
    changes
}

fn changed(what: &str, names: &[String]) -> String {
    format!("{what} has changed since: {}", names.join(", "))
}

/// Names enough to know where to look.
const MOST_TOLD: usize = 10;

fn names_of(mut names: Vec<String>) -> Vec<String> {
    if names.is_empty() {
        // Beyond the files that are kept by name.
        return vec!["files of a long list".to_owned()];
    }
    let more = names.len().saturating_sub(MOST_TOLD);
    names.truncate(MOST_TOLD);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names
}

fn row_of(view: &View<'_>, run: &RunId, step: &str) -> Result<RunStep, EngineError> {
    let steps = view.run_steps(run)?;
    steps.into_iter().find(|row| row.step == step).ok_or_else(|| no_run(run.as_str()))
}

fn conflict(message: String, hint: &str) -> EngineError {
    EngineError::Conflict { message, hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(approved: bool, digest: Option<&str>) -> Answer<'_> {
        Answer { approved, note: None, digest, over: "cli", client: None, user: None }
    }

    #[test]
    fn a_second_word_counts_as_the_first_only_for_what_that_was_about() {
        let id: RunId = "1qeh23kkfnwydp83c0z65".parse().unwrap();
        let review = Review { digest: "0123456789abcdef".into(), ..Review::default() };
        let giver = Giver::Person { over: "cli".into(), client: None, user: None };
        let word = Word { approved: true, note: None, giver, at: Timestamp(0) };
        let question = Question { review, ..Question::default() }.with(word);
        let row = RunStep {
            step: "ship".into(),
            status: StepStatus::Done,
            task: None,
            turn: 1,
            loops: 0,
            child: None,
            reason: None,
            due_at: None,
            question: Some(question.to_kept()),
            has_ended: false,
        };
        let told =
            |approved, digest| to_answer(&id, &row, &answer(approved, digest)).map_err(|error| error.to_string());
        for same in [None, Some("0123456789abcdef"), Some("01234567")] {
            assert_eq!(told(true, same), Ok(None), "{same:?}");
        }
        let before = format!("step `ship` of run `{id}` was answered");
        for other in ["deadbeef", "0123", ""] {
            let at = "1970-01-01T00:00:00.000Z";
            let error = format!("{before} at {at}, and not for `{other}`: approved, for 0123456789abcdef");
            assert_eq!(told(true, Some(other)), Err(error));
        }
        assert_eq!(told(false, Some("01234567")), Err(format!("{before} before: approved")));
    }
}
