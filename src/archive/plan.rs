//! The three-way plan: what a landing does at each path, given what is there now.
//!
//! Pure: must not read or change a workspace. Three rules decide a path: as wanted already, nothing to do; as
//! expected, do it; else somebody else was there, and what he did is kept unless the policy says otherwise.
//! Then two rules on directories: nothing is made where its directory will not be one, and a directory goes
//! only when everything in it goes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    ArchiveError, Conflict, Deed, Digest, Entry, How, Landed, OnConflict, RawPath, Turn,
    merge::{self, Merged},
};

/// What is there now, of the paths that a plan needs: those of the turns and the directories above them.
#[derive(Debug, Default)]
pub(super) struct Present {
    pub entries: BTreeMap<RawPath, Entry>,
    /// What lies in the directories that may have to go.
    pub children: BTreeMap<RawPath, Vec<RawPath>>,
}

/// One path to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Move {
    pub path: RawPath,
    /// What the plan found there.
    pub now: Option<Entry>,
    pub to: Option<Entry>,
    pub deed: Deed,
}

/// Everything a landing does.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Sorted by path.
    pub moves: Vec<Move>,
    /// With the deeds of `moves`, as if all were done.
    pub landed: Landed,
    /// Contents that are in no archive yet: merged ones.
    pub texts: Vec<Vec<u8>>,
}

/// The three sides of a text: the turn's `from`, what is there now, the turn's `to`.
pub(super) type Sides = [Vec<u8>; 3];

/// Reads the three sides of a path with these digests.
pub(super) type ReadSides<'a> = dyn FnMut(&RawPath, [&Digest; 3]) -> Result<Sides, ArchiveError> + 'a;

enum Verdict {
    Already,
    Go(Option<Entry>, Deed),
    Conflict(String),
    /// A directory that is not empty.
    Kept,
}

/// Makes the plan.
pub(super) fn plan(
    turns: &[Turn],
    present: &Present,
    how: How,
    texts: &mut ReadSides<'_>,
) -> Result<Plan, ArchiveError> {
    let turns: BTreeMap<&RawPath, &Turn> = turns.iter().map(|turn| (&turn.path, turn)).collect();
    let mut planner = Planner { present, how, verdicts: BTreeMap::new(), merged: Vec::new() };
    for turn in turns.values() {
        let verdict = planner.judge(turn, texts)?;
        planner.verdicts.insert(turn.path.clone(), verdict);
    }
    for path in turns.keys().rev() {
        planner.check_removal(path);
    }
    Ok(planner.finish())
}

struct Planner<'a> {
    present: &'a Present,
    how: How,
    verdicts: BTreeMap<RawPath, Verdict>,
    merged: Vec<Vec<u8>>,
}

impl Planner<'_> {
    fn judge(&mut self, turn: &Turn, texts: &mut ReadSides<'_>) -> Result<Verdict, ArchiveError> {
        let now = self.present.entries.get(&turn.path);
        let untouchable = [now, turn.from.as_ref(), turn.to.as_ref()].contains(&Some(&Entry::Untouched));
        if untouchable || turn.path.components().any(|part| part == b".git") {
            return Ok(Verdict::Conflict("it is never touched: no archive holds it".to_owned()));
        }
        if now == turn.to.as_ref() {
            return Ok(Verdict::Already);
        }
        let verdict = if now == turn.from.as_ref() {
            let deed = if turn.to.is_some() { Deed::Written } else { Deed::Deleted };
            Verdict::Go(turn.to.clone(), deed)
        } else {
            self.resolve(turn, now, texts)?
        };
        Ok(match &verdict {
            Verdict::Go(Some(_), _) => self.blocker(&turn.path).map_or(verdict, Verdict::Conflict),
            Verdict::Go(None, _) | Verdict::Already | Verdict::Conflict(_) | Verdict::Kept => verdict,
        })
    }

    /// Decides on a path that is neither as expected nor as wanted.
    fn resolve(
        &mut self,
        turn: &Turn,
        now: Option<&Entry>,
        texts: &mut ReadSides<'_>,
    ) -> Result<Verdict, ArchiveError> {
        if let Some((entry, deed)) = self.combine(turn, now, texts)? {
            return Ok(if Some(&entry) == now { Verdict::Already } else { Verdict::Go(Some(entry), deed) });
        }
        Ok(match self.how.on_conflict {
            OnConflict::Theirs => Verdict::Go(turn.to.clone(), Deed::Overwritten),
            OnConflict::Refuse | OnConflict::Skip | OnConflict::Markers => {
                Verdict::Conflict(what_happened(turn.from.as_ref(), now).to_owned())
            }
        })
    }

    /// Returns a file with both sides' edits in it, if there can be one.
    fn combine(
        &mut self,
        turn: &Turn,
        now: Option<&Entry>,
        texts: &mut ReadSides<'_>,
    ) -> Result<Option<(Entry, Deed)>, ArchiveError> {
        let (
            Some(Entry::File { mode: base_mode, size: base_size, digest: base }),
            Some(Entry::File { mode: our_mode, size: our_size, digest: ours }),
            Some(Entry::File { mode: their_mode, size: their_size, digest: theirs }),
        ) = (&turn.from, now, &turn.to)
        else {
            return Ok(None);
        };
        let Some(mode) = one_of(*base_mode, *our_mode, *their_mode) else { return Ok(None) };
        let known = one_of((base, base_size), (ours, our_size), (theirs, their_size));
        if let Some((digest, size)) = known {
            return Ok(Some((Entry::File { mode, size: *size, digest: *digest }, Deed::Merged)));
        }
        let wanted = self.how.merge_texts || self.how.on_conflict == OnConflict::Markers;
        if !wanted || [base_size, our_size, their_size].iter().any(|size| **size > merge::LARGEST) {
            return Ok(None);
        }
        let [base, ours, theirs] = texts(&turn.path, [base, ours, theirs])?;
        let (text, deed) = match merge::merge(&base, &ours, &theirs) {
            Some(Merged::Clean(text)) => (text, Deed::Merged),
            Some(Merged::Marked(text)) if self.how.on_conflict == OnConflict::Markers => (text, Deed::Marked),
            Some(Merged::Marked(_)) | None => return Ok(None),
        };
        let entry = Entry::File { mode, size: text.len() as u64, digest: Digest::of(&text) };
        self.merged.push(text);
        Ok(Some((entry, deed)))
    }

    /// Returns what will be at a path. Parents are judged before their children, so theirs is known.
    fn will_be(&self, path: &RawPath) -> Option<&Entry> {
        match self.verdicts.get(path) {
            Some(Verdict::Go(to, _)) => to.as_ref(),
            Some(Verdict::Already | Verdict::Conflict(_) | Verdict::Kept) | None => self.present.entries.get(path),
        }
    }

    /// Returns why nothing can be made at this path.
    fn blocker(&self, path: &RawPath) -> Option<String> {
        let parent = path.parent()?;
        match self.will_be(&parent) {
            Some(Entry::Dir { .. }) => None,
            Some(_) => Some(format!("`{parent}` is no directory now")),
            None => Some(format!("its directory `{parent}` is gone")),
        }
    }

    /// Keeps a directory in which something stays. Children come before their parents.
    fn check_removal(&mut self, path: &RawPath) {
        let (Some(Entry::Dir { .. }), Some(Verdict::Go(to, _))) =
            (self.present.entries.get(path), self.verdicts.get(path))
        else {
            return;
        };
        if matches!(to, Some(Entry::Dir { .. })) {
            return;
        }
        let children = self.present.children.get(path).map_or(&[][..], Vec::as_slice);
        let Some(child) = children.iter().find(|child| !self.goes(child)) else { return };
        let verdict = match to {
            None => Verdict::Kept,
            Some(_) => Verdict::Conflict(format!("it is a directory now, and `{child}` stays in it")),
        };
        self.verdicts.insert(path.clone(), verdict);
    }

    fn goes(&self, path: &RawPath) -> bool {
        matches!(self.verdicts.get(path), Some(Verdict::Go(None, _)))
    }

    fn finish(self) -> Plan {
        let mut plan = Plan { texts: self.merged, ..Plan::default() };
        for (path, verdict) in self.verdicts {
            match verdict {
                Verdict::Already => plan.landed.already += 1,
                Verdict::Kept => plan.landed.kept_dirs.push(path),
                Verdict::Conflict(why) => plan.landed.conflicts.push(Conflict { path, why }),
                Verdict::Go(to, deed) => {
                    plan.landed.deeds.push((path.clone(), deed));
                    let now = self.present.entries.get(&path).cloned();
                    plan.moves.push(Move { path, now, to, deed });
                }
            }
        }
        plan
    }
}

/// Returns the side that changed, where only one did or both did the same.
fn one_of<T: PartialEq>(base: T, ours: T, theirs: T) -> Option<T> {
    if ours == base || ours == theirs {
        Some(theirs)
    } else if theirs == base {
        Some(ours)
    } else {
        None
    }
}

fn what_happened(from: Option<&Entry>, now: Option<&Entry>) -> &'static str {
    match (from, now) {
        (_, None) => "it was removed since",
        (None, Some(_)) => "something was made here since",
        (Some(from), Some(now)) if std::mem::discriminant(from) == std::mem::discriminant(now) => {
            "it was changed since"
        }
        (Some(_), Some(Entry::Dir { .. })) => "it is a directory now",
        (Some(_), Some(Entry::Symlink { .. })) => "it is a symbolic link now",
        (Some(_), Some(Entry::File { .. })) => "it is a file now",
        (Some(_), Some(Entry::Fifo { .. } | Entry::Untouched)) => "it is something else now",
    }
}
