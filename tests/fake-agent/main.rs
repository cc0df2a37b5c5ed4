//! An agent that obeys a script: its prompt, one command per line. Not clever.
//!
//! Before anything else it writes its attempt's cookie to the file `runs` in its directory, so
//! that a test can count how often an attempt ran. See [`obey`] for the commands. Uses nothing but
//! the standard library: the tests compile it by themselves in a second.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a program of its own that starts processes, reads its environment and prints"
)]

use std::{
    fs::OpenOptions,
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|arg| arg == "--hop") {
        return hop(args.get(2).and_then(|count| count.parse().ok()).unwrap_or(0));
    }
    if args.get(1).is_some_and(|arg| arg == "--headless") {
        return live_without_first_thread();
    }
    if args.get(1).is_some_and(|arg| arg == "--version") {
        println!("fake-agent 1.0");
        return Ok(());
    }
    if args.get(1).is_some_and(|arg| arg == "--go-on") {
        return obey_all(&args[2]);
    }
    let mut script = String::new();
    io::stdin().read_to_string(&mut script)?;
    let cookie = std::env::var("MGR_COOKIE").unwrap_or_default();
    append("runs", &format!("{cookie}\n"))?;
    if let Some(session) = args.iter().position(|arg| arg == "--resume").and_then(|at| args.get(at + 1)) {
        append("resumed", &format!("{session}\n"))?;
    }
    obey_all(&script)
}

fn obey_all(script: &str) -> io::Result<()> {
    let mut left = script;
    while !left.is_empty() {
        let (line, later) = left.split_once('\n').unwrap_or((left, ""));
        left = later;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            // Ignored signals stay ignored in a successor (execve(2)); the process stays the same.
            "ignore-term" => {
                let shell = "trap '' TERM INT HUP; exec \"$0\" --go-on \"$1\"";
                return Err(Command::new("sh").args(["-c", shell]).arg(std::env::current_exe()?).arg(later).exec());
            }
            word => obey(word, rest)?,
        }
    }
    Ok(())
}

fn obey(word: &str, rest: &str) -> io::Result<()> {
    match word {
        // What it says.
        "say" => event("text", &[("text", rest)]),
        "finish" => event("finished", &[("result", rest)]),
        "fail" => {
            let (category, message) = rest.split_once(' ').unwrap_or((rest, ""));
            event("failed", &[("category", category), ("message", message)])
        }
        "session" => event("started", &[("session", rest)]),
        "ask" => event("needs_input", &[("question", rest)]),
        "tool" => event("tool_started", &[("id", rest), ("name", "Bash"), ("summary", rest)]),
        "tool-end" => event("tool_finished", &[("id", rest)]),
        "emit" | "print" => out(format!("{rest}\n").as_bytes()),
        "escape" => {
            let fields = ["text", "question", "result", "message", "name", "summary", "path", "session", "model"];
            let fields = fields.map(|name| (name, HOSTILE));
            let rest_of_it =
                [("category", "unknown"), ("id", "1"), ("change", "created"), ("level", "info"), ("tool", HOSTILE)];
            event(rest, &[&fields[..], &rest_of_it].concat())
        }
        "partial" => out(rest.as_bytes()),
        "bad-utf8" => out(b"\xff\xfe\x80 {\"kind\":\"text\",\"text\":\"\xc3\x28\"}\n"),
        "flood" => flood(rest.parse().unwrap_or(0)),
        "stderr" => io::stderr().write_all(format!("{rest}\n").as_bytes()),
        "env" => {
            let value = std::env::var(rest).unwrap_or_else(|_| "not set".into());
            event("text", &[("text", &format!("{rest}={value}"))])
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
        // For one of several agents that get the same prompt; each was started with `--as NAME`.
        "as" => {
            let (name, command) = rest.split_once(' ').unwrap_or((rest, ""));
            let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
            let is_meant = std::env::args().skip_while(|arg| arg != "--as").nth(1).is_some_and(|own| own == name);
            if is_meant { obey(word, rest) } else { Ok(()) }
        }
        "run" => Command::new("sh").args(["-c", rest]).stdin(Stdio::null()).status().map(|_| ()),
        // How it goes on.
        "sleep" => {
            sleep(Duration::from_millis(rest.parse().unwrap_or(0)));
            Ok(())
        }
        "wait-for" => {
            wait_for(Path::new(rest));
            Ok(())
        }
        "hang" => loop {
            sleep(Duration::from_secs(3600));
        },
        "exit" => std::process::exit(rest.parse().unwrap_or(0)),
        "kill-self" => Command::new("sh").args(["-c", "kill -9 $PPID"]).status().map(|_| ()),
        // Whom it leaves behind.
        "fork-child" => start("sleep 3600"),
        "setsid-child" => start("exec setsid sleep 3601"),
        "double-fork" => start("(setsid sleep 3602 &) ; exit 0"),
        "nohup-loop" => start("trap '' TERM INT HUP; nohup sh -c 'while :; do sleep 0.05; done' >/dev/null 2>&1"),
        "bare-child" => start("(exec setsid env -i sleep 3603) &"),
        "headless-child" => start(&format!("exec setsid '{}' --headless", std::env::current_exe()?.display())),
        "bare-foreground" => start("exec setsid env -i sleep 3607"),
        "other-cookie" => start(&format!("MGR_COOKIE={rest} exec setsid sleep 3608")),
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

/// Prints an event of mgr's own vocabulary, all of whose fields are text.
fn event(kind: &str, fields: &[(&str, &str)]) -> io::Result<()> {
    let fields: String = fields.iter().map(|(name, value)| format!(",\"{name}\":{}", quoted(value))).collect();
    out(format!("{{\"kind\":\"{kind}\"{fields}}}\n").as_bytes())
}

fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|char| match char {
        '"' | '\\' => format!("\\{char}"),
        char if char.is_control() => format!("\\u{:04x}", u32::from(char)),
        char => char.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn append(path: &str, text: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
}

fn flood(bytes: usize) -> io::Result<()> {
    let text = "x".repeat(1000);
    (0..bytes.div_ceil(text.len())).try_for_each(|_| event("text", &[("text", &text)]))
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

/// A process whose first thread ends at once and whose second goes on: it looks like a zombie. Writes its id to `headless`
/// when it is so far.
fn live_without_first_thread() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        unsafe extern "C" {
            fn pthread_self() -> usize;
            fn pthread_join(thread: usize, value: *mut *mut std::ffi::c_void) -> i32;
            fn syscall(number: std::ffi::c_long, ...) -> std::ffi::c_long;
        }
        // SAFETY: takes nothing and cannot fail (pthread_self(3)).
        let first = unsafe { pthread_self() };
        std::thread::spawn(move || {
            // SAFETY: the first thread is not detached, and nobody else joins it (pthread_join(3)).
            unsafe { pthread_join(first, std::ptr::null_mut()) };
            let _ = append("headless", &format!("{}\n", std::process::id()));
            sleep(Duration::from_secs(3606));
        });
        let exit: std::ffi::c_long = if cfg!(target_arch = "x86_64") { 60 } else { 93 };
        // SAFETY: ends this thread alone (_exit(2), "C library/kernel differences"); nothing of it is used any more.
        unsafe { syscall(exit, 0) };
        unreachable!("the first thread has ended")
    }
    #[cfg(not(target_os = "linux"))]
    append("headless", "none\n")
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
