//! Turns of one conversation that work in one isolated directory: what one of them brings in or gives up is the
//! earlier ones' too.
//!
//! Theory of operation: a later turn starts from what the earlier ones left in the directory, so its own changes alone
//! mean nothing to a workspace that has not got theirs.

use super::{Engine, EngineError, landing::LandingState, workspace::isolation_owner};
use crate::core::{Isolation, Task};

impl Engine {
    /// Returns the earlier turns in the same directory whose result nobody has taken over, oldest first.
    pub(super) fn open_turns_before(&self, task: &Task) -> Result<Vec<Task>, EngineError> {
        let mut turns = Vec::new();
        let mut next = task.spec.isolated_by.as_ref().and(task.spec.lineage.continues.clone());
        while let Some(id) = next {
            // One that was cleaned up had been taken over.
            let Some(earlier) = self.store.read(|view| view.task(&id))? else { break };
            let is_same_place = isolation_owner(&earlier) == isolation_owner(task);
            if !is_same_place || self.landing_state(&earlier)? != Some(LandingState::Open) {
                break;
            }
            next = earlier.spec.isolated_by.as_ref().and(earlier.spec.lineage.continues.clone());
            turns.push(earlier);
        }
        turns.reverse();
        Ok(turns)
    }

    /// Returns the other tasks that work or worked in the isolated directory of this one.
    pub(super) fn others_in_directory(&self, task: &Task) -> Result<Vec<Task>, EngineError> {
        if task.spec.isolate == Isolation::None {
            return Ok(Vec::new());
        }
        let mut others = Vec::new();
        for id in self.store.read(|view| view.tasks_in_isolation(isolation_owner(task)))? {
            if id != task.id {
                others.push(self.task(&id)?);
            }
        }
        Ok(others)
    }
}
