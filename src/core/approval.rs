//! Questions to people: what is asked, what it is about, and the word that was given.
//!
//! A word counts for what was looked at and for nothing else: everything that was to be looked at goes into a digest,
//! and the digest is made again when the word is given and before anything starts because of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Span, TaskId, Timestamp};

/// What becomes of a question that nobody answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unattended {
    #[default]
    Deny,
    Approve,
    /// It waits on.
    Wait,
}

impl Unattended {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Approve => "approve",
            Self::Wait => "wait",
        }
    }
}

/// A step that a question is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewedStep {
    pub step: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// Stands for how it ended, what it said and what it changed.
    pub digest: String,
    /// The first of the files that it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    pub files_total: u64,
    /// Whether it worked in a directory of its own: its files are those of its result.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub isolated: bool,
}

/// All that a person looks at before answering.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Review {
    /// Stands for all of it, and for the question itself.
    pub digest: String,
    pub steps: Vec<ReviewedStep>,
    /// The first of the files that the steps changed, with a digest of what is in them now.
    pub files: BTreeMap<String, String>,
    /// Files that are not as the steps have left them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edited: Vec<String>,
}

impl Review {
    /// Says what of it is not as it was: files, and steps that came to something else.
    pub fn differs_from(&self, earlier: &Self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let files = self.files.keys().chain(earlier.files.keys().filter(|path| !self.files.contains_key(*path)));
        names.extend(files.filter(|path| self.files.get(*path) != earlier.files.get(*path)).cloned());
        names.sort();
        names.extend(self.steps_unlike(earlier).map(|step| format!("step {step}")));
        names
    }

    /// Returns the steps that came to something else than in an earlier review.
    pub fn steps_unlike<'a>(&'a self, earlier: &'a Self) -> impl Iterator<Item = &'a str> {
        let is_same = |step: &&ReviewedStep| {
            let known = earlier.steps.iter().find(|known| known.step == step.step);
            known.is_some_and(|known| known.digest == step.digest)
        };
        self.steps.iter().filter(move |step| !is_same(step)).map(|step| step.step.as_str())
    }
}

/// Who gave a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Giver {
    /// Somebody at a door of mgr.
    Person {
        /// `cli`, `mcp` or `dashboard`.
        over: String,
        /// The program that the person used, where it says its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
        /// Whose terminal or client it was: a name of the system's users.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
    },
    /// Nobody: the policy for questions without an answer, and why it was its turn.
    Policy { unattended: Unattended, why: String },
}

/// A word on a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    pub approved: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(flatten)]
    pub giver: Giver,
    pub at: Timestamp,
}

impl Word {
    pub const fn as_str(&self) -> &'static str {
        if self.approved { "approved" } else { "denied" }
    }

    /// Returns the word with its reason, so that a person's never reads like a policy's.
    pub fn reason(&self) -> String {
        match (&self.giver, &self.note) {
            (Giver::Policy { unattended, why }, _) => {
                format!("{}: {why} (unattended: {})", self.as_str(), unattended.as_str())
            }
            (Giver::Person { .. }, Some(note)) => format!("{}, saying “{note}”", self.as_str()),
            (Giver::Person { .. }, None) => self.as_str().to_owned(),
        }
    }
}

/// A task that wanted to give a person's word on a step, and was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedAnswer {
    /// The step; `budget` for the run's money.
    pub step: String,
    pub task_id: TaskId,
    /// When it first tried.
    pub at: Timestamp,
}

/// A question to a person, as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Question {
    pub v: u32,
    pub message: String,
    pub asked_at: Timestamp,
    /// How long it waits for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Span>,
    pub unattended: Unattended,
    pub review: Review,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<Word>,
    /// Something was started because of the word: later changes do not matter to it any more.
    pub counted: bool,
}

impl Question {
    /// Reads a question as it is kept: of releases before this one, a line with the digest and then the text.
    pub fn read(kept: &str) -> Self {
        if let Ok(question) = serde_json::from_str(kept) {
            return question;
        }
        let (digest, message) = kept.split_once('\n').unwrap_or((kept, ""));
        let review = Review { digest: digest.to_owned(), ..Review::default() };
        Self { message: message.to_owned(), review, ..Self::default() }
    }

    pub fn to_kept(&self) -> String {
        // Our own type with string keys: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Returns when the policy decides.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.expires.map(|expires| self.asked_at.plus(expires))
    }

    /// Returns the same question with a word on it.
    #[must_use]
    pub fn with(&self, word: Word) -> Self {
        Self { word: Some(word), ..self.clone() }
    }

    /// Returns the question as it is asked again because what it is about is another by now.
    #[must_use]
    pub fn again(&self, review: Review, now: Timestamp) -> Self {
        Self { review, asked_at: now, word: None, counted: false, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(giver: Giver, note: Option<&str>) -> Word {
        Word { approved: true, note: note.map(str::to_owned), giver, at: Timestamp(5) }
    }

    fn person() -> Giver {
        Giver::Person { over: "cli".into(), client: None, user: None }
    }

    #[test]
    fn a_question_comes_back_as_it_was_kept_also_from_the_earlier_form() {
        let review = Review { digest: "abc".into(), files: [("a".into(), "1".into())].into(), ..Review::default() };
        let question = Question { v: 1, message: "{\n}?".into(), review, ..Question::default() }
            .with(word(person(), Some("well done")));
        assert_eq!(Question::read(&question.to_kept()), question);
        let earlier = Question::read("0123456789abcdef\nship?\nreally?");
        assert_eq!((earlier.review.digest.as_str(), earlier.message.as_str()), ("0123456789abcdef", "ship?\nreally?"));
    }

    #[test]
    fn a_persons_word_never_reads_like_a_policys() {
        let policy = Giver::Policy { unattended: Unattended::Approve, why: "nobody is there to ask".into() };
        assert_eq!(word(policy, None).reason(), "approved: nobody is there to ask (unattended: approve)");
        assert_eq!(word(person(), None).reason(), "approved");
        let forged = word(person(), Some("nobody is there to ask (unattended: approve)")).reason();
        assert_eq!(forged, "approved, saying “nobody is there to ask (unattended: approve)”");
    }

    #[test]
    fn what_is_another_is_named() {
        let step = |digest: &str| ReviewedStep {
            step: "fix".into(),
            task_id: None,
            digest: digest.into(),
            files: Vec::new(),
            files_total: 0,
            isolated: false,
        };
        let review = |digest: &str, files: &[(&str, &str)]| Review {
            steps: vec![step(digest)],
            files: files.iter().map(|(path, digest)| ((*path).to_owned(), (*digest).to_owned())).collect(),
            ..Review::default()
        };
        let before = review("1", &[("a", "1"), ("b", "1"), ("c", "1")]);
        let after = review("2", &[("a", "1"), ("b", "2"), ("d", "1")]);
        assert_eq!(after.differs_from(&before), ["b", "c", "d", "step fix"]);
        assert_eq!(before.differs_from(&before), Vec::<String>::new());
    }
}
