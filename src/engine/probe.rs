//! Which backends could work here: looked up, asked for their version, never asked to think.

use super::{Engine, EngineError};
use crate::{core::BackendName, os::spawn};

/// Whether a backend can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    Ready,
    /// Installed; whether it is logged in cannot be told without a model call.
    Installed,
    NotLoggedIn,
    Missing,
}

/// What was found out about a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    pub backend: BackendName,
    pub readiness: Readiness,
    pub program: Option<String>,
    pub version: Option<String>,
    /// What to do next, when there is something to do.
    pub hint: Option<String>,
}

/// The order in which `auto` looks.
const AUTO_ORDER: [&str; 4] = ["claude_code", "codex", "gemini", "gpt"];

impl Engine {
    /// Returns the backend for a task that names none.
    ///
    /// # Errors
    /// None is ready, or the configured one is unknown.
    pub fn auto_backend(&self) -> Result<BackendName, EngineError> {
        if self.config.default_backend != "auto" {
            return self.named_backend(&self.config.default_backend);
        }
        self.present_backends().into_iter().next().ok_or_else(|| EngineError::BackendMissing {
            message: "no agent is installed: looked for claude_code, codex, gemini and a key for gpt".into(),
            hint: "`mgr doctor` prints how to install one; `-b demo` works without any".into(),
        })
    }

    /// Returns the built-in agents that are ready here, best first.
    pub(super) fn present_backends(&self) -> Vec<BackendName> {
        AUTO_ORDER.into_iter().map(BackendName::built_in).filter(|name| self.is_present(name)).collect()
    }

    /// # Errors
    /// No backend has this name.
    pub fn named_backend(&self, name: &str) -> Result<BackendName, EngineError> {
        let unknown = || crate::backends::UnknownBackend {
            name: name.to_owned(),
            known: self.registry.names().map(ToString::to_string).collect(),
        };
        let name: BackendName = name.parse().map_err(|_| unknown())?;
        self.registry.get(&name)?;
        Ok(name)
    }

    pub fn backend_names(&self) -> Vec<BackendName> {
        self.registry.names().cloned().collect()
    }

    pub(super) fn is_present(&self, name: &BackendName) -> bool {
        let Ok(adapter) = self.registry.get(name) else { return false };
        let probe = adapter.probe();
        let has_program = probe.program.as_deref().is_none_or(|program| self.program(name, program).is_ok());
        has_program && (probe.needs_env.is_empty() || probe.needs_env.iter().any(|name| self.env.get(name).is_some()))
    }

    /// Looks a backend up and asks it for its version and login, without a model call.
    ///
    /// # Errors
    /// No backend has this name.
    pub fn availability(&self, name: &BackendName) -> Result<Availability, EngineError> {
        let probe = self.registry.get(name)?.probe();
        let mut found = Availability {
            backend: name.clone(),
            readiness: Readiness::Ready,
            program: None,
            version: None,
            hint: None,
        };
        if let Some(program) = &probe.program {
            let Ok(path) = self.program(name, program) else {
                found.readiness = Readiness::Missing;
                found.hint = Some(format!("install it with `{}`", probe.install_hint));
                return Ok(found);
            };
            found.version = capture_line(path.as_str(), &probe.version_args);
            let has_key = probe.login_env.iter().any(|name| self.env.get(name).is_some());
            found.readiness = match &probe.login_check_args {
                Some(_) | None if has_key => Readiness::Ready,
                None => Readiness::Installed,
                Some(args) => match spawn::capture(path.as_str(), args) {
                    Ok(output) if output.status.success() => Readiness::Ready,
                    Ok(_) | Err(_) => Readiness::NotLoggedIn,
                },
            };
            found.program = Some(path.into_string());
        }
        if !probe.needs_env.is_empty() {
            let is_set = probe.needs_env.iter().any(|name| self.env.get(name).is_some());
            found.readiness = if is_set { Readiness::Ready } else { Readiness::NotLoggedIn };
        }
        if found.readiness == Readiness::NotLoggedIn {
            found.hint = Some(format!("to log in, {}", probe.login_hint));
        }
        Ok(found)
    }
}

fn capture_line(program: &str, args: &[String]) -> Option<String> {
    let output = spawn::capture(program, args).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}
