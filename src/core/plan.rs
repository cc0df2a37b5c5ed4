//! The scheduler: which of the ready tasks get the free slots, and one writer for each workspace.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::{BackendName, TaskId};

/// How much may run at once on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub slots: u32,
    pub per_backend: BTreeMap<BackendName, u32>,
}

impl Limits {
    /// Returns how many slots are free while `busy` run.
    pub fn free(&self, busy: &[BackendName]) -> usize {
        (self.slots as usize).saturating_sub(busy.len())
    }

    /// Returns the backends that are at their cap while `busy` run.
    pub fn full(&self, busy: &[BackendName]) -> Vec<BackendName> {
        let running = |name: &BackendName| busy.iter().filter(|backend| *backend == name).count();
        let at_cap = self.per_backend.iter().filter(|(name, cap)| running(name) >= **cap as usize);
        at_cap.map(|(name, _)| name.clone()).collect()
    }
}

/// What runs now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    /// The backend of each running task.
    pub backends: Vec<BackendName>,
    /// The workspaces that somebody writes in: running tasks, and commands that hold one.
    pub written: Vec<Utf8PathBuf>,
}

/// A task that waits for nothing but a slot and, if it writes, its workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub id: TaskId,
    pub backend: BackendName,
    /// Higher goes first.
    pub priority: i32,
    /// The workspace that it must have for itself; `None` when it does not write, or shares.
    pub writes: Option<Utf8PathBuf>,
}

/// Whether two who write in these directories would meet: they are one, or one lies beneath the other.
pub fn overlap(a: &Utf8Path, b: &Utf8Path) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

/// Who starts now. Tasks are offered one after the other, by priority and then by age.
#[derive(Debug)]
pub struct Plan<'a> {
    limits: &'a Limits,
    backends: Vec<BackendName>,
    taken: Vec<Utf8PathBuf>,
}

impl<'a> Plan<'a> {
    pub fn new(limits: &'a Limits, busy: Busy) -> Self {
        Self { limits, backends: busy.backends, taken: busy.written }
    }

    /// Whether nobody can start any more.
    pub fn is_full(&self) -> bool {
        self.limits.free(&self.backends) == 0
    }

    /// Returns the backends that are at their cap; offering one of their tasks is in vain.
    pub fn full_backends(&self) -> Vec<BackendName> {
        self.limits.full(&self.backends)
    }

    /// Returns the workspaces that are written in or promised; offering another writer there is in vain.
    pub fn taken(&self) -> &[Utf8PathBuf] {
        &self.taken
    }

    /// Returns whether the task starts now. One that waits for its workspace is promised it: nobody who comes
    /// later and would meet it there starts before it, or a directory above many others would never be free.
    pub fn offer(&mut self, candidate: &Candidate) -> bool {
        if self.is_full() || self.full_backends().contains(&candidate.backend) {
            return false;
        }
        let mut starts = true;
        if let Some(root) = &candidate.writes {
            starts = !self.taken.iter().any(|taken| overlap(taken, root));
            self.taken.push(root.clone());
        }
        if starts {
            self.backends.push(candidate.backend.clone());
        }
        starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Timestamp;

    fn candidate(n: i64, backend: &'static str, priority: i32) -> Candidate {
        let id = TaskId::new(Timestamp(1_790_000_000_000 + n), 0);
        Candidate { id, backend: BackendName::built_in(backend), priority, writes: None }
    }

    fn writer(n: i64, root: &str) -> Candidate {
        Candidate { writes: Some(root.into()), ..candidate(n, "a", 0) }
    }

    fn order(limits: &Limits, busy: Busy, ready: &[Candidate]) -> Vec<usize> {
        let mut plan = Plan::new(limits, busy);
        let mut queue: Vec<usize> = (0..ready.len()).collect();
        queue.sort_by_key(|at| (-ready[*at].priority, ready[*at].id.clone()));
        queue.into_iter().filter(|at| plan.offer(&ready[*at])).collect()
    }

    fn running(backends: &[&'static str]) -> Busy {
        let backends = backends.iter().map(|name| BackendName::built_in(name)).collect();
        Busy { backends, written: Vec::new() }
    }

    #[test]
    fn priority_first_then_age_and_a_full_backend_does_not_block_others() {
        let limits = Limits { slots: 4, per_backend: [(BackendName::built_in("a"), 1)].into() };
        let ready = [candidate(0, "a", 0), candidate(1, "a", 0), candidate(2, "b", 0), candidate(3, "b", 9)];
        assert_eq!(order(&limits, Busy::default(), &ready), [3, 0, 2]);
        assert_eq!(order(&limits, running(&["a"]), &ready), [3, 2]);
        assert_eq!(order(&limits, running(&["c", "c", "c", "c"]), &ready), [0; 0]);
    }

    #[test]
    fn one_writer_for_each_workspace_and_what_lies_above_or_beneath_it() {
        let limits = Limits { slots: 9, per_backend: BTreeMap::new() };
        let ready = [writer(0, "/w"), writer(1, "/w"), writer(2, "/w/sub"), writer(3, "/"), writer(4, "/word")];
        // `/` waits for `/w`, and what comes after it and lies beneath waits for `/`.
        assert_eq!(order(&limits, Busy::default(), &ready), [0]);
        assert_eq!(order(&limits, Busy::default(), &ready[2..3]), [0]);
        let held = Busy { written: vec!["/w/sub/deep".into()], ..running(&[]) };
        assert_eq!(order(&limits, held, &[writer(0, "/w"), writer(1, "/x"), candidate(2, "a", 0)]), [1, 2]);
    }

    #[test]
    fn who_waits_for_a_workspace_uses_no_slot_and_is_not_overtaken_there() {
        let limits = Limits { slots: 2, per_backend: BTreeMap::new() };
        let held = || Busy { written: vec!["/w/a".into()], ..running(&["a"]) };
        let ready = [writer(0, "/w"), writer(1, "/w/b"), writer(2, "/x"), writer(3, "/y")];
        assert_eq!(order(&limits, held(), &ready), [2]);
        let urgent = Candidate { priority: 1, ..writer(4, "/w/b") };
        assert_eq!(order(&limits, held(), &[ready[0].clone(), urgent]), [1]);
    }
}
