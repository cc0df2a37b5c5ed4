//! The parent of a program whose exit code alone says what came of it: notes how it ended, in a file.
//!
//! Must not decide anything or have a way of its own: signals that reach the program's group are the program's to
//! answer, and nobody sees more of this process than that the program has a parent. It stands between a keeper and the
//! program because only a parent is told an exit code, and a keeper may be killed.

use camino::Utf8Path;

use super::contract::{AttemptDir, ProgramEnd, VERSION};
use crate::os::{files, memory, spawn, tree};

/// What it is called among the processes: whoever kills all that is called `mgr` means `mgr`, not its programs.
const NAME: &str = "run-command";

/// Returns the arguments with which `mgr` runs a program in this way.
pub(super) fn arguments(dir: &AttemptDir, program: &str, args: &[String]) -> Vec<String> {
    let own = ["__run", dir.path().as_str(), program].map(str::to_owned);
    own.into_iter().chain(args.iter().cloned()).collect()
}

/// The body of `mgr __run DIR PROGRAM [ARGUMENT ...]`; returns the program's exit code.
pub fn record(args: &[String]) -> u8 {
    let [dir, program, args @ ..] = args else { return 2 };
    tree::outlive_signals();
    tree::call_this_process(NAME);
    let dir = AttemptDir::new(Utf8Path::new(dir));
    // From here on it may have begun: no keeper starts it a second time. Without that it does not start.
    if !matches!(files::create_new(&dir.file("ended"), b""), Ok(true)) {
        return 70;
    }
    let end = match spawn::in_place(program, args) {
        Ok(mut child) => {
            // It may be hours.
            memory::release_program_text();
            match child.wait() {
                Ok(status) => {
                    ProgramEnd { code: status.code(), signal: tree::signal_of(status), ..ProgramEnd::default() }
                }
                Err(_) => return 70,
            }
        }
        Err(error) => ProgramEnd { error: Some(format!("cannot start `{program}`: {error}")), ..ProgramEnd::default() },
    };
    // On a full disk nothing is known of the end, as if nobody had seen it.
    let code = end.code.and_then(|code| u8::try_from(code).ok());
    let _ = dir.write_program_end(&ProgramEnd { v: VERSION, ..end });
    code.unwrap_or(70)
}
