//! The scheduler: which of the ready tasks get the free slots.

use std::collections::BTreeMap;

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

/// A task that waits for nothing but a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub id: TaskId,
    pub backend: BackendName,
    /// Higher goes first.
    pub priority: i32,
}

/// A slot given to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub id: TaskId,
}

/// Returns who starts now. `busy` has the backend of each running task; `ready` comes in
/// any order and is served by priority, then by age.
pub fn schedule(limits: &Limits, busy: &[BackendName], ready: impl IntoIterator<Item = Candidate>) -> Vec<Claim> {
    let mut free = limits.free(busy);
    if free == 0 {
        return Vec::new();
    }
    let mut running: BTreeMap<BackendName, u32> = BTreeMap::new();
    for backend in busy {
        *running.entry(backend.clone()).or_default() += 1;
    }
    let mut ready: Vec<_> = ready.into_iter().collect();
    ready.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.id.cmp(&b.id)));
    let mut claims = Vec::new();
    for candidate in ready {
        if free == 0 {
            break;
        }
        let of_backend = running.entry(candidate.backend.clone()).or_default();
        let cap = limits.per_backend.get(&candidate.backend).copied().unwrap_or(u32::MAX);
        if *of_backend < cap {
            *of_backend += 1;
            free -= 1;
            claims.push(Claim { id: candidate.id });
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Timestamp;

    fn candidate(n: i64, backend: &'static str, priority: i32) -> Candidate {
        let id = TaskId::new(Timestamp(1_790_000_000_000 + n), 0);
        Candidate { id, backend: BackendName::built_in(backend), priority }
    }

    fn order(limits: &Limits, busy: &[BackendName], ready: &[Candidate]) -> Vec<usize> {
        let claims = schedule(limits, busy, ready.iter().rev().cloned());
        claims.iter().map(|claim| ready.iter().position(|c| c.id == claim.id).unwrap()).collect()
    }

    #[test]
    fn priority_first_then_age_and_a_full_backend_does_not_block_others() {
        let limits = Limits { slots: 4, per_backend: [(BackendName::built_in("a"), 1)].into() };
        let ready = [candidate(0, "a", 0), candidate(1, "a", 0), candidate(2, "b", 0), candidate(3, "b", 9)];
        assert_eq!(order(&limits, &[], &ready), [3, 0, 2]);
        assert_eq!(order(&limits, &[BackendName::built_in("a")], &ready), [3, 2]);
        assert_eq!(order(&limits, &vec![BackendName::built_in("c"); 4], &ready), [0; 0]);
    }
}
