//! Named points at which a debug build dies on request, for the tests that prove what a crash leaves.
//!
//! `MGR_FAILPOINT=name` makes the process kill itself (SIGKILL: no handler, no destructor)
//! when it reaches the point of that name. Release builds have none of it.

/// Dies here if the test asked for it.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "test-only switch that must work in every process, configured or not")]
pub fn hit(name: &str) {
    let asked = std::env::var("MGR_FAILPOINT");
    if asked.is_ok_and(|asked| asked == name) {
        super::tree::kill_self();
    }
}

#[cfg(not(debug_assertions))]
pub const fn hit(_name: &str) {}
