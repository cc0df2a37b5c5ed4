//! What must not get in or out: descriptors, secrets, escape sequences.

use std::{
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::support::{TestHome, members};

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(&entry.path()));
        }
    }
    found
}

/// The shell gives `mgr` a pipe as descriptor 7 that it does not know; its reader must not wait for the task.
#[test]
fn an_inherited_pipe_is_closed_when_submit_returns() {
    let home = TestHome::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec 7>&1; exec \"$0\" submit 'wait-for go\nfinish x' >id", env!("CARGO_BIN_EXE_mgr")]);
    shell
        .current_dir(home.work())
        .env_clear()
        .env("MGR_HOME", home.home())
        .env("PATH", std::env::var_os("PATH").unwrap());
    let mut child = shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut rest = String::new();
    // End of file comes only when nobody holds the pipe any more.
    child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!((child.wait().unwrap().code(), rest.as_str()), (Some(0), ""));
    let id = home.only_task();
    assert_eq!(home.status(&id)["status"], "running");
    home.wait_file("runs");
    for process in members(&id, 1) {
        let open = std::fs::read_dir(format!("/proc/{}/fd", process.pid)).unwrap().flatten();
        let open: Vec<_> = open.filter_map(|fd| fd.file_name().to_str()?.parse::<i32>().ok()).collect();
        assert_eq!(open.iter().filter(|fd| **fd > 2).count(), 0, "{process:?} has {open:?}");
    }
    home.touch("go");
    home.end_of(&id);
}

#[test]
fn values_of_the_environment_reach_the_agent_and_never_the_disk() {
    let home = TestHome::new().with_env("FAKE_SECRET", "hunter2-not-on-disk").with_env("OTHER", "also-not-on-disk");
    // The agent looks without telling: what it prints is kept.
    let id = home.submit("run test ${#FAKE_SECRET} = 19 && touch passed\nenv OTHER\nfinish x");
    assert_eq!(home.end_of(&id)["status"], "done");
    assert!(home.work().join("passed").exists());
    home.mgr(&["explain", &id]);
    for file in files_below(&home.home()).into_iter().filter(|path| path.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        let holds = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
        assert!(!holds(b"hunter2-not-on-disk") && !holds(b"also-not-on-disk"), "{}", file.display());
    }
    let events = home.json(&["events", &id]);
    assert_eq!(events["events"][0]["text"], "OTHER=not set");
}

#[test]
fn everything_below_the_home_is_for_its_user_alone() {
    let home = TestHome::new();
    std::fs::remove_dir_all(home.home()).unwrap();
    let ran = home.mgr(&["submit", "-b", "demo", "--wait", "--verify", "true", "say: hello"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let id = home.submit_with(&["-b", "demo"], "sleep: 30s");
    home.wait_keeper(&id, 1);
    home.json(&["pause", &id]);
    let mode = |path: &Path| path.symlink_metadata().unwrap().permissions().mode() & 0o777;
    let mut open: Vec<_> = files_below(&home.home());
    open.push(home.home());
    open.retain(|path| path.exists() && mode(path) & 0o077 != 0);
    let open: Vec<_> = open.iter().map(|path| format!("{} {:o}", path.display(), mode(path))).collect();
    assert_eq!(open, [""; 0]);
    home.mgr(&["cancel", &id, "--grace", "0s"]);
}

/// Printable, line ends and tabs; no C0, no C1, no overrides of the direction.
fn is_harmless(char: char) -> bool {
    matches!(char, '\n' | '\t')
        || !(char.is_control() || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

#[test]
fn nothing_that_an_agent_prints_drives_the_terminal() {
    let home = TestHome::new();
    let kinds =
        ["started", "text", "thinking", "tool_started", "file_changed", "retrying", "permission_denied", "notice"];
    let script: String = kinds.iter().map(|kind| format!("escape {kind}\n")).collect();
    let good = home.submit(&format!("{script}bad-utf8\nescape finished"));
    let bad = home.submit_with(&["-l", "\u{1b}[31mlabel\u{202e}"], &format!("{script}stderr \u{1b}[2J\nescape failed"));
    let text = home.submit_with(&["-b", "fake_text"], "print \u{1b}]0;HOSTILE\u{7}");
    for id in [&good, &bad, &text] {
        home.end_of(id);
        let commands: [&[&str]; 9] = [
            &["status", id],
            &["output", id],
            &["watch", id],
            &["events", id],
            &["events", id, "--compact"],
            &["events", id, "--follow"],
            &["explain", id],
            &["list"],
            &["status"],
        ];
        for args in commands {
            let ran = home.mgr(args);
            let odd: Vec<_> = ran.stdout.chars().chain(ran.stderr.chars()).filter(|char| !is_harmless(*char)).collect();
            assert!(odd.is_empty(), "mgr {args:?} prints {odd:?}: {ran:#?}");
        }
        let commands: [&[&str]; 4] = [&["status", id], &["events", id], &["events", id, "--follow"], &["list"]];
        for args in commands {
            let ran = home.mgr(&[args, &["--json"]].concat());
            assert!(ran.stdout.chars().all(is_harmless), "mgr {args:?}: {ran:#?}");
        }
    }
    assert!(home.mgr(&["output", "--raw", &text]).stdout.contains('\u{1b}'));
    assert!(home.output(&good).contains("HOSTILE"));
}

#[test]
fn odd_streams_are_kept_and_counted() {
    let home = TestHome::new();
    let id = home.submit("bad-utf8\nemit {\"kind\":\"text\"\nemit []\nemit {\"kind\":\"invented\"}\npartial {\"kind\":\"finished\",\"result\":\"x\"}");
    assert_eq!(home.end_of(&id)["status"], "done");
    let events = home.json(&["events", &id]);
    let kinds: Vec<_> =
        events["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["unknown", "unknown", "unknown", "unknown", "finished"]);
}
