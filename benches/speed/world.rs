//! A home of its own for each group of measurements, and the ways to ask `mgr` in it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

pub struct World {
    binary: PathBuf,
    home: PathBuf,
    /// Where agents work: an empty directory, so that its archive costs what the least one costs.
    work: PathBuf,
}

impl World {
    /// Makes a home with `config` below the build directory: on a real disk, so that syncing costs what it costs.
    pub fn new(binary: &Path, name: &str, config: &str) -> Self {
        let home = scratch(name);
        std::fs::write(home.join("config.yaml"), config).expect("the home is writable");
        Self { binary: binary.to_owned(), home, work: scratch(&format!("{name}-work")) }
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args).env("MGR_HOME", &self.home).current_dir(&self.work);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Runs `mgr` and returns what it printed; anything but success ends the bench with mgr's words.
    pub fn ask(&self, args: &[&str]) -> String {
        let output = self.command(args).stdout(Stdio::piped()).output().expect("mgr starts");
        check(args, &output);
        String::from_utf8(output.stdout).expect("mgr prints UTF-8").trim().to_owned()
    }

    /// Runs `mgr` and returns how long the whole process took, in milliseconds.
    pub fn time(&self, args: &[&str]) -> f64 {
        let began = Instant::now();
        let output = self.command(args).output().expect("mgr starts");
        let took = millis(began.elapsed());
        check(args, &output);
        took
    }

    pub fn times(&self, args: &[&str], count: usize) -> Times {
        Times::of((0..count).map(|_| self.time(args)).collect())
    }

    pub fn submit(&self, backend: &str, prompt: &str) -> String {
        self.submit_with(&[], backend, prompt)
    }

    pub fn submit_with(&self, args: &[&str], backend: &str, prompt: &str) -> String {
        self.ask(&[&["submit", "--backend", backend], args, &[prompt]].concat())
    }

    pub fn attempt_file(&self, id: &str, name: &str) -> PathBuf {
        self.home.join("tasks").join(id).join("1").join(name)
    }

    /// Returns line `index` of what the agent printed, once it has.
    pub fn stamp(&self, id: &str, index: usize) -> i64 {
        wait_for("the agent's stamp", || {
            let text = std::fs::read_to_string(self.attempt_file(id, "out")).ok()?;
            let whole = &text[..text.rfind('\n')? + 1];
            whole.lines().nth(index)?.parse().ok()
        })
    }

    /// Returns the processes of this home that run a program of this name in their arguments.
    pub fn processes(&self, word: &str) -> Vec<i32> {
        let marked = format!("MGR_HOME={}", self.home.display());
        let pids = std::fs::read_dir("/proc").expect("Linux").flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| {
            let has = |file: &str, text: &str| {
                let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                bytes.split(|byte| *byte == 0).any(|part| part == text.as_bytes())
            };
            has("environ", &marked) && has("cmdline", word)
        })
        .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Only what is not over can be cancelled; the rest says so.
        for task in std::fs::read_dir(self.home.join("tasks")).into_iter().flatten().flatten().take(8) {
            let id = task.file_name();
            let _ = self.command(&["cancel", "--grace", "0s", id.to_str().unwrap_or_default()]).output();
        }
    }
}

/// Returns a fresh directory below the build directory.
pub fn scratch(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let dir = root().join(format!("{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir_all(&dir).expect("the build directory is writable");
    dir
}

/// Removes everything, when the last measurement is done: ext4 without a journal makes new files slowly for
/// minutes after many were removed (`recently_deleted` in the kernel's `fs/ext4/ialloc.c`: it passes over
/// every inode that was in use a short while ago). A second run within five minutes still suffers from it.
pub fn clean_up() {
    let _ = std::fs::remove_dir_all(root());
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("speed-{}", std::process::id()))
}

fn check(args: &[&str], output: &Output) {
    assert!(output.status.success(), "mgr {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Looks each millisecond until there is something, for a minute at most.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Milliseconds, smallest first.
pub struct Times(Vec<f64>);

impl Times {
    pub fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    pub fn p50(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    pub fn p99(&self) -> f64 {
        self.0[(self.0.len() * 99 / 100).min(self.0.len() - 1)]
    }
}
