//! Refuses a workflow that would leave the directories that whoever starts it may work in, as far as its own lines say
//! so. What a template says is looked at when the step starts.

use camino::Utf8Path;
use serde_json::Value;

use super::{AbsolutePath, Call, Code, OpError};
use crate::{
    ui::plural,
    workflow::{Action, Step, Workflow},
};

/// # Errors
/// Steps name directories or files outside: all of them at once.
pub(super) fn admit(call: &Call<'_>, workflow: &Workflow, working_dir: &Utf8Path) -> Result<(), OpError> {
    let Some(bounds) = call.engine.bounds() else { return Ok(()) };
    call.engine.admit(working_dir)?;
    let mut refused = Vec::new();
    let mut hints = Vec::new();
    walk(workflow, "", &mut |step, path| {
        // As the step will have it.
        let Ok(path) = working_dir.join(path).as_str().parse::<AbsolutePath>() else { return };
        if let Err(error) = bounds.check(&path.0) {
            let error = OpError::from(error);
            refused.push(format!("step `{step}`: {}", error.message));
            hints.extend(error.hints.into_iter().filter(|hint| !hints.contains(hint)).collect::<Vec<_>>());
        }
    });
    if refused.is_empty() {
        return Ok(());
    }
    let message = format!("{} outside of what this server allows; nothing was started", named(refused.len()));
    Err(OpError { causes: refused, hints, ..OpError::new(Code::Blocked, message) })
}

fn named(count: usize) -> String {
    let (paths, lie) = (plural(count as u64, "path"), if count == 1 { "lies" } else { "lie" });
    format!("{paths} of the workflow {lie}")
}

fn walk(workflow: &Workflow, before: &str, seen: &mut dyn FnMut(&str, &str)) {
    for step in &workflow.steps {
        let place = format!("{before}{}", step.id);
        paths_of(step).for_each(|path| seen(&place, path));
        if let Action::Workflow { definition, .. } = &step.action {
            walk(definition, &format!("{place}/"), seen);
        }
    }
}

/// Returns the paths that a step names without a template in them.
fn paths_of(step: &Step) -> impl Iterator<Item = &str> {
    let dir = step.fields.get("working_dir").into_iter();
    let files = step.fields.get("include_files").and_then(Value::as_array).into_iter().flatten();
    dir.chain(files).filter_map(Value::as_str).filter(|path| !path.contains("{{"))
}
