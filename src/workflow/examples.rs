//! The workflows that are shipped inside the program, so that they run by name wherever it is installed.

/// A file of `workflows/`.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        [$(Shipped { name: $name, text: include_str!(concat!("../../workflows/", $name, ".yaml")) }),*]
    };
}

/// All of them, in the order of the alphabet.
pub const EXAMPLES: [Shipped; 9] = shipped![
    "dependency-upgrade",
    "fix-bug-with-reproduction",
    "race-of-three",
    "release-check",
    "review-by-roles",
    "safe-refactor",
    "security-audit",
    "sync-docs",
    "test-generation",
];

/// Returns the example of this name.
pub fn example(name: &str) -> Option<Shipped> {
    EXAMPLES.into_iter().find(|example| example.name == name)
}
