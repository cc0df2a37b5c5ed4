//! The only reader of the clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::core::Timestamp;

/// Returns the wall clock's time.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Returns the steady clock's time, for deadlines.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the steady clock")]
pub fn steady() -> Instant {
    Instant::now()
}

/// Returns a file's time of last change as the wall clock's time.
pub fn modified(metadata: &std::fs::Metadata) -> Option<Timestamp> {
    let since_epoch = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_millis()).ok().map(Timestamp::from_millis)
}
