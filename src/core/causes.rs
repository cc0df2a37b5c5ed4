//! What lies beneath an error.

use std::error::Error;

/// Returns what caused an error, outermost first.
pub fn causes(error: &dyn Error) -> impl Iterator<Item = String> {
    std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string)
}

/// Returns an error with all that lies beneath it, in one line.
pub fn with_causes(error: &dyn Error) -> String {
    causes(error).fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
}
