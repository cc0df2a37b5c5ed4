//! A wait without an end as a task of the protocol's tasks extension.
//!
//! Nothing is stored: the handle says which tasks of ours are waited for and how, and every look
//! asks the store. So it holds across restarts of either side and never expires.

use serde_json::{Map, Value};

/// The tool whose calls become tasks.
pub(super) const TOOL: &str = "task_watch";
/// What ends sooner than this is answered at once.
pub(super) const FIRST_LOOK: &str = "2s";
const MODES: [&str; 3] = ["all", "any", "first_success"];

/// `ID`, or `ID.ID.ID:MODE`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Handle {
    ids: Vec<String>,
    mode: String,
}

impl Handle {
    /// Whether the call waits for an end, however long that takes, and does nothing then.
    pub fn suits(arguments: &Map<String, Value>) -> bool {
        arguments.keys().all(|name| ["task_ids", "mode", "wait_for_previous"].contains(&name.as_str()))
    }

    /// Returns the handle of a call, given its first answer, which knows the full ids.
    pub fn of(arguments: &Map<String, Value>, answer: &Value) -> Self {
        let lines = ["done", "still_running"].into_iter().filter_map(|list| answer[list].as_array()).flatten();
        let ids = lines.filter_map(|line| line["task_id"].as_str().map(str::to_owned)).collect();
        let mode = arguments.get("mode").and_then(Value::as_str).unwrap_or(MODES[0]).to_owned();
        Self { ids, mode }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (ids, mode) = text.split_once(':').unwrap_or((text, MODES[0]));
        let ids: Vec<_> = ids.split('.').filter(|id| !id.is_empty()).map(str::to_owned).collect();
        (!ids.is_empty() && MODES.contains(&mode)).then(|| Self { ids, mode: mode.to_owned() })
    }

    pub fn text(&self) -> String {
        let ids = self.ids.join(".");
        if self.mode == MODES[0] { ids } else { format!("{ids}:{}", self.mode) }
    }

    /// Returns the arguments of a look that waits for `timeout`.
    pub fn look(&self, timeout: &str) -> Map<String, Value> {
        let mut arguments = Map::new();
        arguments.insert("task_ids".into(), Value::from(self.ids.clone()));
        arguments.insert("mode".into(), Value::from(self.mode.as_str()));
        arguments.insert("timeout".into(), Value::from(timeout));
        arguments
    }
}

/// Returns how far a wait is, and when its first task was submitted.
pub(super) fn state(answer: &Value) -> (String, Option<String>) {
    let count = |list: &str| answer[list].as_array().map_or(0, Vec::len);
    let (done, all) = (count("done"), count("done") + count("still_running"));
    let lines = ["done", "still_running"].into_iter().filter_map(|list| answer[list].as_array()).flatten();
    let submitted = lines.filter_map(|line| line["created_at"].as_str()).min().map(str::to_owned);
    (format!("{done} of {all} over"), submitted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_says_all_there_is_to_say() {
        for text in ["1qdz", "1qdz.77aa", "1qdz.77aa:any"] {
            assert_eq!(Handle::parse(text).unwrap().text(), text);
        }
        for text in ["", ":any", "1qdz:soon"] {
            assert_eq!(Handle::parse(text), None);
        }
    }
}
