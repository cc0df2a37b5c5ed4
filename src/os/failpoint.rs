//! Named points at which a debug build dies on request, for the tests that prove what a crash leaves.
//!
//! `MGR_FAILPOINT=name` makes the process kill itself (SIGKILL: no handler, no destructor) when it
//! reaches the point of that name; `MGR_FAILPOINT=name@FILE` makes only the first one do it, the one
//! that can make FILE. `MGR_HOLD=name@FILE` holds it there until FILE exists. Release builds have none of it.

/// Dies here if the test asked for it.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "test-only switch that must work in every process, configured or not")]
pub fn hit(name: &str) {
    let Ok(asked) = std::env::var("MGR_FAILPOINT") else { return };
    let (point, once) = asked.split_once('@').map_or((asked.as_str(), None), |(point, file)| (point, Some(file)));
    if point == name && once.is_none_or(|file| super::files::create_new(file.into(), b"").unwrap_or(false)) {
        super::tree::kill_self();
    }
}

#[cfg(not(debug_assertions))]
pub const fn hit(_name: &str) {}

/// Whether the test wants the process to stay where it is.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "test-only switch that must work in every process, configured or not")]
pub fn holds(name: &str) -> bool {
    let Ok(asked) = std::env::var("MGR_HOLD") else { return false };
    asked.split_once('@').is_some_and(|(point, file)| point == name && !std::path::Path::new(file).exists())
}

#[cfg(not(debug_assertions))]
pub const fn holds(_name: &str) -> bool {
    false
}
