//! Clients with many tools show a model only what a keyword search finds: the words of a user
//! must lead to the right tool.

use std::collections::BTreeMap;

use crate::client::World;

/// What users say, and the tool that is meant.
const QUESTIONS: &[(&str, &str)] = &[
    ("delegate work to codex in the background", "task_submit"),
    ("submit a new task to claude", "task_submit"),
    ("wait for a task to finish", "task_watch"),
    ("is it done yet, wait until tasks are done", "task_watch"),
    ("check the progress and health of a task", "task_status"),
    ("get the result, the final answer of a task", "task_output"),
    ("read the log of what the agent did, tool calls", "task_events"),
    ("list failed tasks", "task_list"),
    ("kill a running task", "task_cancel"),
    ("stop and abort the agent", "task_cancel"),
    ("pause a running task", "pause_task"),
    ("resume a paused task", "resume_task"),
    ("retry a failed task with what went wrong", "task_retry"),
    ("run the same prompt again", "task_rerun"),
    ("continue the conversation with a follow-up message", "send"),
    ("explain what a task did and how it ended", "task_explain"),
    ("export a markdown report", "task_export"),
    ("remove old finished tasks to free disk space", "task_cleanup"),
    ("change a setting of the configuration", "configure"),
    ("which agents are installed and signed in", "doctor"),
    ("what finished since the last look", "task_poll"),
    ("show the diff of what a task changed", "task_diff"),
    ("which files did the agent change, as a patch", "task_diff"),
    ("undo the changes of a task", "task_rollback"),
    ("restore the files to what they were before", "task_rollback"),
    ("merge the result of an isolated task", "task_apply"),
    ("throw away the worktree of an isolated task", "task_discard"),
    ("list snapshots in the archive", "archive_list"),
    ("prune old snapshots", "archive_gc"),
    ("extract an old version of a file from a snapshot into a new directory", "archive_restore"),
    ("what can this machine do, which backends and their abilities", "capabilities"),
    ("let several agents compete, the first to pass the tests wins", "task_race"),
    ("race codex against gemini", "task_race"),
    ("run several tasks in parallel", "task_run_parallel"),
    ("fan out tasks that depend on one another", "task_run_parallel"),
    ("run a workflow from a YAML file", "workflow_run"),
    ("check a workflow file for faults", "workflow_validate"),
    ("which steps would run, draw the graph", "workflow_plan"),
    ("how far is the workflow run, status of its steps", "workflow_status"),
    ("list workflow runs", "workflow_list"),
    ("cancel a workflow run", "workflow_cancel"),
    ("pause a workflow run", "workflow_pause"),
    ("resume a paused workflow with more budget", "workflow_resume"),
    ("run a failed step of a workflow again", "workflow_retry"),
    ("markdown report of a workflow run", "workflow_report"),
    ("save a prompt as a template", "template_save"),
    ("list the saved templates", "template_list"),
    ("show the text of a template", "template_get"),
    ("run a saved template with parameters", "template_run"),
    ("delete a template", "template_delete"),
    ("split a big prompt into steps", "task_decompose"),
    ("decompose this into smaller tasks", "task_decompose"),
    ("what waits for a person, pending approvals", "inbox_list"),
    ("approve or deny a step, answer a question", "inbox_answer"),
];

fn terms(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 1);
    // As the search of Codex does: letters in lower case, plural endings off.
    words.map(|word| word.to_lowercase()).map(|word| word.strip_suffix('s').unwrap_or(&word).to_owned()).collect()
}

/// BM25 with its usual constants.
fn ranked<'a>(question: &str, documents: &'a BTreeMap<String, Vec<String>>) -> Vec<&'a str> {
    let count = documents.len() as f64;
    let average = documents.values().map(Vec::len).sum::<usize>() as f64 / count;
    let score = |document: &Vec<String>| -> f64 {
        let of = |term: &String| {
            let tf = document.iter().filter(|word| *word == term).count() as f64;
            let df = documents.values().filter(|document| document.contains(term)).count() as f64;
            let idf = ((count - df + 0.5) / (df + 0.5) + 1.0).ln();
            idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * document.len() as f64 / average))
        };
        terms(question).iter().map(of).sum()
    };
    let mut all: Vec<_> = documents.iter().map(|(name, document)| (score(document), name.as_str())).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().map(|(_, name)| name).collect()
}

#[test]
fn typical_questions_find_the_right_tool() {
    let tools = World::new().client(&["--toolsets", "all"]).tools();
    let document = |tool: &serde_json::Value| {
        let word = |key: &str| tool[key].as_str().unwrap().to_owned();
        (word("name"), terms(&format!("{} {} {}", word("name"), word("title"), word("description"))))
    };
    let documents: BTreeMap<_, _> = tools.iter().map(document).collect();
    let place = |(question, tool): &(&str, &str)| {
        let ranked = ranked(question, &documents);
        let at = ranked.iter().position(|name| name == tool).map_or(99, |at| at + 1);
        (at, format!("`{question}` finds {tool} at {at}, after {:?}", &ranked[..at.min(4).saturating_sub(1)]))
    };
    let places: Vec<_> = QUESTIONS.iter().map(place).collect();
    let missed: Vec<_> = places.iter().filter(|(at, _)| *at > 3).map(|(_, words)| words).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    let first = places.iter().filter(|(at, _)| *at == 1).count();
    assert!(first * 10 >= places.len() * 8, "only {first} of {} at the first place: {places:#?}", places.len());
}
