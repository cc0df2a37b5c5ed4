//! The contract of standard output: the answer and nothing else goes there.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(mgr::run())
}
