//! What a person looks at before answering, and whether it is still the same.
//!
//! Everything is made of what is stored and of what lies on the disk now: outputs and results of the steps before,
//! what they changed as the archive saw it, and the present content of those files where others can change them. A
//! result in a directory of its own counts as it was archived until it is brought in. Must change nothing.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::Loaded;
use crate::{
    archive::{Change, Entry, GLANCED_WHOLE, Manifest, RawPath, Workspace},
    core::{ArchiveScope, Isolation, Posture, Review, ReviewedStep, RunStep, Task},
    engine::{Engine, EngineError, landing::LandingState},
    workflow::Plan,
};

/// So many files are kept by name with a question; all of them count.
const MOST_NAMED: usize = 500;
/// So many of one step are named.
const MOST_OF_STEP: usize = 50;

impl Engine {
    /// Returns all that a person who is asked `message` at this place looks at.
    pub(super) fn review(
        &self,
        loaded: &Loaded,
        steps: &[RunStep],
        place: usize,
        message: &str,
    ) -> Result<Review, EngineError> {
        let mut review = Review::default();
        let mut whole = Parts::default();
        whole.add(message.as_bytes());
        let mut places = Places::default();
        for before in ancestors(&loaded.plan, place) {
            let (row, planned) = (&steps[before], &loaded.plan.steps[before]);
            // Of a race the winner speaks, in the row of the race: losers may still be on their way out.
            if planned.part.is_racer() {
                continue;
            }
            let facts = self.facts(loaded, row, planned, false)?;
            let mut parts = Parts::default();
            let result = facts.result.map(|result| result.to_string());
            for part in [&Some(row.step.clone()), &facts.status, &facts.output, &result] {
                parts.add(part.as_deref().unwrap_or_default().as_bytes());
            }
            let mut reviewed = ReviewedStep {
                step: row.step.clone(),
                task_id: row.task.clone().filter(|_| row.status.is_over()),
                digest: String::new(),
                files: Vec::new(),
                files_total: 0,
                isolated: false,
            };
            let mut seen = BTreeSet::new();
            // A race in a nested workflow has the task of its winner too.
            for task in self.tasks_behind(row)?.into_iter().filter(|task| seen.insert(task.id.clone())) {
                self.add_task(&task, &mut reviewed, &mut parts, &mut places)?;
            }
            reviewed.digest = parts.end();
            whole.add(reviewed.digest.as_bytes());
            review.steps.push(reviewed);
        }
        self.add_present(&loaded.frozen.working_dir, places, &mut review, &mut whole);
        review.digest = whole.end();
        Ok(review)
    }

    /// Returns whether what was looked at `then` is still to come again: after a rebuild a step that was over may not
    /// know of its end yet.
    pub(super) fn is_to_come(&self, steps: &[RunStep], now: &Review, then: &Review) -> Result<ToCome, EngineError> {
        let mut to_come = ToCome::Nothing;
        for name in now.steps_unlike(then) {
            let Some(row) = steps.iter().find(|row| row.step == name) else { continue };
            if !row.status.is_over() {
                return Ok(ToCome::Step);
            }
            if !self.is_child_over(row)? {
                to_come = ToCome::NestedStep;
            }
        }
        Ok(to_come)
    }

    /// Whether all steps of a step's nested run, and of those beneath it, are over.
    fn is_child_over(&self, row: &RunStep) -> Result<bool, EngineError> {
        let Some(child) = &row.child else { return Ok(true) };
        for row in self.store.read(|view| view.run_steps(child))? {
            if !row.status.is_over() || !self.is_child_over(&row)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the tasks of a step that is over, those of its nested workflow as well.
    fn tasks_behind(&self, row: &RunStep) -> Result<Vec<Task>, EngineError> {
        if !row.status.is_over() {
            return Ok(Vec::new());
        }
        if let Some(child) = &row.child {
            let mut tasks = Vec::new();
            for row in self.store.read(|view| view.run_steps(child))? {
                tasks.extend(self.tasks_behind(&row)?);
            }
            return Ok(tasks);
        }
        let Some(id) = &row.task else { return Ok(Vec::new()) };
        Ok(self.store.read(|view| view.task(id))?.into_iter().collect())
    }

    /// Adds what a task changed. Without an archive its own account has to do.
    fn add_task(
        &self,
        task: &Task,
        reviewed: &mut ReviewedStep,
        parts: &mut Parts,
        places: &mut Places,
    ) -> Result<(), EngineError> {
        let Some(root) = task.spec.workspace.as_ref().filter(|_| task.spec.posture != Posture::ReadOnly) else {
            return Ok(());
        };
        let landing = self.landing_state(task)?;
        // What was brought in lies where others can change it, as if the task had worked there.
        let is_brought_in = matches!(landing, Some(LandingState::Applied | LandingState::Partly));
        let is_isolated = task.spec.isolate != Isolation::None && !is_brought_in;
        let saw_nothing = self.changes_seen(task).ok().flatten().is_some_and(|seen| seen.total == 0);
        if saw_nothing && task.attempts.len() == 1 {
            return Ok(());
        }
        let changes = match self.changes_of(task) {
            Ok(found) => found.changes,
            Err(_) => {
                self.claimed_by(task).into_iter().map(|path| Change { path, before: None, after: None }).collect()
            }
        };
        // Of a part that was brought in nobody knows which files.
        let is_end_known = task.spec.archive != ArchiveScope::Off && landing != Some(LandingState::Partly);
        reviewed.isolated |= is_isolated;
        reviewed.files_total += changes.len() as u64;
        for change in changes {
            parts.add(change.path.as_bytes());
            parts.add(&told(change.before.as_ref()));
            parts.add(&told(change.after.as_ref()));
            if reviewed.files.len() < MOST_OF_STEP {
                reviewed.files.push(change.path.to_string());
            }
            if !is_isolated {
                let left = places.entry(root.clone()).or_default().entry(change.path).or_default();
                left.extend(is_end_known.then_some(change.after));
            }
        }
        Ok(())
    }

    /// Adds what is in the files now.
    fn add_present(&self, home: &Utf8Path, places: Places, review: &mut Review, whole: &mut Parts) {
        for (root, files) in places {
            let paths: Vec<RawPath> = files.keys().cloned().collect();
            let (now, unreadable) = self.present(&root, &paths);
            for (path, left) in files {
                let entry = now.get(&path);
                let digest = if unreadable.contains(&path) { "unreadable".to_owned() } else { short(entry) };
                let shown = shown(home, &root, &path);
                whole.add(root.as_str().as_bytes());
                whole.add(path.as_bytes());
                whole.add(digest.as_bytes());
                let as_left = left.is_empty() || left.iter().any(|left| is_same(left.as_ref(), entry));
                if !as_left && review.edited.len() < MOST_NAMED {
                    review.edited.push(shown.clone());
                }
                if review.files.len() < MOST_NAMED {
                    review.files.insert(shown, digest);
                }
            }
        }
    }

    /// Returns what lies at these paths now, and those of them that cannot be read.
    fn present(&self, root: &Utf8Path, paths: &[RawPath]) -> (Manifest, BTreeSet<RawPath>) {
        let Ok(workspace) = Workspace::open(&self.home.archive(), root) else {
            return (Manifest::default(), paths.iter().cloned().collect());
        };
        if !root.is_dir() {
            return (Manifest::default(), BTreeSet::new());
        }
        if let Ok(found) = workspace.glance(paths) {
            return (found, BTreeSet::new());
        }
        let (mut entries, mut unreadable) = (Vec::new(), BTreeSet::new());
        for path in paths {
            match workspace.glance(std::slice::from_ref(path)) {
                Ok(found) => entries.extend(found.entries().iter().cloned()),
                Err(_) => drop(unreadable.insert(path.clone())),
            }
        }
        (Manifest::new(entries), unreadable)
    }
}

/// What of a review is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToCome {
    Nothing,
    /// The end of a step of this run.
    Step,
    /// The end of a step in a nested run, which wakes nobody.
    NestedStep,
}

/// What others can change, by its root: what each step that changed a path has left there.
type Places = BTreeMap<Utf8PathBuf, BTreeMap<RawPath, Vec<Option<Entry>>>>;

/// A digest over parts, each with its length, so that no two lists of parts are the same.
#[derive(Default)]
struct Parts(blake3::Hasher);

impl Parts {
    fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    fn end(&self) -> String {
        self.0.finalize().to_hex()[..16].to_owned()
    }
}

/// Of what a glance does not read whole only the size is the same as in the archive.
fn is_same(left: Option<&Entry>, now: Option<&Entry>) -> bool {
    match (left, now) {
        (Some(Entry::File { size: a, .. }), Some(Entry::File { size: b, .. })) if *b > GLANCED_WHOLE => a == b,
        (left, now) => left == now,
    }
}

fn told(entry: Option<&Entry>) -> Vec<u8> {
    // Our own type with string keys: this cannot fail.
    entry.and_then(|entry| serde_json::to_vec(entry).ok()).unwrap_or_default()
}

fn short(entry: Option<&Entry>) -> String {
    let Some(entry) = entry else { return "missing".to_owned() };
    let mut parts = Parts::default();
    parts.add(&told(Some(entry)));
    parts.end()
}

/// Returns a path as people in the run's directory write it.
fn shown(home: &Utf8Path, root: &Utf8Path, path: &RawPath) -> String {
    let whole = root.join(path.to_string());
    whole.strip_prefix(home).map_or_else(|_| whole.to_string(), ToString::to_string)
}

/// Returns the places of all steps before one, in the order of the plan.
pub(super) fn ancestors(plan: &Plan, place: usize) -> Vec<usize> {
    let places: BTreeMap<_, _> = plan.steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
    let mut found = BTreeSet::new();
    let mut next = vec![place];
    while let Some(at) = next.pop() {
        let step = &plan.steps[at];
        for need in step.needs.iter().chain(&step.needs_any).filter_map(|need| places.get(need)) {
            if found.insert(*need) {
                next.push(*need);
            }
        }
    }
    found.into_iter().collect()
}
