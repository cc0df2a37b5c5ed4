//! Where everything lies.

use camino::{Utf8Path, Utf8PathBuf};

use super::{ConfigError, Environment};

/// The directories of this user's `mgr`: `MGR_HOME` for all, else the XDG base directories
/// (<https://specifications.freedesktop.org/basedir-spec/>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    data: Utf8PathBuf,
    config: Utf8PathBuf,
}

impl Home {
    /// # Errors
    /// Neither `MGR_HOME` nor a home directory is known, or a path is not absolute.
    pub fn find(env: &Environment) -> Result<Self, ConfigError> {
        if let Some(one) = env.get("MGR_HOME") {
            let one = absolute("MGR_HOME", one)?;
            return Ok(Self { data: one.clone(), config: one });
        }
        let user_home = env.get("HOME").or_else(|| env.get("USERPROFILE"));
        let base = |name: &str, below_home: &str| match env.get(name) {
            // The specification: a relative path is invalid and is ignored.
            Some(path) if Utf8Path::new(path).is_absolute() => Ok(Utf8PathBuf::from(path).join("mgr")),
            Some(_) | None => match user_home {
                Some(home) => Ok(absolute("HOME", home)?.join(below_home).join("mgr")),
                None => Err(ConfigError::NoHome),
            },
        };
        Ok(Self { data: base("XDG_DATA_HOME", ".local/share")?, config: base("XDG_CONFIG_HOME", ".config")? })
    }

    pub fn data(&self) -> &Utf8Path {
        &self.data
    }

    pub fn database(&self) -> Utf8PathBuf {
        self.data.join("mgr.db")
    }

    pub fn tasks(&self) -> Utf8PathBuf {
        self.data.join("tasks")
    }

    /// What runs of workflows were started with, and what people wished about them.
    pub fn runs(&self) -> Utf8PathBuf {
        self.data.join("runs")
    }

    pub fn run(&self, id: &crate::core::RunId) -> Utf8PathBuf {
        self.runs().join(id.as_str())
    }

    /// Snapshots of workspaces.
    pub fn archive(&self) -> Utf8PathBuf {
        self.data.join("archive")
    }

    /// Directories of isolated tasks.
    pub fn isolated(&self, id: &crate::core::TaskId) -> Utf8PathBuf {
        self.data.join("isolated").join(id.as_str())
    }

    pub fn task(&self, id: &crate::core::TaskId) -> Utf8PathBuf {
        self.tasks().join(id.as_str())
    }

    pub fn attempt(&self, id: &crate::core::TaskId, number: u32) -> Utf8PathBuf {
        self.task(id).join(number.to_string())
    }

    /// Where whoever waits hangs up a bell, to be rung whenever something ended or changed.
    pub fn bells(&self) -> Utf8PathBuf {
        self.data.join("poke")
    }

    pub fn ticker_lock(&self) -> Utf8PathBuf {
        self.data.join("ticker.lock")
    }

    /// What the dashboard's process and its callers tell each other.
    pub fn dashboard(&self) -> Utf8PathBuf {
        self.data.join("dashboard")
    }

    /// Templates, one file each; a person may edit them.
    pub fn templates(&self) -> Utf8PathBuf {
        self.data.join("templates")
    }

    pub fn template(&self, name: &crate::core::TemplateName) -> Utf8PathBuf {
        self.templates().join(format!("{name}.yaml"))
    }

    /// What is remembered of projects, one JSON file each; people and agents may edit them.
    pub fn loafs(&self) -> Utf8PathBuf {
        self.data.join("loafs")
    }

    /// Workflows of the user's own that can be run by name.
    pub fn workflows(&self) -> Utf8PathBuf {
        self.data.join("workflows")
    }

    pub fn config_file(&self) -> Utf8PathBuf {
        self.config.join("config.yaml")
    }
}

fn absolute(name: &'static str, path: &str) -> Result<Utf8PathBuf, ConfigError> {
    let path = Utf8PathBuf::from(path);
    if path.is_absolute() { Ok(path) } else { Err(ConfigError::RelativeHome { name, path }) }
}
