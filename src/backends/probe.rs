//! How `doctor` and `submit` find a backend's program without asking a model.

/// What to look for, and what to tell who lacks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The program that must be on PATH; `None` when `mgr` itself is the agent.
    pub program: Option<String>,
    /// Arguments that print the version quickly.
    pub version_args: Vec<String>,
    /// Arguments that exit 0 when logged in, without a model call, if the program has them.
    pub login_check_args: Option<Vec<String>>,
    /// Environment names of which any is as good as a login, where the login check does not look at them.
    pub login_env: Vec<String>,
    /// Environment names of which one must be set, when the backend has no login of its own.
    pub needs_env: Vec<String>,
    /// The command that installs it.
    pub install_hint: String,
    /// The command that logs in.
    pub login_hint: String,
}
