//! `mgr doctor`: what is wrong here, and what to type about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, Exit, OpError, Operation, Render, Toolset, watch::tone};
use crate::{
    core::Status,
    engine::Readiness,
    ui::{Page, plural, size_words},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DoctorInput {
    /// Mend what can be mended without losing anything
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fix: bool,
    /// Make the database anew from the tasks' files; the old one is put aside
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rebuild: bool,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingLevel {
    Good,
    Note,
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Finding {
    pub level: FindingLevel,
    /// What was looked at: `store`, or a backend's name.
    pub subject: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DoctorOutput {
    pub findings: Vec<Finding>,
    /// Whether nothing keeps `mgr` itself from working. A missing agent is only a note.
    pub healthy: bool,
}

pub struct Doctor;

impl Operation for Doctor {
    const CLI: &'static [&'static str] = &["doctor"];
    const TOOL: Option<&'static str> = Some("doctor");
    const TITLE: &'static str = "Check what is installed and healthy";
    const TOOLSET: Toolset = Toolset::Ops;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Check what is installed, logged in, healthy or broken, without calling a model: agents, versions, \
        login hints, the store, orphaned processes. Says what to type about each.";
    const EXAMPLE: Example = Example { argv: &["doctor", "--fix"], json: r#"{"fix":true}"# };

    type Input = DoctorInput;
    type Output = DoctorOutput;

    async fn run(call: &Call<'_>, input: DoctorInput) -> Result<DoctorOutput, OpError> {
        let mut findings = Vec::new();
        if input.rebuild {
            findings.push(rebuild(call)?);
        }
        findings.push(store(call));
        findings.push(orphans(call, input.fix)?);
        findings.push(archive(call, input.fix));
        for name in call.engine.backend_names() {
            findings.push(backend(call, &name)?);
        }
        let healthy = findings.iter().all(|finding| finding.level != FindingLevel::Problem);
        Ok(DoctorOutput { findings, healthy })
    }
}

fn rebuild(call: &Call<'_>) -> Result<Finding, OpError> {
    let report = call.engine.rebuilt()?;
    let aside = report.old_database.map(|path| format!("; the old database is `{path}`")).unwrap_or_default();
    let runs = if report.runs == 0 { String::new() } else { format!(" and {}", plural(report.runs, "workflow run")) };
    let unreadable = report.unreadable.len() as u64;
    let lost =
        if unreadable == 0 { String::new() } else { format!("; {} cannot be read", plural(unreadable, "directory")) };
    Ok(Finding {
        level: if unreadable == 0 { FindingLevel::Good } else { FindingLevel::Note },
        subject: "rebuild".into(),
        message: format!("{}{runs} restored from files{aside}{lost}", plural(report.restored, "task")),
        hint: None,
    })
}

fn store(call: &Call<'_>) -> Finding {
    let path = call.engine.home().database();
    match call.engine.check_store() {
        Ok(tasks) => Finding {
            level: FindingLevel::Good,
            subject: "store".into(),
            message: format!("`{path}` is sound, {}", plural(tasks, "task")),
            hint: None,
        },
        Err(error) => Finding {
            level: FindingLevel::Problem,
            subject: "store".into(),
            message: error.to_string(),
            hint: Some("`mgr doctor --rebuild` makes it anew from the tasks' files".into()),
        },
    }
}

fn orphans(call: &Call<'_>, fix: bool) -> Result<Finding, OpError> {
    call.engine.reconcile()?;
    let found = call.engine.orphans(fix)?;
    let count = plural(found as u64, "process");
    Ok(match (found, fix) {
        (0, _) => Finding {
            level: FindingLevel::Good,
            subject: "processes".into(),
            message: "no orphans of finished tasks".into(),
            hint: None,
        },
        (_, true) => Finding {
            level: FindingLevel::Good,
            subject: "processes".into(),
            message: format!("{count} of finished tasks ended"),
            hint: None,
        },
        (_, false) => Finding {
            level: FindingLevel::Problem,
            subject: "processes".into(),
            message: format!("{count} of finished tasks still there"),
            hint: Some("`mgr doctor --fix` ends them".into()),
        },
    })
}

fn archive(call: &Call<'_>, fix: bool) -> Finding {
    let path = call.engine.home().archive();
    let finding =
        |level, message: String, hint: Option<String>| Finding { level, subject: "archive".into(), message, hint };
    let (health, finished) = match call.engine.archive_health(fix) {
        Ok(found) => found,
        Err(error) => {
            let hint = "what is named must be readable and writable; `mgr archive list` shows what is there";
            return finding(FindingLevel::Problem, crate::core::with_causes(&error), Some(hint.into()));
        }
    };
    if !health.broken_off.is_empty() {
        let names: Vec<_> = health.broken_off.iter().map(ToString::to_string).collect();
        let message = format!("{} broken off: {}", plural(names.len() as u64, "landing"), names.join(", "));
        return finding(FindingLevel::Problem, message, Some("`mgr doctor --fix` finishes what was begun".into()));
    }
    let (size, count) = (size_words(health.stored_bytes), plural(health.workspaces, "workspace"));
    let done = finished.iter().map(|words| format!("; {words}")).collect::<String>();
    finding(FindingLevel::Good, format!("`{path}` has {size} of {count}{done}"), None)
}

fn backend(call: &Call<'_>, name: &crate::core::BackendName) -> Result<Finding, OpError> {
    let found = call.engine.availability(name)?;
    let version = found.version.map(|version| format!(" ({version})")).unwrap_or_default();
    let (level, message) = match found.readiness {
        Readiness::Ready => (FindingLevel::Good, format!("ready{version}")),
        Readiness::Installed => {
            (FindingLevel::Good, format!("installed{version}; whether it is logged in shows at the first task"))
        }
        Readiness::NotLoggedIn => (FindingLevel::Note, format!("not logged in{version}")),
        Readiness::Missing => (FindingLevel::Note, "not installed".to_owned()),
    };
    Ok(Finding { level, subject: name.to_string(), message, hint: found.hint })
}

impl Render for DoctorOutput {
    fn render(&self, page: &mut Page) {
        for finding in &self.findings {
            let (mark, status) = match finding.level {
                FindingLevel::Good => ("ok", Status::Done),
                FindingLevel::Note => ("note", Status::Queued),
                FindingLevel::Problem => ("problem", Status::Failed),
            };
            let mark = page.tint(tone(status), &format!("{mark:<8}"));
            page.line(format!("{mark}{:<12} {}", finding.subject, crate::ui::sanitise(&finding.message)));
            if let Some(hint) = &finding.hint {
                page.line(format!("{:21}{hint}", ""));
            }
        }
    }

    fn exit(&self) -> Exit {
        if self.healthy { Exit::Success } else { Exit::Failed }
    }
}
