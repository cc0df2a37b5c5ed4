//! What tests of repositories need: real `git` as the judge, in an environment of its own.

use std::{fs, process::Command};

use camino::Utf8PathBuf;

use super::{GitState, Take};
use crate::core::{ArchiveLimits, ArchiveScope, Bytes};

/// A repository in a directory of its own.
pub struct Git {
    temp: std::rc::Rc<tempfile::TempDir>,
    pub dir: Utf8PathBuf,
}

impl Git {
    /// Makes an empty repository; `None`, with a word on stderr, where there is no git.
    #[expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "the judge of a test; a skip is seen")]
    pub fn new() -> Option<Self> {
        if Command::new("git").arg("--version").stdout(std::process::Stdio::null()).status().is_err() {
            eprintln!("skipped: there is no git here");
            return None;
        }
        let temp = tempfile::tempdir().unwrap();
        let base = Utf8PathBuf::from_path_buf(temp.path().canonicalize().unwrap()).unwrap();
        let git = Self { temp: temp.into(), dir: base.join("repository") };
        fs::create_dir(&git.dir).unwrap();
        git.run(&["init", "-q"]);
        Some(git)
    }

    /// The directory that all of the test is in.
    pub fn base(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.temp.path().canonicalize().unwrap()).unwrap()
    }

    /// Another work tree beside this one.
    pub fn at(&self, name: &str) -> Self {
        Self { temp: self.temp.clone(), dir: self.base().join(name) }
    }

    /// Runs git and returns what it printed, with whether it went well.
    #[expect(clippy::disallowed_methods, reason = "the judge of a test")]
    pub fn try_run(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new("git");
        command.current_dir(&self.dir).args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", self.temp.path()).env("LC_ALL", "C");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "t").env(format!("GIT_{who}_EMAIL"), "t@example.org");
        }
        let output = command.output().unwrap();
        let text = [&output.stdout[..], &output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    pub fn run(&self, arguments: &[&str]) -> String {
        let (is_good, text) = self.try_run(arguments);
        assert!(is_good, "git {arguments:?}: {text}");
        text
    }

    pub fn fails(&self, arguments: &[&str]) {
        let (is_good, text) = self.try_run(arguments);
        assert!(!is_good, "git {arguments:?}: {text}");
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn commit(&self, path: &str, text: &str) {
        self.write(path, text);
        self.run(&["add", path]);
        self.run(&["commit", "-q", "-m", text]);
    }

    pub fn short(&self, name: &str) -> String {
        self.run(&["rev-parse", name])[..7].to_owned()
    }

    /// Adds one more file to the index.
    pub fn add_one(&self, name: &str) -> GitState {
        self.write(name, "x");
        self.run(&["add", name]);
        GitState::read(&self.dir).unwrap()
    }
}

/// Returns how everything is archived.
pub fn whole() -> Take {
    let huge = Bytes(1 << 40);
    Take {
        scope: ArchiveScope::All,
        limits: ArchiveLimits {
            max_files: 1 << 40,
            max_bytes: huge,
            max_file: huge,
            max_time: std::time::Duration::from_secs(600).into(),
            free_disk_floor: Bytes(0),
            small_ignored: Bytes(1 << 20),
        },
        late: false,
    }
}
