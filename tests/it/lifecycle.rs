//! The ordinary life of a task, and the exit code of every outcome.

use serde_json::json;

use crate::support::TestHome;

#[test]
fn a_task_is_submitted_waited_for_and_its_answer_printed() {
    let home = TestHome::new();
    let id = home.submit("say working\nfinish the truth");
    let watched = home.mgr(&["watch", &id]);
    assert_eq!(watched.code, Some(0), "{watched:#?}");
    let output = home.json(&["output", &id]);
    let whole = json!({"task_id": id, "status": "done", "output": "the truth", "truncated": false});
    assert_eq!(output, whole);
    assert_eq!(home.runs(), [format!("{id}.1")]);
}
