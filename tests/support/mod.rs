//! A home of its own for each test, and `mgr` run in it as a person would.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything takes on a busy machine; a test that meets it has failed.
pub const DEADLINE: Duration = Duration::from_secs(30);
const MGR: &str = env!("CARGO_BIN_EXE_mgr");

/// What a run of `mgr` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    /// The error object of `--json`.
    pub fn error(&self) -> Value {
        let last = self.stderr.lines().last().unwrap_or_default();
        let parsed: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in {self:#?}"));
        parsed["error"].clone()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A home with two fake backends, removed at the end with every process that belongs to it.
pub struct TestHome {
    dir: TempDir,
    env: BTreeMap<String, String>,
}

impl TestHome {
    pub fn new() -> Self {
        Self::with_settings("")
    }

    /// A home whose configuration has these lines too.
    pub fn with_settings(settings: &str) -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap(), env: BTreeMap::new() };
        std::fs::create_dir(home.work()).unwrap();
        home.write_config(settings);
        home
    }

    pub fn write_config(&self, settings: &str) {
        std::fs::create_dir_all(self.home()).unwrap();
        let config = config(settings);
        std::fs::write(self.home().join("config.yaml"), config).unwrap();
    }

    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// The directory that agents work in.
    pub fn work(&self) -> PathBuf {
        self.root().join("work")
    }

    pub fn attempt(&self, id: &str, number: u32) -> PathBuf {
        self.home().join("tasks").join(id).join(number.to_string())
    }

    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(MGR);
        command.args(args).current_dir(self.work()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.root()).env("MGR_HOME", self.home()).envs(&self.env);
        command
    }

    pub fn mgr(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Runs `mgr` with `--json`, which must succeed.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let ran = self.command(args.iter().chain(&["--json"])).output().map(Ran::from).unwrap();
        assert_eq!(ran.code, Some(0), "mgr {args:?}: {ran:#?}");
        ran.json()
    }

    /// Submits a script to the fake agent; returns the id.
    #[track_caller]
    pub fn submit(&self, script: &str) -> String {
        self.submit_with(&[], script)
    }

    /// Submits a script that runs beside others in the same directory.
    #[track_caller]
    pub fn submit_beside(&self, script: &str) -> String {
        self.submit_with(&["--share"], script)
    }

    #[track_caller]
    pub fn submit_with(&self, args: &[&str], script: &str) -> String {
        let ran = self.mgr(&[&["submit", "--allow-duplicate"], args, &["--", script]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:#?}");
        ran.stdout.trim_end().to_owned()
    }

    #[track_caller]
    pub fn status(&self, id: &str) -> Value {
        self.json(&["status", id])
    }

    /// Waits for the task's end without the help of `watch`.
    #[track_caller]
    pub fn end_of(&self, id: &str) -> Value {
        wait_for("the task's end", || {
            let task = self.status(id);
            if task["finished_at"].is_null() { Err(task) } else { Ok(task) }
        })
    }

    /// The answer as `mgr output` prints it.
    #[track_caller]
    pub fn output(&self, id: &str) -> String {
        let ran = self.mgr(&["output", id]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:#?}");
        ran.stdout
    }

    /// The cookies of all runs of the fake agent, in order.
    pub fn runs(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.work().join("runs")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    #[track_caller]
    pub fn wait_file(&self, name: &str) {
        let path = self.work().join(name);
        wait_for(name, || if path.exists() { Ok(()) } else { Err(self.json(&["list"])) });
    }

    pub fn touch(&self, name: &str) {
        std::fs::write(self.work().join(name), "").unwrap();
    }

    /// The only task there is.
    #[track_caller]
    pub fn only_task(&self) -> String {
        let list = self.json(&["list"]);
        let tasks = list["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), 1, "{list:#}");
        tasks[0]["task_id"].as_str().unwrap().to_owned()
    }

    /// The process that keeps an attempt.
    pub fn keeper_of(&self, id: &str, number: u32) -> Option<i32> {
        let dir = self.attempt(id, number);
        let is_keeper = |process: &Process| {
            process.args.get(1).is_some_and(|arg| arg == "__keep") && process.args.get(2).map(Path::new) == Some(&dir)
        };
        processes().into_iter().find(is_keeper).map(|process| process.pid)
    }

    #[track_caller]
    pub fn wait_keeper(&self, id: &str, number: u32) -> i32 {
        wait_for("a keeper", || self.keeper_of(id, number).ok_or_else(|| self.json(&["list"])))
    }

    /// Says of all first attempts that they were claimed then.
    pub fn claimed_at(&self, time: &str) {
        let database = rusqlite::Connection::open(self.home().join("mgr.db")).unwrap();
        database.busy_timeout(DEADLINE).unwrap();
        let sql = "UPDATE tasks SET attempts = json_set(attempts, '$[0].claimed_at', ?1)";
        database.execute(sql, [time]).unwrap();
    }

    /// Nobody waits for what should have been there long ago.
    pub fn claimed_long_ago(&self) {
        self.claimed_at("2020-01-01T00:00:00Z");
    }

    /// Kills the ticker and waits until its lock is free.
    #[track_caller]
    pub fn kill_tickers(&self) {
        self.tickers().into_iter().for_each(kill_hard);
        wait_for("the tickers' end", || if self.tickers().is_empty() { Ok(()) } else { Err(self.tickers()) });
    }

    pub fn tickers(&self) -> Vec<i32> {
        let home = self.home();
        let is_ticker = |process: &Process| process.args.get(1).is_some_and(|arg| arg == "__tick");
        let of_home = processes().into_iter().filter(|process| process.env_path("MGR_HOME") == Some(&home));
        of_home.filter(is_ticker).map(|process| process.pid).collect()
    }
}

impl Drop for TestHome {
    /// Nothing of a test outlives it, however it ended. Only processes that name this home are touched.
    fn drop(&mut self) {
        let root = self.root().to_owned();
        for _ in 0..50 {
            let own = processes().into_iter().filter(|process| process.belongs_to(&root));
            let own: Vec<_> = own.filter(|process| process.pid != std::process::id() as i32).collect();
            if own.is_empty() {
                return;
            }
            for process in own {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Looks until there is an answer; fails with the last state that was seen instead.
#[track_caller]
pub fn wait_for<T, S: Debug>(what: &str, mut look: impl FnMut() -> Result<T, S>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(state) if Instant::now() > end => panic!("no sign of {what}; the last state was {state:#?}"),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// A process as `/proc` shows it.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: i32,
    /// As the system shows it, and as `pkill` finds it.
    pub name: String,
    pub state: char,
    pub args: Vec<String>,
    pub env: Vec<u8>,
    pub cwd: PathBuf,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).ok();
        let stat = String::from_utf8_lossy(&read("stat")?).into_owned();
        let (name, state) = stat.split_once('(')?.1.rsplit_once(") ")?;
        let (name, state) = (name.to_owned(), state.chars().next()?);
        let args =
            read("cmdline")?.split(|byte| *byte == 0).map(|arg| String::from_utf8_lossy(arg).into_owned()).collect();
        let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        Some(Self { pid, name, state, args, env: read("environ").unwrap_or_default(), cwd })
    }

    pub fn has_env(&self, name: &str, value: &str) -> bool {
        let entry = format!("{name}={value}");
        self.env.split(|byte| *byte == 0).any(|other| other == entry.as_bytes())
    }

    fn env_path(&self, name: &str) -> Option<&Path> {
        let prefix = format!("{name}=");
        let entry = self.env.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(prefix.as_bytes()))?;
        Some(Path::new(std::ffi::OsStr::from_bytes(entry)))
    }

    pub fn belongs_to(&self, root: &Path) -> bool {
        self.env_path("MGR_HOME").is_some_and(|home| home.starts_with(root)) || self.cwd.starts_with(root)
    }
}

/// Waits until a process has died at a failpoint with this file. No command looks meanwhile: it would start helpers that
/// do not die there.
#[track_caller]
pub fn wait_death(marker: &Path) {
    wait_for("the crash", || if marker.exists() { Ok(()) } else { Err(()) });
}

/// All processes that are not zombies.
pub fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::read).filter(|process| !matches!(process.state, 'Z' | 'X')).collect()
}

/// All processes of an attempt but its keeper.
pub fn members(id: &str, number: u32) -> Vec<Process> {
    let cookie = format!("{id}.{number}");
    let is_own =
        |process: &Process| process.has_env("MGR_COOKIE", &cookie) && !process.args.iter().any(|arg| arg == "__keep");
    processes().into_iter().filter(is_own).collect()
}

pub fn kill_hard(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

/// Starts a command as the leader of a process group of its own.
pub fn in_group(mut command: Command) -> Child {
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The fake agent, compiled once: Cargo does not build examples for `--test it` alone.
pub fn fake_agent() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-agent/main.rs");
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fake-agent");
        let age = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        if age(&made) > age(&source) {
            return made;
        }
        let aside = made.with_extension(std::process::id().to_string());
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let built = Command::new(rustc).args(["--edition=2024", "-O", "-o"]).arg(&aside).arg(&source).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        std::fs::rename(&aside, &made).unwrap();
        made
    })
}

fn config(settings: &str) -> String {
    let agent = fake_agent().display();
    let mut keys = BTreeMap::from([
        ("slots", "4"),
        ("grace", "1s"),
        ("leftover_grace", "200ms"),
        ("timeout", "2m"),
        ("free_disk_floor", "1KB"),
        ("default_backend", "fake"),
    ]);
    keys.retain(|key, _| !settings.lines().any(|line| line.starts_with(&format!("{key}:"))));
    let keys: String = keys.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
    format!(
        "{keys}{settings}
backends:
  fake:
    command: ['{agent}']
    resume_command: ['{agent}', --resume, '{{session}}']
    format: json_lines
    postures: {{read_only: [--look], edit: []}}
    env_pass: [FAKE_*]
    max_prompt: 9MB
    rules:
    - {{when: {{/kind: started}}, emit: started, fields: {{session: /session, model: /model, version: /version}}}}
    - {{when: {{/kind: text}}, emit: text, fields: {{text: /text, delta: /delta}}}}
    - {{when: {{/kind: thinking}}, emit: thinking, fields: {{text: /text}}}}
    - {{when: {{/kind: tool_started}}, emit: tool_started, fields: {{id: /id, name: /name, summary: /summary}}}}
    - {{when: {{/kind: tool_finished}}, emit: tool_finished, fields: {{id: /id, ok: /ok}}}}
    - {{when: {{/kind: file_changed}}, emit: file_changed, fields: {{path: /path, change: /change}}}}
    - {{when: {{/kind: usage}}, emit: usage, fields: {{input: /input, output: /output, cost: /cost, model: /model}}}}
    - {{when: {{/kind: rate_limited}}, emit: rate_limited, fields: {{message: /message}}}}
    - {{when: {{/kind: retrying}}, emit: retrying, fields: {{category: /category, message: /message, attempt: /attempt}}}}
    - {{when: {{/kind: permission_denied}}, emit: permission_denied, fields: {{tool: /tool, message: /message}}}}
    - {{when: {{/kind: needs_input}}, emit: needs_input, fields: {{question: /question}}}}
    - {{when: {{/kind: notice}}, emit: notice, fields: {{level: /level, text: /text}}}}
    - {{when: {{/kind: finished}}, emit: finished, fields: {{result: /result, structured: /structured, turns: /turns}}}}
    - {{when: {{/kind: failed}}, emit: failed, fields: {{category: /category, message: /message}}}}
  fake_text:
    command: ['{agent}']
  gone:
    command: [no-such-agent-program]
"
    )
}
