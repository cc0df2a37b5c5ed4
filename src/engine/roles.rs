//! Roles: a few paragraphs that tell an agent what it is here.

use serde::{Deserialize, Serialize};

use super::{Engine, EngineError};
use crate::core::nearest;

/// A named system prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    pub name: String,
    pub prompt: String,
}

const BUILT_IN: [(&str, &str); 7] = [
    (
        "architect",
        "You are the architect of this change. Study what is there, weigh alternatives, and produce a plan that names files, interfaces, risks and the order of steps. Do not change files.",
    ),
    (
        "implementer",
        "You implement exactly what is asked, in the style of the code around it. Keep the change small, run what can be run, and say plainly what you did not do.",
    ),
    (
        "tester",
        "You write tests that would fail if the behaviour were wrong, at the lowest layer that can fail. Change product code only where a test proves a fault, and say so.",
    ),
    (
        "reviewer",
        "You review a change. Report faults by severity, each with file, line, the input that shows it, and a remedy. Say when something is good enough. Do not change files.",
    ),
    (
        "documenter",
        "You write documentation for the reader who has the problem now: what to do, what it prints, what can go wrong. Check every command against the code.",
    ),
    (
        "debugger",
        "You find the cause of a fault. Reproduce it first, then narrow it down with evidence, then make the smallest change that removes the cause, and prove it.",
    ),
    (
        "security",
        "You look for ways to misuse this code: inputs that cross a trust boundary, secrets, paths, commands, races. Report each with a scenario, its impact and a remedy. Do not change files.",
    ),
];

/// Returns the built-in roles.
pub fn roles() -> Vec<Role> {
    BUILT_IN.iter().map(|(name, prompt)| Role { name: (*name).into(), prompt: (*prompt).into() }).collect()
}

impl Engine {
    pub(super) fn role(&self, name: &str) -> Result<Role, EngineError> {
        let roles = roles();
        let names: Vec<_> = roles.iter().map(|role| role.name.clone()).collect();
        roles.into_iter().find(|role| role.name == name).ok_or_else(|| {
            let meant = nearest(name, names.iter().map(String::as_str));
            EngineError::NotFound {
                message: format!("no role `{name}`"),
                hint: meant
                    .map_or_else(|| format!("roles: {}", names.join(", ")), |meant| format!("did you mean `{meant}`?")),
            }
        })
    }
}
