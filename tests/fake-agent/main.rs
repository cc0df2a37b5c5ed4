//! An agent that obeys a script: its prompt, one command per line. Not clever.
//!
//! Before anything else it writes its attempt's cookie to the file `runs` in its directory, so
//! that a test can count how often an attempt ran. See [`obey`] for the commands.

use std::{
    fs::OpenOptions,
    io::{self, Read, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread::sleep,
    time::Duration,
};

use serde_json::{Value, json};

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|arg| arg == "--hop") {
        return hop(args.get(2).and_then(|count| count.parse().ok()).unwrap_or(0));
    }
    if args.get(1).is_some_and(|arg| arg == "--version") {
        println!("fake-agent 1.0");
        return Ok(());
    }
    let mut script = String::new();
    io::stdin().read_to_string(&mut script)?;
    let cookie = std::env::var("MGR_COOKIE").unwrap_or_default();
    append("runs", &format!("{cookie}\n"))?;
    if let Some(session) = args.iter().position(|arg| arg == "--resume").and_then(|at| args.get(at + 1)) {
        append("resumed", &format!("{session}\n"))?;
    }
    for line in script.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        obey(word, rest)?;
    }
    Ok(())
}

fn obey(word: &str, rest: &str) -> io::Result<()> {
    match word {
        // What it says.
        "say" => event(&json!({"kind": "text", "text": rest})),
        "finish" => event(&json!({"kind": "finished", "result": rest, "turns": 1})),
        "fail" => {
            let (category, message) = rest.split_once(' ').unwrap_or((rest, ""));
            event(&json!({"kind": "failed", "category": category, "message": message}))
        }
        "session" => event(&json!({"kind": "started", "session": rest})),
        "ask" => event(&json!({"kind": "needs_input", "question": rest})),
        "tool" => event(&json!({"kind": "tool_started", "id": rest, "name": "Bash", "summary": rest})),
        "tool-end" => event(&json!({"kind": "tool_finished", "id": rest, "ok": true})),
        "emit" | "print" => out(format!("{rest}\n").as_bytes()),
        "escape" => event(&json!({"kind": rest, "text": HOSTILE, "question": HOSTILE, "result": HOSTILE, "message": HOSTILE,
            "category": "unknown", "id": "1", "name": HOSTILE, "summary": HOSTILE, "path": HOSTILE, "change": "created",
            "session": HOSTILE, "model": HOSTILE, "version": HOSTILE, "tool": HOSTILE, "attempt": 1, "level": "info"})),
        "partial" => out(rest.as_bytes()),
        "bad-utf8" => out(b"\xff\xfe\x80 {\"kind\":\"text\",\"text\":\"\xc3\x28\"}\n"),
        "flood" => flood(rest.parse().unwrap_or(0)),
        "stderr" => io::stderr().write_all(format!("{rest}\n").as_bytes()),
        "env" => {
            let value = std::env::var(rest).unwrap_or_else(|_| "not set".into());
            event(&json!({"kind": "text", "text": format!("{rest}={value}")}))
        }
        // What it does.
        "write" => {
            let (path, text) = rest.split_once(' ').unwrap_or((rest, ""));
            std::fs::write(path, text)
        }
        "append" => {
            let (path, text) = rest.split_once(' ').unwrap_or((rest, ""));
            append(path, text)
        }
        "run" => Command::new("sh").args(["-c", rest]).stdin(Stdio::null()).status().map(|_| ()),
        // How it goes on.
        "sleep" => Ok(sleep(Duration::from_millis(rest.parse().unwrap_or(0)))),
        "wait-for" => Ok(wait_for(Path::new(rest))),
        "hang" => loop {
            sleep(Duration::from_secs(3600));
        },
        "exit" => std::process::exit(rest.parse().unwrap_or(0)),
        "ignore-term" => {
            for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP] {
                signal_hook::flag::register(signal, Arc::default())?;
            }
            Ok(())
        }
        "kill-self" => Ok(nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL)?),
        // Whom it leaves behind.
        "fork-child" => start("sleep 3600"),
        "setsid-child" => start("exec setsid sleep 3601"),
        "double-fork" => start("(setsid sleep 3602 &) ; exit 0"),
        "nohup-loop" => start("trap '' TERM INT HUP; nohup sh -c 'while :; do sleep 0.05; done' >/dev/null 2>&1"),
        "bare-child" => start("(exec setsid env -i sleep 3603) &"),
        "many-children" => start(&format!("for n in $(seq {rest}); do (setsid sleep 3604 &); done")),
        "hop-child" => start(&format!("exec setsid '{}' --hop {rest}", std::env::current_exe()?.display())),
        "" | "#" => Ok(()),
        // A prompt may carry more than the script: context, the words of an earlier failure.
        _ => append("unknown", &format!("{word} {rest}\n")),
    }
}

/// Colours, the window title, the clipboard, a fake line, a bell, C1 controls, the right-to-left override.
const HOSTILE: &str = "HOSTILE\u{1b}[31m\u{1b}]0;owned\u{7}\u{1b}]52;c;ZXZpbA==\u{7}\rdone\u{8}\u{9b}2J\u{9d}x\u{202e}";

fn out(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

fn event(event: &Value) -> io::Result<()> {
    out(format!("{event}\n").as_bytes())
}

fn append(path: &str, text: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
}

fn flood(bytes: usize) -> io::Result<()> {
    let line = format!("{}\n", json!({"kind": "text", "text": "x".repeat(1000)}));
    for _ in 0..bytes.div_ceil(line.len()) {
        out(line.as_bytes())?;
    }
    Ok(())
}

fn wait_for(path: &Path) {
    while !path.exists() {
        sleep(Duration::from_millis(5));
    }
}

/// Starts a shell line and does not wait for it.
fn start(line: &str) -> io::Result<()> {
    let mut command = Command::new("sh");
    command.args(["-c", line]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(|_| ())
}

/// A process that is never the same for long: starts its successor in a session of its own and leaves.
fn hop(left: u32) -> io::Result<()> {
    if left == 0 {
        return Ok(());
    }
    sleep(Duration::from_millis(2));
    let me = std::env::current_exe()?;
    Command::new("setsid").arg(me).args(["--hop", &(left - 1).to_string()]).spawn().map(|_| ())
}
