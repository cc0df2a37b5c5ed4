//! What became of the file that a run was started from. The run keeps what it was frozen with.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    Call, Code, OpError, Render,
    named::{admit_reading, of_file},
};
use crate::{
    engine::{Loaded, difference},
    ui::{Page, one_line},
};

/// How the file differs from what the run was frozen with.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FileChange {
    pub file: String,
    /// What happened to it; the run keeps the definition that it was started with.
    pub note: String,
    /// The difference of the definitions in their JSON form, with `diff`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

impl FileChange {
    /// Returns the change; `None` when the file means what it meant, or the run came from none.
    pub(super) fn of(call: &Call<'_>, loaded: &Loaded, with_diff: bool) -> Option<Self> {
        let file = loaded.frozen.file.as_ref()?;
        let with_diff = with_diff && admit_reading(call.engine, file).is_ok();
        let (note, diff) = match of_file(file) {
            Ok(found) => match found.check(call, Some(&loaded.frozen.params)).workflow {
                Some(workflow) if workflow.frozen == loaded.frozen.workflow => return None,
                Some(workflow) => {
                    let patch = difference(&lines(&loaded.frozen.workflow), &lines(&workflow.frozen));
                    let note = format!("has changed since the start: +{} -{} lines", patch.added, patch.removed);
                    (note, with_diff.then(|| String::from_utf8_lossy(&patch.text).into_owned()))
                }
                None => ("has faults by now".to_owned(), None),
            },
            Err(OpError { code: Code::NotFound, .. }) => ("is not there any more".to_owned(), None),
            Err(error) => (format!("cannot be read any more: {error}"), None),
        };
        Some(Self { file: file.to_string(), note, diff })
    }
}

fn lines(definition: &Value) -> String {
    // A value with string keys: this cannot fail.
    serde_json::to_string_pretty(definition).unwrap_or_default() + "\n"
}

impl Render for FileChange {
    fn render(&self, page: &mut Page) {
        page.line(format!(
            "`{}` {}; this run keeps what it was started with.",
            one_line(&self.file),
            one_line(&self.note)
        ));
        if let Some(diff) = &self.diff {
            page.text(diff);
        }
    }
}
