//! What stands inside a task of mgr gives no person's word, whatever it does with its environment.

use serde_json::{Value, json};

use crate::support::{Ran, TestHome, wait_for};

const MGR: &str = env!("CARGO_BIN_EXE_mgr");
const ASK: &str = "
steps:
  - {id: ship, kind: approval, message: 'ship?'}
  - {id: tag, kind: command, needs: [ship], run: [echo, tagged]}
";

impl TestHome {
    /// Has an agent run a shell line, returns its task.
    #[track_caller]
    fn agent_runs(&self, line: &str) -> String {
        let task = self.submit_beside(&format!("run {line}\nfinish x"));
        assert_eq!(self.end_of(&task)["status"], "done");
        task
    }

    fn wrote(&self, name: &str) -> String {
        std::fs::read_to_string(self.work().join(name)).unwrap_or_default()
    }

    /// The one question that is open.
    #[track_caller]
    fn asked(&self) -> Value {
        let items = self.json(&["inbox"])["items"].clone();
        assert_eq!(items.as_array().map(Vec::len), Some(1), "{items:#}");
        items[0].clone()
    }
}

/// A line that answers and writes down what came of it.
fn answering(before: &str, run: &str) -> String {
    format!("{before} {MGR} answer {run}/ship yes 2>>said; echo $? >>codes")
}

#[test]
fn an_agent_is_no_person_whatever_its_environment_says() {
    let home = TestHome::new();
    assert_eq!(home.workflow(ASK).0, Some(10));
    let run = home.run_state("@last")["workflow_id"].as_str().unwrap().to_owned();
    let bare = format!("env -i PATH=\"$PATH\" MGR_HOME={}", home.home().display());
    let orphan = answering("until test -e left; do sleep 0.01; done;", &run) + "; touch over";
    let other = "1qegr4yra000000000000";
    let ways = [
        answering("", &run),
        answering(&bare, &run),
        answering(&format!("{bare} MGR_COOKIE=mgr MGR_TASK_ID={other}"), &run),
        answering("env -u MGR_COOKIE -u MGR_TASK_ID", &run),
        // An orphan in a session of its own, whose parents are gone before it looks.
        format!("({bare} setsid sh -c '{orphan}' &); touch left; until test -e over; do sleep 0.01; done"),
    ];
    let task = home.agent_runs(&ways.join("; "));
    assert_eq!(home.wrote("codes"), "7\n".repeat(ways.len()), "{}", home.wrote("said"));
    let said = home.wrote("said");
    assert!(said.contains(&format!("this is task `{task}`")) && said.contains("another terminal"), "{said}");
    assert_eq!(home.asked()["refused"], json!([task]));
    let notes = json!([format!("task {task} wanted to answer ship in a person's place, and was refused")]);
    assert_eq!(home.run_state(&run)["notes"], notes);
    assert!(home.mgr(&["workflow", "report"]).stdout.contains("in a person's place"));
    // What was tried is known after a rebuild as well.
    assert_eq!(home.mgr(&["doctor", "--rebuild"]).code, Some(0));
    assert_eq!(home.run_state(&run)["notes"], notes);
    wait_for("the question", || {
        let ran = home.mgr(&["answer", &format!("{run}/ship"), "yes"]);
        if ran.code == Some(0) { Ok(()) } else { Err(ran) }
    });
    let run = home.end_of_run(&run);
    assert_eq!(run["steps"][0]["approval"]["answer"]["by"], "person");
}

#[test]
fn a_program_and_a_check_are_no_person_either() {
    let home = TestHome::new();
    assert_eq!(home.workflow(ASK).0, Some(10));
    let asked = home.asked()["workflow_id"].as_str().unwrap().to_owned();
    let line = answering("", &asked);
    let text = format!("steps:\n  - {{id: a, kind: command, shell: true, run: '{line}'}}\n");
    assert_eq!(home.workflow(&text).0, Some(0));
    let task = home.submit_with(&["--share", "--verify", &line], "finish x");
    assert_eq!(home.end_of(&task)["status"], "done");
    assert_eq!(home.wrote("codes"), "7\n7\n", "{}", home.wrote("said"));
}

#[test]
fn a_server_that_an_agent_starts_is_its_own() {
    let home = TestHome::new();
    assert_eq!(home.workflow(ASK).0, Some(10));
    let run = home.asked()["workflow_id"].as_str().unwrap().to_owned();
    let calls = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "person", "version": "1"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "inbox_answer", "arguments": {"id": format!("{run}/ship"), "answer": "yes"}}}),
    ];
    let calls: String = calls.iter().map(|call| format!("{call}\n")).collect();
    std::fs::write(home.work().join("calls"), calls).unwrap();
    let wait = "until grep -q '\"id\":2' told; do sleep 0.02; done";
    let serve = format!("env -i PATH=\"$PATH\" MGR_HOME={} {MGR} mcp", home.home().display());
    let task = home.agent_runs(&format!("touch told; (cat calls; {wait}) | {serve} >told 2>/dev/null"));
    let told = home.wrote("told");
    assert!(told.contains("blocked") && told.contains(&task), "{told}");
    assert_eq!(home.asked()["refused"], json!([task]));
}

#[test]
fn an_agent_allows_itself_no_money() {
    let home = TestHome::new();
    let text = "
budget: $1
steps:
  - {id: a, backend: fake, posture: read_only, prompt: \"emit {\\\"kind\\\":\\\"usage\\\",\\\"cost\\\":1}\\nfinish x\"}
  - {id: b, backend: fake, posture: read_only, needs: [a], prompt: finish x}
";
    assert_eq!(home.mgr(&["workflow", "run", "--workflow", text]).code, Some(7));
    let run = home.asked()["workflow_id"].as_str().unwrap().to_owned();
    let lines = ["answer RUN/budget yes", "answer RUN/budget no", "workflow resume RUN --budget '$9'"];
    let lines = lines.map(|line| format!("{MGR} {} 2>>said; echo $? >>codes", line.replace("RUN", &run)));
    let task = home.agent_runs(&lines.join("; "));
    assert_eq!(home.wrote("codes"), "7\n7\n7\n", "{}", home.wrote("said"));
    assert_eq!(json!([home.asked()["refused"], home.run_state(&run)["status"]]), json!([[task], "paused"]));
    home.json(&["answer", &format!("{run}/budget"), "yes"]);
    assert_eq!(home.end_of_run(&run)["status"], "done");
}

/// Agents orchestrate: what is no person's word stays theirs. And whoever works on `mgr` by `mgr` tests it in homes
/// of their own.
#[test]
fn an_agent_may_do_everything_else_and_answer_in_a_home_of_its_own() {
    let (home, own) = (TestHome::new(), TestHome::new());
    assert_eq!(home.workflow(ASK).0, Some(10));
    assert_eq!(own.workflow(ASK).0, Some(10));
    let run = home.asked()["workflow_id"].as_str().unwrap().to_owned();
    let line = |args: &str| format!("{MGR} {args} >/dev/null 2>>said; echo $? >>codes");
    let submit = line("submit --share --wait -- 'finish inner'");
    let lines =
        [submit, line(&format!("workflow status {run}")), line("inbox"), line(&format!("workflow pause {run}"))];
    let lines = lines.into_iter().chain([line(&format!("workflow resume {run}"))]);
    home.agent_runs(&lines.collect::<Vec<_>>().join("; "));
    assert_eq!(home.wrote("codes"), "0\n0\n0\n0\n0\n", "{}", home.wrote("said"));
    let inner = format!("MGR_HOME={} {MGR} answer @last/ship yes 2>>own", own.home().display());
    home.agent_runs(&inner);
    assert_eq!((own.end_of_run("@last")["status"].as_str(), home.wrote("own")), (Some("done"), String::new()));
    let ran: Ran = home.mgr(&["answer", &format!("{run}/ship"), "yes"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
}
